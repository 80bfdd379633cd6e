//! Nonces that cost no memory (RFC 7616 section 5.4): all that must be known of one is in it, sealed.
//!
//! 36 characters of base64url over 27 bytes:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version (high 4 bits), low 4 bits of the key's hour |
//! | 6 | time of issue, ms since the Unix epoch |
//! | 4 | shard (6 bits) and a counter (26 bits), so that no two nonces are equal |
//! | 16 | HMAC-SHA-256, cut, over the eleven bytes above, the source it was given to, and the realm |
//!
//! The key is derived from `world.secrets.nonce` for each hour; this hour's and the one before it are live, which is
//! longer than any nonce. All shards, and the process after a restart, derive the same keys.

use super::source;
use crate::flow::{Flow, ShardId};
use crate::world::Secrets;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub const NONCE_LEN: usize = 36;

const VERSION: u8 = 1;
const HEAD_LEN: usize = 11;
const MAC_LEN: usize = 16;
const SEALED_LEN: usize = HEAD_LEN + MAC_LEN;
const HOUR_MS: u64 = 3_600_000;
const COUNTER_MASK: u32 = (1 << 26) - 1;

/// The longest life a nonce may be given: the previous hour's key must still be live at its end.
pub const NONCE_LIFE_S_MAX: u32 = 3_600;

/// A nonce as sent.
pub type NonceText = [u8; NONCE_LEN];

/// What a nonce turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Ours, for this source and realm, and within its life.
    Fresh { issued_ms: u64 },
    /// Anything else: too old, of another source, connection or realm, of a key that is gone, or made up. Whoever
    /// answers it rightly knows the password and is told `stale=true` (RFC 7616 section 3.3).
    Stale,
}

/// Makes and reads the nonces of one shard. About 1 KiB.
pub struct Nonces {
    root: hmac::Key,
    shard: ShardId,
    counter: u32,
    /// The two live keys with their hours, the newer first.
    keys: [(u64, hmac::Key); 2],
}

impl Nonces {
    pub fn new(shard: ShardId, secrets: &Secrets) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, &secrets.nonce);
        let keys = [(1, derive(&root, 1)), (0, derive(&root, 0))];
        Self { root, shard, counter: 0, keys }
    }

    pub fn issue(&mut self, now_ms: u64, flow: &Flow, realm: &[u8]) -> NonceText {
        self.counter = self.counter.wrapping_add(1) & COUNTER_MASK;
        let hour = now_ms / HOUR_MS;
        let mut sealed = [0; SEALED_LEN];
        sealed[0] = VERSION << 4 | hour as u8 & 0x0f;
        sealed[1..7].copy_from_slice(&now_ms.to_be_bytes()[2..]);
        let serial = u32::from(self.shard.0) << 26 | self.counter;
        sealed[7..11].copy_from_slice(&serial.to_be_bytes());
        let mac = mac(self.key(hour), &sealed[..HEAD_LEN], flow, realm);
        sealed[HEAD_LEN..].copy_from_slice(&mac);
        let mut text = [0; NONCE_LEN];
        // 27 bytes are exactly 36 characters, so encoding cannot fail.
        let written = URL_SAFE_NO_PAD.encode_slice(sealed, &mut text);
        debug_assert_eq!(written.ok(), Some(NONCE_LEN));
        text
    }

    pub fn verify(&mut self, now_ms: u64, life_s: u32, flow: &Flow, realm: &[u8], nonce: &[u8]) -> Verdict {
        self.read(now_ms, life_s, flow, realm, nonce).unwrap_or(Verdict::Stale)
    }

    fn read(&mut self, now_ms: u64, life_s: u32, flow: &Flow, realm: &[u8], nonce: &[u8]) -> Option<Verdict> {
        if nonce.len() != NONCE_LEN {
            return None;
        }
        let mut sealed = [0; SEALED_LEN];
        if URL_SAFE_NO_PAD.decode_slice(nonce, &mut sealed).ok()? != SEALED_LEN {
            return None;
        }
        let (head, seal) = sealed.split_at(HEAD_LEN);
        let issued_ms = head[1..7].iter().fold(0, |ms, byte| ms << 8 | u64::from(*byte));
        let hour = issued_ms / HOUR_MS;
        if head[0] != VERSION << 4 | hour as u8 & 0x0f {
            return None;
        }
        let life_ms = u64::from(life_s.min(NONCE_LIFE_S_MAX)) * 1_000;
        let age_ms = now_ms.checked_sub(issued_ms)?;
        if age_ms > life_ms {
            return None;
        }
        let expected = mac(self.key(hour), head, flow, realm);
        let ours: bool = subtle::ConstantTimeEq::ct_eq(&expected[..], seal).into();
        ours.then_some(Verdict::Fresh { issued_ms })
    }

    /// The key of an hour; derives it when the hour is new to this shard.
    fn key(&mut self, hour: u64) -> &hmac::Key {
        if self.keys[0].0 == hour {
            return &self.keys[0].1;
        }
        if self.keys[1].0 != hour {
            self.keys[1] = (hour, derive(&self.root, hour));
            if self.keys[0].0 < hour {
                self.keys.swap(0, 1);
                return &self.keys[0].1;
            }
        }
        &self.keys[1].1
    }
}

fn derive(root: &hmac::Key, hour: u64) -> hmac::Key {
    let mut context = hmac::Context::with_key(root);
    context.update(b"coeur nonce key ");
    context.update(&hour.to_be_bytes());
    hmac::Key::new(hmac::HMAC_SHA256, context.sign().as_ref())
}

fn mac(key: &hmac::Key, head: &[u8], flow: &Flow, realm: &[u8]) -> [u8; MAC_LEN] {
    let mut context = hmac::Context::with_key(key);
    // Head and binding have fixed lengths, so the realm needs no length of its own. A domain in another case is the
    // same domain, but its challenge named this spelling and the client repeats it.
    context.update(head);
    context.update(&source::nonce_binding(flow));
    context.update(realm);
    let full = context.sign();
    let mut cut = [0; MAC_LEN];
    cut.copy_from_slice(&full.as_ref()[..MAC_LEN]);
    cut
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{ConnectionId, ListenerId};
    use coeur_sip::transport::Transport;

    const NOW_MS: u64 = 1_700_000_000_000;
    const LIFE_S: u32 = 300;

    fn nonces(shard: u8, secret: u8) -> Nonces {
        Nonces::new(ShardId(shard), &Secrets { nonce: [secret; 32], route: [0; 32], gruu: [0; 32] })
    }

    fn udp(remote: &str) -> Flow {
        let remote = remote.parse().expect("a socket address");
        Flow { transport: Transport::Udp, listener: ListenerId(0), connection: ConnectionId::NONE, remote }
    }

    fn tcp(serial: u64) -> Flow {
        let connection = ConnectionId::new(ShardId(0), serial);
        Flow { transport: Transport::Tcp, connection, ..udp("192.0.2.1:40000") }
    }

    fn fresh(verdict: Verdict) -> bool {
        matches!(verdict, Verdict::Fresh { .. })
    }

    #[test]
    fn a_nonce_is_fresh_for_its_source_on_every_shard_and_after_a_restart() {
        let flow = udp("192.0.2.1:5060");
        let nonce = nonces(0, 7).issue(NOW_MS, &flow, b"example.org");
        let elsewhere = nonces(9, 7).verify(NOW_MS + 10, LIFE_S, &flow, b"example.org", &nonce);
        assert_eq!(elsewhere, Verdict::Fresh { issued_ms: NOW_MS });
        let other_port = udp("192.0.2.1:9999");
        assert!(fresh(nonces(0, 7).verify(NOW_MS, LIFE_S, &other_port, b"example.org", &nonce)));
    }

    #[test]
    fn another_source_realm_key_or_connection_makes_it_stale() {
        let flow = udp("192.0.2.1:5060");
        let mut ours = nonces(0, 7);
        let nonce = ours.issue(NOW_MS, &flow, b"example.org");
        assert!(!fresh(ours.verify(NOW_MS, LIFE_S, &udp("192.0.2.2:5060"), b"example.org", &nonce)));
        assert!(!fresh(ours.verify(NOW_MS, LIFE_S, &flow, b"example.net", &nonce)));
        assert!(!fresh(nonces(0, 8).verify(NOW_MS, LIFE_S, &flow, b"example.org", &nonce)));
        let nonce = ours.issue(NOW_MS, &tcp(1), b"example.org");
        assert!(fresh(ours.verify(NOW_MS, LIFE_S, &tcp(1), b"example.org", &nonce)));
        assert!(!fresh(ours.verify(NOW_MS, LIFE_S, &tcp(2), b"example.org", &nonce)));
    }

    #[test]
    fn a_nonce_lives_as_long_as_it_was_given_across_the_change_of_keys() {
        let flow = udp("192.0.2.1:5060");
        let last_ms_of_the_hour = NOW_MS / HOUR_MS * HOUR_MS + HOUR_MS - 1;
        let mut ours = nonces(0, 7);
        let nonce = ours.issue(last_ms_of_the_hour, &flow, b"a");
        // The next hour's key is in use before the old nonce comes back.
        ours.issue(last_ms_of_the_hour + 1, &flow, b"a");
        let end = last_ms_of_the_hour + u64::from(LIFE_S) * 1_000;
        assert!(fresh(ours.verify(end, LIFE_S, &flow, b"a", &nonce)));
        assert!(!fresh(ours.verify(end + 1, LIFE_S, &flow, b"a", &nonce)));
    }

    #[test]
    fn a_nonce_from_the_future_is_stale() {
        let flow = udp("192.0.2.1:5060");
        let nonce = nonces(0, 7).issue(NOW_MS + 1, &flow, b"a");
        assert!(!fresh(nonces(0, 7).verify(NOW_MS, LIFE_S, &flow, b"a", &nonce)));
    }

    #[test]
    fn a_nonce_with_any_character_changed_or_missing_is_stale() {
        let flow = udp("192.0.2.1:5060");
        let mut ours = nonces(0, 7);
        let nonce = ours.issue(NOW_MS, &flow, b"a");
        for at in 0..NONCE_LEN {
            let mut forged = nonce;
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert!(!fresh(ours.verify(NOW_MS, LIFE_S, &flow, b"a", &forged)), "character {at}");
            assert!(!fresh(ours.verify(NOW_MS, LIFE_S, &flow, b"a", &nonce[..at])));
        }
    }

    #[test]
    fn nonces_of_one_millisecond_differ_on_a_shard_and_between_shards() {
        let flow = udp("192.0.2.1:5060");
        let (mut a, mut b) = (nonces(0, 7), nonces(1, 7));
        let made = [a.issue(NOW_MS, &flow, b"a"), a.issue(NOW_MS, &flow, b"a"), b.issue(NOW_MS, &flow, b"a")];
        assert!(made[0] != made[1] && made[1] != made[2] && made[0] != made[2]);
    }
}
