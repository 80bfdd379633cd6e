//! How many answers leave for those who have proved nothing (threat T-32): whoever writes somebody else's address on his
//! datagrams turns them on him. Counted in a table of fixed size, so that nobody is remembered.

use coeur_sip::time::Monotonic;
use std::net::IpAddr;
use std::time::Duration;

const WINDOW: Duration = Duration::from_secs(1);
const CELLS: usize = 1_024;

/// In a second, for the sources that share a cell. Phones behind one NAT share an address anyhow.
pub(super) const CELL_MAX: u16 = 64;

/// In a second, for all together: some 60 kB.
pub(super) const ALL_MAX: u32 = 1_000;

/// 2 kB.
pub(super) struct Budget {
    key: u64,
    since: Monotonic,
    all: u32,
    cells: Box<[u16; CELLS]>,
}

impl Budget {
    /// The key hides which sources share a cell.
    pub(super) fn new(key: u64) -> Budget {
        Budget { key, since: Monotonic::default(), all: 0, cells: Box::new([0; CELLS]) }
    }

    /// Whether one more answer may leave for this source.
    pub(super) fn spend(&mut self, now: Monotonic, source: IpAddr) -> bool {
        if self.since + WINDOW <= now {
            (self.since, self.all) = (now, 0);
            self.cells.fill(0);
        }
        let cell = &mut self.cells[cell(self.key, prefix(source))];
        if self.all == ALL_MAX || *cell == CELL_MAX {
            return false;
        }
        self.all += 1;
        *cell += 1;
        true
    }
}

/// An IPv4 address, or an IPv6 /64: what one customer has.
pub(super) fn prefix(source: IpAddr) -> u64 {
    match source.to_canonical() {
        IpAddr::V4(ip) => u64::from(u32::from(ip)),
        // The lower half of an IPv6 address is its owner's to choose. One below 2^32 is no unicast prefix.
        IpAddr::V6(ip) => (u128::from(ip) >> 64) as u64,
    }
}

fn cell(key: u64, prefix: u64) -> usize {
    let mut mixed = prefix ^ key;
    for _ in 0..2 {
        mixed = (mixed ^ mixed >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(key);
    }
    (mixed >> 54) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_and_all_of_them_have_a_budget_for_each_second() {
        let mut budget = Budget::new(7);
        let now = Monotonic::from_secs(10);
        let one: IpAddr = [203, 0, 113, 1].into();
        let spent = |budget: &mut Budget, now| (0..1_000).filter(|_| budget.spend(now, one)).count();
        assert_eq!(spent(&mut budget, now), usize::from(CELL_MAX));
        assert_eq!(spent(&mut budget, now + WINDOW), usize::from(CELL_MAX));
        let many =
            (0..100_000u32).filter(|nth| budget.spend(now + WINDOW, std::net::Ipv4Addr::from(*nth).into()));
        assert_eq!(many.count(), ALL_MAX as usize - usize::from(CELL_MAX));
    }

    #[test]
    fn an_ipv6_customer_is_one_source() {
        let ip = |text: &str| prefix(text.parse().expect("an address"));
        assert_eq!(ip("2001:db8::1"), ip("2001:db8::ffff:0:0:1"));
        assert_ne!(ip("2001:db8::1"), ip("2001:db8:0:1::1"));
        assert_eq!(ip("::ffff:1.2.3.4"), ip("1.2.3.4"));
    }
}
