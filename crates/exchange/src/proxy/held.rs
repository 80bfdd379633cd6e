//! What the requests of one shard hold in memory: bounded in all, and for each account, so that nobody takes all of it.

use coeur_directory::AccountId;
use hashbrown::HashMap;

/// Requests under way or lingering in one shard; more are answered 503.
pub const REQUESTS_MAX: usize = 200_000;

/// Bytes that they hold in one shard, worst case: the requests as received and as sent, answers kept, and what surrounds
/// them; an INVITE of 1,000 bytes to one phone over UDP some 3 kB. More are answered 503.
pub const BYTES_MAX: usize = 1 << 30;

/// What one account may hold: one part in so many of requests and bytes. All that nobody of ours has sent, requests of
/// callees in other domains, counts as one account.
pub const ACCOUNT_PART: usize = 4;

/// 32 bytes for each account that holds something.
pub(super) struct Held {
    most: Share,
    total: Share,
    by_account: HashMap<Option<AccountId>, Share>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) requests: usize,
    pub(super) bytes: usize,
}

impl Held {
    pub(super) fn new() -> Self {
        Self::with_most(Share { requests: REQUESTS_MAX, bytes: BYTES_MAX })
    }

    pub(super) fn with_most(most: Share) -> Self {
        Self { most, total: Share::default(), by_account: HashMap::default() }
    }

    /// Takes so much for this account; false, and nothing is taken, when there is no room for it.
    pub(super) fn take(&mut self, account: Option<AccountId>, more: Share) -> bool {
        let Share { requests, bytes } = self.most;
        let part = Share { requests: requests / ACCOUNT_PART, bytes: bytes / ACCOUNT_PART };
        let total = self.total.and(more);
        if !total.is_within(self.most) {
            return false;
        }
        let own = self.by_account.get(&account).copied().unwrap_or_default().and(more);
        if !own.is_within(part) {
            return false;
        }
        self.total = total;
        self.by_account.insert(account, own);
        true
    }

    /// An answer kept is another than before: nothing is refused for that.
    pub(super) fn change(&mut self, account: Option<AccountId>, before: usize, after: usize) {
        let own = self.by_account.entry(account).or_default();
        for share in [&mut self.total, own] {
            share.bytes = share.bytes + after - before;
        }
    }

    pub(super) fn give_back(&mut self, account: Option<AccountId>, less: Share) {
        self.total = self.total.without(less);
        let Some(own) = self.by_account.get_mut(&account) else { return };
        *own = own.without(less);
        if *own == Share::default() {
            self.by_account.remove(&account);
        }
    }

    #[cfg(test)]
    pub(super) fn total(&self) -> (Share, usize) {
        (self.total, self.by_account.len())
    }
}

impl Share {
    pub(super) fn of_request(bytes: usize) -> Self {
        Self { requests: 1, bytes }
    }

    pub(super) fn of_bytes(bytes: usize) -> Self {
        Self { requests: 0, bytes }
    }

    fn and(self, more: Self) -> Self {
        Self { requests: self.requests + more.requests, bytes: self.bytes + more.bytes }
    }

    /// What is given back was taken before.
    fn without(self, less: Self) -> Self {
        Self { requests: self.requests - less.requests, bytes: self.bytes - less.bytes }
    }

    fn is_within(self, most: Self) -> bool {
        self.requests <= most.requests && self.bytes <= most.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_more_than_his_part_and_all_together_no_more_than_there_is() {
        let mut held = Held::with_most(Share { requests: 8, bytes: 800 });
        let account = |n| Some(AccountId(n));
        assert!(
            held.take(account(1), Share::of_request(100)) && held.take(account(1), Share::of_request(50))
        );
        assert!(!held.take(account(1), Share::of_request(10)), "a third request of eight");
        assert!(held.take(account(1), Share::of_bytes(50)) && !held.take(account(1), Share::of_bytes(1)));
        assert!(
            !held.take(account(2), Share::of_request(201)) && held.take(account(2), Share::of_request(200))
        );
        assert!(held.take(None, Share::of_request(200)) && held.take(account(3), Share::of_request(200)));
        assert!(!held.take(account(4), Share::of_bytes(1)), "there is no more");
        held.change(account(3), 200, 150);
        assert!(held.take(account(4), Share::of_request(50)));
        for (who, requests, bytes) in [
            (account(1), 2, 200),
            (account(2), 1, 200),
            (None, 1, 200),
            (account(3), 1, 150),
            (account(4), 1, 50),
        ] {
            held.give_back(who, Share { requests, bytes });
        }
        assert_eq!(held.total(), (Share::default(), 0));
    }
}
