//! Sessions: how they begin, and how they end.

use super::super::book::SESSIONS_PER_USER_MAX;
use super::super::enter::{Credentials, Entered};
use super::super::secret;
use super::super::session::{AGE_MS_MAX, FRESH_MS, IDLE_MS, name};
use super::room::{PASSWORD, Room, given, visitor};
use coeur_directory::Role;
use coeur_storage::SessionEnd;

#[tokio::test]
async fn a_session_is_there_after_a_restart() {
    let room = Room::new("restart");
    room.user("alice", Role::User).await;
    let session = room.session("alice").await;
    let room = room.again();
    assert!(room.signed(&session).is_some());
    assert!(room.signed(&session[1..]).is_none() && room.signed("").is_none());
}

#[tokio::test]
async fn who_is_disabled_or_removed_is_out_with_the_next_request_and_stays_out() {
    let room = Room::new("out");
    for login in ["first", "alice", "bob"] {
        room.user(login, Role::Owner).await;
    }
    let (alice, bob) = (room.session("alice").await, room.session("bob").await);
    room.enable("alice", false);
    room.remove("bob");
    assert!(room.signed(&alice).is_none() && room.signed(&bob).is_none());
    room.enable("alice", true);
    assert!(room.signed(&alice).is_none(), "who is enabled again signs in anew");
    let room = room.again();
    assert!(room.signed(&alice).is_none() && room.signed(&bob).is_none());
}

#[tokio::test]
async fn a_role_that_is_taken_is_gone_from_the_session_at_once() {
    let room = Room::new("role");
    room.user("first", Role::Owner).await;
    let id = room.user("alice", Role::Owner).await;
    let session = room.session("alice").await;
    room.role(id, Role::User);
    assert_eq!(room.signed(&session).map(|signed| signed.user.role), Some(Role::User));
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_used_or_is_old() {
    let room = Room::new("ends");
    room.user("alice", Role::User).await;
    let idle = room.session("alice").await;
    room.pass(IDLE_MS - 1);
    assert!(room.signed(&idle).is_some(), "it was used in time");
    room.pass(IDLE_MS);
    assert!(room.signed(&idle).is_none());
    let used = room.session("alice").await;
    for _ in 0..AGE_MS_MAX / (IDLE_MS / 2) - 1 {
        room.pass(IDLE_MS / 2);
        assert!(room.signed(&used).is_some());
    }
    room.pass(IDLE_MS / 2);
    assert!(room.signed(&used).is_none(), "a week is long enough");
}

#[tokio::test]
async fn what_a_browser_brings_never_becomes_a_session() {
    let room = Room::new("fixation");
    room.user("alice", Role::User).await;
    let planted = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let mine = room.session("alice").await;
    for old in [planted, mine.as_str()] {
        let given = Credentials {
            login: "alice".to_owned(),
            password: given(PASSWORD),
            known: None,
            old: Some(secret::hash(old)),
        };
        let Ok(Entered::In { session, .. }) = room.desk.enter(given, visitor("192.0.2.1")).await else {
            panic!("not in")
        };
        assert_ne!(session.as_str(), old);
        assert!(room.signed(old).is_none(), "the one before is over");
    }
}

#[tokio::test]
async fn who_signs_out_or_ends_his_others_is_out_there() {
    let room = Room::new("signout");
    room.user("alice", Role::User).await;
    let user = room.user("bob", Role::User).await;
    let alices = room.session("alice").await;
    let [one, two, three] = [room.session("bob").await, room.session("bob").await, room.session("bob").await];
    room.desk.sign_out(&one).map_err(|why| why.text).unwrap();
    assert!(room.signed(&one).is_none() && room.signed(&two).is_some());
    let bob = room.desk.enabled(user).unwrap();
    let of_alice = name(&secret::hash(&alices));
    assert!(room.desk.end_one(&bob, &of_alice).is_err(), "of another user there is none");
    room.desk.end_one(&bob, &name(&secret::hash(&two))).map_err(|why| why.text).unwrap();
    assert!(room.signed(&two).is_none() && room.signed(&three).is_some());
    let ended = room.desk.end_all(user, None, SessionEnd::Revoked).map_err(|why| why.text);
    assert_eq!(ended, Ok(1));
    assert!(room.signed(&three).is_none() && room.signed(&alices).is_some());
}

#[tokio::test]
async fn one_session_too_many_ends_the_one_that_was_not_used_for_longest() {
    let room = Room::new("many");
    room.user("alice", Role::User).await;
    let mut all = Vec::new();
    for _ in 0..=SESSIONS_PER_USER_MAX {
        room.pass(1_000);
        all.push(room.session("alice").await);
    }
    assert!(room.signed(&all[0]).is_none());
    assert!(all[1..].iter().all(|session| room.signed(session).is_some()));
}

#[tokio::test]
async fn a_session_is_fresh_for_ten_minutes() {
    let room = Room::new("fresh");
    room.user("alice", Role::User).await;
    let session = room.session("alice").await;
    let is_fresh = || room.signed(&session).unwrap().is_fresh(room.now_s() * 1_000);
    assert!(is_fresh());
    room.pass(FRESH_MS);
    assert!(!is_fresh());
}
