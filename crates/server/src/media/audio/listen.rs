//! What is recorded, and what is played to one side of a call: carried out on the [`Deck`](super::deck::Deck), for which the
//! streams of a call are listened to.

use crate::media::endpoint::Opened;
use crate::media::endpoints::Endpoints;
use coeur_exchange::media::MediaEvent;
use coeur_exchange::media::{PromptId, StreamKind, TapeOrder};
use coeur_exchange::outbox::MediaId;
use coeur_media::relay::StreamKey;

impl Endpoints {
    /// Plays something once to an endpoint, or no more.
    pub(in crate::media) fn prompt(&mut self, id: MediaId, prompt: Option<PromptId>) {
        let Some(stream) = self
            .endpoints
            .get(&id)
            .and_then(|endpoint| endpoint.each().find_map(|(_, opened)| sound_of(opened)))
        else {
            return;
        };
        let Some(prompt) = prompt else {
            self.deck.silence(stream);
            return self.convert_what_is_over();
        };
        let Some(sound) = self.shelf.get(prompt) else {
            return tracing::warn!("a prompt is no longer there: too many others came before it was played");
        };
        if !self.deck.play(stream, sound) {
            return tracing::warn!("a prompt is not played: too many wait to be heard there");
        }
        self.convert(id);
        if self.audio.taker(stream).is_none() {
            self.deck.take_back(stream);
            tracing::warn!("a prompt is not played: nothing of its call is understood here");
        }
    }

    pub(in crate::media) fn tape(&mut self, pair: [MediaId; 2], order: TapeOrder) {
        match order {
            TapeOrder::Begin { call, asked_by } => {
                let Some(recordings) = self.recordings.clone() else {
                    tracing::warn!(%call, "a call is not recorded: there is no folder for it");
                    return self.tell(MediaEvent::NotTaped { id: pair[0] });
                };
                self.end_tape(pair);
                self.deck.begin(pair, recordings.begin(call, asked_by));
                self.convert(pair[0]);
                self.follow_tapes();
                if self.deck.tape_of(pair[0]).is_some() && self.sound_of_pair(pair).is_none() {
                    self.deck.fail(pair, "no sound of this call is understood here");
                    self.tell(MediaEvent::NotTaped { id: pair[0] });
                }
            }
            TapeOrder::Pause => self.deck.pause(pair, true),
            TapeOrder::Resume => self.deck.pause(pair, false),
            TapeOrder::End => self.end_tape(pair),
        }
    }

    /// Tapes go where the sound of their calls is, and end with the connection of the two. To be called when something was said
    /// of any endpoint.
    pub(in crate::media) fn follow_tapes(&mut self) {
        for pair in self.deck.pairs() {
            let is_connected =
                self.endpoints.get(&pair[0]).is_some_and(|endpoint| endpoint.partners().contains(&pair[1]));
            if !is_connected {
                self.end_tape(pair);
                continue;
            }
            let streams = self.sound_of_pair(pair);
            if self.deck.thread(pair, streams) {
                for stream in streams.into_iter().flatten() {
                    self.deck.announce(stream, self.announcement.clone());
                }
            }
        }
    }

    /// Whether two streams that are connected are heard on their way.
    pub(super) fn is_listened_to(&self, id: MediaId, with: MediaId, streams: [StreamKey; 2]) -> bool {
        let is_taped = || {
            let pair = self.deck.tape_of(id).filter(|pair| pair.contains(&with));
            pair.and_then(|pair| self.first_of(pair)).is_some_and(|taped| taped.contains(&streams[0]))
        };
        streams.into_iter().any(|stream| self.deck.plays(stream)) || is_taped()
    }

    fn end_tape(&mut self, pair: [MediaId; 2]) {
        self.deck.end(pair);
        pair.into_iter().for_each(|id| self.convert(id));
    }

    pub(super) fn convert_what_is_over(&mut self) {
        for stream in self.deck.take_over() {
            if let Some((id, _)) = self.owner(stream) {
                self.convert(id);
            }
        }
    }

    /// The streams in which two endpoints hear each other, when they are understood.
    fn sound_of_pair(&self, pair: [MediaId; 2]) -> Option<[StreamKey; 2]> {
        self.first_of(pair).filter(|streams| streams.iter().all(|stream| self.audio.taker(*stream).is_some()))
    }

    /// The first streams of sound of two endpoints that are connected and on.
    fn first_of(&self, [left, right]: [MediaId; 2]) -> Option<[StreamKey; 2]> {
        let other = self.endpoints.get(&right)?;
        self.endpoints.get(&left)?.each().find_map(|(_, opened)| {
            let link = opened.link.as_ref().filter(|link| link.with == right)?;
            Some([sound_of(opened)?, sound_of(other.opened(usize::from(link.stream))?)?])
        })
    }
}

/// A stream of sound that is on.
fn sound_of(opened: &Opened) -> Option<StreamKey> {
    (opened.is_on && opened.wanted.kind == StreamKind::Audio).then_some(opened.key)
}
