// What whoever manages does for others and for programs: a phone by a code, a token that opens until it is revoked, and a
// webhook that is told and says so.
import { createServer } from "node:http";
import { accessible, assert, look, none, PASSWORD, visit } from "./visit.mjs";

export async function manage(browser, options) {
  const { page, faults, go, close } = await visit(browser, options);
  await phone(page, go, faults, options);
  await fleet(page, go, faults, options);
  await keys(page, go, faults, options);
  await tokens(page, go, faults, options);
  await webhooks(page, go, faults);
  await look(page, faults);
  none(faults, "what is managed");
  await close();
}

async function phone(page, go, faults, options) {
  await go(`/accounts/${options.account}`);
  await page.getByRole("button", { name: "Connect a phone" }).first().click();
  await page.getByRole("button", { name: "Show the code" }).click();
  await page.locator("svg.qr").waitFor();
  faults.push(...await accessible(page));
  const link = (await page.locator(".secret code").textContent()).trim();
  const settings = await fetch(new URL(new URL(link).pathname, options.url), { headers: { "User-Agent": "LinphoneAndroid/6.0.0 (test)" } });
  assert(settings.ok && (await settings.text()).includes(options.account.split("@")[0]), `${settings.status}`);
  await page.getByText("The phone has fetched its settings").waitFor();
  await page.getByRole("button", { name: "Close", exact: true }).last().click();
  await page.getByRole("heading", { name: "linphone", exact: true }).waitFor();
}

/** All phones: found by what they are, given another link, forgotten; the device of one that is forgotten stays. */
async function fleet(page, go, faults, options) {
  await go("/phones");
  const row = page.getByRole("row").filter({ hasText: "LinphoneAndroid/6.0.0" });
  await row.getByText("Not registered").waitFor();
  const count = () => page.locator("tbody tr").count();
  const all = await count();
  assert(all === 2, `${all} phones: that of the link, and a device without one`);
  assert(!(await row.textContent()).includes("Newer settings"), "it has fetched them");
  faults.push(...await accessible(page));
  await row.getByRole("button", { name: "New link" }).click();
  await page.getByRole("button", { name: "Show the code" }).click();
  await page.locator("svg.qr").waitFor();
  await page.getByRole("button", { name: "Close", exact: true }).last().click();
  await page.getByRole("button", { name: "Has newer settings to fetch" }).click();
  await row.getByText("Newer settings wait").waitFor();
  assert(page.url().includes("drift=1") && await count() === 1, page.url());
  await go("/phones?state=on");
  await page.getByText("Nothing fits").waitFor();
  await go(`/phones?q=${encodeURIComponent("linphone")}`);
  await row.getByRole("link", { name: options.account }).waitFor();
  await row.getByRole("button", { name: "Remove" }).click();
  faults.push(...await accessible(page));
  await page.locator("dialog[open]").getByRole("button", { name: "Remove", exact: true }).click();
  await page.getByText("The phone is told nothing any more.").waitFor();
  await go("/phones");
  assert(await count() === 2 && await row.count() === 0, `${await count()} after one was forgotten`);
}

/** Keys of a telephone, set by keyboard alone, are in the file that it fetches at its own address. */
async function keys(page, go, faults, options) {
  await go(`/accounts/${options.account}`);
  await page.getByRole("button", { name: "Connect a phone" }).first().click();
  await page.getByLabel("Which phone?").selectOption("yealink");
  await page.getByLabel("Hardware address").fill("24:9a:d8:88:d0:f4");
  await page.getByLabel("Model").fill("T54W");
  await page.getByRole("button", { name: "Show the code" }).click();
  const link = (await page.locator(".secret code").textContent()).trim();
  const told = async (folder) => {
    const answer = await fetch(new URL(`${new URL(folder).pathname}249ad888d0f4.cfg`, options.url), { headers: { "User-Agent": "Yealink SIP-T54W 96.86.0.75 24:9a:d8:88:d0:f4" } });
    assert(answer.ok, `${answer.status}`);
    return Object.fromEntries((await answer.text()).split("\n").map((line) => line.split(/ = (.*)/s, 2)));
  };
  const own = (await told(link))["static.auto_provision.server.url"];
  await page.getByRole("button", { name: "Close", exact: true }).last().click();
  await go("/phones");
  const row = page.getByRole("row").filter({ hasText: "Yealink SIP-T54W" });
  await row.getByRole("button", { name: "Keys" }).press("Enter");
  const dialog = page.locator("dialog[open]");
  await dialog.getByRole("button", { name: "Add a key" }).press("Enter");
  await dialog.getByLabel("Position of key 1").fill("2");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.type("nobody");
  await page.keyboard.press("Tab");
  await page.keyboard.type("Reception");
  await page.keyboard.press("Enter");
  await dialog.getByText("is no address of the tenant of").first().waitFor();
  faults.splice(faults.findIndex((fault) => / 400 .*\/phones\/pho_/.test(fault)), 1);
  faults.push(...await accessible(page));
  await dialog.getByLabel("Whom key 2 calls").press("ControlOrMeta+A");
  await page.keyboard.type(options.account.split("@")[0]);
  await dialog.getByRole("button", { name: "Add a key" }).press("Enter");
  await dialog.getByLabel("Position of key 1").fill("30");
  await dialog.getByLabel("What key 30 does").selectOption("none");
  await dialog.getByRole("button", { name: "Save" }).press("Enter");
  await dialog.getByText("The phone is not told these keys: 30.", { exact: false }).waitFor();
  faults.push(...await accessible(page));
  await dialog.getByRole("button", { name: "Empty key 30" }).press("Enter");
  await dialog.getByRole("button", { name: "Save" }).press("Enter");
  await dialog.waitFor({ state: "detached" });
  await row.getByText("Newer settings wait").waitFor();
  const file = await told(own);
  assert(file["linekey.2.type"] === "16" && file["linekey.2.value"] === options.account.split("@")[0] && file["linekey.2.label"] === "Reception", JSON.stringify(file));
  // The password of its own page: the one that it was told, then another one that it fetches.
  await row.getByRole("button", { name: "Password" }).press("Enter");
  await dialog.getByRole("button", { name: "Show it" }).press("Enter");
  const first = await dialog.locator(".secret code").textContent();
  assert(first.length === 14 && !first.includes("admin"), first);
  await dialog.getByRole("button", { name: "Make a new one" }).press("Enter");
  await dialog.getByText("Until then the phone has").waitFor();
  faults.push(...await accessible(page));
  const second = await dialog.locator(".secret code").textContent();
  await dialog.getByRole("button", { name: "Close" }).press("Enter");
  const password = (await told(own))["static.security.user_password"];
  assert(second !== first && password === `admin:${second}`, "the phone was not told the new one");
}

async function tokens(page, go, faults, options) {
  await go("/developers");
  await page.getByRole("tab", { name: "Tokens" }).click();
  await page.getByRole("button", { name: "Make a token" }).click();
  await page.getByLabel("Name", { exact: true }).fill("wallboard");
  // As if it were more than ten minutes since he signed in; the proof is a real one.
  await page.route("**/api/v1/api_tokens", (route) => route.request().method() === "POST"
    ? route.fulfill({ status: 403, contentType: "application/problem+json", body: JSON.stringify({ code: "step_up_required", title: "Prove once more who you are", status: 403 }) }) : route.fallback(), { times: 1 });
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await page.getByLabel("Password", { exact: true }).fill("wrong");
  await page.getByRole("button", { name: "Go on" }).click();
  await page.getByRole("dialog").getByRole("alert").last().waitFor();
  faults.push(...await accessible(page));
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Go on" }).click();
  const token = (await page.locator(".secret code").textContent()).trim();
  // The browser tells of what was refused, which was meant.
  for (const meant of [/ 403 .*\/api_tokens$/, / 401 .*\/step-up$/]) faults.splice(faults.findIndex((fault) => meant.test(fault)), 1);
  faults.push(...await accessible(page));
  await page.getByRole("button", { name: "Done" }).click();
  const asked = async (path) => (await fetch(`${options.url}/api/v1/${path}`, { headers: { Authorization: `Bearer ${token}` } })).status;
  assert(await asked("calls") === 200, "a token of calls:read does not read calls");
  assert(await asked("accounts") === 403, "a token of calls:read reads accounts");
  const row = page.getByRole("row").filter({ hasText: "wallboard" });
  await row.getByText("calls:read").waitFor();
  faults.push(...await accessible(page));
  await row.getByRole("button", { name: "Revoke" }).click();
  await page.locator("dialog[open]").getByRole("button", { name: "Revoke" }).click();
  await page.getByText("The token is revoked").waitFor();
  assert(await asked("calls") === 401, "a revoked token opens");
}

async function webhooks(page, go, faults) {
  const told = [];
  const place = createServer((request, response) => {
    told.push(request.headers);
    request.resume();
    response.writeHead(204).end();
  });
  await new Promise((done) => { place.listen(0, "127.0.0.1", done); });
  await go("/developers");
  await page.getByRole("tab", { name: "Webhooks" }).click();
  await page.getByRole("button", { name: "Add a webhook" }).click();
  await page.getByLabel("Address").fill(`http://127.0.0.1:${place.address().port}/in`);
  await page.getByLabel("Name", { exact: true }).fill("crm");
  await page.getByRole("button", { name: "Create", exact: true }).click();
  const secret = (await page.locator(".secret code").textContent()).trim();
  assert(secret.startsWith("whsec_"), secret);
  await page.getByRole("button", { name: "Done" }).click();
  await page.getByRole("button", { name: "Send a test" }).click();
  await page.getByRole("cell", { name: "delivered" }).first().waitFor();
  assert(told.length > 0 && told[0]["webhook-signature"].startsWith("v1,"), JSON.stringify(told));
  faults.push(...await accessible(page));
  await page.getByRole("button", { name: "New secret" }).click();
  assert((await page.locator(".secret code").textContent()).trim() !== secret, "the new secret is the old one");
  await page.getByRole("button", { name: "Done" }).click();
  await page.getByRole("button", { name: "Remove", exact: true }).click();
  await page.locator("dialog[open]").getByRole("button", { name: "Remove", exact: true }).click();
  await page.getByRole("heading", { name: "crm" }).waitFor({ state: "detached" });
  place.close();
}
