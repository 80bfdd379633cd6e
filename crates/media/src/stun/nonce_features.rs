//! The security features that a NONCE says (RFC 8489 section 9.2 and 18.1): `obMatJos2`, then 24 bits in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const COOKIE: &str = "obMatJos2";

/// What the server that wrote a nonce can do. It stands in the nonce, which a man in the middle cannot change without
/// being seen: this prevents a bid-down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NonceFeatures {
    /// Bit 0: PASSWORD-ALGORITHMS is spoken.
    pub password_algorithms: bool,
    /// Bit 1: USERHASH is spoken.
    pub username_anonymity: bool,
}

impl NonceFeatures {
    /// The bytes of cookie and bits at the head of a nonce.
    pub const BYTES: usize = COOKIE.len() + 4;

    /// No features when the nonce does not begin with the cookie.
    pub fn read(nonce: &str) -> NonceFeatures {
        let bits = nonce
            .strip_prefix(COOKIE)
            .and_then(|rest| rest.get(..4))
            .and_then(|bits| STANDARD.decode(bits).ok())
            .and_then(|bits| bits.get(2).copied());
        // RFC 8489 section 18.1 numbers the bits from the rightmost one.
        let bits = bits.unwrap_or(0);
        NonceFeatures { password_algorithms: bits & 1 != 0, username_anonymity: bits & 2 != 0 }
    }

    pub fn write(self, nonce: &mut String) {
        let last = u8::from(self.password_algorithms) | u8::from(self.username_anonymity) << 1;
        nonce.push_str(COOKIE);
        STANDARD.encode_string([0, 0, last], nonce);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_features_of_a_nonce_are_read_as_they_are_written() {
        for (password_algorithms, username_anonymity) in
            [(false, false), (true, false), (false, true), (true, true)]
        {
            let features = NonceFeatures { password_algorithms, username_anonymity };
            let mut nonce = String::new();
            features.write(&mut nonce);
            assert_eq!(nonce.len(), NonceFeatures::BYTES);
            nonce.push_str("rest");
            assert_eq!(NonceFeatures::read(&nonce), features);
        }
        for other in ["", "obMatJos2", "obMatJos2??", "obMatJos2ééé", "f//499k954d6OL34oL9FSTvy64sA"] {
            assert_eq!(NonceFeatures::read(other), NonceFeatures::default(), "{other}");
        }
    }
}
