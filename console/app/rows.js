// Rows of people from a file: read, put under our names, and looked at before anything is asked of the server.

/** What a row may have, and what its column is called in the files that people have. */
export const FIELDS = {
  login: ["login", "user", "username", "identifiant", "utilisateur", "uid"],
  display_name: ["display_name", "name", "nom", "fullname", "nomcomplet", "displayname", "cn"],
  email: ["email", "mail", "courriel", "emailaddress", "adressemail"],
  account: ["account", "number", "extension", "compte", "numero", "poste", "sip", "aor"],
  aliases: ["aliases", "alias", "autresnumeros", "autresadresses"],
  language: ["language", "langue", "lang", "locale"],
  role: ["role"],
  secret: ["secret", "password", "motdepasse", "sippassword"],
};
const ROLES = ["user", "provisioning", "auditor", "supervisor", "operator", "admin", "owner", "api"];
/** Rows that the server takes at once. */
export const ROWS_MAX = 100_000;
export const BYTES_MAX = 16_000_000;

/** A file as { heads, rows } of text. Throws the name of a text that says what is wrong. */
export async function read(file) {
  if (file.size > BYTES_MAX) throw new Error("import.large");
  const bytes = new Uint8Array(await file.arrayBuffer());
  const text = decode(bytes).replace(/^\ufeff/, "");
  const table = /^\s*\{/.test(text) ? fromLines(text) : fromCsv(text);
  if (table.rows.length === 0) throw new Error("import.empty");
  if (table.rows.length > ROWS_MAX) throw new Error("import.many");
  return table;
}

/** What is no UTF-8 was written by an old spreadsheet. */
function decode(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

function fromLines(text) {
  const heads = [];
  const objects = text.split("\n").filter((line) => line.trim()).map((line) => {
    let object;
    try { object = JSON.parse(line); } catch { throw new Error("import.json"); }
    if (object === null || typeof object !== "object" || Array.isArray(object)) throw new Error("import.json");
    for (const name of Object.keys(object)) if (!heads.includes(name)) heads.push(name);
    return object;
  });
  return { heads, rows: objects.map((object) => heads.map((name) => String(object[name] ?? ""))) };
}

/** RFC 4180, with whichever of comma, semicolon and tab the head has most of. */
function fromCsv(text) {
  const head = text.split(/\r?\n/, 1)[0];
  const mark = [",", ";", "\t"].reduce((best, one) => head.split(one).length > head.split(best).length ? one : best);
  const lines = cells(text, mark).filter((line) => line.some((cell) => cell.trim()));
  const [heads = [], ...rows] = lines;
  return { heads: heads.map((name) => name.trim()), rows: rows.map((row) => heads.map((_, at) => (row[at] ?? "").trim())) };
}

function cells(text, mark) {
  const lines = [];
  let [line, cell, quoted] = [[], "", false];
  const endCell = () => { line.push(cell); cell = ""; };
  const endLine = () => { endCell(); lines.push(line); line = []; };
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    if (quoted) {
      if (letter !== '"') cell += letter;
      else if (text[at + 1] === '"') { cell += '"'; at += 1; }
      else quoted = false;
    } else if (letter === '"' && cell.trim() === "") { cell = ""; quoted = true; }
    else if (letter === mark) endCell();
    else if (letter === "\n") endLine();
    else if (letter !== "\r") cell += letter;
  }
  if (cell || line.length > 0) endLine();
  return lines;
}

const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().replace(/[^a-z_]/g, "");

/** Which column each field is taken from: by its name; a column serves once. */
export function guess(heads) {
  const free = heads.map(plain);
  return Object.fromEntries(Object.entries(FIELDS).map(([field, known]) => {
    const at = free.findIndex((name) => known.includes(name) || known.includes(name.replaceAll("_", "")));
    if (at >= 0) free[at] = "";
    return [field, at];
  }));
}

/** Rows as the server takes them; an account without a domain is of `domain`. */
export function people({ rows }, mapping, domain) {
  const fields = Object.entries(mapping).filter(([, at]) => at >= 0);
  return rows.map((row) => {
    const person = Object.fromEntries(fields.map(([field, at]) => [field, row[at]]).filter(([, value]) => value !== ""));
    if (person.account && !person.account.includes("@") && domain) person.account = `${person.account}@${domain}`;
    return person;
  });
}

/** What can be seen to be wrong from here: [{ row, subject, text, values }], rows from 1 without the head. */
export function look(rows) {
  const [logins, accounts, found] = [new Map(), new Map(), []];
  rows.forEach((person, at) => {
    const say = (text, values) => found.push({ row: at + 1, subject: person.login ?? "", text, values });
    if (!person.login) say("import.wrong.login");
    for (const [seen, value, text] of [[logins, person.login, "import.wrong.twice"], [accounts, person.account, "import.wrong.account.twice"]]) {
      const key = value?.toLowerCase();
      if (key && seen.has(key)) say(text, { value, row: seen.get(key) });
      else if (key) seen.set(key, at + 1);
    }
    if (person.role && !ROLES.includes(person.role)) say("import.wrong.role", { value: person.role });
    if (person.language && !["en", "fr"].includes(person.language)) say("import.wrong.language", { value: person.language });
  });
  return found;
}

export const asLines = (rows) => rows.map((row) => JSON.stringify(row)).join("\n");
