// A web phone whose page is closed is woken for a call, and takes it. Chromium has no push service in a test: what it would
// subscribe with is given by a double, and what the double hears is handed to the service worker through DevTools.
import { readFileSync } from "node:fs";
import { assert, none, visit } from "./visit.mjs";
import { answer, assertHeard, dial, hangUp, openPhone } from "./line.mjs";
import { pushService } from "./service.mjs";

export async function woken(browser, options) {
  const service = await pushService({ key: readFileSync(options.key), cert: readFileSync(options.cert) });
  const [caller, called] = options.accounts;
  const own = await visit(browser, options, { serviceWorkers: "allow" });
  await own.context.grantPermissions(["microphone", "notifications"], { origin: options.url });
  await own.context.addInitScript(({ endpoint, keys }) => {
    const subscription = { endpoint, toJSON: () => ({ endpoint, keys }), unsubscribe: async () => { localStorage.removeItem("double"); return true; } };
    PushManager.prototype.subscribe = async (asked) => { localStorage.setItem("double", asked.applicationServerKey); return subscription; };
    PushManager.prototype.getSubscription = async () => localStorage.getItem("double") ? subscription : null;
  }, service);

  const page = own.page;
  await openPhone(page, options, called);
  await page.getByRole("tab", { name: "Devices" }).click();
  await page.getByRole("switch", { name: "Ring when no page is open" }).check();
  await page.waitForFunction(() => document.querySelector("input[role=switch]")?.checked && localStorage.getItem("double"));
  await page.locator(".page-head .live:not(.off)").waitFor();
  assert((await page.evaluate(() => localStorage.getItem("double"))).length > 80, "it subscribes to the key of the server");
  if (options.pictures) await page.screenshot({ path: `${options.pictures}/phone-devices.png` });
  // Of the same origin, and no phone.
  const other = await own.context.newPage();
  await other.goto(`${options.url}/manifest.webmanifest`);
  await page.close();

  const theirs = await visit(browser, options);
  await theirs.context.grantPermissions(["microphone"], { origin: options.url });
  await openPhone(theirs.page, options, caller);
  await dial(theirs.page, called.split("@")[0]);
  for (let tries = 0; tries < 100 && service.heard.length === 0; tries += 1) await new Promise((done) => { setTimeout(done, 100); });
  const [{ path, headers, told }] = service.heard;
  assert(path === "/sub/one?a=b" && told.reason === "call" && told.account === called, `${path} ${JSON.stringify(told)}`);
  assert(/^vapid t=/.test(headers.authorization) && headers["content-encoding"] === "aes128gcm" && headers.ttl, JSON.stringify(headers));

  const devtools = await own.context.newCDPSession(other);
  // It tells them when it is switched on, and sometimes none.
  let registration;
  devtools.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => { registration ??= registrations.find(({ scopeURL, isDeleted }) => scopeURL === `${options.url}/` && !isDeleted); });
  for (let tries = 0; tries < 20 && !registration; tries += 1) {
    await devtools.send("ServiceWorker.enable");
    await new Promise((done) => { setTimeout(done, 500); });
    if (!registration) await devtools.send("ServiceWorker.disable");
  }
  assert(registration, "the worker of the phone is registered");
  await devtools.send("ServiceWorker.deliverPushMessage", { origin: options.url, registrationId: registration.registrationId, data: JSON.stringify(told) });
  const shown = () => other.evaluate(async () => (await (await navigator.serviceWorker.ready).getNotifications()).map(({ title, body }) => ({ title, body })));
  for (let tries = 0; tries < 50 && (await shown()).length === 0; tries += 1) await new Promise((done) => { setTimeout(done, 100); });
  assert((await shown())[0]?.body === called, JSON.stringify(await shown()));

  // The person opens the phone, as the notice does; the call has waited and rings.
  const again = await own.context.newPage();
  await openPhone(again, options, called);
  await answer(again);
  await assertHeard([theirs.page, again], "the call that has waited is heard");
  await hangUp(again);
  console.log(`woken for ${told.account}, and heard`);
  none([...own.faults, ...theirs.faults], "woken");
  service.close();
  await own.context.close();
  await theirs.close();
}
