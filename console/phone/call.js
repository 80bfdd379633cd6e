// One call of the web phone: what it is, what may be done with it, and what is measured of it.
import { signal } from "../ui/h.js";
import { microphone, chosen } from "./devices.js";

let last = 0;
const MEASURE_EVERY_MS = 2_000;

export class PhoneCall {
  /** `ringing`, `calling`, `talking`, `held` (by us), `waiting` (they hold us), `over`. */
  phase = signal("calling");
  muted = signal(false);
  local = signal(null);
  remote = signal(null);
  /** { lossShare, jitterMs, roundTripMs, path } of the last seconds, or null. */
  quality = signal(null);
  /** Why it has ended, or was not answered. */
  cause = null;
  answeredAt = null;
  #session = null;
  #onEnd;
  #iceServers;
  #before = null;
  #timer = 0;

  constructor({ direction, uri, name, video, iceServers, onEnd }) {
    Object.assign(this, { id: ++last, direction, uri, name, video, beganAt: Date.now() });
    this.#onEnd = onEnd;
    this.#iceServers = iceServers;
    this.phase.value = direction === "in" ? "ringing" : "calling";
  }

  #options() {
    return {
      mediaConstraints: { audio: microphone(), video: this.video && { deviceId: chosen("videoinput") } },
      pcConfig: { iceServers: this.#iceServers() },
    };
  }

  begin(agent) {
    try {
      this.take(agent.call(this.uri, this.#options()));
    } catch (error) {
      this.#over(error.message);
    }
  }

  /** Follows a session of JsSIP. */
  take(session) {
    this.#session = session;
    if (session.connection) this.#watch(session.connection);
    session.on("peerconnection", ({ peerconnection }) => this.#watch(peerconnection));
    session.on("accepted", () => this.#answered());
    session.on("confirmed", () => this.#answered());
    session.on("hold", ({ originator }) => { this.phase.value = originator === "local" ? "held" : "waiting"; });
    session.on("unhold", () => { this.phase.value = session.isOnHold().local ? "held" : session.isOnHold().remote ? "waiting" : "talking"; });
    session.on("ended", ({ cause }) => this.#over(cause));
    session.on("failed", ({ cause, message }) => this.#over(cause, message?.status_code));
    session.on("getusermediafailed", (error) => { this.cause = "microphone"; this.microphoneError = error?.name; });
    session.on("refer", ({ accept }) => accept());
  }

  #watch(connection) {
    connection.addEventListener("track", ({ streams, track }) => {
      this.remote.value = streams[0] ?? new MediaStream([track]);
    });
    this.#timer ||= setInterval(() => this.#measure().catch(() => {}), MEASURE_EVERY_MS);
  }

  #answered() {
    this.answeredAt ??= Date.now();
    if (this.phase.value === "calling" || this.phase.value === "ringing") this.phase.value = "talking";
    const senders = this.#session.connection?.getSenders().map((one) => one.track).filter(Boolean) ?? [];
    this.local.value = senders.length > 0 ? new MediaStream(senders) : null;
  }

  #over(cause, status) {
    if (this.phase.value === "over") return;
    clearInterval(this.#timer);
    this.cause ??= cause;
    this.status = status ?? null;
    this.endedAt = Date.now();
    this.phase.value = "over";
    for (const track of this.local.value?.getTracks() ?? []) track.stop();
    this.#onEnd(this);
  }

  answer({ video = this.video } = {}) {
    this.video = video;
    this.#session.answer(this.#options());
  }

  /** Refuses a call that rings, ends any other. */
  end() {
    const refuse = this.phase.value === "ringing" ? { status_code: 603, reason_phrase: "Decline" } : {};
    try { this.#session?.terminate(refuse); } catch { this.#over("ended"); }
  }

  /** Busy here: it goes on where the account forwards such calls. */
  send() { this.#session.terminate({ status_code: 486, reason_phrase: "Busy Here" }); }

  mute(on) {
    this.#session[on ? "mute" : "unmute"]({ audio: true });
    this.muted.value = on;
  }

  hold(on) { this.#session[on ? "hold" : "unhold"](); }

  press(key) { this.#session.sendDTMF(key, { transportType: "RFC2833", duration: 120, interToneGap: 70 }); }

  /** To an address; to another call of ours where one is given (RFC 3891): the two then talk with each other. */
  transfer(target, other) {
    return new Promise((done, fail) => {
      const eventHandlers = {
        requestFailed: ({ cause }) => fail(new Error(cause)),
        failed: ({ message }) => fail(new Error(`${message?.status_code ?? ""} ${message?.reason_phrase ?? ""}`.trim())),
        accepted: () => { done(); this.end(); other?.end(); },
      };
      this.#session.refer(target, { eventHandlers, replaces: other && other.session });
    });
  }

  get session() { return this.#session; }

  lookAgain() {
    const state = this.#session?.connection?.iceConnectionState;
    if (this.answeredAt && state && state !== "connected" && state !== "completed") {
      this.#session.renegotiate({ rtcOfferConstraints: { iceRestart: true } });
    }
  }

  /** Another microphone or camera while the call goes on. */
  async use(kind) {
    const name = kind === "videoinput" ? "video" : "audio";
    const sender = this.#session?.connection?.getSenders().find((one) => one.track?.kind === name);
    if (!sender) return;
    const stream = await navigator.mediaDevices.getUserMedia({ [name]: name === "audio" ? microphone() : { deviceId: chosen(kind) } });
    const [track] = stream.getTracks();
    track.enabled = sender.track.enabled;
    sender.track.stop();
    await sender.replaceTrack(track);
  }

  /** What was received since the last look, and how long a round trip takes. */
  async #measure() {
    const connection = this.#session?.connection;
    if (!connection || this.phase.value === "over") return;
    const report = [...(await connection.getStats()).values()];
    const inbound = report.find((one) => one.type === "inbound-rtp" && one.kind === "audio");
    const pair = report.find((one) => one.type === "candidate-pair" && one.nominated && one.state === "succeeded");
    const local = pair && report.find((one) => one.id === pair.localCandidateId);
    if (!inbound) return;
    const now = { packets: inbound.packetsReceived, lost: inbound.packetsLost };
    const before = this.#before ?? { packets: 0, lost: 0 };
    this.#before = now;
    const [came, lost] = [now.packets - before.packets, Math.max(0, now.lost - before.lost)];
    this.quality.value = {
      lossShare: came + lost > 0 ? lost / (came + lost) : 0,
      came,
      jitterMs: (inbound.jitter ?? 0) * 1_000,
      roundTripMs: pair?.currentRoundTripTime === undefined ? null : pair.currentRoundTripTime * 1_000,
      path: local ? `${local.candidateType} ${local.protocol}` : null,
      level: inbound.audioLevel ?? 0,
    };
  }
}
