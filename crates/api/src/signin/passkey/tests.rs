//! Passkeys as a relying party must judge them: every part of what comes is changed once.

use super::ceremony::{CHALLENGE_LIFE_MS, For, Not, PASSKEYS_PER_USER_MAX, Place};
use super::cose::PublicKey;
use super::soft::{Key, Soft, encoded};
use super::{authenticator, user_handle};
use crate::signin::secret;
use crate::signin::session::FRESH_MS;
use crate::signin::tests::room::{Room, visitor};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, RsaKeyPair};
use ciborium::{Value, cbor};
use coeur_directory::Role;
use coeur_storage::Way;

const BINDING: &str = "what only this browser has";

fn place() -> Place {
    Place { origin: "https://sip.example.org:8443".to_owned(), rp_id: "sip.example.org".to_owned() }
}

/// Adds a passkey to the user with this session; the session's new name.
fn add(room: &Room, session: &str, soft: &Soft) -> Result<secret::Text, Not> {
    let challenge = room.desk.challenge(For::Registration, session).unwrap().0;
    let signed = room.signed(session).unwrap();
    room.desk.add_passkey(&signed, session, &place(), &soft.make(&place(), &challenge), &visitor("192.0.2.1"))
}

fn challenge(room: &Room) -> String {
    room.desk.challenge(For::SignIn, BINDING).unwrap().0
}

fn enter(room: &Room, soft: &Soft) -> Result<secret::Text, Not> {
    let given = soft.sign(&place(), &challenge(room));
    let entered = room.desk.enter_by_passkey(BINDING, &place(), &given, &visitor("192.0.2.1"), None);
    entered.map(|(session, _)| session)
}

async fn with(name: &str, soft: &Soft) -> Room {
    let room = Room::new(name);
    room.user("alice", Role::Admin).await;
    let session = room.session("alice").await;
    assert!(add(&room, &session, soft).is_ok());
    room
}

#[tokio::test]
async fn a_passkey_of_each_algorithm_is_all_that_its_user_needs() {
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let all = [
        Soft::new(b"es256"),
        Soft::with(Key::EdDsa(Ed25519KeyPair::generate().unwrap()), b"eddsa"),
        Soft::with(Key::Rs256(Box::new(rsa)), b"rs256"),
    ];
    for soft in all {
        let room = with("algorithms", &soft).await;
        let room = room.again();
        let Ok(session) = enter(&room, &soft) else { panic!("{:?} not in", soft.id) };
        let signed = room.signed(&session).unwrap();
        assert_eq!((&*signed.user.login, signed.session.way), ("alice", Way::Passkey));
    }
}

#[tokio::test]
async fn what_is_signed_counts_once_for_five_minutes_and_for_the_browser_that_asked() {
    let soft = Soft::new(b"id");
    let room = with("once", &soft).await;
    let place = place();
    let enter = |given: &_, binding: &str| {
        room.desk.enter_by_passkey(binding, &place, given, &visitor("192.0.2.1"), None).is_ok()
    };
    let given = soft.sign(&place, &challenge(&room));
    assert!(!enter(&given, "another browser"));
    assert!(enter(&given, BINDING) && !enter(&given, BINDING), "replayed");
    let late = soft.sign(&place, &challenge(&room));
    room.pass(CHALLENGE_LIFE_MS);
    assert!(!enter(&late, BINDING));
    let other = room.desk.challenge(For::Registration, BINDING).unwrap().0;
    assert!(!enter(&soft.sign(&place, &other), BINDING), "it was asked for something else");
    assert!(!enter(&soft.sign(&place, "made-up"), BINDING));
}

#[tokio::test]
async fn one_thing_that_is_wrong_opens_nothing() {
    let mut soft = Soft::new(b"id");
    let room = with("wrong", &soft).await;
    type Spoil = (&'static str, fn(&mut Soft));
    let all: [Spoil; 9] = [
        ("another site", |soft| soft.origin = Some("https://sip.example.org.evil.example".to_owned())),
        ("another port", |soft| soft.origin = Some("https://sip.example.org".to_owned())),
        ("without TLS", |soft| soft.origin = Some("http://sip.example.org:8443".to_owned())),
        ("another name", |soft| soft.rp_id = Some("example.org".to_owned())),
        ("a registration", |soft| soft.kind = Some("webauthn.create")),
        ("in a frame", |soft| soft.cross_origin = true),
        ("nobody was verified", |soft| soft.flags = 0x01),
        ("nobody was there", |soft| soft.flags = 0x04),
        ("of somebody else", |soft| soft.user_handle = Some(user_handle(coeur_directory::UserId(9)))),
    ];
    for (what, spoil) in all {
        spoil(&mut soft);
        assert!(matches!(enter(&room, &soft), Err(Not::Proved)), "{what}");
        (soft.origin, soft.rp_id, soft.kind, soft.cross_origin) = (None, None, None, false);
        (soft.flags, soft.user_handle) = (0x05, None);
    }
    let mut another = Soft::new(b"id");
    assert!(matches!(enter(&room, &another), Err(Not::Proved)), "another key");
    another.id = b"unknown".to_vec();
    assert!(matches!(enter(&room, &another), Err(Not::Proved)), "unknown");
    soft.user_handle = Some(user_handle(coeur_directory::UserId(1)));
    assert!(enter(&room, &soft).is_ok());
    assert_eq!(room.desk.counters().failed, 11);
}

#[tokio::test]
async fn every_bit_of_what_was_signed_counts() {
    let soft = Soft::new(b"id");
    let room = with("bits", &soft).await;
    let lengths = {
        let given = soft.sign(&place(), &challenge(&room));
        (given.authenticator_data.0.len(), given.client_data.0.len())
    };
    for at in 0..lengths.0 + lengths.1 {
        let mut given = soft.sign(&place(), &challenge(&room));
        match at.checked_sub(lengths.0) {
            None => given.authenticator_data.0[at] ^= 1,
            Some(at) => given.client_data.0[at] ^= 1,
        }
        let entered = room.desk.enter_by_passkey(BINDING, &place(), &given, &visitor("192.0.2.1"), None);
        assert!(matches!(entered, Err(Not::Proved)), "{at}");
    }
}

#[tokio::test]
async fn of_a_passkey_and_its_copy_the_one_behind_opens_nothing() {
    let mut soft = Soft::new(b"id");
    soft.counter = 5;
    let room = with("counter", &soft).await;
    for (counter, opens) in [(5, false), (6, true), (6, false), (0, false), (7, true)] {
        soft.counter = counter;
        assert_eq!(enter(&room, &soft).is_ok(), opens, "{counter}");
    }
}

#[tokio::test]
async fn a_passkey_is_added_by_who_has_just_proved_himself_and_to_nobody_twice() {
    let soft = Soft::new(b"id");
    let room = Room::new("adding");
    room.user("alice", Role::Admin).await;
    room.user("bob", Role::Admin).await;
    let mut session = room.session("alice").await;
    session = add(&room, &session, &soft).ok().unwrap();
    assert!(matches!(add(&room, &session, &soft), Err(Not::Proved)), "it is hers already");
    let bob = room.session("bob").await;
    assert!(matches!(add(&room, &bob, &soft), Err(Not::Proved)), "and not his");
    for n in 1..PASSKEYS_PER_USER_MAX {
        session = add(&room, &session, &Soft::new(&[n as u8])).ok().unwrap();
    }
    assert!(matches!(add(&room, &session, &Soft::new(b"more")), Err(Not::Room)));
    let unverified = Soft { flags: 0x01, ..Soft::new(b"unverified") };
    assert!(matches!(add(&room, &bob, &unverified), Err(Not::Proved)));
    room.pass(FRESH_MS);
    assert!(matches!(add(&room, &bob, &Soft::new(b"late")), Err(Not::Fresh)));
}

#[tokio::test]
async fn a_passkey_that_was_removed_or_whose_user_is_disabled_opens_nothing() {
    let (first, second) = (Soft::new(b"first"), Soft::new(b"second"));
    let room = with("removed", &first).await;
    room.user("owner", Role::Owner).await;
    let session = room.session("alice").await;
    let session = add(&room, &session, &second).ok().unwrap();
    let signed = room.signed(&session).unwrap();
    let named = super::name(b"first");
    assert!(room.desk.remove_passkey(&signed, &named, &visitor("192.0.2.1")).is_ok());
    assert!(enter(&room, &first).is_err() && enter(&room, &second).is_ok());
    room.enable("alice", false);
    assert!(enter(&room, &second).is_err());
}

#[test]
fn what_is_no_key_of_ours_is_none() {
    let x = || Value::Bytes(vec![1; 32]);
    let bad = [
        cbor!({}),
        cbor!({ 1 => 2, 3 => -7, -1 => 1, -2 => x() }),
        cbor!({ 1 => 2, 3 => -7, -1 => 2, -2 => x(), -3 => x() }),
        cbor!({ 1 => 2, 3 => -35, -1 => 1, -2 => x(), -3 => x() }),
        cbor!({ 1 => 1, 3 => -7, -1 => 1, -2 => x(), -3 => x() }),
        cbor!({ 1 => 2, 3 => -7, -1 => 1, -2 => Value::Bytes(vec![1; 31]), -3 => Value::Bytes(vec![1; 33]) }),
        cbor!({ 1 => 1, 3 => -8, -1 => 6, -2 => Value::Bytes(vec![1; 31]) }),
        cbor!([1, 2, 3]),
    ];
    for value in bad {
        assert_eq!(PublicKey::parse(&encoded(&value.unwrap())), None);
    }
    // Ed25519, with x: and with another x behind it.
    let x = [&[0x21, 0x58, 0x20][..], &[1; 32]].concat();
    let key =
        |entries: u8, xs: &[u8]| [&[0xa0 + entries, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06][..], xs].concat();
    assert!(PublicKey::parse(&key(4, &x)).is_some());
    assert_eq!(PublicKey::parse(&key(5, &[&x[..], &x[..]].concat())), None);
    let key = Soft::new(b"id").cose();
    for cut in 0..key.len() {
        assert_eq!(PublicKey::parse(&key[..cut]), None, "{cut}");
    }
    assert!(PublicKey::parse(&[&key[..], b"extensions"].concat()).is_some());
}

#[test]
fn bytes_of_strangers_never_panic_and_nest_no_deeper_than_allowed() {
    let deep = vec![0x81; 100_000];
    assert!(authenticator::of_attestation(&deep).is_none() && PublicKey::parse(&deep).is_none());
    // A byte string that says it has 2^63 bytes.
    let long = [0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    assert!(authenticator::of_attestation(&long).is_none());
    let made = Soft::new(b"id").make(&place(), "challenge");
    let whole = made.attestation_object.0;
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            if let Some(data) = authenticator::of_attestation(&bytes) {
                let parsed = authenticator::AuthenticatorData::parse(&data);
                let credential = parsed.as_ref().and_then(|data| data.credential());
                let _ = credential.map(|credential| PublicKey::parse(credential.public_key));
            }
        }
        assert!(authenticator::of_attestation(&whole[..at]).is_none(), "{at}");
    }
}
