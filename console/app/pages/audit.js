// What was changed, when and by whom. Nothing here can be changed.
import { html } from "../../ui/h.js";
import { Icon } from "../../ui/icon.js";
import { usePages } from "../../ui/api.js";
import { Empty, Head, Tag, Time, Waiting, csv, save } from "../../ui/parts.js";
import { Foot, Table } from "../../ui/table.js";
import { failed } from "../../ui/toast.js";
import { query, filter } from "../../ui/router.js";
import { has, number, t } from "../../ui/words.js";

export default function Audit() {
  const list = usePages("audit_log", { limit: 200 }, 15_000);
  const text = (query.value.get("q") ?? "").toLowerCase();
  const rows = list.rows.filter((row) => !text || [row.operator, row.action, row.subject, row.detail].some((part) => part?.toLowerCase().includes(text)));
  const take = () => save("coeur-audit.csv", "text/csv", csv(["sequence", "at", "operator", "action", "subject", "detail"], rows.map((row) => [row.sequence, row.at, row.operator, row.action, row.subject, row.detail])));
  return html`<${Head} title=${t("page.audit")} intro=${t("audit.intro")}><button class="button" onClick=${take}><${Icon} name="download" size=${18} />${t("download.csv")}</button><//>
    <div class="bar"><label class="search grow"><${Icon} name="search" size=${18} /><span class="sr">${t("filter")}</span><input type="search" class="input" placeholder=${t("audit.filter")} value=${query.value.get("q") ?? ""} onInput=${(event) => filter({ q: event.target.value })} /></label></div>
    <section class="card flush"><${Waiting} of=${list}>${() => rows.length === 0 ? html`<${Empty} icon="audit" title=${t(text ? "records.none.filter" : "audit.none")} text=${t(text ? "records.none.filter.text" : "audit.none.text")} />` : html`<${List} rows=${rows} list=${list} />`}<//></section>`;
}

function List({ rows, list }) {
  const columns = [
    { key: "action", label: t("audit.action"), cell: (row) => html`<${Tag} kind=${/remove|revoke|fail/.test(row.action) ? "bad" : /add|made/.test(row.action) ? "good" : ""}>${has(`action.${row.action}`) ? t(`action.${row.action}`) : row.action}<//>` },
    { key: "subject", label: t("audit.subject") },
    { key: "operator", label: t("audit.by") },
    { key: "detail", label: t("audit.detail"), cell: (row) => html`<span class="small muted">${row.detail || "–"}</span>` },
    { key: "at", label: t("time"), cell: (row) => html`<${Time} at=${row.at} />` },
    { key: "sequence", label: t("audit.number"), num: true, cell: (row) => number(row.sequence) },
  ];
  return html`<${Table} label=${t("page.audit")} columns=${columns} rows=${rows} rowKey=${(row) => row.sequence} sortable=${false} foot=${html`<${Foot} count=${rows.length} more=${list.more} onMore=${() => list.loadMore().catch(failed)} />`} />`;
}
