// What strangers say of themselves in SIP is shown as text and does nothing, on whatever page it is shown.
import { assert, look, none, visit } from "./visit.mjs";

/** `marks`: words that stand in what was said, so that it is seen to be shown. */
export async function hostile(browser, options) {
  const { page, faults, go, close } = await visit(browser, options);
  let text = "";
  for (const path of ["/", "/calls", "/registrations", "/registrations?as=map", "/records", "/records?as=week", "/traces", "/audit", "/accounts", "/developers", "/phone", "/mine", ...options.details]) {
    await go(path);
    // Whatever waits for a pointer or for the focus has it once.
    await page.evaluate(() => document.querySelectorAll("main *").forEach((one) => { one.focus?.(); one.dispatchEvent(new MouseEvent("mouseover", { bubbles: true })); }));
    if (path.includes("tab=ladder") || path.startsWith("/traces/")) {
      await page.locator(".ladder-view").focus();
      for (let step = 0; step < 4; step += 1) {
        await page.keyboard.press("ArrowDown");
        text += await page.locator(".raw").textContent();
      }
    }
    text += await page.evaluate(() => document.body.textContent);
    await look(page, faults);
    none(faults, path);
  }
  const csv = await page.evaluate(async () => {
    const main = document.querySelector("script[src]").src;
    const { csv: write } = await import(new URL("../ui/parts.js", main).href);
    return write(["who"], [["=1+1"], ["@SUM(1)"], ["+cmd|' /C calc'!A0"], ["-2"], ["a\"b,c"]]);
  });
  assert(csv === "who\r\n'=1+1\r\n'@SUM(1)\r\n'+cmd|' /C calc'!A0\r\n-2\r\n\"a\"\"b,c\"\r\n", `a spreadsheet would reckon: ${csv}`);
  const unseen = options.marks.filter((mark) => !text.includes(mark));
  assert(unseen.length === 0, `never shown: ${unseen.join(" ")}`);
  console.log(`${options.marks.length} strings shown, 0 scripts ran`);
  await close();
}
