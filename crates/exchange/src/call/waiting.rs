//! Calls that wait for somebody to take them, on whichever shard they are: those that ring at an account whose calls others
//! may pick up, and those that are parked. Only where they are is known here; what they are, their shard knows.

use super::name::Name;
use coeur_directory::AccountId;
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Slots in which calls of one domain are parked.
pub const SLOTS: RangeInclusive<u16> = 71..=99;
/// Calls that ring at one account and can be told apart; of more the last cannot be picked up.
const RINGING_MAX: usize = 16;

/// Worst case: 16 bytes for each of [`RINGING_MAX`] calls that ring at each account, and some 100 bytes for each slot of each
/// domain. Locked when such a call begins to ring, ends to, and when one is taken.
#[derive(Default)]
pub struct Waiting {
    places: Mutex<Places>,
}

#[derive(Default)]
struct Places {
    /// By the leg of the caller, the oldest first.
    ringing_by_account: HashMap<AccountId, Vec<Name>>,
    /// By the leg of who is parked.
    parked_by_slot: BTreeMap<(Box<str>, u16), Name>,
}

impl Waiting {
    pub(super) fn rings(&self, account: AccountId, caller: Name) {
        let mut places = self.places.lock();
        let ringing = places.ringing_by_account.entry(account).or_default();
        if ringing.len() < RINGING_MAX && !ringing.contains(&caller) {
            ringing.push(caller);
        }
    }

    pub(super) fn rings_no_more(&self, account: AccountId, caller: Name) {
        let mut places = self.places.lock();
        let Some(ringing) = places.ringing_by_account.get_mut(&account) else { return };
        ringing.retain(|known| *known != caller);
        if ringing.is_empty() {
            places.ringing_by_account.remove(&account);
        }
    }

    /// The call that has rung there longest.
    pub(super) fn oldest_ringing(&self, account: AccountId) -> Option<Name> {
        self.places.lock().ringing_by_account.get(&account)?.first().copied()
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
        let ringing = places.ringing_by_account.values().map(Vec::len).fold(0, usize::wrapping_add);
        ringing + places.parked_by_slot.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::ShardId;

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

    #[test]
    fn the_call_that_has_rung_longest_is_the_first_to_be_taken() {
        let (waiting, bob) = (Waiting::default(), AccountId(2));
        (0..40).for_each(|slot| waiting.rings(bob, name(slot)));
        assert_eq!((waiting.oldest_ringing(bob), waiting.count()), (Some(name(0)), RINGING_MAX));
        waiting.rings_no_more(bob, name(0));
        assert_eq!(waiting.oldest_ringing(bob), Some(name(1)));
        (0..40).for_each(|slot| waiting.rings_no_more(bob, name(slot)));
        assert_eq!((waiting.oldest_ringing(bob), waiting.count()), (None, 0));
    }
}
