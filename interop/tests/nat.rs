//! The networks in a box are what they say: which address a host is seen from, and who can answer (RFC 4787, RFC 5780).

use coeur_interop::nat::{Host, Internet, Nat, Site};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// What a host behind a router meets.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    /// It is seen from one address and port, whomever it sends to.
    one_mapping: bool,
    /// Who can send to where it was seen: whom it sent to; another port of that host; another host.
    answered: bool,
    from_another_port: bool,
    from_another_host: bool,
}

const BLOCKED: Seen =
    Seen { one_mapping: false, answered: false, from_another_port: false, from_another_host: false };

fn socket(host: &Host) -> UdpSocket {
    let socket = host.namespace.enter(|| UdpSocket::bind((host.address, 0)).expect("a socket"));
    socket.set_read_timeout(Some(Duration::from_millis(300))).expect("a time");
    socket
}

fn hears(socket: &UdpSocket, word: &[u8]) -> Option<SocketAddr> {
    let mut bytes = [0; 64];
    loop {
        let (length, from) = socket.recv_from(&mut bytes).ok()?;
        if &bytes[..length] == word {
            return Some(from);
        }
    }
}

fn look(nat: Nat) -> Seen {
    let mut internet = Internet::new();
    let (first, second) = (internet.host(), internet.host());
    let mut site: Site = internet.site(nat);
    let phone = site.host();
    let (a, a_other, b, phone) = (socket(&first), socket(&first), socket(&second), socket(&phone));
    let send = |to: &UdpSocket| phone.send_to(b"hello", to.local_addr().expect("bound")).map(|_| ());
    let _ = send(&a);
    let Some(seen_by_a) = hears(&a, b"hello") else { return BLOCKED };
    let answers = |from: &UdpSocket, word: &[u8]| {
        from.send_to(word, seen_by_a).expect("sent");
        hears(&phone, word).is_some()
    };
    let answered = answers(&a, b"answer");
    let from_another_port = answers(&a_other, b"another port");
    let from_another_host = answers(&b, b"another host");
    send(&b).expect("sent");
    let seen_by_b = hears(&b, b"hello").expect("both are reached");
    Seen { one_mapping: seen_by_a == seen_by_b, answered, from_another_port, from_another_host }
}

#[test]
#[ignore = "needs root, ip and nft"]
fn routers_map_and_filter_as_their_names_say() {
    let seen = |one_mapping, from_another_port, from_another_host| Seen {
        one_mapping,
        answered: true,
        from_another_port,
        from_another_host,
    };
    for nat in Nat::ALL {
        let expected = match nat {
            Nat::FullCone => seen(true, true, true),
            Nat::AddressRestricted => seen(true, true, false),
            Nat::PortRestricted | Nat::Forgetful | Nat::Firewall | Nat::Double | Nat::SmallMtu | Nat::Alg => {
                seen(true, false, false)
            }
            Nat::Symmetric | Nat::CarrierGrade => seen(false, false, false),
            Nat::NoUdp => BLOCKED,
        };
        assert_eq!(look(nat), expected, "{nat:?}");
    }
}

#[test]
#[ignore = "needs root, ip and nft"]
fn a_forgetful_router_closes_after_five_seconds() {
    let mut internet = Internet::new();
    let server = internet.host();
    let mut site = internet.site(Nat::Forgetful);
    let phone = site.host();
    let (server, phone) = (socket(&server), socket(&phone));
    phone.send_to(b"hello", server.local_addr().expect("bound")).expect("sent");
    let seen = hears(&server, b"hello").expect("it passes");
    server.send_to(b"soon", seen).expect("sent");
    assert!(hears(&phone, b"soon").is_some());
    std::thread::sleep(Duration::from_millis(6_500)); // what is measured
    server.send_to(b"late", seen).expect("sent");
    assert!(hears(&phone, b"late").is_none());
}

#[test]
#[ignore = "needs root, ip and nft"]
fn a_small_tunnel_drops_what_is_larger_without_a_word() {
    let mut internet = Internet::new();
    let server = internet.host();
    let mut site = internet.site(Nat::SmallMtu);
    let phone = site.host();
    let (server, phone) = (socket(&server), socket(&phone));
    let to = server.local_addr().expect("bound");
    phone.send_to(&[7; 1_400], to).expect("sent");
    phone.send_to(b"small", to).expect("sent");
    let mut bytes = [0; 2_000];
    let (length, _) = server.recv_from(&mut bytes).expect("the small one passes");
    assert_eq!(&bytes[..length], b"small");
}

/// What it does to SIP is what makes phones behind it hard to reach.
#[test]
#[ignore = "needs root, ip and nft"]
fn a_meddling_router_changes_via_and_contact_and_not_the_body() {
    let mut internet = Internet::new();
    let server = internet.host();
    let mut site = internet.site(Nat::Alg);
    let phone = site.host();
    let server = server.namespace.enter(|| UdpSocket::bind((server.address, 5_060)).expect("a socket"));
    server.set_read_timeout(Some(Duration::from_secs(2))).expect("a time");
    let phone = socket(&phone);
    let own = phone.local_addr().expect("bound");
    let text = format!(
        "INVITE sip:bob@example.org SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK1\r\nContact: <sip:alice@{own}>\r\n\
         \r\nc=IN IP4 {}\r\n",
        own.ip()
    );
    phone.send_to(text.as_bytes(), server.local_addr().expect("bound")).expect("sent");
    let mut bytes = [0; 2_000];
    let (length, from) = server.recv_from(&mut bytes).expect("it passes");
    let got = String::from_utf8_lossy(&bytes[..length]).into_owned();
    assert!(got.contains(&format!("Via: SIP/2.0/UDP {from};")), "{got}");
    assert!(got.contains(&format!("Contact: <sip:alice@{from}>")), "{got}");
    assert!(got.ends_with(&format!("c=IN IP4 {}\r\n", own.ip())), "{got}");
}
