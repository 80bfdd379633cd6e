//! The sounds of this server: its music and the tones of its region. Shared by all workers.

use coeur_exchange::media::Sound;
use coeur_media::record::{FILE_BYTES_MAX, Player, Prompt};
use coeur_media::tone::plan::{Region, Signal};
use coeur_media::tone::{Generator, piece};
use std::path::Path;
use std::sync::{Arc, LazyLock};

/// At 8 kHz for G.711, at 16 kHz for what hears more: 1.5 MB for each minute of music.
#[derive(Clone, Debug, Default)]
pub struct Sounds {
    /// `None`: our own piece.
    music: Option<Arc<[Prompt; 2]>>,
    pub region: Region,
}

/// Made when it is first heard.
static OWN: LazyLock<[Prompt; 2]> = LazyLock::new(|| RATES_HZ.map(|rate_hz| Prompt::of(piece(rate_hz))));

const RATES_HZ: [u32; 2] = [8_000, 16_000];

impl Sounds {
    /// With our own music.
    pub fn own(region: Region) -> Sounds {
        Sounds { music: None, region }
    }

    /// With music out of a WAV file; an error is a sentence for who has named the file.
    pub fn read(music: &Path, region: Region) -> Result<Sounds, String> {
        let shown = music.display();
        let size = std::fs::metadata(music).map_err(|why| format!("{shown}: {why}"))?.len();
        if size > FILE_BYTES_MAX as u64 {
            return Err(format!("{shown}: {size} bytes are more than the {FILE_BYTES_MAX} that are read"));
        }
        let wav = std::fs::read(music).map_err(|why| format!("{shown}: {why}"))?;
        let prompt =
            |rate_hz| Prompt::read(&wav, rate_hz).map_err(|why| format!("{shown}: {}", why.as_str()));
        let [narrow, wide] = RATES_HZ.map(prompt);
        let (narrow, wide) = (narrow?, wide?);
        Ok(Sounds { music: Some(Arc::new([narrow, wide])), region })
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
