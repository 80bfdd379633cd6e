// The server itself: how it does, where it listens, what was set.
import { html } from "../../ui/h.js";
import { useAsk } from "../../ui/api.js";
import { Icon } from "../../ui/icon.js";
import { Copy, Empty, Facts, Head, Tag, Time, Trouble, Waiting } from "../../ui/parts.js";
import { Tabs } from "../../ui/tabs.js";
import { Table } from "../../ui/table.js";
import { query, filter } from "../../ui/router.js";
import { has, lasting, number, t } from "../../ui/words.js";

export default function System() {
  const tabs = [["status", t("system.status"), () => html`<${Status} />`], ["settings", t("system.settings"), () => html`<${Settings} />`], ["jobs", t("system.jobs"), () => html`<${Jobs} />`]];
  return html`<${Head} title=${t("page.system")} intro=${t("system.intro")} /><${Tabs} label=${t("page.system")} tabs=${tabs} />`;
}

function Status() {
  const status = useAsk("status", undefined, 5_000);
  return html`<${Waiting} of=${status}>${(data) => html`<div class="duo">
    <section class="card"><header><h2>${t("system.server")}</h2></header><${Facts} facts=${[[t("system.version"), data.version], [t("system.uptime"), lasting(data.uptime_s)], [t("figure.accounts"), number(data.accounts)], [t("figure.registered"), number(data.registrations)], [t("system.domains"), (data.domains ?? []).join(", ")], [t("system.authority"), data.local_authority && html`<code>${data.local_authority}</code>`]]} /></section>
    <section class="card"><header><h2>${t("system.listeners")}</h2></header><${Addresses} list=${data.listeners ?? []} /></section>
    <section class="card"><header><h2>${t("system.turn")}</h2></header>${(data.turn ?? []).length ? html`<${Addresses} list=${data.turn} />` : html`<p class="muted">${t("check.no_turn")}</p>`}</section></div>`}<//>`;
}

function Addresses({ list }) {
  return html`<ul class="checks">${list.map((address) => { const safe = /^(tls|wss|turns):/.test(address); return html`<li><${Icon} name=${safe ? "lock" : "unlock"} className=${safe ? "good" : "faint"} label=${t(safe ? "protection.tls" : "protection.clear")} /><span class="row"><code>${address}</code><${Copy} text=${address} /></span></li>`; })}</ul>`;
}

function Settings() {
  const settings = useAsk("settings");
  const text = (query.value.get("q") ?? "").toLowerCase();
  const own = query.value.get("own");
  if (settings.problem) return html`<${Trouble} problem=${settings.problem} retry=${settings.reload} />`;
  const columns = [{ key: "key", label: t("settings.key"), cell: (row) => html`<div><code>${row.key}</code><div class="muted small" lang="en">${row.meaning}</div></div>` }, { key: "value", label: t("settings.value"), value: shown, cell: (row) => html`<code>${shown(row)}</code>` }, { key: "origin", label: t("settings.origin"), value: originOf, cell: (row) => html`<${Tag} kind=${row.origin === "default" ? "" : "accent"}>${originOf(row)}<//>` }];
  return html`<p class="muted">${t("settings.intro")}</p><div class="bar"><label class="search grow"><${Icon} name="search" size=${18} /><span class="sr">${t("filter")}</span><input type="search" class="input" value=${query.value.get("q") ?? ""} onInput=${(event) => filter({ q: event.target.value })} /></label>
      <button class="button small" aria-pressed=${own ? "true" : "false"} onClick=${() => filter({ own: own ? "" : "1" })}>${own && html`<${Icon} name="check" size=${16} />`}${t("settings.own")}</button></div>
    <section class="card flush"><${Waiting} of=${settings}>${(page) => html`<${Table} label=${t("system.settings")} columns=${columns} rows=${page.data.filter((row) => (!own || row.origin !== "default") && `${row.key} ${shown(row)} ${row.meaning}`.toLowerCase().includes(text))} rowKey=${(row) => row.key} />`}<//></section>`;
}

const originOf = ({ origin }) => origin === "default" ? t("settings.default") : origin;
const shown = ({ value }) => value === null || (Array.isArray(value) && value.length === 0) ? "–" : Array.isArray(value) ? value.join(" ") : String(value);

/** Long works of the server, the newest first; they end with its process. */
function Jobs() {
  const jobs = useAsk("jobs", undefined, 2_000, ["job."]);
  const columns = [
    { key: "kind", label: t("jobs.kind"), value: (job) => kindOf(job), cell: (job) => html`<a href=${`/import?job=${encodeURIComponent(job.id)}`}>${kindOf(job)}</a>` },
    { key: "state", label: t("jobs.state"), cell: (job) => html`<${Tag} kind=${job.state === "running" ? "accent" : job.failed > 0 ? "warn" : "good"}>${t(`jobs.${job.state}`)}<//>` },
    { key: "done", label: t("jobs.progress"), sort: false, cell: (job) => html`<div><progress max=${Math.max(1, job.total)} value=${job.state === "done" ? Math.max(1, job.total) : job.done} aria-label=${kindOf(job)}></progress><div class="muted small">${t("import.progress", { done: job.done, total: job.total })}${job.eta_s ? ` · ${t("import.eta", { time: lasting(job.eta_s) })}` : ""}</div></div>` },
    { key: "failed", label: t("jobs.failed"), num: true, cell: (job) => number(job.failed) },
    { key: "by", label: t("audit.by") },
    { key: "started_at", label: t("call.start"), cell: (job) => html`<${Time} at=${job.started_at} />` },
  ];
  return html`<section class="card flush"><${Waiting} of=${jobs}>${(page) => page.data.length === 0 ? html`<${Empty} icon="table" title=${t("jobs.none")} text=${t("jobs.none.text")}><a class="button" href="/import">${t("page.import")}</a><//>`
    : html`<${Table} label=${t("system.jobs")} columns=${columns} rows=${page.data} rowKey=${(job) => job.id} />`}<//></section>`;
}

const kindOf = (job) => has(`jobs.kind.${job.kind}`) ? t(`jobs.kind.${job.kind}`) : job.kind;
