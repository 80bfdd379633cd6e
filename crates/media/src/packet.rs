//! The slot in which a packet lies from the socket that received it to the socket that sends it.
//!
//! SRTP makes a packet longer at its end, TURN at its front. So the socket reads into the middle of a slot of
//! [`SLOT_BYTES`]: [`HEAD_ROOM`] bytes stay free before the packet and [`TAIL_ROOM`] behind it. Slots belong to the data
//! plane (one slab for a batch); a [`Packet`] is a borrowed slot with the two ends of what lies in it.

use std::ops::{Deref, DerefMut};

/// Bytes kept free before a received packet: a TURN Send indication with an IPv6 peer (20 + 24 + 4, RFC 8656 section
/// 11.1) or ChannelData (4, section 12.4).
pub const HEAD_ROOM: usize = 64;

/// Bytes kept free behind a received packet: the longest authentication tag (16) and the SRTCP index (4, RFC 3711 section
/// 3.4), and padding of ChannelData to 4. We send no MKI.
pub const TAIL_ROOM: usize = 32;

/// Bytes of a slot.
pub const SLOT_BYTES: usize = 2_048;

/// Longest packet that is received: 1,952 bytes. A longer datagram is cut by the socket and fails its authentication.
pub const PACKET_BYTES_MAX: usize = SLOT_BYTES - HEAD_ROOM - TAIL_ROOM;

/// The slot has no room for what should be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

/// A packet in its slot. Dereferences to the bytes of the packet alone.
pub struct Packet<'a> {
    slot: &'a mut [u8],
    start: usize,
    end: usize,
}

impl<'a> Packet<'a> {
    /// A packet of `length` bytes which was received at [`HEAD_ROOM`] of `slot`. What lies beyond the slot is not
    /// part of it.
    pub fn received(slot: &'a mut [u8], length: usize) -> Packet<'a> {
        let start = HEAD_ROOM.min(slot.len());
        let end = start.saturating_add(length).min(slot.len());
        Packet { slot, start, end }
    }

    /// Copies `bytes` into `slot`, for packets that are made here.
    pub fn copied(slot: &'a mut [u8], bytes: &[u8]) -> Result<Packet<'a>, NoRoom> {
        let mut packet = Packet::received(slot, 0);
        packet.append(bytes.len())?.copy_from_slice(bytes);
        Ok(packet)
    }

    /// Makes the packet longer by `count` bytes and gives these. They hold what lay there before.
    pub fn append(&mut self, count: usize) -> Result<&mut [u8], NoRoom> {
        let end = self.end.checked_add(count).filter(|end| *end <= self.slot.len()).ok_or(NoRoom)?;
        let added = self.end..end;
        self.end = end;
        Ok(&mut self.slot[added])
    }

    /// Puts `count` bytes before the packet and gives these.
    pub fn prepend(&mut self, count: usize) -> Result<&mut [u8], NoRoom> {
        let start = self.start.checked_sub(count).ok_or(NoRoom)?;
        let added = start..self.start;
        self.start = start;
        Ok(&mut self.slot[added])
    }

    /// Keeps the first `length` bytes.
    pub fn truncate(&mut self, length: usize) {
        self.end = self.end.min(self.start.saturating_add(length));
    }

    /// Takes the first `count` bytes away.
    pub fn strip(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
    }

    /// Where the packet lies in its slot, for the socket that sends it.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.start..self.end
    }
}

impl Deref for Packet<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.slot[self.start..self.end]
    }
}

impl DerefMut for Packet<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.slot[self.start..self.end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_grows_at_both_ends_only_as_far_as_its_slot() {
        let mut slot = [0u8; SLOT_BYTES];
        let mut packet = Packet::received(&mut slot, PACKET_BYTES_MAX);
        assert_eq!(packet.len(), PACKET_BYTES_MAX);
        packet.append(TAIL_ROOM).unwrap()[0] = 7;
        assert_eq!(packet.append(1), Err(NoRoom));
        packet.prepend(HEAD_ROOM).unwrap()[0] = 9;
        assert_eq!(packet.prepend(1), Err(NoRoom));
        assert_eq!((packet[0], packet[HEAD_ROOM + PACKET_BYTES_MAX]), (9, 7));
        packet.strip(HEAD_ROOM);
        packet.truncate(PACKET_BYTES_MAX);
        assert_eq!(packet.range(), HEAD_ROOM..HEAD_ROOM + PACKET_BYTES_MAX);
    }

    #[test]
    fn a_length_beyond_the_slot_is_cut() {
        let mut slot = [0u8; 100];
        assert_eq!(Packet::received(&mut slot, 5_000).len(), 36);
        let mut small = [0u8; 10];
        assert!(Packet::received(&mut small, 5).is_empty());
        assert!(Packet::copied(&mut slot, &[1; 37]).is_err());
    }
}
