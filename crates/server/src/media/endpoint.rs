//! The media of one leg: its streams, their ports, and what was said about them.

use super::look::Looks;
use super::ports::Lease;
use super::slow::Port;
use coeur_exchange::media::{Conversion, OpenStream, Sound, Stream, StreamAddress};
use coeur_exchange::outbox::MediaId;
use coeur_exchange::service::Room;
use coeur_media::relay::{Relay, StreamKey, TransportKey};
use coeur_sip::time::Monotonic;
use std::net::{IpAddr, SocketAddr};

pub(super) struct Endpoint {
    /// By `m=` line; `None` where no port was wanted.
    pub(super) streams: Vec<Option<Opened>>,
    pub(super) is_described: bool,
    /// Where its signalling came from.
    pub(super) signalled_from: Option<IpAddr>,
    /// Since when it may be expected to be heard.
    pub(super) since: Monotonic,
    pub(super) silence_told: bool,
    /// What its other end hears while nothing comes for it.
    pub(super) sound: Option<Sound>,
    /// The conference that it is in.
    pub(super) room: Option<Room>,
    /// It is alone there and hears itself: a phone that is tested.
    pub(super) hears_itself: bool,
    /// Counts what was said of it.
    pub(super) said: u32,
    /// Once the journal has asked for it: what was told last.
    pub(super) kept: Option<Mark>,
    pub(super) doubts: Doubts,
}

/// By what is seen cheaply that an endpoint should be kept again: what was agreed, where its other ends are, whether there are
/// keys, and how far their counts are. 240 bytes for one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// Counts what was said of it.
    pub(super) said: u32,
    pub(super) streams: Vec<StreamMark>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StreamMark {
    pub(super) paths: [Option<SocketAddr>; 4],
    /// Once there are keys, of receiving and of sending: sources, and packets of RTP and RTCP in steps.
    pub(super) counts: Option<[(usize, u64, u64); 2]>,
}

/// When it is next told that something is not as it should be, and how often it was.
#[derive(Clone, Copy)]
pub(super) struct Doubts {
    told: u8,
    next: Monotonic,
}

impl Doubts {
    const NONE: Self = Self { told: 0, next: Monotonic(0) };
    /// As long as it may be of the beginning each look is told, and then one in a while.
    const OFTEN: u8 = 5;
    const SELDOM: std::time::Duration = std::time::Duration::from_secs(10);

    /// Whether a doubt is to be told now.
    pub(super) fn tell(&mut self, is_doubtful: bool, now: Monotonic) -> bool {
        if !is_doubtful {
            *self = Self { told: 0, ..*self };
            return false;
        }
        if !self.next.is_due(now) {
            return false;
        }
        self.told = self.told.saturating_add(1);
        if self.told >= Self::OFTEN {
            self.next = now + Self::SELDOM;
        }
        true
    }
}

/// A stream with its port.
pub(super) struct Opened {
    pub(super) key: StreamKey,
    /// The stream whose port it uses, itself when it is in no bundle.
    pub(super) owner: StreamKey,
    pub(super) wanted: OpenStream,
    /// Where the port of RTP is bound.
    pub(super) bound: SocketAddr,
    pub(super) address: StreamAddress,
    /// Ports of its own, which are closed with it: none in a bundle.
    pub(super) own: Option<Own>,
    /// The port of RTP, of the bundle if it is in one.
    pub(super) transport: TransportKey,
    /// What was said last, though it may be switched off now: the keys of then are not to be begun anew.
    pub(super) described: Option<Stream>,
    pub(super) is_on: bool,
    pub(super) link: Option<Link>,
    pub(super) looks: Looks,
}

pub(super) struct Own {
    pub(super) transports: [Option<TransportKey>; 2],
    /// Begins to rest when dropped, after the sockets.
    pub(super) _lease: Lease,
}

/// What a stream is connected with.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) with: MediaId,
    pub(super) stream: u8,
    /// Payload types that differ, as (ours, theirs).
    pub(super) payloads: Box<[(u8, u8)]>,
    /// Seen from here: `a` is this stream.
    pub(super) conversion: Option<Conversion>,
    /// A key was to be said on this way, where packets pass.
    pub(super) is_pressed: bool,
}

impl Opened {
    /// Whether it should be heard here. What two devices may say to each other directly need not.
    pub(super) fn is_expected(&self, relay: &Relay) -> bool {
        relay.expects_to_hear(self.key) && !self.is_wire()
    }

    pub(super) fn is_wire(&self) -> bool {
        self.described.as_ref().is_some_and(Stream::is_wire)
    }

    /// Its ports as the slow path knows them; `None` in a bundle, where the owner has them.
    pub(super) fn ports(&self) -> Option<(Port, Option<Port>)> {
        let own = self.own.as_ref()?;
        let rtcp = own.transports[1].map(|transport| {
            let bound = SocketAddr::new(self.bound.ip(), self.bound.port() + 1);
            Port { transport, bound }
        });
        Some((Port { transport: self.transport, bound: self.bound }, rtcp))
    }
}

impl Endpoint {
    pub(super) fn new(now: Monotonic) -> Self {
        Self {
            streams: Vec::new(),
            is_described: false,
            signalled_from: None,
            since: now,
            silence_told: false,
            sound: None,
            doubts: Doubts::NONE,
            room: None,
            hears_itself: false,
            kept: None,
            said: 0,
        }
    }

    pub(super) fn opened(&self, index: usize) -> Option<&Opened> {
        self.streams.get(index)?.as_ref()
    }

    pub(super) fn opened_mut(&mut self, index: usize) -> Option<&mut Opened> {
        self.streams.get_mut(index)?.as_mut()
    }

    /// Streams that are open, with their `m=` lines.
    pub(super) fn each(&self) -> impl Iterator<Item = (usize, &Opened)> {
        self.streams.iter().enumerate().filter_map(|(index, opened)| Some((index, opened.as_ref()?)))
    }

    pub(super) fn addresses(&self) -> Box<[Option<StreamAddress>]> {
        self.streams.iter().map(|opened| Some(opened.as_ref()?.address.clone())).collect()
    }

    /// Endpoints that one of its streams is connected with.
    pub(super) fn partners(&self) -> Vec<MediaId> {
        let mut partners: Vec<MediaId> =
            self.each().filter_map(|(_, opened)| Some(opened.link.as_ref()?.with)).collect();
        partners.sort_unstable();
        partners.dedup();
        partners
    }

    /// Forgets its connections with that endpoint.
    pub(super) fn unlink(&mut self, with: MediaId) {
        for opened in self.streams.iter_mut().flatten() {
            opened.link = opened.link.take().filter(|link| link.with != with);
        }
    }
}

/// RTP without a second port.
pub(super) fn has_one_port(wanted: &OpenStream) -> bool {
    use coeur_exchange::media::StreamKind;
    match wanted.kind {
        StreamKind::Audio | StreamKind::Video => wanted.rtcp_mux,
        StreamKind::Other | StreamKind::None => true,
    }
}
