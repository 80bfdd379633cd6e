// The keys of a phone: what each does, and which of them such a phone cannot be told.
import { html, useState } from "../ui/h.js";
import { Icon } from "../ui/icon.js";
import { patch } from "../ui/api.js";
import { Dialog } from "../ui/dialog.js";
import { Form } from "../ui/form.js";
import { Notice } from "../ui/parts.js";
import { toast } from "../ui/toast.js";
import { t } from "../ui/words.js";

const KINDS = ["line", "blf", "speed_dial", "none"];
const calls = (kind) => kind === "blf" || kind === "speed_dial";
const KEYS_MAX = 40;

export function Keys({ phone, name, onClose }) {
  const [now, setNow] = useState(phone);
  const [untold, setUntold] = useState(null);
  const send = ({ keys }) => patch(`phones/${encodeURIComponent(phone.id)}`, { keys: keys.map(asked) });
  // What was set and cannot be told is said before the dialog goes.
  const done = (changed) => {
    toast(t(changed.registered ? "keys.asked" : "keys.later"));
    if (changed.unsupported_keys.length === 0) onClose();
    else { setNow(changed); setUntold(changed.unsupported_keys); }
  };
  const fields = ({ values, set, error }) => html`<${Rows} keys=${values.keys} onKeys=${set("keys")} error=${error} lines=${phone.lines} unsupported=${now.unsupported_keys} />`;
  return html`<${Dialog} title=${t("keys.title", { name })} className="dialog wide" onClose=${onClose}><p class="muted">${t("keys.intro")}</p>
    ${untold && html`<div role="alert"><${Notice} kind="warn" title=${t("keys.unsupported")}><p>${t("keys.unsupported.text", { keys: untold.join(", ") })}</p><//></div>`}
    <${Form} key=${now.changed_at} start=${{ keys: now.keys }} submit=${t("save")} send=${send} fields=${fields} onDone=${done} onClose=${onClose} /><//>`;
}

/** What calls nobody has no target, whatever was typed before its kind was chosen. */
const asked = ({ position, kind, line, target, label }) => ({ position: Number(position) || 0, kind, line: Number(line), target: calls(kind) ? target.trim() : "", label });

function Rows({ keys, onKeys, error, lines, unsupported }) {
  const put = (at, changed) => onKeys(keys.map((key, one) => one === at ? { ...key, ...changed } : key));
  const free = Array.from({ length: KEYS_MAX }, (_, at) => at + 1).find((position) => keys.every((key) => Number(key.position) !== position));
  const add = () => onKeys([...keys, { position: free, kind: "blf", line: 1, target: "", label: "" }]);
  const heads = ["keys.position", "keys.kind", ...(lines.length > 1 ? ["keys.line"] : []), "keys.target", "keys.label"];
  return html`${keys.length > 0 && html`<div class="table-wrap" tabindex="0" role="region" aria-label=${t("keys.list")}><table class="table cards keys"><caption class="sr">${t("keys.list")}</caption>
      <thead><tr>${heads.map((head) => html`<th scope="col">${t(head)}</th>`)}<th scope="col"><span class="sr">${t("remove")}</span></th></tr></thead>
      <tbody>${keys.map((key, at) => html`<${Row} key=${at} at=${at} value=${key} lines=${lines} error=${(field) => error(`keys/${at}/${field}`)} isUnsupported=${unsupported.includes(Number(key.position))}
        onInput=${(changed) => put(at, changed)} onRemove=${() => onKeys(keys.filter((_, one) => one !== at))} />`)}</tbody></table></div>`}
    <div><button type="button" class="button small" onClick=${add} disabled=${free === undefined}><${Icon} name="plus" size=${16} />${t("keys.add")}</button></div>`;
}

function Row({ at, value, lines, error, isUnsupported, onInput, onRemove }) {
  const of = { n: value.position };
  const wrong = ["position", "kind", "line", "target", "label"].map(error).filter(Boolean);
  const id = `key-${at}-wrong`;
  const said = (field) => ({ "aria-label": t(`keys.${field}.of`, of), "aria-invalid": error(field) ? "true" : undefined, "aria-describedby": error(field) ? id : undefined });
  const input = (field) => (event) => onInput({ [field]: event.target.value });
  const options = (all) => all.map(([name, text, chosen]) => html`<option value=${name} selected=${chosen}>${text}</option>`);
  return html`<tr><td><input class="input short" type="number" min="1" max=${KEYS_MAX} ...${said("position")} value=${value.position} onInput=${input("position")} />
      ${isUnsupported && html`<div class="small warn">${t("keys.unsupported")}</div>`}${wrong.length > 0 && html`<div class="error small" id=${id}>${wrong.join(" ")}</div>`}</td>
    <td data-label=${t("keys.kind")}><select class="input" ...${said("kind")} value=${value.kind} onChange=${input("kind")}>${options(KINDS.map((kind) => [kind, t(`keys.kind.${kind}`), kind === value.kind]))}</select></td>
    ${lines.length > 1 && html`<td data-label=${t("keys.line")}><select class="input" ...${said("line")} value=${value.line} onChange=${input("line")}>${options(lines.map((line, number) => [number + 1, line.account, number + 1 === Number(value.line)]))}</select></td>`}
    <td data-label=${t("keys.target")}><input class="input" type="text" autocomplete="off" spellcheck=${false} autocapitalize="none" ...${said("target")} value=${calls(value.kind) ? value.target : ""} disabled=${!calls(value.kind)} onInput=${input("target")} /></td>
    <td data-label=${t("keys.label")}><input class="input" type="text" autocomplete="off" maxlength="64" ...${said("label")} value=${value.label} onInput=${input("label")} /></td>
    <td><button type="button" class="icon-button" onClick=${onRemove} aria-label=${t("keys.remove", of)} title=${t("keys.remove", of)}><${Icon} name="close" /></button></td></tr>`;
}
