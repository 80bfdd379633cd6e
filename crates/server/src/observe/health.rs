//! Two questions of whoever watches: is the process alive, or must it be started anew; and is new work welcome.

use crate::shard::Inbox;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A shard whose turn takes longer than this is taken for dead. A turn takes milliseconds under the heaviest load.
const PATIENCE: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Wakes every shard and waits until each has looked into its inbox.
pub fn live(inboxes: &[Arc<Inbox>]) -> Result<(), String> {
    match standing(inboxes, PATIENCE) {
        None => Ok(()),
        Some(shard) => Err(format!("shard {shard} has not turned for {} s", PATIENCE.as_secs())),
    }
}

/// The first shard that does not look into its inbox within the patience.
fn standing(inboxes: &[Arc<Inbox>], patience: Duration) -> Option<usize> {
    let before: Vec<u64> = inboxes.iter().map(|inbox| inbox.looks()).collect();
    inboxes.iter().for_each(|inbox| inbox.durable());
    let until = Instant::now() + patience;
    loop {
        let standing = inboxes.iter().zip(&before).position(|(inbox, before)| inbox.looks() == *before);
        if standing.is_none() || Instant::now() >= until {
            return standing;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// `unwritable` says why the journal cannot write, if it cannot. Calls and refreshed registrations go on then, but a
/// load balancer should prefer another server.
pub fn ready(stopping: bool, listening: bool, unwritable: Option<String>) -> Result<(), String> {
    match (stopping, listening, unwritable) {
        (true, _, _) => Err("the server is stopping".to_owned()),
        (false, false, _) => Err("the listeners are not open yet".to_owned()),
        (false, true, Some(why)) => Err(format!("the journal cannot write: {why}")),
        (false, true, None) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::Prepared;

    #[test]
    fn a_shard_that_does_not_look_is_named_and_one_that_does_is_alive() {
        let inboxes = Prepared::new(2).unwrap().inboxes;
        assert_eq!(standing(&inboxes, Duration::from_millis(20)), Some(0));
        let turning = |shards: std::ops::Range<usize>, patience_ms: u64| {
            let stop = std::sync::atomic::AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                        inboxes[shards.clone()].iter().for_each(|inbox| inbox.take(&mut Vec::new()));
                        std::thread::sleep(Duration::from_millis(1));
                    }
                });
                let found = standing(&inboxes, Duration::from_millis(patience_ms));
                stop.store(true, std::sync::atomic::Ordering::Relaxed);
                found
            })
        };
        assert_eq!(turning(0..2, 10_000), None);
        // Long enough for a thread that is alive on a machine that has much to do.
        assert_eq!(turning(0..1, 1_000), Some(1));
    }

    #[test]
    fn new_work_is_welcome_while_the_journal_can_write_and_nobody_stops_us() {
        assert_eq!(ready(false, true, None), Ok(()));
        assert_eq!(ready(true, true, None), Err("the server is stopping".to_owned()));
        assert!(ready(false, false, None).is_err());
        let full = ready(false, true, Some("no space left".to_owned()));
        assert_eq!(full, Err("the journal cannot write: no space left".to_owned()));
    }
}
