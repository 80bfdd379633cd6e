//! A small table by number: read by many, written by the door.

use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// In the order of the numbers, which is that in which things were made.
pub(crate) struct Shelf<K, V> {
    by_id: RwLock<BTreeMap<K, Arc<V>>>,
}

impl<K, V> Default for Shelf<K, V> {
    fn default() -> Self {
        Self { by_id: RwLock::default() }
    }
}

impl<K: Ord + Copy, V> Shelf<K, V> {
    pub(crate) fn get(&self, id: K) -> Option<Arc<V>> {
        self.by_id.read().get(&id).cloned()
    }

    pub(crate) fn put(&self, id: K, value: V) {
        self.by_id.write().insert(id, Arc::new(value));
    }

    pub(crate) fn remove(&self, id: K) -> Option<Arc<V>> {
        self.by_id.write().remove(&id)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.read().len()
    }

    /// The first that is wanted. Reads the whole table.
    pub(crate) fn find(&self, wanted: impl Fn(&V) -> bool) -> Option<Arc<V>> {
        self.by_id.read().values().find(|value| wanted(value)).cloned()
    }

    /// At most `limit` of those that are wanted, after `after`.
    pub(crate) fn page(&self, after: Option<K>, limit: usize, wanted: impl Fn(&V) -> bool) -> Vec<Arc<V>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let by_id = self.by_id.read();
        let values = by_id.range((from, Bound::Unbounded)).map(|(_, value)| value);
        values.filter(|value| wanted(value)).take(limit).cloned().collect()
    }
}
