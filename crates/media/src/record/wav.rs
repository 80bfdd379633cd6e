//! WAV files: a RIFF with a format and samples of 16 bits, or of G.711.

use crate::codec::g711::Law;

/// Bytes before the samples of what we write.
pub const HEADER_BYTES: usize = 44;

/// What is said of the samples as long as it is not known how many will come: readers then go on to the end of the file.
const UNKNOWN: u32 = u32::MAX;

/// The first bytes of a file of 16-bit samples. `data_bytes` is none while it is being written; when it is over, the header is
/// written again. Beyond 4 GB (12 hours of stereo at 48 kHz, 37 at 16 kHz and two channels) it stays unknown.
pub fn header(rate_hz: u32, channels: u16, data_bytes: Option<u64>) -> [u8; HEADER_BYTES] {
    let data = data_bytes.and_then(|bytes| u32::try_from(bytes).ok()).filter(|bytes| *bytes < UNKNOWN - 36);
    let frame_bytes = 2 * channels;
    let mut header = [0; HEADER_BYTES];
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        header[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    put(b"RIFF");
    put(&data.map_or(UNKNOWN, |bytes| bytes + 36).to_le_bytes());
    put(b"WAVEfmt ");
    put(&16u32.to_le_bytes());
    put(&PCM.to_le_bytes());
    put(&channels.to_le_bytes());
    put(&rate_hz.to_le_bytes());
    put(&(rate_hz * u32::from(frame_bytes)).to_le_bytes());
    put(&frame_bytes.to_le_bytes());
    put(&16u16.to_le_bytes());
    put(b"data");
    put(&data.unwrap_or(UNKNOWN).to_le_bytes());
    header
}

/// What a header of ours says of the length of the samples; `None`: the file was never finished.
pub fn data_bytes(header: &[u8; HEADER_BYTES]) -> Option<u64> {
    let bytes = u32::from_le_bytes([header[40], header[41], header[42], header[43]]);
    (bytes != UNKNOWN).then_some(u64::from(bytes))
}

/// Appends samples.
pub fn write(pcm: &[i16], out: &mut Vec<u8>) {
    out.reserve(2 * pcm.len());
    pcm.iter().for_each(|sample| out.extend_from_slice(&sample.to_le_bytes()));
}

/// A chunk behind the samples that marks places of the file, by their first sample of each channel.
pub fn marks(samples: &[u32]) -> Vec<u8> {
    let mut chunk = Vec::with_capacity(12 + 24 * samples.len());
    if samples.is_empty() {
        return chunk;
    }
    // Each: its number, its place, the chunk that it is in, and again its place from the begin of that one.
    let count = samples.len() as u32;
    chunk.extend_from_slice(b"cue ");
    chunk.extend_from_slice(&(4 + 24 * count).to_le_bytes());
    chunk.extend_from_slice(&count.to_le_bytes());
    for (number, sample) in (1u32..).zip(samples) {
        chunk.extend_from_slice(&number.to_le_bytes());
        chunk.extend_from_slice(&sample.to_le_bytes());
        chunk.extend_from_slice(b"data");
        chunk.extend_from_slice(&[0; 8]);
        chunk.extend_from_slice(&sample.to_le_bytes());
    }
    chunk
}

/// Says in a header how long the whole file is, when there is more behind the samples.
pub fn set_length(header: &mut [u8; HEADER_BYTES], file_bytes: u64) {
    if let Ok(riff) = u32::try_from(file_bytes.saturating_sub(8)) {
        header[4..8].copy_from_slice(&riff.to_le_bytes());
    }
}

const PCM: u16 = 1;
const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;

/// Why a file is not played; told to who uploaded it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WavError {
    /// It does not begin as a WAV does, or ends within its header.
    NotWav,
    /// It is neither 16-bit PCM nor G.711.
    Format,
    /// Not 8, 16 or 48 kHz.
    Rate,
    /// Not one or two channels.
    Channels,
    /// No samples.
    Empty,
}

impl WavError {
    /// For who has named the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotWav => "this is no WAV file, and no Ogg file with Opus",
            Self::Format => "samples are neither 16-bit PCM nor G.711, or there are too many",
            Self::Rate => "the rate is not 8, 16 or 48 kHz",
            Self::Channels => "there are not one or two channels",
            Self::Empty => "there is no sound in this file",
        }
    }
}

/// The samples of a file, channels interleaved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wav {
    pub rate_hz: u32,
    pub channels: usize,
    pub pcm: Vec<i16>,
}

/// Reads a file; chunks that are neither format nor samples are passed over. Sizes that say more than there is, as in a file
/// whose writer died, mean "to the end".
pub fn read(bytes: &[u8]) -> Result<Wav, WavError> {
    if bytes.get(..4) != Some(b"RIFF") || bytes.get(8..12) != Some(b"WAVE") {
        return Err(WavError::NotWav);
    }
    let mut rest = &bytes[12..];
    let mut format = None;
    while let Some((head, body)) = rest.split_at_checked(8) {
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let chunk = &body[..length.min(body.len())];
        match &head[..4] {
            b"fmt " => format = Some(chunk),
            b"data" => return samples(format.ok_or(WavError::NotWav)?, chunk),
            _ => {}
        }
        // Chunks begin at even bytes.
        rest = body.get(length.saturating_add(length % 2)..).unwrap_or_default();
    }
    Err(WavError::NotWav)
}

fn samples(format: &[u8], data: &[u8]) -> Result<Wav, WavError> {
    let word = |at: usize| format.get(at..at + 2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let (Some(kind), Some(channels), Some(low), Some(high), Some(bits)) =
        (word(0), word(2), word(4), word(6), word(14))
    else {
        return Err(WavError::NotWav);
    };
    let (rate_hz, channels) = (u32::from(high) << 16 | u32::from(low), usize::from(channels));
    if !matches!(rate_hz, 8_000 | 16_000 | 48_000) {
        return Err(WavError::Rate);
    }
    if !matches!(channels, 1 | 2) {
        return Err(WavError::Channels);
    }
    let law = |law: Law| {
        let mut pcm = vec![0; data.len()];
        law.decode(data, &mut pcm);
        pcm
    };
    let mut pcm = match (kind, bits) {
        (PCM, 16) => data.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect(),
        (A_LAW, 8) => law(Law::A),
        (MU_LAW, 8) => law(Law::Mu),
        _ => return Err(WavError::Format),
    };
    pcm.truncate(pcm.len() / channels * channels);
    if pcm.is_empty() { Err(WavError::Empty) } else { Ok(Wav { rate_hz, channels, pcm }) }
}
