// Who is not signed in is sent to do so, and would come back to where he was.
import { PASSWORD, assert, visit } from "./visit.mjs";

export async function signedOut(browser, options) {
  const { page, context } = await visit(browser, { url: options.url });
  await page.goto(`${options.url}/records?since=day`);
  await page.waitForURL("**/sign-in?*");
  const next = new URL(page.url()).searchParams.get("next");
  assert(next === "/records?since=day", `it would lead on to ${next}`);
  await page.locator("input[name=login]").fill("olga");
  await page.locator("input[name=password]").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await page.waitForURL("**/records?since=day");
  await page.waitForSelector("main#main h1");
  await context.close();
}
