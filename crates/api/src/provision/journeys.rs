//! What was seen of each phone since the server started.

use coeur_directory::{Aor, DeviceId};
use coeur_provisioning::{Journey, Seen};
use coeur_storage::PhoneId;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Phones at a time, about 2.5 kB each, 2.5 MB. The oldest go.
const JOURNEYS_MAX: usize = 1_000;

#[derive(Default)]
pub struct Journeys(Mutex<BTreeMap<PhoneId, Known>>);

#[derive(Default)]
struct Known {
    lines: Vec<(Aor, DeviceId)>,
    journey: Journey,
}

impl Journeys {
    pub fn begin(&self, phone: PhoneId, lines: &[(Aor, DeviceId)], at_ms: u64, expires_at_ms: u64) {
        let mut known = self.known();
        if known.len() >= JOURNEYS_MAX && !known.contains_key(&phone) {
            known.pop_first();
        }
        let mut journey = Journey::default();
        journey.see(at_ms, Seen::LinkMade { expires_at_ms });
        known.insert(phone, Known { lines: lines.to_vec(), journey });
    }

    pub fn see(&self, phone: PhoneId, at_ms: u64, seen: Seen) {
        if let Some(known) = self.known().get_mut(&phone) {
            known.journey.see(at_ms, seen);
        }
    }

    /// Somebody has used this user's name and a wrong password. Said again and again it is said once.
    pub fn password_refused(&self, user: &[u8], at_ms: u64) {
        for known in self.known().values_mut() {
            let is_meant = known.lines.iter().any(|(aor, _)| aor.user().as_bytes() == user);
            if is_meant
                && known.journey.is_on_its_way()
                && known.journey.last() != Some(&Seen::PasswordRefused)
            {
                known.journey.see(at_ms, Seen::PasswordRefused);
            }
        }
    }

    /// A device of ours has refused a call for what it should speak.
    pub fn media_refused(&self, account: &Aor, at_ms: u64) {
        for known in self.known().values_mut() {
            if known.lines.iter().any(|(aor, _)| aor == account) {
                known.journey.see(at_ms, Seen::MediaRefused);
            }
        }
    }

    /// Whether it is registered, as it was looked up now.
    pub fn look(&self, phone: PhoneId, at_ms: u64, is_registered: bool) -> Option<Journey> {
        let mut known = self.known();
        let known = known.get_mut(&phone)?;
        match (known.journey.is_registered(), is_registered) {
            (false, true) => known.journey.see(at_ms, Seen::Registered),
            (true, false) => known.journey.see(at_ms, Seen::Unregistered),
            (true, true) | (false, false) => {}
        }
        Some(known.journey.clone())
    }

    pub fn forget(&self, phone: PhoneId) {
        self.known().remove(&phone);
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<PhoneId, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> [(Aor, DeviceId); 1] {
        [(Aor::new("alice", "d").unwrap(), DeviceId(1))]
    }

    #[test]
    fn a_wrong_password_is_told_of_a_phone_that_has_its_settings_and_once() {
        let journeys = Journeys::default();
        journeys.begin(PhoneId(1), &lines(), 0, 900);
        journeys.password_refused(b"alice", 1);
        journeys.see(PhoneId(1), 2, Seen::Fetched);
        (3..9).for_each(|at| journeys.password_refused(b"alice", at));
        journeys.password_refused(b"bob", 9);
        let seen: Vec<Seen> = journeys
            .look(PhoneId(1), 10, false)
            .unwrap()
            .seen()
            .iter()
            .map(|(_, seen)| seen.clone())
            .collect();
        assert_eq!(seen, [Seen::LinkMade { expires_at_ms: 900 }, Seen::Fetched, Seen::PasswordRefused]);
    }

    #[test]
    fn a_registration_is_seen_when_somebody_looks_and_so_is_its_end() {
        let journeys = Journeys::default();
        journeys.begin(PhoneId(1), &lines(), 0, 900);
        for (at, is_registered) in [(1, false), (2, true), (3, true), (4, false), (5, false)] {
            journeys.look(PhoneId(1), at, is_registered);
        }
        let journey = journeys.look(PhoneId(1), 6, false).unwrap();
        let seen: Vec<u64> = journey.seen().iter().map(|(at, _)| *at).collect();
        assert_eq!(seen, [0, 2, 4]);
        assert!(journeys.look(PhoneId(2), 6, true).is_none());
    }

    #[test]
    fn many_journeys_take_no_more_memory() {
        let journeys = Journeys::default();
        (0..2_000).for_each(|id| journeys.begin(PhoneId(id), &lines(), 0, 1));
        assert!(journeys.known().len() <= JOURNEYS_MAX && journeys.known().contains_key(&PhoneId(1_999)));
    }
}
