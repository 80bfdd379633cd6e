// As somebody new: the link of the first owner, then a phone in each of two tabs, and a call between them that both hear.
import { join } from "node:path";
import { accessible, assert, look, none, visit } from "./visit.mjs";

const PASSWORD = "a sentence nobody else has";

export async function phone(browser, options) {
  const began = Date.now();
  let clicks = 0;
  const { context, page, faults, close } = await visit(browser, { url: options.url });
  await context.grantPermissions(["microphone", "camera"], { origin: options.url });
  const click = async (where, locator) => { clicks += 1; await locator.click(); };

  await page.goto(options.url + options.link);
  const fields = page.locator("input:visible");
  const names = await fields.evaluateAll((all) => all.map((one) => `${one.name}:${one.type}`));
  for (const [at, name] of names.entries()) {
    if (/:password$/.test(name)) await fields.nth(at).fill(PASSWORD);
    else await fields.nth(at).fill(name.startsWith("name:") ? "Olive Owner" : "owner");
  }
  await click(page, page.locator("button[type=submit], form button").first());
  await page.waitForURL((url) => !url.pathname.startsWith("/setup"));

  const open = async (tab, account) => {
    await tab.goto(`${options.url}/phone`);
    try {
      await click(tab, tab.getByRole("button", { name: account }));
      await tab.locator(".page-head .live:not(.off)").waitFor();
    } catch (error) {
      if (options.pictures) await tab.screenshot({ path: join(options.pictures, "phone-stuck.png") });
      throw error;
    }
  };
  await open(page, options.accounts[0]);
  const other = await context.newPage();
  const said = [];
  other.on("pageerror", (error) => said.push(`the other tab: ${error.stack}`));
  await open(other, options.accounts[1]);

  await page.getByLabel("Name, number or address").first().fill(options.accounts[1].split("@")[0]);
  await click(page, page.getByRole("button", { name: "Call", exact: true }));
  await click(other, other.getByRole("button", { name: "Answer", exact: true }));
  await page.locator(".callcard.talking").waitFor();
  const heard = await Promise.all([page, other].map(hears));
  const ms = Date.now() - began;
  assert(heard.every(Boolean), `heard: ${heard}`);
  console.log(`first heard call ${ms} ms after the setup link was opened, ${clicks} clicks`);
  assert(clicks <= 6, `${clicks} clicks`);

  // The call goes on while its tab shows other pages.
  await page.locator("nav a[href='/calls']").click();
  await page.locator(".phonebar .callcard.talking").waitFor();
  assert(await hears(page), "the call is heard on another page too");
  if (options.pictures) await page.screenshot({ path: join(options.pictures, "phone-elsewhere.png") });
  await page.locator("nav a[href='/phone']").click();
  await page.locator(".phone .callcard.talking").waitFor();
  if (options.pictures) await page.screenshot({ path: join(options.pictures, "phone-talking.png") });
  faults.push(...await accessible(page));
  await page.getByRole("button", { name: "Hold" }).click();
  await page.locator(".callcard.held").waitFor();
  await other.locator(".callcard.waiting").waitFor();
  await page.getByRole("button", { name: "Resume" }).click();
  await page.locator(".callcard.talking").waitFor();
  assert(await hears(other), "heard again after a hold");
  await other.getByRole("button", { name: "Hang up" }).click();
  await page.locator(".callcard").waitFor({ state: "detached" });

  await other.getByRole("tab", { name: "Messages" }).click();
  await other.getByLabel("With").fill(options.accounts[0].split("@")[0]);
  await other.getByPlaceholder("Message").fill("<img src=x onerror=window.ran=1> lunch?");
  await other.getByRole("button", { name: "Send" }).click();
  await page.getByRole("tab", { name: "Messages" }).click();
  await page.getByRole("log").getByText("lunch?").waitFor();
  await page.getByRole("tab", { name: "Test" }).click();
  await page.getByRole("button", { name: "Test now" }).click();
  await page.locator(".checks li").nth(2).waitFor({ timeout: 30_000 });
  console.log(`test of the line: ${(await page.locator(".checks li").allTextContents()).join(" | ").replace(/\s+/g, " ")}`);
  assert(await page.locator(".checks li.bad").count() === 0, "the test of the line finds nothing bad");
  if (options.pictures) await page.screenshot({ path: join(options.pictures, "phone-test.png") });
  await look(page, faults);
  await look(other, faults);
  faults.push(...said);
  none(faults, "the web phone");
  await close();
}

/** Whether sound arrives in this tab: energy in what it receives, by its own statistics. */
function hears(tab) {
  return tab.waitForFunction(async () => {
    const audio = [...document.querySelectorAll("audio")].find((one) => one.srcObject);
    const stream = audio?.srcObject;
    if (!stream) return false;
    window.context ??= new AudioContext();
    const analyser = window.context.createAnalyser();
    window.context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    for (let at = 0; at < 40; at += 1) {
      await new Promise((done) => setTimeout(done, 50));
      analyser.getFloatTimeDomainData(samples);
      if (samples.some((sample) => Math.abs(sample) > 0.01)) return true;
    }
    return false;
  }, null, { timeout: 30_000 }).then(() => true, () => false);
}
