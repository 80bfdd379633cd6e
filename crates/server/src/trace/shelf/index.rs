//! Which conversations a segment has, and where their messages are.
//!
//! On disk, beside a closed segment, all numbers little-endian:
//! `magic u64 | conversations u32 | keys u32 | offsets u32 | names bytes u32 | first_at_us u64 | last_at_us u64`, then
//! conversations in the order of their Call-IDs (`name start u32 | name bytes u32 | offsets start u32 | offsets u32 |
//! last_at_us u64`), keys in their order (`hash u32 | conversation u32`), offsets (`u32`, of one conversation together) and
//! names. So a name, its beginning or a hash is found by halving, in some fifteen reads of a few bytes.

use super::keys::{Glance, What};
use crate::trace::ring::Head;
use hashbrown::{DefaultHashBuilder, HashMap};
use std::cell::Cell;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::Path;

const MAGIC: u64 = u64::from_le_bytes(*b"coeuridx");
const HEAD_BYTES: u64 = 40;
const CONVERSATION_BYTES: u64 = 24;
const KEY_BYTES: u64 = 8;
/// Of one conversation and segment that are remembered; of more only the first are found. A conference of many parties has
/// as many.
const KEYS_MAX: usize = 256;

/// A conversation that a segment has a part of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub name: Vec<u8>,
    pub last_at_us: u64,
}

/// Of the segment that is written.
#[derive(Default)]
pub struct Open {
    conversations: HashMap<Vec<u8>, Conversation>,
    hasher: DefaultHashBuilder,
    pub first_at_us: u64,
    pub last_at_us: u64,
}

#[derive(Default)]
struct Conversation {
    offsets: Vec<u32>,
    keys: Vec<u32>,
    /// Sums of what the keys were made of, so that they are not made again for every message.
    sums: Vec<u64>,
    last_at_us: u64,
}

impl Open {
    pub fn add(&mut self, offset: u32, head: Head<'_>, glance: &Glance<'_>) {
        let at_us = head.at_us();
        if self.first_at_us == 0 {
            self.first_at_us = at_us;
        }
        self.last_at_us = self.last_at_us.max(at_us);
        let conversation = match self.conversations.get_mut(glance.call_id) {
            Some(known) => known,
            None => self.conversations.entry(glance.call_id.to_vec()).or_default(),
        };
        conversation.offsets.push(offset);
        conversation.last_at_us = conversation.last_at_us.max(at_us);
        let sum = glance.sum(head, &self.hasher);
        if conversation.sums.contains(&sum) || conversation.keys.len() >= KEYS_MAX {
            return;
        }
        conversation.sums.push(sum);
        let keys = &mut conversation.keys;
        glance.keys(head, |key| {
            if !keys.contains(&key) {
                keys.push(key);
            }
        });
    }

    /// Forgets what was to be from this place on and was not written.
    pub fn forget_from(&mut self, offset: u64) {
        self.conversations.retain(|_, conversation| {
            conversation.offsets.retain(|known| u64::from(*known) < offset);
            !conversation.offsets.is_empty()
        });
    }

    pub fn is_empty(&self) -> bool {
        self.conversations.is_empty()
    }

    pub fn parts(&self, what: Option<&What>) -> Vec<Part> {
        let is_it = |name: &[u8], conversation: &Conversation| match what {
            None => true,
            Some(what) => {
                what.call_id.as_ref().is_some_and(|begin| name.starts_with(begin))
                    || what.keys.iter().any(|key| conversation.keys.contains(key))
            }
        };
        let found = self.conversations.iter().filter(|(name, conversation)| is_it(name, conversation));
        found
            .map(|(name, conversation)| Part { name: name.clone(), last_at_us: conversation.last_at_us })
            .collect()
    }

    pub fn offsets(&self, name: &[u8]) -> Vec<u32> {
        self.conversations.get(name).map(|conversation| conversation.offsets.clone()).unwrap_or_default()
    }

    /// As it is kept beside the segment.
    pub fn encode(&self) -> Vec<u8> {
        let mut conversations = Vec::new();
        let (mut keys, mut offsets, mut names) = (Vec::new(), Vec::new(), Vec::new());
        let mut sorted: Vec<(&Vec<u8>, &Conversation)> = self.conversations.iter().collect();
        sorted.sort_unstable_by_key(|(name, _)| *name);
        for (index, (name, conversation)) in sorted.into_iter().enumerate() {
            let row = [names.len(), name.len(), offsets.len() / 4, conversation.offsets.len()];
            row.iter().for_each(|number| conversations.extend((*number as u32).to_le_bytes()));
            conversations.extend(conversation.last_at_us.to_le_bytes());
            names.extend_from_slice(name);
            conversation.offsets.iter().for_each(|offset| offsets.extend(offset.to_le_bytes()));
            keys.extend(conversation.keys.iter().map(|key| (*key, index as u32)));
        }
        keys.sort_unstable();
        let mut out = MAGIC.to_le_bytes().to_vec();
        for count in [self.conversations.len(), keys.len(), offsets.len() / 4, names.len()] {
            out.extend((count as u32).to_le_bytes());
        }
        out.extend(self.first_at_us.to_le_bytes());
        out.extend(self.last_at_us.to_le_bytes());
        out.extend(conversations);
        for (key, conversation) in keys {
            out.extend(key.to_le_bytes());
            out.extend(conversation.to_le_bytes());
        }
        out.extend(offsets);
        out.extend(names);
        out
    }
}

/// Of a closed segment, read as far as it is asked.
pub struct Closed {
    file: File,
    conversations: u64,
    keys: u64,
    offsets: u64,
    names: u64,
    pub first_at_us: u64,
    pub last_at_us: u64,
    /// Bytes that were read.
    pub read: Cell<u64>,
}

impl Closed {
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let mut head = [0; HEAD_BYTES as usize];
        file.read_exact_at(&mut head, 0)?;
        let word = |at: usize| u64::from(u32_of(&head[at..]));
        let (conversations, keys, offsets, names) = (word(8), word(12), word(16), word(20));
        let length = HEAD_BYTES + conversations * CONVERSATION_BYTES + keys * KEY_BYTES + offsets * 4 + names;
        if u64_of(&head) != MAGIC || file.metadata()?.len() != length {
            return Err(io::Error::new(ErrorKind::InvalidData, "no index of a segment"));
        }
        let (first_at_us, last_at_us) = (u64_of(&head[24..]), u64_of(&head[32..]));
        let read = Cell::new(HEAD_BYTES);
        Ok(Self { file, conversations, keys, offsets, names, first_at_us, last_at_us, read })
    }

    pub fn parts(&self, what: Option<&What>) -> io::Result<Vec<Part>> {
        let Some(what) = what else {
            return (0..self.conversations).map(|index| self.part(index)).collect();
        };
        let mut found = Vec::new();
        for key in &what.keys {
            let first = self.first(self.keys, |index| Ok(u64::from(self.key(index)?.0) < u64::from(*key)))?;
            for index in first..self.keys {
                let (hash, conversation) = self.key(index)?;
                if hash != *key {
                    break;
                }
                found.push(u64::from(conversation));
            }
        }
        if let Some(begin) = &what.call_id {
            let first = self.first_named(begin)?;
            for index in first..self.conversations {
                if !self.name(index)?.starts_with(begin) {
                    break;
                }
                found.push(index);
            }
        }
        found.sort_unstable();
        found.dedup();
        found.into_iter().filter(|index| *index < self.conversations).map(|index| self.part(index)).collect()
    }

    pub fn offsets(&self, name: &[u8]) -> io::Result<Vec<u32>> {
        let index = self.first_named(name)?;
        if index >= self.conversations || self.name(index)? != name {
            return Ok(Vec::new());
        }
        let row = self.row(index)?;
        let (start, count) = (u64::from(u32_of(&row[8..])), u64::from(u32_of(&row[12..])));
        if start + count > self.offsets {
            return Err(io::Error::new(ErrorKind::InvalidData, "an index that points beyond itself"));
        }
        let place = HEAD_BYTES + self.conversations * CONVERSATION_BYTES + self.keys * KEY_BYTES + start * 4;
        let mut bytes = vec![0; count as usize * 4];
        self.read_at(&mut bytes, place)?;
        Ok(bytes.chunks_exact(4).map(u32_of).collect())
    }

    pub fn has(&self, name: &[u8]) -> io::Result<bool> {
        let index = self.first_named(name)?;
        Ok(index < self.conversations && self.name(index)? == name)
    }

    fn part(&self, index: u64) -> io::Result<Part> {
        let row = self.row(index)?;
        Ok(Part { name: self.name_of(&row)?, last_at_us: u64_of(&row[16..]) })
    }

    fn first_named(&self, name: &[u8]) -> io::Result<u64> {
        self.first(self.conversations, |index| Ok(&*self.name(index)? < name))
    }

    fn name(&self, index: u64) -> io::Result<Vec<u8>> {
        self.name_of(&self.row(index)?)
    }

    fn name_of(&self, row: &[u8]) -> io::Result<Vec<u8>> {
        let (start, length) = (u64::from(u32_of(row)), u64::from(u32_of(&row[4..])));
        if start + length > self.names {
            return Err(io::Error::new(ErrorKind::InvalidData, "an index that points beyond itself"));
        }
        let tables =
            self.conversations * CONVERSATION_BYTES + self.keys * KEY_BYTES + self.offsets * 4 + HEAD_BYTES;
        let mut name = vec![0; length as usize];
        self.read_at(&mut name, tables + start)?;
        Ok(name)
    }

    fn row(&self, index: u64) -> io::Result<[u8; CONVERSATION_BYTES as usize]> {
        let mut row = [0; CONVERSATION_BYTES as usize];
        self.read_at(&mut row, HEAD_BYTES + index * CONVERSATION_BYTES)?;
        Ok(row)
    }

    fn key(&self, index: u64) -> io::Result<(u32, u32)> {
        let mut row = [0; KEY_BYTES as usize];
        let tables = HEAD_BYTES + self.conversations * CONVERSATION_BYTES;
        self.read_at(&mut row, tables + index * KEY_BYTES)?;
        Ok((u32_of(&row), u32_of(&row[4..])))
    }

    /// The first of so many that is not before what is sought.
    fn first(&self, count: u64, is_before: impl Fn(u64) -> io::Result<bool>) -> io::Result<u64> {
        let (mut low, mut high) = (0, count);
        while low < high {
            let middle = low + (high - low) / 2;
            match is_before(middle)? {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        Ok(low)
    }

    fn read_at(&self, bytes: &mut [u8], place: u64) -> io::Result<()> {
        self.read.set(self.read.get() + bytes.len() as u64);
        self.file.read_exact_at(bytes, place)
    }
}

/// Of the first four bytes; there are so many wherever it is called.
fn u32_of(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).rev().fold(0, |value, byte| value << 8 | u32::from(*byte))
}

fn u64_of(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}
