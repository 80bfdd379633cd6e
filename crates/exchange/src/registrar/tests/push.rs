//! Push in a REGISTER (RFC 8599).

use super::desk::{Desk, ask, stream};
use crate::bindings::{Bindings, Boot};
use crate::push::Reason;
use crate::record::Recovery;
use coeur_directory::DeviceId;
use coeur_sip::transport::Transport;

const APNS: &str = ";pn-provider=apns;pn-param=TEAM.org.example.voip;pn-prid=00fc13ad";

fn desk() -> Desk {
    let mut desk = Desk::new();
    desk.world.settings.push.apns = true;
    desk.world.settings.push.web_push_key = "BKey".into();
    desk
}

fn contact(push: &str, params: &str) -> String {
    format!("Contact: <sip:alice@192.0.2.7:5062;transport=tcp{push}>{params}\r\n")
}

fn phone(serial: u64) -> crate::flow::Flow {
    stream(Transport::Tcp, "203.0.113.9:40000", serial)
}

/// Sections 4.1.5 and 5.4.
#[test]
fn a_phone_that_asks_is_told_which_services_wake_it() {
    let mut desk = desk();
    let answer = desk.send(ask(1, contact(";pn-provider", "")));
    let told = ["*;+sip.pns=\"apns\"", "*;+sip.pns=\"webpush\";+sip.vapid=\"BKey\""];
    assert_eq!((answer.status, answer.lines("Feature-Caps")), (200, told.to_vec()));
    let answer = desk.send(ask(2, contact(";pn-provider=apns", "")));
    assert_eq!(answer.lines("Feature-Caps"), told[..1]);
    let answer = desk.send(ask(3, contact(APNS, "")));
    assert_eq!(answer.lines("Feature-Caps"), ["*;+sip.pns=\"apns\";+sip.pnsreg=\"120\""]);
    assert!(desk.send(ask(4, contact("", ""))).lines("Feature-Caps").is_empty(), "who does not ask");
}

/// Sections 5.6.1 and 8.1: 555 for who asks whether it is there. A phone of a store says its own service to every server, and
/// must not be locked out by one that is set for others.
#[test]
fn a_service_that_is_not_offered_is_555_for_who_asks_and_a_phone_that_has_it_is_bound_without() {
    let mut desk = desk();
    let answer = desk.send(ask(9, contact(";pn-provider=fcm;pn-param=p;pn-prid=t", "")));
    assert_eq!((answer.status, answer.lines("Feature-Caps").len()), (200, 0));
    assert_eq!(desk.uris().len(), 1);
    let mut desk = self::desk();
    for (cseq, push) in [";pn-provider=acme", ";pn-provider=fcm"].iter().enumerate() {
        let answer = desk.send(ask(cseq as u32 + 1, contact(push, "")));
        assert_eq!(
            (answer.status, &*answer.reason),
            (555, "Push Notification Service Not Supported"),
            "{push}"
        );
    }
    assert!(desk.uris().is_empty());
}

/// Who wakes nobody does not speak RFC 8599; a phone that says more than is asked registers all the same.
#[test]
fn without_any_service_the_parameters_mean_nothing() {
    let mut desk = Desk::new();
    let answer = desk.send(ask(1, contact(APNS, "")));
    assert_eq!((answer.status, answer.lines("Feature-Caps").len()), (200, 0));
}

/// Section 13. The phone itself has its Contact back as it was.
#[test]
fn where_a_phone_is_woken_is_shown_to_the_phone_alone() {
    let mut desk = desk();
    let own = desk.send(ask(1, contact(APNS, ";q=0.5")));
    assert!(own.contacts()[0].contains(APNS), "{}", own.text);
    assert_eq!(desk.uris(), ["sip:alice@192.0.2.7:5062;transport=tcp"], "not in a Request-URI");
    desk.device = DeviceId(2);
    let other = desk.send(ask(1, "Contact: <sip:x@192.0.2.8>\r\n").call_id("other"));
    assert_eq!(other.contacts().len(), 2);
    assert!(!other.text.contains("pn-") && other.text.contains("transport=tcp>;q=0.5"), "{}", other.text);
}

#[test]
fn a_phone_whose_connection_has_gone_sleeps_until_its_registration_ends() {
    let mut desk = desk();
    desk.send(ask(1, contact(APNS, ";expires=600")).over(phone(1)));
    let asleep = |desk: &Desk| {
        let mut out = Vec::new();
        desk.world.bindings.asleep(b"alice", b"example.com", None, desk.now.monotonic, &mut out);
        out.len()
    };
    assert_eq!((desk.targets().len(), asleep(&desk)), (1, 0));
    desk.with(|registrar, cx| registrar.flow_closed(cx, &phone(1)));
    assert_eq!((desk.targets().len(), asleep(&desk)), (0, 1));
    desk.wait(600);
    assert_eq!(asleep(&desk), 0);
}

/// The Contact is in the journal byte for byte, and with it where its phone is woken.
#[test]
fn after_a_restart_a_phone_sleeps_as_before() {
    let mut desk = desk();
    desk.send(ask(1, contact(APNS, "")).over(phone(1)));
    let bindings = Bindings::of_boot(Boot::default());
    let mut recovery = Recovery::new(&bindings, &desk.world.listeners, desk.now);
    for entry in &desk.journal {
        recovery.apply(entry).expect("an entry of ours");
    }
    recovery.finish();
    let mut out = Vec::new();
    bindings.asleep(b"alice", b"example.com", None, desk.now.monotonic, &mut out);
    let place = out[0].push.as_deref().expect("a place");
    assert_eq!((&*place.destination.param, &*place.destination.id), ("TEAM.org.example.voip", "00fc13ad"));
}

/// A push service knows a program and not its connections: two bindings of one place would wake it twice.
#[test]
fn a_phone_that_comes_back_with_another_contact_and_the_same_name_at_its_service_replaces_itself() {
    let mut desk = desk();
    let at = |port: u16, push: &str| format!("Contact: <sip:alice@192.0.2.7:{port}{push}>\r\n");
    desk.send(ask(1, at(5_062, APNS)).over(phone(1)));
    desk.send(ask(1, at(6_000, APNS)).call_id("b").over(phone(2)));
    assert_eq!(desk.uris(), ["sip:alice@192.0.2.7:6000"]);
    desk.send(ask(1, at(7_000, &APNS.replace("00fc", "11fc"))).call_id("c").over(phone(3)));
    assert_eq!(desk.uris().len(), 2, "another phone");
    desk.device = DeviceId(2);
    desk.send(ask(1, at(8_000, APNS)).call_id("d").over(phone(4)));
    assert_eq!(desk.uris().len(), 3, "another device's is not touched");
}

/// A phone that sleeps is no forgotten one: it makes no room for another.
#[test]
fn a_phone_that_sleeps_is_not_the_first_to_make_room() {
    let mut desk = desk();
    desk.rules.contacts_max = 2;
    let at = |port: u16, push: &str| format!("Contact: <sip:alice@192.0.2.7:{port}{push}>\r\n");
    desk.send(ask(1, at(5_000, "")).call_id("a").over(phone(1)));
    desk.send(ask(1, at(6_000, APNS)).call_id("b").over(phone(2)));
    desk.with(|registrar, cx| registrar.flow_closed(cx, &phone(2)));
    desk.send(ask(1, at(7_000, "")).call_id("c").over(phone(3)));
    let mut asleep = Vec::new();
    desk.world.bindings.asleep(b"alice", b"example.com", None, desk.now.monotonic, &mut asleep);
    assert_eq!((asleep.len(), desk.uris()), (1, vec!["sip:alice@192.0.2.7:7000".to_owned()]));
}

#[test]
fn a_place_that_its_service_knows_no_more_wakes_nobody_until_the_phone_names_another() {
    let mut desk = desk();
    desk.send(ask(1, contact(APNS, "")).over(phone(1)));
    desk.with(|registrar, cx| registrar.flow_closed(cx, &phone(1)));
    let look = |desk: &Desk| {
        let mut out = Vec::new();
        desk.world.bindings.asleep(b"alice", b"example.com", None, desk.now.monotonic, &mut out);
        out.pop()
    };
    let place = look(&desk).and_then(|target| target.push).expect("a place");
    let aor = coeur_directory::Aor::new("alice", "example.com").expect("a name");
    let mut other = place.destination.clone();
    other.id = "another".into();
    desk.with(|registrar, cx| registrar.push_ended(cx, &aor, place.binding, &other));
    assert!(look(&desk).is_some(), "not what it has now");
    desk.with(|registrar, cx| registrar.push_ended(cx, &aor, place.binding, &place.destination));
    assert!(look(&desk).is_none());
    assert_eq!(desk.counters.push_destinations_ended, 1);
    let renewed = contact(&APNS.replace("00fc", "11fc"), "");
    desk.send(ask(2, renewed).over(phone(2)));
    desk.with(|registrar, cx| registrar.flow_closed(cx, &phone(2)));
    assert!(look(&desk).is_some(), "it has said a new one");
}

/// Sections 4.1.4 and 5.5.
#[test]
fn a_phone_that_cannot_wake_by_itself_is_woken_before_its_registration_ends() {
    for (params, pushes) in [(";+sip.pnsreg", true), ("", false)] {
        let mut desk = desk();
        desk.send(ask(1, contact(APNS, params)).over(phone(1)));
        desk.with(|registrar, cx| registrar.flow_closed(cx, &phone(1)));
        let (mut first, mut count) = (None, 0);
        for second in 1..3_600 {
            desk.wait(1);
            for wake in desk.tick() {
                assert_eq!(wake.reason, Reason::Refresh);
                first = first.or(Some(3_600 - second));
                count += 1;
            }
        }
        assert_eq!(first.is_some_and(|left: u32| (120..=184).contains(&left)), pushes, "{first:?}");
        assert!(count <= 3, "{count} in the last minutes");
    }
}
