// A secret, the one time that it is shown, and how to put it into a phone.
import { html } from "../ui/h.js";
import { Dialog } from "../ui/dialog.js";
import { Copy, Facts, Notice } from "../ui/parts.js";
import { t } from "../ui/words.js";

/** `made`: { account, secret, device }. */
export function Secret({ made, onClose }) {
  const [user, domain] = made.account.split("@");
  return html`<${Dialog} title=${t("secret.title", { account: made.account })} onClose=${onClose}>
    <${Notice} kind="warn" title=${t("secret.once")}><p>${t("secret.once.text")}</p><//>
    ${made.secret && html`<div class="secret"><code>${made.secret}</code><${Copy} text=${made.secret} label=${t("secret.copy")} small=${false} /></div>`}
    <${Facts} facts=${[[t("secret.user"), html`<code>${user}</code>`], [t("secret.domain"), html`<code>${domain}</code>`], [t("secret.transport"), "TLS"]]} />
    <div class="actions"><button class="button primary" onClick=${onClose}>${t("secret.done")}</button></div><//>`;
}
