//! One test alone in its process, because it measures the threads of this process.

mod scripted;

use coeur_storage::journal::Outcome;
use coeur_storage::{Journal, Options};
use scripted::{ScriptedDisk, Step};
use std::sync::Arc;
use std::time::Duration;

/// Nanoseconds on a processor, all threads named `coeur-journal` together.
fn busy_ns() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux").flatten();
    let ours = tasks.filter(|task| {
        std::fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.trim() == "coeur-journal")
    });
    let first = |text: String| text.split(' ').next().and_then(|ns| ns.parse::<u64>().ok());
    ours.filter_map(|task| std::fs::read_to_string(task.path().join("schedstat")).ok().and_then(first)).sum()
}

#[test]
fn the_thread_rests_over_a_disk_that_stays_broken() {
    let disk = ScriptedDisk::default();
    let (journal, _) = Journal::open(Arc::new(disk.clone()), Options::default(), &mut |_| ()).expect("opens");
    disk.fail(Step::Sync);
    let sequence = journal.append(0, b"lost").expect("there is room");
    journal.flush();
    assert_eq!(journal.outcome(sequence), Outcome::Failed);
    let (busy_before_ns, touched) = (busy_ns(), disk.operations());
    assert!(busy_before_ns > 0, "the thread was found");
    // Real time, because a loop that turns for nothing shows itself in nothing else.
    std::thread::sleep(Duration::from_millis(300));
    let busy_ns = busy_ns() - busy_before_ns;
    assert!(busy_ns < 30_000_000, "busy for {busy_ns} ns of 300,000,000");
    assert_eq!(disk.operations(), touched);
}
