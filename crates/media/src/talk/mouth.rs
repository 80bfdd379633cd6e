//! Samples, and keys, as what leaves on a stream.

use super::waiting::Waiting;
use super::{Events, PAUSE_TICKS, TICK_MS};
use crate::codec::{CodecError, OpusSettings};
use crate::packet::{Packet, SLOT_BYTES};
use crate::rtp::Source;
use crate::tone::detect::Key;
use crate::tone::event::Sender;
use crate::tone::{Digit, Generator};
use crate::transcode::{Format, Output, Speaker};
use coeur_sip::time::Monotonic;

/// What is said on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Says {
    pub payload: u8,
    pub format: Format,
    /// Keys leave as events; without them as sound.
    pub events: Option<Events>,
    /// Of the samples that are handed in: 8, 16 or 48 kHz.
    pub rate_hz: u32,
    /// How Opus is encoded.
    pub opus: Option<OpusSettings>,
}

/// One stream that is spoken on. 3 to 80 KB, of which Opus has most.
pub struct Mouth {
    says: Says,
    speaker: Speaker,
    source: Source,
    /// The first packet after silence has the marker (RFC 3551 section 4.1).
    begins: bool,
    keys: Waiting,
    now: Saying,
    slot: Box<[u8; SLOT_BYTES]>,
}

enum Saying {
    Speech,
    /// `live`: its end is not known yet.
    Event {
        sender: Sender,
        live: bool,
    },
    Tone(Generator),
    Pause {
        ticks_left: u8,
    },
}

impl Mouth {
    /// `source`: what was sent before on this stream goes on in its numbers.
    pub fn new(says: Says, source: Source) -> Result<Mouth, CodecError> {
        let mut speaker = Speaker::new(says.format, says.rate_hz)?;
        if let Some(settings) = says.opus {
            speaker.set_opus(settings)?;
        }
        Ok(Mouth {
            says,
            speaker,
            source,
            begins: true,
            keys: Waiting::new(),
            now: Saying::Speech,
            slot: Box::new([0; SLOT_BYTES]),
        })
    }

    pub fn says(&self) -> &Says {
        &self.says
    }

    pub fn source(&self) -> &Source {
        &self.source
    }

    /// What goes on when another speaks here.
    pub fn into_source(self) -> Source {
        self.source
    }

    /// A key as it was found elsewhere. While one is held that is sent as an event, nothing else is said.
    pub fn key(&mut self, key: Key) {
        match key {
            Key::Pressed(digit) => self.keys.push(digit, None),
            Key::Released { digit, ms } => self.released(digit, ms),
        }
    }

    /// See [`Source::number_behind`].
    pub fn number_behind(&mut self, number: u16) {
        self.source.number_behind(number);
    }

    /// A key of a length that is known.
    pub fn press(&mut self, digit: Digit, ms: u32) {
        self.keys.push(digit, Some(ms));
    }

    /// Whether a key is sent, or waits for its turn.
    pub fn has_keys(&self) -> bool {
        !self.keys.is_empty() || !matches!(self.now, Saying::Speech)
    }

    fn released(&mut self, digit: Digit, ms: u32) {
        if !self.keys.released(digit, ms)
            && let Saying::Event { sender, live } = &mut self.now
            && std::mem::take(live)
        {
            sender.release();
        }
    }

    /// Time passes in which nothing is said, in ticks of the clock that drives: after that many were missed.
    pub fn skip(&mut self, ticks: u32) {
        self.cut();
        self.source.advance(ticks.wrapping_mul(self.tick()));
    }

    /// Says what is in `pcm`, one tick of it, or what of a key has its turn instead. Each packet is handed to `send`.
    pub fn say(&mut self, now: Monotonic, pcm: &mut [i16], mut send: impl FnMut(&mut Packet<'_>)) {
        self.begin_key();
        match &mut self.now {
            Saying::Speech => self.speak(now, pcm, send),
            Saying::Tone(generator) => {
                if generator.fill(pcm) < pcm.len() {
                    self.now = Saying::Speech;
                }
                self.speak(now, pcm, send);
            }
            Saying::Pause { ticks_left } => {
                *ticks_left -= 1;
                if *ticks_left == 0 {
                    self.now = Saying::Speech;
                }
                self.source.advance(self.tick());
            }
            Saying::Event { sender, .. } => {
                let Some(events) = self.says.events else { return };
                let scale = |ticks: u32| {
                    (u64::from(ticks) * u64::from(self.source.clock_hz()) / u64::from(events.clock_hz)) as u32
                };
                if let Some(event) = sender.next(events.clock_hz / 1_000 * u32::from(TICK_MS)) {
                    let mut packet = Packet::received(&mut *self.slot, 0);
                    let back = scale(event.ticks_since_begin);
                    let written = self.source.write(
                        &mut packet,
                        now,
                        events.payload,
                        event.marker,
                        back,
                        &event.payload,
                    );
                    if written.is_ok() {
                        send(&mut packet);
                    }
                }
                if sender.is_idle() {
                    self.now = Saying::Pause { ticks_left: PAUSE_TICKS };
                }
                self.source.advance(self.tick());
            }
        }
    }

    fn speak(&mut self, now: Monotonic, pcm: &[i16], mut send: impl FnMut(&mut Packet<'_>)) {
        let Mouth { says, speaker, source, begins, slot, .. } = self;
        let ticks = says.format.codec.clock_hz() / 1_000 * u32::from(says.format.frame_ms);
        // An error is of one frame only, which is left out.
        let _ = speaker.say(pcm, |output| {
            match output {
                Output::Payload(payload) => {
                    let mut packet = Packet::received(&mut **slot, 0);
                    let marker = std::mem::take(begins);
                    if source.write(&mut packet, now, says.payload, marker, 0, payload).is_ok() {
                        send(&mut packet);
                    }
                }
                Output::Silence => *begins = true,
            }
            source.advance(ticks);
        });
    }

    /// The next key has its turn, when none is sent.
    fn begin_key(&mut self) {
        if !matches!(self.now, Saying::Speech) {
            return;
        }
        let Some(wanted) = self.keys.front() else { return };
        self.now = match (self.says.events, wanted.ms) {
            (Some(events), ms) => {
                let mut sender = Sender::default();
                sender.press(wanted.digit, ms.map(|ms| (events.clock_hz / 1_000).saturating_mul(ms)));
                self.cut();
                Saying::Event { sender, live: ms.is_none() }
            }
            (None, Some(ms)) => {
                let pause_ms = u16::from(PAUSE_TICKS) * u16::from(TICK_MS);
                Saying::Tone(Generator::digit(wanted.digit, ms as u16, pause_ms, self.says.rate_hz))
            }
            // Sound is made once its length is known.
            (None, None) => return,
        };
        self.keys.pop();
    }

    /// What does not make a frame yet is not said, its time passes all the same.
    fn cut(&mut self) {
        let cut_ms = self.speaker.cut();
        self.source.advance(self.says.format.codec.clock_hz() / 1_000 * cut_ms);
        self.begins = true;
    }

    /// Ticks of the timestamp in one of the clock that drives.
    fn tick(&self) -> u32 {
        self.says.format.codec.clock_hz() / 1_000 * u32::from(TICK_MS)
    }
}
