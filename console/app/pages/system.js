// The server itself: how it does, where it listens, what was set.
import { html } from "../../ui/h.js";
import { useAsk } from "../../ui/api.js";
import { Icon } from "../../ui/icon.js";
import { Copy, Facts, Head, Tag, Trouble, Waiting } from "../../ui/parts.js";
import { Tabs } from "../../ui/tabs.js";
import { Table } from "../../ui/table.js";
import { query, filter } from "../../ui/router.js";
import { lasting, number, t } from "../../ui/words.js";

export default function System() {
  const tabs = [["status", t("system.status"), () => html`<${Status} />`], ["settings", t("system.settings"), () => html`<${Settings} />`]];
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
  if (settings.problem?.status === 404) return html`<p class="muted">${t("settings.none")} <code>coeur check-config</code></p>`;
  if (settings.problem) return html`<${Trouble} problem=${settings.problem} retry=${settings.reload} />`;
  const columns = [{ key: "key", label: t("settings.key"), cell: (row) => html`<code>${row.key}</code>` }, { key: "value", label: t("settings.value"), cell: (row) => html`<code>${String(row.value)}</code>` }, { key: "origin", label: t("settings.origin"), cell: (row) => html`<${Tag}>${row.origin}<//>` }];
  return html`<div class="bar"><label class="search grow"><${Icon} name="search" size=${18} /><span class="sr">${t("filter")}</span><input type="search" class="input" value=${query.value.get("q") ?? ""} onInput=${(event) => filter({ q: event.target.value })} /></label></div>
    <section class="card flush"><${Waiting} of=${settings}>${(page) => html`<${Table} label=${t("system.settings")} columns=${columns} rows=${page.data.filter((row) => `${row.key} ${row.value}`.toLowerCase().includes(text))} rowKey=${(row) => row.key} />`}<//></section>`;
}
