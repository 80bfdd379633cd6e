//! Sound kept and sound played: recordings as bytes of a file, prompts and music out of one.
//!
//! [`Recorder`] takes the frames of both sides and gives bytes of WAV or of Ogg with Opus; who owns the file writes them.
//! [`Prompt`] reads a WAV, or Opus in Ogg; [`Player`] plays it. Nothing here opens anything.

pub mod ogg;
mod opus_file;
mod player;
mod recorder;
pub mod wav;

pub use opus_file::OpusFileError;
pub use player::{FILE_BYTES_MAX, KnownPrompt, Player, Prompt, PromptError};
pub use recorder::{Announcement, Container, Recorder};

#[cfg(test)]
mod tests;
