// Home: how things are, in one sentence, then what a person would look at next.
import { html, useEffect, useRef, useState } from "../../ui/h.js";
import { Icon } from "../../ui/icon.js";
import { useAsk } from "../../ui/api.js";
import { Bars, Chart } from "../../ui/chart.js";
import { Segments } from "../../ui/form.js";
import { Empty, Time, Waiting } from "../../ui/parts.js";
import { filter, query } from "../../ui/router.js";
import { lasting, number, percent, t } from "../../ui/words.js";
import { Parties, outcome, toldVerdict, worst } from "../shapes.js";

const POLL_MS = 5_000;
/** A day, in which home looks back. */
const DAY_MS = 86_400_000;
/** Points of the curve that this page draws while it is open: an hour. */
const POINTS_MAX = 720;
const points = [];

export default function Home() {
  const status = useAsk("status", undefined, POLL_MS, ["registration.", "config."]);
  const calls = useAsk("calls", { limit: 500 }, POLL_MS, ["call."]);
  const [since] = useState(() => new Date(Date.now() - DAY_MS).toISOString());
  const records = useAsk("call_records", { limit: 500, since }, 30_000, ["call.ended"]);
  const registrations = useAsk("registrations", { limit: 500 }, 15_000, ["registration."]);
  const live = calls.data?.data ?? [];
  const recent = records.data?.data ?? [];
  return html`<${Lead} status=${status} live=${live} recent=${recent} />
    <${Figures} status=${status.data} live=${calls.data && live} recent=${records.data && recent} />
    <div class="grid"><section class="card w8"><${Curves} calls=${calls.data && live} status=${status.data} records=${records} /></section>
      <section class="card w4"><header><h2>${t("home.checks")}</h2></header><${Waiting} of=${status} lines=${4}>${(data) => html`<${Checks} status=${data} live=${live} />`}<//></section>
      <section class="card w7"><header><h2>${t("home.attention")}</h2><a href="/records?since=day&disposition=failed">${t("home.all")}</a></header>
        <${Waiting} of=${records}>${() => html`<${Attention} recent=${recent} />`}<//></section>
      <section class="card w5"><header><h2>${t("home.phones")}</h2><a href="/registrations">${t("home.all")}</a></header>
        <${Waiting} of=${registrations}>${({ data }) => html`<${Phones} registrations=${data} />`}<//></section></div>`;
}

/** Whether all is well, and what is not. */
function Lead({ status, live, recent }) {
  const bad = recent.filter((record) => record.disposition === "failed").length;
  const silent = live.filter((call) => call.verdict).length;
  const values = { n: live.length, calls: live.length, registered: status.data?.registrations ?? 0 };
  const mood = status.problem && !status.data ? "down" : silent ? "silent" : bad > 3 && bad * 5 > recent.length ? "failing"
    : status.data?.accounts === 0 ? "new" : live.length ? "busy" : "calm";
  return html`<div class="lead"><h1><${Icon} name="heart" size=${36} className=${live.length ? "beats" : ""} />${t(`lead.${mood}`, values)}</h1>
    <p>${t(`lead.${mood}.more`, { ...values, n: mood === "silent" ? silent : mood === "failing" ? bad : values.registered })}</p></div>`;
}

function Figures({ status, live, recent }) {
  const answered = recent?.filter((record) => record.disposition === "answered") ?? [];
  const scores = answered.map(worst).filter((score) => score !== null).sort((a, b) => a - b);
  const rows = [["/calls", live?.length, t("figure.live")], ["/registrations", status?.registrations, t("figure.registered")],
    ["/accounts", status?.accounts, t("figure.accounts")], ["/records", recent?.length, t("figure.day")],
    ["/records", recent?.length ? percent(answered.length / recent.length) : "–", t("figure.answered")],
    ["/records?bad=1", scores.length ? number(scores[Math.floor(scores.length / 2)], 1) : "–", t("figure.mos")]];
  return html`<div class="figures">${rows.map(([href, value, text]) => html`<a href=${href}><b>${typeof value === "number" ? number(value) : value ?? "–"}</b><span>${text}</span></a>`)}</div>`;
}

/** The last day by the hour, or what happens while this page is open. */
function Curves({ calls, status, records }) {
  useLive(calls, status);
  const shape = query.value.get("as") ?? "day";
  return html`<header><h2>${t(shape === "day" ? "home.day" : "home.live")}</h2><${Segments} label=${t("records.as")} value=${shape} options=${[["day", t("since.day")], ["live", t("home.now")]]} onInput=${(name) => filter({ as: name === "day" ? "" : name })} /></header>
    ${shape === "day" ? html`<${Waiting} of=${records}>${(page) => html`<${DayChart} rows=${page.data} isCut=${page.has_more} />`}<//>` : html`<${LiveChart} />`}`;
}

const HOUR_MS = 3_600_000;
/** Calls of each hour. Where there are more than were given, from the first hour of which all are there. */
function DayChart({ rows, isCut }) {
  const now = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
  const oldest = isCut ? Math.ceil(Date.parse(rows.at(-1).start_at) / HOUR_MS) * HOUR_MS : 0;
  const hours = Array.from({ length: 25 }, (_, at) => now - (24 - at) * HOUR_MS).filter((hour) => hour >= oldest);
  const count = (is) => hours.map((hour) => rows.filter((row) => { const at = Date.parse(row.start_at); return at >= hour && at < hour + HOUR_MS && is(row); }).length);
  const answered = (row) => row.disposition === "answered";
  return html`<${Chart} label=${t("home.day")} times=${hours} height=${220} series=${[{ label: t("disposition.answered"), values: count(answered) }, { label: t("home.unanswered"), values: count((row) => !answered(row)) }]} />`;
}

/** Points are taken while home is shown, whichever curve is. */
function useLive(calls, status) {
  const [, redraw] = useState(0);
  const now = useRef({});
  now.current = { calls, status };
  useEffect(() => {
    const take = () => {
      const { calls: live, status: said } = now.current;
      if (!live || !said) return;
      points.push({ at: Date.now(), calls: live.length, registrations: said.registrations });
      if (points.length > POINTS_MAX) points.shift();
      redraw((n) => n + 1);
    };
    take();
    const timer = setInterval(take, POLL_MS);
    return () => clearInterval(timer);
  }, [Boolean(calls && status)]);
}

function LiveChart() {
  if (points.length < 2) return html`<p class="muted">${t("home.gathering")}</p>`;
  return html`<${Chart} label=${t("home.live")} times=${points.map((point) => point.at)} height=${220}
    series=${[{ label: t("figure.live"), values: points.map((point) => point.calls) }, { label: t("figure.registered"), values: points.map((point) => point.registrations) }]} />`;
}

function Checks({ status, live }) {
  const tls = status.listeners?.some((listener) => /^(tls|wss):/.test(listener));
  const rows = [[true, t("check.up", { time: lasting(status.uptime_s) })],
    [status.ready, status.ready ? t("check.ready") : t("check.not_ready", { why: status.not_ready_because ?? "" })],
    [(status.domains ?? []).length > 0, t("check.domains", { names: (status.domains ?? []).join(", ") || "–" })],
    [tls, t(tls ? "check.tls" : "check.no_tls")],
    [(status.turn ?? []).length > 0, t((status.turn ?? []).length ? "check.turn" : "check.no_turn")],
    [!live.some((call) => call.verdict), t(live.some((call) => call.verdict) ? "check.silent" : "check.heard")]];
  return html`<ul class="checks">${rows.map(([good, text]) => html`<li><${Icon} name=${good ? "check" : "warn"} className=${good ? "good" : "warn"} label=${t(good ? "good" : "look")} /><span>${text}</span></li>`)}</ul>`;
}

function Attention({ recent }) {
  const rows = recent.filter((record) => record.verdict || record.disposition === "failed" || (worst(record) ?? 5) < 3.6).slice(0, 6);
  if (rows.length === 0) return html`<${Empty} icon="heart" title=${t("attention.none")} text=${t("attention.none.text")} />`;
  return html`<ul class="plain">${rows.map((record) => html`<li><a href=${`/records/${record.id}`}><${Parties} call=${record} /></a><span class="muted small"><${Time} at=${record.start_at} /></span>
    <span class="why small muted">${record.verdict ? toldVerdict(record.verdict) : outcome(record)}</span></li>`)}</ul>`;
}

function Phones({ registrations }) {
  if (registrations.length === 0) return html`<${Empty} icon="phone" title=${t("phones.none")} text=${t("phones.none.text")}><a class="button primary" href="/accounts?add=1">${t("account.add")}</a><//>`;
  const counts = new Map();
  for (const one of registrations) {
    const kind = one.transport?.toUpperCase() ?? t("unknown");
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  const bars = [...counts].sort((a, b) => b[1] - a[1]).map(([label, value]) => ({ label, value, kind: /UDP|TCP|^WS$/.test(label) ? "warn" : "" }));
  return html`<${Bars} bars=${bars} />`;
}
