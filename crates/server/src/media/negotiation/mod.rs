//! ICE and DTLS-SRTP of the streams of one worker: the [`SlowPath`] of the server.
//!
//! A [`Transport`] is a stream with ports of its own; those of its bundle use it too (RFC 9143). It has an ICE agent for
//! each port ([`path`]) and one association ([`keys`]), which is begun and heard only over paths that ICE has proved, or
//! where signalling points to. What they find goes into the relay's table; why they find nothing is told as an event, and
//! stands in the report. Between two devices that have checks and keys of their own it is a [`wire`], and no agent.
//!
//! What it deliberately does not do: DTLS on a port of its own for RTCP (RFC 5764 section 4.1 would want a second
//! association; whoever speaks DTLS multiplexes), and a bundle whose first stream is switched off while others go on.

mod budget;
mod identity;
mod keys;
mod path;
mod wire;

pub use identity::Certificate;

use super::slow::{Agreement, DtlsKeys, Handed, Replies, SlowPath};
use coeur_exchange::input::MediaEvent;
use coeur_exchange::media::{DtlsState, Fingerprint, IceState, Keying};
use coeur_exchange::outbox::MediaId;
use coeur_media::demux::Protocol;
use coeur_media::ice::wire::End;
use coeur_media::relay::{Component, Relay, StreamKey, TransportKey};
use coeur_sip::time::Monotonic;
use hashbrown::HashMap;
use keys::Association;
use path::Path;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// A timer fires no sooner than this after it has fired: one that does not advance turns no loop.
const TICK_MIN: Duration = Duration::from_millis(1);

/// Keeps one [`Transport`] for each stream with ICE or DTLS and ports of its own, so as many as there are pairs of ports.
/// Each has some 15 kB of ICE and 15 kB of DTLS, 45 kB during its handshake; see [`coeur_media::dtls`].
pub struct Negotiation {
    certificate: Arc<Certificate>,
    /// Addresses of this host that nobody may name as his own.
    own: Arc<[IpAddr]>,
    /// Where TURN of this server lends addresses: first and last port.
    relayed: Arc<[(IpAddr, u16, u16)]>,
    transports: HashMap<StreamKey, Transport>,
    /// When each transport with a timer wants to be woken.
    timers: BTreeSet<(Monotonic, StreamKey)>,
}

struct Transport {
    id: MediaId,
    index: u8,
    stream: StreamKey,
    /// That of RTP.
    port: TransportKey,
    rtp: Option<Path>,
    rtcp: Option<Path>,
    /// In the place of `rtp`.
    wire: Option<End>,
    keys: Option<Association>,
    /// As it stands in [`Negotiation::timers`].
    timer: Monotonic,
}

/// What a transport works on.
struct Hands<'h> {
    now: Monotonic,
    relay: &'h mut Relay,
    replies: &'h mut Replies,
}

impl Negotiation {
    /// `own`: the addresses under which this host is known.
    pub fn new(certificate: Arc<Certificate>, own: Arc<[IpAddr]>) -> Self {
        let (transports, timers) = (HashMap::new(), BTreeSet::new());
        Self { certificate, own, relayed: Arc::default(), transports, timers }
    }

    /// Where TURN of this server lends addresses, so that who has one may name it.
    pub fn with_relayed(self, relayed: Arc<[(IpAddr, u16, u16)]>) -> Self {
        Self { relayed, ..self }
    }

    /// Lets a transport do what is due, and notes when it wants to be woken.
    fn work(&mut self, stream: StreamKey, hands: &mut Hands<'_>) {
        let Some(transport) = self.transports.get_mut(&stream) else { return };
        transport.work(hands);
        self.timers.remove(&(transport.timer, stream));
        transport.timer = transport.next_deadline();
        if transport.timer != Monotonic::NEVER {
            transport.timer = transport.timer.max(hands.now + TICK_MIN);
            self.timers.insert((transport.timer, stream));
        }
    }
}

impl Negotiation {
    /// A check or an answer of one of two devices that speak with each other through us.
    fn pass(&mut self, now: Monotonic, packet: &Handed<'_>, relay: &mut Relay, replies: &mut Replies) {
        let (here, from) = (packet.stream, packet.from);
        let Some(there) = relay.linked(here).filter(|there| *there != here) else { return };
        let [Some(here), Some(there)] = self.transports.get_disjoint_mut([&here, &there]) else { return };
        let port = there.port;
        if let Some(to) = wire::pass(now, [here, there], (from, packet.bytes), relay) {
            replies.packets.push((port, to, packet.bytes.into()));
        }
    }
}

impl SlowPath for Negotiation {
    fn fingerprint(&self) -> Option<Fingerprint> {
        Some(self.certificate.fingerprint())
    }

    fn agreed(&mut self, now: Monotonic, agreement: Agreement<'_>, relay: &mut Relay, replies: &mut Replies) {
        let Agreement { id, index, stream, rtp, rtcp, signalled_from, agreed, kept } = agreement;
        let is_wanted = agreed.ice.is_some() || matches!(agreed.keying, Keying::Dtls { .. });
        if !is_wanted && !self.transports.contains_key(&stream) {
            return;
        }
        let transport = self.transports.entry(stream).or_insert_with(|| Transport {
            id,
            index,
            stream,
            port: rtp.transport,
            rtp: None,
            rtcp: None,
            wire: None,
            keys: None,
            timer: Monotonic::NEVER,
        });
        let policy =
            |port: super::slow::Port| path::policy(&self.own, &self.relayed, port.bound.ip(), signalled_from);
        let mut told = Vec::new();
        told.extend(wire::agree(&mut transport.wire, agreed.ice.as_deref(), stream, relay).err());
        let ice = agreed.ice.as_deref().filter(|ice| !ice.wire);
        told.extend(Path::agree(&mut transport.rtp, ice, rtp, Component::Rtp, policy(rtp), now).err());
        if let Some(port) = rtcp {
            let ice = ice.filter(|_| !agreed.rtcp_mux);
            let done = Path::agree(&mut transport.rtcp, ice, port, Component::Rtcp, policy(port), now);
            told.extend(done.err());
        }
        for why in told {
            replies.events.push(MediaEvent::IceFailed { id, stream: index, why });
        }
        for (path, component) in [(&transport.rtp, Component::Rtp), (&transport.rtcp, Component::Rtcp)] {
            // A stream that was switched off has forgotten it.
            if let Some((_, remote)) = path.as_ref().and_then(|path| path.agent.selected()) {
                relay.validate(stream, component, remote, true);
            }
        }
        let done =
            Association::agree(&mut transport.keys, &agreed.keying, agreed.rtp, &self.certificate, kept, now);
        if let Err(why) = done {
            replies.events.push(MediaEvent::DtlsFailed { id, stream: index, why });
        }
        self.work(stream, &mut Hands { now, relay, replies });
    }

    fn handed(&mut self, now: Monotonic, packet: Handed<'_>, relay: &mut Relay, replies: &mut Replies) {
        if self.transports.get(&packet.stream).is_some_and(|transport| transport.wire.is_some()) {
            return self.pass(now, &packet, relay, replies);
        }
        let Some(transport) = self.transports.get_mut(&packet.stream) else { return };
        let (stream, mut hands) = (packet.stream, Hands { now, relay, replies });
        if transport.receive(&packet, &mut hands) {
            self.work(stream, &mut hands);
        }
    }

    fn moved(
        &mut self,
        now: Monotonic,
        (stream, component, from): (StreamKey, Component, SocketAddr),
        relay: &mut Relay,
        replies: &mut Replies,
    ) {
        let path = self.transports.get_mut(&stream).and_then(|transport| match component {
            Component::Rtp => transport.rtp.as_mut(),
            Component::Rtcp => transport.rtcp.as_mut(),
        });
        if let Some(path) = path {
            path.moved(now, from);
            self.work(stream, &mut Hands { now, relay, replies });
        }
    }

    fn closed(&mut self, stream: StreamKey) {
        if let Some(transport) = self.transports.remove(&stream) {
            self.timers.remove(&(transport.timer, stream));
        }
    }

    fn states(&self, stream: StreamKey) -> (IceState, DtlsState) {
        let Some(transport) = self.transports.get(&stream) else { return Default::default() };
        let of_wire = transport.wire.as_ref().map(wire::state);
        let ice = transport.rtp.as_ref().map(Path::state).or(of_wire);
        let dtls = transport.keys.as_ref().map(Association::state);
        (ice.unwrap_or_default(), dtls.unwrap_or_default())
    }

    fn keys(&self, stream: StreamKey) -> Option<DtlsKeys> {
        self.transports.get(&stream)?.keys.as_ref()?.agreed_keys()
    }

    fn next_deadline(&self) -> Option<Monotonic> {
        self.timers.first().map(|(deadline, _)| *deadline)
    }

    fn ticked(&mut self, now: Monotonic, relay: &mut Relay, replies: &mut Replies) {
        let due: Vec<StreamKey> = self
            .timers
            .iter()
            .take_while(|(deadline, _)| deadline.is_due(now))
            .map(|(_, stream)| *stream)
            .collect();
        let mut hands = Hands { now, relay, replies };
        for stream in due {
            if let Some(transport) = self.transports.get_mut(&stream) {
                transport.tick(now);
            }
            self.work(stream, &mut hands);
        }
    }
}

impl Transport {
    /// True when something may follow.
    fn receive(&mut self, packet: &Handed<'_>, hands: &mut Hands<'_>) -> bool {
        let path = match packet.component {
            Component::Rtp => &mut self.rtp,
            Component::Rtcp => &mut self.rtcp,
        };
        match (packet.protocol, path) {
            (Protocol::Stun, Some(path)) => {
                path.receive(hands.now, packet.from, packet.bytes);
                if path.agent.proven(packet.from).is_some() {
                    hands.relay.validate(self.stream, packet.component, packet.from, false);
                }
                true
            }
            (Protocol::Dtls, path) if packet.component == Component::Rtp => {
                let Some(keys) = &mut self.keys else { return false };
                keys.receive(hands.now, path.as_ref(), packet.from, packet.bytes)
            }
            (
                Protocol::Stun
                | Protocol::Dtls
                | Protocol::Zrtp
                | Protocol::TurnChannel
                | Protocol::Rtp
                | Protocol::Rtcp,
                _,
            ) => false,
        }
    }

    fn tick(&mut self, now: Monotonic) {
        for path in [&mut self.rtp, &mut self.rtcp].into_iter().flatten() {
            path.agent.handle_timeout(now);
        }
        if let Some(keys) = &mut self.keys {
            keys.handle_timeout(now);
        }
    }

    fn work(&mut self, hands: &mut Hands<'_>) {
        let (id, stream) = (self.id, self.index);
        for (path, component) in [(&mut self.rtp, Component::Rtp), (&mut self.rtcp, Component::Rtcp)] {
            let Some(path) = path else { continue };
            if let Some(why) = path.work(self.stream, component, hands) {
                hands.replies.events.push(MediaEvent::IceFailed { id, stream, why });
            }
        }
        if let Some(keys) = &mut self.keys
            && let Some(why) = keys.work(self.stream, self.port, self.rtp.as_ref(), hands)
        {
            hands.replies.events.push(MediaEvent::DtlsFailed { id, stream, why });
        }
    }

    fn next_deadline(&self) -> Monotonic {
        let path =
            |path: &Option<Path>| path.as_ref().map_or(Monotonic::NEVER, |path| path.agent.next_deadline());
        let keys = self.keys.as_ref().map_or(Monotonic::NEVER, Association::next_deadline);
        path(&self.rtp).min(path(&self.rtcp)).min(keys)
    }
}
