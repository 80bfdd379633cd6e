//! Streams whose keys the two devices have agreed on between themselves (`e2e`): their handshake and what it protects pass as
//! they are, and only from where the other end is known to be. There is no key here, so nothing can be read but the headers of
//! RTP, which are in the clear (RFC 3711 section 3.1), nothing can be changed, and nothing of our own can be said.
//!
//! Such a stream is linked with one of its kind or its packets go nowhere: what is protected for one device never reaches an
//! end whose keys we have, and what is in the clear never reaches such a stream.

use super::receive::Lost;
use super::stream::{Header, Stream};
use super::{Component, Reason, Relay, StreamKey, TransportKey, Verdict};
use crate::demux::Protocol;
use crate::packet::Packet;
use crate::rtp::Rtp;
use coeur_sip::time::Monotonic;
use std::net::SocketAddr;

impl Relay {
    pub(super) fn is_foreign(&self, key: StreamKey) -> bool {
        self.stream(key).is_some_and(Stream::is_foreign)
    }

    /// A packet of RTP, RTCP or DTLS that has come to the port of such a stream.
    pub(super) fn foreign(
        &mut self,
        now: Monotonic,
        at: TransportKey,
        owner: StreamKey,
        (from, protocol): (SocketAddr, Protocol),
        packet: &Packet<'_>,
    ) -> Result<Verdict, Lost> {
        match protocol {
            Protocol::Rtp => self.foreign_rtp(now, at, owner, from, packet),
            Protocol::Rtcp | Protocol::Dtls => {
                let lost = |reason| Lost(owner, reason);
                let stream = self.stream_mut(owner).ok_or(lost(Reason::Closed))?;
                let latch = stream.latch(Component::Rtp).ok_or(lost(Reason::NotAgreed))?;
                if !latch.may_speak_dtls(from) {
                    return Err(lost(Reason::NotFromPeer));
                }
                stream.keep_pace(now, stream.link == Some(owner)).map_err(lost)?;
                // Whatever is on hold: keys are agreed on, and reports go on (RFC 3264 section 8.4).
                let link = stream.link.ok_or(lost(Reason::NotConnected))?;
                self.hand_over(now, link)
            }
            Protocol::Stun | Protocol::Zrtp | Protocol::TurnChannel => Err(Lost(owner, Reason::Unexpected)),
        }
    }

    fn foreign_rtp(
        &mut self,
        now: Monotonic,
        at: TransportKey,
        owner: StreamKey,
        from: SocketAddr,
        packet: &Packet<'_>,
    ) -> Result<Verdict, Lost> {
        let rtp = Rtp::parse(packet).map_err(|_| Lost(owner, Reason::Malformed))?;
        let header = Header::of(&rtp);
        let payload_bytes = packet.len().saturating_sub(rtp.header_bytes());
        let key = self.of_bundle(at, owner, &rtp);
        let lost = |reason| Lost(key, reason);
        let stream = self.stream(key).ok_or(lost(Reason::NotAgreed))?;
        // A number that would have to be another cannot be written.
        let is_known = stream.payload(header.payload_type) == Some(header.payload_type);
        let receives = stream.expects_to_hear();
        let of_port = self.stream_mut(owner).ok_or(lost(Reason::Closed))?;
        of_port.admit_foreign(now, from, header, receives && is_known).map_err(lost)?;
        let stream = self.stream_mut(key).ok_or(lost(Reason::Closed))?;
        match (receives, is_known) {
            (false, _) => return Err(lost(Reason::NotReceiving)),
            (true, false) => return Err(lost(Reason::UnknownPayload)),
            (true, true) => {}
        }
        stream.keep_pace(now, stream.link == Some(key)).map_err(lost)?;
        stream.count_received(now, header, payload_bytes, None).map_err(lost)?;
        let link = stream.link.ok_or(lost(Reason::NotConnected))?;
        if !std::mem::replace(&mut stream.is_heard, true) {
            self.heard.push(key);
        }
        let other = self.stream(link).ok_or(lost(Reason::NotConnected))?;
        other.may_send().map_err(|reason| Lost(link, reason))?;
        let verdict = self.hand_over(now, link)?;
        if let Some(other) = self.stream_mut(link) {
            other.quality.sent_packets += 1;
            other.quality.sent_octets += payload_bytes as u64;
        }
        Ok(verdict)
    }

    /// Where a packet leaves that is as the other device has made it.
    fn hand_over(&self, now: Monotonic, link: StreamKey) -> Result<Verdict, Lost> {
        let lost = |reason| Lost(link, reason);
        let other = self.stream(link).ok_or(lost(Reason::NotConnected))?;
        let owner = self.stream(other.bundle).ok_or(lost(Reason::OtherNotAgreed))?;
        let latch = owner.latch(Component::Rtp).ok_or(lost(Reason::OtherNotAgreed))?;
        if !owner.is_foreign() {
            return Err(lost(Reason::OtherNoKeys));
        }
        let to = latch.send_to(now).ok_or(lost(Reason::NoAddress))?;
        Ok(Verdict::Forward { transport: owner.transport, to })
    }
}
