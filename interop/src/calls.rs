//! What several sipp tests share: a server with three accounts, runs for two of them, and the usual call.

use crate::coeur::Coeur;
use crate::free_port;
use crate::scenario::{Scenario, answer_in_dialog};
use crate::sipp::{Run, Sipp};

pub const CONTACT: &str = "sip:[service]@[local_ip]:[local_port];transport=[transport]";

pub fn server(name: &str) -> Coeur {
    // What these look at is what a proxy does.
    let accounts = [("alice", "secret-a-1"), ("bob", "secret-b-2"), ("carol", "secret-c-3")];
    Coeur::start_with(name, &accounts, &["--calls", "proxy"])
}

pub fn alice(server: &Coeur) -> Run {
    Run::new("alice", "secret-a-1", free_port(), server.udp).key("callee", "bob")
}

pub fn bob(server: &Coeur) -> Run {
    Run::new("bob", "secret-b-2", free_port(), server.udp).key("callee", "alice")
}

/// Registers from the port on which the same user then answers.
pub fn register(run: &Run) {
    Sipp::start(&Scenario::new().registered(CONTACT, "", ""), &run.clone().calls(1)).succeed();
}

pub fn callee_of_a_plain_call() -> Scenario {
    Scenario::new()
        .request("INVITE")
        .answer(180, "Ringing", false)
        .answer_until_ack(200, "OK")
        .request("ACK")
        .request("BYE")
        .send_once(&answer_in_dialog(200, "OK", false))
}

pub fn caller_of_a_plain_call() -> Scenario {
    Scenario::new()
        .invited(true)
        .maybe(180)
        .recv_routes(200)
        .in_dialog("ACK", 2)
        .pause(100)
        .in_dialog("BYE", 3)
        .recv(200)
}

pub const CANCEL: &str = "CANCEL sip:[callee]@interop.test SIP/2.0\n[last_Via:]\nMax-Forwards: 70\n\
    From: <sip:[service]@interop.test>;tag=f[call_number]\nTo: <sip:[callee]@interop.test>\nCall-ID: [call_id]\n\
    CSeq: 2 CANCEL\nContent-Length: 0\n";
pub const ACK_487: &str = "ACK sip:[callee]@interop.test SIP/2.0\n[last_Via:]\nMax-Forwards: 70\n\
    From: <sip:[service]@interop.test>;tag=f[call_number]\n[last_To:]\nCall-ID: [call_id]\n\
    CSeq: 2 ACK\nContent-Length: 0\n";
/// Of an INVITE that was kept: the CANCEL before it has one Via alone (RFC 3261 section 9.1).
pub const CANCELLED_487: &str = "SIP/2.0 487 Request Terminated\nVia:[$via1]\nVia:[$via2]\n[last_From:]\n\
    [last_To:];tag=u[call_number]\n[last_Call-ID:]\nCSeq: 2 INVITE\nContent-Length: 0\n";
