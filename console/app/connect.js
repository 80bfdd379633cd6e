// How a phone is connected: a code to scan or a link, what it does meanwhile, and what keeps it.
import { html, useEffect, useState } from "../ui/h.js";
import { Icon } from "../ui/icon.js";
import { get, post, useAsk } from "../ui/api.js";
import { Dialog } from "../ui/dialog.js";
import { Choice, Form, Text } from "../ui/form.js";
import { Copy, Notice } from "../ui/parts.js";
import { Qr } from "../ui/qr.js";
import { failed } from "../ui/toast.js";
import { verdict as verdictWords } from "./shapes.js";
import { clock, has, language, span, t } from "../ui/words.js";

const PROGRAMS = ["linphone", "groundwire", "zoiper", "microsip", "baresip", "other"];
export const TELEPHONES = ["yealink", "grandstream", "snom", "poly", "cisco", "fanvil", "gigaset"];
/** Names of makers are the same in every language. */
const MAKERS = { linphone: "Linphone", groundwire: "Groundwire, Acrobits", zoiper: "Zoiper", microsip: "MicroSIP", baresip: "baresip", yealink: "Yealink", grandstream: "Grandstream", snom: "Snom", poly: "Poly", cisco: "Cisco", fanvil: "Fanvil", gigaset: "Gigaset" };
const makerName = (vendor) => MAKERS[vendor] ?? t("connect.other");
const POLL_MS = 1_500;

/**
 * `begin(values)` asks for a link and gives it; `path(id)` is where the device tells how far it is, `ring(id)` the device that can
 * be rung; `revoke(id)` takes it back.
 * `onClose(id)` is given the device, if one was made.
 */
export function Connect({ account, begin, path, ring, revoke, onClose, back }) {
  const [link, setLink] = useState(null);
  const fields = ({ values, set, error }) => html`<${Choice} label=${t("connect.kind")} error=${error("vendor")} value=${values.vendor} onInput=${set("vendor")}
      options=${[...PROGRAMS, ...TELEPHONES].map((vendor) => [vendor, makerName(vendor)])} />
    ${TELEPHONES.includes(values.vendor) ? html`<${Text} label=${t("connect.mac")} hint=${t("connect.mac.hint")} error=${error("mac")} value=${values.mac} onInput=${set("mac")} spellcheck=${false} autocapitalize="none" />
      <${Text} label=${t("connect.model")} hint=${t("connect.model.hint")} error=${error("model")} value=${values.model} onInput=${set("model")} spellcheck=${false} />` : html`<p class="muted small">${t("connect.program")}</p>`}`;
  const send = ({ vendor, mac, model }) => begin({ vendor, model: model.trim(), language: language.value, ...(mac.trim() && { mac: mac.trim() }) });
  return html`<${Dialog} title=${t("connect.title", { account })} onClose=${() => onClose(link?.device_id)}>${link
    ? html`<${Way} link=${link} path=${path} ring=${ring} back=${back} again=${() => revoke(link.device_id).then(() => setLink(null))} onClose=${() => onClose(link.device_id)} />`
    : html`<${Form} start=${{ vendor: "linphone", mac: "", model: "" }} send=${send} submit=${t("connect.begin")} fields=${fields} onDone=${setLink} onClose=${() => onClose()} />`}<//>`;
}

/** The code, and what the phone makes of it. */
function Way({ link, path, ring, again, onClose, back = t("connect.back") }) {
  const told = useAsk(path(link.device_id), undefined, POLL_MS, ["registration.", "provisioning."]).data;
  // A device of one's own tells of its phone; whoever manages others' asks for the phone itself.
  const phone = told && (told.lines ? told : told.phone);
  // By this link: the phone may have fetched by one before.
  const last = (step) => phone?.steps.findLastIndex((one) => one.step === step) ?? -1;
  const isFetched = last("fetched") > last("link_made");
  const left = useLeft(link.expires_at);
  const text = link.code ?? link.url;
  const isOver = left <= 0 && !isFetched;
  return html`<div class="connect">${!isOver && !isFetched && html`<${Qr} text=${text} label=${t("connect.code", { account: link.account })} />`}
    <div class="stack"><ol class="steps">${link.steps.map((step) => html`<li><span>${step}</span></li>`)}</ol>
      <div class="secret"><code>${link.url}</code><${Copy} text=${link.url} label=${t("connect.copy")} /></div>
      <p class="muted small" role="timer">${isOver ? t("connect.over") : t("connect.left", { time: span(left) })}</p>
      ${link.left_out.length > 0 && html`<p class="muted small">${t("connect.left_out")} ${link.left_out.join(" ")}</p>`}</div></div>
    <${Steps} phone=${phone} />
    ${phone?.registered && ring && html`<${Ring} key=${link.device_id} path=${ring(link.device_id)} />`}
    <div class="actions"><button class="button danger" onClick=${again}>${back}</button><button class="button primary" onClick=${onClose}>${t("close")}</button></div>`;
}

function Step({ one }) {
  const is = GOOD.includes(one.step);
  const said = has(`connect.step.${one.step}`) ? t(`connect.step.${one.step}`) : one.step;
  return html`<li><${Icon} name=${is ? "check" : "warn"} className=${is ? "good" : "warn"} label=${t(is ? "good" : "look")} /><span>${said} <span class="muted small">${clock(one.at)}</span></span></li>`;
}

/** What was seen of a phone, and what keeps it. */
export function Steps({ phone }) {
  if (!phone) return null;
  return html`<div class="stack" role="status">${phone.steps.length > 0 && html`<ul class="checks">${phone.steps.map((one) => html`<${Step} one=${one} />`)}</ul>`}
    ${phone.fault ? html`<${Notice} kind="warn" title=${phone.fault.sentence}><p>${phone.fault.remedy}</p><//>`
      : phone.registered && html`<${Notice} kind="good" title=${t("connect.done")}><p>${phone.user_agent}</p><//>`}</div>`;
}
const GOOD = ["link_made", "fetched", "registered", "ringing", "answered", "heard"];
const RING_POLL_MS = 600;
/** Milliseconds after which a test that has not ended is lost: one takes half a minute at most. */
const RING_MAX_MS = 60_000;

/** Lets the phone of a device ring, and tells what comes of it; `path` is that of the device. */
export function Ring({ path }) {
  const [test, setTest] = useState(null);
  const [isLost, setLost] = useState(false);
  const rings = test !== null && !test.is_over && !isLost;
  const begin = () => post(`${path}/actions/ring`).then((begun) => { setLost(false); setTest(begun); }, failed);
  useEffect(() => {
    if (!rings) return undefined;
    const [stop, end] = [new AbortController(), Date.now() + RING_MAX_MS];
    const look = () => get(`${path}/ring`, undefined, stop.signal).then(setTest, ({ status }) => { if (status === 404) setLost(true); });
    const timer = setInterval(() => { if (Date.now() < end) look(); else setLost(true); }, RING_POLL_MS);
    return () => { stop.abort(); clearInterval(timer); };
  }, [rings, path]);
  return html`<div class="stack ring-test"><p class="row"><button class="button small" disabled=${rings} onClick=${begin}><${Icon} name="call" size=${16} />${t("ring.begin")}</button><span class="muted small">${t(rings ? "ring.listens" : "ring.hint")}</span></p>
    <div role="status">${test && html`<${RingSteps} test=${test} />`}${isLost && html`<${Notice} kind="warn" title=${t("ring.lost")}><p>${t("ring.lost.text")}</p><//>`}</div></div>`;
}

function RingSteps({ test }) {
  const packets = test.packets !== null && html`<p class="small">${t("ring.packets", { packets: test.packets })}</p>`;
  const why = test.verdict && verdictWords(test.verdict);
  const silence = why && html`<p>${why.title}</p><p>${why.remedy}</p>`;
  return html`${test.steps.length > 0 && html`<ul class="checks">${test.steps.map((one) => html`<${Step} one=${one} />`)}</ul>`}
    ${test.result === "heard" ? html`<${Notice} kind="good" title=${t("ring.good")}>${packets}<//>`
      : test.fault && html`<${Notice} kind="warn" title=${test.fault.sentence}>${silence || html`<p>${test.fault.remedy}</p>`}${packets}${!test.answered && test.status !== null && html`<p class="small mono">${t("ring.status", { status: test.status })}</p>`}<//>`}`;
}

/** Seconds until then. */
function useLeft(at) {
  const reckon = () => Math.max(0, (Date.parse(at) - Date.now()) / 1_000);
  const [left, setLeft] = useState(reckon);
  useEffect(() => {
    const timer = setInterval(() => setLeft(reckon()), 1_000);
    return () => clearInterval(timer);
  }, [at]);
  return left;
}
