//! Reliable provisional answers, each leg its own (RFC 3262).

use super::*;

/// Bob's phone says it reliably, and is acknowledged by us; alice never asked for it.
#[test]
fn a_reliable_answer_of_the_callee_is_acknowledged_once_and_passes_unreliably() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    assert!(header(&invite, HeaderName::Supported).contains("100rel"));
    let lines = format!("{}Require: 100rel\r\nRSeq: 77\r\n", contact(bob.flow));
    let progress = reply(&invite, 183, "tag", &lines, &sdp("10.0.0.2", 5_000));
    let sent = desk.receive(bob.flow, &progress);
    let prack = request_to(&sent, bob.flow, "PRACK").clone();
    let number = header(&invite, HeaderName::CSeq);
    assert_eq!(header(&prack, HeaderName::RAck), format!("77 {number}"));
    let told = answer_to(&sent, alice.flow, 183);
    assert!(!told.text().contains("100rel\r\nRSeq") && header(told, HeaderName::RSeq).is_empty());
    assert!(desk.receive(bob.flow, &progress).is_empty(), "a repetition is no news");
    let skipped = reply(&invite, 180, "tag", &lines.replace("77", "79"), "");
    assert!(desk.receive(bob.flow, &skipped).is_empty(), "section 4: out of order");
    let next = reply(&invite, 180, "tag", &lines.replace("77", "78"), "");
    let sent = desk.receive(bob.flow, &next);
    let second = request_to(&sent, bob.flow, "PRACK").clone();
    let numbers = [&prack, &second].map(|prack| prack.read(|message| message.cseq().number));
    assert!(numbers[1] > numbers[0]);
    // Section 5 of RFC 3262: the answer was reliable, so the 200 need not say it again.
    let sent = desk.receive(bob.flow, &reply(&invite, 200, "tag", &contact(bob.flow), ""));
    assert!(body(answer_to(&sent, alice.flow, 200)).contains("m=audio "));
    let (_, sent) = (
        0,
        desk.handle(crate::input::Input::Told(crate::input::Command::Revoked {
            aor: crate::testing::aor("alice"),
            device: None,
        })),
    );
    let bye = request_to(&sent, bob.flow, "BYE").read(|message| message.cseq().number);
    assert!(bye > numbers[1], "the numbers of one dialog go up");
}

/// Section 3: who requires it gets it: repeated until PRACK, one at a time, and no 200 before.
#[test]
fn a_caller_that_requires_it_is_told_reliably() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (request, sent) = desk.invite(&mut alice, URI, "Require: 100rel\r\n", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let sent =
        desk.receive(bob.flow, &reply(&invite, 183, "tag", &contact(bob.flow), &sdp("10.0.0.2", 5_000)));
    let progress = answer_to(&sent, alice.flow, 183).clone();
    assert_eq!(header(&progress, HeaderName::Require), "100rel");
    let rseq: u32 = header(&progress, HeaderName::RSeq).parse().expect("a number");
    let again = desk.pass(Duration::from_millis(1_600));
    assert_eq!(again.iter().filter(|sent| sent.bytes == progress.bytes).count(), 2, "{}", dump(&again));
    let waits = desk.receive(bob.flow, &reply(&invite, 180, "tag", &contact(bob.flow), ""));
    assert!(waits.is_empty(), "{}", dump(&waits));
    let sent =
        desk.receive(bob.flow, &reply(&invite, 200, "tag", &contact(bob.flow), &sdp("10.0.0.2", 5_000)));
    assert!(sent.iter().all(|sent| sent.status() != 200), "not before the PRACK: {}", dump(&sent));
    let mut caller = Ua::caller(alice.flow, &request, &progress);
    let cseq = header(&progress, HeaderName::CSeq);
    let wrong = caller.request("PRACK", &format!("RAck: {} {cseq}\r\n", rseq + 9), "");
    let sent = desk.receive(alice.flow, &wrong);
    answer_to(&sent, alice.flow, 481);
    let prack = caller.request("PRACK", &format!("RAck: {rseq} {cseq}\r\n"), "");
    let sent = desk.receive(alice.flow, &prack);
    let ok: Vec<&Sent> = sent.iter().filter(|sent| header(sent, HeaderName::CSeq) == cseq).collect();
    assert_eq!(ok.len(), 1, "{}", dump(&sent));
    assert_eq!(ok[0].status(), 200);
}

/// Section 3.
#[test]
fn a_caller_that_never_acknowledges_is_refused() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (_, sent) = desk.invite(&mut alice, URI, "Require: 100rel\r\n", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    desk.receive(bob.flow, &reply(&invite, 180, "tag", &contact(bob.flow), ""));
    let sent = desk.pass(Duration::from_secs(33));
    assert!(sent.iter().any(|sent| sent.status() == 504), "{}", dump(&sent));
    assert!(!requests_to(&sent, bob.flow, "CANCEL").is_empty());
    desk.assert_at_rest();
}
