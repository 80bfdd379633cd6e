// Calls of this browser that are over. The records of the server are for who may read them; these are the person's own.
const KEPT = "coeur.phone.history";
const MAX = 100;

export const keptHistory = () => {
  try {
    return JSON.parse(localStorage.getItem(KEPT) ?? "[]");
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
  localStorage.setItem(KEPT, JSON.stringify(all));
  return all;
}

export function forget() {
  localStorage.removeItem(KEPT);
  return [];
}
