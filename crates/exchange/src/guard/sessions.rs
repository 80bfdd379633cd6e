//! How many calls each account has at a time, over all shards: a stolen password, or a phone gone wild, opens a bounded
//! number of calls (toll fraud begins with hundreds at once). A caller is counted from the INVITE on, who is called once he
//! has answered: others make an account's phones ring, but do not use up its calls.

use coeur_directory::{Account, AccountId, Directory, GroupId};
use hashbrown::HashMap;
use parking_lot::Mutex;

/// 16 bytes for each account that is in a call; taken when a call begins, is answered and ends.
#[derive(Default)]
pub struct Sessions {
    count_by_account: Mutex<HashMap<AccountId, u32>>,
}

impl Sessions {
    /// Counts one more call of the account, unless it or one of its groups has as many as it may; `most` is what nobody may
    /// have more of, 0 for no limit.
    pub(crate) fn take_if_allowed(&self, directory: &Directory, id: AccountId, most: u32) -> bool {
        let Some(account) = directory.account_by_id(id) else { return self.take(id, most) };
        let mut counts = self.count_by_account.lock();
        let may = !exceeds(&counts, directory, &account, most);
        if may {
            *counts.entry(id).or_insert(0) += 1;
        }
        may
    }

    /// Whether the account, or one of its groups, has as many calls as it may.
    pub(crate) fn is_used_up(&self, directory: &Directory, id: AccountId, most: u32) -> bool {
        let Some(account) = directory.account_by_id(id) else { return self.is_full(id, most) };
        exceeds(&self.count_by_account.lock(), directory, &account, most)
    }

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

/// One more would be too many. Members of a group that has a limit are counted one by one: as many as there are accounts in
/// calls.
fn exceeds(counts: &HashMap<AccountId, u32>, directory: &Directory, account: &Account, most: u32) -> bool {
    let own = counts.get(&account.id).copied().unwrap_or(0);
    let said = directory.said(account, |terms| terms.sessions_max).map(|(max, _)| max);
    let of_all = (most > 0).then_some(most);
    let is_full = |max: Option<u32>| max.is_some_and(|max| own >= max);
    let together = |group: GroupId| {
        let members = counts.iter().filter(|(id, _)| {
            directory.account_by_id(**id).is_some_and(|account| account.groups.contains(&group))
        });
        members.map(|(_, count)| count).sum::<u32>()
    };
    let is_group_full = |id: &GroupId| {
        let max = directory.group(*id).and_then(|group| group.together_max);
        max.is_some_and(|max| together(*id) >= max)
    };
    is_full(said) || is_full(of_all) || account.groups.iter().any(is_group_full)
}

#[cfg(test)]
mod tests {
    use super::*;
    use coeur_directory::{
        AccountPatch, Aor, Change, Domain, Group, GroupChange, GroupPatch, TenantId, TermsPatch,
    };

    fn directory() -> Directory {
        let directory = Directory::new();
        directory.apply(&Change::DomainAdded(Domain::new("d"))).expect("new");
        let group = Group::new(GroupId(1), TenantId::FIRST, "trunk");
        directory.apply(&Change::Group(GroupChange::Added(Box::new(group)))).expect("new");
        for id in 1..=3 {
            let mut account = Account::new(AccountId(id), aor(id));
            account.groups = if id < 3 { Box::new([GroupId(1)]) } else { Box::default() };
            directory.apply(&Change::AccountAdded(Box::new(account))).expect("new");
        }
        directory
    }

    fn aor(id: u64) -> Aor {
        Aor::new(&format!("user{id}"), "d").expect("valid")
    }

    #[test]
    fn an_account_has_as_many_calls_as_it_may_and_no_more_than_anybody() {
        let (directory, sessions) = (directory(), Sessions::default());
        let terms = TermsPatch { sessions_max: Some(Some(2)), ..TermsPatch::default() };
        let patch = AccountPatch { terms, ..AccountPatch::default() };
        directory.apply(&Change::AccountChanged { aor: aor(3), patch }).expect("there");
        let take = |most| sessions.take_if_allowed(&directory, AccountId(3), most);
        assert_eq!([take(0), take(0), take(0)], [true, true, false]);
        assert!(sessions.is_used_up(&directory, AccountId(3), 0));
        sessions.give_back(AccountId(3));
        assert!(!sessions.is_used_up(&directory, AccountId(3), 0));
        assert!(!sessions.take_if_allowed(&directory, AccountId(3), 1), "nobody has more than one");
        assert!(sessions.take_if_allowed(&directory, AccountId(1), 1), "each counts for itself");
    }

    #[test]
    fn the_members_of_a_group_share_its_calls_and_others_take_none_of_them() {
        let (directory, sessions) = (directory(), Sessions::default());
        let patch = GroupPatch { together_max: Some(Some(2)), ..GroupPatch::default() };
        directory.apply(&Change::Group(GroupChange::Changed { id: GroupId(1), patch })).expect("there");
        let take = |id| sessions.take_if_allowed(&directory, AccountId(id), 0);
        assert!(take(3) && take(1) && take(2));
        assert!(!take(1) && !take(2) && take(3));
        assert!(sessions.is_used_up(&directory, AccountId(1), 0));
        sessions.give_back(AccountId(2));
        assert!(take(1) && !take(2));
        assert_eq!(sessions.total(), 4);
    }
}
