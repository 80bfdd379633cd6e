//! Who the other side is told that it speaks with, and which headers pass (RFC 3323, RFC 3325).

use super::*;

#[test]
fn the_callee_is_told_the_account_that_has_proved_itself_and_not_what_the_phone_says() {
    let (mut desk, mut alice, bob) = Desk::new();
    let lies = "P-Asserted-Identity: <sip:boss@example.org>\r\nRemote-Party-ID: <sip:boss@example.org>\r\n\
                P-Preferred-Identity: <sip:boss@example.org>\r\n";
    let bare = alice.request(coeur_sip::Method::Invite, URI, "");
    let challenge = desk.office.answer(alice.flow, &bare);
    let request = desk::with_body(
        alice.answer(&challenge, coeur_sip::Method::Invite, URI, lies),
        &sdp("10.0.0.1", 4_000),
    );
    let request = String::from_utf8(request).expect("text");
    let request =
        request.replace("From: <sip:alice@example.org>", "From: \"Al\" <sip:alice@example.org;boss=1>");
    let sent = desk.receive(alice.flow, request.as_bytes());
    let invite = request_to(&sent, bob.flow, "INVITE");
    assert!(!invite.text().contains("boss"), "{}", invite.text());
    assert_eq!(header(invite, HeaderName::PAssertedIdentity), "\"Al\" <sip:alice@example.org>");
    assert!(header(invite, HeaderName::From).starts_with("\"Al\" <sip:alice@example.org>;tag=b2b-"));
    assert_eq!(header(invite, HeaderName::To), "<sip:bob@example.org>");
}

#[test]
fn the_caller_is_told_who_answers() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let lines = format!("{}P-Asserted-Identity: <sip:boss@example.org>\r\n", contact(bob.flow));
    let sent = desk.receive(bob.flow, &reply(&invite, 180, "tag", &lines, ""));
    let ringing = answer_to(&sent, alice.flow, 180);
    assert_eq!(header(ringing, HeaderName::PAssertedIdentity), "<sip:bob@example.org>");
}

#[test]
fn who_asks_for_privacy_is_anonymous_to_the_other_side() {
    for privacy in ["id", "user;id"] {
        let (mut desk, mut alice, bob) = Desk::new();
        let (_, sent) =
            desk.invite(&mut alice, URI, &format!("Privacy: {privacy}\r\n"), &sdp("10.0.0.1", 4_000));
        let invite = request_to(&sent, bob.flow, "INVITE");
        assert!(!invite.text().contains("alice"), "{}", invite.text());
        assert!(header(invite, HeaderName::From).contains("anonymous.invalid"));
    }
}

#[test]
fn what_is_said_end_to_end_passes_and_what_is_of_one_leg_does_not() {
    let (mut desk, mut alice, bob) = Desk::new();
    let lines = "Subject: lunch\r\nAlert-Info: <http://x.example/ring>\r\nUser-to-User: 00\r\nX-Mine: 1\r\n\
                 Session-Expires: 600\r\nSupported: timer, join\r\nMax-Breadth: 5\r\n";
    let (_, sent) = desk.invite(&mut alice, URI, lines, &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE");
    for passes in [
        "Subject: lunch\r\n",
        "Alert-Info: ",
        "User-to-User: 00\r\n",
        "X-Mine: 1\r\n",
        "User-Agent: testphone",
    ] {
        assert!(invite.text().contains(passes), "{passes} in\n{}", invite.text());
    }
    for ours in ["Session-Expires: 600", "join", "Max-Breadth"] {
        assert!(!invite.text().contains(ours), "{ours} in\n{}", invite.text());
    }
}

/// RFC 5621 section 3.1: of a body with parts the description passes.
#[test]
fn the_description_in_a_multipart_body_is_what_is_offered() {
    let (mut desk, mut alice, bob) = Desk::new();
    let parts = format!(
        "--x\r\nContent-Type: text/plain\r\n\r\nhello\r\n--x\r\nContent-Type: application/sdp\r\n\r\n{}\r\n--x--\r\n",
        sdp("10.0.0.1", 4_000)
    );
    let bare = alice.request(coeur_sip::Method::Invite, URI, "");
    let challenge = desk.office.answer(alice.flow, &bare);
    let request = alice.answer(&challenge, coeur_sip::Method::Invite, URI, "");
    let request = String::from_utf8(desk::with_body(request, &parts)).expect("text");
    let request =
        request.replace("application/sdp\r\nContent-Length", "multipart/mixed;boundary=x\r\nContent-Length");
    let sent = desk.receive(alice.flow, request.as_bytes());
    let invite = request_to(&sent, bob.flow, "INVITE");
    assert_eq!(header(invite, HeaderName::ContentType), "application/sdp");
    assert!(body(invite).contains("m=audio ") && !body(invite).contains("hello"), "{}", body(invite));
}
