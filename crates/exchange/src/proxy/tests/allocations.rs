//! What a call costs at the allocator; counted per thread, so that other tests do not disturb.

use super::*;
use crate::outbox::{Outbox, Output};
use crate::proxy::branch::Branch;
use crate::testing::allocations;

/// One message through the exchange with buffers that are warm; how often it allocated, and what left.
fn cost(office: &mut Office, outbox: &mut Outbox, flow: Flow, bytes: &[u8]) -> (usize, Vec<Sent>) {
    let mut table = coeur_sip::HeaderTable::new();
    let message = coeur_sip::parse(bytes, &mut table, &coeur_sip::Limits::default()).expect("a message");
    outbox.clear();
    let before = allocations();
    office.exchange.handle(office.now, &office.world, Input::Received { flow, message: &message }, outbox);
    let cost = allocations() - before;
    let sent = outbox.outputs.iter().filter_map(|output| match output {
        Output::Send(send) => Some(Sent {
            hop: send.hop.clone(),
            bytes: outbox.bytes(send.bytes).to_vec(),
            after_save: false,
            token: send.token,
        }),
        _ => None,
    });
    (cost, sent.collect())
}

/// Allocations of INVITE, 180, 200, ACK, BYE and its 200.
fn call(office: &mut Office, outbox: &mut Outbox, alice: &mut Phone, bob: Flow) -> [usize; 6] {
    let challenge = office.answer(alice.flow, &alice.request(Method::Invite, URI, ""));
    let request = alice.answer(&challenge, Method::Invite, URI, "");
    let (invite, sent) = cost(office, outbox, alice.flow, &request);
    let branch = to(&sent, bob).clone();
    let (ringing, _) = cost(office, outbox, bob, &reply(&branch, 180));
    let (ok, sent) = cost(office, outbox, bob, &reply(&branch, 200));
    let answered = to(&sent, alice.flow).clone();
    let (ack, _) = cost(office, outbox, alice.flow, &inside(alice, &answered, Method::Ack));
    let (bye, sent) = cost(office, outbox, alice.flow, &inside(alice, &answered, Method::Bye));
    let (done, _) = cost(office, outbox, bob, &reply(to(&sent, bob), 200));
    tick(office, Duration::from_secs(40));
    [invite, ringing, ok, ack, bye, done]
}

/// INVITE: what the guard and the lookup make, the message, the target, the 100 and the copy; over TCP neither of the
/// latter is kept.
#[test]
fn a_call_allocates_little() {
    let (mut office, mut alice) = office();
    let mut outbox = Outbox { arena: Vec::with_capacity(16_384), outputs: Vec::with_capacity(16) };
    let mut again = |office: &mut Office, alice: &mut Phone, bob| {
        let warm: Vec<_> = (0..6).map(|_| call(office, &mut outbox, alice, bob)).collect();
        warm[5]
    };
    let udp_costs = again(&mut office, &mut alice, udp(BOB));
    let mut office = Office::new();
    let bob = register(&mut office, "bob", tcp(BOB, 3), "");
    let mut alice = register(&mut office, "alice", tcp(ALICE, 4), "");
    let tcp_costs = again(&mut office, &mut alice, bob.flow);
    for (costs, most) in [(udp_costs, [8, 1, 2, 0, 5, 2]), (tcp_costs, [6, 0, 1, 0, 4, 1])] {
        assert!(costs.iter().zip(most).all(|(cost, most)| *cost <= most), "{costs:?}, not {most:?}");
    }
}

/// What a call costs while it is set up, beside its messages.
#[test]
fn a_transaction_is_small() {
    let (request, branch) = (size_of::<super::super::request::Request>(), size_of::<Branch>());
    assert!(request <= 360 && branch <= 416, "{request} and {branch} bytes");
}
