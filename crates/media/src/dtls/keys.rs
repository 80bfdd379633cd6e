//! Master keys and salts of SRTP, as DTLS exports them (RFC 5764 section 4.2, RFC 7714 section 12).

use zeroize::{Zeroize, ZeroizeOnDrop};

/// Protection profiles, as negotiated by `use_srtp`. The greater is preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    Aes128CmSha1_80,
    AeadAes128Gcm,
    AeadAes256Gcm,
}

impl Profile {
    /// The number in `use_srtp` (RFC 5764 section 4.1.2, RFC 7714 section 14.2).
    pub const fn number(self) -> u16 {
        match self {
            Profile::Aes128CmSha1_80 => 0x0001,
            Profile::AeadAes128Gcm => 0x0007,
            Profile::AeadAes256Gcm => 0x0008,
        }
    }

    pub const fn key_bytes(self) -> usize {
        match self {
            Profile::Aes128CmSha1_80 | Profile::AeadAes128Gcm => 16,
            Profile::AeadAes256Gcm => 32,
        }
    }

    pub const fn salt_bytes(self) -> usize {
        match self {
            Profile::Aes128CmSha1_80 => 14,
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => 12,
        }
    }
}

/// What protects each direction: master key, then master salt. No `Debug`: they are secrets.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Keys {
    #[zeroize(skip)]
    pub profile: Profile,
    /// What we send.
    pub ours: [u8; 46],
    /// What the peer sends.
    pub theirs: [u8; 46],
}

impl Keys {
    /// Takes the exported bytes apart: both keys, then both salts, each the client's first.
    pub(super) fn from_exported(profile: Profile, exported: &[u8], is_client: bool) -> Option<Keys> {
        let (key, salt) = (profile.key_bytes(), profile.salt_bytes());
        if exported.len() != 2 * (key + salt) {
            return None;
        }
        let (keys, salts) = exported.split_at(2 * key);
        let side = |nth: usize| {
            let mut bytes = [0; 46];
            bytes[..key].copy_from_slice(&keys[nth * key..][..key]);
            bytes[key..key + salt].copy_from_slice(&salts[nth * salt..][..salt]);
            bytes
        };
        let (client, server) = (side(0), side(1));
        let (ours, theirs) = if is_client { (client, server) } else { (server, client) };
        Some(Keys { profile, ours, theirs })
    }

    /// Master key and master salt of one direction.
    pub fn parts<'k>(&self, side: &'k [u8; 46]) -> (&'k [u8], &'k [u8]) {
        let (key, rest) = side.split_at(self.profile.key_bytes());
        (key, &rest[..self.profile.salt_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exported_bytes_are_taken_apart_in_the_order_of_the_rfc() {
        for profile in [Profile::Aes128CmSha1_80, Profile::AeadAes128Gcm, Profile::AeadAes256Gcm] {
            let (key, salt) = (profile.key_bytes(), profile.salt_bytes());
            let exported = [vec![1; key], vec![2; key], vec![3; salt], vec![4; salt]].concat();
            let client = Keys::from_exported(profile, &exported, true).expect("keys");
            let server = Keys::from_exported(profile, &exported, false).expect("keys");
            assert_eq!(client.parts(&client.ours), (&vec![1; key][..], &vec![3; salt][..]));
            assert_eq!(client.parts(&client.theirs), (&vec![2; key][..], &vec![4; salt][..]));
            assert!(client.ours == server.theirs && client.theirs == server.ours);
            assert!(Keys::from_exported(profile, &exported[1..], true).is_none());
        }
    }
}
