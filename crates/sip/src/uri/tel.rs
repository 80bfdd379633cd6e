//! tel URIs (RFC 3966).

use super::UriError;
use super::sip::UriParams;

/// `tel:+1-201-555-0123;ext=5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelUri<'a> {
    /// The number as written, with its visual separators, and with its `+` when global.
    pub number: &'a [u8],
    pub params: UriParams<'a>,
}

impl<'a> TelUri<'a> {
    pub(super) fn parse_rest(rest: &'a [u8], base: usize) -> Result<TelUri<'a>, UriError> {
        let end = memchr::memchr(b';', rest).unwrap_or(rest.len());
        let number = &rest[..end];
        let (global, digits) = match number {
            [b'+', digits @ ..] => (true, digits),
            digits => (false, digits),
        };
        let good = digits.iter().all(|&byte| is_separator(byte) || is_digit(byte, global))
            && digits.iter().any(|&byte| is_digit(byte, global));
        if !good {
            return Err(UriError::new(base, "Malformed Telephone Number"));
        }
        let params = UriParams::parse(&rest[end..])
            .map_err(|error| UriError { offset: error.offset + base + end, reason: error.reason })?;
        // RFC 3966 section 5.1.5 wants a phone-context beside a local number. Phones leave it out, and whoever
        // routes the number knows the caller's own context, so its absence is not an error here.
        Ok(TelUri { number, params })
    }

    /// True for `+...`, which means the same everywhere.
    pub fn is_global(&self) -> bool {
        self.number.first() == Some(&b'+')
    }

    /// The number without visual separators.
    pub fn digits(&self) -> impl Iterator<Item = u8> + Clone + use<'a> {
        self.number.iter().copied().filter(|&byte| !is_separator(byte))
    }

    /// RFC 3966 section 4: numbers without separators, global with global; every parameter of one in the other,
    /// in any case.
    pub fn equivalent(&self, other: &TelUri<'_>) -> bool {
        let has_all = |a: UriParams<'_>, b: UriParams<'_>| {
            a.iter().take(PARAMS_MAX + 1).all(|mine| {
                b.iter().any(|theirs| {
                    theirs.name.eq_ignore_ascii_case(mine.name)
                        && theirs
                            .value
                            .unwrap_or_default()
                            .eq_ignore_ascii_case(mine.value.unwrap_or_default())
                })
            })
        };
        let few = |params: UriParams<'_>| params.iter().count() <= PARAMS_MAX;
        self.digits().map(lower).eq(other.digits().map(lower))
            && few(self.params)
            && few(other.params)
            && has_all(self.params, other.params)
            && has_all(other.params, self.params)
    }
}

/// Parameters of one URI that equality looks at: the comparison is quadratic in it.
const PARAMS_MAX: usize = 64;

fn lower(byte: u8) -> u8 {
    byte.to_ascii_lowercase()
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'-' | b'.' | b'(' | b')')
}

/// A local number may also hold `*`, `#` and the letters A to F.
fn is_digit(byte: u8, global: bool) -> bool {
    byte.is_ascii_digit() || (!global && (byte.is_ascii_hexdigit() || matches!(byte, b'*' | b'#')))
}

#[cfg(test)]
mod tests {
    use super::super::Uri;
    use super::*;

    fn tel(text: &str) -> TelUri<'_> {
        match Uri::parse(text.as_bytes()) {
            Ok(Uri::Tel(uri)) => uri,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn separators_do_not_count() {
        let uri = tel("tel:+1-201-(555).0123;ext=5");
        assert_eq!(uri.digits().collect::<Vec<_>>(), b"+12015550123");
        assert!(uri.is_global());
        assert!(uri.equivalent(&tel("TEL:+12015550123;EXT=5")));
        assert!(!uri.equivalent(&tel("tel:+12015550123")));
    }

    #[test]
    fn local_numbers_may_have_star_and_hash() {
        assert!(!tel("tel:*21#;phone-context=example.com").is_global());
        assert!(!tel("tel:863-1234;phone-context=+1-914-555").equivalent(&tel("tel:+8631234")));
    }

    #[test]
    fn what_is_no_number_is_an_error() {
        for text in
            ["tel:", "tel:+", "tel:--", "tel:+12a", "tel:alice", "tel:+1;", "tel:+1 2", "tel:+1;x=\"\""]
        {
            assert!(Uri::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
