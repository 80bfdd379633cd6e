// Tickets from the page around: each is traded once for what opens the WebSocket. Where none is left another is asked for, until
// one comes. Nothing of them is kept.

/** Milliseconds until a page that has not brought a ticket is asked again: its own server may have been away. */
const AGAIN_MS = 15_000;

export class Tickets {
  #host;
  #wanted;
  #needed;
  #refuse;
  /** The account of the first, of which all others are. */
  #account = "";
  /** One is on its way, or being traded. */
  #coming;
  /** Traded, and not yet taken. */
  #given = null;
  #waiting = null;
  #timer = 0;
  /** Grows with each sign-out: a ticket that was being traded before is nobody's. */
  #turn = 0;

  /** `needed` is told whether a ticket is waited for, `refuse` why one was none; `expected`: the page has said that it brings one. */
  constructor({ host, wanted, expected, needed, refuse }) {
    this.#host = host;
    this.#wanted = wanted.toLowerCase();
    this.#coming = expected;
    this.#needed = needed;
    this.#refuse = refuse;
  }

  /** The page has brought one. The account whose phone this now is. */
  async come(ticket) {
    const turn = this.#turn;
    const isOver = () => turn !== this.#turn;
    this.#coming = true;
    const given = await this.#trade(ticket, isOver).finally(() => { if (!isOver()) this.#coming = false; });
    if (isOver()) throw Object.assign(new Error("signed out meanwhile"), { reason: "failed" });
    this.#account = given.account;
    if (this.#waiting) this.#waiting(given);
    else this.#given = { ...given, until: Date.now() + given.expires_in_s * 1_000 };
    return given.account;
  }

  /** Nobody waits for a ticket any more, and whoever signs in next may have another account. */
  forget() {
    this.#turn += 1;
    this.#account = "";
    this.#given = null;
    this.#coming = false;
    clearInterval(this.#timer);
    this.#waiting = null;
    this.#needed(false);
  }

  /** A promise of what opens the WebSocket. */
  next() {
    const given = this.#given;
    this.#given = null;
    if (given && given.until > Date.now()) return Promise.resolve(given);
    return new Promise((done) => {
      if (!this.#coming) this.#needed(true);
      clearInterval(this.#timer);
      this.#timer = setInterval(() => this.#needed(true), AGAIN_MS);
      this.#waiting = (given) => {
        clearInterval(this.#timer);
        this.#waiting = null;
        this.#needed(false);
        done(given);
      };
    });
  }

  /** Why there is none is not told to whoever has signed out meanwhile. */
  async #trade(ticket, isOver) {
    const body = JSON.stringify({ ticket, origin: this.#host });
    const fail = (reason, detail) => { if (!isOver()) this.#refuse(reason, detail); throw Object.assign(new Error(detail || reason), { reason }); };
    let answer;
    try {
      answer = await fetch("/line/sign_in", { method: "POST", cache: "no-store", credentials: "omit", headers: { "Content-Type": "application/json" }, body });
    } catch {
      return fail("unreachable", "");
    }
    const value = await answer.json().catch(() => ({}));
    if (!answer.ok) return fail(answer.status === 401 ? "ticket" : "account", value.detail ?? "");
    const bound = this.#account.toLowerCase() || this.#wanted;
    if (bound && value.account.toLowerCase() !== bound) return fail("account", value.account);
    return value;
  }
}
