//! Records in SQLite: what is committed comes back, what is stolen is of no use, what is tampered with is found.

use coeur_directory::*;
use coeur_storage::{DataLock, Operator, RecordingRow, Records, Sqlite, StorageError};
use std::path::{Path, PathBuf};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("coeur-records-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const SECRET: &str = "canary-secret-7d1f";

fn account(records: &mut Sqlite, user: &str) -> Change {
    let mut account = Account::new(
        records.next_account_id().expect("a number"),
        Aor::new(user, "example.org").expect("valid"),
    );
    let ha1 = Ha1Set::of_secret(user, "example.org", SECRET);
    account.devices = Box::new([Device::new(
        records.next_device_id().expect("a number"),
        "desk",
        ha1,
        AlgorithmPolicy::Auto,
        7,
    )]);
    Change::AccountAdded(Box::new(account))
}

fn filled(folder: &Path, users: &[&str]) -> Sqlite {
    let mut records = Sqlite::open(folder).expect("opens");
    let mut changes = vec![Change::DomainAdded(Domain::new("example.org"))];
    for user in users {
        changes.push(account(&mut records, user));
    }
    records.commit(&Operator::program(), &changes, 1_000, &mut |_| ()).expect("commits");
    records
}

fn loaded(folder: &Path) -> (Directory, Vec<String>) {
    let directory = Directory::new();
    let unusable = Sqlite::open(folder).expect("opens").load(&directory).expect("loads");
    (directory, unusable)
}

#[test]
fn forwarding_is_there_after_a_restart_and_what_is_not_named_stays() {
    let folder = Folder::new("forwarding");
    let mut records = filled(&folder.0, &["alice"]);
    let alice = Aor::parse("alice@example.org").expect("valid");
    let to = |user: &str| Some(Some(format!("sip:{user}@example.org").into_boxed_str()));
    let first = ForwardingPatch {
        always: to("a"),
        busy: to("b"),
        no_answer: to("c"),
        offline: to("d"),
        after_s: Some(7),
        do_not_disturb: Some(true),
    };
    let second = ForwardingPatch { always: Some(None), ..ForwardingPatch::default() };
    let groups = coeur_directory::PickupGroups::parse("sales,support").expect("names");
    for (forwarding, picked_up, pickup_groups) in
        [(first, Some(true), Some(groups.clone())), (second, None, None)]
    {
        let record = picked_up.map(|_| RecordPolicy::OnDemand);
        let patch = AccountPatch { forwarding, picked_up, pickup_groups, record, ..AccountPatch::default() };
        let change = Change::AccountChanged { aor: alice.clone(), patch };
        records.commit(&Operator::program(), &[change], 2_000, &mut |_| ()).expect("commits");
    }
    drop(records);
    let account = loaded(&folder.0).0.account_of(&alice).expect("there");
    let text = |rule: &Option<Box<str>>| rule.as_deref().map(str::to_owned);
    let rules = account.forwarding.as_deref().expect("some");
    assert_eq!(text(&rules.always), None);
    assert_eq!(text(&rules.busy).as_deref(), Some("sip:b@example.org"));
    assert_eq!(text(&rules.no_answer).as_deref(), Some("sip:c@example.org"));
    assert_eq!(text(&rules.offline).as_deref(), Some("sip:d@example.org"));
    assert_eq!((rules.after_s, rules.do_not_disturb), (7, true));
    assert!(account.picked_up);
    assert_eq!(account.pickup_groups, groups);
    assert_eq!(account.record, RecordPolicy::OnDemand);
}

#[test]
fn a_recording_has_one_row_and_one_audit_row_however_often_it_is_told() {
    let folder = Folder::new("recordings");
    let mut records = filled(&folder.0, &["alice"]);
    let row = |part| RecordingRow {
        call: 7,
        part,
        file: format!("recordings/2026/11/26/x-{part}.wav").into(),
        sha256: "ab".repeat(32).into(),
        bytes: 44,
        began_at_ms: 5,
        recorded_ms: 1_000,
        lost_ms: 0,
        pauses: "500+2000".into(),
        asked_by: "alice@example.org".into(),
        ended: "ended".into(),
    };
    for part in [1, 2, 1] {
        records.add_recording(&row(part), 3_000).expect("writes");
    }
    records.note(&Operator::owner_of_data("root"), "recording.start", "x", "", 4_000).expect("writes");
    assert_eq!(records.recordings(7).expect("reads"), [row(1), row(2)]);
    assert_eq!(records.recordings(8).expect("reads"), []);
    let audit = records.audit(0, None, 3).expect("reads");
    let actions: Vec<&str> = audit.iter().map(|row| row.action.as_str()).collect();
    assert_eq!(actions, ["recording.start", "recording.kept", "recording.kept"]);
    assert!(audit[1].detail.contains(&row(2).sha256[..]) && audit[0].operator == "root");
    assert_eq!(records.verify_audit().expect("reads"), None);
}

#[test]
fn a_database_of_the_schema_before_forwarding_is_brought_up_to_date() {
    let folder = Folder::new("migrated");
    drop(filled(&folder.0, &["alice"]));
    for column in ["always", "busy", "no_answer", "offline", "after_s"] {
        tamper(&folder, &format!("ALTER TABLE accounts DROP COLUMN forward_{column}"));
    }
    tamper(&folder, "ALTER TABLE accounts DROP COLUMN do_not_disturb");
    ["call_sides", "calls"].iter().for_each(|table| tamper(&folder, &format!("DROP TABLE {table}")));
    tamper(&folder, "ALTER TABLE accounts DROP COLUMN picked_up");
    tamper(&folder, "ALTER TABLE accounts DROP COLUMN pickup_groups");
    tamper(&folder, "ALTER TABLE accounts DROP COLUMN record");
    ["recordings", "talked", "identities", "webhook_deliveries", "webhooks", "contacts", "inventory"]
        .iter()
        .for_each(|table| tamper(&folder, &format!("DROP TABLE {table}")));
    tamper(&folder, "ALTER TABLE devices DROP COLUMN dtmf");
    for table in ["phone_links", "phone_lines", "phone_keys", "phones"] {
        tamper(&folder, &format!("DROP TABLE {table}"));
    }
    ["answers", "aliases", "account_groups"]
        .iter()
        .for_each(|table| tamper(&folder, &format!("DROP TABLE {table}")));
    ["terms", "in_groups"]
        .iter()
        .for_each(|column| tamper(&folder, &format!("ALTER TABLE accounts DROP COLUMN {column}")));
    // Alice had the right to relay.
    tamper(&folder, "ALTER TABLE accounts ADD COLUMN relay_foreign INTEGER NOT NULL DEFAULT 1");
    tamper(&folder, "ALTER TABLE accounts DROP COLUMN owner");
    tamper(&folder, "ALTER TABLE accounts DROP COLUMN owned_since_ms");
    tamper(&folder, "ALTER TABLE domains DROP COLUMN tenant");
    for table in
        ["sign_in_links", "passwords", "authenticators", "recovery_codes", "passkeys", "sessions", "tokens"]
    {
        tamper(&folder, &format!("DROP TABLE {table}"));
    }
    ["users", "tenants"].iter().for_each(|table| tamper(&folder, &format!("DROP TABLE {table}")));
    tamper(&folder, "DELETE FROM numbers WHERE kind NOT IN ('account', 'device')");
    tamper(&folder, "PRAGMA user_version = 3");
    // Nothing else is wrong with it.
    assert_eq!(problems(&folder), "coeur.db has schema 3, this program knows 22");
    let (directory, unusable) = loaded(&folder.0);
    assert_eq!(unusable, Vec::<String>::new());
    let alice = directory.account_of(&Aor::parse("alice@example.org").expect("valid")).expect("there");
    assert!(alice.forwarding.is_none() && !alice.picked_up);
    assert_eq!(alice.terms.as_deref().and_then(|terms| terms.relay_foreign), Some(true));
    assert_eq!(alice.pickup_groups.as_str(), "");
    assert_eq!(alice.devices[0].dtmf, Dtmf::Auto);
    assert_eq!(problems(&folder), "");
}

#[test]
fn what_was_committed_is_there_after_a_restart() {
    let folder = Folder::new("restart");
    let mut records = filled(&folder.0, &["alice", "bob"]);
    let alice = Aor::parse("alice@example.org").expect("valid");
    let patch = AccountPatch { enabled: Some(false), contacts_max: Some(Some(3)), ..AccountPatch::default() };
    let device = DeviceId(1);
    let changes = [
        Change::AccountChanged { aor: alice.clone(), patch },
        Change::DeviceProvedSha256 { aor: alice.clone(), device },
        Change::DeviceChanged { aor: alice.clone(), device, dtmf: Dtmf::Inband },
        Change::AccountRemoved(Aor::parse("bob@example.org").expect("valid")),
    ];
    records.commit(&Operator::program(), &changes, 2_000, &mut |_| ()).expect("commits");
    drop(records);
    let (directory, unusable) = loaded(&folder.0);
    assert_eq!(unusable, Vec::<String>::new());
    assert_eq!(directory.accounts(), 1);
    let alice = directory.account_of(&alice).expect("there");
    assert!(!alice.enabled);
    assert_eq!(alice.contacts_max, Some(3));
    assert!(alice.devices[0].proved_sha256());
    assert_eq!(alice.devices[0].dtmf, Dtmf::Inband);
    let expected = Ha1Set::of_secret("alice", "example.org", SECRET);
    assert_eq!(alice.devices[0].ha1.sha256.expose(), expected.sha256.expose());
    assert_eq!(
        alice.devices[0].ha1.md5.as_ref().expect("kept").expose(),
        expected.md5.expect("made").expose()
    );
}

#[test]
fn tenants_users_and_whose_an_account_is_are_there_after_a_restart() {
    let folder = Folder::new("people");
    let mut records = filled(&folder.0, &["alice"]);
    let alice = Aor::parse("alice@example.org").expect("valid");
    let tenant = Tenant::new(records.next_tenant_id().expect("a number"), "Other");
    let mut user = User::new(records.next_user_id().expect("a number"), "alice", Role::Operator);
    user.email = "alice@example.org".into();
    let desk = User {
        id: records.next_user_id().expect("a number"),
        tenant: tenant.id,
        ..User::new(UserId(0), "desk", Role::Owner)
    };
    let patch = UserPatch {
        kind: Some(UserKind::Role),
        login: Some("reception".into()),
        language: Some(Language::French),
        enabled: Some(false),
        ..UserPatch::default()
    };
    let whose = AccountPatch { user: Some(Some(user.id)), ..AccountPatch::default() };
    let changes = [
        Change::Tenant(TenantChange::Changed(Tenant::new(TenantId::FIRST, "First"))),
        Change::Tenant(TenantChange::Added(tenant.clone())),
        Change::DomainAdded(Domain { tenant: tenant.id, ..Domain::new("other.test") }),
        Change::User(UserChange::Added(Box::new(user.clone()))),
        Change::User(UserChange::Added(Box::new(desk.clone()))),
        Change::User(UserChange::Changed { id: desk.id, patch: patch.clone() }),
        Change::AccountChanged { aor: alice.clone(), patch: whose },
    ];
    records.commit(&Operator::program(), &changes, 2_000, &mut |_| ()).expect("commits");
    let details: Vec<String> =
        records.audit(0, None, 7).expect("reads").into_iter().map(|row| row.detail).collect();
    assert!(!details.concat().contains("alice@example.org"), "an e-mail is not in the chain: {details:?}");
    drop(records);
    let (directory, unusable) = loaded(&folder.0);
    assert_eq!(unusable, Vec::<String>::new());
    assert_eq!(directory.tenant(TenantId::FIRST).expect("there").name.as_ref(), "First");
    assert_eq!(directory.domain(b"other.test").expect("there").tenant, tenant.id);
    assert_eq!(*directory.user_by_login("alice").expect("there"), user);
    let mut changed = desk;
    changed.change(&patch);
    assert_eq!(*directory.user_by_login("reception").expect("there"), changed);
    assert_eq!(directory.account_of(&alice).expect("there").user, Some(user.id));
    let mut records = Sqlite::open(&folder.0).expect("opens");
    let removed = [UserChange::Removed(changed.id)].map(Change::User);
    records.commit(&Operator::program(), &removed, 3_000, &mut |_| ()).expect("commits");
    drop(records);
    let mut records = Sqlite::open(&folder.0).expect("opens");
    assert_eq!(records.next_user_id().expect("a number"), UserId(3), "the number of who is gone is spent");
    assert_eq!(records.next_tenant_id().expect("a number"), TenantId(3));
}

#[test]
fn groups_rights_and_further_addresses_are_there_after_a_restart() {
    let folder = Folder::new("groups");
    let mut records = filled(&folder.0, &["alice"]);
    let alice = Aor::parse("alice@example.org").expect("valid");
    let alias = |user: &str| Aor::new(user, "example.org").expect("valid");
    let list = |text: &str| TermsPatch {
        destinations: Some(Destinations::parse(text).ok()),
        minutes_per_month: Some(Some(600)),
        ..TermsPatch::relay(true)
    };
    let mut sales = Group::new(records.next_group_id().expect("a number"), TenantId::FIRST, "sales");
    let staff = Group::new(records.next_group_id().expect("a number"), TenantId::FIRST, "staff");
    let patch = GroupPatch { terms: list("all,!+44"), together_max: Some(Some(3)), ..GroupPatch::default() };
    let mut tenant = Tenant::first();
    tenant.terms.change(&list("internal"));
    tenant.numbering = Numbering::parse("+33=national").expect("valid");
    let patches = [
        AccountPatch { terms: list("national"), ..AccountPatch::default() },
        AccountPatch {
            terms: TermsPatch {
                relay_foreign: Some(None),
                sessions_max: Some(Some(2)),
                ..Default::default()
            },
            groups: Some(Box::new([staff.id, sales.id])),
            ..AccountPatch::default()
        },
    ];
    let changes = [
        Change::Group(GroupChange::Added(Box::new(sales.clone()))),
        Change::Group(GroupChange::Added(Box::new(staff.clone()))),
        Change::Group(GroupChange::Changed { id: sales.id, patch: patch.clone() }),
        Change::Tenant(TenantChange::Changed(tenant.clone())),
        Change::Alias(AliasChange::Added { aor: alice.clone(), alias: alias("202") }),
        Change::Alias(AliasChange::Added { aor: alice.clone(), alias: alias("201") }),
        Change::Alias(AliasChange::Added { aor: alice.clone(), alias: alias("203") }),
        Change::Alias(AliasChange::Removed { aor: alice.clone(), alias: alias("203") }),
    ];
    records.commit(&Operator::program(), &changes, 2_000, &mut |_| ()).expect("commits");
    for patch in patches {
        let change = Change::AccountChanged { aor: alice.clone(), patch };
        records.commit(&Operator::program(), &[change], 2_000, &mut |_| ()).expect("commits");
    }
    drop(records);
    let (directory, unusable) = loaded(&folder.0);
    assert_eq!(unusable, Vec::<String>::new());
    sales.change(&patch);
    assert_eq!(directory.group(sales.id).as_deref(), Some(&sales));
    assert_eq!(directory.tenant(TenantId::FIRST).as_deref(), Some(&tenant));
    let account = directory.account_of(&alice).expect("there");
    assert_eq!(*account.groups, [staff.id, sales.id]);
    assert_eq!(*account.aliases, [alias("202"), alias("201")]);
    let terms = account.terms.as_deref().expect("some");
    assert_eq!(terms.to_text(), "sessions=2 month=600 to=national");
    assert_eq!(directory.account_by_alias(b"201", b"example.org").expect("there").aor, alice);
    let mut records = Sqlite::open(&folder.0).expect("opens");
    records
        .commit(&Operator::program(), &[Change::AccountRemoved(alice)], 3_000, &mut |_| ())
        .expect("commits");
    drop(records);
    let directory = loaded(&folder.0).0;
    assert!(directory.account_by_alias(b"201", b"example.org").is_none(), "they go with their account");
}

#[test]
fn contacts_are_there_after_a_restart_and_the_audit_chain_says_nothing_of_whom() {
    let folder = Folder::new("contacts");
    drop(filled(&folder.0, &["alice"]));
    let mut records = Sqlite::open(&folder.0).expect("opens");
    let user = User::new(records.next_user_id().expect("a number"), "alice", Role::User);
    let number = |label, value: &str| ContactNumber { label, value: value.into() };
    let card = Card {
        name: "Zoë Martin".into(),
        organisation: "Mairie".into(),
        numbers: Box::new([
            number(NumberLabel::Mobile, "+33612345678"),
            number(NumberLabel::Other, "sip:zoe@example.org"),
        ]),
        email: "zoe@example.org".into(),
        note: "one\ntwo".into(),
    };
    let mut contact = |owner| {
        let book = Book { tenant: TenantId::FIRST, owner };
        Contact { id: records.next_contact_id().expect("a number"), book, card: card.clone() }
    };
    let (shared, own, gone) = (contact(None), contact(Some(user.id)), contact(None));
    let patch =
        ContactPatch { note: Some("".into()), numbers: Some(Box::default()), ..ContactPatch::default() };
    let changes = [
        Change::User(UserChange::Added(Box::new(user.clone()))),
        Change::Contact(ContactChange::Added(Box::new(shared.clone()))),
        Change::Contact(ContactChange::Imported(Box::new([own.clone(), gone.clone()]))),
        Change::Contact(ContactChange::Changed { id: own.id, patch: patch.clone() }),
        Change::Contact(ContactChange::Removed(gone.id)),
    ];
    records.commit(&Operator::program(), &changes, 2_000, &mut |_| ()).expect("commits");
    let audit = records.audit(0, None, 4).expect("reads");
    let said: Vec<_> = audit.iter().map(|row| (&*row.action, &*row.subject, &*row.detail)).collect();
    let expected = [
        ("contact.removed", "ctc_3", ""),
        ("contact.changed", "ctc_2", "numbers note"),
        ("contacts.imported", "ctc_2", "tenant=1 owner=usr_1 count=2"),
        ("contact.added", "ctc_1", "tenant=1"),
    ];
    assert_eq!(said, expected);
    drop(records);
    let (directory, unusable) = loaded(&folder.0);
    assert_eq!(unusable, Vec::<String>::new());
    assert_eq!(directory.contact(shared.id).as_deref(), Some(&shared));
    let mut changed = own.clone();
    changed.card.change(&patch);
    assert_eq!(directory.contact(own.id).as_deref(), Some(&changed));
    assert!(directory.contact(gone.id).is_none());
    let mut records = Sqlite::open(&folder.0).expect("opens");
    assert_eq!(records.next_contact_id().expect("a number"), ContactId(4), "no number twice");
    let removed = [Change::User(UserChange::Removed(user.id))];
    records.commit(&Operator::program(), &removed, 3_000, &mut |_| ()).expect("commits");
    drop(records);
    let directory = loaded(&folder.0).0;
    assert_eq!(directory.books(), [Book::shared(TenantId::FIRST)], "they go with their user");
}

#[test]
fn numbers_are_not_given_twice() {
    let folder = Folder::new("numbers");
    drop(filled(&folder.0, &["alice", "bob"]));
    let mut records = Sqlite::open(&folder.0).expect("opens");
    assert_eq!(records.next_account_id().expect("a number"), AccountId(3));
    assert_eq!(records.next_device_id().expect("a number"), DeviceId(3));
}

/// A binding in the journal names its device by number: with a number used twice, the phone of a device that was
/// revoked would come back as that of the new one.
#[test]
fn the_number_of_what_is_gone_is_not_given_again_after_a_restart() {
    let folder = Folder::new("gone");
    let mut records = filled(&folder.0, &["alice", "bob"]);
    let (alice, bob) =
        (Aor::parse("alice@example.org").expect("valid"), Aor::parse("bob@example.org").expect("valid"));
    let phone = Device::new(
        records.next_device_id().expect("a number"),
        "phone",
        Ha1Set::of_secret("alice", "example.org", SECRET),
        AlgorithmPolicy::Auto,
        7,
    );
    let device = phone.id;
    let changes = [
        Change::DeviceAdded { aor: alice.clone(), device: Box::new(phone) },
        Change::DeviceRevoked { aor: alice, device },
        Change::AccountRemoved(bob),
    ];
    records.commit(&Operator::program(), &changes, 2_000, &mut |_| ()).expect("commits");
    drop(records);
    let mut records = Sqlite::open(&folder.0).expect("opens");
    assert_eq!(records.next_account_id().expect("a number"), AccountId(3));
    assert_eq!(records.next_device_id().expect("a number"), DeviceId(4));
}

#[test]
fn neither_the_secret_nor_its_ha1_is_in_any_file_of_the_database() {
    let folder = Folder::new("canary");
    let records = filled(&folder.0, &["alice"]);
    let ha1 = Ha1Set::of_secret("alice", "example.org", SECRET);
    let md5 = ha1.md5.expect("made");
    let hex: String = ha1.sha256.expose().iter().map(|b| format!("{b:02x}")).collect();
    let needles: [&[u8]; 4] = [SECRET.as_bytes(), ha1.sha256.expose(), md5.expose(), hex.as_bytes()];
    let mut files = 0;
    for entry in std::fs::read_dir(&folder.0).expect("folder").flatten() {
        let Ok(bytes) = std::fs::read(entry.path()) else { continue };
        files += 1;
        for needle in needles {
            assert!(!bytes.windows(needle.len()).any(|w| w == needle), "{:?}", entry.path());
        }
    }
    assert!(files >= 2, "database and write-ahead log were read");
    drop(records);
}

#[test]
fn a_sealed_value_moved_to_another_account_does_not_open() {
    let folder = Folder::new("swap");
    drop(filled(&folder.0, &["alice", "bob"]));
    let connection = rusqlite::Connection::open(folder.0.join("coeur.db")).expect("opens");
    connection
        .execute("UPDATE devices SET ha1 = (SELECT ha1 FROM devices WHERE id = 2) WHERE id = 1", [])
        .expect("the thief writes");
    drop(connection);
    let (directory, _) = loaded(&folder.0);
    let alice = directory.account_of(&Aor::parse("alice@example.org").expect("valid")).expect("there");
    assert_eq!(alice.devices.len(), 0);
    let bob = directory.account_of(&Aor::parse("bob@example.org").expect("valid")).expect("there");
    assert_eq!(bob.devices.len(), 1);
}

#[test]
fn every_change_has_its_audit_row_and_a_changed_row_is_found() {
    let folder = Folder::new("audit");
    let mut records = filled(&folder.0, &["alice", "bob"]);
    let rows = records.audit(0, None, 10).expect("reads");
    assert_eq!(
        rows.iter().map(|r| r.action.as_str()).collect::<Vec<_>>(),
        ["account.added", "account.added", "domain.added"]
    );
    assert_eq!(records.verify_audit().expect("reads"), None);
    drop(records);
    let tamper = |sql: &str| {
        let connection = rusqlite::Connection::open(folder.0.join("coeur.db")).expect("opens");
        connection.execute(sql, []).expect("the insider writes");
    };
    tamper("UPDATE audit SET subject = 'mallory@example.org' WHERE sequence = 2");
    let mut records = Sqlite::open(&folder.0).expect("opens");
    assert_eq!(records.verify_audit().expect("reads"), Some(2));
    tamper("DELETE FROM audit WHERE sequence = 2");
    assert_eq!(records.verify_audit().expect("reads"), Some(3));
}

/// A machine that has set its clock back writes rows that are earlier than those before them.
#[test]
fn audit_rows_since_a_time_are_found_behind_one_that_is_earlier() {
    let folder = Folder::new("since");
    let mut records = filled(&folder.0, &["alice"]);
    for (at_ms, subject) in [(50_000, "a"), (51_000, "b"), (40_000, "back"), (52_000, "c")] {
        records
            .note(&Operator::owner_of_data("root"), "recording.start", subject, "", at_ms)
            .expect("writes");
    }
    let mut since = |limit| {
        let rows = records.audit(50_000, None, limit).expect("reads");
        rows.into_iter().map(|row| row.subject).collect::<Vec<_>>()
    };
    assert_eq!(since(10), ["c", "b", "a"]);
    assert_eq!(since(2), ["c", "b"]);
}

/// What somebody does who can write the database and nothing else.
fn tamper(folder: &Folder, sql: &str) {
    let connection = rusqlite::Connection::open(folder.0.join("coeur.db")).expect("opens");
    connection.execute_batch(sql).expect("the insider writes");
}

fn problems(folder: &Folder) -> String {
    coeur_storage::check_records(&folder.0).expect("reads").problems.join("\n")
}

/// Threat T-27: before the next start a look finds it; the start writes it down in the chain itself.
#[test]
fn audit_rows_cut_off_from_the_end_are_missed_and_that_is_written_down() {
    let folder = Folder::new("cut");
    drop(filled(&folder.0, &["alice", "bob"]));
    assert_eq!(problems(&folder), "");
    tamper(&folder, "DELETE FROM audit WHERE sequence > 1");
    assert!(problems(&folder).contains("the last 2 of 3 audit rows are missing"), "{}", problems(&folder));
    let told = loaded(&folder.0).1;
    assert!(told.len() == 1 && told[0].contains("the last 2 of 3 audit rows are missing"), "{told:?}");
    // Told once; from then on it is a row like any other.
    assert_eq!(loaded(&folder.0).1, Vec::<String>::new());
    let mut records = Sqlite::open(&folder.0).expect("opens");
    let row = records.audit(0, None, 1).expect("reads").remove(0);
    assert_eq!((row.sequence, row.action.as_str()), (2, "audit.gap"));
    assert_eq!(records.verify_audit().expect("reads"), None);
    drop(records);
    assert_eq!(problems(&folder), "audit row 2 says that rows before it are missing");
    tamper(&folder, "DELETE FROM audit WHERE sequence = 2");
    assert!(problems(&folder).contains("the last 1 of 2 audit rows are missing"), "{}", problems(&folder));
}

#[test]
fn a_chain_that_was_written_anew_without_the_key_is_found() {
    let folder = Folder::new("anew");
    drop(filled(&folder.0, &["alice"]));
    tamper(&folder, "UPDATE audit SET operator = 'somebody else'");
    hash_without_key(&folder);
    assert!(problems(&folder).contains("the audit chain is broken at row 1"), "{}", problems(&folder));
}

/// Threat T-27: before the first release there were chains without a key. No key of ours is ever put to one.
#[test]
fn a_chain_that_is_passed_off_as_one_of_an_older_program_is_refused() {
    let folder = Folder::new("older");
    drop(filled(&folder.0, &["alice"]));
    tamper(&folder, "UPDATE audit SET operator = 'somebody else'");
    hash_without_key(&folder);
    std::fs::remove_file(folder.0.join("audit.head")).expect("it was there");
    for schema in [1, 2] {
        tamper(&folder, &format!("PRAGMA user_version = {schema}"));
        let error = Sqlite::open(&folder.0).map(|_| ()).expect_err("refused");
        assert!(error.to_string().contains("of a program that was never released"), "{error}");
    }
    // Nor is it taken for a new one.
    tamper(&folder, "PRAGMA user_version = 0");
    Sqlite::open(&folder.0).map(|_| ()).expect_err("refused");
    tamper(&folder, "PRAGMA user_version = 4");
    assert!(problems(&folder).contains("the audit chain is broken at row 1"), "{}", problems(&folder));
}

/// A crash between the rows and the head, or a full disk; and heads that are no heads.
#[test]
fn a_head_may_be_behind_and_may_not_be_missing_or_forged() {
    let folder = Folder::new("behind");
    let head = folder.0.join("audit.head");
    let mut records = filled(&folder.0, &[]);
    let old = std::fs::read(&head).expect("there");
    let alice = account(&mut records, "alice");
    records.commit(&Operator::program(), &[alice], 2_000, &mut |_| ()).expect("commits");
    drop(records);
    std::fs::write(&head, &old).expect("the disk was full");
    assert_eq!((problems(&folder), loaded(&folder.0).1), (String::new(), Vec::new()));
    std::fs::write(&head, String::from_utf8_lossy(&old).replacen('1', "2", 1)).expect("the insider writes");
    assert!(problems(&folder).contains("audit.head was not written with the key of this installation"));
    std::fs::remove_file(&head).expect("there");
    assert!(problems(&folder).contains("audit.head is missing, and there are 2 audit rows"));
}

/// A chain as anybody can write it: SHA-256 over the hash before and the row.
fn hash_without_key(folder: &Folder) {
    let mut rows = Sqlite::open(&folder.0).expect("opens").audit(0, None, 100).expect("reads");
    rows.reverse();
    let connection = rusqlite::Connection::open(folder.0.join("coeur.db")).expect("opens");
    let mut hash = Vec::new();
    for row in rows {
        let mut bytes =
            [hash, row.sequence.to_be_bytes().to_vec(), row.at_ms.to_be_bytes().to_vec()].concat();
        for text in [row.operator, row.action, row.subject, row.detail] {
            bytes.extend((text.len() as u64).to_be_bytes());
            bytes.extend(text.into_bytes());
        }
        hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes).as_ref().to_vec();
        let values = rusqlite::params![row.sequence as i64, hash];
        connection.execute("UPDATE audit SET hash = ?2 WHERE sequence = ?1", values).expect("writes");
    }
}

#[test]
fn a_commit_that_fails_leaves_nothing_behind() {
    let folder = Folder::new("atomic");
    let mut records = filled(&folder.0, &["alice"]);
    let changes = [account(&mut records, "carol"), account(&mut records, "alice")];
    let error = records.commit(&Operator::program(), &changes, 1, &mut |_| ()).expect_err("alice is there");
    assert!(matches!(error, StorageError::Sql { .. }), "{error}");
    drop(records);
    assert_eq!(loaded(&folder.0).0.accounts(), 1);
    assert_eq!(Sqlite::open(&folder.0).expect("opens").audit(0, None, 10).expect("reads").len(), 2);
}

#[test]
fn a_newer_database_is_not_touched() {
    let folder = Folder::new("newer");
    drop(filled(&folder.0, &[]));
    let connection = rusqlite::Connection::open(folder.0.join("coeur.db")).expect("opens");
    connection.pragma_update(None, "user_version", 999).expect("writes");
    drop(connection);
    let error = Sqlite::open(&folder.0).map(|_| ()).expect_err("refused");
    assert!(error.to_string().contains("start the newer program"), "{error}");
}

#[test]
fn two_processes_do_not_share_a_data_directory() {
    let folder = Folder::new("lock");
    let held = DataLock::take(&folder.0).expect("free");
    let error = DataLock::take(&folder.0).map(|_| ()).expect_err("taken");
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    drop(held);
    DataLock::take(&folder.0).expect("free again");
}

#[test]
fn the_key_file_can_be_read_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("key");
    drop(filled(&folder.0, &[]));
    let mode = std::fs::metadata(folder.0.join("keys/seal.key")).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o400);
}

fn refused(folder: &Folder) -> String {
    Sqlite::open(&folder.0).map(|_| ()).expect_err("refused").to_string()
}

/// A backup that was restored without its keys: with a new key no device could authenticate, and the audit chain would
/// be another's.
#[test]
fn a_database_without_its_key_or_with_that_of_another_is_refused_and_not_touched() {
    let folder = Folder::new("keyless");
    drop(filled(&folder.0, &["alice", "bob"]));
    let path = folder.0.join("keys/seal.key");
    let key = std::fs::read(&path).expect("there");
    std::fs::remove_file(&path).expect("there");
    assert!(
        refused(&folder).contains("keys/seal.key is missing: restore the key file"),
        "{}",
        refused(&folder)
    );
    assert!(!path.exists());
    std::fs::write(&path, [7; 32]).expect("the key of another house");
    assert!(refused(&folder).contains("none of 2 sealed credentials opens"), "{}", refused(&folder));
    std::fs::write(&path, &key[..7]).expect("a key that was cut");
    assert!(refused(&folder).contains("restore it"), "{}", refused(&folder));
    std::fs::remove_file(&path).expect("there");
    std::fs::write(&path, key).expect("restored");
    assert_eq!(loaded(&folder.0).1, Vec::<String>::new());
    assert_eq!(problems(&folder), "");
}

#[test]
fn a_key_that_was_made_before_the_database_is_its_key() {
    let folder = Folder::new("before");
    drop(filled(&folder.0, &[]));
    let key = std::fs::read(folder.0.join("keys/seal.key")).expect("there");
    ["coeur.db", "audit.head"]
        .iter()
        .for_each(|name| std::fs::remove_file(folder.0.join(name)).expect("there"));
    drop(filled(&folder.0, &["alice"]));
    assert_eq!(std::fs::read(folder.0.join("keys/seal.key")).expect("there"), key);
}

#[test]
fn what_was_answered_is_there_after_a_restart_for_a_day_within_its_bounds_and_sealed() {
    use coeur_storage::{ANSWER_BYTES_MAX, ANSWER_KEPT_MS, ANSWERS_MAX, AnswerRow};
    let folder = Folder::new("answers");
    let mut records = filled(&folder.0, &["alice"]);
    let row = |n: u64, at_ms, answer: &[u8]| {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&n.to_be_bytes());
        AnswerRow { asker: "boss".into(), key, asked: [7; 32], at_ms, answer: answer.to_vec() }
    };
    records.keep_answer(&row(1, 5, SECRET.as_bytes())).expect("kept");
    records.keep_answer(&row(2, 6, &vec![0; ANSWER_BYTES_MAX + 1])).expect("too long to be kept");
    drop(records);
    let mut records = Sqlite::open(&folder.0).expect("opens");
    assert!(records.answers(5).expect("read") == [row(1, 5, SECRET.as_bytes())]);
    assert!(records.answers(6 + ANSWER_KEPT_MS).expect("read").is_empty(), "a day is over");
    for file in ["coeur.db", "coeur.db-wal"] {
        let bytes = std::fs::read(folder.0.join(file)).unwrap_or_default();
        assert!(!bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()), "{file}");
    }
    tamper(&folder, "UPDATE answers SET asker = 'mallory'");
    assert!(records.answers(5).expect("read").is_empty(), "what was moved does not open");
    for n in 0..ANSWERS_MAX as u64 + 9 {
        records.keep_answer(&row(n, 1_000 + n, b"x")).expect("kept");
    }
    assert_eq!(records.answers(1_000).expect("read").len(), ANSWERS_MAX);
}

#[test]
fn numbers_are_there_after_a_restart_and_the_audit_chain_says_no_address() {
    let folder = Folder::new("numbers");
    drop(filled(&folder.0, &["alice", "bob"]));
    let mut records = Sqlite::open(&folder.0).expect("opens");
    let mut number = |text: &str| Number {
        id: records.next_number_id().expect("a number"),
        tenant: TenantId::FIRST,
        e164: E164::parse(text).expect("a number"),
        emergency_address: "".into(),
        note: "Ported".into(),
        created_at_ms: 1_700,
    };
    let numbers: Box<[Number]> = ["+33100", "+33101", "+33102"].map(&mut number).into();
    let (first, gone) = (numbers[0].clone(), numbers[2].id);
    let patch = NumberPatch { emergency_address: Some("1 rue X\n75001 Paris".into()), note: None };
    let aor = |text: &str| Aor::parse(text).expect("valid");
    let (alice, bob, alias) = (aor("alice@example.org"), aor("bob@example.org"), aor("+33100@example.org"));
    let changes = [
        Change::Number(NumberChange::Added(numbers)),
        Change::Number(NumberChange::Changed { id: first.id, patch: patch.clone() }),
        Change::Number(NumberChange::Removed(gone)),
        Change::Alias(AliasChange::Added { aor: alice.clone(), alias: alias.clone() }),
        Change::Alias(AliasChange::Moved { from: alice.clone(), aor: bob.clone(), alias: alias.clone() }),
    ];
    records.commit(&Operator::program(), &changes, 2_000, &mut |_| ()).expect("commits");
    let audit = records.audit(0, None, 5).expect("reads");
    let said: Vec<_> = audit.iter().map(|row| (&*row.action, &*row.subject, &*row.detail)).collect();
    let expected = [
        ("alias.moved", "bob@example.org", "alias=+33100@example.org from=alice@example.org"),
        ("alias.added", "alice@example.org", "alias=+33100@example.org"),
        ("number.removed", "num_3", ""),
        ("number.changed", "num_1", "emergency_address"),
        ("number.added", "num_1", "tenant=1 first=+33100 last=+33102 count=3"),
    ];
    assert_eq!(said, expected);
    drop(records);
    let (directory, unusable) = loaded(&folder.0);
    assert_eq!(unusable, Vec::<String>::new());
    let mut changed = first.clone();
    changed.change(&patch);
    assert_eq!(directory.number(first.id).as_deref(), Some(&changed));
    assert_eq!((directory.number(gone), directory.numbers_count(None)), (None, 2));
    let holder = directory.holder(TenantId::FIRST, &first.e164).expect("moved");
    assert_eq!((holder.account.aor.clone(), holder.address), (bob, alias));
    let mut records = Sqlite::open(&folder.0).expect("opens");
    assert_eq!(records.next_number_id().expect("a number"), NumberId(4), "none twice");
}
