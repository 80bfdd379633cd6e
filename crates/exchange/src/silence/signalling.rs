//! What signalling alone tells.

use super::{Cause, Seen, Verdict, View};
use std::net::SocketAddr;

pub(super) fn judge(view: &View<'_>) -> Vec<Verdict> {
    let said = &view.leg.said;
    let mut found = Vec::new();
    if said.owes_ack {
        found.extend(view.verdict(Cause::NoAck, &[]));
    }
    if view.leg.agreed.is_none() {
        // What one side has refused is off on the other too.
        let cause = match (said.is_rejected, view.other.said.is_rejected) {
            (true, _) => Some(Cause::Rejected),
            (false, true) => None,
            (false, false) => Some(Cause::KeysDoNotFit),
        };
        found.extend(cause.and_then(|cause| view.verdict(cause, &[])));
    }
    if let Some(to) = said.moved_to
        && Seen::of(view.leg).is_some_and(|seen| seen.is_deaf() && !is_heard_from(&seen, to))
    {
        found.extend(view.verdict(Cause::DeviceMoved, &[&to]));
    }
    found
}

/// Its media has moved along.
fn is_heard_from(seen: &Seen<'_>, to: SocketAddr) -> bool {
    seen.report.heard_from.is_some_and(|heard| heard.ip().to_canonical() == to.ip().to_canonical())
}
