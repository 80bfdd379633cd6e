// Many users from one file: chosen, put under our names, tried, made, and what could not be is given back.
import { html, names, useMemo, useRef, useState } from "../../ui/h.js";
import { Icon } from "../../ui/icon.js";
import { get, post, useAsk } from "../../ui/api.js";
import { Choice } from "../../ui/form.js";
import { Head, Notice, Tag, Trouble, Waiting, csv, save } from "../../ui/parts.js";
import { Foot, Table } from "../../ui/table.js";
import { toast } from "../../ui/toast.js";
import { query, filter } from "../../ui/router.js";
import { lasting, number, t } from "../../ui/words.js";
import { FIELDS, asLines, guess, look, people, read } from "../rows.js";

/** Rows that are shown before they are made. */
const SHOWN_MAX = 50;
const POLL_MS = 1_000;
/** Of the file that is given as an example. */
const EXAMPLE = [
  { login: "alice", display_name: "Alice Martin", email: "alice@example.org", account: "alice", aliases: "201 +33123456789", language: "fr", role: "user" },
  { login: "bob", display_name: "Bob Smith", account: "bob", aliases: "202", language: "en" },
];
const LINES = { headers: { "Content-Type": "application/jsonl" } };

export default function Import() {
  const [table, setTable] = useState(null);
  const job = query.value.get("job");
  return html`<${Head} title=${t("page.import")} intro=${t("import.intro")} back=${{ href: "/users", label: t("page.users") }} />
    ${job ? html`<${Work} key=${job} job=${job} rows=${table?.sent} again=${() => { setTable(null); filter({ job: "" }); }} />`
    : table ? html`<${Prepare} table=${table} back=${() => setTable(null)} sent=${(rows, id) => { setTable({ ...table, sent: rows }); filter({ job: id }); }} />`
    : html`<${Choose} onTable=${setTable} />`}`;
}

function Choose({ onTable }) {
  const [over, setOver] = useState(false);
  const [wrong, setWrong] = useState(null);
  const input = useRef(null);
  const take = async (file) => {
    if (!file) return;
    setWrong(null);
    try {
      onTable({ name: file.name, ...await read(file) });
    } catch (error) {
      setWrong(/^import\./.test(error.message) ? t(error.message) : error.message);
    }
  };
  const drop = (event) => { event.preventDefault(); setOver(false); take(event.dataTransfer.files[0]); };
  return html`<section class=${names("card", "dropzone", { over })} onDragOver=${(event) => { event.preventDefault(); setOver(true); }} onDragLeave=${() => setOver(false)} onDrop=${drop}>
      <${Icon} name="people" size=${36} /><h2>${t("import.choose")}</h2><p class="muted">${t("import.choose.text")}</p>
      <input ref=${input} id="import-file" class="sr" type="file" tabindex="-1" accept=".csv,.tsv,.txt,.jsonl,.ndjson,text/csv" aria-label=${t("import.file")} onChange=${(event) => take(event.target.files[0])} />
      <p class="row"><button class="button primary" onClick=${() => input.current.click()}>${t("import.file")}</button>
        <button class="button" onClick=${() => save("coeur-users.csv", "text/csv", csv(Object.keys(FIELDS), EXAMPLE.map((row) => Object.keys(FIELDS).map((field) => row[field] ?? ""))))}><${Icon} name="download" size=${18} />${t("import.template")}</button></p></section>
    ${wrong && html`<div role="alert"><${Notice} kind="bad" title=${t("import.unread")}><p>${wrong}</p><//></div>`}`;
}

function Prepare({ table, back, sent }) {
  const domain = useAsk("domains").data?.data[0]?.domain ?? "";
  const [mapping, setMapping] = useState(() => guess(table.heads));
  const [tried, setTried] = useState(null);
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const rows = useMemo(() => people(table, mapping, domain), [table, mapping, domain]);
  const wrong = useMemo(() => look(rows), [rows]);
  const heads = table.heads.map((name, at) => [String(at), name || t("import.column", { n: at + 1 })]);
  const map = (field) => (at) => { setTried(null); setMapping({ ...mapping, [field]: Number(at) }); };
  const ask = async (act) => {
    setBusy(true);
    setProblem(null);
    try { await act(); } catch (refused) { setProblem(refused); setBusy(false); }
  };
  const dry = () => ask(async () => { setTried((await post("users:import?dry_run=true", asLines(rows), LINES)).rows); setBusy(false); });
  const make = () => ask(async () => { const job = await post("users:import", asLines(rows), LINES); sent(rows, job.id); });
  return html`<div class="stack"><section class="card stack"><header><h2>${table.name}</h2><span class="muted small">${t("rows", { n: rows.length })}</span></header>
      <p class="muted">${t("import.map")}</p><div class="mapping">${Object.keys(FIELDS).map((field) => html`<${Choice} label=${t(`import.field.${field}`)} value=${String(mapping[field])} options=${[["-1", t("import.nothing")], ...heads]} onInput=${map(field)} />`)}</div>
      ${domain && html`<p class="muted small">${t("import.domain", { domain })}</p>`}</section>
    ${wrong.length > 0 && html`<${Wrong} title=${t("import.wrong", { n: wrong.length })} errors=${wrong.map((one) => ({ ...one, detail: t(one.text, one.values) }))} rows=${rows} />`}
    ${tried && (tried.failed === 0 ? html`<${Notice} kind="good" title=${t("import.tried", { n: tried.total })}><p>${t("import.tried.text")}</p><//>` : html`<${Wrong} title=${t("import.wrong", { n: tried.failed })} errors=${tried.errors} rows=${rows} />`)}
    ${problem && html`<div role="alert"><${Trouble} problem=${problem} /></div>`}
    <div class="row"><button class="button quiet" onClick=${back}>${t("import.other")}</button>
      <button class="button" aria-disabled=${busy ? "true" : undefined} onClick=${busy ? undefined : dry}>${t("import.try")}</button>
      <button class="button primary" aria-disabled=${busy ? "true" : undefined} onClick=${busy ? undefined : make}>${t("import.make", { n: rows.length })}</button></div>
    <section class="card flush"><header><h2>${t("import.preview")}</h2>${rows.length > SHOWN_MAX && html`<span class="muted small">${t("import.first", { n: SHOWN_MAX })}</span>`}</header><${Preview} rows=${rows} mapping=${mapping} wrong=${wrong} /></section></div>`;
}

function Preview({ rows, mapping, wrong }) {
  const bad = new Set(wrong.map((one) => one.row));
  const shown = rows.slice(0, SHOWN_MAX).map((person, at) => ({ ...person, row: at + 1 }));
  const columns = [{ key: "row", label: t("import.row"), cell: (row) => html`<span class="row">${number(row.row)}${bad.has(row.row) && html`<${Tag} kind="bad" icon="warn">${t("import.bad")}<//>`}</span>` },
    ...Object.keys(FIELDS).filter((field) => mapping[field] >= 0).map((field) => ({ key: field, label: t(`import.field.${field}`), cell: (row) => field === "secret" && row.secret ? "••••" : row[field] ?? "–" }))];
  return html`<${Table} label=${t("import.preview")} columns=${columns} rows=${shown} rowKey=${(row) => row.row} sortable=${false} />`;
}

/** `errors`: [{ row, subject, detail }]; with the rows at hand they can be taken away, mended and sent again. */
function Wrong({ title, errors, rows }) {
  const columns = [{ key: "row", label: t("import.row"), num: true }, { key: "subject", label: t("import.field.login"), cell: (one) => one.subject || "–" }, { key: "detail", label: t("import.why") }];
  return html`<section class="card flush"><header><h2 class="row"><${Icon} name="warn" className="bad" />${title}</h2><button class="button small" onClick=${() => download(errors, rows)}><${Icon} name="download" size=${16} />${t("import.errors")}</button></header>
    <${Table} label=${title} columns=${columns} rows=${errors} rowKey=${(one) => `${one.row} ${one.detail}`} foot=${html`<${Foot} count=${errors.length} />`} /></section>`;
}

function download(errors, rows) {
  const fields = Object.keys(FIELDS).filter((field) => field !== "secret");
  const of = (one) => fields.map((field) => rows?.[one.row - 1]?.[field] ?? (field === "login" ? one.subject : ""));
  save("coeur-import-errors.csv", "text/csv", `\ufeff${csv(["row", "error", ...fields], errors.map((one) => [one.row, one.detail, ...of(one)]))}`);
}

/** How far it is, and what became of it. It goes on when this page is left. */
function Work({ job, rows, again }) {
  const asked = useAsk(`jobs/${encodeURIComponent(job)}`, undefined, POLL_MS, ["job.progress"]);
  const [busy, setBusy] = useState(false);
  const secrets = async () => {
    setBusy(true);
    try {
      const { data } = await post(`jobs/${encodeURIComponent(job)}/actions/take_secrets`);
      save("coeur-secrets.csv", "text/csv", `\ufeff${csv(["login", "account", "device_id", "secret"], data.map((one) => [one.login, one.account, one.device_id, one.secret]))}`);
      toast(t("import.secrets.taken", { n: data.length }));
      await get(`jobs/${encodeURIComponent(job)}`);
      asked.reload();
    } catch (problem) {
      toast(problem.message, { kind: "bad" });
    }
    setBusy(false);
  };
  return html`<${Waiting} of=${asked}>${(data) => html`<div class="stack"><section class="card stack"><header><h2>${t(data.state === "done" ? "import.done" : "import.running")}</h2>
      <span class="muted" role="status">${t("import.progress", { done: data.done, total: data.total })}${data.eta_s ? ` · ${t("import.eta", { time: lasting(data.eta_s) })}` : ""}</span></header>
      <progress max=${data.total} value=${data.done} aria-label=${t("import.running")}></progress>
      ${data.state === "done" && html`<p>${t("import.made", { n: data.done - data.failed })}${data.failed > 0 ? ` ${t("import.failed", { n: data.failed })}` : ""}</p>
        ${data.has_secrets && html`<${Notice} kind="warn" title=${t("import.secrets")}><p>${t("import.secrets.text")}</p><p><button class="button small" aria-disabled=${busy ? "true" : undefined} onClick=${busy ? undefined : secrets}><${Icon} name="download" size=${16} />${t("import.secrets.take")}</button></p><//>`}
        <p class="row"><a class="button primary" href="/users">${t("page.users")}</a><button class="button" onClick=${again}>${t("import.again")}</button></p>`}</section>
    ${(data.errors ?? []).length > 0 && html`<${Wrong} title=${t("import.wrong", { n: data.failed })} errors=${data.errors} rows=${rows} />`}</div>`}<//>`;
}
