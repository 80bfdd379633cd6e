//! Rights that end, and limits.

use super::*;
use crate::input::{Command, Input};
use crate::testing::{aor, apply};
use coeur_directory::{AliasChange, Aor, Change};

fn revoke(desk: &mut Desk, user: &str) -> Vec<Sent> {
    desk.handle(Input::Told(Command::Revoked { aor: aor(user), device: None }))
}

#[test]
fn a_call_of_a_revoked_account_ends_on_both_sides_within_the_same_input() {
    for user in ["alice", "bob"] {
        let (mut desk, mut alice, bob) = Desk::new();
        desk.talk(&mut alice, &bob);
        let sent = revoke(&mut desk, user);
        for flow in [alice.flow, bob.flow] {
            request_to(&sent, flow, "BYE");
        }
        assert!(desk.open.is_empty());
        assert_eq!(desk.office.exchange.calls().calls(), 0);
        desk.assert_at_rest();
    }
}

#[test]
fn a_caller_that_is_revoked_while_it_rings_is_refused_and_the_phone_falls_silent() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    desk.receive(bob.flow, &reply(&invite, 180, "tag", &contact(bob.flow), ""));
    let sent = revoke(&mut desk, "alice");
    answer_to(&sent, alice.flow, 403);
    request_to(&sent, bob.flow, "CANCEL");
    desk.assert_at_rest();
}

#[test]
fn a_phone_that_is_revoked_while_it_rings_counts_as_unavailable() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    desk.receive(bob.flow, &reply(&invite, 180, "tag", &contact(bob.flow), ""));
    let sent = revoke(&mut desk, "bob");
    answer_to(&sent, alice.flow, 480);
    request_to(&sent, bob.flow, "CANCEL");
    let late =
        desk.receive(bob.flow, &reply(&invite, 200, "tag", &contact(bob.flow), &sdp("10.0.0.2", 5_000)));
    request_to(&late, bob.flow, "BYE");
    desk.assert_at_rest();
}

/// The server stops, and its relay with it: no caller waits, no phone rings on, and no call goes on in silence.
#[test]
fn a_server_that_stops_ends_its_calls_on_both_sides_and_tells_who_waits() {
    let (mut desk, mut alice, bob) = Desk::new();
    desk.talk(&mut alice, &bob);
    let sent = desk.handle(Input::Told(Command::Drain));
    for flow in [alice.flow, bob.flow] {
        request_to(&sent, flow, "BYE");
    }
    desk.assert_at_rest();
    let (mut desk, mut alice, bob) = Desk::new();
    let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    desk.receive(bob.flow, &reply(&invite, 180, "tag", &contact(bob.flow), ""));
    let sent = desk.handle(Input::Told(Command::Drain));
    answer_to(&sent, alice.flow, 503);
    request_to(&sent, bob.flow, "CANCEL");
    desk.assert_at_rest();
}

/// The word of the administration door may come later than the next request.
#[test]
fn a_device_that_is_gone_from_its_account_is_refused_inside_a_call_and_the_call_ends() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (mut caller, _) = desk.talk(&mut alice, &bob);
    apply(&desk.office.world, Change::AccountRemoved(aor("alice")));
    let info = caller.request("INFO", "", "");
    let sent = desk.receive(alice.flow, &info);
    answer_to(&sent, alice.flow, 481);
    for flow in [alice.flow, bob.flow] {
        request_to(&sent, flow, "BYE");
    }
    desk.assert_at_rest();
}

/// One who only makes phones ring does not use up the calls of whom he rings.
#[test]
fn who_rings_an_account_as_often_as_he_may_leaves_it_to_the_others() {
    let (mut desk, mut alice, bob) = Desk::new();
    desk.office.world.settings.calls_per_account_max = 2;
    for call in ["-first", "-second"] {
        alice.call = call.into();
        let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
        request_to(&sent, bob.flow, "INVITE");
    }
    let mut carol = desk.register("carol", udp("192.0.2.33:5060"), "");
    let (_, sent) = desk.invite(&mut carol, URI, "", &sdp("10.0.0.3", 4_200));
    request_to(&sent, bob.flow, "INVITE");
}

/// Toll fraud begins with many calls at once.
#[test]
fn an_account_has_so_many_calls_at_a_time_and_no_more() {
    let (mut desk, mut alice, bob) = Desk::new();
    desk.office.world.settings.calls_per_account_max = 1;
    let (mut caller, _) = desk.talk(&mut alice, &bob);
    alice.call = "-second".into();
    let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_100));
    let busy = answer_to(&sent, alice.flow, 486);
    assert!(busy.text().contains("Too Many Calls At Once"), "{}", busy.text());
    let mut carol = desk.register("carol", udp("192.0.2.33:5060"), "");
    let (_, sent) = desk.invite(&mut carol, URI, "", &sdp("10.0.0.3", 4_200));
    assert!(answer_to(&sent, carol.flow, 486).text().contains("Callee Has Too Many Calls"));
    let bye = caller.request("BYE", "", "");
    desk.receive(alice.flow, &bye);
    alice.call = "-third".into();
    let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_100));
    request_to(&sent, bob.flow, "INVITE");
}

/// Neither those of who calls nor those of who is called (decision 0046).
#[test]
fn no_limit_of_calls_at_a_time_stops_a_call_for_help() {
    for uri in ["sip:112@example.org", "urn:service:sos"] {
        let (mut desk, mut alice, bob) = Desk::new();
        let alias = Aor::parse("112@example.org").expect("valid");
        apply(&desk.office.world, Change::Alias(AliasChange::Added { aor: aor("bob"), alias }));
        desk.office.world.settings.calls_per_account_max = 1;
        desk.talk(&mut alice, &bob);
        alice.call.push('x');
        let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_002));
        answer_to(&sent, alice.flow, 486);
        alice.call.push('y');
        let (_, sent) = desk.invite(&mut alice, uri, "", &sdp("10.0.0.1", 4_004));
        request_to(&sent, bob.flow, "INVITE");
    }
}
