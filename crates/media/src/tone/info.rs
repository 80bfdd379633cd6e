//! Keys in the body of an INFO, as phones have sent them since before RFC 6086: `application/dtmf-relay` and `application/dtmf`.
//!
//! No RFC describes either. What is read: `Signal=` and `Duration=` in any case and order, with or without blanks; or the one
//! character alone. A key is also told by its number, 10 for `*` and 11 for `#`.

use super::Digit;

/// Longest body that is read.
pub const BODY_BYTES_MAX: usize = 256;

/// How long a key is when nothing is said, and how long it may be, in milliseconds.
const MS_DEFAULT: u32 = 160;
const MS_RANGE: std::ops::RangeInclusive<u32> = 40..=8_000;

/// A key and how long it is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Press {
    pub digit: Digit,
    pub ms: u32,
}

/// Reads a body of either type; `None` when it holds no key.
pub fn read(content_type: &str, body: &[u8]) -> Option<Press> {
    if body.len() > BODY_BYTES_MAX {
        return None;
    }
    let body = std::str::from_utf8(body).ok()?;
    let media_type = content_type.split(';').next()?.trim();
    if media_type.eq_ignore_ascii_case("application/dtmf") {
        return Some(Press { digit: digit(body.trim())?, ms: MS_DEFAULT });
    }
    if !media_type.eq_ignore_ascii_case("application/dtmf-relay") {
        return None;
    }
    let (mut found, mut ms) = (None, MS_DEFAULT);
    for line in body.lines() {
        let Some((name, value)) = line.split_once('=') else { continue };
        if name.trim().eq_ignore_ascii_case("signal") {
            found = Some(digit(value.trim())?);
        } else if name.trim().eq_ignore_ascii_case("duration") {
            ms = value.trim().parse().unwrap_or(MS_DEFAULT);
        }
    }
    Some(Press { digit: found?, ms: ms.clamp(*MS_RANGE.start(), *MS_RANGE.end()) })
}

/// The body of an `application/dtmf-relay`.
pub fn write(press: Press) -> String {
    format!("Signal={}\r\nDuration={}\r\n", press.digit.character(), press.ms)
}

fn digit(text: &str) -> Option<Digit> {
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(character), None) => Digit::from_char(character),
        (Some(_), Some(_)) => text.parse().ok().and_then(Digit::from_event),
        (None, _) => None,
    }
}
