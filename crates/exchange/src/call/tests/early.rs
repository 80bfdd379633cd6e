//! Offers before the call is answered: RFC 3311 section 5, RFC 3262 section 5.

use super::*;
use crate::testing::Phone;

struct Ringing {
    desk: Desk,
    alice: Phone,
    bob: Phone,
    invite: Sent,
    /// What alice's INVITE was told reliably.
    progress: Sent,
    caller: Ua,
}

/// Bob's phone rings with early media, which alice has been told reliably.
fn ringing(reliable: &str) -> Ringing {
    let (mut desk, mut alice, bob) = Desk::new();
    let (request, sent) = desk.invite(&mut alice, URI, "Require: 100rel\r\n", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let lines = format!("{}Allow: INVITE, UPDATE\r\n{reliable}", contact(bob.flow));
    let sent = desk.receive(bob.flow, &reply(&invite, 183, "tag", &lines, &sdp("10.0.0.2", 5_000)));
    let progress = answer_to(&sent, alice.flow, 183).clone();
    let caller = Ua::caller(alice.flow, &request, &progress);
    Ringing { desk, alice, bob, invite, progress, caller }
}

const RELIABLE: &str = "Require: 100rel\r\nRSeq: 1\r\n";

fn rack(progress: &Sent) -> String {
    let (rseq, cseq) = (header(progress, HeaderName::RSeq), header(progress, HeaderName::CSeq));
    format!("RAck: {rseq} {cseq}\r\n")
}

fn hold(version: u32) -> String {
    described("10.0.0.1", 4_002, version, "a=sendonly\r\n")
}

/// (we send, we receive) of the endpoint whose peer receives at this port.
fn flows(desk: &Desk, port: u16) -> (bool, bool) {
    let stream = desk.peer_at(port).streams[0].as_ref().expect("audio");
    (stream.we_send, stream.we_receive)
}

/// Bob answers and alice acknowledges; what bob is offered then, and answers.
fn bob_hears_of_it(talk: Ringing, mut caller: Ua) {
    let Ringing { mut desk, alice, bob, invite, .. } = talk;
    let lines = format!("{}Allow: INVITE, UPDATE\r\n", contact(bob.flow));
    let sent = desk.receive(bob.flow, &reply(&invite, 200, "tag", &lines, &sdp("10.0.0.2", 5_000)));
    let is_of_invite =
        |sent: &&Sent| sent.status() == 200 && header(sent, HeaderName::CSeq).ends_with("INVITE");
    let ok = sent.iter().find(is_of_invite).expect("a 200 of the INVITE");
    assert_eq!(body(ok), "", "RFC 6337 section 3.1.1: all is said");
    assert_eq!(flows(&desk, 4_002), (false, true));
    let ack = caller.ack("");
    let sent = desk.receive(alice.flow, &ack);
    let offer = request_to(&sent, bob.flow, "UPDATE").clone();
    assert!(body(&offer).contains("a=sendonly\r\n"), "{}", body(&offer));
    assert!(
        requests_to(&sent, alice.flow, "UPDATE").is_empty()
            && requests_to(&sent, alice.flow, "INVITE").is_empty()
    );
    let answer = described("10.0.0.2", 5_000, 2, "a=recvonly\r\n");
    assert!(desk.receive(bob.flow, &reply(&offer, 200, "", &contact(bob.flow), &answer)).is_empty());
    assert_eq!((flows(&desk, 4_002), flows(&desk, 5_000)), ((false, true), (true, false)));
    let bye = caller.request("BYE", "", "");
    let sent = desk.receive(alice.flow, &bye);
    let bye = request_to(&sent, bob.flow, "BYE").clone();
    desk.receive(bob.flow, &reply(&bye, 200, "", "", ""));
    desk.assert_at_rest();
}

/// RFC 3262 section 5: the answer is in the 2xx of the PRACK.
#[test]
fn an_offer_in_a_prack_is_answered_in_its_200_and_the_callee_hears_of_it_once_he_has_answered() {
    let mut talk = ringing(RELIABLE);
    let mut caller = talk.caller.clone();
    let prack = caller.request("PRACK", &rack(&talk.progress), &hold(2));
    let sent = talk.desk.receive(caller.flow, &prack);
    assert_eq!(sent.len(), 1, "{}", dump(&sent));
    let ok = answer_to(&sent, caller.flow, 200);
    assert!(body(ok).contains("a=recvonly\r\n"), "{}", body(ok));
    assert_eq!(flows(&talk.desk, 4_002), (false, true));
    let again = talk.desk.receive(caller.flow, &prack);
    assert_eq!(body(answer_to(&again, caller.flow, 200)), body(ok), "a repetition is answered as before");
    bob_hears_of_it(talk, caller);
}

/// RFC 3311 sections 5.1 and 5.2.
#[test]
fn an_update_of_the_caller_is_answered_once_its_first_offer_is_for_certain() {
    let mut talk = ringing(RELIABLE);
    let mut caller = talk.caller.clone();
    let update = caller.request("UPDATE", "", &hold(2));
    let sent = talk.desk.receive(caller.flow, &update);
    let refused = answer_to(&sent, caller.flow, 500);
    assert_ne!(header(refused, HeaderName::RetryAfter), "");
    let prack = caller.request("PRACK", &rack(&talk.progress), "");
    talk.desk.receive(caller.flow, &prack);
    let update = caller.request("UPDATE", "", &hold(2));
    let sent = talk.desk.receive(caller.flow, &update);
    assert_eq!(sent.len(), 1, "{}", dump(&sent));
    assert!(body(answer_to(&sent, caller.flow, 200)).contains("a=recvonly\r\n"));
    bob_hears_of_it(talk, caller);
}

/// The same from the other side: its media moves while it rings.
#[test]
fn an_update_of_the_callee_is_answered_and_its_media_follows_it() {
    for (reliable, status) in [("", 491), (RELIABLE, 200)] {
        let Ringing { mut desk, alice, bob, invite, progress, mut caller } = ringing(reliable);
        let mut callee = Ua::callee(bob.flow, &invite, "tag");
        let update = callee.request("UPDATE", "", &described("10.0.0.2", 5_008, 2, ""));
        let sent = desk.receive(bob.flow, &update);
        let answered = answer_to(&sent, bob.flow, status);
        assert!(sent.iter().all(|sent| desk::goes_to(sent, bob.flow)), "{}", dump(&sent));
        if status != 200 {
            continue;
        }
        assert!(body(answered).contains("m=audio "));
        desk.peer_at(5_008);
        let prack = caller.request("PRACK", &rack(&progress), "");
        desk.receive(alice.flow, &prack);
        // Its 200 repeats what it answered to the INVITE, which is not so any more.
        let sent =
            desk.receive(bob.flow, &reply(&invite, 200, "tag", &contact(bob.flow), &sdp("10.0.0.2", 5_000)));
        let ok = answer_to(&sent, alice.flow, 200);
        assert_eq!(body(ok), body(&progress), "nothing is new for alice");
        desk.peer_at(5_008);
        let ack = caller.ack("");
        assert!(desk.receive(alice.flow, &ack).is_empty());
    }
}

/// An UPDATE without an offer refreshes nothing and changes nothing.
#[test]
fn an_update_without_an_offer_is_answered_while_it_rings() {
    let mut talk = ringing(RELIABLE);
    let update = talk.caller.request("UPDATE", "", "");
    let sent = talk.desk.receive(talk.caller.flow, &update);
    assert_eq!(body(answer_to(&sent, talk.caller.flow, 200)), "");
}

/// RFC 3262 section 5: before its first offer is answered it has none to make.
#[test]
fn an_offer_in_a_prack_before_the_first_is_answered_is_refused() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (request, sent) = desk.invite(&mut alice, URI, "Require: 100rel\r\n", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let sent = desk.receive(bob.flow, &reply(&invite, 180, "tag", &contact(bob.flow), ""));
    let progress = answer_to(&sent, alice.flow, 180).clone();
    let mut caller = Ua::caller(alice.flow, &request, &progress);
    let prack = caller.request("PRACK", &rack(&progress), &hold(2));
    let sent = desk.receive(alice.flow, &prack);
    answer_to(&sent, alice.flow, 488);
}
