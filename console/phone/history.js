// Calls of this browser that are over. The records of the server are for who may read them; these are the person's own.
import { session } from "../ui/api.js";
import { store } from "../ui/store.js";

/** By whose they are: a browser may be used by several. Read again once it is known who is there. */
const kept = () => `coeur.phone.history.${session.value?.login ?? ""}`;
const MAX = 100;

export const keptHistory = () => {
  try {
    return JSON.parse(store.getItem(kept()) ?? "[]");
  } catch {
    return [];
  }
};

export function remember(call) {
  const entry = {
    name: call.name, uri: call.uri, direction: call.direction, at: call.beganAt, status: call.status ?? null,
    talkedS: call.answeredAt ? Math.round((call.endedAt - call.answeredAt) / 1_000) : null, cause: call.cause ?? null,
  };
  const all = [entry, ...keptHistory()].slice(0, MAX);
  store.setItem(kept(), JSON.stringify(all));
  return all;
}

export function forget() {
  store.removeItem(kept());
  return [];
}
