//! What comes on a stream, as samples.

use super::{Events, TICK_MS};
use crate::codec::comfort::NoiseLevel;
use crate::codec::{Codec, CodecError};
use crate::jitter::{Arrival, Content, Counters, JitterBuffer, Settings};
use crate::rtp::Rtp;
use crate::tone::detect::{Detector, Key};
use crate::tone::event::{Event, Receiver};
use crate::transcode::Listener;
use coeur_sip::time::Monotonic;
use std::time::Duration;

/// What a packet waits at least, and at most, for those that are late.
const DELAY_MS_MIN: u32 = 20;
const DELAY_MS_MAX: u32 = 400;

/// A sender that changes its codec more often is not followed: each change makes a decoder.
const CHANGE_EVERY: Duration = Duration::from_millis(500);

/// How long nothing may come of a key that is pressed before it counts as released (RFC 4733 section 2.5.1.4 lets a sender
/// repeat it every 50 ms or so).
const KEY_SILENCE: Duration = Duration::from_millis(300);

/// What is understood on a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hears {
    /// Payload types and their codecs, best first.
    pub formats: Box<[(u8, Codec)]>,
    pub events: Option<Events>,
    /// Comfort noise (RFC 3389).
    pub noise: Option<u8>,
    /// Of the samples that are given: 8, 16 or 48 kHz.
    pub rate_hz: u32,
    /// Keys are searched for in the sound; at 8 and 16 kHz only.
    pub keys_in_sound: bool,
}

/// One stream that is heard. 60 to 150 KB: what waits, and the decoder.
pub struct Ear {
    hears: Hears,
    seed: u32,
    /// What is spoken now.
    codec: Codec,
    changed_at: Monotonic,
    jitter: JitterBuffer,
    listener: Listener,
    keys: Option<Keys>,
    detector: Option<Detector>,
    /// Decoded, and how much of it was not given yet.
    pcm: Box<[i16]>,
    filled: usize,
}

/// Keys that come as events.
struct Keys {
    events: Events,
    receiver: Receiver,
    heard_at: Monotonic,
}

impl Ear {
    /// `seed` is for comfort noise only. No format, or a rate that is none of ours, is refused.
    pub fn new(hears: Hears, seed: u32) -> Result<Ear, CodecError> {
        let (_, codec) = *hears.formats.first().ok_or(CodecError::BadArgument)?;
        let listener = Listener::new(codec, hears.rate_hz, seed)?;
        let detects = hears.keys_in_sound && hears.rate_hz <= 16_000;
        let keys = hears.events.map(|events| Keys {
            events,
            receiver: Receiver::new(events.clock_hz),
            heard_at: Monotonic::default(),
        });
        Ok(Ear {
            seed,
            codec,
            changed_at: Monotonic::default(),
            jitter: jitter(codec),
            pcm: vec![0; room(&listener, hears.rate_hz)].into(),
            listener,
            keys,
            detector: detects.then(|| Detector::new(hears.rate_hz)),
            filled: 0,
            hears,
        })
    }

    pub fn hears(&self) -> &Hears {
        &self.hears
    }

    pub fn counters(&self) -> Counters {
        self.jitter.counters()
    }

    /// How long sound waits here now, in milliseconds.
    pub fn delay_ms(&self) -> u32 {
        self.jitter.delay_ms()
    }

    /// Takes a packet; a key that it carries is told at once.
    pub fn receive(&mut self, now: Monotonic, packet: &Rtp<'_>, found: impl FnMut(Key)) {
        let Some(payload) = packet.payload() else { return };
        let payload_type = packet.payload_type();
        if self.hears.events.is_some_and(|events| events.payload == payload_type) {
            return self.receive_event(now, packet, payload, found);
        }
        if self.hears.noise == Some(payload_type) {
            if let Some(level) = NoiseLevel::from_payload(payload) {
                self.insert(now, packet, 0, Content::Noise(level));
            }
            return;
        }
        let format = self.hears.formats.iter().find(|(payload, _)| *payload == payload_type);
        let Some((_, codec)) = format.copied() else { return };
        if codec != self.codec && !self.change(now, codec) {
            return;
        }
        let ticks = ticks(codec, payload);
        self.insert(now, packet, ticks, Content::Audio(payload));
    }

    fn receive_event(&mut self, now: Monotonic, packet: &Rtp<'_>, payload: &[u8], found: impl FnMut(Key)) {
        let Some(keys) = &mut self.keys else { return };
        keys.heard_at = now;
        keys.receiver.receive(payload, packet.timestamp(), found);
        let Some(event) = Event::read(payload) else { return };
        // Audio is left out meanwhile: that is silence, and no loss. Its time is where the event has come to.
        if keys.events.clock_hz == self.codec.clock_hz() {
            let timestamp = packet.timestamp().wrapping_add(u32::from(event.duration));
            let content = Content::Noise(SILENT);
            let arrival = Arrival { sequence: packet.sequence(), timestamp, ticks: 0, content };
            self.jitter.insert(arrival, now);
        }
    }

    fn insert(&mut self, now: Monotonic, packet: &Rtp<'_>, ticks: u32, content: Content<'_>) {
        let (sequence, timestamp) = (packet.sequence(), packet.timestamp());
        self.jitter.insert(Arrival { sequence, timestamp, ticks, content }, now);
    }

    /// The sender has changed to another of its codecs (RFC 3264 section 6.1 lets it at any time).
    fn change(&mut self, now: Monotonic, codec: Codec) -> bool {
        if self.jitter.counters().inserted > 0 && now.since(self.changed_at) < CHANGE_EVERY {
            return false;
        }
        let Ok(listener) = Listener::new(codec, self.hears.rate_hz, self.seed) else { return false };
        let needed = room(&listener, self.hears.rate_hz);
        if self.pcm.len() < needed {
            let mut pcm = vec![0; needed];
            pcm[..self.filled].copy_from_slice(&self.pcm[..self.filled]);
            self.pcm = pcm.into();
        }
        (self.listener, self.jitter) = (listener, jitter(codec));
        (self.codec, self.changed_at) = (codec, now);
        true
    }

    /// Nobody listens for a while: what waits is forgotten.
    pub fn rest(&mut self) {
        self.jitter.begin_anew();
        self.filled = 0;
    }

    /// Fills `pcm`, whole milliseconds and at most a tick, with what is heard next.
    pub fn listen(&mut self, now: Monotonic, pcm: &mut [i16], mut found: impl FnMut(Key)) {
        if let Some(keys) = self.keys.as_mut().filter(|keys| now.since(keys.heard_at) > KEY_SILENCE) {
            keys.receiver.end(&mut found);
        }
        while self.filled < pcm.len() {
            let frame_ms = self.jitter.frame_ms();
            let room = &mut self.pcm[self.filled..];
            let heard = self.listener.hear(self.jitter.next(now), room);
            self.filled += match heard {
                Ok(count) if count > 0 => count,
                // No payload of this codec: nothing is heard for its time.
                Ok(_) | Err(_) => {
                    let count = usize::from(frame_ms) * self.hears.rate_hz as usize / 1_000;
                    let count = count.min(room.len());
                    room[..count].fill(0);
                    count
                }
            };
        }
        pcm.copy_from_slice(&self.pcm[..pcm.len()]);
        self.pcm.copy_within(pcm.len()..self.filled, 0);
        self.filled -= pcm.len();
        if let Some(detector) = &mut self.detector {
            detector.listen(pcm, found);
        }
    }
}

/// The lowest level that a packet of noise can tell.
const SILENT: NoiseLevel = NoiseLevel::SILENT;

fn jitter(codec: Codec) -> JitterBuffer {
    JitterBuffer::new(Settings {
        clock_hz: codec.clock_hz(),
        frame_ms: TICK_MS,
        delay_ms_min: DELAY_MS_MIN,
        delay_ms_max: DELAY_MS_MAX,
    })
}

/// A payload beside what is left of the one before it.
fn room(listener: &Listener, rate_hz: u32) -> usize {
    listener.samples_max() + rate_hz as usize / 1_000 * usize::from(TICK_MS)
}

/// How long a payload is, in ticks of the timestamp.
pub(super) fn ticks(codec: Codec, payload: &[u8]) -> u32 {
    match codec {
        // A byte is a sample, or two at a clock that counts half of them.
        Codec::Pcmu | Codec::Pcma | Codec::G722 => payload.len() as u32,
        Codec::Opus => coeur_opus::samples(payload, codec.clock_hz()).unwrap_or(0) as u32,
    }
}
