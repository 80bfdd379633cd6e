//! What happened lately: the counts of a stream as they were a few seconds ago, and whether what has changed since gives
//! reason to ask why it is silent.
//!
//! A worker looks once a second at each stream; nothing of it happens per packet.

use super::endpoint::Opened;
use coeur_exchange::media::{Keying, Recent, StreamKind, Troubles};
use coeur_exchange::silence::wrong_clock;
use coeur_media::relay::{Handed, Reason, Reasons, Relay, Seen};
use coeur_sip::time::Monotonic;
use std::time::Duration;

/// Looks that are kept: the oldest is between two and three seconds old.
const KEPT: usize = 3;
/// Packets of a kind that do not fit, within the looks that are kept, that are no accident.
const MISFITS: u64 = 25;
/// Packets by which the clock of the timestamps can be told.
const CLOCK_PACKETS: u64 = 40;
/// Loss that leaves little of a word, in hundredths; jitter beyond the buffers of most phones.
const LOSS_PERCENT: u64 = 15;
const JITTER_MAX: Duration = Duration::from_millis(100);
/// Stalls within the looks that are kept, by which words are lost.
const STALLS: u64 = 3;

/// The counts of one moment: 350 bytes.
#[derive(Clone)]
struct Look {
    at: Monotonic,
    received: u64,
    sent: u64,
    lost: u64,
    rtcp: u64,
    noise: u64,
    stalls: (u64, Duration),
    handed: Handed,
    troubles: Troubles,
    dropped: Reasons,
    seen: Option<Seen>,
}

/// Of one stream; 1 kB.
#[derive(Clone, Default)]
pub(super) struct Looks {
    kept: [Option<Box<Look>>; KEPT],
    next: usize,
}

impl Looks {
    /// Keeps how it is now.
    pub(super) fn take(&mut self, opened: &Opened, relay: &Relay, now: Monotonic) {
        let Some(look) = look(opened, relay, now) else { return };
        match &mut self.kept[self.next] {
            Some(kept) => **kept = look,
            empty => *empty = Some(Box::new(look)),
        }
        self.next = (self.next + 1) % KEPT;
    }

    /// Something else was agreed: what was before says nothing of it.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// What has changed since the oldest look, of a stream that is as it is since `settled`.
    pub(super) fn recent(
        &self,
        opened: &Opened,
        relay: &Relay,
        now: Monotonic,
        settled: Monotonic,
    ) -> Recent {
        let settled_ms = millis(now.since(settled));
        let oldest = (0..KEPT).find_map(|nth| self.kept[(self.next + nth) % KEPT].as_deref());
        let (Some(then), Some(new)) = (oldest, look(opened, relay, now)) else {
            return Recent { settled_ms, ..Recent::default() };
        };
        let drops = Reason::ALL.iter().filter_map(|reason| {
            let count = new.dropped.of(*reason).saturating_sub(then.dropped.of(*reason));
            (count > 0).then_some((reason.name(), count))
        });
        Recent {
            span_ms: millis(now.since(then.at)),
            settled_ms,
            received: new.received.saturating_sub(then.received),
            sent: new.sent.saturating_sub(then.sent),
            lost: new.lost.saturating_sub(then.lost),
            rtcp: new.rtcp.saturating_sub(then.rtcp),
            noise: new.noise.saturating_sub(then.noise),
            stalls: new.stalls.0.saturating_sub(then.stalls.0),
            stalled_ms: millis(new.stalls.1.saturating_sub(then.stalls.1)).into(),
            stun: new.handed.stun.saturating_sub(then.handed.stun),
            dtls: new.handed.dtls.saturating_sub(then.handed.dtls),
            drops: drops.collect(),
            troubles: less(new.troubles, then.troubles),
            clock_hz: clock(then, &new),
        }
    }

    /// Whether it is worth to be asked about. A stream of sound only: pictures may rest.
    pub(super) fn is_doubtful(
        &self,
        opened: &Opened,
        relay: &Relay,
        now: Monotonic,
        settled: Monotonic,
    ) -> bool {
        if opened.wanted.kind != StreamKind::Audio
            || !opened.is_on
            || opened.link.is_none()
            || opened.is_wire()
        {
            return false;
        }
        let recent = self.recent(opened, relay, now, settled);
        if recent.span_ms < 1_500 {
            return false;
        }
        let is_deaf = relay.expects_to_hear(opened.key) && recent.received == 0;
        let misfits: u64 =
            recent.drops.iter().filter(|(name, _)| is_misfit(name)).map(|(_, count)| count).sum();
        let expected = recent.received + recent.lost;
        let is_lossy = expected >= 50 && recent.lost * 100 >= expected * LOSS_PERCENT;
        let quality = relay.quality(opened.key);
        let is_late = recent.received > 0 && quality.is_some_and(|quality| quality.jitter() > JITTER_MAX)
            || recent.stalls >= STALLS;
        let seen = quality.and_then(|quality| quality.last_seen);
        let is_missed = recent.sent > 0 && quality.is_some_and(|quality| missed(quality) >= Some(25));
        is_deaf
            || misfits >= MISFITS
            || recent.troubles
                != (Troubles { rtcp_refused: recent.troubles.rtcp_refused, ..Troubles::default() })
            || is_lossy
            || is_late
            || is_missed
            || runs_wrong(opened, &recent, seen)
            || looks_encrypted(opened, seen)
    }
}

/// Packets, a second of them, after which a report that tells of nothing heard means it. A browser reports first when its keys are
/// agreed on, before anything has come.
const HEARD_BY: u32 = 50;

/// The share of what went to the other end that it has missed, in hundredths, by its last report.
pub(super) fn missed(quality: &coeur_media::relay::Quality) -> Option<u8> {
    if quality.hears_nothing && quality.sent_before_report >= HEARD_BY {
        return Some(100);
    }
    quality.heard.map(|block| (u32::from(block.fraction_lost) * 100 / 256) as u8)
}

fn look(opened: &Opened, relay: &Relay, now: Monotonic) -> Option<Look> {
    let quality = relay.quality(opened.key)?;
    let troubles = relay.troubles(opened.key);
    Some(Look {
        at: now,
        received: quality.received_packets,
        sent: quality.sent_packets,
        lost: quality.lost(),
        rtcp: quality.rtcp_packets,
        noise: quality.noise_packets,
        stalls: quality.stalls(),
        handed: relay.handed(opened.key),
        troubles: Troubles {
            refused: troubles.refused,
            rtcp_refused: troubles.rtcp_refused,
            unreachable: troubles.unreachable,
            too_large: troubles.too_large,
            forbidden: troubles.forbidden,
            other: troubles.other,
        },
        dropped: relay.dropped(opened.key)?.clone(),
        seen: quality.last_seen,
    })
}

fn less(new: Troubles, then: Troubles) -> Troubles {
    Troubles {
        refused: new.refused.wrapping_sub(then.refused),
        rtcp_refused: new.rtcp_refused.wrapping_sub(then.rtcp_refused),
        unreachable: new.unreachable.wrapping_sub(then.unreachable),
        too_large: new.too_large.wrapping_sub(then.too_large),
        forbidden: new.forbidden.wrapping_sub(then.forbidden),
        other: new.other.wrapping_sub(then.other),
    }
}

/// Ticks of the timestamps in a second, of one source.
fn clock(then: &Look, new: &Look) -> Option<u32> {
    let (first, last) = (then.seen?, new.seen?);
    let time = last.at.since(first.at);
    if first.ssrc != last.ssrc
        || new.received.saturating_sub(then.received) < CLOCK_PACKETS
        || time < Duration::from_secs(1)
    {
        return None;
    }
    let ticks = last.timestamp.wrapping_sub(first.timestamp);
    // More than ten times the fastest clock there is: the timestamps began anew.
    let hz = u64::from(ticks) * 1_000 / time.as_millis().max(1) as u64;
    u32::try_from(hz).ok().filter(|hz| *hz < 1_000_000)
}

/// Its timestamps run at another rate than was agreed, by more than what lost and late packets explain.
fn runs_wrong(opened: &Opened, recent: &Recent, seen: Option<Seen>) -> bool {
    let wrong = |stream, runs_hz| wrong_clock(stream, seen.map(|seen| seen.payload_type), runs_hz);
    opened.described.as_ref().zip(recent.clock_hz).and_then(|(stream, hz)| wrong(stream, hz)).is_some()
}

/// What came in the clear has the size of frames of 64 kbit/s with the tag of SRTP behind them.
fn looks_encrypted(opened: &Opened, seen: Option<Seen>) -> bool {
    let is_plain = opened.described.as_ref().is_some_and(|stream| stream.keying == Keying::Plain);
    is_plain
        && seen.is_some_and(|seen| coeur_exchange::silence::has_tag(seen.payload_type, seen.payload_bytes))
}

/// A packet from where the other end may speak, that is not as agreed; or one that could not be passed on.
fn is_misfit(reason: &str) -> bool {
    use coeur_exchange::silence::drops;
    drops::MISFITS.contains(&reason)
}

fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use coeur_exchange::silence::drops;

    #[test]
    fn a_report_from_before_anything_could_arrive_does_not_say_that_nothing_does() {
        let reported = |sent_before_report| {
            let mut quality = coeur_media::relay::Quality::default();
            (quality.hears_nothing, quality.sent_packets, quality.sent_before_report) =
                (true, 286, sent_before_report);
            quality
        };
        assert_eq!(missed(&reported(0)), None);
        assert_eq!(missed(&reported(HEARD_BY - 1)), None);
        assert_eq!(missed(&reported(HEARD_BY)), Some(100));
    }

    /// The exchange knows reasons by their names alone.
    #[test]
    fn every_name_by_which_silence_is_explained_is_a_reason() {
        for name in drops::ALL.iter().chain(drops::MISFITS) {
            assert!(Reason::ALL.iter().any(|reason| reason.name() == *name), "{name}");
        }
    }
}
