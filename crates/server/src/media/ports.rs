//! Which ports are free.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Pairs of an even port and the odd one after it (RFC 3550 section 11), of all workers and of TURN. Each rests after its use; in
/// what order they come is not to be guessed. At most 32,768 pairs of 24 bytes.
pub(crate) struct Ports {
    rest: Duration,
    pool: Mutex<Pool>,
}

struct Pool {
    free: VecDeque<u16>,
    resting: VecDeque<(Instant, u16)>,
    leased: usize,
}

/// A pair of ports. Dropped after its sockets, it begins to rest.
pub(crate) struct Lease {
    ports: Arc<Ports>,
    even: u16,
}

impl Ports {
    pub(crate) fn new(range: RangeInclusive<u16>, rest: Duration) -> Self {
        let first = u32::from(*range.start()).next_multiple_of(2);
        let mut even: Vec<u16> = (first..u32::from(*range.end()))
            .step_by(2)
            .map(|port| port as u16)
            .filter(|port| *port > 0)
            .collect();
        shuffle(&mut even);
        Self { rest, pool: Mutex::new(Pool { free: even.into(), resting: VecDeque::new(), leased: 0 }) }
    }

    /// `None` when all are used. When none has rested, that which rests for longest: a call is worth more than the rest. Nothing
    /// that came before waits in its socket, which is a new one; what is still on its way from the call before is judged like
    /// packets of any stranger.
    pub(crate) fn lease(self: &Arc<Self>, now: Instant) -> Option<Lease> {
        let mut pool = self.pool.lock();
        while pool
            .resting
            .front()
            .is_some_and(|(since, _)| now.saturating_duration_since(*since) >= self.rest)
        {
            let rested = pool.resting.pop_front();
            pool.free.extend(rested.map(|(_, port)| port));
        }
        let rested = pool.free.pop_front();
        let even = rested.or_else(|| pool.resting.pop_front().map(|(_, port)| port))?;
        pool.leased += 1;
        drop(pool);
        Some(Lease { ports: self.clone(), even })
    }

    /// That pair, for a call that had it before this process began; `None` when it is used.
    pub(super) fn lease_exactly(self: &Arc<Self>, even: u16) -> Option<Lease> {
        let mut pool = self.pool.lock();
        let Pool { free, resting, .. } = &mut *pool;
        if let Some(place) = free.iter().position(|port| *port == even) {
            free.remove(place);
        } else {
            let place = resting.iter().position(|(_, port)| *port == even)?;
            resting.remove(place);
        }
        pool.leased += 1;
        drop(pool);
        Some(Lease { ports: self.clone(), even })
    }

    pub(super) fn leased(&self) -> usize {
        self.pool.lock().leased
    }
}

impl Lease {
    pub(crate) fn even(&self) -> u16 {
        self.even
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut pool = self.ports.pool.lock();
        pool.leased -= 1;
        pool.resting.push_back((Instant::now(), self.even));
    }
}

/// Fisher and Yates.
fn shuffle(ports: &mut [u16]) {
    for last in (1..ports.len()).rev() {
        let mut random = [0; 8];
        crate::house::random(&mut random);
        ports.swap(last, (u64::from_ne_bytes(random) % (last as u64 + 1)) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_even_and_each_is_leased_once() {
        let ports = Arc::new(Ports::new(40_001..=40_021, Duration::ZERO));
        let now = Instant::now();
        let leases: Vec<Lease> = std::iter::from_fn(|| ports.lease(now)).collect();
        let mut even: Vec<u16> = leases.iter().map(Lease::even).collect();
        assert_eq!(ports.leased(), 10);
        even.sort_unstable();
        assert_eq!(even, (40_002..=40_020).step_by(2).collect::<Vec<u16>>(), "with the odd one in the range");
    }

    #[test]
    fn a_port_rests_before_it_is_used_again_while_there_are_others() {
        let ports = Arc::new(Ports::new(40_000..=40_005, Duration::from_secs(10)));
        let now = Instant::now();
        let used = ports.lease(now).unwrap().even();
        let others = [ports.lease(now).unwrap(), ports.lease(now + Duration::from_secs(9)).unwrap()];
        assert!(others.iter().all(|other| other.even() != used));
        drop(others);
        let rested = Instant::now() + Duration::from_secs(10);
        assert_eq!(ports.lease(rested).unwrap().even(), used, "the first that has rested");
    }

    #[test]
    fn very_many_short_calls_leave_nobody_without_a_port() {
        let ports = Arc::new(Ports::new(40_000..=40_003, Duration::from_secs(10)));
        let now = Instant::now();
        let first = ports.lease(now).unwrap().even();
        let second = ports.lease(now).unwrap().even();
        for expected in [first, second, first] {
            assert_eq!(ports.lease(now).map(|lease| lease.even()), Some(expected), "that rests for longest");
        }
        let all = [ports.lease(now), ports.lease(now)];
        assert!(all.iter().all(Option::is_some) && ports.lease(now).is_none(), "all are used");
    }

    #[test]
    fn a_pair_that_is_named_is_leased_unless_it_is_used() {
        let ports = Arc::new(Ports::new(40_000..=40_003, Duration::from_secs(10)));
        let first = ports.lease_exactly(40_002).unwrap();
        assert!(ports.lease_exactly(40_002).is_none() && ports.lease_exactly(40_004).is_none());
        assert_eq!(ports.lease(Instant::now()).unwrap().even(), 40_000);
        drop(first);
        assert_eq!(ports.lease_exactly(40_002).unwrap().even(), 40_002, "it rests, and was this call's");
    }

    #[test]
    fn the_order_of_ports_is_not_to_be_guessed() {
        let first =
            |_| Arc::new(Ports::new(20_000..=29_999, Duration::ZERO)).lease(Instant::now()).unwrap().even();
        let firsts: std::collections::BTreeSet<u16> = (0..20).map(first).collect();
        assert!(firsts.len() > 10, "{firsts:?}");
    }
}
