//! Keys laid into packets that pass, for who would not understand those of their sender: for the time of a key its audio is
//! replaced by events, or by the sound of the key in the codec that is spoken. What is no key stays as it is, byte by byte, so a fax
//! or an alarm passes as it came.
//!
//! A key that came as an event, or in an INFO, is laid once its length is known; one that is heard in the sound while it is
//! heard. Of a sender who says nothing (it is on hold, or silence is not sent) there is nothing to lay a key into: see
//! [`Inlay::overdue`].

use super::ear::ticks;
use super::waiting::Waiting;
use super::{Events, PAUSE_TICKS, TICK_MS};
use crate::codec::{Codec, Encoder, PAYLOAD_BYTES_MAX};
use crate::packet::Packet;
use crate::rtp::{HEADER_BYTES, Rtp, RtpMut};
use crate::tone::detect::{Detector, Key};
use crate::tone::event::{Receiver, Sender};
use crate::tone::{Digit, Generator};
use crate::transcode::{Heard, Listener};
use coeur_sip::time::Monotonic;
use std::time::Duration;

/// A sender from whom nothing came for so long says nothing: its keys are not laid into what may never come.
const SILENCE: Duration = Duration::from_millis(200);

/// How long nothing may come of a key that is pressed before it counts as released (see [`super::Ear`]).
const KEY_SILENCE: Duration = Duration::from_millis(300);

/// An event of a key that came in an INFO so shortly before is that key once more.
const TWICE: Duration = Duration::from_millis(1_500);

/// Of Opus; more is not heard in a key.
const OPUS_HZ: u32 = 16_000;

/// How far behind the newest packet one is late; one farther away begins anew.
const LATE_PACKETS: u16 = 1_000;

/// Most milliseconds of a packet.
const PACKET_MS_MAX: u32 = 120;

/// What passes in one direction, and who it passes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passes {
    /// Audio that can be made: as the sender numbers it, and as the receiver does.
    pub formats: Box<[(u8, u8, Codec)]>,
    /// Ticks a second of the timestamp.
    pub clock_hz: u32,
    /// Events of the sender.
    pub events: Option<Events>,
    /// Keys are searched for in the sound of the sender; only for who does not hear them there.
    pub keys_in_sound: bool,
    pub way: Way,
}

/// How the receiver learns of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Those that the sender says pass as they are.
    Events(Events),
    Sound,
    /// Not by what passes; what is pressed for it is sound. A key that is heard in the sound is silence from then on: it would be
    /// one more.
    Told,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It passes as it came.
    Passes,
    /// A key was laid into it: it leaves as it is now, in the numbers of the receiver.
    Laid,
    /// It was for us alone. The numbers of those behind it close up.
    Kept,
}

/// One direction of a stream. 1 KB; while keys are searched for in Opus, or said in it, 20 to 50 KB.
pub struct Inlay {
    passes: Passes,
    receiver: Option<Receiver>,
    event_at: Monotonic,
    has_said_events: bool,
    /// The last key that came in an INFO.
    told: Option<(Digit, Monotonic)>,
    /// The timestamp of an event that says it once more.
    twice: Option<u32>,
    ears: Option<Ears>,
    /// Of sound that is laid; of G.722 it follows what passes.
    encoder: Option<(Codec, Box<Encoder>)>,
    waiting: Waiting,
    laying: Laying,
    /// When it said something last.
    said_at: Option<Monotonic>,
    timestamp: u32,
    /// Who says it.
    ssrc: Option<u32>,
    /// Numbers of its newest packet of sound, and of the last that a key was laid into.
    newest: Option<u16>,
    laid: Option<u16>,
}

enum Laying {
    Nothing,
    /// `begun`: the timestamp of all its packets. `live`: its end is not known yet.
    Event {
        sender: Sender,
        begun: u32,
        live: bool,
    },
    Tone {
        generator: Generator,
        codec: Codec,
    },
    /// While a key is heard in the sound of which the receiver is told.
    Hush,
    /// Between two events; ticks of the timestamp.
    Pause {
        left: u32,
    },
}

/// Who searches for keys.
struct Ears {
    codec: Codec,
    listener: Listener,
    detector: Detector,
    pcm: Box<[i16]>,
}

impl Inlay {
    /// `has_said_events`: the sender has said keys by events before.
    pub fn new(passes: Passes, has_said_events: bool) -> Inlay {
        Inlay {
            receiver: passes.events.map(|events| Receiver::new(events.clock_hz)),
            passes,
            event_at: Monotonic::default(),
            has_said_events,
            told: None,
            twice: None,
            ears: None,
            encoder: None,
            waiting: Waiting::new(),
            laying: Laying::Nothing,
            said_at: None,
            timestamp: 0,
            ssrc: None,
            newest: None,
            laid: None,
        }
    }

    pub fn passes(&self) -> &Passes {
        &self.passes
    }

    /// A key for the receiver, of a length that is known, which its sender has said apart. Who says events as well has said it
    /// by one.
    pub fn press(&mut self, now: Monotonic, digit: Digit, ms: u32) {
        if self.has_said_events && matches!(self.passes.way, Way::Events(_)) {
            return;
        }
        self.told = Some((digit, now));
        self.waiting.push(digit, Some(ms));
    }

    /// A key for the receiver which its sender has not pressed: what that says of its own is another.
    pub fn order(&mut self, digit: Digit, ms: u32) {
        self.waiting.push(digit, Some(ms));
    }

    /// What becomes of a packet of the sender. Keys that are found are told of.
    pub fn lay(&mut self, now: Monotonic, packet: &mut Packet<'_>, mut found: impl FnMut(Key)) -> Fate {
        let Ok(rtp) = Rtp::parse(packet) else { return Fate::Passes };
        let (payload_type, timestamp) = (rtp.payload_type(), rtp.timestamp());
        let (ssrc, sequence) = (rtp.ssrc(), rtp.sequence());
        if self.passes.events.is_some_and(|events| events.payload == payload_type) {
            return self.event(now, timestamp, rtp.payload().unwrap_or_default(), found);
        }
        if self.ssrc.replace(ssrc).is_some_and(|before| before != ssrc) {
            self.begin_anew();
        }
        let is_behind =
            |number: Option<u16>| number.is_some_and(|number| number.wrapping_sub(sequence) < LATE_PACKETS);
        // Late, or twice: a number under which a key was said says nothing else, least of all under a key of SRTP (RFC 3711
        // section 9.1).
        match (is_behind(self.laid), is_behind(self.newest)) {
            (true, _) => return Fate::Kept,
            (false, true) => return Fate::Passes,
            (false, false) => self.newest = Some(sequence),
        }
        let step = timestamp.wrapping_sub(std::mem::replace(&mut self.timestamp, timestamp));
        self.said_at = Some(now);
        let codec = self.passes.formats.iter().find(|(sent, ..)| *sent == payload_type);
        let codec = codec.map(|(_, received, codec)| (*received, *codec));
        if let Some((_, codec)) = codec.filter(|_| self.passes.keys_in_sound) {
            self.search(codec, rtp.payload().unwrap_or_default(), &mut found);
        }
        let most = self.passes.clock_hz / 1_000 * PACKET_MS_MAX;
        let usual = self.passes.clock_hz / 1_000 * u32::from(TICK_MS);
        let length = codec.map(|(_, codec)| ticks(codec, rtp.payload().unwrap_or_default()));
        let ticks = length.unwrap_or(step);
        let ticks = if (1..=most).contains(&ticks) { ticks } else { usual };
        self.begin(timestamp, codec.map(|(_, codec)| codec));
        let fate = self.lay_into(packet, ticks, codec);
        if fate == Fate::Laid {
            self.laid = Some(sequence);
        }
        if fate == Fate::Passes
            && !matches!(self.passes.way, Way::Events(_))
            && matches!(codec, Some((_, Codec::G722)))
        {
            let payload = Rtp::parse(packet).ok().and_then(|rtp| rtp.payload());
            if let Some(encoder) = self.encoder(Codec::G722) {
                encoder.follow(payload.unwrap_or_default());
            }
        }
        fate
    }

    /// Another source has numbers and timestamps of its own (RFC 3550 section 5.1), and no key of the one before goes on in it.
    fn begin_anew(&mut self) {
        (self.newest, self.laid) = (None, None);
        self.laying = Laying::Nothing;
    }

    /// An event of the sender.
    fn event(&mut self, now: Monotonic, timestamp: u32, payload: &[u8], mut found: impl FnMut(Key)) -> Fate {
        let Some(receiver) = self.receiver.as_mut() else { return Fate::Passes };
        self.event_at = now;
        // Its sound goes on when the key is over.
        self.said_at = Some(now);
        let (way, told, twice, waiting) = (self.passes.way, self.told, &mut self.twice, &mut self.waiting);
        receiver.receive(payload, timestamp, |key| {
            if let Key::Pressed(digit) = key
                && told.is_some_and(|(told, at)| told == digit && now.since(at) < TWICE)
            {
                *twice = Some(timestamp);
            }
            if *twice == Some(timestamp) {
                return;
            }
            if way == Way::Sound
                && let Key::Released { digit, ms } = key
            {
                waiting.push(digit, Some(ms));
            }
            found(key);
        });
        match way {
            Way::Events(_) if self.twice != Some(timestamp) => {
                self.has_said_events = true;
                Fate::Passes
            }
            Way::Events(_) | Way::Sound | Way::Told => Fate::Kept,
        }
    }

    /// 20 ms have passed: a key whose ends were all lost is over.
    pub fn tick(&mut self, now: Monotonic, mut found: impl FnMut(Key)) {
        let is_over = now.since(self.event_at) > KEY_SILENCE;
        let Some(receiver) = self.receiver.as_mut().filter(|_| is_over) else { return };
        let (way, waiting) = (self.passes.way, &mut self.waiting);
        receiver.end(|key| {
            if way == Way::Sound
                && let Key::Released { digit, ms } = key
            {
                waiting.push(digit, Some(ms));
            }
            found(key);
        });
    }

    /// The next key, when the sender says nothing that it could be laid into; it is to be said in another way.
    pub fn overdue(&mut self, now: Monotonic) -> Option<(Digit, u32)> {
        if self.said_at.is_some_and(|at| now.since(at) < SILENCE) {
            return None;
        }
        // What was begun counts as said: a receiver ends an event of which nothing more comes.
        self.laying = Laying::Nothing;
        let wanted = self.waiting.front()?;
        let ms = wanted.ms?;
        self.waiting.pop();
        Some((wanted.digit, ms))
    }

    /// Searches a payload for keys, which are laid at once.
    fn search(&mut self, codec: Codec, payload: &[u8], found: &mut impl FnMut(Key)) {
        if self.ears.as_ref().is_none_or(|ears| ears.codec != codec) {
            self.ears = Ears::new(codec);
        }
        let Some(ears) = &mut self.ears else { return };
        // What is no payload of the codec is silence.
        let count = ears.listener.hear(Heard::Payload(payload), &mut ears.pcm).unwrap_or(0);
        let (way, laying, waiting) = (self.passes.way, &mut self.laying, &mut self.waiting);
        ears.detector.listen(&ears.pcm[..count], |key| {
            match key {
                Key::Pressed(_) if way == Way::Told => *laying = Laying::Hush,
                Key::Released { .. } if way == Way::Told => *laying = Laying::Nothing,
                Key::Pressed(digit) => waiting.push(digit, None),
                Key::Released { digit, ms } => {
                    if !waiting.released(digit, ms)
                        && let Laying::Event { sender, live, .. } = laying
                        && std::mem::take(live)
                    {
                        sender.release();
                    }
                }
            }
            found(key);
        });
    }

    fn encoder(&mut self, codec: Codec) -> Option<&mut Encoder> {
        if self.encoder.as_ref().is_none_or(|(of, _)| *of != codec) {
            self.encoder = Some((codec, Box::new(Encoder::new(codec, rate_hz(codec)).ok()?)));
        }
        self.encoder.as_mut().map(|(_, encoder)| &mut **encoder)
    }

    /// The next key has its turn, when none is laid.
    fn begin(&mut self, timestamp: u32, codec: Option<Codec>) {
        if !matches!(self.laying, Laying::Nothing) {
            return;
        }
        let Some(wanted) = self.waiting.front() else { return };
        self.laying = match (self.passes.way, wanted.ms, codec) {
            (Way::Events(events), ms, _) => {
                let mut sender = Sender::default();
                sender.press(wanted.digit, ms.map(|ms| (events.clock_hz / 1_000).saturating_mul(ms)));
                Laying::Event { sender, begun: timestamp, live: ms.is_none() }
            }
            (Way::Sound | Way::Told, Some(ms), Some(codec)) => {
                let pause_ms = u16::from(PAUSE_TICKS) * u16::from(TICK_MS);
                let generator = Generator::digit(wanted.digit, ms as u16, pause_ms, rate_hz(codec));
                Laying::Tone { generator, codec }
            }
            // Comfort noise is no codec: the key waits for the next sound.
            (Way::Sound | Way::Told, ..) => return,
        };
        self.waiting.pop();
    }

    fn lay_into(&mut self, packet: &mut Packet<'_>, ticks: u32, codec: Option<(u8, Codec)>) -> Fate {
        let clock_hz = self.passes.clock_hz.max(1);
        match &mut self.laying {
            Laying::Nothing => Fate::Passes,
            Laying::Hush => {
                let Some((payload_type, codec)) = codec else { return Fate::Passes };
                let pcm = [0; SAMPLES_MAX];
                self.say(packet, (payload_type, codec), &pcm[..samples(codec, ticks)])
            }
            Laying::Pause { left } => {
                *left = left.saturating_sub(ticks);
                if *left == 0 {
                    self.laying = Laying::Nothing;
                }
                Fate::Passes
            }
            Laying::Event { sender, begun, .. } => {
                let Way::Events(events) = self.passes.way else { return Fate::Passes };
                let scaled = u64::from(ticks) * u64::from(events.clock_hz) / u64::from(clock_hz);
                // A packet is shorter than a second, and so fits.
                let next = sender.next(scaled as u32);
                let begun = *begun;
                if sender.is_idle() {
                    let left = clock_hz / 1_000 * u32::from(PAUSE_TICKS) * u32::from(TICK_MS);
                    self.laying = Laying::Pause { left };
                }
                let Some(event) = next else { return Fate::Passes };
                write(packet, events.payload, Some(begun), event.marker, &event.payload)
            }
            Laying::Tone { generator, codec: of } => {
                let of = *of;
                let Some((payload_type, _)) = codec.filter(|(_, codec)| *codec == of) else {
                    // It has changed its codec within the key, or sends noise: that packet has none of it.
                    return Fate::Passes;
                };
                let mut pcm = [0; SAMPLES_MAX];
                let pcm = &mut pcm[..samples(of, ticks)];
                let is_over = generator.fill(pcm) < pcm.len();
                if is_over {
                    self.laying = Laying::Nothing;
                }
                self.say(packet, (payload_type, of), pcm)
            }
        }
    }

    /// Sound in the place of what a packet says.
    fn say(&mut self, packet: &mut Packet<'_>, (payload_type, codec): (u8, Codec), pcm: &[i16]) -> Fate {
        let mut payload = [0; PAYLOAD_BYTES_MAX];
        let Some(encoder) = self.encoder(codec) else { return Fate::Passes };
        match encoder.encode(pcm, &mut payload) {
            Ok(Some(bytes)) => write(packet, payload_type, None, false, &payload[..bytes]),
            // Silence, or a length that the codec cannot make.
            Ok(None) | Err(_) => Fate::Passes,
        }
    }
}

/// Of a packet at the highest rate.
const SAMPLES_MAX: usize = OPUS_HZ as usize / 1_000 * PACKET_MS_MAX as usize;

/// How many there are in so many ticks of the timestamp.
fn samples(codec: Codec, ticks: u32) -> usize {
    let samples = u64::from(ticks) * u64::from(rate_hz(codec)) / u64::from(codec.clock_hz());
    (samples as usize).min(SAMPLES_MAX)
}

fn rate_hz(codec: Codec) -> u32 {
    if codec == Codec::Opus { OPUS_HZ } else { codec.rate_hz() }
}

/// Writes another payload into a packet, which keeps its number and its source. Its header extension and the names of who
/// contributed go, since they were about what was there.
fn write(
    packet: &mut Packet<'_>,
    payload_type: u8,
    timestamp: Option<u32>,
    marker: bool,
    payload: &[u8],
) -> Fate {
    packet.truncate(HEADER_BYTES);
    // Version 2 alone: no padding, no extension, no CSRC.
    packet[0] = 0x80;
    let Ok(mut rtp) = RtpMut::parse(packet) else { return Fate::Passes };
    rtp.set_payload_type(payload_type);
    rtp.set_marker(marker);
    if let Some(timestamp) = timestamp {
        rtp.set_timestamp(timestamp);
    }
    // A payload of ours is shorter than the slot.
    if let Ok(room) = packet.append(payload.len()) {
        room.copy_from_slice(payload);
    }
    Fate::Laid
}

impl Ears {
    fn new(codec: Codec) -> Option<Ears> {
        let rate_hz = rate_hz(codec);
        let listener = Listener::new(codec, rate_hz, 1).ok()?;
        let pcm = vec![0; listener.samples_max()].into();
        Some(Ears { codec, listener, detector: Detector::new(rate_hz), pcm })
    }
}

#[cfg(test)]
mod tests;
