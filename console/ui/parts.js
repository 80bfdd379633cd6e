// Small parts that every page uses.
import { html, names, useState } from "./h.js";
import { Icon } from "./icon.js";
import { t, when, whole, ago } from "./words.js";
import { toast } from "./toast.js";

export function Head({ title, intro, back, children }) {
  return html`<header class="page-head"><div>
    ${back && html`<a class="crumb" href=${back.href}><${Icon} name="back" size=${16} />${back.label}</a>`}
    <h1>${title}</h1>${intro && html`<p>${intro}</p>`}</div>
    ${children && html`<div class="row">${children}</div>`}</header>`;
}

export function Empty({ icon, title, text, command, children }) {
  return html`<div class="empty"><div class="art"><${Icon} name=${icon} size=${36} /></div><h2>${title}</h2>
    ${text && html`<p>${text}</p>`}${command && html`<pre tabindex="0"><code>${command}</code></pre>`}${children}</div>`;
}

export function Skeleton({ lines = 6 }) {
  return html`<div class="skeleton" role="status"><span class="sr">${t("loading")}</span>
    ${Array.from({ length: lines }, () => html`<i></i>`)}</div>`;
}

const NOTICE_ICON = { warn: "warn", bad: "warn", good: "check" };
export function Notice({ kind, title, children }) {
  return html`<div class=${names("notice", kind)}><${Icon} name=${NOTICE_ICON[kind] ?? "info"} />
    <div>${title && html`<strong>${title}</strong>`}<div>${children}</div></div></div>`;
}

/** What the server refused or did not say, and what to do. */
export function Trouble({ problem, retry }) {
  if (!problem) return null;
  const known = problem.status !== undefined;
  return html`<div class="stack"><${Notice} kind="bad" title=${known ? problem.title || t("problem.title") : t("problem.offline")}>
    <p>${known ? problem.message : t("problem.offline.hint")}</p>${problem.hint && html`<p>${problem.hint}</p>`}
    ${problem.trace && html`<p class="small muted">${t("problem.trace")} <code>${problem.trace}</code></p>`}
    ${retry && html`<p><button class="button small" onClick=${retry}>${t("again")}</button></p>`}<//></div>`;
}

/** The body of a page or card that waits for what it shows. */
export function Waiting({ of, children, lines }) {
  if (of.problem && of.data === undefined) return html`<${Trouble} problem=${of.problem} retry=${of.reload} />`;
  return of.data === undefined ? html`<${Skeleton} lines=${lines} />` : children(of.data);
}

export function Tag({ kind, icon, children }) {
  return html`<span class=${names("tag", kind)}>${icon && html`<${Icon} name=${icon} size=${14} />`}${children}</span>`;
}

/** A time as people say it; the whole of it when pointed at. */
export function Time({ at, relative }) {
  if (!at) return "–";
  return html`<time datetime=${new Date(at).toISOString()} title=${whole(at)}>${relative ? ago(at) : when(at)}</time>`;
}

export function Copy({ text, label, small = true }) {
  const [done, setDone] = useState(false);
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      setDone(true);
      setTimeout(() => setDone(false), 1500);
      toast(t("copied"));
    } catch {
      toast(t("copy.failed"), { kind: "bad" });
    }
  }
  return html`<button type="button" class=${names("icon-button", { small })} onClick=${copy} aria-label=${label ?? t("copy")} title=${label ?? t("copy")}>
    <${Icon} name=${done ? "check" : "copy"} size=${small ? 16 : 20} /></button>`;
}

/** A thing and what it is, as a list of two columns. `facts`: [label, value]; those without a value are left out. */
export function Facts({ facts }) {
  return html`<dl class="facts">${facts.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([label, value]) => html`<dt>${label}</dt><dd>${value}</dd>`)}</dl>`;
}

/** Whole files are made here in the page, so that a download needs nothing from the server. */
export function save(name, type, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** RFC 4180; what a spreadsheet would take for a formula is quoted as text. */
export function csv(heads, rows) {
  const cell = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    const safe = /^[=+\-@\t\r]/.test(text) && !/^[+-]?[\d.]+$/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return [heads, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}
