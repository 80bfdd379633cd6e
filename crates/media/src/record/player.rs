//! Prompts and music on hold: a WAV, or Opus in Ogg, in memory, played to as many as want it.

use std::sync::{Arc, Weak};

use super::opus_file::{self, OpusFileError};
use super::wav::{Wav, WavError, read};
use crate::resample::Resampler;

/// Longest file that is read: 5 minutes of 48 kHz stereo, which takes as much again at one rate in memory.
pub const FILE_BYTES_MAX: usize = 60_000_000;

/// Why a file is not played; told to who has named it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptError {
    Wav(WavError),
    Opus(OpusFileError),
    TooLong,
}

impl PromptError {
    /// For who has named the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wav(why) => why.as_str(),
            Self::Opus(why) => why.as_str(),
            Self::TooLong => "this is longer than 5 minutes",
        }
    }
}

/// Sound of one channel, ready at one rate. Shared by all that play it.
#[derive(Clone, Debug)]
pub struct Prompt {
    pcm: Arc<[i16]>,
}

impl Prompt {
    /// Reads a WAV, or Opus in Ogg, and makes it mono at 8, 16 or 48 kHz.
    pub fn read(bytes: &[u8], rate_hz: u32) -> Result<Prompt, PromptError> {
        if bytes.len() > FILE_BYTES_MAX {
            return Err(PromptError::TooLong);
        }
        // RFC 3533 section 6: no WAV begins so.
        if bytes.starts_with(b"OggS") {
            return opus_file::read(bytes, rate_hz).map(Prompt::of).map_err(PromptError::Opus);
        }
        let wav = read(bytes).map_err(PromptError::Wav)?;
        let mono = mono(wav.clone());
        let mut resampler =
            Resampler::new(wav.rate_hz, rate_hz, 1).map_err(|_| PromptError::Wav(WavError::Rate))?;
        let delay = resampler.delay_samples();
        let behind = vec![0; (delay * wav.rate_hz as usize).div_ceil(rate_hz as usize)];
        let mut pcm = vec![0; resampler.output_max(mono.len() + behind.len())];
        let mut count = resampler.push(&mono, &mut pcm);
        // What the filter holds back is pushed out, and as much is left out at the beginning.
        count += resampler.push(&behind, &mut pcm[count..]);
        Ok(Prompt { pcm: pcm[delay.min(count)..count].into() })
    }

    /// Samples of one channel at the rate at which they are to be played.
    pub fn of(pcm: Vec<i16>) -> Prompt {
        Prompt { pcm: pcm.into() }
    }

    pub fn samples(&self) -> usize {
        self.pcm.len()
    }

    /// Whether it is the same memory.
    pub fn is(&self, other: &Prompt) -> bool {
        Arc::ptr_eq(&self.pcm, &other.pcm)
    }

    pub fn known(&self) -> KnownPrompt {
        KnownPrompt { pcm: Arc::downgrade(&self.pcm) }
    }
}

/// A prompt that is there as long as anybody has it to play.
#[derive(Clone, Debug)]
pub struct KnownPrompt {
    pcm: Weak<[i16]>,
}

impl KnownPrompt {
    pub fn get(&self) -> Option<Prompt> {
        self.pcm.upgrade().map(|pcm| Prompt { pcm })
    }
}

fn mono(wav: Wav) -> Vec<i16> {
    if wav.channels == 1 {
        return wav.pcm;
    }
    // The mean of two samples fits in one.
    wav.pcm.chunks_exact(2).map(|pair| ((i32::from(pair[0]) + i32::from(pair[1])) / 2) as i16).collect()
}

/// Where one listener is in a prompt.
#[derive(Clone, Debug)]
pub struct Player {
    prompt: Prompt,
    at: usize,
    repeats: bool,
}

impl Player {
    pub fn once(prompt: Prompt) -> Player {
        Player { prompt, at: 0, repeats: false }
    }

    /// Without end, as music on hold.
    pub fn repeated(prompt: Prompt) -> Player {
        Player { prompt, at: 0, repeats: true }
    }

    /// Fills `pcm`, and gives how many samples are of the prompt; silence follows when it is over.
    pub fn fill(&mut self, pcm: &mut [i16]) -> usize {
        let mut filled = 0;
        while filled < pcm.len() {
            if self.at == self.prompt.pcm.len() {
                if !self.repeats || self.at == 0 {
                    break;
                }
                self.at = 0;
            }
            let count = (pcm.len() - filled).min(self.prompt.pcm.len() - self.at);
            pcm[filled..filled + count].copy_from_slice(&self.prompt.pcm[self.at..self.at + count]);
            self.at += count;
            filled += count;
        }
        pcm[filled..].fill(0);
        filled
    }

    pub fn is_over(&self) -> bool {
        !self.repeats && self.at == self.prompt.pcm.len()
    }
}
