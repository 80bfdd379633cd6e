//! Messages that cross on the wire, with real sipp phones: CANCEL and 200, two phones that both answer.

use coeur_interop::calls::{
    ACK_487, CANCEL, CANCELLED_487, alice, bob, callee_of_a_plain_call, register, server,
};
use coeur_interop::scenario::{
    Scenario, answer_in_dialog, by_the_callee, in_kept_dialog, kept_invite_accepted,
};
use coeur_interop::sipp::Sipp;

/// RFC 3261 section 16.10: the proxy has passed the CANCEL on when the 200 arrives. The call stands, and the caller
/// ends it (section 9.1).
#[test]
#[ignore = "needs sipp"]
fn a_200_that_crosses_the_cancel_reaches_the_caller_who_hangs_up() {
    let server = server("cancel-200");
    let bob = bob(&server).calls(10);
    register(&bob);
    let callee = Sipp::start(
        &Scenario::new()
            .request_kept("INVITE")
            .answer(180, "Ringing", false)
            .request("CANCEL")
            .send_once(&answer_in_dialog(200, "OK", false))
            .send(&kept_invite_accepted(2))
            .request("ACK")
            .request("BYE")
            .send_once(&answer_in_dialog(200, "OK", false)),
        &bob,
    );
    let caller = Scenario::new()
        .invited(true)
        .recv(180)
        .send(CANCEL)
        .recv(200)
        .recv_routes(200)
        .in_dialog("ACK", 2)
        .in_dialog("BYE", 3)
        .recv(200);
    Sipp::start(&caller, &alice(&server).calls(10)).succeed();
    callee.succeed();
    server.wait_for_metric("coeur_calls_answered_total", 10.0);
    server.wait_for_metric("coeur_calls_ended_total", 10.0);
}

/// RFC 3261 section 9.2: after the final answer a CANCEL is answered 200 and changes nothing. The callee hears of none:
/// its scenario would fail.
#[test]
#[ignore = "needs sipp"]
fn a_cancel_that_crosses_the_200_is_answered_and_goes_no_further() {
    let server = server("200-cancel");
    let bob = bob(&server).calls(10);
    register(&bob);
    let callee = Sipp::start(&callee_of_a_plain_call(), &bob);
    let caller = Scenario::new()
        .invited(true)
        .maybe(180)
        .recv_routes(200)
        .send(CANCEL)
        .recv(200)
        .in_dialog("ACK", 2)
        .pause(100)
        .in_dialog("BYE", 3)
        .recv(200);
    Sipp::start(&caller, &alice(&server).calls(10)).succeed();
    callee.succeed();
    server.wait_for_metric("coeur_calls_ended_total", 10.0);
}

/// RFC 3261 section 9.1: our own 100 lets the caller cancel at once; towards the callee the CANCEL waits for its first
/// provisional answer. One that came before would fail the callee's scenario, which is then in its pause.
#[test]
#[ignore = "needs sipp"]
fn a_cancel_before_any_ringing_waits_for_the_first_provisional_answer() {
    let server = server("cancel-early");
    let bob = bob(&server).calls(10);
    register(&bob);
    let callee = Sipp::start(
        &Scenario::new()
            .request_kept("INVITE")
            .pause(300)
            .answer(180, "Ringing", false)
            .request("CANCEL")
            .send_once(&answer_in_dialog(200, "OK", false))
            .send(CANCELLED_487)
            .request("ACK"),
        &bob,
    );
    let caller = Scenario::new()
        .invited_as_far_as_trying()
        .send(CANCEL)
        .recv(200)
        .maybe(180)
        .recv(487)
        .send_once(ACK_487);
    Sipp::start(&caller, &alice(&server).calls(10)).succeed();
    callee.succeed();
}

/// RFC 3261 section 16.7 step 5: every 2xx is forwarded, also one that comes after another branch has answered. Two
/// dialogs arise; the caller ends the second, and the first callee hangs up itself.
#[test]
#[ignore = "needs sipp"]
fn two_phones_that_both_answer_give_the_caller_two_dialogs() {
    let server = server("two-answers");
    let (first, second) = (bob(&server), bob(&server));
    register(&first);
    register(&second);
    server.wait_for_registrations(2);
    let second = Sipp::start(
        &Scenario::new()
            .request_kept("INVITE")
            .answer(180, "Ringing", false)
            .request("CANCEL")
            .send_once(&answer_in_dialog(200, "OK", false))
            .send(&kept_invite_accepted(2).replace("tag=u", "tag=second"))
            .request("ACK")
            .request("BYE")
            .send_once(&answer_in_dialog(200, "OK", false)),
        &second,
    );
    let first = Sipp::start(
        &Scenario::new()
            .request_kept("INVITE")
            .answer(180, "Ringing", false)
            .pause(300)
            .send(&kept_invite_accepted(2))
            .request("ACK")
            .pause(1_000)
            .send(&by_the_callee("BYE", 1))
            .recv(200),
        &first,
    );
    let caller = Scenario::new()
        .invited(true)
        .maybe(180)
        .maybe(180)
        .recv_routes(200)
        .in_dialog("ACK", 2)
        .answer_kept(200)
        .send_once(&in_kept_dialog("ACK", 2))
        .send(&in_kept_dialog("BYE", 3))
        .recv(200)
        .request("BYE")
        .send_once(&answer_in_dialog(200, "OK", false));
    Sipp::start(&caller, &alice(&server)).succeed();
    first.succeed();
    second.succeed();
    server.wait_for_metric("coeur_calls_answered_total", 1.0);
    server.wait_for_metric("coeur_calls_ended_total", 2.0);
}
