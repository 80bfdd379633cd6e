//! What tests of attacks share: an exchange, phones that register and call, and what they send.

use coeur_exchange::flow::Flow;
use coeur_sim::fuzzing::desk::{DOMAIN, Desk, STRANGER, Sent, USERS, udp};
use coeur_sim::fuzzing::party::{Party, Request, answer_lines, written};
use coeur_sip::{HeaderTable, Limits, parse};

pub const ALICE: Flow = udp([192, 0, 2, 11], 5060);
pub const BOB: Flow = udp([192, 0, 2, 12], 5060);
pub const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.11\r\ns=-\r\nc=IN IP4 192.0.2.11\r\nt=0 0\r\n\
                     m=audio 4000 RTP/AVP 0 8\r\n";
/// One exchange, and parties that prove themselves, call and answer.
pub struct Bench {
    pub desk: Desk,
}

impl Bench {
    pub fn new() -> Self {
        Self { desk: Desk::new() }
    }

    pub fn request(&mut self, party: &Party, method: &'static str, uri: &str) -> Request {
        let serial = self.desk.serial();
        let own = format!("<sip:{}@{DOMAIN}>", party.user);
        Request {
            method,
            to: if method == "REGISTER" { own.clone() } else { format!("<{uri}>") },
            uri: uri.into(),
            from: format!("{own};tag=f{serial}"),
            call_id: format!("call-{serial}"),
            cseq: 1,
            branch: format!("z9hG4bKa{serial}"),
            contact: party.contact(),
            max_forwards: 70,
            routes: Vec::new(),
            extra: vec!["User-Agent: attacks".into(), format!("Subject: {}", "-".repeat(80))],
            body: if method == "INVITE" { OFFER } else { "" },
        }
    }

    /// Sends, and gives the answers back to the party that asked.
    pub fn send(&mut self, party: &mut Party, request: &Request) -> Vec<Sent> {
        self.send_bytes(party, &bytes_of(request, &party.flow))
    }

    pub fn send_bytes(&mut self, party: &mut Party, bytes: &[u8]) -> Vec<Sent> {
        let sent = self.desk.receive(party.flow, bytes);
        let own = party.flow.remote;
        for each in sent.iter().filter(|each| each.to() == own) {
            party.receive(each.bytes.clone());
        }
        sent
    }

    /// Asks, is challenged, proves itself. Gives the proving request and what it caused.
    pub fn prove(&mut self, party: &mut Party, mut request: Request) -> (Request, Vec<Sent>) {
        party.session = None;
        self.send(party, &request);
        let serial = self.desk.serial();
        request.branch = format!("z9hG4bKa{serial}");
        request.cseq += 1;
        request
            .extra
            .push(party.credentials(request.method, &request.uri).expect("a challenge was received"));
        let sent = self.send(party, &request);
        (request, sent)
    }

    pub fn register(&mut self, party: &mut Party) {
        let request = self.request(party, "REGISTER", &format!("sip:{DOMAIN}"));
        let (_, sent) = self.prove(party, request);
        assert_eq!(status(&sent), 200, "{} registers", party.user);
    }

    pub fn authenticated(&self) -> u64 {
        self.desk.exchange().counters().authenticated
    }

    /// Alice calls Bob. Gives Alice's INVITE and what Bob received of it.
    pub fn ring(&mut self, alice: &mut Party, bob: &mut Party) -> (Request, Vec<u8>) {
        let invite = self.request(alice, "INVITE", &format!("sip:bob@{DOMAIN}"));
        let (invite, sent) = self.prove(alice, invite);
        let received = to(&sent, bob).expect("the call reaches Bob");
        self.answer(bob, alice, &received, 180);
        (invite, received)
    }

    pub fn answer(&mut self, callee: &mut Party, caller: &mut Party, request: &[u8], status: u16) {
        let mut table = HeaderTable::new();
        let message = parse(request, &mut table, &Limits::default()).expect("what we send can be read");
        let bytes = written(&answer_lines(&message, status, "callee", &callee.contact()), b"");
        let mut own = HeaderTable::new();
        callee.learn_dialog(&parse(&bytes, &mut own, &Limits::default()).expect("an answer"), false);
        for each in self.desk.receive(callee.flow, &bytes) {
            assert_eq!(each.to(), caller.flow.remote, "the answer goes to the caller");
            caller.receive(each.bytes);
        }
    }

    /// A call that stands.
    pub fn call(&mut self, alice: &mut Party, bob: &mut Party) {
        let (_, received) = self.ring(alice, bob);
        self.answer(bob, alice, &received, 200);
        let ack = self.inside(alice, "ACK");
        assert!(to(&self.send(alice, &ack), bob).is_some(), "the ACK reaches Bob");
    }

    /// A request inside the dialog that this party knows of.
    pub fn inside(&mut self, party: &Party, method: &'static str) -> Request {
        let dialog = party.dialog.clone().expect("a dialog");
        let mut request = self.request(party, method, &dialog.target);
        (request.call_id, request.from, request.to) = (dialog.call_id, dialog.local, dialog.remote);
        (request.routes, request.cseq) = (dialog.routes, 7);
        request
    }
}

pub fn bytes_of(request: &Request, via: &Flow) -> Vec<u8> {
    let lines: Vec<Vec<u8>> = request.lines(via).into_iter().map(String::into_bytes).collect();
    written(&lines, request.body.as_bytes())
}

/// The last final answer; 0 when there was none.
pub fn status(sent: &[Sent]) -> u16 {
    sent.iter().filter_map(|each| each.status).rfind(|status| *status >= 200).unwrap_or(0)
}

pub fn to(sent: &[Sent], party: &Party) -> Option<Vec<u8>> {
    sent.iter().find(|each| each.to() == party.flow.remote).map(|each| each.bytes.clone())
}

pub fn party(user: usize, flow: Flow) -> Party {
    Party::new(USERS[user], true, flow)
}

pub fn stranger() -> Party {
    Party::new("mallory", false, STRANGER)
}

/// Both registered.
pub fn two_phones(bench: &mut Bench) -> (Party, Party) {
    let (mut alice, mut bob) = (party(0, ALICE), party(1, BOB));
    bench.register(&mut alice);
    bench.register(&mut bob);
    (alice, bob)
}
