//! Registrations over several flows, and through edge proxies: Path (RFC 3327) and outbound (RFC 5626), with real sipp
//! phones.

use coeur_interop::calls::{
    CONTACT, alice, bob, callee_of_a_plain_call, caller_of_a_plain_call, register, server,
};
use coeur_interop::coeur::Coeur;
use coeur_interop::free_port;
use coeur_interop::scenario::{Scenario, answer_in_dialog};
use coeur_interop::sipp::{Run, Sipp};

const INSTANCE: &str = "+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\"";

/// Registers one flow of bob's phone; a TCP connection closes when sipp ends.
fn register_flow(run: &Run, reg_id: u32) {
    let parameters = format!(";reg-id={reg_id};{INSTANCE}");
    let registration = Scenario::new().registered(CONTACT, &parameters, "Supported: path, outbound\n");
    Sipp::start(&registration, &run.clone().calls(1)).succeed();
}

fn call(server: &Coeur, callee: &Run) {
    let callee = Sipp::start(&callee_of_a_plain_call(), callee);
    Sipp::start(&caller_of_a_plain_call(), &alice(server)).succeed();
    callee.succeed();
}

#[test]
#[ignore = "needs sipp"]
fn a_stored_path_is_the_route_of_a_later_call() {
    let server = server("path");
    let bob = bob(&server);
    let path = format!("Supported: path\nPath: <sip:127.0.0.1:{};lr>\n", bob.local_port);
    Sipp::start(&Scenario::new().registered(CONTACT, "", &path), &bob.clone().calls(1)).succeed();
    let route = format!("&lt;sip:127.0.0.1:{};lr>", bob.local_port);
    let callee = Sipp::start(
        &Scenario::new()
            .request_with_header("INVITE", "Route", &route)
            .answer_until_ack(200, "OK")
            .request("ACK")
            .request("BYE")
            .send_once(&answer_in_dialog(200, "OK", false)),
        &bob,
    );
    Sipp::start(&caller_of_a_plain_call(), &alice(&server)).succeed();
    callee.succeed();
}

/// RFC 3327 section 5.3: what two proxies added, the nearest first, comes back in that order. The first hop is the
/// proxy that delivered the REGISTER, whatever host the path names.
#[test]
#[ignore = "needs sipp"]
fn a_path_of_two_proxies_is_a_route_of_two() {
    let server = server("path-two");
    let bob = bob(&server);
    let path = "Supported: path\nPath: <sip:edge@192.0.2.1;lr>\nPath: <sip:core@192.0.2.2;lr>\n";
    Sipp::start(&Scenario::new().registered(CONTACT, "", path), &bob.clone().calls(1)).succeed();
    let callee = Sipp::start(
        &Scenario::new()
            .request_with_header("INVITE", "Route", "&lt;sip:edge@192.0.2.1;lr>, *&lt;sip:core@192.0.2.2;lr>")
            .answer_until_ack(200, "OK")
            .request("ACK")
            .request("BYE")
            .send_once(&answer_in_dialog(200, "OK", false)),
        &bob,
    );
    Sipp::start(&caller_of_a_plain_call(), &alice(&server)).succeed();
    callee.succeed();
}

/// RFC 3327 section 5.3: a Path that the phone did not ask for is refused, because it would be routed through
/// somebody without its knowledge (decision 0005).
#[test]
#[ignore = "needs sipp"]
fn a_path_that_the_phone_does_not_support_is_refused() {
    let server = server("path-refused");
    let path = "Path: <sip:127.0.0.1:5099;lr>\n";
    Sipp::start(&Scenario::new().refused(CONTACT, path, 420), &bob(&server)).succeed();
    assert_eq!(server.registrations(), 0);
}

#[test]
#[ignore = "needs sipp"]
fn an_outbound_phone_replaces_its_own_flow() {
    let server = server("outbound");
    for _ in 0..2 {
        register_flow(&bob(&server).transport("t1"), 1);
    }
    server.wait_for_registrations(1);
}

/// RFC 5626 section 5.3: two flows of one instance are one target, tried one after the other; the first is gone.
#[test]
#[ignore = "needs sipp"]
fn a_call_takes_the_second_flow_when_the_connection_of_the_first_is_gone() {
    let server = server("outbound-two");
    let second = bob(&server);
    register_flow(&second, 2);
    register_flow(&bob(&server).transport("t1"), 1);
    server.wait_for_registrations(2);
    call(&server, &second);
    server.wait_for_metric("coeur_calls_ended_total", 1.0);
}

/// RFC 5626 section 5.3: the edge says that the flow has failed (430), and the next flow of the instance is tried. The
/// caller hears nothing of it.
#[test]
#[ignore = "needs sipp"]
fn a_call_takes_the_second_flow_when_the_first_answers_430() {
    let server = server("outbound-430");
    let (first, second) = (bob(&server), bob(&server));
    register_flow(&second, 2);
    register_flow(&first, 1);
    server.wait_for_registrations(2);
    let failed = Sipp::start(
        &Scenario::new().request("INVITE").answer_until_ack(430, "Flow Failed").request("ACK"),
        &first,
    );
    call(&server, &second);
    failed.succeed();
}

/// Two phones of one account without outbound are two targets: both ring.
#[test]
#[ignore = "needs sipp"]
fn phones_behind_one_address_keep_their_own_contacts() {
    let server = server("contacts");
    let phones: Vec<Run> = (0..5).map(|_| bob(&server)).collect();
    phones.iter().for_each(register);
    server.wait_for_registrations(5);
    let text = server.cli(&["registrations", "--account", "bob@interop.test", "--json"], "");
    for phone in &phones {
        assert!(text.contains(&format!("127.0.0.1:{}", phone.local_port)), "{text}");
    }
    // An unused port stands for a phone that has never been there.
    assert!(!text.contains(&format!("127.0.0.1:{}", free_port())));
}
