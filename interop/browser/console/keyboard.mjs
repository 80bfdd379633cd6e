// A whole errand without a mouse: search, an account, its secret, a second phone, its end; and the way round the page.
import { assert, none, visit } from "./visit.mjs";

export async function keyboard(browser, options) {
  const { page, faults, go, close } = await visit(browser, options);
  const press = (key) => page.keyboard.press(key);
  const focused = () => page.evaluate(() => { const at = document.activeElement; return at.contains(document.querySelector("main")) ? "" : at.getAttribute("aria-label") ?? at.textContent.trim(); });
  const visible = () => page.evaluate(() => { const style = getComputedStyle(document.activeElement); return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2; });
  const tabTo = async (text) => {
    for (let step = 0; step < 60; step += 1) {
      if ((await focused()).includes(text)) return;
      await press("Tab");
    }
    throw new Error(`no Tab leads to ${text}; the last was ${await focused()}`);
  };
  await go("/");
  await press("Tab");
  assert(await focused() === "Skip to the page", `first comes ${await focused()}`);
  await press("Enter");
  assert(await page.evaluate(() => location.hash) === "#main", "the skip link leads nowhere");
  await tabTo("Live calls");
  assert(await visible(), "the focus is not to be seen");

  await press("Control+k");
  await page.waitForSelector(".palette[open] input");
  await page.keyboard.type("accou");
  await page.waitForSelector(".palette [role=option]");
  await press("Enter");
  await page.waitForURL("**/accounts");
  await page.waitForFunction(() => !document.querySelector("main .skeleton"));
  await tabTo("Add an account");
  await press("Enter");
  await page.waitForSelector("dialog[open] input");
  await page.keyboard.type("zoe");
  await press("Enter");
  await page.waitForSelector(".secret code");
  const secret = await page.locator(".secret code").textContent();
  assert(secret.length >= 16, `a secret of ${secret.length} letters`);
  await tabTo("Done");
  await press("Enter");
  await page.waitForURL("**/accounts/zoe*");
  await page.waitForSelector("main h1");
  assert(!(await page.content()).includes(secret), "the secret is shown twice");

  await tabTo("Add a phone");
  await press("Enter");
  await page.waitForSelector("dialog[open] input");
  await page.keyboard.type("kitchen");
  await press("Enter");
  await page.waitForSelector(".secret code");
  await tabTo("Done");
  await press("Enter");
  await page.waitForFunction(() => document.body.textContent.includes("kitchen"));
  const phones = await page.locator("main section.card").count();
  await tabTo("Revoke");
  await press("Enter");
  await page.waitForSelector("dialog[open]");
  await tabTo("Cancel");
  await press("Tab");
  await press("Enter");
  await page.waitForFunction((before) => document.querySelectorAll("main section.card").length === before - 1, phones);

  await press("?");
  await page.waitForSelector("dialog[open] .keys");
  await press("Escape");
  await page.waitForFunction(() => !document.querySelector("dialog[open]"));
  await press("g");
  await press("r");
  await page.waitForURL("**/registrations");
  none(faults, "keyboard");
  await close();
}
