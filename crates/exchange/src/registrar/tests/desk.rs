//! A registrar with a world around it, driven by text.

use super::super::{Registrant, Registrar, Rules};
use crate::answer::Answers;
use crate::bindings::{Bindings, Target};
use crate::context::Context;
use crate::event::{Counters, Event};
use crate::flow::{ConnectionId, Flow, Hop, ListenerId, ShardId};
use crate::mint::Mint;
use crate::outbox::{Outbox, Output};
use crate::push::Wake;
use crate::world::{Listener, Secrets, Settings, World};
use coeur_directory::{Change, DeviceId, Directory, Domain};
use coeur_sip::limits::Limits;
use coeur_sip::message::{HeaderTable, parse};
use coeur_sip::time::{Monotonic, Now, Wall};
use coeur_sip::transport::Transport;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

pub(super) struct Desk {
    pub registrar: Registrar,
    pub world: World,
    pub mint: Mint,
    pub answers: Answers,
    pub counters: Counters,
    pub now: Now,
    pub journal: Vec<Vec<u8>>,
    pub events: Vec<Event>,
    pub rules: Rules,
    pub device: DeviceId,
}

/// A REGISTER in the making.
#[derive(Clone)]
pub(super) struct Ask {
    pub request_uri: String,
    pub call_id: String,
    pub cseq: u32,
    pub via: String,
    pub from: String,
    pub to: String,
    pub lines: String,
    pub flow: Flow,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub reason: String,
    pub text: String,
    /// What leaves instead when the save fails; `None` when nothing was held.
    pub or_else: Option<String>,
    pub hop: Hop,
}

pub(super) fn udp(remote: &str) -> Flow {
    Flow {
        transport: Transport::Udp,
        listener: ListenerId(0),
        connection: ConnectionId::NONE,
        remote: remote.parse().expect("an address"),
    }
}

pub(super) fn stream(transport: Transport, remote: &str, serial: u64) -> Flow {
    Flow { transport, connection: ConnectionId::new(ShardId(0), serial), ..udp(remote) }
}

/// `Contact: <sip:alice@192.0.2.7:5062>` with parameters behind it.
pub(super) fn contact(parameters: &str) -> String {
    format!("Contact: <sip:alice@192.0.2.7:5062>{parameters}\r\n")
}

pub(super) fn ask(cseq: u32, lines: impl AsRef<str>) -> Ask {
    Ask {
        request_uri: "sip:example.com".into(),
        call_id: "843817637684230@998sdasdh09".into(),
        cseq,
        via: "SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bKnashds7;rport".into(),
        from: "<sip:alice@example.com>;tag=456248".into(),
        to: "<sip:alice@example.com>".into(),
        lines: lines.as_ref().into(),
        flow: udp("192.0.2.7:5062"),
    }
}

impl Ask {
    pub(super) fn over(self, flow: Flow) -> Self {
        Self { flow, ..self }
    }

    pub(super) fn call_id(self, call_id: &str) -> Self {
        Self { call_id: call_id.into(), ..self }
    }

    fn text(&self) -> String {
        format!(
            "REGISTER {} SIP/2.0\r\nVia: {}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\n\
             Call-ID: {}\r\nCSeq: {} REGISTER\r\n{}Content-Length: 0\r\n\r\n",
            self.request_uri, self.via, self.from, self.to, self.call_id, self.cseq, self.lines
        )
    }
}

impl Desk {
    pub(super) fn new() -> Self {
        let directory = Directory::new();
        directory.apply(&Change::DomainAdded(Domain::new("example.com"))).expect("a new domain");
        let listener = |id, transport, bound: &str| Listener {
            id: ListenerId(id),
            transport,
            bound: bound.parse().expect("an address"),
            sent_by: "sip.example.com:5060".into(),
        };
        let secrets = Secrets { nonce: [1; 32], route: [2; 32], gruu: [3; 32] };
        let world = World {
            guard: crate::guard::Shared::new(&secrets),
            kept_calls: crate::kept_calls::KeptCalls::new(&secrets),
            directory,
            bindings: Bindings::new(),
            listeners: vec![
                listener(0, Transport::Udp, "198.51.100.1:5060"),
                listener(1, Transport::Tcp, "198.51.100.1:5060"),
            ],
            machine: crate::machine::Machine::default(),
            secrets,
            settings: Settings::default(),
            storage_writable: AtomicBool::new(true),
            waiting: Default::default(),
            vouched: Default::default(),
            push_pace: Default::default(),
        };
        let mut mint = Mint::new(ShardId(0), [9; 32]);
        Self {
            registrar: Registrar::new(),
            answers: Answers::new(&mut mint, &world.settings),
            world,
            mint,
            counters: Counters::default(),
            now: Now::new(Monotonic::from_secs(100), Wall::from_secs(1_800_000_000)),
            journal: Vec::new(),
            events: Vec::new(),
            rules: Rules {
                expires_jitter_percent: 0,
                wakes: true,
                contacts_max: 10,
                expires_min_s: 60,
                expires_default_s: 3_600,
                expires_max_s: 7_200,
            },
            device: DeviceId(1),
        }
    }

    pub(super) fn wait(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }

    pub(super) fn send(&mut self, ask: Ask) -> Answer {
        let text = ask.text();
        let mut table = HeaderTable::new();
        let message = parse(text.as_bytes(), &mut table, &Limits::default()).expect("a message");
        let mut outbox = Outbox::default();
        let who = Registrant {
            user: b"alice",
            domain: b"example.com",
            aliases: &[],
            device: self.device,
            rules: self.rules,
        };
        let mut cx = Context {
            now: self.now,
            world: &self.world,
            mint: &mut self.mint,
            counters: &mut self.counters,
            outbox: &mut outbox,
            answers: &mut self.answers,
            session: None,
        };
        self.registrar.register_as(&mut cx, ask.flow, &message, &who);
        self.take(outbox).expect("exactly one answer")
    }

    /// Like [`Desk::send`] with an outbox that is warm; tells by how much `count` grew while the registrar worked.
    pub(super) fn measure(&mut self, ask: Ask, count: impl Fn() -> usize) -> usize {
        let text = ask.text();
        let mut table = HeaderTable::new();
        let message = parse(text.as_bytes(), &mut table, &Limits::default()).expect("a message");
        let mut outbox = Outbox { arena: Vec::with_capacity(8192), outputs: Vec::with_capacity(8) };
        let (device, rules) = (self.device, self.rules);
        let who = Registrant { user: b"alice", domain: b"example.com", aliases: &[], device, rules };
        let mut cx = Context {
            now: self.now,
            world: &self.world,
            mint: &mut self.mint,
            counters: &mut self.counters,
            outbox: &mut outbox,
            answers: &mut self.answers,
            session: None,
        };
        let before = count();
        self.registrar.register_as(&mut cx, ask.flow, &message, &who);
        let after = count();
        assert_eq!(self.take(outbox).map(|answer| answer.status), Some(200));
        after - before
    }

    /// Anything but a REGISTER: what it writes goes to the journal and the events.
    pub(super) fn with(&mut self, f: impl FnOnce(&mut Registrar, &mut Context<'_>)) {
        let mut outbox = Outbox::default();
        let mut cx = Context {
            now: self.now,
            world: &self.world,
            mint: &mut self.mint,
            counters: &mut self.counters,
            outbox: &mut outbox,
            answers: &mut self.answers,
            session: None,
        };
        f(&mut self.registrar, &mut cx);
        assert!(self.take(outbox).is_none());
    }

    /// A second has passed; who is woken.
    pub(super) fn tick(&mut self) -> Vec<Wake> {
        let mut woken = Vec::new();
        self.with(|registrar, cx| {
            registrar.tick(cx);
            for output in std::mem::take(&mut cx.outbox.outputs) {
                match output {
                    Output::Push(wake) => woken.push(*wake),
                    other => cx.outbox.outputs.push(other),
                }
            }
        });
        woken
    }

    fn take(&mut self, mut outbox: Outbox) -> Option<Answer> {
        let mut answer = None;
        for output in std::mem::take(&mut outbox.outputs) {
            match output {
                Output::Save(span) => self.journal.push(outbox.bytes(span).to_vec()),
                Output::Publish(event) => self.events.push(event),
                Output::Send(send) => {
                    assert!(answer.is_none(), "one answer");
                    let text = String::from_utf8(outbox.bytes(send.bytes).to_vec()).expect("text");
                    let or_else = send
                        .after_save
                        .map(|or_else| String::from_utf8(outbox.bytes(or_else.0).to_vec()).expect("text"));
                    let (status, reason) = text[8..text.find("\r\n").expect("a line")].split_at(3);
                    let (status, reason) = (status.parse().expect("a status"), reason[1..].into());
                    answer = Some(Answer { status, reason, text, or_else, hop: send.hop });
                }
                other => panic!("unexpected {other:?}"),
            }
        }
        answer
    }

    pub(super) fn targets(&self) -> Vec<Target> {
        let mut out = Vec::new();
        self.world.bindings.lookup(b"alice", b"example.com", self.now.monotonic, &mut out);
        out
    }

    pub(super) fn uris(&self) -> Vec<String> {
        self.targets().iter().map(|target| String::from_utf8_lossy(&target.uri).into_owned()).collect()
    }
}

impl Answer {
    pub(super) fn lines(&self, name: &str) -> Vec<&str> {
        let prefix = format!("{name}: ");
        self.text.lines().filter_map(|line| line.strip_prefix(prefix.as_str())).collect()
    }

    pub(super) fn contacts(&self) -> Vec<&str> {
        self.lines("Contact")
    }
}
