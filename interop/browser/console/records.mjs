// Fifty thousand calls that are over: each filter is answered by the server and drawn, the week has all of them, and all of
// them are taken away as CSV.
import { readFileSync } from "node:fs";
import { assert, none, visit } from "./visit.mjs";

export async function records(browser, options) {
  const { page, faults, go, close } = await visit(browser, options);
  await go("/records");
  const foot = () => page.locator(".table-foot span").first().textContent();
  /** From the key to the rows in the document. */
  const timed = async (name, act, holds) => {
    await page.evaluate(() => { performance.clearResourceTimings(); });
    await page.evaluate(`(() => {
      window.began = performance.now();
      window.drawn = new Promise((done) => {
        const look = () => { if (${holds}) done(performance.now() - window.began); else requestAnimationFrame(look); };
        requestAnimationFrame(look);
      });
    })()`);
    await act();
    const ms = await page.evaluate(() => window.drawn);
    const asked = await page.evaluate(() => performance.getEntriesByType("resource").filter(({ name }) => name.includes("call_records?")).at(-1)?.duration ?? 0);
    console.log(`${name}: drawn ${ms.toFixed(0)} ms after it was asked for, ${asked.toFixed(0)} ms of them the server and the wire`);
  };
  const search = page.locator("main input[type=search]");
  await timed("a rare name", async () => { await search.fill("needle"); await search.press("Enter"); }, "[...document.querySelectorAll('tbody tr.link')].length > 0 && [...document.querySelectorAll('tbody tr.link')].every((row) => row.textContent.includes('needle'))");
  assert((await foot()).startsWith(String(options.calls / 1_000)), `needles: ${await foot()}`);
  await go("/records");
  await timed("those that were busy", () => page.locator("main select").selectOption("busy"), "document.querySelectorAll('tbody tr.link').length > 5 && [...document.querySelectorAll('tbody tr.link')].every((row) => row.querySelectorAll('td')[2].textContent.includes('Busy'))");
  await go("/records");
  await timed("those that people complain of", () => page.getByRole("button", { name: "Sounded bad" }).click(), "document.querySelector('.table-foot')?.textContent.startsWith('100 ')");

  await go("/records?as=week");
  await page.getByText(`${(options.calls).toLocaleString("en")} rows`).first().waitFor({ timeout: 120_000 });
  const sum = await page.locator(".heat td[data-level]").evaluateAll((cells) => cells.reduce((all, cell) => all + Number(cell.textContent.replace(/\D/g, "")), 0));
  assert(sum === options.calls, `the week has ${sum}`);

  await go("/records");
  const [download] = await Promise.all([page.waitForEvent("download", { timeout: 120_000 }), page.getByRole("button", { name: "CSV" }).click()]);
  const lines = readFileSync(await download.path(), "utf8").trim().split(/\r\n/);
  assert(lines.length === options.calls + 1, `${lines.length} lines`);
  none(faults, "records");
  await close();
}
