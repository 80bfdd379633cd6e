//! Stored calls of many kinds are played again to a server of their own: the same decisions, and another one is shown exactly.

use coeur_interop::agent::{Agent, Dialog, Heard, ack_of_failure, description, header};
use coeur_interop::coeur::{Coeur, DOMAIN};
use serde_json::Value;
use std::time::{Duration, Instant};

const ALICE: (&str, &str) = ("alice", "correct-horse-1");
const BOB: (&str, &str) = ("bob", "battery-staple-2");
const CAROL: (&str, &str) = ("carol", "third-secret-3");
const PATIENCE: Duration = Duration::from_secs(10);

/// Each with another port, as after a restart of the phones.
const ROUNDS: usize = 4;

fn phone(server: &Coeur, host: u8, account: (&str, &str)) -> Agent {
    let mut agent = Agent::new(server, [127, 0, 0, host], account.0, account.1);
    assert_eq!(agent.register(PATIENCE), Some(200));
    agent
}

/// What is asked of a phone, up to what ends it.
fn hear(phone: &Agent, method: &str) -> Heard {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if let Some(heard) =
            phone.hear(Duration::from_millis(50)).filter(|heard| heard.status == 0 && heard.method == method)
        {
            return heard;
        }
    }
    panic!("no {method} came");
}

/// Bob does this while alice calls him.
fn while_called(bob: &Agent, what: impl FnOnce(&Agent) + Send, alice: impl FnOnce()) {
    std::thread::scope(|scope| {
        let bob = scope.spawn(move || what(bob));
        alice();
        bob.join().unwrap();
    });
}

fn take(bob: &Agent) {
    let invite = hear(bob, "INVITE");
    bob.answer(&invite, 180);
    bob.answer(&invite, 200);
    hear(bob, "ACK");
}

fn refuse(status: u16) -> impl FnOnce(&Agent) + Send {
    move |bob| {
        let invite = hear(bob, "INVITE");
        bob.answer(&invite, status);
        hear(bob, "ACK");
    }
}

fn answered(alice: &mut Agent, bob: &Agent) {
    let taking = |bob: &Agent| {
        take(bob);
        let bye = hear(bob, "BYE");
        bob.answer(&bye, 200);
    };
    while_called(bob, taking, || {
        let dialog = alice.call("bob", PATIENCE).unwrap();
        assert_eq!(alice.hang_up(&dialog, PATIENCE), Some(200));
    });
}

fn held(alice: &mut Agent, bob: &Agent) {
    let taking = |bob: &Agent| {
        take(bob);
        for _ in 0..2 {
            let again = hear(bob, "INVITE");
            bob.answer(&again, 200);
            hear(bob, "ACK");
        }
        let bye = hear(bob, "BYE");
        bob.answer(&bye, 200);
    };
    while_called(bob, taking, || {
        let dialog = alice.call("bob", PATIENCE).unwrap();
        for direction in ["a=sendonly", "a=sendrecv"] {
            let body = format!("{}{direction}\r\n", description());
            let again = alice.inside_with(&dialog, "INVITE", &body);
            assert_eq!(alice.transact(&again, PATIENCE).map(|heard| heard.status), Some(200));
            let number = again.split("CSeq: ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
            let dialog = Dialog { cseq: number.parse().unwrap(), ..dialog.clone() };
            let ack = alice.inside(&dialog, "ACK");
            alice.send(ack.as_bytes());
        }
        assert_eq!(alice.hang_up(&dialog, PATIENCE), Some(200));
    });
}

/// Whatever a callee says first, the caller takes his call back when it rings.
fn cancelled(alice: &mut Agent, bob: &Agent) {
    let ringing = |bob: &Agent| {
        let invite = hear(bob, "INVITE");
        bob.answer(&invite, 180);
        let cancel = hear(bob, "CANCEL");
        bob.answer(&cancel, 200);
        bob.answer(&invite, 487);
        hear(bob, "ACK");
    };
    let uri = format!("sip:bob@{DOMAIN}");
    while_called(bob, ringing, || {
        let call_id = format!("cancelled-{}", coeur_interop::agent::unique());
        let credentials = alice.credentials("INVITE", &uri).unwrap_or_default();
        let mut invite =
            alice.write("INVITE", &uri, &format!("<{uri}>"), &call_id, &credentials, &description());
        alice.send(invite.as_bytes());
        loop {
            let heard = alice.hear(PATIENCE).expect("an answer");
            match heard.status {
                407 => {
                    alice.send(ack_of_failure(&invite, &heard).as_bytes());
                    assert!(alice.learn(&heard));
                    let credentials = alice.credentials("INVITE", &uri).unwrap();
                    invite = alice.write(
                        "INVITE",
                        &uri,
                        &format!("<{uri}>"),
                        &call_id,
                        &credentials,
                        &description(),
                    );
                    alice.send(invite.as_bytes());
                }
                180 => {
                    let cancel = ack_of_failure(&invite, &heard).replace("ACK", "CANCEL");
                    let to = cancel.lines().find(|line| line.starts_with("To:")).unwrap().to_owned();
                    alice.send(cancel.replace(&to, &format!("To: <{uri}>")).as_bytes());
                }
                487 => {
                    alice.send(ack_of_failure(&invite, &heard).as_bytes());
                    return;
                }
                _ => {}
            }
        }
    });
}

/// Both phones of bob ring, and the second takes the call.
fn forked(server: &Coeur, alice: &mut Agent, bob: &Agent) {
    let mut second = phone(server, 8, BOB);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| {
            let invite = hear(bob, "INVITE");
            bob.answer(&invite, 180);
            let cancel = hear(bob, "CANCEL");
            bob.answer(&cancel, 200);
            bob.answer(&invite, 487);
            hear(bob, "ACK");
        });
        let second = &second;
        let taking = scope.spawn(move || {
            let invite = hear(second, "INVITE");
            // The other phone rings first, so that there is one order.
            std::thread::sleep(Duration::from_millis(200));
            second.answer(&invite, 200);
            hear(second, "ACK");
            let bye = hear(second, "BYE");
            second.answer(&bye, 200);
        });
        let dialog = alice.call("bob", PATIENCE).unwrap();
        first.join().unwrap();
        assert_eq!(alice.hang_up(&dialog, PATIENCE), Some(200));
        taking.join().unwrap();
    });
    second.unregister(PATIENCE);
}

fn asked(alice: &mut Agent, method: &str, user: &str, body: &str) -> Option<u16> {
    let uri = format!("sip:{user}@{DOMAIN}");
    let call_id = format!("asked-{}", coeur_interop::agent::unique());
    let (_, answer) = alice.ask(method, &uri, &format!("<{uri}>"), &call_id, "", body, PATIENCE);
    answer.map(|answer| answer.status)
}

fn round(server: &Coeur) {
    let (mut alice, mut bob) = (phone(server, 6, ALICE), phone(server, 7, BOB));
    answered(&mut alice, &bob);
    held(&mut alice, &bob);
    cancelled(&mut alice, &bob);
    for status in [486, 603] {
        while_called(&bob, refuse(status), || {
            assert_eq!(alice.call("bob", PATIENCE).err(), Some(Some(status)));
        });
    }
    forked(server, &mut alice, &bob);
    for method in ["MESSAGE", "OPTIONS"] {
        let replying = |bob: &Agent| bob.answer(&hear(bob, method), 200);
        while_called(&bob, replying, || assert_eq!(asked(&mut alice, method, "bob", ""), Some(200)));
    }
    // Nobody is there, nobody has this name, and this is not ours.
    assert_eq!(alice.call("carol", PATIENCE).err(), Some(Some(480)));
    assert_eq!(alice.call("nobody", PATIENCE).err(), Some(Some(404)));
    let dialog = alice.call("echo", PATIENCE).unwrap();
    assert_eq!(alice.hang_up(&dialog, PATIENCE), Some(200));
    let mut stranger = Agent::new(server, [127, 0, 0, 9], "alice", "guessed");
    // Asked three times for what it does not know, it gives up.
    assert_eq!(stranger.register(PATIENCE), None);
    alice.unregister(PATIENCE);
    bob.unregister(PATIENCE);
}

fn differences(report: &Value) -> Vec<&Value> {
    report["conversations"].as_array().unwrap().iter().filter(|one| one["result"] != "same").collect()
}

#[test]
#[ignore = "starts a server for each of some sixty conversations"]
fn stored_calls_of_many_kinds_replay_the_same_and_an_account_that_is_barred_is_the_difference() {
    let server = Coeur::start("replay", &[ALICE, BOB, CAROL]);
    for _ in 0..ROUNDS {
        round(&server);
    }
    let (end, text) = server.ends(&["replay", "--all", "--json"]);
    let report: Value = serde_json::from_str(&text).unwrap();
    let different = differences(&report);
    assert!(report["same"].as_u64().unwrap() >= 50, "{different:#?}");
    assert_eq!((&report["differ"], &report["not_replayed"]), (&0.into(), &0.into()), "{different:#?}");
    assert_eq!(end, Some(0));

    // One who may not be called any more: up to him all is as it was.
    let calls: Value =
        serde_json::from_str(&server.cli(&["trace", "bob", "--last", "99", "--format", "json"], "")).unwrap();
    let is_answered = |call: &&Value| {
        let messages = call["messages"].as_array().unwrap();
        messages[0]["label"] == "INVITE bob" && messages.iter().any(|one| one["label"] == "BYE bob")
    };
    let answered = calls["conversations"].as_array().unwrap().iter().find(is_answered).unwrap()["call_id"]
        .as_str()
        .unwrap();
    server.cli(&["account", "set", &format!("bob@{DOMAIN}"), "--enabled", "no"], "");
    let (end, text) = server.ends(&["replay", answered, "--json"]);
    let report: Value = serde_json::from_str(&text).unwrap();
    let difference = &report["conversations"][0];
    assert_eq!((end, &difference["result"]), (Some(1), &"differs".into()), "{report:#}");
    assert_eq!(
        (&difference["message"], &difference["then"]),
        (&2.into(), &"100 Trying".into()),
        "{report:#}"
    );
    assert_eq!(difference["now"], "404 Not Found", "{report:#}");
    let (end, text) = server.ends(&["replay", answered]);
    assert_eq!(end, Some(1));
    assert!(text.contains("! SIP/2.0 100 Trying") && text.contains("  SIP/2.0 404 Not Found"), "{text}");

    // The live server has heard nothing of it.
    assert_eq!(server.registrations(), 0);
}

/// Answers what it is asked until so many of its calls have been ended.
fn live(phone: &Agent, calls: usize) {
    let mut ended = 0;
    while ended < calls {
        let heard = phone.hear(PATIENCE).expect("its calls end");
        let is_new = heard.method == "INVITE" && !header(&heard.text, "To").contains(";tag=");
        match (heard.status, &*heard.method) {
            (0, "ACK") | (1.., _) => continue,
            (0, _) if is_new => phone.answer(&heard, 180),
            (0, _) => {}
        }
        phone.answer(&heard, 200);
        ended += usize::from(heard.method == "BYE");
    }
}

/// The call as the one who was called knows it.
fn of_callee(invite: &Heard) -> Dialog {
    let contact = header(&invite.text, "Contact");
    Dialog {
        call_id: header(&invite.text, "Call-ID"),
        from: format!("{};tag=callee", header(&invite.text, "To")),
        to: header(&invite.text, "From"),
        routes: Vec::new(),
        target: contact.trim_start_matches('<').split('>').next().unwrap().to_owned(),
        branch: String::new(),
        cseq: 0,
    }
}

/// He is with somebody else from his next offer on, and ends it.
fn is_transferred(bob: &mut Agent, dialog: &Dialog) {
    let offer = hear(bob, "INVITE");
    bob.answer(&offer, 200);
    hear(bob, "ACK");
    assert_eq!(bob.hang_up(dialog, PATIENCE), Some(200));
}

fn refer(alice: &mut Agent, dialog: &Dialog, to: &str) {
    let refer = alice.inside(dialog, "REFER");
    let refer = refer.replace("Content-Length:", &format!("Refer-To: <{to}>\r\nContent-Length:"));
    assert_eq!(alice.transact(&refer, PATIENCE).expect("an answer").status, 202);
}

/// RFC 3891, in a URI (RFC 5589 section 7.3).
fn replacing(dialog: &Dialog) -> String {
    let tag = |value: &str| value.split("tag=").nth(1).unwrap().to_owned();
    let (to, from, call) = (tag(&dialog.to), tag(&dialog.from), &dialog.call_id);
    format!("sip:carol@{DOMAIN}?Replaces={call}%3Bto-tag%3D{to}%3Bfrom-tag%3D{from}")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transfer {
    Blind,
    /// Of the call that alice made, or that bob did: that one may be of another thread than her call to carol.
    Attended {
        bob_calls: bool,
    },
}

/// Alice gives bob to carol.
fn transferred(server: &Coeur, how: Transfer) {
    let [mut alice, mut bob, carol] =
        [(6, ALICE), (7, BOB), (8, CAROL)].map(|(host, account)| phone(server, host, account));
    let bob_calls = how == Transfer::Attended { bob_calls: true };
    std::thread::scope(|scope| {
        let (bob, carol) = (&mut bob, &carol);
        scope.spawn(move || live(carol, 1));
        let (told, asked) = std::sync::mpsc::channel();
        scope.spawn(move || {
            let dialog = match bob_calls {
                true => bob.call("alice", PATIENCE).unwrap(),
                false => {
                    let invite = hear(bob, "INVITE");
                    bob.answer(&invite, 180);
                    bob.answer(&invite, 200);
                    hear(bob, "ACK");
                    of_callee(&invite)
                }
            };
            told.send(()).unwrap();
            is_transferred(bob, &dialog);
        });
        let dialog = match bob_calls {
            true => {
                let invite = hear(&alice, "INVITE");
                alice.answer(&invite, 180);
                alice.answer(&invite, 200);
                hear(&alice, "ACK");
                of_callee(&invite)
            }
            false => alice.call("bob", PATIENCE).unwrap(),
        };
        asked.recv().unwrap();
        match how {
            Transfer::Blind => {
                refer(&mut alice, &dialog, &format!("sip:carol@{DOMAIN}"));
                live(&alice, 1);
            }
            Transfer::Attended { .. } => {
                let second = alice.call("carol", PATIENCE).unwrap();
                refer(&mut alice, &dialog, &replacing(&second));
                live(&alice, 2);
            }
        }
    });
    for phone in [&mut alice, &mut bob] {
        phone.unregister(PATIENCE);
    }
    let mut carol = carol;
    carol.unregister(PATIENCE);
}

fn transfers_replay_the_same(name: &str, how: Transfer) {
    let server = Coeur::start(name, &[ALICE, BOB, CAROL]);
    for _ in 0..ROUNDS {
        transferred(&server, how);
    }
    let (end, text) = server.ends(&["replay", "--all", "--json"]);
    let report: Value = serde_json::from_str(&text).unwrap();
    let different = differences(&report);
    assert_eq!((&report["differ"], &report["not_replayed"]), (&0.into(), &0.into()), "{different:#?}");
    // Those and three registrations each.
    assert!(report["same"].as_u64().unwrap() >= 4 * ROUNDS as u64, "{report:#}");
    assert_eq!(end, Some(0));
}

#[test]
#[ignore = "starts a server for each conversation"]
fn a_stored_blind_transfer_replays_the_same() {
    transfers_replay_the_same("replay-blind", Transfer::Blind);
}

#[test]
#[ignore = "starts a server for each conversation"]
fn a_stored_attended_transfer_replays_the_same() {
    transfers_replay_the_same("replay-attended", Transfer::Attended { bob_calls: false });
}

#[test]
#[ignore = "starts a server for each conversation"]
fn a_stored_attended_transfer_of_a_call_that_came_in_replays_the_same() {
    transfers_replay_the_same("replay-attended-in", Transfer::Attended { bob_calls: true });
}
