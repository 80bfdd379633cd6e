//! "Why is it silent?": from what both sides of a call were promised, what left and what arrived, to a verdict.
//!
//! [`judge`] looks at the two legs of a call ([`Ends`]) as signalling described them and as the media plane reports them, and
//! says in [`Verdict`]s what is wrong: on which side, of which closed [`Cause`], with the values that a sentence about it
//! needs. The most certain comes first; a cause that follows from another is left out. What both sides wished (a hold) is no
//! verdict. The sentences, and what to do, stand where the words of the command line are.
//!
//! One file per kind of evidence: [`signalling`], [`keys`], [`path`] (ICE and DTLS), [`arrival`], [`leaving`], [`quality`].
//!
//! What it deliberately does not do: ask for reports or decide when (that is `call`), look into packets: all that it knows of
//! them are their headers and sizes, so that a phone which sends silence, with a muted microphone, is heard for all it can
//! tell.

mod arrival;
mod cause;
pub mod drops;
mod keys;
mod leaving;
mod path;
mod quality;
mod signalling;
#[cfg(test)]
mod tests;

pub use cause::Cause;
pub use quality::wrong_clock;

use crate::media::{Keying, Stream, StreamReport};
use std::net::{IpAddr, SocketAddr};

/// Whose leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    Caller,
    Callee,
}

/// Both sides of a call, and what was agreed and seen of their sound.
pub struct Ends<'c> {
    pub caller: Leg<'c>,
    pub callee: Leg<'c>,
}

/// One side.
pub struct Leg<'l> {
    pub said: Said,
    /// What has been agreed about its sound; `None`: there is none, see [`Said::is_rejected`].
    pub agreed: Option<&'l Stream>,
    pub report: Option<&'l StreamReport>,
}

/// What signalling tells of one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Where its signalling comes from.
    pub from: IpAddr,
    /// Whether a router on the way can read and change it: UDP or TCP without TLS.
    pub is_readable: bool,
    /// Where its description says that it receives.
    pub media: Option<SocketAddr>,
    /// The hosts that its Contact, and the topmost Via of its request, name.
    pub contact: Option<IpAddr>,
    pub via: Option<IpAddr>,
    /// It has refused the sound, or switched it off (RFC 3264 sections 6 and 8.2).
    pub is_rejected: bool,
    /// Its 2xx has been repeated for some seconds and is not acknowledged (RFC 3261 section 13.3.1.4).
    pub owes_ack: bool,
    /// Its device is registered from there now.
    pub moved_to: Option<SocketAddr>,
}

/// What is wrong, on whose side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub side: Side,
    pub cause: Cause,
    /// For the places of its sentence, in their order; at most [`VALUES_MAX`].
    pub values: Box<[Box<str>]>,
}

pub const VALUES_MAX: usize = 3;

/// Time after an agreement in which nothing is judged: phones take their time to begin.
pub const SETTLING_MS: u32 = 1_900;

impl Verdict {
    fn new(side: Side, cause: Cause, values: &[&dyn std::fmt::Display]) -> Self {
        Self { side, cause, values: values.iter().map(|value| value.to_string().into()).collect() }
    }
}

/// What is wrong, the most certain first; nothing where all is as it was wished.
pub fn judge(ends: &Ends<'_>) -> Vec<Verdict> {
    let mut found = Vec::new();
    for (side, leg, other) in
        [(Side::Caller, &ends.caller, &ends.callee), (Side::Callee, &ends.callee, &ends.caller)]
    {
        let view = View { side, leg, other };
        found.extend(signalling::judge(&view));
        let Some(seen) = Seen::of(leg) else { continue };
        // Without keys, or without a way, nothing else can be right.
        let lower = path::judge(&view, &seen).or_else(|| keys::judge(&view, &seen));
        let arriving = lower.or_else(|| arrival::judge(&view, &seen));
        let leaving = leaving::judge(&view, &seen);
        let is_heard = arriving.is_none();
        found.extend(arriving);
        found.extend(leaving);
        if is_heard {
            found.extend(quality::judge(&view, &seen));
        }
    }
    found.sort_by_key(|verdict| verdict.cause);
    // A side that moved, or whose router meddles, is told once.
    found.dedup_by(|later, first| later.side == first.side && later.cause == first.cause);
    found
}

/// One side as it is judged.
struct View<'v> {
    side: Side,
    leg: &'v Leg<'v>,
    other: &'v Leg<'v>,
}

/// What was agreed and seen, where there is both, for long enough to tell.
struct Seen<'s> {
    agreed: &'s Stream,
    report: &'s StreamReport,
}

impl<'s> Seen<'s> {
    fn of(leg: &'s Leg<'s>) -> Option<Self> {
        let (agreed, report) = (leg.agreed?, leg.report?);
        let is_settled = report.recent.settled_ms >= SETTLING_MS && report.recent.span_ms >= SETTLING_MS / 2;
        is_settled.then_some(Self { agreed, report })
    }

    /// It should be heard, and nothing of it has counted lately.
    fn is_deaf(&self) -> bool {
        self.agreed.we_receive && self.report.recent.received == 0
    }

    fn was_heard(&self) -> bool {
        self.report.received.packets > 0
    }

    fn dropped(&self, reason: &str) -> u64 {
        self.report.recent.dropped(reason)
    }

    /// Something has come lately, whatever it was.
    fn anything_comes(&self) -> bool {
        let recent = &self.report.recent;
        let refused: u64 = drops::ARRIVED.iter().map(|reason| recent.dropped(reason)).sum();
        recent.received + recent.rtcp + recent.stun + recent.dtls + refused > 0
    }
}

impl View<'_> {
    fn verdict(&self, cause: Cause, values: &[&dyn std::fmt::Display]) -> Option<Verdict> {
        Some(Verdict::new(self.side, cause, values))
    }
}

/// Whether payload bytes of this type are whole frames of 64 kbit/s (G.711, G.722) with the tag of SRTP behind them: 10 or 4
/// bytes of HMAC-SHA1 (RFC 3711 section 4.2), 16 of GCM (RFC 7714). Frames are multiples of 5 ms, 40 bytes.
pub fn has_tag(payload: u8, payload_bytes: u16) -> bool {
    is_even(payload) && payload_bytes > 40 && matches!(payload_bytes % 40, 4 | 10 | 16)
}

/// The same without a tag.
fn has_none(payload: u8, payload_bytes: u16) -> bool {
    is_even(payload) && payload_bytes > 0 && payload_bytes.is_multiple_of(40)
}

/// Payload types of PCMU, PCMA and G.722, which are static (RFC 3551 section 6).
fn is_even(payload: u8) -> bool {
    matches!(payload, 0 | 8 | 9)
}

fn is_protected(stream: &Stream) -> bool {
    match stream.keying {
        Keying::Plain => false,
        Keying::Sdes { .. } | Keying::Dtls { .. } | Keying::EndToEnd => true,
    }
}
