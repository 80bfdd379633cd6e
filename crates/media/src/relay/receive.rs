//! The way of one packet.

use super::stream::{Header, Stream};
use super::{Component, Reason, Refused, Relay, StreamKey, Taker, TransportKey, Verdict};
use crate::demux::{Protocol, demux};
use crate::packet::Packet;
use crate::rtcp::rewrite_ssrcs;
use crate::rtp::{Rtp, RtpMut};
use coeur_sip::time::Monotonic;
use std::net::SocketAddr;

/// A sender report's blocks stand behind its sender information (RFC 3550 section 6.4.1).
const SENDER_REPORT: u8 = 200;

/// The name of a source in the mirror. Whoever sees packets with his own SSRC takes them for a loop or a collision and
/// drops them (RFC 3550 section 8.2); and what he reports of the source in the mirror is a report of himself.
fn mirrored(ssrc: u32) -> u32 {
    ssrc ^ 0x5a5a_5a5a
}

/// A packet that goes no further, and whose it was.
pub(super) struct Lost(pub(super) StreamKey, pub(super) Reason);

impl Relay {
    /// What becomes of a packet that has come to `at` from `from`. It is changed in place.
    pub fn receive(
        &mut self,
        now: Monotonic,
        at: TransportKey,
        from: SocketAddr,
        packet: &mut Packet<'_>,
    ) -> Verdict {
        let Some(transport) = self.transports.get(at.0 as usize) else {
            self.dropped.add(Reason::Closed);
            return Verdict::Dropped(Reason::Closed);
        };
        let (owner, component) = (transport.stream, transport.component);
        let way = match demux(packet) {
            _ if self.stream(owner).is_some_and(|stream| stream.is_opaque) => {
                self.opaque(now, owner, from, packet)
            }
            Some(protocol @ (Protocol::Rtp | Protocol::Rtcp | Protocol::Dtls)) if self.is_foreign(owner) => {
                self.foreign(now, at, owner, (from, protocol), packet)
            }
            Some(Protocol::Rtp) if component == Component::Rtp => self.rtp(now, at, owner, from, packet),
            Some(Protocol::Rtp) => Err(Lost(owner, Reason::WrongPort)),
            Some(Protocol::Rtcp) => self.rtcp(now, at, owner, component, from, packet),
            Some(protocol @ (Protocol::Stun | Protocol::Dtls)) => {
                self.hand_out(owner, component, protocol, from)
            }
            Some(Protocol::Zrtp | Protocol::TurnChannel) | None => Err(Lost(owner, Reason::Unexpected)),
        };
        way.unwrap_or_else(|Lost(stream, reason)| {
            self.count_drop(stream, reason);
            if reason.is_refusal()
                && let Some(stream) = self.stream_mut(stream)
            {
                stream.note_refused(Refused { from, why: reason, rtp: outline(packet) });
            }
            Verdict::Dropped(reason)
        })
    }

    fn rtp(
        &mut self,
        now: Monotonic,
        at: TransportKey,
        owner: StreamKey,
        from: SocketAddr,
        packet: &mut Packet<'_>,
    ) -> Result<Verdict, Lost> {
        let rtp = Rtp::parse(packet).map_err(|_| Lost(owner, Reason::Malformed))?;
        let header = Header::of(&rtp);
        let header_bytes = rtp.header_bytes();
        let key = self.of_bundle(at, owner, &rtp);
        let (receives, payload) = self
            .stream(key)
            .map(|stream| (stream.expects_to_hear(), stream.payload(header.payload_type)))
            .ok_or(Lost(owner, Reason::NotAgreed))?;
        let wanted = receives && payload.is_some();
        // The stream and its owner are in the table: both were just found there.
        let lost = |reason| Lost(key, reason);
        let stream = self.stream_mut(owner).ok_or(lost(Reason::Closed))?;
        let admitted = stream.admit_rtp(now, from, header, wanted, packet);
        let (strays, moved) = (stream.take_stray(), stream.take_moved(Component::Rtp));
        if strays {
            self.strayed.push((owner, from));
        }
        if let Some(from) = moved {
            self.moved.push((owner, Component::Rtp, from));
        }
        admitted.map_err(lost)?;
        let stream = self.stream_mut(key).ok_or(lost(Reason::Closed))?;
        if !receives {
            return Err(lost(Reason::NotReceiving));
        }
        let payload = payload.ok_or(lost(Reason::UnknownPayload))?;
        let payload_bytes = packet.len().saturating_sub(header_bytes);
        stream.keep_pace(now, stream.link == Some(key)).map_err(lost)?;
        let (link, taker) = (stream.link, stream.taker);
        let own = link.and_then(|link| self.stream_mut(link)).and_then(|other| other.own_number.take());
        let stream = self.stream_mut(key).ok_or(lost(Reason::Closed))?;
        let shift = stream.count_received(now, header, payload_bytes, own).map_err(lost)?;
        if !std::mem::replace(&mut stream.is_heard, true) {
            self.heard.push(key);
        }
        if (payload != header.payload_type || shift != 0)
            && let Ok(mut rtp) = RtpMut::parse(packet)
        {
            rtp.set_sequence(header.sequence.wrapping_add(shift));
            match taker {
                Taker::Link => rtp.set_payload_type(payload),
                // Who takes it knows it by its own number.
                Taker::Tap | Taker::End => {}
            }
        }
        match taker {
            Taker::Link => {
                let link = link.ok_or(lost(Reason::NotConnected))?;
                if link == key
                    && let Ok(mut rtp) = RtpMut::parse(packet)
                {
                    rtp.set_ssrc(mirrored(header.ssrc));
                }
                self.dispatch(now, link, payload_bytes, packet)
            }
            Taker::Tap | Taker::End => Ok(Verdict::Taken { stream: key }),
        }
    }

    pub(super) fn dispatch(
        &mut self,
        now: Monotonic,
        link: StreamKey,
        payload_bytes: usize,
        packet: &mut Packet<'_>,
    ) -> Result<Verdict, Lost> {
        let lost = |reason| Lost(link, reason);
        let stream = self.stream(link).ok_or(lost(Reason::NotConnected))?;
        stream.may_send().map_err(lost)?;
        let owner = stream.bundle;
        let owner = self.stream_mut(owner).ok_or(lost(Reason::OtherNotAgreed))?;
        let (transport, to) = owner.dispatch_rtp(now, packet).map_err(lost)?;
        if let Some(stream) = self.stream_mut(link) {
            stream.quality.sent_packets += 1;
            stream.quality.sent_octets += payload_bytes as u64;
        }
        Ok(Verdict::Forward { transport, to })
    }

    fn rtcp(
        &mut self,
        now: Monotonic,
        at: TransportKey,
        owner: StreamKey,
        component: Component,
        from: SocketAddr,
        packet: &mut Packet<'_>,
    ) -> Result<Verdict, Lost> {
        let lost = |reason| Lost(owner, reason);
        let stream = self.stream_mut(owner).ok_or(lost(Reason::Closed))?;
        let admitted = stream.admit_rtcp(now, from, component, packet);
        if let Some(from) = stream.take_moved(component) {
            self.moved.push((owner, component, from));
        }
        admitted.map_err(lost)?;
        let key = self.with_ssrc(at, owner, packet);
        let stream = self.stream_mut(key).ok_or(lost(Reason::Closed))?;
        stream.keep_pace(now, stream.link == Some(key)).map_err(|reason| Lost(key, reason))?;
        // What is played beside the other side says nothing of how that is heard: its numbers jump (`rtp::Source`).
        let passes = match stream.taker {
            Taker::Link | Taker::Tap => stream.link.filter(|link| *link != key),
            Taker::End => None,
        };
        let passed = passes.and_then(|link| self.stream(link)).map(|link| link.quality.ssrcs());
        let passed = passed.filter(|passed| passed.iter().any(Option::is_some));
        let stream = self.stream_mut(key).ok_or(Lost(key, Reason::Closed))?;
        stream.quality.read_reports(packet, passed.as_ref().map(|passed| &passed[..]), now);
        match stream.taker {
            Taker::Link | Taker::Tap => {}
            Taker::End => return Ok(Verdict::Read),
        }
        let link = stream.link.ok_or(Lost(key, Reason::NotConnected))?;
        let lost = |reason| Lost(link, reason);
        if link == key && rewrite_ssrcs(packet, mirrored).is_err() {
            return Err(lost(Reason::Malformed));
        }
        let other = self.stream_mut(link).ok_or(lost(Reason::NotConnected))?;
        other.quality.restore_numbers(packet);
        other.quality.sends_report(packet, now);
        let owner = other.bundle;
        let owner = self.stream_mut(owner).ok_or(lost(Reason::OtherNotAgreed))?;
        let (transport, to) = owner.dispatch_rtcp(now, packet).map_err(lost)?;
        Ok(Verdict::Forward { transport, to })
    }

    /// Datagrams of a stream that is not RTP.
    fn opaque(
        &mut self,
        now: Monotonic,
        key: StreamKey,
        from: SocketAddr,
        packet: &mut Packet<'_>,
    ) -> Result<Verdict, Lost> {
        let lost = |reason| Lost(key, reason);
        let stream = self.stream_mut(key).ok_or(lost(Reason::Closed))?;
        stream.admit_opaque(now, from).map_err(lost)?;
        if !stream.expects_to_hear() {
            return Err(lost(Reason::NotReceiving));
        }
        stream.keep_pace(now, stream.link == Some(key)).map_err(lost)?;
        stream.quality.received_packets += 1;
        stream.quality.received_octets += packet.len() as u64;
        let (is_first, link) = (!std::mem::replace(&mut stream.is_heard, true), stream.link);
        if is_first {
            self.heard.push(key);
        }
        self.dispatch(now, link.ok_or(lost(Reason::NotConnected))?, packet.len(), packet)
    }

    /// Packets of ICE and DTLS, where there is somebody who wants them and they come from where they may. DTLS is heard
    /// only where ICE validated, or where signalling points to: the first ClientHello from anywhere else would take the
    /// call.
    fn hand_out(
        &mut self,
        key: StreamKey,
        component: Component,
        protocol: Protocol,
        from: SocketAddr,
    ) -> Result<Verdict, Lost> {
        let lost = |reason| Lost(key, reason);
        let stream = self.stream(key).ok_or(lost(Reason::Closed))?;
        let latch = stream.latch(component).ok_or(lost(Reason::NotAgreed))?;
        let is_wanted = match protocol {
            Protocol::Stun => latch.has_ice(),
            Protocol::Dtls => stream.has_dtls(),
            Protocol::Rtp | Protocol::Rtcp | Protocol::Zrtp | Protocol::TurnChannel => false,
        };
        if !is_wanted {
            return Err(lost(Reason::Unexpected));
        }
        if protocol == Protocol::Dtls && !latch.may_speak_dtls(from) {
            return Err(lost(Reason::NotFromPeer));
        }
        if let Some(stream) = self.stream_mut(key) {
            stream.handed.stun += u64::from(protocol == Protocol::Stun);
            stream.handed.dtls += u64::from(protocol == Protocol::Dtls);
        }
        Ok(Verdict::Handed { stream: key, component, protocol })
    }

    /// The stream of a bundle whose packet this is (RFC 9143 section 9.2): by its MID, else by its SSRC where that has
    /// counted before, else by its payload type.
    pub(super) fn of_bundle(&self, at: TransportKey, owner: StreamKey, rtp: &Rtp<'_>) -> StreamKey {
        if !self.is_bundle(at) {
            return owner;
        }
        let (ssrc, payload_type) = (rtp.ssrc(), rtp.payload_type());
        let has_mid = |stream: &Stream| {
            let mid = stream.mid.as_ref();
            mid.zip(rtp.extension()).is_some_and(|(mid, extension)| {
                extension.elements().any(|element| element.id == mid.extension && *element.data == *mid.value)
            })
        };
        let has_payload = |stream: &Stream| stream.payload(payload_type).is_some();
        self.in_bundle(at, owner, has_mid)
            .or_else(|| self.in_bundle(at, owner, |stream| stream.has_source(ssrc) && has_payload(stream)))
            .or_else(|| self.in_bundle(at, owner, has_payload))
            .unwrap_or(owner)
    }

    /// The stream of a bundle that an RTCP packet is about: its sender is heard there, or else what the first report or
    /// feedback is about is sent there.
    fn with_ssrc(&self, at: TransportKey, owner: StreamKey, packet: &[u8]) -> StreamKey {
        if !self.is_bundle(at) {
            return owner;
        }
        let ssrc = |at: usize| packet.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
        let about = ssrc(if packet.get(1) == Some(&SENDER_REPORT) { 28 } else { 8 });
        let is_heard = |sender| self.in_bundle(at, owner, |stream| stream.has_source(sender));
        let is_sent = |about| {
            self.in_bundle(at, owner, |stream| {
                stream.link.and_then(|link| self.stream(link)).is_some_and(|other| other.has_source(about))
            })
        };
        ssrc(4).and_then(is_heard).or_else(|| about.and_then(is_sent)).unwrap_or(owner)
    }

    fn is_bundle(&self, at: TransportKey) -> bool {
        self.transports.get(at.0 as usize).is_some_and(|transport| !transport.bundled.is_empty())
    }

    fn in_bundle(
        &self,
        at: TransportKey,
        owner: StreamKey,
        fits: impl Fn(&Stream) -> bool,
    ) -> Option<StreamKey> {
        let transport = self.transports.get(at.0 as usize)?;
        let mut all = std::iter::once(&owner).chain(&transport.bundled);
        all.find(|key| self.stream(**key).is_some_and(&fits)).copied()
    }
}

/// Payload type and payload bytes of what has the form of RTP.
fn outline(packet: &[u8]) -> Option<(u8, u16)> {
    let is_rtp = demux(packet) == Some(Protocol::Rtp);
    let rtp = Rtp::parse(packet).ok().filter(|_| is_rtp)?;
    let bytes = packet.len().saturating_sub(rtp.header_bytes());
    Some((rtp.payload_type(), bytes.min(usize::from(u16::MAX)) as u16))
}
