//! The sounds of this server: its music and the tones of its region. Shared by all workers.

use coeur_exchange::media::{PromptId, Sound};
use coeur_media::record::{FILE_BYTES_MAX, Player, Prompt};
use coeur_media::tone::plan::{Region, Signal};
use coeur_media::tone::{Generator, piece};
use parking_lot::Mutex;
use std::path::Path;
use std::sync::{Arc, LazyLock};

/// At 8 kHz for G.711, at 16 kHz for what hears more: 1.5 MB for each minute of music.
#[derive(Clone, Debug, Default)]
pub struct Sounds {
    /// `None`: our own piece.
    music: Option<Arc<[Prompt; 2]>>,
    pub region: Region,
    /// What says that a call is recorded; `None`: a tone.
    announcement: Option<Prompt>,
}

/// Sound that is to be played to single calls, until its worker takes it: a call that goes from phone to phone is brought back
/// first, which takes from half a second to half an hour.
#[derive(Debug, Default)]
pub struct Shelf(Mutex<Pieces>);

#[derive(Debug, Default)]
struct Pieces {
    serial: u64,
    /// What was put last is behind.
    prompts: Vec<(PromptId, Prompt)>,
}

/// Different sounds on the shelf, however many calls each is for; of more, that which was put longest ago is gone, also for a call
/// that waits for it. 5 minutes of each at most, 154 MB.
const SHELF_MAX: usize = 16;

impl Shelf {
    /// At 16 kHz. The same memory has the same name while it is there.
    pub fn put(&self, prompt: Prompt) -> PromptId {
        let mut pieces = self.0.lock();
        let there = pieces.prompts.iter().position(|(_, there)| there.is(&prompt));
        let (id, prompt) = match there {
            Some(at) => pieces.prompts.remove(at),
            None => {
                pieces.serial += 1;
                (PromptId(pieces.serial), prompt)
            }
        };
        pieces.prompts.push((id, prompt));
        if pieces.prompts.len() > SHELF_MAX {
            pieces.prompts.remove(0);
        }
        id
    }

    pub(super) fn get(&self, id: PromptId) -> Option<Prompt> {
        let pieces = self.0.lock();
        pieces.prompts.iter().find(|(there, _)| *there == id).map(|(_, prompt)| prompt.clone())
    }
}

/// Made when it is first heard.
static OWN: LazyLock<[Prompt; 2]> = LazyLock::new(|| RATES_HZ.map(|rate_hz| Prompt::of(piece(rate_hz))));

const RATES_HZ: [u32; 2] = [8_000, 16_000];

impl Sounds {
    /// With our own music.
    pub fn own(region: Region) -> Sounds {
        Sounds { music: None, region, announcement: None }
    }

    /// With music out of a file, WAV or Opus in Ogg; an error is a sentence for who has named the file.
    pub fn read(music: &Path, region: Region) -> Result<Sounds, String> {
        let [narrow, wide] = RATES_HZ.map(|rate_hz| read(music, rate_hz));
        let (narrow, wide) = (narrow?, wide?);
        Ok(Sounds { music: Some(Arc::new([narrow, wide])), ..Sounds::own(region) })
    }

    /// With an announcement of recordings out of such a file.
    pub fn announcing(self, announcement: &Path) -> Result<Sounds, String> {
        Ok(Sounds { announcement: Some(read(announcement, RATES_HZ[1])?), ..self })
    }

    /// At 16 kHz: what a file says, or twice a tone of half a second (ITU-T E.180 section 5.8): a phone may need the first to
    /// follow a source that it has not heard before.
    pub(in crate::media) fn announcement(&self) -> Prompt {
        self.announcement.clone().unwrap_or_else(|| {
            let rate_hz = RATES_HZ[1];
            let mut tone = vec![0; rate_hz as usize / 2];
            Generator::recording(rate_hz).fill(&mut tone);
            let pause = vec![0; rate_hz as usize / 4];
            Prompt::of([tone.clone(), pause, tone].concat())
        })
    }

    /// From the beginning, at 8 or 16 kHz.
    pub(super) fn begin(&self, sound: Sound, rate_hz: u32) -> Playing {
        match sound {
            Sound::Music => {
                let music = self.music.as_deref().unwrap_or(&*OWN);
                let at = usize::from(rate_hz == RATES_HZ[1]);
                Playing::Music(Player::repeated(music[at].clone()))
            }
            Sound::Ringing => Playing::Tone(Generator::signal(self.region, Signal::RingBack, rate_hz)),
        }
    }
}

/// Reads a file of sound.
fn read(path: &Path, rate_hz: u32) -> Result<Prompt, String> {
    let shown = path.display();
    let size = std::fs::metadata(path).map_err(|why| format!("{shown}: {why}"))?.len();
    if size > FILE_BYTES_MAX as u64 {
        return Err(format!("{shown}: {size} bytes are more than the {FILE_BYTES_MAX} that are read"));
    }
    let file = std::fs::read(path).map_err(|why| format!("{shown}: {why}"))?;
    Prompt::read(&file, rate_hz).map_err(|why| format!("{shown}: {}", why.as_str()))
}

pub(super) enum Playing {
    Music(Player),
    Tone(Generator),
}

impl Playing {
    pub(super) fn fill(&mut self, pcm: &mut [i16]) {
        match self {
            Self::Music(player) => player.fill(pcm),
            Self::Tone(generator) => generator.fill(pcm),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As into many calls that are brought back first, each of which takes it later.
    #[test]
    fn a_sound_that_is_played_into_many_calls_is_on_the_shelf_once() {
        let (shelf, hello) = (Shelf::default(), Prompt::of(vec![1; 10]));
        let first = shelf.put(hello.clone());
        for _ in 0..2 * SHELF_MAX {
            shelf.put(hello.clone());
        }
        assert!(shelf.get(first).is_some_and(|found| found.is(&hello)));
        let other = Prompt::of(vec![1; 10]);
        assert!(shelf.get(shelf.put(other.clone())).is_some_and(|found| found.is(&other)));
    }

    #[test]
    fn what_was_put_last_stays_on_the_shelf_the_longest() {
        let shelf = Shelf::default();
        let prompts: Vec<Prompt> = (0..=SHELF_MAX).map(|_| Prompt::of(vec![1; 10])).collect();
        let names: Vec<PromptId> =
            prompts[..SHELF_MAX].iter().map(|prompt| shelf.put(prompt.clone())).collect();
        assert_eq!(shelf.put(prompts[0].clone()), names[0]);
        let last = shelf.put(prompts[SHELF_MAX].clone());
        let are_there = [names[0], names[1], names[2], last].map(|name| shelf.get(name).is_some());
        assert_eq!(are_there, [true, false, true, true]);
    }
}
