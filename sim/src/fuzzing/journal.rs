//! The journal's files as a crash or a failing disk leaves them: opening never panics, repairs itself, and takes new
//! groups whose entries are there at the next start.

use super::choices::Choices;
use coeur_storage::journal::OpenGroup;
use coeur_storage::{Disk, DiskFile, Log, Options};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// Entries that the input may name beside its own bytes, so that whole groups are met too.
const ENTRIES: &[&[u8]] = &[b"", b"one", b"a longer entry than the others", b"CGJ1CGJ1"];

pub fn journal(data: &[u8]) {
    let mut choices = Choices::new(data);
    let disk = Memory::default();
    for _ in 0..1 + choices.below(3) {
        let name = match choices.below(4) {
            0 => "snapshot-0000000000000002.log".to_owned(),
            1 => "snapshot-0000000000000003.tmp".to_owned(),
            2 => "journal-zz.log".to_owned(),
            number => format!("journal-{:016x}.log", number + choices.below(3)),
        };
        disk.put(&name, file(&mut choices));
    }
    let (mut log, first) = open(&disk);
    let mut group = OpenGroup::default();
    group.push(b"acknowledged");
    log.write(&mut group).expect("memory takes every write");
    drop(log);
    let (_, second) = open(&disk);
    assert_eq!(second.last().map(Vec::as_slice), Some(&b"acknowledged"[..]), "what was written is the last");
    assert_eq!(second[..second.len() - 1], first, "nothing of the first start is lost or doubled");
}

fn open(disk: &Memory) -> (Log, Vec<Vec<u8>>) {
    let mut entries = Vec::new();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let (log, report) = Log::open(shared, Options::default(), &mut |entry| entries.push(entry.to_vec()))
        .expect("damage is reported, not refused");
    assert_eq!(report.entries, entries.len() as u64);
    (log, entries)
}

/// What a log writes, then made-up bytes, cuts and changes.
fn file(choices: &mut Choices<'_>) -> Vec<u8> {
    let scratch = Memory::default();
    let (mut log, _) = open(&scratch);
    for _ in 0..choices.below(5) {
        let mut group = OpenGroup::default();
        for _ in 0..choices.below(4) {
            group.push(choices.one_of(ENTRIES));
        }
        log.write(&mut group).expect("memory takes every write");
    }
    drop(log);
    let mut bytes = scratch.files(|files| files.values().next().cloned()).unwrap_or_default();
    if choices.once_in(4) {
        bytes.extend_from_slice(choices.bytes(200));
    }
    if choices.once_in(4) {
        bytes.truncate(bytes.len() - choices.below(bytes.len() + 1));
    }
    if choices.once_in(2) && !bytes.is_empty() {
        let at = choices.short() as usize % bytes.len();
        bytes[at] ^= choices.byte();
    }
    bytes
}

/// A disk in memory.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

impl Memory {
    fn files<R>(&self, look: impl FnOnce(&mut BTreeMap<String, Vec<u8>>) -> R) -> R {
        look(&mut self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    fn put(&self, name: &str, bytes: Vec<u8>) {
        self.files(|files| files.insert(name.to_owned(), bytes));
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        self.files(|files| files.get_mut(name).map(change)).ok_or(io::ErrorKind::NotFound.into())
    }
}

impl Disk for Memory {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.files(|files| files.keys().cloned().collect()))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        if self.files(|files| files.contains_key(name)) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.put(name, Vec::new());
        Ok(Box::new(MemoryFile { disk: self.clone(), name: name.to_owned() }))
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.files(|files| files.get(name).cloned()).ok_or(io::ErrorKind::NotFound.into())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let bytes = self.files(|files| files.remove(from)).ok_or(io::Error::from(io::ErrorKind::NotFound))?;
        self.put(to, bytes);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.files(|files| files.remove(name)).map(drop).ok_or(io::ErrorKind::NotFound.into())
    }

    fn truncate(&self, name: &str, length: u64) -> io::Result<()> {
        self.change(name, |bytes| bytes.truncate(length as usize))
    }

    fn sync(&self, _name: &str) -> io::Result<()> {
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        Ok(())
    }

    fn path(&self) -> PathBuf {
        "memory".into()
    }
}

struct MemoryFile {
    disk: Memory,
    name: String,
}

impl DiskFile for MemoryFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.disk.change(&self.name, |file| file.extend_from_slice(bytes))
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}
