// The SIP ladder: one lane for each party, one row for each message, gaps where time passed. Rows that cannot be seen are
// not in the document, so a ladder of thousands of messages is as quick as one of ten.
import { html, names, useEffect, useMemo, useRef, useState } from "./h.js";
import { Icon } from "./icon.js";
import { Copy, save } from "./parts.js";
import { SPARE_PX, TIME_WIDTH, place, spread } from "./ladder/place.js";
import { Raw } from "./ladder/raw.js";
import { asMermaid, asText } from "./ladder/export.js";
import { number, t } from "./words.js";

/** `messages`: { at_ms, direction, remote, transport, text }, in the order of time. */
export function Ladder({ messages, name }) {
  const plan = useMemo(() => place(messages), [messages]);
  const [chosen, setChosen] = useState(null);
  const [view, setView] = useState({ top: 0, height: 900, width: 0 });
  const box = useRef(null);
  useEffect(() => {
    const look = () => setView({ top: box.current.scrollTop, height: box.current.clientHeight || 900, width: box.current.clientWidth });
    const watch = new ResizeObserver(look);
    watch.observe(box.current);
    return () => watch.disconnect();
  }, [plan]);
  const seen = plan.rows.filter((row) => row.y + row.height > view.top - SPARE_PX && row.y < view.top + view.height + SPARE_PX);
  function choose(at) {
    const next = Math.max(0, Math.min(plan.messages.length - 1, at));
    setChosen(next);
    const row = plan.rows[plan.messages[next].row];
    const { scrollTop, clientHeight } = box.current;
    if (row.y < scrollTop + 8) box.current.scrollTop = row.y - 8;
    else if (row.y + row.height > scrollTop + clientHeight - plan.head) box.current.scrollTop = row.y + row.height - clientHeight + plan.head + 8;
  }
  function key(event) {
    const to = { ArrowDown: (chosen ?? -1) + 1, ArrowUp: (chosen ?? 1) - 1, Home: 0, End: plan.messages.length - 1, PageDown: (chosen ?? -1) + 10, PageUp: (chosen ?? 0) - 10 }[event.key];
    if (to !== undefined) { event.preventDefault(); choose(to); }
    if (event.key === "Escape") setChosen(null);
  }
  const { x: laneX, width } = spread(plan.lanes.length, view.width);
  return html`<div class=${names("ladder", { "with-raw": chosen !== null })}>
    <div class="stack"><div class="row apart"><p class="small muted">${t("ladder.hint")}</p><${Exports} messages=${messages} plan=${plan} name=${name} /></div>
    <div class="ladder-view" ref=${box} tabindex="0" role="listbox" aria-label=${t("ladder.label", { n: plan.messages.length })}
      aria-activedescendant=${chosen !== null ? `m${chosen}` : undefined} onKeyDown=${key}
      onScroll=${(event) => setView({ ...view, top: event.target.scrollTop })}>
      <${Heads} lanes=${plan.lanes} laneX=${laneX} width=${width} height=${plan.head} />
      <svg width=${width} height=${plan.height} role="presentation">
        ${plan.lanes.map((lane, at) => html`<line class=${names("lane", { us: lane.us })} x1=${laneX(at)} x2=${laneX(at)} y1="0" y2=${plan.height} />`)}
        ${plan.media.map((bar) => html`<g class="media"><rect x=${laneX(bar.lane) - 5} y=${bar.y} width="10" height=${bar.height} rx="4"><title>${t("ladder.media")}</title></rect></g>`)}
        ${seen.map((row) => row.gap ? html`<${Gap} key=${`g${row.y}`} row=${row} laneX=${laneX} lanes=${plan.lanes.length} />`
          : html`<${Message} key=${row.index} row=${row} message=${plan.messages[row.index]} lanes=${plan.lanes} laneX=${laneX} width=${width} chosen=${row.index === chosen} onChoose=${choose} />`)}
      </svg></div></div>
    ${chosen !== null && html`<${Raw} message=${plan.messages[chosen]} lanes=${plan.lanes} onClose=${() => { setChosen(null); box.current.focus(); }}
      onStep=${(step) => choose(chosen + step)} />`}</div>`;
}

function Heads({ lanes, laneX, width, height }) {
  return html`<div class="head"><svg width=${width} height=${height} role="presentation"><text class="sub" x="12" y="26">${t("time")}</text>
    ${lanes.map((lane, at) => html`<text x=${laneX(at)} y="20" text-anchor="middle">${lane.us ? t("coeur") : lane.name || lane.address}</text>
      <text class="sub" x=${laneX(at)} y="36" text-anchor="middle">${lane.us ? "" : lane.name ? `${lane.address} ${lane.transport}` : lane.transport}</text>`)}</svg></div>`;
}

function Gap({ row, laneX, lanes }) {
  return html`<g aria-hidden="true"><line class="gap-line" x1=${laneX(0)} x2=${laneX(lanes - 1)} y1=${row.y + 14} y2=${row.y + 14} />
    <text class="gap" x=${TIME_WIDTH - 14} y=${row.y + 18} text-anchor="end">${t("ladder.gap", { seconds: number(row.gap / 1000, row.gap < 10_000 ? 1 : 0) })}</text></g>`;
}

function Message({ row, message, lanes, laneX, width, chosen, onChoose }) {
  const [from, to] = [laneX(message.from), laneX(message.to)];
  const [left, right] = [Math.min(from, to), Math.max(from, to)];
  const [y, sign] = [row.y + 26, Math.sign(to - from)];
  const time = `+${number(message.since_ms / 1000, 3)}`;
  const note = [message.isRequest && message.sequence && `CSeq ${message.sequence}`, message.sdp && "SDP", message.again && t("ladder.again")].filter(Boolean).join(" · ");
  const spoken = t("ladder.message", { what: `${time} ${message.word} ${note}`.trim(), from: laneName(lanes[message.from]), to: laneName(lanes[message.to]) });
  return html`<g class=${names("message", message.kind, { again: message.again, chosen, challenge: message.challenge })} id=${`m${row.index}`} role="option"
      aria-selected=${chosen ? "true" : "false"} aria-label=${spoken} onClick=${() => onChoose(row.index)}>
    <rect class="hit" x="0" y=${row.y} width=${width} height=${row.height} />
    <text class="time" x=${TIME_WIDTH - 14} y=${row.y + 24} text-anchor="end">${time}</text>${" "}
    <path class="arrow" d=${`M${from} ${y}H${to - sign * 6}`} /><path class="tip" d=${`M${to} ${y}l${-sign * 9} -4.5v9Z`} />
    <text class="word" x=${(left + right) / 2} y=${y - 7} text-anchor="middle">${message.word}</text>${" "}
    <text class="note" x=${right + 12} y=${y + 4}>${note}</text></g>`;
}

const laneName = (lane) => lane.us ? t("coeur") : lane.name || lane.address;

function Exports({ messages, plan, name }) {
  return html`<div class="row"><button class="button small quiet" onClick=${() => save(`${name}.txt`, "text/plain", asText(plan))}><${Icon} name="download" size=${16} />${t("ladder.text")}</button>
    <button class="button small quiet" onClick=${() => save(`${name}.mmd`, "text/plain", asMermaid(plan))}><${Icon} name="download" size=${16} />Mermaid</button>
    <${Copy} text=${messages.map((message) => message.text).join("\n\n")} label=${t("ladder.copy")} /></div>`;
}
