// The web phone in a page of another origin and of another site: 127.0.0.1 holds it, localhost serves it. The page is that of a small
// server which has a token of the API that is good for tickets alone.
import http from "node:http";
import { join } from "node:path";
import { accessible, assert, look, none, visit } from "./visit.mjs";
import { answer, assertHeard, card, dial, gone, hangUp, openPhone } from "./line.mjs";

/** Links that say what they should not; none may be dialled, and none may run. */
const HOSTILE = [
  "javascript:window.ran=1", "data:text/html,<script>window.ran=1</script>", "tel:javascript:1", "sip:bob", "sip:@example.org",
  "sip:bo%E2%80%AEb@example.org", "sip:bob\u202e@example.org", "sip:bob@exam\u202eple.org", "sip:<img src=x onerror=window.ran=1>@example.org",
  "sip:bob%0d%0aRoute:%20evil@example.org", "sip:bob@example.org%0d%0aX: y", `tel:${"1".repeat(5_000)}`, `sip:${"b".repeat(5_000)}@example.org`, "tel:+33%", "tel:", "mailto:bob@example.org", "https://evil.example/", "sip:bob:secret@example.org", "sip:bob@a@b", "",
];
/** Links of which only whom to call is taken. */
const TAKEN = [
  ["tel:+33%201%2023-45", "+3312345"], ["tel:+33-1.2345;ext=7", "+3312345"], ["tel:7042;phone-context=evil.example", "7042"],
  ["sip:bob@example.org?Route=%3Csip:evil.example;lr%3E", "bob@example.org"], ["sip:bob@example.org;maddr=192.0.2.66;transport=udp", "bob@example.org"],
  ["SIPS:bob@example.org:5061", "sips:bob@example.org:5061"], ["web+sip:bob@example.org", "bob@example.org"], ["1001", "1001"], ["bob", "bob"],
];

/** A page of the customers of somebody; what is not listed gives the script of its own, which the browser lets it run. */
async function crm({ url, token, port = 0 }) {
  const script = await (await fetch(`${url}/embed/coeur-phone.js`)).text();
  const page = (from, more) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>Customers</title><h1>Customers</h1>
    <script type="module">
      window.said = [];
      const phone = document.querySelector("coeur-phone");
      for (const type of ["ready", "call", "refused", "ticket-needed"]) phone.addEventListener(type, ({ detail }) => window.said.push({ type, ...detail }));
      phone.addEventListener("ticket-needed", async () => phone.signIn(await (await fetch("/ticket", { method: "POST" })).text()).catch(() => {}));
      // After those who listen.
      import("${from}").catch(() => { window.refused = true; });
    </script><p><a id="bob" href="sip:bob@interop.test?Route=%3Csip:evil.example%3Blr%3E">Bob</a> <a id="bad" href="sip:bo%E2%80%AEb@interop.test">Bo‮b</a></p>
    <coeur-phone account="alice@interop.test" links ${more}></coeur-phone>`;
  const ticketOf = async (origin) => {
    const headers = { "Authorization": `Bearer ${token}`, "Content-Type": "application/json" };
    const given = await fetch(`${url}/api/v1/phone_tickets`, { method: "POST", headers, body: JSON.stringify({ account: "alice@interop.test", origin }) });
    return { status: given.status, ...await given.json() };
  };
  const server = http.createServer(async (request, response) => {
    const origin = `http://${request.headers.host}`;
    const say = (type, text) => response.setHeader("content-type", type).end(text);
    if (request.url === "/ticket") return say("text/plain", (await ticketOf(origin)).ticket ?? "");
    if (request.url === "/copy.js") return say("text/javascript", script);
    if (request.url === "/copy") return say("text/html", page("/copy.js", `server="${url}"`));
    if (request.url === "/intruder") return say("text/html", `<script>for (const at of [parent, ...Array.from({ length: parent.length }, (_, n) => parent[n])]) at.postMessage({ coeur: "call", call: { id: 66, state: "ringing" }, to: "bob", n: 66 }, "*");</script>`);
    return say("text/html", page(`${url}/embed/coeur-phone.js`, ""));
  });
  await new Promise((done) => { server.listen(port, "127.0.0.1", done); });
  return { port: server.address().port, ticketOf, close: () => server.close() };
}

const heardOf = (page, type, more = {}) => page.waitForFunction(([wanted, values]) => window.said.some((one) => one.type === wanted && Object.entries(values).every(([name, value]) => one[name] === value)), [type, more], { timeout: 25_000 });
const phoneIn = async (page) => (await (await page.locator("coeur-phone iframe").elementHandle()).contentFrame());

export async function embed(browser, options) {
  const { url } = options;
  const listed = await crm({ url, token: options.token, port: options.port });
  const stranger = await crm({ url, token: options.token });
  const own = await visit(browser, options);
  await own.context.grantPermissions(["microphone", "camera"], { origin: url });
  await openPhone(own.page, options, "bob@interop.test");
  try {
    await elsewhere(browser, options, own.page, listed);
    await sameSite(browser, options, listed);
    await notListed(browser, options, stranger, listed);
    await links(own, options);
    await oneLine(own, options);
  } finally {
    listed.close();
    stranger.close();
  }
  none(own.faults, "the phone of bob");
  await own.close();
}

async function elsewhere(browser, { url, pictures }, bob, listed) {
  const context = await browser.newContext({ locale: "en-GB" });
  const origin = `http://127.0.0.1:${listed.port}`;
  await context.grantPermissions(["microphone", "camera"], { origin });
  await context.addInitScript(() => {
    const Plain = WebSocket;
    window.opened = [];
    window.WebSocket = class extends Plain { constructor(...all) { super(...all); window.opened.push(this); } };
    window.WebSocket.OPEN = Plain.OPEN;
    window.WebSocket.CONNECTING = Plain.CONNECTING;
  });
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(`an error: ${error.stack || error}`));
  page.on("console", (message) => { if (message.type() === "error" && !/401|\/auth\/session/.test(message.text())) faults.push(`${message.text()} ${message.location().url}`); });
  await page.goto(origin);
  await heardOf(page, "ready", { account: "alice@interop.test" });
  const phone = await phoneIn(page);
  const el = (act, argument) => page.evaluate(([name, value]) => document.querySelector("coeur-phone")[name](value).then((got) => ({ got }), (problem) => ({ reason: problem.reason })), [act, argument]);
  assert((await context.cookies()).length === 0, "the phone of another site keeps no cookie");

  // A call by the method, heard both ways, ended by the method.
  const { got: id } = await el("call", "bob");
  await answer(bob);
  await heardOf(page, "call", { id, state: "talking", direction: "outgoing" });
  await assertHeard([phone, bob], "the call of the embedded phone is heard both ways");
  assert(await phone.evaluate(async () => (await import(new URL("../phone/line.js", document.querySelector("script[type=module]").src))).renew()), "credentials of TURN are renewed while the WebSocket lives");
  faults.push(...await accessible(phone));
  if (pictures) await page.screenshot({ path: join(pictures, "phone-embedded.png") });
  await el("hangUp");
  await heardOf(page, "call", { id, state: "over" });
  await gone(bob);
  // One that comes, answered by the method.
  await dial(bob, "alice");
  await heardOf(page, "call", { state: "ringing", direction: "incoming", name: "bob" });
  assert(JSON.stringify(await el("answer")) === "{\"got\":null}", "answered by the method");
  await assertHeard([phone, bob], "the call to the embedded phone is heard both ways");
  await hangUp(bob);
  await gone(phone);

  // A link asks, and calls nobody by itself; one key says yes.
  const calls = () => page.evaluate(() => window.said.filter((one) => one.type === "call").length);
  const before = await calls();
  await page.locator("#bob").click();
  await phone.locator(".asked bdi").waitFor();
  if (pictures) await page.screenshot({ path: join(pictures, "phone-asked.png") });
  assert(await phone.locator(".asked bdi").textContent() === "bob@interop.test", "what the link says of headers is not shown, nor done");
  await page.waitForTimeout(1_000);
  assert(await calls() === before && await bob.locator(".callcard").count() === 0, "a link calls nobody by itself");
  await phone.locator(".asked .primary").press("Enter");
  await card(bob, "alice").waitFor();
  await answer(bob);
  await assertHeard([phone, bob], "the call of a link is heard");
  await el("hangUp");
  await gone(bob);
  await page.locator("#bad").click();
  await heardOf(page, "refused", { reason: "address" });
  assert((await el("call", "javascript:window.ran=1")).reason === "address" && (await el("hangUp")).reason === "no-call", "what cannot be done is said");

  // A page that is neither of ours nor the one around: nothing is heard of it, here nor there.
  const silent = await calls();
  await page.evaluate((place) => { const frame = document.createElement("iframe"); frame.src = place; document.body.append(frame); }, `http://localhost:${listed.port}/intruder`);
  const around = origin;
  await phone.evaluate((host) => {
    const data = { coeur: "call", to: "bob", n: 67 };
    for (const [from, source] of [["https://evil.example", parent], [host, window], ["null", parent]]) dispatchEvent(new MessageEvent("message", { origin: from, source, data }));
  }, around);
  await page.waitForTimeout(1_500);
  assert(await calls() === silent && await bob.locator(".callcard").count() === 0, "messages of others are ignored");

  // When the line is lost the page is asked for another ticket, and no other will do.
  const asked = await page.evaluate(() => window.said.filter((one) => one.type === "ticket-needed").length);
  const ready = await page.evaluate(() => window.said.filter((one) => one.type === "ready").length);
  await phone.evaluate(() => { window.opened.at(-1).close(); });
  await page.waitForFunction(([tickets, lines]) => window.said.filter((one) => one.type === "ticket-needed").length > tickets && window.said.filter((one) => one.type === "ready").length > lines, [asked, ready], { timeout: 25_000 });
  const { ticket } = await listed.ticketOf(origin);
  assert((await el("signIn", ticket)).got === "alice@interop.test", "a ticket that is left over is kept for a while");
  assert((await el("signIn", ticket)).reason === "ticket", "a ticket counts once");
  await heardOf(page, "refused", { reason: "ticket" });
  const stolen = await fetch(`${url}/line/sign_in`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ ticket: (await listed.ticketOf(origin)).ticket, origin: `http://localhost:${listed.port}` }) });
  assert(stolen.status === 401, `a ticket of another page: ${stolen.status}`);

  // Who is signed out while a ticket is being traded stays so, is asked for none, and may be signed in again.
  const count = (type) => page.evaluate((name) => window.said.filter((one) => one.type === name).length, type);
  const [lines, wanted] = [await count("ready"), await count("ticket-needed")];
  const [late, last] = [await listed.ticketOf(origin), await listed.ticketOf(origin)];
  const both = await page.evaluate((given) => {
    const one = document.querySelector("coeur-phone");
    const late = new Promise((done) => { setTimeout(done, 10_000, ["no answer"]); });
    const all = Promise.all([one.signIn(given).then(() => "in", ({ reason }) => reason), one.signOut().then(() => "out")]);
    return Promise.race([all, late]);
  }, late.ticket);
  assert(both.join() === "failed,out", `signed in and out at once: ${both}`);
  await page.waitForTimeout(1_500);
  assert(await count("ready") === lines && await count("ticket-needed") === wanted, "who has signed out is not signed in again");
  assert((await el("signIn", last.ticket)).got === "alice@interop.test", "signed in again");
  await page.waitForFunction((before) => window.said.filter((one) => one.type === "ready").length > before, lines, { timeout: 25_000 });

  // No other page of ours is shown there, not to the listed page either.
  for (const place of ["/phone", "/", "/phone?embed=1", "/phone?embed=1&host=https://crm.example.org", "/accounts?embed=1"]) {
    await page.evaluate((src) => { const frame = Object.assign(document.createElement("iframe"), { src, id: "other" }); document.querySelector("#other")?.remove(); document.body.append(frame); }, url + place);
    const frame = await (await page.locator("#other").elementHandle()).contentFrame();
    await page.waitForTimeout(600);
    assert(frame.url().startsWith("chrome-error:"), `${place} in a frame: ${frame.url()}`);
  }
  const meant = faults.filter((fault) => !/Refused to frame|frame-ancestors|X-Frame-Options|Framing/.test(fault));
  none(meant, "the page of another site");
  await context.close();
}

/** Of another port of the same host: the session of the console comes along, and no ticket is wanted. */
async function sameSite(browser, { state }, listed) {
  const context = await browser.newContext({ locale: "en-GB", storageState: state });
  const page = await context.newPage();
  await page.goto(`http://localhost:${listed.port}`);
  await heardOf(page, "ready", { account: "alice@interop.test" });
  assert(await page.evaluate(() => window.said.every((one) => one.type !== "ticket-needed")), "no ticket is wanted");
  await context.close();
}

async function notListed(browser, { url }, stranger, listed) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const said = [];
  page.on("console", (message) => said.push(message.text()));
  const origin = `http://127.0.0.1:${stranger.port}`;
  await page.goto(origin);
  await page.waitForFunction(() => window.refused);
  assert(said.some((text) => /CORS/.test(text)), `the script is refused, and the browser says why: ${said}`);
  await page.goto(`${origin}/copy`);
  await heardOf(page, "refused", { reason: "blocked" });
  assert(said.some((text) => /frame-ancestors/.test(text)) && said.some((text) => text.includes("embed_origins")), `the frame is refused: ${said.join("\n")}`);
  // At once, and not after another time of waiting; a link is the browser's again.
  const since = Date.now();
  const reasons = await page.evaluate(() => {
    const phone = document.querySelector("coeur-phone");
    return Promise.all([phone.call("bob"), phone.signIn("a ticket")].map((one) => one.then(() => "done", ({ reason }) => reason)));
  });
  assert(reasons.join() === "blocked,blocked" && Date.now() - since < 5_000, `a phone that is not shown: ${reasons}`);
  const isTaken = await page.evaluate(() => {
    let taken = null;
    addEventListener("click", (event) => { taken = event.defaultPrevented; event.preventDefault(); }, { once: true });
    document.querySelector("#bob").click();
    return taken;
  });
  assert(isTaken === false, "a link is left to the browser where there is no phone");
  const { status, code } = await stranger.ticketOf(origin);
  assert(status === 400 && code === "invalid", `no ticket for a page that is not listed: ${status} ${code}`);
  const framed = await fetch(`${url}/phone?embed=1&host=${encodeURIComponent(`http://127.0.0.1:${listed.port}`)}`);
  assert(framed.headers.get("content-security-policy").includes(`frame-ancestors http://127.0.0.1:${listed.port}`), "the policy names the page");
  await context.close();
}

/** In our own phone: an address with a link in it, as the browser or the system hands it over. */
async function links({ page, faults }, { url }) {
  const target = await page.evaluate(async ([hostile, taken]) => {
    const place = [...document.scripts].find((one) => one.type === "module").src;
    const { targetOf } = await import(new URL("../phone/target.js", place));
    return [hostile.filter((link) => targetOf(link) !== null), taken.filter(([link, to]) => targetOf(link) !== to).map(([link]) => [link, targetOf(link)])];
  }, [HOSTILE, TAKEN]);
  assert(target.every((list) => list.length === 0), `taken for what it is not: ${JSON.stringify(target)}`);
  for (const link of HOSTILE.filter((one) => one && one.length < 600)) {
    await page.goto(`${url}/phone?account=bob%40interop.test&call=${encodeURIComponent(link)}`);
    await page.locator(".toast").first().waitFor();
    assert(await page.locator(".asked").count() === 0, `asked about: ${link}`);
    await look(page, faults);
  }
  await page.goto(`${url}/phone?account=bob%40interop.test&call=${encodeURIComponent("sip:alice@interop.test")}`);
  await page.locator(".page-head .live:not(.off)").waitFor();
  await page.locator(".asked bdi").waitFor();
  // Keys that were meant for another page.
  const yes = page.locator(".asked .primary");
  const early = await page.evaluate(() => { const button = document.querySelector(".asked .primary"); button.click(); return button.disabled; });
  assert(early && await page.locator(".dialer .primary").isDisabled(), "what was pressed before it could be seen says nothing, and nothing else calls");
  for (let times = 0; times < 12; times += 1) {
    await page.keyboard.down("Enter");
    await page.waitForTimeout(120);
  }
  assert(await yes.isDisabled(), "while a key is held it is not to be answered");
  await page.waitForFunction(() => document.activeElement?.matches(".asked .primary"));
  await page.keyboard.down("Enter");
  await page.keyboard.up("Enter");
  assert(await page.locator(".asked").count() === 1, "a key that is held says nothing");
  // What somebody has gone to keeps the focus when the line comes back.
  await page.locator("#dial-to").focus();
  await lineOf(page, "reopen");
  await page.locator(".page-head .live:not(.off)").waitFor();
  await page.waitForTimeout(300);
  assert(await yes.isEnabled() && await page.evaluate(() => document.activeElement.id) === "dial-to", "asked once, not each time that the line comes back");
  faults.push(...await accessible(page));
  await page.waitForTimeout(1_000);
  assert(await page.locator(".callcard").count() === 0, "nobody is called by a link");
  assert(!page.url().includes("call="), "who loads the page again is not asked again");
  const before = await lineOf(page, "count");
  await page.evaluate(() => { const button = document.querySelector(".asked .primary"); button.click(); button.click(); });
  for (let tries = 0; tries < 50 && await lineOf(page, "count") === before; tries += 1) await page.waitForTimeout(100);
  await page.waitForTimeout(500);
  assert(await lineOf(page, "count") === before + 1 && await page.locator(".asked").count() === 0, "two clicks are one call");
  await gone(page);
  const known = await page.evaluate(() => ["tel", "sip", "sips"].filter((scheme) => { try { navigator.registerProtocolHandler(scheme, `${location.origin}/phone?call=%s`); return true; } catch { return false; } }));
  console.log(`schemes that this browser lets a page handle: ${known.join(", ")}`);
  assert(known.includes("tel") && known.includes("sip"), "tel and sip");
  await look(page, faults);
}

/** What the line of this page does and has, past what a person sees of it. */
const lineOf = (page, act) => page.evaluate(async (name) => {
  const place = [...document.scripts].find((one) => one.type === "module").src;
  const { calls, close, history, open, reopen, state } = await import(new URL("../phone/line.js", place));
  const [whose, opened, Plain] = ["bob@interop.test", [], WebSocket];
  const wait = (ms) => new Promise((done) => { setTimeout(done, ms); });
  const settled = async () => { for (let tries = 0; tries < 100 && state.value.name !== "ready"; tries += 1) await wait(100); return state.value.name; };
  const acts = {
    count: () => calls.value.length + history.value.length,
    reopen,
    twice: async () => {
      close();
      window.WebSocket = class extends Plain { constructor(...all) { super(...all); opened.push(this); } };
      await Promise.all([open(whose), open(whose)]);
      const both = await settled();
      await wait(1_000);
      return `${both} ${state.value.name} ${opened.filter((one) => one.readyState === Plain.OPEN).length}`;
    },
    closed: async () => {
      close();
      const late = open(whose);
      close();
      await Promise.race([late, wait(5_000)]);
      await wait(1_000);
      return state.value.name;
    },
    again: () => { open(whose); return settled(); },
  };
  return acts[name]();
}, act);

/** Two openings at once are one line, and one that is closed meanwhile is none. */
async function oneLine({ page }, options) {
  await openPhone(page, options, "bob@interop.test");
  for (const [act, wanted] of [["twice", "ready ready 1"], ["closed", "off"], ["again", "ready"]]) {
    const found = await lineOf(page, act);
    assert(found === wanted, `${act}: ${found}`);
  }
}
