// Where each message of a ladder is drawn. Pure: messages in, places out.

/** Pixels. */
const ROW = 38;
const GAP_ROW = 30;
const HEAD = 46;
export const TIME_WIDTH = 96;
const LANE_WIDTH = 240;
const LANE_WIDTH_MAX = 420;
/** Right of the last lane: what belongs to the arrows that end there. */
const NOTES = 150;
/** What is this far outside of what can be seen is drawn all the same. */
export const SPARE_PX = 400;
/** From here on a pause is drawn (ms). */
const GAP_MS = 1_500;
/** Lanes of one drawing; what goes to further parties is drawn to the last. */
const LANES_MAX = 12;

/** Where the lanes are, in a place of this width: as far from each other as it allows. */
export function spread(lanes, width) {
  const first = TIME_WIDTH + 84;
  const step = Math.max(LANE_WIDTH, Math.min(LANE_WIDTH_MAX, (width - first - NOTES) / Math.max(1, lanes - 1)));
  return { x: (at) => first + at * step, width: Math.floor(Math.max(width, first + (lanes - 1) * step + NOTES)) };
}

export function place(given) {
  const lanes = lanesOf(given);
  const seen = new Set();
  const first = given[0]?.at_ms ?? 0;
  const rows = [];
  let y = 8;
  let before = first;
  const messages = given.map((message, index) => {
    const sight = look(message.text);
    const lane = Math.max(0, lanes.findIndex((one) => isOf(one, message)));
    const us = lanes.findIndex((one) => one.us);
    const key = `${message.direction} ${message.remote} ${message.text}`;
    const again = seen.has(key);
    seen.add(key);
    if (message.at_ms - before >= GAP_MS) {
      rows.push({ gap: message.at_ms - before, y, height: GAP_ROW });
      y += GAP_ROW;
    }
    before = message.at_ms;
    rows.push({ index, y, height: ROW });
    y += ROW;
    const [from, to] = message.direction === "received" ? [lane, us] : [us, lane];
    return { ...message, ...sight, again, from, to, lane, row: rows.length - 1, since_ms: message.at_ms - first };
  });
  for (const message of messages) lanes[message.lane].name ||= message.direction === "received" && message.isRequest ? message.fromUser : message.direction === "sent" && message.isRequest ? message.toUser : "";
  return { lanes, messages, rows, media: media(messages, rows), height: y + 16, head: HEAD };
}

/** The first party, then ourselves, then the others as they appear. */
function lanesOf(messages) {
  const lanes = [];
  for (const message of messages) {
    if (lanes.length < LANES_MAX && !lanes.some((one) => isOf(one, message))) lanes.push({ address: message.remote, transport: message.transport, name: "" });
    if (lanes.length === 1) lanes.push({ us: true });
  }
  return lanes;
}

const isOf = (lane, message) => lane.address === message.remote && lane.transport === message.transport;

/** The headers that are looked at, by their long and short names. */
const SEEN = { "cseq": "cseq", "from": "from", "f": "from", "to": "to", "t": "to", "content-type": "type", "c": "type" };

/** What a message says of itself. */
function look(text) {
  const [start, ...lines] = text.split("\n");
  const said = {};
  for (const line of lines) {
    if (line === "") break;
    const colon = line.indexOf(":");
    const name = SEEN[line.slice(0, colon).trimEnd().toLowerCase()];
    if (name) said[name] ??= line.slice(colon + 1).trim();
  }
  const status = /^SIP\/2\.0 (\d{3}) ?(.*)$/.exec(start);
  const [number = "", method = ""] = (said.cseq ?? "").split(/\s+/);
  const user = (value) => /sips?:([^@;>\s]+)@/i.exec(value ?? "")?.[1] ?? "";
  return {
    isRequest: !status,
    status: status ? Number(status[1]) : null,
    method: method || start.split(" ")[0],
    word: status ? `${status[1]} ${status[2]}`.slice(0, 34) : start.split(" ")[0],
    kind: status ? `s${status[1][0]}` : "request",
    challenge: status ? ["401", "407"].includes(status[1]) : false,
    sequence: number,
    sdp: /^application\/sdp/i.test(said.type ?? ""),
    fromUser: user(said.from),
    toUser: user(said.to),
  };
}

/** From the 2xx of an INVITE to the BYE, or to the end, for each lane that has one. */
function media(messages, rows) {
  const bars = [];
  const open = new Map();
  const end = (lane, y) => {
    const from = open.get(lane);
    open.delete(lane);
    if (from !== undefined) bars.push({ lane, y: from, height: Math.max(4, y - from) });
  };
  for (const message of messages) {
    const y = rows[message.row].y + 26;
    if (message.status >= 200 && message.status < 300 && message.method === "INVITE" && !open.has(message.lane)) open.set(message.lane, y);
    if (message.isRequest && message.word === "BYE") end(message.lane, y);
  }
  const last = rows.at(-1);
  for (const lane of [...open.keys()]) end(lane, last.y + last.height);
  return bars;
}
