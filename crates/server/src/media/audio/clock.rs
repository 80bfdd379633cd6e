//! The clock of the audio parts of one worker: each has a turn every 20 ms.
//!
//! Turns are spread over four phases, so that packets do not leave all at once. They are counted from where the clock began
//! and never from when the last one was, so that nothing drifts. A worker that is late makes up for the turns it has missed,
//! a few of them; of more the parts are told that time has passed.

use coeur_media::talk::TICK_MS;
use coeur_sip::time::Monotonic;
use std::time::Duration;

pub(super) const PHASES: usize = 4;
const PHASE: Duration = Duration::from_millis(TICK_MS as u64 / PHASES as u64);
/// Turns of each part that are made up for.
const CATCH_UP_TICKS: u64 = 5;

#[derive(Default)]
pub(super) struct Clock {
    zero: Monotonic,
    /// Phases that are over.
    done: u64,
    /// Parts of each phase.
    parts: [usize; PHASES],
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The parts of this phase.
    Of(usize),
    /// All parts have missed so many ticks.
    Missed(u32),
}

impl Clock {
    /// A part enters; gives its phase, the one with the fewest.
    pub(super) fn enter(&mut self, now: Monotonic) -> usize {
        if self.parts.iter().all(|parts| *parts == 0) {
            (self.zero, self.done) = (now, 0);
        }
        let fewest = self.parts.iter().enumerate().min_by_key(|(_, parts)| **parts);
        let phase = fewest.map_or(0, |(phase, _)| phase);
        self.parts[phase] += 1;
        phase
    }

    pub(super) fn leave(&mut self, phase: usize) {
        self.parts[phase] = self.parts[phase].saturating_sub(1);
    }

    /// When the next turn is due that is of any part.
    pub(super) fn next_deadline(&self) -> Option<Monotonic> {
        let next = (self.done..).take(PHASES).find(|phase| self.parts[phase_of(*phase)] > 0)?;
        Some(self.zero + PHASE * (next + 1) as u32)
    }

    /// The next turn that is due. `None`: all have had theirs.
    pub(super) fn turn(&mut self, now: Monotonic) -> Option<Turn> {
        if self.parts.iter().all(|parts| *parts == 0) {
            return None;
        }
        let past = now.since(self.zero).as_micros() as u64 / PHASE.as_micros() as u64;
        loop {
            let behind = past.checked_sub(self.done).filter(|behind| *behind > 0)?;
            let most = CATCH_UP_TICKS * PHASES as u64;
            if behind > most {
                let missed = (behind - most).div_ceil(PHASES as u64);
                self.done += missed * PHASES as u64;
                return Some(Turn::Missed(missed as u32));
            }
            let phase = phase_of(self.done);
            self.done += 1;
            if self.parts[phase] > 0 {
                return Some(Turn::Of(phase));
            }
        }
    }
}

fn phase_of(phase: u64) -> usize {
    (phase % PHASES as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Monotonic {
        Monotonic::from_millis(1_000 + ms)
    }

    fn turns(clock: &mut Clock, at: u64) -> Vec<Turn> {
        std::iter::from_fn(|| clock.turn(ms(at))).collect()
    }

    #[test]
    fn each_part_has_a_turn_every_20_ms_and_nothing_drifts() {
        let mut clock = Clock::default();
        assert_eq!((clock.next_deadline(), clock.turn(ms(0))), (None, None));
        assert_eq!(clock.enter(ms(0)), 0);
        assert_eq!(clock.next_deadline(), Some(ms(5)));
        assert_eq!(turns(&mut clock, 4), []);
        assert_eq!(turns(&mut clock, 5), [Turn::Of(0)]);
        assert_eq!(clock.next_deadline(), Some(ms(25)), "phases of nobody wake nobody");
        // Each turn is 3 ms late, and the one after it is not later for that.
        let count = (1..=500).map(|tick| turns(&mut clock, 5 + 20 * tick + 3).len()).sum::<usize>();
        assert_eq!((count, clock.next_deadline()), (500, Some(ms(5 + 20 * 501))));
    }

    #[test]
    fn parts_are_spread_over_the_phases() {
        let mut clock = Clock::default();
        assert_eq!([(); 5].map(|()| clock.enter(ms(0))), [0, 1, 2, 3, 0]);
        assert_eq!(turns(&mut clock, 20), [0, 1, 2, 3].map(Turn::Of));
        [0, 1, 3, 0].into_iter().for_each(|phase| clock.leave(phase));
        assert_eq!(turns(&mut clock, 60), [2, 2].map(Turn::Of));
        assert_eq!(clock.enter(ms(60)), 0, "where the fewest are");
    }

    #[test]
    fn a_few_missed_turns_are_made_up_for_and_of_more_it_is_told() {
        let mut clock = Clock::default();
        clock.enter(ms(0));
        assert_eq!(turns(&mut clock, 100), [Turn::Of(0); 5]);
        let after_a_second = turns(&mut clock, 1_100);
        assert_eq!(after_a_second[0], Turn::Missed(45));
        assert_eq!(after_a_second[1..], [Turn::Of(0); 5]);
        assert!(clock.next_deadline().unwrap() > ms(1_100));
    }
}
