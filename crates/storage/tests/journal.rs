//! The journal's thread over a disk that fails by script: what was acknowledged is there after a power cut, what was
//! not is reported failed, and after a failure nothing is acknowledged until a snapshot holds what was lost.

mod scripted;

use coeur_storage::journal::Outcome;
use coeur_storage::{Journal, Options, Report, Sequence, StorageError};
use scripted::{ScriptedDisk, Step};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The journal with what its user has in memory: a change is there before it is appended, saved or not.
struct Desk {
    disk: ScriptedDisk,
    journal: Journal,
    memory: BTreeSet<u64>,
    acknowledged: BTreeSet<u64>,
}

fn options() -> Options {
    Options { group_interval_us: 0, catch_up_retry: Duration::ZERO, ..Options::default() }
}

fn open(disk: &ScriptedDisk, options: Options) -> (Journal, BTreeSet<u64>, Report) {
    let mut seen = BTreeSet::new();
    let (journal, report) = Journal::open(Arc::new(disk.clone()), options, &mut |entry| {
        seen.insert(u64::from_le_bytes(
            entry[..8].try_into().expect("an entry of this test has eight bytes"),
        ));
    })
    .expect("a disk that can be read opens");
    (journal, seen, report)
}

impl Desk {
    fn new(options: Options) -> Self {
        let disk = ScriptedDisk::default();
        let (journal, ..) = open(&disk, options);
        Self { disk, journal, memory: BTreeSet::new(), acknowledged: BTreeSet::new() }
    }

    /// Appends an entry of this number and waits for its outcome.
    fn put(&mut self, number: u64) -> Outcome {
        self.memory.insert(number);
        let sequence = self.journal.append(0, &number.to_le_bytes()).expect("there is room");
        self.journal.flush();
        let outcome = self.journal.outcome(sequence);
        if outcome == Outcome::Durable {
            self.acknowledged.insert(number);
        }
        outcome
    }

    fn try_again(&self) -> Result<(), StorageError> {
        self.journal.try_again(&mut |emit| self.memory.iter().for_each(|number| emit(&number.to_le_bytes())))
    }

    /// What is read back after the power went, or only the process.
    fn reopened(self, power_cut: bool) -> (BTreeSet<u64>, Report) {
        drop(self.journal);
        self.disk.mend();
        if power_cut {
            self.disk.cut_power();
        }
        let (_, seen, report) = open(&self.disk, options());
        let lost: Vec<_> = self.acknowledged.difference(&seen).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        let invented: Vec<_> = seen.difference(&self.memory).collect();
        assert!(invented.is_empty(), "never appended: {invented:?}");
        (seen, report)
    }
}

#[test]
fn whatever_fails_is_reported_and_what_was_acknowledged_is_there_after_a_power_cut_or_a_kill() {
    for step in [Step::Append, Step::ShortAppend, Step::Sync] {
        for power_cut in [true, false] {
            let mut desk = Desk::new(options());
            assert_eq!([desk.put(1), desk.put(2)], [Outcome::Durable; 2], "{step:?}");
            desk.disk.fail(step);
            assert_eq!([desk.put(3), desk.put(4)], [Outcome::Failed; 2], "{step:?}");
            assert!(!desk.journal.is_writable(), "{step:?}");
            let error = desk.journal.last_error().expect("a failure has its words");
            assert!(error.contains("scripted/journal-"), "{step:?}: {error}");
            assert_eq!(desk.journal.latency().failed_groups, 2, "{step:?}");
            desk.try_again().expect_err("the disk is as broken as before");
            desk.disk.mend();
            desk.try_again().expect("the disk is mended");
            assert!(desk.journal.is_writable() && desk.journal.last_error().is_none(), "{step:?}");
            assert_eq!(desk.put(5), Outcome::Durable, "{step:?}");
            let (_, report) = desk.reopened(power_cut);
            assert_eq!(report.damaged, [], "{step:?}: what a failed write left is no damage");
        }
    }
}

#[test]
fn a_writer_thread_that_has_died_is_seen_and_nobody_waits_for_it_for_ever() {
    let mut desk = Desk::new(options());
    assert_eq!(desk.put(1), Outcome::Durable);
    assert!(desk.journal.is_running());
    desk.disk.fail(Step::Panic);
    assert_eq!(desk.put(2), Outcome::Waiting, "nobody can say, and nobody is told that it is saved");
    assert!(!desk.journal.is_running());
    let snapshot = desk.journal.take_snapshot(&mut |_| ());
    assert!(snapshot.is_err_and(|error| error.to_string().contains("the journal thread is gone")));
    assert_eq!(desk.reopened(true).0, [1].into());
}

#[test]
fn a_segment_that_cannot_begin_fails_its_group_and_is_begun_anew() {
    for step in [Step::Create, Step::SyncNames] {
        let mut desk = Desk::new(options());
        desk.disk.fail(step);
        assert_eq!(desk.put(1), Outcome::Failed, "{step:?}");
        assert!(!desk.journal.is_writable(), "{step:?}");
        desk.disk.mend();
        desk.try_again().expect("the disk is mended");
        assert_eq!(desk.put(2), Outcome::Durable, "{step:?}");
        assert_eq!(desk.reopened(true).0, [1, 2].into(), "{step:?}");
    }
}

/// A binding that was not saved, then its refresh that was: without this rule the refresh is acknowledged, and recovery
/// finds a refresh of nothing.
#[test]
fn after_a_failure_nothing_is_acknowledged_until_a_snapshot_holds_what_was_lost() {
    let mut desk = Desk::new(options());
    desk.disk.fail(Step::Sync);
    assert_eq!(desk.put(1), Outcome::Failed);
    desk.disk.mend();
    assert_eq!(desk.put(2), Outcome::Failed, "the disk works, but entry 2 may build on entry 1");
    desk.try_again().expect("the disk works");
    assert_eq!(desk.put(3), Outcome::Durable);
    assert_eq!(desk.reopened(true).0, [1, 2, 3].into(), "the snapshot holds what the journal did not");
}

#[test]
fn a_failure_that_the_snapshot_may_not_have_seen_keeps_the_journal_closed() {
    let mut desk = Desk::new(options());
    desk.disk.fail(Step::Append);
    desk.put(1);
    desk.disk.mend();
    let journal = &desk.journal;
    let tried = journal.try_again(&mut |emit| {
        emit(&1u64.to_le_bytes());
        // A change behind the snapshot's back: it is neither in the snapshot nor in a segment.
        journal.append(0, &2u64.to_le_bytes()).expect("there is room");
        journal.flush();
    });
    tried.expect("the snapshot itself was written");
    assert!(!journal.is_writable());
    desk.memory.insert(2);
    desk.try_again().expect("the disk works");
    assert!(desk.journal.is_writable());
    assert_eq!(desk.reopened(true).0, [1, 2].into());
}

#[test]
fn a_snapshot_for_which_there_is_no_space_leaves_the_journal_closed_and_says_so() {
    let mut desk = Desk::new(options());
    assert_eq!(desk.put(1), Outcome::Durable);
    desk.disk.fail(Step::Append);
    desk.put(2);
    desk.disk.mend();
    desk.disk.fail(Step::Rename);
    desk.try_again().expect_err("the snapshot gets no name");
    assert!(!desk.journal.is_writable());
    assert!(desk.journal.last_error().is_some_and(|error| error.contains("scripted/snapshot-")));
    assert!(!desk.disk.names().iter().any(|name| name.ends_with(".tmp")), "space is wanted for segments");
    desk.disk.mend();
    desk.try_again().expect("the disk is mended");
    assert_eq!(desk.put(3), Outcome::Durable);
    desk.reopened(true);
}

#[test]
fn a_broken_disk_is_touched_only_when_somebody_tries_again() {
    let mut desk = Desk::new(Options { catch_up_retry: Duration::from_secs(3_600), ..options() });
    desk.disk.fail(Step::Sync);
    desk.put(1);
    let touched = desk.disk.operations();
    for number in 2..50 {
        assert_eq!(desk.put(number), Outcome::Failed);
    }
    assert_eq!(desk.disk.operations(), touched, "48 groups failed without a try");
    desk.try_again().expect_err("still broken");
    let probe = desk.disk.operations() - touched;
    assert!((1..8).contains(&probe), "a probe of {probe} operations");
    // A snapshot that failed a moment ago is not written again at once.
    desk.disk.mend();
    desk.disk.fail(Step::Rename);
    desk.try_again().expect_err("the snapshot gets no name");
    let touched = desk.disk.operations();
    desk.try_again().expect("the probe works and the snapshot is not due");
    assert!(desk.disk.operations() - touched < 8 && !desk.journal.is_writable());
}

#[test]
fn an_entry_refused_for_want_of_room_closes_the_journal_and_those_before_it_are_written() {
    let mut desk = Desk::new(Options { waiting_bytes_max: 1_000, ..options() });
    desk.disk.hold();
    let first = desk.journal.append(0, &1u64.to_le_bytes()).expect("there is room");
    desk.disk.wait_until_held();
    let mut waiting = Vec::new();
    let refused = loop {
        let number = 2 + waiting.len() as u64;
        match desk.journal.append(0, &number.to_le_bytes()) {
            Ok(sequence) => waiting.push(sequence),
            Err(error) => break (number, error),
        }
    };
    assert!(matches!(refused.1, StorageError::JournalFull) && waiting.len() > 50);
    assert!(!desk.journal.is_writable(), "memory has what the journal lacks");
    desk.disk.let_go();
    desk.journal.flush();
    let outcomes = waiting.iter().map(|sequence| desk.journal.outcome(*sequence));
    assert!(outcomes.chain([desk.journal.outcome(first)]).all(|outcome| outcome == Outcome::Durable));
    desk.memory.extend(1..=refused.0);
    desk.acknowledged.extend(1..refused.0);
    assert_eq!(desk.put(refused.0 + 1), Outcome::Failed);
    desk.try_again().expect("the disk works");
    assert_eq!(desk.put(refused.0 + 2), Outcome::Durable);
    assert!(desk.reopened(true).0.contains(&refused.0));
}

#[test]
fn the_shards_of_a_failed_group_are_told_and_only_they() {
    let desk = Desk::new(options());
    let told: [Arc<AtomicU32>; 2] = Default::default();
    for (shard, told) in told.iter().cloned().enumerate() {
        desk.journal.on_decided(shard as u8, move || {
            told.fetch_add(1, Ordering::SeqCst);
        });
    }
    desk.disk.fail(Step::Append);
    let sequence = desk.journal.append(1, b"eight by").expect("there is room");
    desk.journal.flush();
    assert_eq!(desk.journal.outcome(sequence), Outcome::Failed);
    drop(desk);
    assert_eq!(told.map(|told| told.load(Ordering::SeqCst)), [0, 1]);
}

#[test]
fn stopping_over_a_broken_disk_ends_and_decides_everything() {
    let desk = Desk::new(Options { group_interval_us: 60_000_000, ..options() });
    desk.disk.fail(Step::Sync);
    let sequences: Vec<Sequence> = (0u64..10)
        .map(|number| desk.journal.append(0, &number.to_le_bytes()).expect("there is room"))
        .collect();
    desk.journal.flush();
    assert!(sequences.iter().all(|sequence| desk.journal.outcome(*sequence) == Outcome::Failed));
    desk.reopened(true);
}

/// Chance instead of a script: a failure of any kind between any two entries, then a power cut.
#[test]
fn in_five_hundred_lives_over_failing_disks_nothing_acknowledged_is_lost() {
    let steps = [Step::Append, Step::ShortAppend, Step::Sync, Step::Create, Step::SyncNames, Step::Rename];
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    let mut chance = move |of: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % of
    };
    for life in 0..500 {
        let mut desk = Desk::new(Options { segment_bytes_max: 200, ..options() });
        for number in 0..12 {
            match chance(5) {
                0 => desk.disk.fail(steps[chance(steps.len() as u64) as usize]),
                1 => desk.disk.mend(),
                2 => drop(desk.try_again()),
                _ => {}
            }
            desk.put(life * 100 + number);
        }
        let power_cut = chance(2) == 0;
        let (_, report) = desk.reopened(power_cut);
        assert_eq!(report.damaged, [], "life {life}");
    }
}
