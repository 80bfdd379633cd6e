// Recent conversations of SIP messages: what was said, by whom, when.
import { html } from "../../ui/h.js";
import { Icon } from "../../ui/icon.js";
import { usePages } from "../../ui/api.js";
import { Empty, Head, Tag, Time, Waiting } from "../../ui/parts.js";
import { Foot, Table } from "../../ui/table.js";
import { failed } from "../../ui/toast.js";
import { query, filter } from "../../ui/router.js";
import { Views } from "../../ui/views.js";
import { number, t } from "../../ui/words.js";

export default function Traces() {
  const text = query.value.get("q") ?? "";
  const traces = usePages("traces", { q: text, limit: 100 }, 5_000);
  const columns = [
    { key: "call_id", label: "Call-ID", cell: (trace) => html`<span class="clip mono">${trace.call_id}</span>` },
    { key: "method", label: t("traces.first"), cell: (trace) => html`<span class="path"><b>${trace.method || "–"}</b><span class="clip">${trace.from}</span><span aria-hidden="true">→</span><span class="clip">${trace.to}</span></span>` },
    { key: "messages_count", label: t("traces.messages"), num: true, cell: (trace) => number(trace.messages_count) },
    { key: "last_at", label: t("traces.last"), cell: (trace) => html`<${Time} at=${trace.last_at} />` },
    { key: "verdicts", label: t("calls.marks"), sort: false, cell: (trace) => trace.verdicts?.length > 0 && html`<${Tag} kind="bad" icon="warn">${t("calls.silent")}<//>` },
  ];
  return html`<${Head} title=${t("page.traces")} intro=${t("traces.intro")} />
    <div class="bar"><label class="search grow"><${Icon} name="search" size=${18} /><span class="sr">${t("filter")}</span><input type="search" class="input" placeholder=${t("traces.filter")} value=${text} onInput=${(event) => filter({ q: event.target.value })} /></label></div><${Views} />
    <section class="card flush"><${Waiting} of=${traces}>${() => traces.rows.length === 0 ? html`<${Empty} icon="trace" title=${t("traces.none")} text=${t("traces.none.text")} />`
      : html`<${Table} label=${t("page.traces")} columns=${columns} rows=${traces.rows} rowKey=${(trace) => trace.call_id} href=${(trace) => `/traces/${encodeURIComponent(trace.call_id)}`} sorted=${{ key: "last_at", down: true }} foot=${html`<${Foot} count=${traces.rows.length} more=${traces.more} onMore=${() => traces.loadMore().catch(failed)} />`} />`}<//></section>`;
}
