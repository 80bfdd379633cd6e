//! Records of calls: there once, found by what is asked, kept as long as was said.

use coeur_directory::{
    Account, AccountPatch, Aor, Change, Directory, Domain, Role, User, UserChange, UserId,
};
use coeur_storage::{
    CallQuery, CallRow, Disposition, Keep, Operator, Records, SideRow, Sqlite, TalkedRow, WayRow,
};
use std::path::PathBuf;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("coeur-calls-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const ALL: Keep = Keep { days: 365, calls: 1_000_000 };
const DAY_MS: u64 = 86_400_000;
const NOW_MS: u64 = 1_800_000_000_000;

/// The n-th call of a millisecond.
fn call(at_ms: u64, n: u32) -> CallRow {
    let way = WayRow { packets: Some(500), lost: Some(1), jitter_us: Some(900), mos_hundredths: Some(435) };
    let side = |account: &str| SideRow {
        account: Some(account.into()),
        device: Some(7),
        address: format!("\"A name\" <sip:{account}>").into(),
        user_agent: "Some desk phone 1.2.3".into(),
        transport: Some("tls".into()),
        remote: Some("192.0.2.7:40000".into()),
        call_id: "0123456789abcdef0123456789abcdef".into(),
        codec: Some("PCMA/8000".into()),
        protection: Some("sdes".into()),
        received: way,
        sent: WayRow::default(),
        round_trip_us: None,
    };
    CallRow {
        id: u128::from(at_ms) << 80 | 7 << 76 | 2 << 62 | u128::from(n),
        ring_after_ms: Some(120),
        answered_at_ms: Some(at_ms + 3_000),
        ended_at_ms: at_ms + 60_000,
        status: 200,
        ended_by: "caller".into(),
        reason: None,
        q850_cause: None,
        to: "sip:bob@example.org".into(),
        media: Some("hop".into()),
        transfer_of: None,
        forwarded_by: None,
        verdict: None,
        caller: side("alice@example.org"),
        callee: Some(side("bob@example.org")),
        payer: None,
    }
}

fn all(records: &mut Sqlite) -> Vec<CallRow> {
    records.calls(&CallQuery { limit: 100_000, ..CallQuery::default() }).expect("read")
}

#[test]
fn a_call_is_read_as_it_was_written_also_after_a_restart() {
    let folder = Folder::new("written");
    let mut records = Sqlite::open(&folder.0).expect("opens");
    let mut missed = call(NOW_MS, 2);
    missed.callee = None;
    missed.answered_at_ms = None;
    missed.reason = Some("Q.850;cause=17".into());
    missed.q850_cause = Some(17);
    missed.transfer_of = Some(call(NOW_MS, 1).id);
    missed.forwarded_by = Some("bob@example.org".into());
    missed.verdict = Some("a firewall".into());
    let written = [call(NOW_MS, 1), missed];
    records.add_calls(&written, ALL, NOW_MS).expect("written");
    drop(records);
    let mut records = Sqlite::open(&folder.0).expect("opens");
    let found = all(&mut records);
    assert_eq!(found.iter().rev().collect::<Vec<_>>(), written.iter().collect::<Vec<_>>());
    assert_eq!(records.call(written[0].id).expect("read").as_ref(), Some(&written[0]));
    assert_eq!(records.call(1).expect("read"), None);
}

#[test]
fn a_call_that_is_told_twice_is_there_once_and_as_it_was_told_first() {
    let folder = Folder::new("twice");
    let mut records = Sqlite::open(&folder.0).expect("opens");
    let first = call(NOW_MS, 1);
    let mut again = first.clone();
    again.status = 500;
    records.add_calls(&[first.clone(), first.clone()], ALL, NOW_MS).expect("written");
    records.add_calls(&[again, call(NOW_MS, 2)], ALL, NOW_MS).expect("written");
    assert_eq!(all(&mut records), [call(NOW_MS, 2), first]);
}

#[test]
fn calls_are_found_by_time_account_failure_and_quality_page_by_page() {
    let folder = Folder::new("found");
    let mut records = Sqlite::open(&folder.0).expect("opens");
    let mut calls: Vec<CallRow> = (0..6).map(|n| call(NOW_MS + u64::from(n) * 1_000, n)).collect();
    calls[1].caller.account = Some("carol@example.org".into());
    calls[2].answered_at_ms = None;
    if let Some(callee) = &mut calls[3].callee {
        callee.received.mos_hundredths = Some(359);
    }
    calls[4].caller.received = WayRow::default();
    calls[4].callee = None;
    calls[5].verdict = Some("a firewall".into());
    records.add_calls(&calls, ALL, NOW_MS).expect("written");
    let mut find = |query: CallQuery| -> Vec<u64> {
        let found = records.calls(&CallQuery { limit: 10, ..query }).expect("read");
        found.iter().map(|call| (call.started_at_ms() - NOW_MS) / 1_000).collect()
    };
    assert_eq!(find(CallQuery { since_ms: Some(NOW_MS + 4_000), ..CallQuery::default() }), [5, 4]);
    let of = |account: &str| CallQuery { account: Some(account.into()), ..CallQuery::default() };
    assert_eq!(find(of("carol@example.org")), [1]);
    assert_eq!(find(of("bob@example.org")), [5, 3, 2, 1, 0]);
    assert_eq!(find(CallQuery { is_failed: true, ..CallQuery::default() }), [2]);
    // What was not measured is not bad; who heard nothing has nothing measured, and a verdict.
    assert_eq!(find(CallQuery { is_bad: true, ..CallQuery::default() }), [5, 3]);
    assert_eq!(find(CallQuery { is_bad: true, is_failed: true, ..CallQuery::default() }), []);
    let page = records.calls(&CallQuery { limit: 4, ..CallQuery::default() }).expect("read");
    let before = page.last().map(|call| call.id);
    let rest = records.calls(&CallQuery { before, limit: 4, ..CallQuery::default() }).expect("read");
    assert_eq!(page.into_iter().chain(rest).collect::<Vec<_>>(), calls.into_iter().rev().collect::<Vec<_>>());
}

#[test]
fn calls_are_found_by_what_became_of_them_and_by_a_part_of_a_name() {
    let folder = Folder::new("sought");
    let mut records = Sqlite::open(&folder.0).expect("opens");
    let mut calls: Vec<CallRow> = (0..6).map(|n| call(NOW_MS + u64::from(n) * 1_000, n)).collect();
    for (call, status) in calls[1..].iter_mut().zip([486, 480, 487, 503, 200]) {
        call.status = status;
        call.answered_at_ms = call.answered_at_ms.filter(|_| status == 200);
    }
    calls[2].caller.remote = Some("192.0.2.77:5060".into());
    if let Some(callee) = &mut calls[3].callee {
        callee.address = "\"100% Zoe\" <sip:zoe_x@example.org>".into();
    }
    records.add_calls(&calls, ALL, NOW_MS).expect("written");
    let mut find = |query: CallQuery| -> Vec<u64> {
        let found = records.calls(&CallQuery { limit: 10, ..query }).expect("read");
        found.iter().map(|call| (call.started_at_ms() - NOW_MS) / 1_000).collect()
    };
    for (disposition, calls) in Disposition::ALL.into_iter().zip([&[5, 0][..], &[1], &[2], &[3], &[4]]) {
        assert_eq!(find(CallQuery { disposition: Some(disposition), ..CallQuery::default() }), calls);
    }
    assert_eq!(find(CallQuery { until_ms: Some(NOW_MS + 2_000), ..CallQuery::default() }), [1, 0]);
    let mut part = |part: &str| find(CallQuery { part: Some(part.into()), ..CallQuery::default() });
    assert_eq!(part("192.0.2.77"), [2]);
    assert_eq!(part("ZOE_x"), [3]);
    // What stands for anything in a pattern stands for itself here.
    assert_eq!(part("100%"), [3]);
    assert_eq!((part("zoe%x"), part("_oe_x"), part("100!")), (vec![], vec![], vec![]));
    assert_eq!(part("@example.org").len(), 6);
    let mut shown =
        |part: &str| find(CallQuery { part: Some(part.into()), is_shown_only: true, ..CallQuery::default() });
    assert_eq!((shown("192.0.2.77"), shown("0123456789abcdef")), (vec![], vec![]));
    assert_eq!((shown("ZOE_x"), shown("@example.org").len()), (vec![3], 6));
}

#[test]
fn what_is_too_old_and_the_oldest_of_too_many_go_when_others_come() {
    let folder = Folder::new("old");
    let mut records = Sqlite::open(&folder.0).expect("opens");
    let old = NOW_MS - 10 * DAY_MS;
    let calls: Vec<CallRow> = (0..5).map(|n| call(old + u64::from(n), n)).collect();
    let keep = Keep { days: 10, calls: 3 };
    // Three of them are kept: the newest.
    records.add_calls(&calls, keep, old).expect("written");
    assert_eq!(all(&mut records).len(), 3);
    // Two milliseconds later than the oldest of the three, which is then ten days and more.
    records.add_calls(&[], keep, NOW_MS + 3).expect("written");
    assert_eq!(all(&mut records), [calls[4].clone(), calls[3].clone()]);
    records.add_calls(&[], keep, NOW_MS + DAY_MS).expect("written");
    assert_eq!(all(&mut records), []);
    // Counted anew after a restart.
    records.add_calls(&calls, Keep { days: 10_000, calls: 4 }, NOW_MS).expect("written");
    drop(records);
    let mut records = Sqlite::open(&folder.0).expect("opens");
    records.add_calls(&[call(NOW_MS, 9)], Keep { days: 10_000, calls: 4 }, NOW_MS).expect("written");
    assert_eq!(all(&mut records).len(), 4);
}

/// What the setting of how many are kept says of the disk.
#[test]
fn a_call_takes_less_than_a_kilobyte_of_disk() {
    let folder = Folder::new("size");
    let mut records = Sqlite::open(&folder.0).expect("opens");
    let empty = std::fs::metadata(folder.0.join("coeur.db")).expect("there").len();
    let calls: Vec<CallRow> = (0..20_000).map(|n| call(NOW_MS + u64::from(n), n)).collect();
    for calls in calls.chunks(1_000) {
        records.add_calls(calls, ALL, NOW_MS).expect("written");
    }
    drop(records);
    let full = std::fs::metadata(folder.0.join("coeur.db")).expect("there").len();
    let bytes = (full - empty) / 20_000;
    assert!((200..1_000).contains(&bytes), "{bytes} bytes");
    println!("{bytes} bytes a call");
}

/// The minutes of a month count against a quota also where records of calls are kept for a day.
#[test]
fn what_was_talked_is_counted_once_by_account_and_day_and_outlives_the_records() {
    let folder = Folder::new("talked");
    let mut records = Sqlite::open(&folder.0).expect("opens");
    let day = u32::try_from(NOW_MS / DAY_MS).expect("a day");
    // 57 s, and 56.001 s of another who counts a second that has begun.
    let of = |n, payer| CallRow { payer: Some(payer), ..call(NOW_MS, n) };
    let calls = [
        of(1, 7),
        of(2, 7),
        CallRow { ended_at_ms: NOW_MS + 59_001, ..of(3, 8) },
        CallRow { answered_at_ms: None, ..of(4, 8) },
        call(NOW_MS, 5),
    ];
    records.add_calls(&calls, ALL, NOW_MS).expect("written");
    records.add_calls(&calls, Keep { days: 1, calls: 0 }, NOW_MS).expect("written again");
    assert!(all(&mut records).is_empty(), "no record is kept");
    drop(records);
    let mut records = Sqlite::open(&folder.0).expect("opens");
    let talked = |account, seconds| TalkedRow { account, day, seconds };
    assert_eq!(records.talked(day).expect("read"), [talked(7, 114), talked(8, 57)]);
    assert!(records.talked(day + 1).expect("read").is_empty());
    // Of long ago nothing is kept.
    let later = CallRow { ended_at_ms: NOW_MS + 60 * DAY_MS, ..of(6, 7) };
    records.add_calls(&[later], ALL, NOW_MS).expect("written");
    assert_eq!(records.talked(0).expect("read").iter().filter(|row| row.account == 7).count(), 1);
}

/// Whoever has it now reads nothing of who had it before, nor of another account that had its address.
#[test]
fn calls_of_ones_own_begin_when_the_account_became_ones_own() {
    let folder = Folder::new("own");
    let mut records = Sqlite::open(&folder.0).expect("opens");
    let directory = Directory::new();
    records.load(&directory).expect("reads");
    let (bob, operator) = (Aor::parse("bob@example.org").expect("valid"), Operator::program());
    let at = |s: u64| NOW_MS + s * 1_000;
    let user = |records: &mut Sqlite, login: &str| {
        User::new(records.next_user_id().expect("a number"), login, Role::User)
    };
    let users = ["one", "other"].map(|login| user(&mut records, login));
    let whose = |user: Option<UserId>| {
        let patch = AccountPatch { user: Some(user), ..AccountPatch::default() };
        Change::AccountChanged { aor: bob.clone(), patch }
    };
    let commit = |records: &mut Sqlite, changes: &[Change], s: u64| {
        records.commit(&operator, changes, at(s), &mut |_| ()).expect("commits")
    };
    let calls: Vec<CallRow> = (0..10).map(|n| call(at(u64::from(n)), n)).collect();
    records.add_calls(&calls, ALL, NOW_MS).expect("written");
    let found = |records: &mut Sqlite, is_own_only: bool| -> Vec<u64> {
        let account = Some(bob.as_str().into());
        let query = CallQuery { account, is_own_only, limit: 20, ..CallQuery::default() };
        let calls = records.calls(&query).expect("read");
        calls.iter().map(|call| (call.started_at_ms() - NOW_MS) / 1_000).collect()
    };
    let added = users.iter().map(|user| Change::User(UserChange::Added(Box::new(user.clone()))));
    let mut changes = vec![Change::DomainAdded(Domain::new("example.org"))];
    changes.extend(added);
    let id = records.next_account_id().expect("a number");
    changes.push(Change::AccountAdded(Box::new(Account::new(id, bob.clone()))));
    commit(&mut records, &changes, 2);
    assert_eq!(found(&mut records, true), [9, 8, 7, 6, 5, 4, 3, 2], "since it is there");
    commit(&mut records, &[whose(Some(users[0].id))], 4);
    assert_eq!(found(&mut records, true), [9, 8, 7, 6, 5, 4], "since it is his");
    // Said once more, with something else beside it, it changes nothing.
    commit(&mut records, &[whose(Some(users[0].id))], 5);
    assert_eq!(found(&mut records, true), [9, 8, 7, 6, 5, 4]);
    commit(&mut records, &[whose(None), whose(Some(users[1].id))], 7);
    assert_eq!(found(&mut records, true), [9, 8, 7], "since it is the other's");
    assert_eq!(found(&mut records, false).len(), 10);
    commit(&mut records, &[Change::AccountRemoved(bob.clone())], 8);
    assert_eq!(found(&mut records, true), []);
    let id = records.next_account_id().expect("a number");
    let account = Account { user: Some(users[0].id), ..Account::new(id, bob.clone()) };
    commit(&mut records, &[Change::AccountAdded(Box::new(account))], 9);
    assert_eq!(found(&mut records, true), [9], "another of that address");
}
