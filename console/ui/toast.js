// What has just happened, said once, at the edge; with a way back where there is one.
import { html, names, signal } from "./h.js";
import { t } from "./words.js";

const said = signal([]);
let last = 0;

/** `undo` is offered for ten seconds. */
export function toast(text, { kind, undo } = {}) {
  const id = ++last;
  said.value = [...said.value.slice(-2), { id, text, kind, undo }];
  setTimeout(() => drop(id), undo ? 10_000 : kind === "bad" ? 8_000 : 3_500);
  return () => drop(id);
}

const drop = (id) => { said.value = said.value.filter((one) => one.id !== id); };

export const failed = (problem) => toast([problem.message || t("problem.offline"), problem.hint].filter(Boolean).join(" "), { kind: "bad" });

/**
 * Does `act` when ten seconds have passed without a second thought; meanwhile what it concerns is hidden by the caller.
 * What is undone is not asked of the server at all.
 */
export function later(text, act, undone) {
  let over = false;
  const finish = () => { if (!over) { over = true; removeEventListener("pagehide", finish); act().catch((problem) => { failed(problem); undone(); }); } };
  addEventListener("pagehide", finish);
  const timer = setTimeout(finish, 10_000);
  toast(text, { undo: () => { over = true; clearTimeout(timer); removeEventListener("pagehide", finish); undone(); } });
}

export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite">${said.value.map((one) => html`
    <div key=${one.id} class=${names("toast", one.kind)}><span>${one.text}</span>
      ${one.undo && html`<button onClick=${() => { drop(one.id); one.undo(); }}>${t("undo")}</button>`}
      <button onClick=${() => drop(one.id)}>${t("close")}</button></div>`)}</div>`;
}
