// One conversation of SIP messages that is in no record of a call: a registration, an attack, whatever came.
import { html } from "../../ui/h.js";
import { useAsk } from "../../ui/api.js";
import { Ladder } from "../../ui/ladder.js";
import { Head, Notice, Waiting } from "../../ui/parts.js";
import { t } from "../../ui/words.js";
import { verdict } from "../shapes.js";

export default function Trace({ id }) {
  const trace = useAsk(`traces/${encodeURIComponent(id)}`, undefined, 5_000);
  return html`<${Head} title=${t("trace.title")} intro=${html`<code>${id}</code>`} back=${{ href: "/traces", label: t("page.traces") }} />
    <${Waiting} of=${trace}>${(data) => html`<div class="stack">${(data.verdicts ?? []).map((one) => { const said = verdict(one); return html`<${Notice} kind="bad" title=${said.title}><p>${said.remedy}</p><//>`; })}
      <${Ladder} messages=${messagesOf(data)} name="trace" /></div>`}<//>`;
}

/** The rows of a trace as the ladder takes them. */
export function messagesOf(trace) {
  return (trace?.rows ?? []).map((row) => ({ at_ms: row.at_us !== undefined ? row.at_us / 1000 : Date.parse(row.at), direction: row.direction, remote: row.remote, transport: row.transport, text: row.text }));
}
