//! RFC 5630 section 5.3: what is for a sips URI goes over TLS or nowhere, and no scheme becomes another behind
//! anybody's back.

use super::*;
use crate::flow::{ConnectionId, ListenerId, ShardId};
use crate::world::Listener;
use coeur_sip::Transport;

const SIPS: &str = "sips:bob@example.org";

fn tls(remote: &str, serial: u64) -> Flow {
    let connection = ConnectionId::new(ShardId(0), serial);
    Flow { transport: Transport::Tls, listener: ListenerId(2), connection, ..udp(remote) }
}

/// An office that listens on TLS too, where alice has a TLS connection; bob is not there yet.
fn secure_office() -> (Office, Phone) {
    let mut office = Office::new();
    let bound = "192.0.2.1:5061".parse().expect("an address");
    let (id, transport) = (ListenerId(2), Transport::Tls);
    office.world.listeners.push(Listener { id, transport, bound, sent_by: "192.0.2.1:5061".into() });
    let mut alice = Phone::new("alice", tls("192.0.2.11:40000", 1));
    alice.contact = "sips:alice@192.0.2.11:5061".into();
    assert_eq!(register_as(&mut office, &mut alice, "sips:example.org").status(), 200);
    (office, alice)
}

fn register_as(office: &mut Office, phone: &mut Phone, uri: &str) -> Sent {
    let challenge = office.answer(phone.flow, &phone.request(Method::Register, uri, ""));
    let request = phone.answer(&challenge, Method::Register, uri, "");
    office.answer(phone.flow, &request)
}

fn bob(office: &mut Office, contact: &str, flow: Flow) -> Phone {
    let mut bob = Phone::new("bob", flow);
    (bob.contact, bob.call) = (contact.into(), format!("-{}", flow.connection.0));
    let uri = if contact.starts_with("sips:") { "sips:example.org" } else { "sip:example.org" };
    assert_eq!(register_as(office, &mut bob, uri).status(), 200);
    bob
}

/// sips to a sips contact: over TLS, with a sips Record-Route (RFC 3261 section 16.6 step 4).
#[test]
fn a_sips_call_goes_over_tls_and_leaves_a_sips_route() {
    let (mut office, mut alice) = secure_office();
    let bob = bob(&mut office, "sips:bob@192.0.2.22:5061", tls("192.0.2.22:40000", 2));
    let (_, sent) = send_to(&mut office, &mut alice, Method::Invite, SIPS, "", b"");
    let invite = to(&sent, bob.flow);
    assert!(invite.text().starts_with("INVITE sips:bob@192.0.2.22:5061 SIP/2.0\r\n"), "{}", invite.text());
    let route = &lines(invite, "Record-Route")[0];
    assert!(route.starts_with("<sips:") && route.ends_with("@192.0.2.1:5061;lr>"), "{route}");
    let contact = "Contact: <sips:bob@192.0.2.22:5061>\r\n";
    let sent = office.receive(bob.flow, &reply_with(invite, 200, contact, ""));
    let ok = to(&sent, alice.flow);
    for method in [Method::Ack, Method::Info, Method::Bye] {
        assert!(goes_to(&office.answer(alice.flow, &inside(&mut alice, ok, method)), bob.flow), "{method}");
    }
}

/// No contact is sips: 480, also when there is a TLS connection; a sip contact beside a sips one is left out.
#[test]
fn a_sips_request_goes_to_no_sip_contact() {
    let (mut office, mut alice) = secure_office();
    bob(&mut office, "sip:bob@192.0.2.22:5061;transport=tls", tls("192.0.2.22:40000", 2));
    bob(&mut office, "sip:bob@192.0.2.22:5060", udp(BOB));
    let (_, sent) = send_to(&mut office, &mut alice, Method::Message, SIPS, "", b"");
    assert_eq!(statuses(&sent), [480]);
    let third = bob(&mut office, "sips:bob@192.0.2.33:5061", tls("192.0.2.33:40000", 3));
    let (_, sent) = send_to(&mut office, &mut alice, Method::Message, SIPS, "", b"");
    assert!(sent.len() == 1 && goes_to(&sent[0], third.flow), "{sent:?}");
}

/// sip to a sips contact: the scheme is that of the caller, the transport that of the contact.
#[test]
fn a_sip_request_to_a_sips_contact_keeps_its_scheme_and_goes_over_tls() {
    let (mut office, mut alice) = secure_office();
    let bob = bob(&mut office, "sips:bob@192.0.2.22:5061;x=y", tls("192.0.2.22:40000", 2));
    let (_, sent) = send(&mut office, &mut alice, Method::Invite, "");
    let invite = to(&sent, bob.flow);
    assert!(invite.text().starts_with("INVITE sip:bob@192.0.2.22:5061;x=y SIP/2.0\r\n"), "{}", invite.text());
    assert!(lines(invite, "Record-Route")[0].starts_with("<sip:"));
}

/// The scheme says nothing of the user: bob is reached by both (RFC 5630 section 5.3).
#[test]
fn sip_and_sips_are_the_same_user() {
    for uri in [URI, SIPS] {
        let (mut office, mut alice) = secure_office();
        let bob = bob(&mut office, "sips:bob@192.0.2.22:5061", tls("192.0.2.22:40000", 2));
        let (_, sent) = send_to(&mut office, &mut alice, Method::Message, uri, "", b"");
        assert!(goes_to(&sent[0], bob.flow), "{uri}");
    }
    let (mut office, mut alice) = secure_office();
    assert_eq!(
        send_to(&mut office, &mut alice, Method::Message, "sips:nobody@example.org", "", b"").1[0].status(),
        404
    );
}

/// RFC 3261 section 26.2.2: what came in the clear cannot be passed on as if it had not; before anybody is asked who he
/// is.
#[test]
fn a_sips_request_in_the_clear_is_403() {
    for flow in [udp(ALICE), tcp(ALICE, 7)] {
        let (mut office, _) = secure_office();
        bob(&mut office, "sips:bob@192.0.2.22:5061", tls("192.0.2.22:40000", 2));
        let mut alice = Phone::new("alice", flow);
        for method in [Method::Invite, Method::Message, Method::Register] {
            let answer = office.answer(flow, &alice.request(method, SIPS, ""));
            assert!(answer.text().starts_with("SIP/2.0 403 SIPS Needs TLS\r\n"), "{}", answer.text());
        }
    }
}

/// A sips URI abroad is resolved to TLS, whatever its transport parameter says (RFC 5630 section 3.1.3).
#[test]
fn a_sips_uri_abroad_is_sent_over_tls() {
    for (uri, address) in [
        ("sips:carol@203.0.113.9", "203.0.113.9:5061"),
        ("sips:carol@203.0.113.9:5080;transport=tcp", "203.0.113.9:5080"),
    ] {
        let (mut office, mut alice) = secure_office();
        let patch = AccountPatch { terms: TermsPatch::relay(true), ..Default::default() };
        apply(&office.world, Change::AccountChanged { aor: aor("alice"), patch });
        let (_, sent) = send_to(&mut office, &mut alice, Method::Message, uri, "", b"");
        let wanted = Hop::Address {
            transport: Transport::Tls,
            listener: ListenerId(2),
            address: address.parse().expect("one"),
            host: None,
        };
        assert_eq!(sent[0].hop, wanted);
        // Without a TLS listener there is no way; the scheme does not change for that.
        office.world.listeners.retain(|listener| listener.transport != Transport::Tls);
        let challenge = office.answer(alice.flow, &alice.request(Method::Message, uri, ""));
        let request = alice.answer(&challenge, Method::Message, uri, "");
        assert_eq!(statuses(&office.receive(alice.flow, &request)), [500]);
    }
}

/// Neither side of a sips dialog may leave TLS, even with proof, and whatever scheme the Route comes back with.
#[test]
fn a_sips_dialog_stays_on_tls() {
    let (mut office, mut alice) = secure_office();
    let bob = bob(&mut office, "sips:bob@192.0.2.22:5061", tls("192.0.2.22:40000", 2));
    let (_, sent) = send_to(&mut office, &mut alice, Method::Invite, SIPS, "", b"");
    let contact = "Contact: <sips:bob@192.0.2.22:5061>\r\n";
    let sent = office.receive(bob.flow, &reply_with(to(&sent, bob.flow), 200, contact, ""));
    let ok = to(&sent, alice.flow).clone();
    // Alice goes on over UDP, where she registers.
    (alice.flow, alice.contact) = (udp(ALICE), "sip:alice@192.0.2.11:5060".into());
    assert_eq!(office.register(&mut alice).status(), 200);
    for method in [Method::Info, Method::Bye, Method::Ack] {
        let request = String::from_utf8(inside(&mut alice, &ok, method)).expect("text");
        let disguised = request.replace("<sips:", "<sip:").replacen(" sips:", " sip:", 1);
        for request in [&request, &disguised] {
            let sent = office.receive(alice.flow, request.as_bytes());
            let wanted: &[u16] = if method == Method::Ack { &[] } else { &[403] };
            assert_eq!(statuses(&sent), wanted, "{method}: {sent:?}");
        }
    }
    // Bob's connection closes and he comes back over UDP under the same contact user: he is not reached there.
    let (mut office, mut alice) = secure_office();
    let tls_bob = self::bob(&mut office, "sips:bob@192.0.2.22:5061", tls("192.0.2.22:40000", 2));
    let (_, sent) = send_to(&mut office, &mut alice, Method::Invite, SIPS, "", b"");
    let sent = office.receive(tls_bob.flow, &reply_with(to(&sent, tls_bob.flow), 200, contact, ""));
    let ok = to(&sent, alice.flow).clone();
    office.handle(Input::FlowClosed { flow: tls_bob.flow });
    self::bob(&mut office, "sip:bob@192.0.2.22:5061", udp("192.0.2.22:5061"));
    let info = office.answer(alice.flow, &inside(&mut alice, &ok, Method::Info));
    assert!(goes_to(&info, tls_bob.flow), "{info:?}");
    assert_eq!(statuses(&send_failed(&mut office, &info)), [480]);
}

/// A sip dialog promises nothing, but what was protected is not continued in the clear behind its back either.
#[test]
fn a_dialog_over_tls_does_not_go_on_over_udp() {
    let (mut office, mut alice) = secure_office();
    let over_tls = bob(&mut office, "sip:bob@192.0.2.22:5061;transport=tls", tls("192.0.2.22:40000", 2));
    let (_, sent) = send(&mut office, &mut alice, Method::Invite, "");
    let contact = "Contact: <sip:bob@192.0.2.22:5061;transport=tls>\r\n";
    let sent = office.receive(over_tls.flow, &reply_with(to(&sent, over_tls.flow), 200, contact, ""));
    let ok = to(&sent, alice.flow).clone();
    office.handle(Input::FlowClosed { flow: over_tls.flow });
    bob(&mut office, "sip:bob@192.0.2.22:5061;transport=udp", udp("192.0.2.22:5061"));
    let info = office.answer(alice.flow, &inside(&mut alice, &ok, Method::Info));
    assert!(goes_to(&info, over_tls.flow), "{info:?}");
    assert_eq!(statuses(&send_failed(&mut office, &info)), [480]);
}

/// Inside a sip dialog too, a sips Request-URI leaves over TLS only.
#[test]
fn a_sips_target_inside_a_sip_dialog_is_not_sent_in_the_clear() {
    let (mut office, mut alice) = office();
    let (_, invite) = invite(&mut office, &mut alice);
    let contact = "Contact: <sips:bob@192.0.2.22:5061>\r\n";
    let ok = office.answer(udp(BOB), &reply_with(&invite, 200, contact, ""));
    assert_eq!(office.answer(udp(ALICE), &inside(&mut alice, &ok, Method::Info)).status(), 480);
    assert!(office.receive(udp(ALICE), &inside(&mut alice, &ok, Method::Ack)).is_empty());
}

/// RFC 5630 section 5.3: a redirection to the other scheme is the caller's to follow, in either direction.
#[test]
fn a_redirection_to_another_scheme_is_not_followed() {
    for (uri, contact) in [(SIPS, "sip:alice@example.org"), (URI, "sips:alice@example.org")] {
        let (mut office, mut alice) = secure_office();
        office.world.settings.recurse_on_redirect = true;
        let bob = bob(&mut office, "sips:bob@192.0.2.22:5061", tls("192.0.2.22:40000", 2));
        let (_, sent) = send_to(&mut office, &mut alice, Method::Invite, uri, "", b"");
        let moved = reply_with(to(&sent, bob.flow), 302, &format!("Contact: <{contact}>\r\n"), "");
        assert_eq!(statuses(&office.receive(bob.flow, &moved)), [0, 302], "{uri} to {contact}");
        let same = contact
            .replace(&contact[..contact.find(':').expect("a scheme")], &uri[..uri.find(':').expect("one")]);
        let (_, sent) = send_to(&mut office, &mut alice, Method::Invite, uri, "", b"");
        let moved = reply_with(to(&sent, bob.flow), 302, &format!("Contact: <{same}>\r\n"), "");
        let followed = office.receive(bob.flow, &moved);
        assert!(
            followed.iter().any(|s| s.text().starts_with("INVITE ") && goes_to(s, alice.flow)),
            "{uri} to {same}"
        );
    }
}
