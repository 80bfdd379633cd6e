//! One-time codes of an authenticator: RFC 6238 with HMAC-SHA-1, 30 seconds and six digits, which is what every
//! authenticator can do (section 4; SHA-1 is no weakness in HMAC).

use aws_lc_rs::hmac;
use data_encoding::BASE32_NOPAD;
use subtle::ConstantTimeEq;

/// RFC 4226, section 4, R6: the length that is recommended.
pub(super) const SECRET_BYTES: usize = 20;
/// RFC 6238, section 4.1: X.
const STEP_S: u64 = 30;
const DIGITS: usize = 6;
/// RFC 6238, section 5.2: a clock may be wrong by one step either way.
const STEPS_AROUND: u64 = 1;

/// The step that this code proves, if it is of now and later than the last one that was used: a code counts once (RFC
/// 6238, section 5.2).
pub(super) fn proves(secret: &[u8], code: &str, now_s: u64, used: u64) -> Option<u64> {
    let now = now_s / STEP_S;
    let given = code.as_bytes();
    let first = now.saturating_sub(STEPS_AROUND);
    // Each is looked at, so that the time tells not which one it was.
    (first..=now + STEPS_AROUND).rfold(None, |found, step| {
        let same = bool::from(text(secret, step).as_bytes().ct_eq(given));
        if same && step > used { Some(step) } else { found }
    })
}

/// RFC 4226, section 5.3, of the counter that is the step.
fn text(secret: &[u8], step: u64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let bytes = tag.as_ref();
    let at = usize::from(bytes[bytes.len() - 1] & 0x0f);
    let word = bytes[at..at + 4].iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
    format!("{:0width$}", (word & 0x7fff_ffff) % 10_u32.pow(DIGITS as u32), width = DIGITS)
}

/// What an authenticator reads from a QR code. `issuer` and `login` are shown there.
pub(super) fn uri(issuer: &str, login: &str, secret: &[u8]) -> String {
    let (issuer, login) = (escaped(issuer), escaped(login));
    format!("otpauth://totp/{issuer}:{login}?secret={}&issuer={issuer}", BASE32_NOPAD.encode(secret))
}

/// For those who type it.
pub(super) fn typed(secret: &[u8]) -> String {
    BASE32_NOPAD.encode(secret)
}

/// RFC 3986, section 2.1: all but the unreserved.
fn escaped(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// The code of a moment, as an authenticator shows it.
#[cfg(test)]
pub(super) fn code(secret: &[u8], now_s: u64) -> String {
    text(secret, now_s / STEP_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, of which six digits are shown here.
    const SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn the_codes_of_rfc_6238_are_ours() {
        for (at_s, shown) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(SECRET, at_s), shown, "{at_s}");
        }
    }

    #[test]
    fn a_code_counts_for_one_step_either_way_and_no_further() {
        let now = 1_234_567_890_u64;
        for (away_s, counts) in [(-60, false), (-30, true), (0, true), (30, true), (60, false)] {
            let shown = code(SECRET, now.checked_add_signed(away_s).unwrap());
            assert_eq!(proves(SECRET, &shown, now, 0).is_some(), counts, "{away_s}");
        }
    }

    #[test]
    fn a_code_counts_once_and_none_before_it_any_more() {
        let now = 1_234_567_890;
        let used = proves(SECRET, &code(SECRET, now), now, 0).unwrap();
        assert_eq!(proves(SECRET, &code(SECRET, now), now, used), None);
        assert_eq!(proves(SECRET, &code(SECRET, now - 30), now, used), None);
        assert_eq!(proves(SECRET, &code(SECRET, now + 30), now, used), Some(used + 1));
    }

    #[test]
    fn what_is_no_code_is_none() {
        for text in ["", "0", "00592", "0059240", " 05924", "abcdef", "００５９２４"] {
            assert_eq!(proves(SECRET, text, 1_234_567_890, 0), None, "{text}");
        }
    }

    #[test]
    fn the_uri_is_of_one_piece_whatever_the_names_are() {
        let uri = uri("Coeur d'Été", "a&b?c=d", b"12345678901234567890");
        assert_eq!(
            uri,
            "otpauth://totp/Coeur%20d%27%C3%89t%C3%A9:a%26b%3Fc%3Dd?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Coeur%20d%27%C3%89t%C3%A9"
        );
    }
}
