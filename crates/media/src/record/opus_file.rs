//! Opus in Ogg (RFC 7845 over RFC 3533), as a reader of a file that is played: one stream of one or two channels, whole.
//!
//! Read is what is played as it was meant: what the encoder put before the sound is skipped, what is behind its end left out, and
//! the gain of the header applied (sections 4.2, 4.4 and 5.1). Not here, and refused: several streams in a file or one after the
//! other, more than two channels, a file that was cut.

use super::FILE_BYTES_MAX;
use super::ogg::page_at;
use crate::codec::Decoder;

/// Longest sound. 5 minutes at 48 kHz take 29 MB in memory; packets are read where they lie.
pub const DURATION_S_MAX: usize = 5 * 60;

/// Longest packet that is put together of several pages, in bytes: Opus has at most 61,298 of one channel or two (section 6).
const PACKET_BYTES_MAX: usize = 61_298;

/// Longest comments, with the pictures in them (section 5.2): a whole file, which may be in memory twice while it is read.
const COMMENTS_BYTES_MAX: usize = FILE_BYTES_MAX;

/// Samples of 48 kHz of the longest packet (RFC 6716 section 2.1.4): 120 ms.
const PACKET_SAMPLES_MAX: usize = 5_760;

/// Why a file is not played; told to who has named it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpusFileError {
    /// The stream in it is none of Opus, or of a version that we do not know.
    NotOpus,
    /// Not one or two channels.
    Channels,
    /// It ends before its last page does.
    Cut,
    /// A checksum is wrong, or what is there is no Ogg or no Opus.
    Damaged,
    /// More than one stream.
    Several,
    TooLong,
    Empty,
}

impl OpusFileError {
    /// For who has named the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotOpus => "there is no Opus in this Ogg file",
            Self::Channels => "there are not one or two channels",
            Self::Cut => "the file ends before its sound does: it was cut",
            Self::Damaged => "the file is damaged",
            Self::Several => "there are several streams in this file",
            Self::TooLong => "this is longer than 5 minutes",
            Self::Empty => "there is no sound in this file",
        }
    }
}

/// What the first packet says (section 5.1).
struct Head {
    /// At 48 kHz.
    skip_samples: usize,
    /// What samples are multiplied with, 256ths of it.
    gain_256ths: i32,
}

/// The samples of a file, made one channel, at 8, 16 or 48 kHz.
pub fn read(bytes: &[u8], rate_hz: u32) -> Result<Vec<i16>, OpusFileError> {
    let mut packets = Packets::new(bytes)?;
    let head = head(packets.next(PACKET_BYTES_MAX)?.ok_or(OpusFileError::Cut)?)?;
    // The comments (section 5.2).
    let tags = packets.next(COMMENTS_BYTES_MAX)?;
    tags.filter(|tags| tags.starts_with(b"OpusTags")).ok_or(OpusFileError::Damaged)?;
    // It makes one channel of two.
    let mut decoder = Decoder::opus(rate_hz, 1).map_err(|_| OpusFileError::NotOpus)?;
    let at_rate = |samples: usize| (samples * (rate_hz as usize / 1_000)).div_ceil(48);
    let most = at_rate(DURATION_S_MAX * 48_000 + head.skip_samples) + at_rate(PACKET_SAMPLES_MAX);
    let mut pcm = Vec::new();
    let mut frame = [0; PACKET_SAMPLES_MAX];
    while let Some(packet) = packets.next(PACKET_BYTES_MAX)? {
        let count = decoder.decode(packet, &mut frame).map_err(|_| OpusFileError::Damaged)?;
        pcm.extend_from_slice(&frame[..count]);
        if pcm.len() > most {
            return Err(OpusFileError::TooLong);
        }
    }
    // A page says the sample behind its last packet; only the last of all may say less than there is (section 4.4).
    let end = usize::try_from(packets.granule).map_err(|_| OpusFileError::Damaged)?;
    pcm.truncate(at_rate(end.min(most.saturating_mul(48))));
    pcm.drain(..at_rate(head.skip_samples).min(pcm.len()));
    if pcm.len() > at_rate(DURATION_S_MAX * 48_000) {
        return Err(OpusFileError::TooLong);
    }
    if head.gain_256ths != 256 {
        pcm.iter_mut().for_each(|sample| *sample = amplified(*sample, head.gain_256ths));
    }
    if pcm.is_empty() { Err(OpusFileError::Empty) } else { Ok(pcm) }
}

fn head(packet: &[u8]) -> Result<Head, OpusFileError> {
    let head =
        packet.strip_prefix(b"OpusHead").and_then(|head| head.get(..11)).ok_or(OpusFileError::NotOpus)?;
    // The upper half of the version is what may not be passed over.
    if head[0] & 0xf0 != 0 {
        return Err(OpusFileError::NotOpus);
    }
    // Family 0 has one or two channels and no table (section 5.1.1.1).
    if !matches!(head[1], 1 | 2) || head[10] != 0 {
        return Err(OpusFileError::Channels);
    }
    let gain = f64::from(i16::from_le_bytes([head[8], head[9]])) / 256.0;
    Ok(Head {
        skip_samples: usize::from(u16::from_le_bytes([head[2], head[3]])),
        // From -128 to 128 dB: it fits.
        gain_256ths: (10f64.powf(gain / 20.0) * 256.0).round() as i32,
    })
}

fn amplified(sample: i16, gain_256ths: i32) -> i16 {
    let louder = i64::from(sample) * i64::from(gain_256ths) / 256;
    // Clamped, it fits.
    louder.clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16
}

/// The packets of the one stream of a file, in their order.
struct Packets<'b> {
    rest: &'b [u8],
    serial: u32,
    number: u32,
    /// What is left of the page: lengths of segments, and what they are of.
    segments: &'b [u8],
    body: &'b [u8],
    /// A packet that goes on in another page.
    begun: Vec<u8>,
    is_over: bool,
    /// What the last page said.
    granule: u64,
}

impl<'b> Packets<'b> {
    fn new(bytes: &'b [u8]) -> Result<Self, OpusFileError> {
        let serial = page_at(bytes).ok_or(OpusFileError::Cut)?.serial;
        let (segments, body) = (&[][..], &[][..]);
        let (begun, is_over) = (Vec::new(), false);
        Ok(Self { rest: bytes, serial, number: 0, segments, body, begun, is_over, granule: 0 })
    }

    /// `None` behind the last of them; one that is put together of pages has at most so many bytes.
    fn next(&mut self, bytes_max: usize) -> Result<Option<&[u8]>, OpusFileError> {
        self.begun.clear();
        loop {
            if let Some(length) = whole(self.segments) {
                let (packet, segments) = self.take(length);
                self.segments = segments;
                if self.begun.is_empty() {
                    return Ok(Some(packet));
                }
                self.begin(packet, bytes_max)?;
                return Ok(Some(&self.begun));
            }
            let begun = self.body;
            self.begin(begun, bytes_max)?;
            if self.is_over {
                let is_whole = self.begun.is_empty() && self.rest.is_empty();
                return if is_whole { Ok(None) } else { Err(self.behind()) };
            }
            self.turn()?;
        }
    }

    /// What the last page leaves over.
    fn behind(&self) -> OpusFileError {
        if self.rest.starts_with(b"OggS") { OpusFileError::Several } else { OpusFileError::Damaged }
    }

    /// The next packet, which is whole in this page, and the segments behind it.
    fn take(&mut self, (segments, bytes): (usize, usize)) -> (&'b [u8], &'b [u8]) {
        // The page was found to have them.
        let (packet, body) = self.body.split_at(bytes);
        self.body = body;
        (packet, &self.segments[segments..])
    }

    fn begin(&mut self, part: &[u8], bytes_max: usize) -> Result<(), OpusFileError> {
        if self.begun.len() + part.len() > bytes_max {
            return Err(OpusFileError::Damaged);
        }
        self.begun.extend_from_slice(part);
        Ok(())
    }

    /// To the next page.
    fn turn(&mut self) -> Result<(), OpusFileError> {
        let page = match page_at(self.rest) {
            Some(page) => page,
            None if self.rest.is_empty() || self.rest.starts_with(b"OggS") => return Err(OpusFileError::Cut),
            None => return Err(OpusFileError::Damaged),
        };
        if !page.is_intact {
            return Err(OpusFileError::Damaged);
        }
        if page.serial != self.serial || page.begins != (self.number == 0) {
            return Err(OpusFileError::Several);
        }
        if page.number != self.number || page.continues == self.begun.is_empty() {
            return Err(OpusFileError::Damaged);
        }
        (self.segments, self.body) = (page.segments, page.body);
        self.rest = &self.rest[page.length..];
        self.number += 1;
        self.is_over = page.ends;
        self.granule = page.granule.unwrap_or(self.granule);
        Ok(())
    }
}

/// Segments and bytes of the next packet; `None`: it ends in another page, or there is none.
fn whole(segments: &[u8]) -> Option<(usize, usize)> {
    let last = segments.iter().position(|length| *length < 255)?;
    Some((last + 1, segments[..=last].iter().map(|length| usize::from(*length)).sum()))
}
