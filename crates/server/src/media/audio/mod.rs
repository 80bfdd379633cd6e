//! Where sound is understood: the audio parts of one worker.
//!
//! A [`Part`] has any number of ends, each a stream that is taken from the relay: what comes on it is handed to the part, and
//! what the part says leaves on it ([`End`]: an ear, a mouth and the reports of both). A part is driven by the [`Clock`], every
//! 20 ms, on the thread of the worker, and reaches the rest of it through [`Out`]. One file per kind of part.
//!
//! Music and tones that many hear are no part: see [`broadcast`].
//!
//! Packets that are relayed never come here. Of those that do none costs an allocation, once a part is made.
//!
//! What it deliberately does not do: decide who is converted (the exchange says so, [`convert`] carries it out), video.

mod broadcast;
mod clock;
mod convert;
mod deck;
mod end;
mod keys;
mod listen;
mod out;
mod play;
mod room;
mod sounds;
mod tap;
mod transcoder;

pub(super) use deck::Deck;
pub(super) use end::End;
pub(super) use out::Out;
pub use sounds::{Shelf, Sounds};

use broadcast::{Broadcast, Hears};
use clock::{Clock, Turn};
use coeur_exchange::service::Room as Name;
use coeur_media::packet::Packet;
use coeur_media::relay::{StreamKey, Taker};
use coeur_media::rtp::{SEED_BYTES, Source};
use coeur_sip::time::Monotonic;
use keys::{Asked, Keys};
use room::Room;
use slab::Slab;
use tap::Tap;
use transcoder::Transcoder;

/// Parts of one worker. Each costs its share of a core: a call between G.711 and Opus some 105 µs of every 20 ms, 0.5 %, so
/// that about 190 of them fill one (see [`coeur_media::transcode`]). Worst-case memory: 300 KB each, 75 MB.
pub(super) const PARTS_MAX: usize = 256;

/// Names a part while it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PartKey(usize);

/// What is done with the sound of some streams.
pub(super) enum Part {
    Transcoder(Box<Transcoder>),
    Keys(Box<Keys>),
    Tap(Box<Tap>),
    Room(Box<Room>),
}

struct Entry {
    part: Part,
    phase: usize,
}

/// The table of parts.
#[derive(Default)]
pub(super) struct Audio {
    parts: Slab<Entry>,
    clock: Clock,
    /// Whose packets those of a stream are, and which of its ends, by stream.
    takers: Vec<Option<(PartKey, u8)>>,
    /// What was sent on a stream before, by stream: an SSRC and its numbers go on while the port is open, so that neither a
    /// receiver nor a context of SRTP meets more of them than there were.
    sources: Vec<Option<Source>>,
    sounds: Sounds,
    broadcast: Broadcast,
    /// Its phase, while anybody listens.
    broadcast_phase: Option<usize>,
    /// What was sent of it on a stream before, which has an SSRC of its own.
    heard_sources: Vec<Option<Source>>,
    /// What was sent to a stream alone, instead of what passes, which has another SSRC beside that.
    played_sources: Vec<Option<Source>>,
}

/// There are [`PARTS_MAX`] already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Audio {
    pub(super) fn new(sounds: Sounds) -> Audio {
        Audio { sounds, ..Audio::default() }
    }

    /// What is heard on a stream while nothing comes for it; `None`: nothing.
    pub(super) fn play(&mut self, stream: StreamKey, wanted: Option<Hears>, out: &mut Out<'_>) {
        if self.broadcast.hears(stream) == wanted {
            return;
        }
        let place = stream.0 as usize;
        self.heard_sources.resize(self.heard_sources.len().max(place + 1), None);
        if let Some(source) = self.broadcast.leave(stream, out) {
            self.heard_sources[place] = Some(source);
        }
        if let Some(hears) = wanted {
            let source = source(self.heard_sources[place].take(), hears.codec.clock_hz());
            // Its codec is one of ours.
            if self.broadcast.listen(hears, source, &self.sounds, out.now).is_err() {
                tracing::warn!(codec = hears.codec.name(), "a sound cannot be made");
            }
        }
        match (self.broadcast.is_idle(), self.broadcast_phase) {
            (false, None) => self.broadcast_phase = Some(self.clock.enter(out.now)),
            (true, Some(phase)) => {
                self.broadcast_phase = None;
                self.clock.leave(phase);
            }
            (true, None) | (false, Some(_)) => {}
        }
    }

    /// A part begins; its streams are taken.
    pub(super) fn add(&mut self, part: Part, out: &mut Out<'_>) -> Result<PartKey, Full> {
        if self.parts.len() >= PARTS_MAX {
            return Err(Full);
        }
        let phase = self.clock.enter(out.now);
        let (streams, taker) = (part.streams(), part.taker());
        let key = PartKey(self.parts.insert(Entry { part, phase }));
        for (end, stream) in streams.into_iter().enumerate() {
            let place = stream.0 as usize;
            self.takers.resize(self.takers.len().max(place + 1), None);
            self.takers[place] = Some((key, end as u8));
            out.relay.take(stream, taker);
        }
        out.stats.audio_parts.set(self.parts.len() as u64);
        Ok(key)
    }

    /// A part ends: its other ends hear so, and its streams are the relay's again.
    pub(super) fn remove(&mut self, key: PartKey, out: &mut Out<'_>) {
        let Some(mut entry) = self.parts.try_remove(key.0) else { return };
        self.clock.leave(entry.phase);
        for stream in entry.part.streams() {
            if let Some(taker) = self.takers.get_mut(stream.0 as usize) {
                *taker = None;
            }
            out.relay.take(stream, Taker::Link);
        }
        entry.part.leave(out);
        if let Part::Tap(tap) = &mut entry.part {
            for (stream, source) in tap.take_played() {
                keep(&mut self.played_sources, stream, source);
            }
        }
        for (stream, source) in entry.part.into_sources() {
            keep(&mut self.sources, stream, source);
        }
        out.stats.audio_parts.set(self.parts.len() as u64);
    }

    /// A stream is in a conference from now on, which begins with the first; or is alone in one where it hears itself.
    pub(super) fn enter(
        &mut self,
        (name, hears_itself): (Name, bool),
        end: End,
        out: &mut Out<'_>,
    ) -> Result<(), Full> {
        let is_it =
            |(_, entry): &(usize, &Entry)| matches!(&entry.part, Part::Room(room) if room.name() == name);
        let key = match self.parts.iter().find(is_it) {
            Some((key, _)) => PartKey(key),
            None => self.add(Part::Room(Box::new(Room::new(name, hears_itself).map_err(|_| Full)?)), out)?,
        };
        let place = end.stream.0 as usize;
        let Some(Part::Room(room)) = self.parts.get_mut(key.0).map(|entry| &mut entry.part) else {
            return Err(Full);
        };
        let seat = room.enter(end).ok_or(Full)?;
        self.takers.resize(self.takers.len().max(place + 1), None);
        self.takers[place] = Some((key, seat));
        out.relay.take(StreamKey(place as u32), Taker::End);
        Ok(())
    }

    /// The end that a stream has in a conference.
    pub(super) fn member(&self, name: Name, stream: StreamKey) -> Option<&End> {
        match self.part(self.taker(stream)?)? {
            Part::Room(room) if room.name() == name => room.member(stream),
            Part::Room(_) | Part::Transcoder(_) | Part::Keys(_) | Part::Tap(_) => None,
        }
    }

    /// A stream is the relay's again. A part of two ends with it, a conference goes on.
    pub(super) fn leave(&mut self, stream: StreamKey, out: &mut Out<'_>) {
        let place = stream.0 as usize;
        let Some((key, seat)) = self.takers.get(place).copied().flatten() else { return };
        let Some(entry) = self.parts.get_mut(key.0) else { return };
        let Part::Room(room) = &mut entry.part else { return self.remove(key, out) };
        let (end, is_empty) = (room.exit(seat, out), room.is_empty());
        self.takers[place] = None;
        out.relay.take(stream, Taker::Link);
        if let Some(end) = end {
            keep(&mut self.sources, stream, end.into_source());
        }
        if is_empty {
            self.remove(key, out);
        }
    }

    pub(super) fn part(&self, key: PartKey) -> Option<&Part> {
        self.parts.get(key.0).map(|entry| &entry.part)
    }

    /// The part that takes what comes on a stream.
    pub(super) fn taker(&self, stream: StreamKey) -> Option<PartKey> {
        self.takers.get(stream.0 as usize).copied().flatten().map(|(key, _)| key)
    }

    /// The port of a stream closes: what was sent on it is forgotten.
    pub(super) fn closed(&mut self, stream: StreamKey, out: &mut Out<'_>) {
        self.leave(stream, out);
        self.play(stream, None, out);
        out.deck.closed(stream);
        for sources in [&mut self.sources, &mut self.heard_sources, &mut self.played_sources] {
            if let Some(source) = sources.get_mut(stream.0 as usize) {
                *source = None;
            }
        }
    }

    /// What is sent on a stream from now on: what was sent before goes on, unless its clock is another (RFC 7160 section 4).
    pub(super) fn source(&mut self, stream: StreamKey, clock_hz: u32) -> Source {
        let before = self.sources.get_mut(stream.0 as usize).and_then(Option::take);
        source(before, clock_hz)
    }

    /// What was played to a stream alone before.
    pub(super) fn played(&mut self, stream: StreamKey) -> Option<Source> {
        self.played_sources.get_mut(stream.0 as usize).and_then(Option::take)
    }

    /// A key for the other end of a stream, if somebody speaks there.
    pub(super) fn press(&mut self, on: StreamKey, asked: Asked, out: &Out<'_>) {
        let Some((key, end)) = self.takers.get(on.0 as usize).copied().flatten() else { return };
        match self.parts.get_mut(key.0).map(|entry| &mut entry.part) {
            Some(Part::Transcoder(transcoder)) => transcoder.press(usize::from(end), asked.digit, asked.ms),
            Some(Part::Keys(keys)) => keys.press(usize::from(end), asked, out),
            // Keys are not listened to in a conference, and none is said there.
            Some(Part::Room(_)) | None => {}
            Some(Part::Tap(tap)) => tap.press(usize::from(end), asked, out),
        }
    }

    /// RTP that was taken from a stream.
    pub(super) fn receive(&mut self, from: StreamKey, packet: &mut Packet<'_>, out: &mut Out<'_>) {
        let Some((key, end)) = self.takers.get(from.0 as usize).copied().flatten() else { return };
        if let Some(entry) = self.parts.get_mut(key.0) {
            entry.part.receive(usize::from(end), packet, out);
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Monotonic> {
        self.clock.next_deadline()
    }

    /// Gives all parts their turns that are due.
    pub(super) fn tick(&mut self, out: &mut Out<'_>) {
        while let Some(turn) = self.clock.turn(out.now) {
            match turn {
                Turn::Of(phase) if self.broadcast_phase == Some(phase) => self.broadcast.tick(out),
                Turn::Of(_) => {}
                Turn::Missed(ticks) => self.broadcast.missed(ticks),
            }
            for (_, entry) in &mut self.parts {
                match turn {
                    Turn::Of(phase) if entry.phase == phase => entry.part.tick(out),
                    Turn::Of(_) => {}
                    Turn::Missed(ticks) => entry.part.missed(ticks, out),
                }
            }
        }
    }
}

/// What was sent goes on with whoever speaks there next.
fn keep(sources: &mut Vec<Option<Source>>, stream: StreamKey, source: Source) {
    let place = stream.0 as usize;
    sources.resize(sources.len().max(place + 1), None);
    sources[place] = Some(source);
}

/// What goes on, or one that is new.
fn source(before: Option<Source>, clock_hz: u32) -> Source {
    before.filter(|source| source.clock_hz() == clock_hz).unwrap_or_else(|| {
        let mut seed = [0; SEED_BYTES];
        crate::house::random(&mut seed);
        Source::new(seed, clock_hz)
    })
}

impl Part {
    /// Its ends, in their order.
    fn streams(&self) -> Vec<StreamKey> {
        match self {
            Self::Transcoder(transcoder) => transcoder.streams().to_vec(),
            Self::Keys(keys) => keys.streams().to_vec(),
            Self::Tap(tap) => tap.streams().to_vec(),
            Self::Room(room) => room.streams(),
        }
    }

    /// Who takes what comes on its streams.
    fn taker(&self) -> Taker {
        match self {
            Self::Transcoder(_) | Self::Room(_) => Taker::End,
            // Its ends report to each other.
            Self::Keys(_) | Self::Tap(_) => Taker::Tap,
        }
    }

    /// What was sent of our own on its streams.
    fn into_sources(self) -> Vec<(StreamKey, Source)> {
        let of = |end: End| (end.stream, end.into_source());
        match self {
            Self::Transcoder(transcoder) => transcoder.into_ends().map(of).into(),
            Self::Keys(keys) => keys.into_sources().into(),
            Self::Tap(tap) => tap.into_sources(),
            Self::Room(room) => room.into_ends().into_iter().map(of).collect(),
        }
    }

    /// A packet has come at one of its ends.
    fn receive(&mut self, end: usize, packet: &mut Packet<'_>, out: &mut Out<'_>) {
        match self {
            Self::Transcoder(transcoder) => transcoder.receive(end, packet, out),
            Self::Keys(keys) => keys.receive(end, packet, out),
            Self::Tap(tap) => tap.receive(end, packet, out),
            Self::Room(room) => room.receive(end, packet, out),
        }
    }

    /// 20 ms have passed.
    fn tick(&mut self, out: &mut Out<'_>) {
        match self {
            Self::Transcoder(transcoder) => transcoder.tick(out),
            Self::Keys(keys) => keys.tick(out),
            Self::Tap(tap) => tap.tick(out),
            Self::Room(room) => room.tick(out),
        }
    }

    /// So many turns were missed.
    fn missed(&mut self, ticks: u32, out: &mut Out<'_>) {
        match self {
            Self::Transcoder(transcoder) => transcoder.missed(ticks, out),
            Self::Keys(keys) => keys.missed(ticks),
            Self::Tap(tap) => tap.missed(ticks, out),
            Self::Room(room) => room.missed(ticks),
        }
    }

    /// It ends.
    fn leave(&mut self, out: &mut Out<'_>) {
        match self {
            Self::Transcoder(transcoder) => transcoder.leave(out),
            Self::Keys(keys) => keys.leave(out),
            Self::Tap(tap) => tap.leave(out),
            Self::Room(room) => room.leave(out),
        }
    }
}
