//! The jitter buffer: packets as they arrive, payloads as they are heard.
//!
//! [`JitterBuffer::insert`] takes packets in any order, [`JitterBuffer::next`] is asked at the pace of the listener's own
//! clock, once for each frame, and says what is to be heard ([`Heard`], what a transcoder takes). Time is handed in.
//!
//! How long a packet waits follows the network without being told: a stream begins after what its own arrivals so far have
//! asked for, at least [`Settings::delay_ms_min`]. When nothing is there in time, a frame is made up and the packet that was
//! late is played after it, so that the delay has grown by as much as was missing; when one comes after its turn, a frame is
//! made up for the others. When for two seconds no packet has waited less than a frame and the shortest delay, one frame is
//! left out. The same rules carry a clock that goes faster or slower than ours. A talk spurt begins anew.
//!
//! Not here: time stretching, retransmission (RFC 4588), redundancy (RFC 2198).

use std::time::Duration;

use coeur_sip::time::Monotonic;

use crate::codec::comfort::NoiseLevel;
use crate::transcode::Heard;

/// Packets that are kept at most: 1.28 seconds of 20 ms. Some 20 KB, with the longest payloads of Opus 82 KB.
pub const PACKETS_MAX: usize = 64;

/// Longest payload that is kept.
pub const PAYLOAD_BYTES_MAX: usize = crate::codec::PAYLOAD_BYTES_MAX;

/// What is set aside for each payload at once, so that those of usual calls never allocate; longer ones do when they first come.
const PAYLOAD_BYTES_USUAL: usize = 256;

/// What every packet must have waited beyond a frame, for a whole window, before a frame is left out; the shortest delay, when
/// that is more.
const SPARE: Duration = Duration::from_millis(10);

/// For how long the least wait and the greatest delay are watched.
const WINDOW: Duration = Duration::from_secs(2);

/// How much may be made up before it is silence; concealment has faded by then.
const CONCEAL_MS_MAX: u32 = 100;

/// A leap of the timestamp from which a stream is taken for a new one, in milliseconds.
const LEAP_MS: u32 = 3_000;

/// What the caller decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Ticks of the RTP timestamp in a second.
    pub clock_hz: u32,
    /// Of a frame, as long as no packet has said otherwise: 20.
    pub frame_ms: u8,
    /// What a packet waits at least when a stream begins.
    pub delay_ms_min: u32,
    /// What it waits at most; what comes later is late.
    pub delay_ms_max: u32,
}

/// What is inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival<'a> {
    pub sequence: u16,
    pub timestamp: u32,
    /// How long the payload is, in ticks of the timestamp.
    pub ticks: u32,
    pub content: Content<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    Audio(&'a [u8]),
    /// Comfort noise (RFC 3389): silence follows.
    Noise(NoiseLevel),
}

/// What became of the packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub inserted: u64,
    pub played: u64,
    /// Never came, or not in time.
    pub lost: u64,
    /// Came when something else had been played for them.
    pub late: u64,
    pub duplicate: u64,
    pub reordered: u64,
    /// Did not fit: too many, or too long.
    pub overflow: u64,
    /// Frames made up because nothing was there, after which the delay was longer.
    pub stretched: u64,
    /// Frames left out because every packet waited for too long.
    pub left_out: u64,
    /// Times that a stream began, or began anew after silence.
    pub begun: u64,
}

/// The buffer of one stream.
pub struct JitterBuffer {
    settings: Settings,
    slots: Box<[Slot]>,
    phase: Phase,
    /// The sequence number, extended to 64 bits, of the last packet that was played or given up.
    last: u64,
    /// The largest extended sequence number that was inserted.
    highest: u64,
    frame_ticks: u32,
    noise: Option<NoiseLevel>,
    /// A packet came after its turn: the next frame is made up, so that the delay grows by it.
    longer: bool,
    transit: Transit,
    spare: Spare,
    counters: Counters,
}

#[derive(Default)]
struct Slot {
    full: bool,
    sequence: u64,
    timestamp: u32,
    ticks: u32,
    arrived: Monotonic,
    noise: Option<NoiseLevel>,
    payload: Vec<u8>,
}

enum Phase {
    /// Nothing has come yet.
    Empty,
    /// The first packet of a stream or a spurt waits until then.
    Waiting { until: Monotonic },
    /// `due` is the timestamp of what is heard next; so much has been made up since the last packet.
    Playing { due: u32, made_up_ticks: u32 },
    /// Nothing has been there for long, or silence was announced.
    Silent { due: u32 },
}

impl JitterBuffer {
    pub fn new(settings: Settings) -> JitterBuffer {
        JitterBuffer {
            settings,
            slots: (0..PACKETS_MAX)
                .map(|_| Slot { payload: Vec::with_capacity(PAYLOAD_BYTES_USUAL), ..Slot::default() })
                .collect(),
            phase: Phase::Empty,
            last: 0,
            highest: 0,
            frame_ticks: settings.clock_hz / 1_000 * u32::from(settings.frame_ms),
            noise: None,
            longer: false,
            transit: Transit::default(),
            spare: Spare::default(),
            counters: Counters::default(),
        }
    }

    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Interarrival jitter (RFC 3550 section 6.4.1) in ticks.
    pub fn jitter_ticks(&self) -> u32 {
        self.transit.jitter_sixteenths >> 4
    }

    /// What a stream that began now would wait, in milliseconds.
    pub fn delay_ms(&self) -> u32 {
        let asked = self.transit.spread_ticks() / (self.settings.clock_hz / 1_000).max(1);
        // Part of a frame can't be waited for: the listener asks once for each.
        (asked + 5).clamp(self.settings.delay_ms_min, self.settings.delay_ms_max)
    }

    /// Packets that wait.
    pub fn waiting(&self) -> usize {
        self.slots.iter().filter(|slot| slot.full).count()
    }

    /// Takes a packet that arrived at `now`.
    pub fn insert(&mut self, arrival: Arrival<'_>, now: Monotonic) {
        self.counters.inserted += 1;
        let length = match arrival.content {
            Content::Audio(payload) => payload.len(),
            Content::Noise(_) => 0,
        };
        if length > PAYLOAD_BYTES_MAX {
            self.counters.overflow += 1;
            return;
        }
        let mut sequence = self.extended(arrival.sequence);
        if self.leapt(&arrival) {
            self.begin_anew();
            sequence = self.extended(arrival.sequence);
        }
        // The time of noise may be that of a key, which stands still while its end is told again.
        if matches!(arrival.content, Content::Audio(_)) {
            self.transit.note(now, arrival.timestamp, self.settings.clock_hz);
        }
        if matches!(self.phase, Phase::Empty) {
            self.last = sequence - 1;
            self.highest = sequence;
            self.wait(now);
        }
        if sequence <= self.last {
            self.behind(sequence, &arrival, now);
            return;
        }
        if sequence < self.highest {
            self.counters.reordered += 1;
        }
        if sequence > self.last + PACKETS_MAX as u64 {
            self.make_room(sequence);
        }
        self.highest = self.highest.max(sequence);
        if matches!(self.phase, Phase::Silent { .. }) {
            self.wait(now);
        }
        self.store(sequence, &arrival, now);
    }

    /// What is heard next, asked once for each frame. The time that it takes is that of the payload, or is said.
    pub fn next(&mut self, now: Monotonic) -> Heard<'_> {
        match self.phase {
            Phase::Empty => self.silence(),
            Phase::Waiting { until } if now < until => self.silence(),
            Phase::Waiting { .. } => match self.first() {
                Some(at) => {
                    self.counters.begun += 1;
                    self.spare = Spare::default();
                    self.play(at, now, false)
                }
                None => self.silence(),
            },
            Phase::Silent { due } => {
                self.phase = Phase::Silent { due: due.wrapping_add(self.frame_ticks) };
                self.silence()
            }
            Phase::Playing { due, made_up_ticks } => self.go_on(due, made_up_ticks, now),
        }
    }

    fn go_on(&mut self, due: u32, made_up_ticks: u32, now: Monotonic) -> Heard<'_> {
        let Some(at) = self.first() else { return self.make_up(due, made_up_ticks) };
        let waiting_ms = self.waiting() as u32 * u32::from(self.frame_ms());
        let too_long = waiting_ms > self.settings.delay_ms_max + u32::from(self.frame_ms());
        if std::mem::take(&mut self.longer) && !too_long {
            self.spare = Spare::default();
            return self.make_up(due, made_up_ticks);
        }
        let ahead = self.slots[at].timestamp.wrapping_sub(due) as i32;
        let follows = self.slots[at].sequence == self.last + 1;
        // What was made up counts for what is missing, so that a loss does not lengthen the delay.
        if ahead <= 0
            || follows && self.slots[at].noise.is_some()
            || made_up_ticks > 0 && ahead as u32 <= made_up_ticks
        {
            if too_long || self.is_ample(now) && self.waiting() > 1 {
                return self.leave_out(at, now);
            }
            return self.play(at, now, false);
        }
        self.phase = Phase::Playing { due: due.wrapping_add(self.frame_ticks), made_up_ticks };
        let ms = self.frame_ms();
        if follows {
            // A gap of time without one of numbers is silence (RFC 3551 section 4.1); the next spurt waits in the buffer.
            return Heard::Silence { ms, level: self.noise };
        }
        self.counters.lost += 1;
        self.last += 1;
        if self.slots[at].sequence == self.last + 1 && self.slots[at].noise.is_none() {
            return Heard::LostBefore { ms, next: &self.slots[at].payload };
        }
        Heard::Lost { ms }
    }

    /// Nothing is there: a frame is made up and time stands still, or it is silence by now.
    fn make_up(&mut self, due: u32, made_up_ticks: u32) -> Heard<'_> {
        let made_up_ticks = made_up_ticks + self.frame_ticks;
        if self.noise.is_some() || made_up_ticks > self.settings.clock_hz / 1_000 * CONCEAL_MS_MAX {
            self.phase = Phase::Silent { due };
            return self.silence();
        }
        self.counters.stretched += 1;
        self.phase = Phase::Playing { due, made_up_ticks };
        Heard::Lost { ms: self.frame_ms() }
    }

    fn leave_out(&mut self, at: usize, now: Monotonic) -> Heard<'_> {
        self.counters.left_out += 1;
        self.spare = Spare::default();
        let slot = &mut self.slots[at];
        slot.full = false;
        self.last = slot.sequence;
        let due = slot.timestamp.wrapping_add(slot.ticks);
        self.phase = Phase::Playing { due, made_up_ticks: 0 };
        match self.first() {
            Some(next) if self.slots[next].sequence == self.last + 1 => self.play(next, now, true),
            Some(_) | None => Heard::Lost { ms: self.frame_ms() },
        }
    }

    fn play(&mut self, at: usize, now: Monotonic, spliced: bool) -> Heard<'_> {
        self.counters.played += 1;
        let slot = &mut self.slots[at];
        slot.full = false;
        self.counters.lost += slot.sequence - self.last - 1;
        self.last = slot.sequence;
        if slot.ticks > 0 {
            self.frame_ticks = slot.ticks;
        }
        self.noise = slot.noise;
        self.spare.note(now.since(slot.arrived), now);
        self.phase = Phase::Playing { due: slot.timestamp.wrapping_add(self.frame_ticks), made_up_ticks: 0 };
        let ms = (self.frame_ticks / (self.settings.clock_hz / 1_000).max(1)).clamp(1, 120) as u8;
        match (self.slots[at].noise, spliced) {
            (Some(level), _) => Heard::Silence { ms, level: Some(level) },
            (None, true) => Heard::Spliced(&self.slots[at].payload),
            (None, false) => Heard::Payload(&self.slots[at].payload),
        }
    }

    fn silence(&self) -> Heard<'static> {
        Heard::Silence { ms: self.frame_ms(), level: self.noise }
    }

    /// How long the frames are that come.
    pub fn frame_ms(&self) -> u8 {
        (self.frame_ticks / (self.settings.clock_hz / 1_000).max(1)).clamp(1, 120) as u8
    }

    /// Whether even the last packet to come in a window would have been in time one frame earlier.
    fn is_ample(&mut self, now: Monotonic) -> bool {
        let kept = SPARE.max(Duration::from_millis(u64::from(self.settings.delay_ms_min)));
        let frame = Duration::from_millis(u64::from(self.frame_ms()));
        self.spare.of_window(now).is_some_and(|least| least >= frame + kept)
    }

    fn wait(&mut self, now: Monotonic) {
        let delay = Duration::from_millis(u64::from(self.delay_ms()));
        self.phase = Phase::Waiting { until: now + delay };
    }

    /// The slot of the packet that comes first of those that wait.
    fn first(&self) -> Option<usize> {
        let slots = self.slots.iter().enumerate().filter(|(_, slot)| slot.full);
        slots.min_by_key(|(_, slot)| slot.sequence).map(|(at, _)| at)
    }

    /// A packet whose turn is over: one that came twice, or too late.
    fn behind(&mut self, sequence: u64, arrival: &Arrival<'_>, now: Monotonic) {
        // Before the first is played, one that came before it moves the begin.
        if matches!(self.phase, Phase::Waiting { .. }) && self.counters.played == 0 {
            self.counters.reordered += 1;
            self.last = sequence - 1;
            self.store(sequence, arrival, now);
            return;
        }
        self.counters.late += 1;
        self.longer = true;
    }

    fn store(&mut self, sequence: u64, arrival: &Arrival<'_>, now: Monotonic) {
        let slot = &mut self.slots[(sequence % PACKETS_MAX as u64) as usize];
        if slot.full && slot.sequence == sequence {
            self.counters.duplicate += 1;
            return;
        }
        if slot.full {
            self.counters.overflow += 1;
        }
        slot.payload.clear();
        slot.noise = match arrival.content {
            Content::Audio(payload) => {
                slot.payload.extend_from_slice(payload);
                None
            }
            Content::Noise(level) => Some(level),
        };
        slot.full = true;
        slot.sequence = sequence;
        slot.timestamp = arrival.timestamp;
        slot.ticks = arrival.ticks;
        slot.arrived = now;
    }

    /// Gives up what is so far behind `sequence` that both have no place, as after a burst.
    fn make_room(&mut self, sequence: u64) {
        let oldest = sequence - PACKETS_MAX as u64;
        for slot in self.slots.iter_mut().filter(|slot| slot.full && slot.sequence <= oldest) {
            slot.full = false;
            self.counters.overflow += 1;
        }
        self.last = oldest;
    }

    /// Extends a sequence number by how often it has begun anew (RFC 3550 appendix A.1).
    fn extended(&self, sequence: u16) -> u64 {
        if matches!(self.phase, Phase::Empty) {
            return 1 << 32 | u64::from(sequence);
        }
        let ahead = sequence.wrapping_sub(self.highest as u16) as i16;
        self.highest.wrapping_add_signed(i64::from(ahead))
    }

    /// Whether timestamp or sequence number are so far from those before that it is another stream.
    fn leapt(&self, arrival: &Arrival<'_>) -> bool {
        let due = match self.phase {
            Phase::Playing { due, .. } | Phase::Silent { due } => due,
            Phase::Empty | Phase::Waiting { .. } => return false,
        };
        let ahead = arrival.timestamp.wrapping_sub(due) as i32;
        let limit = self.settings.clock_hz / 1_000 * LEAP_MS;
        // Silence may last, so that only time that goes backwards says anything then.
        let silent = matches!(self.phase, Phase::Silent { .. });
        ahead < 0 && ahead.unsigned_abs() > limit || !silent && ahead > 0 && ahead.unsigned_abs() > limit
    }

    /// What comes next is the first: nobody has listened meanwhile.
    pub fn begin_anew(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.full = false);
        self.phase = Phase::Empty;
        self.noise = None;
        self.transit = Transit::default();
        self.spare = Spare::default();
    }
}

/// How long packets are under way, compared with each other (RFC 3550 section 6.4.1): clocks are not.
#[derive(Default)]
struct Transit {
    last: Option<i32>,
    /// Jitter times 16, as RFC 3550 appendix A.8 computes it.
    jitter_sixteenths: u32,
    /// Shortest and longest of this window and of the one before it.
    now: Option<(i32, i32)>,
    before: Option<(i32, i32)>,
    since: Monotonic,
}

impl Transit {
    fn note(&mut self, at: Monotonic, timestamp: u32, clock_hz: u32) {
        // Only differences matter, so the product may be cut to 32 bits.
        let arrival = (u128::from(at.as_micros()) * u128::from(clock_hz) / 1_000_000) as u32;
        let transit = arrival.wrapping_sub(timestamp) as i32;
        if let Some(last) = self.last {
            let change = transit.wrapping_sub(last).unsigned_abs().min(1 << 24);
            let fall = (self.jitter_sixteenths + 8) >> 4;
            self.jitter_sixteenths = self.jitter_sixteenths + change - fall;
        }
        self.last = Some(transit);
        if self.now.is_none() || at.since(self.since) > WINDOW {
            self.before = self.now.take();
            self.since = at;
        }
        let (least, most) = self.now.unwrap_or((transit, transit));
        // Compared by their difference, as the clocks may be anywhere.
        let least = if transit.wrapping_sub(least) < 0 { transit } else { least };
        let most = if transit.wrapping_sub(most) > 0 { transit } else { most };
        self.now = Some((least, most));
    }

    /// How far the slowest packet of the last two windows was behind the fastest.
    fn spread_ticks(&self) -> u32 {
        let Some((mut least, mut most)) = self.now else { return 0 };
        if let Some((earlier_least, earlier_most)) = self.before {
            least = if earlier_least.wrapping_sub(least) < 0 { earlier_least } else { least };
            most = if earlier_most.wrapping_sub(most) > 0 { earlier_most } else { most };
        }
        most.wrapping_sub(least).max(0) as u32
    }
}

/// The least that a packet has waited since `since`.
#[derive(Default)]
struct Spare {
    since: Option<Monotonic>,
    least: Duration,
}

impl Spare {
    fn note(&mut self, waited: Duration, now: Monotonic) {
        if self.since.is_none() {
            self.since = Some(now);
            self.least = waited;
        }
        self.least = self.least.min(waited);
    }

    /// What every packet waited, when a window is over; the next one begins.
    fn of_window(&mut self, now: Monotonic) -> Option<Duration> {
        let since = self.since?;
        if now.since(since) < WINDOW {
            return None;
        }
        self.since = None;
        Some(self.least)
    }
}

#[cfg(test)]
mod tests;
