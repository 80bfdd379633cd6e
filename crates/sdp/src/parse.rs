//! Text to structure.

use crate::description::{Description, Line, Media};
use crate::{LINES_MAX, MEDIA_MAX};
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SdpErrorKind {
    /// The first line is not `v=0`.
    Version,
    /// A line is not `<letter>=<text>`, or holds NUL or a lone CR.
    Line,
    /// An `m=` line without media, port, protocol and format.
    Media,
    /// More than [`LINES_MAX`] lines or [`MEDIA_MAX`] media descriptions.
    TooLarge,
}

/// What is wrong and in which line, counted from 1.
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
            SdpErrorKind::TooLarge => "session description too large",
        };
        write!(f, "{what} (line {})", self.line)
    }
}

impl std::error::Error for SdpError {}

/// Reads a description. Lines may end with CRLF or LF (RFC 8866 section 5 asks readers to accept both).
pub fn parse(text: &[u8]) -> Result<Description<'_>, SdpError> {
    let mut description = Description::default();
    let mut rest = text;
    let mut number = 0;
    while !rest.is_empty() {
        number += 1;
        let fail = |kind| SdpError { kind, line: number };
        let (line, after) = split_line(rest);
        rest = after;
        if line.is_empty() && rest.is_empty() {
            break;
        }
        if number > LINES_MAX {
            return Err(fail(SdpErrorKind::TooLarge));
        }
        let line = read_line(line).ok_or(fail(SdpErrorKind::Line))?;
        match (number, line.kind) {
            (1, b'v') if line.value == b"0" => {}
            (1, _) => return Err(fail(SdpErrorKind::Version)),
            (_, b'm') if description.media.len() == MEDIA_MAX => return Err(fail(SdpErrorKind::TooLarge)),
            (_, b'm') => description.media.push(read_media(line.value).ok_or(fail(SdpErrorKind::Media))?),
            _ => match description.media.last_mut() {
                Some(media) => media.lines.push(line),
                None => description.session.push(line),
            },
        }
    }
    if number == 0 {
        return Err(SdpError { kind: SdpErrorKind::Version, line: 1 });
    }
    Ok(description)
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

fn read_media(value: &[u8]) -> Option<Media<'_>> {
    let mut parts = value.splitn(4, |&b| b == b' ');
    let kind = parts.next().filter(|part| !part.is_empty())?;
    let (port, port_count) = read_port(parts.next()?)?;
    let proto = parts.next().filter(|part| !part.is_empty())?;
    let formats = parts.next().filter(|part| !part.is_empty())?;
    Some(Media { kind, port, port_count, proto, formats, lines: Vec::new() })
}

fn read_port(text: &[u8]) -> Option<(u16, u16)> {
    match memchr::memchr(b'/', text) {
        Some(slash) => Some((number(&text[..slash])?, number(&text[slash + 1..])?)),
        None => Some((number(text)?, 1)),
    }
}

/// Digits only; no sign, no white space.
pub(crate) fn number(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() || digits.len() > 5 {
        return None;
    }
    let value = digits
        .iter()
        .try_fold(0u32, |value, b| b.is_ascii_digit().then(|| value * 10 + u32::from(b - b'0')))?;
    u16::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Codec, Direction};

    const OFFER: &[u8] =
        b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nz=kept\r\n\
        a=group:BUNDLE 0\r\nm=audio 4000/2 RTP/AVP 111 0 101\r\na=rtpmap:111 opus/48000/2\r\n\
        a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendonly\r\nx=unknown\r\n\
        m=video 0 RTP/AVP 31\r\nc=IN IP6 2001:db8::1\r\n";

    #[test]
    fn what_was_read_is_written_byte_for_byte() {
        let mut out = Vec::new();
        parse(OFFER).expect("a description").write(&mut out);
        assert_eq!(out, OFFER);
    }

    #[test]
    fn typed_readers_fall_back_from_media_to_session() {
        let offer = parse(OFFER).expect("a description");
        assert_eq!(offer.direction(0), Direction::SendOnly);
        assert_eq!(offer.direction(1), Direction::SendRecv);
        assert_eq!(offer.connection(0).and_then(|c| c.ip()), "192.0.2.1".parse().ok());
        assert_eq!(offer.connection(1).and_then(|c| c.ip()), "2001:db8::1".parse().ok());
        assert_eq!(offer.media[0].port_count, 2);
    }

    #[test]
    fn codecs_come_in_order_with_static_payloads_known() {
        let offer = parse(OFFER).expect("a description");
        let codecs: Vec<Codec<'_>> = offer.media[0].codecs().collect();
        assert_eq!(codecs.len(), 3);
        assert!(codecs[0].is(b"opus", 48_000) && codecs[0].payload == 111);
        assert!(codecs[1].is(b"PCMU", 8_000) && codecs[1].payload == 0);
        assert!(codecs[2].is(b"TELEPHONE-EVENT", 8_000));
        assert_eq!(codecs[2].fmtp, Some(&b"0-16"[..]));
    }

    #[test]
    fn line_ends_may_be_lf_alone() {
        let text = b"v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nt=0 0\n";
        assert_eq!(parse(text).expect("a description").session.len(), 3);
    }

    #[test]
    fn a_malformed_line_is_named_by_its_number() {
        for (text, kind, line) in [
            (&b""[..], SdpErrorKind::Version, 1),
            (b"o=- 1 1 IN IP4 192.0.2.1\r\n", SdpErrorKind::Version, 1),
            (b"v=1\r\n", SdpErrorKind::Version, 1),
            (b"v=0\r\nb\r\n", SdpErrorKind::Line, 2),
            (b"v=0\r\ns=\0\r\n", SdpErrorKind::Line, 2),
            (b"v=0\r\n\r\ns=-\r\n", SdpErrorKind::Line, 2),
            (b"v=0\r\ns=-\r\nm=audio 70000 RTP/AVP 0\r\n", SdpErrorKind::Media, 3),
            (b"v=0\r\nm=audio 1 RTP/AVP\r\n", SdpErrorKind::Media, 2),
            (b"v=0\r\nm=audio -1 RTP/AVP 0\r\n", SdpErrorKind::Media, 2),
        ] {
            assert_eq!(parse(text), Err(SdpError { kind, line }), "{text:?}");
        }
    }

    #[test]
    fn too_many_lines_or_media_are_refused() {
        let many = [&b"v=0\r\n"[..], &b"a=x\r\n".repeat(LINES_MAX)].concat();
        assert_eq!(parse(&many).map_err(|e| e.kind), Err(SdpErrorKind::TooLarge));
        let media = [&b"v=0\r\n"[..], &b"m=audio 1 RTP/AVP 0\r\n".repeat(MEDIA_MAX + 1)].concat();
        assert_eq!(parse(&media).map_err(|e| e.kind), Err(SdpErrorKind::TooLarge));
    }
}
