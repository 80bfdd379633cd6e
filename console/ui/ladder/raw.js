// One message as it was on the wire, and what its headers are for.
import { html } from "../h.js";
import { Icon } from "../icon.js";
import { Copy } from "../parts.js";
import { has, t, whole } from "../words.js";

export function Raw({ message, lanes, onClose, onStep }) {
  const [head, ...rest] = message.text.split(/\r?\n\r?\n/);
  const [start, ...lines] = head.split(/\r?\n/);
  const about = lanes[message.lane];
  return html`<section class="raw" aria-label=${t("message")}><header><strong>${message.word}</strong>
      <span class="small muted">${t(message.direction === "received" ? "received.from" : "sent.to", { who: `${about.address} ${about.transport}` })} · ${whole(message.at_ms)}</span>
      <span class="row"><button class="icon-button small" onClick=${() => onStep(-1)} aria-label=${t("previous")}><${Icon} name="up" size=${16} /></button>
      <button class="icon-button small" onClick=${() => onStep(1)} aria-label=${t("next")}><${Icon} name="down" size=${16} /></button>
      <${Copy} text=${message.text} /><button class="icon-button small" onClick=${onClose} aria-label=${t("close")}><${Icon} name="close" size=${16} /></button></span></header>
    ${message.status && has(`sip.${message.status}`) && html`<header><${Icon} name="info" size=${16} /><span class="small">${t(`sip.${message.status}`)}</span></header>`}
    <pre tabindex="0"><code><b>${start}</b>${"\n"}${lines.map((line) => html`<${Line} line=${line} />`)}${rest.length > 0 && `\n${rest.join("\n\n")}`}</code></pre></section>`;
}

function Line({ line }) {
  const colon = /^[\w-]+(?=\s*:)/.exec(line);
  if (!colon) return `${line}\n`;
  const key = `header.${colon[0].toLowerCase()}`;
  return html`<b title=${has(key) ? t(key) : undefined}>${colon[0]}</b>${line.slice(colon[0].length)}${"\n"}`;
}
