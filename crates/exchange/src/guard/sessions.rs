//! How many calls each account has at a time, over all shards: a stolen password, or a phone gone wild, opens a bounded
//! number of calls (toll fraud begins with hundreds at once).

use coeur_directory::AccountId;
use hashbrown::HashMap;
use parking_lot::Mutex;

/// 16 bytes for each account that is in a call; taken once when a call begins and once when it ends.
#[derive(Default)]
pub struct Sessions {
    count_by_account: Mutex<HashMap<AccountId, u32>>,
}

impl Sessions {
    /// Counts one more call of the account, unless it has `max`; 0 is no limit.
    pub(crate) fn take(&self, account: AccountId, max: u32) -> bool {
        let mut counts = self.count_by_account.lock();
        let count = counts.entry(account).or_insert(0);
        let may = max == 0 || *count < max;
        *count += u32::from(may);
        may
    }

    /// A call that was counted is over.
    pub(crate) fn give_back(&self, account: AccountId) {
        let mut counts = self.count_by_account.lock();
        let Some(count) = counts.get_mut(&account) else { return };
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(&account);
        }
    }

    /// Calls of all accounts that are counted now.
    #[cfg(test)]
    pub(crate) fn total(&self) -> u32 {
        self.count_by_account.lock().values().sum()
    }
}
