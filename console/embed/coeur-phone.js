// <coeur-phone>: the web phone of a Coeur server inside of a page of another origin. Load it as a module from that server, which
// lists the origin of your page in its setting `embed_origins`. What it does is in the manual of the server, at /docs.
//
//   <coeur-phone account="alice@example.org"></coeur-phone>
//
// Attributes  account   whose phone it is; a ticket of another account is refused
//             ticket    as your own server got it from the API; taken away once it was used
//             language  "en" or "fr";  theme  "auto", "light" or "dark"
//             links     clicks on tel:, sip: and sips: links of the page are asked about here
//             server    where the phone is, if not where this script came from
// Methods     signIn(ticket), signOut(), call(to, { video, ask }), answer(id, { video }), hangUp(id): each gives a promise, which
//             fails with an Error whose `reason` is one of those of `refused`
// Events      ready          { account }
//             call           CallDetail
//             refused        { reason: Reason, detail }
//             ticket-needed  {}: have your server ask for a ticket, and hand it to signIn

/**
 * @typedef {"ringing" | "calling" | "talking" | "held" | "waiting" | "over"} CallState `held` by us, `waiting`: they hold us.
 * @typedef {object} CallDetail
 * @property {number} id          by which `answer` and `hangUp` name it
 * @property {CallState} state
 * @property {"incoming" | "outgoing"} direction
 * @property {string} peer        its SIP URI
 * @property {string} name        as it shows itself: not to be believed, and not HTML
 * @property {boolean} video
 * @property {string | null} [cause]     when it is over
 * @property {number | null} [status]    the SIP status, where there was one
 * @property {number | null} [talked_s]  seconds since it was answered; null if nobody did
 * @typedef {"blocked" | "ticket" | "account" | "address" | "microphone" | "not-ready" | "no-call" | "unreachable" | "failed"} Reason
 *   `blocked`: the server does not list the origin of this page.
 */

/** Milliseconds in which a phone that may be shown says hello. */
const HELLO_MS = 10_000;
const LINKS = "a[href^='tel:' i], a[href^='sip:' i], a[href^='sips:' i]";
const ALLOW = "microphone; camera; autoplay; speaker-selection";

const style = new CSSStyleSheet();
style.replaceSync(":host { display: block; inline-size: 22rem; block-size: 34rem; } :host([hidden]) { display: none; } iframe { inline-size: 100%; block-size: 100%; border: 0; color-scheme: auto; }");

export class CoeurPhone extends HTMLElement {
  static observedAttributes = ["ticket", "language", "theme"];
  #frame = null;
  #origin = "";
  #isHere = false;
  /** Why the frame is not shown, as long as it has said no hello. */
  #why = null;
  #timer = 0;
  #last = 0;
  /** By number: what waits for an answer of the frame. */
  #asked = new Map();
  /** What is to be said once the frame listens. */
  #later = [];

  constructor() {
    super();
    this.attachShadow({ mode: "open" }).adoptedStyleSheets = [style];
  }

  connectedCallback() {
    const place = new URL("/phone", new URL(this.getAttribute("server") || import.meta.url, location.href));
    this.#origin = place.origin;
    place.searchParams.set("embed", "1");
    place.searchParams.set("host", location.origin);
    for (const name of ["account", "language", "theme"]) if (this.hasAttribute(name)) place.searchParams.set(name, this.getAttribute(name));
    // Whoever brings a ticket means that one, whatever session there may be.
    if (this.hasAttribute("ticket")) place.searchParams.set("by", "ticket");
    this.#frame = Object.assign(document.createElement("iframe"), { src: place.href, allow: ALLOW, title: this.title || "Coeur" });
    this.shadowRoot.replaceChildren(this.#frame);
    addEventListener("message", this.#heard);
    document.addEventListener("click", this.#clicked);
    this.#why = null;
    this.#timer = setTimeout(() => this.#blocked(), HELLO_MS);
    this.#bring();
  }

  disconnectedCallback() {
    removeEventListener("message", this.#heard);
    document.removeEventListener("click", this.#clicked);
    clearTimeout(this.#timer);
    this.shadowRoot.replaceChildren();
    this.#frame = null;
    this.#isHere = false;
    this.#later = [];
    for (const { fail } of this.#asked.values()) fail(problem("failed", ""));
    this.#asked.clear();
  }

  attributeChangedCallback(name, _, value) {
    if (!this.#frame || value === null) return;
    if (name === "ticket") this.#bring();
    else this.#ask(name, { value }).catch(() => {});
  }

  /** @param {string} ticket @returns {Promise<string>} the account */
  signIn(ticket) { return this.#ask("sign-in", { ticket: String(ticket) }); }

  /** Ends its calls and its registration. @returns {Promise<void>} */
  signOut() { return this.#ask("sign-out"); }

  /**
   * @param {string} to a number, a name, an address, or a tel:, sip: or sips: URI
   * @param {{ video?: boolean, ask?: boolean }} [how] `ask`: the person says yes in the phone first
   * @returns {Promise<number | null>} the id of the call; null where it is asked about
   */
  call(to, { video = false, ask = false } = {}) { return this.#ask("call", { to: String(to), video, ask }); }

  /** The call that rings. @param {number} [id] @param {{ video?: boolean }} [how] @returns {Promise<void>} */
  answer(id, { video = false } = {}) { return this.#ask("answer", { id, video }); }

  /** The first call that there is. @param {number} [id] @returns {Promise<void>} */
  hangUp(id) { return this.#ask("hang-up", { id }); }

  /** The ticket in the attribute. It is of no use to anybody afterwards, and does not stay in the page. */
  #bring() {
    const ticket = this.getAttribute("ticket");
    if (!ticket) return;
    this.removeAttribute("ticket");
    this.signIn(ticket).catch(() => {});
  }

  #ask(type, more = {}) {
    if (!this.#frame) return Promise.reject(problem("not-ready", ""));
    if (this.#why !== null) return Promise.reject(problem("blocked", this.#why));
    const n = this.#last += 1;
    return new Promise((done, fail) => {
      this.#asked.set(n, { done, fail });
      const say = () => this.#frame.contentWindow.postMessage({ ...more, coeur: type, n }, this.#origin);
      if (this.#isHere) say(); else this.#later.push(say);
    });
  }

  /** Messages of the frame, as the browser says it, and of nobody else. */
  #heard = ({ source, origin, data }) => {
    if (!this.#frame || source !== this.#frame.contentWindow || origin !== this.#origin) return;
    switch (data?.coeur) {
      case "hello": return this.#begin();
      case "done": return this.#done(data);
      case "ready": return this.#tell("ready", { account: data.account });
      case "call": return this.#tell("call", data.call);
      case "refused": return this.#tell("refused", { reason: data.reason, detail: data.detail });
      case "ticket-needed": return this.#tell("ticket-needed", {});
      default: return undefined;
    }
  };

  #begin() {
    clearTimeout(this.#timer);
    this.#isHere = true;
    this.#why = null;
    for (const say of this.#later.splice(0)) say();
  }

  #done({ n, value, reason, detail }) {
    const waiting = this.#asked.get(n);
    this.#asked.delete(n);
    if (reason) waiting?.fail(problem(reason, detail)); else waiting?.done(value);
  }

  /** The browser has not shown the frame, or nobody is there: it tells no page which. */
  #blocked() {
    const detail = `${this.#origin} does not answer, or does not list ${location.origin} in its setting embed_origins`;
    this.#why = detail;
    console.error(`<coeur-phone>: ${detail}`);
    for (const { fail } of this.#asked.values()) fail(problem("blocked", detail));
    this.#asked.clear();
    this.#later = [];
    this.#tell("refused", { reason: "blocked", detail });
  }

  #tell(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }

  #clicked = (event) => {
    // Where there is no phone the link does what it did before.
    if (this.#why !== null || !this.hasAttribute("links") || event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const link = event.composedPath().find((one) => one.matches?.(LINKS));
    if (!link) return;
    event.preventDefault();
    this.call(link.getAttribute("href"), { ask: true }).catch(({ reason, message }) => this.#tell("refused", { reason, detail: message }));
  };
}

const problem = (reason, detail) => Object.assign(new Error(detail || reason), { reason });

if (!customElements.get("coeur-phone")) customElements.define("coeur-phone", CoeurPhone);
