// How a phone is connected: a code to scan or a link, what it does meanwhile, and what keeps it.
import { html, useEffect, useState } from "../ui/h.js";
import { Icon } from "../ui/icon.js";
import { useAsk } from "../ui/api.js";
import { Dialog } from "../ui/dialog.js";
import { Choice, Form, Text } from "../ui/form.js";
import { Copy, Notice } from "../ui/parts.js";
import { Qr } from "../ui/qr.js";
import { clock, has, language, span, t } from "../ui/words.js";

const PROGRAMS = ["linphone", "groundwire", "zoiper", "microsip", "baresip", "other"];
const TELEPHONES = ["yealink", "grandstream", "snom", "poly", "cisco", "fanvil", "gigaset"];
/** Names of makers are the same in every language. */
const MAKERS = { linphone: "Linphone", groundwire: "Groundwire, Acrobits", zoiper: "Zoiper", microsip: "MicroSIP", baresip: "baresip", yealink: "Yealink", grandstream: "Grandstream", snom: "Snom", poly: "Poly", cisco: "Cisco", fanvil: "Fanvil", gigaset: "Gigaset" };
const makerName = (vendor) => MAKERS[vendor] ?? t("connect.other");
const POLL_MS = 1_500;

/**
 * `begin(values)` asks for a link and gives it; `path(id)` is where the device tells how far it is; `revoke(id)` takes it back.
 * `onClose(id)` is given the device, if one was made.
 */
export function Connect({ account, begin, path, revoke, onClose, back }) {
  const [link, setLink] = useState(null);
  const fields = ({ values, set, error }) => html`<${Choice} label=${t("connect.kind")} error=${error("vendor")} value=${values.vendor} onInput=${set("vendor")}
      options=${[...PROGRAMS, ...TELEPHONES].map((vendor) => [vendor, makerName(vendor)])} />
    ${TELEPHONES.includes(values.vendor) ? html`<${Text} label=${t("connect.mac")} hint=${t("connect.mac.hint")} error=${error("mac")} value=${values.mac} onInput=${set("mac")} spellcheck=${false} autocapitalize="none" />
      <${Text} label=${t("connect.model")} hint=${t("connect.model.hint")} error=${error("model")} value=${values.model} onInput=${set("model")} spellcheck=${false} />` : html`<p class="muted small">${t("connect.program")}</p>`}`;
  const send = ({ vendor, mac, model }) => begin({ vendor, model: model.trim(), language: language.value, ...(mac.trim() && { mac: mac.trim() }) });
  return html`<${Dialog} title=${t("connect.title", { account })} onClose=${() => onClose(link?.device_id)}>${link
    ? html`<${Way} link=${link} path=${path} back=${back} again=${() => revoke(link.device_id).then(() => setLink(null))} onClose=${() => onClose(link.device_id)} />`
    : html`<${Form} start=${{ vendor: "linphone", mac: "", model: "" }} send=${send} submit=${t("connect.begin")} fields=${fields} onDone=${setLink} onClose=${() => onClose()} />`}<//>`;
}

/** The code, and what the phone makes of it. */
function Way({ link, path, again, onClose, back = t("connect.back") }) {
  const told = useAsk(path(link.device_id), undefined, POLL_MS, ["registration.", "provisioning."]).data;
  // A device of one's own tells of its phone; whoever manages others' asks for the phone itself.
  const phone = told && (told.lines ? told : told.phone);
  const isFetched = Boolean(phone?.fetched_at);
  const left = useLeft(link.expires_at);
  const text = link.code ?? link.url;
  const isOver = left <= 0 && !isFetched;
  return html`<div class="connect">${!isOver && !isFetched && html`<${Qr} text=${text} label=${t("connect.code", { account: link.account })} />`}
    <div class="stack"><ol class="steps">${link.steps.map((step) => html`<li><span>${step}</span></li>`)}</ol>
      <div class="secret"><code>${link.url}</code><${Copy} text=${link.url} label=${t("connect.copy")} /></div>
      <p class="muted small" role="timer">${isOver ? t("connect.over") : t("connect.left", { time: span(left) })}</p>
      ${link.left_out.length > 0 && html`<p class="muted small">${t("connect.left_out")} ${link.left_out.join(" ")}</p>`}</div></div>
    <${Steps} phone=${phone} />
    <div class="actions"><button class="button danger" onClick=${again}>${back}</button><button class="button primary" onClick=${onClose}>${t("close")}</button></div>`;
}

/** What was seen of a phone, and what keeps it. */
export function Steps({ phone }) {
  if (!phone) return null;
  const said = (step) => has(`connect.step.${step}`) ? t(`connect.step.${step}`) : step;
  return html`<div class="stack" role="status">${phone.steps.length > 0 && html`<ul class="checks">${phone.steps.map((one) => html`<li><${Icon} name=${GOOD.includes(one.step) ? "check" : "warn"} className=${GOOD.includes(one.step) ? "good" : "warn"} label=${t(GOOD.includes(one.step) ? "good" : "look")} /><span>${said(one.step)} <span class="muted small">${clock(one.at)}</span></span></li>`)}</ul>`}
    ${phone.registered ? html`<${Notice} kind="good" title=${t("connect.done")}><p>${phone.user_agent}</p><//>`
      : phone.fault && html`<${Notice} kind="warn" title=${phone.fault.sentence}><p>${phone.fault.remedy}</p><//>`}</div>`;
}
const GOOD = ["link_made", "fetched", "registered", "rung", "answered", "heard"];

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
