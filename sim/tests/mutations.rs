//! Some 4,500 requests, each wrong in one element, against the real exchange. Beside what the desk judges (no second
//! answer, no answer to an ACK, what leaves can be read, nothing is left at rest):
//!
//! - a stranger makes us send no request to anybody;
//! - what is relayed says to the next reader what it said to us;
//! - an OPTIONS is answered after every case.

use coeur_exchange::flow::Flow;
use coeur_sim::fuzzing::desk::{DOMAIN, Desk, STRANGER, Sent, USERS, stream, udp};
use coeur_sim::fuzzing::party::{Party, answer_lines, written};
use coeur_sim::mutations::{Case, Place, cases, uri_of};
use coeur_sip::transport::Transport;
use coeur_sip::{HeaderName, HeaderTable, Limits, parse};

const ALICE: Flow = udp([192, 0, 2, 11], 5060);
const BOB: Flow = udp([192, 0, 2, 12], 5060);
const SEED: u64 = 7;

#[derive(Debug, Default)]
struct Seen {
    cases: usize,
    relayed: usize,
    refused: usize,
    challenged: usize,
    accepted: usize,
    silent: usize,
}

impl Seen {
    fn note(&mut self, sent: &[Sent]) {
        self.cases += 1;
        let last = sent.iter().filter_map(|each| each.status).rfind(|status| *status >= 200);
        match last {
            _ if sent.iter().any(|each| each.status.is_none()) => self.relayed += 1,
            Some(401 | 407) => self.challenged += 1,
            Some(200..=299) => self.accepted += 1,
            Some(_) => self.refused += 1,
            None => self.silent += 1,
        }
    }
}

fn place(flow: &Flow, proves_itself: bool) -> Place {
    Place {
        domain: DOMAIN.into(),
        user: USERS[0].into(),
        local: flow.remote.to_string(),
        transport: flow.transport.as_str(),
        proves_itself,
    }
}

fn lives(desk: &mut Desk, case: &Case) {
    let serial = desk.serial();
    let options = format!(
        "OPTIONS sip:{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.7:5060;branch=z9hG4bKo{serial}\r\n\
         From: <sip:x@{DOMAIN}>;tag=1\r\nTo: <sip:{DOMAIN}>\r\nCall-ID: o{serial}\r\nCSeq: 1 OPTIONS\r\n\r\n"
    );
    let sent = desk.receive(udp([203, 0, 113, 7], 5060), options.as_bytes());
    assert_eq!(sent.first().and_then(|each| each.status), Some(200), "after {} {}", case.group, case.number);
}

#[test]
fn mutated_requests_of_a_stranger_are_refused_or_ignored() {
    let mut desk = Desk::new();
    let mut seen = Seen::default();
    for flow in [STRANGER, stream(Transport::Tcp, [203, 0, 113, 9], 1)] {
        for case in cases(SEED, &place(&flow, false)) {
            let sent = desk.receive(flow, &case.bytes);
            assert!(
                sent.iter().all(|each| each.status.is_some()),
                "{} {} was relayed",
                case.group,
                case.number
            );
            seen.note(&sent);
            lives(&mut desk, &case);
        }
    }
    println!("from a stranger: {seen:?}");
    assert_eq!(desk.world.bindings.count(), 0);
    assert_eq!(seen.accepted, 0, "{seen:?}");
    desk.rest();
}

#[test]
fn mutated_requests_of_a_phone_are_relayed_or_refused_and_leave_nothing() {
    let mut desk = Desk::new();
    let (mut alice, mut bob) = (Party::new(USERS[0], true, ALICE), Party::new(USERS[1], true, BOB));
    register(&mut desk, &mut bob);
    register(&mut desk, &mut alice);
    let mut seen = Seen::default();
    for case in cases(SEED, &place(&ALICE, true)) {
        let credentials = alice.credentials(case.method, &uri_of(case.method, DOMAIN)).expect("a challenge");
        let bytes = case.with(&credentials);
        let sent = desk.receive(ALICE, &bytes);
        seen.note(&sent);
        sent.iter().filter(|each| each.status.is_none()).for_each(|each| says_the_same(&bytes, &each.bytes));
        for each in sent {
            match each.status {
                Some(401 | 407) => alice.receive(each.bytes),
                Some(_) => {}
                None => refuse(&mut desk, &each),
            }
        }
        lives(&mut desk, &case);
        desk.pass(50);
    }
    println!("from a phone: {seen:?}");
    assert!(seen.relayed > 1_000 && seen.refused > 1_000, "both happen: {seen:?}");
    desk.rest();
}

/// The headers that a callee acts on and the body are what we read ourselves; folds may have been written anew.
fn says_the_same(received: &[u8], relayed: &[u8]) {
    let (mut one, mut other) = (HeaderTable::new(), HeaderTable::new());
    let received =
        parse(received, &mut one, &Limits::default()).expect("it was relayed, so it could be read");
    let relayed = parse(relayed, &mut other, &Limits::default()).expect("what leaves can be read");
    assert_eq!(received.body(), relayed.body());
    assert_eq!(received.method(), relayed.method());
    for name in [HeaderName::From, HeaderName::To, HeaderName::CallId, HeaderName::CSeq, HeaderName::Contact]
    {
        let words = |value: &[u8]| -> Vec<u8> {
            value.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect()
        };
        let (a, b): (Vec<_>, Vec<_>) = (
            received.headers_of(name).map(|h| words(h.value)).collect(),
            relayed.headers_of(name).map(|h| words(h.value)).collect(),
        );
        assert_eq!(a, b, "{name}");
    }
    assert_eq!(relayed.vias().count(), received.vias().count() + 1);
}

/// Bob is busy.
fn refuse(desk: &mut Desk, request: &Sent) {
    let mut table = HeaderTable::new();
    let Ok(message) = parse(&request.bytes, &mut table, &Limits::default()) else { return };
    let bytes = written(&answer_lines(&message, 486, "busy", &format!("<sip:bob@{}>", BOB.remote)), b"");
    desk.receive(BOB, &bytes);
}

fn register(desk: &mut Desk, party: &mut Party) {
    let mut status = None;
    for _ in 0..2 {
        let place = Place { user: party.user.into(), ..place(&party.flow, party.session.is_some()) };
        let case = cases(SEED, &place).find(|case| case.method == "REGISTER").expect("a valid REGISTER");
        let credentials = party.credentials("REGISTER", &format!("sip:{DOMAIN}")).unwrap_or_default();
        let serial = format!("z9hG4bK{}", desk.serial());
        let text = String::from_utf8(case.with(&credentials)).expect("text").replace("z9hG4bK", &serial);
        for each in desk.receive(party.flow, text.as_bytes()) {
            status = each.status;
            party.receive(each.bytes);
        }
    }
    assert_eq!(status, Some(200), "{} registers", party.user);
}
