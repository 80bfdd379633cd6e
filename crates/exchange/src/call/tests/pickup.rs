//! Pickup of calls that ring at another account.

use super::desk::Desk;
use super::*;
use crate::event::Event;
use crate::testing::{Phone, aor, apply};
use coeur_directory::{AccountPatch, Change, PickupGroups};

const CAROL: &str = "192.0.2.33:5060";
const PICK_UP: &str = "sip:*8bob@example.org";

struct Ringing {
    desk: Desk,
    alice: Phone,
    carol: Phone,
    bob: Flow,
    /// Alice's INVITE, and ours to bob's phone, which rings.
    request: Vec<u8>,
    invite: Sent,
}

/// Alice calls bob, whose calls others may pick up; `apart`: carol's phone is at another shard.
fn ringing(may: bool, apart: bool, lines: &str, offer: &str) -> Ringing {
    let patch = AccountPatch { picked_up: Some(may), ..AccountPatch::default() };
    ringing_at(&[("bob", patch)], apart, lines, offer)
}

fn ringing_at(patches: &[(&str, AccountPatch)], apart: bool, lines: &str, offer: &str) -> Ringing {
    let (mut desk, mut alice, bob) = Desk::new();
    for (user, patch) in patches {
        let patch = patch.clone();
        apply(&desk.office.world, Change::AccountChanged { aor: aor(user), patch });
    }
    let mut carol = desk.register("carol", udp(CAROL), "");
    carol.call = "-pickup".into();
    if apart {
        desk.office.divide(&[carol.flow]);
    }
    let (request, sent) = desk.invite(&mut alice, URI, lines, offer);
    let invite = request_to(&sent, bob.flow, "INVITE").clone();
    desk.receive(bob.flow, &reply(&invite, 180, "bobtag", &contact(bob.flow), ""));
    Ringing { desk, alice, carol, bob: bob.flow, request, invite }
}

fn plain(may: bool) -> Ringing {
    ringing(may, false, "", &sdp("10.0.0.1", 4_000))
}

impl Ringing {
    fn pick_up(&mut self) -> (Vec<u8>, Vec<Sent>) {
        self.desk.invite(&mut self.carol, PICK_UP, "", &sdp("10.0.0.3", 6_000))
    }

    fn cancelled(&mut self, sent: &[Sent]) {
        let cancel = request_to(sent, self.bob, "CANCEL").clone();
        assert!(header(&cancel, HeaderName::Reason).contains("Call completed elsewhere"));
        self.desk.receive(self.bob, &reply(&cancel, 200, "", "", ""));
        self.desk.receive(self.bob, &reply(&self.invite.clone(), 487, "bobtag", "", ""));
    }
}

#[test]
fn who_may_takes_a_call_that_rings_elsewhere_and_no_phone_shows_it_missed() {
    for apart in [false, true] {
        let mut at = ringing(true, apart, "", &sdp("10.0.0.1", 4_000));
        let (picked, sent) = at.pick_up();
        at.cancelled(&sent);
        let (to_alice, to_carol) =
            (answer_to(&sent, at.alice.flow, 200), answer_to(&sent, at.carol.flow, 200));
        assert!(body(to_alice).contains("m=audio ") && body(to_carol).contains("m=audio "));
        assert!(header(to_alice, HeaderName::PAssertedIdentity).contains("carol@") || apart);
        let mut alice = Ua::caller(at.alice.flow, &at.request, to_alice);
        let mut carol = Ua::caller(at.carol.flow, &picked, to_carol);
        for ua in [&mut alice, &mut carol] {
            let (ack, flow) = (ua.ack(""), ua.flow);
            assert!(at.desk.receive(flow, &ack).is_empty());
        }
        // Two endpoints, and two more between shards: each knows where to send.
        assert_eq!(at.desk.open.len(), if apart { 4 } else { 2 });
        for port in [4_000, 6_000] {
            assert!(at.desk.peer_at(port).streams[0].as_ref().is_some_and(|stream| stream.we_send));
        }
        let info = carol.request("INFO", "", "");
        let sent = at.desk.receive(at.carol.flow, &info);
        request_to(&sent, at.alice.flow, "INFO");
        let hold = alice.request("INVITE", "", &described("10.0.0.1", 4_000, 2, "a=sendonly\r\n"));
        let sent = at.desk.receive(at.alice.flow, &hold);
        assert!(body(request_to(&sent, at.carol.flow, "INVITE")).contains("a=sendonly"));
        let bye = carol.request("BYE", "", "");
        let sent = at.desk.receive(at.carol.flow, &bye);
        request_to(&sent, at.alice.flow, "BYE");
        at.desk.pass(Duration::from_secs(200));
        at.desk.assert_at_rest();
        let records = at.desk.office.events.iter().filter_map(|event| match event {
            Event::CallEnded(record) => {
                Some((record.caller.account.as_ref().map(|aor| aor.user().to_owned()), record.status))
            }
            _ => None,
        });
        assert_eq!(records.collect::<Vec<_>>(), [(Some("alice".into()), 200)]);
    }
}

#[test]
fn nobody_picks_up_what_is_not_for_others() {
    // Not without the right of the account that is called, which is the default.
    let mut at = plain(false);
    let (_, sent) = at.pick_up();
    answer_to(&sent, at.carol.flow, 403);
    // Nothing rings at alice's, and there is no dave.
    let mut at = plain(true);
    let patch = AccountPatch { picked_up: Some(true), ..AccountPatch::default() };
    apply(&at.desk.office.world, Change::AccountChanged { aor: aor("alice"), patch });
    for (nth, (uri, status)) in
        [("sip:*8alice@example.org", 480), ("sip:*8dave@example.org", 404)].into_iter().enumerate()
    {
        at.carol.call = format!("-{nth}");
        let (_, sent) = at.desk.invite(&mut at.carol, uri, "", &sdp("10.0.0.3", 6_000));
        answer_to(&sent, at.carol.flow, status);
    }
    at.carol.call = "-late".into();
    let (_, sent) = at.desk.invite(&mut at.carol, PICK_UP, "", "");
    answer_to(&sent, at.carol.flow, 488);
    // It rings on, and is answered.
    let ok = reply(&at.invite, 200, "bobtag", &contact(at.bob), &sdp("10.0.0.2", 5_000));
    let sent = at.desk.receive(at.bob, &ok);
    answer_to(&sent, at.alice.flow, 200);
    at.carol.call = "-after".into();
    let (_, sent) = at.pick_up();
    answer_to(&sent, at.carol.flow, 480);
}

/// A second hand that is too late hears so, whichever it is.
#[test]
fn of_a_phone_and_who_picks_up_the_first_has_the_call() {
    for gives_up in [true, false] {
        let mut at = plain(true);
        at.desk.slow = true;
        let (picked, sent) = at.pick_up();
        answer_to(&sent, at.carol.flow, 100);
        assert!(requests_to(&sent, at.bob, "CANCEL").is_empty(), "it rings on until her ports are there");
        let mut dave = at.desk.register("carol", udp("192.0.2.34:5060"), "");
        dave.call = "-dave".into();
        let (_, sent) = at.desk.invite(&mut dave, PICK_UP, "", &sdp("10.0.0.4", 7_000));
        answer_to(&sent, dave.flow, 480);
        if gives_up {
            let sent = at.desk.receive(at.carol.flow, &failing::cancel_of(&picked));
            answer_to(&sent, at.carol.flow, 487);
            assert!(requests_to(&sent, at.bob, "CANCEL").is_empty());
        }
        let ok = reply(&at.invite, 200, "bobtag", &contact(at.bob), &sdp("10.0.0.2", 5_000));
        let mut sent = at.desk.receive(at.bob, &ok);
        sent.extend(at.desk.let_open());
        let refused = sent.iter().filter(|sent| desk::goes_to(sent, at.carol.flow) && sent.status() == 480);
        assert_eq!(refused.count(), usize::from(!gives_up));
        let answered = sent.iter().filter(|sent| desk::goes_to(sent, at.alice.flow) && sent.status() == 200);
        assert_eq!(answered.count(), 1, "{}", dump(&sent));
        let mut alice = Ua::caller(at.alice.flow, &at.request, answer_to(&sent, at.alice.flow, 200));
        let ack = alice.ack("");
        at.desk.receive(at.alice.flow, &ack);
        let bye = alice.request("BYE", "", "");
        let sent = at.desk.receive(at.alice.flow, &bye);
        request_to(&sent, at.bob, "BYE");
        at.desk.assert_at_rest();
    }
}

#[test]
fn a_caller_who_gives_up_while_it_is_picked_up_leaves_nothing() {
    for before in [true, false] {
        let mut at = plain(true);
        at.desk.slow = before;
        let (picked, mut sent) = at.pick_up();
        let cancel = failing::cancel_of(&at.request);
        sent.extend(at.desk.receive(at.alice.flow, &cancel));
        sent.extend(at.desk.let_open());
        if before {
            answer_to(&sent, at.carol.flow, 480);
            answer_to(&sent, at.alice.flow, 487);
        } else {
            // Her 200 was on its way; her phone acknowledges it and says BYE.
            let ok = sent.iter().find(|sent| sent.status() == 200 && desk::goes_to(sent, at.carol.flow));
            let mut carol = Ua::caller(at.carol.flow, &picked, ok.expect("an answer"));
            let ack = carol.ack("");
            at.desk.receive(at.carol.flow, &ack);
        }
        at.desk.pass(Duration::from_secs(4_000));
        at.desk.assert_at_rest();
        assert_eq!(at.desk.office.world.waiting.count(), 0);
    }
}

#[test]
fn a_pickup_without_ports_changes_nothing() {
    let mut at = plain(true);
    at.desk.full = true;
    let (_, sent) = at.pick_up();
    answer_to(&sent, at.carol.flow, 487);
    at.desk.full = false;
    let ok = reply(&at.invite, 200, "bobtag", &contact(at.bob), &sdp("10.0.0.2", 5_000));
    let sent = at.desk.receive(at.bob, &ok);
    answer_to(&sent, at.alice.flow, 200);
}

impl Ringing {
    /// The early dialog of bob's phone, as who has heard of it from him names it, or from us.
    fn replaces(&self, as_bob_sees_it: bool) -> String {
        let ours = header(&self.invite, HeaderName::From);
        let ours = ours.split("tag=").nth(1).expect("a tag");
        let (to, from) = if as_bob_sees_it { (ours, "bobtag") } else { ("bobtag", ours) };
        let call_id = header(&self.invite, HeaderName::CallId);
        format!("Replaces: {call_id};to-tag={to};from-tag={from}\r\nRequire: replaces\r\n")
    }

    fn replace(&mut self, lines: &str) -> (Vec<u8>, Vec<Sent>) {
        self.desk.invite(&mut self.carol, URI, lines, &sdp("10.0.0.3", 6_000))
    }
}

/// RFC 3891: the phone shows that bob is called, and was told of the dialog.
#[test]
fn who_knows_the_early_dialog_of_a_phone_that_rings_picks_it_up_with_replaces() {
    for (apart, as_bob_sees_it) in [(false, true), (true, true), (false, false)] {
        let mut at = ringing(true, apart, "", &sdp("10.0.0.1", 4_000));
        let lines = at.replaces(as_bob_sees_it);
        let (picked, sent) = at.replace(&lines);
        at.cancelled(&sent);
        let mut alice = Ua::caller(at.alice.flow, &at.request, answer_to(&sent, at.alice.flow, 200));
        let mut carol = Ua::caller(at.carol.flow, &picked, answer_to(&sent, at.carol.flow, 200));
        for ua in [&mut alice, &mut carol] {
            let (ack, flow) = (ua.ack(""), ua.flow);
            assert!(at.desk.receive(flow, &ack).is_empty());
        }
        // It was handed to the shard of the call as a whole: there is no second call.
        assert_eq!(at.desk.open.len(), 2);
        for port in [4_000, 6_000] {
            assert!(at.desk.peer_at(port).streams[0].as_ref().is_some_and(|stream| stream.we_send));
        }
        let bye = alice.request("BYE", "", "");
        let sent = at.desk.receive(at.alice.flow, &bye);
        request_to(&sent, at.carol.flow, "BYE");
        at.desk.assert_at_rest();
        assert_eq!(at.desk.office.exchange.counters().calls_picked_up, 1);
    }
}

#[test]
fn a_dialog_that_rings_is_replaced_with_the_right_to_pick_up_and_not_without() {
    // Without the right: of another account no, of one's own yes.
    let mut at = plain(false);
    let lines = at.replaces(true);
    let (_, sent) = at.replace(&lines);
    answer_to(&sent, at.carol.flow, 403);
    assert_eq!(sent.len(), 1, "{}", dump(&sent));
    let mut own = Phone::new("bob", udp("192.0.2.34:5060"));
    let (_, sent) = at.desk.invite(&mut own, URI, &lines, &sdp("10.0.0.4", 7_000));
    answer_to(&sent, own.flow, 200);
    // With it: not a dialog that is not there, and not without an offer.
    let mut at = plain(true);
    let lines = at.replaces(true);
    for (nth, lines) in [lines.replace("bobtag", "bobtagx"), lines.replace("Replaces: ", "Replaces: x")]
        .into_iter()
        .enumerate()
    {
        at.carol.call = format!("-{nth}");
        let (_, sent) = at.replace(&lines);
        answer_to(&sent, at.carol.flow, 481);
    }
    at.carol.call = "-late".into();
    let (_, sent) = at.desk.invite(&mut at.carol, URI, &lines, "");
    answer_to(&sent, at.carol.flow, 488);
    // Once it is answered it is nobody's but his.
    let ok = reply(&at.invite, 200, "bobtag", &contact(at.bob), &sdp("10.0.0.2", 5_000));
    answer_to(&at.desk.receive(at.bob, &ok), at.alice.flow, 200);
    for (nth, (lines, status)) in
        [(lines.replace("\r\nRequire", ";early-only\r\nRequire"), 486), (lines, 403)].into_iter().enumerate()
    {
        at.carol.call = format!("-after-{nth}");
        let (_, sent) = at.replace(&lines);
        answer_to(&sent, at.carol.flow, status);
    }
}

#[test]
fn a_dialog_that_rings_is_replaced_once() {
    let mut at = plain(true);
    at.desk.slow = true;
    let lines = at.replaces(true);
    let (_, sent) = at.replace(&lines);
    answer_to(&sent, at.carol.flow, 100);
    at.carol.call = "-second".into();
    let (_, sent) = at.replace(&lines);
    answer_to(&sent, at.carol.flow, 486);
}

fn in_groups(names: &str) -> AccountPatch {
    AccountPatch { pickup_groups: PickupGroups::parse(names).ok(), ..AccountPatch::default() }
}

#[test]
fn who_is_in_a_group_with_who_is_called_takes_the_call_by_dialling_the_code_alone() {
    for (apart, uri) in [(false, "sip:*8@example.org"), (true, "sip:*8@example.org"), (false, PICK_UP)] {
        let groups = [("bob", in_groups("sales")), ("carol", in_groups("hall,sales"))];
        let mut at = ringing_at(&groups, apart, "", &sdp("10.0.0.1", 4_000));
        let (picked, sent) = at.desk.invite(&mut at.carol, uri, "", &sdp("10.0.0.3", 6_000));
        at.cancelled(&sent);
        let mut alice = Ua::caller(at.alice.flow, &at.request, answer_to(&sent, at.alice.flow, 200));
        let mut carol = Ua::caller(at.carol.flow, &picked, answer_to(&sent, at.carol.flow, 200));
        for ua in [&mut alice, &mut carol] {
            let (ack, flow) = (ua.ack(""), ua.flow);
            at.desk.receive(flow, &ack);
        }
        let bye = carol.request("BYE", "", "");
        let sent = at.desk.receive(at.carol.flow, &bye);
        request_to(&sent, at.alice.flow, "BYE");
        at.desk.pass(Duration::from_secs(200));
        at.desk.assert_at_rest();
        assert_eq!(at.desk.office.world.waiting.count(), 0);
    }
}

#[test]
fn who_is_in_no_group_with_who_is_called_takes_nothing() {
    for (bob, carol, meanwhile, status) in [
        ("sales", "", "sales", 403),
        ("sales", "hall", "sales", 480),
        ("", "sales", "", 480),
        // He has left it while it rings.
        ("sales", "sales", "hall", 480),
    ] {
        let groups = [("bob", in_groups(bob)), ("carol", in_groups(carol))];
        let mut at = ringing_at(&groups, false, "", &sdp("10.0.0.1", 4_000));
        let change = Change::AccountChanged { aor: aor("bob"), patch: in_groups(meanwhile) };
        apply(&at.desk.office.world, change);
        let (_, sent) = at.desk.invite(&mut at.carol, "sip:*8@example.org", "", &sdp("10.0.0.3", 6_000));
        answer_to(&sent, at.carol.flow, status);
        at.carol.call = "-named".into();
        let (_, sent) = at.pick_up();
        answer_to(&sent, at.carol.flow, 403);
        let ok = reply(&at.invite, 200, "bobtag", &contact(at.bob), &sdp("10.0.0.2", 5_000));
        answer_to(&at.desk.receive(at.bob, &ok), at.alice.flow, 200);
    }
}
