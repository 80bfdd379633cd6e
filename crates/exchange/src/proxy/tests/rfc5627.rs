//! RFC 5627: requests to a GRUU reach its instance, outside and inside of a dialog.

use super::*;

const DESK: &str = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6";

/// Bob has a desk phone with a GRUU, and another phone. Gives the desk phone's flow and its GRUUs, public and
/// temporary.
fn with_gruus() -> (Office, Phone, Flow, [String; 2]) {
    let (mut office, alice) = office();
    let flow = tcp("192.0.2.31:40001", 1);
    let gruus = register_desk(&mut office, flow, "sip:desk@10.0.0.9:5060;transport=tcp", "-desk");
    (office, alice, flow, gruus)
}

fn register_desk(office: &mut Office, flow: Flow, contact: &str, call: &str) -> [String; 2] {
    let mut desk = Phone::new("bob", flow);
    (desk.contact, desk.call) = (contact.into(), call.into());
    desk.contact_params = format!(";+sip.instance=\"<{DESK}>\"");
    let challenge = office.answer(flow, &desk.request(Method::Register, "sip:example.org", ""));
    let request = desk.answer(&challenge, Method::Register, "sip:example.org", "Supported: gruu\r\n");
    let ok = office.answer(flow, &request);
    assert_eq!(ok.status(), 200);
    let of = |name: &str| {
        let text = ok.text();
        let start = text.find(&format!("{name}=\"")).expect("a GRUU") + name.len() + 2;
        text[start..start + text[start..].find('"').expect("its end")].to_owned()
    };
    [of("pub-gruu"), of("temp-gruu")]
}

/// Section 5.1: the instance alone, at its contact.
#[test]
fn a_request_to_a_gruu_reaches_its_instance_and_no_other_phone() {
    let (mut office, mut alice, flow, gruus) = with_gruus();
    for gruu in &gruus {
        let (_, sent) = send_to(&mut office, &mut alice, Method::Message, gruu, "", b"");
        assert!(sent.len() == 1 && goes_to(&sent[0], flow), "{gruu}: {sent:?}");
        assert!(sent[0].text().starts_with("MESSAGE sip:desk@10.0.0.9:5060;transport=tcp SIP/2.0\r\n"));
    }
    let (_, sent) = send(&mut office, &mut alice, Method::Message, "");
    assert_eq!(sent.len(), 2, "the address of record is both phones: {sent:?}");
}

/// Section 5.1: an instance that is not there is 480; a temporary GRUU that has ended, or never was, is 404.
#[test]
fn a_gruu_of_nobody_is_480_or_404() {
    let (mut office, mut alice, flow, [public, temporary]) = with_gruus();
    office.handle(Input::FlowClosed { flow });
    let mut status = |uri: &str| {
        let (_, sent) = send_to(&mut office, &mut alice, Method::Message, uri, "", b"");
        sent[0].status()
    };
    assert_eq!(status(&public), 480, "its connection is closed");
    assert_eq!(status(&temporary), 480);
    assert_eq!(status("sip:bob@example.org;gr=urn:uuid:unknown"), 480);
    assert_eq!(status("sip:nobody@example.org;gr=urn:uuid:unknown"), 404);
    assert_eq!(status("sip:tgruu.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA@example.org;gr"), 404);
    // Section 5.4: another Call-ID ends the temporary ones of before.
    let again = tcp("192.0.2.31:40002", 2);
    register_desk(&mut office, again, "sip:desk@10.0.0.9:5060;transport=tcp", "-restarted");
    let (_, sent) = send_to(&mut office, &mut alice, Method::Message, &temporary, "", b"");
    assert_eq!(sent[0].status(), 404);
    let (_, sent) = send_to(&mut office, &mut alice, Method::Message, &public, "", b"");
    assert!(goes_to(&sent[0], again));
}

/// Section 4.4.1: a phone puts its GRUU into Contact, so the requests of a dialog are for it. They reach the phone at
/// the contact that it registered, over the flow of the dialog as long as it is there, else over its new one.
#[test]
fn requests_inside_a_dialog_to_a_gruu_reach_the_instance() {
    for at in [0, 1] {
        let (mut office, mut alice, flow, gruus) = with_gruus();
        let (_, sent) = send(&mut office, &mut alice, Method::Invite, "");
        let contact = format!("Contact: <{}>\r\n", gruus[at]);
        let sent = office.receive(flow, &reply_with(to(&sent, flow), 200, &contact, ""));
        let ok = to(&sent, udp(ALICE)).clone();
        let ack = office.answer(udp(ALICE), &inside(&mut alice, &ok, Method::Ack));
        assert!(goes_to(&ack, flow), "{ack:?}");
        assert!(
            ack.text().starts_with("ACK sip:desk@10.0.0.9:5060;transport=tcp SIP/2.0\r\n"),
            "{}",
            ack.text()
        );
        // The phone comes back over another connection, with the Call-ID of before (section 5.4).
        let again = tcp("192.0.2.31:40002", 2);
        office.handle(Input::FlowClosed { flow });
        let mut desk = Phone::new("bob", again);
        (desk.contact, desk.call, desk.cseq) =
            ("sip:new@10.0.0.9:5062;transport=tcp".into(), "-desk".into(), 50);
        desk.contact_params = format!(";+sip.instance=\"<{DESK}>\"");
        assert_eq!(office.register(&mut desk).status(), 200);
        let bye = office.answer(udp(ALICE), &inside(&mut alice, &ok, Method::Bye));
        assert!(goes_to(&bye, again), "{bye:?}");
        assert!(
            bye.text().starts_with("BYE sip:new@10.0.0.9:5062;transport=tcp SIP/2.0\r\n"),
            "{}",
            bye.text()
        );
    }
}

/// A dialog is between its two ends: the GRUU of somebody else in it leads to the end all the same.
#[test]
fn the_gruu_of_another_account_inside_a_dialog_leads_nowhere_else() {
    let (mut office, mut alice, _, gruus) = with_gruus();
    let carol = register(&mut office, "carol", udp("192.0.2.33:5060"), "");
    let (_, sent) = send_to(&mut office, &mut alice, Method::Invite, "sip:carol@example.org", "", b"");
    let contact = format!("Contact: <{}>\r\n", gruus[0]);
    let ok = office.answer(carol.flow, &reply_with(to(&sent, carol.flow), 200, &contact, ""));
    let bye = office.answer(udp(ALICE), &inside(&mut alice, &ok, Method::Bye));
    assert!(goes_to(&bye, carol.flow), "{bye:?}");
    assert!(bye.text().starts_with(&format!("BYE {} SIP/2.0\r\n", gruus[0])), "untouched: {}", bye.text());
}
