// Contacts: made, found, changed, removed and taken back, from a file and into one; and suggested where one dials.
import { readFileSync } from "node:fs";
import { accessible, assert, look, none, visit } from "./visit.mjs";

const FILE = "BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;Zo=C3=AB\r\nTEL;CELL:+33 6 12 34 56 78\r\nEND:VCARD\r\nBEGIN:VCARD\r\nNOTE:nobody\r\nEND:VCARD\r\n";

export async function contacts(browser, options) {
  const { page, faults, go, close } = await visit(browser, options);
  await go("/contacts");
  await page.getByRole("heading", { name: "No contact yet" }).waitFor();

  // What is wrong is said where it was typed, and nothing is lost of it.
  await page.getByRole("button", { name: "Add a contact" }).first().click();
  const dialog = page.locator("dialog[open]");
  await dialog.getByLabel("Name", { exact: true }).fill("Baker & <b>Sons</b>");
  await dialog.getByLabel("Number 1", { exact: true }).fill("not a number");
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  await dialog.getByRole("alert").waitFor();
  faults.push(...await accessible(page));
  faults.splice(faults.findIndex((fault) => / 400 .*\/me\/contacts$/.test(fault)), 1);
  await dialog.getByLabel("Number 1", { exact: true }).fill("+33 1 23 45 67 89");
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  await page.getByRole("button", { name: "Baker & <b>Sons</b>" }).waitFor();

  await page.getByRole("button", { name: "Import", exact: true }).click();
  await dialog.getByLabel("Whose").selectOption("shared");
  await dialog.getByLabel("A vCard file (.vcf)").setInputFiles({ name: "old phone.vcf", mimeType: "text/x-vcard", buffer: Buffer.from(FILE) });
  faults.push(...await accessible(page));
  await dialog.getByRole("button", { name: "Import the file" }).click();
  await dialog.getByText("1 contact made").waitFor();
  await dialog.getByText("Line 6: a contact has a name or an organisation").waitFor();
  faults.push(...await accessible(page));
  await dialog.getByRole("button", { name: "Close", exact: true }).click();

  await page.getByRole("button", { name: "Zoë Müller" }).waitFor();
  await page.locator("main input[type=search]").fill("612 34");
  await page.getByRole("button", { name: /^Baker/ }).waitFor({ state: "detached" });
  faults.push(...await accessible(page));
  await page.getByRole("button", { name: "Zoë Müller" }).click();
  await dialog.getByLabel("Organisation").fill("Mairie");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByRole("cell", { name: "Mairie" }).waitFor();

  // Of what was removed there is a way back.
  await page.getByRole("button", { name: "Zoë Müller" }).click();
  await dialog.getByRole("button", { name: "Remove" }).click();
  await page.getByRole("button", { name: "Zoë Müller" }).waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByRole("button", { name: "Zoë Müller" }).waitFor();

  await go("/contacts?whose=shared");
  const saved = page.waitForEvent("download");
  await page.getByRole("link", { name: "Export the shared ones" }).click();
  const file = readFileSync(await (await saved).path(), "utf8");
  assert(file.includes("VERSION:4.0") && file.includes("FN:Zoë Müller") && file.includes("tel:+33612345678") && !file.includes("Baker"), file);

  await go("/phone");
  await page.locator("#dial-to").pressSequentially("müll");
  const option = page.locator("#dial-book option");
  await option.waitFor({ state: "attached" });
  assert(await option.getAttribute("value") === "+33612345678", await option.getAttribute("value"));
  assert((await option.getAttribute("label")).startsWith("Zoë Müller"), await option.getAttribute("label"));
  await page.locator("#dial-to").fill(options.account.split("@")[0].slice(0, 3));
  await page.waitForFunction((name) => document.querySelector("#dial-book option")?.value.startsWith(name), options.account.split("@")[0]);

  // A short number of another domain is nobody of ours; one that tells a subscriber is.
  const called = await page.evaluate(async () => {
    const place = [...document.scripts].find((one) => one.type === "module").src;
    const [{ post }, { whoIs }] = await Promise.all(["../ui/api.js", "../phone/book.js"].map((path) => import(new URL(path, place))));
    await post("me/contacts", { name: "Director", numbers: [{ label: "work", number: "7042" }] });
    return [await whoIs("7042", true), await whoIs("7042", false), await whoIs("+33123456789", false), await whoIs("0123456789", false)];
  });
  assert(JSON.stringify(called) === JSON.stringify(["Director", null, "Baker & <b>Sons</b>", "Baker & <b>Sons</b>"]), JSON.stringify(called));
  await look(page, faults);
  none(faults, "contacts");
  await close();
}
