// A web phone for tests: one interface over JsSIP and SIP.js. It is bundled and runs in a page; what it hears and sees
// is measured there, from the sound itself and from getStats.
import JsSIP from "jssip";
import { Inviter, Registerer, RegistererState, SessionState, UserAgent } from "sip.js";

const log = [];
const say = (text) => log.push(`${(performance.now() / 1000).toFixed(2)} ${text}`);

// What the server has told of STUN and TURN when it answered the REGISTER, and whether there shall be no other way: `relay`
// is "udp", "tcp" or "tls", or absent; "any" leaves all ways open.
function connectionOptions(iceServers, relay) {
  if (!relay) return { iceServers: [] };
  if (relay === "any") return { iceServers };
  const wanted = { udp: /^turn:.*transport=udp/, tcp: /^turn:.*transport=tcp/, tls: /^turns:/ }[relay];
  const only = iceServers.map((server) => ({ ...server, urls: server.urls.filter((url) => wanted.test(url)) }));
  return { iceServers: only, iceTransportPolicy: "relay" };
}
const told = (header) => (header ? JSON.parse(header) : []);

class JsSipPhone {
  constructor({ server, user, secret, domain, relay }) {
    const socket = new JsSIP.WebSocketInterface(server);
    this.domain = domain;
    this.ua = new JsSIP.UA({
      sockets: [socket], uri: `sip:${user}@${domain}`, password: secret, register: true, session_timers: true,
    });
    this.pcConfig = { iceServers: [] };
    this.ua.on("registered", ({ response }) => {
      this.pcConfig = connectionOptions(told(response.getHeader("Ice-Servers")), relay);
    });
    this.ua.on("disconnected", (e) => say(`disconnected: ${e.code} ${e.reason}`));
    this.ua.on("registrationFailed", (e) => say(`registration failed: ${e.cause}`));
    this.ua.on("newRTCSession", ({ session, originator }) => {
      this.session = session;
      session.on("failed", (e) => say(`failed: ${e.originator} ${e.cause}`));
      session.on("ended", () => { this.state = "ended"; });
      session.on("confirmed", () => { this.state = "confirmed"; });
      if (originator === "remote") {
        say(`called, ${this.constraints.video ? "with" : "without"} video`);
        session.answer({ mediaConstraints: this.constraints, pcConfig: this.pcConfig });
      }
    });
  }
  registered() {
    return new Promise((done) => { this.ua.on("registered", done); this.ua.start(); });
  }
  call(user) {
    this.ua.call(`sip:${user}@${this.domain}`, { mediaConstraints: this.constraints, pcConfig: this.pcConfig });
  }
  hold(on) { return new Promise((done) => (on ? this.session.hold({}, done) : this.session.unhold({}, done))); }
  dtmf(tone) { this.session.sendDTMF(tone); }
  get connection() { return this.session?.connection; }
  hangUp() { this.session.terminate(); }
}

class SipJsPhone {
  constructor({ server, user, secret, domain, relay }) {
    this.domain = domain;
    this.relay = relay;
    this.ua = new UserAgent({
      uri: UserAgent.makeURI(`sip:${user}@${domain}`), authorizationUsername: user, authorizationPassword: secret,
      transportOptions: { server }, logLevel: "error",
      sessionDescriptionHandlerFactoryOptions: { peerConnectionConfiguration: { iceServers: [] } },
      delegate: {
        onInvite: (invitation) => {
          say("called");
          this.#follow(invitation);
          invitation.accept({ sessionDescriptionHandlerOptions: { constraints: this.constraints } });
        },
      },
    });
  }
  async registered() {
    await this.ua.start();
    const registerer = new Registerer(this.ua);
    await new Promise((done, fail) => {
      registerer.stateChange.addListener((state) => { if (state === RegistererState.Registered) done(); });
      const onAccept = ({ message }) => {
        const options = connectionOptions(told(message.getHeader("Ice-Servers")), this.relay);
        this.ua.configuration.sessionDescriptionHandlerFactoryOptions.peerConnectionConfiguration = options;
      };
      registerer.register({ requestDelegate: { onAccept, onReject: (r) => fail(new Error(`REGISTER: ${r.message.statusCode}`)) } });
    });
  }
  call(user) {
    const target = UserAgent.makeURI(`sip:${user}@${this.domain}`);
    const inviter = new Inviter(this.ua, target, { sessionDescriptionHandlerOptions: { constraints: this.constraints } });
    this.#follow(inviter);
    inviter.invite({ requestDelegate: { onReject: (r) => say(`failed: ${r.message.statusCode}`) } });
  }
  #follow(session) {
    this.session = session;
    session.stateChange.addListener((state) => {
      if (state === SessionState.Established) this.state = "confirmed";
      if (state === SessionState.Terminated) this.state = "ended";
    });
  }
  get connection() { return this.session?.sessionDescriptionHandler?.peerConnection; }
  hangUp() { this.session.bye(); }
}

// How long each of these tones was heard, in seconds: the strongest bin of the spectrum, looked at 20 times a second.
function listen(phone, tonesHz) {
  const heard = Object.fromEntries(tonesHz.map((hz) => [hz, 0]));
  const context = new AudioContext();
  let analyser, buffer, track;
  phone.heard = heard;
  setInterval(() => {
    const receiver = phone.connection?.getReceivers().find((r) => r.track?.kind === "audio");
    if (!receiver) return;
    if (receiver.track !== track) {
      track = receiver.track;
      const stream = new MediaStream([track]);
      // Chromium gives a remote track to WebAudio only while an element plays it.
      const element = new Audio();
      element.muted = true;
      element.srcObject = stream;
      element.play().catch((e) => say(`play: ${e}`));
      analyser = context.createAnalyser();
      analyser.fftSize = 4096;
      buffer = new Float32Array(analyser.frequencyBinCount);
      context.createMediaStreamSource(stream).connect(analyser);
    }
    analyser.getFloatFrequencyData(buffer);
    let best = 0;
    for (let i = 1; i < buffer.length; i++) if (buffer[i] > buffer[best]) best = i;
    const hz = (best * context.sampleRate) / analyser.fftSize;
    for (const tone of tonesHz) if (buffer[best] > -60 && Math.abs(hz - tone) < 25) heard[tone] += 0.05;
  }, 50);
}

// The pictures of both sides, for people who look at the page.
function show(phone) {
  const put = (id, track) => {
    const element = document.getElementById(id);
    if (!track || element.srcObject?.getTracks()[0] === track) return;
    element.srcObject = new MediaStream([track]);
    element.play().catch((e) => say(`play ${id}: ${e}`));
  };
  setInterval(() => {
    put("theirs", phone.connection?.getReceivers().find((r) => r.track?.kind === "video")?.track);
    put("ours", phone.connection?.getSenders().find((s) => s.track?.kind === "video")?.track);
    const heard = Object.entries(phone.heard ?? {}).filter(([, s]) => s > 0).map(([hz, s]) => `${hz} Hz for ${s.toFixed(1)} s`);
    document.getElementById("said").textContent = `${phone.state ?? "no call"}; heard ${heard.join(", ") || "nothing"}`;
  }, 200);
}

async function report(phone) {
  const out = { state: phone.state ?? "none", heard_s: phone.heard, log, audio: null, video: null, pair: null, dtls: null };
  const connection = phone.connection;
  if (!connection) return out;
  const stats = [...(await connection.getStats()).values()];
  for (const s of stats) {
    if (s.type === "inbound-rtp") {
      const codec = stats.find((c) => c.id === s.codecId)?.mimeType;
      out[s.kind] = { packets: s.packetsReceived, lost: s.packetsLost, frames: s.framesDecoded ?? 0, codec };
    }
    if (s.type === "transport") out.dtls = { state: s.dtlsState, cipher: s.srtpCipher };
    if (s.type === "candidate-pair" && s.nominated && s.state === "succeeded") {
      const candidate = (id) => { const c = stats.find((x) => x.id === id); return c && `${c.candidateType} ${c.address}:${c.port}`; };
      out.pair = { local: candidate(s.localCandidateId), remote: candidate(s.remoteCandidateId) };
    }
  }
  return out;
}

// A browser that knows one audio codec, and the keys at its clock.
function knowOnly(name) {
  const codecs = RTCRtpReceiver.getCapabilities("audio").codecs.filter((codec) =>
    codec.mimeType.toLowerCase() === `audio/${name}` || (codec.mimeType.endsWith("telephone-event") && codec.clockRate === 48_000));
  const addTrack = RTCPeerConnection.prototype.addTrack;
  RTCPeerConnection.prototype.addTrack = function (track, ...streams) {
    const sender = addTrack.call(this, track, ...streams);
    if (track.kind === "audio") this.getTransceivers().find((t) => t.sender === sender).setCodecPreferences(codecs);
    return sender;
  };
}

window.coeur = {
  async start(options) {
    if (options.codec) knowOnly(options.codec);
    const phone = options.library === "sip.js" ? new SipJsPhone(options) : new JsSipPhone(options);
    phone.constraints = { audio: true, video: options.video };
    window.phone = phone;
    listen(phone, options.tones_hz);
    show(phone);
    const late = new Promise((_, fail) => setTimeout(() => fail(new Error(`not registered: ${log.join("; ")}`)), 15_000));
    await Promise.race([phone.registered(), late]);
  },
  call: (user) => window.phone.call(user),
  hangUp: () => window.phone.hangUp(),
  hold: (on) => window.phone.hold(on),
  report: () => report(window.phone),
};
