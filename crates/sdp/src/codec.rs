//! RTP payload formats of a media description: `m=` formats, `a=rtpmap`, `a=fmtp`, static assignments.

use crate::Media;
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
pub struct Codecs<'a> {
    formats: &'a [u8],
    about: [About<'a>; PAYLOADS],
}

#[derive(Clone, Copy, Default)]
struct About<'a> {
    map: Option<&'a [u8]>,
    fmtp: Option<&'a [u8]>,
    given: bool,
}

impl<'a> Codecs<'a> {
    pub(crate) fn of(media: &Media<'a>) -> Self {
        let mut about = [About::default(); PAYLOADS];
        for (name, value) in media.lines.iter().filter_map(|line| line.attribute()) {
            let is_map = match name.trim_ascii() {
                b"rtpmap" => true,
                b"fmtp" => false,
                _ => continue,
            };
            let (payload, value) = word(value);
            let Some(payload) = payload_type(payload) else { continue };
            let about = &mut about[usize::from(payload)];
            let slot = if is_map { &mut about.map } else { &mut about.fmtp };
            slot.get_or_insert(value.trim_ascii());
        }
        Self { formats: media.formats, about }
    }
}

impl<'a> Iterator for Codecs<'a> {
    type Item = Codec<'a>;

    fn next(&mut self) -> Option<Codec<'a>> {
        loop {
            let (format, rest) = word(self.formats);
            if format.is_empty() {
                return None;
            }
            self.formats = rest;
            let Some(payload) = payload_type(format) else { continue };
            let about = &mut self.about[usize::from(payload)];
            if std::mem::replace(&mut about.given, true) {
                continue;
            }
            if let Some(codec) = codec(payload, about) {
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

fn codec<'a>(payload: u8, about: &About<'a>) -> Option<Codec<'a>> {
    let fmtp = about.fmtp;
    let Some(map) = about.map else {
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
