// Ctrl-K: goes to any page, account, call or record by a few letters of it.
import { html, signal, useEffect, useId, useRef, useState } from "../ui/h.js";
import { Icon } from "../ui/icon.js";
import { get, session } from "../ui/api.js";
import { go } from "../ui/router.js";
import { t, when } from "../ui/words.js";
import { nextTheme } from "../ui/theme.js";
import { accountName, callName, partyName } from "./shapes.js";
import { pagesOf } from "./pages.js";

export const paletteOpen = signal(false);
/** Of each kind. */
const FOUND_MAX = 6;

export function Palette() {
  const dialog = useRef(null);
  const id = useId();
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const [found, setFound] = useState([]);
  const close = () => { paletteOpen.value = false; };
  useEffect(() => { dialog.current.showModal(); return () => dialog.current?.close(); }, []);
  useEffect(() => {
    const stop = new AbortController();
    const timer = setTimeout(() => search(text.trim(), stop.signal).then(setFound, () => {}), 120);
    return () => { clearTimeout(timer); stop.abort(); };
  }, [text]);
  const matches = [...commands().filter((one) => fits(one.label, text)), ...(text.trim() ? found : [])];
  const chosen = Math.min(at, matches.length - 1);
  const run = (one) => { close(); one.run(); };
  function key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && matches.length) { event.preventDefault(); setAt((chosen + step + matches.length) % matches.length); }
    if (event.key === "Enter" && matches[chosen]) { event.preventDefault(); run(matches[chosen]); }
  }
  return html`<dialog ref=${dialog} class="palette" aria-label=${t("search")} onCancel=${(event) => { event.preventDefault(); close(); }} onClick=${(event) => event.target === dialog.current && close()}>
    <label><${Icon} name="search" /><span class="sr">${t("search")}</span><input type="text" role="combobox" aria-expanded="true" aria-controls=${id} autocomplete="off" spellcheck=${false}
      aria-activedescendant=${matches.length ? `${id}-${chosen}` : undefined} placeholder=${t("palette.hint")} value=${text} onInput=${(event) => { setText(event.target.value); setAt(0); }} onKeyDown=${key} /></label>
    <ul id=${id} role="listbox" aria-label=${t("palette.results")}>${matches.map((one, index) => html`<li role="option" id=${`${id}-${index}`} aria-selected=${index === chosen ? "true" : "false"}
      onClick=${() => run(one)} onPointerMove=${() => setAt(index)} ref=${(row) => index === chosen && row?.scrollIntoView({ block: "nearest" })}>
      <${Icon} name=${one.icon} size=${18} /><span class="clip">${one.label}</span><span class="kind">${one.kind}</span></li>`)}</ul>
    ${matches.length === 0 && html`<p class="none">${t("palette.none")}</p>`}</dialog>`;
}

const fits = (label, text) => plain(label).includes(plain(text.trim()));
const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

function commands() {
  const isUser = session.value?.role === "user";
  return [...pagesOf(session.value?.role).map((page) => ({ label: t(`page.${page.name}`), icon: page.icon, kind: t("kind.page"), run: () => go(page.path) })),
    ...(isUser ? [] : [{ label: t("account.add"), icon: "plus", kind: t("kind.action"), run: () => go("/accounts?add=1") }]),
    { label: t("theme.change"), icon: "moon", kind: t("kind.action"), run: nextTheme }];
}

/** What a person may not see is not found, and nothing is said of it. */
async function search(text, stop) {
  if (!text || session.value?.role === "user") return [];
  const ask = async (path, query, row) => {
    try {
      return (await get(path, { limit: FOUND_MAX, ...query }, stop)).data.slice(0, FOUND_MAX).map(row);
    } catch {
      return [];
    }
  };
  const answers = await Promise.all([
    ask("accounts", { q: text }, (account) => ({ label: accountName(account), icon: "account", kind: account.display_name || t("kind.account"), run: () => go(`/accounts/${encodeURIComponent(accountName(account))}`) })),
    ask("call_records", { q: text }, (record) => ({ label: callName(record), icon: "record", kind: when(record.start_at), run: () => go(`/records/${record.id}`) })),
    ask("traces", { q: text, limit: FOUND_MAX }, (trace) => ({ label: partyName(trace.call_id), icon: "trace", kind: t("kind.trace"), run: () => go(`/traces/${encodeURIComponent(trace.call_id)}`) })),
  ]);
  return answers.flat();
}
