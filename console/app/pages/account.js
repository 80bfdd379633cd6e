// One account: its phones, what it may, where its calls go.
import { html, useState } from "../../ui/h.js";
import { Icon } from "../../ui/icon.js";
import { patch, post, remove, useAsk } from "../../ui/api.js";
import { Dialog } from "../../ui/dialog.js";
import { Choice, Form, Switch, Text } from "../../ui/form.js";
import { Empty, Facts, Head, Tag, Time, Waiting } from "../../ui/parts.js";
import { Tabs } from "../../ui/tabs.js";
import { failed, later, toast } from "../../ui/toast.js";
import { go } from "../../ui/router.js";
import { lasting, t } from "../../ui/words.js";
import { Connect, Ring } from "../connect.js";
import { Forwarding } from "../forwarding.js";
import { Secret } from "../secret.js";
import { accountName, numberOf } from "../shapes.js";

export default function Account({ id }) {
  const path = `accounts/${encodeURIComponent(id)}`;
  const account = useAsk(path, undefined, 15_000);
  return html`<${Waiting} of=${account}>${(data) => html`<${Shown} account=${data} path=${path} reload=${account.reload} />`}<//>`;
}

function Shown({ account, path, reload }) {
  const [ending, setEnding] = useState(false);
  const change = (body) => patch(path, body).then(() => { toast(t("saved")); reload(); }, (problem) => { failed(problem); reload(); });
  const drop = () => {
    setEnding(false);
    go("/accounts");
    later(t("account.removed", { account: accountName(account) }), () => remove(path), () => go(`/accounts/${encodeURIComponent(accountName(account))}`));
  };
  const tabs = [["phones", t("account.devices"), () => html`<${Phones} account=${account} path=${path} reload=${reload} />`],
    ["forwarding", t("account.forwarding"), () => html`<${Forwarding} account=${account} change=${change} />`],
    ["rights", t("account.rights"), () => html`<${Rights} account=${account} change=${change} />`]];
  return html`<${Head} title=${account.display_name || accountName(account)} intro=${account.display_name ? accountName(account) : undefined} back=${{ href: "/accounts", label: t("page.accounts") }}>
      <${Tag} kind=${account.enabled ? "good" : "bad"}>${t(account.enabled ? "enabled" : "disabled")}<//>
      <button class="button" onClick=${() => change({ enabled: !account.enabled })}>${t(account.enabled ? "disable" : "enable")}</button>
      <button class="button danger" onClick=${() => setEnding(true)}><${Icon} name="bin" size=${18} />${t("remove")}</button><//>
    <${Tabs} label=${t("account.parts")} tabs=${tabs} />
    ${ending && html`<${Dialog} title=${t("account.remove.title", { account: accountName(account) })} onClose=${() => setEnding(false)}><p>${t("account.remove.text")}</p>
      <div class="actions"><button class="button quiet" onClick=${() => setEnding(false)}>${t("cancel")}</button><button class="button danger" onClick=${drop}>${t("remove")}</button></div><//>`}`;
}

function Phones({ account, path, reload }) {
  const seen = useAsk("registrations", { account: accountName(account) }, 5_000, ["registration."]).data?.data ?? [];
  const [adding, setAdding] = useState(false);
  const [made, setMade] = useState(null);
  const [ending, setEnding] = useState(null);
  const [connecting, setConnecting] = useState(null);
  const add = html`<span class="row"><button class="button primary" onClick=${() => setConnecting({})}><${Icon} name="plus" />${t("connect.add")}</button><button class="button" onClick=${() => setAdding(true)}>${t("device.add")}</button></span>`;
  const at = (id) => `${path}/devices/${encodeURIComponent(id)}`;
  // A phone of a device that was there before is given another link; what was made for it goes with it.
  const own = connecting?.id;
  const begin = (values) => own ? post(`${at(own)}/actions/connect`, values) : post("phones", { account: accountName(account), ...values });
  const takeBack = (id) => (own ? Promise.resolve() : remove(at(id)).catch(failed));
  const revoke = (device) => remove(`${path}/devices/${encodeURIComponent(device.id)}`).then(() => { setEnding(null); toast(t("device.revoked")); reload(); }, failed);
  return html`<div class="stack"><div class="row apart"><p class="muted">${t("devices.intro")}</p>${add}</div>
    ${(account.devices ?? []).length === 0 ? html`<div class="card"><${Empty} icon="phone" title=${t("devices.none")} text=${t("devices.none.text")} /></div>`
      : html`<div class="duo">${account.devices.map((device) => html`<${Phone} key=${device.id} device=${device} path=${at(device.id)} seen=${seen.filter((one) => one.device_id === device.id)} onEnd=${() => setEnding(device)} onConnect=${() => setConnecting(device)} />`)}</div>`}
    ${connecting && html`<${Connect} key=${own ?? "new"} account=${accountName(account)} begin=${begin} path=${(id) => `${at(id)}/connect`} ring=${at} revoke=${takeBack} back=${own && t("connect.another")} onClose=${() => { setConnecting(null); reload(); }} />`}
    ${adding && html`<${Dialog} title=${t("device.add")} onClose=${() => setAdding(false)}><${Form} start=${{ name: "" }} submit=${t("device.create")} onClose=${() => setAdding(false)}
      send=${(values) => post(`${path}/devices`, { name: values.name })} onDone=${({ secret }) => { setAdding(false); setMade({ account: accountName(account), secret }); reload(); }}
      fields=${({ values, set, error }) => html`<${Text} label=${t("device.name")} hint=${t("device.name.hint")} error=${error("name")} value=${values.name} onInput=${set("name")} />`} /><//>`}
    ${made && html`<${Secret} made=${made} onClose=${() => setMade(null)} />`}
    ${ending && html`<${Dialog} title=${t("device.revoke.title", { name: ending.name })} onClose=${() => setEnding(null)}><p>${t("device.revoke.text")}</p>
      <div class="actions"><button class="button quiet" onClick=${() => setEnding(null)}>${t("cancel")}</button><button class="button danger" onClick=${() => revoke(ending)}>${t("device.revoke")}</button></div><//>`}</div>`;
}

function Phone({ device, path, seen, onEnd, onConnect }) {
  const at = seen[0];
  return html`<section class="card"><header><h2 class="row"><${Icon} name="phone" />${device.name || t("device.named", { name: numberOf(device.id) })}</h2><${Tag} kind=${at ? "good" : ""}>${t(at ? "registered" : "not.registered")}<//></header>
    <${Facts} facts=${[[t("registrations.from"), at && html`<span class="mono">${[at.transport?.toUpperCase(), at.source].filter(Boolean).join(" ")}</span>`], [t("side.phone"), at?.user_agent], [t("registrations.expires"), at && lasting(at.expires_in_s)],
      [t("device.made"), html`<${Time} at=${device.created_at} />`], [t("device.proof"), t(device.proved_sha256 ? "device.sha256" : "device.any")]]} />
    ${at && html`<${Ring} path=${path} />`}
    <p class="row"><button class="button small" onClick=${onConnect}>${t("connect.add")}</button><button class="button small danger" onClick=${onEnd}>${t("device.revoke")}</button></p></section>`;
}

function Rights({ account, change }) {
  return html`<div class="card stack"><${Switch} label=${t("account.relay")} hint=${t("account.relay.hint")} checked=${account.relay} onInput=${(relay) => change({ relay })} />
    <${Switch} label=${t("account.pickup")} hint=${t("account.pickup.hint")} checked=${account.pickup} onInput=${(pickup) => change({ pickup })} />
    <div class="duo"><${Choice} label=${t("account.record")} value=${account.record || "off"} options=${["off", "on-demand", "all"].map((name) => [name, t(`record.${name}`)])} onInput=${(record) => change({ record })} />
    <${Choice} label=${t("account.policy")} hint=${t("account.policy.hint")} value=${account.policy} options=${["auto", "sha256", "md5"].map((name) => [name, t(`policy.${name}`)])} onInput=${(policy) => change({ policy })} /></div></div>`;
}
