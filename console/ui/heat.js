// Hours and weekdays: how many of some moments are in each. A table all the same, so it reads as one.
import { html } from "./h.js";
import { number, t, weekday } from "./words.js";

const LEVELS = 4;

export function Heat({ times, label }) {
  const counts = Array.from({ length: 7 }, () => new Array(24).fill(0));
  for (const time of times) {
    const at = new Date(time);
    if (!Number.isNaN(at.getTime())) counts[(at.getDay() + 6) % 7][at.getHours()] += 1;
  }
  const top = Math.max(1, ...counts.flat());
  return html`<div class="table-wrap" tabindex="0" role="region" aria-label=${label}><table class="heat"><caption class="sr">${label}</caption>
    <thead><tr><td></td>${counts[0].map((_, hour) => html`<th scope="col">${hour % 3 === 0 ? hour : html`<span class="sr">${hour}</span>`}</th>`)}</tr></thead>
    <tbody>${counts.map((row, day) => html`<tr><th scope="row">${weekday(day)}</th>${row.map((count, hour) => html`<td data-level=${Math.ceil((count / top) * LEVELS)} title=${t("heat.cell", { day: weekday(day), hour, n: count })}>${number(count)}</td>`)}</tr>`)}</tbody></table></div>`;
}
