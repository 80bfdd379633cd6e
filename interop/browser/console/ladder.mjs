// A ladder of five hundred messages: drawn at once, walked through by keys, shown whole, and no larger in the document than
// what can be seen of it.
import { assert, none, visit } from "./visit.mjs";

const MESSAGES = 500;
/** Nodes of the document. All rows at once would be some five thousand. */
const NODES_MAX = 1_500;

export async function ladder(browser, options) {
  const { page, faults, go, close } = await visit(browser, options);
  await page.route("**/api/v1/traces?*", (route) => route.fulfill({ json: { data: [conversation()], next_cursor: null, has_more: false } }));
  await page.addInitScript(() => {
    // From the answer of the server to the first picture of the ladder.
    const parse = JSON.parse;
    JSON.parse = (text, ...rest) => { if (text.length > 100_000) window.heardAt = performance.now(); return parse(text, ...rest); };
    new MutationObserver(() => { if (window.heardAt && !window.drawnAt && document.querySelector(".ladder .message")) requestAnimationFrame(() => setTimeout(() => { window.drawnAt ??= performance.now(); })); }).observe(document, { childList: true, subtree: true });
  });
  // The time of the thread of the page, which other work of the machine does not lengthen.
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
  const busy = async () => (await devtools.send("Performance.getMetrics")).metrics.find(({ name }) => name === "TaskDuration").value * 1000;
  await go("/traces");
  const before = await busy();
  await page.evaluate(() => { window.heardAt = 0; });
  await page.locator("main tbody a").click();
  await page.waitForFunction(() => window.drawnAt);
  const cpu = await busy() - before;
  const took = await page.evaluate(() => window.drawnAt - window.heardAt);
  const nodes = () => page.evaluate(() => document.querySelectorAll("*").length);
  console.log(`${MESSAGES} messages drawn ${took.toFixed(0)} ms after they were heard, in ${cpu.toFixed(0)} ms of the page's thread with all else it did; ${await nodes()} nodes`);
  assert(await nodes() < NODES_MAX, `${await nodes()} nodes`);
  assert((await page.locator(".ladder-view").getAttribute("aria-label")).includes(String(MESSAGES)), "not all messages are counted");
  await page.locator(".ladder-view").focus();
  await page.keyboard.press("End");
  await page.waitForSelector(".raw");
  const raw = await page.locator(".raw pre").textContent();
  assert(raw.includes(`CSeq: ${MESSAGES} `), `the last message is not shown: ${raw.slice(0, 200)}`);
  assert(await page.locator(".message.chosen").isVisible(), "the chosen message is not to be seen");
  assert(await nodes() < NODES_MAX, `${await nodes()} nodes at the end`);
  await page.keyboard.press("Home");
  await page.waitForFunction(() => document.querySelector(".raw pre").textContent.includes("CSeq: 1 "));
  assert(await page.locator(".message.again").count() > 0, "what was sent again does not look so");
  assert(await page.locator(".ladder .gap").count() > 0, "no pause is shown");
  await page.keyboard.press("Escape");
  assert(await page.locator(".raw").count() === 0, "Escape does not close the message");
  none(faults, "ladder");
  await close();
}

function conversation() {
  const begin = Date.UTC(2026, 10, 26, 10) * 1000;
  // The third says the second again; after each tenth nothing is said for a while.
  const row = (at) => {
    const isSecond = at % 4 > 1;
    const request = at % 2 === 0;
    const toSecond = isSecond && at !== 2;
    const lines = [request && at !== 2 ? "INVITE sip:bob@example.org SIP/2.0" : "SIP/2.0 200 OK", "Via: SIP/2.0/UDP 192.0.2.10", "From: <sip:alice@example.org>;tag=1", "To: <sip:bob@example.org>", `CSeq: ${at + 1} INVITE`, "Call-ID: long"];
    return { at_us: begin + at * 40_000 + Math.floor(at / 10) * 4_000_000, direction: request ? "received" : "sent", remote: toSecond ? "192.0.2.11:5061" : "192.0.2.10:5060", transport: toSecond ? "tls" : "udp", text: lines.join("\n") };
  };
  const rows = Array.from({ length: MESSAGES }, (_, at) => row(at));
  rows[2] = { ...rows[1], at_us: rows[2].at_us };
  return { call_id: "long", last_at: "2026-11-26T10:01:00Z", messages_count: MESSAGES, messages: rows };
}
