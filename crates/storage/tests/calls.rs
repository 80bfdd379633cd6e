//! Records of calls: there once, found by what is asked, kept as long as was said.

use coeur_directory::{
    Account, AccountPatch, Aor, Change, Directory, Domain, Role, User, UserChange, UserId,
};
use coeur_storage::{
    CallQuery, CallRow, Disposition, Keep, Operator, QualityBy, QualityGroup, QualityQuery, Records, SideRow,
    Sqlite, TalkedRow, WayRow,
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

/// A long question must hold nobody who writes, and no change.
#[test]
fn a_reader_of_its_own_sees_what_was_written_while_the_other_one_is_kept() {
    let folder = Folder::new("reader");
    let mut records = Sqlite::open(&folder.0).unwrap();
    let mut reader = records.reader().expect("the database is not for one alone");
    for n in 0..3u32 {
        records.add_calls(&[call(NOW_MS, n)], ALL, NOW_MS).unwrap();
        let read = reader.calls(&CallQuery { limit: 100, ..CallQuery::default() }).unwrap();
        assert_eq!(read, all(&mut records));
        assert_eq!(read.len() as u32, n + 1);
    }
    let by =
        QualityQuery { since_ms: 0, until_ms: u64::MAX >> 1, by: QualityBy::Hour, causes: Box::default() };
    assert_eq!(reader.quality(&by).unwrap(), records.quality(&by).unwrap());
    drop(records);
    assert_eq!(reader.calls(&CallQuery { limit: 100, ..CallQuery::default() }).unwrap().len(), 3);
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

/// Two hours, two phones: one that sounds well, and one over UDP that does not.
fn of_two_phones(records: &mut Sqlite) {
    let way = |mos: u16, lost: u64| WayRow {
        packets: Some(1_000 - lost),
        lost: Some(lost),
        jitter_us: Some(9_000),
        mos_hundredths: Some(mos),
    };
    let mut calls: Vec<CallRow> = (0..40).map(|n| call(NOW_MS + u64::from(n) * 180_000, n)).collect();
    for (call, n) in calls.iter_mut().zip(0_u16..) {
        call.caller.received = way(400 + n, 0);
        if let Some(callee) = &mut call.callee {
            callee.user_agent = "  Loud_Phone/2".into();
            callee.transport = Some("udp".into());
            callee.received = if n < 4 { way(200 + n, 100) } else { way(430, 0) };
        }
    }
    calls[9].verdict = Some("callee: 12 % of what it sends is lost".into());
    calls[10].verdict = Some("callee: a cause of another day".into());
    // Of one that was not answered, and was not measured, nothing can be said.
    calls[39].answered_at_ms = None;
    calls[39].caller.received = WayRow::default();
    calls[39].callee = None;
    records.add_calls(&calls, ALL, NOW_MS).expect("written");
}

#[test]
fn how_calls_sounded_is_counted_by_hour_by_what_the_phones_are_and_by_cause() {
    let folder = Folder::new("quality");
    let mut records = Sqlite::open(&folder.0).expect("opens");
    of_two_phones(&mut records);
    let causes: Box<[(Box<str>, Box<str>)]> = Box::new([
        ("gone".into(), "it is gone from {}".into()),
        ("loss".into(), "{} % of what it sends is lost".into()),
    ]);
    let mut ask = |by, hours: u64| {
        let until_ms = NOW_MS + hours * 3_600_000;
        let query = QualityQuery { since_ms: NOW_MS, until_ms, by, causes: causes.clone() };
        records.quality(&query).expect("read")
    };
    let group = |name: &str, count, (median, p5), bad| QualityGroup {
        name: Some(name.into()),
        count,
        scored: count,
        median_hundredths: Some(median),
        p5_hundredths: Some(p5),
        bad,
    };
    let found = ask(QualityBy::Hour, 2);
    let hour = |at: u64| (NOW_MS + at * 3_600_000).to_string();
    assert_eq!(
        found.groups,
        [group(&hour(0), 20, (409, 200), 6), group(&hour(1), 19, (429, 420), 0)],
        "39 of them: one was not answered"
    );
    // The second of 39 is the first that one of twenty does not exceed.
    assert_eq!(found.total, QualityGroup { name: None, ..group("", 39, (419, 201), 6) });
    assert!(!found.is_cut);
    let order: Vec<u64> = found.worst.iter().map(|call| (call.started_at_ms() - NOW_MS) / 180_000).collect();
    assert_eq!(order, [9, 10, 0, 1, 2, 3], "those with a verdict, then by their score");
    assert_eq!(ask(QualityBy::Hour, 1).total.count, 20, "no later than is asked for");

    // Of the sides: those of a phone, whatever its call was.
    let program = ask(QualityBy::Program, 2).groups;
    assert_eq!(program, [group("Loud", 39, (430, 201), 6), group("Some", 39, (419, 401), 0)]);
    let transport = ask(QualityBy::Transport, 2).groups;
    assert_eq!(
        transport.iter().map(|one| one.name.as_deref()).collect::<Vec<_>>(),
        [Some("tls"), Some("udp")]
    );
    assert_eq!((transport[0].bad, transport[1].bad), (0, 6));
    assert_eq!(ask(QualityBy::Codec, 2).groups, [group("PCMA/8000", 78, (430, 203), 6)]);
    let account = ask(QualityBy::Account, 2).groups;
    assert_eq!((account.len(), account[0].name.as_deref()), (2, Some("alice@example.org")));

    let cause = ask(QualityBy::Cause, 2).groups;
    let cause: Vec<_> = cause.iter().map(|one| (one.name.as_deref(), one.count)).collect();
    assert_eq!(cause, [(Some("low_score"), 4), (None, 1), (Some("loss"), 1)]);
    let network = ask(QualityBy::Network, 2).groups;
    let network: Vec<_> = network.iter().map(|one| (one.name.as_deref(), one.count)).collect();
    assert_eq!(network, [(Some("0 8"), 74), (Some("100 8"), 4)]);
}

/// As many as the console is made for; what it takes is printed.
#[test]
fn fifty_thousand_calls_are_counted_in_groups_without_being_told_one_by_one() {
    let folder = Folder::new("quality-many");
    let mut records = Sqlite::open(&folder.0).expect("opens");
    const CALLS: u64 = 50_000;
    let of = |n: u64| {
        let mut call = call(NOW_MS + n * 50_000, n as u32);
        call.caller.account = Some(format!("user{}@example.org", n % 1_500).into());
        call.caller.received.mos_hundredths = Some(u16::try_from(250 + n % 200).expect("a score"));
        call
    };
    for from in (0..CALLS).step_by(1_000) {
        let calls: Vec<CallRow> = (from..from + 1_000).map(of).collect();
        records.add_calls(&calls, ALL, NOW_MS).expect("written");
    }
    let all = [QualityBy::Hour, QualityBy::Codec, QualityBy::Program, QualityBy::Account, QualityBy::Network];
    for by in all {
        let began = std::time::Instant::now();
        let query =
            QualityQuery { since_ms: NOW_MS, until_ms: NOW_MS + 30 * DAY_MS, by, causes: Box::default() };
        let found = records.quality(&query).expect("read");
        println!("{by:?}: {} groups, {:?}", found.groups.len(), began.elapsed());
        assert_eq!(found.total.count, CALLS, "{by:?}");
        let sides = if by == QualityBy::Hour { CALLS } else { 2 * CALLS };
        let is_all = by != QualityBy::Account;
        assert_eq!(found.is_cut, !is_all, "{by:?}: a thousand groups of 1,501");
        assert_eq!(found.groups.iter().map(|group| group.count).sum::<u64>() == sides, is_all, "{by:?}");
        assert_eq!(found.worst.len(), 20);
    }
}
