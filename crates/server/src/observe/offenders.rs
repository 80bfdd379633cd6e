//! One line for whoever makes trouble, so that an operator sees an attack at the default level and a tool such as
//! fail2ban has an address to close out: one for each kind and source in a minute, and never many of all of them. It
//! names an address and nobody: which account was meant stands at DEBUG.

use super::rate::Rate;
use std::cell::RefCell;
use std::net::IpAddr;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Password,
    Junk,
    Relay,
    Origin,
    Connections,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "wrong passwords",
            Self::Junk => "junk instead of SIP",
            Self::Relay => "requests for other domains without the right to relay",
            Self::Origin => "a WebSocket of a page that is not allowed",
            Self::Connections => "too many connections",
        }
    }
}

/// Sources that a thread remembers; another one in the same place takes it. 48 bytes each.
const PLACES: usize = 256;
const AGAIN_AFTER: Duration = Duration::from_secs(60);
/// Lines of one thread in a second, all kinds and sources together.
const LINES_MAX: u32 = 5;

thread_local! {
    static SEEN: RefCell<Seen> = RefCell::new(Seen::new());
}

/// Writes the line, or not.
pub fn note(kind: Kind, source: IpAddr) {
    let source = source.to_canonical();
    SEEN.with_borrow_mut(|seen| {
        if let Some(left_out) = seen.tells(kind, source, Instant::now()) {
            tracing::info!(%source, left_out, "refused: {}", kind.as_str());
        }
    });
}

struct Seen {
    places: Vec<Option<(Kind, IpAddr, Instant)>>,
    rate: Rate,
}

impl Seen {
    fn new() -> Self {
        Self { places: vec![None; PLACES], rate: Rate::new(LINES_MAX, Duration::from_secs(1)) }
    }

    /// `Some(n)`: a line is due, and `n` of other sources were left out before it.
    fn tells(&mut self, kind: Kind, source: IpAddr, now: Instant) -> Option<u64> {
        let place = &mut self.places[place(kind, source)];
        let known = place.is_some_and(|(of, from, at)| {
            (of, from) == (kind, source) && now.saturating_duration_since(at) < AGAIN_AFTER
        });
        if known {
            return None;
        }
        let left_out = self.rate.allow(now)?;
        *place = Some((kind, source, now));
        Some(left_out)
    }
}

/// Whoever chooses his address chooses his place: he can have more lines, up to the rate.
fn place(kind: Kind, source: IpAddr) -> usize {
    let number = match source {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    };
    let folded = (number ^ number >> 64) as u64 ^ (kind as u64) << 56;
    (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_and_source_has_one_line_in_a_minute_and_all_together_a_few_in_a_second() {
        let (mut seen, now) = (Seen::new(), Instant::now());
        let ip = |last| IpAddr::from([203, 0, 113, last]);
        assert_eq!(seen.tells(Kind::Junk, ip(1), now), Some(0));
        for _ in 0..1_000 {
            assert_eq!(seen.tells(Kind::Junk, ip(1), now), None);
        }
        assert_eq!(seen.tells(Kind::Password, ip(1), now), Some(0));
        assert_eq!(seen.tells(Kind::Junk, ip(1), now + AGAIN_AFTER), Some(0));
        let later = now + AGAIN_AFTER * 2;
        let lines = (0..=255).filter(|last| seen.tells(Kind::Relay, ip(*last), later).is_some()).count();
        assert_eq!(lines, LINES_MAX as usize);
        assert_eq!(seen.tells(Kind::Origin, ip(9), later + AGAIN_AFTER), Some(256 - u64::from(LINES_MAX)));
    }
}
