// People and roles of the organisation: who they are, what they may, which accounts are theirs.
import { html, useState } from "../../ui/h.js";
import { Icon } from "../../ui/icon.js";
import { post, useAsk, usePages } from "../../ui/api.js";
import { Dialog } from "../../ui/dialog.js";
import { Choice, Form, Text } from "../../ui/form.js";
import { Empty, Head, Tag, Waiting } from "../../ui/parts.js";
import { Foot, Table } from "../../ui/table.js";
import { failed } from "../../ui/toast.js";
import { query, filter, go } from "../../ui/router.js";
import { t } from "../../ui/words.js";
import { Secret } from "../secret.js";

export const ROLES = ["user", "provisioning", "auditor", "supervisor", "operator", "admin", "owner", "api"];

export default function Users() {
  const list = usePages("users", { limit: 200 });
  const [made, setMade] = useState(null);
  const add = html`<button class="button primary" onClick=${() => filter({ add: 1 })}><${Icon} name="plus" />${t("user.add")}</button>`;
  const done = (answer) => {
    filter({ add: "" });
    list.reload();
    if (answer.secret) setMade({ account: answer.account.account, secret: answer.secret });
    else go(`/users/${answer.user.id}`);
  };
  return html`<${Head} title=${t("page.users")} intro=${t("users.intro")}><a class="button" href="/import">${t("page.import")}</a>${add}<//>
    <section class="card flush"><${Waiting} of=${list}>${() => list.rows.length === 0
      ? html`<${Empty} icon="people" title=${t("users.none")} text=${t("users.none.text")}>${add}<//>` : html`<${List} list=${list} />`}<//></section>
    ${query.value.get("add") && html`<${Add} onClose=${() => filter({ add: "" })} onDone=${done} />`}
    ${made && html`<${Secret} made=${made} onClose=${() => setMade(null)} />`}`;
}

function List({ list }) {
  const columns = [
    { key: "login", label: t("user.name"), cell: (user) => html`<span class="who"><span class="avatar" aria-hidden="true"><${Icon} name=${user.kind === "role" ? "people" : "account"} size=${16} /></span><span class="clip">${user.display_name || user.login}</span></span>`, value: (user) => user.display_name || user.login },
    { key: "role", label: t("user.role"), cell: (user) => html`<${Tag} kind=${["owner", "admin"].includes(user.role) ? "accent" : ""}>${t(`role.${user.role}`)}<//>` },
    { key: "email", label: t("user.email"), cell: (user) => user.email || "–" },
    { key: "enabled", label: t("account.state"), value: (user) => user.enabled ? 0 : 1, cell: (user) => html`<${Tag} kind=${user.enabled ? "good" : "bad"}>${t(user.enabled ? "enabled" : "disabled")}<//>` },
  ];
  return html`<${Table} label=${t("page.users")} columns=${columns} rows=${list.rows} rowKey=${(user) => user.id} href=${(user) => `/users/${user.id}`}
    foot=${html`<${Foot} count=${list.rows.length} more=${list.more} onMore=${() => list.loadMore().catch(failed)} />`} />`;
}

/** One form makes a user who can call: login, account, first phone. */
function Add({ onClose, onDone }) {
  const domain = useAsk("domains").data?.data[0]?.domain ?? "";
  const fields = ({ values, set, error }) => html`<${Text} label=${t("user.login")} hint=${t("user.login.hint")} error=${error("login")} value=${values.login} onInput=${set("login")} spellcheck=${false} autocapitalize="none" />
    <${Text} label=${t("user.name")} error=${error("display_name")} value=${values.display_name} onInput=${set("display_name")} />
    <${Text} label=${t("user.email")} error=${error("email")} value=${values.email} onInput=${set("email")} type="email" />
    <${Choice} label=${t("user.role")} hint=${t(`role.${values.role}.hint`)} error=${error("role")} value=${values.role} options=${ROLES.map((role) => [role, t(`role.${role}`)])} onInput=${set("role")} />
    <${Text} label=${t("user.account")} hint=${t("user.account.hint", { domain })} error=${error("account")} value=${values.account} onInput=${set("account")} spellcheck=${false} autocapitalize="none" />`;
  const send = ({ account, ...user }) => post("users", account.trim() ? { ...user, account: account.includes("@") ? account.trim() : `${account.trim()}@${domain}` } : user);
  return html`<${Dialog} title=${t("user.add")} onClose=${onClose}><${Form} start=${{ login: "", display_name: "", email: "", role: "user", account: "" }} send=${send} submit=${t("account.create")} onDone=${onDone} onClose=${onClose} fields=${fields} /><//>`;
}
