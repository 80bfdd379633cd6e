// The password of a telephone's own web page: shown to whoever asks for it, and made anew.
import { html, useState } from "../ui/h.js";
import { post } from "../ui/api.js";
import { Dialog } from "../ui/dialog.js";
import { Copy, Facts, Notice, Time } from "../ui/parts.js";
import { failed } from "../ui/toast.js";
import { t } from "../ui/words.js";

export function Password({ phone, name, onClose }) {
  const [seen, setSeen] = useState(null);
  const order = (action) => post(`phones/${encodeURIComponent(phone.id)}/actions/${action}_password`).then(setSeen, failed);
  return html`<${Dialog} title=${t("password.title", { name })} onClose=${onClose}><p class="muted">${t("password.intro")}</p>
    <div class="stack" role="status">${seen && html`<div class="secret"><code>${seen.password}</code><${Copy} text=${seen.password} label=${t("password.copy")} small=${false} /></div>
      <${Facts} facts=${[[t("password.login"), html`<code>${seen.login}</code>`], [t("password.told"), seen.told_at ? html`<${Time} at=${seen.told_at} relative />` : t("password.untold")]]} />
      ${seen.before && html`<${Notice} kind="warn" title=${t("password.before")}><p><code>${seen.before}</code></p><//>`}`}</div>
    <div class="actions"><button class="button quiet" onClick=${onClose}>${t("close")}</button><button class="button" onClick=${() => order("rotate")}>${t("password.rotate")}</button>
      <button class="button primary" onClick=${() => order("show")}>${t("password.show")}</button></div><//>`;
}
