// Who is not signed in is sent to do so, and would come back to where he was.
import { assert, visit } from "./visit.mjs";

export async function signedOut(browser, options) {
  const { page, context } = await visit(browser, { url: options.url });
  await page.goto(`${options.url}/records?since=day`);
  await page.waitForURL("**/sign-in?*");
  const next = new URL(page.url()).searchParams.get("next");
  assert(next === "/records?since=day", `it would lead on to ${next}`);
  await context.close();
}
