// What a browser keeps from visit to visit. In a page of somebody else's it keeps nothing (docs/decisions/0072): what the page around
// the phone wishes is in the address, and gone with it.

/** This is the phone in a frame. */
export const embedded = document.documentElement.hasAttribute("data-embedded");

function passing() {
  const asked = new URLSearchParams(location.search);
  const all = new Map([["coeur.language", asked.get("language")], ["coeur.theme", asked.get("theme")]].filter(([, value]) => value));
  return { getItem: (name) => all.get(name) ?? null, setItem: (name, value) => { all.set(name, value); }, removeItem: (name) => { all.delete(name); } };
}

/** As much of `Storage` as is used. */
export const store = embedded ? passing() : localStorage;
