//! Data on its way: from the client to a peer and back (RFC 8656 sections 11 and 12).

use super::server::{Action, Server};
use super::{AllocationId, Client};
use crate::stun::{Class, Kind, Message, Method, TransactionId, Writer};
use coeur_sip::time::Monotonic;
use std::net::SocketAddr;
use std::ops::RangeInclusive;

/// RFC 5766 section 11. RFC 8656 section 12 leaves 0x4000 to 0x4fff of it, for clients that receive DTLS and RTP on the
/// same port; they choose accordingly. Older ones choose from all, and their data is as clear to us.
pub(super) const CHANNELS: RangeInclusive<u16> = 0x4000..=0x7fff;

/// Number and length.
const HEADER_BYTES: usize = 4;

pub(super) fn is_channel_data(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER_BYTES && (0x40..=0x7f).contains(&bytes[0])
}

impl Server {
    pub(super) fn channel_data<'d>(&mut self, now: Monotonic, client: Client, bytes: &'d [u8]) -> Action<'d> {
        let Some((head, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else { return Action::Nothing };
        let number = u16::from_be_bytes([head[0], head[1]]);
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        // Section 12.5: padding is for streams, and may be there over UDP.
        let is_whole = rest.len() >= length && rest.len() <= length.next_multiple_of(4);
        let Some(allocation) = self.by_client.get(&client).copied().filter(|_| is_whole) else {
            self.counters.not_permitted += 1;
            return Action::Nothing;
        };
        let peer = self.allocations.get(&allocation).and_then(|found| found.peer_of(now, number));
        self.relay(now, allocation, peer, &rest[..length])
    }

    /// A Send indication. It has no integrity: permissions are what protects (section 11.2).
    pub(super) fn send<'d>(&mut self, now: Monotonic, client: Client, message: &Message<'d>) -> Action<'d> {
        let mut peers = message.peer_addresses();
        let peer = peers.next().filter(|_| peers.next().is_none());
        let can_do = !message.has(Kind::DontFragment) && message.not_understood().next().is_none();
        let allocation = self.by_client.get(&client).copied();
        let (Some(data), Some(allocation), true) = (message.data(), allocation, can_do) else {
            self.counters.not_permitted += 1;
            return Action::Nothing;
        };
        self.relay(now, allocation, peer, data)
    }

    fn relay<'d>(
        &mut self,
        now: Monotonic,
        allocation: AllocationId,
        peer: Option<SocketAddr>,
        data: &'d [u8],
    ) -> Action<'d> {
        // The policy once more: a permission is for an address, and on our own addresses the port decides.
        let to = peer.filter(|peer| self.policy.permits(*peer));
        match to {
            Some(to) if self.passes(now, allocation, to, data) => Action::Relay { allocation, to, data },
            Some(_) => Action::Nothing,
            None => {
                self.counters.not_permitted += 1;
                Action::Nothing
            }
        }
    }

    /// What has come to a relayed address. What leaves for the client is appended to the buffer.
    pub fn relayed(
        &mut self,
        now: Monotonic,
        allocation: AllocationId,
        from: SocketAddr,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Option<Client> {
        if !self.passes(now, allocation, from, data) {
            return None;
        }
        let found = self.allocations.get(&allocation)?;
        let client = found.client;
        match found.channel_of(now, from) {
            Some(number) => {
                out.extend_from_slice(&number.to_be_bytes());
                // A datagram is shorter than 65,536 bytes.
                out.extend_from_slice(&(data.len() as u16).to_be_bytes());
                out.extend_from_slice(data);
                if client.is_stream {
                    out.extend_from_slice(&[0; 3][..data.len().next_multiple_of(4) - data.len()]);
                }
            }
            None => {
                // Nobody answers an indication: its number need only be another each time.
                self.indications += 1;
                let mut id = [0; 12];
                id[4..].copy_from_slice(&self.indications.to_be_bytes());
                let from = SocketAddr::new(from.ip().to_canonical(), from.port());
                Writer::new(out, Class::Indication, Method::Data, TransactionId(id))
                    .xored_address(Kind::XorPeerAddress, from)
                    .value(Kind::Data, data);
            }
        }
        Some(client)
    }

    /// Permission, kind of data, bandwidth: the same in both directions.
    fn passes(&mut self, now: Monotonic, allocation: AllocationId, peer: SocketAddr, data: &[u8]) -> bool {
        let found = self.allocations.get_mut(&allocation);
        let Some(found) = found.filter(|found| found.relayed.is_some() && found.permits(now, peer)) else {
            self.counters.not_permitted += 1;
            return false;
        };
        if !is_media(data) {
            self.counters.no_media += 1;
            return false;
        }
        if !found.spend(now, data.len(), self.limits.bytes_per_second_max) {
            self.counters.over_bandwidth += 1;
            return false;
        }
        self.counters.relayed_packets += 1;
        self.counters.relayed_bytes += data.len() as u64;
        true
    }
}

/// STUN, DTLS, RTP and RTCP by their first byte (RFC 7983 section 7), and the empty datagram, a keep-alive (RFC 6263
/// section 4.1).
fn is_media(data: &[u8]) -> bool {
    matches!(data.first(), None | Some(0..=3 | 20..=63 | 128..=191))
}
