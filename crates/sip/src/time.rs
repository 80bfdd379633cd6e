//! Time as the machines see it: values that are handed in, never read from a clock.
//!
//! [`Monotonic`] orders deadlines and never goes back; [`Wall`] is what people, certificates and nonces call
//! the time and may jump. They are different types so that neither is used for the other.

use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

/// Microseconds since the process started. Never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Monotonic(pub u64);

impl Monotonic {
    /// A time that never comes: the deadline of what has none.
    pub const NEVER: Monotonic = Monotonic(u64::MAX);

    pub const fn from_micros(micros: u64) -> Monotonic {
        Monotonic(micros)
    }

    pub const fn from_millis(millis: u64) -> Monotonic {
        Monotonic(millis.saturating_mul(1_000))
    }

    pub const fn from_secs(seconds: u64) -> Monotonic {
        Monotonic(seconds.saturating_mul(1_000_000))
    }

    pub const fn as_micros(self) -> u64 {
        self.0
    }

    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000
    }

    /// How long ago `earlier` was; zero when it is still to come.
    pub const fn since(self, earlier: Monotonic) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// How long until `later`; zero when it has passed.
    pub const fn until(self, later: Monotonic) -> Duration {
        later.since(self)
    }

    /// True when this deadline has come at `now`.
    pub const fn is_due(self, now: Monotonic) -> bool {
        self.0 <= now.0
    }
}

impl Add<Duration> for Monotonic {
    type Output = Monotonic;

    /// Saturates at [`Monotonic::NEVER`].
    fn add(self, span: Duration) -> Monotonic {
        Monotonic(self.0.saturating_add(micros(span)))
    }
}

impl AddAssign<Duration> for Monotonic {
    fn add_assign(&mut self, span: Duration) {
        *self = *self + span;
    }
}

impl Sub<Duration> for Monotonic {
    type Output = Monotonic;

    /// Saturates at the start of the process.
    fn sub(self, span: Duration) -> Monotonic {
        Monotonic(self.0.saturating_sub(micros(span)))
    }
}

impl Sub for Monotonic {
    type Output = Duration;

    /// Zero when `earlier` is the later one.
    fn sub(self, earlier: Monotonic) -> Duration {
        self.since(earlier)
    }
}

/// Milliseconds since the Unix epoch. May jump either way when somebody sets the clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wall(pub u64);

impl Wall {
    pub const fn from_millis(millis: u64) -> Wall {
        Wall(millis)
    }

    pub const fn from_secs(seconds: u64) -> Wall {
        Wall(seconds.saturating_mul(1_000))
    }

    pub const fn as_millis(self) -> u64 {
        self.0
    }

    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000
    }

    /// How long ago `earlier` was; zero when it is still to come.
    pub const fn since(self, earlier: Wall) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// How long until `later`; zero when it has passed.
    pub const fn until(self, later: Wall) -> Duration {
        later.since(self)
    }
}

impl Add<Duration> for Wall {
    type Output = Wall;

    /// Whole milliseconds; saturates.
    fn add(self, span: Duration) -> Wall {
        Wall(self.0.saturating_add(millis(span)))
    }
}

impl Sub<Duration> for Wall {
    type Output = Wall;

    /// Whole milliseconds; saturates at the epoch.
    fn sub(self, span: Duration) -> Wall {
        Wall(self.0.saturating_sub(millis(span)))
    }
}

impl Sub for Wall {
    type Output = Duration;

    /// Zero when `earlier` is the later one.
    fn sub(self, earlier: Wall) -> Duration {
        self.since(earlier)
    }
}

/// Both readings of one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    pub monotonic: Monotonic,
    pub wall: Wall,
}

impl Now {
    pub const fn new(monotonic: Monotonic, wall: Wall) -> Now {
        Now { monotonic, wall }
    }

    /// The wall time at which the monotonic clock will read `then`, if nobody sets the clock.
    pub fn wall_at(self, then: Monotonic) -> Wall {
        if then >= self.monotonic {
            self.wall + then.since(self.monotonic)
        } else {
            self.wall - self.monotonic.since(then)
        }
    }

    /// The monotonic time at which the wall clock will read `then`; in the past, the start at the earliest.
    pub fn monotonic_at(self, then: Wall) -> Monotonic {
        if then >= self.wall {
            self.monotonic + then.since(self.wall)
        } else {
            self.monotonic - self.wall.since(then)
        }
    }
}

impl Add<Duration> for Now {
    type Output = Now;

    fn add(self, span: Duration) -> Now {
        Now { monotonic: self.monotonic + span, wall: self.wall + span }
    }
}

const fn micros(span: Duration) -> u64 {
    let micros = span.as_micros();
    if micros > u64::MAX as u128 { u64::MAX } else { micros as u64 }
}

const fn millis(span: Duration) -> u64 {
    let millis = span.as_millis();
    if millis > u64::MAX as u128 { u64::MAX } else { millis as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        assert_eq!(Monotonic(5) + Duration::MAX, Monotonic::NEVER);
        assert_eq!(Monotonic(5) - Duration::from_secs(1), Monotonic(0));
        assert_eq!(Monotonic(5) - Monotonic(9), Duration::ZERO);
        assert_eq!(Wall(5) - Duration::from_secs(1), Wall(0));
        assert_eq!(Wall(5) + Duration::MAX, Wall(u64::MAX));
    }

    #[test]
    fn a_deadline_is_due_from_its_own_moment_on() {
        assert!(!Monotonic(10).is_due(Monotonic(9)));
        assert!(Monotonic(10).is_due(Monotonic(10)));
        assert!(!Monotonic::NEVER.is_due(Monotonic(u64::MAX - 1)));
    }

    #[test]
    fn one_clock_reads_the_other_both_ways() {
        let now = Now::new(Monotonic::from_secs(10), Wall::from_secs(1_000));
        assert_eq!(now.wall_at(Monotonic::from_secs(12)), Wall::from_secs(1_002));
        assert_eq!(now.wall_at(Monotonic::from_secs(7)), Wall::from_secs(997));
        assert_eq!(now.monotonic_at(Wall::from_secs(1_002)), Monotonic::from_secs(12));
        assert_eq!(now.monotonic_at(Wall::from_secs(1)), Monotonic(0));
        assert_eq!(now + Duration::from_secs(1), Now::new(Monotonic::from_secs(11), Wall::from_secs(1_001)));
    }
}
