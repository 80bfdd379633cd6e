// A browser that is signed in, and everything that goes wrong in it.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** `faults` fills with whatever a page should never do. */
export async function visit(browser, { url, state }, { language = "en", theme = "light", width = 1360, height = 900, serviceWorkers = "block" } = {}) {
  const context = await browser.newContext({
    viewport: { width, height }, colorScheme: theme, locale: language === "fr" ? "fr-FR" : "en-GB", acceptDownloads: true,
    storageState: state, serviceWorkers,
  });
  const faults = [];
  await context.addInitScript(() => {
    window.ran = 0;
    document.addEventListener("securitypolicyviolation", (event) => { (window.violations ??= []).push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`); });
  });
  const page = await context.newPage();
  const origin = new URL(url).origin;
  page.on("request", (request) => { if (!/^(data|blob):/.test(request.url()) && new URL(request.url()).origin !== origin) faults.push(`a request to ${request.url()}`); });
  page.on("pageerror", (error) => faults.push(`an error: ${error.stack}`));
  page.on("dialog", (dialog) => { faults.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("console", (message) => {
    // A call that is over is no live one, settings are not there yet, and the owner has no account: all are 404, and are meant.
    const isMeant = /\/api\/v1\/(calls\/|settings|me\/phone_ticket)/.test(message.location().url)
      // Where a scenario has no use for it, it is not let in.
      || /Service Worker registration blocked/.test(message.text());
    if (["error", "warning"].includes(message.type()) && !isMeant) faults.push(`the console says: ${message.text()} ${message.location().url}`);
  });
  return { context, page, faults, go: (path) => go(page, url + path), close: async () => { await look(page, faults); await context.close(); } };
}

/** The first owner, by the link that was printed: the session that all others go on with. */
export async function setUp(browser, { url, link }) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(url + link);
  for (const [name, value] of [["name", "Olga Owner"], ["login", "olga"], ["password", PASSWORD], ["again", PASSWORD]]) await page.locator(`input[name=${name}]`).fill(value);
  await page.locator("form button").first().click();
  await page.waitForSelector("main#main h1");
  const state = await context.storageState();
  await context.close();
  return state;
}

export const PASSWORD = "seven purple tubas sing";

/** Until the page is drawn with what it asked for. */
async function go(page, address) {
  await page.goto(address);
  await page.waitForSelector("main h1, main .empty, main .notice");
  await page.waitForFunction(() => !document.querySelector("main .skeleton"));
}

/** What happened inside of the page. */
export async function look(page, faults) {
  const { ran, violations } = await page.evaluate(() => ({ ran: window.ran, violations: window.violations ?? [] }));
  if (ran) faults.push(`a script ran ${ran} times`);
  violations.forEach((violation) => faults.push(`the policy was broken: ${violation}`));
}

/** What keeps people out, as axe-core finds it: serious and critical, by the rules of WCAG 2.2 A and AA. */
export async function accessible(page) {
  // As a script of the test, not of the page: evaluated, so the policy of the page stays as it is.
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  return violations.filter(({ impact }) => ["serious", "critical"].includes(impact))
    .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => `${node.target.join(" ")} ${node.failureSummary.split("\n")[1] ?? ""}`).join("; ")}`);
}

export function assert(holds, what) {
  if (!holds) throw new Error(what);
}

export const none = (faults, where) => assert(faults.length === 0, `${where}:\n${faults.join("\n")}`);
