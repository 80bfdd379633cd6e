//! RTP payload formats of a media description: `m=` formats, `a=rtpmap`, `a=fmtp`, static assignments.

use crate::Media;
use crate::line::Line;
use crate::parse::{number, word, words};

/// One RTP payload format, as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codec<'a> {
    pub payload: u8,
    /// Encoding name as written; compare in any case (RFC 8866 section 6.6).
    pub name: &'a [u8],
    pub clock_rate: u32,
    /// What follows the clock rate: channels for audio.
    pub parameters: Option<&'a [u8]>,
    pub fmtp: Option<&'a [u8]>,
}

/// RTP has 7 bits for the payload type (RFC 3550 section 5.1).
const PAYLOADS: usize = 128;

/// The formats of one media description in order of preference, each payload type once. Formats that are no payload
/// type and dynamic ones without `rtpmap` are passed over.
///
/// The attributes are looked through once, so that a description with many formats and many attributes costs their sum
/// and not their product.
pub struct Codecs<'l, 'a> {
    formats: &'a [u8],
    lines: &'l [Line<'a>],
    /// Where the lines about a payload type are, counted from one: 512 bytes to clear, and no allocation.
    maps: [u16; PAYLOADS],
    fmtps: [u16; PAYLOADS],
    /// One bit for each that was given.
    given: u128,
}

impl<'l, 'a> Codecs<'l, 'a> {
    pub(crate) fn of(media: &'l Media<'a>) -> Self {
        let (formats, lines) = (media.formats, &media.lines[..]);
        let mut codecs = Self { formats, lines, maps: [0; PAYLOADS], fmtps: [0; PAYLOADS], given: 0 };
        for (number, line) in (1..=u16::MAX).zip(lines) {
            let Some((payload, _, is_map)) = about(line) else { continue };
            let places = if is_map { &mut codecs.maps } else { &mut codecs.fmtps };
            let place = &mut places[usize::from(payload)];
            if *place == 0 {
                *place = number;
            }
        }
        codecs
    }

    /// What is said of a payload type, in the first line about it.
    fn said(&self, places: &[u16; PAYLOADS], payload: u8) -> Option<&'a [u8]> {
        let place = usize::from(places[usize::from(payload)]).checked_sub(1)?;
        about(self.lines.get(place)?).map(|(_, said, _)| said)
    }
}

/// Of `a=rtpmap` (true) and `a=fmtp`: the payload type, and what is said of it.
fn about<'a>(line: &Line<'a>) -> Option<(u8, &'a [u8], bool)> {
    // Most lines are about something else.
    if !matches!(line.value.trim_ascii_start().first(), Some(b'r' | b'f')) {
        return None;
    }
    let (name, value) = line.attribute()?;
    let is_map = match name.trim_ascii() {
        b"rtpmap" => true,
        b"fmtp" => false,
        _ => return None,
    };
    let (payload, said) = word(value);
    Some((payload_type(payload)?, said.trim_ascii(), is_map))
}

impl<'a> Iterator for Codecs<'_, 'a> {
    type Item = Codec<'a>;

    fn next(&mut self) -> Option<Codec<'a>> {
        loop {
            let (format, rest) = word(self.formats);
            if format.is_empty() {
                return None;
            }
            self.formats = rest;
            let Some(payload) = payload_type(format) else { continue };
            let bit = 1 << payload;
            if self.given & bit != 0 {
                continue;
            }
            self.given |= bit;
            let (map, fmtp) = (self.said(&self.maps, payload), self.said(&self.fmtps, payload));
            if let Some(codec) = codec(payload, map, fmtp) {
                return Some(codec);
            }
        }
    }
}

impl Codec<'_> {
    pub fn is(&self, name: &[u8], clock_rate: u32) -> bool {
        self.clock_rate == clock_rate && self.name.eq_ignore_ascii_case(name)
    }
}

fn payload_type(format: &[u8]) -> Option<u8> {
    number(format).filter(|payload| usize::from(*payload) < PAYLOADS)
}

fn codec<'a>(payload: u8, map: Option<&'a [u8]>, fmtp: Option<&'a [u8]>) -> Option<Codec<'a>> {
    let Some(map) = map else {
        let (name, clock_rate) = static_payload(payload)?;
        return Some(Codec { payload, name, clock_rate, parameters: None, fmtp });
    };
    let mut parts = words(map).next()?.splitn(3, |&b| b == b'/');
    let name = parts.next().filter(|name| !name.is_empty())?;
    let clock_rate = number(parts.next()?)?;
    Some(Codec { payload, name, clock_rate, parameters: parts.next(), fmtp })
}

/// RFC 3551 section 6, the formats still met. G722 is written 8000 although it samples 16000.
fn static_payload(payload: u8) -> Option<(&'static [u8], u32)> {
    Some(match payload {
        0 => (b"PCMU", 8_000),
        3 => (b"GSM", 8_000),
        4 => (b"G723", 8_000),
        8 => (b"PCMA", 8_000),
        9 => (b"G722", 8_000),
        13 => (b"CN", 8_000),
        15 => (b"G728", 8_000),
        18 => (b"G729", 8_000),
        26 => (b"JPEG", 90_000),
        31 => (b"H261", 90_000),
        34 => (b"H263", 90_000),
        _ => return None,
    })
}
