//! The journal over a disk that crashes and fails: nothing acknowledged is lost, nothing is invented, order is kept.

use coeur_sim::chance::Chance;
use coeur_sim::disk::CrashDisk;
use coeur_storage::journal::{OpenGroup, write_snapshot};
use coeur_storage::{Disk, Log, Options};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Small segments, so that a run has many.
fn options() -> Options {
    Options { segment_bytes_max: 4_000, ..Options::default() }
}

fn open(disk: &CrashDisk) -> (Log, Vec<u64>, coeur_storage::Report) {
    let mut seen = Vec::new();
    let (log, report) = Log::open(Arc::new(disk.clone()), options(), &mut |entry| {
        seen.push(u64::from_le_bytes(entry[..8].try_into().expect("an entry has eight bytes and more")));
    })
    .expect("a disk that can be read opens");
    (log, seen, report)
}

fn push(group: &mut OpenGroup, number: u64, chance: &mut Chance) {
    let mut entry = number.to_le_bytes().to_vec();
    entry.resize(8 + chance.below(700) as usize, number as u8);
    group.push(&entry);
}

/// Writes a group; its entries are acknowledged if that succeeds.
fn write(log: &mut Log, acknowledged: &mut BTreeSet<u64>, next: &mut u64, chance: &mut Chance) {
    let mut group = OpenGroup::default();
    let first = *next;
    for _ in 0..chance.between(1, 5) {
        push(&mut group, *next, chance);
        *next += 1;
    }
    if log.write(&mut group).is_ok() {
        acknowledged.extend(first..*next);
    }
}

/// A snapshot of what is acknowledged, taken as the writer thread and the upkeep thread do: groups go on meanwhile.
fn snapshot(
    disk: &CrashDisk,
    log: &mut Log,
    acknowledged: &mut BTreeSet<u64>,
    next: &mut u64,
    chance: &mut Chance,
) {
    let Ok(number) = log.rotate() else { return };
    let state: Vec<u64> = acknowledged.iter().copied().collect();
    let written = write_snapshot(disk, number, &mut |emit| {
        for entry in &state {
            let mut bytes = entry.to_le_bytes().to_vec();
            // Large enough for several groups in a snapshot.
            bytes.resize(8 + chance.below(if state.len() < 40 { 100_000 } else { 8_000 }) as usize, 1);
            emit(&bytes);
            if chance.happens(50) {
                write(log, acknowledged, next, chance);
            }
        }
    });
    if let Ok(bytes) = written {
        log.snapshot_taken(number, bytes);
    }
}

/// One life of the process: groups and snapshots until it dies.
fn live(disk: &CrashDisk, log: &mut Log, live: &mut BTreeSet<u64>, next: &mut u64, chance: &mut Chance) {
    for _ in 0..chance.below(30) {
        if chance.happens(100) {
            snapshot(disk, log, live, next, chance);
        } else {
            write(log, live, next, chance);
        }
    }
}

fn check(seed: u64, seen: Vec<u64>, acknowledged: &BTreeSet<u64>, next: u64) {
    assert!(seen.iter().max().is_none_or(|last| *last < next), "seed {seed}: invented");
    let seen: BTreeSet<u64> = seen.into_iter().collect();
    let lost: Vec<_> = acknowledged.difference(&seen).collect();
    assert!(lost.is_empty(), "seed {seed}: lost {lost:?}");
}

fn die(disk: &CrashDisk, chance: &mut Chance) {
    disk.set_failures(0);
    disk.set_space(usize::MAX);
    // After kill -9 the next life reads what the disk does not have yet.
    if chance.happens(300) { disk.kill() } else { disk.crash() }
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_invented_in_two_thousand_runs() {
    for seed in 0..2_000 {
        let (disk, mut chance) = (CrashDisk::new(seed), Chance::new(seed ^ 0x5eed));
        let (mut acknowledged, mut next) = (BTreeSet::new(), 1);
        for _ in 0..5 {
            let (mut log, seen, report) = open(&disk);
            check(seed, seen.clone(), &acknowledged, next);
            assert_eq!(report.damaged, [], "seed {seed}: nothing acknowledged is damaged by a crash");
            // What was served once is served again.
            acknowledged.extend(seen);
            disk.set_failures(chance.below(3) as u32 * 40);
            if chance.happens(200) {
                disk.set_space(chance.below(8_000) as usize);
            }
            live(&disk, &mut log, &mut acknowledged, &mut next, &mut chance);
            die(&disk, &mut chance);
        }
    }
}

#[test]
fn a_death_at_any_step_of_a_snapshot_loses_nothing() {
    for seed in 0..40 {
        let mut steps = 0;
        loop {
            let (disk, mut chance) = (CrashDisk::new(seed), Chance::new(seed ^ 0x5eed));
            let (mut acknowledged, mut next) = (BTreeSet::new(), 1);
            let (mut log, ..) = open(&disk);
            for _ in 0..1 + seed % 3 {
                (0..12).for_each(|_| write(&mut log, &mut acknowledged, &mut next, &mut chance));
                snapshot(&disk, &mut log, &mut acknowledged, &mut next, &mut chance);
            }
            write(&mut log, &mut acknowledged, &mut next, &mut chance);
            disk.set_operations_left(steps);
            snapshot(&disk, &mut log, &mut acknowledged, &mut next, &mut chance);
            let stopped = disk.is_stopped();
            drop(log);
            die(&disk, &mut chance);
            let (mut log, seen, report) = open(&disk);
            check(seed, seen, &acknowledged, next);
            assert_eq!(report.damaged, [], "seed {seed}, step {steps}");
            // And the next one succeeds over what the death has left.
            log.take_snapshot(&mut |emit| acknowledged.iter().for_each(|n| emit(&n.to_le_bytes())))
                .expect("a disk without failures");
            disk.crash();
            let (_, seen, report) = open(&disk);
            check(seed, seen, &acknowledged, next);
            assert_eq!(report.refused_snapshots, Vec::<String>::new());
            if !stopped {
                assert!(steps > 8, "a snapshot has more steps");
                break;
            }
            steps += 1;
        }
    }
}

#[test]
fn after_kill_9_what_was_served_survives_a_power_cut() {
    let mut adopted = 0;
    for seed in 0..400 {
        let (disk, mut chance) = (CrashDisk::new(seed), Chance::new(seed));
        let (mut log, ..) = open(&disk);
        let (mut acknowledged, mut next) = (BTreeSet::new(), 1);
        write(&mut log, &mut acknowledged, &mut next, &mut chance);
        // The group is written and the process dies before the sync.
        disk.set_operations_left(1);
        write(&mut log, &mut acknowledged, &mut next, &mut chance);
        disk.kill();
        let (_, served, _) = open(&disk);
        adopted += u32::from(served.len() > acknowledged.len());
        disk.crash();
        assert_eq!(open(&disk).1, served, "seed {seed}");
    }
    assert!(adopted > 300, "most runs had an unsynced group to adopt: {adopted}");
}

#[test]
fn a_full_disk_refuses_and_works_again_by_itself_when_there_is_space() {
    let (disk, mut chance) = (CrashDisk::new(1), Chance::new(1));
    let (mut log, ..) = open(&disk);
    let mut group = OpenGroup::default();
    push(&mut group, 1, &mut chance);
    log.write(&mut group).expect("space");
    disk.set_space(5);
    assert!(log.write(&mut group).is_err());
    disk.set_space(usize::MAX);
    let mut group = OpenGroup::default();
    push(&mut group, 2, &mut chance);
    log.write(&mut group).expect("space again");
    disk.crash();
    assert_eq!(open(&disk).1, [1, 2]);
}

fn filled(seed: u64, groups: u64) -> (CrashDisk, Log) {
    let (disk, mut chance) = (CrashDisk::new(seed), Chance::new(seed));
    let (mut log, ..) = open(&disk);
    for number in 1..=groups {
        let mut group = OpenGroup::default();
        push(&mut group, number, &mut chance);
        log.write(&mut group).expect("space");
    }
    (disk, log)
}

fn flip_last_bit(disk: &CrashDisk, name: &str) {
    let bytes = disk.read(name).expect("there").len();
    disk.flip_bit(name, bytes * 8 - 1);
}

fn named(disk: &CrashDisk, start: &str) -> Vec<String> {
    disk.list().expect("listed").into_iter().filter(|name| name.starts_with(start)).collect()
}

#[test]
fn damage_in_the_middle_is_reported_and_what_follows_is_read() {
    let (disk, _) = filled(2, 3);
    let name = named(&disk, "journal").remove(0);
    // The head has 36 bytes; then comes the first group.
    disk.flip_bit(&name, 70 * 8);
    disk.kill();
    let (_, seen, report) = open(&disk);
    assert_eq!(seen, [2, 3]);
    assert_eq!((report.damaged.len(), report.damaged[0].1, report.torn.len()), (1, 36, 0));
}

#[test]
fn damage_at_the_end_of_a_segment_is_damage_and_only_the_end_of_the_newest_may_be_torn() {
    let (disk, log) = filled(3, 40);
    drop(log);
    let segments = named(&disk, "journal");
    assert!(segments.len() > 3);
    flip_last_bit(&disk, &segments[0]);
    flip_last_bit(&disk, &segments[segments.len() - 1]);
    let (mut log, seen, report) = open(&disk);
    assert_eq!(seen.len(), 38);
    assert_eq!((report.damaged.len(), &report.damaged[0].0), (1, &segments[0]));
    assert_eq!((report.torn.len(), &report.torn[0].0), (1, segments.last().expect("one")));
    // The torn end is cut off and reported once; the damage is there until a snapshot has taken its place.
    let (_, seen_again, report) = open(&disk);
    assert_eq!((seen_again, report.torn.len(), report.damaged.len()), (seen.clone(), 0, 1));
    for _ in 0..2 {
        log.take_snapshot(&mut |emit| seen.iter().for_each(|n| emit(&n.to_le_bytes()))).expect("space");
    }
    let (_, mut last, report) = open(&disk);
    last.sort();
    assert_eq!((last, report.damaged.len()), (seen, 0));
}

#[test]
fn a_segment_that_is_gone_is_reported() {
    let (disk, _log) = filled(4, 40);
    let segments = named(&disk, "journal");
    disk.remove(&segments[1]).expect("there");
    let (_, _, report) = open(&disk);
    assert_eq!((report.damaged.len(), &report.damaged[0].0, report.damaged[0].1), (1, &segments[1], 0));
}

#[test]
fn a_snapshot_cut_at_a_group_or_damaged_gives_way_to_the_one_before() {
    for cut in [true, false] {
        let (disk, mut log) = filled(5, 30);
        let mut chance = Chance::new(5);
        // Entries of 400 kB: a few to a group.
        let state = |emit: &mut dyn FnMut(&[u8]), last: u64| {
            for number in 1..=last {
                let mut entry = number.to_le_bytes().to_vec();
                entry.resize(400_000, 0);
                emit(&entry);
            }
        };
        log.take_snapshot(&mut |emit| state(emit, 30)).expect("space");
        for number in 31..=35 {
            let mut group = OpenGroup::default();
            push(&mut group, number, &mut chance);
            log.write(&mut group).expect("space");
        }
        log.take_snapshot(&mut |emit| state(emit, 35)).expect("space");
        let newest = named(&disk, "snapshot").pop().expect("two");
        if cut {
            // The end is the last group: a header of 24 bytes, a length and a count.
            let bytes = disk.read(&newest).expect("there").len() as u64;
            disk.truncate(&newest, bytes - 36).expect("cut");
        } else {
            disk.flip_bit(&newest, 50_000 * 8);
        }
        let (mut log, seen, report) = open(&disk);
        assert_eq!(report.refused_snapshots, [newest]);
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), (1..=35).collect());
        log.take_snapshot(&mut |emit| state(emit, 35)).expect("space");
        assert_eq!(open(&disk).2.refused_snapshots, Vec::<String>::new());
    }
}

#[test]
fn a_disk_that_is_full_for_long_does_not_fill_with_empty_segments() {
    let (disk, mut log) = filled(6, 1);
    disk.set_space(60);
    for number in 0..500 {
        let mut group = OpenGroup::default();
        push(&mut group, number, &mut Chance::new(number));
        assert!(log.write(&mut group).is_err());
    }
    assert_eq!(named(&disk, "journal").len(), 1);
}
