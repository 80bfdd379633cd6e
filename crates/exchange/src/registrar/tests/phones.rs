//! Real phones (what they do is observed, see the decisions beside the code) and those who mean ill (threat T-18).

use super::desk::{Desk, ask, contact, stream, udp};
use coeur_directory::DeviceId;
use coeur_sip::transport::Transport;

#[test]
fn a_phone_behind_a_nat_is_reached_over_its_flow() {
    let mut desk = Desk::new();
    let lines = "Contact: <sip:alice@10.0.0.3:5060>\r\n";
    desk.send(ask(1, lines).over(udp("203.0.113.9:40000")));
    assert_eq!(desk.targets()[0].flow, Some(udp("203.0.113.9:40000")));
    // The NAT forgot and gave another port: the refresh moves the flow at once.
    desk.send(ask(2, lines).over(udp("203.0.113.9:40001")));
    let targets = desk.targets();
    assert_eq!((targets.len(), targets[0].flow), (1, Some(udp("203.0.113.9:40001"))));
}

#[test]
fn a_udp_phone_that_sends_from_another_port_is_reached_where_it_listens() {
    let mut desk = Desk::new();
    let mut ask = ask(1, contact("")).over(udp("192.0.2.7:33333"));
    ask.via = "SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bK1".into();
    desk.send(ask);
    assert_eq!(desk.targets()[0].flow, Some(udp("192.0.2.7:5062")));
}

/// T-18: a Contact at a third party makes us send nothing there.
#[test]
fn a_contact_at_a_third_party_is_reached_over_the_flow_of_who_registered_it() {
    let mut desk = Desk::new();
    let mut ask = ask(1, "Contact: <sip:victim@203.0.113.80:5060>\r\n");
    ask.via = "SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bK1".into();
    desk.send(ask);
    assert_eq!(desk.targets()[0].flow, Some(udp("192.0.2.7:5062")));
}

/// T-18: no Contact leads back to us.
#[test]
fn a_contact_at_one_of_our_own_addresses_is_refused() {
    for uri in [
        "sip:bob@198.51.100.1",
        "sip:bob@198.51.100.1:5060;transport=tcp",
        "sip:bob@example.com",
        "sip:bob@EXAMPLE.com:5060",
        "sip:bob@sip.example.com",
        "sip:bob@[::ffff:198.51.100.1]:5060",
        "sip:bob@0.0.0.0:5060",
    ] {
        let answer = Desk::new().send(ask(1, format!("Contact: <{uri}>\r\n")));
        assert_eq!(answer.status, 403, "{uri}");
    }
    for uri in ["sip:bob@198.51.100.1:5070", "sip:bob@198.51.100.2", "sip:bob@example.com:40000"] {
        assert_eq!(Desk::new().send(ask(1, format!("Contact: <{uri}>\r\n"))).status, 200, "{uri}");
    }
}

/// Threat T-18: a wildcard listener is at each address of the machine; the name says which of them others use.
#[test]
fn behind_a_wildcard_listener_a_contact_at_the_address_that_we_name_is_refused() {
    for (sent_by, uris) in [
        ("203.0.113.5:5060", ["sip:bob@203.0.113.5", "sip:bob@203.0.113.5:5060", "sip:bob@127.0.0.1"]),
        ("[2001:db8::5]:5060", ["sip:bob@[2001:db8::5]", "sip:bob@[2001:DB8:0::5]:5060", "sip:bob@0.0.0.0"]),
    ] {
        let mut desk = Desk::new();
        desk.world.listeners.truncate(1);
        desk.world.listeners[0].bound = "0.0.0.0:5060".parse().expect("an address");
        desk.world.listeners[0].sent_by = sent_by.into();
        for (uri, cseq) in uris.into_iter().zip(1..) {
            assert_eq!(desk.send(ask(cseq, format!("Contact: <{uri}>\r\n"))).status, 403, "{uri}");
        }
        let others = ["sip:bob@203.0.113.5:5070", "sip:bob@203.0.113.50", "sip:bob@[2001:db8::50]:5060"];
        for (uri, cseq) in others.into_iter().zip(4..) {
            assert_eq!(desk.send(ask(cseq, format!("Contact: <{uri}>\r\n"))).status, 200, "{uri}");
        }
    }
}

#[test]
fn a_contact_that_is_no_sip_uri_is_refused() {
    for uri in ["tel:+33123456789", "mailto:alice@example.com", "http://192.0.2.7/"] {
        assert_eq!(Desk::new().send(ask(1, format!("Contact: <{uri}>\r\n"))).status, 403, "{uri}");
    }
}

/// baresip over TLS names its listening port but accepts nothing there.
#[test]
fn a_tls_phone_is_called_on_its_connection_and_on_no_other() {
    let mut desk = Desk::new();
    let tls = stream(Transport::Tls, "192.0.2.7:40000", 5);
    desk.send(ask(1, "Contact: <sip:alice-0x55@192.0.2.7:5061;transport=tls>\r\n").over(tls));
    assert_eq!(desk.targets()[0].flow, Some(tls));
    desk.with(|registrar, cx| registrar.flow_closed(cx, &tls));
    assert!(desk.uris().is_empty());
    assert_eq!(desk.world.bindings.count(), 1);
    let again = stream(Transport::Tls, "192.0.2.7:40001", 6);
    desk.send(ask(2, "Contact: <sip:alice-0x55@192.0.2.7:5061;transport=tls>\r\n").over(again));
    assert_eq!(desk.targets()[0].flow, Some(again));
}

#[test]
fn a_tcp_phone_without_nat_may_be_called_at_its_contact_when_its_connection_is_gone() {
    let mut desk = Desk::new();
    let tcp = stream(Transport::Tcp, "192.0.2.7:40000", 5);
    desk.send(
        ask(1, "Contact: <sip:alice@192.0.2.7:5062;transport=tcp>, <sip:b@10.0.0.1;transport=tcp>\r\n")
            .over(tcp),
    );
    assert_eq!(desk.targets().len(), 2);
    desk.with(|registrar, cx| registrar.flow_closed(cx, &tcp));
    let targets = desk.targets();
    assert_eq!((targets.len(), targets[0].flow), (1, None));
    assert_eq!(&*targets[0].uri, b"sip:alice@192.0.2.7:5062;transport=tcp");
}

/// T-18: `maddr` would send the call elsewhere than the host that was compared with the source.
#[test]
fn a_tcp_phone_that_names_another_place_in_maddr_is_called_on_its_connection_only() {
    let mut desk = Desk::new();
    let tcp = stream(Transport::Tcp, "192.0.2.7:40000", 5);
    desk.send(ask(1, "Contact: <sip:alice@192.0.2.7:5062;transport=tcp;maddr=203.0.113.80>\r\n").over(tcp));
    assert_eq!(desk.targets()[0].flow, Some(tcp));
    desk.with(|registrar, cx| registrar.flow_closed(cx, &tcp));
    assert!(desk.uris().is_empty());
}

/// baresip and Linphone: an instance, no reg-id, another Contact after each start.
#[test]
fn an_instance_that_restarted_replaces_itself() {
    let mut desk = Desk::new();
    let of = |port: u16, urn: u8| {
        format!("Contact: <sip:alice@192.0.2.7:{port}>;+sip.instance=\"<urn:uuid:{urn}>\"\r\n")
    };
    desk.send(ask(1, of(5062, 1)));
    desk.send(ask(1, of(5070, 1)).call_id("restarted"));
    assert_eq!(desk.uris(), ["sip:alice@192.0.2.7:5070"]);
    desk.send(ask(1, of(5080, 2)).call_id("another-phone"));
    assert_eq!(desk.uris().len(), 2);
    // The same phone also over TCP is another way to it, not a restart.
    let tcp = stream(Transport::Tcp, "192.0.2.7:40000", 5);
    desk.send(ask(1, of(5090, 2)).call_id("another-transport").over(tcp));
    assert_eq!(desk.uris().len(), 3);
}

#[test]
fn a_phone_without_instance_that_restarted_on_another_port_replaces_itself() {
    let of = |contact: &str, agent: &str| format!("User-Agent: {agent}\r\nContact: <{contact}>\r\n");
    let source = udp("203.0.113.9:40001");
    let first = || {
        let mut desk = Desk::new();
        desk.send(ask(1, of("sip:alice@10.0.0.3:5062", "Snom/1")).over(udp("203.0.113.9:40000")));
        desk
    };
    let mut desk = first();
    desk.send(ask(1, of("sip:alice@10.0.0.3:6011", "Snom/1")).call_id("restarted").over(source));
    assert_eq!(desk.uris(), ["sip:alice@10.0.0.3:6011"]);
    // Anything else that differs is another phone.
    for (contact, agent, call_id, source) in [
        ("sip:alice@10.0.0.4:6011", "Snom/1", "restarted", source),
        ("sip:bob@10.0.0.3:6011", "Snom/1", "restarted", source),
        ("sip:alice@10.0.0.3:6011", "Snom/2", "restarted", source),
        ("sip:alice@10.0.0.3:6011", "Snom/1", "843817637684230@998sdasdh09", source),
        ("sip:alice@10.0.0.3:6011", "Snom/1", "restarted", udp("203.0.113.10:40001")),
    ] {
        let mut desk = first();
        desk.send(ask(2, of(contact, agent)).call_id(call_id).over(source));
        assert_eq!(desk.uris().len(), 2, "{contact} {agent} {call_id}");
    }
    let mut desk = first();
    desk.device = DeviceId(2);
    desk.send(ask(1, of("sip:alice@10.0.0.3:6011", "Snom/1")).call_id("restarted").over(source));
    assert_eq!(desk.uris().len(), 2);
}

#[test]
fn several_user_agents_on_the_machine_itself_do_not_replace_each_other() {
    let mut desk = Desk::new();
    for port in [6001, 6002, 6003] {
        let lines = format!("User-Agent: sipp\r\nContact: <sip:alice@127.0.0.1:{port}>\r\n");
        desk.send(ask(1, lines).call_id(&port.to_string()).over(udp(&format!("127.0.0.1:{port}"))));
    }
    assert_eq!(desk.uris().len(), 3);
}

#[test]
fn when_full_the_dead_go_first_then_the_oldest_of_the_same_device_and_nobody_elses() {
    let mut desk = Desk::new();
    desk.rules.contacts_max = 3;
    let register = |desk: &mut Desk, name: &str, device: u64, flow| {
        desk.device = DeviceId(device);
        let lines = format!("Contact: <sip:{name}@10.0.0.1>\r\n");
        desk.send(ask(1, lines).call_id(name).over(flow)).status
    };
    let source = udp("203.0.113.9:40000");
    let tls = stream(Transport::Tls, "203.0.113.9:1", 5);
    for (name, device, flow) in [("one", 1, source), ("two", 2, tls), ("three", 2, source)] {
        assert_eq!(register(&mut desk, name, device, flow), 200);
    }
    desk.with(|registrar, cx| registrar.flow_closed(cx, &tls));
    assert_eq!(register(&mut desk, "four", 1, source), 200);
    assert_eq!(desk.uris(), ["sip:four@10.0.0.1", "sip:three@10.0.0.1", "sip:one@10.0.0.1"]);
    assert_eq!(register(&mut desk, "five", 1, source), 200);
    assert_eq!(desk.uris(), ["sip:five@10.0.0.1", "sip:four@10.0.0.1", "sip:three@10.0.0.1"]);
    assert_eq!(register(&mut desk, "six", 3, source), 403);
    assert_eq!(desk.uris().len(), 3);
}

/// SIP.js and JsSIP: random hosts at `.invalid`, one binding per connection.
#[test]
fn a_browser_is_reached_by_its_connection() {
    let mut desk = Desk::new();
    let ws = stream(Transport::Ws, "192.0.2.7:40000", 9);
    let answer = desk.send(ask(1, "Contact: <sip:k3j@9f2.invalid;transport=ws>\r\n").over(ws));
    assert_eq!(answer.contacts(), ["<sip:k3j@9f2.invalid;transport=ws>;expires=3600"]);
    assert_eq!(desk.targets()[0].flow, Some(ws));
    desk.with(|registrar, cx| registrar.flow_closed(cx, &ws));
    assert!(desk.uris().is_empty());
}
