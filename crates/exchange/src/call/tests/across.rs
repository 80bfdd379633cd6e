//! Calls of two shards that meet (decision 0032): the second call of a phone is on another shard than its first.

use super::attending::{refer, replaces};
use super::originating::steps;
use super::transferring::{Three, three, told};
use super::*;
use crate::call_record::Side;
use crate::event::{Event, Step};
use crate::media::TapeOrder;
use crate::testing::{aor, apply};
use coeur_directory::{AccountPatch, Change, RecordPolicy};

/// Alice talks with bob on one shard, and calls carol on another: that call, answered or not, as alice's phone knows it,
/// and carol's side of it.
fn apart(answered: bool) -> (Three, Ua, Sent) {
    let mut three = three();
    three.desk.office.divide(&[three.alice.flow]);
    let (second, invite) = attending::ask_carol(&mut three, answered);
    assert!(second.remote.contains("tag=b2b-01") && three.caller.remote.contains("tag=b2b-00"));
    (three, second, invite)
}

fn carol_agrees(three: &mut Three, offer: &Sent) -> Vec<Sent> {
    assert!(body(offer).contains("m=audio ") && !body(offer).contains("a=crypto"), "{}", offer.text());
    let answer = described("10.0.0.3", 6_000, 2, "");
    three.desk.receive(three.carol, &reply(offer, 200, "", &contact(three.carol), &answer))
}

fn bob_agrees(three: &mut Three, offer: &Sent) -> Vec<Sent> {
    let answer = described("10.0.0.2", 5_000, 2, "");
    three.desk.receive(three.bob, &reply(offer, 200, "", &contact(three.bob), &answer))
}

fn calls(three: &Three) -> (usize, usize) {
    let office = &three.desk.office;
    (office.exchange.calls().calls(), office.second.as_ref().expect("two shards").0.calls().calls())
}

#[test]
fn an_attended_transfer_joins_calls_of_two_shards() {
    let (mut three, second, invite) = apart(true);
    let sent = refer(&mut three, &replaces(&second));
    answer_to(&sent, three.caller.flow, 202);
    // Carol hears of bob on the one shard, then bob of carol on the other.
    let offer = request_to(&sent, three.carol, "INVITE").clone();
    let sent = carol_agrees(&mut three, &offer);
    request_to(&sent, three.carol, "ACK");
    assert_eq!(requests_to(&sent, second.flow, "BYE").len(), 1, "her second call is over");
    let offer = request_to(&sent, three.bob, "INVITE").clone();
    let sent = bob_agrees(&mut three, &offer);
    request_to(&sent, three.bob, "ACK");
    let last = request_to(&sent, three.caller.flow, "NOTIFY").clone();
    assert_eq!(told(&last), ("SIP/2.0 200 OK".into(), true));
    let sent = three.desk.receive(three.caller.flow, &reply(&last, 200, "", "", ""));
    request_to(&sent, three.caller.flow, "BYE");
    // A call on each, and between them two endpoints which nobody outside reaches and which are protected.
    assert_eq!((calls(&three), three.desk.open.len()), ((1, 1), 4));
    let inside: Vec<_> =
        three.desk.open.values().flatten().filter(|peer| peer.signalled_from.is_loopback()).collect();
    assert_eq!(inside.len(), 2);
    for peer in inside {
        let stream = peer.streams[0].as_ref().expect("a stream");
        assert!(
            matches!(stream.keying, crate::media::Keying::Sdes { .. }) && stream.we_send && stream.we_receive
        );
    }
    // What one says the other hears: key presses, hold, the end.
    let mut carol = Ua::callee(three.carol, &invite, "caroltag");
    carol.cseq += 1;
    let info = carol.request("INFO", "Content-Type: application/dtmf-relay\r\n", "");
    let sent = three.desk.receive(three.carol, &info);
    let info = request_to(&sent, three.bob, "INFO").clone();
    let sent = three.desk.receive(three.bob, &reply(&info, 200, "", "", ""));
    answer_to(&sent, three.carol, 200);
    let hold = three.callee.request("INVITE", "", &described("10.0.0.2", 5_000, 3, "a=sendonly\r\n"));
    let sent = three.desk.receive(three.bob, &hold);
    let offer = request_to(&sent, three.carol, "INVITE").clone();
    assert!(body(&offer).contains("a=sendonly"), "{}", offer.text());
    let answer = described("10.0.0.3", 6_000, 3, "a=recvonly\r\n");
    let sent = three.desk.receive(three.carol, &reply(&offer, 200, "", &contact(three.carol), &answer));
    assert!(body(answer_to(&sent, three.bob, 200)).contains("a=recvonly"));
    let ack = three.callee.ack("");
    three.desk.receive(three.bob, &ack);
    let bye = three.callee.request("BYE", "", "");
    let sent = three.desk.receive(three.bob, &bye);
    request_to(&sent, three.carol, "BYE");
    three.desk.assert_at_rest();
    // Of what each shard has begun for it one alone is told.
    let of = |wanted: Step| steps(&three.desk).into_iter().filter(|step| step.1 == wanted).count();
    assert_eq!((of(Step::Started), of(Step::Answered)), (3, 3), "{:?}", steps(&three.desk));
    // Alice and bob; alice and carol; bob and carol, once.
    assert_eq!(parties(&three), [(Some(1), Some(2)), (Some(1), Some(3)), (Some(2), Some(3))]);
}

/// Of each call that has ended the accounts of caller and callee.
fn parties(three: &Three) -> Vec<(Option<u64>, Option<u64>)> {
    let parties = three.desk.office.events.iter().filter_map(|event| match event {
        Event::CallEnded(record) => {
            let account = |side: &Side| side.party.map(|party| party.account.0);
            Some((account(&record.caller), record.callee.as_ref().and_then(account)))
        }
        _ => None,
    });
    let mut parties: Vec<_> = parties.collect();
    parties.sort_unstable();
    parties
}

#[test]
fn who_rings_on_another_shard_is_given_to_the_other_and_answers_him() {
    let (mut three, second, invite) = apart(false);
    let sent = refer(&mut three, &replaces(&second));
    answer_to(&sent, three.caller.flow, 202);
    // The second call of alice has not come to anything.
    answer_to(&sent, second.flow, 487);
    assert!(requests_to(&sent, three.carol, "CANCEL").is_empty());
    let told_last =
        |sent: &[Sent]| told(requests_to(sent, three.caller.flow, "NOTIFY").last().expect("a NOTIFY"));
    assert_eq!(told_last(&sent), ("SIP/2.0 180 Ringing".into(), false));
    let ok = reply(&invite, 200, "caroltag", &contact(three.carol), &sdp("10.0.0.3", 6_000));
    let sent = three.desk.receive(three.carol, &ok);
    let offer = request_to(&sent, three.bob, "INVITE").clone();
    let sent = bob_agrees(&mut three, &offer);
    assert_eq!(told(request_to(&sent, three.caller.flow, "NOTIFY")), ("SIP/2.0 200 OK".into(), true));
    assert_eq!(calls(&three), (1, 1));
    // Whose key it is, is known where the call has its record.
    let patch = AccountPatch { record: Some(RecordPolicy::OnDemand), ..AccountPatch::default() };
    apply(&three.desk.office.world, Change::AccountChanged { aor: aor("bob"), patch });
    let info = three.callee.request("INFO", "Record: on\r\n", "");
    let sent = three.desk.receive(three.bob, &info);
    answer_to(&sent, three.bob, 200);
    let bye = three.callee.request("BYE", "", "");
    let sent = three.desk.receive(three.bob, &bye);
    request_to(&sent, three.carol, "BYE");
    three.desk.assert_at_rest();
    assert!(parties(&three).contains(&(Some(2), Some(3))), "{:?}", parties(&three));
}

/// The other shard looks for itself whose the dialog is.
#[test]
fn a_dialog_of_another_account_on_another_shard_is_not_given_away() {
    let (mut three, second, _) = apart(true);
    let refer = three.callee.request("REFER", &replaces(&second), "");
    let sent = three.desk.receive(three.bob, &refer);
    answer_to(&sent, three.bob, 202);
    let last = requests_to(&sent, three.bob, "NOTIFY").last().map(|notify| told(notify));
    assert_eq!(last, Some(("SIP/2.0 403 Forbidden".into(), true)));
    let mut unknown = second.clone();
    unknown.call_id = "nobody".into();
    let sent = self::refer(&mut three, &replaces(&unknown));
    let last = requests_to(&sent, three.caller.flow, "NOTIFY").last().map(|notify| told(notify));
    assert_eq!(last, Some(("SIP/2.0 481 Call/Transaction Does Not Exist".into(), true)));
    let injected = replaces(&second).replace("998sdasdh09", "998sdasdh09%0d%0aX: y");
    let sent = self::refer(&mut three, &injected);
    answer_to(&sent, three.caller.flow, 400);
    assert_eq!(calls(&three), (1, 1));
}

#[test]
fn who_refuses_on_either_shard_leaves_the_first_call_as_it_was() {
    for by_carol in [true, false] {
        let (mut three, mut second, _) = apart(true);
        let sent = refer(&mut three, &replaces(&second));
        let offer = request_to(&sent, three.carol, "INVITE").clone();
        let sent = match by_carol {
            true => three.desk.receive(three.carol, &reply(&offer, 488, "", "", "")),
            false => {
                let sent = carol_agrees(&mut three, &offer);
                let offer = request_to(&sent, three.bob, "INVITE").clone();
                three.desk.receive(three.bob, &reply(&offer, 488, "", "", ""))
            }
        };
        let last = told(request_to(&sent, three.caller.flow, "NOTIFY"));
        assert_eq!(last, ("SIP/2.0 488 Not Acceptable Here".into(), true));
        let info = three.caller.request("INFO", "", "");
        let sent = three.desk.receive(three.caller.flow, &info);
        request_to(&sent, three.bob, "INFO");
        // Carol has said yes already when it is bob who says no.
        assert_eq!(calls(&three), (1, usize::from(by_carol)));
        if by_carol {
            let info = second.request("INFO", "", "");
            let sent = three.desk.receive(second.flow, &info);
            request_to(&sent, three.carol, "INFO");
            let bye = second.request("BYE", "", "");
            three.desk.receive(second.flow, &bye);
        }
        let bye = three.caller.request("BYE", "", "");
        three.desk.receive(three.caller.flow, &bye);
        three.desk.assert_at_rest();
    }
}

/// It has the name of another shard in its tag, and comes from a network.
#[test]
fn what_comes_from_a_network_is_never_taken_for_another_shard() {
    let (mut three, second, _) = apart(true);
    let tag = |value: &str| value.split("tag=").nth(1).expect("a tag").to_owned();
    let (to, from) = (tag(&second.remote), tag(&second.local));
    let lines = format!("Replaces: {};to-tag={to};from-tag={from}\r\n", second.call_id);
    let inside = "sip:dialog.0000000000000001000000000000006400000000000000010000000000000064@inside.invalid";
    let mut mallory = crate::testing::Phone::new("carol", desk::tls("127.255.255.254:0", 77));
    mallory.call = "-mallory".into();
    let (_, sent) = three.desk.invite(&mut mallory, inside, &lines, &sdp("10.0.0.9", 7_000));
    answer_to(&sent, mallory.flow, 403);
    let bare = mallory.request(coeur_sip::Method::Invite, inside, &lines);
    let sent = three.desk.receive(desk::tls("127.0.0.1:5061", 78), &bare);
    assert_eq!(sent[0].status(), 407);
    assert_eq!(calls(&three), (1, 1));
}

/// The call is carol's shard's: what the key of bob's phone asks for is asked for there.
#[test]
fn a_record_key_is_heard_on_the_shard_that_has_the_record_of_the_call() {
    let (mut three, second, _) = apart(true);
    let patch = AccountPatch { record: Some(RecordPolicy::OnDemand), ..AccountPatch::default() };
    apply(&three.desk.office.world, Change::AccountChanged { aor: aor("bob"), patch });
    let sent = refer(&mut three, &replaces(&second));
    let offer = request_to(&sent, three.carol, "INVITE").clone();
    let sent = carol_agrees(&mut three, &offer);
    let offer = request_to(&sent, three.bob, "INVITE").clone();
    bob_agrees(&mut three, &offer);
    for value in ["on", "off"] {
        let info = three.callee.request("INFO", &format!("Record: {value}\r\n"), "");
        let sent = three.desk.receive(three.bob, &info);
        answer_to(&sent, three.bob, 200);
        assert_eq!(sent.len(), 1, "carol hears nothing of it: {}", dump(&sent));
    }
    let [(left, right, TapeOrder::Begin { asked_by, .. }), (_, _, TapeOrder::End)] = &three.desk.tapes[..]
    else {
        panic!("{:?}", three.desk.tapes)
    };
    assert_eq!(**asked_by, *aor("bob").as_str());
    let port = |id| three.desk.open[id].as_ref().and_then(|peer| Some(peer.streams[0].as_ref()?.rtp.port()));
    assert!([port(left), port(right)].contains(&Some(6_000)), "where carol is");
}
