//! What we send ourselves on a stream: a synchronization source (RFC 3550 section 3).

use super::HEADER_BYTES;
use crate::packet::{NoRoom, Packet};
use crate::rtcp::SenderInfo;
use coeur_sip::time::{Monotonic, Wall};
use std::time::Duration;

/// Random bytes that a source begins with.
pub const SEED_BYTES: usize = 10;

/// Seconds from 1900 to 1970 (RFC 3550 section 4).
const NTP_SECONDS: u64 = 2_208_988_800;

/// Numbers, timestamps and counts of one SSRC of ours. The timestamp is that of the next frame: whoever sends nothing for a
/// while moves it on all the same.
#[derive(Clone, Debug)]
pub struct Source {
    ssrc: u32,
    clock_hz: u32,
    sequence: u16,
    timestamp: u32,
    packets: u32,
    octets: u32,
    /// When the last packet was sent, and its place in time.
    sent: Option<(Monotonic, u32)>,
}

impl Source {
    /// SSRC, first number and first timestamp are random (section 5.1). The number lies in the lower half, so that a receiver
    /// that misses the first packets does not guess the rollover counter of SRTP wrong (RFC 3711 section 3.3.1).
    pub fn new(seed: [u8; SEED_BYTES], clock_hz: u32) -> Source {
        let [a, b, c, d, e, f, g, h, i, j] = seed;
        Source {
            ssrc: u32::from_be_bytes([a, b, c, d]),
            clock_hz,
            sequence: u16::from_be_bytes([e, f]) & 0x7fff,
            timestamp: u32::from_be_bytes([g, h, i, j]),
            packets: 0,
            octets: 0,
            sent: None,
        }
    }

    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    pub fn clock_hz(&self) -> u32 {
        self.clock_hz
    }

    /// The next frame has this timestamp, whatever was before: that of what it stands beside.
    pub fn begin_at(&mut self, timestamp: u32) {
        self.timestamp = timestamp;
    }

    /// The next packet has a number behind this one, where that can be: of a source in the place of another baresip 1.0 heard
    /// nothing about every second time when its first number was random. As long as nothing was sent it stays in the lower half
    /// (see [`Source::new`]); later a number never goes back, nor so far that a receiver of SRTP could guess wrong.
    pub fn number_behind(&mut self, number: u16) {
        let next = if self.packets == 0 && number > 0x8000 { 0 } else { number.wrapping_add(1) };
        if self.packets == 0 || next.wrapping_sub(self.sequence) < 0x4000 {
            self.sequence = next;
        }
    }

    /// Time passes, whether or not something was sent for it.
    pub fn advance(&mut self, ticks: u32) {
        self.timestamp = self.timestamp.wrapping_add(ticks);
    }

    /// Appends a packet to an empty slot. `ticks_back`: of an event, whose packets have the timestamp of its begin (RFC 4733
    /// section 2.5.1.2).
    pub fn write(
        &mut self,
        packet: &mut Packet<'_>,
        now: Monotonic,
        payload_type: u8,
        marker: bool,
        ticks_back: u32,
        payload: &[u8],
    ) -> Result<(), NoRoom> {
        let header = packet.append(HEADER_BYTES)?;
        header[0] = 0x80;
        header[1] = u8::from(marker) << 7 | payload_type & 0x7f;
        header[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        header[4..8].copy_from_slice(&self.timestamp.wrapping_sub(ticks_back).to_be_bytes());
        header[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        packet.append(payload.len())?.copy_from_slice(payload);
        self.sequence = self.sequence.wrapping_add(1);
        // Both counts wrap (section 6.4.1).
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload.len() as u32);
        self.sent = Some((now, self.timestamp));
        Ok(())
    }

    /// What a sender report says; `None`: nothing was sent, and the report is a receiver's.
    pub fn sender_info(&self, now: Monotonic, wall: Wall) -> Option<SenderInfo> {
        let (sent_at, timestamp) = self.sent?;
        let since = ticks(now.since(sent_at), self.clock_hz);
        Some(SenderInfo {
            ntp: ntp(wall),
            rtp_timestamp: timestamp.wrapping_add(since),
            packets: self.packets,
            octets: self.octets,
        })
    }
}

fn ticks(span: Duration, clock_hz: u32) -> u32 {
    (span.as_micros() * u128::from(clock_hz) / 1_000_000) as u32
}

/// NTP time, 32.32 bits of seconds (section 4). It wraps in 2036, and only differences are used.
fn ntp(wall: Wall) -> u64 {
    let millis = wall.as_millis();
    let seconds = (millis / 1_000).wrapping_add(NTP_SECONDS) & 0xffff_ffff;
    let fraction = ((millis % 1_000) << 32) / 1_000;
    (seconds << 32) | fraction
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::SLOT_BYTES;
    use crate::rtp::Rtp;

    const SEED: [u8; SEED_BYTES] = [1, 2, 3, 4, 0xff, 0xff, 0, 0, 0x10, 0];

    fn written(source: &mut Source, now: Monotonic, marker: bool, back: u32, payload: &[u8]) -> Vec<u8> {
        let mut slot = [0; SLOT_BYTES];
        let mut packet = Packet::received(&mut slot, 0);
        source.write(&mut packet, now, 8, marker, back, payload).unwrap();
        packet.to_vec()
    }

    #[test]
    fn the_first_number_is_behind_another_and_a_later_one_never_goes_back() {
        let numbered = |mut source: Source, number: u16| {
            source.number_behind(number);
            source.sequence
        };
        for (number, next) in [(0, 1), (0x7fff, 0x8000), (0x8000, 0x8001), (0x8001, 0), (0xffff, 0)] {
            let first = numbered(Source::new([7; SEED_BYTES], 8_000), number);
            assert_eq!(first, next);
            assert!(first.wrapping_sub(number) < 0x8000, "it is newer");
        }
        let begun = Source { packets: 9, sequence: 0xfff0, ..Source::new([7; SEED_BYTES], 8_000) };
        for (number, next) in [(0xffff, 0), (0x0100, 0x0101), (0xff00, 0xfff0), (0x5000, 0xfff0)] {
            assert_eq!(numbered(begun.clone(), number), next, "{number:x}");
        }
    }

    #[test]
    fn packets_count_up_and_carry_the_time_of_their_frame() {
        let mut source = Source::new(SEED, 8_000);
        let now = Monotonic::from_secs(1);
        let first = written(&mut source, now, true, 0, &[7; 160]);
        source.advance(160);
        let second = written(&mut source, now, false, 0, &[9; 160]);
        // An event that began with the frame before.
        let third = written(&mut source, now, false, 160, &[5; 4]);
        let [first, second, third] = [&first, &second, &third].map(|bytes| Rtp::parse(bytes).unwrap());
        assert!(first.marker() && !second.marker());
        assert_eq!((first.payload_type(), first.ssrc(), first.timestamp()), (8, 0x0102_0304, 4_096));
        assert_eq!((first.sequence(), second.sequence(), third.sequence()), (0x7fff, 0x8000, 0x8001));
        assert_eq!((second.timestamp(), third.timestamp()), (4_256, 4_096));
        assert_eq!(second.payload(), Some(&[9; 160][..]));
    }

    #[test]
    fn a_sender_report_puts_the_timestamp_beside_the_time_of_day() {
        let mut source = Source::new(SEED, 48_000);
        let (now, wall) = (Monotonic::from_secs(1), Wall::from_millis(1_500));
        assert_eq!(source.sender_info(now, wall), None, "nothing was sent");
        written(&mut source, now, true, 0, &[7; 50]);
        source.advance(960);
        let info = source.sender_info(now + Duration::from_millis(10), wall).unwrap();
        assert_eq!(info.rtp_timestamp, 4_096 + 480, "10 ms after the packet");
        assert_eq!(info.ntp, (NTP_SECONDS + 1) << 32 | 1 << 31);
        assert_eq!((info.packets, info.octets), (1, 50));
    }
}
