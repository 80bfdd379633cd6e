//! How well a stream arrives (RFC 3550 section 6.4.1, appendices A.1, A.3 and A.8).

use std::time::Duration;

use coeur_sip::time::Monotonic;

use crate::rtcp::ReportBlock;

/// A gap of more packets than this is no loss but another numbering (appendix A.1).
const DROPOUT_MAX: u16 = 3_000;
/// A packet that is late by more than this is no late one but another numbering (appendix A.1), unless its timestamp is
/// late too.
const MISORDER_MAX: u16 = 100;
/// How late the timestamp of a retransmitted packet may be, in seconds. Video has hundreds of packets in one.
const RETRANSMISSION_SECONDS_MAX: u32 = 10;
/// Packets in sequence far from all others that are another numbering (appendix A.1).
const STRAY_RUN: u8 = 2;
/// Packets in sequence, all late or seen before and none new between them, that are another numbering all the same: half a
/// second of a phone that began again where it had begun before.
const LATE_RUN: u8 = 25;
/// Packets behind the highest among which a duplicate is recognised.
const REMEMBERED_PACKETS: u16 = 64;
/// A step of the timestamp by more than this against the clock, in seconds, is no jitter but another origin: a phone that
/// comes back from hold. The RFC makes no such exception, and its estimate would need a minute to forget it.
const TRANSIT_STEP_SECONDS_MAX: u32 = 5;
/// A step of the transit time that is longer than the buffers of most phones, in milliseconds: a stall. The estimate of
/// jitter does not see bursts, in which few packets of many step.
const STALL_MS_MIN: u32 = 200;

/// What a packet was for the count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arrival {
    /// The next, or one after a gap.
    InOrder,
    /// Behind one with a higher number.
    OutOfOrder,
    Duplicate,
    /// Far from all others; it counts when the next one follows it.
    Stray,
    /// The second of another numbering: the counts go on from it.
    Restarted,
}

/// The reception of one SSRC. 136 bytes.
#[derive(Clone, Debug)]
pub struct ReceiveStats {
    ssrc: u32,
    clock_hz: u32,
    base_sequence: u32,
    /// Highest number with its cycles in the high half.
    highest_sequence: u32,
    /// The timestamp that came with it.
    highest_timestamp: u32,
    /// Bit n is set when the packet n behind the highest was received.
    recent: u64,
    /// What would follow the last packet that was not in order, and how many did so in a row.
    following: Option<u16>,
    run: u8,
    received: u64,
    duplicates: u64,
    out_of_order: u64,
    octets: u64,
    expected_at_report: u64,
    received_at_report: u64,
    last_transit: u32,
    /// Times 16 (appendix A.8).
    jitter_16ths: u32,
    stalls: u32,
    stalled_ticks: u64,
    last_sender_report: Option<(u32, Monotonic)>,
}

impl ReceiveStats {
    /// The stream of `ssrc` from its first packet. A clock rate of zero is taken as 8,000 Hz.
    pub fn new(
        ssrc: u32,
        clock_hz: u32,
        sequence: u16,
        timestamp: u32,
        octets: usize,
        now: Monotonic,
    ) -> ReceiveStats {
        let clock_hz = if clock_hz == 0 { 8_000 } else { clock_hz };
        ReceiveStats {
            ssrc,
            clock_hz,
            base_sequence: u32::from(sequence),
            highest_sequence: u32::from(sequence),
            highest_timestamp: timestamp,
            recent: 1,
            following: None,
            run: 0,
            received: 1,
            duplicates: 0,
            out_of_order: 0,
            octets: octets as u64,
            expected_at_report: 0,
            received_at_report: 0,
            last_transit: ticks(now, clock_hz).wrapping_sub(timestamp),
            jitter_16ths: 0,
            stalls: 0,
            stalled_ticks: 0,
            last_sender_report: None,
        }
    }

    /// Counts a packet with `octets` of payload.
    pub fn receive(&mut self, sequence: u16, timestamp: u32, octets: usize, now: Monotonic) -> Arrival {
        let arrival = self.place(sequence, timestamp);
        match arrival {
            Arrival::Stray => return arrival,
            Arrival::Duplicate => {
                self.duplicates += 1;
                return arrival;
            }
            Arrival::Restarted => self.renumber(sequence, timestamp, now),
            Arrival::OutOfOrder => self.out_of_order += 1,
            Arrival::InOrder => {}
        }
        self.received += 1;
        self.octets += octets as u64;
        self.measure(timestamp, now);
        arrival
    }

    /// Where the packet stands among the others; moves the highest number (`update_seq` of appendix A.1).
    fn place(&mut self, sequence: u16, timestamp: u32) -> Arrival {
        let ahead = sequence.wrapping_sub(self.highest_sequence as u16);
        if ahead > 0 && ahead < DROPOUT_MAX {
            self.highest_sequence = self.highest_sequence.wrapping_add(u32::from(ahead));
            self.highest_timestamp = timestamp;
            self.recent = self.recent.checked_shl(u32::from(ahead)).unwrap_or(0) | 1;
            self.following = None;
            return Arrival::InOrder;
        }
        self.run = if self.following == Some(sequence) { self.run.saturating_add(1) } else { 1 };
        self.following = Some(sequence.wrapping_add(1));
        let behind = ahead.wrapping_neg();
        if behind >= MISORDER_MAX && !(behind < DROPOUT_MAX && self.is_retransmitted(timestamp)) {
            return if self.run >= STRAY_RUN { Arrival::Restarted } else { Arrival::Stray };
        }
        if self.run >= LATE_RUN {
            return Arrival::Restarted;
        }
        if behind < REMEMBERED_PACKETS {
            let bit = 1 << behind;
            if self.recent & bit != 0 {
                return Arrival::Duplicate;
            }
            self.recent |= bit;
        }
        Arrival::OutOfOrder
    }

    /// Whether the timestamp of a late packet is late too; that of another numbering is a random one.
    fn is_retransmitted(&self, timestamp: u32) -> bool {
        self.highest_timestamp.wrapping_sub(timestamp)
            <= self.clock_hz.saturating_mul(RETRANSMISSION_SECONDS_MAX)
    }

    /// Goes on with another numbering, as if this were the next packet: what was lost before stays lost.
    fn renumber(&mut self, sequence: u16, timestamp: u32, now: Monotonic) {
        let expected = self.expected() as u32;
        self.highest_sequence = u32::from(sequence);
        self.base_sequence = self.highest_sequence.wrapping_sub(expected);
        self.highest_timestamp = timestamp;
        self.recent = 1;
        self.following = None;
        self.last_transit = ticks(now, self.clock_hz).wrapping_sub(timestamp);
    }

    /// The estimate of appendix A.8, in sixteenths so that it needs no fractions.
    fn measure(&mut self, timestamp: u32, now: Monotonic) {
        let transit = ticks(now, self.clock_hz).wrapping_sub(timestamp);
        let difference = (transit.wrapping_sub(self.last_transit) as i32).unsigned_abs();
        self.last_transit = transit;
        if difference < self.clock_hz.saturating_mul(TRANSIT_STEP_SECONDS_MAX) {
            let decay = self.jitter_16ths.saturating_add(8) >> 4;
            self.jitter_16ths = (self.jitter_16ths - decay).saturating_add(difference);
            if difference > self.clock_hz / 1_000 * STALL_MS_MIN {
                self.stalls = self.stalls.saturating_add(1);
                self.stalled_ticks += u64::from(difference);
            }
        }
    }

    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The highest number with its cycles in the high half.
    pub fn highest_sequence(&self) -> u32 {
        self.highest_sequence
    }

    /// Packets that were sent, as far as their numbers tell (appendix A.3).
    pub fn expected(&self) -> u64 {
        u64::from(self.highest_sequence.wrapping_sub(self.base_sequence)) + 1
    }

    pub fn received(&self) -> u64 {
        self.received
    }

    /// Packets that never came. Late ones from before the first may make it negative.
    pub fn lost(&self) -> i64 {
        self.expected() as i64 - self.received as i64
    }

    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    pub fn out_of_order(&self) -> u64 {
        self.out_of_order
    }

    /// Octets of payload.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Share of lost packets in hundredths, since the beginning.
    pub fn loss_percent(&self) -> f64 {
        self.lost().max(0) as f64 * 100.0 / self.expected() as f64
    }

    /// Interarrival jitter in units of the timestamp, as reports carry it.
    pub fn jitter_ticks(&self) -> u32 {
        self.jitter_16ths >> 4
    }

    pub fn jitter(&self) -> Duration {
        Duration::from_micros(u64::from(self.jitter_16ths) * 1_000_000 / 16 / u64::from(self.clock_hz))
    }

    /// How often the transit time stepped by more than the buffers of most phones, either way.
    pub fn stalls(&self) -> u32 {
        self.stalls
    }

    /// The sum of those steps.
    pub fn stalled(&self) -> Duration {
        Duration::from_micros(self.stalled_ticks.saturating_mul(1_000_000) / u64::from(self.clock_hz))
    }

    /// Notes a sender report of this source: `ntp` as it carries it.
    pub fn sender_reported(&mut self, ntp: u64, now: Monotonic) {
        self.last_sender_report = Some(((ntp >> 16) as u32, now));
    }

    /// The block that tells the source how well it arrives; the fraction lost is counted from one such block to the next
    /// (appendix A.3).
    pub fn report_block(&mut self, now: Monotonic) -> ReportBlock {
        let expected = self.expected() - self.expected_at_report;
        let received = self.received - self.received_at_report;
        self.expected_at_report = self.expected();
        self.received_at_report = self.received;
        let lost = expected.saturating_sub(received);
        let (last_sender_report, delay_since) = match self.last_sender_report {
            Some((middle, at)) => (middle, delay_units(now.since(at))),
            None => (0, 0),
        };
        ReportBlock {
            ssrc: self.ssrc,
            // All lost would be 256 of 256, which the field does not hold.
            fraction_lost: (lost * 256).checked_div(expected).unwrap_or(0).min(255) as u8,
            lost: self.lost().clamp(-0x80_0000, 0x7f_ffff) as i32,
            highest_sequence: self.highest_sequence,
            jitter: self.jitter_ticks(),
            last_sender_report,
            delay_since,
        }
    }
}

/// Time to the receiver that sent `block` and back (section 6.4.1): from when the sender report that it names was sent, at
/// `sent`, to `now`, less the time for which the receiver held it. `None` when it names none, or held it longer than that.
pub fn round_trip(block: &ReportBlock, sent: Monotonic, now: Monotonic) -> Option<Duration> {
    if block.last_sender_report == 0 {
        return None;
    }
    now.since(sent).checked_sub(Duration::from_micros(u64::from(block.delay_since) * 1_000_000 / 65_536))
}

/// A time in units of the RTP clock.
fn ticks(at: Monotonic, clock_hz: u32) -> u32 {
    // Only differences matter, so the product may be cut to 32 bits.
    (u128::from(at.as_micros()) * u128::from(clock_hz) / 1_000_000) as u32
}

/// A duration in 65,536ths of a second, held at the largest that fits (18 hours).
fn delay_units(delay: Duration) -> u32 {
    u32::try_from(delay.as_micros() * 65_536 / 1_000_000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
