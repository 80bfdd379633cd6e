// Calls that are over: found by filters, seen over the week, taken away as CSV.
import { html, useEffect, useState } from "../../ui/h.js";
import { Icon } from "../../ui/icon.js";
import { get, usePages } from "../../ui/api.js";
import { Bars } from "../../ui/chart.js";
import { Heat } from "../../ui/heat.js";
import { Segments } from "../../ui/form.js";
import { Empty, Head, Time, Waiting, csv, save } from "../../ui/parts.js";
import { Foot, Table } from "../../ui/table.js";
import { failed, toast } from "../../ui/toast.js";
import { query, filter } from "../../ui/router.js";
import { Views } from "../../ui/views.js";
import { span, t } from "../../ui/words.js";
import { Disposition, Mos, Parties, SINCE_HOURS, callName, shortAddress, sideName, worst } from "../shapes.js";

/** Hours that a name of the filter looks back. */
const HOURS = { ...SINCE_HOURS, all: null };
const DISPOSITIONS = ["answered", "busy", "no_answer", "cancelled", "failed"];
const PAGE_ROWS = 200;
/** The most that the server gives at once. */
const PAGE_ROWS_MAX = 1_000;
/** Rows of one export, and of the map of the week: some 60 MB in the page. */
const EXPORT_MAX = 50_000;

export default function Records() {
  const wanted = filters();
  const list = usePages("call_records", wanted, 15_000, ["call.ended"]);
  const shape = query.value.get("as") ?? "list";
  return html`<${Head} title=${t("page.records")} intro=${t("records.intro")}><${Export} wanted=${wanted} /><//>
    <${Filters} shape=${shape} /><${Views} />
    <${Waiting} of=${list}>${() => list.rows.length === 0 ? html`<div class="card"><${None} /></div>`
      : shape === "week" ? html`<${Week} key=${JSON.stringify(wanted)} wanted=${wanted} first=${list.rows} more=${list.more} />` : html`<${List} rows=${list.rows} list=${list} />`}<//>`;
}

/** What the server is asked for, by the address. */
function filters() {
  const given = query.value;
  const hours = HOURS[given.get("since") ?? "week"];
  return {
    limit: PAGE_ROWS, q: given.get("q"), disposition: given.get("disposition"), account: given.get("account"),
    bad: given.get("bad") && "true",
    // Whole minutes, so that the question is the same one for a while.
    since: hours ? new Date(Math.floor(Date.now() / 60_000 - hours * 60) * 60_000).toISOString() : undefined,
  };
}

function Filters({ shape }) {
  const given = query.value;
  return html`<div class="bar"><label class="search grow"><${Icon} name="search" size=${18} /><span class="sr">${t("filter")}</span><input type="search" class="input" placeholder=${t("records.filter")} value=${given.get("q") ?? ""} onChange=${(event) => filter({ q: event.target.value })} /></label>
    <${Segments} label=${t("records.since")} value=${given.get("since") ?? "week"} options=${Object.keys(HOURS).map((name) => [name, t(`since.${name}`)])} onInput=${(name) => filter({ since: name === "week" ? "" : name })} />
    <label><span class="sr">${t("records.outcome")}</span><select class="input" value=${given.get("disposition") ?? ""} onChange=${(event) => filter({ disposition: event.target.value })}>
      <option value="">${t("records.any")}</option>${DISPOSITIONS.map((name) => html`<option value=${name} selected=${name === given.get("disposition")}>${t(`disposition.${name}`)}</option>`)}</select></label>
    <button class="button small" aria-pressed=${given.get("bad") ? "true" : "false"} onClick=${() => filter({ bad: given.get("bad") ? "" : "1" })}>${given.get("bad") && html`<${Icon} name="check" size=${16} />`}${t("records.bad")}</button>
    <${Segments} label=${t("records.as")} value=${shape} options=${[["list", t("records.list")], ["week", t("records.week")]]} onInput=${(name) => filter({ as: name === "list" ? "" : name })} /></div>`;
}

function None() {
  const narrowed = ["q", "disposition", "bad", "account"].some((name) => query.value.get(name));
  return narrowed ? html`<${Empty} icon="search" title=${t("records.none.filter")} text=${t("records.none.filter.text")}><a class="button" href="/records">${t("filter.clear")}</a><//>`
    : html`<${Empty} icon="record" title=${t("records.none")} text=${t("records.none.text")} command="coeur call alice echo" />`;
}

function List({ rows, list }) {
  const columns = [
    { key: "who", label: t("calls.who"), value: callName, cell: (record) => html`<${Parties} call=${record} />` },
    { key: "start_at", label: t("call.start"), cell: (record) => html`<${Time} at=${record.start_at} />` },
    { key: "disposition", label: t("records.outcome"), value: (record) => t(`disposition.${record.disposition}`), cell: (record) => html`<${Disposition} record=${record} />` },
    { key: "talk_ms", label: t("call.talked"), num: true, cell: (record) => record.talk_ms === null ? "–" : span(record.talk_ms / 1000) },
    { key: "codec", label: t("calls.codec"), value: (record) => record.caller?.codec, cell: (record) => record.caller?.codec ?? "–" },
    { key: "mos", label: t("calls.quality"), num: true, value: worst, cell: (record) => html`<${Mos} value=${worst(record)} />` },
  ];
  return html`<section class="card flush"><${Table} label=${t("page.records")} columns=${columns} rows=${rows} rowKey=${(record) => record.id} href=${(record) => `/records/${encodeURIComponent(record.id)}`}
    foot=${html`<${Foot} count=${rows.length} more=${list.more} onMore=${() => list.loadMore().catch(failed)} />`} /></section>`;
}

/** When people call, what becomes of it, and whom they call most: of all calls of the filter, which come page by page. */
function Week({ wanted, first, more }) {
  const [come, setCome] = useState(null);
  useEffect(() => {
    const stop = new AbortController();
    if (more) all(wanted, { stop: stop.signal, told: (rows, over) => setCome({ rows: [...rows], over }) }).catch((problem) => { if (problem.name !== "AbortError") failed(problem); });
    return () => stop.abort();
  }, []);
  const rows = come?.rows ?? first;
  const by = (name) => {
    const counts = new Map();
    for (const row of rows) counts.set(name(row), (counts.get(name(row)) ?? 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1]);
  };
  const kinds = { answered: "good", failed: "bad", busy: "warn", no_answer: "warn", cancelled: "" };
  return html`<div class="grid"><section class="card"><header><h2>${t("records.heat")}</h2><span class="muted small" role="status">${t(more && !come?.over ? "rows.more" : "rows", { n: rows.length })}</span></header><${Heat} times=${rows.map((row) => row.start_at)} label=${t("records.heat")} /></section>
    <section class="card w6"><header><h2>${t("records.outcomes")}</h2></header><${Bars} bars=${by((row) => row.disposition).map(([name, value]) => ({ label: t(`disposition.${name}`), value, kind: kinds[name], href: `/records?disposition=${name}` }))} /></section>
    <section class="card w6"><header><h2>${t("records.top")}</h2></header><${Bars} bars=${by((row) => row.callee ? sideName(row.callee) : shortAddress(row.to_uri)).slice(0, 8).map(([label, value]) => ({ label, value, href: `/records?q=${encodeURIComponent(label)}` }))} /></section></div>`;
}

function Export({ wanted }) {
  const [busy, setBusy] = useState(false);
  async function take() {
    setBusy(true);
    try {
      const rows = await all(wanted);
      const heads = ["id", "start_at", "answer_at", "end_at", "from", "to", "disposition", "sip_status", "talk_ms", "codec", "mos", "verdict"];
      save("coeur-calls.csv", "text/csv", `\ufeff${csv(heads, rows.map((row) => [row.id, row.start_at, row.answer_at, row.end_at, sideName(row.caller), row.callee ? sideName(row.callee) : row.to_uri, row.disposition, row.sip_status, row.talk_ms, row.caller?.codec, worst(row), row.verdict]))}`);
      toast(t("records.exported", { n: rows.length }));
    } catch (problem) {
      failed(problem);
    } finally {
      setBusy(false);
    }
  }
  return html`<button class="button" aria-disabled=${busy ? "true" : undefined} onClick=${busy ? undefined : take}><${Icon} name="download" size=${18} />${t("download.csv")}</button>`;
}

/** `told(rows, over)` hears of each page that has come. */
async function all(wanted, { stop, told = () => {} } = {}) {
  const rows = [];
  for (let cursor; rows.length < EXPORT_MAX;) {
    const page = await get("call_records", { ...wanted, limit: PAGE_ROWS_MAX, cursor }, stop);
    rows.push(...page.data);
    cursor = page.next_cursor;
    told(rows, !cursor || rows.length >= EXPORT_MAX);
    if (!cursor) break;
  }
  return rows;
}
