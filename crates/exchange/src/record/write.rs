//! Encoding.

use super::fields::{flow, integer, text};
use super::{AOR, BIND, FORMAT, Kind, REFRESH, Stamp, UNBIND};
use crate::bindings::{BindingId, Bindings, Cursor, Draft, Fallback, Refresh, Version, View};
use coeur_sip::time::Now;

/// Writes one batch behind what `out` holds already.
pub struct Batch<'o> {
    out: &'o mut Vec<u8>,
}

impl<'o> Batch<'o> {
    /// Begins a batch of changes of one address of record.
    pub fn of(out: &'o mut Vec<u8>, bindings: &Bindings, now: Now, user: &[u8], domain: &[u8]) -> Self {
        begin(out, Kind::Changes, bindings, now, Version(0));
        let mut batch = Self { out };
        batch.aor(user, domain);
        batch
    }

    pub fn aor(&mut self, user: &[u8], domain: &[u8]) {
        self.out.push(AOR);
        text(self.out, user);
        text(self.out, domain);
    }

    /// A binding as a REGISTER just made it.
    pub fn bind(&mut self, id: BindingId, version: Version, age_s: u32, draft: &Draft<'_>) {
        bind(self.out, id, version, age_s, draft.granted_s as u64 * 1000, draft);
    }

    pub fn refresh(&mut self, id: BindingId, version: Version, refresh: &Refresh) {
        self.out.push(REFRESH);
        integer(self.out, id.0);
        integer(self.out, version.0);
        integer(self.out, refresh.cseq as u64);
        integer(self.out, refresh.granted_s as u64);
        flow(self.out, &refresh.flow);
        fallback(self.out, refresh.fallback);
    }

    pub fn unbind(&mut self, id: BindingId, version: Version) {
        self.out.push(UNBIND);
        integer(self.out, id.0);
        integer(self.out, version.0);
    }
}

/// Writes all bindings as pages, for compaction. Begin it after the journal has turned to its new segment: then
/// every change is in the new segment, in the pages, or in both, and [`super::Recovery`] sorts it out.
pub struct Dump<'b> {
    bindings: &'b Bindings,
    snapshot: Version,
    next: Option<Cursor>,
    pages: usize,
}

/// Bindings per page: one stripe's lock is held for so many, some 100 microseconds.
const PAGE_BINDINGS: usize = 512;

impl<'b> Dump<'b> {
    pub fn begin(bindings: &'b Bindings) -> Self {
        Self { bindings, snapshot: bindings.version(), next: Some(Cursor::default()), pages: 0 }
    }

    /// Appends one page, one journal entry, to `out`; false when there is none left. A page is at most some 150 KB
    /// for ordinary phones.
    pub fn page(&mut self, now: Now, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        begin(out, Kind::Snapshot, self.bindings, now, self.snapshot);
        let empty = out.len();
        while let Some(cursor) = self.next {
            self.next = self.bindings.page(cursor, PAGE_BINDINGS, now.monotonic, &mut |view| {
                write_view(out, &view);
            });
            if out.len() > empty {
                break;
            }
        }
        // The first page is written even when it is empty: it carries the version of the snapshot.
        let worth = out.len() > empty || self.pages == 0;
        if !worth {
            out.truncate(start);
        }
        self.pages += 1;
        worth
    }
}

fn write_view(out: &mut Vec<u8>, view: &View<'_>) {
    let draft = view.draft();
    out.push(AOR);
    text(out, draft.user);
    text(out, draft.domain);
    bind(out, view.id(), view.version(), view.age_s(), view.remaining_ms(), &draft);
}

fn begin(out: &mut Vec<u8>, kind: Kind, bindings: &Bindings, now: Now, snapshot: Version) {
    let stamp = Stamp::of(bindings, now);
    out.push(FORMAT);
    out.push(kind as u8);
    out.extend_from_slice(&stamp.boot.to_le_bytes());
    integer(out, stamp.monotonic_ms);
    integer(out, stamp.wall_ms);
    integer(out, snapshot.0);
}

fn bind(
    out: &mut Vec<u8>,
    id: BindingId,
    version: Version,
    age_s: u32,
    remaining_ms: u64,
    draft: &Draft<'_>,
) {
    out.push(BIND);
    for value in [id.0, version.0, age_s as u64, remaining_ms] {
        integer(out, value);
    }
    for part in [draft.contact, draft.call_id, draft.user_agent, draft.path] {
        text(out, part);
    }
    let (uri, instance) = (draft.uri, draft.instance);
    for value in [uri.0, uri.1, instance.0, instance.1, draft.q] {
        integer(out, value as u64);
    }
    for value in [draft.cseq, draft.reg_id, draft.granted_s] {
        integer(out, value as u64);
    }
    integer(out, draft.device.0);
    flow(out, &draft.flow);
    fallback(out, draft.fallback);
}

fn fallback(out: &mut Vec<u8>, fallback: Fallback) {
    out.push(match fallback {
        Fallback::None => 0,
        Fallback::Contact => 1,
    });
}
