// Ten thousand users from a file: looked at, tried, made with progress, and what could not be is given back.
import { readFileSync } from "node:fs";
import { assert, none, visit } from "./visit.mjs";

const ROWS = 10_000;
const MS_MAX = 60_000;

export async function imports(browser, options) {
  const { page, faults, go, close } = await visit(browser, options);
  const users = async () => (await (await page.request.get(`${options.url}/api/v1/status`)).json()).accounts;
  await go("/import");
  // What cannot be read says so, and the page goes on.
  await page.locator("input[type=file]").setInputFiles({ name: "a.jsonl", mimeType: "application/jsonl", buffer: Buffer.from("{\"login\":1}\n{oops\n") });
  await page.getByText("no JSON object").waitFor();
  // The file that is given as an example is one that can be imported.
  const [example] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Example file (CSV)" }).click()]);
  await page.locator("input[type=file]").setInputFiles({ name: "example.csv", mimeType: "text/csv", buffer: readFileSync(await example.path()) });
  await page.getByText("Which column is what?").waitFor();
  await page.getByRole("cell", { name: "201 +33123456789" }).waitFor();
  assert(await page.getByRole("heading", { name: /rows? (is|are) wrong/ }).count() === 0, "the example is wrong");
  await go("/import");
  const before = await users();
  await page.locator("input[type=file]").setInputFiles({ name: "people.csv", mimeType: "text/csv", buffer: Buffer.from(file()) });
  await page.getByText("Which column is what?").waitFor();
  const chosen = await page.locator(".mapping select").evaluateAll((all) => all.map((one) => one.selectedOptions[0].textContent));
  assert(chosen.slice(0, 4).join() === "Identifiant,Nom complet,Courriel,Poste", `columns: ${chosen}`);
  await page.getByRole("heading", { name: "2 rows are wrong" }).waitFor();
  assert((await page.locator("tbody").last().textContent()).includes("<b>Zoé \"the one\"; 3</b>"), "a quoted cell is one cell, and text");

  await page.getByRole("button", { name: "Dry run" }).click();
  await page.getByRole("heading", { name: "3 rows are wrong" }).waitFor({ timeout: 8000 });
  assert(await users() === before, "a dry run has made somebody");

  const began = Date.now();
  const seen = new Set();
  await page.getByRole("button", { name: /^Make 10,000 users/ }).click();
  await page.waitForSelector("progress");
  while (await page.getByText("The import is over").count() === 0) {
    seen.add(await page.locator("progress").getAttribute("value").catch(() => null));
    assert(Date.now() - began < MS_MAX, `not over after ${MS_MAX} ms: ${[...seen].at(-1)}`);
    await new Promise((done) => { setTimeout(done, 50); });
  }
  const ms = Date.now() - began;
  console.log(`${ROWS} users in ${ms} ms, progress was seen ${seen.size} times`);
  assert(seen.size >= 3, `progress: ${[...seen]}`);
  await page.getByText("9,997 users were made. 3 rows were not.").waitFor();
  assert(await users() === before + ROWS - 3, "the server has another count");

  const taken = async (name) => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name }).click()]);
    return readFileSync(await download.path(), "utf8").trim().split(/\r\n/);
  };
  const errors = await taken("Download the errors");
  assert(errors.length === 4 && errors[1].startsWith("5,") && errors[1].includes("user3"), `errors: ${errors.join(" / ")}`);
  const secrets = await taken("Take the secrets");
  assert(secrets.length === ROWS - 3 + 1, `${secrets.length} lines of secrets`);
  await page.getByRole("button", { name: "Take the secrets" }).waitFor({ state: "detached" });
  // It is found again by its address, and the list shows who was made.
  await page.reload();
  await page.getByText("9,997 users were made. 3 rows were not.").waitFor();
  none(faults, "import");
  await close();
}

/** As a spreadsheet in French writes it; three rows cannot be made. */
function file() {
  const row = (at) => {
    if (at === 4) return "user3;Twice;;;";
    if (at === 5) return "user5;\"<b>Zoé \"\"the one\"\"; 3</b>\";;num5;";
    if (at === 6) return "user6;Same number;;num5;";
    if (at === 7) return "user7;Elsewhere;;num7@elsewhere.test;";
    return `user${at};Person ${at};user${at}@example.org;num${at};fr`;
  };
  return `\ufeffIdentifiant;Nom complet;Courriel;Poste;Langue\r\n${Array.from({ length: ROWS }, (_, at) => row(at)).join("\r\n")}\r\n`;
}
