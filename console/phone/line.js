// The line: one registration, its calls and its texts. It is of the module and not of a page, so a call goes on while
// pages come and go.
import JsSIP from "../vendor/jssip.js";
import { effect, signal } from "../ui/h.js";
import { post } from "../ui/api.js";
import { PhoneCall } from "./call.js";
import { nameOfNumber, whoIs } from "./book.js";
import { keptHistory, remember } from "./history.js";
import { onLeave } from "./leave.js";
import { TicketSocket } from "./socket.js";
import { ASLEEP_EXPIRES_S, answered, contactParams, wakes } from "./wake.js";

/** `off`, `opening`, `ready`, or `lost` while the network or the server is away; `refused` with the reason. */
export const state = signal({ name: "off" });
/** Those that live, the oldest first. */
export const calls = signal([]);
/** Those that are over, the newest first. */
export const history = signal([]);
effect(() => { history.value = keptHistory(); });
/** By whom: [{ from: "me" | "them", text, at, state }], of this visit. */
export const texts = signal({});
/** Calls that ring are told to whoever wants to make a sound. */
export const onRing = signal(null);

const EXPIRES_S = 300;
/** Credentials of TURN live ten minutes. */
const RENEW_EVERY_MS = 240_000;
/** Texts of one conversation that are kept in the page. */
const TEXTS_MAX = 200;
const TEXT_BYTES_MAX = 1_300;

let agent = null;
let ticket = null;
let renewing = 0;
/** Grows with each opening and each closing: what an earlier one still waits for is nobody's. */
let turn = 0;

export const account = () => ticket?.account ?? "";
export const domain = () => account().split("@")[1] ?? "";

/** With the session of the console. */
const asOneself = (wanted) => () => post("me/phone_ticket", wanted ? { account: wanted } : {});

/** Opens the line of an account, of the only one where none is named. `given` brings a ticket each time one is wanted. */
export async function open(wanted, given = asOneself(wanted)) {
  if (agent) return;
  const mine = ++turn;
  state.value = { name: "opening" };
  const ask = () => given().then((one) => { if (mine === turn) ticket = one; return one; });
  try {
    // Who is here is known once there is a ticket.
    const first = await ask();
    if (mine !== turn) return;
    const params = await contactParams();
    if (mine === turn) start(new TicketSocket(ask, first), first, params);
  } catch (problem) {
    if (mine === turn) state.value = { name: "refused", problem };
  }
}

/** A name of this page that leads nowhere but back over its connection (RFC 7118 section 5.5). */
const nobody = () => Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => "abcdefghijklmnopqrstuvwxyz"[byte % 26]).join("");

function start(socket, given, params) {
  const made = new JsSIP.UA({
    contact_uri: `sip:${nobody()}@${nobody()}.invalid;transport=ws${params}`,
    sockets: [socket], uri: `sip:${given.account}`, display_name: given.display_name || undefined, register: true,
    register_expires: wakes.value ? ASLEEP_EXPIRES_S : EXPIRES_S, session_timers: true, connection_recovery_min_interval: 1, connection_recovery_max_interval: 15,
    user_agent: "Coeur web phone",
  });
  agent = made;
  // One that is being stopped says nothing of its successor.
  const on = (name, act) => made.on(name, (event) => { if (agent === made) act(event); });
  on("registered", ({ response }) => { answered(response); state.value = { name: "ready" }; restartIce(); });
  on("unregistered", () => { state.value = { name: "lost" }; });
  on("registrationFailed", ({ cause }) => { state.value = { name: "lost", cause }; });
  on("disconnected", () => { state.value = { name: "lost" }; });
  on("newRTCSession", ({ session, originator }) => { if (originator === "remote") ring(session); });
  on("newMessage", ({ originator, request }) => { if (originator === "remote") heardText(request); });
  made.start();
  renewing ||= setInterval(() => { if (state.value.name === "ready") renew().catch(() => {}); }, RENEW_EVERY_MS);
}

/** The ticket with which the WebSocket was opened names it while it is open. */
export async function renew() {
  const mine = ticket;
  const answer = await fetch("/line/ice_server", { method: "POST", cache: "no-store", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ ticket: mine.ticket }) });
  if (answer.ok && ticket === mine) ticket = { ...mine, ...await answer.json() };
  return answer.ok;
}

export function close() {
  turn += 1;
  clearInterval(renewing);
  renewing = 0;
  for (const call of calls.value) call.end();
  agent?.stop();
  agent = null;
  state.value = { name: "off" };
}

/** The same, and the server has heard that nobody is registered here any more. */
onLeave(() => new Promise((done) => {
  if (agent?.isRegistered()) agent.on("unregistered", done); else done();
  close();
}));

/** Once more, with what the Contact now says. */
export async function reopen() {
  const wanted = account();
  close();
  await open(wanted);
}

// The service worker was told that somebody calls: whatever connection there was may be dead.
navigator.serviceWorker?.addEventListener("message", ({ data }) => { if (data?.woken) agent?.registrator()?.register(); });

/** The network of this machine has changed: what is agreed on of addresses is looked for anew (RFC 8839 section 4.4.1.1.1). */
function restartIce() {
  for (const call of calls.value) call.lookAgain();
}
addEventListener("online", () => { agent?.registrator()?.register(); });

function iceServers() {
  const server = ticket?.ice_server;
  return server ? [{ urls: server.urls, username: server.username, credential: server.credential }] : [];
}

/** `1001`, `bob`, `bob@example.org` or a SIP or tel URI, as a URI that the server takes. */
export function addressOf(typed) {
  const text = typed.trim();
  if (/^sips?:/i.test(text)) return text;
  const bare = text.replace(/^tel:/i, "");
  const number = /^[+\d][\d\s().-]*$/.test(bare) ? bare.replace(/[\s().-]/g, "") : bare;
  return number.includes("@") ? `sip:${number}` : `sip:${encodeURIComponent(number).replaceAll("%2B", "+").replaceAll("%2A", "*").replaceAll("%23", "#")}@${domain()}`;
}

export function call(typed, { video = false } = {}) {
  const made = new PhoneCall({ direction: "out", uri: addressOf(typed), name: nameOfNumber(typed) ?? typed.trim(), video, iceServers, onEnd: ended });
  calls.value = [...calls.value, made];
  made.begin(agent);
  return made;
}

function ring(session) {
  const { remote_identity: who } = session;
  const video = offersVideo(session._request?.body ?? "");
  const made = new PhoneCall({ direction: "in", uri: who.uri.toString(), name: who.display_name || who.uri.user, video, iceServers, onEnd: ended });
  made.take(session);
  calls.value = [...calls.value, made];
  onRing.value = made;
  // Who is in the phonebook is called as he is there; what the network says of him is what he says himself.
  const isOurs = String(who.uri.host).toLowerCase() === domain().toLowerCase();
  whoIs(who.uri.user ?? "", isOurs).then((name) => { if (name) { made.name = name; calls.value = [...calls.value]; } }, () => {});
}

/** Port 0 is a refusal, unless the line shares the port of another (RFC 9143 section 6). */
const offersVideo = (description) => description.split(/\r?\n(?=m=)/).some((part) => /^m=video [1-9]/.test(part) || (/^m=video 0 /.test(part) && /^a=bundle-only\s*$/m.test(part)));

function ended(over) {
  calls.value = calls.value.filter((one) => one !== over);
  history.value = remember(over);
}

/** Each in its own time: who is talked with is held while another is answered. */
export function holdOthers(but) {
  for (const one of calls.value) if (one !== but && one.phase.value === "talking") one.hold(true);
}

export const nameOf = (uri) => uri.replace(/^sips?:/i, "").replace(new RegExp(`@${domain().replaceAll(".", "\\.")}$`, "i"), "");

function heardText(request) {
  const kind = request.getHeader("Content-Type") ?? "text/plain";
  if (!/^text\/plain/i.test(kind)) return;
  addText(nameOf(request.from.uri.toString()), { from: "them", text: request.body, at: Date.now(), state: "heard" });
}

export function write(typed, text) {
  if (new TextEncoder().encode(text).length > TEXT_BYTES_MAX) return false;
  const message = { from: "me", text, at: Date.now(), state: "sending" };
  const who = nameOf(addressOf(typed));
  addText(who, message);
  const now = (name) => { message.state = name; texts.value = { ...texts.value }; };
  agent?.sendMessage(addressOf(typed), text, { contentType: "text/plain", eventHandlers: { succeeded: () => now("sent"), failed: () => now("failed") } });
  return true;
}

function addText(who, message) {
  const before = texts.value[who] ?? [];
  texts.value = { ...texts.value, [who]: [...before, message].slice(-TEXTS_MAX) };
}
