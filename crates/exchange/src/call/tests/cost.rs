//! What a plain call costs: messages, and allocations per message once everything is warm.

use super::*;
use crate::input::Input;
use crate::outbox::Outbox;
use crate::testing::{Phone, allocations};

/// Messages that leave for INVITE, 180, 200, ACK, BYE and its 200, a call without losses.
#[test]
fn a_plain_call_is_seven_messages_of_ours_and_nine_words_to_the_media_plane() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (request, mut all) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&all, bob.flow, "INVITE").clone();
    all.extend(desk.receive(bob.flow, &reply(&invite, 180, "tag", &contact(bob.flow), "")));
    all.extend(
        desk.receive(bob.flow, &reply(&invite, 200, "tag", &contact(bob.flow), &sdp("10.0.0.2", 5_000))),
    );
    let mut caller = Ua::caller(alice.flow, &request, answer_to(&all, alice.flow, 200));
    let ack = caller.ack("");
    all.extend(desk.receive(alice.flow, &ack));
    let bye = caller.request("BYE", "", "");
    let sent = desk.receive(alice.flow, &bye);
    let bye = request_to(&sent, bob.flow, "BYE").clone();
    all.extend(sent);
    all.extend(desk.receive(bob.flow, &reply(&bye, 200, "", "", "")));
    // 100, INVITE; 180; ACK, 200; 200, BYE: seven, and nothing for the two ACKs and the last 200.
    assert_eq!(all.len(), 7, "{}", dump(&all));
    let said = std::mem::take(&mut desk.said);
    assert_eq!(said, ["Open", "Open", "Describe", "Describe", "Connect", "Keep", "Keep", "Close", "Close"]);
    desk.assert_at_rest();
}

/// One message through the exchange with buffers that are warm; how often it allocated.
fn cost(desk: &mut Desk, outbox: &mut Outbox, flow: Flow, bytes: &[u8]) -> usize {
    let mut table = coeur_sip::HeaderTable::new();
    let message = coeur_sip::parse(bytes, &mut table, &coeur_sip::Limits::default()).expect("a message");
    outbox.clear();
    let office = &mut desk.office;
    let before = allocations();
    office.exchange.handle(office.now, &office.world, Input::Received { flow, message: &message }, outbox);
    allocations() - before
}

/// INVITE of the caller, 180, ACK, BYE.
fn call(desk: &mut Desk, outbox: &mut Outbox, alice: &mut Phone, bob: Flow, nth: u32) -> [usize; 4] {
    alice.call = format!("-{nth}");
    let challenge = desk.office.answer(alice.flow, &alice.request(coeur_sip::Method::Invite, URI, ""));
    let request = desk::with_body(
        alice.answer(&challenge, coeur_sip::Method::Invite, URI, ""),
        &sdp("10.0.0.1", 4_000),
    );
    let invited = cost(desk, outbox, alice.flow, &request);
    let sent = desk.take(outbox);
    let invite = request_to(&sent, bob, "INVITE").clone();
    let ringing = cost(desk, outbox, bob, &reply(&invite, 180, "tag", &contact(bob), ""));
    let sent = desk.receive(bob, &reply(&invite, 200, "tag", &contact(bob), &sdp("10.0.0.2", 5_000)));
    let mut caller = Ua::caller(alice.flow, &request, answer_to(&sent, alice.flow, 200));
    let ack = caller.ack("");
    let acknowledged = cost(desk, outbox, alice.flow, &ack);
    let bye = caller.request("BYE", "", "");
    let ended = cost(desk, outbox, alice.flow, &bye);
    desk.take(outbox);
    desk.pass(Duration::from_secs(40));
    [invited, ringing, acknowledged, ended]
}

/// Fifteen times what the proxy needs, for two dialogs with a description of its own on each, and what the journal keeps of
/// them; it must not grow unseen.
#[test]
fn a_plain_call_allocates_within_its_bounds() {
    let (mut desk, mut alice, bob) = Desk::new();
    let mut outbox = Outbox { arena: Vec::with_capacity(65_536), outputs: Vec::with_capacity(64) };
    let costs: Vec<_> = (0..5).map(|nth| call(&mut desk, &mut outbox, &mut alice, bob.flow, nth)).collect();
    let most = [90, 40, 10, 40];
    let last = costs[4];
    assert!(last.iter().zip(most).all(|(cost, most)| *cost <= most), "{last:?}, not {most:?}");
}

/// What a call costs while it lasts, beside its text.
#[test]
fn a_leg_and_its_transactions_are_small() {
    let sizes = [
        size_of::<crate::call::leg::Leg>(),
        size_of::<crate::call::client::Client>(),
        size_of::<crate::call::server::Server>(),
    ];
    assert!(sizes[0] <= 808 && sizes[1] <= 360 && sizes[2] <= 320, "{sizes:?}");
}

/// Only while a call is set up, or changed, is it kept what its descriptions promise: it is more than their text.
#[test]
fn of_two_who_talk_it_is_not_kept_what_was_read() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (request, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let is_read = |desk: &Desk| {
        let legs = desk.office.exchange.calls().legs.iter();
        legs.map(|(_, leg)| (leg.session.local.is_read(), leg.session.remote.is_read())).collect::<Vec<_>>()
    };
    assert_eq!(is_read(&desk), [(false, true), (true, false)]);
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let answer = reply(&invite, 200, "tag", &contact(bob.flow), &sdp("10.0.0.2", 5_000));
    let sent = desk.receive(bob.flow, &answer);
    let mut caller = Ua::caller(alice.flow, &request, answer_to(&sent, alice.flow, 200));
    let ack = caller.ack("");
    desk.receive(alice.flow, &ack);
    assert_eq!(is_read(&desk), [(false, false), (false, false)]);
}
