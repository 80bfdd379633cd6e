//! Text to structure.

use crate::description::{Description, Media};
use crate::line::Line;
use crate::{ATTRIBUTES_MAX, BYTES_MAX, FORMATS_MAX, LINES_MAX, MEDIA_MAX};
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SdpErrorKind {
    /// The first line is not `v=0`.
    Version,
    /// A line is not `<letter>=<text>`, or holds NUL or a lone CR.
    Line,
    /// An `m=` line without media, port, protocol and format.
    Media,
    /// A second `v=`, `o=` or `s=`: two readers could take different ones.
    Repeated,
    /// More than one of the limits of this crate, see [`crate::limits`].
    TooLarge,
}

/// What is wrong and in which line, counted from 1. Who sent the description is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SdpError {
    pub kind: SdpErrorKind,
    pub line: usize,
}

impl fmt::Display for SdpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            SdpErrorKind::Version => "session description does not begin with v=0",
            SdpErrorKind::Line => "malformed session description line",
            SdpErrorKind::Media => "malformed media description",
            SdpErrorKind::Repeated => "line that may be there once is repeated",
            SdpErrorKind::TooLarge => "session description too large",
        };
        write!(f, "{what} (line {})", self.line)
    }
}

impl std::error::Error for SdpError {}

/// Reads a description.
///
/// Taken, since every reader agrees what is meant: LF alone at the end of a line (RFC 8866 section 5 asks for it), a
/// last line without end, empty lines after the last, a missing `o=`, `s=` or `t=`, lines in another order than that of
/// section 5, and more than one space between the parts of an `m=` line.
pub fn parse(text: &[u8]) -> Result<Description<'_>, SdpError> {
    let mut reader = Reader::default();
    let mut seen_version = false;
    for (number, line) in lines(text) {
        let fail = |kind| SdpError { kind, line: number };
        let line = line?;
        match (seen_version, line.kind) {
            (false, b'v') if line.value.trim_ascii() == b"0" => seen_version = true,
            (false, _) => return Err(fail(SdpErrorKind::Version)),
            (true, b'v') => return Err(fail(SdpErrorKind::Repeated)),
            (true, _) => reader.take(line).map_err(fail)?,
        }
    }
    if !seen_version {
        return Err(SdpError { kind: SdpErrorKind::Version, line: 1 });
    }
    Ok(reader.description)
}

/// Reads lines without `v=0` in front: what trickle ICE sends (RFC 8840 section 9).
pub(crate) fn parse_fragment(text: &[u8]) -> Result<Description<'_>, SdpError> {
    let mut reader = Reader::default();
    for (number, line) in lines(text) {
        reader.take(line?).map_err(|kind| SdpError { kind, line: number })?;
    }
    Ok(reader.description)
}

/// The description so far.
#[derive(Default)]
struct Reader<'a> {
    description: Description<'a>,
    /// Attributes of the section that is being read.
    attributes: usize,
}

/// Most sections of phones have no more.
const USUAL_LINES: usize = 8;

impl<'a> Reader<'a> {
    fn take(&mut self, line: Line<'a>) -> Result<(), SdpErrorKind> {
        if line.kind == b'm' {
            if self.description.media.len() == MEDIA_MAX {
                return Err(SdpErrorKind::TooLarge);
            }
            self.attributes = 0;
            let mut media = read_media(line.value)?;
            media.lines.reserve(USUAL_LINES);
            self.description.media.push(media);
            return Ok(());
        }
        if line.kind == b'a' {
            self.attributes += 1;
            if self.attributes > ATTRIBUTES_MAX {
                return Err(SdpErrorKind::TooLarge);
            }
        }
        if let Some(media) = self.description.media.last_mut() {
            media.lines.push(line);
            return Ok(());
        }
        if matches!(line.kind, b'o' | b's') && self.description.line(line.kind).is_some() {
            return Err(SdpErrorKind::Repeated);
        }
        if self.description.session.is_empty() {
            self.description.session.reserve(USUAL_LINES);
        }
        self.description.session.push(line);
        Ok(())
    }
}

/// The lines with their numbers; empty ones are an error, save after the last.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, Result<Line<'_>, SdpError>)> {
    let too_large = text.len() > BYTES_MAX;
    let mut rest = if too_large { &text[..0] } else { without_empty_end(text) };
    let mut number = 0;
    let fail = |kind, line| (line, Err(SdpError { kind, line }));
    let refusal = too_large.then(|| fail(SdpErrorKind::TooLarge, 1));
    refusal.into_iter().chain(std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (line, after) = split_line(rest);
        rest = after;
        number += 1;
        if number > LINES_MAX {
            rest = b"";
            return Some(fail(SdpErrorKind::TooLarge, number));
        }
        match read_line(line) {
            Some(line) => Some((number, Ok(line))),
            None => Some(fail(SdpErrorKind::Line, number)),
        }
    }))
}

fn without_empty_end(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|b| !matches!(b, b'\r' | b'\n')).map_or(0, |last| last + 1);
    // The end of the last line stays, so that a CR without LF is seen.
    let line_end = memchr::memchr(b'\n', &text[end..]).map_or(text.len(), |lf| end + lf + 1);
    &text[..line_end]
}

fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    let (line, rest) = match memchr::memchr(b'\n', text) {
        Some(end) => (&text[..end], &text[end + 1..]),
        None => (text, &text[text.len()..]),
    };
    (line.strip_suffix(b"\r").unwrap_or(line), rest)
}

fn read_line(line: &[u8]) -> Option<Line<'_>> {
    let [kind @ b'a'..=b'z', b'=', value @ ..] = line else { return None };
    let clean = memchr::memchr2(0, b'\r', value).is_none();
    clean.then_some(Line { kind: *kind, value })
}

fn read_media(value: &[u8]) -> Result<Media<'_>, SdpErrorKind> {
    let (kind, rest) = word(value);
    let (port, rest) = word(rest);
    let (proto, formats) = word(rest);
    let formats = formats.trim_ascii();
    let (port, port_count) = read_port(port).ok_or(SdpErrorKind::Media)?;
    if kind.is_empty() || proto.is_empty() || formats.is_empty() {
        return Err(SdpErrorKind::Media);
    }
    if words(formats).count() > FORMATS_MAX {
        return Err(SdpErrorKind::TooLarge);
    }
    Ok(Media { kind, port, port_count, proto, formats, lines: Vec::new() })
}

fn read_port(text: &[u8]) -> Option<(u16, u16)> {
    match memchr::memchr(b'/', text) {
        Some(slash) => Some((number(&text[..slash])?, number(&text[slash + 1..])?)),
        None => Some((number(text)?, 1)),
    }
}

/// The first word and what follows it.
pub(crate) fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii_start();
    // Words have a few bytes: a search by vectors would take longer to begin.
    let end = text.iter().position(|b| matches!(b, b' ' | b'\t')).unwrap_or(text.len());
    (&text[..end], &text[end..])
}

/// The words of a value, however many spaces are between them.
pub(crate) fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    text.split(|b| matches!(b, b' ' | b'\t')).filter(|word| !word.is_empty())
}

/// Digits only; no sign, no white space.
pub(crate) fn number<T: TryFrom<u64>>(digits: &[u8]) -> Option<T> {
    if digits.is_empty() {
        return None;
    }
    let value = digits.iter().try_fold(0u64, |value, b| {
        let digit = b.is_ascii_digit().then(|| u64::from(b - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })?;
    T::try_from(value).ok()
}

#[cfg(test)]
mod tests;
