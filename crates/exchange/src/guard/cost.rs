//! What the hot paths cost: allocations, which do not vary with the machine, and time for who asks.

use crate::input::Input;
use crate::outbox::Outbox;
use crate::testing::{Office, Phone, allocations, udp};
use coeur_sip::message::HeaderTable;
use coeur_sip::{Limits, Method};

/// Hands in each of `requests` after one is handed in to warm up; returns allocations and nanoseconds for each.
fn cost_of(office: &mut Office, phone: &Phone, requests: &[Vec<u8>]) -> (f64, f64) {
    let (mut table, mut outbox) = (HeaderTable::new(), Outbox::default());
    let (mut before, mut began) = (0, std::time::Instant::now());
    for (at, bytes) in requests.iter().enumerate() {
        if at == 1 {
            before = allocations();
            began = std::time::Instant::now();
        }
        let message = coeur_sip::parse(bytes, &mut table, &Limits::default()).expect("a message");
        let input = Input::Received { flow: phone.flow, message: &message };
        office.exchange.handle(office.now, &office.world, input, &mut outbox);
        assert!(!outbox.outputs.is_empty());
        outbox.clear();
    }
    let each = (requests.len() - 1) as f64;
    ((allocations() - before) as f64 / each, began.elapsed().as_nanos() as f64 / each)
}

#[test]
fn a_challenge_allocates_nothing() {
    let mut office = Office::new();
    let mut phone = Phone::new("alice", udp("198.51.100.7:5060"));
    let bare: Vec<_> = (0..2_000).map(|_| phone.request(Method::Register, "sip:example.org", "")).collect();
    let (allocations, nanoseconds) = cost_of(&mut office, &phone, &bare);
    println!("challenge: {allocations} allocations, {nanoseconds:.0} ns");
    assert_eq!(allocations, 0.0);
}

#[test]
fn a_verified_register_is_counted() {
    let mut office = Office::new();
    let mut phone = Phone::new("alice", udp("198.51.100.7:5060"));
    assert_eq!(office.register(&mut phone).status(), 200);
    let refreshes: Vec<_> =
        (0..2_000).map(|_| phone.again(Method::Register, "sip:example.org", "")).collect();
    let (allocations, nanoseconds) = cost_of(&mut office, &phone, &refreshes);
    println!("register with credentials: {allocations} allocations, {nanoseconds:.0} ns");
    assert_eq!(office.exchange.counters().authenticated, 2_001);
    assert_eq!(allocations, 0.0);
}
