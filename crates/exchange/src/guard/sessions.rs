//! How many calls each account has at a time, over all shards: a stolen password, or a phone gone wild, opens a bounded
//! number of calls (toll fraud begins with hundreds at once). A caller is counted from the INVITE on, who is called once he
//! has answered: others make an account's phones ring, but do not use up its calls.

use coeur_directory::AccountId;
use hashbrown::HashMap;
use parking_lot::Mutex;

/// 16 bytes for each account that is in a call; taken when a call begins, is answered and ends.
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

    /// Whether the account has `max` calls; 0 is no limit.
    pub(crate) fn is_full(&self, account: AccountId, max: u32) -> bool {
        max != 0 && self.count_by_account.lock().get(&account).is_some_and(|count| *count >= max)
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
