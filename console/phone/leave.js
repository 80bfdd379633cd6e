// Who signs out leaves nothing of his phone in a browser that others use: no line, no push that names his account, no list
// of his calls (docs/decisions/0066).
import { forget } from "./history.js";
import { forbid } from "./wake.js";

/** Milliseconds for which a server or a push service that does not answer keeps somebody from signing out. */
const LEAVE_MS = 2_000;
const lines = new Set();

/** Who has a line says how it is closed. */
export const onLeave = (close) => { lines.add(close); };

export function leave() {
  const left = Promise.allSettled([...[...lines].map((close) => close()), forbid()]);
  // Last: a call that was hung up for it has gone into the list.
  return Promise.race([left, new Promise((done) => { setTimeout(done, LEAVE_MS); })]).then(forget);
}
