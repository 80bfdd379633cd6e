//! One part of the bindings, behind one lock: rows, and the indexes by address of record and by connection.

use super::row::{BindingId, Draft, Refresh, Row, Version};
use super::wheel::Wheel;
use crate::flow::ConnectionId;
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::{BuildHasher, Hasher};
use std::ops::{Index, IndexMut};

/// Rows at stable places. Grows by a quarter, not to the double, to waste little; holes are filled first.
#[derive(Default)]
pub(super) struct Rows {
    places: Vec<Option<Row>>,
    holes: Vec<u32>,
}

impl Rows {
    fn put(&mut self, row: Row) -> u32 {
        if let Some(at) = self.holes.pop() {
            self.places[at as usize] = Some(row);
            return at;
        }
        if self.places.len() == self.places.capacity() {
            self.places.reserve_exact((self.places.len() / 4).max(8));
        }
        self.places.push(Some(row));
        (self.places.len() - 1) as u32
    }

    fn take(&mut self, at: u32) -> Option<Row> {
        let row = self.places.get_mut(at as usize)?.take();
        if row.is_some() {
            self.holes.push(at);
        }
        row
    }

    /// The rows from place `from` on, with their places.
    pub(super) fn iter_from(&self, from: usize) -> impl Iterator<Item = (u32, &Row)> {
        let places = self.places.iter().enumerate().skip(from);
        places.filter_map(|(at, row)| row.as_ref().map(|row| (at as u32, row)))
    }
}

/// The indexes of a stripe name only places that hold a row: an absent one is a defect of this module.
impl Index<u32> for Rows {
    type Output = Row;
    fn index(&self, at: u32) -> &Row {
        self.places[at as usize].as_ref().expect("an index names a row that is there")
    }
}

impl IndexMut<u32> for Rows {
    fn index_mut(&mut self, at: u32) -> &mut Row {
        self.places[at as usize].as_mut().expect("an index names a row that is there")
    }
}

pub(super) struct Stripe {
    pub(super) rows: Rows,
    /// Several entries share the hash of one address of record: one per binding.
    by_aor: HashTable<u32>,
    /// Only rows with a connection (not UDP).
    by_connection: HashTable<u32>,
    wheel: Wheel,
    hasher: DefaultHashBuilder,
}

impl Stripe {
    pub(super) fn new(hasher: DefaultHashBuilder) -> Self {
        Self {
            rows: Rows::default(),
            by_aor: HashTable::new(),
            by_connection: HashTable::new(),
            wheel: Wheel::new(),
            hasher,
        }
    }

    /// The places of an address of record's bindings, expired ones included, in no order.
    pub(super) fn places<'a>(
        &'a self,
        hash: u64,
        user: &'a [u8],
        domain: &'a [u8],
    ) -> impl Iterator<Item = u32> + 'a {
        self.by_aor.iter_hash(hash).copied().filter(move |at| self.rows[*at].is_of(user, domain))
    }

    pub(super) fn insert(&mut self, hash: u64, row: Row) -> u32 {
        let connection = row.connection();
        let at = self.rows.put(row);
        let (rows, hasher) = (&self.rows, &self.hasher);
        self.by_aor.insert_unique(hash, at, |at| aor_hash(hasher, rows[*at].user(), rows[*at].domain()));
        self.index_connection(connection, at);
        self.wheel.hang(&mut self.rows, at);
        at
    }

    pub(super) fn remove(&mut self, hash: u64, at: u32) -> Option<Row> {
        if let Ok(entry) = self.by_aor.find_entry(hash, |other| *other == at) {
            entry.remove();
        }
        self.unindex_connection(self.rows[at].connection(), at);
        self.wheel.unhang(&mut self.rows, at);
        self.rows.take(at)
    }

    pub(super) fn refresh(&mut self, at: u32, version: Version, refresh: &Refresh, now_ms: u64) {
        let old = self.rows[at].connection();
        if old != refresh.flow.connection {
            self.unindex_connection(old, at);
            self.index_connection(refresh.flow.connection, at);
        }
        let expires_ms = now_ms + refresh.granted_s as u64 * 1000;
        let row = &mut self.rows[at];
        let sooner = expires_ms < row.expires_ms;
        row.version = version;
        row.cseq = refresh.cseq;
        row.granted_s = refresh.granted_s;
        row.expires_ms = expires_ms;
        row.put_flow(&refresh.flow);
        row.set_fallback(refresh.fallback);
        if sooner {
            self.wheel.unhang(&mut self.rows, at);
            self.wheel.hang(&mut self.rows, at);
        }
    }

    /// Puts other content into a binding, which keeps its identity and the time of its first registration.
    pub(super) fn replace(&mut self, at: u32, version: Version, draft: &Draft<'_>, now_ms: u64) {
        let old = &self.rows[at];
        let (id, registered_s, connection) = (old.id, old.registered_s, old.connection());
        self.unindex_connection(connection, at);
        self.wheel.unhang(&mut self.rows, at);
        let mut row = Row::new(id, version, draft, now_ms);
        row.registered_s = registered_s;
        self.rows[at] = row;
        self.index_connection(draft.flow.connection, at);
        self.wheel.hang(&mut self.rows, at);
    }

    /// Sets the end of a binding's life (recovery).
    pub(super) fn set_expiry(&mut self, at: u32, expires_ms: u64) {
        self.wheel.unhang(&mut self.rows, at);
        self.rows[at].expires_ms = expires_ms;
        self.wheel.hang(&mut self.rows, at);
    }

    /// Takes the flow from a binding: a stream that did not survive a restart.
    pub(super) fn close(&mut self, at: u32) {
        self.unindex_connection(self.rows[at].connection(), at);
        self.rows[at].close();
    }

    /// Marks the bindings of a connection as without flow; tells how many.
    pub(super) fn connection_closed(&mut self, connection: ConnectionId) -> usize {
        let hash = self.hasher.hash_one(connection.0);
        let mut closed = 0;
        while let Ok(entry) =
            self.by_connection.find_entry(hash, |at| self.rows[*at].connection() == connection)
        {
            let (at, _) = entry.remove();
            self.rows[at].close();
            closed += 1;
        }
        closed
    }

    /// Removes what has expired and hands it to `each`.
    pub(super) fn sweep(&mut self, now_ms: u64, expired: &mut Vec<u32>, each: &mut dyn FnMut(&Row)) {
        self.wheel.sweep(&mut self.rows, now_ms, expired);
        self.remove_all(expired, each);
    }

    /// The same by looking at every row: after recovery, when the wheel has not turned yet.
    pub(super) fn sweep_all(&mut self, now_ms: u64, expired: &mut Vec<u32>, each: &mut dyn FnMut(&Row)) {
        let rows = self.rows.iter_from(0);
        expired.extend(rows.filter(|(_, row)| row.expires_ms <= now_ms).map(|(at, _)| at));
        self.remove_all(expired, each);
    }

    fn remove_all(&mut self, places: &mut Vec<u32>, each: &mut dyn FnMut(&Row)) {
        for at in places.drain(..) {
            let hash = aor_hash(&self.hasher, self.rows[at].user(), self.rows[at].domain());
            if let Some(row) = self.remove(hash, at) {
                each(&row);
            }
        }
    }

    pub(super) fn find(&self, hash: u64, user: &[u8], domain: &[u8], id: BindingId) -> Option<u32> {
        self.places(hash, user, domain).find(|at| self.rows[*at].id == id)
    }

    fn index_connection(&mut self, connection: ConnectionId, at: u32) {
        if connection == ConnectionId::NONE {
            return;
        }
        let (rows, hasher) = (&self.rows, &self.hasher);
        let hash = hasher.hash_one(connection.0);
        self.by_connection.insert_unique(hash, at, |at| hasher.hash_one(rows[*at].connection().0));
    }

    fn unindex_connection(&mut self, connection: ConnectionId, at: u32) {
        if connection == ConnectionId::NONE {
            return;
        }
        let hash = self.hasher.hash_one(connection.0);
        if let Ok(entry) = self.by_connection.find_entry(hash, |other| *other == at) {
            entry.remove();
        }
    }
}

pub(super) fn aor_hash(hasher: &DefaultHashBuilder, user: &[u8], domain: &[u8]) -> u64 {
    let mut state = hasher.build_hasher();
    state.write(user);
    state.write_u8(b'@');
    state.write(domain);
    state.finish()
}
