// One conversation of SIP messages that is in no record of a call: a registration, an attack, whatever came.
import { html } from "../../ui/h.js";
import { useAsk } from "../../ui/api.js";
import { Ladder } from "../../ui/ladder.js";
import { Empty, Head, Notice, Waiting } from "../../ui/parts.js";
import { t } from "../../ui/words.js";
import { verdict } from "../shapes.js";

export default function Trace({ id }) {
  const trace = useTrace(id, 5_000);
  return html`<${Head} title=${t("trace.title")} intro=${html`<code>${id}</code>`} back=${{ href: "/traces", label: t("page.traces") }} />
    <${Waiting} of=${trace}>${(data) => data === null ? html`<div class="card"><${Empty} icon="trace" title=${t("ladder.none")} text=${t("ladder.none.text")} /></div>` : html`<div class="stack">${(data.verdicts ?? []).map((one) => { const said = verdict(one); return html`<${Notice} kind="bad" title=${said.title}><p>${said.remedy}</p><//>`; })}
      <${Ladder} messages=${messagesOf(data)} name="trace" /></div>`}<//>`;
}

/** The conversation of this Call-ID with its messages; `null` when none is kept. */
export function useTrace(callId, every) {
  const found = useAsk(callId ? "traces" : null, { q: callId, limit: 1, messages: true }, every);
  return { ...found, data: found.data && (found.data.data[0] ?? null) };
}

/** Its messages as the ladder takes them. */
export const messagesOf = (trace) => (trace?.messages ?? []).map((message) => ({ ...message, at_ms: message.at_us / 1000 }));
