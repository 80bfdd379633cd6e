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

  await named(page, go);
  await go("/records?as=week");
  await page.getByText(`${(options.calls).toLocaleString("en")} rows`).first().waitFor({ timeout: 120_000 });
  const sum = await page.locator(".heat td[data-level]").evaluateAll((cells) => cells.reduce((all, cell) => all + Number(cell.textContent.replace(/\D/g, "")), 0));
  assert(sum === options.calls, `the week has ${sum}`);

  await go("/records");
  const [download] = await Promise.all([page.waitForEvent("download", { timeout: 120_000 }), page.getByRole("button", { name: "CSV" }).click()]);
  const lines = readFileSync(await download.path(), "utf8").trim().split(/\r\n/);
  assert(lines.length === options.calls + 1, `${lines.length} lines`);
  await sounded(page, go, options);
  none(faults, "records");
  await close();
}

/** The same calls by how they sounded: the server has counted them; what is chosen is in the address. */
async function sounded(page, go, options) {
  await go("/quality");
  const figures = await page.locator(".figures b").allTextContents();
  assert(figures[0] === options.calls.toLocaleString("en") && figures[3] === "100", `figures: ${figures}`);
  const asked = await page.evaluate(() => performance.getEntriesByType("resource").filter(({ name }) => name.includes("call_quality?")).map(({ name, duration }) => `${new URL(name).searchParams.get("by")} ${duration.toFixed(0)} ms`));
  console.log(`how they sounded: ${asked.join(", ")}`);
  assert((await page.locator(".bars").first().textContent()).includes("Score below 3.6"), "the causes");
  const chart = page.locator("figure").first();
  await chart.getByRole("button", { name: "Table" }).click();
  assert(await chart.locator("tbody tr").count() === 169, `hours: ${await chart.locator("tbody tr").count()}`);
  await page.getByRole("radio", { name: "Account" }).or(page.getByRole("button", { name: "Account", exact: true })).first().click();
  await page.waitForFunction(() => location.search.includes("by=account"));
  await page.locator("td a", { hasText: "alice@" }).first().waitFor();
  const groups = page.locator("section", { hasText: "By what the phones are" });
  const [download] = await Promise.all([page.waitForEvent("download"), groups.getByRole("button", { name: "CSV" }).click()]);
  const lines = readFileSync(await download.path(), "utf8").trim().split(/\r\n/);
  assert(lines[0].endsWith("account,count,mos_median,mos_p5,bad,bad_pct") && lines.length === 4, lines.join("|"));
  await page.locator("section", { hasText: "The worst calls" }).locator("tbody a").first().click();
  await page.waitForURL(/\/records\/call_/);
}

/** Filters have a name, are there again on another visit, and go with a way back. */
async function named(page, go) {
  await go("/records");
  const views = page.getByRole("navigation", { name: "Saved views" });
  assert(await views.count() === 0, "nothing is offered where there is no filter");
  await page.locator("main select").selectOption("busy");
  await views.getByRole("button", { name: "Save this view" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Save", exact: true }).click();
  await dialog.getByText("Give it a name").first().waitFor();
  await dialog.getByRole("textbox").fill("Busy <b>lines</b>");
  await page.keyboard.press("Enter");
  await views.getByRole("link", { name: "Busy <b>lines</b>" }).waitFor();
  assert(await views.getByRole("button", { name: "Save this view" }).count() === 0, "it is saved already");
  await go("/records");
  await page.reload();
  await views.getByRole("link", { name: "Busy <b>lines</b>" }).click();
  await page.waitForFunction(() => location.search === "?disposition=busy");
  await go("/traces?q=x");
  assert(await views.getByRole("link").count() === 0, "a view is of its page");
  await go("/records");
  await views.getByRole("button", { name: "Remove the view Busy <b>lines</b>" }).click();
  assert(await page.getByRole("link", { name: "Busy <b>lines</b>" }).count() === 0, "it is gone");
  await page.getByRole("button", { name: "Undo" }).click();
  await views.getByRole("link", { name: "Busy <b>lines</b>" }).waitFor();
}
