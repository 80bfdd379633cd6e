//! Tokens of the API.

use super::room::{Room, holds, operator};
use crate::model::{Reply, Request, Why};
use crate::signin::{NewToken, SignInRequest, TokenView};
use coeur_directory::Role;
use std::net::IpAddr;

fn made(room: &Room, new: NewToken) -> TokenView {
    let what = SignInRequest::TokenMake(new);
    match room.door.answer(&operator(), Request::SignIn { what }) {
        Ok(Reply::Token(view)) => *view,
        Ok(_) => panic!("another reply"),
        Err(why) => panic!("{}", why.text),
    }
}

fn new(user: &str) -> NewToken {
    NewToken {
        user: user.to_owned(),
        name: "the shop".to_owned(),
        scopes: vec!["calls:read".to_owned()],
        ..NewToken::default()
    }
}

fn opens(room: &Room, token: &str, from: &str) -> bool {
    room.door.bearer(token, from.parse::<IpAddr>().unwrap()).map_err(|why| why.text).unwrap().is_some()
}

fn text(view: &TokenView) -> String {
    view.token.as_ref().map(|token| token.reveal().to_owned()).expect("shown")
}

#[tokio::test]
async fn a_token_is_shown_once_kept_as_a_hash_and_opens_until_it_is_revoked() {
    let room = Room::new("token");
    room.user("alice", Role::Admin).await;
    let view = made(&room, new("alice"));
    let token = text(&view);
    assert!(token.starts_with("coeur_") && !holds(&room.disk(), &token.as_bytes()[6..]));
    assert!(opens(&room, &token, "192.0.2.1") && !opens(&room, &token[..token.len() - 1], "192.0.2.1"));
    let room = room.again();
    assert!(opens(&room, &token, "192.0.2.1"));
    let listed = room.door.tokens(Some("alice")).map_err(|why| why.text).unwrap();
    assert!(listed.len() == 1 && listed[0].token.is_none() && listed[0].last_used_at.is_some());
    let audit = room.audit();
    assert_eq!(audit.iter().filter(|row| row.starts_with("token.first_used tok_")).count(), 1, "{audit:?}");
    room.door.revoke_token(&operator(), &view.id).map_err(|why| why.text).unwrap();
    assert!(!opens(&room, &token, "192.0.2.1"));
    let again = room.door.revoke_token(&operator(), &view.id).err().map(|why| why.why);
    assert_eq!(again, Some(Why::NotFound));
}

#[tokio::test]
async fn a_token_of_who_is_disabled_or_removed_opens_nothing() {
    let room = Room::new("tokenout");
    for login in ["first", "alice", "bob"] {
        room.user(login, Role::Owner).await;
    }
    let [alice, bob] = ["alice", "bob"].map(|login| text(&made(&room, new(login))));
    room.enable("alice", false);
    room.remove("bob");
    assert!(!opens(&room, &alice, "192.0.2.1") && !opens(&room, &bob, "192.0.2.1"));
    room.enable("alice", true);
    assert!(opens(&room, &alice, "192.0.2.1"), "a program goes on where its user does");
    assert_eq!(room.door.tokens(None).map(|all| all.len()).map_err(|why| why.text), Ok(1));
}

#[tokio::test]
async fn a_token_counts_from_its_network_and_until_its_end() {
    let room = Room::new("bounds");
    room.user("alice", Role::Admin).await;
    let bounded =
        NewToken { network: Some("192.0.2.0/24".to_owned()), expires_in_s: Some(60), ..new("alice") };
    let token = text(&made(&room, bounded));
    assert!(opens(&room, &token, "192.0.2.7") && opens(&room, &token, "::ffff:192.0.2.7"));
    assert!(!opens(&room, &token, "192.0.3.7"));
    room.pass(59_999);
    assert!(opens(&room, &token, "192.0.2.7"));
    room.pass(1);
    assert!(!opens(&room, &token, "192.0.2.7"));
}

#[tokio::test]
async fn a_token_that_makes_no_sense_is_refused() {
    let room = Room::new("senseless");
    room.user("alice", Role::Admin).await;
    let scopes = |text: &str| NewToken { scopes: vec![text.to_owned()], ..new("alice") };
    let mut bad = vec![
        (new("nobody"), Why::NotFound),
        (scopes("calls"), Why::Invalid),
        (scopes("everything:read"), Why::Invalid),
        (NewToken { scopes: Vec::new(), ..new("alice") }, Why::Invalid),
        (NewToken { name: " ".to_owned(), ..new("alice") }, Why::Invalid),
        (NewToken { network: Some("192.0.2.1/24".to_owned()), ..new("alice") }, Why::Invalid),
    ];
    bad.extend(
        [0, u64::MAX].map(|life| (NewToken { expires_in_s: Some(life), ..new("alice") }, Why::Invalid)),
    );
    for (new, why) in bad {
        let shown = format!("{new:?}");
        assert_eq!(
            room.door.make_token(&operator(), new).err().map(|refusal| refusal.why),
            Some(why),
            "{shown}"
        );
    }
}
