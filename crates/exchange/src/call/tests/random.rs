//! Anything in any order, from a seed: whatever the phones, the network and the media plane do, each leg sees a legal
//! sequence, and nothing is left behind when everything is at rest.

use super::*;
use crate::flow::ShardId;
use crate::input::{Command, Input, SendFailure};
use crate::mint::Mint;
use crate::testing::{Phone, aor, apply};
use coeur_directory::{AccountPatch, Change, ForwardingPatch};
use coeur_sip::time::Monotonic;
use coeur_sip::{HeaderTable, Limits, Message, Method};
use std::collections::{BTreeMap, BTreeSet};

const STEPS: usize = 120;
/// Half a second of work for each in an unoptimised build.
const SEEDS: u64 = 40;

/// What one INVITE of either side has come to.
#[derive(Default)]
struct Asked {
    provisional: bool,
    finals: BTreeSet<u16>,
    ended: bool,
}

/// Watches what leaves and what phones say, and knows what may not be.
#[derive(Default)]
struct Referee {
    /// INVITEs of ours, by branch: what the phone has answered.
    ours: BTreeMap<String, Asked>,
    /// INVITEs of phones, by branch: what we have answered.
    theirs: BTreeMap<String, Asked>,
    /// The last CSeq of ours, and all bytes sent, by Call-ID and both tags.
    counted: BTreeMap<String, (u32, BTreeSet<Vec<u8>>)>,
    /// Dialogs in which we have said BYE.
    left: BTreeSet<String>,
    /// To tags that a phone has confirmed, by Call-ID.
    confirmed: BTreeSet<String>,
}

fn with<R>(bytes: &[u8], look: impl FnOnce(&Message<'_>) -> R) -> R {
    let mut table = HeaderTable::new();
    look(&coeur_sip::parse(bytes, &mut table, &Limits::default()).expect("a message"))
}

fn branch(message: &Message<'_>) -> String {
    let via = message.via().expect("a Via");
    String::from_utf8_lossy(via.branch.expect("a branch")).into_owned()
}

fn text(bytes: Option<&[u8]>) -> String {
    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
}

impl Referee {
    /// Something leaves.
    fn sees(&mut self, sent: &Sent) {
        sent.read(|message| match message.status() {
            Some(status) => self.sees_answer(message, status.code()),
            None => self.sees_request(message, &sent.bytes),
        });
    }

    fn sees_answer(&mut self, message: &Message<'_>, status: u16) {
        if message.method() != Method::Invite {
            return;
        }
        let asked = self.theirs.entry(branch(message)).or_default();
        if status < 200 {
            assert!(asked.finals.is_empty(), "{status} after a final answer");
        } else {
            asked.finals.insert(status);
            assert_eq!(asked.finals.len(), 1, "two final answers: {:?}", asked.finals);
            if status < 300 {
                // Seen from us: the peer's tag is the one in From.
                self.confirmed.insert(format!(
                    "{} {}",
                    text(Some(message.call_id())),
                    text(message.from_tag())
                ));
            }
        }
    }

    fn sees_request(&mut self, message: &Message<'_>, bytes: &[u8]) {
        let dialog = format!("{} {}", text(Some(message.call_id())), text(message.to_tag()));
        let number = message.cseq().number;
        match message.method() {
            Method::Ack => {
                let known = self.ours.values().any(|asked| !asked.finals.is_empty());
                assert!(known, "an ACK of nothing");
                return;
            }
            Method::Cancel => {
                let asked = self.ours.get(&branch(message)).expect("a CANCEL of an INVITE");
                assert!(asked.provisional, "a CANCEL before any answer");
                return;
            }
            Method::Invite => {
                self.ours.entry(branch(message)).or_default();
            }
            Method::Bye => {
                assert!(
                    self.confirmed.contains(&dialog),
                    "a BYE in a dialog that is not confirmed: {dialog}"
                );
            }
            _ => {}
        }
        let (last, known) = self.counted.entry(dialog.clone()).or_default();
        if known.insert(bytes.to_vec()) {
            assert!(number > *last, "{} {number} after {last} in {dialog}", message.method());
            *last = number;
            assert!(!self.left.contains(&dialog), "{} after BYE", message.method());
        }
        if message.method() == Method::Bye {
            self.left.insert(dialog);
        }
    }

    /// A phone answers a request of ours.
    fn hears_answer(&mut self, bytes: &[u8]) {
        with(bytes, |message| {
            let status = message.status().map_or(0, |status| status.code());
            let dialog = format!("{} {}", text(Some(message.call_id())), text(message.to_tag()));
            if message.method() != Method::Invite {
                return;
            }
            let asked = self.ours.entry(branch(message)).or_default();
            asked.provisional |= status < 200;
            if status >= 200 {
                asked.finals.insert(status);
                asked.ended = true;
            }
            if (200..300).contains(&status) {
                self.confirmed.insert(dialog);
            }
        });
    }
}

struct Chaos {
    desk: Desk,
    random: Mint,
    referee: Referee,
    alice: Phone,
    flows: Vec<Flow>,
    /// Requests of ours that a phone may still answer.
    asked: Vec<(Flow, Sent)>,
    /// What phones have sent over UDP and when, to be repeated as long as transactions live.
    said: Vec<(Monotonic, Flow, Vec<u8>)>,
    /// INVITEs of alice.
    invites: Vec<Vec<u8>>,
    dialogs: Vec<Ua>,
    unacknowledged: Vec<Vec<u8>>,
    /// The phones mostly agree, so that something comes of what takes several steps.
    tame: bool,
    /// The process is killed now and then.
    crashes: bool,
    answered: u64,
    restored: u64,
    /// Offers that name another phone.
    direct: u64,
}

impl Chaos {
    fn new(seed: u64) -> Self {
        let mut desk = Desk::empty();
        // Of every second run all phones are behind one NAT, and their media goes from one to the other when it may.
        let is_direct = seed % 2 == 1;
        desk.office.world.settings.direct_media = is_direct;
        let at = |usual: &str| match is_direct {
            true => format!("8.8.8.8:50{}", usual.split(['.', ':']).nth(3).unwrap_or_default()),
            false => usual.to_owned(),
        };
        let alice = desk.register("alice", udp(&at(ALICE)), "");
        let instance = ";+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\";reg-id=1";
        let flows = vec![
            alice.flow,
            desk.register("bob", udp(&at(BOB)), ";q=0.9").flow,
            desk.register("bob", tcp(&at("192.0.2.23:41000"), 9), &format!("{instance};q=0.9")).flow,
            desk.register("bob", udp(&at("192.0.2.24:5060")), ";q=0.5").flow,
            desk.register("carol", udp(&at("192.0.2.33:5060")), "").flow,
        ];
        if seed % 4 > 1 {
            let carol = || Some(Some("sip:carol@example.org".into()));
            let forwarding = ForwardingPatch {
                busy: carol(),
                no_answer: carol(),
                offline: carol(),
                after_s: Some(5),
                ..ForwardingPatch::default()
            };
            let patch = AccountPatch { forwarding, ..AccountPatch::default() };
            apply(&desk.office.world, Change::AccountChanged { aor: aor("bob"), patch });
        }
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Self {
            desk,
            random: Mint::new(ShardId(0), bytes),
            referee: Referee::default(),
            alice,
            flows,
            asked: Vec::new(),
            said: Vec::new(),
            invites: Vec::new(),
            dialogs: Vec::new(),
            unacknowledged: Vec::new(),
            tame: seed % 2 == 1,
            crashes: false,
            answered: 0,
            restored: 0,
            direct: 0,
        }
    }

    fn below(&mut self, end: usize) -> usize {
        self.random.u32() as usize % end.max(1)
    }

    fn pick<T: Clone>(&mut self, of: fn(&Self) -> &Vec<T>) -> Option<T> {
        let len = of(self).len();
        let at = self.below(len);
        of(self).get(at).cloned()
    }

    fn take(&mut self, sent: Vec<Sent>) {
        for sent in sent {
            self.referee.sees(&sent);
            let is_offer = sent.text().starts_with("INVITE ");
            self.direct += u64::from(is_offer && body(&sent).contains("c=IN IP4 10.0.0."));
            let Some(flow) = self.flows.iter().copied().find(|flow| desk::goes_to(&sent, *flow)) else {
                continue;
            };
            let (status, method) = sent.read(|message| {
                (message.status().map_or(0, |status| status.code()), message.method().as_str().to_owned())
            });
            match (status, method.as_str()) {
                (0, "ACK") => {}
                (0, "BYE") | (0, _) => self.asked.push((flow, sent)),
                (200, "INVITE") => self.answered(flow, &sent),
                _ => {}
            }
        }
    }

    /// An INVITE of a phone is answered: its ACK is sent, or lost.
    fn answered(&mut self, flow: Flow, ok: &Sent) {
        let number = ok.read(|message| message.cseq().number);
        let call = header(ok, HeaderName::CallId);
        let known = self.dialogs.iter_mut().find(|ua| ua.call_id == call && ua.flow == flow);
        let ack = match known {
            Some(ua) => ua.ack(""),
            None => {
                let mut ua = Ua::caller(flow, format!("CSeq: {number} INVITE").as_bytes(), ok);
                let ack = ua.ack(&sdp("10.0.0.1", 4_000));
                self.dialogs.push(ua);
                ack
            }
        };
        self.unacknowledged.push(ack);
    }

    fn say(&mut self, flow: Flow, bytes: Vec<u8>) {
        self.remember(flow, &bytes);
        let sent = self.desk.receive(flow, &bytes);
        self.take(sent);
    }

    fn remember(&mut self, flow: Flow, bytes: &[u8]) {
        if !flow.transport.is_reliable() {
            self.said.push((self.desk.office.now.monotonic, flow, bytes.to_vec()));
        }
    }

    fn step(&mut self) {
        let tame = [0, 2, 3, 4, 5, 2, 3, 4, 5, 6, 7, 6, 7, 9, 10, 10];
        let choice = self.below(16);
        match if self.tame && self.below(16) > 0 { tame[choice] } else { choice } {
            0 | 1 => self.call(),
            2..=5 => self.answer(),
            6 | 7 => {
                let last = self.unacknowledged.last().filter(|_| self.tame).cloned();
                if let Some(ack) = last.or_else(|| self.pick(|chaos| &chaos.unacknowledged)) {
                    let flow = self.alice.flow;
                    // Whose it is it says itself.
                    let via = String::from_utf8_lossy(&ack).into_owned();
                    let flow = self
                        .flows
                        .iter()
                        .copied()
                        .find(|flow| via.contains(&format!(" {};rport", flow.remote)))
                        .unwrap_or(flow);
                    self.say(flow, ack);
                }
            }
            8 => {
                if let Some(invite) = self.pick(|chaos| &chaos.invites) {
                    let flow = self.alice.flow;
                    self.say(flow, failing::cancel_of(&invite));
                }
            }
            9 | 10 => self.inside(),
            11 => {
                let oldest = self.desk.office.now.monotonic;
                self.said.retain(|(at, ..)| oldest.since(*at) < Duration::from_secs(30));
                if let Some((_, flow, bytes)) = self.pick(|chaos| &chaos.said) {
                    if bytes.starts_with(b"SIP/2.0") {
                        self.referee.hears_answer(&bytes);
                    }
                    let sent = self.desk.receive(flow, &bytes);
                    self.take(sent);
                }
            }
            12 => {
                if let Some(token) = self.pick(|chaos| &chaos.asked).and_then(|(_, sent)| sent.token) {
                    let failure = SendFailure::Unreachable;
                    let sent = self.desk.handle(Input::SendFailed { token, failure });
                    self.take(sent);
                }
            }
            13 => {
                let span = [100, 600, 3_000, 40_000][self.below(4)];
                let sent = self.desk.pass(Duration::from_millis(span));
                self.take(sent);
            }
            14 => {
                self.desk.slow = self.below(4) == 0;
                self.desk.full = self.below(8) == 0;
                if !self.desk.slow {
                    let sent = self.desk.let_open();
                    self.take(sent);
                }
            }
            // The process is gone; what of before is on its way still arrives, but not what was said to it again.
            _ if self.crashes && self.below(2) == 0 => {
                self.said.clear();
                self.referee.theirs.clear();
                self.desk.full = false;
                self.desk.slow = false;
                let counters = self.desk.office.exchange.counters();
                self.answered += counters.calls_answered;
                let sent = self.desk.crash();
                self.take(sent);
                self.restored += self.desk.office.exchange.counters().calls_restored;
            }
            _ if self.below(6) == 0 => {
                let user = ["alice", "bob"][self.below(2)];
                let command = Command::Revoked { aor: aor(user), device: None };
                let sent = self.desk.handle(Input::Told(command));
                self.take(sent);
                // The account stands, and its phones are there again.
                for at in 0..4 {
                    let mut phone = Phone::new(if at == 0 { "alice" } else { "bob" }, self.flows[at]);
                    phone.call = format!("-again{}", self.random.u32());
                    phone.contact_params = if at == 3 { ";q=0.5" } else { ";q=0.9" }.into();
                    assert_eq!(self.desk.office.register(&mut phone).status(), 200);
                }
            }
            _ => {}
        }
    }

    fn call(&mut self) {
        self.alice.call = format!("-{}", self.random.u32());
        let lines =
            ["", "Require: 100rel\r\n", "Supported: timer\r\nSession-Expires: 100\r\n"][self.below(3)];
        let offer = if self.below(4) == 0 { String::new() } else { sdp("10.0.0.1", 4_000) };
        let uri = [URI, URI, "sip:carol@example.org"][self.below(3)];
        let (request, sent) = self.desk.invite(&mut self.alice, uri, lines, &offer);
        self.remember(self.alice.flow, &request);
        self.invites.push(request);
        self.take(sent);
    }

    fn answer(&mut self) {
        // Mostly what came last.
        let recent = match self.below(4) {
            0 if !self.tame => self.asked.len(),
            _ => 4,
        };
        let back = 1 + self.below(recent.min(self.asked.len()));
        let Some((flow, request)) = self.asked.len().checked_sub(back).map(|at| self.asked[at].clone())
        else {
            return;
        };
        let invite = request.text().starts_with("INVITE ");
        let inside = request.read(|message| message.to_tag().is_some());
        let agrees = self.tame && self.below(12) > 0;
        let status = match invite {
            _ if agrees => 200,
            true => [100, 180, 183, 200, 200, 200, 302, 404, 486, 487, 491, 500, 503, 603][self.below(14)],
            false => [100, 200, 200, 200, 405, 481, 491, 500][self.below(8)],
        };
        let tag = if inside { "" } else { ["one", "two"][self.below(4) / 3 * usize::from(!agrees)] };
        let described = invite && (status == 183 || status == 200) && (agrees || self.below(8) > 0);
        let answer = if described { sdp("10.0.0.2", 5_000) } else { String::new() };
        let reliable = invite && status < 200 && status > 100 && self.below(4) == 0;
        let rseq = if reliable { "Require: 100rel\r\nRSeq: 1\r\n" } else { "" };
        let lines = format!("{}{rseq}Allow: INVITE, UPDATE\r\n", contact(flow));
        let bytes = reply(&request, status, tag, &lines, &answer);
        self.referee.hears_answer(&bytes);
        if invite && !inside && status == 200 {
            self.dialogs.push(Ua::callee(flow, &request, tag));
        }
        self.say(flow, bytes);
    }

    fn inside(&mut self) {
        let count = self.dialogs.len();
        if count == 0 {
            return;
        }
        let at = if self.tame { count - 1 - self.below(count.min(3)) } else { self.below(count) };
        let version = self.random.u32() % 1_000 + 2;
        let choice = if self.tame { 7 - self.below(4) } else { self.below(8) };
        let other = count - 1 - self.below(count.min(4));
        let replaces = attending::replaces(&self.dialogs[other]);
        let ua = &mut self.dialogs[at];
        let hold = described("10.0.0.1", 4_000, version, "a=sendonly\r\n");
        let bytes = match choice {
            0 => ua.request("BYE", "", ""),
            1 => ua.request("INVITE", "", &hold),
            2 => ua.request("UPDATE", "", &hold),
            3 => ua.request("INVITE", "", ""),
            4 => ua.request("UPDATE", "", ""),
            5 => ua.request("REFER", transferring::TO_CAROL, ""),
            6 => ua.request("REFER", &replaces, ""),
            _ => ua.request("INFO", "", "Signal=1"),
        };
        let flow = ua.flow;
        self.say(flow, bytes);
    }
}

#[test]
fn whatever_happens_each_leg_sees_a_legal_sequence_and_nothing_is_left_behind() {
    let (mut talked, mut ended, mut transferred, mut forwarded, mut direct) = (0, 0, 0, 0, 0);
    for seed in 0..SEEDS {
        let mut chaos = Chaos::new(seed);
        let run = std::panic::AssertUnwindSafe(|| {
            (0..STEPS).for_each(|_| chaos.step());
            chaos.desk.full = false;
            let sent = chaos.desk.let_open();
            chaos.take(sent);
            // Nobody says anything any more: session timers end what is left.
            let sent = chaos.desk.pass(Duration::from_secs(4_000));
            chaos.take(sent);
            chaos.desk.assert_at_rest();
        });
        if let Err(why) = std::panic::catch_unwind(run) {
            eprintln!("seed {seed}");
            std::panic::resume_unwind(why);
        }
        direct += chaos.direct;
        talked += chaos.desk.office.exchange.counters().calls_answered;
        ended += chaos.desk.office.exchange.counters().calls_ended;
        forwarded += chaos.desk.office.exchange.counters().calls_forwarded;
        transferred += chaos.desk.office.exchange.counters().calls_transferred;
    }
    assert!(
        talked > SEEDS
            && ended > SEEDS
            && transferred > SEEDS / 4
            && forwarded > SEEDS / 4
            && direct > SEEDS / 4,
        "{talked} answered, {ended} ended, {transferred} transferred, {forwarded} forwarded, {direct} told where the other \
         is: the test has lost its teeth"
    );
}

/// The same with a process that is killed at any step: what phones see stays legal (no CSeq goes back, nothing follows a BYE),
/// every record is told once, and nothing is left behind.
#[test]
fn a_process_that_is_killed_at_any_step_goes_on_with_its_calls_and_leaves_nothing_behind() {
    let (mut answered, mut restored) = (0, 0);
    for seed in 1_000..1_000 + SEEDS {
        let mut chaos = Chaos::new(seed);
        chaos.crashes = true;
        let run = std::panic::AssertUnwindSafe(|| {
            (0..STEPS).for_each(|_| chaos.step());
            chaos.desk.full = false;
            let sent = chaos.desk.let_open();
            chaos.take(sent);
            let sent = chaos.desk.pass(Duration::from_secs(4_000));
            chaos.take(sent);
            chaos.desk.assert_at_rest();
            let ended: Vec<_> = chaos.desk.office.events.iter().filter_map(ended).collect();
            let once: BTreeSet<_> = ended.iter().collect();
            assert_eq!(ended.len(), once.len(), "a record is told twice");
        });
        if let Err(why) = std::panic::catch_unwind(run) {
            eprintln!("seed {seed}");
            std::panic::resume_unwind(why);
        }
        answered += chaos.answered + chaos.desk.office.exchange.counters().calls_answered;
        restored += chaos.restored;
    }
    assert!(answered > SEEDS && restored > SEEDS / 2, "{answered} answered, {restored} restored");
}

fn ended(event: &crate::event::Event) -> Option<crate::call_record::CallRecordId> {
    match event {
        crate::event::Event::CallEnded(record) => Some(record.id),
        _ => None,
    }
}
