//! The endpoints of one worker: what the exchange says about them becomes sockets and the relay's table.

use super::audio::{Audio, Deck};
use super::endpoint::{Endpoint, Link, Opened, Own, has_one_port};
use super::look::Looks;
use super::ports::{Lease, Ports};
use super::slow::{Agreement, Replies, SlowPath};
use super::stats::Stats;
use super::ways::Ways;
use super::{Settings, Shelf, Tell, report, socket, translate};
use crate::observe::rate::Rate;
use crate::recordings::Recordings;
use coeur_exchange::flow::INSIDE;
use coeur_exchange::input::MediaEvent;
use coeur_exchange::media::{
    Conversion, Converted, OpenStream, Pair, Peer, Report, STREAMS_MAX, StreamAddress, StreamKind,
};
use coeur_exchange::outbox::{MediaCommand, MediaId};
use coeur_exchange::service::Service;
use coeur_media::record::Prompt;
use coeur_media::relay::{self, Component, Relay, StreamKey, TransportKey};
use coeur_media::tone::detect::Key;
use coeur_sip::time::{Monotonic, Now};
use hashbrown::HashMap;
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Ports tried for one stream, when others of this machine hold some of the range.
const TRIES_MAX: usize = 64;

/// Silence after which it is told each second: the phone may have moved.
const QUIET: Duration = Duration::from_secs(1);

/// A pair of ports with the sockets of those that are wanted.
pub(super) type Bound = (Lease, [Option<UdpSocket>; 2]);

/// Tokens of the poll are the numbers of transports behind that of the waker.
pub(super) const FIRST_PORT: usize = 1;

pub(super) struct Endpoints {
    pub(super) relay: Relay,
    /// By transport.
    pub(super) sockets: Vec<Option<UdpSocket>>,
    pub(super) slow: Box<dyn SlowPath>,
    pub(super) replies: Replies,
    pub(super) endpoints: HashMap<MediaId, Endpoint>,
    /// Whose a stream is, by stream.
    owners: Vec<Option<(MediaId, u8)>>,
    registry: mio::Registry,
    pub(super) ports: Arc<Ports>,
    ways: Ways,
    /// Of what is said of calls that get no port: three times in ten seconds.
    refusals: Rate,
    advertise: Vec<IpAddr>,
    silence: Duration,
    tell: Arc<Tell>,
    pub(super) stats: Arc<Stats>,
    heard: Vec<StreamKey>,
    strayed: Vec<(StreamKey, SocketAddr)>,
    moved: Vec<(StreamKey, Component, SocketAddr)>,
    pub(super) audio: Audio,
    pub(super) deck: Deck,
    /// Where recordings go; `None`: nowhere.
    pub(super) recordings: Option<Recordings>,
    pub(super) shelf: Arc<Shelf>,
    /// What says that a call is recorded.
    pub(super) announcement: Prompt,
    /// Keys that were found in a turn.
    pub(super) keys: Vec<(StreamKey, Key)>,
    pub(super) speakers: Vec<(StreamKey, bool)>,
    /// Of this turn.
    pub(super) now: Now,
}

impl Endpoints {
    pub(super) fn new(
        registry: mio::Registry,
        settings: &Settings,
        ports: Arc<Ports>,
        tell: Arc<Tell>,
        stats: Arc<Stats>,
        slow: Box<dyn SlowPath>,
    ) -> Self {
        Self {
            relay: Relay::default(),
            sockets: Vec::new(),
            slow,
            replies: Replies::default(),
            endpoints: HashMap::new(),
            owners: Vec::new(),
            registry,
            ports,
            ways: Ways::default(),
            refusals: Rate::new(3, Duration::from_secs(10)),
            advertise: settings.advertise.clone(),
            silence: settings.silence,
            tell,
            stats,
            heard: Vec::new(),
            strayed: Vec::new(),
            moved: Vec::new(),
            audio: Audio::new(settings.sounds.clone()),
            deck: Deck::default(),
            recordings: settings.recordings.clone(),
            shelf: settings.shelf.clone(),
            announcement: settings.sounds.announcement(),
            keys: Vec::new(),
            speakers: Vec::new(),
            now: Now::default(),
        }
    }

    pub(super) fn handle(&mut self, command: MediaCommand, now: Monotonic) {
        match command {
            MediaCommand::Open { id, near, streams } => self.open(id, near, &streams, now),
            MediaCommand::Describe { id, peer } => self.describe(id, *peer, now),
            MediaCommand::Connect { a, b, streams } => self.connect(a, b, &streams, now),
            MediaCommand::Serve { id, service } => self.serve(id, service, now),
            MediaCommand::Play { id, sound } => self.play(id, sound),
            MediaCommand::Prompt { id, prompt } => self.prompt(id, prompt),
            MediaCommand::Tape { id, with, order } => self.tape([id, with], order),
            MediaCommand::Disconnect { id } => self.disconnect(id),
            MediaCommand::Press { id, digit, ms, is_ordered } => self.press(id, digit, ms, is_ordered),
            MediaCommand::Close { id } => self.close(id, now),
            MediaCommand::Report { id } => {
                if let Some(report) = self.report(id, now) {
                    self.tell(MediaEvent::Reported { id, report });
                }
            }
            MediaCommand::Keep { id } => {
                self.keep_from_now_on(id);
            }
            MediaCommand::Restore { id, kept } => self.restore(id, *kept, now),
        }
        self.follow_tapes();
        self.stats.endpoints.set(self.endpoints.len() as u64);
        self.stats.streams.set(self.relay.streams() as u64);
    }

    /// Tells of the streams that were heard for the first time since something was agreed.
    pub(super) fn tell_heard(&mut self) {
        let mut heard = std::mem::take(&mut self.heard);
        self.relay.take_heard(&mut heard);
        for stream in heard.drain(..) {
            if let Some((id, stream)) = self.owner(stream) {
                self.tell(MediaEvent::Heard { id, stream });
            }
        }
        self.heard = heard;
    }

    /// Tells of who sends to a port whose end is silent, or is heard from where it may not be sent to.
    pub(super) fn tell_strayed(&mut self) {
        let mut strayed = std::mem::take(&mut self.strayed);
        self.relay.take_strayed(&mut strayed);
        for (stream, from) in strayed.drain(..) {
            if let Some((id, stream)) = self.owner(stream) {
                self.tell(MediaEvent::Strayed { id, stream, from });
            }
        }
        self.strayed = strayed;
    }

    /// Tells ICE who speaks from elsewhere than it has selected.
    pub(super) fn tell_moved(&mut self, now: Monotonic) {
        let mut moved = std::mem::take(&mut self.moved);
        self.relay.take_moved(&mut moved);
        for at in moved.drain(..) {
            self.slow.moved(now, at, &mut self.relay, &mut self.replies);
            self.flush_replies();
        }
        self.moved = moved;
    }

    /// Looks for ends that have fallen silent, once a second or so.
    pub(super) fn tell_silent(&mut self, now: Monotonic) {
        let limit = now - self.silence;
        let quiet_since = now - QUIET;
        let (mut silent, mut quiet) = (Vec::new(), Vec::new());
        #[allow(clippy::iter_over_hash_type)]
        // The order of what is told does not matter: each is of another call.
        for (id, endpoint) in &mut self.endpoints {
            let relay = &self.relay;
            let expected = || endpoint.each().filter(|(_, opened)| opened.is_expected(relay));
            let is_unheard = |since| {
                endpoint.since <= since
                    && expected().next().is_some()
                    && expected().all(|(_, opened)| relay.is_silent(opened.key, since))
            };
            if is_unheard(quiet_since) {
                quiet.push(*id);
            }
            let is_silent = is_unheard(limit);
            if is_silent && !endpoint.silence_told {
                silent.push(*id);
            }
            endpoint.silence_told = is_silent;
        }
        for id in quiet {
            self.tell(MediaEvent::Quiet { id });
        }
        for id in silent {
            self.stats.silent.add(1);
            self.tell(MediaEvent::Silent { id });
        }
    }

    /// Looks at what happened lately, once a second or so, and tells of what is not as it should be.
    pub(super) fn tell_doubtful(&mut self, now: Monotonic) {
        let mut doubted = Vec::new();
        #[allow(clippy::iter_over_hash_type)]
        // The order of what is told does not matter: each is of another call.
        for (id, endpoint) in &mut self.endpoints {
            let since = endpoint.since;
            let is_doubtful =
                endpoint.each().any(|(_, opened)| opened.looks.is_doubtful(opened, &self.relay, now, since));
            if endpoint.doubts.tell(is_doubtful, now) {
                doubted.push(*id);
            }
            for opened in endpoint.streams.iter_mut().flatten() {
                let mut looks = std::mem::take(&mut opened.looks);
                looks.take(opened, &self.relay, now);
                opened.looks = looks;
            }
        }
        for id in doubted {
            self.stats.doubted.add(1);
            self.tell(MediaEvent::Doubted { id });
        }
    }

    /// Hands out what the slow path wants to say and to send.
    pub(super) fn flush_replies(&mut self) {
        for event in self.replies.events.drain(..) {
            self.stats.ice_failed.add(u64::from(matches!(event, MediaEvent::IceFailed { .. })));
            self.stats.dtls_failed.add(u64::from(matches!(event, MediaEvent::DtlsFailed { .. })));
            (self.tell)(event_id(&event).shard(), event);
        }
        let mut packets = std::mem::take(&mut self.replies.packets);
        for (transport, to, bytes) in packets.drain(..) {
            let Some(Some(socket)) = self.sockets.get(transport.0 as usize) else { continue };
            match socket::send(socket, to, &bytes) {
                Ok(()) => self.stats.packets_sent.add(1),
                Err(why) => self.not_sent(transport, to, &why),
            }
        }
        self.replies.packets = packets;
    }

    /// A packet could not leave.
    pub(super) fn not_sent(&mut self, transport: TransportKey, to: SocketAddr, why: &io::Error) {
        self.relay.lost(transport, relay::Reason::NotSent);
        self.relay.troubled(transport, to, socket::trouble_of(why.raw_os_error().unwrap_or_default()));
    }

    /// What the network says about packets that have left by a port.
    pub(super) fn take_troubles(&mut self, place: usize) {
        let Some(Some(socket)) = self.sockets.get(place) else { return };
        let relay = &mut self.relay;
        socket::troubles(socket, |to, trouble| relay.troubled(TransportKey(place as u32), to, trouble));
    }

    pub(super) fn tell(&self, event: MediaEvent) {
        (self.tell)(event_id(&event).shard(), event);
    }

    fn open(&mut self, id: MediaId, near: IpAddr, wanted: &[OpenStream], now: Monotonic) {
        let mut endpoint = self.endpoints.remove(&id).unwrap_or_else(|| Endpoint::new(now));
        endpoint.said = endpoint.said.wrapping_add(1);
        let before = endpoint.each().map(|(index, _)| index).collect::<BTreeSet<_>>();
        let done = self.open_streams(id, &mut endpoint, near.to_canonical(), wanted);
        let event = match done {
            Ok(()) => {
                let (streams, fingerprint) = (endpoint.addresses(), self.slow.fingerprint());
                MediaEvent::Opened { id, streams, fingerprint }
            }
            Err(why) => {
                if let Some(unsaid) = self.refusals.allow(Instant::now()) {
                    tracing::warn!(%near, %why, unsaid, "no ports for a call");
                }
                self.ways.forget();
                self.stats.opens_refused.add(1);
                for index in (0..endpoint.streams.len()).rev().filter(|index| !before.contains(index)) {
                    let opened = endpoint.streams[index].take();
                    opened.into_iter().for_each(|opened| self.close_stream(opened));
                }
                MediaEvent::OpenFailed { id }
            }
        };
        if endpoint.each().next().is_some() || matches!(event, MediaEvent::Opened { .. }) {
            self.endpoints.insert(id, endpoint);
        }
        self.tell(event);
    }

    /// Opens the streams that are not open. On failure those that were opened before it are in the endpoint.
    fn open_streams(
        &mut self,
        id: MediaId,
        endpoint: &mut Endpoint,
        near: IpAddr,
        wanted: &[OpenStream],
    ) -> io::Result<()> {
        if wanted.len() > STREAMS_MAX {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let local = self.ways.towards(near, self.now.monotonic)?;
        endpoint.streams.resize_with(wanted.len().max(endpoint.streams.len()), || None);
        for (index, wanted) in wanted.iter().enumerate() {
            if endpoint.streams[index].is_some() || wanted.kind == StreamKind::None {
                continue;
            }
            let bundle = wanted.bundled_with.and_then(|with| endpoint.opened(usize::from(with)));
            let opened = match bundle {
                Some(bundle) => open_bundled(&mut self.relay, bundle, wanted),
                None => {
                    let bound = self.bind(local, has_one_port(wanted))?;
                    self.open_stream(local, wanted, bound)?
                }
            };
            self.own(id, index, &opened);
            let opened = if near == INSIDE { unadvertised(opened) } else { opened };
            endpoint.streams[index] = Some(opened);
        }
        Ok(())
    }

    /// Whose a stream is.
    pub(super) fn owner(&self, stream: StreamKey) -> Option<(MediaId, u8)> {
        self.owners.get(stream.0 as usize).copied().flatten()
    }

    pub(super) fn own(&mut self, id: MediaId, index: usize, opened: &Opened) {
        let place = opened.key.0 as usize;
        self.owners.resize(self.owners.len().max(place + 1), None);
        self.owners[place] = Some((id, index as u8));
    }

    pub(super) fn open_stream(
        &mut self,
        local: IpAddr,
        wanted: &OpenStream,
        (lease, mut sockets): Bound,
    ) -> io::Result<Opened> {
        let is_one = has_one_port(wanted);
        let ports = if is_one { relay::Ports::One } else { relay::Ports::Two };
        let (key, transport, rtcp) = self.relay.open(ports, wanted.kind == StreamKind::Other);
        // A stream with ports of its own has one of RTP.
        let transport = transport.ok_or(io::ErrorKind::InvalidInput)?;
        let places = [Some(transport), rtcp].map(|transport| transport.map(|TransportKey(at)| at as usize));
        for (place, socket) in places.into_iter().zip(&sockets) {
            let (Some(place), Some(socket)) = (place, socket) else { continue };
            if let Err(why) = socket::watch(&self.registry, socket, FIRST_PORT + place) {
                self.relay.close(key);
                return Err(why);
            }
        }
        // All are watched: none stays behind that is nobody's.
        for (place, socket) in places.into_iter().zip(&mut sockets) {
            let (Some(place), Some(socket)) = (place, socket.take()) else { continue };
            self.sockets.resize_with(self.sockets.len().max(place + 1), || None);
            self.sockets[place] = Some(socket);
        }
        let shown =
            self.advertise.iter().copied().find(|ip| ip.is_ipv4() == local.is_ipv4()).unwrap_or(local);
        let rtp = SocketAddr::new(shown, lease.even());
        let rtcp_address = SocketAddr::new(shown, if is_one { lease.even() } else { lease.even() + 1 });
        Ok(Opened {
            key,
            owner: key,
            wanted: *wanted,
            bound: SocketAddr::new(local, lease.even()),
            address: StreamAddress { rtp, rtcp: rtcp_address, others: Box::default() },
            own: Some(Own { transports: [Some(transport), rtcp], _lease: lease }),
            transport,
            described: None,
            is_on: false,
            link: None,
            looks: Looks::default(),
        })
    }

    /// A free pair of ports, of which one or both are bound.
    fn bind(&self, ip: IpAddr, is_one: bool) -> io::Result<Bound> {
        for _ in 0..TRIES_MAX {
            let lease = self.ports.lease(Instant::now()).ok_or(io::ErrorKind::AddrNotAvailable)?;
            match bind_pair(ip, &lease, is_one) {
                Ok(sockets) => return Ok((lease, sockets)),
                // Somebody else on this machine has it.
                Err(why) if why.kind() == io::ErrorKind::AddrInUse => {}
                Err(why) => return Err(why),
            }
        }
        Err(io::ErrorKind::AddrInUse.into())
    }

    fn describe(&mut self, id: MediaId, peer: Peer, now: Monotonic) {
        let Some(endpoint) = self.endpoints.get_mut(&id) else { return };
        endpoint.is_described = true;
        endpoint.said = endpoint.said.wrapping_add(1);
        endpoint.signalled_from = Some(peer.signalled_from);
        (endpoint.since, endpoint.silence_told) = (now, false);
        let mut described = peer.streams.into_vec().into_iter();
        for (index, opened) in endpoint.streams.iter_mut().enumerate() {
            let (Some(opened), described) = (opened, described.next().flatten()) else { continue };
            opened.is_on = described.is_some();
            opened.looks.forget();
            let Some(stream) = described else {
                self.relay.agree(opened.key, None, now);
                continue;
            };
            let agreed = translate::agreed(&stream, opened.described.as_ref(), peer.signalled_from);
            self.relay.agree(opened.key, Some(agreed), now);
            if let Some((rtp, rtcp)) = opened.ports() {
                let agreement = Agreement {
                    id,
                    index: index as u8,
                    stream: opened.key,
                    rtp,
                    rtcp,
                    signalled_from: peer.signalled_from,
                    agreed: &stream,
                    kept: None,
                };
                self.slow.agreed(now, agreement, &mut self.relay, &mut self.replies);
            }
            opened.described = Some(stream);
        }
        let partners = endpoint.partners();
        self.relink(id);
        partners.into_iter().for_each(|partner| self.relink(partner));
        self.play_as_described(id);
        self.flush_replies();
    }

    fn connect(&mut self, a: MediaId, b: MediaId, pairs: &[Pair], now: Monotonic) {
        if !self.endpoints.contains_key(&a) || !self.endpoints.contains_key(&b) {
            return self.stats.connects_refused.add(1);
        }
        self.disconnect(a);
        self.disconnect(b);
        for pair in pairs {
            let forth = pair.payloads.clone();
            let back = pair.payloads.iter().map(|(of_a, of_b)| (*of_b, *of_a)).collect();
            let turned = pair.conversion.map(|Conversion { what, a, b }| Conversion { what, a: b, b: a });
            for (id, index, with, stream, payloads, conversion) in
                [(a, pair.a, b, pair.b, forth, pair.conversion), (b, pair.b, a, pair.a, back, turned)]
            {
                let endpoint = self.endpoints.get_mut(&id);
                if let Some(opened) = endpoint.and_then(|endpoint| endpoint.opened_mut(usize::from(index))) {
                    opened.link = Some(Link { with, stream, payloads, conversion, is_pressed: false });
                }
            }
        }
        for id in [a, b] {
            if let Some(endpoint) = self.endpoints.get_mut(&id) {
                (endpoint.since, endpoint.silence_told) = (now, false);
                endpoint.streams.iter_mut().flatten().for_each(|opened| opened.looks.forget());
            }
            self.relink(id);
        }
    }

    fn serve(&mut self, id: MediaId, service: Service, now: Monotonic) {
        self.disconnect(id);
        match service {
            // A stream that is connected with itself is a mirror: see `relay`.
            Service::Echo => {
                let Some(endpoint) = self.endpoints.get_mut(&id) else { return };
                (endpoint.since, endpoint.silence_told) = (now, false);
                for (stream, opened) in endpoint.streams.iter_mut().enumerate() {
                    let link = Link {
                        with: id,
                        stream: stream as u8,
                        payloads: Box::default(),
                        conversion: None,
                        is_pressed: false,
                    };
                    opened.iter_mut().for_each(|opened| opened.link = Some(link.clone()));
                }
                self.relink(id);
            }
            Service::Conference(room) | Service::Test(room) => {
                let Some(endpoint) = self.endpoints.get_mut(&id) else { return };
                (endpoint.since, endpoint.silence_told) = (now, false);
                endpoint.room = Some(room);
                endpoint.hears_itself = matches!(service, Service::Test(_));
                self.relink(id);
            }
        }
    }

    fn disconnect(&mut self, id: MediaId) {
        if let Some(endpoint) = self.endpoints.get_mut(&id)
            && endpoint.room.take().is_some()
        {
            self.convert(id);
        }
        let partners = self.endpoints.get(&id).map(Endpoint::partners).unwrap_or_default();
        for partner in partners {
            for (of, with) in [(id, partner), (partner, id)] {
                if let Some(endpoint) = self.endpoints.get_mut(&of) {
                    endpoint.unlink(with);
                }
                self.relink(of);
            }
        }
    }

    fn close(&mut self, id: MediaId, now: Monotonic) {
        self.disconnect(id);
        let report = self.report(id, now);
        let Some(endpoint) = self.endpoints.remove(&id) else { return };
        // A bundle's streams before the one whose port they use.
        for opened in endpoint.streams.into_iter().rev().flatten() {
            self.close_stream(opened);
        }
        if let Some(report) = report {
            self.tell(MediaEvent::Closed { id, report });
        }
    }

    pub(super) fn close_stream(&mut self, opened: Opened) {
        self.slow.closed(opened.key);
        self.with_audio(|audio, out| audio.closed(opened.key, out));
        self.relay.close(opened.key);
        if let Some(owner) = self.owners.get_mut(opened.key.0 as usize) {
            *owner = None;
        }
        for TransportKey(place) in opened.own.iter().flat_map(|own| own.transports).flatten() {
            // Closed, it is watched no more.
            self.sockets.get_mut(place as usize).and_then(Option::take);
        }
    }

    fn report(&self, id: MediaId, now: Monotonic) -> Option<Box<Report>> {
        let endpoint = self.endpoints.get(&id)?;
        Some(Box::new(report::report(endpoint, &self.relay, &*self.slow, now)))
    }

    /// Writes what the streams of an endpoint are connected with into the relay's table.
    fn relink(&mut self, id: MediaId) {
        let Some(endpoint) = self.endpoints.get(&id) else { return };
        for (_, opened) in endpoint.each() {
            let Some(link) = &opened.link else {
                self.relay.link(opened.key, None, None);
                continue;
            };
            let other =
                self.endpoints.get(&link.with).and_then(|other| other.opened(usize::from(link.stream)));
            let on = |opened: &'_ Opened| opened.is_on;
            let there = other.filter(|other| on(other)).and_then(|other| other.described.as_ref());
            let payloads = match &opened.described {
                Some(here) => match link.conversion.map(|conversion| conversion.what) {
                    // All that it may send is understood here.
                    Some(Converted::Sound) => translate::payloads(here, None, &[]),
                    // Events beside what passes.
                    Some(Converted::Keys) => translate::payloads_and_events(here, there, &link.payloads),
                    None => translate::payloads(here, there, &link.payloads),
                },
                None => Some(Vec::new()),
            };
            self.relay.link(opened.key, other.map(|other| other.key), payloads.as_deref());
        }
        self.convert(id);
    }
}

fn event_id(event: &MediaEvent) -> MediaId {
    match event {
        MediaEvent::Opened { id, .. }
        | MediaEvent::OpenFailed { id }
        | MediaEvent::Silent { id }
        | MediaEvent::Doubted { id }
        | MediaEvent::Heard { id, .. }
        | MediaEvent::Quiet { id }
        | MediaEvent::Strayed { id, .. }
        | MediaEvent::Dtmf { id, .. }
        | MediaEvent::NotTaped { id }
        | MediaEvent::Speaks { id, .. }
        | MediaEvent::DtlsFailed { id, .. }
        | MediaEvent::IceFailed { id, .. }
        | MediaEvent::Reported { id, .. }
        | MediaEvent::Closed { id, .. }
        | MediaEvent::Kept { id, .. }
        | MediaEvent::Ended { id } => *id,
    }
}

/// A stream that uses the ports of another (RFC 9143).
pub(super) fn open_bundled(relay: &mut Relay, bundle: &Opened, wanted: &OpenStream) -> Opened {
    let (key, ..) = relay.open(relay::Ports::Of(bundle.key), wanted.kind == StreamKind::Other);
    Opened {
        key,
        owner: bundle.owner,
        wanted: *wanted,
        bound: bundle.bound,
        address: bundle.address.clone(),
        own: None,
        transport: bundle.transport,
        described: None,
        is_on: false,
        link: None,
        looks: Looks::default(),
    }
}

/// What only this process sends to is named as it is bound.
fn unadvertised(mut opened: Opened) -> Opened {
    opened.address.rtp.set_ip(opened.bound.ip());
    opened.address.rtcp.set_ip(opened.bound.ip());
    opened
}

/// The socket of RTP, and that of RTCP unless there is one for both.
pub(super) fn bind_pair(ip: IpAddr, lease: &Lease, is_one: bool) -> io::Result<[Option<UdpSocket>; 2]> {
    let bind = |port| socket::bind_told(ip, port);
    let rtp = bind(lease.even())?;
    Ok([Some(rtp), if is_one { None } else { Some(bind(lease.even() + 1)?) }])
}
