//! Finding conversations on the shelf, from the newest segment to the oldest, by their indexes alone: of the messages only
//! those are read that are found.

use super::index::{Closed, Part};
use super::keys::{What, of_text};
use super::segment::entry_at;
use super::{INDEX, MESSAGES, Shelf};
use crate::trace::ring::Entry;
use crate::trace::search::{LEGS_MAX, Query, micros, uuids};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;

/// Messages of one Call-ID that are read, the newest.
const MESSAGES_MAX: usize = 4_000;
/// Bytes of messages that one search reads; behind them are older ones that are not shown.
const BYTES_MAX: u64 = 64 << 20;
/// Legs name each other; so often those of legs are sought that were found last.
const ROUNDS_MAX: usize = 4;

/// What was found, and what it took.
#[derive(Debug, Default)]
pub struct Found {
    /// In the order of time.
    pub entries: Vec<Entry>,
    /// No older ones are there of what was sought.
    pub is_all: bool,
    /// Of indexes and messages.
    pub bytes_read: u64,
}

impl Shelf {
    /// The messages of the newest conversations with what is sought, `want` Call-IDs at most besides those that are legs of
    /// one call with them. A file that cannot be read is passed over.
    pub fn find(&self, query: &Query, want: usize) -> Found {
        let mut look = Look { shelf: self, sources: self.sources(), bytes: 0 };
        let (chosen, is_all) = look.choose(query, want);
        let mut found = look.collect(chosen, want * LEGS_MAX);
        // Within one time by the clock of a shard as they were said.
        found.sort_by_key(|(place, entry)| (entry.at, *place));
        let entries = found.into_iter().map(|(_, entry)| entry).collect();
        let of_indexes: u64 = look.sources.iter().map(Source::bytes_read).sum();
        Found { entries, is_all, bytes_read: look.bytes + of_indexes }
    }

    /// The newest first.
    fn sources(&self) -> Vec<Source<'_>> {
        let open = self.open.iter().map(|open| Source::Open(&open.index, open.first));
        let closed =
            self.closed.iter().rev().map(|segment| Source::Closed(segment.first, RefCell::default()));
        open.chain(closed).collect()
    }
}

/// Where a message stands: the first number of its segment, and its place in it.
type Place = (u64, u32);

enum Source<'s> {
    Open(&'s super::index::Open, u64),
    /// Opened when it is asked first.
    Closed(u64, RefCell<Option<Closed>>),
}

impl Source<'_> {
    fn first(&self) -> u64 {
        match self {
            Self::Open(_, first) | Self::Closed(first, _) => *first,
        }
    }

    fn bytes_read(&self) -> u64 {
        match self {
            Self::Open(..) => 0,
            Self::Closed(_, index) => index.borrow().as_ref().map_or(0, |index| index.read.get()),
        }
    }

    fn closed<T: Default>(&self, shelf: &Shelf, ask: impl Fn(&Closed) -> io::Result<T>) -> T {
        let Self::Closed(first, index) = self else { return T::default() };
        let mut index = index.borrow_mut();
        if index.is_none() {
            *index = Closed::open(&shelf.path(*first, INDEX)).ok();
        }
        index.as_ref().and_then(|index| ask(index).ok()).unwrap_or_default()
    }

    fn parts(&self, shelf: &Shelf, what: Option<&What>) -> Vec<Part> {
        match self {
            Self::Open(index, _) => index.parts(what),
            Self::Closed(..) => self.closed(shelf, |index| index.parts(what)),
        }
    }

    fn offsets(&self, shelf: &Shelf, name: &[u8]) -> Vec<u32> {
        match self {
            Self::Open(index, _) => index.offsets(name),
            Self::Closed(..) => self.closed(shelf, |index| index.offsets(name)),
        }
    }

    fn has(&self, shelf: &Shelf, name: &[u8]) -> bool {
        match self {
            Self::Open(index, _) => !index.offsets(name).is_empty(),
            Self::Closed(..) => self.closed(shelf, |index| index.has(name)),
        }
    }
}

struct Look<'s> {
    shelf: &'s Shelf,
    sources: Vec<Source<'s>>,
    /// Of messages.
    bytes: u64,
}

impl Look<'_> {
    /// The Call-IDs that were spoken last, and whether there are no more.
    fn choose(&self, query: &Query, want: usize) -> (BTreeSet<Vec<u8>>, bool) {
        let what = query.what.as_deref().map(What::of);
        let since = query.since.map_or(0, micros);
        // A leg ends no later than its call.
        let until = [query.until.map(micros), query.after.as_ref().map(|place| place.at_us() + 1)];
        let until = until.into_iter().flatten().min().unwrap_or(u64::MAX);
        let mut chosen = BTreeSet::new();
        for (at, source) in self.sources.iter().enumerate() {
            let mut parts = source.parts(self.shelf, what.as_ref());
            parts.retain(|part| part.last_at_us < until && (query.what.is_some() || !part.name.is_empty()));
            parts.sort_unstable_by_key(|part| std::cmp::Reverse(part.last_at_us));
            for part in parts {
                if part.last_at_us < since {
                    break;
                }
                if chosen.len() >= want {
                    return (chosen, false);
                }
                // Where it goes on it has been looked at.
                if !self.sources[..at].iter().any(|newer| newer.has(self.shelf, &part.name)) {
                    chosen.insert(part.name);
                }
            }
        }
        (chosen, true)
    }

    /// All messages of these and of the legs that are one call with them.
    fn collect(&mut self, chosen: BTreeSet<Vec<u8>>, names_max: usize) -> Vec<(Place, Entry)> {
        let (mut known, mut fresh) = (chosen.clone(), chosen);
        let mut asked = BTreeSet::new();
        let mut entries = Vec::new();
        for _ in 0..ROUNDS_MAX {
            let read = self.read(&fresh);
            let keys: Vec<u32> = uuids(read.iter().map(|(_, entry)| entry))
                .into_iter()
                .filter(|uuid| asked.insert(uuid.clone()))
                .map(|uuid| of_text(&uuid))
                .collect();
            entries.extend(read);
            let legs = What { keys, call_id: None };
            fresh = BTreeSet::new();
            for source in self.sources.iter().filter(|_| !legs.keys.is_empty()) {
                for part in source.parts(self.shelf, Some(&legs)) {
                    if known.len() < names_max && known.insert(part.name.clone()) {
                        fresh.insert(part.name);
                    }
                }
            }
            if fresh.is_empty() {
                break;
            }
        }
        entries
    }

    fn read(&mut self, names: &BTreeSet<Vec<u8>>) -> Vec<(Place, Entry)> {
        let mut counts: BTreeMap<&[u8], usize> = BTreeMap::new();
        let mut entries = Vec::new();
        for source in &self.sources {
            let mut places = BTreeSet::new();
            for name in names {
                let count = counts.entry(name).or_default();
                let offsets = source.offsets(self.shelf, name);
                let taken = offsets.len().min(MESSAGES_MAX.saturating_sub(*count));
                *count += taken;
                places.extend(offsets[offsets.len() - taken..].iter().copied());
            }
            if places.is_empty() {
                continue;
            }
            let Ok(file) = File::open(self.shelf.path(source.first(), MESSAGES)) else { continue };
            for place in places {
                if self.bytes >= BYTES_MAX {
                    return entries;
                }
                if let Some((length, entry)) = entry_at(&file, u64::from(place)) {
                    self.bytes += length;
                    entries.push(((source.first(), place), entry));
                }
            }
        }
        entries
    }
}
