//! Which delivery is tried when. Each webhook has a line of its own and so many at a time on their way, so that one whose place
//! is slow or dead makes no other wait.

use coeur_storage::{DeliveryId, HookId};
use std::collections::{BTreeMap, BTreeSet};

/// Deliveries of one webhook that wait; what comes beyond is lost and counted. In memory about 100 bytes each; on disk their
/// bodies, 20 kB each at most: 20 MB for each webhook.
pub const WAITING_MAX: usize = 1_000;
/// Of one webhook at a time.
pub const FLYING_MAX: usize = 4;

#[derive(Default)]
pub(super) struct Queue {
    lines: BTreeMap<HookId, Line>,
}

#[derive(Default)]
struct Line {
    due: BTreeSet<(u64, DeliveryId)>,
    flying: BTreeSet<DeliveryId>,
}

impl Queue {
    /// False: there are too many already.
    pub(super) fn has_room(&self, hook: HookId, more: usize) -> bool {
        self.lines.get(&hook).is_none_or(|line| line.due.len() + line.flying.len() + more < WAITING_MAX)
    }

    /// One that is on its way is not put there again.
    pub(super) fn add(&mut self, hook: HookId, delivery: DeliveryId, at_ms: u64) {
        let line = self.lines.entry(hook).or_default();
        if !line.flying.contains(&delivery) {
            line.due.retain(|(_, known)| *known != delivery);
            line.due.insert((at_ms, delivery));
        }
    }

    /// What is to be tried now.
    pub(super) fn take(&mut self, now_ms: u64) -> Vec<(HookId, DeliveryId)> {
        let mut taken = Vec::new();
        for (hook, line) in &mut self.lines {
            while line.flying.len() < FLYING_MAX
                && line.due.first().is_some_and(|(at_ms, _)| *at_ms <= now_ms)
                && let Some((_, delivery)) = line.due.pop_first()
            {
                line.flying.insert(delivery);
                taken.push((*hook, delivery));
            }
        }
        taken
    }

    /// Its try is over.
    pub(super) fn landed(&mut self, hook: HookId, delivery: DeliveryId) {
        if let Some(line) = self.lines.get_mut(&hook) {
            line.flying.remove(&delivery);
        }
    }

    pub(super) fn is_flying(&self, hook: HookId, delivery: DeliveryId) -> bool {
        self.lines.get(&hook).is_some_and(|line| line.flying.contains(&delivery))
    }

    /// When [`Queue::take`] has something, as far as is known now.
    pub(super) fn next_at_ms(&self) -> Option<u64> {
        let ready = self.lines.values().filter(|line| line.flying.len() < FLYING_MAX);
        ready.filter_map(|line| line.due.first().map(|(at_ms, _)| *at_ms)).min()
    }

    /// Nothing more is tried of this one. What is on its way arrives.
    pub(super) fn forget(&mut self, hook: HookId) {
        if let Some(line) = self.lines.get_mut(&hook) {
            line.due.clear();
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.lines.values().map(|line| line.due.len() + line.flying.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOW: HookId = HookId(1);
    const QUICK: HookId = HookId(2);

    fn queue(of_slow: u64) -> Queue {
        let mut queue = Queue::default();
        (0..of_slow).for_each(|id| queue.add(SLOW, DeliveryId(id), 10));
        queue
    }

    #[test]
    fn a_slow_place_has_its_own_line_and_makes_no_other_wait() {
        let mut queue = queue(100);
        queue.add(QUICK, DeliveryId(500), 10);
        let first = queue.take(10);
        assert_eq!(first.iter().filter(|(hook, _)| *hook == SLOW).count(), FLYING_MAX);
        assert!(first.contains(&(QUICK, DeliveryId(500))));
        queue.add(QUICK, DeliveryId(501), 10);
        assert_eq!((queue.next_at_ms(), queue.take(10)), (Some(10), vec![(QUICK, DeliveryId(501))]));
        assert_eq!(
            (queue.next_at_ms(), queue.take(u64::MAX)),
            (None, vec![]),
            "the slow one is at its limit"
        );
        queue.landed(SLOW, DeliveryId(0));
        assert_eq!(queue.take(10), [(SLOW, DeliveryId(4))]);
    }

    #[test]
    fn nothing_is_tried_before_its_time_and_what_is_on_its_way_not_twice() {
        let mut queue = queue(1);
        assert_eq!((queue.next_at_ms(), queue.take(9)), (Some(10), vec![]));
        assert_eq!(queue.take(10), [(SLOW, DeliveryId(0))]);
        queue.add(SLOW, DeliveryId(0), 0);
        assert_eq!(queue.take(10), []);
        queue.landed(SLOW, DeliveryId(0));
        queue.add(SLOW, DeliveryId(0), 30);
        queue.add(SLOW, DeliveryId(0), 20);
        assert_eq!((queue.next_at_ms(), queue.waiting()), (Some(20), 1));
    }

    #[test]
    fn a_line_is_bounded_and_one_that_is_forgotten_is_empty() {
        let mut queue = queue(WAITING_MAX as u64 - 1);
        assert!(queue.has_room(SLOW, 0) && !queue.has_room(SLOW, 1) && queue.has_room(QUICK, 1));
        queue.take(10);
        queue.forget(SLOW);
        assert_eq!((queue.waiting(), queue.take(u64::MAX)), (FLYING_MAX, vec![]));
    }
}
