//! RTP payload formats of a media description: `m=` formats, `a=rtpmap`, `a=fmtp`, static assignments.

use crate::Media;

/// One RTP payload format.
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

/// The formats of one media description in order of preference. Formats that are no payload type and dynamic ones
/// without `rtpmap` are passed over.
pub struct Codecs<'m, 'a> {
    media: &'m Media<'a>,
    formats: std::slice::Split<'a, u8, fn(&u8) -> bool>,
}

impl<'m, 'a> Codecs<'m, 'a> {
    pub(crate) fn of(media: &'m Media<'a>) -> Self {
        let is_space: fn(&u8) -> bool = |b| *b == b' ';
        Self { media, formats: media.formats.split(is_space) }
    }
}

impl<'a> Iterator for Codecs<'_, 'a> {
    type Item = Codec<'a>;

    fn next(&mut self) -> Option<Codec<'a>> {
        loop {
            let format = self.formats.next()?;
            if let Some(codec) = codec(self.media, format) {
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

fn codec<'a>(media: &Media<'a>, format: &'a [u8]) -> Option<Codec<'a>> {
    let payload = crate::parse::number(format).and_then(|n| u8::try_from(n).ok()).filter(|n| *n < 128)?;
    let fmtp = about(media, b"fmtp", format);
    match about(media, b"rtpmap", format) {
        Some(map) => {
            let mut parts = map.splitn(3, |&b| b == b'/');
            let name = parts.next()?;
            let clock_rate = std::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
            Some(Codec { payload, name, clock_rate, parameters: parts.next(), fmtp })
        }
        None => {
            let (name, clock_rate) = static_payload(payload)?;
            Some(Codec { payload, name, clock_rate, parameters: None, fmtp })
        }
    }
}

/// The value of `a=<name>:<format> <value>`.
fn about<'a>(media: &Media<'a>, name: &[u8], format: &[u8]) -> Option<&'a [u8]> {
    media.attributes(name).find_map(|value| {
        let space = memchr::memchr(b' ', value)?;
        (&value[..space] == format).then_some(&value[space + 1..])
    })
}

/// RFC 3551 section 6, the audio formats still met. G722 is written 8000 although it samples 16000.
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
        _ => return None,
    })
}
