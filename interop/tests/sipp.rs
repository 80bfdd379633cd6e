//! sipp scenarios: registration, calls, races and loss, with real sockets.

use coeur_interop::coeur::Coeur;
use coeur_interop::free_port;
use coeur_interop::scenario::{Scenario, answer_in_dialog};
use coeur_interop::sipp::{Run, Sipp};

const CONTACT: &str = "sip:[service]@[local_ip]:[local_port];transport=[transport]";

fn server(name: &str) -> Coeur {
    Coeur::start(name, &[("alice", "secret-a-1"), ("bob", "secret-b-2"), ("carol", "secret-c-3")])
}

fn alice(server: &Coeur) -> Run {
    Run::new("alice", "secret-a-1", free_port(), server.udp).key("callee", "bob")
}

fn bob(server: &Coeur) -> Run {
    Run::new("bob", "secret-b-2", free_port(), server.udp).key("callee", "alice")
}

/// Registers from the port on which the same user then answers.
fn register(run: &Run) {
    Sipp::start(&Scenario::new().registered(CONTACT, "", ""), &run.clone().calls(1)).succeed();
}

fn callee_of_a_plain_call() -> Scenario {
    Scenario::new()
        .request("INVITE")
        .answer(180, "Ringing", false)
        .answer_until_ack(200, "OK")
        .request("ACK")
        .request("BYE")
        .send_once(&answer_in_dialog(200, "OK", false))
}

fn caller_of_a_plain_call() -> Scenario {
    Scenario::new()
        .invited(true)
        .maybe(180)
        .recv_routes(200)
        .in_dialog("ACK", 2)
        .pause(100)
        .in_dialog("BYE", 3)
        .recv(200)
}

#[test]
#[ignore = "needs sipp"]
fn a_registration_is_challenged_then_accepted() {
    let server = server("register");
    register(&alice(&server));
    server.wait_for_registrations(1);
}

#[test]
#[ignore = "needs sipp"]
fn a_hundred_calls_pass() {
    let server = server("call");
    let bob = bob(&server).calls(100);
    register(&bob);
    let callee = Sipp::start(&callee_of_a_plain_call(), &bob);
    let caller = Sipp::start(&caller_of_a_plain_call(), &alice(&server).calls(100));
    caller.succeed();
    callee.succeed();
    server.wait_for_metric("coeur_calls_answered_total", 100.0);
}

#[test]
#[ignore = "needs sipp"]
fn calls_pass_over_tcp() {
    let server = server("call-tcp");
    let bob = bob(&server).calls(20);
    register(&bob);
    let callee = Sipp::start(&callee_of_a_plain_call(), &bob);
    let caller = Sipp::start(&caller_of_a_plain_call(), &alice(&server).calls(20).transport("t1"));
    caller.succeed();
    callee.succeed();
}

#[test]
#[ignore = "needs sipp"]
fn a_cancelled_call_ends_on_both_sides() {
    let server = server("cancel");
    let bob = bob(&server).calls(20);
    register(&bob);
    let callee = Sipp::start(
        &Scenario::new()
            .request("INVITE")
            .answer(180, "Ringing", false)
            .request("CANCEL")
            .send_once(&answer_in_dialog(200, "OK", false))
            .send(CANCELLED_487)
            .request("ACK"),
        &bob,
    );
    let caller = Sipp::start(
        &Scenario::new().invited(true).recv(180).send(CANCEL).recv(200).recv(487).send_once(ACK_487),
        &alice(&server).calls(20),
    );
    caller.succeed();
    callee.succeed();
}

const CANCEL: &str = "CANCEL sip:[callee]@interop.test SIP/2.0\n[last_Via:]\nMax-Forwards: 70\n\
    From: <sip:[service]@interop.test>;tag=f[call_number]\nTo: <sip:[callee]@interop.test>\nCall-ID: [call_id]\n\
    CSeq: 2 CANCEL\nContent-Length: 0\n";
const ACK_487: &str = "ACK sip:[callee]@interop.test SIP/2.0\n[last_Via:]\nMax-Forwards: 70\n\
    From: <sip:[service]@interop.test>;tag=f[call_number]\n[last_To:]\nCall-ID: [call_id]\n\
    CSeq: 2 ACK\nContent-Length: 0\n";
const CANCELLED_487: &str = "SIP/2.0 487 Request Terminated\n[last_Via:]\n[last_From:]\n\
    [last_To:];tag=u[call_number]\n[last_Call-ID:]\nCSeq: 2 INVITE\nContent-Length: 0\n";

#[test]
#[ignore = "needs sipp"]
fn calls_pass_although_one_message_in_five_is_lost() {
    let server = server("loss");
    let bob = bob(&server).calls(20);
    register(&bob);
    let callee = Sipp::start(&callee_of_a_plain_call(), &bob);
    let lossy = Scenario::new()
        .invited(true)
        .maybe(180)
        .recv_routes(200)
        .in_dialog("ACK", 2)
        .pause(100)
        .send_losing(
            20,
            "BYE [next_url] SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]\n[routes]\n\
             Max-Forwards: 70\nFrom: <sip:[service]@interop.test>;tag=f[call_number]\n\
             To: <sip:[callee]@interop.test>[peer_tag_param]\nCall-ID: [call_id]\nCSeq: 3 BYE\nContent-Length: 0\n",
        )
        .recv(200);
    Sipp::start(&lossy, &alice(&server).calls(20)).succeed();
    callee.succeed();
}

#[test]
#[ignore = "needs sipp"]
fn a_late_ack_finds_the_callee_that_repeats_its_200() {
    let server = server("late-ack");
    let bob = bob(&server);
    register(&bob);
    let callee = Sipp::start(&callee_of_a_plain_call(), &bob);
    let late = Scenario::new()
        .invited(true)
        .maybe(180)
        .recv_routes(200)
        .pause(1_700)
        .in_dialog("ACK", 2)
        .pause(300)
        .in_dialog("BYE", 3)
        .recv(200);
    Sipp::start(&late, &alice(&server)).succeed();
    callee.succeed();
}

#[test]
#[ignore = "needs sipp"]
fn a_forked_call_rings_both_and_the_loser_is_cancelled() {
    let server = server("fork");
    let (winner, loser) = (bob(&server), bob(&server));
    register(&winner);
    register(&loser);
    server.wait_for_registrations(2);
    let losing = Sipp::start(
        &Scenario::new()
            .request("INVITE")
            .answer(180, "Ringing", false)
            .request("CANCEL")
            .send_once(&answer_in_dialog(200, "OK", false))
            .send(CANCELLED_487)
            .request("ACK"),
        &loser,
    );
    let winning = Sipp::start(
        &Scenario::new()
            .request("INVITE")
            .answer(180, "Ringing", false)
            .pause(500)
            .answer_until_ack(200, "OK")
            .request("ACK")
            .request("BYE")
            .send_once(&answer_in_dialog(200, "OK", false)),
        &winner,
    );
    let caller = Scenario::new()
        .invited(true)
        .maybe(180)
        .maybe(180)
        .recv_routes(200)
        .in_dialog("ACK", 2)
        .pause(200)
        .in_dialog("BYE", 3)
        .recv(200);
    Sipp::start(&caller, &alice(&server)).succeed();
    winning.succeed();
    losing.succeed();
}

#[test]
#[ignore = "needs sipp"]
fn a_re_invite_passes_in_the_dialog() {
    let server = server("reinvite");
    let bob = bob(&server).calls(10);
    register(&bob);
    let callee = Sipp::start(
        &Scenario::new()
            .request("INVITE")
            .answer_until_ack(200, "OK")
            .request("ACK")
            .request("INVITE")
            .send(&answer_in_dialog(200, "OK", true))
            .request("ACK")
            .request("BYE")
            .send_once(&answer_in_dialog(200, "OK", false)),
        &bob,
    );
    let caller = Scenario::new()
        .invited(true)
        .maybe(180)
        .recv_routes(200)
        .in_dialog("ACK", 2)
        .pause(100)
        .in_dialog_with_sdp("INVITE", 3)
        .maybe(100)
        .recv(200)
        .in_dialog("ACK", 3)
        .pause(100)
        .in_dialog("BYE", 4)
        .recv(200);
    Sipp::start(&caller, &alice(&server).calls(10)).succeed();
    callee.succeed();
}

#[test]
#[ignore = "needs sipp"]
fn a_stored_path_is_the_route_of_a_later_call() {
    let server = server("path");
    let bob = bob(&server);
    let path = format!("Supported: path\nPath: <sip:127.0.0.1:{};lr>\n", bob.local_port);
    let registration = Scenario::new().registered(CONTACT, "", &path);
    Sipp::start(&registration, &bob.clone().calls(1)).succeed();
    let callee = Sipp::start(
        &Scenario::new()
            .request_with_header("INVITE", "Route:", ".*lr.*")
            .answer_until_ack(200, "OK")
            .request("ACK")
            .request("BYE")
            .send_once(&answer_in_dialog(200, "OK", false)),
        &bob,
    );
    Sipp::start(&caller_of_a_plain_call(), &alice(&server)).succeed();
    callee.succeed();
}

#[test]
#[ignore = "needs sipp"]
fn an_outbound_phone_replaces_its_own_flow() {
    let server = server("outbound");
    let parameters = ";reg-id=1;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\"";
    for _ in 0..2 {
        let run = bob(&server).transport("t1");
        let registration = Scenario::new().registered(CONTACT, parameters, "Supported: path, outbound\n");
        Sipp::start(&registration, &run).succeed();
    }
    server.wait_for_registrations(1);
}

#[test]
#[ignore = "needs sipp"]
fn a_call_to_nobody_is_refused_only_after_authentication() {
    let server = server("nobody");
    let caller = Scenario::new().invited(true).recv(404).send_once(ACK_487);
    Sipp::start(&caller, &alice(&server).key("callee", "nobody")).succeed();
}
