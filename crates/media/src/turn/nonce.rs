//! Nonces without state: a time and a tag that binds it to the address of the client (threat A23).

use super::Client;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use coeur_sip::time::Monotonic;
use std::net::IpAddr;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// After this time a client is given a new one (438), and goes on with the same allocation.
const NONCE_TIME: Duration = Duration::from_secs(600);

/// Of the tag. A forger who guesses one of 2^64 has gained nothing but that his password is looked at.
const TAG_BYTES: usize = 8;

pub(super) const NONCE_BYTES: usize = 16;

pub(super) struct Nonces {
    key: hmac::Key,
}

impl Nonces {
    pub(super) fn new(key: &[u8; 32]) -> Nonces {
        Nonces { key: hmac::Key::new(hmac::HMAC_SHA256, key) }
    }

    pub(super) fn issue(&self, now: Monotonic, client: Client) -> String {
        let time = seconds(now).to_be_bytes();
        let mut bytes = [0; 4 + TAG_BYTES];
        bytes[..4].copy_from_slice(&time);
        bytes[4..].copy_from_slice(&self.tag(time, client).as_ref()[..TAG_BYTES]);
        STANDARD.encode(bytes)
    }

    pub(super) fn is_fresh(&self, now: Monotonic, client: Client, nonce: &str) -> bool {
        let mut bytes = [0; 4 + TAG_BYTES];
        if nonce.len() != NONCE_BYTES || STANDARD.decode_slice(nonce, &mut bytes) != Ok(bytes.len()) {
            return false;
        }
        let [a, b, c, d, tag @ ..] = bytes;
        let time = [a, b, c, d];
        let age = seconds(now).checked_sub(u32::from_be_bytes(time));
        let is_ours: bool = self.tag(time, client).as_ref()[..TAG_BYTES].ct_eq(&tag).into();
        is_ours && age.is_some_and(|age| u64::from(age) < NONCE_TIME.as_secs())
    }

    fn tag(&self, time: [u8; 4], client: Client) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&time);
        for address in [client.remote, client.local] {
            match address.ip().to_canonical() {
                IpAddr::V4(ip) => context.update(&ip.octets()),
                IpAddr::V6(ip) => context.update(&ip.octets()),
            }
            context.update(&address.port().to_be_bytes());
        }
        context.sign()
    }
}

/// Since the server's clock began; wraps after 136 years.
fn seconds(now: Monotonic) -> u32 {
    (now.as_millis() / 1_000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(port: u16) -> Client {
        let local = ([192, 0, 2, 1], 3478).into();
        Client { local, remote: ([203, 0, 113, 1], port).into(), is_stream: false }
    }

    #[test]
    fn a_nonce_is_fresh_for_ten_minutes_and_for_one_address() {
        let (nonces, other) = (Nonces::new(&[1; 32]), Nonces::new(&[2; 32]));
        let now = Monotonic::from_secs(1_000);
        let nonce = nonces.issue(now, client(1));
        assert_eq!(nonce.len(), NONCE_BYTES);
        assert!(nonces.is_fresh(now, client(1), &nonce));
        assert!(nonces.is_fresh(now + Duration::from_secs(599), client(1), &nonce));
        assert!(!nonces.is_fresh(now + Duration::from_secs(600), client(1), &nonce));
        assert!(!nonces.is_fresh(now - Duration::from_secs(1), client(1), &nonce));
        assert!(!nonces.is_fresh(now, client(2), &nonce));
        assert!(!other.is_fresh(now, client(1), &nonce));
        for at in 0..nonce.len() {
            let mut changed = nonce.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("letters");
            assert!(!nonces.is_fresh(now, client(1), &changed), "{at}");
        }
        for wrong in ["", "é", "AAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAA="] {
            assert!(!nonces.is_fresh(now, client(1), wrong), "{wrong}");
        }
    }
}
