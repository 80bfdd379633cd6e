//! The few character rules that every header shares (RFC 3261 section 25.1).
//!
//! Inside a header value a line fold is LWS. The index pass has already shown that every CR and LF inside a
//! value belongs to a fold (or to a quoted pair), so white space here is SP, HT, CR and LF alike.

use memchr::{memchr, memchr2, memchr3};

/// `token` characters.
static TOKEN: [bool; 256] = class(b"-.!%*_+`'~");

/// Builds the table of the alphanumeric characters and `extra`.
pub(crate) const fn class(extra: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut i = 0;
    while i < extra.len() {
        table[extra[i] as usize] = true;
        i += 1;
    }
    table
}

pub fn is_token_byte(byte: u8) -> bool {
    TOKEN[byte as usize]
}

/// True for a non-empty `token`.
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| TOKEN[byte as usize])
}

/// True for the bytes that make up LWS inside a value.
pub const fn is_lws(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// The first index from `at` on that is not LWS (the length when there is none).
#[inline]
pub fn skip_lws(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && is_lws(bytes[at]) {
        at += 1;
    }
    at
}

/// The first index from `at` on that is not a token character.
#[inline]
pub fn skip_token(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && TOKEN[bytes[at] as usize] {
        at += 1;
    }
    at
}

/// In less than this many bytes setting up a wide search costs more than it saves.
const SHORT: usize = 32;

/// The first index from `at` on of `wanted` (the length when there is none). Quick for the short parts of a header.
#[inline]
pub(crate) fn find(wanted: u8, bytes: &[u8], mut at: usize) -> usize {
    let end = bytes.len().min(at + SHORT);
    while at < end {
        if bytes[at] == wanted {
            return at;
        }
        at += 1;
    }
    match bytes.get(at..) {
        Some(rest @ [_, ..]) => memchr(wanted, rest).map_or(bytes.len(), |length| at + length),
        Some([]) | None => bytes.len(),
    }
}

/// The first index from `at` on of any of the three (the length when there is none).
#[inline]
pub(crate) fn find_any(wanted: [u8; 3], bytes: &[u8], mut at: usize) -> usize {
    let [a, b, c] = wanted;
    let end = bytes.len().min(at + SHORT);
    while at < end {
        let byte = bytes[at];
        if byte == a || byte == b || byte == c {
            return at;
        }
        at += 1;
    }
    match bytes.get(at..) {
        Some(rest @ [_, ..]) => memchr3(a, b, c, rest).map_or(bytes.len(), |length| at + length),
        Some([]) | None => bytes.len(),
    }
}

/// The bytes without LWS at either end.
#[inline]
pub fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes {
        if !is_lws(*first) {
            break;
        }
        bytes = rest;
    }
    while let [rest @ .., last] = bytes {
        if !is_lws(*last) {
            break;
        }
        bytes = rest;
    }
    bytes
}

/// With `bytes[at]` the opening quote of a `quoted-string`, the index after its closing quote.
pub fn skip_quoted(bytes: &[u8], at: usize) -> Option<usize> {
    let mut i = at + 1;
    loop {
        i += memchr2(b'"', b'\\', bytes.get(i..)?)?;
        if bytes[i] == b'"' {
            return Some(i + 1);
        }
        i += 2;
    }
}

/// The inside of a quoted string when `bytes` is one, the bytes themselves otherwise. Quoted pairs stay as
/// they are; see [`unquote_into`].
pub fn unquoted(bytes: &[u8]) -> &[u8] {
    match bytes {
        [b'"', inner @ .., b'"'] => inner,
        other => other,
    }
}

/// Appends `bytes` without surrounding quotes and with each quoted pair reduced to its second character.
pub fn unquote_into(bytes: &[u8], out: &mut Vec<u8>) {
    let [b'"', inner @ .., b'"'] = bytes else {
        out.extend_from_slice(bytes);
        return;
    };
    let mut rest = inner;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(rest.get(at + 1..at + 2).unwrap_or_default());
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

/// Appends `text` as a quoted string, escaping what must be (RFC 3261 section 25.1, `quoted-pair`). CR and LF,
/// which no quoted string can carry, become SP.
pub fn quote_into(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\r' | b'\n' => out.push(b' '),
            0..0x20 | 0x7f => out.extend_from_slice(&[b'\\', byte]),
            other => out.push(other),
        }
    }
    out.push(b'"');
}

/// `1*DIGIT` that fits 32 bits; `None` otherwise. Leading zeros count for nothing.
pub fn number_u32(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    let mut value: u32 = 0;
    for &digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u32::from(digit))?;
    }
    Some(value)
}

/// `1*DIGIT` as `delta-seconds`: what exceeds 2**32-1 is taken as that, as RFC 3261 section 20.19 names it the
/// largest value. `None` when the bytes are not digits.
pub fn delta_seconds(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(number_u32(digits).unwrap_or(u32::MAX))
}

/// A port: `1*DIGIT` from 0 to 65,535.
pub fn number_u16(digits: &[u8]) -> Option<u16> {
    number_u32(digits).and_then(|value| u16::try_from(value).ok())
}

/// Appends a number in decimal.
pub fn push_number(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_string_ends_at_its_own_quote() {
        assert_eq!(skip_quoted(br#""a\"b" c"#, 0), Some(6));
        assert_eq!(skip_quoted(br#""\\""#, 0), Some(4));
        assert_eq!(skip_quoted(br#""never"#, 0), None);
        assert_eq!(skip_quoted(br#""never\"#, 0), None);
        assert_eq!(skip_quoted(br#"""#, 0), None);
    }

    #[test]
    fn quoting_and_unquoting_are_inverse() {
        let text = b"a \"quoted\" \\ text \x07";
        let mut quoted = Vec::new();
        quote_into(text, &mut quoted);
        let mut back = Vec::new();
        unquote_into(&quoted, &mut back);
        assert_eq!(back, text);
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused_and_seconds_saturate() {
        assert_eq!(number_u32(b"4294967295"), Some(u32::MAX));
        assert_eq!(number_u32(b"4294967296"), None);
        assert_eq!(number_u32(b"-1"), None);
        assert_eq!(number_u32(b""), None);
        assert_eq!(number_u32(b"0068"), Some(68));
        assert_eq!(delta_seconds(b"10000000000000000000000"), Some(u32::MAX));
        assert_eq!(delta_seconds(b"1h"), None);
        assert_eq!(number_u16(b"65536"), None);
    }

    #[test]
    fn trimming_takes_folds_too() {
        assert_eq!(trim(b" \r\n\tx y\r\n "), b"x y");
        assert_eq!(trim(b"  "), b"");
    }
}
