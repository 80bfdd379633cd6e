//! Media that goes from phone to phone (decision 0021).

use super::*;
use crate::call_record::{
    Ask, Hearer, MediaPath, NotControlled, NotRecorded, RecordOrder, Relayed, Ticket, Told, Verb,
};
use crate::event::Event;
use crate::input::{Command, Input};
use crate::media::TapeOrder;
use crate::testing::{aor, apply};
use coeur_directory::{AccountPatch, Change, RecordPolicy};

/// Two phones of one network, that of the server.
const LAN: [&str; 2] = ["10.0.0.1:5060", "10.0.0.2:5060"];
/// The same two behind one NAT, and behind two.
const ONE_NAT: [&str; 2] = ["8.8.8.8:5060", "8.8.8.8:5062"];
const TWO_NATS: [&str; 2] = ["8.8.8.8:5060", "9.9.9.9:5060"];

struct Talk {
    desk: Desk,
    alice: Flow,
    bob: Flow,
    caller: Ua,
    /// Of what the phones describe.
    version: u32,
}

fn talk([alice, bob]: [&str; 2], direct_media: bool) -> Talk {
    let mut desk = Desk::empty();
    desk.office.world.settings.direct_media = direct_media;
    let mut alice = desk.register("alice", udp(alice), "");
    let bob = desk.register("bob", udp(bob), "");
    let (caller, _) = desk.talk(&mut alice, &bob);
    Talk { desk, alice: alice.flow, bob: bob.flow, caller, version: 1 }
}

/// Where a description says that media goes.
fn address(described: &str) -> String {
    let line = |start: &str| described.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_default();
    format!("{}:{}", line("c=IN IP4 "), line("m=audio ").split(' ').next().unwrap_or_default())
}

fn is_ours(described: &str) -> bool {
    address(described).starts_with("198.51.100.1:")
}

impl Talk {
    /// Some seconds pass, and the phones take what they are offered: who, and where the other is said to be.
    fn rests(&mut self) -> Vec<(&'static str, String)> {
        self.rests_with(|_, usual| usual)
    }

    /// The same; `port` says where who is asked and usually hears there hears from now on.
    fn rests_with(&mut self, mut port: impl FnMut(&'static str, u16) -> u16) -> Vec<(&'static str, String)> {
        let mut told = Vec::new();
        for _ in 0..12 {
            let sent = self.desk.pass(Duration::from_millis(350));
            for (who, flow, ip, usual) in
                [("alice", self.alice, "10.0.0.1", 4_000), ("bob", self.bob, "10.0.0.2", 5_000)]
            {
                for offer in requests_to(&sent, flow, "INVITE") {
                    told.push((who, address(&body(offer))));
                    self.version += 1;
                    let answer = described(ip, port(who, usual), self.version, "");
                    let sent = self.desk.receive(flow, &reply(offer, 200, "", &contact(flow), &answer));
                    request_to(&sent, flow, "ACK");
                }
            }
        }
        told
    }

    /// Alice offers this direction, bob agrees with that; what each is told.
    fn offers(&mut self, direction: &str, mirrored: &str) -> [String; 2] {
        self.version += 1;
        let offer = described("10.0.0.1", 4_000, self.version, direction);
        let invite = self.caller.request("INVITE", "", &offer);
        let sent = self.desk.receive(self.alice, &invite);
        let offer = request_to(&sent, self.bob, "INVITE").clone();
        self.version += 1;
        let answer = described("10.0.0.2", 5_000, self.version, mirrored);
        let sent = self.desk.receive(self.bob, &reply(&offer, 200, "", &contact(self.bob), &answer));
        let ok = body(answer_to(&sent, self.alice, 200));
        let ack = self.caller.ack("");
        self.desk.receive(self.alice, &ack);
        [body(&offer), ok]
    }

    /// What was told of the way since it was asked last.
    fn looked(&mut self) -> Vec<MediaPath> {
        let looked = |event| match event {
            Event::CallLooked(looked) => looked.path,
            _ => None,
        };
        std::mem::take(&mut self.desk.office.events).into_iter().filter_map(looked).collect()
    }

    fn record(&mut self, order: RecordOrder) -> Result<(), NotRecorded> {
        let mut ask = |ask| {
            self.desk.handle(Input::Told(Command::Asked { ticket: Ticket(1), ask }));
            self.desk.office.told.pop().map(|(_, told)| told)
        };
        let Some(Told::Calls { calls, .. }) = ask(Ask::List { account: None, limit: 1 }) else {
            panic!("no list")
        };
        match ask(Ask::Record { id: calls[0].id, order, by: "root".into() }) {
            Some(Told::Taped(Some(done))) => done,
            other => panic!("{other:?}"),
        }
    }

    /// Bob is muted, or not any more.
    fn order(&mut self, is_muted: bool) -> Result<(), NotControlled> {
        let mut ask = |ask| {
            self.desk.handle(Input::Told(Command::Asked { ticket: Ticket(1), ask }));
            self.desk.office.told.pop().map(|(_, told)| told)
        };
        let Some(Told::Calls { calls, .. }) = ask(Ask::List { account: None, limit: 1 }) else {
            panic!("no list")
        };
        let verb = Verb::Mute { side: Hearer::Callee, is_muted };
        match ask(Ask::Control { id: calls[0].id, verb }) {
            Some(Told::Controlled(Some(done))) => done,
            other => panic!("{other:?}"),
        }
    }

    /// As it is shown to who asks for the call.
    fn path(&mut self) -> Option<MediaPath> {
        let mut ask = |ask| {
            self.desk.handle(Input::Told(Command::Asked { ticket: Ticket(1), ask }));
            self.desk.office.told.pop().map(|(_, told)| told)
        };
        let Some(Told::Calls { calls, .. }) = ask(Ask::List { account: None, limit: 1 }) else {
            panic!("no list")
        };
        let Some(Told::Call(Some(call))) = ask(Ask::Show(calls[0].id)) else { panic!("no call") };
        call.media_path
    }
}

/// What was said to be done and waits is shown so, and nothing more is promised; taken back it is at once.
#[test]
fn what_a_phone_keeps_from_us_by_a_refusal_is_ordered_once_and_then_refused() {
    let mut call = talk(LAN, true);
    call.rests();
    assert_eq!(call.order(true), Ok(()));
    assert_eq!(call.path(), Some(MediaPath::Relayed(Relayed::Changing)));
    for _ in 0..6 {
        let sent = call.desk.pass(Duration::from_millis(350));
        for (who, flow) in [("alice", call.alice), ("bob", call.bob)] {
            for offer in requests_to(&sent, flow, "INVITE") {
                assert!(is_ours(&body(offer)), "{who}");
                call.desk.receive(flow, &reply(offer, 488, "", "", ""));
            }
        }
    }
    assert_eq!(call.path(), Some(MediaPath::Relayed(Relayed::Changing)), "it is not back");
    assert_eq!(call.order(true), Err(NotControlled::Direct));
    assert_eq!(call.order(false), Ok(()));
}

#[test]
fn two_phones_of_one_network_are_told_of_each_other_once_the_call_rests() {
    for places in [LAN, ONE_NAT] {
        let mut call = talk(places, true);
        let told = call.rests();
        assert_eq!(told, [("alice", "10.0.0.2:5000".into()), ("bob", "10.0.0.1:4000".into())]);
        assert_eq!(call.path(), Some(MediaPath::Direct));
        assert_eq!(call.looked(), [MediaPath::Direct], "the trace is told");
        for port in [4_000, 5_000] {
            let stream = call.desk.peer_at(port).streams[0].clone().expect("a stream");
            assert!(!stream.we_receive, "nobody waits for what does not come here");
        }
        assert!(call.rests().is_empty(), "once");
        let bye = call.caller.request("BYE", "", "");
        let sent = call.desk.receive(call.alice, &bye);
        let bye = request_to(&sent, call.bob, "BYE").clone();
        call.desk.receive(call.bob, &reply(&bye, 200, "", "", ""));
        call.desk.assert_at_rest();
    }
}

#[test]
fn without_the_setting_and_between_two_networks_media_stays_here_and_the_call_says_why() {
    for (places, setting, why) in [
        (LAN, false, Relayed::Policy),
        (TWO_NATS, true, Relayed::Networks),
        (["10.0.0.1:5060", "8.8.8.8:5060"], true, Relayed::Networks),
    ] {
        let mut call = talk(places, setting);
        assert!(call.rests().is_empty(), "{places:?}");
        assert_eq!(call.path(), Some(MediaPath::Relayed(why)));
        assert_eq!(call.looked(), [MediaPath::Relayed(why)], "the trace is told");
    }
}

#[test]
fn phones_with_other_formats_or_keys_are_relayed() {
    let offered = |formats: &str| sdp("10.0.0.1", 4_000).replace("0 8 101", formats);
    for (formats, answered) in [("0 101", "0"), ("0 101", "9 101")] {
        let mut desk = Desk::empty();
        desk.office.world.settings.direct_media = true;
        let mut alice = desk.register("alice", udp(LAN[0]), "");
        let bob = desk.register("bob", udp(LAN[1]), "");
        let (request, sent) = desk.invite(&mut alice, URI, "", &offered(formats));
        let invite = request_to(&sent, bob.flow, "INVITE").clone();
        let answer = sdp("10.0.0.2", 5_000).replace("0 8 101", answered);
        let sent = desk.receive(bob.flow, &reply(&invite, 200, "bobtag", &contact(bob.flow), &answer));
        let mut caller = Ua::caller(alice.flow, &request, answer_to(&sent, alice.flow, 200));
        let ack = caller.ack("");
        desk.receive(alice.flow, &ack);
        let mut call = Talk { desk, alice: alice.flow, bob: bob.flow, caller, version: 1 };
        assert!(call.rests().is_empty(), "{answered}");
        assert_eq!(call.path(), Some(MediaPath::Relayed(Relayed::Formats)));
    }
}

#[test]
fn a_hold_brings_media_back_and_after_it_it_goes_directly_again() {
    let mut call = talk(LAN, true);
    assert_eq!(call.rests().len(), 2);
    let [offer, answer] = call.offers("a=sendonly\r\n", "a=recvonly\r\n");
    assert!(is_ours(&offer) && is_ours(&answer), "{offer}{answer}");
    assert!(call.rests().is_empty(), "who is on hold hears music");
    assert_eq!(call.path(), Some(MediaPath::Relayed(Relayed::Held)));
    let [offer, answer] = call.offers("", "");
    assert!(is_ours(&offer) && is_ours(&answer), "{offer}{answer}");
    let told = call.rests();
    assert_eq!(told, [("alice", "10.0.0.2:5000".into()), ("bob", "10.0.0.1:4000".into())]);
    assert_eq!(call.path(), Some(MediaPath::Direct));
}

#[test]
fn a_refresh_leaves_media_where_it_is() {
    let mut call = talk(LAN, true);
    call.rests();
    let same = described("10.0.0.1", 4_000, 2, "");
    let invite = call.caller.request("INVITE", "", &same);
    let sent = call.desk.receive(call.alice, &invite);
    assert!(requests_to(&sent, call.bob, "INVITE").is_empty());
    assert_eq!(address(&body(answer_to(&sent, call.alice, 200))), "10.0.0.2:5000");
    let ack = call.caller.ack("");
    call.desk.receive(call.alice, &ack);
    assert!(call.rests().is_empty());
    assert_eq!(call.path(), Some(MediaPath::Direct));
}

#[test]
fn when_one_phone_refuses_both_are_relayed_and_not_asked_again() {
    let mut call = talk(LAN, true);
    let sent = call.desk.pass(Duration::from_millis(350));
    let offer = request_to(&sent, call.alice, "INVITE").clone();
    let answer = described("10.0.0.1", 4_000, 2, "");
    call.desk.receive(call.alice, &reply(&offer, 200, "", &contact(call.alice), &answer));
    let sent = call.desk.pass(Duration::from_millis(350));
    let offer = request_to(&sent, call.bob, "INVITE").clone();
    call.desk.receive(call.bob, &reply(&offer, 488, "", "", ""));
    call.version = 5;
    let told = call.rests();
    assert!(told.len() == 1 && told[0].0 == "alice" && told[0].1.starts_with("198.51.100.1:"), "{told:?}");
    assert_eq!(call.path(), Some(MediaPath::Relayed(Relayed::Refused)));
    assert!(call.rests().is_empty());
    let stream = call.desk.peer_at(4_000).streams[0].clone().expect("a stream");
    assert!(stream.we_receive && stream.we_send);
}

#[test]
fn who_answers_with_another_port_is_heard_by_the_other_there() {
    let mut call = talk(LAN, true);
    let told = call.rests_with(|who, usual| if who == "bob" { 5_002 } else { usual });
    let expected = [("alice", "10.0.0.2:5000"), ("bob", "10.0.0.1:4000"), ("alice", "10.0.0.2:5002")];
    assert_eq!(told, expected.map(|(who, at)| (who, at.to_owned())));
    assert_eq!(call.path(), Some(MediaPath::Direct));
    assert!(call.rests().is_empty());
}

/// RFC 4028 section 7.4: a refresh of ours, which bob answers with another port.
#[test]
fn who_has_moved_when_its_session_is_refreshed_is_heard_by_the_other_there() {
    let mut call = talk(LAN, true);
    call.rests();
    let sent = call.desk.pass(Duration::from_secs(901));
    let last = |flow, method| requests_to(&sent, flow, method).last().copied().cloned().expect("a refresh");
    let (update, invite) = (last(call.alice, "UPDATE"), last(call.bob, "INVITE"));
    call.desk.receive(call.alice, &reply(&update, 200, "", &contact(call.alice), ""));
    call.version += 1;
    let answer = described("10.0.0.2", 5_002, call.version, "");
    call.desk.receive(call.bob, &reply(&invite, 200, "", &contact(call.bob), &answer));
    assert_eq!(call.rests(), [("alice", "10.0.0.2:5002".to_owned())]);
    assert_eq!(call.path(), Some(MediaPath::Direct));
}

#[test]
fn two_phones_that_answer_each_time_with_another_port_are_relayed() {
    let mut call = talk(LAN, true);
    let mut next = 0;
    let told = call.rests_with(|_, usual| {
        next += 2;
        usual + next
    });
    assert_eq!(told.len(), 7, "two, three that set it right, and both come back: {told:?}");
    assert!(told[5..].iter().all(|(_, at)| at.starts_with("198.51.100.1:")), "{told:?}");
    assert_eq!(call.path(), Some(MediaPath::Relayed(Relayed::Refused)));
    assert!(call.rests().is_empty());
}

/// Alice was told of bob, who has refused to be told of her; what she is offered then.
fn alice_is_to_come_back(call: &mut Talk) -> Sent {
    let sent = call.desk.pass(Duration::from_millis(350));
    let offer = request_to(&sent, call.alice, "INVITE").clone();
    let answer = described("10.0.0.1", 4_000, 2, "");
    call.desk.receive(call.alice, &reply(&offer, 200, "", &contact(call.alice), &answer));
    let sent = call.desk.pass(Duration::from_millis(350));
    let offer = request_to(&sent, call.bob, "INVITE").clone();
    call.desk.receive(call.bob, &reply(&offer, 488, "", "", ""));
    let sent = call.desk.pass(Duration::from_millis(350));
    let offer = request_to(&sent, call.alice, "INVITE").clone();
    assert!(is_ours(&body(&offer)), "{}", offer.text());
    offer
}

#[test]
fn who_refuses_to_come_back_is_asked_again_seldom_and_not_for_ever() {
    for status in [488, 491, 500] {
        let mut call = talk(LAN, true);
        let offer = alice_is_to_come_back(&mut call);
        call.desk.receive(call.alice, &reply(&offer, status, "", "", ""));
        let (mut asked, mut early) = (0, 0);
        for second in 0..3_600 {
            let sent = call.desk.pass(Duration::from_secs(1));
            // It may have been repeated.
            let offer = requests_to(&sent, call.alice, "INVITE").last().copied().cloned();
            if let Some(offer) = offer.filter(|offer| is_ours(&body(offer))) {
                asked += 1;
                early += u32::from(second < 25);
                call.desk.receive(call.alice, &reply(&offer, status, "", "", ""));
            }
        }
        let (most_early, most) = if status == 491 { (4, 6) } else { (0, 6) };
        assert!(early <= most_early, "{status}: {early}");
        assert!((2..=most).contains(&asked), "{status}: {asked}");
    }
}

/// RFC 3261 section 12.2.1.2.
#[test]
fn whose_media_is_elsewhere_and_who_knows_no_such_call_any_more_ends_it() {
    let mut call = talk(LAN, true);
    let offer = alice_is_to_come_back(&mut call);
    let sent = call.desk.receive(call.alice, &reply(&offer, 481, "", "", ""));
    let bye = request_to(&sent, call.bob, "BYE").clone();
    call.desk.receive(call.bob, &reply(&bye, 200, "", "", ""));
    call.desk.assert_at_rest();
}

#[test]
fn who_is_parked_hears_music_from_here() {
    let mut call = talk(LAN, true);
    call.rests();
    let refer = call.caller.request("REFER", "Refer-To: <sip:park@example.org>\r\n", "");
    let sent = call.desk.receive(call.alice, &refer);
    for notify in requests_to(&sent, call.alice, "NOTIFY") {
        call.desk.receive(call.alice, &reply(notify, 200, "", "", ""));
    }
    let told = call.rests();
    assert!(told.len() == 1 && told[0].0 == "bob" && told[0].1.starts_with("198.51.100.1:"), "{told:?}");
}

#[test]
fn a_direct_call_is_so_again_after_a_transfer_that_has_failed() {
    let mut call = talk(LAN, true);
    let carol = call.desk.register("carol", udp("10.0.0.3:5060"), "").flow;
    call.rests();
    assert_eq!(call.path(), Some(MediaPath::Direct));
    let answer_notifies = |call: &mut Talk, sent: &[Sent]| {
        for notify in requests_to(sent, call.alice, "NOTIFY") {
            call.desk.receive(call.alice, &reply(notify, 200, "", "", ""));
        }
    };
    let refer = call.caller.request("REFER", "Refer-To: <sip:carol@example.org>\r\n", "");
    let sent = call.desk.receive(call.alice, &refer);
    let invite = request_to(&sent, carol, "INVITE").clone();
    answer_notifies(&mut call, &sent);
    let sent = call.desk.receive(carol, &reply(&invite, 180, "caroltag", &contact(carol), ""));
    answer_notifies(&mut call, &sent);
    let told = call.rests();
    assert!(told.iter().any(|(_, at)| at.starts_with("198.51.100.1:")), "{told:?}");
    let sent = call.desk.receive(carol, &reply(&invite, 486, "caroltag", "", ""));
    answer_notifies(&mut call, &sent);
    call.rests();
    assert_eq!(call.path(), Some(MediaPath::Direct));
}

#[test]
fn a_call_that_was_direct_before_a_restart_is_so_after_it() {
    let mut call = talk(LAN, true);
    call.rests();
    call.desk.crash();
    assert!(call.rests().is_empty());
    assert_eq!(call.path(), Some(MediaPath::Direct));
    let [offer, answer] = call.offers("a=sendonly\r\n", "a=recvonly\r\n");
    assert!(is_ours(&offer) && is_ours(&answer), "{offer}{answer}");
}

/// Nothing is recorded of what does not come here (see `tape`).
#[test]
fn a_direct_call_that_is_recorded_is_relayed_first_and_goes_its_own_way_again_afterwards() {
    let mut call = talk(LAN, true);
    let patch = AccountPatch { record: Some(RecordPolicy::OnDemand), ..AccountPatch::default() };
    apply(&call.desk.office.world, Change::AccountChanged { aor: aor("bob"), patch });
    call.rests();
    assert_eq!(call.path(), Some(MediaPath::Direct));
    assert_eq!(call.record(RecordOrder::Start), Ok(()));
    assert!(call.desk.tapes.is_empty());
    let told = call.rests();
    assert!(told.len() == 2 && told.iter().all(|(_, at)| at.starts_with("198.51.100.1:")), "{told:?}");
    assert!(matches!(call.desk.tapes[..], [(_, _, TapeOrder::Begin { .. })]), "{:?}", call.desk.tapes);
    assert_eq!(call.path(), Some(MediaPath::Relayed(Relayed::Recorded)));
    assert_eq!(call.record(RecordOrder::Stop), Ok(()));
    call.rests();
    assert_eq!(call.path(), Some(MediaPath::Direct));
}
