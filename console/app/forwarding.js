// Where the calls of an account go when they do not ring there.
import { html, useState } from "../ui/h.js";
import { Switch, Text } from "../ui/form.js";
import { t } from "../ui/words.js";

const FORWARDS = ["forward_always", "forward_busy", "forward_no_answer", "forward_offline"];
/** `change(body)` asks for what is other than before. */
export function Forwarding({ account, change }) {
  const start = Object.fromEntries(FORWARDS.map((name) => [name, account[name] ?? ""]));
  const [values, setValues] = useState(start);
  const changed = FORWARDS.filter((name) => values[name] !== start[name]);
  const send = (event) => { event.preventDefault(); if (changed.length) change(Object.fromEntries(changed.map((name) => [name, values[name].trim() || null]))); };
  return html`<form class="card stack" onSubmit=${send}><p class="muted">${t("forwarding.intro")}</p>
    <${Switch} label=${t("account.dnd")} hint=${t("account.dnd.hint")} checked=${account.dnd} onInput=${(dnd) => change({ dnd })} />
    <div class="duo">${FORWARDS.map((name) => html`<${Text} label=${t(`forwarding.${name}`)} value=${values[name]} placeholder=${t("forwarding.nowhere")} onInput=${(text) => setValues({ ...values, [name]: text })} />`)}</div>
    <div class="row"><button class="button primary" aria-disabled=${changed.length ? undefined : "true"}>${t("save")}</button></div></form>`;
}
