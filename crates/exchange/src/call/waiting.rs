//! Calls that wait for somebody to take them, on whichever shard they are: those that ring at an account whose calls others
//! may pick up, and those that are parked. Only where they are is known here; what they are, their shard knows.

use super::name::Name;
use coeur_directory::{Account, AccountId, PickupGroups};
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Slots in which calls of one domain are parked.
pub const SLOTS: RangeInclusive<u16> = 71..=99;
/// Calls that ring at one account and can be told apart; of more the last cannot be picked up.
const RINGING_MAX: usize = 16;

/// Worst case: 24 bytes for each of [`RINGING_MAX`] calls that ring at each account and let somebody take them, twice the names
/// of its groups, and some 100 bytes for each slot of each domain. Locked when such a call begins to ring, ends to, and when one
/// is taken.
#[derive(Default)]
pub struct Waiting {
    places: Mutex<Places>,
}

#[derive(Default)]
struct Places {
    ringing_by_account: HashMap<AccountId, Ringing>,
    /// Accounts at which something rings.
    accounts_by_group: HashMap<Group, Vec<AccountId>>,
    /// By the leg of who is parked.
    parked_by_slot: BTreeMap<(Box<str>, u16), Name>,
    /// Calls that began to ring so far: an earlier one has rung longer.
    begun: u64,
}

struct Ringing {
    /// When its first call began to ring.
    groups: Box<[Group]>,
    /// By the leg of the caller, with when it began, the oldest first.
    calls: Vec<(u64, Name)>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Group {
    domain: Box<str>,
    name: Box<str>,
}

impl Group {
    fn new(domain: &str, name: &str) -> Self {
        Self { domain: domain.into(), name: name.into() }
    }
}

impl Waiting {
    pub(super) fn rings(&self, account: &Account, caller: Name) {
        let mut places = self.places.lock();
        let Places { ringing_by_account, accounts_by_group, begun, .. } = &mut *places;
        let ringing = ringing_by_account.entry(account.id).or_insert_with(|| {
            let named = |name| Group::new(account.aor.domain(), name);
            let groups: Box<[Group]> = account.pickup_groups.names().map(named).collect();
            for group in &groups {
                accounts_by_group.entry(group.clone()).or_default().push(account.id);
            }
            Ringing { groups, calls: Vec::new() }
        });
        if ringing.calls.len() < RINGING_MAX && ringing.calls.iter().all(|(_, known)| *known != caller) {
            *begun += 1;
            ringing.calls.push((*begun, caller));
        }
    }

    pub(super) fn rings_no_more(&self, account: AccountId, caller: Name) {
        let mut places = self.places.lock();
        let Some(ringing) = places.ringing_by_account.get_mut(&account) else { return };
        ringing.calls.retain(|(_, known)| *known != caller);
        if !ringing.calls.is_empty() {
            return;
        }
        let groups = places.ringing_by_account.remove(&account).map(|ringing| ringing.groups);
        for group in groups.iter().flatten() {
            let Some(accounts) = places.accounts_by_group.get_mut(group) else { continue };
            accounts.retain(|other| *other != account);
            if accounts.is_empty() {
                places.accounts_by_group.remove(group);
            }
        }
    }

    /// The call that has rung there longest.
    pub(super) fn oldest_ringing(&self, account: AccountId) -> Option<Name> {
        self.places.lock().ringing_by_account.get(&account)?.calls.first().map(|(_, name)| *name)
    }

    /// The calls that ring at accounts of these groups, of each account the oldest, the oldest of all first.
    pub(super) fn ringing_in(&self, domain: &str, groups: &PickupGroups) -> Vec<(AccountId, Name)> {
        let places = self.places.lock();
        let of_group = |name| places.accounts_by_group.get(&Group::new(domain, name)).into_iter().flatten();
        let oldest = |account: &AccountId| {
            let (begun, name) = places.ringing_by_account.get(account)?.calls.first()?;
            Some((*begun, *account, *name))
        };
        let mut ringing: Vec<(u64, AccountId, Name)> =
            groups.names().flat_map(of_group).filter_map(oldest).collect();
        drop(places);
        ringing.sort_unstable_by_key(|(begun, ..)| *begun);
        ringing.into_iter().map(|(_, account, name)| (account, name)).collect()
    }

    /// Takes this slot of a domain, or the first that is free. `None`: there is none.
    pub(super) fn park(&self, domain: &str, slot: Option<u16>, parked: Name) -> Option<u16> {
        let mut places = self.places.lock();
        let is_free =
            |places: &Places, slot: u16| !places.parked_by_slot.contains_key(&(domain.into(), slot));
        let slot = match slot {
            Some(slot) => Some(slot).filter(|slot| SLOTS.contains(slot) && is_free(&places, *slot)),
            None => SLOTS.into_iter().find(|slot| is_free(&places, *slot)),
        };
        places.parked_by_slot.insert((domain.into(), slot?), parked);
        slot
    }

    pub(super) fn parked(&self, domain: &str, slot: u16) -> Option<Name> {
        self.places.lock().parked_by_slot.get(&(domain.into(), slot)).copied()
    }

    pub(super) fn unpark(&self, domain: &str, slot: u16) {
        self.places.lock().parked_by_slot.remove(&(domain.into(), slot));
    }

    /// Calls that wait now.
    pub fn count(&self) -> usize {
        let places = self.places.lock();
        let calls = |ringing: &Ringing| ringing.calls.len();
        let ringing = places.ringing_by_account.values().map(calls).fold(0, usize::wrapping_add);
        ringing + places.parked_by_slot.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::ShardId;
    use coeur_directory::Aor;

    const fn name(slot: u32) -> Name {
        Name { shard: ShardId(0), slot, random: 7 }
    }

    #[test]
    fn each_slot_of_a_domain_holds_one_call_and_the_first_free_one_is_found() {
        let waiting = Waiting::default();
        for (at, slot) in SLOTS.enumerate() {
            assert_eq!(waiting.park("example.org", None, name(at as u32)), Some(slot));
        }
        assert_eq!(waiting.park("example.org", None, name(99)), None);
        assert_eq!(waiting.park("example.org", Some(71), name(99)), None, "it is taken");
        assert_eq!(waiting.park("example.net", Some(71), name(99)), Some(71), "of another domain it is free");
        assert_eq!(waiting.park("example.net", Some(70), name(99)), None, "there is no such slot");
        waiting.unpark("example.org", 80);
        assert_eq!(waiting.park("example.org", None, name(99)), Some(80));
        assert_eq!(waiting.parked("example.org", 80), Some(name(99)));
    }

    fn account(id: u64, user: &str, domain: &str, groups: &str) -> Account {
        let aor = Aor::new(user, domain).expect("a name");
        let pickup_groups = PickupGroups::parse(groups).expect("names");
        Account { pickup_groups, ..Account::new(AccountId(id), aor) }
    }

    #[test]
    fn the_call_that_has_rung_longest_is_the_first_to_be_taken() {
        let (waiting, bob) = (Waiting::default(), account(2, "bob", "example.org", ""));
        (0..40).for_each(|slot| waiting.rings(&bob, name(slot)));
        assert_eq!((waiting.oldest_ringing(bob.id), waiting.count()), (Some(name(0)), RINGING_MAX));
        waiting.rings_no_more(bob.id, name(0));
        assert_eq!(waiting.oldest_ringing(bob.id), Some(name(1)));
        (0..40).for_each(|slot| waiting.rings_no_more(bob.id, name(slot)));
        assert_eq!((waiting.oldest_ringing(bob.id), waiting.count()), (None, 0));
    }

    #[test]
    fn of_several_groups_the_oldest_call_is_the_first_and_of_another_domain_there_is_none() {
        let waiting = Waiting::default();
        let bob = account(2, "bob", "example.org", "sales");
        let carol = account(3, "carol", "example.org", "support,hall");
        let dave = account(4, "dave", "example.net", "sales");
        for (account, slot) in [(&dave, 1), (&carol, 2), (&bob, 3), (&carol, 4)] {
            waiting.rings(account, name(slot));
        }
        let ringing =
            |groups| waiting.ringing_in("example.org", &PickupGroups::parse(groups).expect("names"));
        assert_eq!(ringing("sales,support"), [(carol.id, name(2)), (bob.id, name(3))]);
        assert_eq!(ringing("sales"), [(bob.id, name(3))]);
        waiting.rings_no_more(carol.id, name(2));
        assert_eq!(ringing("sales,hall"), [(bob.id, name(3)), (carol.id, name(4))]);
        waiting.rings_no_more(carol.id, name(4));
        assert_eq!(ringing("support,hall"), []);
        waiting.rings_no_more(bob.id, name(3));
        waiting.rings_no_more(dave.id, name(1));
        assert!(waiting.places.lock().accounts_by_group.is_empty());
    }
}
