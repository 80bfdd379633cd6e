//! Parameters of the digest headers, and their text.

use super::DigestError;
use crate::lex;
use std::borrow::Cow;

/// The inside of a quoted string, or a token: as received, quoted pairs and all. Digest hashes this text
/// (RFC 7616 section 3.3, `unq`), while names are compared with the quoted pairs resolved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Text<'a>(pub(super) &'a [u8]);

impl<'a> Text<'a> {
    /// As received.
    pub const fn raw(self) -> &'a [u8] {
        self.0
    }

    /// With quoted pairs resolved; borrowed when there are none.
    pub fn unescaped(self) -> Cow<'a, [u8]> {
        if !self.0.contains(&b'\\') {
            return Cow::Borrowed(self.0);
        }
        Cow::Owned(self.characters().collect())
    }

    /// Compares with plain text without an allocation.
    pub fn is(self, plain: &[u8]) -> bool {
        self.characters().eq(plain.iter().copied())
    }

    fn characters(self) -> impl Iterator<Item = u8> + 'a {
        let mut bytes = self.0.iter().copied();
        std::iter::from_fn(move || match bytes.next()? {
            b'\\' => bytes.next(),
            byte => Some(byte),
        })
    }
}

/// One parameter.
pub(super) struct Param<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: Text<'a>,
}

/// Reads `name = value` at the start of `rest`, which begins after LWS and commas, and moves on to the next.
pub(super) fn next_param<'a>(rest: &mut &'a [u8]) -> Result<Option<Param<'a>>, DigestError> {
    let bytes = *rest;
    let at = skip_separators(bytes, 0);
    if at == bytes.len() {
        *rest = &[];
        return Ok(None);
    }
    let name_end = lex::skip_token(bytes, at);
    let equals = lex::skip_lws(bytes, name_end);
    if name_end == at || bytes.get(equals) != Some(&b'=') {
        return Err(DigestError::Malformed);
    }
    let (value, end) = value(bytes, lex::skip_lws(bytes, equals + 1))?;
    let after = lex::skip_lws(bytes, end);
    if !matches!(bytes.get(after), None | Some(b',')) {
        return Err(DigestError::Malformed);
    }
    *rest = &bytes[after..];
    Ok(Some(Param { name: &bytes[at..name_end], value: Text(value) }))
}

/// The first index from `at` on that is neither LWS nor a comma.
pub(super) fn skip_separators(bytes: &[u8], mut at: usize) -> usize {
    loop {
        at = lex::skip_lws(bytes, at);
        if bytes.get(at) != Some(&b',') {
            return at;
        }
        at += 1;
    }
}

fn value(bytes: &[u8], at: usize) -> Result<(&[u8], usize), DigestError> {
    if bytes.get(at) == Some(&b'"') {
        let end = lex::skip_quoted(bytes, at).filter(|&end| end <= bytes.len());
        let end = end.ok_or(DigestError::Malformed)?;
        return Ok((&bytes[at + 1..end - 1], end));
    }
    let end = lex::skip_token(bytes, at);
    if end == at {
        return Err(DigestError::Malformed);
    }
    Ok((&bytes[at..end], end))
}

/// Reads the scheme at the start of a header value: the rest when it is Digest.
pub(super) fn after_digest_scheme(value: &[u8]) -> Result<&[u8], DigestError> {
    let at = lex::skip_lws(value, 0);
    let end = lex::skip_token(value, at);
    if !value[at..end].eq_ignore_ascii_case(b"Digest") {
        return Err(DigestError::OtherScheme);
    }
    match value.get(end) {
        Some(&byte) if lex::is_lws(byte) => Ok(&value[end..]),
        _ => Err(DigestError::Malformed),
    }
}

/// Sets a parameter that may appear once.
pub(super) fn set_once<T>(slot: &mut Option<T>, value: T, name: &'static str) -> Result<(), DigestError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(DigestError::Duplicate(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_pairs_are_resolved_for_comparison_only() {
        let text = Text(br#"a\"b\\c"#);
        assert!(text.is(br#"a"b\c"#));
        assert!(!text.is(text.raw()));
        assert_eq!(text.unescaped().as_ref(), br#"a"b\c"#);
        assert!(matches!(Text(b"plain").unescaped(), Cow::Borrowed(b"plain")));
    }
}
