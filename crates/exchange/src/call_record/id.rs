//! The name of a call for people and tables: the same while it lives, in its record, and after a restart.

use crate::mint::{Mint, read_hex, write_hex};
use coeur_sip::time::Wall;
use std::fmt;
use std::str::FromStr;

/// A UUID of version 7 (RFC 9562 section 5.7): the millisecond of the call's begin, then 74 random bits. So names sort by
/// time, and no two calls of any shard or process have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallRecordId(pub u128);

/// Where its text has hyphens: behind this many digits.
const HYPHENS: [usize; 4] = [8, 12, 16, 20];
const DIGITS: usize = 32;

impl CallRecordId {
    pub fn new(mint: &mut Mint, now: Wall) -> Self {
        let ms = u128::from(now.as_millis()) & 0xffff_ffff_ffff;
        let (a, b) = (u128::from(mint.u32() & 0xfff), u128::from(mint.u64() >> 2));
        Self(ms << 80 | 7 << 76 | a << 64 | 0b10 << 62 | b)
    }
}

impl fmt::Display for CallRecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; DIGITS];
        write_hex((self.0 >> 64) as u64, &mut digits[..16]);
        write_hex(self.0 as u64, &mut digits[16..]);
        for (at, digit) in digits.into_iter().enumerate() {
            if HYPHENS.contains(&at) {
                f.write_str("-")?;
            }
            write!(f, "{}", char::from(digit))?;
        }
        Ok(())
    }
}

/// The text is no name of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoCallRecordId;

impl FromStr for CallRecordId {
    type Err = NoCallRecordId;

    /// With its hyphens, in upper or lower case (RFC 9562 section 4), and with `call_` before it, as the API writes it, or not.
    fn from_str(text: &str) -> Result<Self, NoCallRecordId> {
        let text = text.strip_prefix("call_").unwrap_or(text);
        let lower = text.to_ascii_lowercase();
        let digits: String = lower.chars().filter(|c| *c != '-').collect();
        let half = |range| digits.as_bytes().get(range).and_then(read_hex).map(u128::from);
        let (Some(high), Some(low)) = (half(0..16), half(16..DIGITS)) else { return Err(NoCallRecordId) };
        let id = Self(high << 64 | low);
        if id.to_string() == lower { Ok(id) } else { Err(NoCallRecordId) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::ShardId;

    #[test]
    fn a_name_is_a_version_7_uuid_and_reads_back() {
        let mut mint = Mint::new(ShardId(0), [1; 32]);
        let id = CallRecordId::new(&mut mint, Wall::from_millis(0x0192_3456_789a));
        let text = id.to_string();
        assert!(text.starts_with("01923456-789a-7"), "{text}");
        assert!(matches!(text.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{text}");
        assert_eq!((text.len(), text.parse()), (36, Ok(id)));
        assert_eq!(text.to_uppercase().parse(), Ok(id));
        assert_eq!(format!("call_{text}").parse(), Ok(id));
        assert_ne!(CallRecordId::new(&mut mint, Wall::from_millis(0x0192_3456_789a)), id);
        let later = CallRecordId::new(&mut mint, Wall::from_millis(0x0192_3456_789b));
        assert!(later > id && later.to_string() > text);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let wrong = [
            "",
            "x",
            "019234567 89a",
            "01923456789a70008000000000000000",
            "01923456-789a-7000-8000-00000000000g",
        ];
        for text in wrong {
            assert_eq!(text.parse::<CallRecordId>(), Err(NoCallRecordId), "{text}");
        }
        assert_eq!("01923456-789a-7000-8000-0000000000000".parse::<CallRecordId>(), Err(NoCallRecordId));
    }
}
