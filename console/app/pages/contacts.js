// Contacts: what the organisation shares and what is one's own; made, changed, removed, from a file and back.
import { html, useState } from "../../ui/h.js";
import { Icon } from "../../ui/icon.js";
import { patch, post, remove, session, usePages } from "../../ui/api.js";
import { Dialog } from "../../ui/dialog.js";
import { Choice, Field, Form, Segments, Text } from "../../ui/form.js";
import { Empty, Head, Notice, Tag, Waiting } from "../../ui/parts.js";
import { Foot, Table } from "../../ui/table.js";
import { failed, later, toast } from "../../ui/toast.js";
import { query, filter } from "../../ui/router.js";
import { t } from "../../ui/words.js";
import { dialled } from "../../phone/book.js";

const LABELS = ["work", "mobile", "home", "other"];
const NUMBERS_MAX = 8;
const EMPTY = { name: "", organisation: "", numbers: [{ label: "work", number: "" }], email: "", note: "" };
/** Who changes what everybody reads. */
const mayShare = () => ["owner", "admin", "operator"].includes(session.value?.role);

/** Where a contact is: one's own, or of the organisation. */
const folder = (whose) => whose === "own" ? "me/contacts" : "contacts";
const placeOf = (contact) => `${folder(contact.is_own ? "own" : "shared")}/${encodeURIComponent(contact.id)}`;

export default function Contacts() {
  const [text, whose] = [query.value.get("q") ?? "", query.value.get("whose") ?? "all"];
  const list = usePages("me/contacts", { limit: 200, q: text, whose });
  const [shown, setShown] = useState(null);
  const [gone, setGone] = useState([]);
  const rows = list.rows.filter((contact) => !gone.includes(contact.id));
  const add = html`<button class="button primary" onClick=${() => setShown(EMPTY)}><${Icon} name="plus" />${t("contact.add")}</button>`;
  const drop = (contact) => {
    setShown(null);
    setGone((ids) => [...ids, contact.id]);
    const back = () => setGone((ids) => ids.filter((id) => id !== contact.id));
    later(t("contact.removed", { who: contact.name }), () => remove(placeOf(contact)), back);
  };
  const saved = () => { setShown(null); toast(t("saved")); list.reload(); };
  return html`<${Head} title=${t("page.contacts")} intro=${t("contacts.intro")}>
      <button class="button" onClick=${() => filter({ import: 1 })}>${t("contacts.import")}</button>
      <a class="button" href=${`/api/v1/${folder(whose === "shared" ? "shared" : "own")}:export`} download="contacts.vcf"><${Icon} name="download" size=${18} />${t(whose === "shared" ? "contacts.export.shared" : "contacts.export.own")}</a>${add}<//>
    <div class="bar"><label class="search grow"><${Icon} name="search" size=${18} /><span class="sr">${t("filter")}</span><input type="search" class="input" placeholder=${t("contacts.filter")} value=${text} onInput=${(event) => filter({ q: event.target.value })} /></label>
      <${Segments} label=${t("contacts.whose")} value=${whose} options=${["all", "own", "shared"].map((name) => [name, t(`contacts.whose.${name}`)])} onInput=${(name) => filter({ whose: name === "all" ? "" : name })} /></div>
    <section class="card flush"><${Waiting} of=${list}>${() => rows.length === 0
      ? html`<${Empty} icon="book" title=${t(text ? "contacts.none.found" : "contacts.none")} text=${t("contacts.none.text")}>${!text && add}<//>`
      : html`<${List} rows=${rows} list=${list} onShow=${setShown} />`}<//></section>
    ${shown && html`<${Edit} contact=${shown} onClose=${() => setShown(null)} onDone=${saved} onRemove=${drop} />`}
    ${query.value.get("import") && html`<${Import} onClose=${() => { filter({ import: "" }); list.reload(); }} />`}`;
}

function List({ rows, list, onShow }) {
  const columns = [
    { key: "name", label: t("user.name"), cell: (contact) => html`<button class="link" onClick=${() => onShow(contact)}>${contact.name}</button>` },
    { key: "organisation", label: t("contact.organisation"), cell: (contact) => html`<span class="clip">${contact.organisation || "–"}</span>` },
    { key: "numbers", label: t("contact.numbers"), cell: (contact) => contact.numbers.length === 0 ? "–" : html`<span class="row wrap">${contact.numbers.map((one) => html`<a class="button small" href=${`/phone?to=${encodeURIComponent(dialled(one.number))}`} aria-label=${t("phone.call.again", { who: `${contact.name}, ${t(`contact.label.${one.label}`)}, ${dialled(one.number)}` })}><${Icon} name="call" size=${16} />${dialled(one.number)}</a>`)}</span>` },
    { key: "is_own", label: t("contacts.whose"), cell: (contact) => html`<${Tag} kind=${contact.is_own ? "accent" : ""}>${t(contact.is_own ? "contacts.whose.own" : "contacts.whose.shared")}<//>` },
  ];
  return html`<${Table} label=${t("page.contacts")} columns=${columns} rows=${rows} rowKey=${(contact) => contact.id} sortable=${false}
    foot=${html`<${Foot} count=${rows.length} more=${list.more} onMore=${() => list.loadMore().catch(failed)} />`} />`;
}

/** One that only others may change is shown in the same place. */
function Edit({ contact, onClose, onDone, onRemove }) {
  const isNew = !contact.id;
  const may = isNew || contact.is_own || mayShare();
  if (!may) return html`<${Dialog} title=${contact.name} onClose=${onClose}><${Shown} contact=${contact} /><div class="actions"><button class="button primary" onClick=${onClose}>${t("close")}</button></div><//>`;
  const fields = ({ values, set, error }) => html`
    ${isNew && mayShare() && html`<${Choice} label=${t("contacts.whose")} hint=${t(`contact.whose.${values.whose}`)} value=${values.whose} options=${["own", "shared"].map((name) => [name, t(`contacts.whose.${name}`)])} onInput=${set("whose")} />`}
    <${Text} label=${t("user.name")} error=${error("name")} value=${values.name} onInput=${set("name")} maxlength="200" />
    <${Text} label=${t("contact.organisation")} error=${error("organisation")} value=${values.organisation} onInput=${set("organisation")} maxlength="200" />
    <${Numbers} numbers=${values.numbers} onInput=${set("numbers")} />
    <${Text} label=${t("user.email")} error=${error("email")} value=${values.email} onInput=${set("email")} type="email" />
    <${Field} label=${t("contact.note")} error=${error("note")}>${(ids) => html`<textarea class="input" rows="2" maxlength="1000" ...${ids} value=${values.note} onInput=${(event) => set("note")(event.target.value)}></textarea>`}<//>
    ${!isNew && html`<p><button type="button" class="button small danger" onClick=${() => onRemove(contact)}><${Icon} name="bin" size=${16} />${t("remove")}</button></p>`}`;
  const send = ({ whose, id, is_own: isOwn, tenant_id: tenant, ...card }) => {
    const body = { ...card, numbers: card.numbers.filter((one) => one.number.trim()) };
    return isNew ? post(folder(whose), body) : patch(placeOf(contact), body);
  };
  const start = { ...contact, whose: "own", numbers: contact.numbers.length ? contact.numbers.map((one) => ({ ...one, number: dialled(one.number) })) : EMPTY.numbers };
  return html`<${Dialog} title=${isNew ? t("contact.add") : contact.name} onClose=${onClose}><${Form} start=${start} send=${send} submit=${t(isNew ? "account.create" : "save")} onDone=${onDone} onClose=${onClose} fields=${fields} /><//>`;
}

function Shown({ contact }) {
  return html`<dl class="facts">${[[t("contact.organisation"), contact.organisation], ...contact.numbers.map((one) => [t(`contact.label.${one.label}`), dialled(one.number)]), [t("user.email"), contact.email], [t("contact.note"), contact.note]]
    .filter(([, value]) => value).map(([label, value]) => html`<dt>${label}</dt><dd>${value}</dd>`)}</dl>`;
}

function Numbers({ numbers, onInput }) {
  const change = (at, part) => onInput(numbers.map((one, index) => index === at ? { ...one, ...part } : one));
  return html`<fieldset class="field"><legend>${t("contact.numbers")}</legend>${numbers.map((one, at) => html`<div class="row" key=${at}>
      <select class="input" aria-label=${t("contact.label", { n: at + 1 })} value=${one.label} onChange=${(event) => change(at, { label: event.target.value })}>${LABELS.map((name) => html`<option value=${name} selected=${name === one.label}>${t(`contact.label.${name}`)}</option>`)}</select>
      <input class="input grow" type="text" inputmode="tel" autocomplete="off" spellcheck="false" aria-label=${t("contact.number", { n: at + 1 })} value=${one.number} onInput=${(event) => change(at, { number: event.target.value })} /></div>`)}
    ${numbers.length < NUMBERS_MAX && html`<p><button type="button" class="button small" onClick=${() => onInput([...numbers, { label: "mobile", number: "" }])}><${Icon} name="plus" size=${16} />${t("contact.number.add")}</button></p>`}</fieldset>`;
}

/** What is no UTF-8 was written by an old telephone. */
async function read(file) {
  const bytes = await file.arrayBuffer();
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

function Import({ onClose }) {
  const [done, setDone] = useState(null);
  const fields = ({ values, set }) => html`<p class="muted">${t("contacts.import.text")}</p>
    ${mayShare() && html`<${Choice} label=${t("contacts.whose")} hint=${t(`contact.whose.${values.whose}`)} value=${values.whose} options=${["own", "shared"].map((name) => [name, t(`contacts.whose.${name}`)])} onInput=${set("whose")} />`}
    <${Field} label=${t("contacts.file")}>${(ids) => html`<input class="input" type="file" accept=".vcf,.vcard,text/vcard,text/x-vcard" ...${ids} onChange=${(event) => set("file")(event.target.files[0])} />`}<//>`;
  const send = async ({ file, whose }) => {
    if (!file) throw Object.assign(new Error(t("contacts.file.none")), { title: t("contacts.import"), errors: [] });
    return post(`${folder(whose)}:import`, await read(file), { headers: { "Content-Type": "text/vcard" } });
  };
  if (!done) return html`<${Dialog} title=${t("contacts.import")} onClose=${onClose}><${Form} start=${{ whose: "own", file: null }} send=${send} submit=${t("contacts.import.do")} onDone=${setDone} onClose=${onClose} fields=${fields} /><//>`;
  return html`<${Dialog} title=${t("contacts.import")} onClose=${onClose}><div class="stack" role="status">
      <${Notice} kind="good" title=${t("contacts.imported", { n: done.made })}><p>${t("contacts.imported.text", { unchanged: done.unchanged, left: done.numbers_left_out })}</p><//>
      ${done.refused.length > 0 && html`<${Notice} kind="warn" title=${t("contacts.refused", { n: done.refused.length })}><ul class="plain">${done.refused.slice(0, 20).map((one) => html`<li>${t("contacts.refused.line", { line: one.row, why: one.detail })}</li>`)}</ul><//>`}</div>
    <div class="actions"><button class="button primary" onClick=${onClose}>${t("close")}</button></div><//>`;
}
