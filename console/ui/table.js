// A table that sorts, keeps only the rows in the document that can be seen, and becomes a list of cards where it is narrow.
import { html, names, useEffect, useMemo, useRef, useState } from "./h.js";
import { Icon } from "./icon.js";
import { go } from "./router.js";
import { compare, t } from "./words.js";

/** More rows than these are drawn only while they can be seen. */
const VIRTUAL_FROM = 200;
/** Pixels of a row, until one has been measured. */
const ROW_HEIGHT = 46;
/** Rows above and below those that can be seen. */
const SPARE = 12;

/**
 * `columns`: { key, label, cell(row), value(row), num, sort: false }. What is sorted by is `value`, else `row[key]`.
 * `href(row)`: where a click on the row leads.
 */
export function Table({ label, columns, rows, rowKey, href, sorted = null, foot, sortable = true }) {
  const [order, setOrder] = useState(sorted);
  const shown = useMemo(() => sort(rows, columns, sortable ? order : null), [rows, order, columns, sortable]);
  const virtual = shown.length > VIRTUAL_FROM;
  const view = useView(virtual, shown.length);
  const part = virtual ? shown.slice(view.from, view.until) : shown;
  const head = html`<thead><tr>${columns.map((column) => html`<${HeadCell} column=${column} order=${order} sortable=${sortable} onOrder=${setOrder} />`)}</tr></thead>`;
  const table = html`<table class="table cards" aria-rowcount=${virtual ? shown.length + 1 : undefined}><caption class="sr">${label}</caption>${head}<tbody>
      ${virtual && html`<${Spacer} rows=${view.from} height=${view.height} columns=${columns.length} />`}
      ${part.map((row, at) => html`<${Row} key=${rowKey(row)} row=${row} columns=${columns} href=${href} index=${virtual ? view.from + at + 2 : undefined} />`)}
      ${virtual && html`<${Spacer} rows=${shown.length - view.until} height=${view.height} columns=${columns.length} />`}
    </tbody></table>`;
  return html`<div class=${names("table-wrap", { scroller: virtual })} ref=${view.ref} onScroll=${view.onScroll}
      tabindex="0" role="region" aria-label=${label}>${table}</div>${foot}`;
}

function HeadCell({ column, order, sortable, onOrder }) {
  const by = order?.key === column.key ? order : null;
  if (!sortable || column.sort === false) return html`<th scope="col" class=${names({ num: column.num })}>${column.label}</th>`;
  const flip = () => onOrder({ key: column.key, down: by ? !by.down : Boolean(column.num) });
  return html`<th scope="col" class=${names({ num: column.num })} aria-sort=${by ? (by.down ? "descending" : "ascending") : undefined}>
    <button type="button" onClick=${flip}>${column.label}<${Icon} className="arrow" name=${by && !by.down ? "up" : "down"} size=${14} /></button></th>`;
}

function Row({ row, columns, href, index }) {
  const to = href?.(row);
  const open = (event) => { if (to && !event.target.closest("a, button, input, select, label") && !getSelection().toString()) go(to); };
  return html`<tr class=${names({ link: to })} onClick=${open} aria-rowindex=${index}>${columns.map((column, at) => html`
    <td class=${names({ num: column.num })} data-label=${column.label}>${to && at === 0
      ? html`<a href=${to}>${cell(column, row)}</a>` : cell(column, row)}</td>`)}</tr>`;
}

const cell = (column, row) => column.cell ? column.cell(row) : row[column.key] ?? "–";

function Spacer({ rows, height, columns }) {
  const fit = (element) => element?.style.setProperty("height", `${Math.max(0, rows) * height}px`);
  return html`<tr class="spacer" aria-hidden="true"><td colspan=${columns} ref=${fit}></td></tr>`;
}

/** Which rows can be seen. */
function useView(on, count) {
  const ref = useRef(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(ROW_HEIGHT);
  useEffect(() => {
    const row = on && ref.current?.querySelector("tbody tr:not(.spacer)");
    if (row && Math.abs(row.offsetHeight - height) > 1) setHeight(row.offsetHeight);
  });
  const seen = Math.ceil((ref.current?.clientHeight || 800) / height);
  const from = Math.max(0, Math.min(Math.floor(top / height) - SPARE, count - seen));
  return { ref, height, from, until: Math.min(count, from + seen + 2 * SPARE), onScroll: on ? (event) => setTop(event.target.scrollTop) : undefined };
}

function sort(rows, columns, order) {
  const column = order && columns.find((one) => one.key === order.key);
  if (!column) return rows;
  const value = column.value ?? ((row) => row[column.key]);
  const sign = order.down ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x === y) return 0;
    if (x === null || x === undefined) return 1;
    if (y === null || y === undefined) return -1;
    return sign * (typeof x === "number" && typeof y === "number" ? x - y : compare(String(x), String(y)));
  });
}

/** How many there are, and more of them. */
export function Foot({ count, more, onMore, children }) {
  return html`<div class="table-foot"><span>${t(more ? "rows.more" : "rows", { n: count })}</span><span class="row">${children}
    ${more && html`<button class="button small" onClick=${onMore}>${t("load.more")}</button>`}</span></div>`;
}
