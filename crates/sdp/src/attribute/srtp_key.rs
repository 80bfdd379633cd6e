//! The secret of SDES: an SRTP master key with its salt (RFC 4568 section 6.1).

use super::Suite;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Master key and master salt, joined. Not shown, wiped when dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct SrtpKey {
    joined: Vec<u8>,
    #[zeroize(skip)]
    key_bytes: usize,
}

/// Some phones leave the padding out, and some leave bits behind in the last character.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

impl SrtpKey {
    /// `None` when the length is not the suite's.
    pub fn new(suite: Suite, joined: &[u8]) -> Option<Self> {
        let fits = joined.len() == suite.key_bytes() + suite.salt_bytes();
        fits.then(|| Self { joined: joined.to_vec(), key_bytes: suite.key_bytes() })
    }

    pub(super) fn decode(suite: Suite, text: &[u8]) -> Option<Self> {
        // Longer than any suite's: not worth decoding.
        if text.len() > 128 {
            return None;
        }
        Self::new(suite, &Zeroizing::new(BASE64.decode(text).ok()?))
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let text = Zeroizing::new(BASE64.encode(&self.joined));
        out.extend_from_slice(text.as_bytes());
    }

    pub fn expose_key(&self) -> &[u8] {
        &self.joined[..self.key_bytes]
    }

    pub fn expose_salt(&self) -> &[u8] {
        &self.joined[self.key_bytes..]
    }
}

impl fmt::Debug for SrtpKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SrtpKey(<secret>)")
    }
}
