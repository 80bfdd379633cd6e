//! The journal over a disk that crashes and fails: nothing acknowledged is lost, nothing is invented, order is kept.

use coeur_sim::chance::Chance;
use coeur_sim::disk::CrashDisk;
use coeur_storage::journal::OpenGroup;
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

/// One life of the process: groups and snapshots until it dies.
fn live(log: &mut Log, live: &mut BTreeSet<u64>, next: &mut u64, chance: &mut Chance) {
    for _ in 0..chance.below(30) {
        if chance.happens(100) {
            let state: Vec<u64> = live.iter().copied().collect();
            let _ = log.take_snapshot(&mut |emit| state.iter().for_each(|n| emit(&n.to_le_bytes())));
            continue;
        }
        let mut group = OpenGroup::default();
        let first = *next;
        for _ in 0..chance.between(1, 5) {
            push(&mut group, *next, chance);
            *next += 1;
        }
        if log.write(&mut group).is_ok() {
            live.extend(first..*next);
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_invented_in_three_thousand_runs() {
    for seed in 0..3_000 {
        let (disk, mut chance) = (CrashDisk::new(seed), Chance::new(seed ^ 0x5eed));
        let (mut acknowledged, mut next) = (BTreeSet::new(), 1);
        for _ in 0..5 {
            let (mut log, seen, _) = open(&disk);
            assert!(seen.is_sorted_by(|a, b| a < b), "seed {seed}: order {seen:?}");
            assert!(seen.last().is_none_or(|last| *last < next), "seed {seed}: invented");
            let seen: BTreeSet<u64> = seen.into_iter().collect();
            let lost: Vec<_> = acknowledged.difference(&seen).collect();
            assert!(lost.is_empty(), "seed {seed}: lost {lost:?}");
            disk.set_failures(chance.below(3) as u32 * 40);
            if chance.happens(200) {
                disk.set_space(chance.below(8_000) as usize);
            }
            live(&mut log, &mut acknowledged, &mut next, &mut chance);
            disk.set_failures(0);
            disk.set_space(usize::MAX);
            disk.crash();
        }
    }
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

#[test]
fn damage_in_the_middle_is_reported_and_what_follows_is_read() {
    let (disk, mut chance) = (CrashDisk::new(2), Chance::new(2));
    let (mut log, ..) = open(&disk);
    for number in 1..=3 {
        let mut group = OpenGroup::default();
        push(&mut group, number, &mut chance);
        log.write(&mut group).expect("space");
    }
    let name = disk.list().expect("listed").remove(0);
    disk.flip_bit(&name, 20 * 8);
    disk.kill();
    let (_, seen, report) = open(&disk);
    assert_eq!(seen, [2, 3]);
    assert_eq!((report.damaged.len(), report.damaged[0].1), (1, 0));
}
