// A ladder for others: as text, and as Mermaid's sequence diagram (text too; nothing draws it here).
import { number } from "../words.js";

const laneName = (lane) => lane.us ? "coeur" : lane.address;

export function asText(plan) {
  return plan.messages.map((message) => {
    const [from, to] = [plan.lanes[message.from], plan.lanes[message.to]].map(laneName);
    return `${new Date(message.at_ms).toISOString()} ${from} -> ${to}\n${message.text}\n`;
  }).join("\n");
}

export function asMermaid(plan) {
  const names = plan.lanes.map((lane, at) => `  participant p${at} as ${laneName(lane)}`);
  const arrows = plan.messages.map((message) => `  p${message.from}${message.isRequest ? "->>" : "-->>"}p${message.to}: ${clean(message.word)} +${number(message.since_ms)} ms`);
  return ["sequenceDiagram", ...names, ...arrows, ""].join("\n");
}

/** Neither `;` nor `#` nor a line of its own: they mean something there. */
const clean = (text) => text.replace(/[;#\r\n]/g, " ");
