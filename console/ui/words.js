// Every text that a person reads, in the language that was chosen: the catalogues are i18n/en.json and i18n/fr.json.
import { signal } from "./h.js";
import { store } from "./store.js";

export const LANGUAGES = ["en", "fr"];
const KEPT = "coeur.language";
const catalogues = {};

export const language = signal(first());
document.documentElement.lang = language.value;

function first() {
  const kept = store.getItem(KEPT);
  const wanted = [kept, ...navigator.languages].map((name) => String(name).slice(0, 2));
  return wanted.find((name) => LANGUAGES.includes(name)) ?? "en";
}

async function load(name) {
  catalogues[name] ??= await (await fetch(new URL(`../i18n/${name}.json`, import.meta.url))).json();
}

/** Before anything is drawn. */
export const ready = load(language.value);

export async function choose(name) {
  await load(name);
  store.setItem(KEPT, name);
  document.documentElement.lang = name;
  language.value = name;
}

/** The English texts, of which the server's records are made: empty until they have come. */
export const english = signal({});
export function wantEnglish() {
  load("en").then(() => { english.value = catalogues.en; }, () => {});
}

/** Whether there is a text of this name. */
export const has = (key) => catalogues[language.value]?.[key] !== undefined;

/** The text of this name; `{place}` takes a value, and `n` chooses between `key.one` and `key.other`. */
export function t(key, values = {}) {
  const texts = catalogues[language.value] ?? {};
  let text = texts[key];
  if (text === undefined && values.n !== undefined) {
    text = texts[`${key}.${new Intl.PluralRules(language.value).select(values.n)}`] ?? texts[`${key}.other`];
  }
  if (text === undefined) {
    console.warn(`no text: ${key}`);
    return key;
  }
  return text.replace(/\{(\w+)\}/g, (whole, name) => name in values ? shown(values[name]) : whole);
}

const shown = (value) => typeof value === "number" ? number(value) : String(value);

export const number = (value, places) => value === null || value === undefined ? "–"
  : new Intl.NumberFormat(language.value, places === undefined ? {} : { minimumFractionDigits: places, maximumFractionDigits: places }).format(value);

export const percent = (share, places = 0) => new Intl.NumberFormat(language.value, { style: "percent", maximumFractionDigits: places }).format(share);

const asDate = (at) => typeof at === "string" ? new Date(at) : new Date(Number(at));
const date = (at, options) => {
  const day = asDate(at);
  return Number.isNaN(day.getTime()) ? "–" : new Intl.DateTimeFormat(language.value === "fr" ? "fr-FR" : "en-GB", options).format(day);
};
export const clock = (at) => date(at, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
export const hour = (at) => date(at, { hour: "2-digit", minute: "2-digit" });
export const day = (at) => date(at, { day: "numeric", month: "short" });
export const whole = (at) => date(at, { dateStyle: "full", timeStyle: "medium" });
/** Today by its time, else with its day. */
export function when(at) {
  const today = new Date().toDateString() === asDate(at).toDateString();
  return today ? clock(at) : date(at, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
}
export const weekday = (index) => date(Date.UTC(2024, 0, 1 + index, 12), { weekday: "short", timeZone: "UTC" });

/** How long ago, in words. */
export function ago(at) {
  const seconds = (asDate(at) - Date.now()) / 1000;
  const [size, unit] = [[60, "second"], [3600, "minute"], [86400, "hour"], [Infinity, "day"]].find(([limit]) => Math.abs(seconds) < limit);
  const parts = { second: 1, minute: 60, hour: 3600, day: 86400 }[unit];
  return size && new Intl.RelativeTimeFormat(language.value, { numeric: "auto" }).format(Math.round(seconds / parts), unit);
}

/** `1:02:03` of what talks, in seconds. */
export function span(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const s = Math.max(0, Math.round(seconds));
  const parts = [Math.floor(s / 3600), Math.floor(s / 60) % 60, s % 60];
  const text = parts[0] > 0 ? parts : parts.slice(1);
  return text.map((part, at) => at === 0 ? String(part) : String(part).padStart(2, "0")).join(":");
}

/** A time that is long, in its two largest units. */
export function lasting(seconds) {
  const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const at = Math.max(0, units.findIndex(([, size]) => seconds >= size));
  let rest = Math.round(seconds);
  return units.slice(at < 0 ? 3 : at, (at < 0 ? 3 : at) + 2).map(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return new Intl.NumberFormat(language.value, { style: "unit", unit, unitDisplay: "short" }).format(count);
  }).join(" ");
}

export function bytes(count) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  const at = Math.min(3, Math.floor(Math.log10(Math.max(1, count)) / 3));
  return new Intl.NumberFormat(language.value, { style: "unit", unit: units[at], unitDisplay: "short", maximumFractionDigits: 1 }).format(count / 1000 ** at);
}

/** Compares as people sort: `user2` before `user10`. */
export const compare = (a, b) => new Intl.Collator(language.value, { numeric: true, sensitivity: "base" }).compare(a, b);
