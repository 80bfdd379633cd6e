//! What is rare on a media port: ICE and DTLS. Whoever keeps them stands behind [`SlowPath`], one for each worker, on its
//! thread.

use coeur_exchange::input::MediaEvent;
use coeur_exchange::media::{DtlsState, Fingerprint, IceState, SrtpKey, Stream};
use coeur_exchange::outbox::MediaId;
use coeur_media::demux::Protocol;
use coeur_media::relay::{Component, Relay, StreamKey, TransportKey};
use coeur_sip::time::Monotonic;
use std::net::{IpAddr, SocketAddr};

/// A packet of STUN or DTLS that has come from where it may.
pub struct Handed<'p> {
    pub stream: StreamKey,
    pub component: Component,
    pub transport: TransportKey,
    pub from: SocketAddr,
    pub protocol: Protocol,
    pub bytes: &'p [u8],
}

/// What follows: packets to send and what to tell the shard.
#[derive(Default)]
pub struct Replies {
    pub packets: Vec<(TransportKey, SocketAddr, Box<[u8]>)>,
    pub events: Vec<MediaEvent>,
}

/// A port, and where it is bound.
#[derive(Clone, Copy, Debug)]
pub struct Port {
    pub transport: TransportKey,
    pub bound: SocketAddr,
}

/// What was agreed about a stream with ports of its own (in a bundle: about the one that has them).
pub struct Agreement<'s> {
    pub id: MediaId,
    pub index: u8,
    pub stream: StreamKey,
    pub rtp: Port,
    /// When RTCP has its own.
    pub rtcp: Option<Port>,
    pub signalled_from: IpAddr,
    pub agreed: &'s Stream,
    /// The stream was kept by the journal, and had agreed on these keys by DTLS: they go on, with no association.
    pub kept: Option<DtlsKeys>,
}

/// Master keys that DTLS has agreed on.
#[derive(Clone, PartialEq, Eq)]
pub struct DtlsKeys {
    pub send: SrtpKey,
    pub receive: SrtpKey,
}

/// Keeps ICE and DTLS of the streams of one worker. What it finds it tells the relay: [`Relay::validate`],
/// [`Relay::set_keys`].
pub trait SlowPath: Send {
    /// The certificate that descriptions name (RFC 8122).
    fn fingerprint(&self) -> Option<Fingerprint>;
    /// Something was agreed about a stream that has ICE or DTLS, or had; the relay knows it already.
    fn agreed(&mut self, now: Monotonic, agreement: Agreement<'_>, relay: &mut Relay, replies: &mut Replies);
    fn handed(&mut self, now: Monotonic, packet: Handed<'_>, relay: &mut Relay, replies: &mut Replies);
    /// The other end speaks from there, and no more from where ICE has found it.
    fn moved(
        &mut self,
        now: Monotonic,
        at: (StreamKey, Component, SocketAddr),
        relay: &mut Relay,
        replies: &mut Replies,
    );
    fn closed(&mut self, stream: StreamKey);
    /// How it stands, for a report.
    fn states(&self, stream: StreamKey) -> (IceState, DtlsState);
    /// The keys of a stream, for the journal.
    fn keys(&self, stream: StreamKey) -> Option<DtlsKeys>;
    fn next_deadline(&self) -> Option<Monotonic>;
    fn ticked(&mut self, now: Monotonic, relay: &mut Relay, replies: &mut Replies);
}

/// Nobody: what is handed out ends here.
pub struct NoSlowPath;

impl SlowPath for NoSlowPath {
    fn fingerprint(&self) -> Option<Fingerprint> {
        None
    }

    fn agreed(
        &mut self,
        _now: Monotonic,
        _agreement: Agreement<'_>,
        _relay: &mut Relay,
        _replies: &mut Replies,
    ) {
    }

    fn handed(&mut self, _now: Monotonic, _packet: Handed<'_>, _relay: &mut Relay, _replies: &mut Replies) {}

    fn moved(
        &mut self,
        _now: Monotonic,
        _at: (StreamKey, Component, SocketAddr),
        _relay: &mut Relay,
        _replies: &mut Replies,
    ) {
    }

    fn closed(&mut self, _stream: StreamKey) {}

    fn states(&self, _stream: StreamKey) -> (IceState, DtlsState) {
        Default::default()
    }

    fn keys(&self, _stream: StreamKey) -> Option<DtlsKeys> {
        None
    }

    fn next_deadline(&self) -> Option<Monotonic> {
        None
    }

    fn ticked(&mut self, _now: Monotonic, _relay: &mut Relay, _replies: &mut Replies) {}
}
