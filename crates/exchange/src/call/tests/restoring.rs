//! The process is killed and comes again: calls that were answered go on (decision 0018).

use super::*;
use crate::event::Event;
use crate::input::Input;
use crate::outbox::Output;
use crate::testing::{Phone, aor, apply};
use coeur_directory::Change;
use coeur_sip::time::Wall;
use desk::ports;

fn number(sent: &Sent) -> u32 {
    sent.read(|message| message.cseq().number)
}

fn records(desk: &Desk) -> Vec<crate::call_record::CallRecord> {
    let ended = |event: &Event| match event {
        Event::CallEnded(record) => Some((**record).clone()),
        _ => None,
    };
    desk.office.events.iter().filter_map(ended).collect()
}

/// Alice and bob talk, and then the process is killed.
fn talk() -> (Desk, Phone, Phone, Ua, Ua) {
    let (mut desk, mut alice, bob) = Desk::new();
    let (caller, callee) = desk.talk(&mut alice, &bob);
    (desk, alice, bob, caller, callee)
}

#[test]
fn a_bye_of_either_side_ends_the_other_and_the_call_has_one_record() {
    for caller_ends in [true, false] {
        let (mut desk, alice, bob, mut caller, mut callee) = talk();
        // A request of ours has left in each dialog, so that the CSeq has begun.
        for (ua, other) in [(&mut caller, bob.flow), (&mut callee, alice.flow)] {
            let info = ua.request("INFO", "Content-Type: text/plain\r\n", "");
            let sent = desk.receive(ua.flow, &info);
            let passed = request_to(&sent, other, "INFO").clone();
            desk.receive(other, &reply(&passed, 200, "", "", ""));
        }
        assert!(desk.crash().is_empty(), "nobody hears of it");
        assert_eq!(desk.office.exchange.counters().calls_restored, 1);
        assert_eq!(desk.office.world.guard.sessions.total(), 2);
        let (ends, ended) = if caller_ends { (&mut caller, bob.flow) } else { (&mut callee, alice.flow) };
        let (call_id, from) = (ends.call_id.clone(), ends.flow);
        let bye = ends.request("BYE", "", "");
        let sent = desk.receive(from, &bye);
        answer_to(&sent, from, 200);
        let bye = request_to(&sent, ended, "BYE").clone();
        assert_ne!(header(&bye, HeaderName::CallId), call_id, "a dialog of its own");
        desk.receive(ended, &reply(&bye, 200, "", "", ""));
        let records = records(&desk);
        assert_eq!((records.len(), records[0].status), (1, 200));
        assert!(records[0].started <= records[0].answered.unwrap_or(Wall(0)));
        desk.assert_at_rest();
    }
}

/// RFC 3261 section 12.2.1.1: the number goes up, over any number of restarts.
#[test]
fn no_request_of_ours_has_a_number_that_was_used_before() {
    let (mut desk, _, bob, mut caller, _) = talk();
    let mut last = 0;
    for round in 0..6 {
        let info = caller.request("INFO", "Content-Type: text/plain\r\n", "");
        let sent = desk.receive(caller.flow, &info);
        let passed = request_to(&sent, bob.flow, "INFO").clone();
        assert!(number(&passed) > last, "round {round}: {} after {last}", number(&passed));
        last = number(&passed);
        desk.receive(bob.flow, &reply(&passed, 200, "", "", ""));
        if round % 2 == 0 {
            desk.crash();
        }
    }
}

#[test]
fn the_same_ports_are_bound_and_joined_again_with_what_was_agreed_and_heard() {
    let (mut desk, ..) = talk();
    let (before, pairs) = (desk.open.values().flatten().cloned().collect::<Vec<_>>(), desk.pairs.clone());
    desk.crash();
    let restored = &desk.restored;
    assert_eq!(restored.len(), 2);
    let streams = || restored.iter().flat_map(|(_, kept)| kept.streams.iter().flatten());
    assert!(streams().all(|stream| stream.is_on && stream.rtp.peer.is_some()));
    let bound: Vec<u16> = streams().map(|stream| stream.bound.port()).collect();
    assert_eq!(bound, [20_002, 20_004]);
    assert!(desk.connected.is_some());
    assert_eq!((desk.open.values().flatten().cloned().collect::<Vec<_>>(), desk.pairs), (before, pairs));
}

/// The process went after the call was saved and before the media plane had said anything.
#[test]
fn what_the_media_plane_had_not_said_follows_from_the_descriptions() {
    let (mut desk, ..) = talk();
    let before = desk.open.values().flatten().cloned().collect::<Vec<_>>();
    let entries = desk.office.saved.len();
    let answered = desk.office.saved.iter().rposition(|entry| {
        // The entry with the call itself, its legs and nothing else is the longest.
        entry.len() == desk.office.saved.iter().map(Vec::len).max().unwrap_or(0)
    });
    desk.office.saved.truncate(answered.expect("an entry") + 1);
    assert!(desk.office.saved.len() < entries);
    desk.crash();
    let streams: Vec<_> = desk.restored.iter().flat_map(|(_, kept)| kept.streams.iter().flatten()).collect();
    assert_eq!(streams.iter().map(|stream| stream.bound.port()).collect::<Vec<_>>(), [20_002, 20_004]);
    assert!(streams.iter().all(|stream| stream.bound.ip().is_unspecified() && stream.rtp.peer.is_none()));
    assert_eq!(desk.open.values().flatten().cloned().collect::<Vec<_>>(), before);
}

#[test]
fn hold_and_resume_pass_after_a_restart() {
    let (mut desk, alice, bob, mut caller, _) = talk();
    desk.crash();
    for (version, direction) in [(2, "a=sendonly\r\n"), (3, "a=sendrecv\r\n")] {
        let offer = caller.request("INVITE", "", &described("10.0.0.1", 4_000, version, direction));
        let sent = desk.receive(alice.flow, &offer);
        let passed = request_to(&sent, bob.flow, "INVITE").clone();
        assert!(body(&passed).contains(direction.trim_end()) || version == 3, "{}", body(&passed));
        assert_eq!(ports(&passed), [20_004]);
        let answer = described("10.0.0.2", 5_000, version, "");
        let sent = desk.receive(bob.flow, &reply(&passed, 200, "", &contact(bob.flow), &answer));
        let ok = answer_to(&sent, alice.flow, 200).clone();
        assert_eq!(ports(&ok), [20_002]);
        let ack = caller.ack("");
        desk.receive(alice.flow, &ack);
        let hears = desk.peer_at(4_000).streams[0].as_ref().is_some_and(|stream| stream.we_send);
        assert_eq!(hears, version == 3);
        desk.crash();
    }
}

/// RFC 4028: the timers go on as if nothing had happened.
#[test]
fn a_session_is_refreshed_and_expires_when_it_would_have() {
    let (mut desk, _, bob, ..) = talk();
    desk.pass(Duration::from_secs(600));
    desk.crash();
    assert!(desk.pass(Duration::from_secs(290)).is_empty(), "at half of 1,800 s, not before");
    let sent = desk.pass(Duration::from_secs(20));
    assert!(!requests_to(&sent, bob.flow, "INVITE").is_empty(), "{}", dump(&sent));
    desk.crash();
    let sent = desk.pass(Duration::from_secs(4_000));
    assert!(!requests_to(&sent, bob.flow, "BYE").is_empty(), "nobody has refreshed it");
    desk.assert_at_rest();
}

#[test]
fn a_transfer_works_after_a_restart_and_what_came_of_it_survives_the_next() {
    let mut three = transferring::three();
    three.desk.crash();
    let refer = three.caller.request("REFER", transferring::TO_CAROL, "");
    let sent = three.desk.receive(three.caller.flow, &refer);
    answer_to(&sent, three.caller.flow, 202);
    let invite = request_to(&sent, three.carol, "INVITE").clone();
    let ok = reply(&invite, 200, "caroltag", &contact(three.carol), &sdp("10.0.0.3", 6_000));
    let sent = three.desk.receive(three.carol, &ok);
    let offer = request_to(&sent, three.bob, "INVITE").clone();
    let answer = described("10.0.0.2", 5_000, 2, "");
    three.desk.receive(three.bob, &reply(&offer, 200, "", &contact(three.bob), &answer));
    three.desk.crash();
    assert_eq!(three.desk.office.exchange.counters().calls_restored, 1, "bob and carol");
    let bye = three.callee.request("BYE", "", "");
    let sent = three.desk.receive(three.bob, &bye);
    request_to(&sent, three.carol, "BYE");
    three.desk.assert_at_rest();
}

/// "It is answered" means "it is in the journal".
#[test]
fn the_2xx_of_a_call_waits_for_its_save_and_leaves_also_when_that_fails() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    desk.slow = true;
    let ok = reply(&invite, 200, "bobtag", &contact(bob.flow), &sdp("10.0.0.2", 5_000));
    let mut outbox = crate::outbox::Outbox::default();
    let mut table = coeur_sip::HeaderTable::new();
    let message = coeur_sip::parse(&ok, &mut table, &coeur_sip::Limits::default()).expect("a message");
    let input = Input::Received { flow: bob.flow, message: &message };
    desk.office.exchange.handle(desk.office.now, &desk.office.world, input, &mut outbox);
    let is_2xx = |output: &Output| match output {
        Output::Send(send) => outbox.bytes(send.bytes).starts_with(b"SIP/2.0 200"),
        _ => false,
    };
    let saved = outbox.outputs.iter().position(|output| matches!(output, Output::Save(_)));
    let told = outbox.outputs.iter().position(is_2xx);
    assert!(saved.is_some() && told > saved, "{:?}", outbox.outputs);
    let Some(Output::Send(told)) = told.map(|at| &outbox.outputs[at]) else { panic!("a message") };
    let otherwise = told.after_save.expect("it waits").0;
    assert_eq!(outbox.bytes(otherwise), outbox.bytes(told.bytes));
    let ack = |output: &&Output| match output {
        Output::Send(send) => outbox.bytes(send.bytes).starts_with(b"ACK "),
        _ => false,
    };
    let Some(Output::Send(ack)) = outbox.outputs.iter().find(ack) else { panic!("an ACK") };
    assert!(ack.after_save.is_none(), "who answers does not wait");
}

/// RFC 3261 section 13.3.1.4.
#[test]
fn a_2xx_that_was_not_acknowledged_is_said_again_until_it_is() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (request, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let sent =
        desk.receive(bob.flow, &reply(&invite, 200, "bobtag", &contact(bob.flow), &sdp("10.0.0.2", 5_000)));
    let ok = answer_to(&sent, alice.flow, 200).clone();
    desk.crash();
    let again = desk.pass(Duration::from_secs(1));
    assert_eq!(answer_to(&again[..1], alice.flow, 200).bytes, ok.bytes);
    // Who says its INVITE again is no new caller.
    let repeated = desk.receive(alice.flow, &request);
    assert!(requests_to(&repeated, bob.flow, "INVITE").is_empty(), "{}", dump(&repeated));
    let mut caller = Ua::caller(alice.flow, &request, &ok);
    let ack = caller.ack("");
    assert!(desk.receive(alice.flow, &ack).is_empty());
    assert!(desk.pass(Duration::from_secs(60)).is_empty(), "acknowledged");
    desk.crash();
    assert!(desk.pass(Duration::from_secs(60)).is_empty(), "and known to be");
    let bye = caller.request("BYE", "", "");
    request_to(&desk.receive(alice.flow, &bye), bob.flow, "BYE");
    desk.assert_at_rest();
}

#[test]
fn a_call_that_rings_is_not_kept() {
    let (mut desk, mut alice, bob) = Desk::new();
    let (_, sent) = desk.invite(&mut alice, URI, "", &sdp("10.0.0.1", 4_000));
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    desk.receive(bob.flow, &reply(&invite, 180, "bobtag", &contact(bob.flow), ""));
    assert!(desk.office.saved.iter().all(|entry| !crate::record::calls::is_of_calls(entry)));
    desk.crash();
    assert_eq!((desk.office.exchange.calls().calls(), desk.open.len()), (0, 0));
}

/// Its other side is gone, so there is nothing to go on with; it was a call all the same.
#[test]
fn a_call_that_is_parked_ends_with_a_record() {
    let mut three = transferring::three();
    let refer = three.caller.request("REFER", "Refer-To: <sip:park-71@example.org>\r\n", "");
    answer_to(&three.desk.receive(three.caller.flow, &refer), three.caller.flow, 202);
    let recovered = three.desk.crash_only();
    assert_eq!((recovered.calls[0].len(), recovered.lost, recovered.ended.len()), (0, 1, 1));
    let record = &recovered.ended[0];
    assert_eq!((record.status, record.ended_by), (200, crate::event::EndedBy::Exchange));
    let waited = record.callee.as_ref().and_then(|side| side.party);
    assert_eq!(waited.map(|party| party.account.0), Some(2), "bob, who waited");
}

/// An offer under way is forgotten by us; whoever made it makes it again.
#[test]
fn an_offer_under_way_at_the_moment_has_changed_nothing_and_its_late_answer_is_acknowledged() {
    let (mut desk, alice, bob, mut caller, _) = talk();
    let hold = described("10.0.0.1", 4_000, 2, "a=sendonly\r\n");
    let offer = caller.request("INVITE", "", &hold);
    let sent = desk.receive(alice.flow, &offer);
    let passed = request_to(&sent, bob.flow, "INVITE").clone();
    desk.crash();
    let answer = described("10.0.0.2", 5_000, 2, "a=recvonly\r\n");
    let sent = desk.receive(bob.flow, &reply(&passed, 200, "", &contact(bob.flow), &answer));
    let ack = request_to(&sent, bob.flow, "ACK").clone();
    assert_eq!(number(&ack), number(&passed));
    assert!(desk.peer_at(4_000).streams[0].as_ref().is_some_and(|stream| stream.we_send));
    let again = caller.request("INVITE", "", &hold);
    let sent = desk.receive(alice.flow, &again);
    assert!(number(request_to(&sent, bob.flow, "INVITE")) > number(&passed));
}

/// Alice and bob talk, who is registered over a connection that closes.
fn of_a_connection() -> (Desk, Phone, Phone, Ua, Ua) {
    let mut desk = Desk::empty();
    let mut alice = desk.register("alice", udp(ALICE), "");
    let mut bob = desk.register("bob", tcp("192.0.2.22:41000", 7), "");
    bob.contact = "sip:phone@192.0.2.22:41000".into();
    let (caller, callee) = desk.talk(&mut alice, &bob);
    desk.handle(Input::FlowClosed { flow: bob.flow });
    (desk, alice, bob, caller, callee)
}

/// Connections are gone. Nobody speaks for a phone because he comes from its host; where it registers, it is reached.
#[test]
fn a_phone_of_a_connection_speaks_again_once_it_has_registered_over_a_new_connection() {
    let (mut desk, alice, mut bob, mut caller, mut callee) = of_a_connection();
    desk.crash();
    let stranger = tcp("192.0.2.22:41666", 8);
    let bye = callee.request("BYE", "", "");
    let sent = desk.receive(stranger, &bye);
    assert!(sent.iter().all(|sent| matches!(sent.status(), 401 | 407)), "{}", dump(&sent));
    // What is meant for it has no way now: we do not connect to where a phone came from.
    let info = caller.request("INFO", "Content-Type: text/plain\r\n", "");
    assert!(desk.receive(alice.flow, &info).is_empty());

    bob.flow = stranger;
    assert_eq!(desk.office.register(&mut bob).status(), 200);
    let info = caller.request("INFO", "Content-Type: text/plain\r\n", "");
    let sent = desk.receive(alice.flow, &info);
    assert_eq!(requests_to(&sent, stranger, "INFO").len(), 2, "the first was held");
    callee.flow = stranger;
    let bye = callee.request("BYE", "", "");
    let sent = desk.receive(stranger, &bye);
    answer_to(&sent, stranger, 200);
    request_to(&sent, alice.flow, "BYE");
    desk.assert_at_rest();
}

/// It proves its password, and needs no registration to be found.
#[test]
fn a_phone_of_a_connection_that_has_spoken_with_a_proof_is_reached_where_it_spoke() {
    let (mut desk, mut alice, mut bob, mut caller, mut callee) = of_a_connection();
    desk.crash();
    bob.flow = tcp("192.0.2.22:41666", 8);
    callee.flow = bob.flow;
    let bare = callee.request("INFO", "Content-Type: text/plain\r\n", "");
    let challenge = desk.receive(bob.flow, &bare);
    assert_eq!(challenge[0].status(), 407);
    let proof = bob.answer(&challenge[0], coeur_sip::Method::Info, &callee.target, "");
    let line = String::from_utf8_lossy(&proof)
        .lines()
        .find(|line| line.starts_with("Proxy-Auth"))
        .map(str::to_owned);
    let lines = format!("Content-Type: text/plain\r\n{}\r\n", line.expect("credentials"));
    let proved = callee.request("INFO", &lines, "");
    let sent = desk.receive(bob.flow, &proved);
    let passed = request_to(&sent, alice.flow, "INFO").clone();
    desk.receive(alice.flow, &reply(&passed, 200, "", "", ""));
    let bye = caller.request("BYE", "", "");
    let sent = desk.receive(alice.flow, &bye);
    request_to(&sent, bob.flow, "BYE");
    alice.call = "-x".into();
    desk.assert_at_rest();
}

/// A minute and a half.
#[test]
fn a_bye_waits_for_a_phone_whose_connection_has_gone() {
    for comes_back in [true, false] {
        let (mut desk, alice, mut bob, mut caller, _) = of_a_connection();
        desk.crash();
        let bye = caller.request("BYE", "", "");
        let sent = desk.receive(alice.flow, &bye);
        assert_eq!((sent.len(), records(&desk).len()), (1, 1), "{}", dump(&sent));
        assert!(desk.pass(Duration::from_secs(20)).is_empty());
        bob.flow = tcp("192.0.2.22:41666", 8);
        if comes_back {
            assert_eq!(desk.office.register(&mut bob).status(), 200);
        }
        let sent = desk.pass(Duration::from_secs(90));
        let byes: Vec<_> = sent.iter().filter(|sent| sent.text().starts_with("BYE ")).collect();
        assert_eq!(!byes.is_empty(), comes_back);
        assert!(byes.iter().all(|bye| desk::goes_to(bye, bob.flow)));
        desk.assert_at_rest();
    }
}

#[test]
fn a_call_whose_port_is_not_to_be_had_again_ends_on_both_sides() {
    let (mut desk, alice, bob, ..) = talk();
    desk.full = true;
    let sent = desk.crash();
    request_to(&sent, alice.flow, "BYE");
    request_to(&sent, bob.flow, "BYE");
    // What the media plane measured is waited for, a second.
    desk.pass(Duration::from_secs(2));
    assert_eq!(records(&desk).len(), 1);
    desk.assert_at_rest();
}

#[test]
fn a_call_of_an_account_that_was_removed_meanwhile_ends_at_once() {
    let (mut desk, alice, bob, ..) = talk();
    let recovered = desk.crash_only();
    apply(&desk.office.world, Change::AccountRemoved(aor("alice")));
    let mut outbox = crate::outbox::Outbox::default();
    let office = &mut desk.office;
    office.exchange.restore(office.now, &office.world, &recovered.calls[0], &mut outbox);
    let mut sent = desk.take(&mut outbox);
    sent.extend(desk.pass(Duration::from_millis(50)));
    request_to(&sent, alice.flow, "BYE");
    request_to(&sent, bob.flow, "BYE");
    desk.assert_at_rest();
}

/// What a call of two phones costs in the journal, from its answer to its end: for the figures of decision 0018.
#[test]
fn what_a_call_writes_is_bounded() {
    let (mut desk, alice, bob, mut caller, _) = talk();
    let of_calls = |desk: &Desk| -> Vec<usize> {
        let saved = desk.office.saved.iter().filter(|entry| crate::record::calls::is_of_calls(entry));
        saved.map(Vec::len).collect()
    };
    let talking = of_calls(&desk);
    let bye = caller.request("BYE", "", "");
    desk.receive(alice.flow, &bye);
    let all = of_calls(&desk);
    let bytes = (talking.iter().sum::<usize>(), all.iter().sum::<usize>());
    println!("{talking:?} bytes while it is set up, {} in all, to {}", bytes.1, bob.flow.remote);
    assert!(talking.len() <= 4 && bytes.0 < 8_000 && bytes.1 < 9_000, "{all:?}");
}

/// Alice and bob talk, and after the next crash their call stands in other slots: one that began before it is over.
fn of_other_slots() -> transferring::Three {
    let mut three = transferring::three();
    three.alice.call = "-again".into();
    let bob = Phone::new("bob", three.bob);
    let (caller, callee) = three.desk.talk(&mut three.alice, &bob);
    let bye = three.caller.request("BYE", "", "");
    let sent = three.desk.receive(three.caller.flow, &bye);
    let bye = request_to(&sent, three.bob, "BYE").clone();
    three.desk.receive(three.bob, &reply(&bye, 200, "", "", ""));
    (three.caller, three.callee) = (caller, callee);
    three
}

#[test]
fn a_call_that_came_back_is_parked_and_taken() {
    let mut three = of_other_slots();
    three.desk.crash();
    let sent = parking::park(&mut three, "park-71");
    answer_to(&sent, three.caller.flow, 202);
    let (_, _, sent) = parking::retrieve(&mut three, "-park", "park-71");
    let offer = request_to(&sent, three.bob, "INVITE").clone();
    let sent = parking::bob_agrees(&mut three, &offer);
    answer_to(&sent, three.carol, 200);
}

/// RFC 3891: what Replaces names is a dialog, wherever its leg stands.
#[test]
fn two_calls_that_came_back_are_made_one() {
    let mut three = of_other_slots();
    let (second, _) = attending::ask_carol(&mut three, true);
    three.desk.crash();
    let sent = attending::refer(&mut three, &attending::replaces(&second));
    answer_to(&sent, three.caller.flow, 202);
    request_to(&sent, three.carol, "INVITE");
}

/// A call that ends before its ports are bound again leaves nothing that a new one in its place could be taken for.
#[test]
fn a_new_call_in_the_place_of_one_that_came_back_is_no_such_call() {
    let (mut desk, mut alice, bob, mut caller, _) = talk();
    desk.slow = true;
    desk.crash();
    let bye = caller.request("BYE", "", "");
    let sent = desk.receive(alice.flow, &bye);
    let bye = request_to(&sent, bob.flow, "BYE").clone();
    desk.receive(bob.flow, &reply(&bye, 200, "", "", ""));
    desk.let_open();
    assert_eq!(desk.office.exchange.calls().calls(), 0);
    alice.call = "-again".into();
    // Its ports are opened when bob has answered.
    let (_, sent) = desk.invite(&mut alice, URI, "", "");
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    let offer = reply(&invite, 200, "bobtag", &contact(bob.flow), &sdp("10.0.0.2", 5_000));
    let sent = desk.receive(bob.flow, &offer);
    answer_to(&sent, alice.flow, 200);
}

/// What is kept is kept: a restart with many calls must not write them all at once.
#[test]
fn what_came_back_is_not_written_again_as_a_whole() {
    let (mut desk, ..) = talk();
    desk.slow = true;
    desk.crash();
    let saved = desk.office.saved.len();
    desk.tick(Duration::from_millis(1));
    assert_eq!(desk.office.saved.len(), saved, "nothing has happened to it");
}

/// Its record is kept; the legs are not, not even one of them.
#[test]
fn a_call_with_longer_texts_than_the_journal_takes_goes_on_and_ends_with_a_kill_and_a_record() {
    for (offered, answered, routes) in [(60, 0, 0), (43, 10, 3)] {
        let (mut desk, mut alice, bob) = Desk::new();
        let long = |lines: usize| format!("a=x-long:{}\r\n", "x".repeat(889)).repeat(lines);
        // The longest line that a message may have is of 8,192 bytes.
        let lines = format!("Record-Route: <sip:192.0.2.11;lr;x={}>\r\n", "x".repeat(7_500)).repeat(routes);
        let (request, sent) =
            desk.invite(&mut alice, URI, &lines, &described("10.0.0.1", 4_000, 1, &long(offered)));
        let invite = request_to(&sent, bob.flow, "INVITE").clone();
        let answer = described("10.0.0.2", 5_000, 1, &long(answered));
        let ok = reply(&invite, 200, "bobtag", &contact(bob.flow), &answer);
        let sent = desk.receive(bob.flow, &ok);
        let mut caller = Ua::caller(alice.flow, &request, answer_to(&sent, alice.flow, 200));
        let ack = caller.ack("");
        desk.receive(alice.flow, &ack);
        assert!(desk.connected.is_some());
        let recovered = desk.crash_only();
        let found = (recovered.calls[0].len(), recovered.lost, recovered.ended.len(), recovered.unreadable);
        assert_eq!(found, (0, 1, 1, 0));
        assert_eq!(desk.office.world.kept_calls.count().0, 0);
    }
}
