//! Whether a message might have a secret in it: a quick look, which nearly all messages pass. It may suspect what is harmless,
//! and passes nothing that [`super::redact`] would change; a test holds the two together.

use super::redact::{is_scheme, starts};
use super::shelf::keys::Glance;
use memchr::memchr_iter;

/// Whether there is nothing to hide, neither a secret nor a text.
pub fn is_clean(message: &[u8]) -> bool {
    look(message).is_some()
}

/// What the message says of its conversation, when there is nothing to hide in it: both are seen in one walk.
pub fn look(message: &[u8]) -> Option<Glance<'_>> {
    let mut glance = Glance::default();
    let mut line = Line::default();
    let (mut is_first, mut is_head, mut crlfs) = (true, true, 0);
    let mut end_of_line = |line: &Line, end: usize| {
        let text = &message[line.start..end];
        let text = match text {
            [text @ .., b'\r'] => {
                crlfs += 1;
                text
            }
            text => text,
        };
        let Some(byte) = text.first() else {
            is_head &= is_first;
            return true;
        };
        let is_suspicious = match byte {
            // A line that continues another is rare, and judged with it.
            b' ' | b'\t' => true,
            _ if is_first => starts(text, b"MESSAGE") || starts(text, b"INFO") || is_named(text),
            _ => may_be_named(*byte) && is_named(text),
        };
        if is_head
            && !is_first
            && let Some(colon) = line.colon
        {
            glance.see(text, colon - line.start);
        }
        is_first = false;
        !is_suspicious
    };
    let passes = each_mark(message, |at, mark| match mark {
        b'\n' => {
            let is_clean = end_of_line(&line, at);
            line = Line { start: at + 1, ..Line::default() };
            is_clean
        }
        other => line.see(message, at, other),
    });
    let is_clean = passes && end_of_line(&line, message.len());
    // A CR alone ends a line too, for some who read it.
    (is_clean && memchr_iter(b'\r', message).count() == crlfs).then_some(glance)
}

/// Whether a line, with those that continue it, might have something in it that is hidden by itself.
pub(super) fn may_hide(text: &[u8]) -> bool {
    let name = text.trim_ascii_start();
    let mut line = Line::default();
    name.first().is_some_and(|byte| may_be_named(*byte)) && is_named(name)
        || !each_mark(text, |at, mark| mark != b'\n' && line.see(text, at, mark))
        || text.contains(&b'\r')
}

/// A line, as far as it was read.
#[derive(Clone, Copy, Default)]
struct Line {
    start: usize,
    /// The first, which is that of a header.
    colon: Option<usize>,
    is_behind_scheme: bool,
    is_behind_user: bool,
}

impl Line {
    /// One more mark of it; false: it is suspicious.
    fn see(&mut self, message: &[u8], at: usize, mark: u8) -> bool {
        match mark {
            // In `scheme:user:password@host`.
            b':' if self.is_behind_scheme => self.is_behind_user = true,
            b':' => {
                self.colon.get_or_insert(at);
                self.is_behind_scheme = is_scheme(&message[self.start..at]);
            }
            b'@' => return !self.is_behind_user,
            // What the names of push tokens have in common.
            b'-' => return at < 2 || !message[at - 2..at].eq_ignore_ascii_case(b"pn"),
            b'?' => return false,
            _ => {}
        }
        true
    }
}

/// Bytes looked at in one step.
const BLOCK: usize = 64;

/// Each place where something may end or begin that is looked for, in their order, until one is not passed. That is whether all
/// were. A search for each of them would cost several times as much, since they are close together.
fn each_mark(text: &[u8], mut passes: impl FnMut(usize, u8) -> bool) -> bool {
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    let mut last = [0; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    for (block, at) in blocks.iter().chain([&last]).zip((0..).step_by(BLOCK)) {
        let mut marks = marks(block);
        while marks != 0 {
            let within = marks.trailing_zeros() as usize;
            marks &= marks - 1;
            if !passes(at + within, block[within]) {
                return false;
            }
        }
    }
    true
}

/// A bit for each byte, the first the lowest.
fn marks(block: &[u8; BLOCK]) -> u64 {
    let mut are = [0u8; BLOCK];
    for (is, byte) in are.iter_mut().zip(block) {
        // Without branches, so that it is done for many bytes at once.
        *is = u8::from(*byte == b'\n')
            | u8::from(*byte == b':')
            | u8::from(*byte == b'@')
            | u8::from(*byte == b'-')
            | u8::from(*byte == b'?');
    }
    // The product has the lowest bits of eight bytes side by side in its highest byte.
    let bits = |eight: &[u8; 8]| u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    are.as_chunks().0.iter().rev().fold(0, |marks, eight| marks << 8 | bits(eight))
}

fn may_be_named(first: u8) -> bool {
    matches!(first | 0x20, b'a' | b'c' | b'i' | b'k' | b'p' | b's' | b'x')
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mark_is_seen_once_wherever_it_stands() {
        let mut text = vec![b'x'; 200];
        let places = [0, 7, 8, 63, 64, 65, 127, 128, 191, 192, 199];
        for (place, mark) in places.iter().zip(b"\n:@-?".iter().cycle()) {
            text[*place] = *mark;
        }
        let mut seen = Vec::new();
        assert!(each_mark(&text, |at, mark| {
            seen.push(at);
            mark == text[at]
        }));
        assert_eq!(seen, places);
        assert!(!each_mark(&text, |at, _| at < 64));
        assert!(each_mark(b"", |_, _| false));
    }
}
