use super::*;
use crate::records::{Operator, Records, Sqlite, Way};
use coeur_directory::{Change, Directory, Role, User, UserChange};
use rusqlite::Connection;
use std::path::PathBuf;

const ALICE: UserId = UserId(1);
const BOB: UserId = UserId(2);

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("coeur-sign-in-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    fn open(&self) -> Sqlite {
        Sqlite::open(&self.0).expect("opens")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn keep(records: &mut Sqlite, changes: &[SignInChange]) {
    records.keep_sign_in(&Operator::program(), changes, 5).expect("kept");
}

/// One of each kind, for a user.
fn all_of(user: UserId) -> Vec<SignInChange> {
    let byte = user.0 as u8;
    let session = SessionRow {
        hash: [byte; 32],
        user,
        way: Way::Passkey,
        begun_at_ms: 1,
        proved_at_ms: 2,
        seen_at_ms: 3,
        address: "192.0.2.1".into(),
        agent: "a browser".into(),
    };
    let passkey = PasskeyRow {
        id: vec![byte, 9].into(),
        user,
        public_key: vec![1, 2, 3].into(),
        counter: u32::MAX,
        name: "a key".into(),
        added_at_ms: 4,
        used_at_ms: None,
    };
    let token = TokenRow {
        hash: [byte + 100; 32],
        user,
        name: "a program".into(),
        scopes: "calls:read".into(),
        network: Some("192.0.2.0/24".into()),
        made_at_ms: 5,
        expires_at_ms: Some(6),
        used_at_ms: None,
    };
    vec![
        SignInChange::LinkOffered { user: Some(user), hash: [byte; 32], until_ms: 7 },
        SignInChange::PasswordSet { user, phc: "$argon2id$".into() },
        SignInChange::AuthenticatorSet { user, secret: Zeroizing::new(b"secret".to_vec()), step: 8 },
        SignInChange::RecoveryCodesSet { user, hashes: vec![[1; 32], [2; 32]] },
        SignInChange::PasskeyAdded(Box::new(passkey)),
        SignInChange::IdentityAdded(Box::new(IdentityRow {
            user,
            issuer: "https://id.example".into(),
            subject: user.0.to_string().into(),
        })),
        SignInChange::SessionBegun(Box::new(session)),
        SignInChange::TokenMade(Box::new(token)),
    ]
}

/// What is kept, each in words.
fn kept(records: &mut Sqlite) -> Vec<String> {
    let say = |change: &SignInChange| match change {
        SignInChange::LinkOffered { user, until_ms, .. } => format!("link {user:?} {until_ms}"),
        SignInChange::PasswordSet { user, phc } => format!("password {} {phc}", user.0),
        SignInChange::AuthenticatorSet { user, secret, step } => {
            format!("authenticator {} {} {step}", user.0, String::from_utf8_lossy(secret))
        }
        SignInChange::RecoveryCodesSet { user, hashes } => format!("codes {} {}", user.0, hashes.len()),
        SignInChange::PasskeyAdded(row) => format!("{row:?}"),
        SignInChange::IdentityAdded(row) => format!("{row:?}"),
        SignInChange::SessionBegun(row) => format!("{row:?}"),
        SignInChange::TokenMade(row) => format!("{row:?}"),
        SignInChange::LinkClosed { .. }
        | SignInChange::AuthenticatorUsed { .. }
        | SignInChange::AuthenticatorRemoved { .. }
        | SignInChange::RecoveryCodeUsed { .. }
        | SignInChange::PasskeyUsed { .. }
        | SignInChange::PasskeyRemoved { .. }
        | SignInChange::SessionSeen { .. }
        | SignInChange::SessionEnded { .. }
        | SignInChange::TokenUsed { .. }
        | SignInChange::TokenRevoked { .. }
        | SignInChange::Forgotten { .. } => panic!("this makes nothing"),
    };
    let mut all: Vec<String> = records.sign_in().expect("read").iter().map(say).collect();
    all.sort();
    all
}

fn audit(records: &mut Sqlite) -> Vec<String> {
    records.audit(0, None, 100).expect("read").into_iter().rev().map(|row| row.action).collect()
}

#[test]
fn what_is_kept_is_read_back_as_it_was_and_after_what_was_used_of_it() {
    let folder = Folder::new("back");
    let mut records = folder.open();
    keep(&mut records, &all_of(ALICE));
    keep(&mut records, &all_of(BOB));
    let before = kept(&mut records);
    assert_eq!(before.len(), 16);
    let id = TokenId::of(&[101; 32]);
    let used = [
        SignInChange::AuthenticatorUsed { user: ALICE, step: 88 },
        SignInChange::RecoveryCodeUsed { user: ALICE, hash: [1; 32] },
        SignInChange::PasskeyUsed { id: vec![1, 9].into(), counter: 77, at_ms: 66 },
        SignInChange::SessionSeen { hash: [1; 32], at_ms: 55 },
        SignInChange::TokenUsed { id, at_ms: 44, first: true },
        SignInChange::TokenUsed { id, at_ms: 45, first: false },
    ];
    keep(&mut records, &used);
    drop(records);
    let mut records = folder.open();
    let after = kept(&mut records);
    let changed: Vec<_> = after.iter().filter(|one| !before.contains(one)).collect();
    assert_eq!(changed.len(), 5, "{changed:?}");
    for part in ["secret 88", "codes 1 1", "counter: 77", "seen_at_ms: 55", "used_at_ms: Some(45)"] {
        assert!(changed.iter().any(|one| one.contains(part)), "{part}: {changed:?}");
    }
    let rows = audit(&mut records);
    let first_used = rows.iter().filter(|action| *action == "token.first_used").count();
    assert_eq!((first_used, rows.contains(&"session.seen".to_owned())), (1, false), "{rows:?}");
    assert_eq!(records.verify_audit().ok(), Some(None));
}

#[test]
fn what_is_over_is_gone_and_what_is_of_another_stays() {
    let folder = Folder::new("gone");
    let mut records = folder.open();
    keep(&mut records, &all_of(ALICE));
    keep(&mut records, &all_of(BOB));
    let of_bob: Vec<_> = {
        keep(&mut records, &[SignInChange::Forgotten { user: ALICE }]);
        kept(&mut records)
    };
    assert_eq!(of_bob.len(), 8, "{of_bob:?}");
    keep(
        &mut records,
        &[
            SignInChange::LinkClosed { user: Some(BOB) },
            SignInChange::AuthenticatorRemoved { user: BOB },
            SignInChange::RecoveryCodesSet { user: BOB, hashes: Vec::new() },
            SignInChange::PasskeyRemoved { user: BOB, id: vec![2, 9].into() },
            SignInChange::SessionEnded { user: BOB, hash: [2; 32], why: SessionEnd::SignedOut },
            SignInChange::TokenRevoked { id: TokenId::of(&[102; 32]) },
        ],
    );
    let identity = r#"IdentityRow { user: UserId(2), issuer: "https://id.example", subject: "2" }"#;
    assert_eq!(kept(&mut records), [identity, "password 2 $argon2id$"]);
}

#[test]
fn the_link_for_nobody_yet_is_read_back_and_a_later_one_takes_its_place() {
    let folder = Folder::new("links");
    let mut records = folder.open();
    let offered = |until_ms| SignInChange::LinkOffered { user: None, hash: [1; 32], until_ms };
    keep(&mut records, &[offered(1), offered(2)]);
    assert_eq!(kept(&mut records), ["link None 2"]);
    keep(&mut records, &[SignInChange::LinkClosed { user: None }]);
    assert_eq!(kept(&mut records), Vec::<String>::new());
}

#[test]
fn the_secret_of_an_authenticator_opens_for_its_own_user_alone() {
    let folder = Folder::new("moved");
    let mut records = folder.open();
    keep(&mut records, &[all_of(ALICE), all_of(BOB)].concat());
    drop(records);
    let database = Connection::open(folder.0.join("coeur.db")).expect("opens");
    let sealed: Vec<u8> = database
        .query_row("SELECT secret FROM authenticators WHERE user = 1", [], |row| row.get(0))
        .expect("there");
    assert!(!sealed.windows(6).any(|part| part == b"secret"));
    database.execute("UPDATE authenticators SET secret = ?1 WHERE user = 2", [sealed]).expect("moved");
    drop(database);
    let after = kept(&mut folder.open());
    let open: Vec<_> = after.iter().filter(|one| one.starts_with("authenticator")).collect();
    assert_eq!(open, ["authenticator 1 secret 8"]);
}

#[test]
fn a_key_of_the_installation_is_the_same_after_a_restart_and_another_for_another_purpose() {
    let folder = Folder::new("keys");
    let sign = |records: &Sqlite, purpose| {
        let key = records.mac_key(purpose).expect("a key");
        aws_lc_rs::hmac::sign(&key, b"x").as_ref().to_vec()
    };
    let first = sign(&folder.open(), "one");
    assert_eq!(sign(&folder.open(), "one"), first);
    assert_ne!(sign(&folder.open(), "two"), first);
}

#[test]
fn who_is_made_with_a_way_in_that_cannot_be_written_is_not_made() {
    let folder = Folder::new("together");
    drop(folder.open());
    let disk = Connection::open(folder.0.join("coeur.db")).expect("opens");
    let full = "CREATE TRIGGER full BEFORE INSERT ON identities BEGIN SELECT RAISE(ABORT, 'full'); END";
    disk.execute_batch(full).expect("a disk that is full");
    drop(disk);
    let added = Change::User(UserChange::Added(Box::new(User::new(ALICE, "alice", Role::User))));
    let identity = IdentityRow { user: ALICE, issuer: "https://id.example.org".into(), subject: "1".into() };
    let way = SignInChange::IdentityAdded(Box::new(identity));
    let make = |records: &mut Sqlite| {
        records.commit_with_sign_in(
            &Operator::program(),
            std::slice::from_ref(&added),
            std::slice::from_ref(&way),
            5,
        )
    };
    let there = |records: &mut Sqlite| {
        let directory = Directory::new();
        records.load(&directory).expect("loads");
        (directory.users(), records.sign_in().expect("reads").len())
    };
    let mut records = folder.open();
    assert!(make(&mut records).is_err());
    assert_eq!(there(&mut records), (0, 0), "he could never come in, and nobody could with his name");
    drop(records);
    let disk = Connection::open(folder.0.join("coeur.db")).expect("opens");
    disk.execute_batch("DROP TRIGGER full").expect("there is room again");
    drop(disk);
    let mut records = folder.open();
    assert!(make(&mut records).is_ok());
    assert_eq!(there(&mut records), (1, 1));
}
