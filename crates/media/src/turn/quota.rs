//! Who holds how many allocations.

use super::Limits;
use super::budget::prefix;
use hashbrown::HashMap;
use std::net::IpAddr;

/// Counts of what stands; an entry goes with its last allocation, so there are at most as many as allocations.
#[derive(Default)]
pub(super) struct Quotas {
    of_account: HashMap<String, u32>,
    of_source: HashMap<u64, u32>,
}

impl Quotas {
    /// Counts one more, or not.
    pub(super) fn take(&mut self, limits: &Limits, account: &str, source: IpAddr) -> bool {
        let of_account = self.of_account.get(account).copied().unwrap_or(0);
        let of_source = self.of_source.get(&prefix(source)).copied().unwrap_or(0);
        if of_account >= limits.allocations_of_account_max || of_source >= limits.allocations_of_source_max {
            return false;
        }
        self.of_account.insert(account.to_owned(), of_account + 1);
        self.of_source.insert(prefix(source), of_source + 1);
        true
    }

    pub(super) fn give_back(&mut self, account: &str, source: IpAddr) {
        let is_last = |count: &mut u32| {
            *count = count.saturating_sub(1);
            *count == 0
        };
        if self.of_account.get_mut(account).is_some_and(is_last) {
            self.of_account.remove(account);
        }
        if self.of_source.get_mut(&prefix(source)).is_some_and(is_last) {
            self.of_source.remove(&prefix(source));
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.of_account.is_empty() && self.of_source.is_empty()
    }
}
