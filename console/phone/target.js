// Whom a link means. A link is written by anybody: what is taken of it is whom to call, and nothing else of what a URI can say
// (RFC 3261 section 19.1.5: headers of a URI may be an attack; RFC 3966 section 11).

/** Letters of a link; a number has 15 digits, an address some dozens. */
const LINK_MAX = 512;
const NUMBER_MAX = 32;
const USER_MAX = 128;
const HOST_MAX = 253;
/** What a user may be made of beside percent signs (RFC 3261 section 25.1, `user`), without what begins parameters and headers. */
const USER = /^[A-Za-z0-9\-_.!~*'()&=+$,]+$/;
const HOST = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:\d{1,5})?$/;

/**
 * Of `tel:`, `sip:` and `sips:` links, also as `web+...:`, and of what stands without a scheme. Returns what may be dialled and
 * shown, or null where it is no link of ours or says what it should not.
 */
export function targetOf(link) {
  if (typeof link !== "string" || link.length > LINK_MAX) return null;
  const text = link.trim();
  const [, scheme = "", rest] = /^(?:(?:web\+)?([A-Za-z][A-Za-z0-9+.-]*):(?:\/\/)?)?(.*)$/s.exec(text);
  const kind = scheme.toLowerCase();
  // A port is no scheme.
  if (kind === "tel") return numberOf(rest);
  if (kind === "sip" || kind === "sips") return addressOf(rest, kind);
  if (scheme) return null;
  return numberOf(rest) ?? (rest.includes("@") ? addressOf(rest, "") : userOf(rest));
}

/** Parameters (an extension, a context) are not dialled. */
function numberOf(rest) {
  const number = plain(rest.split(/[;?]/)[0])?.replace(/[\s().-]/g, "");
  return number && number.length <= NUMBER_MAX && /^\+?[\d*#]+$/.test(number) ? number : null;
}

/** Without password, parameters and headers: they say how a request is made and where it goes. */
function addressOf(rest, kind) {
  const bare = rest.split(/[;?]/)[0];
  const at = bare.lastIndexOf("@");
  if (at < 0) return null;
  const [user, host] = [userOf(bare.slice(0, at)), bare.slice(at + 1)];
  if (user === null || host.length > HOST_MAX || !HOST.test(host)) return null;
  return kind === "sips" ? `sips:${user}@${host}` : `${user}@${host}`;
}

function userOf(text) {
  const user = plain(text);
  return user && user.length <= USER_MAX && USER.test(user) ? user : null;
}

function plain(text) {
  try { return decodeURIComponent(text); } catch { return null; }
}
