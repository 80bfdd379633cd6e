//! How much came and went on one stream, and how well it arrived.

use crate::packet::Packet;
use crate::rtcp::{self, Compound, ReportBlock, RtcpPacket};
use crate::stats::{Arrival, ReceiveStats, round_trip};
use coeur_sip::time::Monotonic;
use std::time::Duration;

/// SSRCs of one stream that are counted apart; a phone has one, a camera one more for what it repeats. Of more, the one
/// that came first makes room: its counts stay, its jitter is forgotten.
const SOURCES: usize = 3;

/// How far behind a packet that did not go on others may come that have no number any more.
const HELD_PACKETS: u16 = 1_000;
/// Sender reports whose time is kept for the round trip.
const REPORTS_KEPT: usize = 4;

/// Counts of one stream: 720 bytes.
#[derive(Clone, Debug, Default)]
pub struct Quality {
    pub received_packets: u64,
    /// Payload, without headers.
    pub received_octets: u64,
    pub sent_packets: u64,
    pub sent_octets: u64,
    /// To the other end and back, when it reports (RFC 3550 section 6.4.1).
    pub round_trip: Option<Duration>,
    /// What the other end last said of how it hears.
    pub heard: Option<ReportBlock>,
    /// RTCP packets that count as the other end's.
    pub rtcp_packets: u64,
    /// Packets of comfort noise (RFC 3389, payload type 13): their sender suppresses silence.
    pub noise_packets: u64,
    /// The last packet that was counted.
    pub last_seen: Option<Seen>,
    /// What the other end says of its own sending; `None` until it reports. Zeroes: it says that it sends nothing.
    pub claimed: Option<Claimed>,
    /// Its last report was about nothing that it hears.
    pub hears_nothing: bool,
    /// What had been sent to it when that report came: one that comes before anything could arrive says nothing.
    pub sent_before_report: u32,
    /// When it last told by feedback that something arrives.
    arrival_told: Option<Monotonic>,
    /// The next report is about the time before this process began too, in which nothing passed.
    pub(super) is_restored: bool,
    sources: [Option<Source>; SOURCES],
    /// Which of them makes room next.
    oldest: usize,
    /// The one that was heard last.
    last: usize,
    expected_before: u64,
    lost_before: i64,
    reports: [Option<ReportSent>; REPORTS_KEPT],
    reports_sent: usize,
}

/// A packet, by what is in the clear of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    pub at: Monotonic,
    pub ssrc: u32,
    pub timestamp: u32,
    /// As it arrived.
    pub payload_type: u8,
    pub payload_bytes: u16,
}

/// The counts of a sender report (RFC 3550 section 6.4.1), since its sender began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Claimed {
    pub packets: u32,
    pub octets: u32,
}

/// Static payload type of comfort noise (RFC 3551 section 6).
const COMFORT_NOISE: u8 = 13;

#[derive(Clone, Debug)]
struct Source {
    stats: ReceiveStats,
    /// Added to its numbers, since it began anew.
    shift: u16,
    /// The highest number that has left.
    sent: u16,
    /// The number of the last packet, when it was the newest.
    newest: Option<u16>,
    /// That of the last one which did not go on.
    held: Option<u16>,
}

/// A sender report that went to the other end: whose, and the middle of its NTP time.
#[derive(Clone, Copy, Debug)]
struct ReportSent {
    ssrc: u32,
    middle: u32,
    at: Monotonic,
}

impl Quality {
    /// Packets that were sent to us, as far as their numbers tell (RFC 3550 appendix A.3).
    pub fn expected(&self) -> u64 {
        self.expected_before + self.each().map(ReceiveStats::expected).sum::<u64>()
    }

    /// Packets that did not come.
    pub fn lost(&self) -> u64 {
        (self.lost_before + self.each().map(ReceiveStats::lost).sum::<i64>()).max(0) as u64
    }

    /// Of the source that was heard last (appendix A.8).
    pub fn jitter(&self) -> Duration {
        self.sources[self.last].as_ref().map_or(Duration::ZERO, |source| source.stats.jitter())
    }

    /// How often, and for how long together, the sources stalled that are counted apart.
    pub fn stalls(&self) -> (u64, Duration) {
        (
            self.each().map(|stats| u64::from(stats.stalls())).sum(),
            self.each().map(ReceiveStats::stalled).sum(),
        )
    }

    /// Whether packets of this SSRC are counted.
    pub fn has_source(&self, ssrc: u32) -> bool {
        self.each().any(|stats| stats.ssrc() == ssrc)
    }

    /// Of the sources that are counted.
    pub(super) fn ssrcs(&self) -> [Option<u32>; SOURCES] {
        self.sources.each_ref().map(|source| source.as_ref().map(|source| source.stats.ssrc()))
    }

    /// How the source that was heard last arrives, for a report of ours (RFC 3550 section 6.4.1).
    pub(super) fn report_block(&mut self, now: Monotonic) -> Option<ReportBlock> {
        self.sources[self.last].as_mut().map(|source| source.stats.report_block(now))
    }

    /// Takes note of a packet that is about to be counted.
    pub(super) fn note(&mut self, seen: Seen) {
        self.noise_packets += u64::from(seen.payload_type == COMFORT_NOISE);
        self.last_seen = Some(seen);
    }

    /// Of the source that was heard last, under which its newest packet was passed on.
    pub fn last_number(&self) -> Option<u16> {
        self.sources[self.last].as_ref().map(|source| source.sent)
    }

    fn each(&self) -> impl Iterator<Item = &ReceiveStats> {
        self.sources.iter().flatten().map(|source| &source.stats)
    }

    /// Counts a packet and gives what is to be added to its number: where a sender begins another numbering, a receiver
    /// behind SRTP would take what follows for old. `None` for a number far from all others, which is dropped.
    pub(super) fn received(
        &mut self,
        now: Monotonic,
        ssrc: u32,
        sequence: u16,
        timestamp: u32,
        clock_hz: u32,
        payload_bytes: usize,
    ) -> Option<u16> {
        self.received_packets += 1;
        self.received_octets += payload_bytes as u64;
        let is_it =
            |source: &Option<Source>| source.as_ref().is_some_and(|source| source.stats.ssrc() == ssrc);
        if !is_it(&self.sources[self.last]) {
            match self.sources.iter().position(is_it) {
                Some(place) => self.last = place,
                None => {
                    let stats = ReceiveStats::new(ssrc, clock_hz, sequence, timestamp, payload_bytes, now);
                    let newest = Some(sequence);
                    self.enter(Source { stats, shift: 0, sent: sequence, newest, held: None });
                    return Some(0);
                }
            }
        }
        let source = self.sources[self.last].as_mut()?;
        source.newest = Some(sequence);
        match source.stats.receive(sequence, timestamp, payload_bytes, now) {
            Arrival::Stray => return None,
            Arrival::Restarted => {
                source.sent = source.sent.wrapping_add(1);
                source.shift = source.sent.wrapping_sub(sequence);
            }
            Arrival::InOrder => source.sent = sequence.wrapping_add(source.shift),
            Arrival::OutOfOrder | Arrival::Duplicate => {
                source.newest = None;
                // Behind it numbers have closed up: its own belongs to another now, and no number may be given twice, least of
                // all under a key (RFC 3711 section 9.1).
                let is_before = |held: u16| held.wrapping_sub(sequence) < HELD_PACKETS;
                if source.held.is_some_and(is_before) {
                    return None;
                }
            }
        }
        Some(source.shift)
    }

    /// The packet that came last follows a packet of ours of this number, in whose place it is: what is to be added to its number,
    /// so that it is newer. Else the jitter buffer of a phone (baresip 1.0) may take it and all that follow for late, whatever their
    /// SSRC.
    pub(super) fn stand_behind(&mut self, own: u16, sequence: u16, shift: u16) -> u16 {
        let Some(source) = self.sources[self.last].as_mut() else { return shift };
        let is_newer = (1..0x8000).contains(&sequence.wrapping_add(shift).wrapping_sub(own));
        // One that came late has its place among numbers that are given away.
        if is_newer || source.newest.is_none() {
            return shift;
        }
        source.sent = own.wrapping_add(1);
        source.shift = source.sent.wrapping_sub(sequence);
        source.shift
    }

    /// The packet that came last was for us alone: the numbers of those behind it close up.
    pub(super) fn withheld(&mut self) {
        let Some(source) = self.sources[self.last].as_mut() else { return };
        // One that came late has its place among numbers that are given away.
        if let Some(number) = source.newest.take() {
            source.held = Some(number);
            source.shift = source.shift.wrapping_sub(1);
            source.sent = source.sent.wrapping_sub(1);
        }
    }

    fn enter(&mut self, source: Source) {
        let empty = self.sources.iter().position(Option::is_none);
        let place = empty.unwrap_or(self.oldest);
        if let Some(before) = self.sources[place].replace(source) {
            self.expected_before += before.stats.expected();
            self.lost_before += before.stats.lost();
            self.oldest = (self.oldest + 1) % SOURCES;
        }
        self.last = place;
    }

    /// Gives numbers in reports about what arrived here back as their sender knows them.
    pub(super) fn restore_numbers(&self, packet: &mut Packet<'_>) {
        let shift = |ssrc| {
            let source = self.sources.iter().flatten().find(|source| source.stats.ssrc() == ssrc);
            source.map_or(0, |source| source.shift)
        };
        if self.sources.iter().flatten().any(|source| source.shift != 0) {
            // What is no compound packet has no reports to restore.
            let _ = rtcp::rewrite_report_blocks(packet, |block| {
                block.highest_sequence = block.highest_sequence.wrapping_sub(u32::from(shift(block.ssrc)));
            });
            let _ = rtcp::rewrite_nacks(packet, |ssrc, number| number.wrapping_sub(shift(ssrc)));
        }
    }

    /// What the other end reports: of its sending, and of how it hears; `of`: the sources of which that counts, all when not
    /// said.
    pub(super) fn read_reports(&mut self, packet: &[u8], of: Option<&[Option<u32>]>, now: Monotonic) {
        self.rtcp_packets += 1;
        let Ok(compound) = Compound::parse(packet) else { return };
        if compound.packets().any(|packet| tells_of_arrival(&packet)) {
            self.arrival_told = Some(now);
            self.hears_nothing = false;
        }
        for packet in compound.packets() {
            match packet {
                RtcpPacket::SenderReport(report) => {
                    let (packets, octets) = (report.info.packets, report.info.octets);
                    self.claimed = Some(Claimed { packets, octets });
                    let sources = self.sources.iter_mut().flatten();
                    for source in sources.filter(|source| source.stats.ssrc() == report.ssrc) {
                        source.stats.sender_reported(report.info.ntp, now);
                    }
                    self.hears(report.blocks(), of, now);
                }
                RtcpPacket::ReceiverReport(report) => {
                    self.claimed.get_or_insert_default();
                    self.hears(report.blocks(), of, now);
                }
                RtcpPacket::SourceDescription(_)
                | RtcpPacket::Goodbye(_)
                | RtcpPacket::App(_)
                | RtcpPacket::TransportFeedback(_)
                | RtcpPacket::PayloadFeedback(_)
                | RtcpPacket::ExtendedReport(_)
                | RtcpPacket::Unknown { .. }
                | RtcpPacket::Malformed { .. } => {}
            }
        }
    }

    fn hears(
        &mut self,
        blocks: impl Iterator<Item = ReportBlock>,
        of: Option<&[Option<u32>]>,
        now: Monotonic,
    ) {
        let is_of_before = std::mem::take(&mut self.is_restored);
        let tells_otherwise = self.arrival_told.is_some_and(|told| now.since(told) < TOLD_FOR);
        self.hears_nothing = !is_of_before && !tells_otherwise;
        self.sent_before_report = u32::try_from(self.sent_packets).unwrap_or(u32::MAX);
        for block in blocks {
            self.hears_nothing = false;
            let fraction_lost = if is_of_before { 0 } else { block.fraction_lost };
            let counts = of.is_none_or(|of| of.contains(&Some(block.ssrc)));
            self.reported(ReportBlock { fraction_lost, ..block }, counts, now);
        }
    }

    fn reported(&mut self, block: ReportBlock, counts: bool, now: Monotonic) {
        let is_named =
            |report: &&ReportSent| report.ssrc == block.ssrc && report.middle == block.last_sender_report;
        if let Some(report) = self.reports.iter().flatten().find(is_named) {
            self.round_trip = round_trip(&block, report.at, now).or(self.round_trip);
        }
        if counts {
            self.heard = Some(block);
        }
    }

    /// Remembers when a sender report went to the other end, whose answer will name it.
    pub(super) fn sends_report(&mut self, packet: &[u8], now: Monotonic) {
        let Ok(compound) = Compound::parse(packet) else { return };
        if let Some(RtcpPacket::SenderReport(report)) = compound.packets().next() {
            let middle = (report.info.ntp >> 16) as u32;
            self.reports[self.reports_sent % REPORTS_KEPT] =
                Some(ReportSent { ssrc: report.ssrc, middle, at: now });
            self.reports_sent += 1;
        }
    }
}

/// Feedback of what arrives outweighs empty reports for so long: a browser sends some of these between two that tell of a source.
const TOLD_FOR: Duration = Duration::from_secs(5);

/// Negative acknowledgements, bandwidth and transport-wide feedback (RFC 4585 section 6.2), and REMB, which is of the application
/// layer (section 6.4): nobody sends them who hears nothing. A picture loss indication may be sent by somebody who does.
fn tells_of_arrival(packet: &RtcpPacket<'_>) -> bool {
    const APPLICATION_LAYER: u8 = 15;
    match packet {
        RtcpPacket::TransportFeedback(_) => true,
        RtcpPacket::PayloadFeedback(feedback) => feedback.format == APPLICATION_LAYER,
        _ => false,
    }
}
