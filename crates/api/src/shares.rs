//! What is there in a limited number is not for one address alone: each has its share, and gives it back by dropping it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// An address of IPv4, or the /64 that whoever has an address of IPv6 has whole (RFC 4291 section 2.5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Source(u64);

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            // Of no network that is given out: 0000::/64 is reserved (RFC 4291 section 2.4).
            IpAddr::V4(v4) => Self(u64::from(v4.to_bits())),
            IpAddr::V6(v6) => Self((v6.to_bits() >> 64) as u64),
        }
    }
}

/// As many entries as there are holders at most, which the one who gives the shares limits.
pub(crate) struct Shares {
    each_max: usize,
    taken: Mutex<BTreeMap<Source, usize>>,
}

impl Shares {
    pub(crate) fn new(each_max: usize) -> Arc<Self> {
        Arc::new(Self { each_max, taken: Mutex::default() })
    }

    /// `None`: this address has all that one may have.
    pub(crate) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Share> {
        let source = Source::from(address);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(source).or_insert(0);
        if *count >= self.each_max {
            return None;
        }
        *count += 1;
        Some(Share { of: self.clone(), source })
    }
}

pub(crate) struct Share {
    of: Arc<Shares>,
    source: Source,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.of.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_its_share_and_another_has_its_own_and_what_is_dropped_is_there_again() {
        let shares = Shares::new(2);
        let ask = |text: &str| shares.take(text.parse().unwrap());
        let held = [ask("192.0.2.1"), ask("::ffff:192.0.2.1")];
        assert!(held.iter().all(Option::is_some));
        assert!(ask("192.0.2.1").is_none());
        assert!(ask("192.0.2.2").is_some());
        let network = [ask("2001:db8::1"), ask("2001:db8::2")];
        assert!(network.iter().all(Option::is_some) && ask("2001:db8::3").is_none());
        drop(held);
        assert!(ask("192.0.2.1").is_some());
        drop(network);
        assert!(shares.taken.lock().unwrap().is_empty());
    }
}
