//! What an operator plays into calls: files that he has put into `prompts` in the data directory, and tones.
//!
//! A file is named, never found: a name has no folder in it, and what it names is a file and no link. So who may use the door
//! hears what was put there for calls, and nothing else of this machine.

use crate::media::Shelf;
use coeur_api::{Refusal, Why};
use coeur_exchange::media::PromptId;
use coeur_media::record::{KnownPrompt, Prompt, PromptError, wav};
use coeur_media::tone::Generator;
use coeur_media::tone::plan::{Region, Signal};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fs::{Metadata, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

/// Of what is played.
const RATE_HZ: u32 = 16_000;
/// Longest file: 5 minutes of 16 bits at 16 kHz.
const FILE_BYTES_MAX: u64 = 10_000_000;
/// Longest sound, which takes 9.6 MB when it is played: a file of G.711 could be four times as long.
const DURATION_S_MAX: usize = 5 * 60;
/// Longest name.
const NAME_BYTES_MAX: usize = 128;
/// How long a tone is that has no end of its own.
const TONE_S: u32 = 3;

pub struct Prompts {
    pub folder: PathBuf,
    pub region: Region,
    pub shelf: Arc<Shelf>,
    pub known: Known,
}

/// Files and tones that somebody hears now, or that wait on the shelf, by name: many who hear the same share it.
#[derive(Default)]
pub struct Known(Mutex<BTreeMap<String, (Version, KnownPrompt)>>);

/// Of a file: its length in bytes, and when it was written last.
type Version = (u64, Option<SystemTime>);

/// A tone is what it was, and no file has the name of one: see [`is_name`].
const OF_TONES: Version = (0, None);

impl Known {
    fn get(&self, name: &str, version: Version) -> Option<Prompt> {
        let known = self.0.lock();
        known.get(name).filter(|(of, _)| *of == version).and_then(|(_, prompt)| prompt.get())
    }

    fn keep(&self, name: &str, version: Version, prompt: &Prompt) {
        let mut known = self.0.lock();
        known.retain(|_, (_, prompt)| prompt.get().is_some());
        known.insert(name.to_owned(), (version, prompt.known()));
    }
}

impl Prompts {
    /// Makes a sound ready: the name of a file, or `tone:NAME`.
    pub fn put(&self, sound: &str) -> Result<PromptId, Refusal> {
        let prompt = match sound.strip_prefix("tone:") {
            Some(tone) => self.tone(sound, tone)?,
            None => self.read(sound)?,
        };
        Ok(self.shelf.put(prompt))
    }

    fn tone(&self, sound: &str, name: &str) -> Result<Prompt, Refusal> {
        if let Some(prompt) = self.known.get(sound, OF_TONES) {
            return Ok(prompt);
        }
        let prompt = tone_of(self.region, name)?;
        self.known.keep(sound, OF_TONES, &prompt);
        Ok(prompt)
    }

    fn read(&self, name: &str) -> Result<Prompt, Refusal> {
        let invalid = |why: &str| Refusal::new(Why::Invalid, format!("`{name}`: {why}"));
        if !is_name(name) {
            return Err(invalid(
                "write the name of a file in the folder `prompts` of the data directory, or tone:NAME",
            ));
        }
        let path = self.folder.join(name);
        // Neither a link nor a pipe, on which opening would wait.
        let opened =
            OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(&path);
        let file = opened.map_err(|why| {
            Refusal::new(Why::NotFound, format!("`{name}` in {}: {why}", self.folder.display()))
        })?;
        let found = file.metadata().map_err(|why| invalid(&why.to_string()))?;
        if !found.is_file() || found.len() > FILE_BYTES_MAX {
            return Err(invalid(&format!("this is no file of at most {FILE_BYTES_MAX} bytes")));
        }
        let version = version(&found);
        if let Some(prompt) = self.known.get(name, version) {
            return Ok(prompt);
        }
        let mut bytes = Vec::with_capacity(found.len() as usize);
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(|why| invalid(&why.to_string()))?;
        // Before any work is spent on it; Opus is not read any further than that.
        let wav = wav::read(&bytes).ok();
        if wav.is_some_and(|wav| wav.pcm.len() / wav.channels.max(1) > DURATION_S_MAX * wav.rate_hz as usize)
        {
            return Err(invalid(PromptError::TooLong.as_str()));
        }
        let prompt = Prompt::read(&bytes, RATE_HZ).map_err(|why| invalid(why.as_str()))?;
        self.known.keep(name, version, &prompt);
        Ok(prompt)
    }
}

fn version(of: &Metadata) -> Version {
    (of.len(), of.modified().ok())
}

fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_. ".contains(&byte);
    (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(is_plain)
}

fn tone_of(region: Region, name: &str) -> Result<Prompt, Refusal> {
    let tone = |signal| (Generator::signal(region, signal, RATE_HZ), TONE_S * RATE_HZ);
    let (mut generator, samples) = match name {
        "dial" => tone(Signal::Dial),
        "ringback" => tone(Signal::RingBack),
        "busy" => tone(Signal::Busy),
        "congestion" => tone(Signal::Congestion),
        "waiting" => tone(Signal::CallWaiting),
        "record" => (Generator::recording(RATE_HZ), RATE_HZ / 2),
        _ => {
            let text = format!("`tone:{name}` is none of dial, ringback, busy, congestion, waiting, record");
            return Err(Refusal::new(Why::Invalid, text));
        }
    };
    let mut pcm = vec![0; samples as usize];
    generator.fill(&mut pcm);
    Ok(Prompt::of(pcm))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_files_of_the_folder_of_prompts_are_played() {
        let base = std::env::temp_dir().join(format!("coeur-prompts-{}", std::process::id()));
        let folder = base.join("prompts");
        std::fs::create_dir_all(&folder).unwrap();
        let mut file = wav::header(8_000, 1, Some(3_200)).to_vec();
        wav::write(&[1_000; 1_600], &mut file);
        std::fs::write(folder.join("hello.wav"), &file).unwrap();
        std::fs::write(base.join("secret.wav"), &file).unwrap();
        symlink(base.join("secret.wav"), folder.join("link.wav")).unwrap();
        std::fs::create_dir(folder.join("folder")).unwrap();
        std::fs::write(folder.join("text.wav"), b"no sound").unwrap();
        let prompts = Prompts { folder, region: Region::Itu, shelf: Arc::default(), known: Known::default() };
        assert!(prompts.put("hello.wav").is_ok());
        let absolute = base.join("secret.wav").display().to_string();
        for wrong in [
            "../secret.wav",
            "..",
            ".",
            "",
            &*absolute,
            "prompts/../../secret.wav",
            "link.wav",
            "folder",
            "text.wav",
            "none.wav",
            "hello.wav\0",
            "tone:unknown",
        ] {
            assert!(prompts.put(wrong).is_err(), "{wrong}");
        }
        for tone in ["dial", "ringback", "busy", "congestion", "waiting", "record"] {
            let sound = format!("tone:{tone}");
            assert_eq!(prompts.put(&sound).unwrap(), prompts.put(&sound).unwrap(), "one sound on the shelf");
        }
        std::fs::remove_dir_all(&base).unwrap();
    }

    #[test]
    fn a_file_is_in_memory_once_however_many_hear_it_and_no_longer_than_five_minutes() {
        let folder = std::env::temp_dir().join(format!("coeur-prompts-long-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let write = |name: &str, samples: usize| {
            let mut file = wav::header(8_000, 1, Some(2 * samples as u64)).to_vec();
            wav::write(&vec![1_000; samples], &mut file);
            std::fs::write(folder.join(name), &file).unwrap();
        };
        write("hello.wav", 1_600);
        write("long.wav", 301 * 8_000);
        let shelf = Arc::default();
        let prompts = Prompts { folder: folder.clone(), region: Region::Itu, shelf, known: Known::default() };
        let first = prompts.read("hello.wav").unwrap();
        assert!(prompts.read("hello.wav").unwrap().is(&first));
        write("hello.wav", 3_200);
        let second = prompts.read("hello.wav").unwrap();
        assert!(!second.is(&first) && second.samples() == 6_400, "it was written anew");
        assert!(prompts.read("long.wav").is_err());
        drop((first, second));
        assert!(prompts.known.0.lock().values().all(|(_, prompt)| prompt.get().is_none()));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
