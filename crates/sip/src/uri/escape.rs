//! `%HH` escaping in URIs (RFC 3261 section 19.1.2).

/// The bytes with each `%HH` replaced. A `%` without two hexadecimal digits stays as it is; the URI parsers
/// refuse those before.
pub fn unescaped(bytes: &[u8]) -> impl Iterator<Item = u8> + Clone + '_ {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (&first, after) = rest.split_first()?;
        if first == b'%'
            && let [high, low, after @ ..] = after
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            rest = after;
            return Some(high << 4 | low);
        }
        rest = after;
        Some(first)
    })
}

/// Appends the bytes with each `%HH` replaced.
pub fn unescape_into(bytes: &[u8], out: &mut Vec<u8>) {
    match memchr::memchr(b'%', bytes) {
        None => out.extend_from_slice(bytes),
        Some(_) => out.extend(unescaped(bytes)),
    }
}

/// True when both are the same once unescaped, byte by byte.
pub fn same_unescaped(a: &[u8], b: &[u8]) -> bool {
    a == b || unescaped(a).eq(unescaped(b))
}

/// The index of the first `%` that does not begin `%HH`.
pub(super) fn bad_escape(bytes: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'%', bytes).find(|&at| match bytes.get(at + 1..at + 3) {
        Some([high, low]) => hex(*high).is_none() || hex(*low).is_none(),
        _ => true,
    })
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_replaced_once() {
        let mut out = Vec::new();
        unescape_into(b"v%61lue%25%34%31%00", &mut out);
        assert_eq!(out, b"value%41\0");
        assert!(same_unescaped(b"%75se%72", b"user"));
        assert!(!same_unescaped(b"User", b"user"));
    }

    #[test]
    fn a_percent_sign_needs_two_digits() {
        assert_eq!(bad_escape(b"a%41%4"), Some(4));
        assert_eq!(bad_escape(b"%zz"), Some(0));
        assert_eq!(bad_escape(b"%41"), None);
    }
}
