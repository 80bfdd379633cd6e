//! Authenticators and recovery codes.

use super::super::second::Not;
use super::super::session::FRESH_MS;
use super::super::{secret, totp};
use super::room::{PASSWORD, Room, given, holds, said, visitor};
use coeur_directory::Role;

const SECRET: [u8; totp::SECRET_BYTES] = *b"12345678901234567890";

/// A user with an authenticator; his session and his recovery codes.
async fn with_authenticator(room: &Room) -> (secret::Text, Vec<secret::Text>) {
    room.user("alice", Role::Admin).await;
    let session = room.session("alice").await;
    let signed = room.signed(&session).unwrap();
    let set = room.desk.set_authenticator(&signed, &SECRET, &room.shown(&SECRET), &visitor("192.0.2.1"));
    let Ok(renewed) = set else { panic!("not set") };
    assert!(room.signed(&session).is_none(), "its rights have changed, and so has its name");
    room.pass(60_000);
    (renewed.session, renewed.codes)
}

#[tokio::test]
async fn a_password_alone_opens_nothing_any_more_and_a_code_counts_once() {
    let room = Room::new("code");
    with_authenticator(&room).await;
    let half = room.half("alice").await;
    assert!(room.signed(&half).is_none());
    let shown = room.shown(&SECRET);
    assert_eq!(said(&room.code(&half, &shown)), "in");
    assert_eq!(said(&room.code(&half, &shown)), "refused", "this half is whole");
    let again = room.half("alice").await;
    assert_eq!(said(&room.code(&again, &shown)), "refused", "replayed");
    let room = room.again();
    let again = room.half("alice").await;
    assert_eq!(said(&room.code(&again, &shown)), "refused", "replayed after a restart");
    room.pass(30_000);
    assert_eq!(said(&room.code(&again, &room.shown(&SECRET))), "in");
}

#[tokio::test]
async fn of_many_who_come_with_one_code_at_the_same_moment_one_comes_in() {
    let room = Room::new("race");
    with_authenticator(&room).await;
    let mut halves = Vec::new();
    for _ in 0..4 {
        halves.push(room.half("alice").await);
    }
    let shown = room.shown(&SECRET);
    let (room, shown) = (&room, &shown);
    let came_in = std::thread::scope(|scope| {
        let all: Vec<_> =
            halves.iter().map(|half| scope.spawn(move || said(&room.code(half, shown)))).collect();
        all.into_iter().map(|one| one.join().unwrap()).filter(|said| *said == "in").count()
    });
    assert_eq!(came_in, 1);
}

#[tokio::test]
async fn a_recovery_code_opens_once() {
    let room = Room::new("recovery");
    let (_, codes) = with_authenticator(&room).await;
    assert_eq!(codes.len(), 10);
    assert!(codes.iter().all(|code| !holds(&room.disk(), code.as_bytes())));
    let half = room.half("alice").await;
    assert_eq!(said(&room.code(&half, &codes[3].to_uppercase())), "in");
    let half = room.half("alice").await;
    assert_eq!(said(&room.code(&half, &codes[3])), "refused");
    let room = room.again();
    let half = room.half("alice").await;
    assert_eq!(said(&room.code(&half, &codes[3])), "refused");
    assert_eq!(said(&room.code(&half, &codes[4])), "in");
}

#[tokio::test]
async fn who_has_the_password_tries_a_few_codes_and_then_waits() {
    let room = Room::new("codes");
    with_authenticator(&room).await;
    let mut tried = 0;
    for n in 0..200_u32 {
        let from = visitor(&format!("198.51.100.{n}"));
        let super::super::enter::Entered::Half(half) =
            room.enter_from("alice", PASSWORD, from.clone(), None).await
        else {
            continue;
        };
        let given = super::super::enter::Code { half: &half, code: "000000", known: None, old: None };
        let entered = room.desk.enter_code(given, &from).map_err(|why| why.text).unwrap();
        tried += u32::from(said(&entered) == "refused");
    }
    assert!(tried <= 11, "{tried}");
}

#[tokio::test]
async fn the_secret_of_an_authenticator_is_sealed() {
    let room = Room::new("sealed");
    with_authenticator(&room).await;
    assert!(!holds(&room.disk(), &SECRET));
}

#[tokio::test]
async fn how_one_signs_in_is_changed_only_by_who_has_just_proved_himself() {
    let room = Room::new("stepup");
    let (session, _) = with_authenticator(&room).await;
    room.pass(FRESH_MS);
    let signed = room.signed(&session).unwrap();
    let visitor = visitor("192.0.2.1");
    let refusals = [
        room.desk.set_authenticator(&signed, &SECRET, &room.shown(&SECRET), &visitor),
        room.desk.remove_authenticator(&signed, &visitor),
        room.desk.new_recovery_codes(&signed, &visitor),
    ];
    assert!(refusals.iter().all(|refused| matches!(refused, Err(Not::Fresh))));
    let wrong = room.desk.set_password(signed, given("wrong"), given("another password"), visitor).await;
    assert!(matches!(wrong, Err(Not::Right)));
}

#[tokio::test]
async fn another_password_ends_the_other_sessions_and_renames_this_one() {
    let room = Room::new("password");
    room.user("alice", Role::User).await;
    let (here, there) = (room.session("alice").await, room.session("alice").await);
    let signed = room.signed(&here).unwrap();
    let new = given("another password");
    let Ok(renewed) = room.desk.set_password(signed, given(PASSWORD), new, visitor("192.0.2.1")).await else {
        panic!("not set")
    };
    assert!(room.signed(&here).is_none() && room.signed(&there).is_none());
    assert!(room.signed(&renewed.session).is_some());
    assert_eq!(said(&room.enter("alice", PASSWORD).await), "refused");
    assert_eq!(said(&room.enter("alice", "another password").await), "in");
}

#[tokio::test]
async fn whoever_lost_everything_signs_in_with_the_password_once_an_operator_has_said_so() {
    let room = Room::new("lost");
    let (session, _) = with_authenticator(&room).await;
    let what = crate::SignInRequest::FactorsRemove { user: "alice".to_owned() };
    assert!(room.door.answer(&super::room::operator(), crate::Request::SignIn { what }).is_ok());
    assert!(room.signed(&session).is_none());
    assert_eq!(said(&room.enter("alice", PASSWORD).await), "in");
}

/// New codes every nine minutes do not keep a stolen session fresh, or alive for longer than it would have been.
#[tokio::test]
async fn a_session_that_goes_on_under_another_name_is_as_old_as_it_was() {
    let room = Room::new("as-old");
    let (session, _) = with_authenticator(&room).await;
    let before = room.signed(&session).expect("signed in").session;
    room.pass(FRESH_MS / 2);
    let signed = room.signed(&session).expect("still signed in");
    let Ok(renewed) = room.desk.new_recovery_codes(&signed, &visitor("192.0.2.1")) else {
        panic!("no codes")
    };
    let after = room.signed(&renewed.session).expect("under another name").session;
    assert_eq!((after.begun_at_ms, after.proved_at_ms), (before.begun_at_ms, before.proved_at_ms));
    room.pass(FRESH_MS / 2 + 1);
    let signed = room.signed(&renewed.session).expect("signed in");
    assert!(room.desk.new_recovery_codes(&signed, &visitor("192.0.2.1")).is_err(), "no longer fresh");
}

/// Who has a session and guesses the password that would take the authenticator off.
#[tokio::test]
async fn a_password_that_is_guessed_inside_of_a_session_is_slowed_down_and_written_down() {
    let room = Room::new("inside");
    let (session, _) = with_authenticator(&room).await;
    let (mut looked_at, mut waits) = (0, 0);
    for guess in 0..40 {
        let signed = room.signed(&session).expect("signed in");
        let (wrong, new) = (given(&format!("wrong guess {guess}")), given("another good sentence"));
        match room.desk.set_password(signed, wrong, new, visitor("192.0.2.1")).await {
            Err(Not::Right) => looked_at += 1,
            Err(Not::Busy) => waits += 1,
            _ => panic!("neither wrong nor to wait"),
        }
    }
    assert!((1..15).contains(&looked_at) && looked_at + waits == 40, "{looked_at} of 40 were looked at");
    assert!(room.audit().iter().any(|row| row.contains("sign_in.failed")), "{:?}", room.audit());
}
