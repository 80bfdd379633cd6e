//! Numbers of the public network that a tenant has (ITU-T E.164): what is known of each. Whose one is is not said here: it is
//! that of the account which has it as its address or as a further one, so that there is one place where that is said.

use crate::tenant::TenantId;
use crate::text::is_plain;
use std::fmt;

/// What an installation has; about 250 bytes each without texts, 1.5 kB with the longest.
pub const NUMBERS_MAX: usize = 200_000;
/// What one tenant has.
pub const TENANT_NUMBERS_MAX: usize = 50_000;
/// What is taken in at once.
pub const NUMBER_RANGE_MAX: usize = 10_000;
/// Characters of an emergency address, and of a note.
pub const NUMBER_TEXT_CHARS_MAX: usize = 300;
/// ITU-T E.164 section 6.2.1.
const DIGITS_MAX: usize = 15;
const DIGITS_MIN: usize = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NumberId(pub u64);

/// A `+` and 2 to 15 digits, of which the first is no 0 (ITU-T E.164): no country begins with one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct E164(Box<str>);

impl E164 {
    /// As it is kept: no other character, and nothing around it.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+')?;
        let is_number = (DIGITS_MIN..=DIGITS_MAX).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        is_number.then(|| Self(text.into()))
    }

    /// As people write it: `+33 1 23 45 67 89`, `+33-1-23.45`, `+33 (1) 23`.
    pub fn written(text: &str) -> Option<Self> {
        let is_between = |c: &char| c.is_whitespace() || matches!(c, '-' | '.' | '(' | ')' | '/');
        Self::parse(&text.chars().filter(|c| !is_between(c)).collect::<String>())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// From this one to another of the same length, both included; at most [`NUMBER_RANGE_MAX`].
    pub fn range(&self, last: &Self) -> Result<Vec<Self>, RangeError> {
        if self.0.len() != last.0.len() {
            return Err(RangeError::Lengths);
        }
        let number = |of: &Self| of.0[1..].parse::<u64>().unwrap_or_default();
        let (first, last) = (number(self), number(last));
        if last < first {
            return Err(RangeError::Backwards);
        }
        if last - first >= NUMBER_RANGE_MAX as u64 {
            return Err(RangeError::TooLong);
        }
        Ok((first..=last).map(|number| Self(format!("+{number}").into())).collect())
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why two numbers are no range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeError {
    Lengths,
    Backwards,
    TooLong,
}

impl fmt::Display for RangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lengths => f.write_str("the first and the last number of a range have as many digits"),
            Self::Backwards => f.write_str("the last number of a range is not before the first"),
            Self::TooLong => write!(f, "a range has {NUMBER_RANGE_MAX} numbers at most"),
        }
    }
}

/// One number of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    pub id: NumberId,
    pub tenant: TenantId,
    pub e164: E164,
    /// Where help is to come when somebody calls for it from this number; at most [`NUMBER_TEXT_CHARS_MAX`] characters.
    pub emergency_address: Box<str>,
    /// Of the carrier, of a porting; as long.
    pub note: Box<str>,
    pub created_at_ms: u64,
}

#[derive(Clone, Debug)]
pub enum NumberChange {
    /// One, or a range: all or none.
    Added(Box<[Number]>),
    Changed {
        id: NumberId,
        patch: NumberPatch,
    },
    /// Only while no account has it.
    Removed(NumberId),
}

/// What is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NumberPatch {
    pub emergency_address: Option<Box<str>>,
    pub note: Option<Box<str>>,
}

impl Number {
    pub fn change(&mut self, patch: &NumberPatch) {
        if let Some(address) = &patch.emergency_address {
            self.emergency_address.clone_from(address);
        }
        if let Some(note) = &patch.note {
            self.note.clone_from(note);
        }
    }

    pub(crate) fn is_fit(&self) -> bool {
        is_number_text(&self.emergency_address) && is_number_text(&self.note)
    }
}

/// True for what a number can have as its emergency address or note: lines without characters that turn them.
pub fn is_number_text(text: &str) -> bool {
    text.chars().count() <= NUMBER_TEXT_CHARS_MAX && text.split('\n').all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn e164(text: &str) -> E164 {
        E164::parse(text).expect("a number")
    }

    #[test]
    fn a_number_has_a_plus_and_two_to_fifteen_digits() {
        for good in ["+33", "+33123456789", "+123456789012345"] {
            assert_eq!(E164::parse(good).map(|number| number.to_string()).as_deref(), Some(good));
        }
        for bad in ["", "+", "+3", "33123456789", "+1234567890123456", "+33 1", "+0123", "+33a", "+٣٣", "201"]
        {
            assert_eq!(E164::parse(bad), None, "{bad}");
        }
        assert_eq!(E164::written(" +33 (1) 23-45.67/89 "), Some(e164("+33123456789")));
        assert_eq!(E164::written("0123456789"), None, "of which country is not said");
    }

    #[test]
    fn a_range_is_of_one_length_and_has_both_its_ends() {
        let texts = |range: Vec<E164>| range.iter().map(E164::to_string).collect::<Vec<_>>();
        let range = e164("+3398").range(&e164("+3401")).expect("a range");
        assert_eq!(texts(range), ["+3398", "+3399", "+3400", "+3401"]);
        assert_eq!(texts(e164("+33").range(&e164("+33")).expect("one")), ["+33"]);
        assert_eq!(e164("+331").range(&e164("+3310")), Err(RangeError::Lengths));
        assert_eq!(e164("+332").range(&e164("+331")), Err(RangeError::Backwards));
        assert_eq!(e164("+330000").range(&e164("+339999")).map(|range| range.len()), Ok(10_000));
        assert_eq!(e164("+330000").range(&e164("+340000")), Err(RangeError::TooLong));
        let far = e164("+100000000000000").range(&e164("+999999999999999"));
        assert_eq!(far, Err(RangeError::TooLong));
    }
}
