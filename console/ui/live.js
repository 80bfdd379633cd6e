// What happens, as the server tells it: one stream of Server-Sent Events for the whole page, behind the last that was heard.
// It is read with `fetch`, which says why it was refused and may be ended; `EventSource` can do neither.
import { signal } from "./h.js";
import { language } from "./words.js";

const PATH = "/api/v1/events";
/** Milliseconds until it is tried again: doubled with each failure, and never the same for all pages. */
const WAIT_MS_MIN = 1_000;
const WAIT_MS_MAX = 30_000;
/** The server says something every 15 s; who hears nothing for longer is not connected any more. */
const SILENCE_MS_MAX = 45_000;
/** A page that is not seen for so long leaves its place to others; it hears what it has missed when it is seen again. */
const HIDDEN_MS_MAX = 60_000;
/** Letters of one event that has not ended. */
const EVENT_LETTERS_MAX = 1 << 20;

/** `off` while nobody wants it, `opening`, `on`, `lost` while it is tried again, `refused` where one may not listen. */
export const live = signal("off");

const listeners = new Set();
let last = "";
let stop = null;
let hidden = 0;

/** `heard(event)` is given each CloudEvent whose type begins as one of `types`, and `stream.gap`. Returns how to end it. */
export function listen(types, heard) {
  const listener = { types, heard };
  listeners.add(listener);
  if (!stop) run();
  return () => {
    listeners.delete(listener);
    // The next page wants it in the same breath.
    setTimeout(() => { if (listeners.size === 0) end("off"); }, 2_000);
  };
}

function end(name) {
  stop?.abort();
  stop = null;
  live.value = name;
}

async function run() {
  stop = new AbortController();
  const mine = stop;
  for (let wait = WAIT_MS_MIN; !mine.signal.aborted;) {
    live.value = live.value === "lost" ? "lost" : "opening";
    try {
      if (await stream(mine, () => { wait = WAIT_MS_MIN; live.value = "on"; }) === "refused") { live.value = "refused"; return; }
    } catch { /* It is tried again, whatever it was. */ }
    if (mine.signal.aborted) return;
    live.value = "lost";
    await new Promise((done) => { setTimeout(done, wait * (0.75 + Math.random() / 2)); });
    wait = Math.min(WAIT_MS_MAX, wait * 2);
  }
}

/** One connection, until it ends. */
async function stream(mine, opened) {
  const headers = { Accept: "text/event-stream", "Accept-Language": language.value, ...(last && { "Last-Event-ID": last }) };
  const once = new AbortController();
  const both = () => once.abort();
  mine.signal.addEventListener("abort", both, { once: true });
  let quiet = setTimeout(both, SILENCE_MS_MAX);
  try {
    const answer = await fetch(PATH, { headers, signal: once.signal, cache: "no-store" });
    if ([401, 403, 404].includes(answer.status)) return "refused";
    if (!answer.ok) throw new Error(String(answer.status));
    opened();
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return "ended";
      clearTimeout(quiet);
      quiet = setTimeout(both, SILENCE_MS_MAX);
      const parts = (rest + value).split(/\r?\n\r?\n/);
      rest = parts.pop();
      if (rest.length > EVENT_LETTERS_MAX) throw new Error("an event without end");
      parts.forEach(tell);
    }
  } finally {
    clearTimeout(quiet);
    mine.signal.removeEventListener("abort", both);
    once.abort();
  }
}

/** The fields of one event, as the HTML standard reads them (section 9.2.6); what is no event of ours is passed over. */
function tell(text) {
  const fields = text.split(/\r?\n/).map((line) => /^(\w+): ?(.*)$/.exec(line)).filter(Boolean);
  const value = (name) => fields.filter(([, field]) => field === name).map(([, , said]) => said).join("\n");
  const data = value("data");
  if (!data) return;
  if (value("id")) last = value("id");
  let event;
  try { event = JSON.parse(data); } catch { return; }
  for (const { types, heard } of [...listeners]) {
    if (event.type === "stream.gap" || types.some((start) => String(event.type).startsWith(start))) heard(event);
  }
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(hidden);
  if (document.hidden) hidden = setTimeout(() => end("off"), HIDDEN_MS_MAX);
  else if (!stop && listeners.size > 0) run();
});
