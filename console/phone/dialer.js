// Whom to call: typed, or come by a link and asked about. A link never makes a call by itself.
import { html, signal, useEffect, useRef, useState } from "../ui/h.js";
import { Icon } from "../ui/icon.js";
import { toast } from "../ui/toast.js";
import { t } from "../ui/words.js";
import { find } from "./book.js";
import { permit } from "./devices.js";
import { call, calls, holdOthers, state } from "./line.js";
import { targetOf } from "./target.js";

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];
const LETTERS = { 2: "abc", 3: "def", 4: "ghi", 5: "jkl", 6: "mno", 7: "pqrs", 8: "tuv", 9: "wxyz", 0: "+" };
/** What is typed stays when a page is left and come back to. */
const typed = signal("");
/** Whom a link has named: { to, video }, until somebody has said yes or no. */
export const asked = signal(null);

/** Null where the person lets nobody hear him; else the call. */
export async function begin(to, video) {
  if (!to.trim()) return null;
  const refused = await permit();
  if (refused) { toast(t(refused === "insecure" ? "phone.insecure.hint" : "phone.microphone"), { kind: "bad" }); return null; }
  const made = call(to, { video });
  holdOthers(made);
  typed.value = "";
  return made;
}

/** Of a link that somebody has followed. False: it names nobody who can be called. */
export function askAbout(link, video = false) {
  const to = targetOf(link);
  if (to === null) { toast(t("phone.link.refused"), { kind: "bad" }); return false; }
  asked.value = { to, video };
  return true;
}

/** Milliseconds in which a key or a click was meant for what was there before: a page may have somebody press keys, and open this. */
const UNSEEN_MS = 700;

/** Whether it could be seen: the line is ready, and for so long it was shown and nothing was pressed. */
function useSeen(one) {
  const [seen, setSeen] = useState(null);
  const isReady = state.value.name === "ready";
  const isSeen = one !== null && seen === one;
  useEffect(() => {
    if (!one || !isReady || isSeen) return undefined;
    let timer = 0;
    const begin = () => {
      clearTimeout(timer);
      if (!document.hidden) timer = setTimeout(() => setSeen(one), UNSEEN_MS);
    };
    const events = ["keydown", "keyup", "pointerdown", "pointerup", "visibilitychange"];
    for (const name of events) document.addEventListener(name, begin, true);
    begin();
    return () => {
      clearTimeout(timer);
      for (const name of events) document.removeEventListener(name, begin, true);
    };
  }, [one, isReady, isSeen]);
  return isReady && isSeen;
}

/** One key or one click says yes, once it could be seen to what. */
export function Asked() {
  const one = asked.value;
  const yes = useRef(null);
  const focused = useRef(null);
  const ready = useSeen(one);
  useEffect(() => {
    if (!one || !ready || focused.current === one) return;
    focused.current = one;
    yes.current?.focus();
  }, [one, ready]);
  if (!one) return null;
  const over = () => { asked.value = null; };
  // The second click of two finds nothing; where no microphone was allowed the field has it for another try.
  const agree = () => {
    if (asked.value !== one) return;
    over();
    begin(one.to, one.video).then((made) => { if (!made) typed.value = one.to; });
  };
  // A key that is held was pressed for something else.
  const once = (event) => { if (event.repeat) event.preventDefault(); };
  return html`<section class="card asked" role="group" aria-labelledby="asked-who" onKeyDown=${(event) => { if (event.key === "Escape") over(); }}>
    <h2 id="asked-who">${t("phone.link.ask")} <bdi>${one.to}</bdi></h2><p class="muted">${t("phone.link.text")}</p>
    <div class="row"><button type="button" ref=${yes} class="button primary grow" disabled=${!ready} onKeyDown=${once} onClick=${agree}><${Icon} name="call" />${t("phone.link.yes")}</button>
      <button type="button" class="button" onClick=${over}>${t("phone.link.no")}</button></div></section>`;
}

/** Letters after which the phonebook is looked into, and milliseconds without one. */
const FIND_FROM = 2;
const FIND_AFTER_MS = 200;

/** Who in the phonebook has what is typed in his name or number. */
function useFound(text) {
  const [found, setFound] = useState([]);
  useEffect(() => {
    if (text.trim().length < FIND_FROM) { setFound([]); return undefined; }
    const stop = new AbortController();
    const timer = setTimeout(() => find(text.trim(), stop.signal).then(setFound, () => {}), FIND_AFTER_MS);
    return () => { clearTimeout(timer); stop.abort(); };
  }, [text]);
  return found;
}

export function Dialer() {
  const ready = state.value.name === "ready";
  const live = calls.value.find((one) => one.phase.value === "talking");
  const press = (key) => { if (live) live.press(key); else typed.value += key; };
  const found = useFound(typed.value);
  return html`<form class="card dialer" onSubmit=${(event) => { event.preventDefault(); begin(typed.value, false); }}>
    <label class="sr" for="dial-to">${t("phone.to")}</label>
    <input id="dial-to" class="input" type="text" inputmode="tel" autocomplete="off" list="dial-book" spellcheck="false" placeholder=${t("phone.to")} value=${typed.value} onInput=${(event) => { typed.value = event.target.value; }} />
    <datalist id="dial-book">${found.map((one) => html`<option value=${one.number} label=${`${one.name} · ${t(`contact.label.${one.label}`)}`} />`)}</datalist>
    <div class="pad" role="group" aria-label=${t("phone.keys")}>${KEYS.map((key) => html`<button type="button" onClick=${() => press(key)}>${key}<small aria-hidden="true">${LETTERS[key] ?? ""}</small></button>`)}</div>
    <div class="row"><button class="button primary grow" disabled=${!ready || !typed.value.trim()}><${Icon} name="call" />${t("phone.call")}</button>
      <button type="button" class="button" disabled=${!ready || !typed.value.trim()} onClick=${() => begin(typed.value, true)}><${Icon} name="camera" />${t("phone.video")}</button></div></form>`;
}
