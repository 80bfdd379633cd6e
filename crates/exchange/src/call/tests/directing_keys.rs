//! Media that goes from phone to phone under keys of their own, which each is told of the other (decisions 0021 and 0043).

use super::desk::tls;
use super::silent::report;
use super::*;
use crate::call_record::{Ask, MediaPath, RecordOrder, Relayed, Ticket, Told};
use crate::input::{Command, Input};
use crate::media::{Keying, Report, SrtpKey};
use crate::testing::{aor, apply};
use coeur_directory::{AccountPatch, Change, RecordPolicy};
use coeur_sdp::attribute::{Attribute, Crypto};

pub(super) const SUITE: &str = "AES_CM_128_HMAC_SHA1_80";
const OTHER_SUITE: &str = "AEAD_AES_256_GCM";

/// A key of a phone, by a letter: 30 bytes, or 44.
pub(super) fn key(suite: &str, letter: char) -> String {
    let repeated = |count| letter.to_string().repeat(count);
    let key = if suite == SUITE { repeated(40) } else { repeated(58) + "A=" };
    format!("{suite} inline:{key}")
}

pub(super) struct Phone {
    pub(super) name: &'static str,
    pub(super) flow: Flow,
    pub(super) ip: &'static str,
    pub(super) port: u16,
    pub(super) key: char,
    pub(super) suite: &'static str,
    /// It has another key in each answer.
    pub(super) renews: bool,
}

impl Phone {
    pub(super) fn describes(&self, version: u32, lines: &str) -> String {
        self.describes_with_tag(1, version, lines)
    }

    pub(super) fn describes_with_tag(&self, tag: u32, version: u32, lines: &str) -> String {
        let key = key(self.suite, self.key);
        described(self.ip, self.port, version, &format!("a=crypto:{tag} {key}\r\n{lines}"))
            .replace("RTP/AVP", "RTP/SAVP")
    }

    /// What it answers to this.
    pub(super) fn takes(&mut self, offer: &str, version: u32) -> String {
        if self.renews {
            self.key = (self.key as u8 + 1) as char;
        }
        let tag =
            cryptos(offer).iter().find(|crypto| crypto.suite.as_str() == self.suite).map(|found| found.tag);
        self.describes_with_tag(tag.expect("its suite"), version, "")
    }
}

pub(super) struct Talk {
    pub(super) desk: Desk,
    pub(super) caller: Ua,
    pub(super) alice: Phone,
    pub(super) bob: Phone,
    pub(super) there: [crate::testing::Phone; 2],
    pub(super) version: u32,
}

pub(super) fn cryptos(described: &str) -> Vec<Crypto> {
    let value = |line: &str| line.strip_prefix("a=crypto:").and_then(|value| Crypto::parse(value.as_bytes()));
    described.lines().filter_map(value).collect()
}

/// The letter of the key that is told, when it is a phone's.
pub(super) fn letter(described: &str) -> Option<char> {
    let line = described.lines().find(|line| line.starts_with("a=crypto:"))?;
    let key = line.split("inline:").nth(1)?;
    let first = key.chars().next()?;
    key[..30].chars().all(|letter| letter == first).then_some(first)
}

/// Where media goes by a description, and whose key is told.
pub(super) fn told(described: &str) -> String {
    let line = |start: &str| described.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_default();
    let port = line("m=audio ").split(' ').next().unwrap_or_default();
    let whose = letter(described).map_or("ours".to_owned(), String::from);
    format!("{}:{port} {whose}", line("c=IN IP4 "))
}

pub(super) fn is_ours(described: &str) -> bool {
    told(described).starts_with("198.51.100.1:") && told(described).ends_with(" ours")
}

pub(super) fn phones() -> [Phone; 2] {
    let phone = |name, ip, port, key, serial| Phone {
        name,
        flow: tls(&format!("{ip}:5061"), serial),
        ip,
        port,
        key,
        suite: SUITE,
        renews: false,
    };
    [phone("alice", "10.0.0.1", 4_000, 'A', 11), phone("bob", "10.0.0.2", 5_000, 'B', 22)]
}

pub(super) fn talk() -> Talk {
    talk_of(phones(), "Desk", |_| {})
}

/// `named`: what alice's phone calls itself.
pub(super) fn talk_of([alice, mut bob]: [Phone; 2], named: &str, change: impl FnOnce(&mut Desk)) -> Talk {
    let mut desk = Desk::empty();
    desk.office.world.settings.direct_media = true;
    desk.report = *report(100);
    change(&mut desk);
    let mut at_alice = crate::testing::Phone::new("alice", alice.flow);
    at_alice.user_agent = named.into();
    at_alice.contact = format!("sip:phone@{}", alice.flow.remote);
    assert_eq!(desk.office.register(&mut at_alice).status(), 200);
    let mut at_bob = desk.register("bob", bob.flow, "");
    at_bob.contact = format!("sip:phone@{}", bob.flow.remote);
    let (request, sent) = desk.invite(&mut at_alice, URI, "", &alice.describes(1, ""));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let answer = bob.takes(&body(&invite), 1);
    let sent = desk.receive(bob.flow, &reply(&invite, 200, "bobtag", &contact(bob.flow), &answer));
    let ok = answer_to(&sent, alice.flow, 200).clone();
    assert!(is_ours(&body(&ok)) && is_ours(&body(&invite)), "{}", body(&ok));
    let mut caller = Ua::caller(alice.flow, &request, &ok);
    let ack = caller.ack("");
    desk.receive(alice.flow, &ack);
    Talk { desk, caller, alice, bob, there: [at_alice, at_bob], version: 1 }
}

/// What the media plane reports when the numbers under the keys are so far.
pub(super) fn counted(index: u64) -> Report {
    let mut report = *report(100);
    report.streams[0].as_mut().expect("a stream").srtp_index = Some(index);
    report
}

impl Talk {
    /// Some seconds pass, and the phones take what they are offered: who, and what of the other is said.
    pub(super) fn rests(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        for _ in 0..12 {
            let sent = self.desk.pass(Duration::from_millis(350));
            self.take(&sent, &mut all);
        }
        all
    }

    /// The offers among these are taken, and those that follow at once.
    pub(super) fn take(&mut self, sent: &[Sent], all: &mut Vec<String>) {
        for phone in [&mut self.alice, &mut self.bob] {
            for offer in requests_to(sent, phone.flow, "INVITE") {
                all.push(format!("{} {}", phone.name, told(&body(offer))));
                self.version += 1;
                let answer = phone.takes(&body(offer), self.version);
                let sent =
                    self.desk.receive(phone.flow, &reply(offer, 200, "", &contact(phone.flow), &answer));
                request_to(&sent, phone.flow, "ACK");
            }
        }
    }

    /// Alice offers this direction, bob agrees with that; what each is told.
    pub(super) fn offers(&mut self, direction: &str, mirrored: &str) -> [String; 2] {
        self.version += 1;
        let offer = self.alice.describes(self.version, direction);
        let invite = self.caller.request("INVITE", "", &offer);
        let sent = self.desk.receive(self.alice.flow, &invite);
        let offer = request_to(&sent, self.bob.flow, "INVITE").clone();
        self.version += 1;
        let tag = cryptos(&body(&offer))[0].tag;
        let answer = self.bob.describes_with_tag(tag, self.version, mirrored);
        let ok = reply(&offer, 200, "", &contact(self.bob.flow), &answer);
        let sent = self.desk.receive(self.bob.flow, &ok);
        let ok = body(answer_to(&sent, self.alice.flow, 200));
        let ack = self.caller.ack("");
        self.desk.receive(self.alice.flow, &ack);
        [body(&offer), ok]
    }

    /// The process is killed and comes again; the connections of the phones have gone with it, and they make others.
    pub(super) fn crash(&mut self, serial: u64) {
        self.desk.crash();
        let phones = [(&mut self.alice, serial), (&mut self.bob, serial + 1)];
        for ((phone, serial), there) in phones.into_iter().zip(&mut self.there) {
            phone.flow = tls(&format!("{}:5061", phone.ip), serial);
            there.flow = phone.flow;
            assert_eq!(self.desk.office.register(there).status(), 200);
        }
        self.caller.flow = self.alice.flow;
    }

    pub(super) fn ask(&mut self, ask: Ask) -> Option<Told> {
        self.desk.handle(Input::Told(Command::Asked { ticket: Ticket(1), ask }));
        self.desk.office.told.pop().map(|(_, told)| told)
    }

    /// Its way and its protection, as they are shown to who asks for the call.
    pub(super) fn shown(&mut self) -> (Option<MediaPath>, &'static str) {
        let Some(Told::Calls { calls, .. }) = self.ask(Ask::List { account: None, limit: 1 }) else {
            panic!("no list")
        };
        let Some(Told::Call(Some(call))) = self.ask(Ask::Show(calls[0].id)) else { panic!("no call") };
        (call.media_path, call.protection.map_or("none", |protection| protection.state().as_str()))
    }

    pub(super) fn path(&mut self) -> Option<MediaPath> {
        self.shown().0
    }

    /// The keys of one leg that the media plane was told last, of us and of the phone there; `None`: it has nothing to do.
    pub(super) fn keys(&self, port: u16) -> Option<(SrtpKey, SrtpKey)> {
        let at = |stream: &&crate::media::Stream| stream.rtp.port() == port;
        let streams = self.desk.open.values().flatten().flat_map(|peer| peer.streams.iter().flatten());
        match streams.clone().find(at).map(|stream| stream.keying.clone()) {
            Some(Keying::Sdes { send, receive }) => Some((send, receive)),
            Some(other) => panic!("{other:?}"),
            None => None,
        }
    }
}

#[test]
fn two_phones_over_tls_are_told_where_the_other_is_and_under_which_key_it_sends() {
    let mut call = talk();
    assert_eq!(call.rests(), ["alice 10.0.0.2:5000 B", "bob 10.0.0.1:4000 A"]);
    assert_eq!(call.shown(), (Some(MediaPath::DirectSdes), "hop"), "we have seen the keys");
    assert!(
        call.keys(4_000).is_none() && call.keys(5_000).is_none(),
        "nothing is to be sent under them by us"
    );
    assert!(call.rests().is_empty(), "once");
    let bye = call.caller.request("BYE", "", "");
    let sent = call.desk.receive(call.alice.flow, &bye);
    let bye = request_to(&sent, call.bob.flow, "BYE").clone();
    call.desk.receive(call.bob.flow, &reply(&bye, 200, "", "", ""));
    call.desk.assert_at_rest();
}

/// Between the two answers neither can read what comes.
#[test]
fn the_second_is_told_at_once_when_the_first_has_answered() {
    let mut call = talk();
    let sent = call.desk.pass(Duration::from_millis(350));
    let mut told = Vec::new();
    call.take(&sent, &mut told);
    let sent = call.desk.pass(Duration::from_millis(50));
    call.take(&sent, &mut told);
    assert_eq!(told, ["alice 10.0.0.2:5000 B", "bob 10.0.0.1:4000 A"]);
}

/// RFC 4568 section 7.1.4: another address has another key; and ours was known to no phone before.
#[test]
fn a_hold_brings_media_back_with_new_keys_of_ours_and_after_it_it_goes_directly_again() {
    let mut call = talk();
    let first = call.keys(4_000).expect("relayed").0;
    call.rests();
    let [offer, answer] = call.offers("a=sendonly\r\n", "a=recvonly\r\n");
    assert!(is_ours(&offer) && is_ours(&answer), "{offer}{answer}");
    let (to_alice, of_alice) = call.keys(4_000).expect("relayed");
    let (to_bob, of_bob) = call.keys(5_000).expect("relayed");
    assert!(to_alice != first && to_alice != to_bob, "new ones");
    assert!(to_alice != of_bob && to_bob != of_alice, "never the key of the other");
    assert!(call.rests().is_empty());
    assert_eq!(call.path(), Some(MediaPath::Relayed(Relayed::Held)));
    let [offer, answer] = call.offers("", "");
    assert!(is_ours(&offer) && is_ours(&answer), "{offer}{answer}");
    assert_eq!(call.rests(), ["alice 10.0.0.2:5000 B", "bob 10.0.0.1:4000 A"]);
    assert_eq!(call.path(), Some(MediaPath::DirectSdes));
}

#[test]
fn a_refresh_of_a_direct_call_is_answered_with_the_key_of_the_other() {
    let mut call = talk();
    call.rests();
    let same = call.alice.describes(2, "");
    let invite = call.caller.request("INVITE", "", &same);
    let sent = call.desk.receive(call.alice.flow, &invite);
    assert!(requests_to(&sent, call.bob.flow, "INVITE").is_empty());
    assert_eq!(told(&body(answer_to(&sent, call.alice.flow, 200))), "10.0.0.2:5000 B");
    let ack = call.caller.ack("");
    call.desk.receive(call.alice.flow, &ack);
    assert!(call.rests().is_empty());
    assert_eq!(call.path(), Some(MediaPath::DirectSdes));
}

#[test]
fn who_answers_with_another_key_is_heard_by_the_other_under_it() {
    let mut call = talk();
    let sent = call.desk.pass(Duration::from_millis(350));
    call.alice.key = 'C';
    let mut told = Vec::new();
    call.take(&sent, &mut told);
    call.bob.key = 'D';
    told.extend(call.rests());
    assert_eq!(told, ["alice 10.0.0.2:5000 B", "bob 10.0.0.1:4000 C", "alice 10.0.0.2:5000 D"]);
    assert_eq!(call.path(), Some(MediaPath::DirectSdes));
}

#[test]
fn two_phones_with_another_key_in_each_answer_are_relayed_with_keys_of_ours() {
    let mut phones = phones();
    phones.iter_mut().for_each(|phone| phone.renews = true);
    let mut call = talk_of(phones, "Desk", |_| {});
    let told = call.rests();
    assert_eq!(told.len(), 7, "two, three that set it right, and both come back: {told:?}");
    assert!(told[5..].iter().all(|told| told.ends_with(" ours")), "{told:?}");
    assert_eq!(call.path(), Some(MediaPath::Relayed(Relayed::Refused)));
}

#[test]
fn when_one_refuses_the_other_comes_back_to_a_new_key_of_ours() {
    let mut call = talk();
    let sent = call.desk.pass(Duration::from_millis(350));
    call.take(&sent, &mut Vec::new());
    let sent = call.desk.pass(Duration::from_millis(50));
    let offer = request_to(&sent, call.bob.flow, "INVITE").clone();
    call.desk.receive(call.bob.flow, &reply(&offer, 488, "", "", ""));
    let told = call.rests();
    assert!(
        told.len() == 1 && told[0].starts_with("alice 198.51.100.1:") && told[0].ends_with(" ours"),
        "{told:?}"
    );
    assert_eq!(call.path(), Some(MediaPath::Relayed(Relayed::Refused)));
    assert!(call.keys(4_000).is_some() && call.keys(5_000).is_some());
}

/// Each reason why two phones with keys are not told of each other.
#[test]
fn keys_that_do_not_fit_or_may_not_be_told_are_kept_apart_and_the_call_says_why() {
    type Change = fn(&mut Phone, &mut Phone);
    let cases: [(Change, Relayed); 3] = [
        (|_, bob| bob.suite = OTHER_SUITE, Relayed::Keys),
        (|alice, _| alice.flow = tcp("10.0.0.1:5062", 11), Relayed::Signalling),
        (|alice, _| alice.flow = udp("10.0.0.1:5060"), Relayed::Signalling),
    ];
    for (change, why) in cases {
        let [mut alice, mut bob] = phones();
        change(&mut alice, &mut bob);
        let mut call = talk_of([alice, bob], "Desk", |_| {});
        assert!(call.rests().is_empty(), "{why:?}");
        assert_eq!(call.path(), Some(MediaPath::Relayed(why)));
    }
}

/// RFC 3711 section 3.3.1: who is told a key counts rollovers from zero.
#[test]
fn a_key_under_which_the_numbers_have_rolled_over_or_soon_will_is_told_to_nobody() {
    for (index, is_told) in [(100, true), (61_000, true), (62_000, false), (65_536, false), (9 << 16, false)]
    {
        let mut call = talk_of(phones(), "Desk", |desk| desk.report = counted(index));
        let told = call.rests();
        assert_eq!(told.len(), if is_told { 2 } else { 0 }, "{index}: {told:?}");
        let expected = if is_told { MediaPath::DirectSdes } else { MediaPath::Relayed(Relayed::UsedKey) };
        assert_eq!(call.path(), Some(expected), "{index}");
    }
}

#[test]
fn a_phone_that_is_known_to_keep_its_first_key_is_told_no_other() {
    let mut call = talk_of(phones(), "baresip v1.0.0 (x86_64/linux)", |_| {});
    assert!(call.rests().is_empty());
    assert_eq!(call.path(), Some(MediaPath::Relayed(Relayed::KeepsKey)));
}

#[test]
fn a_call_that_was_direct_before_a_restart_is_so_after_it_and_comes_back_with_keys_of_ours() {
    let mut call = talk();
    call.rests();
    call.crash(33);
    assert!(call.rests().is_empty());
    assert_eq!(call.shown(), (Some(MediaPath::DirectSdes), "hop"));
    let [offer, answer] = call.offers("a=sendonly\r\n", "a=recvonly\r\n");
    assert!(is_ours(&offer) && is_ours(&answer), "{offer}{answer}");
    let (to_alice, of_alice) = call.keys(4_000).expect("relayed");
    let (to_bob, of_bob) = call.keys(5_000).expect("relayed");
    assert!(to_alice != of_bob && to_bob != of_alice && to_alice != to_bob);
    call.offers("", "");
    call.rests();
    assert_eq!(call.path(), Some(MediaPath::DirectSdes));
}

#[test]
fn a_direct_call_with_keys_that_is_recorded_comes_back_first() {
    let mut call = talk();
    let patch = AccountPatch { record: Some(RecordPolicy::OnDemand), ..AccountPatch::default() };
    apply(&call.desk.office.world, Change::AccountChanged { aor: aor("bob"), patch });
    call.rests();
    let Some(Told::Calls { calls, .. }) = call.ask(Ask::List { account: None, limit: 1 }) else {
        panic!("no list")
    };
    let id = calls[0].id;
    let order = |order| Ask::Record { id, order, by: "root".into() };
    assert!(matches!(call.ask(order(RecordOrder::Start)), Some(Told::Taped(Some(Ok(()))))));
    let told = call.rests();
    assert!(told.len() == 2 && told.iter().all(|told| told.ends_with(" ours")), "{told:?}");
    assert_eq!(call.desk.tapes.len(), 1);
    assert_eq!(call.path(), Some(MediaPath::Relayed(Relayed::Recorded)));
    assert!(matches!(call.ask(order(RecordOrder::Stop)), Some(Told::Taped(Some(Ok(()))))));
    call.rests();
    assert_eq!(call.path(), Some(MediaPath::DirectSdes));
}
