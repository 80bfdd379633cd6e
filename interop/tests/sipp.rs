//! sipp scenarios: registration, calls, races and loss, with real sockets.

use coeur_interop::calls::{
    ACK_487, CANCEL, CANCELLED_487, alice, bob, callee_of_a_plain_call, caller_of_a_plain_call, register,
    server,
};
use coeur_interop::scenario::{Scenario, answer_in_dialog, by_the_callee, kept_invite_accepted};
use coeur_interop::sipp::Sipp;

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
            .request_kept("INVITE")
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

#[test]
#[ignore = "needs sipp"]
fn calls_pass_although_one_message_in_five_is_lost() {
    let server = server("loss");
    let bob = bob(&server).calls(20);
    register(&bob);
    let callee = Sipp::start(&callee_of_a_plain_call(), &bob);
    let lossy = Scenario::new()
        .invited_losing(20)
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
            .request_kept("INVITE")
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

/// The callee's requests carry the Record-Route as it came to it, and our token says that they are the callee's.
#[test]
#[ignore = "needs sipp"]
fn a_re_invite_of_the_callee_passes_in_the_dialog() {
    let server = server("reinvite-callee");
    let bob = bob(&server).calls(10);
    register(&bob);
    let callee = Sipp::start(
        &Scenario::new()
            .request_kept("INVITE")
            .send(&kept_invite_accepted(2))
            .request("ACK")
            .pause(100)
            .send(&by_the_callee("INVITE", 1))
            .maybe(100)
            .recv(200)
            .send_once(&by_the_callee("ACK", 1))
            .request("BYE")
            .send_once(&answer_in_dialog(200, "OK", false)),
        &bob,
    );
    let caller = Scenario::new()
        .invited(true)
        .recv_routes(200)
        .in_dialog("ACK", 2)
        .request("INVITE")
        .send(&answer_in_dialog(200, "OK", true))
        .request("ACK")
        .pause(100)
        .in_dialog("BYE", 3)
        .recv(200);
    Sipp::start(&caller, &alice(&server).calls(10)).succeed();
    callee.succeed();
}

#[test]
#[ignore = "needs sipp"]
fn a_call_to_nobody_is_refused_only_after_authentication() {
    let server = server("nobody");
    let caller = Scenario::new().invited(true).recv(404).send_once(ACK_487);
    Sipp::start(&caller, &alice(&server).key("callee", "nobody")).succeed();
}
