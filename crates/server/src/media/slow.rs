//! What is rare on a media port: ICE and DTLS. Whoever keeps them stands behind [`SlowPath`], one for each worker, on its
//! thread.

use coeur_exchange::input::MediaEvent;
use coeur_exchange::media::{Fingerprint, Stream};
use coeur_exchange::outbox::MediaId;
use coeur_media::demux::Protocol;
use coeur_media::relay::{Component, Relay, StreamKey, TransportKey};
use coeur_sip::time::Monotonic;
use std::net::SocketAddr;

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

/// Keeps ICE and DTLS of the streams of one worker. What it finds it tells the relay: [`Relay::validate`],
/// [`Relay::set_keys`].
pub trait SlowPath: Send {
    /// The certificate that descriptions name (RFC 8122).
    fn fingerprint(&self) -> Option<Fingerprint>;
    /// Something was agreed about a stream that has ICE or DTLS; `transport` is its port of RTP.
    fn agreed(
        &mut self,
        now: Monotonic,
        id: MediaId,
        index: u8,
        stream: StreamKey,
        transport: TransportKey,
        agreed: &Stream,
        relay: &mut Relay,
        replies: &mut Replies,
    );
    fn handed(&mut self, now: Monotonic, packet: Handed<'_>, relay: &mut Relay, replies: &mut Replies);
    fn closed(&mut self, stream: StreamKey);
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
        _id: MediaId,
        _index: u8,
        _stream: StreamKey,
        _transport: TransportKey,
        _agreed: &Stream,
        _relay: &mut Relay,
        _replies: &mut Replies,
    ) {
    }

    fn handed(&mut self, _now: Monotonic, _packet: Handed<'_>, _relay: &mut Relay, _replies: &mut Replies) {}

    fn closed(&mut self, _stream: StreamKey) {}

    fn next_deadline(&self) -> Option<Monotonic> {
        None
    }

    fn ticked(&mut self, _now: Monotonic, _relay: &mut Relay, _replies: &mut Replies) {}
}
