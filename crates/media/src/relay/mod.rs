//! The table of one media worker: whose packet this is, whether it counts, and where it goes.
//!
//! A [`Relay`] holds streams and the transports (ports) that carry them. Signalling changes it between batches:
//! [`Relay::open`], [`Relay::agree`], [`Relay::link`], [`Relay::close`]. Each packet goes through [`Relay::receive`], which
//! rewrites it where it lies and names the port and address it leaves by, or the [`Reason`] why it goes no further. That
//! path allocates nothing, locks nothing and reads no clock.
//!
//! Whose packets count is in [`latch`]: nobody hears or is heard because he sent first. SSRC and
//! timestamps pass as they are, sequence numbers too unless a sender begins anew ([`Quality`]); payload types are mapped where both ends number them differently; RTCP passes whole, on
//! the port of RTP or its own on either side; SRTP is taken off and put on where the sides differ or have different keys.
//!
//! A stream may be linked with itself: it is a mirror then, in which sources have other names (SSRC), so that nobody takes
//! what comes back for a loop. What does go round is held up by [`pace`].
//!
//! Where sound has to be understood a stream is taken ([`Relay::take`]): its RTP is handed out decrypted
//! ([`Verdict::Taken`]), and what is made here leaves by [`Relay::send_rtp`] and [`Relay::send_rtcp`].
//!
//! What it deliberately does not do: answer STUN, speak DTLS (both are handed out, [`Verdict::Handed`]), transcode, mix,
//! repeat what was lost, take a compound RTCP packet about several streams of a bundle apart (it goes whole where its
//! first report belongs).

mod belief;
mod foreign;
pub mod latch;
mod originate;
mod pace;
mod quality;
mod reason;
mod receive;
mod stream;
#[cfg(test)]
mod tests;
mod trouble;

pub use latch::{Expected, Grade, Peer};
pub use quality::{Claimed, Quality, Seen};
pub use reason::{Reason, Reasons};
pub use stream::Handed;
pub use trouble::{Trouble, Troubles};

use crate::demux::Protocol;
use crate::srtp::{Inbound, Outbound, Progress, SrtpState};
use coeur_sip::time::Monotonic;
use slab::Slab;
use std::net::SocketAddr;
use stream::Stream;

/// A stream of one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey(pub u32);

/// A port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransportKey(pub u32);

/// What a port is for (RFC 8445 section 5.1.1.1 numbers them).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Component {
    /// RTP, and RTCP where both share a port.
    Rtp,
    Rtcp,
}

/// Which ports a stream has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// RTP and RTCP on one (RFC 5761).
    One,
    Two,
    /// Those of another stream (RFC 9143).
    Of(StreamKey),
}

/// What was agreed about a stream. Each is complete and replaces the one before.
pub struct Agreed {
    pub rtp: Expected,
    pub rtcp: Expected,
    /// RTCP for the other end goes to its port of RTP.
    pub rtcp_mux: bool,
    /// Only what ICE validates is heard and sent to; see [`Relay::validate`].
    pub ice: bool,
    pub we_send: bool,
    pub we_receive: bool,
    pub receive: KeyChange<Inbound>,
    pub send: KeyChange<Outbound>,
    /// Of the timestamps, for jitter, of payload types that have none of their own ([`crate::rtp::static_clock_hz`]);
    /// 0: 8,000.
    pub clock_hz: u32,
    /// Payload type of its key presses (RFC 4733), to know whether it has said any.
    pub events: Option<u8>,
    /// In a bundle: what tells its packets from those of the other streams, when payload types do not.
    pub mid: Option<Mid>,
}

/// The MID header extension (RFC 9143 section 15.1): its number, and its value for a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mid {
    pub extension: u8,
    pub value: Box<[u8]>,
}

/// What becomes of the protection of one direction.
pub enum KeyChange<C> {
    /// The same key as before: rollover counter and replay window go on.
    Keep,
    Plain,
    /// Keys will come: until then nothing passes.
    Awaited,
    /// The two devices agree on keys that we never have: what is protected passes as it is, and their handshake too; see
    /// [`receive`].
    Foreign,
    New(Box<C>),
}

/// Keys of both directions.
pub struct Keys {
    pub receive: Box<Inbound>,
    pub send: Box<Outbound>,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It leaves by this port, to this address.
    Forward {
        transport: TransportKey,
        to: SocketAddr,
    },
    /// It is for whoever keeps ICE or DTLS of this stream.
    Handed {
        stream: StreamKey,
        component: Component,
        protocol: Protocol,
    },
    /// RTP of a stream that is taken here: decrypted, with the payload type of its sender. It may be passed on
    /// ([`Relay::pass`]).
    Taken {
        stream: StreamKey,
    },
    /// RTCP that ends here: its reports have been read.
    Read,
    Dropped(Reason),
}

/// Who takes what is received on a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Taker {
    /// The stream that it is linked with.
    #[default]
    Link,
    /// Whoever keeps the relay sees its RTP first; RTCP goes to the stream that it is linked with.
    Tap,
    /// Whoever keeps the relay hears and speaks here himself, and so reports himself (RFC 3550 section 6.4): RTCP is read
    /// and ends.
    End,
}

/// A packet that was not taken as the other end's. What it says of itself is in the clear, so that a wrong key, a wrong
/// profile and a wrong codec can be told apart by whoever asks why it is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    pub from: SocketAddr,
    pub why: Reason,
    /// Of a packet with the form of RTP: its payload type, and the bytes behind its header.
    pub rtp: Option<(u8, u16)>,
}

/// The table. A stream needs about 1.8 kB.
#[derive(Default)]
pub struct Relay {
    streams: Slab<Stream>,
    transports: Slab<Transport>,
    /// Streams of which the first packet that counts has come.
    heard: Vec<StreamKey>,
    /// Streams that hear only sources which they may not take, with the last of these.
    strayed: Vec<(StreamKey, SocketAddr)>,
    moved: Vec<(StreamKey, Component, SocketAddr)>,
    dropped: Reasons,
}

struct Transport {
    /// Whose port it is: of a bundle the stream that opened it.
    stream: StreamKey,
    component: Component,
    /// The other streams of the bundle, at most 15.
    bundled: Vec<StreamKey>,
}

impl Relay {
    /// A stream with its ports, which are named for the sockets: that of RTP and that of RTCP.
    pub fn open(
        &mut self,
        ports: Ports,
        is_opaque: bool,
    ) -> (StreamKey, Option<TransportKey>, Option<TransportKey>) {
        let key = StreamKey(self.streams.vacant_key() as u32);
        let (transport, rtcp, bundle) = match ports {
            Ports::One => (self.transport(key, Component::Rtp), None, key),
            Ports::Two => {
                (self.transport(key, Component::Rtp), Some(self.transport(key, Component::Rtcp)), key)
            }
            Ports::Of(owner) => match self.streams.get(owner.0 as usize) {
                Some(stream) => (stream.transport, stream.rtcp_transport, stream.bundle),
                // There is no such stream: it gets a port of its own.
                None => (self.transport(key, Component::Rtp), None, key),
            },
        };
        self.streams.insert(Stream::new(transport, rtcp, bundle, is_opaque));
        // `receive` tells of a stream that is heard, or that strangers send to, without allocating.
        self.heard.reserve(self.streams.len());
        self.strayed.reserve(self.streams.len());
        self.moved.reserve(self.streams.len());
        if bundle == key {
            return (key, Some(transport), rtcp);
        }
        for port in [Some(transport), rtcp].into_iter().flatten() {
            if let Some(port) = self.transports.get_mut(port.0 as usize) {
                port.bundled.push(key);
            }
        }
        (key, None, None)
    }

    fn transport(&mut self, stream: StreamKey, component: Component) -> TransportKey {
        let transport = Transport { stream, component, bundled: Vec::new() };
        TransportKey(self.transports.insert(transport) as u32)
    }

    /// Ends a stream. Its ports are free when it opened them; whoever sent to it is connected with none.
    pub fn close(&mut self, key: StreamKey) {
        let Some(stream) = self.streams.try_remove(key.0 as usize) else { return };
        for port in [Some(stream.transport), stream.rtcp_transport].into_iter().flatten() {
            if stream.bundle == key {
                self.transports.try_remove(port.0 as usize);
            } else if let Some(port) = self.transports.get_mut(port.0 as usize) {
                port.bundled.retain(|other| *other != key);
            }
        }
        if let Some(other) = stream.link
            && let Some(other) = self.stream_mut(other)
            && other.link == Some(key)
        {
            other.link = None;
        }
    }

    /// What was agreed; `None`: switched off. The first word of it opens the stream for packets.
    pub fn agree(&mut self, key: StreamKey, agreed: Option<Agreed>, now: Monotonic) {
        if let Some(stream) = self.stream_mut(key) {
            stream.agree(agreed, now);
        }
    }

    /// What `from` receives goes to `to`, with these payload types (as they arrive, as they leave); `None`: with any,
    /// unchanged.
    pub fn link(&mut self, from: StreamKey, to: Option<StreamKey>, payloads: Option<&[(u8, u8)]>) {
        if let Some(stream) = self.stream_mut(from) {
            stream.link = to;
            stream.map_payloads(payloads);
        }
    }

    /// Who takes what is received from now on.
    pub fn take(&mut self, key: StreamKey, taker: Taker) {
        if let Some(stream) = self.stream_mut(key) {
            stream.taker = taker;
        }
    }

    /// Whether key presses have come as events on a stream.
    pub fn has_said_events(&self, key: StreamKey) -> bool {
        self.stream(key).is_some_and(|stream| stream.has_said_events)
    }

    /// The stream that what is received goes to.
    pub fn linked(&self, key: StreamKey) -> Option<StreamKey> {
        self.stream(key)?.link
    }

    /// The keys that DTLS has agreed on (RFC 5764).
    pub fn set_keys(&mut self, key: StreamKey, keys: Keys) {
        if let Some(stream) = self.stream_mut(key) {
            stream.set_keys(keys);
        }
    }

    /// ICE has validated an address of the other end; `selected`: packets go there from now on.
    pub fn validate(&mut self, key: StreamKey, component: Component, address: SocketAddr, selected: bool) {
        if let Some(latch) = self.stream_mut(key).and_then(|stream| stream.latch_mut(component)) {
            latch.validate(address, selected);
        }
    }

    /// The other end wants nothing any more (RFC 7675 section 5.1): nothing is sent until ICE selects another address.
    pub fn unselect(&mut self, key: StreamKey, component: Component) {
        if let Some(latch) = self.stream_mut(key).and_then(|stream| stream.latch_mut(component)) {
            latch.unselect();
        }
    }

    /// What ICE has selected.
    pub fn selected(&self, key: StreamKey, component: Component) -> Option<SocketAddr> {
        self.stream(key)?.latch(component)?.selected()
    }

    /// Takes the other end for where it was before this process began.
    pub fn restore_peer(
        &mut self,
        key: StreamKey,
        component: Component,
        address: SocketAddr,
        now: Monotonic,
    ) {
        let Some(stream) = self.stream_mut(key) else { return };
        let is_protected = stream.is_protected();
        if let Some(latch) = stream.latch_mut(component) {
            latch.restore(address, is_protected, now);
        }
        stream.quality.is_restored = true;
    }

    /// The counts of SRTP that must not go back, of receiving and of sending; `None` in the clear and before the keys.
    pub fn srtp_states(&self, key: StreamKey) -> Option<(SrtpState, SrtpState)> {
        self.stream(key)?.srtp_states()
    }

    /// The highest index of SRTP that came (RFC 3711 section 3.3.1); `None` in the clear and before the first.
    pub fn srtp_index(&self, key: StreamKey) -> Option<u64> {
        self.stream(key)?.srtp_index()
    }

    /// How far the counts of SRTP are, of receiving and of sending; `None` in the clear and before the keys.
    pub fn srtp_progress(&self, key: StreamKey) -> Option<(Progress, Progress)> {
        self.stream(key)?.srtp_progress()
    }

    /// The last packet that was not taken as the other end's, and why. A stream in a bundle has that of its port.
    pub fn refused(&self, key: StreamKey) -> Option<Refused> {
        let stream = self.stream(key)?;
        stream.refused.or(self.stream(stream.bundle)?.refused)
    }

    /// The same without what came from strangers, who say nothing about the other end.
    pub fn misfit(&self, key: StreamKey) -> Option<Refused> {
        let stream = self.stream(key)?;
        stream.misfit.or(self.stream(stream.bundle)?.misfit)
    }

    /// Takes the streams that were heard for the first time since something was agreed about them.
    pub fn take_heard(&mut self, into: &mut Vec<StreamKey>) {
        into.append(&mut self.heard);
    }

    /// Takes the ports whose end is silent, or heard from where it may not be sent to, with a source that was not taken for
    /// it: at most ten each second for one port. Signalling may know whose it is.
    pub fn take_strayed(&mut self, into: &mut Vec<(StreamKey, SocketAddr)>) {
        into.append(&mut self.strayed);
    }

    /// Takes the ports whose end speaks from elsewhere than ICE has selected, while nothing comes from there any more.
    pub fn take_moved(&mut self, into: &mut Vec<(StreamKey, Component, SocketAddr)>) {
        into.append(&mut self.moved);
    }

    /// Where a stream is heard from; `None` before its first packet. A stream in a bundle is where its port is.
    pub fn peer(&self, key: StreamKey, component: Component) -> Option<Peer> {
        self.owner(key)?.latch(component)?.peer()
    }

    /// Where packets for the other end of a stream go.
    pub fn sends_to(&self, key: StreamKey, component: Component, now: Monotonic) -> Option<SocketAddr> {
        self.owner(key)?.latch(component)?.send_to(now)
    }

    /// Whether packets of this stream should be coming, and none came since `since`.
    pub fn is_silent(&self, key: StreamKey, since: Monotonic) -> bool {
        let Some(stream) = self.stream(key) else { return false };
        let owner = self.stream(stream.bundle).unwrap_or(stream);
        // Who is silent by wish still reports (RFC 3550 section 6.2), where he speaks RTCP at all.
        let of = |component| owner.latch(component).and_then(|latch| latch.heard_at());
        let heard_at = of(Component::Rtp).max(of(Component::Rtcp));
        stream.expects_to_hear() && heard_at.is_none_or(|at| at <= since)
    }

    /// Whether packets of this stream should be coming.
    pub fn expects_to_hear(&self, key: StreamKey) -> bool {
        self.stream(key).is_some_and(Stream::expects_to_hear)
    }

    pub fn quality(&self, key: StreamKey) -> Option<&Quality> {
        self.stream(key).map(|stream| &stream.quality)
    }

    /// What was dropped of a stream, and of what should have gone to its other end.
    pub fn dropped(&self, key: StreamKey) -> Option<&Reasons> {
        self.stream(key).map(|stream| &stream.dropped)
    }

    /// Packets of ICE and DTLS that have come to the port of a stream.
    pub fn handed(&self, key: StreamKey) -> Handed {
        self.owner(key).map(|stream| stream.handed).unwrap_or_default()
    }

    /// What the network said of packets that left the port of a stream.
    pub fn troubles(&self, key: StreamKey) -> Troubles {
        self.owner(key).map(|stream| stream.troubles).unwrap_or_default()
    }

    /// The network says that what left by that port for `to` did not arrive. It may be lied to by whoever knows both
    /// addresses, so nothing follows from it but what people are told.
    pub fn troubled(&mut self, transport: TransportKey, to: SocketAddr, trouble: Trouble) {
        let Some(port) = self.transports.get(transport.0 as usize) else { return };
        let (stream, component) = (port.stream, port.component);
        if let Some(stream) = self.stream_mut(stream) {
            let is_peers = stream
                .latch(component)
                .is_some_and(|latch| latch.concerns(to) || latch.selected() == Some(to));
            stream.troubles.add(trouble, component, is_peers);
        }
    }

    /// What was dropped of all streams since the start.
    pub fn all_dropped(&self) -> &Reasons {
        &self.dropped
    }

    /// Whoever keeps the sockets could not receive a packet whole, or not send it.
    pub fn lost(&mut self, transport: TransportKey, reason: Reason) {
        if let Some(stream) = self.transports.get(transport.0 as usize).map(|transport| transport.stream) {
            self.count_drop(stream, reason);
        }
    }

    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    fn stream(&self, key: StreamKey) -> Option<&Stream> {
        self.streams.get(key.0 as usize)
    }

    /// The stream whose port, keys and addresses a stream uses.
    fn owner(&self, key: StreamKey) -> Option<&Stream> {
        self.stream(self.stream(key)?.bundle)
    }

    fn stream_mut(&mut self, key: StreamKey) -> Option<&mut Stream> {
        self.streams.get_mut(key.0 as usize)
    }

    fn count_drop(&mut self, key: StreamKey, reason: Reason) {
        self.dropped.add(reason);
        if let Some(stream) = self.stream_mut(key) {
            stream.dropped.add(reason);
        }
    }
}
