// The API, and nothing else, is where the console has its data from. Who is not signed in is sent to do so.
import { signal, useEffect, useState, useRef } from "./h.js";
import { listen, live } from "./live.js";
import { language } from "./words.js";

const BASE = "/api/v1";
/** Who I am: `null` until it is known. */
export const session = signal(null);
/** False while the server does not answer. */
export const reachable = signal(true);

/** A problem as RFC 9457 has it: what went wrong, and what to do. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail ?? body.title ?? String(status));
    Object.assign(this, { status, code: body.code ?? "", title: body.title ?? "", hint: body.hint ?? "", errors: body.errors ?? [], trace: body.trace_id ?? "" });
  }
}

/** How somebody proves once more who he is, for what is dangerous: a promise whether he has. */
let prove = null;
export const provedBy = (how) => { prove = how; };

/** A `body` that is text goes as it is, and `headers` say what it is. */
export async function ask(method, path, { query, body, headers = {}, signal: stop } = {}) {
  const url = new URL(path.startsWith("/") ? path : `${BASE}/${path}`, location.origin);
  for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value);
  const unsafe = method !== "GET";
  const all = { "Accept": "application/json", "Accept-Language": language.value, ...headers };
  if (body !== undefined) all["Content-Type"] ??= method === "PATCH" ? "application/merge-patch+json" : "application/json";
  if (unsafe && !session.value) await asking?.catch(() => {});
  if (unsafe && session.value) all["X-CSRF-Token"] = session.value.csrf_token;
  if (method === "POST") all["Idempotency-Key"] ??= crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
  let answer;
  try {
    answer = await fetch(url, { method, headers: all, signal: stop, cache: "no-store", body: typeof body === "string" ? body : body && JSON.stringify(body) });
  } catch (error) {
    if (error.name !== "AbortError") reachable.value = false;
    throw error;
  }
  reachable.value = true;
  if (answer.status === 401 && path !== "/auth/step-up") return signIn();
  const text = await answer.text();
  let value = null;
  try { value = text ? JSON.parse(text) : null; } catch { value = { detail: text.slice(0, 300) }; }
  if (value?.code === "step_up_required" && prove && await prove()) return ask(method, path, { query, body, headers, signal: stop });
  if (!answer.ok) throw new Problem(answer.status, value ?? {});
  return value;
}

export const get = (path, query, stop) => ask("GET", path, { query, signal: stop });
export const post = (path, body, options) => ask("POST", path, { body: body ?? {}, ...options });
export const patch = (path, body, options) => ask("PATCH", path, { body, ...options });
export const remove = (path, options) => ask("DELETE", path, options);

/** A promise that never ends: the page goes away. */
function signIn() {
  const next = location.pathname + location.search;
  location.assign(`/sign-in?next=${encodeURIComponent(next)}`);
  return new Promise(() => {});
}

/** Who I am and what I may, as the sign-in says it. */
export async function whoAmI() {
  asking = ask("GET", "/auth/session");
  session.value = await asking;
}
/** What changes something waits for it: it carries a token of the session. */
let asking = null;

/** Answers that were heard, by what was asked: shown at once when a page is come back to. At most [`KEPT_MAX`]. */
const heard = new Map();
const KEPT_MAX = 60;

function keepAnswer(key, value) {
  heard.delete(key);
  heard.set(key, value);
  if (heard.size > KEPT_MAX) heard.delete(heard.keys().next().value);
}

/** While events are heard, what they tell of is asked for so many times less often. */
const HEARD_RARER = 6;
/** Milliseconds in which events are gathered before it is asked again. */
const GATHER_MS = 150;

/**
 * What the server says about `path`, asked again every `every` ms while the page can be seen, and as soon as an event whose
 * type begins as one of `wake` is heard. `path` null asks nothing. Returns { data, problem, loading, reload }.
 */
export function useAsk(path, query, every, wake) {
  const key = path && `${path}?${JSON.stringify(query ?? {})}&${language.value}`;
  const [, redraw] = useState(0);
  const state = useRef({ key: null, data: undefined, problem: null });
  if (state.current.key !== key) state.current = { key, data: heard.get(key), problem: null };
  const load = useRef(() => {});
  useEffect(() => {
    if (!key) return undefined;
    const stop = new AbortController();
    let timer;
    load.current = async () => {
      clearTimeout(timer);
      try {
        const data = document.hidden && state.current.data ? state.current.data : await get(path, query, stop.signal);
        keepAnswer(key, data);
        state.current = { key, data, problem: null };
      } catch (problem) {
        if (problem.name === "AbortError") return;
        state.current = { ...state.current, problem };
      }
      if (stop.signal.aborted) return;
      redraw((n) => n + 1);
      if (every) timer = setTimeout(() => load.current(), wake && live.value === "on" ? every * HEARD_RARER : every);
    };
    load.current();
    let gathering = 0;
    const woken = () => { gathering ||= setTimeout(() => { gathering = 0; load.current(); }, GATHER_MS); };
    // Who has no part in the administration is told of no events.
    const deaf = wake && session.value?.role !== "user" ? listen(wake, woken) : () => {};
    return () => { stop.abort(); clearTimeout(timer); clearTimeout(gathering); deaf(); };
  }, [key, every]);
  const { data, problem } = state.current;
  return { data, problem, loading: Boolean(key) && data === undefined && !problem, reload: () => load.current() };
}

/** A list that is had page by page. Returns { rows, more, loadMore, loading, problem, reload }. */
export function usePages(path, query, every, wake) {
  const first = useAsk(path, query, every, wake);
  const key = `${path}?${JSON.stringify(query ?? {})}`;
  const [later, setLater] = useState({ key: null, rows: [], cursor: null });
  const mine = later.key === key && later.rows.length > 0;
  const cursor = mine ? later.cursor : first.data?.next_cursor ?? null;
  const rows = first.data ? [...first.data.data, ...(mine ? later.rows : [])] : [];
  async function loadMore() {
    const page = await get(path, { ...query, cursor });
    setLater({ key, rows: [...(mine ? later.rows : []), ...page.data], cursor: page.next_cursor ?? null });
  }
  return { ...first, rows, more: Boolean(cursor), loadMore, reload: () => { setLater({ key: null, rows: [], cursor: null }); first.reload(); } };
}
