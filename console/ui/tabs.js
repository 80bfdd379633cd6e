// Tabs, with the chosen one in the address.
import { html } from "./h.js";
import { query, filter } from "./router.js";

/** `tabs`: [name, label, what it draws]. */
export function Tabs({ label, tabs }) {
  const wanted = query.value.get("tab");
  const at = Math.max(0, tabs.findIndex(([name]) => name === wanted));
  const choose = (index) => filter({ tab: index === 0 ? "" : tabs[index][0] });
  function key(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = (at + step + tabs.length) % tabs.length;
    choose(next);
    event.currentTarget.children[next].focus();
  }
  return html`<div class="tabs" role="tablist" aria-label=${label} onKeyDown=${key}>${tabs.map(([name, text], index) => html`
      <button role="tab" id=${`tab-${name}`} aria-selected=${index === at ? "true" : "false"} aria-controls="panel"
        tabindex=${index === at ? 0 : -1} onClick=${() => choose(index)}>${text}</button>`)}</div>
    <div role="tabpanel" id="panel" aria-labelledby=${`tab-${tabs[at][0]}`}>${tabs[at][2]()}</div>`;
}
