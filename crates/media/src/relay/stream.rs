//! One stream of one endpoint: what was agreed about it, whose packets it takes, where they go, what has come of it.

use super::latch::{Expected, Latch, Seen, Word};
use super::pace::{MIRRORED_MAX, PACKETS_MAX, Pace};
use super::quality;
use super::trouble::Troubles;
use super::{
    Agreed, Component, KeyChange, Keys, Mid, Quality, Reason, Reasons, Refused, StreamKey, Taker,
    TransportKey,
};
use crate::packet::Packet;
use crate::rtp::{Rtp, static_clock_hz};
use crate::srtp::{Inbound, Outbound, Progress, SrtpError, SrtpState};
use coeur_sip::time::Monotonic;
use std::net::{IpAddr, SocketAddr};

/// Payload types: 7 bits.
const PAYLOADS: usize = 128;
/// Of a payload type that was not agreed.
const UNKNOWN: u8 = 0xff;

/// About 1.8 kB, and what SRTP needs when the stream is protected (3 kB for both directions).
pub(super) struct Stream {
    /// RTP with its own port, or RTP and RTCP on one.
    pub(super) transport: TransportKey,
    /// The port of RTCP, when it has one.
    pub(super) rtcp_transport: Option<TransportKey>,
    /// The stream whose port, keys and addresses this one uses (RFC 9143); itself when it is in no bundle.
    pub(super) bundle: StreamKey,
    /// Datagrams of any kind, not RTP.
    pub(super) is_opaque: bool,
    terms: Option<Terms>,
    pub(super) link: Option<StreamKey>,
    pub(super) taker: Taker,
    pace: Pace,
    payloads: [u8; PAYLOADS],
    inbound: Guard<Inbound>,
    outbound: Guard<Outbound>,
    /// SSRC of the last packet that counted.
    ssrc: Option<u32>,
    /// The same of all streams of the bundle.
    last_ssrc: Option<u32>,
    pub(super) is_heard: bool,
    /// Keys are agreed by DTLS. It outlives a time in which the stream is switched off, as the keys do.
    dtls: bool,
    clock_hz: u32,
    /// Payload type of key presses; [`UNKNOWN`] when there is none.
    events: u8,
    pub(super) has_said_events: bool,
    /// The number of our own packet that was sent last, until one of the other side follows it.
    pub(super) own_number: Option<u16>,
    pub(super) dropped: Reasons,
    /// The last packet that was not taken as the other end's, and why.
    pub(super) refused: Option<Refused>,
    /// The same without strangers: from where the other end may speak, and not as was agreed.
    pub(super) misfit: Option<Refused>,
    /// Packets of ICE and of DTLS that were handed out.
    pub(super) handed: Handed,
    /// What the network said of packets that left here.
    pub(super) troubles: Troubles,
    pub(super) mid: Option<Mid>,
    pub(super) quality: Quality,
}

/// Packets that went to whoever keeps ICE and DTLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Handed {
    pub stun: u64,
    pub dtls: u64,
}

/// What is agreed, without what has a place of its own.
struct Terms {
    rtp: Latch,
    rtcp: Latch,
    rtcp_mux: bool,
    we_send: bool,
    we_receive: bool,
}

/// Protection of one direction.
enum Guard<C> {
    Plain,
    /// The keys come later (DTLS): nothing passes.
    Awaited,
    /// The keys are never ours: nothing of ours passes.
    Foreign,
    Srtp(Box<C>),
}

impl<C> Guard<C> {
    fn change(&mut self, change: KeyChange<C>) {
        match change {
            KeyChange::Keep => {}
            KeyChange::Plain => *self = Guard::Plain,
            KeyChange::Awaited => *self = Guard::Awaited,
            KeyChange::Foreign => *self = Guard::Foreign,
            KeyChange::New(context) => *self = Guard::Srtp(context),
        }
    }
}

/// A packet of RTP that counted, by its header.
#[derive(Clone, Copy)]
pub(super) struct Header {
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) payload_type: u8,
}

impl Header {
    pub(super) fn of(rtp: &Rtp<'_>) -> Self {
        Self {
            ssrc: rtp.ssrc(),
            sequence: rtp.sequence(),
            timestamp: rtp.timestamp(),
            payload_type: rtp.payload_type(),
        }
    }
}

impl Stream {
    pub(super) fn new(
        transport: TransportKey,
        rtcp: Option<TransportKey>,
        bundle: StreamKey,
        is_opaque: bool,
    ) -> Self {
        Self {
            transport,
            rtcp_transport: rtcp,
            bundle,
            is_opaque,
            terms: None,
            link: None,
            taker: Taker::Link,
            pace: Pace::default(),
            payloads: [UNKNOWN; PAYLOADS],
            inbound: Guard::Plain,
            outbound: Guard::Plain,
            ssrc: None,
            last_ssrc: None,
            is_heard: false,
            dtls: false,
            clock_hz: 0,
            events: UNKNOWN,
            own_number: None,
            has_said_events: false,
            dropped: Reasons::default(),
            refused: None,
            misfit: None,
            handed: Handed::default(),
            troubles: Troubles::default(),
            mid: None,
            quality: Quality::default(),
        }
    }

    pub(super) fn agree(&mut self, agreed: Option<Agreed>, now: Monotonic) {
        let Some(agreed) = agreed else {
            self.terms = None;
            return;
        };
        let Agreed { rtp, rtcp, rtcp_mux, ice, we_send, we_receive, receive, send, clock_hz, events, mid } =
            agreed;
        (self.clock_hz, self.mid) = (clock_hz, mid);
        self.events = events.unwrap_or(UNKNOWN);
        self.dtls = match &receive {
            KeyChange::Awaited => true,
            KeyChange::Keep => self.dtls,
            KeyChange::Plain | KeyChange::Foreign | KeyChange::New(_) => false,
        };
        // What is switched on again was sent elsewhere meanwhile; and some go on counting under another key (RFC 3711 section
        // 3.3.1), though RFC 4568 section 7.1.4 has them begin anew.
        let was_protected = self.is_protected();
        let gap = match &receive {
            KeyChange::Keep => self.terms.is_none().then_some(false),
            KeyChange::New(_) => was_protected.then_some(true),
            KeyChange::Plain | KeyChange::Awaited | KeyChange::Foreign => None,
        };
        self.inbound.change(receive);
        self.outbound.change(send);
        if let (Guard::Srtp(context), Some(key_is_new)) = (&mut self.inbound, gap) {
            context.seek(key_is_new);
        }
        self.is_heard = false;
        match &mut self.terms {
            Some(terms) => {
                terms.rtp.expect(rtp, ice, now);
                terms.rtcp.expect(rtcp, ice, now);
                terms.rtcp_mux = rtcp_mux;
                (terms.we_send, terms.we_receive) = (we_send, we_receive);
            }
            None => {
                let (rtp, rtcp) = (Latch::new(rtp, ice, now), Latch::new(rtcp, ice, now));
                self.terms = Some(Terms { rtp, rtcp, rtcp_mux, we_send, we_receive });
            }
        }
    }

    /// Payload types as they arrive and as they leave; `None`: all pass.
    pub(super) fn map_payloads(&mut self, map: Option<&[(u8, u8)]>) {
        let Some(map) = map else {
            self.payloads = std::array::from_fn(|payload| payload as u8);
            return;
        };
        self.payloads = [UNKNOWN; PAYLOADS];
        for (from, to) in map {
            if let Some(entry) = self.payloads.get_mut(usize::from(*from)) {
                *entry = to & 0x7f;
            }
        }
    }

    pub(super) fn set_keys(&mut self, keys: Keys) {
        self.inbound = Guard::Srtp(keys.receive);
        self.outbound = Guard::Srtp(keys.send);
    }

    pub(super) fn is_protected(&self) -> bool {
        matches!(self.inbound, Guard::Srtp(_))
    }

    pub(super) fn srtp_states(&self) -> Option<(SrtpState, SrtpState)> {
        match (&self.inbound, &self.outbound) {
            (Guard::Srtp(inbound), Guard::Srtp(outbound)) => Some((inbound.state(), outbound.state())),
            (Guard::Plain | Guard::Awaited | Guard::Foreign | Guard::Srtp(_), _) => None,
        }
    }

    pub(super) fn srtp_progress(&self) -> Option<(Progress, Progress)> {
        match (&self.inbound, &self.outbound) {
            (Guard::Srtp(inbound), Guard::Srtp(outbound)) => Some((inbound.progress(), outbound.progress())),
            (Guard::Plain | Guard::Awaited | Guard::Foreign | Guard::Srtp(_), _) => None,
        }
    }

    /// The highest index of SRTP that came; `None` in the clear and before the first.
    pub(super) fn srtp_index(&self) -> Option<u64> {
        match &self.inbound {
            Guard::Srtp(inbound) => inbound.highest_index(),
            Guard::Plain | Guard::Awaited | Guard::Foreign => None,
        }
    }

    pub(super) fn latch(&self, component: Component) -> Option<&Latch> {
        self.terms.as_ref().map(|terms| terms.of(component))
    }

    pub(super) fn latch_mut(&mut self, component: Component) -> Option<&mut Latch> {
        self.terms.as_mut().map(|terms| terms.of_mut(component))
    }

    /// See [`Latch::take_stray`].
    pub(super) fn take_stray(&mut self) -> bool {
        self.terms.as_mut().is_some_and(|terms| terms.rtp.take_stray())
    }

    /// See [`Latch::take_moved`].
    pub(super) fn take_moved(&mut self, component: Component) -> Option<SocketAddr> {
        self.latch_mut(component)?.take_moved()
    }

    pub(super) fn expects_to_hear(&self) -> bool {
        self.terms.as_ref().is_some_and(|terms| terms.we_receive)
    }

    /// Whether packets of this SSRC have counted here.
    pub(super) fn has_source(&self, ssrc: u32) -> bool {
        self.ssrc == Some(ssrc) || self.quality.has_source(ssrc)
    }

    /// The number that a payload type has at the other end.
    pub(super) fn payload(&self, payload_type: u8) -> Option<u8> {
        self.payloads.get(usize::from(payload_type)).copied().filter(|payload| *payload != UNKNOWN)
    }

    /// Whether RTP from there is the other end's; decrypts it. `wanted`: its payload type and direction are agreed.
    pub(super) fn admit_rtp(
        &mut self,
        now: Monotonic,
        from: SocketAddr,
        header: Header,
        wanted: bool,
        packet: &mut Packet<'_>,
    ) -> Result<(), Reason> {
        let is_known = self.last_ssrc == Some(header.ssrc);
        let terms = self.terms.as_mut().ok_or(Reason::NotAgreed)?;
        let seen = Seen { ssrc: header.ssrc, sequence: header.sequence, wanted };
        match &mut self.inbound {
            Guard::Plain => terms.rtp.admit(now, from, Word::Rtp(seen), None)?,
            Guard::Awaited | Guard::Foreign => return Err(Reason::NoKeys),
            Guard::Srtp(context) => {
                prove(&mut terms.rtp, now, from, is_known, || {
                    context.unprotect_rtp(packet).map(|received| received.newest)
                })?;
            }
        }
        self.last_ssrc = Some(header.ssrc);
        Ok(())
    }

    /// Whether the keys are those of the two devices alone.
    pub(super) fn is_foreign(&self) -> bool {
        matches!(self.inbound, Guard::Foreign)
    }

    /// Whether RTP from there is the other end's, which only its device can tell for certain.
    pub(super) fn admit_foreign(
        &mut self,
        now: Monotonic,
        from: SocketAddr,
        header: Header,
        wanted: bool,
    ) -> Result<(), Reason> {
        let terms = self.terms.as_mut().ok_or(Reason::NotAgreed)?;
        let seen = Seen { ssrc: header.ssrc, sequence: header.sequence, wanted };
        terms.rtp.admit(now, from, Word::Rtp(seen), None)?;
        self.last_ssrc = Some(header.ssrc);
        Ok(())
    }

    /// One more packet that counts has come, of RTP or another kind. `is_mirror`: the stream is linked with itself.
    pub(super) fn keep_pace(&mut self, now: Monotonic, is_mirror: bool) -> Result<(), Reason> {
        let most = if is_mirror { MIRRORED_MAX } else { PACKETS_MAX };
        if self.pace.allows(now, most) { Ok(()) } else { Err(Reason::TooMany) }
    }

    /// What is to be added to the number of the packet. `own`: behind which number of ours it is to stand.
    pub(super) fn count_received(
        &mut self,
        now: Monotonic,
        header: Header,
        payload_bytes: usize,
        own: Option<u16>,
    ) -> Result<u16, Reason> {
        let Header { ssrc, sequence, timestamp, payload_type } = header;
        self.ssrc = Some(ssrc);
        self.has_said_events |= payload_type == self.events;
        let bytes = payload_bytes.min(usize::from(u16::MAX)) as u16;
        self.quality.note(quality::Seen { at: now, ssrc, timestamp, payload_type, payload_bytes: bytes });
        let clock_hz = static_clock_hz(payload_type).unwrap_or(self.clock_hz);
        let shift = self.quality.received(now, ssrc, sequence, timestamp, clock_hz, payload_bytes);
        let shift = shift.ok_or(Reason::Stray)?;
        Ok(own.map_or(shift, |own| self.quality.stand_behind(own, sequence, shift)))
    }

    pub(super) fn note_refused(&mut self, refused: Refused) {
        self.refused = Some(refused);
        if !matches!(refused.why, Reason::NotFromPeer | Reason::Learning) {
            self.misfit = Some(refused);
        }
    }

    /// Whether keys are agreed by DTLS.
    pub(super) fn has_dtls(&self) -> bool {
        self.dtls
    }

    /// The same of RTCP, which has arrived on the port of `component`.
    pub(super) fn admit_rtcp(
        &mut self,
        now: Monotonic,
        from: SocketAddr,
        component: Component,
        packet: &mut Packet<'_>,
    ) -> Result<(), Reason> {
        let sender = packet.get(4..8).ok_or(Reason::Malformed)?;
        let is_peers = self.last_ssrc.map(|ssrc| ssrc.to_be_bytes() == sender);
        let terms = self.terms.as_mut().ok_or(Reason::NotAgreed)?;
        let beside: Option<IpAddr> = terms.rtp.peer().map(|peer| peer.address.ip());
        match &mut self.inbound {
            Guard::Plain => terms.of_mut(component).admit(now, from, Word::Rtcp { is_peers }, beside),
            Guard::Awaited | Guard::Foreign => Err(Reason::NoKeys),
            Guard::Srtp(context) => prove(terms.of_mut(component), now, from, is_peers == Some(true), || {
                context.unprotect_rtcp(packet).map(|received| received.newest)
            }),
        }
    }

    /// The same of datagrams of another kind.
    pub(super) fn admit_opaque(&mut self, now: Monotonic, from: SocketAddr) -> Result<(), Reason> {
        let terms = self.terms.as_mut().ok_or(Reason::NotAgreed)?;
        terms.rtp.admit(now, from, Word::Other, None)
    }

    /// Whether the other end wants to hear.
    pub(super) fn may_send(&self) -> Result<(), Reason> {
        match &self.terms {
            Some(terms) if terms.we_send => Ok(()),
            Some(_) => Err(Reason::NotSending),
            None => Err(Reason::OtherNotAgreed),
        }
    }

    /// Whether RTP can be protected as agreed: its keys are there, and may be used still (RFC 3711 section 9.2).
    pub(super) fn can_protect(&self) -> bool {
        match &self.outbound {
            Guard::Plain => true,
            Guard::Awaited | Guard::Foreign => false,
            Guard::Srtp(context) => context.rtp_packets_left() > 0,
        }
    }

    /// Protects a packet that goes to the other end of this stream, and says where it leaves.
    pub(super) fn dispatch_rtp(
        &mut self,
        now: Monotonic,
        packet: &mut Packet<'_>,
    ) -> Result<(TransportKey, SocketAddr), Reason> {
        let terms = self.terms.as_ref().ok_or(Reason::OtherNotAgreed)?;
        let to = terms.rtp.send_to(now).ok_or(Reason::NoAddress)?;
        if !self.is_opaque {
            self.outbound.protect(|context| context.protect_rtp(packet))?;
        }
        Ok((self.transport, to))
    }

    /// RTCP goes on in a hold (RFC 3264 section 8.4).
    pub(super) fn dispatch_rtcp(
        &mut self,
        now: Monotonic,
        packet: &mut Packet<'_>,
    ) -> Result<(TransportKey, SocketAddr), Reason> {
        let terms = self.terms.as_ref().ok_or(Reason::OtherNotAgreed)?;
        let (latch, transport) = match (terms.rtcp_mux, self.rtcp_transport) {
            (true, _) => (&terms.rtp, self.transport),
            (false, Some(transport)) => (&terms.rtcp, transport),
            (false, None) => (&terms.rtcp, self.transport),
        };
        let to = latch.send_to(now).ok_or(Reason::NoAddress)?;
        self.outbound.protect(|context| context.protect_rtcp(packet))?;
        Ok((transport, to))
    }
}

impl Terms {
    fn of(&self, component: Component) -> &Latch {
        match component {
            Component::Rtp => &self.rtp,
            Component::Rtcp => &self.rtcp,
        }
    }

    fn of_mut(&mut self, component: Component) -> &mut Latch {
        match component {
            Component::Rtp => &mut self.rtp,
            Component::Rtcp => &mut self.rtcp,
        }
    }
}

impl Guard<Outbound> {
    fn protect(&mut self, work: impl FnOnce(&mut Outbound) -> Result<(), SrtpError>) -> Result<(), Reason> {
        match self {
            Guard::Plain => Ok(()),
            Guard::Awaited | Guard::Foreign => Err(Reason::OtherNoKeys),
            Guard::Srtp(context) => work(context).map_err(|error| match error {
                SrtpError::Malformed | SrtpError::NoRoom => Reason::Malformed,
                SrtpError::Replayed | SrtpError::TooOld | SrtpError::Unauthenticated => Reason::NotProtected,
                SrtpError::TooManySources | SrtpError::KeyExhausted => Reason::KeyLimit,
            }),
        }
    }
}

/// Tries a protected packet. Only one that is authentic changes anything. `unprotect` says whether it is the newest.
fn prove(
    latch: &mut Latch,
    now: Monotonic,
    from: SocketAddr,
    is_known: bool,
    unprotect: impl FnOnce() -> Result<bool, SrtpError>,
) -> Result<(), Reason> {
    if !latch.may_try(now, from, is_known) {
        return Err(Reason::NotFromPeer);
    }
    match unprotect() {
        Ok(newest) => {
            latch.proved(now, from, newest);
            Ok(())
        }
        // A stranger's guess says nothing about the other end's key.
        Err(_) if !latch.concerns(from) => Err(Reason::NotFromPeer),
        Err(SrtpError::Malformed | SrtpError::NoRoom) => Err(Reason::Malformed),
        Err(SrtpError::Unauthenticated) => Err(Reason::Unauthenticated),
        Err(SrtpError::Replayed | SrtpError::TooOld) => Err(Reason::Replayed),
        Err(SrtpError::TooManySources | SrtpError::KeyExhausted) => Err(Reason::KeyLimit),
    }
}

/// What is expected of the port of RTCP, where it is not the port of RTP.
impl Expected {
    pub fn at(self, signalled: SocketAddr) -> Self {
        Self { signalled, ..self }
    }
}
