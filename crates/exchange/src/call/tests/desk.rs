//! The exchange with phones and a media plane around it.

use super::{body, header, reply, sdp};
use crate::Exchange;
use crate::flow::{ConnectionId, Flow, Hop, ListenerId, ShardId};
use crate::guard::Shared;
use crate::input::{Input, SendFailure};
use crate::kept_calls::KeptCalls;
use crate::media::{
    Fingerprint, Kept, KeptPath, KeptStream, MediaCommand, MediaEvent, MediaId, OpenStream, Pair, Peer,
    PromptId, Report, Sound, StreamAddress, StreamKind, TapeOrder,
};
use crate::outbox::{Outbox, Output};
use crate::record::calls::{RecoveredCalls, Recovery, is_of_calls};
use crate::service::Service;
use crate::testing::{Office, Phone, Sent, udp, world};
use crate::world::{CallMode, Listener};
use coeur_sip::{HeaderName, Method, Transport};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// The hash of the certificate of the media plane.
const CERTIFICATE: [u8; 32] = [0xc0; 32];

pub(super) struct Desk {
    pub(super) office: Office,
    /// What each open endpoint was told last, by its id.
    pub(super) open: BTreeMap<MediaId, Option<Peer>>,
    pub(super) connected: Option<(MediaId, MediaId)>,
    pub(super) pairs: Box<[Pair]>,
    /// What is played to which endpoint.
    pub(super) playing: BTreeMap<MediaId, Sound>,
    /// What was played to which endpoint alone, and what was said of recordings.
    pub(super) prompts: Vec<(MediaId, Option<PromptId>)>,
    pub(super) tapes: Vec<(MediaId, MediaId, TapeOrder)>,
    /// What was told last to be with a service.
    pub(super) served: Option<(MediaId, Service)>,
    /// No port is to be had.
    pub(super) full: bool,
    /// `Open` is not answered before [`Desk::let_open`].
    pub(super) slow: bool,
    /// The media plane has a certificate.
    pub(super) certificate: bool,
    /// The commands to the media plane, by name.
    pub(super) said: Vec<&'static str>,
    crashes: u8,
    /// What was to be restored.
    pub(super) restored: Vec<(MediaId, Kept)>,
    told: Vec<MediaEvent>,
    asked: Vec<(MediaId, Vec<Option<StreamAddress>>)>,
    /// What an endpoint reports, and what is to be said of those that were asked; it is said unless `mute`.
    pub(super) report: Report,
    pub(super) mute: bool,
    reported: Vec<MediaEvent>,
    next_port: u16,
    ports: BTreeMap<MediaId, Vec<Option<StreamAddress>>>,
}

impl Desk {
    /// Alice and bob have registered over UDP.
    pub(super) fn new() -> (Self, Phone, Phone) {
        let mut desk = Self::empty();
        let alice = desk.register("alice", udp(super::ALICE), "");
        let bob = desk.register("bob", udp(super::BOB), "");
        (desk, alice, bob)
    }

    pub(super) fn empty() -> Self {
        let mut world = world();
        world.settings.calls = CallMode::B2bua;
        for (id, transport) in [(2, Transport::Tls), (3, Transport::Wss)] {
            let listener = &world.listeners[0];
            world.listeners.push(Listener { id: ListenerId(id), transport, ..listener.clone() });
        }
        Self {
            office: Office::in_world(world),
            open: BTreeMap::new(),
            connected: None,
            pairs: Box::default(),
            playing: BTreeMap::new(),
            prompts: Vec::new(),
            tapes: Vec::new(),
            served: None,
            full: false,
            slow: false,
            certificate: true,
            said: Vec::new(),
            crashes: 0,
            restored: Vec::new(),
            told: Vec::new(),
            asked: Vec::new(),
            report: Report::default(),
            mute: false,
            reported: Vec::new(),
            next_port: 20_000,
            ports: BTreeMap::new(),
        }
    }

    /// One more phone that is there: its Contact has these parameters.
    pub(super) fn register(&mut self, user: &str, flow: Flow, contact_params: &str) -> Phone {
        let mut phone = Phone::new(user, flow);
        // Another phone of the same user counts for itself.
        phone.call = format!("-{}", u64::from(flow.remote.port()) + flow.connection.0);
        phone.contact_params = contact_params.into();
        assert_eq!(self.office.register(&mut phone).status(), 200);
        phone
    }

    pub(super) fn receive(&mut self, flow: Flow, bytes: &[u8]) -> Vec<Sent> {
        let sent = self.office.receive(flow, bytes);
        self.pump(sent)
    }

    pub(super) fn handle(&mut self, input: Input<'_>) -> Vec<Sent> {
        let sent = self.office.handle(input);
        self.pump(sent)
    }

    pub(super) fn tick(&mut self, after: Duration) -> Vec<Sent> {
        self.office.wait(after);
        self.handle(Input::Ticked)
    }

    /// Lets the time pass as its timers want it, and gives back all that left.
    pub(super) fn pass(&mut self, span: Duration) -> Vec<Sent> {
        let end = self.office.now.monotonic + span;
        let mut sent = Vec::new();
        while let Some(at) = self.office.next_deadline().filter(|at| *at <= end) {
            let wait = self.office.now.monotonic.until(at).max(Duration::from_millis(1));
            sent.extend(self.tick(wait));
        }
        let rest = self.office.now.monotonic.until(end);
        sent.extend(self.tick(rest));
        sent
    }

    pub(super) fn send_failed(&mut self, sent: &Sent) -> Vec<Sent> {
        let token = sent.token.expect("a request");
        self.handle(Input::SendFailed { token, failure: SendFailure::Unreachable })
    }

    /// The answers to `Open` that were held back.
    pub(super) fn let_open(&mut self) -> Vec<Sent> {
        self.slow = false;
        self.pump(Vec::new())
    }

    /// What the media plane does with what it was told, until nothing is left.
    fn pump(&mut self, mut sent: Vec<Sent>) -> Vec<Sent> {
        loop {
            for command in std::mem::take(&mut self.office.media) {
                self.carry_out(command);
            }
            for event in self.told.drain(..).chain(self.reported.drain(..)).collect::<Vec<_>>() {
                sent.extend(self.office.handle(Input::MediaEvent(event)));
            }
            if self.slow || self.asked.is_empty() {
                return sent;
            }
            let (id, streams) = self.asked.remove(0);
            let event = match self.full {
                true => MediaEvent::OpenFailed { id },
                false => {
                    self.open.entry(id).or_insert(None);
                    self.ports.insert(id, streams.clone());
                    MediaEvent::Opened { id, streams: streams.into(), fingerprint: self.fingerprint() }
                }
            };
            sent.extend(self.office.handle(Input::MediaEvent(event)));
        }
    }

    /// What was written into an outbox without the office.
    pub(super) fn take(&mut self, outbox: &mut Outbox) -> Vec<Sent> {
        let mut sent = Vec::new();
        for output in std::mem::take(&mut outbox.outputs) {
            match output {
                Output::Send(send) => sent.push(Sent {
                    hop: send.hop,
                    bytes: outbox.bytes(send.bytes).to_vec(),
                    after_save: false,
                    token: send.token,
                }),
                Output::Media(command) => self.office.media.push(command),
                Output::Told(ticket, told) => self.office.told.push((ticket, told)),
                Output::Save(span) => self.office.saved.push(outbox.bytes(span).to_vec()),
                Output::Resolve { .. } | Output::Publish(_) | Output::Push(_) | Output::Close(_) => {}
            }
        }
        self.pump(sent)
    }

    fn carry_out(&mut self, command: MediaCommand) {
        self.said.push(match &command {
            MediaCommand::Open { .. } => "Open",
            MediaCommand::Describe { .. } => "Describe",
            MediaCommand::Connect { .. } => "Connect",
            MediaCommand::Disconnect { .. } => "Disconnect",
            MediaCommand::Press { .. } => "Press",
            MediaCommand::Close { .. } => "Close",
            MediaCommand::Report { .. } => "Report",
            MediaCommand::Keep { .. } => "Keep",
            MediaCommand::Restore { .. } => "Restore",
            MediaCommand::Serve { .. } => "Serve",
            MediaCommand::Play { .. } => "Play",
            MediaCommand::Prompt { .. } => "Prompt",
            MediaCommand::Tape { .. } => "Tape",
        });
        match command {
            MediaCommand::Open { id, near, streams } => {
                assert!(near.is_ipv4());
                let had = self.ports.get(&id).cloned().unwrap_or_default();
                let mut opened: Vec<Option<StreamAddress>> = Vec::new();
                for (index, stream) in streams.iter().enumerate() {
                    let old = had.get(index).cloned().flatten();
                    let bundle = stream.bundled_with.map(|with| {
                        assert!(usize::from(with) < index && stream.rtcp_mux);
                        opened[usize::from(with)].clone().expect("a port for the bundle")
                    });
                    opened.push(match stream.kind {
                        StreamKind::None => old,
                        _ if bundle.is_some() => old.or(bundle),
                        StreamKind::Audio | StreamKind::Video | StreamKind::Other => {
                            Some(old.unwrap_or_else(|| self.port(stream.rtcp_mux)))
                        }
                    });
                }
                self.asked.push((id, opened));
            }
            MediaCommand::Describe { id, peer } => {
                assert!(self.open.contains_key(&id), "described before it is open");
                self.open.insert(id, Some(*peer));
            }
            MediaCommand::Connect { a, b, streams } => {
                assert!(
                    self.open.contains_key(&a) && self.open.contains_key(&b),
                    "connected before it is open"
                );
                assert!(streams.iter().all(|pair| pair.a == pair.b));
                self.connected = Some((a, b));
                self.pairs = streams;
            }
            MediaCommand::Press { .. } => {}
            MediaCommand::Prompt { id, prompt } => {
                assert!(self.open.contains_key(&id), "played to before it is open");
                self.prompts.push((id, prompt));
            }
            MediaCommand::Tape { id, with, order } => {
                assert!([id, with].iter().all(|id| self.open.contains_key(id)), "taped before it is open");
                self.tapes.push((id, with, order));
            }
            MediaCommand::Disconnect { .. } => self.connected = None,
            MediaCommand::Close { id } => {
                self.asked.retain(|(asked, _)| *asked != id);
                self.playing.remove(&id);
                if self.open.remove(&id).is_some() && !self.mute {
                    self.reported.push(MediaEvent::Closed { id, report: Box::new(self.report.clone()) });
                }
                self.ports.remove(&id);
                if self.connected.is_some_and(|(a, b)| a == id || b == id) {
                    self.connected = None;
                }
            }
            MediaCommand::Serve { id, service } => {
                assert!(self.open.contains_key(&id), "served before it is open");
                self.connected = None;
                self.served = Some((id, service));
            }
            MediaCommand::Play { id, sound } => {
                assert!(self.open.contains_key(&id), "played to before it is open");
                match sound {
                    Some(sound) => self.playing.insert(id, sound),
                    None => self.playing.remove(&id),
                };
            }
            MediaCommand::Report { id } => {
                if self.open.contains_key(&id) && !self.mute {
                    self.reported.push(MediaEvent::Reported { id, report: Box::new(self.report.clone()) });
                }
            }
            MediaCommand::Keep { id } => {
                let kept = self.kept(id);
                self.told.extend(kept.map(|kept| MediaEvent::Kept { id, kept }));
            }
            MediaCommand::Restore { id, kept } => {
                assert!(!self.open.contains_key(&id), "restored though it is open");
                let ports = kept.streams.iter().map(|stream| Some(stream.as_ref()?.address.clone()));
                self.asked.push((id, ports.collect()));
                self.restored.push((id, *kept));
            }
        }
    }

    /// An endpoint as the media plane would keep it: heard from where it was to be.
    fn kept(&self, id: MediaId) -> Option<Box<Kept>> {
        let peer = self.open.get(&id)?.as_ref()?;
        let streams = self.ports.get(&id)?.iter().zip(peer.streams.iter()).map(|(address, agreed)| {
            let (address, agreed) = (address.clone()?, agreed.clone());
            let opened = OpenStream { kind: StreamKind::Audio, rtcp_mux: false, bundled_with: None };
            let heard = KeptPath { peer: agreed.as_ref().map(|stream| stream.rtp), selected: None };
            Some(KeptStream {
                opened,
                bound: address.rtp,
                address,
                is_on: agreed.is_some(),
                agreed: agreed.map(Box::new),
                rtp: heard,
                rtcp: KeptPath::default(),
                keys: None,
            })
        });
        Some(Box::new(Kept { signalled_from: Some(peer.signalled_from), streams: streams.collect() }))
    }

    /// The process is gone and comes again with what was saved; what it says at first.
    pub(super) fn crash(&mut self) -> Vec<Sent> {
        let recovered = self.crash_only();
        let mut outbox = Outbox::default();
        let office = &mut self.office;
        office.exchange.restore(office.now, &office.world, &recovered.calls[0], &mut outbox);
        self.take(&mut outbox)
    }

    /// The same, and nothing is taken up yet.
    pub(super) fn crash_only(&mut self) -> RecoveredCalls {
        let office = &mut self.office;
        self.crashes += 1;
        office.exchange = Exchange::new(ShardId(0), [10 + self.crashes; 32], &office.world);
        office.world.guard = Shared::new(&office.world.secrets);
        office.world.kept_calls = KeptCalls::new(&office.world.secrets);
        let mut recovery = Recovery::default();
        for entry in office.saved.iter().filter(|entry| is_of_calls(entry)) {
            recovery.apply(entry).expect("what was saved can be read");
        }
        self.open.clear();
        self.ports.clear();
        self.asked.clear();
        self.restored.clear();
        self.office.media.clear();
        self.connected = None;
        recovery.finish(&self.office.world.kept_calls, 1, self.office.now)
    }

    fn fingerprint(&self) -> Option<Fingerprint> {
        let bytes = CERTIFICATE.into();
        self.certificate.then(|| Fingerprint { hash: "sha-256".into(), bytes })
    }

    fn port(&mut self, mux: bool) -> StreamAddress {
        self.next_port += 2;
        let rtp = SocketAddr::from(([198, 51, 100, 1], self.next_port));
        let rtcp = if mux { rtp } else { SocketAddr::from(([198, 51, 100, 1], self.next_port + 1)) };
        StreamAddress { rtp, rtcp, others: Box::default() }
    }

    /// An INVITE, first challenged and then answered; it, and what left.
    pub(super) fn invite(
        &mut self,
        phone: &mut Phone,
        uri: &str,
        extra: &str,
        body: &str,
    ) -> (Vec<u8>, Vec<Sent>) {
        let bare = phone.request(Method::Invite, uri, "");
        let challenge = self.office.answer(phone.flow, &bare);
        assert_eq!(challenge.status(), 407, "{}", challenge.text());
        let request = with_body(phone.answer(&challenge, Method::Invite, uri, extra), body);
        let sent = self.receive(phone.flow, &request);
        (request, sent)
    }

    /// A call between the two that is answered and acknowledged: both sides of it.
    pub(super) fn talk(&mut self, alice: &mut Phone, bob: &Phone) -> (Ua, Ua) {
        self.talk_with(alice, bob, "", "")
    }

    /// The same with header lines of the INVITE and of the 200.
    pub(super) fn talk_with(
        &mut self,
        alice: &mut Phone,
        bob: &Phone,
        asked: &str,
        answered: &str,
    ) -> (Ua, Ua) {
        let (request, sent) = self.invite(alice, super::URI, asked, &sdp("10.0.0.1", 4_000));
        let invite = super::request_to(&sent, bob.flow, "INVITE").clone();
        let lines = format!("{}{answered}", super::contact(bob.flow));
        let sent = self.receive(bob.flow, &reply(&invite, 200, "bobtag", &lines, &sdp("10.0.0.2", 5_000)));
        assert!(!super::requests_to(&sent, bob.flow, "ACK").is_empty(), "{}", super::dump(&sent));
        let ok = super::answer_to(&sent, alice.flow, 200).clone();
        let mut caller = Ua::caller(alice.flow, &request, &ok);
        let callee = Ua::callee(bob.flow, &invite, "bobtag");
        let ack = caller.ack("");
        assert!(self.receive(alice.flow, &ack).is_empty());
        (caller, callee)
    }

    /// Nothing is left of any call.
    pub(super) fn assert_at_rest(&mut self) {
        self.pass(Duration::from_secs(100));
        let second = self.office.second.as_ref().map(|(exchange, _)| exchange);
        for exchange in std::iter::once(&self.office.exchange).chain(second) {
            let calls = exchange.calls();
            assert_eq!((calls.calls(), calls.legs(), calls.transactions()), (0, 0, 0));
            assert_eq!(exchange.transactions(), 0);
        }
        assert!(self.open.is_empty(), "{:?}", self.open);
        assert_eq!(self.office.world.guard.sessions.total(), 0);
        assert_eq!(self.office.world.kept_calls.count().0, 0, "nothing of a call that is over is kept");
    }

    /// What the endpoint was told whose peer receives at this port.
    pub(super) fn peer_at(&self, port: u16) -> &Peer {
        let at = |peer: &&Peer| peer.streams.iter().flatten().any(|stream| stream.rtp.port() == port);
        self.open.values().flatten().find(at).expect("a peer at the port")
    }
}

pub(super) fn tls(remote: &str, serial: u64) -> Flow {
    let connection = ConnectionId::new(ShardId(0), serial);
    Flow { transport: Transport::Tls, listener: ListenerId(2), connection, ..udp(remote) }
}

pub(super) fn wss(remote: &str, serial: u64) -> Flow {
    Flow { transport: Transport::Wss, listener: ListenerId(3), ..tls(remote, serial) }
}

pub(super) fn goes_to(sent: &Sent, flow: Flow) -> bool {
    match &sent.hop {
        Hop::Flow(to) => *to == flow,
        Hop::Address { transport, address, .. } => *transport == flow.transport && *address == flow.remote,
    }
}

pub(super) fn with_body(mut request: Vec<u8>, body: &str) -> Vec<u8> {
    const EMPTY: &[u8] = b"Content-Length: 0\r\n\r\n";
    assert!(request.ends_with(EMPTY));
    if !body.is_empty() {
        request.truncate(request.len() - EMPTY.len());
        let head = format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        request.extend_from_slice(head.as_bytes());
    }
    request
}

/// A phone's side of a dialog.
#[derive(Clone)]
pub(super) struct Ua {
    pub(super) flow: Flow,
    pub(super) call_id: String,
    pub(super) local: String,
    pub(super) remote: String,
    pub(super) target: String,
    pub(super) cseq: u32,
    /// Of its INVITE.
    invited: u32,
}

impl Ua {
    pub(super) fn caller(flow: Flow, request: &[u8], answer: &Sent) -> Self {
        let number = answer.read(|message| message.cseq().number);
        assert!(String::from_utf8_lossy(request).contains(&format!("CSeq: {number} INVITE")));
        Self {
            flow,
            call_id: header(answer, HeaderName::CallId),
            local: header(answer, HeaderName::From),
            remote: header(answer, HeaderName::To),
            target: target(answer),
            cseq: number,
            invited: number,
        }
    }

    pub(super) fn callee(flow: Flow, invite: &Sent, tag: &str) -> Self {
        Self {
            flow,
            call_id: header(invite, HeaderName::CallId),
            local: format!("{};tag={tag}", header(invite, HeaderName::To)),
            remote: header(invite, HeaderName::From),
            target: target(invite),
            cseq: 100,
            invited: 0,
        }
    }

    pub(super) fn ack(&mut self, body: &str) -> Vec<u8> {
        let number = self.invited;
        self.write("ACK", number, "", body)
    }

    pub(super) fn request(&mut self, method: &str, lines: &str, body: &str) -> Vec<u8> {
        self.cseq += 1;
        if method == "INVITE" {
            self.invited = self.cseq;
        }
        let number = self.cseq;
        self.write(method, number, lines, body)
    }

    fn write(&self, method: &str, number: u32, lines: &str, body: &str) -> Vec<u8> {
        let Self { flow, call_id, local, remote, target, .. } = self;
        let (at, transport) = (flow.remote, flow.transport);
        let call: String = format!("{call_id}{local}").chars().filter(char::is_ascii_alphanumeric).collect();
        let via = format!("SIP/2.0/{transport} {at};rport;branch=z9hG4bK{method}{number}{}{call}", at.port());
        let head = format!(
            "{method} {target} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nFrom: {local}\r\nTo: {remote}\r\n\
             Call-ID: {call_id}\r\nCSeq: {number} {method}\r\nContact: <sip:phone@{at}>\r\n{lines}\
             Content-Length: 0\r\n\r\n"
        );
        with_body(head.into_bytes(), body)
    }
}

fn target(sent: &Sent) -> String {
    sent.read(|message| {
        let contact = message.contact().expect("readable").expect("a Contact");
        String::from_utf8_lossy(contact.uri).into_owned()
    })
}

/// The ports of ours that a description names, by `m=` line.
pub(super) fn ports(sent: &Sent) -> Vec<u16> {
    let text = body(sent);
    let ports = text.lines().filter_map(|line| line.strip_prefix("m="));
    ports.map(|line| line.split(' ').nth(1).expect("a port").parse().expect("a number")).collect()
}

/// The `o=` line of a description.
pub(super) fn origin(sent: &Sent) -> String {
    body(sent).lines().find(|line| line.starts_with("o=")).expect("an o= line").to_owned()
}
