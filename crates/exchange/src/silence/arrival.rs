//! What comes from a side, when none of it counts: from elsewhere, of another kind, or not at all.

use super::{Cause, Seen, Verdict, View, drops};
use coeur_sip::network::is_inside;

/// So many of a kind are no accident.
const SOME: u64 = 10;
/// The payload of a packet that says "silence": RFC 3389, Annex B of G.729, DTX of Opus and AMR.
const NOISE_BYTES_MAX: u16 = 12;
/// Average payload of a sender whose packets may be too large for a tunnel.
const LARGE_BYTES: u32 = 1_000;

pub(super) fn judge(view: &View<'_>, seen: &Seen<'_>) -> Option<Verdict> {
    if !seen.is_deaf() {
        return None;
    }
    misfit(view, seen).or_else(|| elsewhere(view, seen)).or_else(|| nothing(view, seen))
}

/// It comes from where it may, and is not what was agreed.
fn misfit(view: &View<'_>, seen: &Seen<'_>) -> Option<Verdict> {
    let rtp = seen.report.misfit.and_then(|misfit| misfit.rtp);
    let payload = rtp.map_or(0, |(payload, _)| payload);
    if seen.dropped(drops::UNKNOWN_PAYLOAD) >= SOME {
        let format = seen.agreed.formats.iter().find(|format| format.payload == payload);
        return match format {
            Some(format) => view.verdict(Cause::NoCommonFormat, &[&String::from_utf8_lossy(&format.name)]),
            None => view.verdict(Cause::UnknownPayload, &[&payload]),
        };
    }
    for (reason, cause) in [
        (drops::WRONG_PORT, Cause::RtpOnRtcpPort),
        (drops::MALFORMED, Cause::NotRtp),
        (drops::UNEXPECTED, Cause::OtherProfile),
        (drops::NOT_CONNECTED, Cause::NotJoined),
    ] {
        // ICE and DTLS are few packets.
        let enough = if cause == Cause::OtherProfile { 2 } else { SOME };
        if seen.dropped(reason) >= enough {
            return view.verdict(cause, &[]);
        }
    }
    None
}

/// It comes from where it may not.
fn elsewhere(view: &View<'_>, seen: &Seen<'_>) -> Option<Verdict> {
    let (from, _) = seen.report.refused?;
    if seen.dropped(drops::NOT_FROM_PEER) + seen.dropped(drops::LEARNING) < SOME {
        return None;
    }
    match seen.report.heard_from {
        // The description or the signalling names that host, or the phone was heard from it.
        Some(before) if before.ip() == from.ip() || from.ip() == view.leg.said.from => {
            view.verdict(Cause::MappingChanged, &[&before, &from])
        }
        Some(_) | None => view.verdict(Cause::StrangeSource, &[&from, &seen.agreed.rtp]),
    }
}

/// Nothing comes.
fn nothing(view: &View<'_>, seen: &Seen<'_>) -> Option<Verdict> {
    let report = seen.report;
    if is_resting(seen) {
        return None;
    }
    if let Some(claimed) = report.claimed {
        let missing = u64::from(claimed.packets) > report.received.packets + SOME;
        let bytes = claimed.octets / claimed.packets.max(1);
        return match (claimed.packets, missing) {
            (0, _) => view.verdict(Cause::SaysItSendsNothing, &[]),
            (_, true) if bytes >= LARGE_BYTES => view.verdict(Cause::LargeLost, &[&bytes]),
            (_, true) => view.verdict(Cause::OnlyRtcp, &[&claimed.packets]),
            (_, false) => view.verdict(Cause::Stopped, &[]),
        };
    }
    if seen.was_heard() {
        return view.verdict(Cause::Stopped, &[]);
    }
    if report.recent.rtcp > 0 {
        return view.verdict(Cause::SaysItSendsNothing, &[]);
    }
    private(view, seen).or_else(|| {
        // What is said there explains it better.
        let troubles = &report.recent.troubles;
        let is_told = troubles.refused + troubles.unreachable + troubles.forbidden > 0;
        (!is_told)
            .then(|| view.verdict(Cause::NothingComes, &[&seen.agreed.rtp, &report.sent.packets]))
            .flatten()
    })
}

/// Its description names an address inside its network, and it signals from outside of that.
fn private(view: &View<'_>, seen: &Seen<'_>) -> Option<Verdict> {
    let said = &view.leg.said;
    let media = said.media.unwrap_or(seen.agreed.rtp);
    if !is_inside(media.ip()) || is_inside(said.from) || media.ip() == said.from {
        return None;
    }
    // A phone that knew its outside address would have written it into its description too. Contact alone tells little: some
    // phones learn it from our answers.
    let is_rewritten = said.is_readable && said.via == Some(said.from) && said.contact == Some(said.from);
    match is_rewritten {
        true => view.verdict(Cause::SipAlg, &[&media.ip(), &said.from]),
        false => view.verdict(Cause::PrivateAddress, &[&media.ip()]),
    }
}

/// The last packet was one of silence: nobody speaks there.
fn is_resting(seen: &Seen<'_>) -> bool {
    let noise = |bytes| bytes <= NOISE_BYTES_MAX;
    seen.report.taken.is_some_and(|taken| taken.payload == 13 || noise(taken.payload_bytes))
}
