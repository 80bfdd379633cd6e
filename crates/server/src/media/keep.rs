//! Endpoints for the journal, and from it.

use super::endpoint::{Endpoint, Mark, Opened, StreamMark, has_one_port};
use super::endpoints::{Endpoints, bind_pair, open_bundled};
use super::slow::{Agreement, DtlsKeys};
use super::{socket, translate};
use coeur_exchange::input::MediaEvent;
use coeur_exchange::media::{
    Kept, KeptKey, KeptKeys, KeptPath, KeptSource, KeptStream, Keying, STREAMS_MAX, SrtpKey, StreamKind,
};
use coeur_exchange::outbox::MediaId;
use coeur_media::relay::{Component, Keys, StreamKey};
use coeur_media::srtp::{Inbound, Outbound, Progress, SourceState, SrtpState};
use coeur_sip::time::Monotonic;
use std::io;
use std::net::IpAddr;

/// Packets with keys, sent or received, after which the counts are kept again. A receiver that knows an index which is older
/// by 2^15 guesses the next one wrong (RFC 3711 section 3.3.1): a quarter of that leaves room for what comes while nobody is
/// there. At 50 packets a second in each direction that is every 160 seconds.
const STEP_PACKETS: u64 = 1 << 13;
/// The same of RTCP: a restored context skips 10,000 indices, since none may be used twice.
const STEP_RTCP_PACKETS: u64 = 1 << 11;

impl Endpoints {
    /// Tells what is to be kept of an endpoint, now and whenever it has changed.
    pub(super) fn keep_from_now_on(&mut self, id: MediaId) {
        let Some(mark) = self.endpoints.get(&id).map(|endpoint| self.mark(endpoint)) else { return };
        if let Some(endpoint) = self.endpoints.get_mut(&id) {
            endpoint.kept = Some(mark);
        }
        if let Some(kept) = self.keep(id) {
            self.tell(MediaEvent::Kept { id, kept });
        }
    }

    /// Tells anew of those that have changed. Meant to be called about once a second.
    pub(super) fn keep_changed(&mut self) {
        let mut changed = Vec::new();
        #[allow(clippy::iter_over_hash_type)]
        // The order of what is told does not matter: each is of another call.
        for (id, endpoint) in &self.endpoints {
            if endpoint.kept.as_ref().is_some_and(|kept| *kept != self.mark(endpoint)) {
                changed.push(*id);
            }
        }
        changed.into_iter().for_each(|id| self.keep_from_now_on(id));
    }

    fn mark(&self, endpoint: &Endpoint) -> Mark {
        let of = |opened: &Opened| {
            let relay = &self.relay;
            let peer = |component| relay.peer(opened.key, component).map(|peer| peer.address);
            let selected = |component| relay.selected(opened.key, component);
            let counts = |of: Progress| {
                (of.sources, of.rtp_packets / STEP_PACKETS, of.rtcp_packets / STEP_RTCP_PACKETS)
            };
            StreamMark {
                paths: [
                    peer(Component::Rtp),
                    peer(Component::Rtcp),
                    selected(Component::Rtp),
                    selected(Component::Rtcp),
                ],
                counts: relay
                    .srtp_progress(opened.key)
                    .map(|(receive, send)| [counts(receive), counts(send)]),
            }
        };
        let streams = endpoint.each().map(|(_, opened)| of(opened)).collect();
        Mark { said: endpoint.said, streams }
    }

    pub(super) fn keep(&self, id: MediaId) -> Option<Box<Kept>> {
        let endpoint = self.endpoints.get(&id)?;
        let streams = endpoint.streams.iter().map(|opened| Some(self.keep_stream(opened.as_ref()?)));
        Some(Box::new(Kept { signalled_from: endpoint.signalled_from, streams: streams.collect() }))
    }

    fn keep_stream(&self, opened: &Opened) -> KeptStream {
        let path = |component| KeptPath {
            peer: self.relay.peer(opened.key, component).map(|peer| peer.address),
            selected: self.relay.selected(opened.key, component),
        };
        KeptStream {
            opened: opened.wanted,
            bound: opened.bound,
            address: opened.address.clone(),
            agreed: opened.described.clone().map(Box::new),
            is_on: opened.is_on,
            rtp: path(Component::Rtp),
            rtcp: path(Component::Rtcp),
            keys: self.keep_keys(opened).map(Box::new),
        }
    }

    fn keep_keys(&self, opened: &Opened) -> Option<KeptKeys> {
        let (send, receive) = match &opened.described.as_ref()?.keying {
            Keying::Plain | Keying::EndToEnd => return None,
            Keying::Sdes { send, receive } => (send.clone(), receive.clone()),
            Keying::Dtls { .. } => {
                let DtlsKeys { send, receive } = self.slow.keys(opened.key)?;
                (send, receive)
            }
        };
        let (of_receive, of_send) = self.relay.srtp_states(opened.key)?;
        Some(KeptKeys { send: keep_key(send, &of_send), receive: keep_key(receive, &of_receive) })
    }

    pub(super) fn restore(&mut self, id: MediaId, kept: Kept, now: Monotonic) {
        if self.endpoints.contains_key(&id) {
            return self.tell(MediaEvent::OpenFailed { id });
        }
        let mut endpoint = Endpoint::new(now);
        match self.restore_streams(id, &mut endpoint, kept, now) {
            Ok(()) => {
                let (streams, fingerprint) = (endpoint.addresses(), self.slow.fingerprint());
                self.endpoints.insert(id, endpoint);
                self.tell(MediaEvent::Opened { id, streams, fingerprint });
                self.flush_replies();
            }
            Err(why) => {
                tracing::warn!(%why, "the media of a call that was kept cannot go on");
                self.stats.opens_refused.add(1);
                for opened in endpoint.streams.into_iter().rev().flatten() {
                    self.close_stream(opened);
                }
                self.tell(MediaEvent::OpenFailed { id });
            }
        }
    }

    /// On failure those that were opened before it are in the endpoint.
    fn restore_streams(
        &mut self,
        id: MediaId,
        endpoint: &mut Endpoint,
        kept: Kept,
        now: Monotonic,
    ) -> io::Result<()> {
        if kept.streams.len() > STREAMS_MAX {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        endpoint.signalled_from = kept.signalled_from;
        for (index, kept_stream) in kept.streams.into_vec().into_iter().enumerate() {
            let Some(kept_stream) = kept_stream.filter(|kept| kept.opened.kind != StreamKind::None) else {
                endpoint.streams.push(None);
                continue;
            };
            let opened = self.reopen(endpoint, &kept_stream)?;
            self.own(id, index, &opened);
            endpoint.streams.push(Some(opened));
            let Some(opened) = endpoint.opened_mut(index) else { continue };
            if let Some(signalled_from) = kept.signalled_from {
                self.restore_stream(id, index, opened, kept_stream, signalled_from, now);
                endpoint.is_described = true;
            }
        }
        Ok(())
    }

    /// The same ports.
    fn reopen(&mut self, endpoint: &Endpoint, kept: &KeptStream) -> io::Result<Opened> {
        let wanted = &kept.opened;
        let bundle = wanted.bundled_with.and_then(|with| endpoint.opened(usize::from(with)));
        let mut opened = match bundle {
            Some(bundle) => open_bundled(&mut self.relay, bundle, wanted),
            None => {
                // Where it was bound nobody had said before the process ended: there, from where the peer is reached.
                let ip = match (kept.bound.ip(), endpoint.signalled_from) {
                    (ip, Some(near)) if ip.is_unspecified() => socket::towards(near.to_canonical())?,
                    (ip, _) => ip,
                };
                let lease = self.ports.lease_exactly(kept.bound.port()).ok_or(io::ErrorKind::AddrInUse)?;
                let sockets = bind_pair(ip, &lease, has_one_port(wanted))?;
                self.open_stream(ip, wanted, (lease, sockets))?
            }
        };
        opened.address = kept.address.clone();
        Ok(opened)
    }

    fn restore_stream(
        &mut self,
        id: MediaId,
        index: usize,
        opened: &mut Opened,
        kept: KeptStream,
        signalled_from: IpAddr,
        now: Monotonic,
    ) {
        let Some(stream) = kept.agreed else { return };
        let key = opened.key;
        self.relay.agree(key, Some(translate::agreed(&stream, None, signalled_from)), now);
        if let Some(keys) = kept.keys.as_ref().and_then(|keys| restored(keys)) {
            self.relay.set_keys(key, keys);
        }
        for (component, path) in [(Component::Rtp, kept.rtp), (Component::Rtcp, kept.rtcp)] {
            self.restore_path(key, component, path, now);
        }
        if let Some((rtp, rtcp)) = opened.ports() {
            let is_dtls = matches!(stream.keying, Keying::Dtls { .. });
            let keys = kept.keys.filter(|_| is_dtls);
            let kept = keys.map(|keys| DtlsKeys { send: keys.send.key, receive: keys.receive.key });
            let index = index as u8;
            let agreement =
                Agreement { id, index, stream: key, rtp, rtcp, signalled_from, agreed: &stream, kept };
            self.slow.agreed(now, agreement, &mut self.relay, &mut self.replies);
        }
        if !kept.is_on {
            self.relay.agree(key, None, now);
        }
        opened.is_on = kept.is_on;
        opened.described = Some(*stream);
    }

    fn restore_path(&mut self, key: StreamKey, component: Component, path: KeptPath, now: Monotonic) {
        if let Some(selected) = path.selected {
            self.relay.validate(key, component, selected, true);
        }
        if let Some(peer) = path.peer {
            self.relay.validate(key, component, peer, false);
            self.relay.restore_peer(key, component, peer, now);
        }
    }
}

fn keep_key(key: SrtpKey, state: &SrtpState) -> KeptKey {
    let source = |source: &SourceState| KeptSource {
        ssrc: source.ssrc,
        rtp_index: source.rtp_index,
        rtcp_index: source.rtcp_index,
    };
    KeptKey {
        key,
        rtp_packets: state.rtp_packets,
        rtcp_packets: state.rtcp_packets,
        sources: state.sources.iter().map(source).collect(),
    }
}

/// `None` when a key is none: nothing passes then.
fn restored(kept: &KeptKeys) -> Option<Keys> {
    let state = |kept: &KeptKey| SrtpState {
        rtp_packets: kept.rtp_packets,
        rtcp_packets: kept.rtcp_packets,
        sources: kept
            .sources
            .iter()
            .map(|source| SourceState {
                ssrc: source.ssrc,
                rtp_index: source.rtp_index,
                rtcp_index: source.rtcp_index,
            })
            .collect(),
    };
    let (send, receive) = (translate::master(&kept.send.key)?, translate::master(&kept.receive.key)?);
    Some(Keys {
        receive: Box::new(Inbound::restored(&receive, &state(&kept.receive))),
        send: Box::new(Outbound::restored(&send, &state(&kept.send))),
    })
}
