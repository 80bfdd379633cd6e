// What the API tells, as people say it.
import { computed, html } from "../ui/h.js";
import { Tag } from "../ui/parts.js";
import { english, has, number, t, wantEnglish } from "../ui/words.js";

/** Hours that the names of a span of time look back, in addresses of pages that lead to each other. */
export const SINCE_HOURS = { day: 24, week: 168, month: 720 };

/** The name and address of a party: `"Alice" <sip:alice@example.org>`, or an address of record. */
export function partyName(text) {
  if (!text) return "–";
  const named = /^\s*"?([^"<]*?)"?\s*<([^>]*)>/.exec(text);
  return named?.[1] || shortAddress(named?.[2] ?? text);
}

export const shortAddress = (uri) => uri.replace(/^sips?:/i, "").replace(/[;?].*$/, "");

export const sideName = (side) => side ? side.account ?? partyName(side.address) : "–";
export const callName = (call) => `${sideName(call.caller)} → ${call.callee ? sideName(call.callee) : shortAddress(call.to_uri ?? "")}`;
export const accountName = (account) => account.account;

/** The number in `dev_17`. */
export const numberOf = (id) => String(id ?? "").replace(/^[a-z]+_/, "");

export function Parties({ call }) {
  return html`<span class="path"><b class="clip">${sideName(call.caller)}</b><span aria-hidden="true">→</span><span class="sr">${t("calls.to")}</span>
    <b class="clip">${call.callee ? sideName(call.callee) : shortAddress(call.to_uri ?? "")}</b></span>`;
}

const DISPOSITION_KIND = { answered: "good", busy: "warn", no_answer: "warn", cancelled: "", failed: "bad" };
export function Disposition({ record }) {
  return html`<${Tag} kind=${DISPOSITION_KIND[record.disposition]}>${t(`disposition.${record.disposition}`)}<//>`;
}

/** What became of a call, in one sentence. */
export function outcome(record) {
  const values = { who: record.callee ? sideName(record.callee) : shortAddress(record.to_uri), caller: sideName(record.caller), status: `${record.sip_status} ${record.sip_reason ?? ""}`.trim() };
  if (record.disposition === "answered") return t(`outcome.answered.${record.hangup_by}`, { ...values, by: record.hangup_by === "callee" ? values.who : values.caller });
  const own = `outcome.${record.sip_status}`;
  return t(has(own) ? own : `outcome.${record.disposition}`, values);
}

/** The worst estimated score of the ways of both sides; `null` where nothing was measured. */
export function worst(call) {
  const ways = [call.caller, call.callee].filter(Boolean).flatMap((side) => side.streams
    ? side.streams.filter((stream) => stream?.kind === "audio").flatMap((stream) => [stream.received, stream.sent]) : [side.received, side.sent]);
  const scores = ways.map((way) => way?.mos).filter((mos) => mos !== null && mos !== undefined);
  return scores.length ? Math.min(...scores) : null;
}

/** Scores as ITU-T G.107 sorts them: below 3.6 many are not content. */
export function Mos({ value }) {
  if (value === null || value === undefined) return html`<span class="faint">–</span>`;
  const kind = value >= 4 ? "good" : value >= 3.6 ? "warn" : "bad";
  return html`<${Tag} kind=${kind}>${number(value, 1)}<span class="sr">${t(`mos.${kind}`)}</span><//>`;
}

const PROTECTED = { clear: "unlock", sdes: "lock", dtls: "lock" };
export const protectionIcon = (name) => PROTECTED[name] ?? "info";

/** What can be said of a `User-Agent`: its family. */
export function family(agent) {
  return /^[\p{L}\d._-]+/u.exec(agent ?? "")?.[0].split(/[/_]/)[0] || t("unknown");
}

/** A verdict about silence in the user's language; that of a newer server's cause as it says it. */
export function verdict({ side, cause, values = [], sentence, remedy }) {
  const known = has(`cause.${cause}`);
  const fill = (text) => values.reduce((done, value) => done.replace("{}", value), text);
  return {
    title: t(`verdict.${side === "caller" ? "caller" : "callee"}`, { what: known ? fill(t(`cause.${cause}`)) : sentence }),
    remedy: known ? t(`remedy.${cause}`) : remedy,
  };
}

/** Each cause, and what its English sentence looks like. */
const causes = computed(() => Object.entries(english.value).filter(([key]) => key.startsWith("cause."))
  .map(([key, text]) => ({ cause: key.slice(6), pattern: new RegExp(`^${text.split("{}").map((part) => part.replace(/[.*+?^$()|[\]\\{}]/g, "\\$&")).join("(.*)")}$`) })));

/** What the record of a call says of silence. It is kept in English, `callee: nothing at all comes from ...`. */
export function toldVerdict(text) {
  if (causes.value.length === 0) wantEnglish();
  const [, side, sentence] = /^(caller|callee): ([^]*)$/.exec(text) ?? [];
  if (!side) return text;
  const found = causes.value.map(({ cause, pattern }) => ({ cause, values: pattern.exec(sentence)?.slice(1) })).find(({ values }) => values);
  return verdict({ side, cause: found?.cause, values: found?.values, sentence }).title;
}

/** Which way the media goes and why, in the user's language; what a newer server says as it says it. */
export function mediaPath(said) {
  const key = `media.${said.toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/^_|_$/g, "")}`;
  return has(key) ? t(key) : said;
}
