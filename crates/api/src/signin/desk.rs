//! Where people and programs come to prove who they are.

use super::oidc::Provider;
use super::passkey::Answered;
use super::password::{Broken, Passwords, SALT_BYTES};
use super::pending::Pending;
use super::secret::{self, RANDOM_BYTES};
use super::tally::{SignInCounters, Tally};
use super::throttle::Throttle;
use crate::door::Door;
use aws_lc_rs::hmac;
use coeur_directory::{Role, User, UserId};
use coeur_storage::Operator;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use zeroize::Zeroizing;

pub struct Desk {
    pub(super) door: Arc<Door>,
    pub(super) passwords: Passwords,
    pub(super) tally: Tally,
    /// Of [`super::known`]; `None` where the key of the installation gave none, and then no browser is known.
    pub(super) known_key: Option<hmac::Key>,
    /// Of [`super::passkey`]; `None` as above, and then there are no passkeys.
    pub(super) challenge_key: Option<hmac::Key>,
    /// Another server by which people sign in.
    provider: OnceLock<Arc<Provider>>,
    answered: Mutex<Answered>,
    throttle: Mutex<Throttle>,
    pending: Mutex<Pending>,
    notes: Mutex<Notes>,
    /// One link is used at a time.
    turn: Mutex<()>,
}

/// Failures that are written into the audit chain in a minute; the others are only counted, so that who guesses does not
/// fill the disk.
const NOTES_PER_MINUTE_MAX: u32 = 30;

#[derive(Default)]
struct Notes {
    minute: u64,
    written: u32,
}

/// Who is at the other end, as it is shown to the user later.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    pub(super) address: IpAddr,
    /// User-Agent, cut to [`coeur_storage::LABEL_BYTES_MAX`].
    pub(super) agent: String,
}

impl Desk {
    /// Computes one hash, so it takes a moment. `None`: this machine has not the memory that a password takes.
    pub fn new(door: Arc<Door>) -> Option<Arc<Self>> {
        let salt = random::<SALT_BYTES>(&door);
        Self::with(door, Passwords::new(&salt)).ok()
    }

    pub(super) fn with(door: Arc<Door>, passwords: Result<Passwords, Broken>) -> Result<Arc<Self>, Broken> {
        let known_key = door.records().mac_key("known browsers");
        let challenge_key = door.records().mac_key("challenges of passkeys");
        Ok(Arc::new(Self {
            door,
            known_key,
            challenge_key,
            provider: OnceLock::new(),
            answered: Mutex::default(),
            passwords: passwords?,
            tally: Tally::default(),
            throttle: Mutex::default(),
            pending: Mutex::default(),
            notes: Mutex::default(),
            turn: Mutex::default(),
        }))
    }

    /// From now on people may sign in by this server; only the first that is offered counts.
    pub fn offer(&self, provider: Provider) {
        let _ = self.provider.set(Arc::new(provider));
    }

    pub(super) fn provider(&self) -> Option<&Arc<Provider>> {
        self.provider.get()
    }

    pub(super) fn has_passkeys(&self) -> bool {
        self.challenge_key.is_some()
    }

    /// Somebody answers for the installation, and can sign in.
    pub fn has_owner(&self) -> bool {
        has_owner(&self.door)
    }

    /// Until when (Unix time in milliseconds) the link counts by which the first owner is made; `None`: there is none.
    pub fn first_link_until_ms(&self) -> Option<u64> {
        let link = self.door.book(|book| book.link_for(None)).ok()??;
        (self.now_ms() < link.until_ms && !self.has_owner()).then_some(link.until_ms)
    }

    pub fn counters(&self) -> SignInCounters {
        let sessions = self.door.book(|book| book.sessions()).unwrap_or(0);
        self.tally.counters(sessions)
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.door.house().unix_time_ms()
    }

    /// A new text that opens something, and what is kept of it.
    pub(super) fn fresh(&self) -> (secret::Text, coeur_storage::Digest) {
        let random = Zeroizing::new(random::<RANDOM_BYTES>(&self.door));
        let text = secret::text(&random);
        let hash = secret::hash(&text);
        (text, hash)
    }

    pub(super) fn random<const N: usize>(&self) -> [u8; N] {
        random(&self.door)
    }

    /// One who may sign in: he is there and enabled.
    pub(super) fn enabled(&self, id: UserId) -> Option<Arc<User>> {
        self.door.house().directory().user(id).filter(|user| user.enabled)
    }

    pub(super) fn by_login(&self, login: &str) -> Option<Arc<User>> {
        self.door.house().directory().user_by_login(login).filter(|user| user.enabled)
    }

    /// A failure is written down, and at most so many of them in a minute.
    pub(super) fn note_failure(&self, action: &'static str, subject: &str, detail: &str) {
        let minute = self.now_ms() / 60_000;
        let mut notes = lock(&self.notes);
        if notes.minute != minute {
            *notes = Notes { minute, written: 0 };
        }
        notes.written += 1;
        if notes.written > NOTES_PER_MINUTE_MAX {
            return;
        }
        drop(notes);
        self.door.note_sign_in(action, subject, detail);
    }

    pub(super) fn answered(&self) -> MutexGuard<'_, Answered> {
        lock(&self.answered)
    }

    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        lock(&self.turn)
    }

    pub(super) fn throttle(&self) -> MutexGuard<'_, Throttle> {
        lock(&self.throttle)
    }

    pub(super) fn pending(&self) -> MutexGuard<'_, Pending> {
        lock(&self.pending)
    }
}

/// For the audit row.
pub(super) fn operator(user: &User) -> Operator {
    Operator::signed_in(&user.login)
}

/// As the API names it.
pub(super) fn name(user: UserId) -> String {
    format!("usr_{}", user.0)
}

/// Somebody answers for the installation, and can sign in.
pub fn has_owner(door: &Door) -> bool {
    let all = door.house().directory().users_page(None, None, usize::MAX);
    let mut owners = all.iter().filter(|user| user.enabled && user.role == Role::Owner);
    owners.any(|owner| {
        door.book(|book| book.keys(owner.id).is_some_and(super::book::Keys::can_enter)).unwrap_or(true)
    })
}

fn random<const N: usize>(door: &Door) -> [u8; N] {
    let mut bytes = [0; N];
    door.house().random(&mut bytes);
    bytes
}

/// What is behind these locks is whole at every moment.
fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
