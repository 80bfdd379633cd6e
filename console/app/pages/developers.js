// For programs: their tokens, what they are told by webhooks, what happens right now, and the document of the API.
import { html, names, useEffect, useState } from "../../ui/h.js";
import { Icon } from "../../ui/icon.js";
import { patch, post, remove, session, useAsk, usePages } from "../../ui/api.js";
import { Dialog } from "../../ui/dialog.js";
import { Choice, Form, Text } from "../../ui/form.js";
import { listen, live } from "../../ui/live.js";
import { Copy, Empty, Facts, Head, Notice, Tag, Time, Waiting } from "../../ui/parts.js";
import { Foot, Table } from "../../ui/table.js";
import { Tabs } from "../../ui/tabs.js";
import { failed, toast } from "../../ui/toast.js";
import { query, filter } from "../../ui/router.js";
import { clock, t } from "../../ui/words.js";

/** Events that the page keeps. */
const EVENTS_MAX = 500;
const DAY_S = 86_400;
const LASTING = [["30", 30], ["90", 90], ["365", 365], ["never", null]];

export default function Developers() {
  const tabs = [["events", t("events"), () => html`<${Events} />`], ["tokens", t("tokens"), () => html`<${Tokens} />`], ["webhooks", t("webhooks"), () => html`<${Webhooks} />`]];
  return html`<${Head} title=${t("page.developers")} intro=${t("developers.intro")}><a class="button" href="/api/docs" target="_blank" rel="noopener">${t("developers.docs")}</a>
    <a class="button" href="/api/openapi.json" download="openapi.json"><${Icon} name="download" size=${18} />OpenAPI</a><//><${Tabs} label=${t("page.developers")} tabs=${tabs} />`;
}

/** A secret that is shown this once. */
function Once({ title, text, secret, onClose }) {
  return html`<${Dialog} title=${title} onClose=${onClose}><${Notice} kind="warn" title=${t("secret.once")}><p>${text}</p><//>
    <div class="secret"><code>${secret}</code><${Copy} text=${secret} label=${t("secret.copy")} small=${false} /></div>
    <div class="actions"><button class="button primary" onClick=${onClose}>${t("secret.done")}</button></div><//>`;
}

function Sure({ title, text, label, act, onClose }) {
  return html`<${Dialog} title=${title} onClose=${onClose}><p>${text}</p><div class="actions"><button class="button quiet" onClick=${onClose}>${t("cancel")}</button>
    <button class="button danger" onClick=${() => act().then(onClose, (problem) => { failed(problem); onClose(); })}>${label}</button></div><//>`;
}

function Tokens() {
  const list = useAsk("api_tokens");
  const [adding, setAdding] = useState(false);
  const [made, setMade] = useState(null);
  const [ending, setEnding] = useState(null);
  const add = html`<button class="button primary" onClick=${() => setAdding(true)}><${Icon} name="plus" />${t("token.add")}</button>`;
  const columns = [
    { key: "name", label: t("token.name"), cell: (one) => html`<span class="clip">${one.name}</span>` }, { key: "login", label: t("token.user") },
    { key: "scopes", label: t("token.scopes"), value: (one) => one.scopes.join(" "), cell: (one) => html`<span class="row">${one.scopes.map((scope) => html`<${Tag}><code>${scope}</code><//>`)}</span>` },
    { key: "network", label: t("token.network"), cell: (one) => one.network ? html`<code>${one.network}</code>` : t("token.everywhere") },
    { key: "expires_at", label: t("token.expires"), cell: (one) => one.expires_at ? html`<${Time} at=${one.expires_at} />` : t("token.never") },
    { key: "last_used_at", label: t("token.used"), cell: (one) => html`<${Time} at=${one.last_used_at} relative />` },
    { key: "end", label: t("token.end"), sort: false, cell: (one) => html`<button class="button small danger" onClick=${() => setEnding(one)}>${t("device.revoke")}</button>` },
  ];
  return html`<div class="stack"><div class="row apart"><p class="muted">${t("tokens.intro")}</p>${add}</div>
    <section class="card flush"><${Waiting} of=${list}>${({ data }) => data.length === 0 ? html`<${Empty} icon="lock" title=${t("tokens.none")} text=${t("tokens.none.text")} />`
      : html`<${Table} label=${t("tokens")} columns=${columns} rows=${data} rowKey=${(one) => one.id} foot=${html`<${Foot} count=${data.length} />`} />`}<//></section>
    ${adding && html`<${AddToken} onClose=${() => setAdding(false)} onDone=${(answer) => { setAdding(false); setMade(answer); list.reload(); }} />`}
    ${made && html`<${Once} title=${made.api_token.name} text=${t("token.once")} secret=${made.token} onClose=${() => setMade(null)} />`}
    ${ending && html`<${Sure} title=${t("token.revoke", { name: ending.name })} text=${t("token.revoke.text")} label=${t("device.revoke")} onClose=${() => setEnding(null)}
      act=${() => remove(`api_tokens/${encodeURIComponent(ending.id)}`).then(() => { toast(t("token.revoked")); list.reload(); })} />`}</div>`;
}

const WHAT = ["*", "accounts", "devices", "users", "calls", "call_records", "messages", "registrations", "recordings", "traces", "events", "webhooks", "phone_tickets", "status"];
function AddToken({ onClose, onDone }) {
  const fields = ({ values, set, error }) => html`<${Text} label=${t("token.name")} hint=${t("token.name.hint")} error=${error("name")} value=${values.name} onInput=${set("name")} />
    <${Text} label=${t("token.user")} hint=${t("token.user.hint")} error=${error("user")} value=${values.user} onInput=${set("user")} spellcheck=${false} autocapitalize="none" />
    <${Scopes} value=${values.scopes} onInput=${set("scopes")} error=${error("scopes")} />
    <${Choice} label=${t("token.expires")} value=${values.lasting} options=${LASTING.map(([name, days]) => [name, days ? t("token.days", { n: days }) : t("token.never")])} onInput=${set("lasting")} />
    <${Text} label=${t("token.network")} hint=${t("token.network.hint")} error=${error("network")} value=${values.network} onInput=${set("network")} spellcheck=${false} />`;
  const send = ({ name, user, scopes, network, lasting }) => {
    const days = LASTING.find(([one]) => one === lasting)[1];
    return post("api_tokens", { name, user, scopes, ...(network.trim() && { network: network.trim() }), ...(days && { expires_in_s: days * DAY_S }) });
  };
  return html`<${Dialog} title=${t("token.add")} onClose=${onClose}><${Form} start=${{ name: "", user: session.value?.login ?? "", scopes: ["calls:read"], network: "", lasting: "90" }} send=${send} submit=${t("account.create")} onDone=${onDone} onClose=${onClose} fields=${fields} /><//>`;
}

/** What a token may: pairs of a thing and how far. */
function Scopes({ value, onInput, error }) {
  const [what, setWhat] = useState("accounts");
  const [access, setAccess] = useState("read");
  const scope = `${what}:${access}`;
  return html`<fieldset class="field"><legend>${t("token.scopes")}</legend>
    <span class="row">${value.map((one) => html`<${Tag}><code>${one}</code><button type="button" class="icon-button small" aria-label=${t("token.scope.less", { scope: one })} onClick=${() => onInput(value.filter((other) => other !== one))}><${Icon} name="close" size=${14} /></button><//>`)}</span>
    <span class="row"><select class="input" aria-label=${t("token.scope.what")} value=${what} onChange=${(event) => setWhat(event.target.value)}>${WHAT.map((name) => html`<option value=${name} selected=${name === what}>${name === "*" ? t("token.all") : name}</option>`)}</select>
      <select class="input" aria-label=${t("token.scope.access")} value=${access} onChange=${(event) => setAccess(event.target.value)}>${["read", "write", "admin"].map((name) => html`<option value=${name} selected=${name === access}>${t(`token.access.${name}`)}</option>`)}</select>
      <button type="button" class="button small" aria-disabled=${value.includes(scope) ? "true" : undefined} onClick=${() => { if (!value.includes(scope)) onInput([...value, scope]); }}><${Icon} name="plus" size=${16} />${t("token.scope.more")}</button></span>
    ${error && html`<span class="error">${error}</span>`}</fieldset>`;
}

function Webhooks() {
  const list = useAsk("webhooks");
  const [adding, setAdding] = useState(false);
  const [made, setMade] = useState(null);
  const shown = query.value.get("hook");
  const add = html`<button class="button primary" onClick=${() => setAdding(true)}><${Icon} name="plus" />${t("webhook.add")}</button>`;
  const fields = ({ values, set, error }) => html`<${Text} label=${t("webhook.url")} hint=${t("webhook.url.hint")} error=${error("url")} value=${values.url} onInput=${set("url")} type="url" spellcheck=${false} />
    <${Text} label=${t("token.name")} error=${error("name")} value=${values.name} onInput=${set("name")} />
    <${Text} label=${t("webhook.types")} hint=${t("webhook.types.hint")} error=${error("types")} value=${values.types} onInput=${set("types")} spellcheck=${false} />`;
  const send = ({ url, name, types }) => post("webhooks", { url: url.trim(), name, types: types.split(/[\s,]+/).filter(Boolean) });
  return html`<div class="stack"><div class="row apart"><p class="muted">${t("webhooks.intro")}</p>${add}</div>
    <${Waiting} of=${list}>${({ data }) => data.length === 0 ? html`<div class="card"><${Empty} icon="plug" title=${t("webhooks.none")} text=${t("webhooks.none.text")} /></div>`
      : data.map((one) => html`<${Hook} key=${one.id} hook=${one} open=${shown === one.id} reload=${list.reload} onSecret=${setMade} />`)}<//>
    ${adding && html`<${Dialog} title=${t("webhook.add")} onClose=${() => setAdding(false)}><${Form} start=${{ url: "", name: "", types: "" }} send=${send} submit=${t("account.create")} fields=${fields}
      onDone=${(answer) => { setAdding(false); setMade(answer); list.reload(); }} onClose=${() => setAdding(false)} /><//>`}
    ${made?.secret && html`<${Once} title=${made.name || made.url} text=${t("webhook.once")} secret=${made.secret} onClose=${() => setMade(null)} />`}</div>`;
}

function Hook({ hook, open, reload, onSecret }) {
  const [ending, setEnding] = useState(false);
  const path = `webhooks/${encodeURIComponent(hook.id)}`;
  const act = (work, said) => work.then((answer) => { toast(said); reload(); return answer; }, failed);
  return html`<section class="card stack"><header><h2 class="clip">${hook.name || hook.url}</h2><${Tag} kind=${hook.enabled ? "good" : "bad"}>${t(hook.enabled ? "enabled" : "disabled")}<//></header>
    <${Facts} facts=${[[t("webhook.url"), html`<code>${hook.url}</code>`], [t("webhook.types"), hook.types.length ? hook.types.map((type) => html`<code>${type}</code> `) : t("webhook.all")], [t("device.made"), html`<${Time} at=${hook.created_at} />`],
      [t("webhook.stopped"), hook.disabled_because], [t("webhook.old"), hook.old_secret_until && html`<${Time} at=${hook.old_secret_until} />`]]} />
    <div class="row"><button class="button small" aria-expanded=${open ? "true" : "false"} onClick=${() => filter({ hook: open ? "" : hook.id })}>${t("webhook.deliveries")}</button>
      <button class="button small" onClick=${() => act(post(`${path}/actions/test`), t("webhook.tested")).then(() => filter({ hook: hook.id }))}>${t("webhook.test")}</button>
      <button class="button small" onClick=${() => act(post(`${path}/actions/rotate_secret`), t("webhook.rotated")).then((answer) => answer && onSecret(answer))}>${t("webhook.rotate")}</button>
      <button class="button small" onClick=${() => act(patch(path, { enabled: !hook.enabled }), t("saved"))}>${t(hook.enabled ? "disable" : "enable")}</button>
      <button class="button small danger" onClick=${() => setEnding(true)}>${t("remove")}</button></div>
    ${open && html`<${Deliveries} path=${path} />`}
    ${ending && html`<${Sure} title=${t("webhook.remove")} text=${t("webhook.remove.text")} label=${t("remove")} onClose=${() => setEnding(false)} act=${() => remove(path).then(reload)} />`}</section>`;
}

const STATES = { waiting: "warn", delivered: "good", failed: "bad" };
function Deliveries({ path }) {
  const list = usePages(`${path}/deliveries`, { limit: 50 }, 3_000);
  const [shown, setShown] = useState(null);
  const again = (one) => post(`${path}/deliveries/${encodeURIComponent(one.id)}/actions/resend`).then(() => { toast(t("webhook.resent")); list.reload(); }, failed);
  const columns = [
    { key: "created_at", label: t("time"), cell: (one) => html`<${Time} at=${one.created_at} />` }, { key: "type", label: t("webhook.type"), cell: (one) => html`<code>${one.type}</code>` },
    { key: "state", label: t("account.state"), cell: (one) => html`<${Tag} kind=${STATES[one.state]}>${t(`webhook.${one.state}`)}<//>` },
    { key: "attempts", label: t("webhook.tries"), num: true }, { key: "status", label: t("webhook.answer"), cell: (one) => html`<span class="clip">${[one.status, one.why].filter(Boolean).join(" · ") || "–"}</span>` },
    { key: "do", label: t("webhook.do"), sort: false, cell: (one) => html`<span class="row"><button class="button small" onClick=${() => setShown(shown === one.id ? null : one.id)} aria-expanded=${shown === one.id ? "true" : "false"}>${t("webhook.body")}</button><button class="button small" onClick=${() => again(one)}>${t("webhook.resend")}</button></span>` },
  ];
  const body = list.rows.find((one) => one.id === shown)?.body;
  return html`<${Waiting} of=${list}>${() => list.rows.length === 0 ? html`<p class="muted">${t("webhook.deliveries.none")}</p>` : html`<${Table} label=${t("webhook.deliveries")} columns=${columns} rows=${list.rows} rowKey=${(one) => one.id} sortable=${false}
    foot=${html`<${Foot} count=${list.rows.length} more=${list.more} onMore=${() => list.loadMore().catch(failed)} />`} />${body && html`<pre class="raw-body" tabindex="0"><code>${body}</code></pre>`}`}<//>`;
}

/** What happens while this page is open, the newest first. */
function Events() {
  const [all, setAll] = useState([]);
  const [paused, setPaused] = useState(false);
  const [shown, setShown] = useState(null);
  useEffect(() => paused ? undefined : listen([""], (event) => setAll((before) => [event, ...before].slice(0, EVENTS_MAX))), [paused]);
  const text = (query.value.get("q") ?? "").toLowerCase();
  const rows = all.filter((event) => !text || JSON.stringify(event).toLowerCase().includes(text));
  const columns = [{ key: "time", label: t("time"), cell: (event) => clock(event.time) }, { key: "type", label: t("webhook.type"), cell: (event) => html`<button class="link" aria-expanded=${shown === event ? "true" : "false"} onClick=${() => setShown(shown === event ? null : event)}><code>${event.type}</code></button>` },
    { key: "subject", label: t("events.subject"), cell: (event) => html`<span class="clip">${event.subject ?? "–"}</span>` }, { key: "data", label: t("events.data"), sort: false, cell: (event) => html`<code class="clip">${JSON.stringify(event.data)}</code>` }];
  return html`<div class="stack"><div class="bar"><label class="search grow"><${Icon} name="search" size=${18} /><span class="sr">${t("filter")}</span><input type="search" class="input" placeholder=${t("events.filter")} value=${query.value.get("q") ?? ""} onInput=${(event) => filter({ q: event.target.value })} /></label>
      <span class=${names("live", { off: live.value !== "on" || paused })} role="status"><i></i><span>${t(paused ? "events.paused" : `live.${live.value}`)}</span></span>
      <button class="button small" aria-pressed=${paused ? "true" : "false"} onClick=${() => setPaused(!paused)}>${t(paused ? "events.go" : "events.pause")}</button></div>
    <section class="card flush">${rows.length === 0 ? html`<${Empty} icon="signal" title=${t("events.none")} text=${t("events.none.text")} command="curl -N -H 'Authorization: Bearer coeur_…' /api/v1/events" />`
      : html`<${Table} label=${t("events")} columns=${columns} rows=${rows} rowKey=${(event) => event.id ?? event.time} sortable=${false} foot=${html`<${Foot} count=${rows.length} />`} />`}</section>
    ${shown && html`<pre class="raw-body" tabindex="0" aria-label=${shown.type}><code>${JSON.stringify(shown, null, 2)}</code></pre>`}</div>`;
}
