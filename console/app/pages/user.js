// One user: what he may, and the accounts that are his.
import { html, useState } from "../../ui/h.js";
import { Icon } from "../../ui/icon.js";
import { patch, remove, useAsk } from "../../ui/api.js";
import { Dialog } from "../../ui/dialog.js";
import { Choice, Text } from "../../ui/form.js";
import { Empty, Head, Tag, Waiting } from "../../ui/parts.js";
import { failed, later, toast } from "../../ui/toast.js";
import { go } from "../../ui/router.js";
import { t } from "../../ui/words.js";
import { ROLES } from "./users.js";

export default function User({ id }) {
  const path = `users/${encodeURIComponent(id)}`;
  const user = useAsk(path);
  return html`<${Waiting} of=${user}>${(data) => html`<${Shown} key=${JSON.stringify(data)} user=${data} path=${path} reload=${user.reload} />`}<//>`;
}

function Shown({ user, path, reload }) {
  const [ending, setEnding] = useState(false);
  const change = (body) => patch(path, body).then(() => { toast(t("saved")); reload(); }, (problem) => { failed(problem); reload(); });
  const drop = () => {
    setEnding(false);
    go("/users");
    later(t("user.removed", { who: user.login }), () => remove(path), () => go(`/users/${user.id}`));
  };
  return html`<${Head} title=${user.display_name || user.login} intro=${user.login} back=${{ href: "/users", label: t("page.users") }}>
      <${Tag} kind=${user.enabled ? "good" : "bad"}>${t(user.enabled ? "enabled" : "disabled")}<//>
      <button class="button" onClick=${() => change({ enabled: !user.enabled })}>${t(user.enabled ? "disable" : "enable")}</button>
      <button class="button danger" onClick=${() => setEnding(true)}><${Icon} name="bin" size=${18} />${t("remove")}</button><//>
    <div class="duo"><${Facts} user=${user} change=${change} />
      <section class="card"><header><h2>${t("page.accounts")}</h2></header>${user.accounts.length === 0 ? html`<${Empty} icon="account" title=${t("user.accounts.none")} text=${t("user.accounts.none.text")} />`
        : html`<ul class="checks">${user.accounts.map((account) => html`<li><${Icon} name="account" className="faint" /><a href=${`/accounts/${encodeURIComponent(account)}`}>${account}</a></li>`)}</ul>`}</section></div>
    ${ending && html`<${Dialog} title=${t("user.remove.title", { who: user.login })} onClose=${() => setEnding(false)}><p>${t("user.remove.text")}</p>
      <div class="actions"><button class="button quiet" onClick=${() => setEnding(false)}>${t("cancel")}</button><button class="button danger" onClick=${drop}>${t("remove")}</button></div><//>`}`;
}

const FIELDS = ["display_name", "email", "language", "role"];
function Facts({ user, change }) {
  const [values, setValues] = useState(user);
  const changed = FIELDS.filter((name) => values[name] !== user[name]);
  const set = (name) => (value) => setValues({ ...values, [name]: value });
  const send = (event) => { event.preventDefault(); if (changed.length) change(Object.fromEntries(changed.map((name) => [name, values[name]]))); };
  return html`<form class="card stack" onSubmit=${send}><${Text} label=${t("user.name")} value=${values.display_name} onInput=${set("display_name")} />
    <${Text} label=${t("user.email")} value=${values.email} onInput=${set("email")} type="email" />
    <${Choice} label=${t("user.language")} value=${values.language} options=${[["en", t("language.en")], ["fr", t("language.fr")]]} onInput=${set("language")} />
    <${Choice} label=${t("user.role")} hint=${t(`role.${values.role}.hint`)} value=${values.role} options=${ROLES.map((role) => [role, t(`role.${role}`)])} onInput=${set("role")} />
    <div class="row"><button class="button primary" aria-disabled=${changed.length ? undefined : "true"}>${t("save")}</button></div></form>`;
}
