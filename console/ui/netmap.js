// How phones reach us: transports at the left of us, networks behind them, kinds of phone at the end. Counts, not dots: ten
// thousand phones are as easy to see as ten.
import { html, names } from "./h.js";
import { number, t } from "./words.js";

/** Nodes of a column; the rest is one node. */
const NODES_MAX = 9;
const COLUMN = [120, 350, 620, 890];
const [NODE_WIDTH, ROW] = [190, 56];

/** `rows`: { transport, subnet, family }. */
export function NetMap({ rows }) {
  const transports = group(rows, (row) => row.transport.toUpperCase() || t("unknown"));
  const subnets = group(rows, (row) => row.subnet);
  // What phones say they are is not known of all; a column that says nothing is left out.
  const families = rows.some((row) => row.family) ? group(rows, (row) => row.family || t("unknown")) : [];
  const columns = families.length ? [transports, subnets, families] : [transports, subnets];
  const heads = ["map.us", "registrations.transport", "map.network", "map.family"].slice(0, columns.length + 1);
  const width = COLUMN[columns.length] + NODE_WIDTH / 2 + 20;
  const height = Math.max(4, ...columns.map((column) => column.length)) * ROW + 60;
  const y = (column, at) => 50 + (height - 60) / column.length * (at + 0.5) - ROW / 2 + 8;
  const edges = [];
  transports.forEach((one, at) => edges.push({ x1: COLUMN[0] + 60, y1: height / 2, x2: COLUMN[1] - NODE_WIDTH / 2, y2: y(transports, at) + 18, n: one.n }));
  for (const [left, right, x, key] of [[transports, subnets, 1, (row) => [row.transport.toUpperCase() || t("unknown"), row.subnet]], [subnets, families, 2, (row) => [row.subnet, row.family || t("unknown")]]]) {
    left.forEach((a, i) => right.forEach((b, j) => {
      const n = rows.filter((row) => { const [p, q] = key(row); return a.has(p) && b.has(q); }).length;
      if (n) edges.push({ x1: COLUMN[x] + NODE_WIDTH / 2, y1: y(left, i) + 18, x2: COLUMN[x + 1] - NODE_WIDTH / 2, y2: y(right, j) + 18, n });
    }));
  }
  return html`<div class="table-wrap" tabindex="0" role="region" aria-label=${t("registrations.map")}><svg class="net" width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} aria-label=${t("registrations.map")}>
    ${heads.map((key, at) => html`<text class="dim" x=${COLUMN[at]} y="24" text-anchor="middle">${t(key)}</text>`)}
    ${edges.map((edge) => html`<path class="edge" d=${`M${edge.x1} ${edge.y1}C${(edge.x1 + edge.x2) / 2} ${edge.y1} ${(edge.x1 + edge.x2) / 2} ${edge.y2} ${edge.x2} ${edge.y2}`} stroke-width=${Math.min(14, 1 + (edge.n / rows.length) * 13)} />`)}
    <rect class="node us" x=${COLUMN[0] - 60} y=${height / 2 - 22} width="120" height="44" rx="12" /><text x=${COLUMN[0]} y=${height / 2 + 4} text-anchor="middle">${t("coeur")}</text>
    ${columns.map((column, c) => column.map((node, at) => html`<g><a href=${`/registrations?q=${encodeURIComponent(node.label)}`}>
      <rect class=${names("node", { open: c === 0 && /^(UDP|TCP|WS)$/.test(node.label) })} x=${COLUMN[c + 1] - NODE_WIDTH / 2} y=${y(column, at)} width=${NODE_WIDTH} height="36" rx="10" />
      <text x=${COLUMN[c + 1] - NODE_WIDTH / 2 + 12} y=${y(column, at) + 22}>${node.label.slice(0, 22)}</text><text class="dim" x=${COLUMN[c + 1] + NODE_WIDTH / 2 - 12} y=${y(column, at) + 22} text-anchor="end">${number(node.n)}</text></a></g>`))}</svg></div>`;
}

function group(rows, name) {
  const counts = new Map();
  for (const row of rows) counts.set(name(row), (counts.get(name(row)) ?? 0) + 1);
  const sorted = [...counts].sort((a, b) => b[1] - a[1]);
  const nodes = sorted.slice(0, NODES_MAX).map(([label, n]) => ({ label, n, has: (other) => other === label }));
  const rest = sorted.slice(NODES_MAX);
  if (rest.length) nodes.push({ label: t("map.others"), n: rest.reduce((sum, [, n]) => sum + n, 0), has: (other) => rest.some(([label]) => label === other) });
  return nodes;
}
