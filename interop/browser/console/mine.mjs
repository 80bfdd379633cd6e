// Somebody who has an account and no part in the administration: he finds what is his own, connects a phone by the code
// that is drawn, sends his calls on, and sees nothing of others.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { accessible, assert, look, none, visit } from "./visit.mjs";

const PASSWORD = "nine quiet otters dive";

export async function mine(browser, options) {
  const { page: tab, faults, close } = await signIn(browser, options);
  await tab.goto(`${options.url}/`);
  await tab.waitForURL("**/mine");
  const nav = await tab.locator("nav a").allTextContents();
  assert(nav.map((text) => text.trim()).join() === "Phone,My space,Contacts", `he is shown ${nav}`);

  // The code leads to the settings, and to them alone.
  await tab.getByRole("button", { name: "Connect a phone" }).first().click();
  await tab.getByRole("button", { name: "Show the code" }).click();
  await tab.locator("svg.qr").waitFor();
  faults.push(...await accessible(tab));
  const picture = join(options.folder, "code.png");
  await tab.locator("svg.qr").screenshot({ path: picture });
  const read = execFileSync("zbarimg", ["--quiet", "--raw", picture], { stdio: ["ignore", "pipe", "ignore"] }).toString().trim();
  const link = (await tab.locator(".secret code").textContent()).trim();
  assert(read.includes(new URL(link).pathname), `the code says ${read}, the link ${link}`);
  if (options.pictures) await tab.screenshot({ path: join(options.pictures, "connect-en-light.png") });
  // Where the link leads and not how it is reached from here.
  const settings = await fetch(new URL(new URL(link).pathname, options.url), { headers: { "User-Agent": "LinphoneAndroid/6.0.0 (test)" } });
  const text = await settings.text();
  assert(settings.ok && text.includes(options.account.split("@")[0]), `${settings.status} ${text.slice(0, 200)}`);
  await tab.getByText("The phone has fetched its settings").waitFor();
  assert(await tab.locator("svg.qr").count() === 0, "a code that is used is shown no more");
  await tab.getByRole("button", { name: "Close", exact: true }).last().click();
  await tab.getByRole("heading", { name: "linphone", exact: true }).waitFor();

  // His telephone rings, is taken, and is heard.
  const telephone = tab.getByRole("heading", { name: "first", exact: true }).locator("xpath=ancestor::section");
  await telephone.getByRole("button", { name: "Let it ring" }).click();
  // One test at a time.
  await telephone.locator("button:disabled", { hasText: "Let it ring" }).waitFor();
  for (const step of ["It was answered", "It is heard", "It rings, and is heard"]) await telephone.getByText(step).waitFor({ timeout: 30_000 });
  faults.push(...await accessible(tab));
  if (options.pictures) await tab.screenshot({ path: join(options.pictures, "ring-en-light.png") });

  // A test of which the server knows nothing any more is given up, and may be begun again.
  await tab.route("**/devices/*/ring", (route) => route.fulfill({ status: 404, contentType: "application/problem+json", body: "{}" }));
  await telephone.getByRole("button", { name: "Let it ring" }).click();
  await telephone.getByText("The test was lost").waitFor();
  assert(await telephone.getByRole("button", { name: "Let it ring" }).isEnabled(), "it may ring again");
  await tab.unroute("**/devices/*/ring");
  const meant = / 404 .*\/ring$/;
  faults.splice(0, faults.length, ...faults.filter((fault) => !meant.test(fault)));

  await tab.getByRole("tab", { name: "Forwarding" }).click();
  await tab.getByLabel("When it is busy").or(tab.locator("main form input[type=text]").nth(1)).first().fill(options.other);
  await tab.getByRole("button", { name: "Save" }).click();
  await tab.getByText("Saved").waitFor();
  await tab.reload();
  await tab.waitForFunction((user) => [...document.querySelectorAll("main form input[type=text]")].some((one) => one.value.includes(user)), options.other.split("@")[0]);
  for (const name of ["Call records", "Sign-in", "Phones"]) {
    await tab.getByRole("tab", { name }).click();
    await tab.waitForFunction(() => !document.querySelector("main .skeleton"));
    faults.push(...await accessible(tab));
  }
  // A phone is taken back by who has it.
  await tab.getByRole("heading", { name: "linphone", exact: true }).locator("xpath=ancestor::section").getByRole("button", { name: "Revoke" }).click();
  await tab.locator("dialog[open]").getByRole("button", { name: "Revoke" }).click();
  await tab.getByRole("heading", { name: "linphone", exact: true }).waitFor({ state: "detached" });

  // Of others he learns nothing, by whatever address.
  for (const path of [`me/accounts/${options.other}`, "me/devices/dev_2", `me/call_records?account=${options.other}`]) {
    const answer = await tab.request.get(`${options.url}/api/v1/${path}`);
    assert(answer.status() === 404, `${path}: ${answer.status()}`);
  }
  const { csrf_token: token } = await (await tab.request.get(`${options.url}/auth/session`)).json();
  for (const [method, path, data] of [["delete", "me/devices/dev_2"], ["patch", `me/accounts/${options.other}`, { dnd: true }], ["post", "me/devices", { account: options.other }], ["post", "me/devices/dev_2/links", {}]]) {
    const answer = await tab.request[method](`${options.url}/api/v1/${path}`, { headers: { "X-CSRF-Token": token, Origin: options.url, "Content-Type": method === "patch" ? "application/merge-patch+json" : "application/json" }, data });
    assert(answer.status() === 404, `${method} ${path}: ${answer.status()} ${await answer.text()}`);
  }
  await look(tab, faults);
  none(faults, "my space");
  await close();
}

/** By the link that he was given. */
async function signIn(browser, options) {
  const own = await visit(browser, { url: options.url });
  await own.page.goto(options.url + options.invite);
  await own.page.locator("input[name=password]").fill(PASSWORD);
  await own.page.locator("input[name=again]").fill(PASSWORD);
  await own.page.locator("form button").first().click();
  await own.page.waitForSelector("main h1");
  return own;
}
