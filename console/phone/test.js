// Is this browser heard? A call to the echo of the server: what comes back is measured.
import { permit } from "./devices.js";
import { call } from "./line.js";

const CALL_MS = 7_000;
const HEAR_MS = 5_000;

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

/** Steps as they are known: [{ name, kind, text, values }]. */
export async function test(told) {
  const steps = [];
  const say = (name, kind, text, values) => { steps.push({ name, kind, text, values }); told([...steps]); return { steps }; };
  const refused = await permit();
  say("microphone", refused ? "bad" : "good", refused ? "phone.test.microphone.bad" : "phone.test.microphone.good");
  if (refused) return { steps };

  const made = call("echo");
  const answered = await until(() => made.phase.value === "talking", () => made.phase.value === "over", CALL_MS);
  if (!answered) {
    made.end();
    return say("call", "bad", "phone.test.call.bad", { why: made.cause ?? "408" });
  }
  say("call", "good", "phone.test.call.good", { ms: made.answeredAt - made.beganAt });
  await wait(HEAR_MS);
  const quality = made.quality.value;
  made.end();
  if (!quality || quality.came === 0) return say("sound", "bad", "phone.test.sound.bad");
  say("sound", quality.lossShare > 0.02 ? "warn" : "good", "phone.test.sound.good", { loss: quality.lossShare, jitter: Math.round(quality.jitterMs) });
  const late = quality.roundTripMs > 250;
  if (quality.roundTripMs !== null) say("delay", late ? "warn" : "good", late ? "phone.test.delay.warn" : "phone.test.delay.good", { ms: Math.round(quality.roundTripMs) });
  return say("path", /^relay/.test(quality.path ?? "") ? "warn" : "good", /^relay/.test(quality.path ?? "") ? "phone.test.path.relay" : "phone.test.path.good", { path: quality.path ?? "?" });
}

async function until(holds, fails, ms) {
  const ends = Date.now() + ms;
  while (Date.now() < ends && !fails()) {
    if (holds()) return true;
    await wait(50);
  }
  return holds();
}
