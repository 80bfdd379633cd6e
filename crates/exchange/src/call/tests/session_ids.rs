//! RFC 7989: what both legs of a call name.

use super::*;

const CALLERS: &str = "ab30317f1a784dc48ff824d0d3715d86";
const CALLEES: &str = "47755a9de7794ba387653f2099600ef2";

fn session(sent: &Sent) -> String {
    header(sent, HeaderName::SessionId)
}

fn swapped(value: &str) -> String {
    let (local, remote) = value.split_once(";remote=").expect("a pair");
    format!("{remote};remote={local}")
}

/// The header of the INVITE to bob, and of the 200 to alice.
fn sessions(of_alice: &str, of_bob: &str) -> (String, String) {
    let (mut desk, mut alice, bob) = Desk::new();
    let (_, sent) = desk.invite(&mut alice, URI, of_alice, &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let lines = format!("{}{of_bob}", contact(bob.flow));
    let sent = desk.receive(bob.flow, &reply(&invite, 200, "bobtag", &lines, &sdp("10.0.0.2", 5_000)));
    (session(&invite), session(answer_to(&sent, alice.flow, 200)))
}

#[test]
fn phones_that_name_none_have_one_pair_on_both_legs() {
    let (invite, ok) = sessions("", "");
    assert_eq!(invite.len(), 32 + 8 + 32, "{invite}");
    assert_eq!(ok, swapped(&invite));
}

#[test]
fn what_phones_name_passes_to_the_other_side() {
    let alices = format!("Session-ID: {CALLERS};remote=00000000000000000000000000000000\r\n");
    let bobs = format!("Session-ID: {CALLEES};remote={CALLERS}\r\n");
    let (invite, ok) = sessions(&alices, &bobs);
    assert!(invite.starts_with(CALLERS), "{invite}");
    assert_eq!(ok, format!("{CALLEES};remote={CALLERS}"));
}

/// Sections 5 and 7: 32 lower-case digits that are not all zero; what is none does not pass.
#[test]
fn what_is_no_uuid_is_replaced() {
    for wrong in [
        "00000000000000000000000000000000",
        "AB30317F1A784DC48FF824D0D3715D86",
        "short",
        "zz30317f1a784dc48ff824d0d3715d86",
    ] {
        let (invite, ok) = sessions(&format!("Session-ID: {wrong}\r\n"), "");
        assert!(!invite.contains(wrong) && !ok.contains(wrong), "{invite} {ok}");
        assert_eq!(ok, swapped(&invite));
    }
}

#[test]
fn requests_inside_a_call_name_the_pair_too() {
    let (mut desk, mut alice, bob) = Desk::new();
    let alices = format!("Session-ID: {CALLERS};remote=00000000000000000000000000000000\r\n");
    let bobs = format!("Session-ID: {CALLEES};remote={CALLERS}\r\n");
    let (mut caller, _) = desk.talk_with(&mut alice, &bob, &alices, &bobs);
    let held = described("10.0.0.1", 4_000, 2, "a=sendonly\r\n");
    let sent = desk.receive(alice.flow, &caller.request("INVITE", "", &held));
    assert_eq!(session(request_to(&sent, bob.flow, "INVITE")), format!("{CALLERS};remote={CALLEES}"));
}

/// What alice names of herself, and bob of himself.
fn lines() -> (String, String) {
    let alices = format!("Session-ID: {CALLERS};remote=00000000000000000000000000000000\r\n");
    (alices, format!("Session-ID: {CALLEES};remote={CALLERS}\r\n"))
}

const TO_ALICE: &str = "47755a9de7794ba387653f2099600ef2;remote=ab30317f1a784dc48ff824d0d3715d86";
const TO_BOB: &str = "ab30317f1a784dc48ff824d0d3715d86;remote=47755a9de7794ba387653f2099600ef2";

/// Section 6.
#[test]
fn the_ack_of_an_answer_names_who_has_answered() {
    for status in [200, 486] {
        let (mut desk, mut alice, bob) = Desk::new();
        let (alices, bobs) = lines();
        let (_, sent) = desk.invite(&mut alice, URI, &alices, &sdp("10.0.0.1", 4_000));
        let invite = request_to(&sent, bob.flow, "INVITE").clone();
        let (contact, own) = (contact(bob.flow), sdp("10.0.0.2", 5_000));
        let body = if status == 200 { &own[..] } else { "" };
        let answer = reply(&invite, status, "bobtag", &format!("{contact}{bobs}"), body);
        let sent = desk.receive(bob.flow, &answer);
        assert_eq!(session(request_to(&sent, bob.flow, "ACK")), TO_BOB, "{status}");
        assert_eq!(session(answer_to(&sent, alice.flow, status)), TO_ALICE);
    }
}

/// Section 6.
#[test]
fn a_cancel_names_what_its_invite_has_named_and_its_answer_both_sides() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (alices, bobs) = lines();
    let (request, sent) = desk.invite(&mut alice, URI, &alices, &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    desk.receive(bob.flow, &reply(&invite, 180, "bobtag", &format!("{}{bobs}", contact(bob.flow)), ""));
    let sent = desk.receive(alice.flow, &super::failing::cancel_of(&request));
    assert_eq!(session(answer_to(&sent, alice.flow, 200)), TO_ALICE);
    assert_eq!(session(answer_to(&sent, alice.flow, 487)), TO_ALICE);
    let cancel = session(request_to(&sent, bob.flow, "CANCEL"));
    assert!(cancel.starts_with(CALLERS), "{cancel}");
    assert_eq!(cancel, session(&invite));
}

#[test]
fn a_bye_names_both_sides_and_so_does_its_answer_though_one_has_left() {
    for by_caller in [true, false] {
        let (mut desk, mut alice, bob) = Desk::new();
        let (alices, bobs) = lines();
        let (mut caller, mut callee) = desk.talk_with(&mut alice, &bob, &alices, &bobs);
        let (ending, stays) = if by_caller { (&mut caller, bob.flow) } else { (&mut callee, alice.flow) };
        let (to_ending, to_other) = if by_caller { (TO_ALICE, TO_BOB) } else { (TO_BOB, TO_ALICE) };
        let from = ending.flow;
        let bye = ending.request("BYE", "", "");
        let sent = desk.receive(from, &bye);
        assert_eq!(session(answer_to(&sent, from, 200)), to_ending);
        assert_eq!(session(request_to(&sent, stays, "BYE")), to_other);
    }
}

#[test]
fn a_bye_that_waits_for_an_ack_names_who_has_left() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (alices, bobs) = lines();
    let (request, sent) = desk.invite(&mut alice, URI, &alices, &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let answer = format!("{}{bobs}", contact(bob.flow));
    let sent = desk.receive(bob.flow, &reply(&invite, 200, "bobtag", &answer, &sdp("10.0.0.2", 5_000)));
    let ok = answer_to(&sent, alice.flow, 200).clone();
    let bye = Ua::callee(bob.flow, &invite, "bobtag").request("BYE", "", "");
    let sent = desk.receive(bob.flow, &bye);
    assert!(requests_to(&sent, alice.flow, "BYE").is_empty());
    let ack = Ua::caller(alice.flow, &request, &ok).ack("");
    let sent = desk.receive(alice.flow, &ack);
    assert_eq!(session(request_to(&sent, alice.flow, "BYE")), TO_ALICE);
}

/// Section 7: null stands for who is not known; what is not named is not answered. A sender who has proved nothing writes
/// nothing into what we say (decision 0023).
#[test]
fn a_refusal_before_a_call_begins_names_its_sender_and_nobody() {
    let (mut desk, mut alice, _) = Desk::new();
    let (alices, _) = lines();
    for (lines, named) in [(&alices[..], format!("{:032};remote={CALLERS}", 0)), ("", String::new())] {
        let (_, sent) = desk.invite(&mut alice, "sip:nobody@example.com", lines, &sdp("10.0.0.1", 4_000));
        let refusal = sent.iter().find(|sent| desk::goes_to(sent, alice.flow) && sent.status() >= 400);
        assert_eq!(session(refusal.expect("a refusal")), named);
    }
    let bare = alice.request(coeur_sip::Method::Invite, URI, &alices);
    assert_eq!(session(&desk.office.answer(alice.flow, &bare)), "");
}

#[test]
fn a_refusal_inside_a_call_names_both_sides() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (alices, bobs) = lines();
    let (mut caller, _) = desk.talk_with(&mut alice, &bob, &alices, &bobs);
    // Whom the sender names is not what counts.
    let foreign = format!("Session-ID: {CALLERS};remote=11111111111111111111111111111111\r\n");
    let sent = desk.receive(alice.flow, &caller.request("PUBLISH", &foreign, ""));
    assert_eq!(session(&sent[0]), TO_ALICE, "{}", dump(&sent));
    assert!(sent[0].status() >= 400, "{}", dump(&sent));
}
