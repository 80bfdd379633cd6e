//! What is heard, and not understood.

use super::{Cause, Seen, Verdict, View};
use crate::media::Stream;

/// Loss that leaves little of a word.
const LOSS_PERCENT: u64 = 15;
/// Beyond the buffers of most phones.
const JITTER_MAX_US: u64 = 100_000;
/// Stalls within a few seconds by which words are lost.
const STALLS_MIN: u64 = 3;
/// Packets of a few seconds by which loss can be told.
const PACKETS_MIN: u64 = 50;

pub(super) fn judge(view: &View<'_>, seen: &Seen<'_>) -> Option<Verdict> {
    if !seen.agreed.we_receive {
        return None;
    }
    let recent = &seen.report.recent;
    let payload = seen.report.taken.map(|taken| taken.payload);
    if let Some(runs) = recent.clock_hz
        && let Some(agreed) = wrong_clock(seen.agreed, payload, runs)
    {
        return view.verdict(Cause::WrongClock, &[&runs, &agreed]);
    }
    let expected = recent.received + recent.lost;
    if expected >= PACKETS_MIN && recent.lost * 100 >= expected * LOSS_PERCENT {
        if let Some(bytes) = large_are_lost(seen) {
            return view.verdict(Cause::LargeLost, &[&bytes]);
        }
        return view.verdict(Cause::Loss, &[&(recent.lost * 100 / expected)]);
    }
    if recent.stalls >= STALLS_MIN {
        return view.verdict(Cause::Jitter, &[&(recent.stalled_ms / recent.stalls)]);
    }
    let jitter =
        seen.report.received.jitter_us.filter(|jitter| *jitter > JITTER_MAX_US && recent.received > 0)?;
    view.verdict(Cause::Jitter, &[&(jitter / 1_000)])
}

/// The rate that was agreed for what a phone speaks, which its timestamps are far from.
pub fn wrong_clock(agreed: &Stream, payload: Option<u8>, runs_hz: u32) -> Option<u32> {
    let mut formats = agreed.formats.iter().filter(|format| !format.is_dtmf());
    let spoken = formats.clone().find(|format| Some(format.payload) == payload).or(formats.next());
    spoken.map(|format| format.clock_rate).filter(|agreed_hz| is_far(*agreed_hz, runs_hz))
}

/// By more than half: lost packets and pauses explain less.
fn is_far(agreed: u32, runs: u32) -> bool {
    let (agreed, runs) = (u64::from(agreed), u64::from(runs));
    agreed > 0 && (runs * 10 > agreed * 15 || runs * 15 < agreed * 10)
}

/// What it says that it sends is larger, on average, than what comes: what is lost are the large ones. The average payload
/// that it sends.
fn large_are_lost(seen: &Seen<'_>) -> Option<u32> {
    let claimed = seen.report.claimed.filter(|claimed| claimed.packets > 0)?;
    let (packets, octets) = (seen.report.received.packets, seen.report.received.octets);
    let (sends, comes) = (claimed.octets / claimed.packets, octets / packets.max(1));
    (u64::from(sends) > comes + comes / 3).then_some(sends)
}
