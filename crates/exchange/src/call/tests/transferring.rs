//! Blind transfer: REFER executed by the exchange (RFC 3515, RFC 5589 section 6).

use super::originating::steps;
use super::*;
use crate::event::Step;
use crate::testing::{Phone, aor, apply};
use coeur_directory::{AccountPatch, Change, TermsPatch};

const CAROL: &str = "192.0.2.33:5060";
pub(super) const TO_CAROL: &str = "Refer-To: <sip:carol@example.org>\r\n";

/// Alice has called bob, and carol's phone is there.
pub(super) struct Three {
    pub(super) desk: Desk,
    pub(super) alice: Phone,
    pub(super) carol: Flow,
    pub(super) bob: Flow,
    /// Alice's and bob's side.
    pub(super) caller: Ua,
    pub(super) callee: Ua,
}

pub(super) fn three() -> Three {
    let (mut desk, mut alice, bob) = Desk::new();
    let carol = desk.register("carol", udp(CAROL), "").flow;
    let (caller, callee) = desk.talk(&mut alice, &bob);
    Three { desk, alice, carol, bob: bob.flow, caller, callee }
}

impl Three {
    /// Alice refers bob; what left.
    fn refer(&mut self, lines: &str) -> Vec<Sent> {
        let refer = self.caller.request("REFER", lines, "");
        self.desk.receive(self.caller.flow, &refer)
    }

    /// Carol's phone takes the call; what left.
    fn carol_answers(&mut self, invite: &Sent) -> Vec<Sent> {
        let ok = reply(invite, 200, "caroltag", &contact(self.carol), &sdp("10.0.0.3", 6_000));
        self.desk.receive(self.carol, &ok)
    }

    /// Bob's phone takes the new offer; what left.
    fn bob_agrees(&mut self, offer: &Sent) -> Vec<Sent> {
        let answer = described("10.0.0.2", 5_000, 2, "");
        self.desk.receive(self.bob, &reply(offer, 200, "", &contact(self.bob), &answer))
    }
}

/// The status that a NOTIFY tells, and whether it is the last.
pub(super) fn told(notify: &Sent) -> (String, bool) {
    assert!(header(notify, HeaderName::Event).starts_with("refer"), "{}", notify.text());
    assert_eq!(header(notify, HeaderName::ContentType), "message/sipfrag;version=2.0");
    assert!(!header(notify, HeaderName::Contact).is_empty());
    let over = header(notify, HeaderName::SubscriptionState).starts_with("terminated");
    (body(notify).trim_end().to_owned(), over)
}

fn is(status: &str, over: bool) -> (String, bool) {
    (format!("SIP/2.0 {status}"), over)
}

#[test]
fn a_call_and_a_blind_transfer_of_it_are_told_step_by_step() {
    let mut three = three();
    let sent = three.refer(TO_CAROL);
    let invite = request_to(&sent, three.carol, "INVITE").clone();
    three.desk.receive(three.carol, &reply(&invite, 180, "caroltag", &contact(three.carol), ""));
    let sent = three.carol_answers(&invite);
    let offer = request_to(&sent, three.bob, "INVITE").clone();
    three.bob_agrees(&offer);
    let steps = steps(&three.desk);
    let (first, second) = (steps[0].0, steps.last().expect("told").0);
    assert_ne!(first, second);
    let (alice, bob, carol) = (Some(1), Some(2), Some(3));
    let told = [
        (first, Step::Started, [alice, None], None),
        (first, Step::Answered, [alice, bob], None),
        (second, Step::Started, [bob, None], Some(first)),
        (second, Step::Ringing, [bob, carol], Some(first)),
        (second, Step::Answered, [bob, carol], Some(first)),
        (second, Step::Transferred, [bob, carol], Some(first)),
    ];
    assert_eq!(steps, told);
}

#[test]
fn a_blind_transfer_joins_the_other_side_with_whom_it_was_referred_to() {
    let mut three = three();
    let sent = three.refer(TO_CAROL);
    answer_to(&sent, three.caller.flow, 202);
    let trying = request_to(&sent, three.caller.flow, "NOTIFY").clone();
    assert_eq!(told(&trying), is("100 Trying", false));
    let invite = request_to(&sent, three.carol, "INVITE").clone();
    // Section 5 of RFC 3892; who calls is the party that is transferred.
    assert!(header(&invite, HeaderName::From).contains("sip:bob@example.org"), "{}", invite.text());
    assert!(header(&invite, HeaderName::ReferredBy).contains("sip:alice@example.org"));
    assert!(requests_to(&sent, three.bob, "INVITE").is_empty(), "who waits hears nothing yet");
    three.desk.receive(three.caller.flow, &reply(&trying, 200, "", "", ""));

    let sent = three.desk.receive(three.carol, &reply(&invite, 180, "caroltag", &contact(three.carol), ""));
    assert_eq!(told(request_to(&sent, three.caller.flow, "NOTIFY")), is("180 Ringing", false));

    let sent = three.carol_answers(&invite);
    request_to(&sent, three.carol, "ACK");
    let offer = request_to(&sent, three.bob, "INVITE").clone();
    assert!(requests_to(&sent, three.caller.flow, "NOTIFY").is_empty(), "bob may still say no");
    let sent = three.bob_agrees(&offer);
    request_to(&sent, three.bob, "ACK");
    let last = request_to(&sent, three.caller.flow, "NOTIFY").clone();
    assert_eq!(told(&last), is("200 OK", true));
    assert!(requests_to(&sent, three.caller.flow, "BYE").is_empty(), "it may say good-bye itself");
    let sent = three.desk.receive(three.caller.flow, &reply(&last, 200, "", "", ""));
    let bye = request_to(&sent, three.caller.flow, "BYE").clone();
    three.desk.receive(three.caller.flow, &reply(&bye, 200, "", "", ""));

    // Bob hears carol, and nobody else.
    assert_eq!(three.desk.open.len(), 2);
    assert_eq!(three.desk.office.exchange.calls().calls(), 1);
    let (bobs, carols) = (three.desk.peer_at(5_000), three.desk.peer_at(6_000));
    assert!([bobs, carols].iter().all(|peer| peer.streams[0].as_ref().is_some_and(|s| s.we_send)));
    assert!(three.desk.connected.is_some());
    let bye = three.callee.request("BYE", "", "");
    let sent = three.desk.receive(three.bob, &bye);
    let bye = request_to(&sent, three.carol, "BYE").clone();
    three.desk.receive(three.carol, &reply(&bye, 200, "", "", ""));
    three.desk.assert_at_rest();
}

/// RFC 5589 section 6.1: it may say BYE once it has heard the 202.
#[test]
fn who_transfers_may_leave_at_once() {
    for answered in [true, false] {
        let mut three = three();
        let sent = three.refer(TO_CAROL);
        let invite = request_to(&sent, three.carol, "INVITE").clone();
        let bye = three.caller.request("BYE", "", "");
        let sent = three.desk.receive(three.caller.flow, &bye);
        answer_to(&sent, three.caller.flow, 200);
        assert!(requests_to(&sent, three.bob, "BYE").is_empty(), "bob is still wanted");
        if answered {
            let sent = three.carol_answers(&invite);
            let offer = request_to(&sent, three.bob, "INVITE").clone();
            let sent = three.bob_agrees(&offer);
            request_to(&sent, three.bob, "ACK");
            assert_eq!(three.desk.open.len(), 2);
            let bye = three.callee.request("BYE", "", "");
            let sent = three.desk.receive(three.bob, &bye);
            request_to(&sent, three.carol, "BYE");
        } else {
            let sent = three.desk.receive(three.carol, &reply(&invite, 486, "caroltag", "", ""));
            // There is nobody to go back to.
            request_to(&sent, three.bob, "BYE");
        }
        three.desk.assert_at_rest();
    }
}

#[test]
fn a_transfer_that_fails_leaves_the_call_as_it_was_and_tells_why() {
    let mut three = three();
    for first in [true, false] {
        let sent = three.refer(TO_CAROL);
        let invite = request_to(&sent, three.carol, "INVITE").clone();
        let sent = three.desk.receive(three.carol, &reply(&invite, 486, "caroltag", "", ""));
        let last = request_to(&sent, three.caller.flow, "NOTIFY").clone();
        assert_eq!(told(&last), is("486 Busy Here", true));
        // RFC 3515 section 2.4.6: of a second REFER the events are told apart.
        assert_eq!(header(&last, HeaderName::Event).contains(";id="), !first);
        assert!(requests_to(&sent, three.bob, "INVITE").is_empty());
        three.desk.receive(three.caller.flow, &reply(&last, 200, "", "", ""));
    }
    let info = three.caller.request("INFO", "", "");
    let sent = three.desk.receive(three.caller.flow, &info);
    request_to(&sent, three.bob, "INFO");
}

/// Threat T-09: the rights are those of who transfers, whatever the transferred party may do.
#[test]
fn a_transfer_never_reaches_what_who_transfers_may_not_call() {
    let mut three = three();
    let patch = AccountPatch { terms: TermsPatch::relay(true), ..AccountPatch::default() };
    apply(&three.desk.office.world, Change::AccountChanged { aor: aor("bob"), patch });
    for (target, status) in [("<sip:premium@elsewhere.example>", 403), ("<sip:nobody@example.org>", 404)] {
        let sent = three.refer(&format!("Refer-To: {target}\r\n"));
        answer_to(&sent, three.caller.flow, status);
        assert_eq!(sent.len(), 1, "{}", dump(&sent));
    }
    assert_eq!(three.desk.office.exchange.counters().relay_refused, 1);
    assert_eq!(three.desk.office.exchange.calls().calls(), 1);
}

#[test]
fn when_the_party_that_waits_hangs_up_nobody_is_called_any_more() {
    let mut three = three();
    let sent = three.refer(TO_CAROL);
    let invite = request_to(&sent, three.carol, "INVITE").clone();
    three.desk.receive(three.carol, &reply(&invite, 180, "caroltag", &contact(three.carol), ""));
    let bye = three.callee.request("BYE", "", "");
    let sent = three.desk.receive(three.bob, &bye);
    request_to(&sent, three.carol, "CANCEL");
    assert_eq!(told(request_to(&sent, three.caller.flow, "NOTIFY")), is("487 Request Terminated", true));
    request_to(&sent, three.caller.flow, "BYE");
    three.desk.assert_at_rest();
}

#[test]
fn who_waits_may_refuse_the_new_party_and_stays_with_the_old_one() {
    let mut three = three();
    let sent = three.refer(TO_CAROL);
    let invite = request_to(&sent, three.carol, "INVITE").clone();
    let sent = three.carol_answers(&invite);
    let offer = request_to(&sent, three.bob, "INVITE").clone();
    let sent = three.desk.receive(three.bob, &reply(&offer, 488, "", "", ""));
    assert_eq!(told(request_to(&sent, three.caller.flow, "NOTIFY")), is("488 Not Acceptable Here", true));
    request_to(&sent, three.carol, "BYE");
    let info = three.callee.request("INFO", "", "");
    let sent = three.desk.receive(three.bob, &info);
    request_to(&sent, three.caller.flow, "INFO");
    assert_eq!(three.desk.office.exchange.calls().calls(), 1);
}

/// RFC 3261 section 14.1.
#[test]
fn glare_with_who_waits_is_tried_again_later() {
    let mut three = three();
    let sent = three.refer(TO_CAROL);
    let invite = request_to(&sent, three.carol, "INVITE").clone();
    let sent = three.carol_answers(&invite);
    let offer = request_to(&sent, three.bob, "INVITE").clone();
    let sent = three.desk.receive(three.bob, &reply(&offer, 491, "", "", ""));
    assert!(requests_to(&sent, three.caller.flow, "NOTIFY").is_empty());
    let sent = three.desk.pass(Duration::from_millis(2_000));
    assert!(requests_to(&sent, three.bob, "INVITE").is_empty());
    let sent = three.desk.pass(Duration::from_millis(2_100));
    let offer = requests_to(&sent, three.bob, "INVITE")[0].clone();
    let sent = three.bob_agrees(&offer);
    assert_eq!(told(request_to(&sent, three.caller.flow, "NOTIFY")), is("200 OK", true));
}

/// RFC 3261 section 14.1: no offer of ours while one of its own is under way.
#[test]
fn an_offer_under_way_is_waited_for() {
    let mut three = three();
    let sent = three.refer(TO_CAROL);
    let invite = request_to(&sent, three.carol, "INVITE").clone();
    let hold = three.callee.request("INVITE", "", &described("10.0.0.2", 5_000, 2, "a=sendonly\r\n"));
    let sent = three.desk.receive(three.bob, &hold);
    let passed = request_to(&sent, three.caller.flow, "INVITE").clone();
    let sent = three.carol_answers(&invite);
    assert!(requests_to(&sent, three.bob, "INVITE").is_empty());
    let held = described("10.0.0.1", 4_000, 2, "a=recvonly\r\n");
    let sent =
        three.desk.receive(three.caller.flow, &reply(&passed, 200, "", &contact(three.caller.flow), &held));
    answer_to(&sent, three.bob, 200);
    let ack = three.callee.ack("");
    three.desk.receive(three.bob, &ack);
    let sent = three.desk.pass(Duration::from_millis(300));
    request_to(&sent, three.bob, "INVITE");
}

/// Who was put on hold before the transfer is not offered as held.
#[test]
fn who_was_held_is_offered_to_the_new_party_as_one_who_talks() {
    let mut three = three();
    let hold = three.caller.request("INVITE", "", &described("10.0.0.1", 4_000, 2, "a=sendonly\r\n"));
    let sent = three.desk.receive(three.caller.flow, &hold);
    let passed = request_to(&sent, three.bob, "INVITE").clone();
    let held = described("10.0.0.2", 5_000, 2, "a=recvonly\r\n");
    three.desk.receive(three.bob, &reply(&passed, 200, "", &contact(three.bob), &held));
    let ack = three.caller.ack("");
    three.desk.receive(three.caller.flow, &ack);
    let sent = three.refer(TO_CAROL);
    let offer = body(request_to(&sent, three.carol, "INVITE"));
    assert!(offer.contains("m=audio "), "{offer}");
    assert!(!offer.contains("a=recvonly") && !offer.contains("a=sendonly"), "{offer}");
}

/// RFC 4488 section 4, RFC 7614 section 5; what we cannot do is refused (RFC 3261 section 8.2.2.3).
#[test]
fn who_wants_to_hear_nothing_of_its_transfer_hears_nothing() {
    for (lines, status) in [
        ("Refer-Sub: false\r\nSupported: norefersub\r\n", 200),
        ("Require: nosub\r\n", 200),
        ("Require: explicitsub\r\n", 420),
    ] {
        let mut three = three();
        let sent = three.refer(&format!("{TO_CAROL}{lines}"));
        let answer = answer_to(&sent, three.caller.flow, status);
        assert_eq!(header(answer, HeaderName::ReferSub) == "false", lines.starts_with("Refer-Sub"));
        assert!(requests_to(&sent, three.caller.flow, "NOTIFY").is_empty());
        assert_eq!(requests_to(&sent, three.carol, "INVITE").len(), usize::from(status == 200));
        if status == 200 {
            let invite = request_to(&sent, three.carol, "INVITE").clone();
            let sent = three.carol_answers(&invite);
            let offer = request_to(&sent, three.bob, "INVITE").clone();
            let sent = three.bob_agrees(&offer);
            assert!(requests_to(&sent, three.caller.flow, "NOTIFY").is_empty());
            request_to(&sent, three.caller.flow, "BYE");
        }
    }
}

/// RFC 3515 section 2.4.2.
#[test]
fn a_refer_that_cannot_be_done_is_refused() {
    let mut three = three();
    for (lines, status) in [
        ("", 400),
        ("Refer-To: <sip:carol@example.org>\r\nRefer-To: <sip:bob@example.org>\r\n", 400),
        ("Refer-To: <sip:carol@example.org;method=BYE>\r\n", 501),
        ("Refer-To: <http://example.org/>\r\n", 416),
    ] {
        let sent = three.refer(lines);
        answer_to(&sent, three.caller.flow, status);
        assert_eq!(sent.len(), 1, "{}", dump(&sent));
    }
    let refer = three.caller.request("REFER", TO_CAROL, "");
    let sent = three.desk.receive(three.caller.flow, &refer);
    answer_to(&sent, three.caller.flow, 202);
    let again = three.desk.receive(three.caller.flow, &refer);
    assert_eq!(again.len(), 1, "a repetition calls nobody: {}", dump(&again));
    answer_to(&again, three.caller.flow, 202);
    for refer in [three.caller.request("REFER", TO_CAROL, ""), three.callee.request("REFER", TO_CAROL, "")] {
        let flow = if refer.windows(5).any(|w| w == b"=bobt") { three.bob } else { three.caller.flow };
        let sent = three.desk.receive(flow, &refer);
        assert_eq!(sent[0].status(), 491, "{}", dump(&sent));
    }
}

/// A phone that refuses to hear of it is none the worse.
#[test]
fn a_notify_that_is_refused_or_lost_ends_no_call() {
    let mut three = three();
    let sent = three.refer(TO_CAROL);
    let invite = request_to(&sent, three.carol, "INVITE").clone();
    let notify = request_to(&sent, three.caller.flow, "NOTIFY").clone();
    three.desk.receive(three.caller.flow, &reply(&notify, 481, "", "", ""));
    let sent = three.carol_answers(&invite);
    let offer = request_to(&sent, three.bob, "INVITE").clone();
    let sent = three.bob_agrees(&offer);
    assert!(requests_to(&sent, three.caller.flow, "NOTIFY").is_empty());
    request_to(&sent, three.caller.flow, "BYE");

    let mut three = self::three();
    let sent = three.refer(TO_CAROL);
    let invite = request_to(&sent, three.carol, "INVITE").clone();
    let sent = three.carol_answers(&invite);
    let offer = request_to(&sent, three.bob, "INVITE").clone();
    three.bob_agrees(&offer);
    let sent = three.desk.pass(Duration::from_secs(40));
    assert!(!requests_to(&sent, three.caller.flow, "BYE").is_empty(), "the last NOTIFY was never answered");
    assert_eq!(three.desk.office.exchange.calls().legs(), 2);
}

#[test]
fn a_transfer_of_a_revoked_account_ends_for_everybody() {
    let mut three = three();
    let sent = three.refer(TO_CAROL);
    let invite = request_to(&sent, three.carol, "INVITE").clone();
    three.desk.receive(three.carol, &reply(&invite, 180, "caroltag", &contact(three.carol), ""));
    let command = crate::input::Command::Revoked { aor: aor("alice"), device: None };
    let sent = three.desk.handle(crate::input::Input::Told(command));
    request_to(&sent, three.carol, "CANCEL");
    request_to(&sent, three.bob, "BYE");
    three.desk.assert_at_rest();
}
