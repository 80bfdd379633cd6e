// The phone in a frame of somebody else's page. The page around it speaks to it by messages: only the one whose origin the server
// has written into this document is heard, and told anything (docs/decisions/0072). The other end is coeur-phone.js.
import { effect, html, names, render, signal, useEffect } from "../ui/h.js";
import { Empty } from "../ui/parts.js";
import { Toasts } from "../ui/toast.js";
import { choose, LANGUAGES, ready as wordsReady, t } from "../ui/words.js";
import { chooseTheme } from "../ui/theme.js";
import { session } from "../ui/api.js";
import { account, calls, close, holdOthers, open, state } from "../phone/line.js";
import { look } from "../phone/devices.js";
import { quiet, ring } from "../phone/ringer.js";
import { Asked, askAbout, begin, Dialer } from "../phone/dialer.js";
import { CallCard } from "../phone/card.js";
import { targetOf } from "../phone/target.js";
import { Tickets } from "./tickets.js";

const host = document.querySelector("meta[name=coeur-host]").content;
const asked = new URLSearchParams(location.search);
/** Whose phone the page around it wants. */
const wanted = asked.get("account") ?? "";
/** Nobody has signed this phone in yet, or its ticket is wanted anew. */
const waits = signal(false);

const tell = (type, more = {}) => parent.postMessage({ ...more, coeur: type }, host);

/** What went wrong, by a word that a program can tell from others. */
class Refused extends Error {
  constructor(reason, detail = "") {
    super(detail || reason);
    this.reason = reason;
  }
}

function refuse(problem) {
  const reason = problem.reason ?? "failed";
  tell("refused", { reason, detail: problem.message ?? "" });
  return reason;
}

const expected = asked.get("by") === "ticket";
const tickets = new Tickets({ host, wanted, expected, needed: (on) => { waits.value = on; if (on) tell("ticket-needed"); }, refuse: (reason, detail) => refuse(new Refused(reason, detail)) });

/** The line is open with the session of the console, as long as that counts. */
let isOneself = false;
/** The page around has signed somebody in or out: the session of the console is asked no more. */
let hasSpoken = false;

/** A page of the same site has the session of the console: its cookie comes along (SameSite=Lax). Elsewhere none does. */
async function bySession() {
  const answer = await fetch("/auth/session", { cache: "no-store", headers: { Accept: "application/json" } }).catch(() => null);
  if (!answer?.ok) return false;
  const found = await answer.json();
  if (hasSpoken) return true;
  session.value = found;
  const { csrf_token: token } = session.value;
  const body = JSON.stringify(wanted ? { account: wanted } : {});
  // No `post` of the console: who is signed out there is sent to a page that no frame shows.
  const ask = async () => {
    if (!isOneself) return tickets.next();
    const given = await fetch("/api/v1/me/phone_ticket", { method: "POST", cache: "no-store", headers: { "Content-Type": "application/json", "X-CSRF-Token": token }, body });
    if (!isOneself) throw new Error("signed in otherwise, or out, meanwhile");
    if (given.ok) return given.json();
    isOneself = false;
    if (given.status === 401) return tickets.next();
    throw new Refused("account", (await given.json().catch(() => ({}))).detail);
  };
  isOneself = true;
  await open(undefined, () => ask().catch((problem) => { if (problem.reason) refuse(problem); throw problem; }));
  return state.value.name !== "refused";
}

function byTicket() {
  return open(undefined, () => tickets.next());
}

/** What the page around may want done, and nothing else. */
const ACTS = {
  "sign-in": async ({ ticket }) => {
    hasSpoken = true;
    const who = await tickets.come(String(ticket));
    if (isOneself) close();
    isOneself = false;
    if (["off", "refused"].includes(state.value.name)) byTicket();
    return who;
  },
  "sign-out": () => {
    hasSpoken = true;
    isOneself = false;
    close();
    tickets.forget();
  },
  call: async ({ to, video, ask }) => {
    const target = targetOf(to);
    if (ask) {
      if (!askAbout(to, Boolean(video))) throw new Refused("address");
      return null;
    }
    if (target === null) throw new Refused("address");
    if (state.value.name !== "ready") throw new Refused("not-ready");
    const made = await begin(target, Boolean(video));
    if (!made) throw new Refused("microphone");
    return made.id;
  },
  answer: ({ id, video }) => {
    const one = of(id, (call) => call.phase.value === "ringing");
    holdOthers(one);
    one.answer({ video: Boolean(video) });
  },
  "hang-up": ({ id }) => { of(id, () => true).end(); },
  language: ({ value }) => LANGUAGES.includes(value) ? choose(value) : undefined,
  theme: ({ value }) => chooseTheme(value),
};

/** The call of this name, or the first that will do. */
function of(id, will) {
  const found = calls.value.find((one) => id === undefined || id === null ? will(one) : one.id === id);
  if (!found) throw new Refused("no-call");
  return found;
}

async function heard({ source, origin, data }) {
  if (source !== parent || origin !== host || !Object.hasOwn(ACTS, String(data?.coeur))) return;
  try {
    tell("done", { n: data.n, value: await ACTS[data.coeur](data) ?? null });
  } catch (problem) {
    tell("done", { n: data.n, reason: problem.reason ?? "failed", detail: problem.message });
  }
}

/** What changes with a call is told: the last that was said of each. */
function tellOfCalls() {
  const said = new Map();
  effect(() => {
    const live = calls.value;
    for (const one of live) say(one, one.phase.value);
    for (const [one] of [...said]) if (!live.includes(one)) { say(one, "over"); said.delete(one); }
  });
  function say(one, phase) {
    if (said.get(one) === phase) return;
    said.set(one, phase);
    const over = phase === "over" ? { cause: one.cause ?? null, status: one.status ?? null, talked_s: one.answeredAt ? Math.round((Date.now() - one.answeredAt) / 1_000) : null } : {};
    tell("call", { call: { id: one.id, state: phase, direction: one.direction === "in" ? "incoming" : "outgoing", peer: one.uri, name: one.name, video: Boolean(one.video), ...over } });
  }
}

function tellOfLine() {
  let before = "";
  effect(() => {
    const { name } = state.value;
    if (name === before) return;
    before = name;
    if (name === "ready") tell("ready", { account: account() });
    else tell("state", { state: name });
  });
}

function Frame() {
  const { name } = state.value;
  const ringing = calls.value.some((one) => one.phase.value === "ringing");
  useEffect(() => { if (!ringing) return undefined; ring(); return quiet; }, [ringing]);
  return html`<main class="embedded"><header class="row apart"><h1 class="clip">${account() || wanted || t("page.phone")}</h1>
      <span class=${names("live", { off: name !== "ready" })} role="status"><i></i><span>${t(waits.value ? "phone.embed.waits" : `phone.state.${name}`)}</span></span></header>
    <${Asked} />${calls.value.map((one) => html`<${CallCard} key=${one.id} call=${one} />`)}<${Dialer} /><${Toasts} /></main>`;
}

/** Opened by itself, or in a page that is not listed, it does nothing. */
function Nobodys() {
  return html`<main class="embedded"><${Empty} icon="call" title=${t("phone.embed.alone")} text=${t("phone.embed.alone.text")} /></main>`;
}

await wordsReady;
const app = document.getElementById("app");
if (!host || parent === window) {
  render(html`<${Nobodys} />`, app);
} else {
  render(html`<${Frame} />`, app);
  addEventListener("message", heard);
  look();
  tellOfLine();
  tellOfCalls();
  tell("hello");
  if (expected || !await bySession()) byTicket();
}
