// Recent conversations of SIP messages: what was said, by whom, when.
import { html } from "../../ui/h.js";
import { Icon } from "../../ui/icon.js";
import { useAsk } from "../../ui/api.js";
import { Empty, Head, Tag, Time, Waiting } from "../../ui/parts.js";
import { Foot, Table } from "../../ui/table.js";
import { query, filter } from "../../ui/router.js";
import { number, t } from "../../ui/words.js";

export default function Traces() {
  const text = query.value.get("q") ?? "";
  const traces = useAsk("traces", { q: text, limit: 200 }, 5_000);
  const columns = [
    { key: "call_id", label: "Call-ID", cell: (trace) => html`<span class="clip mono">${trace.call_id}</span>` },
    { key: "first", label: t("traces.first"), sort: false, cell: (trace) => html`<span class="clip">${first(trace)}</span>` },
    { key: "messages", label: t("traces.messages"), num: true, cell: (trace) => number(trace.messages) },
    { key: "last", label: t("traces.last"), value: (trace) => trace.last_at, cell: (trace) => html`<${Time} at=${trace.last_at} />` },
    { key: "verdicts", label: t("calls.marks"), sort: false, cell: (trace) => trace.verdicts?.length > 0 && html`<${Tag} kind="bad" icon="warn">${t("calls.silent")}<//>` },
  ];
  return html`<${Head} title=${t("page.traces")} intro=${t("traces.intro")} />
    <div class="bar"><label class="search grow"><${Icon} name="search" size=${18} /><span class="sr">${t("filter")}</span><input type="search" class="input" placeholder=${t("traces.filter")} value=${text} onInput=${(event) => filter({ q: event.target.value })} /></label></div>
    <section class="card flush"><${Waiting} of=${traces}>${(page) => page.data.length === 0 ? html`<${Empty} icon="trace" title=${t("traces.none")} text=${t("traces.none.text")} />`
      : html`<${Table} label=${t("page.traces")} columns=${columns} rows=${page.data} rowKey=${(trace) => trace.call_id} href=${(trace) => `/traces/${encodeURIComponent(trace.call_id)}`} sorted=${{ key: "last", down: true }} foot=${html`<${Foot} count=${page.data.length} more=${page.has_more} />`} />`}<//></section>`;
}

/** `INVITE alice@example.org -> bob@example.org`: what the drawing begins with, without its time. */
const first = (trace) => trace.ladder.split("\n", 1)[0].replace(/\s+\d{4}-\d\d-\d\d .*$/, "").replace(/\s+/g, " ");
