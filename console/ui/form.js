// Fields with their label, hint and what is wrong with them; a form that tells what the server refused where it belongs.
import { html, names, useId, useState, useRef, useEffect } from "./h.js";
import { t } from "./words.js";
import { Notice } from "./parts.js";

export function Field({ label, hint, error, children }) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ") || undefined;
  return html`<div class="field"><label for=${id}>${label}</label>
    ${children({ id, "aria-describedby": described, "aria-invalid": error ? "true" : undefined })}
    ${hint && html`<span class="hint" id=${`${id}-hint`}>${hint}</span>`}
    ${error && html`<span class="error" id=${`${id}-error`}>${error}</span>`}</div>`;
}

export function Text({ label, hint, error, value, onInput, ...rest }) {
  return html`<${Field} label=${label} hint=${hint} error=${error}>${(ids) => html`
    <input class="input" type="text" autocomplete="off" ...${ids} ...${rest} value=${value} onInput=${(event) => onInput(event.target.value)} />`}<//>`;
}

/** `options`: [value, label]. */
export function Choice({ label, hint, error, value, options, onInput }) {
  return html`<${Field} label=${label} hint=${hint} error=${error}>${(ids) => html`
    <select class="input" ...${ids} value=${value} onChange=${(event) => onInput(event.target.value)}>
      ${options.map(([name, text]) => html`<option value=${name} selected=${name === value}>${text}</option>`)}</select>`}<//>`;
}

export function Switch({ label, hint, checked, onInput, disabled }) {
  return html`<label class="switch"><input type="checkbox" role="switch" checked=${checked} disabled=${disabled}
    onChange=${(event) => onInput(event.target.checked)} /><span>${label}${hint && html`<span class="hint">${hint}</span>`}</span></label>`;
}

/** One of a few, side by side. */
export function Segments({ label, value, options, onInput }) {
  return html`<div class="segments" role="group" aria-label=${label}>${options.map(([name, text]) => html`
    <button type="button" aria-pressed=${name === value ? "true" : "false"} onClick=${() => onInput(name)}>${text}</button>`)}</div>`;
}

/**
 * A form in a dialog. `send(values)` asks the server; its problems stand at their fields, or above.
 * `fields({ values, set, error })` draws them.
 */
export function Form({ start, send, submit, onDone, onClose, fields }) {
  const [values, setValues] = useState(start);
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const form = useRef(null);
  useEffect(() => form.current.querySelector("input, select, textarea")?.focus(), []);
  const set = (name) => (value) => setValues((all) => ({ ...all, [name]: value }));
  const error = (name) => problem?.errors?.find((one) => one.pointer === `#/${name}`)?.detail;
  async function submitted(event) {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      onDone(await send(values));
    } catch (refused) {
      setProblem(refused);
      setBusy(false);
      form.current.querySelector("[aria-invalid]")?.focus();
    }
  }
  return html`<form ref=${form} class="stack" onSubmit=${submitted} novalidate>
    ${problem && html`<div role="alert"><${Notice} kind="bad" title=${problem.title}><p>${problem.message}</p>${problem.hint && html`<p>${problem.hint}</p>`}<//></div>`}
    ${fields({ values, set, error })}
    <div class="actions row"><button type="button" class="button quiet" onClick=${onClose}>${t("cancel")}</button>
      <button class=${names("button primary")} aria-disabled=${busy ? "true" : undefined}>${submit}</button></div></form>`;
}
