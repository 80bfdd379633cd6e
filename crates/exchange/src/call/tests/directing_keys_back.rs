//! What brings a direct call with keys back to us, and what keeps it here.

use super::desk::tls;
use super::directing_keys::{SUITE, Talk, counted, is_ours, key, letter, phones, talk, talk_of, told};
use super::*;
use crate::call_record::{Ask, Hearer, MediaPath, Relayed, Told};
use crate::input::Input;
use crate::media::PromptId;

/// The announcement is heard once both have come back, and five minutes later nothing of it can be left.
#[test]
fn what_is_played_into_a_direct_call_waits_until_it_has_come_back_and_then_it_goes_its_own_way_again() {
    for stops in [false, true] {
        let mut call = talk();
        call.rests();
        let Some(Told::Calls { calls, .. }) = call.ask(Ask::List { account: None, limit: 1 }) else {
            panic!("no list")
        };
        let id = calls[0].id;
        let play = |prompt: Option<PromptId>| {
            let to = if prompt.is_some() { Hearer::Caller } else { Hearer::Both };
            Ask::Play { id, prompt, to }
        };
        assert!(matches!(call.ask(play(Some(PromptId(7)))), Some(Told::Taped(Some(Ok(()))))));
        assert!(call.desk.prompts.is_empty(), "there is nobody here to hear it");
        let told = call.rests();
        assert!(told.len() == 2 && told.iter().all(|told| told.ends_with(" ours")), "{told:?}");
        assert!(matches!(call.desk.prompts[..], [(_, Some(PromptId(7)))]), "{:?}", call.desk.prompts);
        assert_eq!(call.path(), Some(MediaPath::Relayed(Relayed::Announced)));
        if stops {
            assert!(matches!(call.ask(play(None)), Some(Told::Taped(Some(Ok(()))))));
        } else {
            call.offers("a=sendonly\r\n", "a=recvonly\r\n");
            call.offers("", "");
            call.desk.pass(Duration::from_secs(290));
            assert_eq!(call.path(), Some(MediaPath::Relayed(Relayed::Announced)));
            (0..2).for_each(|_| drop(call.rests()));
        }
        call.rests();
        assert_eq!(call.path(), Some(MediaPath::DirectSdes), "{stops}");
    }
}

#[test]
fn what_is_played_before_a_call_goes_directly_is_heard_to_its_end_through_us() {
    let mut call = talk();
    let Some(Told::Calls { calls, .. }) = call.ask(Ask::List { account: None, limit: 1 }) else {
        panic!("no list")
    };
    call.ask(Ask::Play { id: calls[0].id, prompt: Some(PromptId(7)), to: Hearer::Both });
    assert_eq!(call.desk.prompts.len(), 2, "at once");
    assert!(call.rests().is_empty());
    assert_eq!(call.path(), Some(MediaPath::Relayed(Relayed::Announced)));
}

/// The setting is changed while a call is direct.
#[test]
fn when_the_policy_forbids_it_a_direct_call_comes_back_at_its_next_change() {
    let mut call = talk();
    call.rests();
    call.desk.office.world.settings.direct_media = false;
    let [offer, answer] = call.offers("", "");
    assert!(is_ours(&offer) && is_ours(&answer), "{offer}{answer}");
    assert!(call.rests().is_empty());
    assert_eq!(call.path(), Some(MediaPath::Relayed(Relayed::Policy)));
}

#[test]
fn a_phone_that_has_moved_to_another_network_is_heard_through_us_with_new_keys() {
    let mut call = talk();
    call.rests();
    call.alice.ip = "192.168.7.7";
    let [offer, answer] = call.offers("", "");
    assert!(is_ours(&offer) && is_ours(&answer), "{offer}{answer}");
    assert!(call.rests().is_empty());
    assert_eq!(call.path(), Some(MediaPath::Relayed(Relayed::Networks)));
    assert!(call.keys(4_000).is_some() && call.keys(5_000).is_some());
}

#[test]
fn who_is_sent_to_a_conference_comes_back_to_a_new_key_of_ours() {
    let mut call = talk();
    call.rests();
    let refer = call.caller.request("REFER", "Refer-To: <sip:conference-sales@example.org>\r\n", "");
    let sent = call.desk.receive(call.alice.flow, &refer);
    let offers = requests_to(&sent, call.bob.flow, "INVITE").len();
    let told: Vec<String> = match offers {
        0 => call.rests(),
        _ => vec![format!("bob {}", told(&body(request_to(&sent, call.bob.flow, "INVITE"))))],
    };
    assert!(
        told.iter().any(|told| told.starts_with("bob 198.51.100.1:") && told.ends_with(" ours")),
        "{told:?}"
    );
}

/// Alice, who knows the key of bob, leaves.
#[test]
fn who_stays_after_a_transfer_is_given_a_new_key_of_ours() {
    let mut call = talk();
    let carol = call.desk.register("carol", udp("192.0.2.33:5060"), "").flow;
    let before = call.keys(5_000).expect("relayed");
    call.rests();
    let refer = call.caller.request("REFER", "Refer-To: <sip:carol@example.org>\r\n", "");
    let sent = call.desk.receive(call.alice.flow, &refer);
    let invite = request_to(&sent, carol, "INVITE").clone();
    let ok = reply(&invite, 200, "caroltag", &contact(carol), &sdp("10.0.0.3", 6_000));
    let sent = call.desk.receive(carol, &ok);
    let offer = request_to(&sent, call.bob.flow, "INVITE").clone();
    assert!(is_ours(&body(&offer)), "{}", offer.text());
    let answer = call.bob.takes(&body(&offer), 7);
    call.desk.receive(call.bob.flow, &reply(&offer, 200, "", &contact(call.bob.flow), &answer));
    let (to_bob, of_bob) = call.keys(5_000).expect("relayed");
    assert!(to_bob != of_bob && to_bob != before.0, "a new one");
}

/// What is played to him is protected with a key of ours, which he takes.
#[test]
fn who_is_parked_out_of_a_direct_call_hears_music_under_a_new_key() {
    let mut call = talk();
    call.rests();
    assert!(call.keys(5_000).is_none());
    let refer = call.caller.request("REFER", "Refer-To: <sip:park@example.org>\r\n", "");
    let sent = call.desk.receive(call.alice.flow, &refer);
    for notify in requests_to(&sent, call.alice.flow, "NOTIFY") {
        call.desk.receive(call.alice.flow, &reply(notify, 200, "", "", ""));
    }
    let told = call.rests();
    assert!(told.len() == 1 && told[0].starts_with("bob ") && told[0].ends_with(" ours"), "{told:?}");
    assert!(call.keys(5_000).is_some(), "the media plane has it too");
}

/// A tag that we did not offer.
#[test]
fn who_answers_with_keys_that_do_not_fit_is_brought_back_and_not_asked_again() {
    let mut call = talk();
    let sent = call.desk.pass(Duration::from_millis(350));
    let offer = request_to(&sent, call.alice.flow, "INVITE").clone();
    let misfit = call.alice.describes_with_tag(9, 2, "");
    call.desk.receive(call.alice.flow, &reply(&offer, 200, "", &contact(call.alice.flow), &misfit));
    let told = call.rests();
    assert!(told.len() == 1 && told[0].starts_with("alice ") && told[0].ends_with(" ours"), "{told:?}");
    assert_eq!(call.path(), Some(MediaPath::Relayed(Relayed::Refused)));
    assert!(call.keys(4_000).is_some() && call.keys(5_000).is_some());
}

/// A phone that has come back is looked for under its key.
#[test]
fn as_long_as_nobody_knows_whether_numbers_have_rolled_over_no_key_is_told() {
    let mut call = talk_of(phones(), "Desk", |desk| desk.report = counted(u64::MAX));
    assert!(call.rests().is_empty());
    call.desk.report = counted(100);
    assert_eq!(call.rests(), ["alice 10.0.0.2:5000 B", "bob 10.0.0.1:4000 A"]);
    let mut call = talk_of(phones(), "Desk", |desk| desk.report = counted(u64::MAX));
    for _ in 0..4 {
        assert!(call.rests().is_empty());
    }
    assert_eq!(call.path(), Some(MediaPath::Relayed(Relayed::UsedKey)), "it says nothing");
}

/// The second would be told its key when its connection is back, and neither would hear anything till then.
#[test]
fn no_key_is_told_while_the_connection_of_one_is_gone() {
    for is_killed in [true, false] {
        let mut call = talk();
        if is_killed {
            call.desk.crash();
            call.alice.flow = tls("10.0.0.1:5061", 31);
            call.there[0].flow = call.alice.flow;
            assert_eq!(call.desk.office.register(&mut call.there[0]).status(), 200);
        } else {
            call.desk.handle(Input::FlowClosed { flow: call.bob.flow });
        }
        assert!(call.rests().is_empty());
        assert_eq!(call.path(), Some(MediaPath::Relayed(Relayed::Changing)));
    }
}

/// The connection of the second closes between the two.
#[test]
fn who_was_told_a_key_comes_back_when_the_other_has_gone() {
    let mut call = talk();
    let sent = call.desk.pass(Duration::from_millis(350));
    call.desk.handle(Input::FlowClosed { flow: call.bob.flow });
    let mut told = Vec::new();
    call.take(&sent, &mut told);
    told.extend(call.rests());
    assert!(told.len() == 2 && told[1].starts_with("alice ") && told[1].ends_with(" ours"), "{told:?}");
    assert!(call.keys(4_000).is_some() && call.keys(5_000).is_some());
}

/// One of the two is back, and the other is asked.
#[test]
fn what_is_played_meanwhile_waits_behind_what_waits_already_and_may_be_stopped_for_one_side() {
    let mut call = talk();
    call.rests();
    let Some(Told::Calls { calls, .. }) = call.ask(Ask::List { account: None, limit: 1 }) else {
        panic!("no list")
    };
    let play = |number: u64, to| Ask::Play { id: calls[0].id, prompt: Some(PromptId(number)), to };
    call.ask(play(7, Hearer::Both));
    let sent = call.desk.pass(Duration::from_millis(350));
    let mut told = Vec::new();
    call.take(&sent, &mut told);
    assert_eq!(told.len(), 1, "one is back: {told:?}");
    call.ask(play(8, Hearer::Both));
    call.ask(Ask::Play { id: calls[0].id, prompt: None, to: Hearer::Caller });
    let heard = |call: &Talk| -> Vec<u64> {
        call.desk.prompts.iter().filter_map(|(_, prompt)| Some(prompt.as_ref()?.0)).collect()
    };
    assert!(heard(&call).is_empty(), "nothing before both are back");
    call.rests();
    assert_eq!(heard(&call), [7, 8], "by the callee alone");
}

/// Nothing of ours is ever said under the key of a phone.
#[test]
fn who_is_parked_as_he_is_told_a_key_hears_nothing_under_it() {
    let mut call = talk();
    let sent = call.desk.pass(Duration::from_millis(350));
    call.take(&sent, &mut Vec::new());
    let sent = call.desk.pass(Duration::from_millis(50));
    let offer = request_to(&sent, call.bob.flow, "INVITE").clone();
    assert_eq!(letter(&body(&offer)), Some('A'));
    let refer = call.caller.request("REFER", "Refer-To: <sip:park@example.org>\r\n", "");
    let sent = call.desk.receive(call.alice.flow, &refer);
    for notify in requests_to(&sent, call.alice.flow, "NOTIFY") {
        call.desk.receive(call.alice.flow, &reply(notify, 200, "", "", ""));
    }
    let answer = call.bob.takes(&body(&offer), 7);
    call.desk.receive(call.bob.flow, &reply(&offer, 200, "", &contact(call.bob.flow), &answer));
    assert!(call.keys(5_000).is_none(), "not under that of alice");
    let told = call.rests();
    assert!(told.len() == 1 && told[0].ends_with(" ours"), "{told:?}");
    assert!(call.keys(5_000).is_some());
}

/// RFC 4568 section 9.1.
#[test]
fn a_key_is_not_told_again_over_what_others_read() {
    let mut call = talk();
    call.rests();
    let open = call.desk.register("alice", udp("10.0.0.1:5060"), "").flow;
    let same = call.alice.describes(2, "");
    let invite = call.caller.request("INVITE", "", &same);
    let sent = call.desk.receive(open, &invite);
    let offer = body(request_to(&sent, call.bob.flow, "INVITE"));
    assert!(is_ours(&offer), "{offer}");
    assert!(sent.iter().all(|sent| !sent.text().contains(&key(SUITE, 'B'))), "{}", dump(&sent));
}
