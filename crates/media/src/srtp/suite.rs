//! The crypto suites that are spoken.

/// A crypto suite (RFC 4568 section 6.2, RFC 6188 section 4, RFC 7714 section 14.2), in ascending order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suite {
    AesCm128HmacSha1_32,
    AesCm128HmacSha1_80,
    AesCm256HmacSha1_32,
    AesCm256HmacSha1_80,
    AeadAes128Gcm,
    AeadAes256Gcm,
}

impl Suite {
    pub const ALL: [Suite; 6] = [
        Suite::AesCm128HmacSha1_32,
        Suite::AesCm128HmacSha1_80,
        Suite::AesCm256HmacSha1_32,
        Suite::AesCm256HmacSha1_80,
        Suite::AeadAes128Gcm,
        Suite::AeadAes256Gcm,
    ];

    /// The name in `a=crypto` (RFC 4568 section 9.2; case matters).
    pub const fn name(self) -> &'static str {
        match self {
            Suite::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
            Suite::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Suite::AesCm256HmacSha1_32 => "AES_256_CM_HMAC_SHA1_32",
            Suite::AesCm256HmacSha1_80 => "AES_256_CM_HMAC_SHA1_80",
            Suite::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Suite::AeadAes256Gcm => "AEAD_AES_256_GCM",
        }
    }

    pub fn from_name(name: &str) -> Option<Suite> {
        Suite::ALL.into_iter().find(|suite| suite.name() == name)
    }

    /// The protection profile of the `use_srtp` extension (RFC 5764 section 4.1.2, RFC 7714 section 14.2). The suites
    /// with AES-256 in counter mode have none.
    pub const fn dtls_profile(self) -> Option<u16> {
        match self {
            Suite::AesCm128HmacSha1_80 => Some(0x0001),
            Suite::AesCm128HmacSha1_32 => Some(0x0002),
            Suite::AeadAes128Gcm => Some(0x0007),
            Suite::AeadAes256Gcm => Some(0x0008),
            Suite::AesCm256HmacSha1_32 | Suite::AesCm256HmacSha1_80 => None,
        }
    }

    /// Bytes of the master key, and of the session key for encryption.
    pub const fn key_bytes(self) -> usize {
        match self {
            Suite::AesCm128HmacSha1_32 | Suite::AesCm128HmacSha1_80 | Suite::AeadAes128Gcm => 16,
            Suite::AesCm256HmacSha1_32 | Suite::AesCm256HmacSha1_80 | Suite::AeadAes256Gcm => 32,
        }
    }

    /// Bytes of the master salt, and of the session salt.
    pub const fn salt_bytes(self) -> usize {
        if self.is_aead() { 12 } else { 14 }
    }

    /// Bytes of the authentication tag of an SRTP packet.
    pub const fn rtp_tag_bytes(self) -> usize {
        match self {
            Suite::AesCm128HmacSha1_32 | Suite::AesCm256HmacSha1_32 => 4,
            Suite::AesCm128HmacSha1_80 | Suite::AesCm256HmacSha1_80 => 10,
            Suite::AeadAes128Gcm | Suite::AeadAes256Gcm => 16,
        }
    }

    /// Bytes of the authentication tag of an SRTCP packet: 80 bits also for the suites whose SRTP tag has 32 (RFC 4568
    /// section 6.2.2, RFC 6188 section 3.2).
    pub const fn rtcp_tag_bytes(self) -> usize {
        if self.is_aead() { 16 } else { 10 }
    }

    /// True when encryption and authentication are one operation (RFC 7714).
    pub const fn is_aead(self) -> bool {
        match self {
            Suite::AeadAes128Gcm | Suite::AeadAes256Gcm => true,
            Suite::AesCm128HmacSha1_32
            | Suite::AesCm128HmacSha1_80
            | Suite::AesCm256HmacSha1_32
            | Suite::AesCm256HmacSha1_80 => false,
        }
    }
}
