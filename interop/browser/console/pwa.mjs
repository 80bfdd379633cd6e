// The console as a program: a browser would install it, opens it without a network, keeps nothing of the API, and is woken.
import { assert, none, visit } from "./visit.mjs";

export async function pwa(browser, options) {
  const { context, page, faults, go, close } = await visit(browser, options, { serviceWorkers: "allow" });
  await context.grantPermissions(["notifications"], { origin: options.url });
  await go("/phone");
  await page.evaluate(() => navigator.serviceWorker.ready.then(({ active }) => active.state === "activated" || new Promise((done) => active.addEventListener("statechange", done))));
  await go("/records");
  await go("/");
  const devtools = await context.newCDPSession(page);
  const manifest = await devtools.send("Page.getAppManifest");
  assert(manifest.errors.length === 0 && manifest.url.endsWith("/manifest.webmanifest"), JSON.stringify(manifest.errors));
  const { installabilityErrors } = await devtools.send("Page.getInstallabilityErrors");
  // What Chromium says of a window that keeps nothing is not about us.
  const hindered = installabilityErrors.filter(({ errorId }) => errorId !== "in-incognito");
  assert(hindered.length === 0, JSON.stringify(hindered));

  const kept = await page.evaluate(async () => {
    const names = await caches.keys();
    const requests = await Promise.all(names.map(async (name) => (await (await caches.open(name)).keys()).map(({ url }) => new URL(url).pathname)));
    return { names, paths: requests.flat() };
  });
  const place = await page.evaluate(() => new URL(document.querySelector("script[src]").src).pathname.replace(/app\/main\.js$/, ""));
  assert(kept.names.length === 1, `caches: ${kept.names}`);
  assert(kept.paths.length > 8 && kept.paths.every((path) => path.startsWith(place)), `kept: ${kept.paths.filter((path) => !path.startsWith(place))}`);
  none(faults, "with a network");

  await context.setOffline(true);
  await page.goto(`${options.url}/calls`);
  await page.getByText("The server is not reached").waitFor();
  assert(await page.getByText("Le serveur est injoignable").isVisible(), "it says so in French too");
  assert(await page.evaluate(() => getComputedStyle(document.body).fontFamily.includes("Figtree")), "its styles were kept");
  await context.setOffline(false);
  await page.waitForSelector("main#main h1", { timeout: 20_000 });
  faults.splice(0);

  // What another build has left goes when this one takes over.
  await page.evaluate(async () => { await (await caches.open("coeur/assets/0000000000000000/")).put("/assets/0000000000000000/x.js", new Response("old")); });
  await page.evaluate(async () => { await (await navigator.serviceWorker.ready).unregister(); });
  await go("/");
  await page.waitForFunction(async () => (await caches.keys()).length === 1, null, { timeout: 10_000 });

  // A push as Chromium hands it over: through DevTools, since a browser of a test is subscribed with nobody.
  await devtools.send("ServiceWorker.enable");
  const registration = await new Promise((done) => {
    devtools.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => { const found = registrations.find(({ scopeURL, isDeleted }) => scopeURL === `${options.url}/` && !isDeleted); if (found) done(found); });
    devtools.send("ServiceWorker.disable").then(() => devtools.send("ServiceWorker.enable"));
  });
  const push = (told) => devtools.send("ServiceWorker.deliverPushMessage", { origin: options.url, registrationId: registration.registrationId, data: JSON.stringify(told) });
  const shown = () => page.evaluate(async () => (await (await navigator.serviceWorker.ready).getNotifications()).map(({ title, body, tag }) => ({ title, body, tag })));
  await page.evaluate(() => { window.told = []; navigator.serviceWorker.addEventListener("message", ({ data }) => window.told.push(data)); });
  await push({ uuid: "u-1", reason: "call", account: "bob@example.org" });
  await page.waitForFunction(() => window.told.length === 1);
  for (let tries = 0; tries < 50 && (await shown()).length === 0; tries += 1) await new Promise((done) => { setTimeout(done, 100); });
  const [note] = await shown();
  assert(note?.title === "A call comes in" && note.body === "bob@example.org" && note.tag === "u-1", `shown: ${JSON.stringify(await shown())}`);
  await push({ uuid: "u-1", reason: "call", account: "bob@example.org" });
  await page.waitForFunction(() => window.told.length === 2);
  assert((await shown()).length === 1, "one call is told once");
  console.log(`${kept.paths.length} files kept, all of this build; a push shows ${JSON.stringify(note)}`);
  none(faults, "woken");
  await close();
}
