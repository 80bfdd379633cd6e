//! What we send under one master key.

use super::cipher::Cipher;
use super::keys::MasterKey;
use super::replay::Window;
use super::sources::{Source, Sources};
use super::{Progress, RTCP_LIFETIME_PACKETS, SourceState, SrtpError, SrtpState, Suite, index};
use crate::packet::Packet;
use crate::rtp;

/// Protects packets in place, each index once.
///
/// What a relay sends was numbered by somebody else, who may repeat a number with other bytes or change the SSRC at each
/// packet. The same index under the same key twice would give the key stream away (and with GCM the key of
/// authentication), so a window like that of a receiver refuses it.
pub struct Outbound {
    suite: Suite,
    rtp: Cipher,
    rtcp: Cipher,
    sources: Sources<Sending>,
    rtp_packets_left: u64,
    rtcp_packets_left: u64,
    lifetime_packets: u64,
}

struct Sending {
    ssrc: u32,
    sent: Window<8>,
    /// Next index of SRTCP, 31 bits.
    rtcp_next: u32,
}

#[cfg(test)]
pub(super) const SOURCE_BYTES: usize = size_of::<Sending>();

impl Source for Sending {
    fn ssrc(&self) -> u32 {
        self.ssrc
    }
}

/// SRTCP packets that may have left after the last state was kept: a restored context skips as many indices.
const RTCP_INDICES_SKIPPED: u32 = 10_000;

/// The bit of the SRTCP index word which says that the packet is encrypted.
const ENCRYPTED: u32 = 1 << 31;

impl Outbound {
    pub fn new(key: &MasterKey) -> Outbound {
        Outbound {
            suite: key.suite(),
            rtp: Cipher::new(&key.session_keys(false)),
            rtcp: Cipher::new(&key.session_keys(true)),
            sources: Sources::new(),
            rtp_packets_left: key.lifetime_packets(),
            rtcp_packets_left: key.lifetime_packets().min(RTCP_LIFETIME_PACKETS),
            lifetime_packets: key.lifetime_packets(),
        }
    }

    /// Goes on where the journal left off. Numbers that were sent since then are refused only when their source repeats
    /// them, so the state should not be old.
    pub fn restored(key: &MasterKey, state: &SrtpState) -> Outbound {
        let mut context = Outbound::new(key);
        context.rtp_packets_left = context.rtp_packets_left.saturating_sub(state.rtp_packets);
        context.rtcp_packets_left = context.rtcp_packets_left.saturating_sub(state.rtcp_packets);
        for source in &state.sources {
            let rtcp_next =
                source.rtcp_index.map_or(0, |index| index.saturating_add(1 + RTCP_INDICES_SKIPPED));
            let sent = Window::restored(source.rtp_index);
            // More sources than a context holds were never in one.
            let _ = context.sources.add(Sending { ssrc: source.ssrc, sent, rtcp_next });
        }
        context
    }

    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// SRTP packets that may still be sent under this key. A new one is due long before this is zero.
    pub fn rtp_packets_left(&self) -> u64 {
        self.rtp_packets_left
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
                    rtp_index: source.sent.highest(),
                    rtcp_index: source.rtcp_next.checked_sub(1),
                })
                .collect(),
        }
    }

    /// Encrypts the payload of an RTP packet and appends the tag (RFC 3711 section 3.3, RFC 7714 section 8). A number that
    /// lies before the first one that was sent is refused: the receiver could not know its rollover counter.
    pub fn protect_rtp(&mut self, packet: &mut Packet<'_>) -> Result<(), SrtpError> {
        let header_bytes = rtp::header_bytes(packet).map_err(|_| SrtpError::Malformed)?;
        let (sequence, ssrc) = (u16::from_be_bytes([packet[2], packet[3]]), word(packet, 8));
        if self.rtp_packets_left == 0 {
            return Err(SrtpError::KeyExhausted);
        }
        let source = sending(&mut self.sources, ssrc)?;
        let index = index::guess(source.sent.highest(), sequence).ok_or(SrtpError::TooOld)?;
        if index >> 48 != 0 {
            return Err(SrtpError::KeyExhausted);
        }
        source.sent.check(index)?;
        packet.append(self.suite.rtp_tag_bytes()).map_err(|_| SrtpError::NoRoom)?;
        let (body, tag) = split_tag(packet, self.suite.rtp_tag_bytes());
        match &self.rtp {
            Cipher::CounterMode(cipher) => {
                cipher.apply(ssrc, index, &mut body[header_bytes..])?;
                let rollovers = (index >> 16) as u32;
                let full = cipher.tag(body, &rollovers.to_be_bytes());
                tag.copy_from_slice(&full.as_ref()[..tag.len()]);
            }
            Cipher::Aead(cipher) => {
                let (header, payload) = body.split_at_mut(header_bytes);
                tag.copy_from_slice(&cipher.seal(ssrc, index, header, payload)?);
            }
        }
        source.sent.update(index);
        self.rtp_packets_left -= 1;
        Ok(())
    }

    /// Encrypts an RTCP compound packet behind its first 8 bytes and appends index and tag (RFC 3711 section 3.4, RFC 7714
    /// section 9).
    pub fn protect_rtcp(&mut self, packet: &mut Packet<'_>) -> Result<(), SrtpError> {
        if packet.len() < RTCP_CLEAR_BYTES || packet[0] >> 6 != 2 {
            return Err(SrtpError::Malformed);
        }
        let ssrc = word(packet, 4);
        let source = sending(&mut self.sources, ssrc)?;
        let index = source.rtcp_next;
        if self.rtcp_packets_left == 0 || index >= ENCRYPTED {
            return Err(SrtpError::KeyExhausted);
        }
        let index_word = (ENCRYPTED | index).to_be_bytes();
        let tag_bytes = self.suite.rtcp_tag_bytes();
        packet.append(4 + tag_bytes).map_err(|_| SrtpError::NoRoom)?;
        match &self.rtcp {
            Cipher::CounterMode(cipher) => {
                let (body, tag) = split_tag(packet, tag_bytes);
                let plain_bytes = body.len() - 4;
                cipher.apply(ssrc, u64::from(index), &mut body[RTCP_CLEAR_BYTES..plain_bytes])?;
                body[plain_bytes..].copy_from_slice(&index_word);
                let full = cipher.tag(body, &[]);
                tag.copy_from_slice(&full.as_ref()[..tag_bytes]);
            }
            Cipher::Aead(cipher) => {
                let (body, trailer) = split_tag(packet, tag_bytes + 4);
                let (header, payload) = body.split_at_mut(RTCP_CLEAR_BYTES);
                let mut associated = [0; RTCP_CLEAR_BYTES + 4];
                associated[..RTCP_CLEAR_BYTES].copy_from_slice(header);
                associated[RTCP_CLEAR_BYTES..].copy_from_slice(&index_word);
                trailer[..tag_bytes].copy_from_slice(&cipher.seal(
                    ssrc,
                    u64::from(index),
                    &associated,
                    payload,
                )?);
                trailer[tag_bytes..].copy_from_slice(&index_word);
            }
        }
        source.rtcp_next = index + 1;
        self.rtcp_packets_left -= 1;
        Ok(())
    }

    /// A context whose session keys are given instead of derived.
    #[cfg(test)]
    pub(super) fn given(keys: &super::keys::SessionKeys) -> Outbound {
        Outbound {
            suite: keys.suite,
            rtp: Cipher::new(keys),
            rtcp: Cipher::new(keys),
            sources: Sources::new(),
            rtp_packets_left: RTCP_LIFETIME_PACKETS,
            rtcp_packets_left: RTCP_LIFETIME_PACKETS,
            lifetime_packets: RTCP_LIFETIME_PACKETS,
        }
    }

    /// Sets the next SRTCP index of a source.
    #[cfg(test)]
    pub(super) fn set_rtcp_next(&mut self, ssrc: u32, next: u32) {
        sending(&mut self.sources, ssrc).unwrap().rtcp_next = next;
    }
}

/// Bytes of an RTCP packet that stay in the clear: header and SSRC of the sender.
pub(super) const RTCP_CLEAR_BYTES: usize = 8;

fn sending(sources: &mut Sources<Sending>, ssrc: u32) -> Result<&mut Sending, SrtpError> {
    // Twice, because the borrow of the first would last over the second.
    if sources.find(ssrc).is_none() {
        sources.add(Sending { ssrc, sent: Window::new(), rtcp_next: 0 }).ok_or(SrtpError::TooManySources)?;
    }
    sources.find(ssrc).ok_or(SrtpError::TooManySources)
}

/// A packet without its last `count` bytes, and these. `count` bytes were appended.
fn split_tag<'a>(packet: &'a mut Packet<'_>, count: usize) -> (&'a mut [u8], &'a mut [u8]) {
    let length = packet.len() - count;
    packet.split_at_mut(length)
}

/// The 32-bit word at `at`, which must lie in `bytes`.
pub(super) fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
