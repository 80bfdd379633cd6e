// A code to scan (ISO/IEC 18004): bytes, with error correction M, up to version 20. An invitation has some hundred letters;
// where there are more than a phone scans well from a screen, nothing is drawn.
import { html } from "./h.js";

/** Of each version, at level M: code words of correction in a block, and blocks. */
const CORRECTION = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26];
const BLOCKS = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16];
/** Modules of white around it. */
const QUIET = 4;

/** As a picture; `null` where the text is too long. Black on white in both themes: cameras want it so. */
export function Qr({ text, label }) {
  const code = qr(text);
  if (!code) return null;
  const size = code.length + 2 * QUIET;
  const dark = code.flatMap((row, y) => row.flatMap((on, x) => on ? [`M${x + QUIET} ${y + QUIET}h1v1h-1z`] : []));
  return html`<svg class="qr" viewBox=${`0 0 ${size} ${size}`} role="img" aria-label=${label} shape-rendering="crispEdges">
    <rect width=${size} height=${size} fill="#fff" /><path fill="#000" d=${dark.join("")} /></svg>`;
}

/** Rows of modules, true for dark; `null` where the text is too long. */
export function qr(text) {
  const data = new TextEncoder().encode(text);
  const version = BLOCKS.findIndex((_, at) => room(at + 1) * 8 >= 4 + (at < 9 ? 8 : 16) + data.length * 8) + 1;
  if (version === 0) return null;
  const words = interleave(pad(data, version), version);
  const plain = frame(version);
  place(plain, words);
  const masked = MASKS.map((mask, number) => finish(plain, mask, number));
  return masked.reduce((best, one) => penalty(one) < penalty(best) ? one : best).map((row) => row.map(Boolean));
}

/** Modules of data and correction (section 7.1). */
function modules(version) {
  const aligns = version > 1 ? Math.floor(version / 7) + 2 : 0;
  const all = (16 * version + 128) * version + 64;
  return all - (aligns ? (25 * aligns - 10) * aligns - 55 : 0) - (version >= 7 ? 36 : 0);
}

/** Code words of data. */
const room = (version) => Math.floor(modules(version) / 8) - CORRECTION[version - 1] * BLOCKS[version - 1];

/** Mode, length, bytes, end, and what fills the rest (section 7.4). */
function pad(data, version) {
  const bits = [];
  const push = (value, length) => { for (let at = length - 1; at >= 0; at -= 1) bits.push((value >>> at) & 1); };
  push(0b0100, 4);
  push(data.length, version < 10 ? 8 : 16);
  data.forEach((byte) => push(byte, 8));
  const all = room(version) * 8;
  push(0, Math.min(4, all - bits.length));
  push(0, (8 - (bits.length % 8)) % 8);
  for (let at = 0; bits.length < all; at += 1) push(at % 2 ? 0x11 : 0xec, 8);
  return Array.from({ length: bits.length / 8 }, (_, at) => bits.slice(at * 8, at * 8 + 8).reduce((byte, bit) => byte * 2 + bit, 0));
}

/** Blocks with their correction, word by word (section 7.6): the last blocks have one word more. */
function interleave(data, version) {
  const [blocks, correction] = [BLOCKS[version - 1], CORRECTION[version - 1]];
  const short = Math.floor(data.length / blocks);
  const long = data.length % blocks;
  let from = 0;
  const parts = Array.from({ length: blocks }, (_, at) => {
    const part = data.slice(from, from += short + (at >= blocks - long ? 1 : 0));
    return { part, rest: remainder(part, generator(correction)) };
  });
  const column = (name, length) => Array.from({ length }, (_, at) => parts.map((one) => one[name][at])).flat().filter((word) => word !== undefined);
  return [...column("part", short + 1), ...column("rest", correction)];
}

/** In the field of 256, by the polynomial 0x11d. */
function times(a, b) {
  let product = 0;
  for (let at = 7; at >= 0; at -= 1) product = (product << 1) ^ ((product >>> 7) * 0x11d) ^ (((b >>> at) & 1) * a);
  return product;
}

function generator(degree) {
  const found = new Array(degree - 1).fill(0).concat(1);
  for (let root = 1, at = 0; at < degree; at += 1, root = times(root, 2)) {
    for (let to = 0; to < degree; to += 1) found[to] = times(found[to], root) ^ (found[to + 1] ?? 0);
  }
  return found;
}

function remainder(data, divisor) {
  const rest = new Array(divisor.length).fill(0);
  for (const word of data) {
    const factor = word ^ rest.shift();
    rest.push(0);
    divisor.forEach((coefficient, at) => { rest[at] ^= times(coefficient, factor); });
  }
  return rest;
}

/** Whatever is at the same place in every code of a version: `null` where data goes. */
function frame(version) {
  const size = version * 4 + 17;
  const rows = Array.from({ length: size }, () => new Array(size).fill(null));
  const set = (x, y, on) => { if (rows[y]?.[x] !== undefined) rows[y][x] = on ? 1 : 0; };
  const square = (cx, cy, radius, white) => {
    for (let y = -radius; y <= radius; y += 1) for (let x = -radius; x <= radius; x += 1) set(cx + x, cy + y, !white.includes(Math.max(Math.abs(x), Math.abs(y))));
  };
  for (let at = 0; at < size; at += 1) { set(6, at, at % 2 === 0); set(at, 6, at % 2 === 0); }
  for (const [x, y] of [[3, 3], [size - 4, 3], [3, size - 4]]) square(x, y, 4, [2, 4]);
  const middles = aligned(version, size);
  const last = middles.length - 1;
  middles.forEach((x, i) => middles.forEach((y, j) => { if (!((i === 0 && j === 0) || (i === 0 && j === last) || (i === last && j === 0))) square(x, y, 2, [1]); }));
  // Kept free for the format; it is written with the mask.
  for (let at = 0; at < 9; at += 1) { rows[8][at] ??= 0; rows[at][8] ??= 0; }
  for (let at = 0; at < 8; at += 1) { rows[8][size - 1 - at] = 0; rows[size - 1 - at][8] = 0; }
  if (version >= 7) {
    const bits = version << 12 | code(version, 12, 0x1f25);
    for (let at = 0; at < 18; at += 1) {
      const [a, b] = [size - 11 + at % 3, Math.floor(at / 3)];
      set(a, b, (bits >>> at) & 1);
      set(b, a, (bits >>> at) & 1);
    }
  }
  return rows;
}

function aligned(version, size) {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const step = Math.ceil((version * 4 + 4) / (count * 2 - 2)) * 2;
  return [6, ...Array.from({ length: count - 1 }, (_, at) => size - 7 - (count - 2 - at) * step)];
}

/** The remainder that format and version carry (annexes C and D). */
function code(value, degree, divisor) {
  let rest = value;
  for (let at = 0; at < degree; at += 1) rest = (rest << 1) ^ ((rest >>> (degree - 1)) * divisor);
  return rest;
}

/** In columns of two, from the right, up and down (section 7.7.3). Data has 2 and 3 here, so that a mask finds it. */
function place(rows, words) {
  const size = rows.length;
  let at = 0;
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    for (let step = 0; step < size; step += 1) {
      const y = ((right + 1) & 2) === 0 ? size - 1 - step : step;
      for (const x of [right, right - 1]) {
        if (rows[y][x] !== null) continue;
        rows[y][x] = 2 + ((words[at >>> 3] >>> (7 - (at & 7))) & 1);
        at += 1;
      }
    }
  }
}

const MASKS = [
  (x, y) => (x + y) % 2, (x, y) => y % 2, (x) => x % 3, (x, y) => (x + y) % 3, (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2,
  (x, y) => ((x * y) % 2) + ((x * y) % 3), (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2, (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2,
];

function finish(plain, mask, number) {
  const rows = plain.map((row, y) => row.map((module, x) => module < 2 ? module : (module - 2) ^ (mask(x, y) === 0 ? 1 : 0)));
  const size = rows.length;
  // Level M is 00.
  const bits = (number << 10 | code(number, 10, 0x537)) ^ 0x5412;
  const bit = (at) => (bits >>> at) & 1;
  for (let at = 0; at < 15; at += 1) {
    if (at < 6) rows[at][8] = bit(at);
    else if (at < 8) rows[at + 1][8] = bit(at);
    else if (at === 8) rows[8][7] = bit(at);
    else rows[8][14 - at] = bit(at);
    if (at < 8) rows[8][size - 1 - at] = bit(at);
    else rows[size - 15 + at][8] = bit(at);
  }
  rows[size - 8][8] = 1;
  return rows;
}

/** How hard it is to read (section 7.8.3). */
function penalty(rows) {
  const size = rows.length;
  const columns = rows.map((_, x) => rows.map((row) => row[x]));
  let sum = 0;
  for (const line of [...rows, ...columns].map((row) => row.join(""))) {
    for (const [run] of line.matchAll(/0{5,}|1{5,}/g)) sum += run.length - 2;
    for (let at = 0; at + 11 <= size; at += 1) if (["10111010000", "00001011101"].includes(line.slice(at, at + 11))) sum += 40;
  }
  for (let y = 1; y < size; y += 1) for (let x = 1; x < size; x += 1) if (rows[y][x] === rows[y - 1][x] && rows[y][x] === rows[y][x - 1] && rows[y][x] === rows[y - 1][x - 1]) sum += 3;
  const dark = rows.flat().reduce((count, module) => count + module, 0);
  return sum + Math.floor(Math.abs(dark * 20 - size * size * 10) / (size * size)) * 10;
}
