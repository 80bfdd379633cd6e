// Which page is shown, and its filters, are in the address: a link to it is enough.
import { signal } from "./h.js";

export const path = signal(location.pathname);
export const query = signal(new URLSearchParams(location.search));
let guard = null;

function read() {
  path.value = location.pathname;
  query.value = new URLSearchParams(location.search);
}
addEventListener("popstate", read);

export function go(to, { replace = false } = {}) {
  if (guard && !replace && !guard()) return;
  history[replace ? "replaceState" : "pushState"](null, "", to);
  read();
  if (!replace) scrollTo(0, 0);
}

/** Asked before a page is left; false keeps it. */
export function keep(question) {
  guard = question;
  return () => { guard = null; };
}

/** Sets filters without a step in the history; empty ones go. */
export function filter(changes) {
  const next = new URLSearchParams(query.value);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === "" || value === false) next.delete(name);
    else next.set(name, value);
  }
  const text = next.toString();
  go(text ? `${location.pathname}?${text}` : location.pathname, { replace: true });
}

/** Links inside of the console do not load a page. */
export function follow(event, isOurs) {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.target.closest?.("a[href]");
  if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin || !isOurs(link.pathname)) return;
  event.preventDefault();
  go(link.pathname + link.search + link.hash);
}
