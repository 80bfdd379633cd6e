//! A slab that remembers what was changed, so that no verb can forget to save what it did (see `keep`).

use slab::Slab;
use std::ops::{Deref, Index, IndexMut};

/// Whatever hands out something to change notes its slot.
pub(super) struct Tracked<T> {
    slab: Slab<T>,
    changed: Vec<u32>,
}

impl<T> Tracked<T> {
    pub(super) const fn new() -> Self {
        Self { slab: Slab::new(), changed: Vec::new() }
    }

    pub(super) fn insert(&mut self, value: T) -> usize {
        let slot = self.slab.insert(value);
        self.note(slot);
        slot
    }

    pub(super) fn get_mut(&mut self, slot: usize) -> Option<&mut T> {
        self.note(slot);
        self.slab.get_mut(slot)
    }

    pub(super) fn remove(&mut self, slot: usize) -> T {
        self.note(slot);
        self.slab.remove(slot)
    }

    pub(super) fn try_remove(&mut self, slot: usize) -> Option<T> {
        self.note(slot);
        self.slab.try_remove(slot)
    }

    /// Moves the slots that were changed since the last look to `into`.
    pub(super) fn take_changed(&mut self, into: &mut Vec<u32>) {
        into.append(&mut self.changed);
    }

    fn note(&mut self, slot: usize) {
        let slot = slot as u32;
        if self.changed.last() != Some(&slot) {
            self.changed.push(slot);
        }
    }
}

impl<T> Deref for Tracked<T> {
    type Target = Slab<T>;

    fn deref(&self) -> &Slab<T> {
        &self.slab
    }
}

impl<T> Index<usize> for Tracked<T> {
    type Output = T;

    fn index(&self, slot: usize) -> &T {
        &self.slab[slot]
    }
}

impl<T> IndexMut<usize> for Tracked<T> {
    fn index_mut(&mut self, slot: usize) -> &mut T {
        self.note(slot);
        &mut self.slab[slot]
    }
}
