//! Attended transfer: REFER with Replaces (RFC 5589 section 7, RFC 3891).

use super::transferring::{Three, three, told};
use super::*;

/// Alice talks with bob and calls carol as well: that call, answered or not, as alice's phone knows it.
pub(super) fn ask_carol(three: &mut Three, answered: bool) -> (Ua, Sent) {
    three.alice.call = "-second".into();
    let (request, sent) =
        three.desk.invite(&mut three.alice, "sip:carol@example.org", "", &sdp("10.0.0.1", 4_002));
    let invite = request_to(&sent, three.carol, "INVITE").clone();
    let (status, described) = if answered { (200, sdp("10.0.0.3", 6_000)) } else { (180, String::new()) };
    let answer = reply(&invite, status, "caroltag", &contact(three.carol), &described);
    let sent = three.desk.receive(three.carol, &answer);
    let answer = answer_to(&sent, three.alice.flow, status).clone();
    let mut second = Ua::caller(three.alice.flow, &request, &answer);
    if answered {
        let ack = second.ack("");
        three.desk.receive(three.alice.flow, &ack);
    }
    (second, invite)
}

pub(super) fn replaces(second: &Ua) -> String {
    let tag = |value: &str| value.split("tag=").nth(1).expect("a tag").to_owned();
    let (to, from) = (tag(&second.remote), tag(&second.local));
    let call = second.call_id.replace('@', "%40");
    format!("Refer-To: <sip:carol@example.org?Replaces={call}%3Bto-tag%3D{to}%3Bfrom-tag%3D{from}>\r\n")
}

pub(super) fn refer(three: &mut Three, lines: &str) -> Vec<Sent> {
    let refer = three.caller.request("REFER", lines, "");
    three.desk.receive(three.caller.flow, &refer)
}

#[test]
fn an_attended_transfer_joins_the_two_that_were_spoken_with() {
    let mut three = three();
    let (second, _) = ask_carol(&mut three, true);
    assert_eq!(three.desk.open.len(), 4);
    let sent = refer(&mut three, &replaces(&second));
    answer_to(&sent, three.caller.flow, 202);
    // What carol has in common with bob she says herself.
    let ask = request_to(&sent, three.carol, "INVITE").clone();
    assert_eq!(body(&ask), "");
    let offer = described("10.0.0.3", 6_000, 2, "");
    let sent = three.desk.receive(three.carol, &reply(&ask, 200, "", &contact(three.carol), &offer));
    assert!(requests_to(&sent, three.carol, "ACK").is_empty(), "the answer is still to come");
    let offer = request_to(&sent, three.bob, "INVITE").clone();
    let answer = described("10.0.0.2", 5_000, 2, "");
    let sent = three.desk.receive(three.bob, &reply(&offer, 200, "", &contact(three.bob), &answer));
    request_to(&sent, three.bob, "ACK");
    assert!(body(request_to(&sent, three.carol, "ACK")).contains("m=audio "));
    let last = request_to(&sent, three.caller.flow, "NOTIFY").clone();
    assert_eq!(told(&last), ("SIP/2.0 200 OK".into(), true));
    // The second call of alice is over, the first when the NOTIFY is answered.
    assert_eq!(requests_to(&sent, three.caller.flow, "BYE").len(), 1);
    let sent = three.desk.receive(three.caller.flow, &reply(&last, 200, "", "", ""));
    request_to(&sent, three.caller.flow, "BYE");
    assert_eq!(three.desk.open.len(), 2);
    assert_eq!(three.desk.office.exchange.calls().calls(), 1);
    assert_eq!(three.desk.office.world.guard.sessions.total(), 2, "alice has no call any more");
    let bye = three.callee.request("BYE", "", "");
    let sent = three.desk.receive(three.bob, &bye);
    request_to(&sent, three.carol, "BYE");
    three.desk.assert_at_rest();
}

#[test]
fn whom_one_of_the_two_refuses_is_left_where_both_were() {
    for by_carol in [true, false] {
        let mut three = three();
        let (mut second, _) = ask_carol(&mut three, true);
        let sent = refer(&mut three, &replaces(&second));
        let ask = request_to(&sent, three.carol, "INVITE").clone();
        let sent = if by_carol {
            three.desk.receive(three.carol, &reply(&ask, 488, "", "", ""))
        } else {
            let offer = described("10.0.0.3", 6_000, 2, "");
            let sent = three.desk.receive(three.carol, &reply(&ask, 200, "", &contact(three.carol), &offer));
            let offer = request_to(&sent, three.bob, "INVITE").clone();
            let sent = three.desk.receive(three.bob, &reply(&offer, 488, "", "", ""));
            // What carol was told before is her answer.
            assert!(body(request_to(&sent, three.carol, "ACK")).contains("m=audio "));
            sent
        };
        let last = request_to(&sent, three.caller.flow, "NOTIFY");
        assert_eq!(told(last), ("SIP/2.0 488 Not Acceptable Here".into(), true));
        for (ua, flow) in [(&mut second, three.carol), (&mut three.caller, three.bob)] {
            let info = ua.request("INFO", "", "");
            let sent = three.desk.receive(ua.flow, &info);
            request_to(&sent, flow, "INFO");
        }
    }
}

/// What most phones do when the second call is not answered yet.
#[test]
fn who_rings_still_is_given_to_the_other_and_answers_him() {
    let mut three = three();
    let (second, invite) = ask_carol(&mut three, false);
    let sent = refer(&mut three, &replaces(&second));
    answer_to(&sent, three.caller.flow, 202);
    // The second call of alice has not come to anything.
    answer_to(&sent, three.caller.flow, 487);
    assert!(requests_to(&sent, three.carol, "CANCEL").is_empty());
    let ok = reply(&invite, 200, "caroltag", &contact(three.carol), &sdp("10.0.0.3", 6_000));
    let sent = three.desk.receive(three.carol, &ok);
    let offer = request_to(&sent, three.bob, "INVITE").clone();
    let answer = described("10.0.0.2", 5_000, 2, "");
    let sent = three.desk.receive(three.bob, &reply(&offer, 200, "", &contact(three.bob), &answer));
    let last = request_to(&sent, three.caller.flow, "NOTIFY");
    assert_eq!(told(last), ("SIP/2.0 200 OK".into(), true));
    assert_eq!(three.desk.office.world.guard.sessions.total(), 2, "alice has no call any more");
    let bye = three.callee.request("BYE", "", "");
    let sent = three.desk.receive(three.bob, &bye);
    request_to(&sent, three.carol, "BYE");
    three.desk.assert_at_rest();
}

/// Whoever has heard a dialog cannot give it away.
#[test]
fn only_a_dialog_of_its_own_account_is_replaced() {
    let mut three = three();
    let (second, _) = ask_carol(&mut three, true);
    let refer = three.callee.request("REFER", &replaces(&second), "");
    let sent = three.desk.receive(three.bob, &refer);
    answer_to(&sent, three.bob, 403);
    let mut unknown = second.clone();
    unknown.call_id = "nobody".into();
    let sent = self::refer(&mut three, &replaces(&unknown));
    answer_to(&sent, three.caller.flow, 481);
    // Its own call is none to be joined with itself.
    let own = three.caller.clone();
    let sent = self::refer(&mut three, &replaces(&own));
    answer_to(&sent, three.caller.flow, 491);
    assert_eq!(three.desk.office.exchange.calls().calls(), 2);
}

#[test]
fn a_side_that_leaves_while_the_two_are_joined_ends_what_needs_it() {
    // (who says BYE, who is told so)
    for (leaves, told) in
        [("first", None), ("second", None), ("bob", Some("alice")), ("carol", Some("alice"))]
    {
        let mut three = three();
        let (mut second, invite) = ask_carol(&mut three, true);
        let sent = refer(&mut three, &replaces(&second));
        let ask = request_to(&sent, three.carol, "INVITE").clone();
        let mut carol = Ua::callee(three.carol, &invite, "caroltag");
        let ua = match leaves {
            "first" => &mut three.caller,
            "second" => &mut second,
            "bob" => &mut three.callee,
            _ => &mut carol,
        };
        let bye = ua.request("BYE", "", "");
        let flow = ua.flow;
        let sent = three.desk.receive(flow, &bye);
        answer_to(&sent, flow, 200);
        assert_eq!(
            requests_to(&sent, three.alice.flow, "BYE").len(),
            usize::from(told.is_some()),
            "{leaves}"
        );
        assert!(
            requests_to(&sent, three.bob, "BYE").is_empty()
                && requests_to(&sent, three.carol, "BYE").is_empty()
        );
        let offer = described("10.0.0.3", 6_000, 2, "");
        let sent = three.desk.receive(three.carol, &reply(&ask, 200, "", &contact(three.carol), &offer));
        assert_eq!(requests_to(&sent, three.bob, "INVITE").len(), usize::from(told.is_none()), "{leaves}");
        three.desk.pass(Duration::from_secs(4_000));
        three.desk.assert_at_rest();
    }
}

/// It is of no call any more while its BYE waits for the ACK: what becomes of it concerns nobody.
#[test]
fn who_transfers_before_it_has_acknowledged_is_of_no_call_any_more() {
    let mut three = three();
    three.alice.call = "-second".into();
    let (request, sent) =
        three.desk.invite(&mut three.alice, "sip:carol@example.org", "", &sdp("10.0.0.1", 4_002));
    let invite = request_to(&sent, three.carol, "INVITE").clone();
    let ok = reply(&invite, 200, "caroltag", &contact(three.carol), &sdp("10.0.0.3", 6_000));
    let sent = three.desk.receive(three.carol, &ok);
    let mut second = Ua::caller(three.alice.flow, &request, answer_to(&sent, three.alice.flow, 200));
    let sent = refer(&mut three, &replaces(&second));
    let ask = request_to(&sent, three.carol, "INVITE").clone();
    let offer = described("10.0.0.3", 6_000, 2, "");
    let sent = three.desk.receive(three.carol, &reply(&ask, 200, "", &contact(three.carol), &offer));
    let offer = request_to(&sent, three.bob, "INVITE").clone();
    let answer = described("10.0.0.2", 5_000, 2, "");
    let sent = three.desk.receive(three.bob, &reply(&offer, 200, "", &contact(three.bob), &answer));
    assert!(requests_to(&sent, three.caller.flow, "BYE").is_empty(), "not before its ACK");
    let last = request_to(&sent, three.caller.flow, "NOTIFY").clone();
    three.desk.receive(three.caller.flow, &reply(&last, 200, "", "", ""));
    assert_eq!(three.desk.open.len(), 2, "bob's and carol's");
    let bye = second.request("BYE", "", "");
    answer_to(&three.desk.receive(three.alice.flow, &bye), three.alice.flow, 200);
    assert_eq!(three.desk.office.exchange.calls().calls(), 1);
    let bye = three.callee.request("BYE", "", "");
    let sent = three.desk.receive(three.bob, &bye);
    request_to(&sent, three.carol, "BYE");
    three.desk.assert_at_rest();
}
