// Whom one can call: found by a part of a name or a number, and who it is that calls.
import { get, session } from "../ui/api.js";

const FOUND_MAX = 8;
/** Digits that tell a subscriber in any way in which his number is written: `0612345678` is `+33612345678`. */
const TELLING = 9;
/** Names of numbers that were found in this visit. */
const names = new Map();

export const dialled = (number) => number.replace(/^sip:/i, "");
export const nameOfNumber = (number) => names.get(number.trim());

/** [{ name, label, number }], a row for each number; none in a page of somebody else, where nobody is signed in. */
export async function find(text, stop) {
  if (!session.value) return [];
  const { data } = await get("me/phonebook", { q: text, limit: FOUND_MAX }, stop);
  const rows = data.flatMap((entry) => entry.numbers.map((one) => ({ name: entry.name, label: one.label, number: dialled(one.number) })));
  for (const row of rows) names.set(row.number, row.name);
  return rows;
}

/** The name of who has this number, if exactly one has. A short one says who it is in our own domain alone (`isOurs`). */
export async function whoIs(number, isOurs) {
  const end = (text) => text.replace(/\D/g, "").slice(-TELLING);
  if (!/^\+?\d+$/.test(number)) return undefined;
  const short = end(number).length < TELLING;
  if (short && !isOurs && !number.startsWith("+")) return undefined;
  const rows = (await find(short ? number : end(number))).filter((row) => short ? row.number === number : end(row.number) === end(number));
  const found = new Set(rows.map((row) => row.name));
  return found.size === 1 ? [...found][0] : undefined;
}
