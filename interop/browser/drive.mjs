// Drives web phones for interop/tests/browser.rs. Lines of JSON come in on standard input, each is answered by one line:
//   {"start": "alice", "library": "jssip", "server": "ws://...", "user", "secret", "domain", "video", "tone": FILE, "tones_hz",
//    "relay": "udp", "tcp", "tls" or null}
//   {"call": "alice", "user": "bob"}   {"report": "alice"}   {"hang_up": "alice"}   {"hold": "alice", "on": true}
//   {"picture": "alice", "file": FILE}
// Each phone is a browser of its own, since the sound of its microphone is set when it starts.
import { build } from "esbuild";
import { chromium } from "playwright-core";
import http from "node:http";
import readline from "node:readline";

const bundle = (await build({
  entryPoints: [new URL("phone.mjs", import.meta.url).pathname], bundle: true, write: false, format: "iife",
})).outputFiles[0].text;
const PAGE = `<!doctype html><meta charset="utf-8"><title>web phone</title>
<style>body{font:16px sans-serif;margin:16px}video{height:200px;background:#222;margin-right:8px}</style>
<h1 id="name">Web phone</h1><video id="theirs" muted></video><video id="ours" muted></video><p id="said"></p>`;

// A real server: Chromium lets a page reach addresses of this machine only when it came from this machine.
const server = http.createServer((_, answer) => answer.setHeader("content-type", "text/html").end(PAGE));
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const origin = `http://localhost:${server.address().port}/`;

const phones = new Map();

async function start(o) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
      "--disable-sync", "--ignore-certificate-errors", "--autoplay-policy=no-user-gesture-required",
      "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", `--use-file-for-fake-audio-capture=${o.tone}`,
    ],
  });
  const page = await (await browser.newContext({ ignoreHTTPSErrors: true, permissions: ["microphone", "camera"],
    viewport: { width: 640, height: 320 } })).newPage();
  await page.goto(origin);
  await page.evaluate((name) => { document.getElementById("name").textContent = `Web phone of ${name}`; }, o.start);
  await page.addScriptTag({ content: bundle });
  phones.set(o.start, { browser, page });
  await page.evaluate((options) => window.coeur.start(options), o);
}

async function handle(o) {
  if (o.start) return start(o);
  const name = o.call ?? o.report ?? o.hang_up ?? o.hold ?? o.picture;
  const { page } = phones.get(name);
  if (o.call) return page.evaluate((user) => window.coeur.call(user), o.user);
  if (o.report) return page.evaluate(() => window.coeur.report());
  if (o.hang_up) return page.evaluate(() => window.coeur.hangUp());
  if (o.hold) return page.evaluate((on) => window.coeur.hold(on), o.on);
  if (o.picture) return page.screenshot({ path: o.file }).then(() => null);
  throw new Error(`unknown: ${JSON.stringify(o)}`);
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = { ok: (await handle(JSON.parse(line))) ?? null };
  } catch (error) {
    answer = { error: String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await Promise.all([...phones.values()].map(({ browser }) => browser.close()));
server.close();
