//! How many connections each source holds, all shards together.

use hashbrown::HashMap;
use parking_lot::Mutex;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// One lock for all shards: it is taken only when a connection opens or closes. Memory: 24 bytes per source that holds
/// a connection, so bounded by the number of connections.
#[derive(Default)]
pub struct PerSource {
    open_by_source: Mutex<HashMap<IpAddr, u32>>,
}

/// One connection of a source; dropping it gives the place back.
pub struct Place {
    counts: Arc<PerSource>,
    source: IpAddr,
}

impl PerSource {
    /// This host itself, where a reverse proxy may be, may have any number, unless it is counted too.
    pub fn take(self: &Arc<Self>, source: IpAddr, max: u32, count_loopback: bool) -> Option<Place> {
        let is_counted = count_loopback || !source.to_canonical().is_loopback();
        let max = if is_counted { max } else { u32::MAX };
        let source = network(source);
        let mut counts = self.open_by_source.lock();
        let count = counts.entry(source).or_insert(0);
        if *count >= max {
            return None;
        }
        *count += 1;
        Some(Place { counts: self.clone(), source })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.counts.open_by_source.lock();
        if let Some(count) = counts.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.source);
            }
        }
    }
}

/// An IPv6 host owns its /64, so the /64 is what is counted.
fn network(source: IpAddr) -> IpAddr {
    match source {
        IpAddr::V4(_) => source,
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => IpAddr::V4(ip),
            None => IpAddr::V6(Ipv6Addr::from(u128::from(ip) & !u128::from(u64::MAX))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_gets_its_places_back_and_a_64_is_one_source() {
        let counts = Arc::new(PerSource::default());
        let first = counts.take("2001:db8::1".parse().unwrap(), 2, false).unwrap();
        let _second = counts.take("2001:db8::2".parse().unwrap(), 2, false).unwrap();
        assert!(counts.take("2001:db8::3".parse().unwrap(), 2, false).is_none());
        assert!(counts.take("2001:db8:0:1::3".parse().unwrap(), 2, false).is_some());
        drop(first);
        assert!(counts.take("2001:db8::3".parse().unwrap(), 2, false).is_some());
        assert_eq!(counts.open_by_source.lock().len(), 1);
    }

    #[test]
    fn this_host_itself_is_counted_only_where_that_is_wanted() {
        let counts = Arc::new(PerSource::default());
        for (ip, count_loopback, many) in
            [("127.0.0.1", false, true), ("::ffff:127.0.0.2", true, false), ("::1", true, false)]
        {
            let take = || counts.take(ip.parse().unwrap(), 1, count_loopback);
            let _first = take().unwrap();
            assert_eq!(take().is_some(), many, "{ip}");
        }
    }
}
