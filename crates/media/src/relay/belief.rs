//! Whether the peer of a port, which came from a host that signalling names, is the other end or somebody else there.
//!
//! Many share one public address. Whoever of them sends first is heard, so that no first word is lost, but what is for the
//! other end goes to him only
//! - once he has sent [`LEARNED_AFTER_PACKETS`] packets in sequence, or RTCP of the sender that counts; or
//! - once nobody else of his host has been heard for [`PATIENCE`]: a phone that opens its NAT with one packet, or is silent
//!   by wish, wants to hear all the same.
//!
//! Until then another one of the host that sends in sequence takes his place. So a neighbour's packet that is faster than
//! the phone's gets nothing when the phone speaks within that time, and nothing more from its first packet on when it speaks
//! later. What remains: a neighbour who floods the port in sequence, with a payload type that was agreed, before the phone
//! has sent five packets.

use super::latch::{LEARNED_AFTER_PACKETS, LEARNING_PAUSE, Seen, Word};
use coeur_sip::time::Monotonic;
use std::net::SocketAddr;
use std::time::Duration;

/// Longer than from the answer to the first packet of a phone far away, shorter than a greeting.
const PATIENCE: Duration = Duration::from_millis(500);
/// A packet follows another of its sender when no more than three were lost between them.
const STEP_MAX: u16 = 4;
/// Packets of the peer that may have been lost while it moved (RFC 3550 appendix A.1, MAX_DROPOUT): a minute of 20 ms each.
const MISSED_MAX: u16 = 3_000;

/// What is known of the peer. 40 bytes.
#[derive(Default)]
pub(super) struct Belief {
    /// It is the other end, whatever comes from its neighbours.
    is_certain: bool,
    /// It is sent to from then on.
    from: Monotonic,
    peer: Run,
    /// Somebody else of the same host, by his port.
    rival: Run,
    rival_port: u16,
    rival_at: Monotonic,
}

/// The newest packet of a sender, and how many came in sequence before it; 0: none.
#[derive(Clone, Copy, Default)]
struct Run {
    ssrc: u32,
    sequence: u16,
    packets: u8,
}

impl Belief {
    /// The peer that is taken now is the other end.
    pub(super) fn trust(&mut self) {
        *self = Self { is_certain: true, peer: self.peer, ..Self::default() };
    }

    /// Nothing but its host speaks for the peer that is taken now; `word`: its packet.
    pub(super) fn doubt(&mut self, now: Monotonic, word: Word) {
        // Of another protocol nothing tells its sender from another.
        let is_certain = matches!(word, Word::Other);
        *self = Self { is_certain, from: now + PATIENCE, ..Self::default() };
    }

    pub(super) fn holds(&self, now: Monotonic) -> bool {
        self.is_certain || self.from.is_due(now)
    }

    /// A packet of the peer, or of who goes on for it.
    pub(super) fn heard(&mut self, word: Word) {
        match word {
            Word::Rtp(seen) => {
                self.peer.add(seen);
                self.is_certain |= self.peer.packets >= LEARNED_AFTER_PACKETS;
            }
            Word::Rtcp { is_peers } => self.is_certain |= is_peers == Some(true),
            Word::Other => {}
        }
    }

    /// Whether a packet goes on where the peer has stopped.
    pub(super) fn is_continued_by(&self, word: Word) -> bool {
        match word {
            Word::Rtp(seen) => {
                let ahead = seen.sequence.wrapping_sub(self.peer.sequence);
                let is_same = self.peer.packets > 0 && self.peer.ssrc == seen.ssrc;
                seen.wanted && is_same && (1..=MISSED_MAX).contains(&ahead)
            }
            // It carries no sound: its sender will do.
            Word::Rtcp { is_peers } => is_peers == Some(true),
            Word::Other => false,
        }
    }

    /// A packet of somebody else of the same host: whether he is to have the place.
    pub(super) fn prefers(&mut self, now: Monotonic, from: SocketAddr, word: Word) -> bool {
        match word {
            _ if self.is_certain => false,
            Word::Rtp(seen) if seen.wanted => {
                self.from = now + PATIENCE;
                let is_fresh = now.since(self.rival_at) < LEARNING_PAUSE;
                if self.rival_port != from.port() || !is_fresh {
                    // One that is on its way is not crowded out.
                    if is_fresh && self.rival.packets > 1 {
                        return false;
                    }
                    self.rival = Run::default();
                }
                self.rival.add(seen);
                (self.rival_port, self.rival_at) = (from.port(), now);
                self.rival.packets >= LEARNED_AFTER_PACKETS
            }
            Word::Rtcp { is_peers } => is_peers == Some(true),
            Word::Rtp(_) | Word::Other => false,
        }
    }

    pub(super) fn watches(&self, from: SocketAddr) -> bool {
        !self.is_certain && self.rival.packets > 0 && self.rival_port == from.port()
    }
}

impl Run {
    /// Only packets that are wanted make a run; all of them make its newest number.
    fn add(&mut self, seen: Seen) {
        let ahead = seen.sequence.wrapping_sub(self.sequence);
        let is_same = self.packets > 0 && self.ssrc == seen.ssrc;
        // Twice, or late.
        if is_same && (ahead == 0 || ahead >= 0x8000) {
            return;
        }
        self.packets = match is_same && ahead <= STEP_MAX {
            true if seen.wanted => self.packets.saturating_add(1),
            true => self.packets,
            false => 1,
        };
        (self.ssrc, self.sequence) = (seen.ssrc, seen.sequence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_small_as_its_documentation_says() {
        assert_eq!(size_of::<Belief>(), 40);
    }
}
