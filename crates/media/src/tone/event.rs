//! Keys as RTP events (RFC 4733): read, written, sent and received.
//!
//! A [`Sender`] says for each frame of its time which payload to send, with the end told three times (section 2.5.1.4). A
//! [`Receiver`] makes of all that repeats one press and one release, also when the beginning or all ends were lost.
//!
//! Not here: events other than the sixteen keys, several events in a packet, and events longer than a segment of 8 seconds
//! (section 2.5.1.3): a key that is held longer ends there.

use super::Digit;
use super::detect::Key;

/// Bytes of one event.
pub const PAYLOAD_BYTES: usize = 4;

/// How often the end is told.
const ENDS: u8 = 3;

/// What a payload says (RFC 4733 section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// 0 to 15 are keys; others are read as well.
    pub event: u8,
    pub end: bool,
    /// Decibels below 0 dBm0, 0 to 63.
    pub volume: u8,
    /// So far, in ticks of the timestamp.
    pub duration: u16,
}

impl Event {
    /// The first event of a payload. The reserved bit is ignored.
    pub fn read(payload: &[u8]) -> Option<Event> {
        let bytes = payload.get(..PAYLOAD_BYTES)?;
        Some(Event {
            event: bytes[0],
            end: bytes[1] & 0x80 != 0,
            volume: bytes[1] & 0x3f,
            duration: u16::from_be_bytes([bytes[2], bytes[3]]),
        })
    }

    pub fn write(self) -> [u8; PAYLOAD_BYTES] {
        let [high, low] = self.duration.to_be_bytes();
        [self.event, u8::from(self.end) << 7 | self.volume & 0x3f, high, low]
    }
}

/// What is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    pub payload: [u8; PAYLOAD_BYTES],
    /// Of the first packet of an event (section 2.5.1.2).
    pub marker: bool,
    /// All packets of an event have the timestamp at which it began; this is how far the time of the frame is beyond it.
    pub ticks_since_begin: u32,
}

/// Sends one key after the other.
#[derive(Debug, Default)]
pub struct Sender {
    state: Sending,
}

#[derive(Clone, Copy, Debug, Default)]
enum Sending {
    #[default]
    Idle,
    Holding {
        digit: Digit,
        ticks: u32,
        release_at: Option<u32>,
    },
    Ending {
        digit: Digit,
        ticks: u32,
        told: u8,
        since: u32,
    },
}

impl Sender {
    /// Begins a key; for `ticks` when it is known how long, else until [`Self::release`]. False while another is sent.
    pub fn press(&mut self, digit: Digit, ticks: Option<u32>) -> bool {
        if !self.is_idle() {
            return false;
        }
        self.state = Sending::Holding { digit, ticks: 0, release_at: ticks };
        true
    }

    /// Ends the key that is held.
    pub fn release(&mut self) {
        if let Sending::Holding { ticks, release_at, .. } = &mut self.state {
            *release_at = Some(*ticks);
        }
    }

    pub fn is_idle(&self) -> bool {
        matches!(self.state, Sending::Idle)
    }

    /// What is sent for the next frame of `frame_ticks`, in place of audio; none when there is no key.
    pub fn next(&mut self, frame_ticks: u32) -> Option<Packet> {
        match self.state {
            Sending::Idle => None,
            Sending::Holding { digit, ticks, release_at } => {
                let now = ticks + frame_ticks;
                let longest = u32::from(u16::MAX) / frame_ticks.max(1) * frame_ticks;
                let ends = release_at.is_some_and(|at| now >= at) || now >= longest;
                self.state = if ends {
                    Sending::Ending { digit, ticks: now, told: 1, since: now }
                } else {
                    Sending::Holding { digit, ticks: now, release_at }
                };
                Some(packet(digit, ends, now, ticks == 0, ticks))
            }
            Sending::Ending { digit, ticks, told, since } => {
                let told = told + 1;
                self.state = if told == ENDS {
                    Sending::Idle
                } else {
                    Sending::Ending { digit, ticks, told, since: since + frame_ticks }
                };
                Some(packet(digit, true, ticks, false, since))
            }
        }
    }
}

fn packet(digit: Digit, end: bool, duration: u32, marker: bool, ticks_since_begin: u32) -> Packet {
    let duration = u16::try_from(duration).unwrap_or(u16::MAX);
    // -10 dBm0 is what phones send.
    let event = Event { event: digit.event(), end, volume: 10, duration };
    Packet { payload: event.write(), marker, ticks_since_begin }
}

/// Receives the keys of one stream.
#[derive(Debug)]
pub struct Receiver {
    clock_hz: u32,
    held: Option<Pressed>,
    /// The timestamp of the last event that is over.
    over: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Pressed {
    digit: Digit,
    timestamp: u32,
    duration: u16,
}

impl Receiver {
    pub fn new(clock_hz: u32) -> Receiver {
        Receiver { clock_hz, held: None, over: None }
    }

    /// Reads a payload; `timestamp` is that of its packet and says which event it belongs to (section 2.5.2.2).
    pub fn receive(&mut self, payload: &[u8], timestamp: u32, mut found: impl FnMut(Key)) {
        let Some(event) = Event::read(payload) else { return };
        let Some(digit) = Digit::from_event(event.event) else { return };
        // What is told again of an event that is over, or of one before it, says nothing.
        if self.over.is_some_and(|over| timestamp.wrapping_sub(over) as i32 <= 0) {
            return;
        }
        match self.held {
            Some(held) if held.timestamp == timestamp => {
                let duration = held.duration.max(event.duration);
                self.held = Some(Pressed { duration, ..held });
            }
            Some(held) if (timestamp.wrapping_sub(held.timestamp) as i32) < 0 => return,
            Some(_) => {
                // All ends of the one before were lost.
                self.end(&mut found);
                self.begin(digit, timestamp, event.duration, &mut found);
            }
            None => self.begin(digit, timestamp, event.duration, &mut found),
        }
        if event.end {
            self.end(&mut found);
        }
    }

    /// Ends a key of which nothing more came: audio is heard again, or the stream has stopped.
    pub fn end(&mut self, mut found: impl FnMut(Key)) {
        if let Some(held) = self.held.take() {
            self.over = Some(held.timestamp);
            let ms = u32::from(held.duration) * 1_000 / self.clock_hz.max(1);
            found(Key::Released { digit: held.digit, ms });
        }
    }

    fn begin(&mut self, digit: Digit, timestamp: u32, duration: u16, found: &mut impl FnMut(Key)) {
        self.held = Some(Pressed { digit, timestamp, duration });
        found(Key::Pressed(digit));
    }
}
