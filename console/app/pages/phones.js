// All phones: those that were connected by a link, and the devices of accounts that have none; and what asks the network for us.
import { html, useState } from "../../ui/h.js";
import { Icon } from "../../ui/icon.js";
import { post, remove, useAsk, usePages } from "../../ui/api.js";
import { Dialog } from "../../ui/dialog.js";
import { Form, Segments, Text } from "../../ui/form.js";
import { Empty, Head, Tag, Time, Waiting } from "../../ui/parts.js";
import { Foot, Table } from "../../ui/table.js";
import { failed, toast } from "../../ui/toast.js";
import { query, filter } from "../../ui/router.js";
import { language, t } from "../../ui/words.js";
import { Connect, TELEPHONES } from "../connect.js";
import { Keys } from "../phone-keys.js";
import { Password } from "../phone-password.js";
import { numberOf } from "../shapes.js";

const POLL_MS = 10_000;
const WAKE = ["registration.", "provisioning.", "config."];

export default function Phones() {
  const phones = useAsk("phones", undefined, POLL_MS, WAKE);
  const accounts = usePages("accounts", { limit: 200 }, POLL_MS, WAKE);
  const seen = useAsk("registrations", { limit: 1_000 }, POLL_MS, WAKE);
  const reload = () => { phones.reload(); accounts.reload(); };
  return html`<${Head} title=${t("page.phones")} intro=${t("fleet.intro")} /><${Unclaimed} reload=${reload} />
    <${Waiting} of=${phones}>${({ data }) => html`<${Waiting} of=${accounts}>${() => html`<${Shown} rows=${rows(data, accounts.rows, seen.data?.data ?? [], !!seen.data?.next_cursor)} list=${accounts} reload=${reload} />`}<//>`}<//>`;
}

/** A row for each phone, then one for each device that is of none. Of so many registrations that more would come, what is not seen is not known. */
function rows(phones, accounts, seen, more) {
  const byDevice = new Map(seen.map((one) => [one.device_id, one]));
  const devices = new Map(accounts.flatMap((account) => account.devices.map((device) => [device.id, device])));
  const covered = new Set(phones.flatMap((phone) => phone.lines.map((line) => line.device_id)));
  const told = (phone) => phone.steps.filter((one) => one.step === "registered").at(-1)?.at;
  const ofPhones = phones.filter((phone) => phone.lines.length > 0).map((phone) => ({
    id: phone.id, phone, lines: phone.lines, device: phone.lines[0].device_id, account: phone.lines[0].account, name: devices.get(phone.lines[0].device_id)?.name ?? "",
    vendor: phone.vendor, model: phone.model, program: phone.user_agent, fetched: phone.fetched_at, registered: phone.registered, since: phone.registered ? told(phone) : undefined,
    way: byDevice.get(phone.lines[0].device_id), drift: drifted(phone), fault: phone.fault, mac: phone.mac,
  }));
  const alone = [...devices.values()].filter((device) => !covered.has(device.id)).map((device) => ({
    id: device.id, lines: [], device: device.id, account: device.account, name: device.name, vendor: "", model: "", program: "", fetched: null,
    registered: byDevice.has(device.id) || (more ? null : false), way: byDevice.get(device.id), drift: false,
  }));
  return [...ofPhones, ...alone];
}

/** A link was made for it, or its keys were set, and it has not fetched since. */
function drifted(phone) {
  const last = (step) => phone.steps.findLastIndex((one) => one.step === step);
  return !phone.fetched_at || last("link_made") > last("fetched") || phone.changed_at > phone.fetched_at;
}

const title = (row) => row.name || t("device.named", { name: numberOf(row.device) });
const kind = (row) => [row.vendor, row.model].filter(Boolean).join(" ");

function Shown({ rows, list, reload }) {
  const given = query.value;
  const text = (given.get("q") ?? "").toLowerCase();
  const [state, vendor, drift] = [given.get("state") ?? "", given.get("vendor") ?? "", given.get("drift")];
  const vendors = [...new Set(rows.map((row) => row.vendor).filter(Boolean))].sort();
  const shown = rows.filter((row) => (!state || row.registered === (state === "on")) && (!vendor || row.vendor === vendor) && (!drift || row.drift)
    && (!text || [row.account, row.name, kind(row), row.program, row.mac, row.way?.source, ...row.lines.map((line) => line.account)].some((part) => part?.toLowerCase().includes(text))));
  if (rows.length === 0) return html`<div class="card"><${Empty} icon="phone" title=${t("fleet.none")} text=${t("devices.none.text")}><a class="button primary" href="/accounts">${t("page.accounts")}</a><//></div>`;
  return html`<div class="bar"><label class="search grow"><${Icon} name="search" size=${18} /><span class="sr">${t("filter")}</span><input type="search" class="input" placeholder=${t("fleet.filter")} value=${given.get("q") ?? ""} onInput=${(event) => filter({ q: event.target.value })} /></label>
      <${Segments} label=${t("account.state")} value=${state} options=${[["", t("since.all")], ["on", t("registered")], ["off", t("not.registered")]]} onInput=${(name) => filter({ state: name })} />
      ${vendors.length > 1 && html`<label><span class="sr">${t("fleet.vendor")}</span><select class="input" value=${vendor} onChange=${(event) => filter({ vendor: event.target.value })}><option value="">${t("fleet.vendor.any")}</option>${vendors.map((one) => html`<option value=${one} selected=${one === vendor}>${one}</option>`)}</select></label>`}
      <button class="button small" aria-pressed=${drift ? "true" : "false"} onClick=${() => filter({ drift: drift ? "" : "1" })}>${drift && html`<${Icon} name="check" size=${16} />`}${t("fleet.drift")}</button></div>
    <section class="card flush">${shown.length === 0 ? html`<${Empty} icon="search" title=${t("records.none.filter")} text=${t("records.none.filter.text")}><a class="button" href="/phones">${t("filter.clear")}</a><//>`
      : html`<${List} rows=${shown} list=${list} reload=${reload} />`}</section>`;
}

function List({ rows, list, reload }) {
  const [connecting, setConnecting] = useState(null);
  const [ending, setEnding] = useState(null);
  const [keys, setKeys] = useState(null);
  const [opening, setOpening] = useState(null);
  const at = (row, device = row.device) => `accounts/${encodeURIComponent(row.account)}/devices/${encodeURIComponent(device)}`;
  const sync = (row) => post(`${at(row)}/actions/sync`, { reboot: false }).then(({ asked }) => toast(t("fleet.synced", { n: asked }), asked ? {} : { kind: "bad" }), failed);
  const drop = (row) => remove(row.phone ? `phones/${encodeURIComponent(row.phone.id)}` : at(row)).then(() => { setEnding(null); toast(t(row.phone ? "fleet.removed" : "device.revoked")); reload(); }, failed);
  const columns = [
    { key: "account", label: t("side.account"), cell: (row) => html`<div><a class="clip" href=${`/accounts/${encodeURIComponent(row.account)}`}>${row.account}</a><div class="muted small">${title(row)}${row.lines.length > 1 && ` · ${t("fleet.lines", { n: row.lines.length })}`}</div></div>` },
    { key: "vendor", label: t("fleet.kind"), value: kind, cell: (row) => html`<div>${kind(row) || "–"}${row.program && html`<div class="muted small">${row.program}</div>`}</div>` },
    { key: "fetched", label: t("fleet.fetched"), cell: (row) => html`<div>${row.fetched ? html`<${Time} at=${row.fetched} relative />` : "–"}${row.drift && html`<div><${Tag} kind="warn">${t("fleet.drift.short")}<//></div>`}</div>` },
    { key: "registered", label: t("account.state"), value: (row) => row.registered ? 0 : 1, cell: (row) => html`<${State} row=${row} />` },
    { key: "acts", label: t("fleet.acts"), sort: false, cell: (row) => html`<span class="row"><button class="button small" onClick=${() => sync(row)} aria-disabled=${row.registered ? undefined : "true"} aria-label=${t("fleet.sync.of", { name: title(row) })}>${t("fleet.sync")}</button>
      <button class="button small" onClick=${() => setConnecting(row)} aria-label=${t("fleet.link.of", { name: title(row) })}>${t("fleet.link")}</button>
      ${row.phone && html`<button class="button small" onClick=${() => setKeys(row)} aria-label=${t("fleet.keys.of", { name: title(row) })}>${t("fleet.keys")}</button>`}
      ${TELEPHONES.includes(row.vendor) && html`<button class="button small" onClick=${() => setOpening(row)} aria-label=${t("fleet.password.of", { name: title(row) })}>${t("fleet.password")}</button>`}
      <button class="button small danger" onClick=${() => setEnding(row)} aria-label=${t("fleet.remove.of", { name: title(row) })}>${t("remove")}</button></span>` },
  ];
  return html`<${Table} label=${t("page.phones")} columns=${columns} rows=${rows} rowKey=${(row) => row.id} sorted=${{ key: "account" }}
      foot=${html`<${Foot} count=${rows.length} more=${list.more} onMore=${() => list.loadMore().catch(failed)} />`} />
    ${connecting && html`<${Connect} key=${connecting.id} account=${connecting.account} begin=${(values) => post(`${at(connecting)}/actions/connect`, values)} path=${(id) => `${at(connecting, id)}/connect`} revoke=${() => Promise.resolve()} back=${t("connect.another")} onClose=${() => { setConnecting(null); reload(); }} />`}
    ${keys && html`<${Keys} key=${keys.id} phone=${keys.phone} name=${title(keys)} onClose=${() => { setKeys(null); reload(); }} />`}
    ${opening && html`<${Password} phone=${opening.phone} name=${title(opening)} onClose=${() => { setOpening(null); reload(); }} />`}
    ${ending && html`<${Dialog} title=${t("fleet.remove.title", { name: title(ending) })} onClose=${() => setEnding(null)}><p>${t(ending.phone ? "fleet.remove.text" : "device.revoke.text")}</p>
      <div class="actions"><button class="button quiet" onClick=${() => setEnding(null)}>${t("cancel")}</button><button class="button danger" onClick=${() => drop(ending)}>${t("remove")}</button></div><//>`}`;
}

/** Whether it can be called, since when and over what; else what keeps it. */
function State({ row }) {
  const over = [row.way?.transport?.toUpperCase(), row.way?.source].filter(Boolean).join(" ");
  return html`<div><${Tag} kind=${row.registered ? "good" : row.fault ? "warn" : ""}>${t(row.registered === null ? "unknown" : row.registered ? "registered" : "not.registered")}<//>
    ${row.registered && html`<div class="muted small">${row.since && html`<${Time} at=${row.since} relative /> `}<span class="mono">${over}</span></div>`}
    ${!row.registered && row.fault && html`<div class="muted small" title=${row.fault.remedy}>${row.fault.sentence}</div>`}</div>`;
}

/** Telephones that were plugged in and ask the network who tells them. */
function Unclaimed({ reload }) {
  const found = useAsk("unclaimed_phones", undefined, POLL_MS, ["provisioning."]);
  const [claiming, setClaiming] = useState(null);
  const strangers = found.data?.data ?? [];
  if (strangers.length === 0) return null;
  const columns = [
    { key: "vendor", label: t("fleet.kind"), value: kind, cell: (one) => kind(one) || "–" },
    { key: "mac", label: t("connect.mac"), cell: (one) => html`<span class="mono">${one.mac}</span>` },
    { key: "firmware", label: t("fleet.program"), cell: (one) => one.firmware || "–" },
    { key: "address", label: t("registrations.from"), cell: (one) => html`<span class="mono">${one.address}</span>` },
    { key: "seen_at", label: t("fleet.seen"), cell: (one) => html`<${Time} at=${one.seen_at} relative />` },
    { key: "claim", label: t("fleet.acts"), sort: false, cell: (one) => one.can_be_told ? html`<button class="button small primary" onClick=${() => setClaiming(one)} aria-label=${t("fleet.claim.of", { name: one.mac })}>${t("fleet.claim")}</button>` : html`<span class="muted small">${t("fleet.claim.cannot")}</span>` },
  ];
  const send = ({ account }) => post("phones", { account: account.trim(), mac: claiming.mac, model: claiming.model, language: language.value });
  return html`<section class="card flush"><header><h2>${t("fleet.unclaimed")}</h2></header><${Table} label=${t("fleet.unclaimed")} columns=${columns} rows=${strangers} rowKey=${(one) => one.mac} />
    ${claiming && html`<${Dialog} title=${t("fleet.claim.of", { name: claiming.mac })} onClose=${() => setClaiming(null)}><${Form} start=${{ account: "" }} submit=${t("fleet.claim")} send=${send} onClose=${() => setClaiming(null)}
      onDone=${({ told }) => { setClaiming(null); toast(t(told ? "fleet.claimed" : "fleet.claimed.untold")); found.reload(); reload(); }}
      fields=${({ values, set, error }) => html`<${Text} label=${t("side.account")} hint=${t("fleet.claim.hint")} error=${error("account")} value=${values.account} onInput=${set("account")} spellcheck=${false} autocapitalize="none" />`} /><//>`}</section>`;
}
