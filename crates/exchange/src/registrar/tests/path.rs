//! Path (RFC 3327), Service-Route (RFC 3608), keep (RFC 6223).

use super::desk::{Desk, ask, contact};

const PATH: &str =
    "Path: <sip:p2.example.net;lr>, <sip:p1.example.net;lr;ob>\r\nPath: <sip:p0.example.net;lr>\r\n";

/// RFC 3327 section 5.3: stored in order, echoed in the 200.
#[test]
fn a_path_is_stored_in_order_and_echoed() {
    let mut desk = Desk::new();
    let answer = desk.send(ask(1, format!("Supported: path\r\n{PATH}{}", contact(""))));
    let value = "<sip:p2.example.net;lr>,<sip:p1.example.net;lr;ob>,<sip:p0.example.net;lr>";
    assert_eq!(answer.lines("Path"), [value]);
    assert_eq!(desk.targets()[0].path.as_deref(), Some(value.as_bytes()));
}

/// RFC 3327 section 5.3: the path is that of the last REGISTER.
#[test]
fn a_refresh_over_another_path_replaces_it() {
    let mut desk = Desk::new();
    desk.send(ask(1, format!("Supported: path\r\n{PATH}{}", contact(""))));
    desk.send(ask(2, format!("Supported: path\r\nPath: <sip:p9.example.net;lr>\r\n{}", contact(""))));
    assert_eq!(desk.targets()[0].path.as_deref(), Some(&b"<sip:p9.example.net;lr>"[..]));
    desk.send(ask(3, format!("Supported: path\r\n{}", contact(""))));
    assert_eq!(desk.targets()[0].path, None);
}

/// RFC 3327 section 5.3: without the phone's or the proxy's word for it, 420.
#[test]
fn a_path_that_the_phone_does_not_understand_is_420() {
    let mut desk = Desk::new();
    let answer = desk.send(ask(1, format!("{PATH}{}", contact(""))));
    assert_eq!((answer.status, answer.lines("Unsupported")), (420, vec!["path"]));
    assert_eq!(desk.send(ask(2, format!("Require: path\r\n{PATH}{}", contact("")))).status, 200);
}

#[test]
fn a_path_that_is_no_route_is_400() {
    let nine = ["<sip:p.example.net;lr>"; 9].join(", ");
    for path in ["sip:p.example.net;lr", "<tel:+1>", "<sip:%>", nine.as_str()] {
        let lines = format!("Supported: path\r\nPath: {path}\r\n{}", contact(""));
        assert_eq!(Desk::new().send(ask(1, lines)).status, 400, "{path}");
    }
}

/// RFC 3608 section 5.
#[test]
fn the_service_route_is_given_when_there_is_one() {
    let mut desk = Desk::new();
    assert!(desk.send(ask(1, contact(""))).lines("Service-Route").is_empty());
    desk.world.settings.service_route = "<sip:sip.example.com;lr>".into();
    assert_eq!(desk.send(ask(2, contact(""))).lines("Service-Route"), ["<sip:sip.example.com;lr>"]);
}

/// RFC 6223 section 4.4.
#[test]
fn a_willing_phone_is_told_how_often_to_keep_its_flow_alive() {
    let mut desk = Desk::new();
    desk.world.settings.flow_timer_s = 30;
    for (via, wanted) in [
        ("SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bK1;keep;rport", ";keep=30"),
        ("SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bK1;rport;keep", ";keep=30"),
    ] {
        let mut ask = ask(desk.journal.len() as u32 + 1, contact(""));
        ask.via = via.into();
        let answer = desk.send(ask);
        assert!(answer.lines("Via")[0].contains(wanted), "{}", answer.text);
    }
    let answer = desk.send(ask(9, contact("")));
    assert!(!answer.text.contains("keep"));
}
