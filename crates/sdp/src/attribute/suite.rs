//! SRTP crypto suites of SDES (RFC 4568 section 6.2, RFC 6188, RFC 7714).

/// A cipher with its authentication, as `a=crypto` names it. In the order in which Coeur prefers them: authenticated
/// encryption first, the 32-bit tag last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Suite {
    AeadAes256Gcm,
    AeadAes128Gcm,
    Aes256CmHmacSha1_80,
    AesCm128HmacSha1_80,
    Aes256CmHmacSha1_32,
    AesCm128HmacSha1_32,
}

impl Suite {
    pub const ALL: [Self; 6] = [
        Self::AeadAes256Gcm,
        Self::AeadAes128Gcm,
        Self::Aes256CmHmacSha1_80,
        Self::AesCm128HmacSha1_80,
        Self::Aes256CmHmacSha1_32,
        Self::AesCm128HmacSha1_32,
    ];

    /// Reads a name. In any case (RFC 4568 section 9.2 writes them as ABNF strings), and `AES_256_CM` also as
    /// `AES_CM_256`, which several phones send for what RFC 6188 section 4 registers.
    pub fn parse(name: &[u8]) -> Option<Self> {
        let is = |suite: &Self| name.eq_ignore_ascii_case(suite.as_str().as_bytes());
        Self::ALL.into_iter().find(is).or_else(|| match name.to_ascii_uppercase().as_slice() {
            b"AES_CM_256_HMAC_SHA1_80" => Some(Self::Aes256CmHmacSha1_80),
            b"AES_CM_256_HMAC_SHA1_32" => Some(Self::Aes256CmHmacSha1_32),
            _ => None,
        })
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::Aes256CmHmacSha1_80 => "AES_256_CM_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::Aes256CmHmacSha1_32 => "AES_256_CM_HMAC_SHA1_32",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    /// Bytes of the master key.
    pub const fn key_bytes(self) -> usize {
        match self {
            Self::AeadAes256Gcm | Self::Aes256CmHmacSha1_80 | Self::Aes256CmHmacSha1_32 => 32,
            Self::AeadAes128Gcm | Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 16,
        }
    }

    /// Bytes of the master salt: 112 bits (RFC 4568 section 6.2), 96 for GCM (RFC 7714 section 12).
    pub const fn salt_bytes(self) -> usize {
        match self {
            Self::AeadAes256Gcm | Self::AeadAes128Gcm => 12,
            Self::Aes256CmHmacSha1_80
            | Self::AesCm128HmacSha1_80
            | Self::Aes256CmHmacSha1_32
            | Self::AesCm128HmacSha1_32 => 14,
        }
    }
}
