//! The clocks of the system, read once per turn of the loop.

use coeur_sip::time::{Monotonic, Now, Wall};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// One per process: all shards count from the same moment.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Default for Clock {
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock {
    /// When it was zero, for libraries that want an [`Instant`].
    pub fn zero(&self) -> Instant {
        self.start
    }

    pub fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now::new(
            Monotonic(self.start.elapsed().as_micros() as u64 + 1),
            Wall::from_millis(wall.as_millis() as u64),
        )
    }
}
