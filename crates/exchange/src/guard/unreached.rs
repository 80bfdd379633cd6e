//! What was refused to each account within a minute, over all shards: each INVITE has one record however often it is
//! repeated, and who dials on and on does not fill the table of calls.

use coeur_directory::AccountId;
use coeur_sip::time::Monotonic;
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::time::Duration;

/// Records that an account has of such calls in a minute; what is more is counted.
pub const RECORDS_OF_ACCOUNT_MAX: usize = 20;
/// Of a sliding minute. No INVITE is repeated after half of it (RFC 3261 section 17.1.1.2, timer B).
const SPAN: Duration = Duration::from_secs(60);
/// Accounts that are known at a time, each with some 0.5 kB. With more of them within a minute the rest is counted.
const ACCOUNTS_MAX: usize = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreached {
    First,
    /// The same INVITE once more: its answer was lost.
    Again,
    TooMany,
}

#[derive(Default)]
pub(super) struct Calls {
    by_account: Mutex<HashMap<AccountId, VecDeque<(Monotonic, u64)>>>,
}

impl Calls {
    /// `request`: a hash of what tells an INVITE from another.
    pub(super) fn take(&self, now: Monotonic, account: AccountId, request: u64) -> Unreached {
        let is_old = |(at, _): &(Monotonic, u64)| now.since(*at) >= SPAN;
        let mut by_account = self.by_account.lock();
        if by_account.len() >= ACCOUNTS_MAX && !by_account.contains_key(&account) {
            by_account.retain(|_, lately| lately.back().is_some_and(|last| !is_old(last)));
            if by_account.len() >= ACCOUNTS_MAX {
                return Unreached::TooMany;
            }
        }
        let lately = by_account.entry(account).or_default();
        while lately.front().is_some_and(is_old) {
            lately.pop_front();
        }
        if lately.iter().any(|(_, known)| *known == request) {
            return Unreached::Again;
        }
        if lately.len() >= RECORDS_OF_ACCOUNT_MAX {
            return Unreached::TooMany;
        }
        lately.push_back((now, request));
        Unreached::First
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_so_many_in_a_minute_and_each_once() {
        let calls = Calls::default();
        let at = |s| Monotonic::from_secs(s);
        let (alice, bob) = (AccountId(1), AccountId(2));
        for request in 0..RECORDS_OF_ACCOUNT_MAX as u64 {
            assert_eq!(calls.take(at(request), alice, request), Unreached::First);
            assert_eq!(calls.take(at(request), alice, request), Unreached::Again);
        }
        assert_eq!(calls.take(at(59), alice, 99), Unreached::TooMany);
        assert_eq!(calls.take(at(59), bob, 99), Unreached::First);
        assert_eq!(calls.take(at(60), alice, 99), Unreached::First);
        assert_eq!(calls.take(at(60), alice, 100), Unreached::TooMany);
    }

    #[test]
    fn who_was_refused_long_ago_makes_room() {
        let calls = Calls::default();
        let soon = Monotonic::from_secs(1);
        let later = soon + SPAN;
        for account in 0..ACCOUNTS_MAX as u64 {
            assert_eq!(calls.take(soon, AccountId(account), 1), Unreached::First);
        }
        assert_eq!(calls.take(soon, AccountId(u64::MAX), 1), Unreached::TooMany);
        assert_eq!(calls.take(later, AccountId(u64::MAX), 1), Unreached::First);
        assert_eq!(calls.by_account.lock().len(), 1);
    }
}
