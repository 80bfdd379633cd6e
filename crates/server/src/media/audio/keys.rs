//! Two ends that understand each other but for their keys: what each says passes, with those of it laid in as the other
//! understands them. See [`coeur_media::talk::Inlay`].

use super::end::send_goodbye;
use super::out::Out;
use coeur_media::packet::Packet;
use coeur_media::relay::StreamKey;
use coeur_media::rtp::{Rtp, Source};
use coeur_media::talk::{Fate, Inlay, Mouth, Passes, Says, TICK_MS};
use coeur_media::tone::Digit;
use coeur_media::tone::detect::Key;

/// 48 kHz of a tick.
const SAMPLES_MAX: usize = 960;

/// A key that an end is to hear.
#[derive(Clone, Copy)]
pub(in crate::media) struct Asked {
    pub(super) digit: Digit,
    pub(super) ms: u32,
    /// The other end has not pressed it.
    pub(super) is_ordered: bool,
}

pub(in crate::media) struct Keys {
    ends: [Presser; 2],
}

/// What becomes of what comes on a stream.
pub(super) struct Presser {
    stream: StreamKey,
    inlay: Inlay,
    /// How its keys are said to the other end while it says nothing; `None`: in no way that can be made.
    says: Option<Says>,
    voice: Voice,
}

enum Voice {
    /// Of the stream of the other end, until it is needed.
    Source(Source),
    Mouth(Box<Mouth>),
}

impl Presser {
    /// `source`: of ours on the stream of the other end.
    pub(super) fn new(
        stream: StreamKey,
        passes: Passes,
        has_said_events: bool,
        says: Option<Says>,
        source: Source,
    ) -> Self {
        Self { stream, inlay: Inlay::new(passes, has_said_events), says, voice: Voice::Source(source) }
    }

    pub(super) fn stream(&self) -> StreamKey {
        self.stream
    }

    pub(super) fn passes(&self) -> &Passes {
        self.inlay.passes()
    }

    /// Says to `to` what there is nothing to lay into.
    fn say(&mut self, to: StreamKey, out: &mut Out<'_>) {
        let number = out.relay.quality(self.stream).and_then(|quality| quality.last_number());
        while let Some((digit, ms)) = self.inlay.overdue(out.now) {
            if let Some(mouth) = self.mouth() {
                if let Some(number) = number.filter(|_| !mouth.has_keys()) {
                    mouth.number_behind(number);
                }
                mouth.press(digit, ms);
            }
        }
        let (now, may_send) = (out.now, out.relay.may_send(out.now, to));
        let Voice::Mouth(mouth) = &mut self.voice else { return };
        if !(mouth.has_keys() && may_send) {
            return mouth.skip(1);
        }
        let mut silence = [0; SAMPLES_MAX];
        let samples = mouth.says().rate_hz as usize / 1_000 * usize::from(TICK_MS);
        mouth.say(now, &mut silence[..samples.min(SAMPLES_MAX)], |packet| out.rtp(to, packet));
    }

    fn mouth(&mut self) -> Option<&mut Mouth> {
        if let (Voice::Source(source), Some(says)) = (&self.voice, self.says) {
            self.voice = Voice::Mouth(Box::new(Mouth::new(says, source.clone()).ok()?));
        }
        match &mut self.voice {
            Voice::Mouth(mouth) => Some(mouth),
            Voice::Source(_) => None,
        }
    }

    /// A key of it is said under a source of ours.
    fn is_spoken_for(&self) -> bool {
        matches!(&self.voice, Voice::Mouth(mouth) if mouth.has_keys())
    }

    fn is_event(&self, packet: &Packet<'_>) -> bool {
        let payload = Rtp::parse(packet).ok().map(|rtp| rtp.payload_type());
        payload.is_some() && payload == self.passes().events.map(|events| events.payload)
    }

    fn source(&self) -> &Source {
        match &self.voice {
            Voice::Source(source) => source,
            Voice::Mouth(mouth) => mouth.source(),
        }
    }
}

impl Keys {
    pub(super) fn new(ends: [Presser; 2]) -> Self {
        Self { ends }
    }

    pub(super) fn ends(&self) -> &[Presser; 2] {
        &self.ends
    }

    pub(super) fn streams(&self) -> [StreamKey; 2] {
        self.ends.each_ref().map(|end| end.stream)
    }

    /// What was sent of our own, by the stream on which it was.
    pub(super) fn into_sources(self) -> [(StreamKey, Source); 2] {
        let [first, second] = self.streams();
        let mut sources = self.ends.map(|end| end.source().clone()).into_iter();
        // There are two of them.
        [second, first].map(|stream| (stream, sources.next().unwrap_or_else(|| Source::new([0; 10], 8_000))))
    }

    pub(super) fn receive(&mut self, at: usize, packet: &mut Packet<'_>, out: &mut Out<'_>) {
        let other = self.ends[1 - at].stream;
        let is_spoken_for = self.ends[at].is_spoken_for() && !self.ends[at].is_event(packet);
        let Presser { stream, inlay, .. } = &mut self.ends[at];
        let (stream, now) = (*stream, out.now);
        let keys = &mut *out.keys;
        match inlay.lay(now, packet, |key| keys.push((stream, key))) {
            // A key is begun under a source of ours: of two at once some phones hear neither. No other key is lost for that.
            Fate::Passes if is_spoken_for => out.relay.withhold(stream),
            Fate::Passes => out.pass(stream, packet),
            Fate::Laid => out.rtp(other, packet),
            Fate::Kept => out.relay.withhold(stream),
        }
    }

    pub(super) fn tick(&mut self, out: &mut Out<'_>) {
        let [first, second] = self.streams();
        for (end, other) in self.ends.iter_mut().zip([second, first]) {
            let (stream, keys) = (end.stream, &mut *out.keys);
            end.inlay.tick(out.now, |key: Key| keys.push((stream, key)));
            end.say(other, out);
        }
    }

    /// A key for the end at this place.
    pub(super) fn press(&mut self, at: usize, asked: Asked, out: &Out<'_>) {
        let inlay = &mut self.ends[1 - at].inlay;
        match asked.is_ordered {
            true => inlay.order(asked.digit, asked.ms),
            false => inlay.press(out.now, asked.digit, asked.ms),
        }
    }

    pub(super) fn missed(&mut self, ticks: u32) {
        for end in &mut self.ends {
            if let Voice::Mouth(mouth) = &mut end.voice {
                mouth.skip(ticks);
            }
        }
    }

    pub(super) fn leave(&mut self, out: &mut Out<'_>) {
        let [first, second] = self.streams();
        for (end, other) in self.ends.iter().zip([second, first]) {
            send_goodbye(other, end.source(), None, out);
        }
    }
}
