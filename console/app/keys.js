// What the keyboard does everywhere, and the card that says so.
import { html, signal, useEffect } from "../ui/h.js";
import { Dialog } from "../ui/dialog.js";
import { go } from "../ui/router.js";
import { language, t } from "../ui/words.js";
import { nextTheme } from "../ui/theme.js";
import { PAGES } from "./pages.js";
import { paletteOpen } from "./palette.js";

export const helpOpen = signal(false);
/** `g` and then one of these goes to a page. */
const LETTERS = { h: "home", p: "phone", m: "mine", k: "contacts", c: "calls", r: "registrations", j: "records", q: "quality", t: "traces", l: "audit", u: "users", a: "accounts", n: "numbers", d: "phones", w: "developers", s: "system" };
/** Milliseconds in which the second key comes. */
const PAIR_MS = 1_200;

export function useKeys() {
  useEffect(() => {
    let pair = 0;
    const key = (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") { event.preventDefault(); paletteOpen.value = true; return; }
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog, [role=listbox]")) return;
      if (Date.now() - pair < PAIR_MS && LETTERS[event.key]) { go(PAGES.find((page) => page.name === LETTERS[event.key]).path); pair = 0; return; }
      pair = event.key === "g" ? Date.now() : 0;
      if (event.key === "/") { event.preventDefault(); (document.querySelector("main input[type=search]") ?? document.querySelector(".find")).focus(); }
      if (event.key === "?") helpOpen.value = true;
      if (event.key === "d") nextTheme();
    };
    addEventListener("keydown", key);
    return () => removeEventListener("keydown", key);
  }, []);
}

export function Help() {
  const close = () => { helpOpen.value = false; };
  const rows = [[["Ctrl", "K"], t("search")], [["/"], t("keys.filter")], [["?"], t("help")], [["d"], t("theme.change")], [["↑", "↓"], t("keys.ladder")],
    ...Object.entries(LETTERS).map(([letter, name]) => [["g", letter], t("keys.go", { page: t(`page.${name}`) })])];
  return html`<${Dialog} title=${t("help")} onClose=${close}><dl class="keys">${rows.map(([keys, text]) => html`<dt>${keys.map((one) => html`<kbd>${one}</kbd> `)}</dt><dd>${text}</dd>`)}</dl>
    <div class="actions"><a class="button" href=${`/docs/${language.value}`} target="_blank" rel="noopener">${t("manual")}</a><button class="button primary" onClick=${close}>${t("close")}</button></div><//>`;
}
