//! Passwords: argon2id (RFC 9106), a bounded number at once.
//!
//! Each attempt costs the same, whether the login exists or has a password: where there is nothing to compare with, a
//! password that nobody has is compared with.

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// RFC 9106, section 4, the second recommendation: 64 MiB, three passes; one lane, since the others would be on cores
/// that carry calls.
const MEMORY_KIB: u32 = 64 * 1_024;
const PASSES: u32 = 3;
/// Hashes that are computed at the same time: 128 MiB in all.
const AT_ONCE: usize = 2;
/// Who waits for one besides: some seconds at most.
const WAITING_MAX: usize = 16;

pub(super) const SALT_BYTES: usize = 16;

/// NIST SP 800-63B: length is what counts, and rules of composition are none.
pub(crate) const PASSWORD_CHARS_MIN: usize = 10;
pub(crate) const PASSWORD_BYTES_MAX: usize = 200;
const DISTINCT_MIN: usize = 5;

/// A password on its way in.
pub(crate) type Given = Zeroizing<String>;

#[derive(Clone)]
pub(super) struct Passwords(Arc<Inner>);

struct Inner {
    argon: Argon2<'static>,
    /// Of a password that nobody has.
    nobody: Box<str>,
    places: Semaphore,
    queue: Semaphore,
    /// Hashes that were computed.
    computed: AtomicU64,
}

/// More people sign in than this machine can serve; nothing was looked at.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Busy;

/// The stored text is none that this program has written, or the machine gave no memory.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken;

impl Passwords {
    pub(super) fn new(random: &[u8; SALT_BYTES]) -> Result<Self, Broken> {
        Self::of_cost(random, MEMORY_KIB, PASSES)
    }

    pub(super) fn of_cost(random: &[u8; SALT_BYTES], memory_kib: u32, passes: u32) -> Result<Self, Broken> {
        let params = Params::new(memory_kib, passes, 1, None).map_err(|_| Broken)?;
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody = hashed(&argon, "", random)?;
        Ok(Self(Arc::new(Inner {
            argon,
            nobody,
            places: Semaphore::new(AT_ONCE),
            queue: Semaphore::new(AT_ONCE + WAITING_MAX),
            computed: AtomicU64::new(0),
        })))
    }

    /// Whether this is the password of which `phc` is kept. `None`: there is nobody, and it is not, at the same cost.
    pub(super) async fn verify(&self, phc: Option<Arc<str>>, given: Given) -> Result<bool, Busy> {
        self.compute(move |inner| {
            let kept = phc.as_deref().unwrap_or(&inner.nobody);
            let same = PasswordHash::new(kept)
                .is_ok_and(|kept| inner.argon.verify_password(given.as_bytes(), &kept).is_ok());
            same && phc.is_some()
        })
        .await
    }

    /// What is kept of a password.
    pub(super) async fn hash(
        &self,
        given: Given,
        salt: [u8; SALT_BYTES],
    ) -> Result<Result<Box<str>, Broken>, Busy> {
        self.compute(move |inner| hashed(&inner.argon, &given, &salt)).await
    }

    /// On a thread that may take its time, when there is a place.
    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let inner = self.0.clone();
        let Ok(_queued) = inner.queue.try_acquire() else { return Err(Busy) };
        // The semaphore is never closed.
        let Ok(_place) = inner.places.acquire().await else { return Err(Busy) };
        inner.computed.fetch_add(1, Ordering::Relaxed);
        let working = inner.clone();
        tokio::task::spawn_blocking(move || work(&working)).await.map_err(|_| Busy)
    }

    #[cfg(test)]
    pub(super) fn computed(&self) -> u64 {
        self.0.computed.load(Ordering::Relaxed)
    }
}

fn hashed(argon: &Argon2<'_>, given: &str, salt: &[u8; SALT_BYTES]) -> Result<Box<str>, Broken> {
    let salt = SaltString::encode_b64(salt).map_err(|_| Broken)?;
    let hash = argon.hash_password(given.as_bytes(), &salt).map_err(|_| Broken)?;
    Ok(hash.to_string().into())
}

/// What is wrong with a password that somebody chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weak {
    TooShort,
    TooLong,
    /// A few characters again and again, the login itself, or one that everybody tries first.
    Guessable,
}

pub(crate) fn check(password: &str, login: &str) -> Result<(), Weak> {
    let characters = password.chars().count();
    if characters < PASSWORD_CHARS_MIN {
        return Err(Weak::TooShort);
    }
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(Weak::TooLong);
    }
    let folded = password.to_lowercase();
    let distinct: std::collections::BTreeSet<char> = folded.chars().collect();
    // A login within a long password is no weakness; one that is most of it is.
    let login = login.to_lowercase();
    let mostly_login = !login.is_empty() && folded.contains(&login) && characters < login.chars().count() + 6;
    match distinct.len() < DISTINCT_MIN || mostly_login || COMMON.contains(&&*folded) {
        true => Err(Weak::Guessable),
        false => Ok(()),
    }
}

/// The passwords of ten characters and more that head every published list.
const COMMON: &[&str] = &[
    "0123456789",
    "123456789a",
    "12345678910",
    "1234567890",
    "1q2w3e4r5t",
    "1q2w3e4r5t6y",
    "1qaz2wsx3edc",
    "abcdefghij",
    "azertyuiop",
    "changemenow",
    "iloveyou123",
    "letmein123",
    "motdepasse",
    "motdepasse1",
    "motdepasse123",
    "password01",
    "password12",
    "password123",
    "password1234",
    "qwerty12345",
    "qwerty123456",
    "qwertyuiop",
    "qwertyuiop123",
    "welcome123",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// As little as argon2 takes.
    fn cheap() -> Passwords {
        Passwords::of_cost(&[1; SALT_BYTES], 8, 1).unwrap()
    }

    fn given(text: &str) -> Given {
        Given::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_is_known_again_and_another_is_not() {
        let passwords = cheap();
        let phc: Arc<str> = passwords.hash(given("correct horse"), [2; 16]).await.unwrap().unwrap().into();
        assert!(phc.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{phc}");
        assert_eq!(passwords.verify(Some(phc.clone()), given("correct horse")).await, Ok(true));
        assert_eq!(passwords.verify(Some(phc), given("correct horsf")).await, Ok(false));
    }

    #[tokio::test]
    async fn where_nobody_is_the_same_work_is_done_and_no_password_is_right() {
        let passwords = cheap();
        for text in ["", "x"] {
            let before = passwords.computed();
            assert_eq!(passwords.verify(None, given(text)).await, Ok(false));
            assert_eq!(passwords.computed(), before + 1);
        }
    }

    #[tokio::test]
    async fn a_hash_that_was_made_at_another_cost_is_still_known() {
        let (cheap, dear) = (cheap(), Passwords::of_cost(&[1; 16], 16, 2).unwrap());
        let phc: Arc<str> = cheap.hash(given("correct horse"), [2; 16]).await.unwrap().unwrap().into();
        assert_eq!(dear.verify(Some(phc), given("correct horse")).await, Ok(true));
    }

    #[tokio::test]
    async fn who_comes_when_all_places_are_taken_and_awaited_is_sent_away() {
        let passwords = cheap();
        let taken = passwords.0.places.acquire_many(AT_ONCE as u32).await.unwrap();
        let waiting: Vec<_> = (0..AT_ONCE + WAITING_MAX)
            .map(|_| {
                let passwords = passwords.clone();
                tokio::spawn(async move { passwords.verify(None, given("x")).await })
            })
            .collect();
        while passwords.0.queue.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(passwords.verify(None, given("x")).await, Err(Busy));
        drop(taken);
        for one in waiting {
            assert_eq!(one.await.unwrap(), Ok(false));
        }
        assert_eq!(passwords.computed(), (AT_ONCE + WAITING_MAX) as u64);
    }

    #[test]
    fn a_password_is_long_and_not_what_everybody_tries() {
        for (password, found) in [
            ("short", Err(Weak::TooShort)),
            ("aaaaaaaaaaaaaaa", Err(Weak::Guessable)),
            ("abababababab", Err(Weak::Guessable)),
            ("Password123", Err(Weak::Guessable)),
            ("camille.martin1", Err(Weak::Guessable)),
            ("correct horse battery", Ok(())),
            ("camille.martin likes tea", Ok(())),
            ("été à la mer", Ok(())),
        ] {
            assert_eq!(check(password, "Camille.Martin"), found, "{password}");
        }
        assert_eq!(check(&"a1b2c3".repeat(40), ""), Err(Weak::TooLong));
    }

    #[test]
    fn the_list_is_in_small_letters_and_of_the_least_length() {
        assert!(COMMON.iter().all(|one| one.len() >= PASSWORD_CHARS_MIN && *one == one.to_lowercase()));
    }
}
