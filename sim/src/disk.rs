//! A disk in memory that crashes by seed: bytes that were not synced may be lost, torn or reordered at sector grain, or
//! have a bit turned; names that were not synced may be lost; writes and syncs may fail; space may run out.

use crate::chance::Chance;
use coeur_storage::{Disk, DiskFile};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SECTOR: usize = 512;

#[derive(Clone)]
pub struct CrashDisk(Arc<Mutex<State>>);

struct State {
    chance: Chance,
    files: Vec<FileState>,
    names: BTreeMap<String, usize>,
    names_durable: BTreeMap<String, usize>,
    /// States of the names since they were last synced, oldest first.
    names_since: Vec<BTreeMap<String, usize>>,
    /// A file opened before a crash is dead after it.
    lives: u64,
    fails_per_mille: u32,
    space_bytes: usize,
    read_only: bool,
    /// Operations until the process is stopped in its tracks: all that follow fail until it dies.
    operations_left: u64,
}

#[derive(Default)]
struct FileState {
    bytes: Vec<u8>,
    durable: usize,
}

impl CrashDisk {
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            chance: Chance::new(seed),
            files: Vec::new(),
            names: BTreeMap::new(),
            names_durable: BTreeMap::new(),
            names_since: Vec::new(),
            lives: 0,
            fails_per_mille: 0,
            space_bytes: usize::MAX,
            read_only: false,
            operations_left: u64::MAX,
        })))
    }

    /// How many operations in a thousand fail with an input/output error.
    pub fn set_failures(&self, per_mille: u32) {
        self.state().fails_per_mille = per_mille;
    }

    /// Bytes that can still be written.
    pub fn set_space(&self, bytes: usize) {
        self.state().space_bytes = bytes;
    }

    pub fn set_read_only(&self, read_only: bool) {
        self.state().read_only = read_only;
    }

    /// After so many operations all fail, until [`CrashDisk::kill`] or [`CrashDisk::crash`]: a death at any step.
    pub fn set_operations_left(&self, operations: u64) {
        self.state().operations_left = operations;
    }

    /// Whether the operations have run out.
    pub fn is_stopped(&self) -> bool {
        self.state().operations_left == 0
    }

    /// Turns one bit of a file, as a disk that rots does.
    pub fn flip_bit(&self, name: &str, bit: usize) {
        let mut state = self.state();
        if let Some(&file) = state.names.get(name) {
            state.files[file].bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }

    /// The process dies; what it wrote stays in the cache of the system.
    pub fn kill(&self) {
        let mut state = self.state();
        state.lives += 1;
        state.operations_left = u64::MAX;
    }

    /// The power goes.
    pub fn crash(&self) {
        let state = &mut *self.state();
        state.lives += 1;
        state.operations_left = u64::MAX;
        let kept = state.chance.below(state.names_since.len() as u64 + 1) as usize;
        if let Some(last) = kept.checked_sub(1) {
            state.names_durable = state.names_since[last].clone();
        }
        state.names = state.names_durable.clone();
        state.names_since.clear();
        for file in &mut state.files {
            file.crash(&mut state.chance);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FileState {
    fn crash(&mut self, chance: &mut Chance) {
        let length = chance.between(self.durable as u64, self.bytes.len() as u64) as usize;
        self.bytes.truncate(length);
        for sector in self.bytes[self.durable..].chunks_mut(SECTOR) {
            match chance.below(4) {
                0 => sector.fill(0),
                1 => sector[chance.below(sector.len() as u64) as usize] ^= 1 << chance.below(8),
                _ => {}
            }
        }
        self.durable = self.bytes.len();
    }
}

impl State {
    fn may_fail(&mut self) -> io::Result<()> {
        if self.chance.happens(self.fails_per_mille) {
            return Err(io::Error::other("input/output error"));
        }
        Ok(())
    }

    fn may_write(&mut self) -> io::Result<()> {
        if self.read_only {
            return Err(ErrorKind::ReadOnlyFilesystem.into());
        }
        if self.operations_left == 0 {
            return Err(io::Error::other("stopped"));
        }
        if self.operations_left != u64::MAX {
            self.operations_left -= 1;
        }
        self.may_fail()
    }

    fn file(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn names_changed(&mut self) {
        self.names_since.push(self.names.clone());
    }
}

impl Disk for CrashDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.state().names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.may_write()?;
        if state.names.contains_key(name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let file = state.files.len();
        state.files.push(FileState::default());
        state.names.insert(name.into(), file);
        state.names_changed();
        Ok(Box::new(OpenFile { disk: self.clone(), file, life: state.lives }))
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let state = self.state();
        Ok(state.files[state.file(name)?].bytes.clone())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        state.may_write()?;
        let file = state.file(from)?;
        state.names.remove(from);
        state.names.insert(to.into(), file);
        state.names_changed();
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.may_write()?;
        state.file(name)?;
        state.names.remove(name);
        state.names_changed();
        Ok(())
    }

    fn truncate(&self, name: &str, length: u64) -> io::Result<()> {
        let mut state = self.state();
        state.may_write()?;
        let file = state.file(name)?;
        state.files[file].bytes.truncate(length as usize);
        state.files[file].durable = state.files[file].bytes.len();
        Ok(())
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.may_write()?;
        let file = state.file(name)?;
        state.files[file].durable = state.files[file].bytes.len();
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut state = self.state();
        state.may_write()?;
        state.names_durable = state.names.clone();
        state.names_since.clear();
        Ok(())
    }

    fn path(&self) -> PathBuf {
        PathBuf::from("simulated")
    }
}

struct OpenFile {
    disk: CrashDisk,
    file: usize,
    life: u64,
}

impl OpenFile {
    fn state(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.disk.state();
        if state.lives != self.life {
            return Err(io::Error::other("opened before the crash"));
        }
        state.may_write()?;
        Ok(state)
    }
}

impl DiskFile for OpenFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state()?;
        let fits = bytes.len().min(state.space_bytes);
        state.space_bytes -= fits;
        state.files[self.file].bytes.extend_from_slice(&bytes[..fits]);
        if fits < bytes.len() { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.state()?;
        let file = &mut state.files[self.file];
        file.durable = file.bytes.len();
        Ok(())
    }
}
