// Calls that live: who with whom, since when, how good.
import { html, useEffect, useRef, useState } from "../../ui/h.js";
import { Icon } from "../../ui/icon.js";
import { useAsk } from "../../ui/api.js";
import { Spark } from "../../ui/chart.js";
import { Empty, Head, Tag, Waiting } from "../../ui/parts.js";
import { Foot, Table } from "../../ui/table.js";
import { query, filter } from "../../ui/router.js";
import { span, t } from "../../ui/words.js";
import { Mos, Parties, callName, protectionIcon, worst } from "../shapes.js";

/** Scores are told by no event: while events are heard this is six times as long. */
const POLL_MS = 2_000;
/** Scores of one call that are kept for its little curve. */
const SCORES_MAX = 40;
const STATE_KIND = { ringing: "accent", answered: "good", held: "warn" };

export default function Calls() {
  const calls = useAsk("calls", { limit: 500 }, POLL_MS, ["call."]);
  const scores = useScores(calls.data?.data);
  return html`<${Head} title=${t("page.calls")} intro=${t("calls.intro")} />
    <${Waiting} of=${calls}>${(page) => page.data.length === 0
      ? html`<div class="card"><${Empty} icon="call" title=${t("calls.none")} text=${t("calls.none.text")}><a class="button" href="/records">${t("page.records")}</a><//></div>`
      : html`<${List} calls=${page.data} scores=${scores} more=${page.has_more} />`}<//>`;
}

function List({ calls, scores, more }) {
  const text = query.value.get("q") ?? "";
  const rows = text ? calls.filter((call) => callName(call).toLowerCase().includes(text.toLowerCase())) : calls;
  const columns = [
    { key: "who", label: t("calls.who"), value: callName, cell: (call) => html`<${Parties} call=${call} />` },
    { key: "state", label: t("calls.state"), cell: (call) => html`<${Tag} kind=${STATE_KIND[call.state]}>${t(`state.${call.state}`)}<//>` },
    { key: "since_s", label: t("calls.since"), num: true, cell: (call) => html`<${Since} seconds=${call.since_s} seen=${call} />` },
    { key: "codec", label: t("calls.codec"), value: codec, cell: (call) => html`<span class="row"><${Icon} name=${lock(call)} size=${16} label=${t(`protection.${protection(call)}`)} />${codec(call)}</span>` },
    { key: "mos", label: t("calls.quality"), num: true, value: worst, cell: (call) => html`<span class="row"><${Spark} values=${scores.get(call.id) ?? []} max=${4.5} label=${t("calls.curve")} /><${Mos} value=${worst(call)} /></span>` },
    { key: "marks", label: t("calls.marks"), sort: false, cell: (call) => html`<span class="row">${call.recording && html`<${Tag} kind="accent" icon="tape">${t("recording.on")}<//>`}${call.verdict && html`<${Tag} kind="bad" icon="warn">${t("calls.silent")}<//>`}</span>` },
  ];
  return html`<div class="bar"><label class="search grow"><${Icon} name="search" size=${18} /><span class="sr">${t("filter")}</span><input type="search" class="input" placeholder=${t("calls.filter")} value=${text} onInput=${(event) => filter({ q: event.target.value })} /></label></div>
    <section class="card flush"><${Table} label=${t("page.calls")} columns=${columns} rows=${rows} rowKey=${(call) => call.id} href=${(call) => `/calls/${encodeURIComponent(call.id)}`}
      sorted=${{ key: "since_s", down: true }} foot=${html`<${Foot} count=${rows.length} more=${more} />`} /></section>`;
}

/** Goes on by itself from what was last heard. */
function Since({ seconds, seen }) {
  const [passed, setPassed] = useState(0);
  useEffect(() => {
    const heardAt = performance.now();
    setPassed(0);
    const timer = setInterval(() => setPassed((performance.now() - heardAt) / 1_000), 1_000);
    return () => clearInterval(timer);
  }, [seen]);
  return span(seconds + passed);
}

const stream = (call) => [call.caller, call.callee].flatMap((side) => side?.streams ?? []).find((one) => one?.kind === "audio");
const codec = (call) => stream(call)?.codec ?? "–";
const protection = (call) => stream(call)?.protection ?? "clear";
const lock = (call) => protectionIcon(protection(call));

/** What was measured while this page is open. */
function useScores(calls) {
  const kept = useRef({ seen: null, byCall: new Map() });
  if (calls && kept.current.seen !== calls) {
    const next = new Map(calls.map((call) => [call.id, [...(kept.current.byCall.get(call.id) ?? []), worst(call)].slice(-SCORES_MAX)]));
    kept.current = { seen: calls, byCall: next };
  }
  return kept.current.byCall;
}
