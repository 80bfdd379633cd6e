//! How often somebody may try. Who guesses is slowed down by where he comes from, and a login that is guessed at from many
//! places is slowed down for strangers; nobody is ever locked out (a lock is what an attacker wants of a victim's login):
//! a browser in which the owner was signed in before is known and waits for nobody but its own mistakes.
//!
//! Whether a login exists makes no difference here: its name is counted, not its user.

use std::collections::HashMap;
use std::net::IpAddr;

/// Failures that cost no time, of one source: people mistype.
const SOURCE_FREE: u32 = 5;
/// The same for a login, by all strangers together.
const LOGIN_FREE: u32 = 10;
const DELAY_FIRST_MS: u64 = 1_000;
/// A login that is under attack is still tried by strangers as often as this.
const DELAY_MAX_MS: u64 = 60_000;
/// The same for codes of a second factor, of which there are few: whoever tries them has the password already. 144 a day,
/// three of a million right at each moment.
const CODE_DELAY_MAX_MS: u64 = 600_000;
/// What was not tried for so long is forgotten.
const FORGOTTEN_AFTER_MS: u64 = 15 * 60_000;
/// Sources and logins that are remembered, each; 64 bytes or so for each: 2 MB.
const ENTRIES_MAX: usize = 16_384;

/// Who tries what. A login is in the letters in which it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attempt<'a> {
    pub(super) source: IpAddr,
    pub(super) login: &'a str,
    /// This browser has proved this login before.
    pub(super) known: bool,
    pub(super) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum What {
    Password,
    Code,
}

#[derive(Default)]
pub(super) struct Throttle {
    sources: HashMap<Source, Tries>,
    /// By strangers.
    logins: HashMap<(What, Box<str>), Tries>,
    /// By browsers that are known.
    known: HashMap<(What, Box<str>), Tries>,
}

/// An address of IPv4, or the /64 that one who has an address of IPv6 has whole.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Source {
    V4([u8; 4]),
    V6([u8; 8]),
}

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Source::V4(v4.octets()),
            IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, g, h, ..] = v6.octets();
                Source::V6([a, b, c, d, e, f, g, h])
            }
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Tries {
    failures: u32,
    last_ms: u64,
    /// Before that nothing is tried.
    open_at_ms: u64,
}

impl Throttle {
    /// `Err`: how long it has to wait, in milliseconds. What is let through is taken for a failure until it is told to
    /// have succeeded: many that are tried at once are counted before any is answered.
    pub(super) fn begin(&mut self, attempt: Attempt<'_>, now_ms: u64) -> Result<(), u64> {
        let source = Source::from(attempt.source);
        let key = attempt.key();
        let of_login = if attempt.known { &mut self.known } else { &mut self.logins };
        // Known browsers behind the address of an attacker go on: only their own mistakes count.
        let of_source = self.sources.get(&source).filter(|_| !attempt.known);
        let longest = wait(of_source, now_ms).max(wait(of_login.get(&key), now_ms));
        if longest > 0 {
            return Err(longest);
        }
        let free = if attempt.known { SOURCE_FREE } else { LOGIN_FREE };
        let delay_max_ms = match attempt.what {
            What::Password => DELAY_MAX_MS,
            What::Code => CODE_DELAY_MAX_MS,
        };
        count(of_login, key, (free, delay_max_ms), now_ms);
        if !attempt.known {
            count(&mut self.sources, source, (SOURCE_FREE, DELAY_MAX_MS), now_ms);
        }
        Ok(())
    }

    /// It was not looked at.
    pub(super) fn undo(&mut self, attempt: Attempt<'_>) {
        let of_login = if attempt.known { &mut self.known } else { &mut self.logins };
        give_back(of_login.get_mut(&attempt.key()));
        if !attempt.known {
            give_back(self.sources.get_mut(&attempt.source.into()));
        }
    }

    /// It was right. The login is not forgotten for strangers: the owner who comes in is no reason to let others guess
    /// anew.
    pub(super) fn succeeded(&mut self, attempt: Attempt<'_>) {
        if attempt.known {
            self.known.remove(&attempt.key());
            return;
        }
        self.undo(attempt);
    }
}

impl Attempt<'_> {
    fn key(&self) -> (What, Box<str>) {
        (self.what, self.login.into())
    }
}

fn wait(tries: Option<&Tries>, now_ms: u64) -> u64 {
    tries.map_or(0, |tries| tries.open_at_ms.saturating_sub(now_ms))
}

fn give_back(tries: Option<&mut Tries>) {
    if let Some(tries) = tries {
        tries.failures = tries.failures.saturating_sub(1);
        tries.open_at_ms = 0;
    }
}

fn count<K: Eq + std::hash::Hash + Clone>(
    all: &mut HashMap<K, Tries>,
    key: K,
    (free, delay_max_ms): (u32, u64),
    now_ms: u64,
) {
    if !all.contains_key(&key) && all.len() >= ENTRIES_MAX {
        make_room(all, now_ms);
    }
    let tries = all.entry(key).or_default();
    if now_ms.saturating_sub(tries.last_ms) >= FORGOTTEN_AFTER_MS {
        *tries = Tries::default();
    }
    tries.failures = tries.failures.saturating_add(1);
    tries.last_ms = now_ms;
    if let Some(over) = tries.failures.checked_sub(free + 1) {
        tries.open_at_ms = now_ms + (DELAY_FIRST_MS << over.min(16)).min(delay_max_ms);
    }
}

/// The half that failed least goes: who fills the table with names of his own does not make it forget whom he guesses at.
#[expect(clippy::iter_over_hash_type, reason = "a total order is made of it")]
fn make_room<K: Eq + std::hash::Hash + Clone>(all: &mut HashMap<K, Tries>, now_ms: u64) {
    all.retain(|_, tries| now_ms.saturating_sub(tries.last_ms) < FORGOTTEN_AFTER_MS);
    if all.len() < ENTRIES_MAX {
        return;
    }
    let mut ranks = Vec::with_capacity(all.len());
    for tries in all.values() {
        ranks.push((tries.failures, tries.last_ms));
    }
    ranks.sort_unstable();
    let least = ranks[ranks.len() / 2];
    all.retain(|_, tries| (tries.failures, tries.last_ms) > least);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stranger(n: u32, login: &str) -> Attempt<'_> {
        Attempt { source: IpAddr::from(n.to_be_bytes()), login, known: false, what: What::Password }
    }

    /// Attempts let through in `ms` when it is tried every second.
    fn let_through(throttle: &mut Throttle, ms: u64, attempt: impl Fn(u64) -> Attempt<'static>) -> usize {
        (0..ms / 1_000).filter(|at| throttle.begin(attempt(*at), at * 1_000).is_ok()).count()
    }

    #[test]
    fn one_source_guesses_little_more_than_once_a_minute() {
        let mut throttle = Throttle::default();
        let tried = let_through(&mut throttle, 3_600_000, |_| stranger(1, "owner"));
        assert!((60..80).contains(&tried), "{tried}");
    }

    #[test]
    fn many_sources_guess_at_one_login_no_faster_than_one() {
        let mut throttle = Throttle::default();
        let tried = let_through(&mut throttle, 3_600_000, |at| stranger(at as u32, "owner"));
        assert!((60..85).contains(&tried), "{tried}");
    }

    #[test]
    fn the_browser_of_the_owner_comes_in_while_others_guess_also_from_his_address() {
        let mut throttle = Throttle::default();
        let_through(&mut throttle, 600_000, |at| stranger(at as u32 % 50, "owner"));
        let stranger = stranger(7, "owner");
        assert!(throttle.begin(stranger, 600_000).is_err());
        let owner = Attempt { known: true, ..stranger };
        assert_eq!(throttle.begin(owner, 600_000), Ok(()));
        throttle.succeeded(owner);
        assert!(throttle.begin(stranger, 600_000).is_err(), "strangers still wait");
    }

    #[test]
    fn a_browser_that_was_stolen_does_not_guess_without_end() {
        let mut throttle = Throttle::default();
        let known = |n: u64| Attempt { known: true, ..stranger(n as u32, "owner") };
        let tried = let_through(&mut throttle, 3_600_000, known);
        assert!((60..80).contains(&tried), "{tried}");
    }

    #[test]
    fn codes_are_tried_by_strangers_a_few_times_an_hour_whatever_passwords_are_right_meanwhile() {
        let mut throttle = Throttle::default();
        let tried = let_through(&mut throttle, 86_400_000, |at| Attempt {
            what: What::Code,
            ..stranger(at as u32, "owner")
        });
        assert!((140..170).contains(&tried), "{tried}");
        let password = stranger(1, "owner");
        assert_eq!(throttle.begin(password, 86_400_000), Ok(()));
        throttle.succeeded(password);
        let code = Attempt { what: What::Code, ..stranger(2, "owner") };
        assert!(throttle.begin(code, 86_400_000).is_err());
    }

    #[test]
    fn who_mistypes_five_times_has_waited_for_nothing_and_who_is_right_begins_anew() {
        let mut throttle = Throttle::default();
        let person = stranger(1, "me");
        for _ in 0..20 {
            assert_eq!(throttle.begin(person, 0), Ok(()));
            throttle.succeeded(person);
        }
        for _ in 0..5 {
            assert_eq!(throttle.begin(person, 0), Ok(()));
        }
        assert_eq!(throttle.begin(person, 0), Ok(()), "the sixth is the one that costs time");
        assert_eq!(throttle.begin(person, 0), Err(DELAY_FIRST_MS));
        assert_eq!(throttle.begin(person, FORGOTTEN_AFTER_MS), Ok(()));
    }

    #[test]
    fn attempts_at_once_are_counted_before_any_is_answered() {
        let mut throttle = Throttle::default();
        let tried = (0..1_000).filter(|_| throttle.begin(stranger(1, "owner"), 0).is_ok()).count();
        assert_eq!(tried, 6);
    }

    #[test]
    fn whoever_fills_the_table_does_not_make_it_forget_whom_he_guesses_at() {
        let mut throttle = Throttle::default();
        for n in 0..40 {
            let _ = throttle.begin(stranger(n, "owner"), 0);
        }
        assert!(throttle.begin(stranger(99, "owner"), 0).is_err());
        for n in 0..3 * ENTRIES_MAX as u32 {
            let _ = throttle.begin(stranger(1_000 + n, &format!("login {n}")), 0);
        }
        assert!(throttle.logins.len() <= ENTRIES_MAX && throttle.sources.len() <= ENTRIES_MAX);
        assert!(throttle.begin(stranger(100, "owner"), 0).is_err());
    }

    #[test]
    fn a_64_is_one_source_and_a_mapped_address_is_of_ipv4() {
        let source = |text: &str| Source::from(text.parse::<IpAddr>().unwrap());
        assert!(source("2001:db8::1") == source("2001:db8::ffff"));
        assert!(source("2001:db8::1") != source("2001:db8:0:1::1"));
        assert!(source("::ffff:192.0.2.1") == source("192.0.2.1"));
    }
}
