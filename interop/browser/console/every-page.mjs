// Every page, in both languages, light and dark, wide and narrow: drawn, readable for all, and quiet.
import { join } from "node:path";
import { accessible, assert, look, none, visit } from "./visit.mjs";

const LOOKS = [["en", "light"], ["en", "dark"], ["fr", "light"], ["fr", "dark"]];
/** CSS pixels: WCAG 2.2, 1.4.10. */
const NARROW = 320;

export async function everyPage(browser, options) {
  const paths = ["/", "/calls", "/registrations", "/registrations?as=map", "/records", "/records?as=week", "/quality", "/quality?since=month&by=program", "/phones", "/traces", "/audit", "/accounts", "/accounts?add=1", "/phone", "/phone?tab=texts", "/phone?tab=devices", "/phone?tab=test", "/mine", "/contacts", "/contacts?import=1", "/numbers", "/numbers?add=1", "/developers", "/users", "/users?add=1", "/import", "/system", "/system?tab=settings", "/system?tab=jobs", ...options.details];
  const [titles, all] = [{}, []];
  for (const [language, theme] of LOOKS) {
    const { page, faults, go, close } = await visit(browser, options, { language, theme });
    for (const path of paths) {
      await go(path);
      assert(await page.evaluate(() => document.documentElement.lang) === language, `${path}: the page does not say that it is in ${language}`);
      faults.push(...await accessible(page));
      (titles[path] ??= new Set()).add(await page.locator("main h1, main h2").first().textContent());
      await look(page, faults);
      if (options.pictures) await page.screenshot({ path: join(options.pictures, `${nameOf(path)}-${language}-${theme}.png`) });
      // What a page did wrong is said with its name.
      all.push(...faults.splice(0).map((fault) => `${path} ${language} ${theme}: ${fault}`));
    }
    await close();
  }
  // Details are titled by names of people, which have no language.
  const same = paths.filter((path) => !options.details.includes(path) && titles[path].size < 2).filter((path) => !path.startsWith("/records"));
  console.log(`${paths.length} pages, ${LOOKS.length} looks; the same title in both languages: ${same.join(" ") || "none"}`);
  none(all, "pages");
  await narrow(browser, options, paths);
}

/** `calls-one-ladder` for `/calls/call_0199...?tab=ladder`. */
const nameOf = (path) => path.replace(/call_[\w-]+|[^/]+@[^?]+/, "one").replace(/tab=|as=|add=1/g, "").replace(/[^a-z]+/gi, "-").replace(/^-|-$/g, "") || "home";

/** Nothing is wider than the page but what scrolls inside of it. */
async function narrow(browser, options, paths) {
  for (const language of ["en", "fr"]) {
    const { page, faults, go, close } = await visit(browser, options, { language, width: NARROW, height: 640 });
    for (const path of paths) {
      await go(path);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (over > 0) faults.push(`${path} ${language}: ${over} px wider than ${NARROW}`);
      if (options.pictures && path === "/") await page.screenshot({ path: join(options.pictures, `home-${language}-narrow.png`) });
    }
    none(faults, `narrow ${language}`);
    await close();
  }
}
