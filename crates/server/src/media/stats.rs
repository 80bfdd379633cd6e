//! What a worker counts. Written by the worker, read by whoever asks.

use crate::shard::stats::Count;
use coeur_media::relay::{Reason, Reasons};

#[derive(Default)]
pub struct Stats {
    pub endpoints: Count,
    pub streams: Count,
    pub packets_received: Count,
    pub packets_sent: Count,
    /// Packets for ICE and DTLS.
    pub packets_handed: Count,
    /// Calls, and others, whose sound is understood.
    pub audio_parts: Count,
    /// Such as were not taken, because of their number.
    pub audio_refused: Count,
    pub opens_refused: Count,
    /// Connections between endpoints that are not both here.
    pub connects_refused: Count,
    /// Endpoints that fell silent though they should be heard.
    pub silent: Count,
    /// Times that something about an endpoint was worth to be asked about.
    pub doubted: Count,
    /// Ports for which ICE has found no pair, or lost it.
    pub ice_failed: Count,
    /// Transports that have agreed on no keys.
    pub dtls_failed: Count,
    dropped: [Count; Reason::COUNT],
}

impl Stats {
    pub(super) fn set_dropped(&self, reasons: &Reasons) {
        for (count, reason) in self.dropped.iter().zip(Reason::ALL) {
            count.set(reasons.of(*reason));
        }
    }

    pub fn dropped(&self, reason: Reason) -> u64 {
        self.dropped[reason as usize].value()
    }
}
