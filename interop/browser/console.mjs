// Looks at the console for interop/tests/console.rs, as a person with a keyboard and as somebody who wishes it ill:
//   node console.mjs SCENARIO '{"url": "http://...", "link": "...", ...}'
// Ends with 0 when all was as it should be; else it says what was not. What was measured is on standard output.
import { chromium } from "playwright-core";
import { scenarios } from "./console/scenarios.mjs";
import { setUp } from "./console/visit.mjs";

const [, , name, text] = process.argv;
const options = JSON.parse(text);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    // A microphone that beeps, which nobody has to allow.
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required"],
});
// What a browser never answers is to end as a failure that is told.
const patience = setTimeout(() => {
  console.error(`${name}: not over after seven minutes`);
  process.exit(1);
}, 420_000);
try {
  // The phone begins as somebody new does.
  if (options.link && name !== "phone") options.state = await setUp(browser, options);
  await scenarios[name](browser, options);
} catch (error) {
  console.error(error.stack ?? String(error));
  const pages = browser.contexts().flatMap((context) => context.pages());
  if (options.pictures) for (const [at, page] of pages.entries()) await page.screenshot({ path: `${options.pictures}/failed-${name}-${at}.png` }).catch(() => {});
  process.exitCode = 1;
} finally {
  clearTimeout(patience);
  await browser.close();
  // Whatever a scenario has left open, such as a service of its own, holds nobody up.
  process.exit(process.exitCode ?? 0);
}
