//! Two ends that understand each other and are listened to: what they say is passed as it is, and heard. What is played to
//! one of them leaves with an SSRC of our own, instead of what comes from the other. Where keys are said apart ([`Keys`]), they
//! are beside it.

use super::keys::{Asked, Keys};
use super::out::Out;
use coeur_media::codec::CodecError;
use coeur_media::packet::Packet;
use coeur_media::relay::{Seen, StreamKey};
use coeur_media::rtp::{Rtp, SEED_BYTES, Source};
use coeur_media::talk::{Ear, Hears, Mouth, Says, TICK_MS};
use coeur_sip::time::Monotonic;
use std::time::Duration;

/// Of what is heard and of what is played.
pub(super) const RATE_HZ: u32 = crate::recordings::RATE_HZ;
const FRAME_SAMPLES: usize = crate::recordings::FRAME_SAMPLES;

/// Silence of a side after which nothing is made of it.
const IDLE: Duration = Duration::from_millis(600);

/// 120 to 300 KB for its two ears.
pub(in crate::media) struct Tap {
    ends: [Tapped; 2],
    /// In the same order.
    keys: Option<Keys>,
}

pub(super) struct Tapped {
    pub(super) stream: StreamKey,
    ear: Ear,
    says: Says,
    heard_at: Option<Monotonic>,
    /// While something is played to it.
    mouth: Option<Mouth>,
    /// What was played to it before.
    source: Option<Source>,
}

impl Tapped {
    /// `source`: of what was played to it before.
    pub(super) fn new(
        stream: StreamKey,
        hears: Hears,
        says: Says,
        source: Option<Source>,
        seed: u32,
    ) -> Result<Self, CodecError> {
        // That it can be said is seen now, and not when the first word is due.
        Mouth::new(says, Source::new([0; SEED_BYTES], says.format.codec.clock_hz()))?;
        let ear = Ear::new(hears, seed)?;
        Ok(Self { stream, ear, says, heard_at: None, mouth: None, source })
    }

    pub(super) fn hears(&self) -> &Hears {
        self.ear.hears()
    }

    pub(super) fn says(&self) -> &Says {
        &self.says
    }

    fn is_heard(&self, now: Monotonic) -> bool {
        self.heard_at.is_some_and(|at| now.since(at) <= IDLE)
    }

    /// The timestamps of what is played go on where those of the other side are: a phone that is told of another SSRC with
    /// an older timestamp may take it for a packet that comes late.
    fn mouth(&mut self, out: &Out<'_>) -> Option<&mut Mouth> {
        if self.mouth.is_none() {
            let clock_hz = self.says.format.codec.clock_hz();
            let mut source = super::source(self.source.take(), clock_hz);
            let other = out.relay.linked(self.stream).and_then(|other| out.relay.quality(other));
            if let Some(number) = other.and_then(|quality| quality.last_number()) {
                source.number_behind(number);
            }
            if let Some(Seen { timestamp, at, .. }) = other.and_then(|quality| quality.last_seen) {
                let since = (out.now.since(at).as_millis() as u32).max(u32::from(TICK_MS));
                source.begin_at(timestamp.wrapping_add((clock_hz / 1_000).wrapping_mul(since)));
            }
            self.mouth = Mouth::new(self.says, source).ok();
        }
        self.mouth.as_mut()
    }

    /// Nothing is played any more.
    fn hush(&mut self) {
        if let Some(mouth) = self.mouth.take() {
            self.source = Some(mouth.into_source());
        }
    }
}

impl Tap {
    pub(super) fn new(ends: [Tapped; 2], keys: Option<Keys>) -> Self {
        Self { ends, keys }
    }

    pub(super) fn keys(&self) -> Option<&Keys> {
        self.keys.as_ref()
    }

    /// What was sent of our own to say keys.
    pub(super) fn into_sources(self) -> Vec<(StreamKey, Source)> {
        self.keys.map(Keys::into_sources).into_iter().flatten().collect()
    }

    /// What was played, which the next to whom something is played there goes on with.
    pub(super) fn take_played(&mut self) -> impl Iterator<Item = (StreamKey, Source)> {
        self.ends.each_mut().into_iter().filter_map(|end| {
            end.hush();
            Some((end.stream, end.source.take()?))
        })
    }

    /// A key for the end at this place.
    pub(super) fn press(&mut self, at: usize, asked: Asked, out: &Out<'_>) {
        if let Some(keys) = &mut self.keys {
            keys.press(at, asked, out);
        }
    }

    pub(super) fn leave(&mut self, out: &mut Out<'_>) {
        if let Some(keys) = &mut self.keys {
            keys.leave(out);
        }
    }

    pub(super) fn ends(&self) -> &[Tapped; 2] {
        &self.ends
    }

    pub(super) fn streams(&self) -> [StreamKey; 2] {
        self.ends.each_ref().map(|end| end.stream)
    }

    pub(super) fn receive(&mut self, at: usize, packet: &mut Packet<'_>, out: &mut Out<'_>) {
        let other = self.ends[1 - at].stream;
        let hears = &mut self.ends[at];
        let Ok(rtp) = Rtp::parse(packet) else { return };
        hears.heard_at = Some(out.now);
        hears.ear.receive(out.now, &rtp, |_| {});
        match &mut self.keys {
            _ if out.deck.plays(other) => out.relay.withhold(hears.stream),
            Some(keys) => keys.receive(at, packet, out),
            None => out.pass(hears.stream, packet),
        }
    }

    pub(super) fn tick(&mut self, out: &mut Out<'_>) {
        let mut pcm = [0; FRAME_SAMPLES];
        for end in &mut self.ends {
            if end.is_heard(out.now) {
                end.ear.listen(out.now, &mut pcm, |_| {});
                out.deck.heard(end.stream, RATE_HZ, &pcm);
            } else if end.heard_at.take().is_some() {
                end.ear.rest();
            }
            end.hear_what_is_played(&mut pcm, out);
        }
        if let Some(keys) = &mut self.keys {
            keys.tick(out);
        }
        out.deck.turn(self.streams());
    }

    pub(super) fn missed(&mut self, ticks: u32, out: &mut Out<'_>) {
        self.ends.iter_mut().filter_map(|end| end.mouth.as_mut()).for_each(|mouth| mouth.skip(ticks));
        self.keys.iter_mut().for_each(|keys| keys.missed(ticks));
        out.deck.missed(self.streams(), ticks);
    }
}

impl Tapped {
    fn hear_what_is_played(&mut self, pcm: &mut [i16], out: &mut Out<'_>) {
        if !out.deck.plays(self.stream) {
            return self.hush();
        }
        let (stream, now) = (self.stream, out.now);
        let may_send = out.relay.may_send(now, stream);
        let Some(mouth) = self.mouth(out) else { return };
        if !may_send {
            return mouth.skip(1);
        }
        out.deck.fill(stream, RATE_HZ, pcm);
        mouth.say(now, pcm, |packet| out.rtp(stream, packet));
    }
}
