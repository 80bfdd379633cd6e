//! Who has said the right password and still owes a second factor. It lives in memory: after a restart he begins again.

use coeur_directory::UserId;
use coeur_storage::Digest;
use std::collections::HashMap;

const LIFE_MS: u64 = 5 * 60_000;
/// Wrong codes before the password has to be said again: six digits are a million, and the throttle counts besides.
const TRIES_MAX: u8 = 5;
/// About 100 bytes each.
const ENTRIES_MAX: usize = 4_096;

#[derive(Default)]
pub(super) struct Pending(HashMap<Digest, Half>);

#[derive(Clone, Copy)]
struct Half {
    user: UserId,
    until_ms: u64,
    tries: u8,
}

impl Pending {
    /// False: too many are half signed in.
    pub(super) fn begin(&mut self, hash: Digest, user: UserId, now_ms: u64) -> bool {
        self.0.retain(|_, half| half.until_ms > now_ms);
        let room = self.0.len() < ENTRIES_MAX;
        if room {
            self.0.insert(hash, Half { user, until_ms: now_ms + LIFE_MS, tries: 0 });
        }
        room
    }

    pub(super) fn of(&self, hash: &Digest, now_ms: u64) -> Option<UserId> {
        self.0.get(hash).filter(|half| half.until_ms > now_ms).map(|half| half.user)
    }

    /// A code is about to be tried; `None`: there is nobody, or no try is left.
    pub(super) fn tries(&mut self, hash: &Digest, now_ms: u64) -> Option<UserId> {
        let half = self.0.get_mut(hash).filter(|half| half.until_ms > now_ms && half.tries < TRIES_MAX)?;
        half.tries += 1;
        Some(half.user)
    }

    pub(super) fn done(&mut self, hash: &Digest) {
        self.0.remove(hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_codes_are_tried_and_then_the_password_is_asked_again() {
        let mut pending = Pending::default();
        assert!(pending.begin([1; 32], UserId(7), 0));
        for _ in 0..TRIES_MAX {
            assert_eq!(pending.tries(&[1; 32], 1), Some(UserId(7)));
        }
        assert_eq!(pending.tries(&[1; 32], 1), None);
        assert_eq!(pending.tries(&[2; 32], 1), None);
    }

    #[test]
    fn half_a_sign_in_ends_after_five_minutes_and_when_it_is_whole() {
        let mut pending = Pending::default();
        assert!(pending.begin([1; 32], UserId(7), 0) && pending.begin([2; 32], UserId(8), 0));
        assert_eq!(pending.of(&[1; 32], LIFE_MS), None);
        pending.done(&[2; 32]);
        assert_eq!(pending.of(&[2; 32], 1), None);
    }

    #[test]
    fn no_more_are_half_signed_in_than_there_is_room_for() {
        let mut pending = Pending::default();
        for n in 0..ENTRIES_MAX {
            let mut hash = [0; 32];
            hash[..8].copy_from_slice(&n.to_be_bytes());
            assert!(pending.begin(hash, UserId(1), 0));
        }
        assert!(!pending.begin([255; 32], UserId(1), 0));
        assert!(pending.begin([255; 32], UserId(1), LIFE_MS));
    }
}
