//! Whether a message might have a secret in it: a quick look, which nearly all messages pass. It may suspect what is harmless,
//! and passes nothing that [`super::redact`] would change; a test holds the two together.

use super::redact::{may_have_password, starts};
use memchr::memmem::Finder;
use memchr::{memchr, memchr_iter};
use std::sync::LazyLock;

/// Whether there is nothing to hide, neither a secret nor a text.
pub fn is_clean(message: &[u8]) -> bool {
    let mut places_of_at = memchr_iter(b'@', message);
    let mut next_at = places_of_at.next();
    let (mut start, mut is_first, mut crlfs) = (0, true, 0);
    for end in memchr_iter(b'\n', message).chain([message.len()]) {
        let line = &message[start..end];
        let mut last_at = None;
        while let Some(at) = next_at.filter(|at| *at < end) {
            last_at = Some(at - start);
            next_at = places_of_at.next();
        }
        start = end + 1;
        let line = match line {
            [line @ .., b'\r'] => {
                crlfs += 1;
                line
            }
            line => line,
        };
        let Some(byte) = line.first() else { continue };
        let is_suspicious = match byte {
            // A line that continues another is rare, and judged with it.
            b' ' | b'\t' => true,
            _ if is_first => starts(line, b"MESSAGE") || starts(line, b"INFO") || is_named(line),
            _ => matches!(byte | 0x20, b'a' | b'c' | b'i' | b'k' | b'p' | b's' | b'x') && is_named(line),
        };
        // The last of a line says it for all.
        if is_suspicious || last_at.is_some_and(|at| may_have_password(&line[..at])) {
            return false;
        }
        is_first = false;
    }
    // A CR alone ends a line too, for some who read it.
    memchr_iter(b'\r', message).count() == crlfs
        && memchr(b'?', message).is_none()
        && !PUSH.iter().any(|finder| finder.find(message).is_some())
}

/// What the names of push tokens have in common, in all cases.
static PUSH: LazyLock<[Finder<'static>; 8]> =
    LazyLock::new(|| ["n-p", "N-p", "n-P", "N-P", "n-t", "N-t", "n-T", "N-T"].map(Finder::new));

/// A line that begins as one with a secret, or as one that says whose the body is.
fn is_named(line: &[u8]) -> bool {
    match line {
        [b'a' | b'A', b'=', third, ..] => matches!(third | 0x20, b'c' | b'i' | b'k') && is_key(line),
        [b'a' | b'A', second, ..] => second | 0x20 == b'u',
        [b'c' | b'C', b's' | b'S', b'e' | b'E', b'q' | b'Q', ..] => {
            let value = line.trim_ascii_end();
            let ends =
                |with: &[u8]| value.len() >= with.len() && starts(&value[value.len() - with.len()..], with);
            // Folded, its end is in another line, which is suspicious by itself.
            ends(b"MESSAGE") || ends(b"INFO")
        }
        [b'c' | b'C', b'o' | b'O', third, ..] => {
            third | 0x20 == b'o' || starts(line, b"Content-Type") && !is_public(&line[12..])
        }
        [b'c' | b'C', b':' | b' ' | b'\t', ..] => !is_public(&line[1..]),
        [b'i' | b'I', second, ..] => second | 0x20 == b'c',
        [b'k' | b'K', second, ..] => *second == b'=',
        [b'p' | b'P', ..] => starts(line, b"Proxy-Auth"),
        [b's' | b'S', ..] => starts(line, b"Set-Cookie"),
        [b'x' | b'X', ..] => starts(line, b"X-Api-Key"),
        _ => false,
    }
}

fn is_key(line: &[u8]) -> bool {
    let names: [&[u8]; 3] = [b"a=crypto:", b"a=ice-pwd:", b"a=key-mgmt:"];
    names.iter().any(|name| starts(line, name))
}

/// Of a Content-Type, what stands behind its name: nearly always a description of a session, which nobody has written.
fn is_public(rest: &[u8]) -> bool {
    let value = rest.trim_ascii_start().strip_prefix(b":").map(<[u8]>::trim_ascii_start);
    value.is_some_and(|kind| starts(kind, b"application/sdp") || starts(kind, b"multipart/"))
}
