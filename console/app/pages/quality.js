// How calls sounded: by the hour, by cause, by what the phones are; and which were the worst. The server counts.
import { html } from "../../ui/h.js";
import { Icon } from "../../ui/icon.js";
import { useAsk } from "../../ui/api.js";
import { Bars, Chart } from "../../ui/chart.js";
import { Segments } from "../../ui/form.js";
import { Empty, Head, Notice, Time, Waiting, csv, save } from "../../ui/parts.js";
import { Scatter } from "../../ui/scatter.js";
import { Foot, Table } from "../../ui/table.js";
import { query, filter } from "../../ui/router.js";
import { Views } from "../../ui/views.js";
import { has, number, percent, t } from "../../ui/words.js";
import { Mos, Parties, SINCE_HOURS, callName, toldVerdict, worst } from "../shapes.js";

const HOUR_MS = 3_600_000;
const BY = ["codec", "transport", "program", "account"];
const POLL_MS = 60_000;
/** Below, many are not content (ITU-T G.107 annex B). */
const BAD = 3.6;

export default function Quality() {
  const name = SINCE_HOURS[query.value.get("since")] ? query.value.get("since") : "week";
  // Whole hours, so that the question is the same one for a while.
  const now = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
  const since = new Date(now - SINCE_HOURS[name] * HOUR_MS).toISOString();
  const hours = useAsk("call_quality", { since, by: "hour" }, POLL_MS);
  return html`<${Head} title=${t("page.quality")} intro=${t("quality.intro")}>
      <${Segments} label=${t("records.since")} value=${name} options=${Object.keys(SINCE_HOURS).map((one) => [one, t(`since.${one}`)])} onInput=${(one) => filter({ since: one === "week" ? "" : one })} /><//><${Views} />
    <${Waiting} of=${hours}>${(data) => data.total.count === 0 ? html`<div class="card"><${Empty} icon="chart" title=${t("quality.nothing")} text=${t("records.none.text")} command="coeur call alice echo" /></div>`
      : html`<${Shown} data=${data} since=${since} name=${name} times=${Array.from({ length: SINCE_HOURS[name] + 1 }, (_, at) => now - (SINCE_HOURS[name] - at) * HOUR_MS)} />`}<//>`;
}

function Shown({ data, since, name, times }) {
  const { total } = data;
  const figures = [["count", number(total.count)], ["median", score(total.mos_median)], ["p5", score(total.mos_p5)], ["bad", number(total.bad)], ["share", percent(total.bad_pct / 100, 1)]];
  const at = new Map(data.groups.map((group) => [Date.parse(group.name), group]));
  const series = [["mos_median", t("quality.median")], ["mos_p5", t("quality.p5")]].map(([key, label]) => ({ label, values: times.map((time) => at.get(time)?.[key] ?? null) }));
  return html`<div class="figures">${figures.map(([key, value]) => html`<a href=${`/records?since=${name}${key === "bad" || key === "share" ? "&bad=1" : ""}`}><b>${value}</b><span>${t(`quality.figure.${key}`)}</span></a>`)}</div>
    ${data.has_more && html`<${Notice} kind="warn" title=${t("quality.more")} />`}
    <div class="grid"><section class="card"><header><h2>${t("quality.hours")}</h2></header><${Chart} label=${t("quality.hours")} times=${times} max=${4.5} places=${2} isLowKept series=${series} /></section>
      <${Causes} since=${since} name=${name} /><${Network} since=${since} /><${Groups} since=${since} name=${name} /><${Worst} calls=${data.worst} /></div>`;
}

const score = (value) => value === null ? "–" : number(value, 2);

function Causes({ since, name }) {
  const found = useAsk("call_quality", { since, by: "cause" }, POLL_MS);
  const bars = found.data?.groups.map((group) => ({ label: causeName(group.name), value: group.count, kind: group.name === "low_score" ? "warn" : "bad", href: `/records?bad=1&since=${name}` })) ?? [];
  return html`<section class="card w6"><header><h2>${t("quality.causes")}</h2>${bars.length > 0 && html`<${Download} file="coeur-causes.csv" heads=${["cause", "count"]} rows=${() => found.data.groups.map((group) => [group.name, group.count])} />`}</header>
    <${Waiting} of=${found} lines=${4}>${() => bars.length ? html`<${Bars} bars=${bars} />` : html`<p class="muted">${t("quality.causes.none")}</p>`}<//></section>`;
}

/** The sentence of a cause without its values; that of a newer server's by its name. */
function causeName(name) {
  if (!name) return t("unknown");
  if (name === "low_score") return t("quality.low");
  return has(`cause.${name}`) ? t(`cause.${name}`).replaceAll("{}", "…") : name;
}

function Network({ since }) {
  const found = useAsk("call_quality", { since, by: "network" }, POLL_MS);
  const columns = [{ key: "x", label: t("quality.loss"), num: true, cell: (cell) => number(cell.x) }, { key: "y", label: t("quality.jitter"), num: true, cell: (cell) => number(cell.y) },
    { key: "n", label: t("quality.sides"), num: true, cell: (cell) => number(cell.n) }, { key: "mos", label: t("quality.median"), num: true, cell: (cell) => html`<${Mos} value=${cell.mos} />` }];
  const cells = (groups) => groups.map((group) => ({ x: group.loss_pct, y: group.jitter_ms, n: group.count, mos: group.mos_median, bad: group.mos_median !== null && group.mos_median < BAD }));
  return html`<section class="card w6"><header><h2>${t("quality.network")}</h2></header><${Waiting} of=${found} lines=${4}>${({ groups }) => groups.length === 0 ? html`<p class="muted">${t("quality.network.none")}</p>`
    : html`<${Scatter} label=${t("quality.network")} x=${t("quality.loss")} y=${t("quality.jitter")} cells=${cells(groups)} columns=${columns} file="coeur-network.csv" heads=${["loss_pct", "jitter_ms", "sides", "mos_median"]} row=${(cell) => [cell.x, cell.y, cell.n, cell.mos]} />`}<//></section>`;
}

function Groups({ since, name }) {
  const by = BY.includes(query.value.get("by")) ? query.value.get("by") : "codec";
  const found = useAsk("call_quality", { since, by }, POLL_MS);
  const label = t(`quality.by.${by}`);
  const named = (group) => group.name ? by === "transport" ? group.name.toUpperCase() : group.name : t(by === "account" ? "quality.elsewhere" : "unknown");
  const columns = [
    { key: "name", label, value: named, cell: (group) => by === "account" && group.name ? html`<a class="clip" href=${`/records?account=${encodeURIComponent(group.name)}&bad=1&since=${name}`}>${group.name}</a>` : html`<span class="clip">${named(group)}</span>` },
    { key: "count", label: t("quality.sides"), num: true, cell: (group) => number(group.count) },
    { key: "mos_median", label: t("quality.median"), num: true, cell: (group) => html`<${Mos} value=${group.mos_median} />` },
    { key: "mos_p5", label: t("quality.p5"), num: true, cell: (group) => html`<${Mos} value=${group.mos_p5} />` },
    { key: "bad_pct", label: t("quality.figure.share"), num: true, cell: (group) => percent(group.bad_pct / 100, 1) },
  ];
  const rows = () => found.data.groups.map((group) => [group.name, group.count, group.mos_median, group.mos_p5, group.bad, group.bad_pct]);
  return html`<section class="card flush"><header><h2>${t("quality.groups")}</h2><span class="row"><${Segments} label=${t("quality.groups")} value=${by} options=${BY.map((one) => [one, t(`quality.by.${one}`)])} onInput=${(one) => filter({ by: one === "codec" ? "" : one })} />
      ${found.data && html`<${Download} file=${`coeur-quality-${by}.csv`} heads=${[by, "count", "mos_median", "mos_p5", "bad", "bad_pct"]} rows=${rows} />`}</span></header>
    <${Waiting} of=${found} lines=${4}>${({ groups, has_more: more }) => html`<${Table} key=${by} label=${label} columns=${columns} rows=${groups} rowKey=${(group) => group.name ?? ""} foot=${html`<${Foot} count=${groups.length}>${more && html`<span class="muted">${t("quality.more")}</span>`}<//>`} />`}<//></section>`;
}

function Worst({ calls }) {
  const columns = [
    { key: "who", label: t("calls.who"), value: callName, cell: (record) => html`<${Parties} call=${record} />` },
    { key: "start_at", label: t("call.start"), cell: (record) => html`<${Time} at=${record.start_at} />` },
    { key: "mos", label: t("calls.quality"), num: true, value: worst, cell: (record) => html`<${Mos} value=${worst(record)} />` },
    { key: "verdict", label: t("calls.silent"), sort: false, cell: (record) => record.verdict ? html`<span>${toldVerdict(record.verdict)}</span>` : "–" },
  ];
  const rows = () => calls.map((record) => [record.id, record.start_at, callName(record), worst(record), record.verdict]);
  return html`<section class="card flush"><header><h2>${t("quality.worst")}</h2>${calls.length > 0 && html`<${Download} file="coeur-worst.csv" heads=${["id", "start_at", "call", "mos", "verdict"]} rows=${rows} />`}</header>
    ${calls.length === 0 ? html`<${Empty} icon="check" title=${t("quality.worst.none")} />`
      : html`<${Table} label=${t("quality.worst")} columns=${columns} rows=${calls} rowKey=${(record) => record.id} href=${(record) => `/records/${encodeURIComponent(record.id)}`} />`}</section>`;
}

function Download({ file, heads, rows }) {
  return html`<button class="icon-button small" onClick=${() => save(file, "text/csv", `\ufeff${csv(heads, rows())}`)} aria-label=${t("download.csv")} title=${t("download.csv")}><${Icon} name="download" size=${16} /></button>`;
}
