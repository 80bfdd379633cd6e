// Numbers: which the organisation has, which are free, whose the others are; taken in one by one or in ranges, given and taken back.
import { html, useState } from "../../ui/h.js";
import { Icon } from "../../ui/icon.js";
import { get, patch, post, remove, session, useAsk, usePages } from "../../ui/api.js";
import { Dialog } from "../../ui/dialog.js";
import { Field, Form, Segments, Text } from "../../ui/form.js";
import { Empty, Head, Tag, Waiting, csv, save } from "../../ui/parts.js";
import { Foot, Table } from "../../ui/table.js";
import { failed, later, toast } from "../../ui/toast.js";
import { query, filter } from "../../ui/router.js";
import { t } from "../../ui/words.js";

const STATES = ["any", "free", "assigned", "unlisted"];
const KINDS = { free: "good", assigned: "", unlisted: "warn" };
const CHARS_MAX = 300;
/** Accounts that are suggested. */
const SUGGESTED = 20;
const mayGive = () => ["owner", "admin", "operator"].includes(session.value?.role);
const mayAdd = () => ["owner", "admin"].includes(session.value?.role);
const placeOf = (number) => `numbers/${encodeURIComponent(number.number)}`;

export default function Numbers() {
  const [text, state, adding] = [query.value.get("q") ?? "", query.value.get("state") ?? "any", query.value.get("add")];
  const list = usePages("numbers", { limit: 200, q: text, state });
  const [shown, setShown] = useState(null);
  const [gone, setGone] = useState([]);
  const rows = list.rows.filter((row) => !gone.includes(row.number));
  const add = mayAdd() && html`<button class="button primary" onClick=${() => filter({ add: 1 })}><${Icon} name="plus" />${t("numbers.add")}</button>`;
  const saved = (said) => { setShown(null); toast(said ?? t("saved")); list.reload(); };
  const drop = (row) => {
    setShown(null);
    setGone((all) => [...all, row.number]);
    const back = () => setGone((all) => all.filter((number) => number !== row.number));
    later(t("number.removed", { number: row.number }), () => remove(placeOf(row)), back);
  };
  const takeIn = (row) => post("numbers", { number: row.number, tenant: row.tenant_id }).then(() => saved(t("number.taken", { number: row.number })), failed);
  const release = (row) => patch(placeOf(row), { account: null, from: row.account }).then(() => saved(t("number.released", { number: row.number })), failed);
  return html`<${Head} title=${t("page.numbers")} intro=${t("numbers.intro")}><${Export} wanted=${{ q: text, state }} />${add}<//>
    <div class="bar"><label class="search grow"><${Icon} name="search" size=${18} /><span class="sr">${t("filter")}</span><input type="search" class="input" placeholder=${t("numbers.filter")} value=${text} onInput=${(event) => filter({ q: event.target.value })} /></label>
      <${Segments} label=${t("account.state")} value=${state} options=${STATES.map((name) => [name, t(`numbers.state.${name}`)])} onInput=${(name) => filter({ state: name === "any" ? "" : name })} /></div>
    <section class="card flush"><${Waiting} of=${list}>${() => rows.length === 0
      ? text || state !== "any" ? html`<${Empty} icon="search" title=${t("numbers.none.found")} text=${t("records.none.filter.text")}><a class="button" href="/numbers">${t("filter.clear")}</a><//>`
        : html`<${Empty} icon="hash" title=${t("numbers.none")} text=${t("numbers.none.text")}>${add}<//>`
      : html`<${List} rows=${rows} list=${list} onShow=${setShown} onTake=${takeIn} onRelease=${release} />`}<//></section>
    ${shown && html`<${Edit} row=${shown} onClose=${() => setShown(null)} onDone=${() => saved()} onRemove=${drop} />`}
    ${adding && html`<${Add} onClose=${() => filter({ add: "" })} onDone=${(said) => { filter({ add: "" }); toast(said); list.reload(); }} />`}`;
}

function List({ rows, list, onShow, onTake, onRelease }) {
  const columns = [
    { key: "number", label: t("number"), cell: (row) => row.id && mayGive() ? html`<button class="link num" onClick=${() => onShow(row)}>${row.number}</button>` : html`<span class="num">${row.number}</span>` },
    { key: "state", label: t("account.state"), cell: (row) => html`<${Tag} kind=${KINDS[row.state]}>${t(`numbers.state.${row.state}`)}<//>` },
    { key: "account", label: t("side.account"), cell: (row) => row.account ? html`<a href=${`/accounts/${encodeURIComponent(row.account)}`}>${row.account_name || row.account}</a>` : "–" },
    { key: "note", label: t("contact.note"), cell: (row) => html`<span class="clip">${row.note || "–"}</span>` },
    { key: "emergency_address", label: t("number.address"), cell: (row) => html`<span class="clip">${row.emergency_address || "–"}</span>` },
    { key: "act", label: t("number.act"), cell: (row) => act(row, { onShow, onTake, onRelease }) },
  ];
  return html`<${Table} label=${t("page.numbers")} columns=${columns} rows=${rows} rowKey=${(row) => row.number} sortable=${false}
    foot=${html`<${Foot} count=${rows.length} more=${list.more} onMore=${() => list.loadMore().catch(failed)} />`} />`;
}

/** What is next done with it. */
function act(row, { onShow, onTake, onRelease }) {
  const [does, name, may] = { free: [onShow, "assign", mayGive()], assigned: [onRelease, "release", mayGive()], unlisted: [onTake, "take", mayAdd()] }[row.state];
  if (!may || (row.state === "assigned" && isOwn(row))) return "–";
  return html`<button class="button small" aria-label=${t(`number.${name}.this`, { number: row.number })} onClick=${() => does(row)}>${t(`number.${name}`)}</button>`;
}

/** It is the address of the account itself, which keeps it. */
const isOwn = (row) => row.account?.startsWith(`${row.number}@`) ?? false;

function Edit({ row, onClose, onDone, onRemove }) {
  const fields = ({ values, set, error }) => html`
    ${!isOwn(row) && html`<${AccountOf} label=${t("side.account")} hint=${t(row.account ? "number.account.moved" : "number.account.hint", { who: row.account })} error=${error("account")} value=${values.account} onInput=${set("account")} />`}
    <${Text} label=${t("contact.note")} hint=${t("number.note.hint")} error=${error("note")} value=${values.note} onInput=${set("note")} maxlength=${CHARS_MAX} />
    <${Address} error=${error("emergency_address")} value=${values.emergency_address} onInput=${set("emergency_address")} />
    ${mayAdd() && !row.account && html`<p><button type="button" class="button small danger" onClick=${() => onRemove(row)}><${Icon} name="bin" size=${16} />${t("remove")}</button></p>`}`;
  const send = ({ account, note, emergency_address: address }) => {
    const [wanted, said] = [account.trim(), { note, emergency_address: address }];
    if (wanted === (row.account ?? "")) return patch(placeOf(row), said);
    return patch(placeOf(row), { ...said, account: wanted || null, from: row.account ?? undefined });
  };
  const start = { account: row.account ?? "", note: row.note, emergency_address: row.emergency_address };
  return html`<${Dialog} title=${row.number} onClose=${onClose}><${Form} start=${start} send=${send} submit=${t("save")} onDone=${onDone} onClose=${onClose} fields=${fields} /><//>`;
}

/** An account by a part of its address or name; the browser shows what is suggested. */
function AccountOf({ label, hint, error, value, onInput }) {
  const found = useAsk("accounts", { q: value, limit: SUGGESTED }).data?.data ?? [];
  return html`<${Text} label=${label} hint=${hint} error=${error} value=${value} onInput=${onInput} list="number-accounts" spellcheck=${false} autocapitalize="none" />
    <datalist id="number-accounts">${found.map((one) => html`<option key=${one.account} value=${one.account} label=${one.display_name || one.account}></option>`)}</datalist>`;
}

function Address({ error, value, onInput }) {
  return html`<${Field} label=${t("number.address")} hint=${t("number.address.hint")} error=${error}>${(ids) => html`<textarea class="input" rows="2" maxlength=${CHARS_MAX} ...${ids} value=${value} onInput=${(event) => onInput(event.target.value)}></textarea>`}<//>`;
}

function Add({ onClose, onDone }) {
  const fields = ({ values, set, error }) => html`
    <${Text} label=${t("numbers.first")} hint=${t("numbers.first.hint")} error=${error("number") ?? error("first")} value=${values.first} onInput=${set("first")} inputmode="tel" />
    <${Text} label=${t("numbers.last")} hint=${t("numbers.last.hint")} error=${error("last")} value=${values.last} onInput=${set("last")} inputmode="tel" />
    <${Text} label=${t("contact.note")} hint=${t("number.note.hint")} error=${error("note")} value=${values.note} onInput=${set("note")} maxlength=${CHARS_MAX} />
    <${Address} error=${error("emergency_address")} value=${values.address} onInput=${set("address")} />`;
  const send = async ({ first, last, note, address }) => {
    const said = { note, emergency_address: address };
    if (!last.trim()) {
      const made = await post("numbers", { number: first, ...said });
      return t("number.taken", { number: made.number });
    }
    const done = await post("numbers:range", { first, last, ...said });
    return [t("numbers.taken", { n: done.made }), done.known_count > 0 && t("numbers.known", { n: done.known_count })].filter(Boolean).join(" ");
  };
  return html`<${Dialog} title=${t("numbers.add")} onClose=${onClose}><${Form} start=${{ first: "", last: "", note: "", address: "" }} send=${send} submit=${t("numbers.add.do")} onDone=${onDone} onClose=${onClose} fields=${fields} /><//>`;
}

function Export({ wanted }) {
  const [busy, setBusy] = useState(false);
  async function take() {
    setBusy(true);
    try {
      const rows = [];
      let cursor;
      do {
        const page = await get("numbers", { ...wanted, limit: 1000, cursor });
        rows.push(...page.data);
        cursor = page.next_cursor;
      } while (cursor);
      const heads = ["number", "state", "account", "note", "emergency_address", "created_at"];
      save("coeur-numbers.csv", "text/csv", `\ufeff${csv(heads, rows.map((row) => heads.map((name) => row[name])))}`);
    } catch (problem) {
      failed(problem);
    } finally {
      setBusy(false);
    }
  }
  return html`<button class="button" aria-disabled=${busy ? "true" : undefined} onClick=${busy ? undefined : take}><${Icon} name="download" size=${18} />${t("download.csv")}</button>`;
}
