//! Who asks for links that are none: a few times by mistake, more often to find one.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Wrong tokens of one source in a minute. A token has 160 bits: this spares the disk, the bits keep the secret.
const MISSES_MAX: u32 = 20;
const WINDOW_MS: u64 = 60_000;
/// Sources at a time, 64 bytes each, 256 kB. When there are more, the window begins anew for all.
const SOURCES_MAX: usize = 4_096;

#[derive(Default)]
pub struct Misses(Mutex<HashMap<IpAddr, (u64, u32)>>);

impl Misses {
    /// Whether nobody looks for this source any more until its minute is over.
    pub fn is_blocked(&self, source: IpAddr, now_ms: u64) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_now = |(since_ms, count): &(u64, u32)| {
            now_ms.saturating_sub(*since_ms) < WINDOW_MS && *count >= MISSES_MAX
        };
        known.get(&network(source)).is_some_and(of_now)
    }

    pub fn note(&self, source: IpAddr, now_ms: u64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= SOURCES_MAX {
            known.clear();
        }
        let entry = known.entry(network(source)).or_insert((now_ms, 0));
        if now_ms.saturating_sub(entry.0) >= WINDOW_MS {
            *entry = (now_ms, 0);
        }
        entry.1 += 1;
    }
}

/// One subscriber has a whole network of IPv6 addresses.
fn network(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let mut octets = address.octets();
            octets[8..].fill(0);
            IpAddr::from(octets)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_guesses_is_not_looked_up_any_more_until_his_minute_is_over() {
        let misses = Misses::default();
        let (one, other) = ("2001:db8::1".parse().unwrap(), "192.0.2.1".parse().unwrap());
        for at in 0..20 {
            assert!(!misses.is_blocked(one, at));
            misses.note(one, at);
        }
        assert!(misses.is_blocked("2001:db8::ffff".parse().unwrap(), 21) && !misses.is_blocked(other, 21));
        assert!(!misses.is_blocked(one, 60_000));
    }

    #[test]
    fn many_sources_take_no_more_memory() {
        let misses = Misses::default();
        for at in 0..20_000u32 {
            misses.note(IpAddr::from(at.to_be_bytes()), 0);
        }
        assert!(misses.0.lock().unwrap().len() <= SOURCES_MAX);
    }
}
