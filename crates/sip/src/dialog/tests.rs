use super::*;
use crate::limits::Limits;
use crate::message::{HeaderTable, Message, parse};
use crate::method::Method;

const VIA: &[u8] = b"SIP/2.0/UDP h;branch=z9hG4bKx";

fn with<T>(text: &str, f: impl FnOnce(&Message<'_>) -> T) -> T {
    let mut table = HeaderTable::new();
    f(&parse(text.as_bytes(), &mut table, &Limits::default()).expect("a message"))
}

fn request(method: &str, cseq: u32, to_tag: &str, extra: &str) -> String {
    format!(
        "{method} sip:bob@b.example SIP/2.0\r\nVia: SIP/2.0/UDP a.example;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
         From: \"Alice\" <sip:alice@a.example>;tag=at\r\nTo: <sip:bob@b.example>{to_tag}\r\nCall-ID: c1\r\n\
         CSeq: {cseq} {method}\r\n{extra}Content-Length: 0\r\n\r\n"
    )
}

fn response(status: u16, method: &str, to_tag: &str, extra: &str) -> String {
    format!(
        "SIP/2.0 {status} X\r\nVia: SIP/2.0/UDP a.example;branch=z9hG4bK1\r\n\
         From: \"Alice\" <sip:alice@a.example>;tag=at\r\nTo: <sip:bob@b.example>{to_tag}\r\nCall-ID: c1\r\n\
         CSeq: 7 {method}\r\n{extra}Content-Length: 0\r\n\r\n"
    )
}

const ROUTES: &str = "Record-Route: <sip:p2;lr>, <sip:p1;lr>\r\nContact: <sip:peer@192.0.2.7>\r\n";

fn uas(status: u16, extra: &str) -> Dialog {
    with(&request("INVITE", 7, "", extra), |invite| {
        Dialog::from_request(invite, status, b"bt", false).expect("a dialog")
    })
}

fn uac(status: u16, extra: &str) -> Dialog {
    with(&request("INVITE", 7, "", ""), |invite| {
        with(&response(status, "INVITE", ";tag=bt", extra), |answer| {
            Dialog::from_response(invite, answer, false).expect("a dialog")
        })
    })
}

fn written(dialog: &Dialog, method: Method<'_>, cseq: u32) -> String {
    let mut out = Vec::new();
    dialog.write_request(method, cseq, VIA, &mut out);
    String::from_utf8(out).expect("text")
}

#[test]
fn a_uas_keeps_the_order_of_record_route_and_a_uac_reverses_it() {
    let mut dialog = uas(200, ROUTES);
    let cseq = dialog.next_cseq(100);
    assert_eq!(
        written(&dialog, Method::Bye, cseq),
        "BYE sip:peer@192.0.2.7 SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nRoute: <sip:p2;lr>, <sip:p1;lr>\r\n\
         Max-Forwards: 70\r\nFrom: <sip:bob@b.example>;tag=bt\r\nTo: \"Alice\" <sip:alice@a.example>;tag=at\r\n\
         Call-ID: c1\r\nCSeq: 100 BYE\r\n"
    );
    let mut dialog = uac(200, ROUTES);
    assert_eq!(dialog.next_cseq(100), 8);
    let text = written(&dialog, Method::Bye, 8);
    assert!(text.contains("Route: <sip:p1;lr>, <sip:p2;lr>\r\n"), "{text}");
    assert!(text.contains("From: \"Alice\" <sip:alice@a.example>;tag=at\r\n"), "{text}");
}

#[test]
fn a_strict_router_takes_the_request_line_and_the_target_ends_the_route() {
    let dialog = uas(200, "Record-Route: <sip:strict>, <sip:p1;lr>\r\nContact: <sip:peer@192.0.2.7>\r\n");
    let text = written(&dialog, Method::Bye, 1);
    assert!(text.starts_with("BYE sip:strict SIP/2.0\r\n"), "{text}");
    assert!(text.contains("Route: <sip:p1;lr>\r\nRoute: <sip:peer@192.0.2.7>\r\n"), "{text}");
}

#[test]
fn a_display_name_in_the_route_set_is_no_route() {
    let names =
        "Record-Route: \"<sip:strict>, y\" <sip:p1;lr>, <sip:p2;lr>\r\nContact: <sip:peer@192.0.2.7>\r\n";
    let text = written(&uas(200, names), Method::Bye, 1);
    assert!(text.starts_with("BYE sip:peer@192.0.2.7 SIP/2.0\r\n"), "{text}");
    assert!(text.contains("Route: \"<sip:strict>, y\" <sip:p1;lr>, <sip:p2;lr>\r\n"), "{text}");
}

#[test]
fn without_a_route_set_there_is_no_route() {
    let text = written(&uac(200, "Contact: <sip:peer@192.0.2.7>\r\n"), Method::Info, 8);
    assert!(!text.contains("Route"), "{text}");
}

#[test]
fn a_dialog_needs_a_tag_a_contact_and_an_answer_between_101_and_299() {
    let make = |answer: &str| {
        with(&request("INVITE", 7, "", ""), |invite| {
            with(answer, |answer| Dialog::from_response(invite, answer, false).map(|dialog| dialog.stage()))
        })
    };
    assert_eq!(make(&response(100, "INVITE", ";tag=bt", ROUTES)), Err(DialogError::MakesNone));
    assert_eq!(make(&response(180, "INVITE", "", ROUTES)), Err(DialogError::MakesNone));
    assert_eq!(make(&response(404, "INVITE", ";tag=bt", ROUTES)), Err(DialogError::MakesNone));
    assert_eq!(make(&response(200, "INVITE", ";tag=bt", "")), Err(DialogError::Malformed("Contact")));
    assert_eq!(make(&response(180, "INVITE", ";tag=bt", "")), Ok(Stage::Early));
    assert_eq!(make(&response(200, "INVITE", ";tag=bt", ROUTES)), Ok(Stage::Confirmed));
}

#[test]
fn a_2xx_confirms_an_early_dialog_and_brings_target_and_route_set() {
    let mut dialog = uac(180, "Contact: <sip:early@192.0.2.7>\r\n");
    assert_eq!(dialog.stage(), Stage::Early);
    with(&response(200, "INVITE", ";tag=bt", ROUTES), |answer| dialog.on_first_response(answer)).unwrap();
    assert_eq!(dialog.stage(), Stage::Confirmed);
    assert_eq!(dialog.remote_target(), b"sip:peer@192.0.2.7");
    assert!(written(&dialog, Method::Bye, 8).contains("Route: <sip:p1;lr>, <sip:p2;lr>\r\n"));
}

#[test]
fn a_final_answer_that_is_no_2xx_ends_an_early_dialog_only() {
    let mut dialog = uac(180, ROUTES);
    with(&response(486, "INVITE", ";tag=bt", ""), |answer| dialog.on_first_response(answer)).unwrap();
    assert_eq!(dialog.stage(), Stage::Terminated);
    let mut dialog = uas(200, ROUTES);
    dialog.answered(500);
    assert_eq!(dialog.stage(), Stage::Confirmed);
}

#[test]
fn a_lower_cseq_is_out_of_order_and_does_not_move_the_target() {
    let mut dialog = uas(200, ROUTES);
    let again = |dialog: &mut Dialog, method: &str, cseq, contact: &str| {
        with(&request(method, cseq, ";tag=bt", contact), |message| {
            assert!(dialog.owns_request(message));
            dialog.on_request(message)
        })
    };
    assert_eq!(again(&mut dialog, "INFO", 6, ""), Err(DialogError::OutOfOrder));
    assert_eq!(again(&mut dialog, "ACK", 7, ""), Ok(()));
    assert_eq!(again(&mut dialog, "INVITE", 9, "Contact: <sip:new@192.0.2.8>\r\n"), Ok(()));
    assert_eq!(dialog.remote_target(), b"sip:new@192.0.2.8");
    let late = again(&mut dialog, "INVITE", 8, "Contact: <sip:old@192.0.2.9>\r\n");
    assert_eq!(late, Err(DialogError::OutOfOrder));
    assert_eq!(dialog.remote_target(), b"sip:new@192.0.2.8");
    assert_eq!(again(&mut dialog, "INFO", 10, "Contact: <sip:info@192.0.2.9>\r\n"), Ok(()));
    assert_eq!(dialog.remote_target(), b"sip:new@192.0.2.8");
    assert_eq!(again(&mut dialog, "BYE", 11, ""), Ok(()));
    assert_eq!(dialog.stage(), Stage::Terminated);
}

/// RFC 3261 sections 12.2.1.2 and 12.2.2, RFC 3311 section 5.1, RFC 6665 section 4.4.1.
#[test]
fn only_target_refreshes_move_the_target_in_requests_and_answers() {
    let contact = "Contact: <sip:moved@192.0.2.9>\r\n";
    for (method, moves) in [
        ("INVITE", true),
        ("UPDATE", true),
        ("SUBSCRIBE", true),
        ("NOTIFY", true),
        ("INFO", false),
        ("MESSAGE", false),
    ] {
        let expected: &[u8] = if moves { b"sip:moved@192.0.2.9" } else { b"sip:peer@192.0.2.7" };
        let mut dialog = uas(200, ROUTES);
        with(&request(method, 8, ";tag=bt", contact), |message| dialog.on_request(message)).unwrap();
        assert_eq!(dialog.remote_target(), expected, "request {method}");
        let mut dialog = uac(200, ROUTES);
        with(&response(200, method, ";tag=bt", contact), |answer| dialog.on_response(answer)).unwrap();
        assert_eq!(dialog.remote_target(), expected, "answer {method}");
        let mut dialog = uac(200, ROUTES);
        with(&response(488, method, ";tag=bt", contact), |answer| dialog.on_response(answer)).unwrap();
        assert_eq!(dialog.remote_target(), b"sip:peer@192.0.2.7", "refused {method}");
    }
}

#[test]
fn a_request_of_another_dialog_is_not_owned() {
    let dialog = uas(200, ROUTES);
    assert!(!with(&request("BYE", 8, ";tag=other", ""), |bye| dialog.owns_request(bye)));
    assert!(!with(&request("BYE", 8, "", ""), |bye| dialog.owns_request(bye)));
}

#[test]
fn a_481_or_408_or_the_answer_to_bye_ends_the_dialog() {
    for (status, method, stage) in [
        (481, "INFO", Stage::Terminated),
        (408, "INVITE", Stage::Terminated),
        (488, "INVITE", Stage::Confirmed),
        (200, "BYE", Stage::Terminated),
        (100, "BYE", Stage::Confirmed),
    ] {
        let mut dialog = uac(200, ROUTES);
        with(&response(status, method, ";tag=bt", ""), |answer| dialog.on_response(answer)).unwrap();
        assert_eq!(dialog.stage(), stage, "{status} {method}");
    }
}

#[test]
fn each_branch_of_a_fork_is_a_dialog_of_its_own() {
    let mut forks = Forks::new();
    with(&request("INVITE", 7, "", ""), |invite| {
        for (status, tag) in [(180, ";tag=x"), (183, ";tag=y"), (180, ";tag=x"), (200, ";tag=y")] {
            with(&response(status, "INVITE", tag, ROUTES), |answer| {
                forks.on_response(invite, answer, false).expect("a dialog");
            });
        }
        assert_eq!(forks.iter().count(), 2);
        let id = DialogId { call_id: b"c1", local_tag: b"at", remote_tag: b"y" };
        assert_eq!(forks.find(id).unwrap().stage(), Stage::Confirmed);
        forks.finish();
        assert_eq!(forks.iter().count(), 1);
        for tag in 0..20 {
            with(&response(180, "INVITE", &format!(";tag=t{tag}"), ROUTES), |answer| {
                let _ = forks.on_response(invite, answer, false);
            });
        }
        assert_eq!(forks.into_dialogs().len(), Forks::DIALOGS_MAX);
    });
}

#[test]
fn an_answer_of_a_fork_that_is_known_needs_no_request() {
    let mut forks = Forks::new();
    with(&response(200, "INVITE", ";tag=x", ROUTES), |answer| assert!(forks.on_known(answer).is_none()));
    with(&request("INVITE", 7, "", ""), |invite| {
        with(&response(180, "INVITE", ";tag=x", ROUTES), |answer| {
            forks.on_response(invite, answer, false).expect("a dialog");
        });
    });
    with(&response(200, "INVITE", ";tag=x", ROUTES), |answer| {
        assert_eq!(forks.on_known(answer).expect("known").expect("a dialog").stage(), Stage::Confirmed);
    });
    with(&response(200, "INVITE", ";tag=y", ROUTES), |answer| assert!(forks.on_known(answer).is_none()));
}

#[test]
fn a_dialog_that_was_remembered_goes_on_where_it_was() {
    for mut dialog in [uas(200, ROUTES), uac(200, ROUTES)] {
        dialog.next_cseq(100);
        let mut again = Dialog::remembered(&dialog.memory());
        assert_eq!(again.memory(), dialog.memory());
        assert_eq!((again.role(), again.stage()), (dialog.role(), Stage::Confirmed));
        let (first, second) = (dialog.next_cseq(1), again.next_cseq(1));
        assert_eq!(written(&dialog, Method::Bye, first), written(&again, Method::Bye, second));
    }
}
