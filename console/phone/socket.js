// The WebSocket of the web phone: every time it opens, a ticket is asked for that is good once. No SIP password comes
// into the page (docs/decisions/0060). It has the interface that JsSIP asks of a socket.

/** What the server says to a ticket that is used or too old (a code of applications, RFC 6455 section 7.4.2). */
const TICKET_REFUSED = 4401;

export class TicketSocket {
  #ask;
  #socket = null;
  /** Grows with each attempt: an answer to an earlier one is nobody's. */
  #attempt = 0;

  /** `ask` gives { ticket, sockets: [{ is_secure, port }] } or throws; `first` is what it gave already. */
  constructor(ask, first) {
    this.#ask = ask;
    this.first = first;
    this.url = address(first);
    this.via_transport = this.url.startsWith("wss:") ? "WSS" : "WS";
    this.sip_uri = `sip:${new URL(this.url.replace(/^ws/, "http")).host};transport=ws`;
  }

  /** JsSIP takes no `async` method for a function. */
  connect() {
    if (!this.isConnected() && !this.isConnecting()) this.#open();
  }

  async #open() {
    const attempt = ++this.#attempt;
    let given = this.first;
    this.first = null;
    try {
      given ??= await this.#ask();
    } catch {
      if (attempt === this.#attempt) this.ondisconnect(true, 0, "no ticket");
      return;
    }
    if (attempt !== this.#attempt) return;
    const socket = new WebSocket(`${address(given)}?ticket=${encodeURIComponent(given.ticket)}`, "sip");
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    const mine = (act) => (event) => { if (this.#socket === socket) act(event); };
    socket.onopen = mine(() => this.onconnect());
    socket.onmessage = mine(({ data }) => this.ondata(data));
    socket.onclose = mine(({ wasClean, code, reason }) => {
      this.#socket = null;
      this.ondisconnect(!wasClean || code === TICKET_REFUSED, code, reason);
    });
  }

  disconnect() {
    this.#attempt += 1;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  send(message) {
    if (!this.isConnected()) return false;
    this.#socket.send(message);
    return true;
  }

  isConnected() { return this.#socket?.readyState === WebSocket.OPEN; }
  isConnecting() { return this.#socket?.readyState === WebSocket.CONNECTING; }
}

/** A page that came over TLS may open nothing else; one of this machine takes what is plain, which needs no certificate. */
function address({ sockets }) {
  const secure = location.protocol === "https:";
  const found = sockets.find((one) => one.is_secure === secure) ?? sockets[0];
  return `${found.is_secure ? "wss" : "ws"}://${location.hostname}:${found.port}/`;
}
