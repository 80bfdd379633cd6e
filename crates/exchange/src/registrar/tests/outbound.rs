//! Outbound (RFC 5626) and GRUU (RFC 5627).

use super::desk::{Desk, ask, stream};
use crate::gruu;
use coeur_sip::transport::Transport;
use coeur_sip::uri::Uri;

const SUPPORTED: &str = "Supported: path, outbound, gruu\r\n";
const URN: &str = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6";

fn flow_of(reg_id: u32, uri: &str) -> String {
    format!("{SUPPORTED}Contact: <{uri}>;reg-id={reg_id};+sip.instance=\"<{URN}>\"\r\n")
}

fn browser(serial: u64) -> crate::flow::Flow {
    stream(Transport::Wss, "203.0.113.9:50000", serial)
}

/// RFC 5626 section 6: the same instance and reg-id is the same binding, whatever the Contact and the Call-ID.
#[test]
fn a_flow_replaces_the_flow_of_the_same_instance_and_reg_id() {
    let mut desk = Desk::new();
    desk.send(ask(1, flow_of(1, "sip:x@old.invalid;transport=ws")).over(browser(1)));
    let answer =
        desk.send(ask(1, flow_of(1, "sip:y@new.invalid;transport=ws")).call_id("b").over(browser(2)));
    assert_eq!((answer.status, answer.contacts().len()), (200, 1));
    let targets = desk.targets();
    assert_eq!(&*targets[0].uri, b"sip:y@new.invalid;transport=ws");
    assert_eq!(targets[0].flow, Some(browser(2)));
    assert_eq!((targets[0].reg_id, targets[0].instance.as_deref()), (1, Some(URN.as_bytes())));
}

/// RFC 5626 section 6: several flows of one instance stand side by side, also with one Contact; the last first.
#[test]
fn an_instance_has_as_many_flows_as_reg_ids() {
    let mut desk = Desk::new();
    desk.send(ask(1, flow_of(1, "sip:x@x.invalid")).over(browser(1)));
    desk.send(ask(2, flow_of(2, "sip:x@x.invalid")).over(browser(2)));
    let flows: Vec<_> = desk.targets().iter().map(|target| (target.reg_id, target.flow)).collect();
    assert_eq!(flows, [(2, Some(browser(2))), (1, Some(browser(1)))]);
    desk.send(ask(3, flow_of(1, "sip:x@x.invalid")).over(browser(3)));
    assert_eq!(desk.targets().iter().map(|target| target.reg_id).collect::<Vec<_>>(), [1, 2]);
}

/// RFC 5626 section 6: outbound in Require says that it was done; section 5.4: Flow-Timer.
#[test]
fn the_answer_says_that_outbound_was_applied() {
    let mut desk = Desk::new();
    let answer = desk.send(ask(1, flow_of(1, "sip:x@x.invalid")).over(browser(1)));
    assert_eq!((answer.lines("Require"), answer.lines("Flow-Timer").len()), (vec!["outbound"], 0));
    desk.world.settings.flow_timer_s = 25;
    let answer = desk.send(ask(2, flow_of(1, "sip:x@x.invalid")).over(browser(1)));
    assert_eq!(answer.lines("Flow-Timer"), ["25"]);
    let plain = format!("{SUPPORTED}Contact: <sip:z@z.invalid>;+sip.instance=\"<{URN}>\"\r\n");
    assert!(desk.send(ask(3, plain).over(browser(1))).lines("Require").is_empty());
}

/// A phone that names a flow and not the extension: its flow is kept apart all the same, and nothing is promised.
#[test]
fn a_flow_without_outbound_in_supported_is_a_flow_of_which_nothing_is_said() {
    let mut desk = Desk::new();
    let silent = |reg_id, uri| flow_of(reg_id, uri).replace("path, outbound, gruu", "path");
    let answer = desk.send(ask(1, silent(1, "sip:x@x.invalid")).over(browser(1)));
    assert_eq!((answer.status, answer.lines("Require").len()), (200, 0));
    desk.send(ask(1, silent(1, "sip:y@y.invalid")).call_id("b").over(browser(2)));
    desk.send(ask(2, silent(2, "sip:y@y.invalid")).call_id("b").over(browser(3)));
    assert_eq!(desk.targets().iter().map(|target| target.reg_id).collect::<Vec<_>>(), [2, 1]);
}

/// RFC 5626 section 6: reg-id without instance is ignored.
#[test]
fn a_reg_id_without_instance_means_nothing() {
    let mut desk = Desk::new();
    let answer =
        desk.send(ask(1, format!("{SUPPORTED}Contact: <sip:x@x.invalid>;reg-id=1\r\n")).over(browser(1)));
    assert_eq!((answer.status, answer.lines("Require").len()), (200, 0));
    assert_eq!(desk.targets()[0].reg_id, 0);
}

/// RFC 5626 section 6: 439 when the first hop keeps no flows.
#[test]
fn a_first_hop_without_outbound_is_439() {
    let over_a_proxy = |path: &str| {
        let mut ask = ask(1, format!("{path}{}", flow_of(1, "sip:x@192.0.2.7")));
        ask.via = format!("SIP/2.0/UDP p.example.net;branch=z9hG4bK1\r\nVia: {}", ask.via);
        let mut desk = Desk::new();
        let answer = desk.send(ask);
        assert_eq!(desk.uris().len(), usize::from(answer.status == 200));
        answer.status
    };
    assert_eq!(over_a_proxy(""), 439);
    assert_eq!(over_a_proxy("Path: <sip:p.example.net;lr>\r\n"), 439);
    assert_eq!(over_a_proxy("Path: <sip:p.example.net;lr;ob>\r\n"), 200);
    assert_eq!(over_a_proxy("Path: <sip:q.example.net;lr>, <sip:p.example.net;lr;ob>\r\n"), 200);
    assert_eq!(over_a_proxy("Path: <sip:q.example.net;lr;ob>, <sip:p.example.net;lr>\r\n"), 439);
}

/// RFC 5626 section 6: removal is by instance and reg-id too.
#[test]
fn one_flow_is_removed_and_the_other_stays() {
    let mut desk = Desk::new();
    desk.send(ask(1, flow_of(1, "sip:x@x.invalid")).over(browser(1)));
    desk.send(ask(2, flow_of(2, "sip:x@x.invalid")).over(browser(2)));
    desk.send(ask(3, format!("Expires: 0\r\n{}", flow_of(1, "sip:x@x.invalid"))).over(browser(1)));
    assert_eq!(desk.targets().iter().map(|target| target.reg_id).collect::<Vec<_>>(), [2]);
}

/// RFC 5627 section 5.3: both GRUUs for who understands them, the public one always the same.
#[test]
fn gruus_are_given_to_who_supports_them() {
    let mut desk = Desk::new();
    let first = desk.send(ask(1, flow_of(1, "sip:x@x.invalid")).over(browser(1)));
    let public = format!(";pub-gruu=\"sip:alice@example.com;gr={URN}\"");
    assert!(first.contacts()[0].contains(&public), "{}", first.text);
    let second = desk.send(ask(2, flow_of(1, "sip:x@x.invalid")).over(browser(1)));
    assert!(second.contacts()[0].contains(&public));
    assert_ne!(temporary(&first.text), temporary(&second.text));
    // A client that sends back what it was given does not have it stored.
    let echoed = format!("{SUPPORTED}Contact: {}\r\n", first.contacts()[0]);
    let third = desk.send(ask(3, echoed).over(browser(1)));
    assert_eq!(third.text.matches("pub-gruu").count(), 1);
    let without = flow_of(1, "sip:x@x.invalid").replace("gruu", "x");
    assert!(!desk.send(ask(4, without).over(browser(1))).text.contains("-gruu"));
}

/// RFC 5627 sections 3.4 and 5.1.
#[test]
fn both_gruus_lead_to_the_instance() {
    let mut desk = Desk::new();
    let answer = desk.send(ask(1, flow_of(1, "sip:x@x.invalid")).over(browser(1)));
    let public = format!("sip:alice@Example.com;gr={URN}");
    for text in [public.as_str(), temporary(&answer.text)] {
        let (aor, instance) = resolve(&desk, text).expect("a GRUU of ours");
        assert_eq!((aor.as_str(), instance.as_str()), ("alice@example.com", URN));
        let mut targets = Vec::new();
        let now = desk.now.monotonic;
        desk.world.bindings.lookup_instance(b"alice", b"example.com", instance.as_bytes(), now, &mut targets);
        assert_eq!(targets[0].flow, Some(browser(1)));
    }
    for other in ["sip:alice@example.com", "sip:alice@example.org;gr=x", "sip:tgruu.AAAA@example.com;gr"] {
        assert_eq!(resolve(&desk, other), None, "{other}");
    }
}

/// RFC 5627 section 5.4: temporary GRUUs live while the instance is registered under the same Call-ID.
#[test]
fn temporary_gruus_live_as_long_as_the_call_id_and_the_registration() {
    let mut desk = Desk::new();
    let first = desk.send(ask(1, flow_of(1, "sip:x@x.invalid")).over(browser(1)));
    desk.wait(1000);
    desk.send(ask(2, flow_of(1, "sip:y@y.invalid")).over(browser(2)));
    assert!(resolve(&desk, temporary(&first.text)).is_some());
    let other = desk.send(ask(1, flow_of(1, "sip:y@y.invalid")).call_id("restarted").over(browser(3)));
    assert_eq!(resolve(&desk, temporary(&first.text)), None);
    assert!(resolve(&desk, temporary(&other.text)).is_some());
    desk.send(ask(2, format!("Expires: 0\r\n{}", flow_of(1, "sip:y@y.invalid"))).call_id("restarted"));
    assert_eq!(resolve(&desk, temporary(&other.text)), None);
}

/// RFC 5627 section 5.1: a GRUU of ours as Contact would lead back here.
#[test]
fn a_gruu_of_ours_is_no_contact() {
    let mut desk = Desk::new();
    let lines = format!("Contact: <sip:alice@example.com;gr={URN}>\r\n");
    assert_eq!(desk.send(ask(1, lines)).status, 403);
}

fn temporary(text: &str) -> &str {
    let start = text.find("temp-gruu=\"").expect("a temporary GRUU") + "temp-gruu=\"".len();
    &text[start..start + text[start..].find('"').expect("its end")]
}

fn resolve(desk: &Desk, text: &str) -> Option<(coeur_directory::Aor, String)> {
    let Ok(Uri::Sip(uri)) = Uri::parse(text.as_bytes()) else { panic!("{text}") };
    let (aor, instance) = gruu::resolve(&desk.world, desk.now.monotonic, &uri)?;
    Some((aor, String::from_utf8_lossy(&instance).into_owned()))
}
