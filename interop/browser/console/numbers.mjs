// Numbers: a range taken in, one given to an account, moved, seen on the account, taken back and removed; all of them as CSV.
import { readFileSync } from "node:fs";
import { accessible, assert, look, none, visit } from "./visit.mjs";

export async function numbers(browser, options) {
  const { page, faults, go, close } = await visit(browser, options);
  await go("/numbers");
  await page.getByRole("heading", { name: "No number yet" }).waitFor();

  // What is wrong is said where it was typed.
  await page.getByRole("button", { name: "Add numbers" }).first().click();
  const dialog = page.locator("dialog[open]");
  await dialog.getByLabel("Number, or the first of a range").fill("0123456700");
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await dialog.getByRole("alert").getByText(/E\.164/).waitFor();
  faults.push(...await accessible(page));
  faults.splice(faults.findIndex((fault) => / 400 .*\/numbers$/.test(fault)), 1);
  await dialog.getByLabel("Number, or the first of a range").fill("+33 1 23 45 67 00");
  await dialog.getByLabel("Last of the range").fill("+33123456799");
  await dialog.getByLabel("Note").fill("Carrier A");
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByText("100 numbers added").waitFor();
  await page.getByText("100 rows").waitFor();
  faults.push(...await accessible(page));

  // By the keyboard alone: to the number, into its dialog, an account, and out again.
  const first = page.getByRole("button", { name: "Assign +33123456700" });
  await first.focus();
  await page.keyboard.press("Enter");
  await dialog.getByLabel("Account").waitFor();
  await page.keyboard.type(options.account);
  await page.waitForFunction((account) => [...document.querySelectorAll("#number-accounts option")].some((one) => one.value === account), options.account);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.type("1 rue de la Paix");
  faults.push(...await accessible(page));
  await dialog.getByLabel("Account").press("Enter");
  await page.getByRole("button", { name: "Release +33123456700" }).waitFor();
  await page.getByRole("cell", { name: "1 rue de la Paix" }).waitFor();

  const ask = (path) => page.evaluate(async (path) => (await fetch(`/api/v1/${path}`)).json(), path);
  const has = async (account) => (await ask(`accounts/${account}`)).aliases.some((alias) => alias.startsWith("+33123456700@"));
  assert(await has(options.account), "the account has the number");

  // Given to another one, which the dialog says is taking it away.
  await page.getByRole("button", { name: "+33123456700", exact: true }).click();
  await dialog.getByText(`${options.account} has it`).waitFor();
  await dialog.getByLabel("Account").fill(options.other);
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByRole("link", { name: options.other }).or(page.getByRole("cell", { name: /bob/i })).first().waitFor();
  assert(await has(options.other) && !await has(options.account), "it was moved");

  await page.getByRole("button", { name: "Assigned", exact: true }).click();
  await page.getByText("1 row", { exact: true }).waitFor();
  const saved = page.waitForEvent("download");
  await page.getByRole("button", { name: "CSV" }).click();
  const file = readFileSync(await (await saved).path(), "utf8");
  assert(file.split("\n").filter(Boolean).length === 2 && file.includes("+33123456700") && file.includes(options.other), file);

  await go("/numbers");
  await page.getByRole("button", { name: "Release +33123456700" }).click();
  await page.getByRole("button", { name: "Assign +33123456700" }).waitFor();
  assert(!await has(options.other), "it was taken back");

  // Of what was removed there is a way back.
  await page.getByRole("button", { name: "+33123456701", exact: true }).click();
  await dialog.getByRole("button", { name: "Remove" }).click();
  await page.getByRole("button", { name: "+33123456701", exact: true }).waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByRole("button", { name: "+33123456701", exact: true }).waitFor();
  await page.locator("main input[type=search]").fill("67 42");
  await page.getByRole("button", { name: "+33123456742", exact: true }).waitFor();
  await page.getByText("1 row", { exact: true }).waitFor();
  await look(page, faults);
  none(faults, "numbers");
  await close();
}
