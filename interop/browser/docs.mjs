// Reads the documentation of a server for interop/tests/docs.rs, page by page:
//   node docs.mjs '{"url": "http://..."}'
// Ends with 0 when all was as it should be; else it says what was not.
import { join } from "node:path";
import { chromium } from "playwright-core";
import { accessible, assert, look, none, visit } from "./console/visit.mjs";

const options = JSON.parse(process.argv[2]);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  await withoutScript();
  for (const [language, theme] of [["en", "light"], ["fr", "dark"]]) await everyPage(language, theme);
} catch (error) {
  console.error(error.stack ?? String(error));
  process.exitCode = 1;
} finally {
  await browser.close();
}

/** Every page is readable for all, asks nobody else, and is no wider than a narrow screen but in what scrolls. */
async function everyPage(language, theme) {
  const { page, faults, close } = await visit(browser, options, { language, theme });
  await page.goto(`${options.url}/docs`);
  const paths = await page.locator("#pages a").evaluateAll((links) => links.map((link) => link.pathname));
  assert(paths.length > 20, `${paths.length} pages`);
  const all = [];
  for (const path of [...paths, `/docs/${language}/search?q=secret`]) {
    await page.goto(options.url + path);
    assert(await page.evaluate(() => document.documentElement.lang) === language, `${path} is not in ${language}`);
    faults.push(...await accessible(page));
    await look(page, faults);
    if (options.pictures && path.endsWith("/network")) await page.screenshot({ path: join(options.pictures, `docs-${language}-${theme}.png`) });
    await page.setViewportSize({ width: 320, height: 640 });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (over > 0) faults.push(`${over} px wider than 320`);
    if (options.pictures && path.endsWith("/network")) await page.screenshot({ path: join(options.pictures, `docs-${language}-narrow.png`) });
    await page.setViewportSize({ width: 1360, height: 900 });
    all.push(...faults.splice(0).map((fault) => `${path} ${theme}: ${fault}`));
  }
  console.log(`${paths.length} pages in ${language}, ${theme}`);
  none(all, "pages");
  await close();
}

/** In a browser that runs no script: search, a page, the other language, the next page, a link to a heading. */
async function withoutScript() {
  const context = await browser.newContext({ javaScriptEnabled: false, locale: "fr-FR" });
  const page = await context.newPage();
  await page.goto(`${options.url}/docs`);
  const at = (path) => assert(new URL(page.url()).pathname === path, `it is at ${page.url()} and not at ${path}`);
  at("/docs/fr/people/first-call");
  await page.fill("#q", "pare-feu ports");
  await page.press("#q", "Enter");
  at("/docs/fr/search");
  await page.locator(".hits a").first().click();
  at("/docs/fr/admin/network");
  await page.locator("header a[hreflang=en]").click();
  at("/docs/en/admin/network");
  await page.locator(".on-this a", { hasText: "TURN" }).first().click();
  assert(page.url().endsWith("#turn"), page.url());
  await page.locator("a[rel=next]").click();
  at("/docs/en/admin/certificates");
  await context.close();
}
