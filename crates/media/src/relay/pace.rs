//! How many packets of a stream pass in a second.
//!
//! Two ends can be made to send each other what they hear: legs whose descriptions name each other's port here, two mirrors,
//! a mirror of ours and one of another server. What comes in between goes round then, as fast as the machines can. Neither its
//! address nor its number tells such a packet from another: a call may well come back to this server, and a source that
//! begins anew is numbered anew. But no phone sends as many. Since nothing passes for the rest of a second that has had too
//! many, what goes round dies out.

use coeur_sip::time::Monotonic;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Video of some 50 Mbit/s. What goes round a call at that pace costs some hundredths of a core.
pub(super) const PACKETS_MAX: u32 = 5_000;
/// Of a stream that is a mirror. Sound has 100 packets a second at most; with those that were held up on the way.
pub(super) const MIRRORED_MAX: u32 = 500;

/// What has passed in the second that runs. 16 bytes.
#[derive(Default)]
pub(super) struct Pace {
    since: Monotonic,
    packets: u32,
}

impl Pace {
    /// Whether one more passes, of so many.
    pub(super) fn allows(&mut self, now: Monotonic, most: u32) -> bool {
        if now.since(self.since) >= SECOND {
            *self = Self { since: now, packets: 0 };
        }
        self.packets = self.packets.saturating_add(1);
        self.packets <= most
    }
}
