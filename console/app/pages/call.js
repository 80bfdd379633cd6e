// One call, while it lives and afterwards: what happened in plain words, its ladder, its quality, its way.
import { html, useEffect, useRef, useState } from "../../ui/h.js";
import { post, useAsk } from "../../ui/api.js";
import { Bars, Chart } from "../../ui/chart.js";
import { Dialog } from "../../ui/dialog.js";
import { Icon } from "../../ui/icon.js";
import { Ladder } from "../../ui/ladder.js";
import { Copy, Empty, Facts, Head, Notice, Skeleton, Tag, Time, Trouble } from "../../ui/parts.js";
import { path } from "../../ui/router.js";
import { Tabs } from "../../ui/tabs.js";
import { failed, toast } from "../../ui/toast.js";
import { bytes, number, span, t } from "../../ui/words.js";
import { Disposition, Mos, callName, family, mediaPath, outcome, partyName, protectionIcon, sideName, toldVerdict, verdict, worst } from "../shapes.js";
import { messagesOf, useTrace } from "./trace.js";

const POLL_MS = 2_000;
/** An hour of points. */
const POINTS_MAX = 1_800;

export default function Call({ id }) {
  const { call, record, problem, loading, reload } = useCall(id);
  const shown = call ?? record;
  const trace = useTrace(shown?.caller?.call_id, call ? POLL_MS : undefined);
  const points = useQuality(call);
  if (loading) return html`<${Skeleton} lines=${10} />`;
  if (!shown) return problem?.status === 404 ? html`<${Empty} icon="call" title=${t("call.gone")} text=${t("call.gone.text")}><a class="button" href="/records">${t("page.records")}</a><//>` : html`<${Trouble} problem=${problem} retry=${reload} />`;
  const back = call ? { href: "/calls", label: t("page.calls") } : { href: "/records", label: t("page.records") };
  const tabs = [["summary", t("call.summary"), () => html`<${Summary} shown=${shown} live=${call} trace=${trace.data} />`],
    ["ladder", t("call.ladder"), () => html`<${LadderTab} trace=${trace} id=${id} />`],
    ["quality", t("call.quality"), () => html`<${Quality} shown=${shown} points=${points} live=${Boolean(call)} />`],
    ["routing", t("call.routing"), () => html`<${Routing} shown=${shown} trace=${trace.data} />`]];
  return html`<${Head} title=${callName(shown)} back=${back}>${call ? html`<${Actions} call=${call} reload=${reload} />` : html`<${Disposition} record=${shown} />`}<//>
    <${Tabs} label=${t("call.parts")} tabs=${tabs} />`;
}

/** The live call, and its record as soon as it is over. */
function useCall(id) {
  const [over, setOver] = useState(path.value.startsWith("/records/"));
  const live = useAsk(over ? null : `calls/${encodeURIComponent(id)}`, undefined, POLL_MS);
  const gone = over || live.problem?.status === 404;
  useEffect(() => { if (gone) setOver(true); }, [gone]);
  const record = useAsk(over ? `call_records/${encodeURIComponent(id)}` : null, undefined, undefined);
  return { call: over ? null : live.data, record: record.data, problem: over ? record.problem : live.problem, loading: over ? record.loading : live.loading || (gone && !over), reload: over ? record.reload : live.reload };
}

/** What was measured while this page is open: each side's way to us and back. */
function useQuality(call) {
  const points = useRef({ seen: null, rows: [] });
  if (call && points.current.seen !== call) {
    points.current.seen = call;
    points.current.rows = [...points.current.rows, { at: Date.now(), ways: waysOf(call) }].slice(-POINTS_MAX);
  }
  return points.current.rows;
}

function waysOf(shown) {
  return ["caller", "callee"].flatMap((name) => {
    const side = shown[name];
    if (!side) return [];
    const stream = side.streams ? side.streams.find((one) => one?.kind === "audio") : side;
    return stream ? [{ side: name, way: "received", ...stream.received }, { side: name, way: "sent", ...stream.sent }] : [];
  });
}

function Actions({ call, reload }) {
  const [ending, setEnding] = useState(false);
  const act = (name, body, said) => post(`calls/${encodeURIComponent(call.id)}/actions/${name}`, body).then(() => { toast(t(said)); reload(); }, failed);
  return html`<${Tag} kind=${call.state === "answered" ? "good" : "accent"}>${t(`state.${call.state}`)} ${span(call.since_s)}<//>
    ${call.recording ? html`<button class="button" onClick=${() => act("record_stop", {}, "recording.stopped")}><${Icon} name="tape" />${t("recording.stop")}</button>`
      : html`<button class="button" onClick=${() => act("record_start", {}, "recording.started")}><${Icon} name="tape" />${t("recording.start")}</button>`}
    <button class="button danger" onClick=${() => setEnding(true)}><${Icon} name="hangup" />${t("call.hangup")}</button>
    ${ending && html`<${Dialog} title=${t("call.hangup.title")} onClose=${() => setEnding(false)}><p>${t("call.hangup.text", { who: callName(call) })}</p>
      <div class="actions"><button class="button quiet" onClick=${() => setEnding(false)}>${t("cancel")}</button>
      <button class="button danger" onClick=${() => { setEnding(false); act("hangup", {}, "call.hangup.done"); }}>${t("call.hangup")}</button></div><//>`}`;
}

function Summary({ shown, live, trace }) {
  const causes = trace?.verdicts ?? [];
  const score = worst(shown);
  return html`<div class="stack"><div class="card verdict"><p>${live ? t(`story.${live.state}`, { who: sideName(live.callee) === "–" ? partyName(live.to_uri) : sideName(live.callee), caller: sideName(live.caller) }) : outcome(shown)}</p>
      ${score !== null && html`<p class="muted">${t(`story.mos.${score >= 4 ? "good" : score >= 3.6 ? "fair" : "bad"}`)} <${Mos} value=${score} /></p>`}</div>
    ${causes.length > 0 ? causes.map((one) => { const said = verdict(one); return html`<${Notice} kind="bad" title=${said.title}><p>${said.remedy}</p><//>`; })
      : shown.verdict && html`<${Notice} kind="bad" title=${t("calls.silent")}><p>${toldVerdict(shown.verdict)}</p><//>`}
    <div class="grid"><section class="card w4"><header><h2>${t("call.when")}</h2></header><${Facts} facts=${times(shown, live)} /></section>
      ${["caller", "callee"].filter((name) => shown[name]).map((name) => html`<section class="card w4"><header><h2>${t(`side.${name}`)}</h2></header><${Side} side=${shown[name]} /></section>`)}</div>
    ${shown.recordings?.length > 0 && html`<section class="card"><header><h2>${t("call.recordings")}</h2></header>${shown.recordings.map((one) => html`<${Facts} facts=${[[t("recording.length"), span(one.recorded_ms / 1000)], [t("recording.by"), one.asked_by], [t("recording.file"), html`<code>${one.file}</code>`], [t("recording.size"), bytes(one.bytes)], ["SHA-256", html`<code>${one.sha256}</code>`]]} />`)}</section>`}</div>`;
}

function times(shown, live) {
  return [[t("call.start"), html`<${Time} at=${shown.start_at} />`], [t("call.answer"), shown.answer_at && html`<${Time} at=${shown.answer_at} />`],
    [t("call.end"), shown.end_at && html`<${Time} at=${shown.end_at} />`], [t("call.pdd"), shown.pdd_ms !== undefined && shown.pdd_ms !== null ? t("ms", { value: shown.pdd_ms }) : null],
    [t("call.rang"), shown.ring_ms ? span(shown.ring_ms / 1000) : null], [t("call.talked"), live ? (live.state === "ringing" ? null : span(live.since_s)) : shown.talk_ms !== null && shown.talk_ms !== undefined ? span(shown.talk_ms / 1000) : null],
    [t("call.name"), html`<span class="row"><code>${shown.id}</code><${Copy} text=${shown.id} /></span>`]];
}

function Side({ side }) {
  const stream = side.streams?.find((one) => one?.kind === "audio") ?? side;
  return html`<${Facts} facts=${[[t("side.account"), side.account && html`<a href=${`/accounts/${encodeURIComponent(side.account)}`}>${side.account}</a>`], [t("side.said"), side.address], [t("side.phone"), side.device_ua],
    [t("side.over"), [side.transport?.toUpperCase(), side.src_ip].filter(Boolean).join(" ")], [t("calls.codec"), stream.codec],
    [t("side.protection"), stream.protection && html`<span class="row"><${Icon} name=${protectionIcon(stream.protection)} size=${16} />${t(`protection.${stream.protection}`)}</span>`],
    [t("side.rtt"), stream.rtt_ms && t("ms", { value: Math.round(stream.rtt_ms) })], ["Call-ID", html`<code>${side.call_id}</code>`]]} />`;
}

function LadderTab({ trace, id }) {
  if (trace.loading) return html`<${Skeleton} />`;
  const messages = messagesOf(trace.data);
  if (messages.length === 0) return html`<div class="card"><${Empty} icon="trace" title=${t("ladder.none")} text=${t("ladder.none.text")} /></div>`;
  return html`<${Ladder} messages=${messages} name=${`call-${id}`} />`;
}

const MEASURES = [["mos", 2, "", 5], ["loss_pct", 1, " %", undefined], ["jitter_ms", 1, " ms", undefined]];
function Quality({ shown, points, live }) {
  const ways = waysOf(shown).filter((way) => way.packets !== undefined && way.packets !== null);
  if (ways.length === 0) return html`<div class="card"><${Empty} icon="chart" title=${t("quality.none")} text=${t("quality.none.text")} /></div>`;
  const name = (way) => t(`way.${way.way}`, { who: sideName(shown[way.side]) });
  return html`<div class="stack">${live && points.length > 1 && html`<div class="grid">${MEASURES.map(([key, places, unit, max], at) => html`<section class=${at ? "card w6" : "card"}><header><h2>${t(`measure.${key}`)}</h2></header>
      <${Chart} label=${t(`measure.${key}`)} times=${points.map((point) => point.at)} places=${places} unit=${unit} max=${max} height=${170}
        series=${ways.map((way) => ({ label: name(way), values: points.map((point) => point.ways.find((one) => one.side === way.side && one.way === way.way)?.[key] ?? null) }))} /></section>`)}</div>`}
    <section class="card flush"><div class="table-wrap" tabindex="0" role="region" aria-label=${t("call.quality")}><table class="table cards"><thead><tr>${["quality.way", "measure.mos", "measure.loss_pct", "measure.jitter_ms", "measure.packets"].map((key, at) => html`<th scope="col" class=${at ? "num" : ""}>${t(key)}</th>`)}</tr></thead>
      <tbody>${ways.map((way) => html`<tr><td data-label=${t("quality.way")}>${name(way)}</td><td class="num" data-label=${t("measure.mos")}><${Mos} value=${way.mos} /></td><td class="num" data-label=${t("measure.loss_pct")}>${number(way.loss_pct, 1)} %</td>
        <td class="num" data-label=${t("measure.jitter_ms")}>${number(way.jitter_ms, 1)} ms</td><td class="num" data-label=${t("measure.packets")}>${number(way.packets)}</td></tr>`)}</tbody></table></div></section>
    <p class="muted small">${t("quality.note")}</p></div>`;
}

function Routing({ shown, trace }) {
  const steps = [t("route.from", { who: sideName(shown.caller), phone: family(shown.caller?.device_ua) }), t("route.wanted", { uri: partyName(shown.to_uri) }),
    ...(shown.forwarded_by ?? []).map((by) => t("route.forwarded", { by })), shown.xfer_of && t("route.transfer", { call: shown.xfer_of }),
    shown.callee ? t("route.reached", { who: sideName(shown.callee), phone: family(shown.callee.device_ua) }) : t("route.nobody"),
    (trace?.media_path ?? shown.media_path) && t("route.media", { path: mediaPath(trace?.media_path ?? shown.media_path) })].filter(Boolean);
  const legs = trace?.legs ?? [];
  return html`<div class="stack"><section class="card"><ol class="steps">${steps.map((step) => html`<li><span>${step}</span></li>`)}</ol></section>
    ${legs.length > 0 && html`<section class="card"><header><h2>${t("route.legs")}</h2></header><${Bars} bars=${legs.flatMap((leg) => [{ label: t("route.arrived", { side: t(`side.${leg.side}`), at: leg.heard_from || "?" }), value: leg.received_packets, kind: leg.received_packets ? "good" : "bad" },
      { label: t("route.left", { side: t(`side.${leg.side}`), at: leg.sends_to || "?" }), value: leg.sent_packets, kind: leg.sent_packets ? "good" : "bad" }])} /></section>`}</div>`;
}
