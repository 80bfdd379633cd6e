//! One coarse timer wheel per shard for the deadlines of connections: no system call and no allocation per timer.

use coeur_exchange::flow::ConnectionId;
use coeur_sip::time::Monotonic;
use std::time::Duration;

/// Turns of the wheel before it comes round. Later deadlines are looked at once per round.
const SLOTS: usize = 256;

/// Entries are hints: whoever takes one looks at the deadline of the connection and may put it back. A connection has
/// one valid entry, the one whose tick it remembers, and at most a few stale ones. Memory: 16 bytes each.
pub struct Wheel {
    slots: Vec<Vec<(ConnectionId, u64)>>,
    tick_us: u64,
    /// Everything before this tick has been taken.
    next: u64,
}

impl Wheel {
    pub fn new(tick: Duration, now: Monotonic) -> Self {
        let tick_us = (tick.as_micros() as u64).max(1_000);
        Self { slots: (0..SLOTS).map(|_| Vec::new()).collect(), tick_us, next: now.as_micros() / tick_us }
    }

    /// Puts a connection at its deadline and gives the tick to remember, unless `scheduled` comes early enough.
    pub fn set(&mut self, id: ConnectionId, deadline: Monotonic, scheduled: u64) -> u64 {
        let horizon = self.next + SLOTS as u64 - 1;
        // One tick late rather than early, so that a deadline that fires has passed.
        let tick = (deadline.as_micros() / self.tick_us + 1).clamp(self.next, horizon);
        if scheduled <= tick && scheduled >= self.next {
            return scheduled;
        }
        self.slots[(tick % SLOTS as u64) as usize].push((id, tick));
        tick
    }

    /// When the wheel next wants to turn.
    pub fn next_deadline(&self) -> Monotonic {
        Monotonic(self.next.saturating_add(1).saturating_mul(self.tick_us))
    }

    /// Takes all entries whose tick has passed.
    pub fn turn(&mut self, now: Monotonic, due: &mut Vec<(ConnectionId, u64)>) {
        let current = now.as_micros() / self.tick_us;
        while self.next < current {
            let tick = self.next;
            let slot = &mut self.slots[(tick % SLOTS as u64) as usize];
            due.append(slot);
            self.next += 1;
            // After a long sleep every slot has been emptied once; the ticks in between hold nothing.
            if current - self.next > SLOTS as u64 {
                self.next = current - SLOTS as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use coeur_exchange::flow::ShardId;

    #[test]
    fn an_entry_fires_after_its_deadline_and_once() {
        let mut wheel = Wheel::new(Duration::from_millis(100), Monotonic(0));
        let id = ConnectionId::new(ShardId(0), 1);
        let tick = wheel.set(id, Monotonic::from_millis(250), u64::MAX);
        assert_eq!(wheel.set(id, Monotonic::from_millis(900), tick), tick, "an earlier entry is enough");
        let mut due = Vec::new();
        wheel.turn(Monotonic::from_millis(299), &mut due);
        assert!(due.is_empty());
        wheel.turn(Monotonic::from_millis(450), &mut due);
        assert_eq!(due, [(id, tick)]);
        wheel.turn(Monotonic::from_secs(1_000), &mut due);
        assert_eq!(due.len(), 1);
    }

    #[test]
    fn a_deadline_behind_the_horizon_is_looked_at_within_a_round() {
        let mut wheel = Wheel::new(Duration::from_millis(100), Monotonic(0));
        let id = ConnectionId::new(ShardId(0), 1);
        wheel.set(id, Monotonic::from_secs(9_000), u64::MAX);
        let mut due = Vec::new();
        wheel.turn(Monotonic::from_secs(26), &mut due);
        assert_eq!(due.len(), 1);
    }
}
