//! Attended transfer by a real linphonec, between two others, with the calls on one shard and on two (decision 0032): the
//! two that are joined hear each other, and nobody is left on a line. (A baresip 1.0 writes no sound into its file any more once
//! it was on hold, so that what it hears behind that cannot be told.)

use coeur_interop::coeur::{Coeur, DOMAIN};
use coeur_interop::linphone::{Linphone, Setup};
use std::time::Duration;

const ALICE: (&str, &str) = ("alice", "correct-horse-1");
const BOB: (&str, &str) = ("bob", "battery-staple-2");
const CAROL: (&str, &str) = ("carol", "tractor-beam-3");
/// On which shard a call is, its caller's port decides: as good as never are so many transfers all of one kind.
const RUNS_MAX: usize = 12;

fn phone(server: &Coeur, account: (&str, &str), transport: &str, tone_hz: u32) -> Linphone {
    let mut phone = Linphone::start(&Setup::on_loopback(server, account, transport, tone_hz));
    phone.registered();
    phone
}

/// Bob calls alice, alice asks carol and joins the two: seconds of each other's tone that bob and carol heard afterwards.
fn transferred(server: &Coeur, transport: &str) -> (f32, f32) {
    let mut alice = phone(server, ALICE, transport, 440);
    let mut bob = phone(server, BOB, transport, 660);
    let carol = phone(server, CAROL, transport, 880);
    let ended = server.metric("coeur_calls_ended_total");
    bob.command(&format!("call sip:alice@{DOMAIN}"));
    bob.established();
    alice.established();
    alice.command("pause 1");
    alice.command(&format!("call sip:carol@{DOMAIN}"));
    alice.established();
    let transferred = server.metric("coeur_calls_transferred_total");
    alice.command("transfer 1 --to-call 2");
    server.wait_until_metric("coeur_calls_transferred_total", |seen| seen > transferred);
    std::thread::sleep(Duration::from_secs(4)); // they talk
    bob.command("terminate all");
    // What both of alice's calls have come to, and the call of the two.
    server.wait_until_metric("coeur_calls_ended_total", |seen| seen >= ended + 2.0);
    drop(alice);
    (bob.heard_s(880.0), carol.heard_s(660.0))
}

fn joins_within_and_across_shards(transport: &str) {
    let server = Coeur::start_with(
        &format!("transfer-{transport}"),
        &[ALICE, BOB, CAROL],
        &["--shards", "2", "--media-workers", "2"],
    );
    let (mut within, mut across) = (0, 0);
    for run in 1..=RUNS_MAX {
        let before = server.metric("coeur_calls_across_shards_total");
        let (by_bob, by_carol) = transferred(&server, transport);
        let is_across = server.metric("coeur_calls_across_shards_total") > before;
        println!(
            "{transport} {run}: {}; bob hears carol {by_bob:.1} s, carol hears bob {by_carol:.1} s",
            if is_across { "two shards" } else { "one shard" }
        );
        assert!(by_bob > 2.0 && by_carol > 2.0, "{}", server.log());
        if is_across {
            across += 1
        } else {
            within += 1
        }
        if within >= 2 && across >= 2 {
            return;
        }
    }
    panic!("{within} within a shard and {across} across in {RUNS_MAX} transfers");
}

#[test]
#[ignore = "needs linphonec"]
fn an_attended_transfer_over_udp_joins_calls_of_one_shard_and_of_two() {
    joins_within_and_across_shards("udp");
}

#[test]
#[ignore = "needs linphonec"]
fn an_attended_transfer_over_tls_joins_calls_of_one_shard_and_of_two() {
    joins_within_and_across_shards("tls");
}
