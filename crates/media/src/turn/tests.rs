//! The server and its clients, honest and not.

use super::*;
use crate::address::{PeerPolicy, forbidden, policy_of_the_matrix};
use crate::stun::{Class, Integrity, Key, Kind, Message, Method, TransactionId, Writer};
use coeur_sip::time::{Monotonic, Now, Wall};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

const SECRET: [u8; 32] = [3; 32];
const REALM: &str = "example.org";
const RTP: &[u8] = &[0x80, 0, 0, 1, 1, 2, 3];

struct Lab {
    server: Server,
    now: Now,
    transactions: u64,
}

/// A client with its credentials and the nonce that it was told.
#[derive(Clone)]
struct Phone {
    client: Client,
    username: String,
    key: Key,
    nonce: String,
}

/// What a datagram came to.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Reply(Vec<u8>),
    Relay(AllocationId, SocketAddr, Vec<u8>),
}

impl Lab {
    fn new() -> Lab {
        Lab::with(Limits::default(), PeerPolicy::default())
    }

    fn with(limits: Limits, policy: PeerPolicy) -> Lab {
        let server = Server::new(Settings {
            realm: REALM.into(),
            secret: SECRET,
            nonce_key: [4; 32],
            policy: Arc::new(policy),
            limits,
            families: vec![Family::V4, Family::V6],
        });
        let now = Now::new(Monotonic::from_secs(1_000), Wall::from_secs(1_700_000_000));
        Lab { server, now, transactions: 0 }
    }

    fn later(&mut self, span: Duration) {
        self.now = Now::new(self.now.monotonic + span, self.now.wall + span);
    }

    fn transaction(&mut self) -> TransactionId {
        self.transactions += 1;
        let mut id = [9; 12];
        id[..8].copy_from_slice(&self.transactions.to_be_bytes());
        TransactionId(id)
    }

    fn deliver(&mut self, client: Client, bytes: &[u8]) -> Told {
        let mut out = Vec::new();
        match self.server.receive(self.now, client, bytes, &mut out) {
            Action::Nothing => {
                assert!(out.is_empty());
                Told::Nothing
            }
            Action::Reply => Told::Reply(out),
            Action::Relay { allocation, to, data } => Told::Relay(allocation, to, data.to_vec()),
        }
    }

    /// A phone that knows its nonce already.
    fn phone(&mut self, account: &str, port: u16) -> Phone {
        let issued = Credentials::issue(&SECRET, account, 1, self.now.wall + Duration::from_secs(600));
        let client = client(port);
        let key = Key::long_term_md5(&issued.username, REALM, issued.password.as_bytes());
        let mut phone = Phone { client, username: issued.username, key, nonce: String::new() };
        self.fetch_nonce(&mut phone);
        phone
    }

    fn fetch_nonce(&mut self, phone: &mut Phone) {
        let mut bytes = Vec::new();
        Writer::new(&mut bytes, Class::Request, Method::Allocate, self.transaction())
            .word(Kind::RequestedTransport, 17 << 24);
        let Told::Reply(answer) = self.deliver(phone.client, &bytes) else { panic!("no challenge") };
        let answer = Message::read(&answer).expect("a message");
        assert_eq!((answer.error_code(), answer.realm()), (Some((401, "")), Some(REALM)));
        phone.nonce = answer.nonce().expect("a nonce").to_owned();
    }

    /// A request with integrity; code of the answer (0 is success) and its bytes.
    fn ask(&mut self, phone: &Phone, method: Method, fill: impl FnOnce(&mut Writer<'_>)) -> (u16, Vec<u8>) {
        let transaction = self.transaction();
        let bytes = request(phone, method, transaction, fill);
        match self.deliver(phone.client, &bytes) {
            Told::Reply(answer) => (code(&answer), answer),
            Told::Nothing => (1, Vec::new()),
            Told::Relay(..) => panic!("a request was relayed"),
        }
    }

    /// Allocates and opens.
    fn allocate(&mut self, phone: &Phone) -> AllocationId {
        let (code, _) = self.ask(phone, Method::Allocate, udp);
        assert_eq!(code, 1, "the answer waits for the address");
        let Some(Task::Open { allocation, family: Family::V4, is_even: false }) = self.server.poll() else {
            panic!("no address is asked for")
        };
        self.server.opened(allocation, Some(relayed(allocation)));
        let Some(Task::Reply { client, bytes }) = self.server.poll() else { panic!("no answer") };
        assert_eq!(client, phone.client);
        let answer = Message::read(&bytes).expect("a message");
        assert_eq!((answer.class(), answer.lifetime()), (Class::Success, Some(600)));
        assert_eq!(answer.relayed_address(), Some(relayed(allocation)));
        assert_eq!(answer.mapped_address(), Some(phone.client.remote));
        assert!(answer.is_of(&phone.key));
        allocation
    }

    fn permit(&mut self, phone: &Phone, peer: SocketAddr) -> u16 {
        let peer = |writer: &mut Writer<'_>| {
            writer.xored_address(Kind::XorPeerAddress, peer);
        };
        self.ask(phone, Method::CreatePermission, peer).0
    }

    fn bind(&mut self, phone: &Phone, number: u16, peer: SocketAddr) -> u16 {
        let fill = |writer: &mut Writer<'_>| {
            writer.word(Kind::ChannelNumber, u32::from(number) << 16);
            writer.xored_address(Kind::XorPeerAddress, peer);
        };
        self.ask(phone, Method::ChannelBind, fill).0
    }

    fn send(&mut self, phone: &Phone, peer: SocketAddr, data: &[u8]) -> Told {
        let mut bytes = Vec::new();
        Writer::new(&mut bytes, Class::Indication, Method::Send, self.transaction())
            .xored_address(Kind::XorPeerAddress, peer)
            .value(Kind::Data, data);
        self.deliver(phone.client, &bytes)
    }

    fn come(&mut self, allocation: AllocationId, from: SocketAddr, data: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        self.server.relayed(self.now.monotonic, allocation, from, data, &mut out).map(|_| out)
    }
}

fn client(port: u16) -> Client {
    Client {
        local: address("198.51.100.1:3478"),
        remote: SocketAddr::from(([203, 0, 113, 50], port)),
        is_stream: false,
    }
}

fn relayed(allocation: AllocationId) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 1], 50_000 + allocation.0 as u16))
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn udp(writer: &mut Writer<'_>) {
    writer.word(Kind::RequestedTransport, 17 << 24);
}

fn nothing(_: &mut Writer<'_>) {}

fn request(phone: &Phone, method: Method, id: TransactionId, fill: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, Class::Request, method, id);
    fill(&mut writer);
    writer.text(Kind::Username, &phone.username).text(Kind::Realm, REALM).text(Kind::Nonce, &phone.nonce);
    writer.integrity(Integrity::Sha1, &phone.key);
    bytes
}

fn code(answer: &[u8]) -> u16 {
    Message::read(answer).expect("a message").error_code().map_or(0, |(code, _)| code)
}

fn channel(number: u16, data: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes()[..], &(data.len() as u16).to_be_bytes(), data].concat()
}

const PEER: &str = "192.0.2.77:4000";

#[test]
fn a_client_allocates_permits_and_speaks_by_indications_and_by_a_channel() {
    let mut lab = Lab::new();
    let phone = lab.phone("alice", 1);
    let id = lab.allocate(&phone);
    let peer = address(PEER);
    assert_eq!(lab.send(&phone, peer, RTP), Told::Nothing);
    assert_eq!(lab.come(id, peer, RTP), None);
    assert_eq!(lab.permit(&phone, peer), 0);
    assert_eq!(lab.send(&phone, peer, RTP), Told::Relay(id, peer, RTP.to_vec()));
    let came = lab.come(id, peer, RTP).expect("data");
    let indication = Message::read(&came).expect("a message");
    assert_eq!((indication.class(), indication.method()), (Class::Indication, Method::Data));
    assert_eq!((indication.peer_addresses().next(), indication.data()), (Some(peer), Some(RTP)));
    assert_eq!(lab.bind(&phone, 0x4001, peer), 0);
    assert_eq!(lab.deliver(phone.client, &channel(0x4001, RTP)), Told::Relay(id, peer, RTP.to_vec()));
    assert_eq!(lab.come(id, peer, RTP), Some(channel(0x4001, RTP)));
    // Padded, as some write it over UDP too.
    let padded = [channel(0x4001, RTP), vec![0]].concat();
    assert_eq!(lab.deliver(phone.client, &padded), Told::Relay(id, peer, RTP.to_vec()));
    let counters = lab.server.counters();
    assert_eq!((counters.relayed_packets, counters.not_permitted), (5, 2));
}

#[test]
fn channel_data_that_is_not_whole_or_of_no_channel_goes_nowhere() {
    let mut lab = Lab::new();
    let phone = lab.phone("alice", 1);
    lab.allocate(&phone);
    assert_eq!(lab.bind(&phone, 0x4001, address(PEER)), 0);
    let whole = channel(0x4001, RTP);
    let longer = [&whole[..], &[0, 0]].concat();
    let other = channel(0x4002, RTP);
    for bytes in [&whole[..4], &whole[..10], &longer, &other, &whole[..3]] {
        assert_eq!(lab.deliver(phone.client, bytes), Told::Nothing);
    }
    assert_eq!(lab.deliver(client(2), &whole), Told::Nothing);
}

#[test]
fn nothing_is_kept_for_who_has_not_authenticated() {
    let mut lab = Lab::new();
    let (mut came, mut left) = (0, 0);
    for nth in 0..20_000u32 {
        let remote = SocketAddr::from((std::net::Ipv4Addr::from(0x0b00_0000 + nth), 5_000));
        let spoofed = Client { remote, ..client(1) };
        let mut bytes = Vec::new();
        Writer::new(&mut bytes, Class::Request, Method::Allocate, lab.transaction())
            .word(Kind::RequestedTransport, 17 << 24);
        came += bytes.len() + 28;
        if let Told::Reply(answer) = lab.deliver(spoofed, &bytes) {
            left += answer.len() + 28;
        }
        lab.later(Duration::from_micros(100));
    }
    assert_eq!((lab.server.allocations(), lab.server.by_client.len()), (0, 0));
    assert!(lab.server.quotas.is_empty() && lab.server.poll().is_none());
    assert_eq!(lab.server.next_deadline(), Monotonic::NEVER);
    // Two seconds of ten thousand each: a thousand in each is answered.
    assert!(lab.server.counters().challenged <= 3_000);
    assert!(5 * left < came, "{came} bytes came, {left} left");
}

#[test]
fn one_challenge_is_less_than_twice_its_request_on_the_wire() {
    let mut lab = Lab::new();
    let mut bytes = Vec::new();
    let id = lab.transaction();
    Writer::new(&mut bytes, Class::Request, Method::Allocate, id).word(Kind::RequestedTransport, 17 << 24);
    let Told::Reply(answer) = lab.deliver(client(1), &bytes) else { panic!("no challenge") };
    assert!(answer.len() + 28 < 2 * (bytes.len() + 28), "{} for {}", answer.len(), bytes.len());
    // And one source gets 64 in a second, whatever it asks.
    let answered = (0..1_000).filter(|_| lab.deliver(client(1), &bytes) != Told::Nothing).count();
    assert_eq!(answered, 63);
}

#[test]
fn a_binding_request_is_answered_within_the_same_budget() {
    let mut lab = Lab::new();
    let mut bytes = Vec::new();
    let id = lab.transaction();
    Writer::new(&mut bytes, Class::Request, Method::Binding, id);
    let Told::Reply(answer) = lab.deliver(client(7), &bytes) else { panic!("no answer") };
    assert_eq!(Message::read(&answer).expect("a message").mapped_address(), Some(client(7).remote));
    let answered = (0..1_000).filter(|_| lab.deliver(client(7), &bytes) != Told::Nothing).count();
    assert_eq!(answered, 63);
}

#[test]
fn wrong_expired_and_foreign_credentials_open_nothing() {
    let mut lab = Lab::new();
    let good = lab.phone("alice", 1);
    let with = |username: &str, password: &[u8]| {
        let key = Key::long_term_md5(username, REALM, password);
        Phone { username: username.into(), key, ..good.clone() }
    };
    let expired = Credentials::issue(&SECRET, "alice", 1, lab.now.wall);
    let foreign = Credentials::issue(&[5; 32], "alice", 1, lab.now.wall + Duration::from_secs(60));
    let valid = Credentials::issue(&SECRET, "alice", 1, lab.now.wall + Duration::from_secs(60));
    let mallory = valid.username.replace("alice", "mallory");
    for phone in [
        with(&expired.username, expired.password.as_bytes()),
        with(&foreign.username, foreign.password.as_bytes()),
        with(&valid.username, b""),
        with(&mallory, valid.password.as_bytes()),
        with("alice", valid.password.as_bytes()),
        with("99999999999:1:", valid.password.as_bytes()),
    ] {
        assert_eq!(lab.ask(&phone, Method::Allocate, udp).0, 401, "{}", phone.username);
    }
    assert_eq!(lab.server.allocations(), 0);
    lab.allocate(&good);
}

#[test]
fn a_nonce_of_another_address_or_of_long_ago_is_stale() {
    let mut lab = Lab::new();
    let phone = lab.phone("alice", 1);
    let elsewhere = Phone { client: client(2), ..phone.clone() };
    assert_eq!(lab.ask(&elsewhere, Method::Allocate, udp).0, 438);
    lab.later(Duration::from_secs(599));
    let id = lab.allocate(&phone);
    lab.later(Duration::from_secs(1));
    // A standing allocation goes on with the new nonce of the answer, although its credentials have expired by now.
    let (code, answer) = lab.ask(&phone, Method::Refresh, nothing);
    assert_eq!(code, 438);
    let nonce = Message::read(&answer).expect("a message").nonce().expect("a nonce").to_owned();
    let phone = Phone { nonce, ..phone };
    assert_eq!(lab.ask(&phone, Method::Refresh, nothing).0, 0);
    assert_eq!(lab.server.next_deadline(), lab.now.monotonic + Duration::from_secs(600));
    assert!(lab.server.allocations.contains_key(&id));
    // But opens no new one.
    let mut again = Phone { client: client(3), ..phone };
    lab.fetch_nonce(&mut again);
    assert_eq!(lab.ask(&again, Method::Allocate, udp).0, 401);
}

#[test]
fn another_user_cannot_touch_an_allocation() {
    let mut lab = Lab::new();
    let alice = lab.phone("alice", 1);
    let id = lab.allocate(&alice);
    // From the very address of alice: a phone that shares it, or a stolen connection.
    let bob = Phone { client: alice.client, ..lab.phone("bob", 2) };
    let bob = Phone { nonce: alice.nonce.clone(), ..bob };
    let zero = |writer: &mut Writer<'_>| {
        writer.word(Kind::Lifetime, 0);
    };
    assert_eq!(lab.ask(&bob, Method::Refresh, zero).0, 441);
    assert_eq!(lab.permit(&bob, address(PEER)), 441);
    assert_eq!(lab.bind(&bob, 0x4000, address(PEER)), 441);
    assert_eq!(lab.ask(&bob, Method::Allocate, udp).0, 437);
    assert!(lab.server.allocations.contains_key(&id));
    assert_eq!(lab.send(&alice, address(PEER), RTP), Told::Nothing);
}

#[test]
fn none_of_sixty_spellings_of_an_inside_address_gets_a_packet() {
    let mut lab = Lab::with(Limits::default(), policy_of_the_matrix());
    let v4 = lab.phone("alice", 1);
    lab.allocate(&v4);
    let v6 = lab.phone("alice", 2);
    let family = |writer: &mut Writer<'_>| {
        udp(writer);
        writer.word(Kind::RequestedAddressFamily, 2 << 24);
    };
    assert_eq!(lab.ask(&v6, Method::Allocate, family).0, 1);
    let Some(Task::Open { allocation, family: Family::V6, .. }) = lab.server.poll() else {
        panic!("no task")
    };
    lab.server.opened(allocation, Some(address("[2001:db8:7::7]:50000")));
    for phone in [&v4, &v6] {
        for text in forbidden() {
            let peer = SocketAddr::new(text.parse().expect("an address"), 80);
            assert_eq!(lab.permit(phone, peer), 403, "{text}");
            assert_eq!(lab.bind(phone, 0x4000, peer), 403, "{text}");
            assert_eq!(lab.send(phone, peer, RTP), Told::Nothing, "{text}");
            // Beside one that is allowed, whichever comes first.
            for order in [[address(PEER), peer], [peer, address(PEER)]] {
                let both = |writer: &mut Writer<'_>| {
                    for peer in order {
                        writer.xored_address(Kind::XorPeerAddress, peer);
                    }
                };
                assert_ne!(lab.ask(phone, Method::CreatePermission, both).0, 0, "{text}");
            }
        }
        assert_eq!(lab.send(phone, address(PEER), RTP), Told::Nothing);
    }
    assert_eq!(lab.server.counters().relayed_packets, 0);
}

#[test]
fn a_send_to_two_peers_goes_to_none() {
    let mut lab = Lab::new();
    let phone = lab.phone("alice", 1);
    lab.allocate(&phone);
    assert_eq!(lab.permit(&phone, address(PEER)), 0);
    let mut bytes = Vec::new();
    Writer::new(&mut bytes, Class::Indication, Method::Send, lab.transaction())
        .xored_address(Kind::XorPeerAddress, address(PEER))
        .xored_address(Kind::XorPeerAddress, address("10.0.0.1:80"))
        .value(Kind::Data, RTP);
    assert_eq!(lab.deliver(phone.client, &bytes), Told::Nothing);
    // The same with a channel.
    let two = |writer: &mut Writer<'_>| {
        writer.word(Kind::ChannelNumber, 0x4000 << 16);
        writer.xored_address(Kind::XorPeerAddress, address(PEER));
        writer.xored_address(Kind::XorPeerAddress, address("192.0.2.78:1"));
    };
    assert_eq!(lab.ask(&phone, Method::ChannelBind, two).0, 400);
}

#[test]
fn on_our_own_address_the_media_relay_is_reached_and_no_other_port() {
    let own = "198.51.100.1".parse().expect("an address");
    let policy = PeerPolicy { own: vec![own], media: vec![(own, 20_000, 30_000)], ..PeerPolicy::default() };
    let mut lab = Lab::with(Limits::default(), policy);
    let phone = lab.phone("alice", 1);
    let id = lab.allocate(&phone);
    let media = SocketAddr::new(own, 20_000);
    assert_eq!(lab.permit(&phone, SocketAddr::new(own, 22)), 403);
    assert_eq!(lab.permit(&phone, media), 0);
    assert_eq!(lab.send(&phone, media, RTP), Told::Relay(id, media, RTP.to_vec()));
    // The permission is for the address; the policy is for the port.
    assert_eq!(lab.send(&phone, SocketAddr::new(own, 22), RTP), Told::Nothing);
}

#[test]
fn only_media_is_relayed() {
    let mut lab = Lab::new();
    let phone = lab.phone("alice", 1);
    let id = lab.allocate(&phone);
    let peer = address(PEER);
    assert_eq!(lab.permit(&phone, peer), 0);
    for (data, passes) in [
        (&b"GET / HTTP/1.1\r\n"[..], false),
        (b"INVITE sip:a", false),
        (&[0x40, 0, 0, 0], false),
        (&[0xc0; 20], false),
        (&[0x80; 20], true),
        (&[22, 0xfe, 0xfd], true),
        (&[0, 1, 0, 0], true),
        (&[], true),
    ] {
        assert_eq!(lab.send(&phone, peer, data) != Told::Nothing, passes, "{data:?}");
        assert_eq!(lab.come(id, peer, data).is_some(), passes, "{data:?}");
    }
    assert_eq!(lab.server.counters().no_media, 8);
}

#[test]
fn bandwidth_beyond_the_limit_is_dropped_in_both_directions() {
    let mut lab =
        Lab::with(Limits { bytes_per_second_max: 10_000, ..Limits::default() }, PeerPolicy::default());
    let phone = lab.phone("alice", 1);
    let id = lab.allocate(&phone);
    let peer = address(PEER);
    assert_eq!(lab.permit(&phone, peer), 0);
    let data = [0x80; 1_000];
    let sent = (0..100).filter(|_| lab.send(&phone, peer, &data) != Told::Nothing).count();
    let came = (0..100).filter(|_| lab.come(id, peer, &data).is_some()).count();
    assert_eq!((sent, came), (10, 0));
    lab.later(Duration::from_millis(500));
    assert_eq!((0..100).filter(|_| lab.come(id, peer, &data).is_some()).count(), 5);
}

#[test]
fn accounts_and_sources_have_quotas_that_come_back() {
    let limits = Limits { allocations_of_account_max: 3, allocations_of_source_max: 4, ..Limits::default() };
    let mut lab = Lab::with(limits, PeerPolicy::default());
    let mut phones = Vec::new();
    for port in 1..=3 {
        let phone = lab.phone("alice", port);
        lab.allocate(&phone);
        phones.push(phone);
    }
    let fourth = lab.phone("alice", 4);
    assert_eq!(lab.ask(&fourth, Method::Allocate, udp).0, 486);
    let bob = lab.phone("bob", 5);
    lab.allocate(&bob);
    let carol = lab.phone("carol", 6);
    assert_eq!(lab.ask(&carol, Method::Allocate, udp).0, 486);
    let zero = |writer: &mut Writer<'_>| {
        writer.word(Kind::Lifetime, 0);
    };
    assert_eq!(lab.ask(&phones[0], Method::Refresh, zero).0, 0);
    assert!(matches!(lab.server.poll(), Some(Task::Close { .. })));
    lab.allocate(&fourth);
    lab.server.revoke(lab.now.wall, "alice", None);
    lab.server.gone(bob.client);
    assert_eq!(lab.server.allocations(), 0);
    assert!(lab.server.quotas.is_empty() && lab.server.by_client.is_empty());
    let closed = std::iter::from_fn(|| lab.server.poll()).filter(|task| matches!(task, Task::Close { .. }));
    assert_eq!(closed.count(), 4);
}

#[test]
fn all_allocations_together_have_a_limit() {
    let mut lab = Lab::with(Limits { allocations_max: 2, ..Limits::default() }, PeerPolicy::default());
    for port in 1..=2 {
        let phone = lab.phone("alice", port);
        lab.allocate(&phone);
    }
    let third = lab.phone("bob", 3);
    assert_eq!(lab.ask(&third, Method::Allocate, udp).0, 508);
}

#[test]
fn an_allocation_ends_at_its_lifetime_which_has_a_limit() {
    let mut lab = Lab::new();
    let phone = lab.phone("alice", 1);
    let id = lab.allocate(&phone);
    let lifetime = |seconds| {
        move |writer: &mut Writer<'_>| {
            writer.word(Kind::Lifetime, seconds);
        }
    };
    for (asked, got) in [(1, 600), (1_000, 1_000), (100_000, 3_600)] {
        let (code, answer) = lab.ask(&phone, Method::Refresh, lifetime(asked));
        assert_eq!((code, Message::read(&answer).expect("a message").lifetime()), (0, Some(got)));
    }
    let end = lab.now.monotonic + Duration::from_secs(3_600);
    assert_eq!(lab.server.next_deadline(), end);
    lab.server.handle_timeout(end - Duration::from_micros(1));
    assert_eq!(lab.server.poll(), None);
    lab.server.handle_timeout(end);
    assert_eq!(lab.server.poll(), Some(Task::Close { allocation: id }));
    assert_eq!(lab.server.next_deadline(), Monotonic::NEVER);
    assert_eq!(lab.ask(&phone, Method::Refresh, nothing).0, 437);
}

#[test]
fn a_retransmitted_allocate_gets_the_same_answer_and_another_is_a_mismatch() {
    let mut lab = Lab::new();
    let phone = lab.phone("alice", 1);
    let id = lab.transaction();
    let bytes = request(&phone, Method::Allocate, id, udp);
    assert_eq!(lab.deliver(phone.client, &bytes), Told::Nothing);
    assert_eq!(lab.deliver(phone.client, &bytes), Told::Nothing);
    let Some(Task::Open { allocation, .. }) = lab.server.poll() else { panic!("no task") };
    assert_eq!(lab.server.poll(), None);
    lab.server.opened(allocation, Some(relayed(allocation)));
    let Some(Task::Reply { bytes: first, .. }) = lab.server.poll() else { panic!("no answer") };
    assert_eq!(lab.deliver(phone.client, &bytes), Told::Reply(first));
    assert_eq!(lab.ask(&phone, Method::Allocate, udp).0, 437);
}

#[test]
fn an_address_that_cannot_be_opened_is_told_and_leaves_nothing() {
    let mut lab = Lab::new();
    let phone = lab.phone("alice", 1);
    assert_eq!(lab.ask(&phone, Method::Allocate, udp).0, 1);
    let Some(Task::Open { allocation, .. }) = lab.server.poll() else { panic!("no task") };
    lab.server.opened(allocation, None);
    let Some(Task::Reply { bytes, .. }) = lab.server.poll() else { panic!("no answer") };
    assert_eq!(code(&bytes), 508);
    assert_eq!((lab.server.allocations(), lab.server.quotas.is_empty()), (0, true));
    // One that is opened when nobody wants it any more is closed.
    assert_eq!(lab.ask(&phone, Method::Allocate, udp).0, 1);
    let Some(Task::Open { allocation, .. }) = lab.server.poll() else { panic!("no task") };
    lab.server.gone(phone.client);
    lab.server.opened(allocation, Some(relayed(allocation)));
    assert_eq!(lab.server.poll(), Some(Task::Close { allocation }));
}

#[test]
fn what_an_allocate_asks_and_we_cannot_is_refused_with_the_code_of_the_rfc() {
    let mut lab = Lab::new();
    let phone = lab.phone("alice", 1);
    let with = |kind: Kind, value: &'static [u8]| {
        move |writer: &mut Writer<'_>| {
            udp(writer);
            writer.value(kind, value);
        }
    };
    assert_eq!(lab.ask(&phone, Method::Allocate, nothing).0, 400);
    let tcp = |writer: &mut Writer<'_>| {
        writer.word(Kind::RequestedTransport, 6 << 24);
    };
    assert_eq!(lab.ask(&phone, Method::Allocate, tcp).0, 442);
    assert_eq!(lab.ask(&phone, Method::Allocate, with(Kind::EvenPort, &[0x80])).0, 508);
    assert_eq!(lab.ask(&phone, Method::Allocate, with(Kind::ReservationToken, &[0; 8])).0, 508);
    assert_eq!(lab.ask(&phone, Method::Allocate, with(Kind::RequestedAddressFamily, &[3, 0, 0, 0])).0, 440);
    let (code, answer) = lab.ask(&phone, Method::Allocate, with(Kind::DontFragment, &[]));
    assert_eq!(code, 420);
    assert_eq!(Message::read(&answer).expect("a message").unknown_attributes().collect::<Vec<_>>(), [0x1a]);
    assert_eq!(lab.server.allocations(), 0);
    assert_eq!(lab.ask(&phone, Method::Allocate, with(Kind::EvenPort, &[0])).0, 1);
    assert!(matches!(lab.server.poll(), Some(Task::Open { is_even: true, .. })));
}

#[test]
fn a_peer_of_another_family_and_a_channel_of_another_number_are_refused() {
    let mut lab = Lab::new();
    let phone = lab.phone("alice", 1);
    assert_eq!(lab.permit(&phone, address(PEER)), 437);
    lab.allocate(&phone);
    assert_eq!(lab.permit(&phone, address("[2606:4700::1]:4000")), 443);
    assert_eq!(lab.permit(&phone, address("[::ffff:192.0.2.77]:4000")), 443);
    for number in [0, 0x3fff, 0x8000, 0xffff] {
        assert_eq!(lab.bind(&phone, number, address(PEER)), 400, "{number:x}");
    }
    assert_eq!(lab.bind(&phone, 0x7fff, address(PEER)), 0);
    assert_eq!(lab.bind(&phone, 0x4ffe, address(PEER)), 400);
    assert!(matches!(lab.deliver(phone.client, &channel(0x7fff, RTP)), Told::Relay(..)));
    let family = |writer: &mut Writer<'_>| {
        writer.word(Kind::RequestedAddressFamily, 2 << 24);
    };
    assert_eq!(lab.ask(&phone, Method::Refresh, family).0, 443);
    assert_eq!(lab.ask(&phone, Method::CreatePermission, nothing).0, 400);
}

#[test]
fn over_a_stream_channel_data_is_padded() {
    let mut lab = Lab::new();
    let mut phone = lab.phone("alice", 1);
    phone.client.is_stream = true;
    let id = lab.allocate(&phone);
    assert_eq!(lab.bind(&phone, 0x4001, address(PEER)), 0);
    let came = lab.come(id, address(PEER), RTP).expect("data");
    assert_eq!(came, [channel(0x4001, RTP), vec![0]].concat());
}

#[test]
fn random_and_changed_bytes_never_panic_and_relay_nothing() {
    let mut lab = Lab::new();
    let phone = lab.phone("alice", 1);
    lab.allocate(&phone);
    let id = lab.transaction();
    let good = request(&phone, Method::ChannelBind, id, |writer| {
        writer.word(Kind::ChannelNumber, 0x4000 << 16).xored_address(Kind::XorPeerAddress, address(PEER));
    });
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 8) as usize
    };
    for _ in 0..20_000 {
        let mut bytes = good.clone();
        for _ in 0..1 + next() % 3 {
            let at = next() % bytes.len();
            bytes[at] ^= 1 << (next() % 8);
        }
        if next() % 4 == 0 {
            bytes.truncate(next() % bytes.len());
        }
        if bytes == good {
            continue;
        }
        let told = lab.deliver(phone.client, &bytes);
        assert!(!matches!(told, Told::Relay(..)));
    }
    assert_eq!(lab.send(&phone, address(PEER), RTP), Told::Nothing, "a changed request has permitted a peer");
}

#[test]
fn who_is_revoked_has_no_allocation_and_opens_none_with_what_he_was_issued() {
    let mut lab = Lab::new();
    let (alice, bob) = (lab.phone("alice", 1), lab.phone("bob", 2));
    let id = lab.allocate(&alice);
    lab.allocate(&bob);
    // Another device of the account keeps what it has.
    lab.server.revoke(lab.now.wall, "alice", Some(2));
    assert_eq!(lab.server.poll(), None);
    lab.server.revoke(lab.now.wall, "alice", Some(1));
    assert_eq!(lab.server.poll(), Some(Task::Close { allocation: id }));
    assert_eq!(lab.ask(&alice, Method::Refresh, nothing).0, 401);
    assert_eq!(lab.ask(&alice, Method::Allocate, udp).0, 401);
    assert_eq!(lab.ask(&bob, Method::Refresh, nothing).0, 0);
    // Who gets his rights back is issued new ones.
    lab.later(Duration::from_secs(1));
    let alice = lab.phone("alice", 3);
    lab.allocate(&alice);
}

#[test]
fn a_new_policy_holds_for_what_was_permitted_before() {
    let mut lab = Lab::new();
    let phone = lab.phone("alice", 1);
    lab.allocate(&phone);
    assert_eq!(lab.permit(&phone, address(PEER)), 0);
    assert!(matches!(lab.send(&phone, address(PEER), RTP), Told::Relay(..)));
    lab.server.set_policy(Arc::new(PeerPolicy { only_listed: true, ..PeerPolicy::default() }));
    assert_eq!(lab.send(&phone, address(PEER), RTP), Told::Nothing);
}
