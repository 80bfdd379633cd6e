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
