//! What the other end of an endpoint hears while nothing comes for it: which stream it is, and in which format.

use super::broadcast::Hears;
use super::convert::codec;
use crate::media::endpoint::Opened;
use crate::media::endpoints::Endpoints;
use coeur_exchange::media::{Sound, StreamKind};
use coeur_exchange::outbox::MediaId;
use coeur_media::relay::StreamKey;

impl Endpoints {
    pub(in crate::media) fn play(&mut self, id: MediaId, sound: Option<Sound>) {
        let Some(endpoint) = self.endpoints.get_mut(&id) else { return };
        endpoint.sound = sound;
        self.play_as_described(id);
    }

    /// On the first stream of audio that is on, in the best of its formats that we can make. To be called when something was
    /// described.
    pub(in crate::media) fn play_as_described(&mut self, id: MediaId) {
        let Some(endpoint) = self.endpoints.get(&id) else { return };
        let is_audio = |opened: &&Opened| opened.wanted.kind == StreamKind::Audio;
        let mut sound = endpoint.sound;
        let wanted: Vec<(StreamKey, Option<Hears>)> = endpoint
            .each()
            .map(|(_, opened)| opened)
            .filter(is_audio)
            .map(|opened| {
                let hears = sound.and_then(|sound| hears(opened, sound));
                sound = sound.filter(|_| hears.is_none());
                (opened.key, hears)
            })
            .collect();
        for (stream, hears) in wanted {
            self.with_audio(|audio, out| audio.play(stream, hears, out));
        }
    }
}

fn hears(opened: &Opened, sound: Sound) -> Option<Hears> {
    let described = opened.described.as_ref().filter(|_| opened.is_on)?;
    let (payload_type, codec) = described.formats.iter().find_map(codec)?;
    Some(Hears { stream: opened.key, sound, codec, payload_type })
}
