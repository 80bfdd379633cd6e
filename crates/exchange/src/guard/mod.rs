//! Who may: authentication, nonces, limits.
//!
//! [`Guard::authenticate`] is the one place that makes an [`Authenticated`], and whatever acts for an account takes one.
//! Nothing is kept for a sender who has not proved a password: nonces seal what must be known of them, and the tables
//! of [`Shared`] have fixed sizes.

mod authenticate;
mod challenge;
mod hash;
mod kinds;
pub mod limits;
mod nonce;
mod nonce_count;
mod offers;
pub(crate) mod sessions;
mod source;
pub mod talked;
pub(crate) mod unreached;

pub(crate) use hash::room_of;

pub use authenticate::{Authenticated, Refused};
pub use source::{Source, exact_path};

use crate::flow::ShardId;
use crate::world::{Secrets, World};
use coeur_directory::AccountId;
use coeur_sip::Message;
use coeur_sip::time::{Monotonic, Now, Wall};
use std::sync::OnceLock;

/// What the guards of all shards share: 2.6 MB of limits and offers, at most 8.9 MB of nonce counts, and 5 MB of what was
/// refused.
pub struct Shared {
    key: hash::HashKey,
    counts: nonce_count::NonceCounts,
    offers: offers::Offers,
    limits: limits::Limits,
    /// Simultaneous calls of each account.
    pub(crate) sessions: sessions::Sessions,
    /// How long each account has talked to elsewhere.
    pub talked: talked::Talked,
    /// What was refused to each account lately.
    unreached: unreached::Calls,
    /// The first moment a guard saw: nonces are dated by the monotonic clock from here on, so that somebody who sets
    /// the clock makes no nonce stale.
    began: OnceLock<Now>,
}

impl Shared {
    pub fn new(secrets: &Secrets) -> Self {
        Self {
            key: hash::HashKey::new(secrets),
            counts: nonce_count::NonceCounts::new(),
            offers: offers::Offers::new(),
            limits: limits::Limits::new(),
            sessions: sessions::Sessions::default(),
            talked: talked::Talked::default(),
            unreached: unreached::Calls::default(),
            began: OnceLock::new(),
        }
    }

    /// The time by a clock that nobody sets; before a guard saw anything, the epoch.
    pub(crate) fn wall(&self, now: Monotonic) -> Wall {
        self.began.get().map_or(Wall(0), |began| began.wall_at(now))
    }

    /// This INVITE of the account is refused: whether that is to be recorded.
    pub(crate) fn unreached(
        &self,
        now: Monotonic,
        account: AccountId,
        invite: &Message<'_>,
    ) -> unreached::Unreached {
        let cseq = invite.cseq().number.to_be_bytes();
        let branch = invite.via().ok().and_then(|via| via.branch).unwrap_or_default();
        let request = self.key.of(hash::Purpose::Request, &[invite.call_id(), &cseq, branch]);
        self.unreached.take(now, account, request)
    }

    /// Milliseconds since the Unix epoch by a clock that nobody sets.
    fn time_ms(&self, now: Now) -> u64 {
        let began = self.began.get_or_init(|| {
            self.counts.born(now.wall.as_millis());
            now
        });
        let Wall(began_ms) = began.wall;
        began_ms + (now.monotonic.since(began.monotonic).as_millis() as u64)
    }
}

/// The guard of one shard.
pub struct Guard {
    nonces: nonce::Nonces,
    /// Makes HA1 values for names that do not exist.
    nobody: aws_lc_rs::hmac::Key,
    challenges: limits::Bucket,
    told: limits::Bucket,
    /// The unescaped user part under examination; kept for its memory.
    user: Vec<u8>,
}

impl Guard {
    pub fn new(shard: ShardId, world: &World) -> Self {
        Self {
            nonces: nonce::Nonces::new(shard, &world.secrets),
            nobody: aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &world.secrets.nonce),
            challenges: limits::Bucket::default(),
            told: limits::Bucket::default(),
            user: Vec::with_capacity(64),
        }
    }
}

impl Guard {
    /// Whether an event about a refusal may be published: nobody drowns the events of others by being refused.
    pub(crate) fn may_tell(&mut self, now: Now) -> bool {
        self.told.take(limits::TOLD_OF_SHARD, micros(now.monotonic))
    }
}

fn micros(now: Monotonic) -> u64 {
    now.as_micros()
}

#[cfg(test)]
mod cost;
#[cfg(test)]
mod tests;
