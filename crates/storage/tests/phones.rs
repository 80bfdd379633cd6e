//! Phones and their links in SQLite: what is committed comes back, and a link gives its secrets once.

use coeur_directory::*;
use coeur_storage::{
    KeyKind, KeyRow, LinkKind, LinkRow, Operator, PhoneId, PhonePassword, PhoneRecords, PhoneRow, Records,
    Sqlite,
};
use std::path::PathBuf;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("coeur-phones-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn aor(user: &str) -> Aor {
    Aor::new(user, "example.org").expect("valid")
}

/// With these accounts, of one device each, numbered from 1.
fn filled(folder: &Folder, users: &[&str]) -> Sqlite {
    let mut records = Sqlite::open(&folder.0).expect("opens");
    let mut changes = vec![Change::DomainAdded(Domain::new("example.org"))];
    for user in users {
        let mut account = Account::new(records.next_account_id().expect("a number"), aor(user));
        let ha1 = Ha1Set::of_secret(user, "example.org", "secret");
        let id = records.next_device_id().expect("a number");
        account.devices = Box::new([Device::new(id, "desk", ha1, AlgorithmPolicy::Auto, 7)]);
        changes.push(Change::AccountAdded(Box::new(account)));
    }
    records.commit(&Operator::program(), &changes, 1_000, &mut |_| ()).expect("commits");
    records
}

fn phone(records: &mut Sqlite, mac: Option<&str>, lines: &[(&str, u64)]) -> PhoneRow {
    PhoneRow {
        id: records.next_phone_id().expect("a number"),
        vendor: "yealink".into(),
        model: "T54W".into(),
        mac: mac.map(Into::into),
        language: "fr".into(),
        country: "FR".into(),
        transport: "tls".into(),
        lines: lines.iter().map(|(user, device)| (aor(user), DeviceId(*device))).collect(),
        created_at_s: 9,
        user_agent: "".into(),
        fetched_at_s: None,
        keys: Vec::new(),
        changed_at_s: None,
    }
}

fn link(phone: &PhoneRow, hash: u8) -> LinkRow {
    LinkRow {
        hash: [hash; 32],
        phone: phone.id,
        kind: LinkKind::Once,
        expires_at_s: 500,
        used_at_s: None,
        used_by: None,
    }
}

fn put(records: &mut Sqlite, phone: &PhoneRow, hash: u8) {
    let link = link(phone, hash);
    records.put_phone(&Operator::program(), phone, &link, 2_000).expect("is put");
}

#[test]
fn a_phone_and_its_link_are_there_after_a_restart_and_in_the_audit_chain() {
    let folder = Folder::new("restart");
    let mut records = filled(&folder, &["alice", "desk"]);
    let phone = phone(&mut records, Some("249ad888d0f4"), &[("alice", 1), ("desk", 2)]);
    put(&mut records, &phone, 1);
    drop(records);
    let mut records = Sqlite::open(&folder.0).expect("opens");
    assert_eq!(records.phones().expect("read"), std::slice::from_ref(&phone));
    assert_eq!(records.phone_of(DeviceId(2)).expect("read"), Some(phone.clone()));
    assert_eq!(records.link(&[1; 32]).expect("read"), Some(link(&phone, 1)));
    assert_eq!(records.link(&[2; 32]).expect("read"), None);
    assert_eq!(records.next_phone_id().expect("a number"), PhoneId(2));
    let audit = records.audit(0, None, 1).expect("read");
    assert_eq!((audit[0].action.as_str(), audit[0].subject.as_str()), ("phone.linked", "phone 1"));
    assert!(audit[0].detail.contains("mac=249ad888d0f4 lines=alice@example.org/1,desk@example.org/2"));
    assert_eq!(records.verify_audit().expect("follows"), None);
}

#[test]
fn a_link_that_gave_its_settings_is_used_and_a_newer_one_ends_it() {
    let folder = Folder::new("used");
    let mut records = filled(&folder, &["alice"]);
    let mut phone = phone(&mut records, None, &[("alice", 1)]);
    put(&mut records, &phone, 1);
    let mut used = link(&phone, 1);
    (used.used_at_s, used.used_by) = (Some(100), Some("192.0.2.7".into()));
    (phone.mac, phone.user_agent, phone.fetched_at_s) =
        (Some("249ad888d0f4".into()), "Yealink".into(), Some(100));
    records.fetched(&used, &phone, Some(&[9; 32]), 100_000).expect("is noted");
    assert_eq!(records.link(&[1; 32]).expect("read"), Some(used.clone()));
    assert_eq!(records.phone(phone.id).expect("read"), Some(phone.clone()));
    assert_eq!(records.link(&[9; 32]).expect("read").map(|link| link.kind), Some(LinkKind::Own));
    // Who asks again later is not the first.
    let mut again = used.clone();
    (again.used_at_s, again.used_by) = (Some(300), Some("192.0.2.8".into()));
    records.fetched(&again, &phone, None, 300_000).expect("is noted");
    assert_eq!(records.link(&[1; 32]).expect("read"), Some(used));
    put(&mut records, &phone, 2);
    assert_eq!(records.link(&[1; 32]).expect("read").map(|link| link.expires_at_s), Some(0));
    assert_eq!(records.link(&[2; 32]).expect("read").map(|link| link.expires_at_s), Some(500));
}

#[test]
fn a_telephone_that_is_given_away_and_a_device_that_moves_are_in_one_place() {
    let folder = Folder::new("moved");
    let mut records = filled(&folder, &["alice", "bob"]);
    let first = phone(&mut records, Some("249ad888d0f4"), &[("alice", 1)]);
    put(&mut records, &first, 1);
    let second = phone(&mut records, Some("249ad888d0f4"), &[("bob", 2)]);
    put(&mut records, &second, 2);
    assert_eq!(records.phones().expect("read"), std::slice::from_ref(&second));
    assert_eq!(records.link(&[1; 32]).expect("read"), None, "the link went with it");
    let third = phone(&mut records, None, &[("bob", 2)]);
    put(&mut records, &third, 3);
    assert_eq!(records.phones().expect("read"), [third]);
}

#[test]
fn a_phone_goes_with_its_last_device_and_its_number_is_not_given_again() {
    let folder = Folder::new("gone");
    let mut records = filled(&folder, &["alice"]);
    let phone = phone(&mut records, None, &[("alice", 1)]);
    put(&mut records, &phone, 1);
    let revoked = Change::DeviceRevoked { aor: aor("alice"), device: DeviceId(1) };
    records.commit(&Operator::program(), &[revoked], 3_000, &mut |_| ()).expect("commits");
    assert_eq!(records.phones().expect("read"), []);
    assert_eq!(records.phone(phone.id).expect("read"), None);
    assert_eq!(records.next_phone_id().expect("a number"), PhoneId(2));
}

#[test]
fn links_of_a_phone_do_not_pile_up() {
    let folder = Folder::new("pile");
    let mut records = filled(&folder, &["alice"]);
    let phone = phone(&mut records, None, &[("alice", 1)]);
    for hash in 1..=20 {
        put(&mut records, &phone, hash);
    }
    let left: Vec<u8> = (1..=20).filter(|hash| records.link(&[*hash; 32]).expect("read").is_some()).collect();
    assert_eq!(left, (13..=20).collect::<Vec<u8>>());
}

#[test]
fn a_device_with_a_new_secret_has_it_after_a_restart_and_has_proved_nothing_with_it() {
    let folder = Folder::new("keyed");
    let mut records = filled(&folder, &["alice"]);
    let proved = Change::DeviceProvedSha256 { aor: aor("alice"), device: DeviceId(1) };
    let ha1 = Ha1Set::of_secret("alice", "example.org", "another");
    let keyed = Change::DeviceKeyed { aor: aor("alice"), device: DeviceId(1), ha1: ha1.clone() };
    records.commit(&Operator::program(), &[proved, keyed.clone()], 3_000, &mut |_| ()).expect("commits");
    drop(records);
    let directory = Directory::new();
    Sqlite::open(&folder.0).expect("opens").load(&directory).expect("loads");
    let account = directory.account_of(&aor("alice")).expect("there");
    assert_eq!(account.devices[0].ha1.sha256.expose(), ha1.sha256.expose());
    assert!(!account.devices[0].proved_sha256());
    // And in the table of a running server.
    account.devices[0].prove_sha256();
    directory.apply(&keyed).expect("applies");
    assert!(!directory.account_of(&aor("alice")).expect("there").devices[0].proved_sha256());
}

#[test]
fn of_two_who_ask_with_one_link_at_the_same_moment_one_is_given_the_settings() {
    let folder = Folder::new("moment");
    let mut records = filled(&folder, &["alice"]);
    let phone = phone(&mut records, None, &[("alice", 1)]);
    put(&mut records, &phone, 1);
    // Both have read the link before either has used it.
    let by =
        |address: &str| LinkRow { used_at_s: Some(100), used_by: Some(address.into()), ..link(&phone, 1) };
    assert!(records.fetched(&by("192.0.2.1"), &phone, Some(&[8; 32]), 100_000).expect("is written"));
    let rows = records.audit(0, None, 100).expect("reads").len();
    assert!(!records.fetched(&by("192.0.2.2"), &phone, Some(&[9; 32]), 100_001).expect("is read"));
    assert!(records.link(&[9; 32]).expect("reads").is_none(), "and no address of its own");
    assert_eq!(records.audit(0, None, 100).expect("reads").len(), rows, "nothing was done");
    assert!(records.fetched(&by("192.0.2.1"), &phone, None, 100_002).expect("is written"), "who asks again");
}

/// As version 0.1 had it: no keys, and when a phone was told something new is not known.
#[test]
fn keys_of_a_phone_are_kept_through_a_new_link_and_a_restart_and_a_database_without_them_gets_them() {
    let folder = Folder::new("keys");
    let mut records = filled(&folder, &["alice"]);
    let mut phone = phone(&mut records, None, &[("alice", 1)]);
    put(&mut records, &phone, 1);
    drop(records);
    let connection = rusqlite::Connection::open(folder.0.join("coeur.db")).expect("opens");
    let before = "DROP TABLE inventory; DELETE FROM numbers WHERE kind = 'number'; DROP TABLE phone_keys; ALTER TABLE phones DROP COLUMN changed_at_s;
        ALTER TABLE phones DROP COLUMN password; ALTER TABLE phones DROP COLUMN password_before;
        ALTER TABLE phones DROP COLUMN password_told_at_s; PRAGMA user_version = 19";
    connection.execute_batch(before).expect("is as it was");
    drop(connection);

    let mut records = Sqlite::open(&folder.0).expect("opens");
    assert_eq!(records.phone(phone.id).expect("read"), Some(phone.clone()));
    let key = |position, kind, target: &str| KeyRow {
        position,
        kind,
        line: 1,
        target: target.into(),
        label: "Réception".into(),
    };
    phone.keys = vec![key(2, KeyKind::Blf, "bob"), key(7, KeyKind::Cleared, "")];
    let by = Operator::program();
    records.put_keys(&by, phone.id, &[key(1, KeyKind::Line, "")], 8_000).expect("are put");
    records.put_keys(&by, phone.id, &phone.keys, 9_000).expect("are put");
    records.put_keys(&by, PhoneId(99), &phone.keys, 9_000).expect("changes nothing");
    put(&mut records, &phone, 2);
    drop(records);

    let mut records = Sqlite::open(&folder.0).expect("opens");
    phone.changed_at_s = Some(9);
    assert_eq!(records.phone(phone.id).expect("read"), Some(phone.clone()));
    let audit = records.audit(0, None, 10).expect("read");
    let said = audit.iter().filter(|row| row.action == "phone.keys").map(|row| row.detail.as_str());
    let mut said: Vec<&str> = said.collect();
    said.sort_unstable();
    assert_eq!(said, ["1=line/1", "2=blf/1:bob 7=cleared/1"]);
    assert_eq!(records.verify_audit().expect("reads"), None);
    records.remove_phone(&by, phone.id, 10_000).expect("is removed");
}

#[test]
fn the_password_of_a_phone_lies_sealed_for_that_phone_and_a_database_without_them_gets_them() {
    let folder = Folder::new("password");
    let mut records = filled(&folder, &["alice", "bob"]);
    let mut phones = Vec::new();
    for (user, device) in [("alice", 1), ("bob", 2)] {
        let phone = phone(&mut records, None, &[(user, device)]);
        put(&mut records, &phone, device as u8);
        phones.push(phone.id);
    }
    drop(records);
    let connection = rusqlite::Connection::open(folder.0.join("coeur.db")).expect("opens");
    let before = "DROP TABLE inventory; DELETE FROM numbers WHERE kind = 'number'; ALTER TABLE phones DROP COLUMN password; ALTER TABLE phones DROP COLUMN password_before;
        ALTER TABLE phones DROP COLUMN password_told_at_s; PRAGMA user_version = 20";
    connection.execute_batch(before).expect("is as it was");
    drop(connection);

    let mut records = Sqlite::open(&folder.0).expect("opens");
    let [first, second] = [phones[0], phones[1]];
    assert!(records.phone_password(first).expect("read").is_none());
    let text = |text: &str| text.to_owned().into();
    let password =
        PhonePassword { now: text("CanaryNow"), before: Some(text("CanaryBefore")), told_at_s: None };
    let by = Operator::program();
    records.put_phone_password(&by, first, "phone.password_rotated", &password, 9_000).expect("is put");
    drop(records);

    let mut records = Sqlite::open(&folder.0).expect("opens");
    let kept = records.phone_password(first).expect("read").expect("is there");
    let before = kept.before.as_ref().map(|text| text.as_str());
    assert_eq!((kept.now.as_str(), before), ("CanaryNow", Some("CanaryBefore")));
    records.phone_password_told(first, 12).expect("is noted");
    let kept = records.phone_password(first).expect("read").expect("is there");
    assert_eq!((kept.told_at_s, kept.before.is_none()), (Some(12), true));
    let audit = records.audit(0, None, 10).expect("read");
    let row = audit.iter().find(|row| row.action == "phone.password_rotated").expect("is there");
    assert_eq!((row.subject.as_str(), row.detail.as_str()), ("phone 1", ""));
    drop(records);

    let files = std::fs::read_dir(&folder.0).expect("a folder").flatten().map(|file| file.path());
    for file in files.filter(|file| file.is_file()) {
        let bytes = std::fs::read(&file).expect("read");
        assert!(!bytes.windows(6).any(|part| part == b"Canary"), "{file:?}");
    }
    let connection = rusqlite::Connection::open(folder.0.join("coeur.db")).expect("opens");
    let moved = "UPDATE phones SET password = (SELECT password FROM phones WHERE id = 1)";
    connection.execute(moved, []).expect("is moved");
    drop(connection);
    let mut records = Sqlite::open(&folder.0).expect("opens");
    assert!(records.phone_password(first).expect("read").is_some());
    assert!(records.phone_password(second).expect("read").is_none(), "it was sealed for another phone");
}
