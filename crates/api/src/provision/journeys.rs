//! What was seen of each phone since the server started.

use coeur_directory::{Aor, DeviceId};
use coeur_provisioning::{Fault, Journey, Seen, TlsFault};
use coeur_storage::PhoneId;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Phones at a time, about 2.5 kB each, 2.5 MB. The oldest go.
const JOURNEYS_MAX: usize = 1_000;

#[derive(Default)]
pub struct Journeys(Mutex<BTreeMap<PhoneId, Known>>);

#[derive(Default)]
struct Known {
    lines: Vec<(Aor, DeviceId)>,
    /// From where it fetched last.
    address: Option<IpAddr>,
    journey: Journey,
}

impl Journeys {
    /// A link was made for it, which [`Journeys::see`] is told next.
    pub fn begin(&self, phone: PhoneId, lines: &[(Aor, DeviceId)]) {
        let mut known = self.known();
        if known.len() >= JOURNEYS_MAX && !known.contains_key(&phone) {
            known.pop_first();
        }
        let journey = Journey::default();
        known.insert(phone, Known { lines: lines.to_vec(), address: None, journey });
    }

    /// False: it is not on its way.
    pub fn see(&self, phone: PhoneId, at_ms: u64, seen: Seen) -> bool {
        let mut known = self.known();
        let Some(known) = known.get_mut(&phone) else { return false };
        known.journey.see(at_ms, seen);
        true
    }

    /// Somebody has used this user's name and a wrong password. Said again and again it is said once. Whose journeys that is.
    pub fn password_refused(&self, user: &[u8], at_ms: u64) -> Vec<PhoneId> {
        let mut meant = Vec::new();
        for (phone, known) in self.known().iter_mut() {
            let is_meant = known.lines.iter().any(|(aor, _)| aor.user().as_bytes() == user);
            if is_meant
                && known.journey.is_on_its_way()
                && known.journey.last() != Some(&Seen::PasswordRefused)
            {
                known.journey.see(at_ms, Seen::PasswordRefused);
                meant.push(*phone);
            }
        }
        meant
    }

    /// A device of ours has refused a call for what it should speak. Whose journeys that is.
    pub fn media_refused(&self, account: &Aor, at_ms: u64) -> Vec<PhoneId> {
        let mut meant = Vec::new();
        for (phone, known) in self.known().iter_mut() {
            if known.lines.iter().any(|(aor, _)| aor == account) {
                known.journey.see(at_ms, Seen::MediaRefused);
                meant.push(*phone);
            }
        }
        meant
    }

    /// Who fetched from this address last and is not registered since: a connection from there that fails is his.
    pub fn fetched_from(&self, phone: PhoneId, address: IpAddr) {
        if let Some(known) = self.known().get_mut(&phone) {
            known.address = Some(address);
        }
    }

    /// A connection over TLS from this address has failed. Said again and again it is said once. Whose journeys that is.
    pub fn tls_failed(&self, address: IpAddr, fault: TlsFault, at_ms: u64) -> Vec<PhoneId> {
        let mut meant = Vec::new();
        for (phone, known) in self.known().iter_mut() {
            let seen = Seen::TlsFailed(fault);
            let is_meant = known.address == Some(address) && known.journey.is_on_its_way();
            if is_meant && known.journey.last() != Some(&seen) {
                known.journey.see(at_ms, seen);
                meant.push(*phone);
            }
        }
        meant
    }

    /// Phones with this line that have their settings and are not registered since, and all of their lines.
    pub fn on_their_way(&self, account: &Aor, device: DeviceId) -> Vec<(PhoneId, Vec<(Aor, DeviceId)>)> {
        let known = self.known();
        let is_meant = |known: &Known| {
            known.journey.is_on_its_way()
                && known.lines.iter().any(|(aor, own)| aor == account && *own == device)
        };
        let meant = known.iter().filter(|(_, known)| is_meant(known));
        meant.map(|(phone, known)| (*phone, known.lines.clone())).collect()
    }

    /// Whether it is registered, as it was looked up now; and what is new of that.
    pub fn look(&self, phone: PhoneId, at_ms: u64, is_registered: bool) -> Option<(Journey, Option<Seen>)> {
        let mut known = self.known();
        let known = known.get_mut(&phone)?;
        let news = match (known.journey.is_registered(), is_registered) {
            (false, true) => Some(Seen::Registered),
            (true, false) => Some(Seen::Unregistered),
            (true, true) | (false, false) => None,
        };
        if let Some(seen) = &news {
            known.journey.see(at_ms, seen.clone());
        }
        Some((known.journey.clone(), news))
    }

    /// Whose phone it is: the account of its first line.
    pub fn account(&self, phone: PhoneId) -> Option<Aor> {
        self.known().get(&phone).and_then(|known| known.lines.first()).map(|(aor, _)| aor.clone())
    }

    /// What is wrong with it now.
    pub fn fault(&self, phone: PhoneId, now_ms: u64) -> Option<Fault> {
        self.known().get(&phone).and_then(|known| known.journey.fault(now_ms))
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

    fn begin(journeys: &Journeys, phone: PhoneId) {
        journeys.begin(phone, &lines());
        journeys.see(phone, 0, Seen::LinkMade { expires_at_ms: 900 });
    }

    #[test]
    fn a_wrong_password_is_told_of_a_phone_that_has_its_settings_and_once() {
        let journeys = Journeys::default();
        begin(&journeys, PhoneId(1));
        journeys.password_refused(b"alice", 1);
        journeys.see(PhoneId(1), 2, Seen::Fetched);
        (3..9).for_each(|at| drop(journeys.password_refused(b"alice", at)));
        journeys.password_refused(b"bob", 9);
        let seen: Vec<Seen> = journeys
            .look(PhoneId(1), 10, false)
            .unwrap()
            .0
            .seen()
            .iter()
            .map(|(_, seen)| seen.clone())
            .collect();
        assert_eq!(seen, [Seen::LinkMade { expires_at_ms: 900 }, Seen::Fetched, Seen::PasswordRefused]);
    }

    #[test]
    fn a_registration_is_seen_when_somebody_looks_and_so_is_its_end() {
        let journeys = Journeys::default();
        begin(&journeys, PhoneId(1));
        for (at, is_registered) in [(1, false), (2, true), (3, true), (4, false), (5, false)] {
            journeys.look(PhoneId(1), at, is_registered);
        }
        let (journey, news) = journeys.look(PhoneId(1), 6, false).unwrap();
        assert_eq!(news, None);
        let seen: Vec<u64> = journey.seen().iter().map(|(at, _)| *at).collect();
        assert_eq!(seen, [0, 2, 4]);
        assert!(journeys.look(PhoneId(2), 6, true).is_none());
    }

    #[test]
    fn a_connection_that_fails_is_of_the_phone_that_fetched_from_there_and_is_not_registered_yet() {
        let journeys = Journeys::default();
        let [here, there] = ["192.0.2.7", "192.0.2.8"].map(|text| text.parse().unwrap());
        begin(&journeys, PhoneId(1));
        assert_eq!(journeys.tls_failed(here, TlsFault::Untrusted, 1), [], "it has nothing yet");
        journeys.see(PhoneId(1), 2, Seen::Fetched);
        journeys.fetched_from(PhoneId(1), here);
        assert_eq!(journeys.tls_failed(there, TlsFault::Untrusted, 3), []);
        assert_eq!(journeys.tls_failed(here, TlsFault::Untrusted, 4), [PhoneId(1)]);
        assert_eq!(journeys.tls_failed(here, TlsFault::Untrusted, 5), [], "said already");
        let fault = |at| journeys.look(PhoneId(1), at, false).and_then(|(journey, _)| journey.fault(at));
        assert_eq!(fault(6), Some(Fault::AuthorityNotTrusted));
        assert_eq!(journeys.tls_failed(here, TlsFault::Expired, 7), [PhoneId(1)]);
        assert_eq!(fault(8), Some(Fault::WrongClock));
        journeys.look(PhoneId(1), 9, true);
        assert_eq!(journeys.tls_failed(here, TlsFault::Other, 10), [], "it is registered");
    }

    #[test]
    fn many_journeys_take_no_more_memory() {
        let journeys = Journeys::default();
        (0..2_000).for_each(|id| begin(&journeys, PhoneId(id)));
        assert!(journeys.known().len() <= JOURNEYS_MAX && journeys.known().contains_key(&PhoneId(1_999)));
    }
}
