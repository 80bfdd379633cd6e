// Accounts: who can be called, and by which phones. A new one is a name; its secret is shown once.
import { html, useState } from "../../ui/h.js";
import { Icon } from "../../ui/icon.js";
import { post, useAsk, usePages } from "../../ui/api.js";
import { Dialog } from "../../ui/dialog.js";
import { Choice, Form, Text } from "../../ui/form.js";
import { Empty, Head, Tag, Waiting } from "../../ui/parts.js";
import { Foot, Table } from "../../ui/table.js";
import { failed } from "../../ui/toast.js";
import { query, filter, go } from "../../ui/router.js";
import { number, t } from "../../ui/words.js";
import { Secret } from "../secret.js";
import { accountName } from "../shapes.js";

export default function Accounts() {
  const text = query.value.get("q") ?? "";
  const list = usePages("accounts", { q: text, limit: 200 });
  const adding = query.value.get("add");
  const [made, setMade] = useState(null);
  const add = html`<button class="button primary" onClick=${() => filter({ add: 1 })}><${Icon} name="plus" />${t("account.add")}</button>`;
  return html`<${Head} title=${t("page.accounts")} intro=${t("accounts.intro")}>${add}<//>
    <div class="bar"><label class="search grow"><${Icon} name="search" size=${18} /><span class="sr">${t("filter")}</span><input type="search" class="input" placeholder=${t("accounts.filter")} value=${text} onInput=${(event) => filter({ q: event.target.value })} /></label></div>
    <section class="card flush"><${Waiting} of=${list}>${() => list.rows.length === 0
      ? text ? html`<${Empty} icon="search" title=${t("records.none.filter")} text=${t("records.none.filter.text")}><a class="button" href="/accounts">${t("filter.clear")}</a><//>`
        : html`<${Empty} icon="account" title=${t("accounts.none")} text=${t("accounts.none.text")}>${add}<//>`
      : html`<${List} list=${list} />`}<//></section>
    ${adding && html`<${Add} onClose=${() => filter({ add: "" })} onDone=${(account) => { filter({ add: "" }); setMade(account); list.reload(); }} />`}
    ${made && html`<${Secret} made=${made} onClose=${() => { setMade(null); go(`/accounts/${encodeURIComponent(made.account)}`); }} />`}`;
}

function List({ list }) {
  const columns = [
    { key: "account", label: t("side.account"), value: accountName, cell: (account) => html`<span class="who"><span class="avatar" aria-hidden="true">${initial(account)}</span><span class="clip">${accountName(account)}</span></span>` },
    { key: "display_name", label: t("account.name"), cell: (account) => account.display_name || "–" },
    { key: "devices", label: t("account.devices"), num: true, value: devices, cell: (account) => number(devices(account)) },
    { key: "enabled", label: t("account.state"), value: (account) => account.enabled ? 0 : 1, cell: (account) => html`<span class="row"><${Tag} kind=${account.enabled ? "good" : "bad"}>${t(account.enabled ? "enabled" : "disabled")}<//>${account.dnd && html`<${Tag} kind="warn">${t("account.dnd.short")}<//>`}${account.record && account.record !== "off" && html`<${Tag} icon="tape">${t("account.records")}<//>`}</span>` },
  ];
  return html`<${Table} label=${t("page.accounts")} columns=${columns} rows=${list.rows} rowKey=${accountName} href=${(account) => `/accounts/${encodeURIComponent(accountName(account))}`}
    foot=${html`<${Foot} count=${list.rows.length} more=${list.more} onMore=${() => list.loadMore().catch(failed)} />`} />`;
}

const initial = (account) => [...(account.display_name || accountName(account))][0]?.toUpperCase() ?? "?";
const devices = (account) => account.devices.length;

function Add({ onClose, onDone }) {
  const domains = useAsk("domains").data?.data ?? [];
  const first = domains[0]?.domain ?? "";
  const fields = ({ values, set, error }) => html`<${Text} label=${t("account.user")} hint=${t("account.user.hint")} error=${error("account")} value=${values.user} onInput=${set("user")} spellcheck=${false} autocapitalize="none" />
    ${domains.length > 1 && html`<${Choice} label=${t("account.domain")} value=${values.domain || first} options=${domains.map((one) => [one.domain, one.domain])} onInput=${set("domain")} />`}
    <${Text} label=${t("account.name")} hint=${t("account.name.hint")} error=${error("display_name")} value=${values.display_name} onInput=${set("display_name")} />`;
  const send = async (values) => {
    const account = values.user.includes("@") ? values.user.trim() : `${values.user.trim()}@${values.domain || first}`;
    const { secret } = await post("accounts", { account, display_name: values.display_name });
    return { account, secret };
  };
  return html`<${Dialog} title=${t("account.add")} onClose=${onClose}><${Form} start=${{ user: "", domain: "", display_name: "" }} send=${send} submit=${t("account.create")} onDone=${onDone} onClose=${onClose} fields=${fields} /><//>`;
}
