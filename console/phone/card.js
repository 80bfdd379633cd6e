// A call as a card: who, since when, how well, and what may be done with it.
import { html, names, useEffect, useRef, useState } from "../ui/h.js";
import { Icon } from "../ui/icon.js";
import { toast } from "../ui/toast.js";
import { span, t } from "../ui/words.js";
import { addressOf, calls, holdOthers } from "./line.js";
import { chosen } from "./devices.js";

export function CallCard({ call }) {
  const phase = call.phase.value;
  const [asking, setAsking] = useState(false);
  useTick(phase === "talking" || phase === "held" || phase === "waiting");
  const button = (icon, text, act, { kind, pressed } = {}) => html`<button type="button" class=${names("button", kind)} onClick=${act} aria-pressed=${pressed === undefined ? undefined : String(pressed)}><${Icon} name=${icon} size=${18} />${text}</button>`;
  const since = call.answeredAt ? span((Date.now() - call.answeredAt) / 1_000) : "";
  return html`<article class=${names("card", "callcard", phase)} aria-label=${t("phone.with", { who: call.name })}>
    <header><div class="who-mark" aria-hidden="true">${(call.name || "?").trim().slice(0, 1).toUpperCase()}</div>
      <div><h2>${call.name}</h2><p role="status">${t(`phone.phase.${phase}`)} <span class="num">${since}</span></p></div><${Quality} of=${call.quality.value} /></header>
    <${Sound} stream=${call.remote.value} />${call.video && html`<${Pictures} call=${call} />`}
    <div class="row wrap">${phase === "ringing" ? html`
        ${button("call", t("phone.answer"), () => { holdOthers(call); call.answer({ video: false }); }, { kind: "good" })}
        ${call.video && button("camera", t("phone.answer.video"), () => { holdOthers(call); call.answer({ video: true }); })}
        ${button("arrow", t("phone.send"), () => call.send())}${button("hangup", t("phone.refuse"), () => call.end(), { kind: "danger" })}`
    : phase === "calling" ? button("hangup", t("phone.cancel"), () => call.end(), { kind: "danger" }) : html`
        ${button(call.muted.value ? "muted" : "microphone", t(call.muted.value ? "phone.unmute" : "phone.mute"), () => call.mute(!call.muted.value), { pressed: call.muted.value })}
        ${button("pause", t(phase === "held" ? "phone.resume" : "phone.hold"), () => { if (phase === "held") holdOthers(call); call.hold(phase !== "held"); }, { pressed: phase === "held" })}
        ${button("arrow", t("phone.transfer"), () => setAsking(!asking), { pressed: asking })}
        ${button("hangup", t("phone.hangup"), () => call.end(), { kind: "danger" })}`}</div>
    ${asking && html`<${Transfer} call=${call} done=${() => setAsking(false)} />`}</article>`;
}

/** Draws again each second. */
function useTick(on) {
  const [, tick] = useState(0);
  useEffect(() => {
    if (!on) return undefined;
    const timer = setInterval(() => tick((n) => n + 1), 1_000);
    return () => clearInterval(timer);
  }, [on]);
}

/** What comes is heard through the loudspeaker that was chosen. */
function Sound({ stream }) {
  const element = useRef(null);
  useEffect(() => {
    element.current.srcObject = stream;
    element.current.setSinkId?.(chosen("audiooutput") ?? "").catch(() => {});
    if (stream) element.current.play().catch(() => toast(t("phone.sound.blocked"), { kind: "bad" }));
  }, [stream, chosen("audiooutput")]);
  return html`<audio ref=${element} class="sr"></audio>`;
}

function Pictures({ call }) {
  const [theirs, mine] = [useRef(null), useRef(null)];
  useEffect(() => { theirs.current.srcObject = call.remote.value; }, [call.remote.value]);
  useEffect(() => { mine.current.srcObject = call.local.value; }, [call.local.value]);
  return html`<div class="pictures"><video ref=${theirs} autoplay playsinline muted aria-label=${t("phone.picture.theirs")}></video><video ref=${mine} class="mine" autoplay playsinline muted aria-label=${t("phone.picture.mine")}></video></div>`;
}

/** Three bars, and in words what they stand for. */
function Quality({ of }) {
  if (!of) return null;
  const level = of.came === 0 ? 0 : of.lossShare > 0.05 || of.roundTripMs > 400 ? 1 : of.lossShare > 0.01 || of.roundTripMs > 250 || of.jitterMs > 40 ? 2 : 3;
  const text = t(`phone.quality.${level}`);
  return html`<span class=${names("line-bars", `level-${level}`)} role="img" aria-label=${text} title=${text}><i></i><i></i><i></i></span>`;
}

function Transfer({ call, done }) {
  const [to, setTo] = useState("");
  const others = calls.value.filter((one) => one !== call && one.answeredAt);
  const go = async (event) => {
    event.preventDefault();
    const other = others.find((one) => String(one.id) === to);
    if (!to.trim()) return;
    try {
      await call.transfer(other ? other.uri : addressOf(to), other);
      toast(t("phone.transferred"));
      done();
    } catch (error) {
      toast(t("phone.transfer.failed", { why: error.message }), { kind: "bad" });
    }
  };
  return html`<form class="row wrap" onSubmit=${go}>
    ${others.length > 0 && html`<label class="field"><span>${t("phone.transfer.call")}</span><select class="input" value=${to} onChange=${(event) => setTo(event.target.value)}><option value="">–</option>${others.map((one) => html`<option value=${String(one.id)}>${one.name}</option>`)}</select></label>`}
    <label class="field grow"><span>${t("phone.to")}</span><input class="input" type="text" inputmode="tel" autocomplete="off" value=${others.some((one) => String(one.id) === to) ? "" : to} onInput=${(event) => setTo(event.target.value)} /></label>
    <button class="button primary">${t("phone.transfer")}</button></form>`;
}
