//! Whose credentials are worth nothing any more, though they have not expired. Nobody keeps a list of what was issued, so
//! it is remembered for as long as something issued before may live.

use super::credentials::{CREDENTIALS_TIME, Parts};
use coeur_sip::time::Wall;
use hashbrown::HashMap;

/// Revocations remembered. Worst-case memory: some 2 MB. When there are more within [`CREDENTIALS_TIME`], all credentials
/// issued so far are worth nothing, and every client fetches new ones.
const REVOKED_MAX: usize = 10_000;

/// Credentials that expire at this time or before are dead: all that were issued before the revocation.
#[derive(Default)]
pub(super) struct Revoked {
    accounts: HashMap<String, Wall>,
    devices: HashMap<u64, Wall>,
    all: Wall,
}

impl Revoked {
    /// A device, or all of an account.
    pub(super) fn add(&mut self, now: Wall, account: &str, device: Option<u64>) {
        let until = now + CREDENTIALS_TIME;
        if self.len() >= REVOKED_MAX {
            self.accounts.retain(|_, until| *until > now);
            self.devices.retain(|_, until| *until > now);
        }
        if self.len() >= REVOKED_MAX {
            self.all = until;
            self.accounts.clear();
            self.devices.clear();
            return;
        }
        match device {
            Some(device) => drop(self.devices.insert(device, until)),
            None => drop(self.accounts.insert(account.to_owned(), until)),
        }
    }

    fn len(&self) -> usize {
        self.accounts.len() + self.devices.len()
    }

    pub(super) fn covers(&self, issued: &Parts<'_>) -> bool {
        let dead = |until: Option<&Wall>| until.is_some_and(|until| issued.expires <= *until);
        dead(Some(&self.all))
            || dead(self.accounts.get(issued.account))
            || dead(self.devices.get(&issued.device))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issued(now: Wall, device: u64) -> Parts<'static> {
        Parts { expires: now + CREDENTIALS_TIME, device, account: "alice" }
    }

    #[test]
    fn what_was_issued_before_a_revocation_is_dead_and_what_is_issued_after_it_lives() {
        let (mut revoked, now) = (Revoked::default(), Wall::from_secs(1_000_000));
        let later = now + std::time::Duration::from_secs(1);
        assert!(!revoked.covers(&issued(now, 1)));
        revoked.add(now, "alice", Some(1));
        assert!(revoked.covers(&issued(now, 1)) && !revoked.covers(&issued(now, 2)));
        assert!(!revoked.covers(&issued(later, 1)));
        revoked.add(now, "alice", None);
        assert!(revoked.covers(&issued(now, 2)) && !revoked.covers(&issued(later, 2)));
        assert!(!revoked.covers(&Parts { account: "bob", ..issued(now, 3) }));
    }

    #[test]
    fn revocations_are_forgotten_when_all_that_they_cover_has_expired_and_many_cover_everybody() {
        let (mut revoked, now) = (Revoked::default(), Wall::from_secs(1_000_000));
        for device in 0..REVOKED_MAX as u64 {
            revoked.add(now, "alice", Some(device));
        }
        assert!(!revoked.covers(&issued(now, u64::MAX)));
        let later = now + CREDENTIALS_TIME;
        revoked.add(later, "alice", Some(7));
        assert_eq!(revoked.len(), 1);
        for device in 0..=REVOKED_MAX as u64 {
            revoked.add(later, "alice", Some(device));
        }
        assert!(revoked.covers(&issued(later, u64::MAX)));
        assert!(revoked.len() < REVOKED_MAX);
    }
}
