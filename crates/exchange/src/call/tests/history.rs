//! What is told of how a call came to the callee (decision 0034).

use super::*;
use crate::input::Input;
use crate::testing::{Phone, aor, apply};
use coeur_directory::{AccountPatch, Change, ForwardingPatch, TermsPatch};
use coeur_sip::resolve::{Answer, Outcome, Records};

/// Alice is an exchange that has diverted a call of the boss and one of her own.
const SAID: &str = "History-Info: <sip:boss@example.org>;index=1, \"The boss, \\\" <x>\" <sip:alice@example.org?Reason=SIP%3Bcause%3D302>;index=1.2;mp=1\r\n\
                    History-Info: <sip:ALICE@example.org>;index=1.2.1, <sip:alice@EXAMPLE.org>;index=1.x\r\n\
                    Diversion: The boss <sip:alice@example.org>;reason=unconditional;counter=2, <sip:alice@example.com>\r\n\
                    Diversion: <sip:boss@example.org>;reason=user-busy\r\n";
const OWN: &str = "<sip:alice@example.org?Reason=SIP%3Bcause%3D302>;index=1.2;mp=1";
const DIVERTED: &str = "<sip:alice@example.org>;reason=unconditional;counter=2";

fn values(sent: &Sent, name: HeaderName) -> Vec<String> {
    sent.read(|message| {
        message.values(name).map(|value| String::from_utf8_lossy(value).into_owned()).collect()
    })
}

fn call(desk: &mut Desk, alice: &mut Phone, lines: &str) -> Vec<Sent> {
    desk.invite(alice, URI, lines, &sdp("10.0.0.1", 4_000)).1
}

#[test]
fn what_a_caller_says_of_its_own_account_is_told_and_what_it_says_of_others_is_not() {
    let (mut desk, mut alice, bob) = Desk::new();
    let sent = call(&mut desk, &mut alice, SAID);
    let invite = request_to(&sent, bob.flow, "INVITE");
    let wanted = "<sip:bob@example.org>;index=1.2.1";
    assert_eq!(values(invite, HeaderName::HistoryInfo), [OWN, wanted]);
    assert_eq!(values(invite, HeaderName::Diversion), [DIVERTED]);
    assert!(!invite.text().contains("boss"), "{}", invite.text());
}

#[test]
fn what_accounts_of_ours_have_done_follows_on_what_the_caller_says() {
    let (mut desk, mut alice, _) = Desk::new();
    let carol = desk.register("carol", udp("192.0.2.33:5060"), "").flow;
    let forwarding =
        ForwardingPatch { always: Some(Some("sip:carol@example.org".into())), ..ForwardingPatch::default() };
    let patch = AccountPatch { forwarding, ..AccountPatch::default() };
    apply(&desk.office.world, Change::AccountChanged { aor: aor("bob"), patch });
    let sent = call(&mut desk, &mut alice, SAID);
    let invite = request_to(&sent, carol, "INVITE");
    let history = [
        OWN,
        "<sip:bob@example.org?Reason=SIP%3Bcause%3D302>;index=1.2.1",
        "<sip:carol@example.org;cause=302>;index=1.2.1.1;mp=1",
    ];
    assert_eq!(values(invite, HeaderName::HistoryInfo), history);
    let bob = "<sip:bob@example.org>;reason=unconditional;counter=1";
    assert_eq!(values(invite, HeaderName::Diversion), [bob, DIVERTED]);
}

#[test]
fn who_is_anonymous_or_wants_the_history_kept_is_not_given_away_by_it() {
    for privacy in ["id", "user", "history", "header;id"] {
        let (mut desk, mut alice, bob) = Desk::new();
        let sent = call(&mut desk, &mut alice, &format!("{SAID}Privacy: {privacy}\r\n"));
        let invite = request_to(&sent, bob.flow, "INVITE");
        for name in [HeaderName::HistoryInfo, HeaderName::Diversion] {
            assert_eq!(values(invite, name), [""; 0], "{privacy}");
        }
    }
}

#[test]
fn an_entry_that_is_private_goes_to_a_device_of_ours_and_to_nobody_else() {
    let private = "History-Info: <sip:alice@example.org?Privacy=history>;index=1\r\n\
                   Diversion: <sip:alice@example.org>;privacy=full\r\n";
    for abroad in [false, true] {
        let (mut desk, mut alice, bob) = Desk::new();
        let terms = TermsPatch::relay(true);
        let patch = AccountPatch { terms, ..AccountPatch::default() };
        apply(&desk.office.world, Change::AccountChanged { aor: aor("alice"), patch });
        let uri = if abroad { "sip:bob@elsewhere.example:5060;transport=udp" } else { URI };
        let (_, mut sent) = desk.invite(&mut alice, uri, private, &sdp("10.0.0.1", 4_000));
        if abroad {
            for (token, query) in std::mem::take(&mut desk.office.asked) {
                let records = Records::A(vec![[198, 51, 100, 9].into()]);
                let outcome = Outcome::Found { records, ttl_s: 60 };
                let answer = Answer { query, outcome };
                sent.extend(desk.handle(Input::Resolved { token, answer: &answer }));
            }
        }
        let to = if abroad { udp("198.51.100.9:5060") } else { bob.flow };
        let invite = request_to(&sent, to, "INVITE");
        let told =
            values(invite, HeaderName::HistoryInfo).len() + values(invite, HeaderName::Diversion).len();
        // With the entry of who is called, which follows on it.
        assert_eq!(told, if abroad { 0 } else { 3 }, "{}", invite.text());
    }
}
