//! What goes to a side and does not get there, as far as the network or the side itself says so.

use super::{Cause, Seen, Verdict, View, drops};

const SOME: u64 = 10;
/// Of what it is sent it misses all but what is under way.
const ALL_PERCENT: u8 = 90;
const MUCH_PERCENT: u8 = 25;

pub(super) fn judge(view: &View<'_>, seen: &Seen<'_>) -> Option<Verdict> {
    if !seen.agreed.we_send {
        return None;
    }
    let (report, troubles) = (seen.report, &seen.report.recent.troubles);
    let to = report.sends_to.unwrap_or(seen.agreed.rtp);
    if troubles.forbidden > 0 {
        return view.verdict(Cause::Forbidden, &[&to]);
    }
    if troubles.too_large > 0 {
        return view.verdict(Cause::TooLarge, &[&to]);
    }
    if troubles.unreachable > 0 {
        return view.verdict(Cause::Unreachable, &[&to]);
    }
    if troubles.refused > 1 {
        return view.verdict(Cause::PortClosed, &[&to]);
    }
    if seen.dropped(drops::NOT_SENT) >= SOME {
        return view.verdict(Cause::NotSent, &[&to]);
    }
    // While nothing comes, that is what is told. What was waiting for an address that is known by now is no trouble any more.
    if seen.dropped(drops::NO_ADDRESS) >= SOME && report.recent.sent < SOME && !seen.is_deaf() {
        return view.verdict(Cause::NoAddress, &[&seen.agreed.rtp]);
    }
    if report.recent.sent < SOME {
        return None;
    }
    match report.missed_percent? {
        percent if percent >= ALL_PERCENT => view.verdict(Cause::NotHeardThere, &[&to]),
        percent if percent >= MUCH_PERCENT => view.verdict(Cause::LossThere, &[&percent]),
        _ => None,
    }
}
