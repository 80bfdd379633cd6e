// The web phone: who is talked with, whom to call, what was written, what was before, and whether this browser is heard.
import { html, names, useEffect, useRef, useState } from "../../ui/h.js";
import { Icon } from "../../ui/icon.js";
import { Empty, Head, Notice, Time, Trouble, Waiting } from "../../ui/parts.js";
import { Switch } from "../../ui/form.js";
import { Tabs } from "../../ui/tabs.js";
import { toast } from "../../ui/toast.js";
import { useAsk } from "../../ui/api.js";
import { query, filter } from "../../ui/router.js";
import { percent, span, t } from "../../ui/words.js";
import { account, addressOf, calls, close, history, nameOf, open, reopen, state, texts, write } from "../../phone/line.js";
import { choose, chosen, devices, look, permit } from "../../phone/devices.js";
import { forget } from "../../phone/history.js";
import { PhoneBar } from "../../phone/bar.js";
import { CallCard } from "../../phone/card.js";
import { Asked, askAbout, begin, Dialer } from "../../phone/dialer.js";
import { test } from "../../phone/test.js";
import { allow, forbid, offered, wakes } from "../../phone/wake.js";
import { edge } from "../edge.js";

edge.value = PhoneBar;

export default function Phone() {
  const name = state.value.name;
  useEffect(() => {
    open(query.value.get("account") ?? undefined);
    look();
    const wanted = query.value.get("to") ?? query.value.get("call");
    if (wanted) { askAbout(wanted); filter({ to: null, call: null }); }
  }, []);
  return html`<${Head} title=${t("page.phone")} intro=${account() || t("phone.intro")}>
      <span class=${names("live", { off: name !== "ready" })} role="status"><i></i><span>${t(`phone.state.${name}`)}</span></span>
      ${name === "ready" && calls.value.length === 0 && html`<button class="button" onClick=${close}>${t("phone.close")}</button>`}
      ${name === "off" && html`<button class="button primary" onClick=${() => open()}>${t("phone.open")}</button>`}<//>
    ${name === "refused" && (state.value.problem.status === 404 ? html`<${Choose} />` : html`<${Trouble} problem=${state.value.problem} retry=${() => open(query.value.get("account") ?? undefined)} />`)}
    ${!window.isSecureContext && html`<${Notice} kind="bad" title=${t("phone.insecure")}>${t("phone.insecure.hint")}<//>`}
    <div class="phone"><section aria-label=${t("phone.dial")}><${Asked} />
      ${calls.value.map((one) => html`<${CallCard} key=${one.id} call=${one} />`)}<${Dialer} /></section>
      <section><${Tabs} label=${t("page.phone")} tabs=${[
        ["history", t("phone.history"), () => html`<${History} />`],
        ["texts", t("phone.texts"), () => html`<${Texts} />`],
        ["devices", t("phone.devices"), () => html`<${Devices} />`],
        ["test", t("phone.test"), () => html`<${Test} />`],
      ]} /></section></div>`;
}

/** Who has no account of his own, and may manage those of others, says whose phone this is to be. */
function Choose() {
  const found = useAsk("accounts", { limit: 50 });
  if (found.problem) return html`<${Trouble} problem=${state.value.problem} />`;
  const use = (one) => { filter({ account: one }); open(one); };
  return html`<section class="card choose"><h2>${t("phone.choose")}</h2><p class="muted">${t("phone.choose.text")}</p><${Waiting} of=${found}>${({ data }) => html`<div class="row wrap">
    ${data.filter((one) => one.enabled).map((one) => html`<button class="button" onClick=${() => use(one.account)}><${Icon} name="account" size=${18} />${one.account}</button>`)}</div>`}<//></section>`;
}

function History() {
  const rows = history.value;
  if (rows.length === 0) return html`<${Empty} icon="record" title=${t("phone.history.none")} text=${t("phone.history.none.text")} />`;
  return html`<ul class="plain">${rows.map((one) => html`<li><span><${Icon} name=${one.direction === "in" ? "down" : "up"} size=${16} label=${t(`phone.${one.direction}`)} /> <strong>${one.name || nameOf(one.uri)}</strong>
      <span class="muted small"> <${Time} at=${one.at} /> · ${one.talkedS === null ? t(one.direction === "in" ? "phone.missed" : "phone.unanswered") : span(one.talkedS)}</span></span>
      <button class="icon-button" onClick=${() => begin(nameOf(one.uri), false)} aria-label=${t("phone.call.again", { who: one.name || nameOf(one.uri) })} title=${t("phone.call.again", { who: one.name || nameOf(one.uri) })}><${Icon} name="call" /></button></li>`)}</ul>
    <button class="button small" onClick=${() => { history.value = forget(); }}>${t("phone.history.forget")}</button>`;
}

function Texts() {
  const all = Object.keys(texts.value);
  const [who, setWho] = useState(all[0] ?? "");
  const [words, setWords] = useState("");
  const end = useRef(null);
  const said = texts.value[who] ?? [];
  useEffect(() => { end.current?.scrollIntoView({ block: "nearest" }); }, [said.length]);
  const send = (event) => {
    event.preventDefault();
    if (!who.trim() || !words.trim()) return;
    if (write(who, words)) { setWho(nameOf(addressOf(who))); setWords(""); } else toast(t("phone.texts.long"), { kind: "bad" });
  };
  return html`<form class="texts" onSubmit=${send}><label class="field"><span>${t("phone.texts.who")}</span><input class="input" type="text" list="texts-who" value=${who} onInput=${(event) => setWho(event.target.value)} autocomplete="off" /></label>
    <datalist id="texts-who">${all.map((one) => html`<option value=${one} />`)}</datalist>
    <ol class="said" role="log" aria-label=${t("phone.texts")}>${said.map((one) => html`<li class=${one.from}><span>${one.text}</span><small><${Time} at=${one.at} />${one.state === "failed" ? ` · ${t("phone.texts.failed")}` : ""}</small></li>`)}<li ref=${end} aria-hidden="true"></li></ol>
    <div class="row"><label class="sr" for="text-words">${t("phone.texts.words")}</label><textarea id="text-words" class="input grow" rows="2" placeholder=${t("phone.texts.words")} value=${words} onInput=${(event) => setWords(event.target.value)}></textarea>
      <button class="button primary" disabled=${state.value.name !== "ready"}>${t("phone.texts.send")}</button></div></form>`;
}

const KINDS = ["audioinput", "audiooutput", "videoinput"];
function Devices() {
  const all = devices.value;
  const named = all.some((one) => one.label);
  if (!named) return html`<${Beyond} /><${Empty} icon="plug" title=${t("phone.devices.ask")} text=${t("phone.devices.ask.text")}><button class="button primary" onClick=${permit}>${t("phone.devices.allow")}</button><//>`;
  const use = (kind, id) => { choose(kind, id); if (kind !== "audiooutput") for (const one of calls.value) one.use(kind).catch(() => toast(t("phone.microphone"), { kind: "bad" })); };
  return html`<div class="stack"><${Beyond} />${KINDS.map((kind) => html`<label class="field"><span>${t(`phone.devices.${kind}`)}</span><select class="input" value=${chosen(kind) ?? ""} onChange=${(event) => use(kind, event.target.value)}>
    <option value="">${t("phone.devices.usual")}</option>${all.filter((one) => one.kind === kind).map((one) => html`<option value=${one.deviceId}>${one.label}</option>`)}</select></label>`)}</div>`;
}

/** What reaches beyond this page: it rings while no page is open, and numbers of other pages are called from here. */
function Beyond() {
  // What was asked for is shown at once, not when browser and server have agreed to it.
  const [asked, setAsked] = useState(null);
  const want = async (on) => {
    setAsked(on);
    try {
      if (on && !await allow()) toast(t("phone.wakes.refused"), { kind: "bad" });
      else { if (!on) await forbid(); await reopen(); }
    } catch (error) {
      toast(t("phone.wakes.failed", { why: error.message }), { kind: "bad" });
    }
    setAsked(null);
  };
  const links = () => { for (const scheme of ["tel", "sip"]) handle(scheme); };
  return html`<div class="stack">${offered.value && html`<${Switch} label=${t("phone.wakes")} hint=${t("phone.wakes.hint")} checked=${asked ?? wakes.value} disabled=${asked !== null || calls.value.length > 0} onInput=${want} />`}
    ${navigator.registerProtocolHandler && html`<div class="row"><button type="button" class="button small" onClick=${links}>${t("phone.links")}</button><span class="muted small">${t("phone.links.hint")}</span></div>`}</div>`;
}

/** Which schemes a page may handle is the browser's to say (HTML standard, safelisted schemes): `sips` is not among them. */
function handle(scheme) {
  try { navigator.registerProtocolHandler(scheme, `${location.origin}/phone?call=%s`); } catch { /* Its links stay with whoever has them. */ }
}

function Test() {
  const [found, setFound] = useState(null);
  const running = found?.running;
  const run = async () => { setFound({ running: true, steps: [] }); setFound(await test((steps) => setFound({ running: true, steps }))); };
  const mark = { good: "check", warn: "warn", bad: "close" };
  return html`<div class="stack"><p>${t("phone.test.intro")}</p><div><button class="button primary" disabled=${running || state.value.name !== "ready"} onClick=${run}>${t(running ? "phone.test.running" : "phone.test.run")}</button></div>
    <ul class="checks" role="status">${(found?.steps ?? []).map((step) => html`<li class=${step.kind}><${Icon} name=${mark[step.kind]} label=${t(`phone.test.${step.kind}`)} /><div><strong>${t(`phone.test.step.${step.name}`)}</strong>
      <div class="muted">${t(step.text, { ...step.values, loss: step.values?.loss === undefined ? "" : percent(step.values.loss, 1) })}</div></div></li>`)}</ul></div>`;
}
