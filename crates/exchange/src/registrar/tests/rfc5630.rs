//! RFC 5630 section 5.2: sips in registrations.

use super::desk::{Desk, ask, stream, udp};
use crate::flow::Flow;
use coeur_sip::transport::Transport;

const SIPS: &str = "Contact: <sips:alice@192.0.2.7:5061>\r\n";

/// The answer to a REGISTER with this scheme in its Request-URI.
fn register(desk: &mut Desk, cseq: u32, scheme: &str, lines: &str, flow: Flow) -> (u16, String) {
    let mut ask = ask(cseq, lines).over(flow);
    ask.request_uri = format!("{scheme}:example.com");
    let answer = desk.send(ask);
    (answer.status, answer.reason)
}

fn tls() -> Flow {
    stream(Transport::Tls, "192.0.2.7:40000", 5)
}

/// Only when the Request-URI and all of the Path are sips too, and only over TLS: else 400.
#[test]
fn a_sips_contact_is_bound_over_sips_and_tls_only() {
    let path = "Supported: path\r\nPath: <sips:a.example.net;lr>, <sip:b.example.net;lr>\r\n";
    let secure_path = "Supported: path\r\nPath: <sips:a.example.net;lr>, <sips:b.example.net;lr>\r\n";
    for (scheme, lines, flow, wanted) in [
        ("sips", SIPS.to_owned(), tls(), 200),
        ("SIPS", SIPS.to_owned(), stream(Transport::Wss, "192.0.2.7:40000", 5), 200),
        ("sips", format!("{secure_path}{SIPS}"), tls(), 200),
        ("sip", SIPS.to_owned(), tls(), 400),
        ("sips", format!("{path}{SIPS}"), tls(), 400),
        ("sips", SIPS.to_owned(), udp("192.0.2.7:5060"), 400),
        ("sips", SIPS.to_owned(), stream(Transport::Tcp, "192.0.2.7:40000", 5), 400),
        ("sips", SIPS.to_owned(), stream(Transport::Ws, "192.0.2.7:40000", 5), 400),
    ] {
        let mut desk = Desk::new();
        let (status, reason) = register(&mut desk, 1, scheme, &lines, flow);
        assert_eq!(status, wanted, "{scheme} {lines}");
        assert_eq!(reason.contains("SIPS"), wanted == 400, "{reason}");
        assert_eq!(desk.uris().len(), usize::from(wanted == 200));
    }
}

/// One of two that may not be: neither is bound (RFC 3261 section 10.3 step 7).
#[test]
fn a_sip_contact_beside_it_is_not_bound_either() {
    let mut desk = Desk::new();
    let both = "Contact: <sip:alice@192.0.2.7:5061;transport=tls>, <sips:alice@192.0.2.7:5061>\r\n";
    assert_eq!(register(&mut desk, 1, "sip", both, tls()).0, 400);
    assert!(desk.uris().is_empty());
    assert_eq!(register(&mut desk, 2, "sips", both, tls()).0, 200);
    assert_eq!(desk.uris().len(), 2, "two contacts, for their schemes differ");
}

/// To take a sips Contact away promises nothing.
#[test]
fn a_sips_contact_is_removed_from_anywhere() {
    let mut desk = Desk::new();
    register(&mut desk, 1, "sips", SIPS, tls());
    let lines = format!("Expires: 0\r\n{SIPS}");
    assert_eq!(register(&mut desk, 2, "sip", &lines, udp("192.0.2.7:5060")).0, 200);
    assert!(desk.uris().is_empty());
}

/// The same address of record, whichever scheme From and To are written with.
#[test]
fn sip_and_sips_name_the_same_user() {
    let mut desk = Desk::new();
    register(&mut desk, 1, "sips", SIPS, tls());
    let mut ask = ask(2, "Contact: <sip:alice@192.0.2.8>\r\n").over(tls());
    (ask.from, ask.to) = ("<sips:alice@example.com>;tag=1".into(), "<sips:alice@example.com>".into());
    let answer = desk.send(ask);
    assert_eq!((answer.status, answer.contacts().len()), (200, 2), "{}", answer.text);
}
