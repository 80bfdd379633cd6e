// What is lost against how unevenly it comes: a mark for each cell, as large as what is in it, with the same as a table.
import { html, useEffect, useRef, useState } from "./h.js";
import { Icon } from "./icon.js";
import { csv, save } from "./parts.js";
import { Table } from "./table.js";
import { number, t } from "./words.js";

const PAD = { left: 44, right: 16, top: 30, bottom: 36 };
const HEIGHT = 260;

/** `cells`: { x, y, n, bad }; `columns` are those of the table, `file` its name. A bad cell is a square. */
export function Scatter({ label, x, y, cells, columns, heads, row, file }) {
  const [asTable, setAsTable] = useState(false);
  return html`<figure class="stack"><div class="row apart"><ul class="legend marks"><li><i></i>${t("quality.mark.good")}</li><li class="bad"><i></i>${t("quality.mark.bad")}</li></ul>
      <span class="row"><button class="icon-button small" aria-pressed=${asTable ? "true" : "false"} onClick=${() => setAsTable(!asTable)}
        aria-label=${t(asTable ? "as.chart" : "as.table")} title=${t(asTable ? "as.chart" : "as.table")}><${Icon} name=${asTable ? "chart" : "table"} size=${16} /></button>
      <button class="icon-button small" onClick=${() => save(file, "text/csv", csv(heads, cells.map(row)))} aria-label=${t("download.csv")} title=${t("download.csv")}><${Icon} name="download" size=${16} /></button></span></div>
    ${asTable ? html`<${Table} label=${label} columns=${columns} rows=${cells} rowKey=${(cell) => `${cell.x} ${cell.y}`} />`
    : html`<${Marks} label=${label} x=${x} y=${y} cells=${cells} />`}</figure>`;
}

function Marks({ label, x, y, cells }) {
  const box = useRef(null);
  const [width, setWidth] = useState(480);
  const [at, setAt] = useState(null);
  useEffect(() => {
    const watch = new ResizeObserver(([entry]) => setWidth(Math.max(200, entry.contentRect.width)));
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  const most = Math.max(1, ...cells.map((cell) => cell.n));
  const [right, top] = [Math.max(2, ...cells.map((cell) => cell.x)), Math.max(20, ...cells.map((cell) => cell.y))];
  const px = (value) => PAD.left + (value / right) * (width - PAD.left - PAD.right);
  const py = (value) => PAD.top + (1 - value / top) * (HEIGHT - PAD.top - PAD.bottom);
  const size = (n) => 3 + 9 * Math.sqrt(n / most);
  const said = (cell) => `${x} ${number(cell.x)}, ${y} ${number(cell.y)}: ${number(cell.n)}`;
  const point = (event) => {
    const frame = box.current.getBoundingClientRect();
    const far = (cell) => Math.hypot(px(cell.x) - (event.clientX - frame.left), py(cell.y) - (event.clientY - frame.top));
    setAt(cells.length ? cells.reduce((best, cell, index) => far(cell) < far(cells[best]) ? index : best, 0) : null);
  };
  const key = (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step && cells.length) { event.preventDefault(); setAt(((at ?? -step) + step + cells.length) % cells.length); }
  };
  return html`<div class="chart" ref=${box} tabindex="0" role="img" aria-label=${`${label}: ${cells.slice(0, 3).map(said).join("; ")}`} onPointerMove=${point} onPointerLeave=${() => setAt(null)} onKeyDown=${key} onBlur=${() => setAt(null)}>
    <svg height=${HEIGHT} viewBox=${`0 0 ${width} ${HEIGHT}`} aria-hidden="true">
      ${[0, top / 2, top].map((value) => html`<line class="axis" x1=${PAD.left} x2=${width - PAD.right} y1=${py(value)} y2=${py(value)} /><text x=${PAD.left - 8} y=${py(value) + 4} text-anchor="end">${number(value)}</text>`)}
      ${[0, right / 2, right].map((value) => html`<text x=${px(value)} y=${HEIGHT - PAD.bottom + 16} text-anchor="middle">${number(value)}</text>`)}
      <text x=${width - PAD.right} y=${HEIGHT - 4} text-anchor="end">${x}</text><text x="0" y="10">${y}</text>
      ${cells.map((cell, index) => cell.bad ? html`<rect class="mark bad" x=${px(cell.x) - size(cell.n)} y=${py(cell.y) - size(cell.n)} width=${2 * size(cell.n)} height=${2 * size(cell.n)} stroke-width=${index === at ? 3 : 1} />`
        : html`<circle class="mark" cx=${px(cell.x)} cy=${py(cell.y)} r=${size(cell.n)} stroke-width=${index === at ? 3 : 1} />`)}</svg>
    ${at !== null && cells[at] && html`<div class="tip" ref=${(tip) => tip?.style.setProperty("left", `${Math.max(90, Math.min(width - 90, px(cells[at].x)))}px`)}>${said(cells[at])}</div>`}</div>`;
}
