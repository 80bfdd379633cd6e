//! From the journal back to bindings.
//!
//! Every batch may be applied again, in the order of the journal, also over a snapshot that already contains it:
//! - a change not newer than the snapshot is in the snapshot, or was undone before it;
//! - a change not newer than the binding as it stands is skipped;
//! - a refresh or a removal met before the binding it concerns (two shards appended in the other order) waits for it.

use super::read::{Change, Reader, RecordError};
use super::{Kind, Stamp};
use crate::bindings::{BindingId, Bindings, Draft, Refresh, Restore, Version};
use crate::flow::{ConnectionId, Flow};
use crate::world::Listener;
use coeur_sip::time::Now;
use coeur_sip::transport::Transport;
use hashbrown::HashMap;

/// What a recovery did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Bindings that are there now.
    pub bindings: usize,
    pub changes: usize,
    /// Bindings whose lifetime ended while nobody was there.
    pub expired: usize,
}

pub struct Recovery<'b> {
    bindings: &'b Bindings,
    listeners: &'b [Listener],
    now: Now,
    snapshot: Version,
    /// What overtook the binding it concerns. Bounded by the changes since the last compaction.
    early: HashMap<BindingId, Early>,
    changes: usize,
}

#[derive(Clone, Copy)]
enum Early {
    Removed,
    Refreshed { version: Version, refresh: Refresh, remaining_ms: u64 },
}

impl<'b> Recovery<'b> {
    /// `listeners` are those of this process: UDP flows come back on the one of the same transport and family.
    pub fn new(bindings: &'b Bindings, listeners: &'b [Listener], now: Now) -> Self {
        Self { bindings, listeners, now, snapshot: Version(0), early: HashMap::new(), changes: 0 }
    }

    /// Applies one batch. On an error, what preceded the damage in this batch has been applied.
    pub fn apply(&mut self, bytes: &[u8]) -> Result<(), RecordError> {
        let (header, mut reader) = Reader::open(bytes)?;
        if header.kind == Kind::Snapshot {
            self.snapshot = self.snapshot.max(header.snapshot);
            self.bindings.skip_version(header.snapshot);
        }
        let elapsed_ms = header.stamp.elapsed_ms(&Stamp::of(self.bindings, self.now));
        while let Some(change) = reader.change()? {
            self.changes += 1;
            let version = change.version();
            if header.kind == Kind::Changes && version <= self.snapshot {
                continue;
            }
            match change {
                Change::Bind { id, version, age_s, remaining_ms, draft } => {
                    let age_s = age_s.saturating_add((elapsed_ms / 1000) as u32);
                    self.bind(id, version, age_s, remaining_ms.saturating_sub(elapsed_ms), draft);
                }
                Change::Refresh { id, version, refresh } => {
                    let remaining_ms = (refresh.granted_s as u64 * 1000).saturating_sub(elapsed_ms);
                    self.refresh(reader.user, reader.domain, id, version, refresh, remaining_ms);
                }
                Change::Unbind { id, version } => {
                    self.bindings.restore_removal(reader.user, reader.domain, id, version);
                    self.early.insert(id, Early::Removed);
                }
            }
        }
        Ok(())
    }

    /// Drops what has expired and tells what came back.
    pub fn finish(self) -> Recovered {
        let expired = self.bindings.restored(self.now.monotonic);
        Recovered { bindings: self.bindings.count(), changes: self.changes, expired }
    }

    fn bind(&mut self, id: BindingId, version: Version, age_s: u32, remaining_ms: u64, mut draft: Draft<'_>) {
        if matches!(self.early.get(&id), Some(Early::Removed)) {
            return;
        }
        let standing = self.bindings.version_of(draft.user, draft.domain, id);
        if standing.is_some_and(|standing| standing >= version) {
            return;
        }
        let (flow, open) = flow_here(self.listeners, draft.flow);
        draft.flow = flow;
        let remaining_ms = remaining_ms.min(draft.granted_s as u64 * 1000);
        let restore = Restore { remaining_ms, age_s, open };
        self.bindings.restore(id, version, &draft, restore, self.now.monotonic);
        if let Some(Early::Refreshed { version: later, refresh, remaining_ms }) = self.early.remove(&id)
            && later > version
        {
            self.refresh(draft.user, draft.domain, id, later, refresh, remaining_ms);
        }
    }

    fn refresh(
        &mut self,
        user: &[u8],
        domain: &[u8],
        id: BindingId,
        version: Version,
        mut refresh: Refresh,
        remaining_ms: u64,
    ) {
        match self.bindings.version_of(user, domain, id) {
            Some(standing) if standing >= version => {}
            Some(_) => {
                let (flow, open) = flow_here(self.listeners, refresh.flow);
                refresh.flow = flow;
                let restore = Restore { remaining_ms, age_s: 0, open };
                let now = self.now.monotonic;
                self.bindings.restore_refresh((user, domain), id, version, &refresh, restore, now);
            }
            None => self.refresh_early(id, version, refresh, remaining_ms),
        }
    }

    fn refresh_early(&mut self, id: BindingId, version: Version, refresh: Refresh, remaining_ms: u64) {
        match self.early.get(&id) {
            Some(Early::Removed) => {}
            Some(Early::Refreshed { version: other, .. }) if *other >= version => {}
            Some(Early::Refreshed { .. }) | None => {
                self.early.insert(id, Early::Refreshed { version, refresh, remaining_ms });
            }
        }
    }
}

/// The flow in this process, and whether it can be used: UDP on the listener of the same transport and family, the same one
/// if it is still there; a stream never.
pub(crate) fn flow_here(listeners: &[Listener], flow: Flow) -> (Flow, bool) {
    let fits = |listener: &&Listener| {
        listener.transport == flow.transport && listener.bound.is_ipv6() == flow.remote.is_ipv6()
    };
    let same = listeners.iter().filter(fits).find(|listener| listener.id == flow.listener);
    let found = same.or(listeners.iter().find(fits));
    let listener = found.map_or(flow.listener, |listener| listener.id);
    let open = flow.transport == Transport::Udp && found.is_some();
    (Flow { listener, connection: ConnectionId::NONE, ..flow }, open)
}

impl Change<'_> {
    fn version(&self) -> Version {
        match self {
            Change::Bind { version, .. }
            | Change::Refresh { version, .. }
            | Change::Unbind { version, .. } => *version,
        }
    }
}

impl Stamp {
    pub(super) fn of(bindings: &Bindings, now: Now) -> Self {
        let boot = bindings.boot();
        Self {
            boot: boot.id,
            monotonic_ms: boot.started_ms.saturating_add(now.monotonic.as_millis()),
            wall_ms: now.wall.as_millis(),
        }
    }
}
