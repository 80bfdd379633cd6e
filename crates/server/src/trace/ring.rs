//! A bounded ring of messages per shard.

use coeur_exchange::flow::{ConnectionId, Flow, ListenerId, ShardId};
use coeur_sip::transport::Transport;
use parking_lot::Mutex;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    Received,
    Sent,
}

impl Direction {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Sent => "sent",
        }
    }
}

/// One message as it was on the wire.
#[derive(Clone, Debug)]
pub struct Entry {
    pub at: SystemTime,
    pub direction: Direction,
    pub flow: Flow,
    pub bytes: Vec<u8>,
}

/// Where every shard records what it receives and sends. Memory: the bytes given to [`Tap::new`], shared evenly by
/// the shards, resident only as far as they have been written; nothing is kept when that is zero.
pub struct Tap {
    rings: Box<[Mutex<Ring>]>,
}

/// How far somebody has read one ring: the place and number of what comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    offset: u64,
    record: u64,
}

/// Longer messages are cut here (bytes); 64 kB is also the largest message that is parsed.
pub const MESSAGE_BYTES_MAX: usize = 65_536;
/// Copied at once while the shard waits (bytes): some 50 microseconds.
const SLICE: u64 = 256 << 10;
/// Fixed part of a record: length, direction, transport, listener, time, connection, port, address.
pub const HEAD: usize = 48;

impl Tap {
    pub fn new(shards: usize, bytes: usize) -> Self {
        let each = bytes / shards.max(1);
        // A ring that cannot hold one longest message is no ring.
        let each = if each < HEAD + MESSAGE_BYTES_MAX { 0 } else { each & !7 };
        Self { rings: (0..shards).map(|_| Mutex::new(Ring::new(each))).collect() }
    }

    pub fn is_off(&self) -> bool {
        self.rings.iter().all(|ring| ring.lock().memory.is_empty())
    }

    /// Bytes in use and bytes there are.
    pub fn fill(&self) -> (u64, u64) {
        self.rings.iter().fold((0, 0), |(used, all), ring| {
            let ring = ring.lock();
            (used + ring.next - ring.oldest, all + ring.memory.len() as u64)
        })
    }

    /// Copies one message into the ring of `shard`; the oldest make room. For a message sent to an address, the
    /// flow names the listener or connection it left from.
    pub fn record(&self, shard: ShardId, at: SystemTime, direction: Direction, flow: &Flow, bytes: &[u8]) {
        if let Some(ring) = self.rings.get(shard.0 as usize) {
            ring.lock().push(at, direction, flow, bytes);
        }
    }

    pub fn rings(&self) -> usize {
        self.rings.len()
    }

    /// Copies what a ring has behind a cursor, a slice at most and nothing at the end, for [`records`]. Returns how many
    /// messages were forgotten before they were read.
    pub fn copy_new(&self, ring: usize, cursor: &mut Cursor, slice: &mut Vec<u8>) -> u64 {
        slice.clear();
        self.rings.get(ring).map_or(0, |ring| ring.lock().copy_new(cursor, slice))
    }

    /// What lies behind these cursors, one of each ring, in the order of time.
    pub fn entries_behind(&self, cursors: &[Cursor]) -> Vec<Entry> {
        let (mut entries, mut slice) = (Vec::new(), Vec::new());
        for (ring, cursor) in cursors.iter().enumerate() {
            let mut cursor = *cursor;
            loop {
                self.copy_new(ring, &mut cursor, &mut slice);
                if slice.is_empty() {
                    break;
                }
                entries.extend(records(&slice).filter_map(read));
            }
        }
        entries.sort_by_key(|entry: &Entry| entry.at);
        entries
    }

    /// Every message kept, in the order of time. A shard waits for the copy of a slice at most.
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        for ring in &self.rings {
            // What comes meanwhile is not waited for.
            let (mut from, until) = (0, ring.lock().next);
            while from < until {
                from = ring.lock().copy_slice(from, until, &mut entries);
            }
        }
        entries.sort_by_key(|entry| entry.at);
        entries
    }
}

/// Offsets only grow; modulo the length they are places in `memory`. A record never wraps: what is left at the end
/// is skipped, which a length of zero marks.
struct Ring {
    memory: Box<[u8]>,
    oldest: u64,
    next: u64,
    /// Messages that were kept once and are no more.
    forgotten: u64,
    /// Messages ever kept.
    kept: u64,
}

impl Ring {
    fn new(bytes: usize) -> Self {
        Self { memory: vec![0; bytes].into_boxed_slice(), oldest: 0, next: 0, forgotten: 0, kept: 0 }
    }

    fn push(&mut self, at: SystemTime, direction: Direction, flow: &Flow, bytes: &[u8]) {
        let length = self.memory.len() as u64;
        if length == 0 {
            return;
        }
        let bytes = &bytes[..bytes.len().min(MESSAGE_BYTES_MAX)];
        let size = record_size(bytes.len());
        let left = length - self.next % length;
        if left < size {
            self.make_room(left);
            let place = (self.next % length) as usize;
            self.memory[place..place + 4].copy_from_slice(&0u32.to_le_bytes());
            self.next += left;
        }
        self.make_room(size);
        let place = (self.next % length) as usize;
        let slot = &mut self.memory[place..place + size as usize];
        write_head(slot, at, direction, flow, bytes.len());
        slot[HEAD..HEAD + bytes.len()].copy_from_slice(bytes);
        self.next += size;
        self.kept += 1;
    }

    /// Forgets the oldest until `size` more bytes fit.
    fn make_room(&mut self, size: u64) {
        let length = self.memory.len() as u64;
        while self.next + size - self.oldest > length {
            let place = (self.oldest % length) as usize;
            self.forgotten += u64::from(u32_at(&self.memory, place) != 0);
            self.oldest += self.size_at(self.oldest);
        }
    }

    /// Bytes from the record at this offset to the next; sizes are multiples of 8, so four bytes always fit.
    fn size_at(&self, offset: u64) -> u64 {
        let length = self.memory.len() as u64;
        let place = (offset % length) as usize;
        match u32_at(&self.memory, place) {
            0 => length - offset % length,
            kept => record_size(kept as usize - 1),
        }
    }

    /// Never over the end of the memory.
    fn copy_new(&self, cursor: &mut Cursor, slice: &mut Vec<u8>) -> u64 {
        let lost = self.forgotten.saturating_sub(cursor.record);
        if cursor.offset < self.oldest {
            *cursor = Cursor { offset: self.oldest, record: self.forgotten };
        }
        let length = self.memory.len() as u64;
        if cursor.offset < self.next && u32_at(&self.memory, (cursor.offset % length) as usize) == 0 {
            cursor.offset += self.size_at(cursor.offset);
        }
        let from = cursor.offset;
        while cursor.offset < self.next && cursor.offset - from < SLICE {
            if u32_at(&self.memory, (cursor.offset % length) as usize) == 0 {
                break;
            }
            cursor.offset += self.size_at(cursor.offset);
            cursor.record += 1;
            if cursor.offset.is_multiple_of(length) {
                break;
            }
        }
        let place = (from % length.max(1)) as usize;
        slice.extend_from_slice(&self.memory[place..place + (cursor.offset - from) as usize]);
        lost
    }

    /// Copies what is kept from this offset on, a slice at most and nothing from `until` on. Returns where to go on; what was
    /// forgotten meanwhile is passed over.
    fn copy_slice(&self, from: u64, until: u64, entries: &mut Vec<Entry>) -> u64 {
        let mut offset = from.max(self.oldest);
        let end = until.min(offset + SLICE);
        while offset < end {
            let place = (offset % self.memory.len() as u64) as usize;
            if u32_at(&self.memory, place) != 0 {
                entries.extend(read(&self.memory[place..]));
            }
            offset += self.size_at(offset);
        }
        offset
    }
}

/// The records of a slice, each with its head of [`HEAD`] bytes and its message.
pub fn records(slice: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = slice;
    std::iter::from_fn(move || {
        let bytes = (rest.len() >= HEAD).then(|| u32_at(rest, 0))?.checked_sub(1)? as usize;
        let record = rest.get(..HEAD + bytes)?;
        rest = rest.get(record_size(bytes) as usize..).unwrap_or_default();
        Some(record)
    })
}

/// What a head says without reading the message.
#[derive(Clone, Copy)]
pub struct Head<'r>(pub &'r [u8]);

impl Head<'_> {
    pub fn at_us(&self) -> u64 {
        self.0[8..16].iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
    }

    pub fn is_sent(&self) -> bool {
        self.0[4] == Direction::Sent as u8
    }

    /// As keys are made of: 16 bytes of address (IPv4 mapped), and the port behind.
    pub fn remote(&self) -> ([u8; 16], [u8; 2]) {
        let mut address = [0; 16];
        address.copy_from_slice(&self.0[32..48]);
        (address, [self.0[24], self.0[25]])
    }
}

fn record_size(bytes: usize) -> u64 {
    ((HEAD + bytes) as u64).next_multiple_of(8)
}

/// The length is written plus one, so that zero can mean "skip".
fn write_head(slot: &mut [u8], at: SystemTime, direction: Direction, flow: &Flow, bytes: usize) {
    let micros = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as u64;
    let (family, address) = match flow.remote.ip() {
        IpAddr::V4(ip) => (4, ip.to_ipv6_mapped()),
        IpAddr::V6(ip) => (6, ip),
    };
    slot[..4].copy_from_slice(&(bytes as u32 + 1).to_le_bytes());
    slot[4] = direction as u8;
    slot[5] = transport_code(flow.transport);
    slot[6..8].copy_from_slice(&flow.listener.0.to_le_bytes());
    slot[8..16].copy_from_slice(&micros.to_le_bytes());
    slot[16..24].copy_from_slice(&flow.connection.0.to_le_bytes());
    slot[24..26].copy_from_slice(&flow.remote.port().to_le_bytes());
    slot[26] = family;
    slot[32..48].copy_from_slice(&address.octets());
}

/// A head with the message behind it.
pub fn read(slot: &[u8]) -> Option<Entry> {
    let length = (slot.len() >= HEAD).then(|| u32_at(slot, 0))?.checked_sub(1)? as usize;
    let eight = |at: usize| slot.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
    let address = Ipv6Addr::from(<[u8; 16]>::try_from(slot.get(32..48)?).ok()?);
    let ip = match (slot[26], address.to_ipv4_mapped()) {
        (4, Some(ip)) => IpAddr::V4(ip),
        _ => IpAddr::V6(address),
    };
    Some(Entry {
        at: UNIX_EPOCH + Duration::from_micros(eight(8)?),
        direction: if slot[4] == Direction::Received as u8 { Direction::Received } else { Direction::Sent },
        flow: Flow {
            transport: transport_of(slot[5]),
            listener: ListenerId(u16::from_le_bytes([slot[6], slot[7]])),
            connection: ConnectionId(eight(16)?),
            remote: SocketAddr::new(ip, u16::from_le_bytes([slot[24], slot[25]])),
        },
        bytes: slot.get(HEAD..HEAD + length)?.to_vec(),
    })
}

fn u32_at(bytes: &[u8], place: usize) -> u32 {
    u32::from_le_bytes([bytes[place], bytes[place + 1], bytes[place + 2], bytes[place + 3]])
}

const TRANSPORTS: [Transport; 5] =
    [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss];

fn transport_code(transport: Transport) -> u8 {
    TRANSPORTS.iter().position(|known| *known == transport).unwrap_or(0) as u8
}

fn transport_of(code: u8) -> Transport {
    TRANSPORTS.get(code as usize).copied().unwrap_or(Transport::Udp)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(remote: &str) -> Flow {
        Flow {
            transport: Transport::Tls,
            listener: ListenerId(3),
            connection: ConnectionId::new(ShardId(1), 77),
            remote: remote.parse().unwrap(),
        }
    }

    #[test]
    fn what_is_recorded_is_read_back() {
        let tap = Tap::new(2, 1 << 20);
        let at = UNIX_EPOCH + Duration::from_micros(1_700_000_000_123_456);
        tap.record(ShardId(1), at, Direction::Sent, &flow("[2001:db8::1]:5061"), b"SIP/2.0 200 OK\r\n\r\n");
        tap.record(ShardId(0), at - Duration::from_secs(1), Direction::Received, &flow("192.0.2.7:9"), b"");
        let entries = tap.entries();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].flow, flow("192.0.2.7:9"));
        assert_eq!(entries[1].flow, flow("[2001:db8::1]:5061"));
        assert_eq!((entries[1].at, entries[1].direction), (at, Direction::Sent));
        assert_eq!(entries[1].bytes, b"SIP/2.0 200 OK\r\n\r\n");
    }

    #[test]
    fn the_oldest_make_room_and_the_rest_stays_whole() {
        let tap = Tap::new(1, 100_000);
        for i in 0..5_000u32 {
            let message = vec![(i % 251) as u8; (i * 37 % 1_500) as usize];
            tap.record(ShardId(0), UNIX_EPOCH, Direction::Received, &flow("192.0.2.7:9"), &message);
            let entries = tap.entries();
            assert_eq!(entries.last().map(|e| &e.bytes), Some(&message));
        }
        let entries = tap.entries();
        assert!(entries.len() > 50, "{}", entries.len());
        for (entry, i) in entries.iter().rev().zip((0..5_000u32).rev()) {
            assert_eq!(entry.bytes, vec![(i % 251) as u8; (i * 37 % 1_500) as usize]);
        }
    }

    #[test]
    fn a_ring_is_copied_in_slices_and_what_is_forgotten_between_two_is_passed_over() {
        let mut ring = Ring::new(4 << 20);
        let push = |ring: &mut Ring, numbers: std::ops::Range<u32>| {
            for number in numbers {
                let message = [&number.to_le_bytes()[..], &[0; 996]].concat();
                ring.push(UNIX_EPOCH, Direction::Received, &flow("192.0.2.7:9"), &message);
            }
        };
        push(&mut ring, 0..3_000);
        let (until, mut entries) = (ring.next, Vec::new());
        let next = ring.copy_slice(0, until, &mut entries);
        assert!((200..300).contains(&entries.len()), "{} at once", entries.len());
        // The ring forgets about half of what it had.
        push(&mut ring, 3_000..5_500);
        let copied = entries.len();
        let mut from = next;
        while from < until {
            from = ring.copy_slice(from, until, &mut entries);
        }
        let numbers: Vec<u32> = entries.iter().map(|entry| u32_at(&entry.bytes, 0)).collect();
        assert!(numbers.is_sorted() && numbers.last() == Some(&2_999), "{:?}", numbers.last());
        assert_eq!(numbers[..copied], (0..copied as u32).collect::<Vec<_>>());
        let kept = 3_000 - numbers[copied];
        assert!(numbers.len() == copied + kept as usize && (1_000..2_000).contains(&kept), "{kept}");
    }

    #[test]
    fn what_is_read_on_is_whole_and_what_was_forgotten_before_is_counted() {
        let tap = Tap::new(1, 300_000);
        let (mut cursor, mut slice) = (Cursor::default(), Vec::new());
        let (mut seen, mut lost) = (Vec::new(), 0);
        for number in 0..4_000u32 {
            let message = [&number.to_le_bytes()[..], &vec![7; (number * 37 % 1_500) as usize]].concat();
            tap.record(ShardId(0), UNIX_EPOCH, Direction::Received, &flow("192.0.2.7:9"), &message);
            // Sometimes so late that the ring has gone round.
            if number % 601 == 0 || number % 7 == 0 && number < 2_000 || number == 3_999 {
                loop {
                    lost += tap.copy_new(0, &mut cursor, &mut slice);
                    let before = seen.len();
                    seen.extend(records(&slice).map(|record| u32_at(record, HEAD)));
                    if seen.len() == before {
                        break;
                    }
                }
            }
        }
        assert!(seen.is_sorted() && seen.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(seen.last(), Some(&3_999));
        assert!(lost > 100 && seen.len() as u64 + lost == 4_000, "{lost} lost, {} seen", seen.len());
        assert_eq!(tap.entries_behind(&[cursor]).len(), 0);
        tap.record(ShardId(0), UNIX_EPOCH, Direction::Sent, &flow("192.0.2.7:9"), b"one more");
        assert_eq!(tap.entries_behind(&[cursor])[0].bytes, b"one more");
    }

    #[test]
    fn a_tap_without_memory_keeps_nothing() {
        let tap = Tap::new(4, 0);
        assert!(tap.is_off());
        tap.record(ShardId(0), UNIX_EPOCH, Direction::Received, &flow("192.0.2.7:9"), b"x");
        assert!(tap.entries().is_empty());
    }
}
