//! Packets that come and cannot be read: the key, or whether there is one, is another than was agreed.

use super::{Cause, Seen, Verdict, View, drops, has_none, has_tag, is_protected};

/// So many of a kind are no accident.
const SOME: u64 = 10;

pub(super) fn judge(view: &View<'_>, seen: &Seen<'_>) -> Option<Verdict> {
    if !is_protected(seen.agreed) {
        let taken = seen.report.taken.filter(|_| seen.report.recent.received > 0)?;
        return has_tag(taken.payload, taken.payload_bytes)
            .then(|| view.verdict(Cause::SrtpForPlain, &[]))
            .flatten();
    }
    if seen.report.recent.received > 0 {
        return None;
    }
    if seen.dropped(drops::UNAUTHENTICATED) >= SOME {
        let rtp = seen.report.misfit.and_then(|misfit| misfit.rtp);
        return match rtp {
            Some((payload, bytes)) if has_none(payload, bytes) => view.verdict(Cause::PlainForSrtp, &[]),
            Some(_) | None if seen.was_heard() => view.verdict(Cause::KeyChanged, &[]),
            Some(_) | None => view.verdict(Cause::WrongKey, &[]),
        };
    }
    if seen.dropped(drops::REPLAYED) >= SOME {
        return view.verdict(Cause::Replayed, &[]);
    }
    (seen.dropped(drops::KEY_LIMIT) >= SOME).then(|| view.verdict(Cause::KeyLimit, &[])).flatten()
}
