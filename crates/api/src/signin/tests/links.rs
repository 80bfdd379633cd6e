//! Links: the first owner, and users who give themselves a password.

use super::super::link::{LIFE_MS, Not, Used};
use super::super::secret;
use super::room::{PASSWORD, Room, chosen, holds, operator, said, visitor};
use crate::model::Why;
use coeur_directory::Role;

fn link(room: &Room, login: Option<&str>) -> secret::Text {
    room.door.offer_link(&operator(), login).map_err(|why| why.text).unwrap().text
}

async fn used(room: &Room, text: &str, login: &str) -> Result<Used, Not> {
    room.desk.use_link(text.to_owned(), chosen(login, PASSWORD), visitor("127.0.0.1")).await
}

#[tokio::test]
async fn the_first_owner_is_made_by_a_link_that_counts_once() {
    let room = Room::new("owner");
    let text = link(&room, None);
    assert!(!holds(&room.disk(), text.as_bytes()));
    let Ok(Used::In { session, .. }) = used(&room, &text, "Owner").await else { panic!("not used") };
    let signed = room.signed(&session).unwrap();
    assert_eq!((&*signed.user.login, signed.user.role), ("owner", Role::Owner));
    assert!(matches!(used(&room, &text, "second").await, Err(Not::Valid)));
    assert_eq!(said(&room.enter("owner", PASSWORD).await), "in");
    let refused = room.door.offer_link(&operator(), None).err().map(|why| why.why);
    assert_eq!(refused, Some(Why::Exists), "there is an owner");
}

#[tokio::test]
async fn a_link_that_is_late_or_was_offered_before_another_opens_nothing() {
    let room = Room::new("late");
    let (first, second) = (link(&room, None), link(&room, None));
    assert!(matches!(used(&room, &first, "owner").await, Err(Not::Valid)));
    room.pass(LIFE_MS);
    assert!(matches!(used(&room, &second, "owner").await, Err(Not::Valid)));
    let third = link(&room, None);
    room.pass(LIFE_MS - 1);
    assert!(used(&room, &third, "owner").await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_come_with_one_link_at_the_same_moment_one_becomes_the_owner() {
    let room = Room::new("linkrace");
    let text = link(&room, None);
    let tries: Vec<_> = (0..8)
        .map(|n| {
            let (desk, text) = (room.desk.clone(), text.to_string());
            tokio::spawn(async move {
                let chosen = chosen(&format!("owner{n}"), PASSWORD);
                desk.use_link(text, chosen, visitor("127.0.0.1")).await.is_ok()
            })
        })
        .collect();
    let mut came_in = 0;
    for one in tries {
        came_in += usize::from(one.await.unwrap());
    }
    assert_eq!(came_in, 1);
    assert_eq!(room.hut_users(), 1, "no owner is left over");
}

#[tokio::test]
async fn a_weak_password_uses_no_link_up() {
    let room = Room::new("weak");
    let text = link(&room, None);
    for password in ["short", "password123", "owner12345"] {
        let refused = room.desk.use_link(text.to_string(), chosen("owner", password), visitor("127.0.0.1"));
        assert!(matches!(refused.await, Err(Not::Weak(_))), "{password}");
    }
    for login in ["", "a b", "usr_1"] {
        assert!(matches!(used(&room, &text, login).await, Err(Not::Login)), "{login}");
    }
    assert!(used(&room, &text, "owner").await.is_ok());
}

#[tokio::test]
async fn a_user_sets_his_password_and_whoever_was_in_with_the_old_one_is_out() {
    let room = Room::new("reset");
    room.user("first", Role::Owner).await;
    room.user("alice", Role::User).await;
    let before = room.session("alice").await;
    let text = link(&room, Some("alice"));
    let new = chosen("somebody else", "another password");
    let Ok(Used::In { session, .. }) = room.desk.use_link(text.to_string(), new, visitor("192.0.2.7")).await
    else {
        panic!("not used")
    };
    assert!(room.signed(&before).is_none());
    assert_eq!(room.signed(&session).map(|signed| signed.user.login.to_string()), Some("alice".to_owned()));
    assert_eq!(said(&room.enter("alice", PASSWORD).await), "refused");
}

#[tokio::test]
async fn a_link_is_no_second_factor() {
    let room = Room::new("nofactor");
    let id = room.user("alice", Role::Owner).await;
    let secret = zeroize::Zeroizing::new(b"12345678901234567890".to_vec());
    room.keep(coeur_storage::SignInChange::AuthenticatorSet { user: id, secret, step: 0 });
    let text = link(&room, Some("alice"));
    assert!(matches!(used(&room, &text, "").await, Ok(Used::ToSignIn)));
    assert_eq!(said(&room.enter("alice", PASSWORD).await), "half");
}

#[tokio::test]
async fn a_link_for_who_is_disabled_opens_nothing() {
    let room = Room::new("off");
    room.user("first", Role::Owner).await;
    room.user("alice", Role::User).await;
    let text = link(&room, Some("alice"));
    room.enable("alice", false);
    assert!(matches!(used(&room, &text, "").await, Err(Not::Valid)));
}
