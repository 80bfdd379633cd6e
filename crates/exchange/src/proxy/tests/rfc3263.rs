//! Another domain, found as RFC 3263 has it: what is asked of the DNS, and what is tried in which order.

use super::*;
use crate::flow::{ConnectionId, ListenerId, ShardId};
use crate::world::Listener;
use coeur_sip::Transport;
use coeur_sip::resolve::{Answer, Naptr, Outcome, Query, RecordKind, Records, Srv};
use std::net::SocketAddr;

fn abroad() -> (Office, Phone) {
    let (office, alice) = office();
    let patch = AccountPatch { terms: TermsPatch::relay(true), ..Default::default() };
    apply(&office.world, Change::AccountChanged { aor: aor("alice"), patch });
    (office, alice)
}

/// A small DNS: example.net has SRV for UDP and TCP; two hosts, one of them with two addresses.
fn answer(query: &Query) -> Outcome {
    let srv = |priority, target: &str| Srv { priority, weight: 0, port: 5070, target: target.into() };
    let records = match (query.kind, &*query.name) {
        (RecordKind::Naptr, "example.net") => Records::Naptr(
            [("SIP+D2U", "_sip._udp.example.net"), ("SIP+D2T", "_sip._tcp.example.net")]
                .into_iter()
                .enumerate()
                .map(|(n, (service, replacement))| Naptr {
                    order: n as u16,
                    preference: 0,
                    flags: "s".into(),
                    service: service.into(),
                    replacement: replacement.into(),
                })
                .collect(),
        ),
        (RecordKind::Srv, "_sip._udp.example.net") => {
            Records::Srv(vec![srv(1, "a.example.net"), srv(2, "b.example.net")])
        }
        (RecordKind::A, "a.example.net") => {
            Records::A(vec![[203, 0, 113, 1].into(), [203, 0, 113, 2].into()])
        }
        (RecordKind::A, "b.example.net") => Records::A(vec![[203, 0, 113, 3].into()]),
        _ => return Outcome::Absent { ttl_s: 60 },
    };
    Outcome::Found { records, ttl_s: 60 }
}

/// Answers whatever is asked, until something leaves or nothing is asked any more.
fn resolve(office: &mut Office, answer: impl Fn(&Query) -> Outcome) -> Vec<Sent> {
    for _ in 0..50 {
        let Some((token, query)) = (!office.asked.is_empty()).then(|| office.asked.remove(0)) else { break };
        let outcome = answer(&query);
        let sent = office.handle(Input::Resolved { token, answer: &Answer { query, outcome } });
        if !sent.is_empty() {
            return sent;
        }
    }
    Vec::new()
}

fn place(sent: &Sent) -> (Transport, SocketAddr) {
    match &sent.hop {
        Hop::Address { transport, address, .. } => (*transport, *address),
        Hop::Flow(flow) => panic!("over {flow:?}"),
    }
}

fn udp_place(address: &str) -> (Transport, SocketAddr) {
    (Transport::Udp, address.parse().expect("an address"))
}

fn begin(office: &mut Office, alice: &mut Phone, method: Method<'_>, uri: &str) -> Vec<Sent> {
    let (_, sent) = send_to(office, alice, method, uri, "", b"");
    sent.into_iter().filter(|sent| sent.status() != 100).collect()
}

/// Section 4: an address, or a name with a port, needs no SRV.
#[test]
fn a_numeric_host_is_sent_to_at_once() {
    for (uri, wanted) in [
        ("sip:carol@203.0.113.9", udp_place("203.0.113.9:5060")),
        ("sip:carol@203.0.113.9:5080", udp_place("203.0.113.9:5080")),
        ("sip:carol@203.0.113.9;transport=tcp", (Transport::Tcp, "203.0.113.9:5060".parse().expect("one"))),
    ] {
        let (mut office, mut alice) = abroad();
        let sent = begin(&mut office, &mut alice, Method::Message, uri);
        assert_eq!(place(&sent[0]), wanted);
        assert!(sent[0].text().starts_with(&format!("MESSAGE {uri} SIP/2.0\r\n")), "{}", sent[0].text());
    }
}

/// Sections 4.1 and 4.2: NAPTR, SRV, addresses; each attempt with a branch of its own (section 4.3).
#[test]
fn a_name_is_resolved_and_its_servers_are_tried_in_order() {
    let (mut office, mut alice) = abroad();
    assert!(begin(&mut office, &mut alice, Method::Invite, "sip:carol@example.net").is_empty());
    let mut sent = resolve(&mut office, answer).remove(0);
    let mut branches = Vec::new();
    for address in ["203.0.113.1:5070", "203.0.113.2:5070", "203.0.113.3:5070"] {
        assert_eq!(place(&sent), udp_place(address));
        let branch = sent.read(|m| m.via().expect("a Via").branch.expect("a branch").to_vec());
        assert!(!branches.contains(&branch));
        branches.push(branch);
        let mut next = send_failed(&mut office, &sent);
        sent = next.remove(0);
    }
    assert_eq!(sent.status(), 500, "none is left");
}

/// Section 4.3: a 503 and a timeout of an INVITE are failures of that server too.
#[test]
fn a_503_and_a_timeout_go_on_to_the_next_server() {
    let (mut office, mut alice) = abroad();
    begin(&mut office, &mut alice, Method::Invite, "sip:carol@example.net");
    let first = resolve(&mut office, answer).remove(0);
    let at = udp("203.0.113.1:5070");
    let sent = office.receive(at, &reply(&first, 503));
    assert_eq!(sent[0].text().split(' ').next(), Some("ACK"));
    assert_eq!(place(&sent[1]), udp_place("203.0.113.2:5070"));
    let mut later = Vec::new();
    for _ in 0..330 {
        let sent = tick(&mut office, Duration::from_millis(100));
        later.extend(sent.into_iter().filter(|sent| place(sent) == udp_place("203.0.113.3:5070")));
    }
    assert!(!later.is_empty());
    let ok = office.receive(udp("203.0.113.3:5070"), &reply(&later[0], 200));
    assert!(ok.iter().any(|sent| sent.status() == 200));
}

/// RFC 4321 section 1.3: after timer F the caller of a MESSAGE has given up too. What failed is avoided by the next.
#[test]
fn a_message_that_timed_out_is_not_tried_elsewhere_but_the_next_one_is() {
    let (mut office, mut alice) = abroad();
    begin(&mut office, &mut alice, Method::Message, "sip:carol@example.net");
    let first = resolve(&mut office, answer).remove(0);
    assert_eq!(place(&first), udp_place("203.0.113.1:5070"));
    for _ in 0..330 {
        let sent = tick(&mut office, Duration::from_millis(100));
        assert!(sent.iter().all(|sent| sent.status() == 100 || place(sent) == place(&first)), "{sent:?}");
    }
    begin(&mut office, &mut alice, Method::Message, "sip:carol@example.net");
    assert_eq!(place(&resolve(&mut office, answer)[0]), udp_place("203.0.113.2:5070"));
}

/// A name that is not there is 404; a DNS that fails says nothing of the name.
#[test]
fn a_name_that_does_not_exist_is_404_and_a_dead_dns_500() {
    let (mut office, mut alice) = abroad();
    begin(&mut office, &mut alice, Method::Invite, "sip:carol@example.net");
    assert_eq!(statuses(&resolve(&mut office, |_| Outcome::Absent { ttl_s: 60 })), [404]);
    begin(&mut office, &mut alice, Method::Invite, "sip:carol@example.net");
    assert_eq!(statuses(&resolve(&mut office, |_| Outcome::Failed)), [500]);
}

/// A DNS that never answers does not hold the call for ever; and a caller who gives up meanwhile is answered.
#[test]
fn a_dns_that_is_silent_ends_in_408_or_with_the_cancel() {
    let (mut office, mut alice) = abroad();
    begin(&mut office, &mut alice, Method::Invite, "sip:carol@example.net");
    let mut sent = Vec::new();
    for _ in 0..33 {
        sent.extend(tick(&mut office, Duration::from_secs(1)));
    }
    assert_eq!(sent.first().map(Sent::status), Some(408));
    let (request, _) = send_to(&mut office, &mut alice, Method::Invite, "sip:carol@example.net", "", b"");
    let sent = office.receive(udp(ALICE), &cancel_of(&request));
    assert_eq!(statuses(&sent), [200, 487]);
    // RFC 3261 section 9.2: of one dialog.
    let [of_cancel, of_invite] = [&sent[0], &sent[1]].map(|answer| {
        answer.read(|m| m.to().ok().and_then(|to| to.tag()).map(<[u8]>::to_vec)).expect("a tag")
    });
    assert_eq!(of_cancel, of_invite);
}

/// RFC 3261 section 18.1.1: what is larger than 1,300 bytes goes over TCP where the URI leaves that open, and over UDP
/// when nobody listens there on TCP.
#[test]
fn a_large_request_goes_over_tcp_and_falls_back_to_udp() {
    let (mut office, mut alice) = abroad();
    let body = vec![b'x'; 1_300];
    let (_, sent) = send_to(&mut office, &mut alice, Method::Message, "sip:carol@203.0.113.9", "", &body);
    assert_eq!(place(&sent[0]), (Transport::Tcp, "203.0.113.9:5060".parse().expect("one")));
    assert!(sent[0].text().contains("Via: SIP/2.0/TCP 192.0.2.1:5060"), "{}", sent[0].text());
    let again = send_failed(&mut office, &sent[0]);
    assert_eq!(place(&again[0]), udp_place("203.0.113.9:5060"));
    assert!(again[0].text().contains("Via: SIP/2.0/UDP 192.0.2.1:5060"));
    let uri = "sip:carol@203.0.113.9;transport=udp";
    let (_, sent) = send_to(&mut office, &mut alice, Method::Message, uri, "", &body);
    assert_eq!(place(&sent[0]), udp_place("203.0.113.9:5060"), "the URI says UDP");
}

/// Threat T-25: neither a caller nor the DNS of another domain leads us to what only we can reach, unless the operator
/// has listed it.
#[test]
fn another_domain_is_nowhere_inside() {
    let from_dns = |address: &str| {
        let address: std::net::IpAddr = address.parse().expect("an address");
        move |query: &Query| match (query.kind, address) {
            (RecordKind::A, std::net::IpAddr::V4(ip)) => {
                Outcome::Found { records: Records::A(vec![ip, [203, 0, 113, 1].into()]), ttl_s: 60 }
            }
            _ => Outcome::Absent { ttl_s: 60 },
        }
    };
    for host in ["127.0.0.1", "10.1.2.3", "169.254.169.254:80", "192.168.0.1;transport=tcp", "224.0.1.75"] {
        let (mut office, mut alice) = abroad();
        let sent = begin(&mut office, &mut alice, Method::Message, &format!("sip:carol@{host}"));
        assert_eq!(statuses(&sent), [403], "{host}");
        assert_eq!(office.exchange.counters().relay_refused, 1);
    }
    // Where the name has another address too, that one is taken.
    let (mut office, mut alice) = abroad();
    begin(&mut office, &mut alice, Method::Message, "sip:carol@example.net");
    assert_eq!(place(&resolve(&mut office, from_dns("10.1.2.3"))[0]), udp_place("203.0.113.1:5060"));
    begin(&mut office, &mut alice, Method::Message, "sip:carol@inside.example");
    let only = |query: &Query| match query.kind {
        RecordKind::A => Outcome::Found { records: Records::A(vec![[127, 0, 0, 1].into()]), ttl_s: 60 },
        _ => Outcome::Absent { ttl_s: 60 },
    };
    assert_eq!(statuses(&resolve(&mut office, only)), [403]);
    office.world.settings.relay_inside = ["10.1.0.0/16".parse().expect("a network")].into();
    let sent = begin(&mut office, &mut alice, Method::Message, "sip:carol@10.1.2.3");
    assert_eq!(place(&sent[0]), udp_place("10.1.2.3:5060"));
    let sent = begin(&mut office, &mut alice, Method::Message, "sip:carol@10.2.2.3");
    assert_eq!(statuses(&sent), [403]);
}

/// RFC 5922 section 7.1: what the certificate must prove is the name that was asked for, for the ACK, a re-INVITE and
/// the BYE of a dialog just as for its INVITE. With it they find the connection of the INVITE too (RFC 5923).
#[test]
fn a_dialog_abroad_goes_on_under_the_name_that_it_began_with() {
    for (uri, transport, id) in [
        ("sip:carol@tls.example.net:5071;transport=tls", Transport::Tls, 2),
        ("sip:carol@tls.example.net:5071;transport=tcp", Transport::Tcp, 1),
    ] {
        let (mut office, mut alice) = abroad();
        let bound = "192.0.2.1:5061".parse().expect("an address");
        let listener = Listener {
            id: ListenerId(2),
            transport: Transport::Tls,
            bound,
            sent_by: "192.0.2.1:5061".into(),
        };
        office.world.listeners.push(listener);
        assert!(begin(&mut office, &mut alice, Method::Invite, uri).is_empty());
        let invite = resolve(&mut office, |query| match query.kind {
            RecordKind::A => Outcome::Found { records: Records::A(vec![[203, 0, 113, 7].into()]), ttl_s: 60 },
            _ => Outcome::Absent { ttl_s: 60 },
        })
        .remove(0);
        let address = "203.0.113.7:5071".parse().expect("an address");
        let host = Some("tls.example.net".into());
        let there = Hop::Address { transport, listener: ListenerId(id), address, host };
        assert_eq!(invite.hop, there);
        let connection = ConnectionId::new(ShardId(0), 77);
        let back = Flow { transport, listener: ListenerId(id), connection, remote: address };
        let contact = "Contact: <sip:carol@203.0.113.7:5071;transport=tls>\r\n";
        let ok = office.answer(back, &reply_with(&invite, 200, contact, ""));
        for method in [Method::Ack, Method::Invite, Method::Bye] {
            let sent = office.receive(alice.flow, &inside(&mut alice, &ok, method));
            let passed = sent.iter().find(|sent| sent.status() == 0).expect("a request");
            assert_eq!(passed.hop, there, "{method} {}", passed.text());
        }
    }
}

/// Section 4.3: avoided is what refused or proved another name. A queue of ours that is full, and a connection that
/// closed, say nothing of the server at its other end.
#[test]
fn a_server_is_not_avoided_for_what_was_our_own_fault() {
    for (failure, avoided) in [
        (SendFailure::Congested, false),
        (SendFailure::FlowClosed, false),
        (SendFailure::Unreachable, true),
        (SendFailure::Untrusted, true),
    ] {
        let (mut office, mut alice) = abroad();
        let answer = |query: &Query| match query.kind {
            RecordKind::A => {
                let both = vec![[203, 0, 113, 1].into(), [203, 0, 113, 2].into()];
                Outcome::Found { records: Records::A(both), ttl_s: 60 }
            }
            _ => Outcome::Absent { ttl_s: 60 },
        };
        let uri = "sip:carol@two.example.net:5060;transport=tcp";
        begin(&mut office, &mut alice, Method::Invite, uri);
        let first = resolve(&mut office, answer).remove(0);
        let second = send_failed_as(&mut office, &first, failure).remove(0);
        assert_ne!(place(&second), place(&first), "{failure:?}: the other is tried");
        begin(&mut office, &mut alice, Method::Invite, uri);
        let next = resolve(&mut office, answer).remove(0);
        assert_eq!(place(&next) != place(&first), avoided, "{failure:?}");
    }
}

/// Threat T-25: whatever else listens at our own addresses is for us alone, unless the operator has listed them.
#[test]
fn another_domain_is_not_at_our_own_addresses() {
    for (host, network) in [
        ("192.0.2.1:5070", "192.0.2.1"),
        ("192.0.2.1:22;transport=tcp", "192.0.2.0/24"),
        ("198.51.100.5:5070", "198.51.100.5"),
        ("[2001:db8::1]:5070", "2001:db8::/32"),
        ("[2001:db8::5]:5070", "2001:db8::5"),
    ] {
        let (mut office, mut alice) = abroad();
        for (id, bound, sent_by) in
            [(2, "10.0.0.1:5060", "198.51.100.5:5060"), (3, "[2001:db8::1]:5060", "[2001:db8::5]:5060")]
        {
            let (id, transport, bound) = (ListenerId(id), Transport::Udp, bound.parse().expect("an address"));
            office.world.listeners.push(Listener { id, transport, bound, sent_by: sent_by.into() });
        }
        let uri = format!("sip:carol@{host}");
        assert_eq!(statuses(&begin(&mut office, &mut alice, Method::Message, &uri)), [403], "{host}");
        office.world.settings.relay_inside = [network.parse().expect("a network")].into();
        let sent = begin(&mut office, &mut alice, Method::Message, &uri);
        assert_eq!(statuses(&sent), [0], "{host} is listed");
    }
}

/// RFC 3261 sections 8.1.1 and 18.1.1: a server abroad may send its own requests from another port than it is reached at,
/// and large ones over TCP. It has no account here by which it could prove more.
#[test]
fn a_callee_abroad_can_hang_up_from_another_port_of_its_address() {
    for (flow, passes) in [
        (udp("203.0.113.9:5060"), true),
        (udp("203.0.113.9:40000"), true),
        (tcp("203.0.113.9:40000", 5), true),
        (udp("203.0.113.10:5060"), false),
    ] {
        let (mut office, mut alice) = abroad();
        let invite = begin(&mut office, &mut alice, Method::Invite, "sip:carol@203.0.113.9").remove(0);
        let contact = "Contact: <sip:carol@203.0.113.9>\r\n";
        assert_eq!(
            office.answer(udp("203.0.113.9:5060"), &reply_with(&invite, 200, contact, "")).status(),
            200
        );
        let bye = office.receive(flow, &from_callee(&invite, "BYE", 1));
        assert_eq!(bye.iter().any(|sent| goes_to(sent, udp(ALICE))), passes, "{flow:?} {bye:?}");
    }
}

/// Where several listeners could send, the Via names the one that does: of the family of the target, and one that is bound
/// to loopback only for loopback.
#[test]
fn the_listener_that_sends_is_the_one_that_our_via_names() {
    let (mut office, mut alice) = abroad();
    office.world.settings.relay_inside = ["127.0.0.0/8".parse().expect("a network")].into();
    let new = |id, bound: &str| {
        let bound = bound.parse().expect("an address");
        Listener { id: ListenerId(id), transport: Transport::Udp, bound, sent_by: format!("{bound}").into() }
    };
    office.world.listeners.insert(0, new(5, "127.0.0.1:5060"));
    office.world.listeners.insert(0, new(6, "[2001:db8::1]:5060"));
    for (uri, id, via) in [
        ("sip:carol@203.0.113.9", 0, "192.0.2.1:5060"),
        ("sip:carol@127.0.0.9:5070", 5, "127.0.0.1:5060"),
        ("sip:carol@[2001:db8::9]", 6, "[2001:db8::1]:5060"),
    ] {
        let sent = begin(&mut office, &mut alice, Method::Message, uri).remove(0);
        assert!(lines(&sent, "Via")[0].starts_with(&format!("SIP/2.0/UDP {via};")), "{}", sent.text());
        assert!(
            matches!(sent.hop, Hop::Address { listener, .. } if listener == ListenerId(id)),
            "{uri} {:?}",
            sent.hop
        );
    }
}

/// Section 4.3: a server that has answered is there again.
#[test]
fn a_server_that_answers_is_no_longer_avoided() {
    let (mut office, mut alice) = abroad();
    begin(&mut office, &mut alice, Method::Message, "sip:carol@example.net");
    let first = resolve(&mut office, answer).remove(0);
    send_failed(&mut office, &first);
    begin(&mut office, &mut alice, Method::Message, "sip:carol@example.net");
    assert_ne!(place(&resolve(&mut office, answer)[0]), place(&first));
    let sent = begin(&mut office, &mut alice, Method::Message, "sip:carol@203.0.113.1:5070").remove(0);
    assert_eq!(place(&sent), place(&first));
    office.receive(udp("203.0.113.1:5070"), &reply(&sent, 404));
    begin(&mut office, &mut alice, Method::Message, "sip:carol@example.net");
    assert_eq!(place(&resolve(&mut office, answer)[0]), place(&first));
}

/// Section 4.3, RFC 3261 section 9.1: a server that let the phone ring is there, even if it says nothing to our CANCEL.
#[test]
fn a_server_that_only_ignores_a_cancel_is_not_avoided() {
    let (mut office, mut alice) = abroad();
    let (request, _) = send_to(&mut office, &mut alice, Method::Invite, "sip:carol@example.net", "", b"");
    let first = resolve(&mut office, answer).remove(0);
    assert_eq!(office.answer(udp("203.0.113.1:5070"), &reply(&first, 180)).status(), 180);
    assert!(office.receive(udp(ALICE), &cancel_of(&request)).iter().any(|sent| sent.status() == 0));
    for _ in 0..34 {
        tick(&mut office, Duration::from_secs(1));
    }
    assert!(office.receive(udp("203.0.113.1:5070"), &reply(&first, 487)).is_empty(), "given up");
    begin(&mut office, &mut alice, Method::Invite, "sip:carol@example.net");
    assert_eq!(place(&resolve(&mut office, answer)[0]), place(&first));
}
