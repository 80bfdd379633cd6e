//! What a peer sends under his master key.

use super::cipher::{AEAD_TAG_BYTES, Cipher};
use super::keys::{MKI_BYTES_MAX, MasterKey};
use super::outbound::{RTCP_CLEAR_BYTES, word};
use super::replay::Window;
use super::sources::{Source, Sources};
use super::{Progress, RTCP_LIFETIME_PACKETS, SourceState, SrtpError, SrtpState, Suite, index};
use crate::packet::Packet;
use crate::rtp;

/// Unprotects packets in place. The replay window is asked before authentication and moved only after it.
pub struct Inbound {
    suite: Suite,
    rtp: Cipher,
    rtcp: Cipher,
    mki: Mki,
    sources: Sources<Receiving>,
    rtp_packets_left: u64,
    rtcp_packets_left: u64,
    lifetime_packets: u64,
    /// While it is not known how often the numbers of the sender have rolled over: the turn that is tried next, and above it
    /// a one for how many are; beyond [`TURNS_END`] how many packets are still taken for ones of the first.
    sought: Option<u16>,
}

struct Receiving {
    ssrc: u32,
    rtp: Window<8>,
    rtcp: Window<2>,
}

#[cfg(test)]
pub(super) const SOURCE_BYTES: usize = size_of::<Receiving>();

impl Receiving {
    fn new(ssrc: u32) -> Receiving {
        Receiving { ssrc, rtp: Window::new(), rtcp: Window::new() }
    }
}

impl Source for Receiving {
    fn ssrc(&self) -> u32 {
        self.ssrc
    }
}

/// The MKI that may stand in a packet. Whoever announced one may still leave it out, and a short one may stand at the
/// right place by chance: the first packet that is authenticated tells.
struct Mki {
    bytes: [u8; MKI_BYTES_MAX],
    length: usize,
    sent: Option<bool>,
}

impl Mki {
    /// Bytes of the MKI which `packet` holds `behind` bytes before its end.
    fn length_in(&self, packet: &[u8], behind: usize) -> usize {
        let mki = &self.bytes[..self.length];
        let there = packet.len().checked_sub(behind).is_some_and(|end| packet[..end].ends_with(mki));
        if there && self.sent != Some(false) { self.length } else { 0 }
    }
}

/// What was received, for those who decide by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    pub ssrc: u32,
    /// True when no packet of this SSRC had a higher index: an old one does not move an address.
    pub newest: bool,
}

impl Inbound {
    pub fn new(key: &MasterKey) -> Inbound {
        let mut bytes = [0; MKI_BYTES_MAX];
        bytes[..key.mki().len()].copy_from_slice(key.mki());
        Inbound {
            suite: key.suite(),
            rtp: Cipher::new(&key.session_keys(false)),
            rtcp: Cipher::new(&key.session_keys(true)),
            mki: Mki { bytes, length: key.mki().len(), sent: None },
            sources: Sources::new(),
            rtp_packets_left: key.lifetime_packets(),
            rtcp_packets_left: key.lifetime_packets().min(RTCP_LIFETIME_PACKETS),
            lifetime_packets: key.lifetime_packets(),
            sought: None,
        }
    }

    /// Its sender may have sent to somebody else meanwhile, or may go on counting under another key: how often its numbers
    /// have rolled over is not known. Until a packet is authenticated each is taken for one of another turn: of the first two,
    /// then of the first four, eight and so on up to 256, again and again, as some of another key may come between. So
    /// none costs more than it did. Twenty minutes of 50 packets a second are a turn. `key_is_new`: the first are of the first
    /// turn, for all we know.
    pub fn seek(&mut self, key_is_new: bool) {
        self.sought = Some(if key_is_new { TURNS_END + PATIENCE } else { TURNS_FIRST });
    }

    /// The highest index that came of any source: beyond 2^16 its numbers have rolled over (RFC 3711 section 3.3.1). As long
    /// as it is sought, they may have.
    pub fn highest_index(&self) -> Option<u64> {
        if self.sought.is_some() {
            return Some(u64::MAX);
        }
        self.sources.iter().filter_map(|source| source.rtp.highest()).max()
    }

    /// Goes on where the journal left off. All up to the kept indices counts as received; a packet is recognised when it
    /// is at most 2^15 ahead (RFC 3711 section 3.3.1), eleven minutes of G.711.
    pub fn restored(key: &MasterKey, state: &SrtpState) -> Inbound {
        let mut context = Inbound::new(key);
        context.rtp_packets_left = context.rtp_packets_left.saturating_sub(state.rtp_packets);
        context.rtcp_packets_left = context.rtcp_packets_left.saturating_sub(state.rtcp_packets);
        for source in &state.sources {
            let rtp = Window::restored(source.rtp_index);
            let rtcp = Window::restored(source.rtcp_index.map(u64::from));
            // More sources than a context holds were never in one.
            let _ = context.sources.add(Receiving { ssrc: source.ssrc, rtp, rtcp });
        }
        context
    }

    pub fn suite(&self) -> Suite {
        self.suite
    }

    pub fn progress(&self) -> Progress {
        Progress {
            sources: self.sources.len(),
            rtp_packets: self.lifetime_packets - self.rtp_packets_left,
            rtcp_packets: self.lifetime_packets.min(RTCP_LIFETIME_PACKETS) - self.rtcp_packets_left,
        }
    }

    pub fn state(&self) -> SrtpState {
        let rtcp_lifetime = self.lifetime_packets.min(RTCP_LIFETIME_PACKETS);
        SrtpState {
            rtp_packets: self.lifetime_packets - self.rtp_packets_left,
            rtcp_packets: rtcp_lifetime - self.rtcp_packets_left,
            sources: self
                .sources
                .iter()
                .map(|source| SourceState {
                    ssrc: source.ssrc,
                    rtp_index: source.rtp.highest(),
                    // The window of SRTCP takes 31-bit indices only.
                    rtcp_index: source.rtcp.highest().map(|index| index as u32),
                })
                .collect(),
        }
    }

    /// Authenticates and decrypts an SRTP packet (RFC 3711 section 3.3, RFC 7714 section 8).
    pub fn unprotect_rtp(&mut self, packet: &mut Packet<'_>) -> Result<Received, SrtpError> {
        let header_bytes = rtp::header_bytes(packet).map_err(|_| SrtpError::Malformed)?;
        let (sequence, ssrc) = (u16::from_be_bytes([packet[2], packet[3]]), word(packet, 8));
        if self.rtp_packets_left == 0 {
            return Err(SrtpError::KeyExhausted);
        }
        let index = self.rtp_index(ssrc, sequence)?;
        let tag_bytes = self.suite.rtp_tag_bytes();
        let (length, mki_bytes) = match &self.rtp {
            Cipher::CounterMode(cipher) => {
                // Ciphertext, MKI, tag (section 3.1).
                let mki_bytes = self.mki.length_in(packet, tag_bytes);
                let length = body_length(packet, header_bytes, mki_bytes + tag_bytes)?;
                let tag_at = packet.len() - tag_bytes;
                let rollovers = (index >> 16) as u32;
                cipher.verify(&packet[..length], &rollovers.to_be_bytes(), &packet[tag_at..])?;
                cipher.apply(ssrc, index, &mut packet[header_bytes..length])?;
                (length, mki_bytes)
            }
            Cipher::Aead(cipher) => {
                // Ciphertext with its tag, MKI (RFC 7714 section 8.2).
                let mki_bytes = self.mki.length_in(packet, 0);
                let length = body_length(packet, header_bytes, mki_bytes + tag_bytes)?;
                let (header, rest) = packet.split_at_mut(header_bytes);
                let (payload, trailer) = rest.split_at_mut(length - header_bytes);
                cipher.open(ssrc, index, header, payload, &trailer[..tag_bytes])?;
                (length, mki_bytes)
            }
        };
        self.mki.sent = Some(mki_bytes > 0);
        self.rtp_packets_left -= 1;
        self.sought = None;
        let newest = receiving(&mut self.sources, ssrc)?.rtp.update(index);
        packet.truncate(length);
        Ok(Received { ssrc, newest })
    }

    /// Authenticates and decrypts an SRTCP packet (RFC 3711 section 3.4, RFC 7714 section 9). One that its sender
    /// authenticated but did not encrypt is taken too.
    pub fn unprotect_rtcp(&mut self, packet: &mut Packet<'_>) -> Result<Received, SrtpError> {
        if packet.len() < RTCP_CLEAR_BYTES || packet[0] >> 6 != 2 {
            return Err(SrtpError::Malformed);
        }
        if self.rtcp_packets_left == 0 {
            return Err(SrtpError::KeyExhausted);
        }
        let (length, index, mki_bytes) = match &self.rtcp {
            Cipher::CounterMode(_) => self.unprotect_rtcp_counter_mode(packet)?,
            Cipher::Aead(_) => self.unprotect_rtcp_aead(packet)?,
        };
        self.mki.sent = Some(mki_bytes > 0);
        self.rtcp_packets_left -= 1;
        let ssrc = word(packet, 4);
        let newest = receiving(&mut self.sources, ssrc)?.rtcp.update(u64::from(index));
        packet.truncate(length);
        Ok(Received { ssrc, newest })
    }

    /// Ciphertext, E bit and index, MKI, tag (RFC 3711 section 3.4).
    fn unprotect_rtcp_counter_mode(&mut self, packet: &mut [u8]) -> Result<(usize, u32, usize), SrtpError> {
        let tag_bytes = self.suite.rtcp_tag_bytes();
        let mki_bytes = self.mki.length_in(packet, tag_bytes);
        let length = body_length(packet, RTCP_CLEAR_BYTES, 4 + mki_bytes + tag_bytes)?;
        let (encrypted, index) = index_word(packet, length);
        let ssrc = word(packet, 4);
        self.check_rtcp(ssrc, index)?;
        let Cipher::CounterMode(cipher) = &self.rtcp else { return Err(SrtpError::Malformed) };
        let tag_at = packet.len() - tag_bytes;
        cipher.verify(&packet[..length + 4], &[], &packet[tag_at..])?;
        if encrypted {
            cipher.apply(ssrc, u64::from(index), &mut packet[RTCP_CLEAR_BYTES..length])?;
        }
        Ok((length, index, mki_bytes))
    }

    /// Ciphertext with its tag, E bit and index, MKI (RFC 7714 sections 9.2 and 9.3).
    fn unprotect_rtcp_aead(&mut self, packet: &mut [u8]) -> Result<(usize, u32, usize), SrtpError> {
        let mki_bytes = self.mki.length_in(packet, 0);
        let length = body_length(packet, RTCP_CLEAR_BYTES, AEAD_TAG_BYTES + 4 + mki_bytes)?;
        let (encrypted, index) = index_word(packet, length + AEAD_TAG_BYTES);
        let ssrc = word(packet, 4);
        self.check_rtcp(ssrc, index)?;
        let Cipher::Aead(cipher) = &self.rtcp else { return Err(SrtpError::Malformed) };
        let mut tag = [0; AEAD_TAG_BYTES];
        tag.copy_from_slice(&packet[length..length + AEAD_TAG_BYTES]);
        let mut index_bytes = [0; 4];
        index_bytes.copy_from_slice(&packet[length + AEAD_TAG_BYTES..length + AEAD_TAG_BYTES + 4]);
        if encrypted {
            let mut associated = [0; RTCP_CLEAR_BYTES + 4];
            associated[..RTCP_CLEAR_BYTES].copy_from_slice(&packet[..RTCP_CLEAR_BYTES]);
            associated[RTCP_CLEAR_BYTES..].copy_from_slice(&index_bytes);
            cipher.open(ssrc, u64::from(index), &associated, &mut packet[RTCP_CLEAR_BYTES..length], &tag)?;
        } else {
            // All is associated data, the index right behind the packet: it is moved over the tag.
            packet[length..length + 4].copy_from_slice(&index_bytes);
            cipher.open(ssrc, u64::from(index), &packet[..length + 4], &mut [], &tag)?;
        }
        Ok((length, index, mki_bytes))
    }

    /// The index of a packet that may be new. A packet from before the first rollover counter is taken as one of the first.
    fn rtp_index(&mut self, ssrc: u32, sequence: u16) -> Result<u64, SrtpError> {
        if let Some(tried) = &mut self.sought {
            let highest = self.sources.find(ssrc).and_then(|source| source.rtp.highest());
            let later = if *tried < TURNS_END { *tried - (1 << tried.ilog2()) } else { 0 };
            *tried = match *tried {
                ..TURNS_END => *tried + 1,
                TURNS_END => TURNS_FIRST,
                _ => *tried - 1,
            };
            let index = sought(highest, later, sequence);
            return if self.sources.is_full() && highest.is_none() {
                Err(SrtpError::TooManySources)
            } else {
                Ok(index)
            };
        }
        let Some(source) = self.sources.find(ssrc) else {
            return if self.sources.is_full() {
                Err(SrtpError::TooManySources)
            } else {
                Ok(u64::from(sequence))
            };
        };
        let index = index::guess(source.rtp.highest(), sequence).unwrap_or(u64::from(sequence));
        if index >> 48 != 0 {
            return Err(SrtpError::KeyExhausted);
        }
        source.rtp.check(index)?;
        Ok(index)
    }

    fn check_rtcp(&mut self, ssrc: u32, index: u32) -> Result<(), SrtpError> {
        let full = self.sources.is_full();
        match self.sources.find(ssrc) {
            Some(source) => source.rtcp.check(u64::from(index)),
            None if full => Err(SrtpError::TooManySources),
            None => Ok(()),
        }
    }

    /// A context whose session keys are given instead of derived.
    #[cfg(test)]
    pub(super) fn given(keys: &super::keys::SessionKeys) -> Inbound {
        Inbound {
            suite: keys.suite,
            rtp: Cipher::new(keys),
            rtcp: Cipher::new(keys),
            mki: Mki { bytes: [0; MKI_BYTES_MAX], length: 0, sent: None },
            sources: Sources::new(),
            rtp_packets_left: RTCP_LIFETIME_PACKETS,
            rtcp_packets_left: RTCP_LIFETIME_PACKETS,
            lifetime_packets: RTCP_LIFETIME_PACKETS,
            sought: None,
        }
    }
}

const TURNS_FIRST: u16 = 2;
const TURNS_END: u16 = 512;
const PATIENCE: u16 = 8;

/// The index of a packet that is so many turns later than it can be at the earliest: beyond the highest index.
fn sought(highest: Option<u64>, later: u16, sequence: u16) -> u64 {
    let Some(highest) = highest else { return u64::from(later) << 16 | u64::from(sequence) };
    let first = (highest >> 16) + u64::from(sequence <= highest as u16);
    // 2^48 are more than anybody lives to send.
    ((first + u64::from(later)) & 0xffff_ffff) << 16 | u64::from(sequence)
}

/// Length of header and payload when `trailer_bytes` follow them.
fn body_length(packet: &[u8], header_bytes: usize, trailer_bytes: usize) -> Result<usize, SrtpError> {
    packet
        .len()
        .checked_sub(trailer_bytes)
        .filter(|length| *length >= header_bytes)
        .ok_or(SrtpError::Malformed)
}

/// E bit and index of SRTCP at `at`.
fn index_word(packet: &[u8], at: usize) -> (bool, u32) {
    let word = word(packet, at);
    (word >> 31 == 1, word & 0x7fff_ffff)
}

/// The source of an authenticated packet, entered if it is new.
fn receiving(sources: &mut Sources<Receiving>, ssrc: u32) -> Result<&mut Receiving, SrtpError> {
    // Twice, because the borrow of the first would last over the second.
    if sources.find(ssrc).is_none() {
        sources.add(Receiving::new(ssrc)).ok_or(SrtpError::TooManySources)?;
    }
    sources.find(ssrc).ok_or(SrtpError::TooManySources)
}
