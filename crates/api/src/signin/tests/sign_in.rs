//! Passwords: who gets in, and what who does not learns.

use super::room::{PASSWORD, Room, holds, said, visitor};
use coeur_directory::Role;

#[tokio::test]
async fn the_right_password_opens_a_session_and_is_not_on_the_disk() {
    let room = Room::new("right");
    let id = room.user("alice", Role::Admin).await;
    let session = room.session(" Alice ").await;
    let signed = room.signed(&session).expect("signed in");
    assert_eq!((signed.user.id, &*signed.user.login), (id, "alice"));
    let disk = room.disk();
    for secret in [PASSWORD, session.as_str()] {
        assert!(!holds(&disk, secret.as_bytes()), "{secret}");
    }
    assert!(holds(&disk, b"$argon2id$"));
    let audit = room.audit();
    assert!(audit.last().is_some_and(|row| row.starts_with("session.begun usr_1 way=password")), "{audit:?}");
}

#[tokio::test]
async fn whoever_is_refused_learns_nothing_and_makes_the_same_work() {
    let room = Room::new("nothing");
    room.user("owner", Role::Owner).await;
    room.user("off", Role::User).await;
    room.enable("off", false);
    for (login, password) in [
        ("owner", "wrong password"),
        ("nobody", PASSWORD),
        ("off", PASSWORD),
        ("usr_1", PASSWORD),
        ("", PASSWORD),
        ("a b \u{7}", PASSWORD),
    ] {
        let before = room.desk.passwords.computed();
        let from = visitor(&format!("192.0.2.{}", login.len()));
        let entered = room.enter_from(login, password, from, None).await;
        assert_eq!(said(&entered), "refused", "{login}");
        assert_eq!(room.desk.passwords.computed(), before + 1, "{login}");
    }
}

#[tokio::test]
async fn what_is_typed_for_a_login_that_nobody_has_is_in_no_audit_row() {
    let room = Room::new("typed");
    room.user("owner", Role::Owner).await;
    room.enter("my secret password", "x").await;
    room.enter("owner", "x").await;
    let audit = room.audit();
    let failed: Vec<_> = audit.iter().filter(|row| row.starts_with("sign_in.failed")).collect();
    assert_eq!(
        failed,
        [
            "sign_in.failed unknown from=192.0.2.1 wrong=password",
            "sign_in.failed usr_1 from=192.0.2.1 wrong=password"
        ]
    );
}

#[tokio::test]
async fn a_thousand_failures_are_counted_and_thirty_of_a_minute_are_written() {
    let room = Room::new("flood");
    room.user("owner", Role::Owner).await;
    for n in 0..1_000_u32 {
        let from = visitor(&format!("198.51.{}.{}", n / 250, n % 250));
        room.enter_from(&format!("login {n}"), "x", from, None).await;
    }
    assert_eq!(room.desk.counters().failed, 1_000);
    let audit = room.audit();
    assert_eq!(audit.iter().filter(|row| row.starts_with("sign_in.failed")).count(), 30);
}

#[tokio::test]
async fn guesses_from_many_places_are_slowed_and_do_not_keep_the_owner_out() {
    let room = Room::new("brute");
    room.user("owner", Role::Owner).await;
    let super::super::enter::Entered::In { known, .. } = room.enter("owner", PASSWORD).await else {
        panic!("not in")
    };
    let mut slowed = 0;
    for n in 0..500_u32 {
        let from = visitor(&format!("198.51.{}.{}", n / 250, n % 250));
        let entered = room.enter_from("owner", "guess", from, None).await;
        slowed += usize::from(said(&entered) == "wait");
    }
    assert!(slowed > 480, "{slowed}");
    assert_eq!(
        said(&room.enter("owner", PASSWORD).await),
        "wait",
        "a stranger with the right password waits too"
    );
    for address in ["192.0.2.9", "198.51.0.7"] {
        let entered = room.enter_from("owner", PASSWORD, visitor(address), Some(&known)).await;
        assert_eq!(said(&entered), "in", "{address}");
    }
    let forged = room.enter_from("owner", PASSWORD, visitor("192.0.2.9"), Some("forged")).await;
    assert_eq!(said(&forged), "wait");
}

#[tokio::test]
async fn a_browser_is_known_after_a_restart_and_no_more_after_another_password() {
    let room = Room::new("known");
    let id = room.user("owner", Role::Owner).await;
    let super::super::enter::Entered::In { known, .. } = room.enter("owner", PASSWORD).await else {
        panic!("not in")
    };
    let room = room.again();
    let user = room.desk.enabled(id).unwrap();
    assert!(room.desk.is_known(&user, Some(&known)));
    assert!(!room.desk.is_known(&user, Some(&known[1..])) && !room.desk.is_known(&user, None));
    let phc =
        room.desk.passwords.hash(super::room::given("another password"), [9; 16]).await.unwrap().unwrap();
    room.keep(coeur_storage::SignInChange::PasswordSet { user: id, phc });
    assert!(!room.desk.is_known(&user, Some(&known)));
}
