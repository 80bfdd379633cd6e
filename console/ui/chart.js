// Lines over time, with the same as a table. Of our own: a few hundred points need no library.
import { html, names, useEffect, useRef, useState } from "./h.js";
import { Icon } from "./icon.js";
import { csv, save } from "./parts.js";
import { clock, day, hour, number, t, when } from "./words.js";

const PAD = { left: 40, right: 8, top: 10, bottom: 24 };
/** More points than these are thinned: the highest of each part stays, or the lowest where it is told to. */
const POINTS_MAX = 480;

/** `series`: [{ label, values }], as many values as `times` (ms); null where nothing was measured. */
export function Chart({ label, times, series, unit = "", max, height = 200, places = 0, isLowKept = false }) {
  const [asTable, setAsTable] = useState(false);
  const heads = [t("time"), ...series.map((one) => one.label)];
  const rows = () => times.map((at, index) => [new Date(at).toISOString(), ...series.map((one) => one.values[index])]);
  return html`<figure class="stack"><div class="row apart"><${Legend} series=${series} />
      <span class="row"><button class="icon-button small" aria-pressed=${asTable ? "true" : "false"} onClick=${() => setAsTable(!asTable)}
        aria-label=${t(asTable ? "as.chart" : "as.table")} title=${t(asTable ? "as.chart" : "as.table")}><${Icon} name=${asTable ? "chart" : "table"} size=${16} /></button>
      <button class="icon-button small" onClick=${() => save("coeur.csv", "text/csv", csv(heads, rows()))} aria-label=${t("download.csv")} title=${t("download.csv")}><${Icon} name="download" size=${16} /></button></span></div>
    ${asTable ? html`<${Values} label=${label} heads=${heads} times=${times} series=${series} places=${places} />`
    : html`<${Lines} label=${label} ...${thin(times, series, isLowKept ? Math.min : Math.max)} unit=${unit} max=${max} height=${height} places=${places} />`}</figure>`;
}

function Legend({ series }) {
  return html`<ul class="legend">${series.map((one, at) => html`<li class=${`c${at}`}><i></i>${one.label}</li>`)}</ul>`;
}

function Values({ label, heads, times, series, places }) {
  return html`<div class="scroller" tabindex="0" role="region" aria-label=${label}><table class="table"><thead><tr>${heads.map((head, at) => html`<th scope="col" class=${names({ num: at > 0 })}>${head}</th>`)}</tr></thead>
    <tbody>${times.map((at, index) => html`<tr><td>${moment(times)(at)}</td>${series.map((one) => html`<td class="num">${number(one.values[index], places)}</td>`)}</tr>`).reverse()}</tbody></table></div>`;
}

function Lines({ label, times, series, unit, max, height, places }) {
  const box = useRef(null);
  const [width, setWidth] = useState(640);
  const [at, setAt] = useState(null);
  useEffect(() => {
    const watch = new ResizeObserver(([entry]) => setWidth(Math.max(200, entry.contentRect.width)));
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  const top = nice(max ?? Math.max(1, ...series.flatMap((one) => one.values.filter((value) => value !== null))));
  const [first, last] = [times[0] ?? 0, times.at(-1) ?? 1];
  const x = (time) => PAD.left + (last > first ? (time - first) / (last - first) : 1) * (width - PAD.left - PAD.right);
  const y = (value) => PAD.top + (1 - value / top) * (height - PAD.top - PAD.bottom);
  const point = (event) => {
    const where = event.clientX - box.current.getBoundingClientRect().left;
    const nearest = times.reduce((best, time, index) => Math.abs(x(time) - where) < Math.abs(x(times[best]) - where) ? index : best, 0);
    setAt(times.length ? nearest : null);
  };
  const key = (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step && times.length) { event.preventDefault(); setAt(Math.max(0, Math.min(times.length - 1, (at ?? times.length - 1) + step))); }
  };
  const spoken = `${label}: ${series.map((one) => `${one.label} ${number(one.values.at(-1) ?? null, places)}${unit}`).join(", ")}`;
  return html`<div class="chart" ref=${box} tabindex="0" role="img" aria-label=${spoken} onPointerMove=${point} onPointerLeave=${() => setAt(null)} onKeyDown=${key} onBlur=${() => setAt(null)}>
    <svg height=${height} viewBox=${`0 0 ${width} ${height}`} aria-hidden="true">
      ${ticks(top).map((value) => html`<line class="axis" x1=${PAD.left} x2=${width - PAD.right} y1=${y(value)} y2=${y(value)} />
        <text x=${PAD.left - 8} y=${y(value) + 4} text-anchor="end">${number(value)}</text>`)}
      ${moments(first, last, width).map((time) => html`<text x=${x(time)} y=${height - 6} text-anchor="middle">${last - first > 172_800_000 ? day(time) : last - first < 600_000 ? clock(time) : hour(time)}</text>`)}
      ${series.map((one, index) => html`<g class=${`c${index}`}>${index === 0 && html`<path class="area" d=${area(one.values, times, x, y)} />`}
        <path class=${`line c${index}`} d=${line(one.values, times, x, y)} />
        ${alone(one.values).map((index) => html`<circle class="dot alone" cx=${x(times[index])} cy=${y(one.values[index])} r="2.5" />`)}
        ${at !== null && one.values[at] !== null && html`<circle class="dot" cx=${x(times[at])} cy=${y(one.values[at])} r="4" />`}</g>`)}
      ${at !== null && html`<line class="cross" x1=${x(times[at])} x2=${x(times[at])} y1=${PAD.top} y2=${height - PAD.bottom} />`}
    </svg>
    ${at !== null && html`<div class="tip" ref=${(tip) => tip?.style.setProperty("left", `${Math.max(70, Math.min(width - 70, x(times[at])))}px`)}>
      <strong>${moment(times)(times[at])}</strong>${series.map((one) => html`<div>${one.label} ${number(one.values[at], places)}${unit}</div>`)}</div>`}</div>`;
}

/** With its day where there is more than one. */
const moment = (times) => times.at(-1) - times[0] > 86_400_000 ? when : clock;

/** The way through the points; a gap where nothing was measured. */
function line(values, times, x, y) {
  let pen = "M";
  return values.map((value, at) => {
    if (value === null || value === undefined) { pen = "M"; return ""; }
    const step = `${pen}${x(times[at]).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = "L";
    return step;
  }).join("");
}

const isKnown = (value) => value !== null && value !== undefined;

/** Points that no line leads to. */
const alone = (values) => values.flatMap((value, at) => isKnown(value) && !isKnown(values[at - 1]) && !isKnown(values[at + 1]) ? [at] : []);

function area(values, times, x, y) {
  const known = values.map((value, at) => [value, times[at]]).filter(([value]) => value !== null && value !== undefined);
  if (known.length < 2) return "";
  return `${line(known.map(([value]) => value), known.map(([, time]) => time), x, y)}L${x(known.at(-1)[1]).toFixed(1)} ${y(0)}L${x(known[0][1]).toFixed(1)} ${y(0)}Z`;
}

function nice(value) {
  const size = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 5, 10].map((step) => step * size).find((step) => step >= value);
}
const ticks = (top) => top < 2 ? [0, top] : [0, top / 2, top].filter((value) => Number.isInteger(value) || top <= 5);

function moments(first, last, width) {
  const count = Math.max(2, Math.floor(width / 140));
  return last > first ? Array.from({ length: count }, (_, at) => first + ((at + 0.5) / count) * (last - first)) : [];
}

function thin(times, series, pick) {
  if (times.length <= POINTS_MAX) return { times, series };
  const step = Math.ceil(times.length / POINTS_MAX);
  const starts = Array.from({ length: Math.ceil(times.length / step) }, (_, at) => at * step);
  const kept = (values) => starts.map((from) => {
    const known = values.slice(from, from + step).filter((value) => value !== null && value !== undefined);
    return known.length ? pick(...known) : null;
  });
  return { times: starts.map((from) => times[from]), series: series.map((one) => ({ ...one, values: kept(one.values) })) };
}

export function Spark({ values, max, label }) {
  const known = values.filter((value) => value !== null && value !== undefined);
  if (known.length < 2) return null;
  const top = max ?? Math.max(...known);
  const d = values.map((value, at) => value === null || value === undefined ? "" : `${at ? "L" : "M"}${(at / (values.length - 1)) * 80} ${22 - (value / top) * 20}`).join("");
  return html`<svg class="spark" viewBox="0 0 80 24" role="img" aria-label=${label}><path d=${d.replace(/^L/, "M")} /></svg>`;
}

/** `bars`: [{ label, value, kind, href }]. */
export function Bars({ bars, unit = "", places = 0 }) {
  const top = Math.max(1e-9, ...bars.map((bar) => bar.value));
  return html`<ul class="bars">${bars.map((bar) => html`<li><div class="top-line"><span class="clip">${bar.href ? html`<a href=${bar.href}>${bar.label}</a>` : bar.label}</span>
    <span>${number(bar.value, places)}${unit}</span></div>
    <div class="track"><div class=${names("fill", bar.kind)} ref=${(fill) => fill?.style.setProperty("width", `${(bar.value / top) * 100}%`)}></div></div></li>`)}</ul>`;
}
