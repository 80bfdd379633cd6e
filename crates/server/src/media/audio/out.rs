//! What a part reaches of its worker: the relay, the sockets, the time.

use super::deck::Deck;
use crate::media::socket;
use crate::media::stats::Stats;
use coeur_media::packet::Packet;
use coeur_media::relay::{Reason, Relay, StreamKey, Verdict};
use coeur_media::tone::detect::Key;
use coeur_sip::time::{Monotonic, Wall};

pub(in crate::media) struct Out<'o> {
    pub(in crate::media) relay: &'o mut Relay,
    pub(in crate::media) sockets: &'o [Option<std::net::UdpSocket>],
    pub(in crate::media) stats: &'o Stats,
    pub(in crate::media) now: Monotonic,
    pub(in crate::media) wall: Wall,
    /// What is played to single streams, and what is taped.
    pub(in crate::media) deck: &'o mut Deck,
    /// Who has begun to speak in a conference, and who has ended, to be told.
    pub(in crate::media) speakers: &'o mut Vec<(StreamKey, bool)>,
    /// Keys that were heard on streams, to be told.
    pub(in crate::media) keys: &'o mut Vec<(StreamKey, Key)>,
}

impl Out<'_> {
    /// Sends RTP to the other end of a stream.
    pub(super) fn rtp(&mut self, to: StreamKey, packet: &mut Packet<'_>) {
        let verdict = self.relay.send_rtp(self.now, to, packet);
        self.leave(verdict, packet);
    }

    /// A packet that was taken from a stream goes on as it is.
    pub(super) fn pass(&mut self, from: StreamKey, packet: &mut Packet<'_>) {
        let verdict = self.relay.pass(self.now, from, packet);
        self.leave(verdict, packet);
    }

    pub(super) fn rtcp(&mut self, to: StreamKey, packet: &mut Packet<'_>) {
        let verdict = self.relay.send_rtcp(self.now, to, packet);
        self.leave(verdict, packet);
    }

    fn leave(&mut self, verdict: Verdict, packet: &Packet<'_>) {
        // Anything else was dropped, and counted.
        let Verdict::Forward { transport, to } = verdict else { return };
        let Some(Some(socket)) = self.sockets.get(transport.0 as usize) else { return };
        match socket::send(socket, to, packet) {
            Ok(()) => self.stats.packets_sent.add(1),
            Err(_) => self.relay.lost(transport, Reason::NotSent),
        }
    }
}
