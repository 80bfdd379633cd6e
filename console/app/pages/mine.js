// What is one's own: phones, where calls go, calls that are over, and how one signs in.
import { html, useState } from "../../ui/h.js";
import { Icon } from "../../ui/icon.js";
import { patch, post, remove, session, useAsk, usePages } from "../../ui/api.js";
import { Dialog } from "../../ui/dialog.js";
import { Empty, Facts, Head, Tag, Time, Waiting } from "../../ui/parts.js";
import { Foot, Table } from "../../ui/table.js";
import { Tabs } from "../../ui/tabs.js";
import { failed, toast } from "../../ui/toast.js";
import { query, filter } from "../../ui/router.js";
import { span, t } from "../../ui/words.js";
import { Connect, Ring, Steps } from "../connect.js";
import { Forwarding } from "../forwarding.js";
import { Disposition, partyName } from "../shapes.js";

const POLL_MS = 10_000;

export default function Mine() {
  const accounts = useAsk("me/accounts");
  const who = session.value?.display_name || session.value?.login || "";
  return html`<${Head} title=${t("page.mine")} intro=${who}><a class="button primary" href="/phone"><${Icon} name="call" size=${18} />${t("mine.call")}</a><//>
    <${Waiting} of=${accounts}>${({ data }) => data.length === 0 ? html`<div class="card"><${Empty} icon="account" title=${t("mine.none")} text=${t("mine.none.text")} /></div><${Safety} />` : html`<${Own} accounts=${data} />`}<//>`;
}

function Own({ accounts }) {
  const named = query.value.get("account");
  const account = accounts.find((one) => one.account === named) ?? accounts[0];
  const tabs = [["phones", t("account.devices"), () => html`<${Phones} account=${account.account} />`], ["calls", t("page.records"), () => html`<${Calls} key=${account.account} account=${account.account} />`],
    ["forwarding", t("account.forwarding"), () => html`<${Routing} key=${account.account} account=${account.account} />`], ["safety", t("mine.safety"), () => html`<${Safety} />`]];
  return html`${accounts.length > 1 && html`<div class="bar"><label class="row">${t("side.account")}<select class="input" value=${account.account} onChange=${(event) => filter({ account: event.target.value })}>${accounts.map((one) => html`<option value=${one.account} selected=${one === account}>${one.account}</option>`)}</select></label></div>`}
    <${Tabs} label=${t("page.mine")} tabs=${tabs} />`;
}

function Phones({ account }) {
  const list = useAsk("me/devices", undefined, POLL_MS);
  const [adding, setAdding] = useState(false);
  const [ending, setEnding] = useState(null);
  const add = html`<button class="button primary" onClick=${() => setAdding(true)}><${Icon} name="plus" />${t("connect.add")}</button>`;
  const revoke = (id) => remove(`me/devices/${encodeURIComponent(id)}`);
  const sure = () => revoke(ending.id).then(() => { toast(t("device.revoked")); list.reload(); }, failed).then(() => setEnding(null));
  return html`<div class="stack"><div class="row apart"><p class="muted">${t("mine.phones")}</p>${add}</div>
    <${Waiting} of=${list}>${({ data }) => { const own = data.filter((one) => one.account === account); return own.length === 0 ? html`<div class="card"><${Empty} icon="phone" title=${t("devices.none")} text=${t("devices.none.text")} /></div>`
      : html`<div class="duo">${own.map((device) => html`<section class="card stack" key=${device.id}><header><h2 class="row"><${Icon} name="phone" />${device.name}</h2><${Tag} kind=${device.is_registered ? "good" : ""}>${t(device.is_registered ? "registered" : "not.registered")}<//></header>
        <${Facts} facts=${[[t("side.phone"), device.phone?.user_agent], [t("registrations.transport"), device.transport?.toUpperCase()], [t("device.made"), html`<${Time} at=${device.created_at} />`]]} /><${Steps} phone=${device.phone} />
        ${device.is_registered && html`<${Ring} path=${`me/devices/${encodeURIComponent(device.id)}`} />`}
        <p><button class="button small danger" onClick=${() => setEnding(device)}>${t("device.revoke")}</button></p></section>`)}</div>`; }}<//>
    ${adding && html`<${Connect} account=${account} begin=${(values) => post("me/devices", { account, ...values })} path=${(id) => `me/devices/${encodeURIComponent(id)}`} ring=${(id) => `me/devices/${encodeURIComponent(id)}`} revoke=${(id) => revoke(id).catch(failed)} onClose=${() => { setAdding(false); list.reload(); }} />`}
    ${ending && html`<${Dialog} title=${t("device.revoke.title", { name: ending.name })} onClose=${() => setEnding(null)}><p>${t("device.revoke.text")}</p>
      <div class="actions"><button class="button quiet" onClick=${() => setEnding(null)}>${t("cancel")}</button><button class="button danger" onClick=${sure}>${t("device.revoke")}</button></div><//>`}</div>`;
}

function Calls({ account }) {
  const text = query.value.get("q") ?? "";
  const list = usePages("me/call_records", { account, limit: 100, q: text });
  const columns = [
    { key: "with", label: t("calls.who"), value: (one) => partyName(one.with), cell: (one) => html`<span class="path"><span class="sr">${t(`mine.${one.direction}`)}</span><span aria-hidden="true">${one.direction === "out" ? "↗" : "↙"}</span><b class="clip">${partyName(one.with)}</b></span>` },
    { key: "start_at", label: t("call.start"), cell: (one) => html`<${Time} at=${one.start_at} />` },
    { key: "disposition", label: t("records.outcome"), value: (one) => t(`disposition.${one.disposition}`), cell: (one) => html`<${Disposition} record=${one} />` },
    { key: "talk_ms", label: t("call.talked"), num: true, cell: (one) => one.talk_ms === null ? "–" : span(one.talk_ms / 1000) },
  ];
  return html`<div class="bar"><label class="search grow"><${Icon} name="search" size=${18} /><span class="sr">${t("filter")}</span><input type="search" class="input" placeholder=${t("records.filter")} value=${text} onChange=${(event) => filter({ q: event.target.value })} /></label></div>
    <section class="card flush"><${Waiting} of=${list}>${() => list.rows.length === 0 ? html`<${Empty} icon="record" title=${t("records.none")} text=${t("mine.calls.none")} />`
    : html`<${Table} label=${t("page.records")} columns=${columns} rows=${list.rows} rowKey=${(one) => one.id} foot=${html`<${Foot} count=${list.rows.length} more=${list.more} onMore=${() => list.loadMore().catch(failed)} />`} />`}<//></section>`;
}

function Routing({ account }) {
  const path = `me/accounts/${encodeURIComponent(account)}`;
  const routing = useAsk(path);
  const change = (body) => patch(path, body).then(() => { toast(t("saved")); routing.reload(); }, (problem) => { failed(problem); routing.reload(); });
  return html`<${Waiting} of=${routing}>${(data) => html`<${Forwarding} key=${JSON.stringify(data)} account=${data} change=${change} />`}<//>`;
}

/** Where one is signed in, and passkeys; what changes how one signs in has its own pages, which ask once more. */
function Safety() {
  const sessions = useAsk("/auth/sessions");
  const keys = useAsk("/auth/passkeys");
  const end = (id) => remove(`/auth/sessions/${encodeURIComponent(id)}`).then(() => { toast(t("mine.ended")); sessions.reload(); }, failed);
  const others = () => remove("/auth/sessions").then(() => { toast(t("mine.ended")); sessions.reload(); }, failed);
  return html`<div class="duo"><section class="card stack"><header><h2>${t("mine.sessions")}</h2></header><${Waiting} of=${sessions}>${({ data }) => html`<ul class="plain">${data.map((one) => html`<li><span class="clip">${one.user_agent || one.address}</span>
        ${one.current ? html`<${Tag} kind="good">${t("mine.this")}<//>` : html`<button class="button small danger" onClick=${() => end(one.id)}>${t("mine.end")}</button>`}<span class="why small muted">${one.address} · <${Time} at=${one.last_used_at} relative /></span></li>`)}</ul>
      ${data.length > 1 && html`<p><button class="button small" onClick=${others}>${t("mine.end.others")}</button></p>`}`}<//></section>
    <section class="card stack"><header><h2>${t("mine.keys")}</h2></header><${Waiting} of=${keys}>${({ data }) => data.length === 0 ? html`<p class="muted">${t("mine.keys.none")}</p>` : html`<ul class="plain">${data.map((one) => html`<li><span>${one.name}</span><span class="muted small"><${Time} at=${one.created_at} /></span></li>`)}</ul>`}<//>
      <p class="muted">${t("mine.safety.text")}</p><p><a class="button" href="/auth/security"><${Icon} name="lock" size=${18} />${t("security")}</a></p></section></div>`;
}
