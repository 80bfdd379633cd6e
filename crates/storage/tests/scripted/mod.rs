//! A disk in memory that fails as it is told, and forgets at a power cut what was not synced.

// Each test that has this module uses its part of it.
#![allow(dead_code)]

use coeur_storage::{Disk, DiskFile};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

/// What fails until [`ScriptedDisk::mend`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing of it is written.
    Append,
    /// Half of it is written: what a disk does that fills up meanwhile.
    ShortAppend,
    Sync,
    Create,
    SyncNames,
    Rename,
    /// A write finds a defect of the program.
    Panic,
}

#[derive(Clone, Default)]
pub struct ScriptedDisk(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    files: Vec<FileState>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    failing: Option<Step>,
    operations: u64,
    /// Syncs wait while this is set.
    hold: bool,
    held: bool,
}

#[derive(Default)]
struct FileState {
    bytes: Vec<u8>,
    durable: usize,
}

impl ScriptedDisk {
    pub fn fail(&self, step: Step) {
        self.state().failing = Some(step);
    }

    pub fn mend(&self) {
        self.state().failing = None;
    }

    /// Writes, syncs, creations, renames and removals so far.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    pub fn names(&self) -> Vec<String> {
        self.state().names.keys().cloned().collect()
    }

    /// The next sync of a file lasts until [`ScriptedDisk::let_go`].
    pub fn hold(&self) {
        self.state().hold = true;
    }

    pub fn wait_until_held(&self) {
        let mut state = self.state();
        while !state.held {
            state = self.0.1.wait(state).expect("no test panics while it holds this");
        }
    }

    pub fn let_go(&self) {
        self.state().hold = false;
        self.0.1.notify_all();
    }

    pub fn cut_power(&self) {
        let mut state = self.state();
        state.names = state.durable_names.clone();
        for file in &mut state.files {
            file.bytes.truncate(file.durable);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().expect("no test panics while it holds this")
    }
}

impl State {
    fn step(&mut self, step: Step) -> io::Result<()> {
        self.operations += 1;
        if self.failing == Some(step) { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn file(&mut self, name: &str) -> io::Result<&mut FileState> {
        let at = *self.names.get(name).ok_or(ErrorKind::NotFound)?;
        Ok(&mut self.files[at])
    }
}

impl Disk for ScriptedDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.names())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.step(Step::Create)?;
        if state.names.contains_key(name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let at = state.files.len();
        state.files.push(FileState::default());
        state.names.insert(name.into(), at);
        Ok(Box::new(OpenFile { disk: self.clone(), at }))
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        Ok(self.state().file(name)?.bytes.clone())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        state.step(Step::Rename)?;
        let at = state.names.remove(from).ok_or(ErrorKind::NotFound)?;
        state.names.insert(to.into(), at);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.operations += 1;
        state.names.remove(name).map(drop).ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn truncate(&self, name: &str, length: u64) -> io::Result<()> {
        let mut state = self.state();
        let file = state.file(name)?;
        file.bytes.truncate(length as usize);
        file.durable = file.bytes.len();
        Ok(())
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.step(Step::Sync)?;
        let file = state.file(name)?;
        file.durable = file.bytes.len();
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut state = self.state();
        state.step(Step::SyncNames)?;
        state.durable_names = state.names.clone();
        Ok(())
    }

    fn path(&self) -> PathBuf {
        "scripted".into()
    }
}

struct OpenFile {
    disk: ScriptedDisk,
    at: usize,
}

impl DiskFile for OpenFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        let written = match state.failing {
            Some(Step::Append) => 0,
            Some(Step::ShortAppend) => bytes.len() / 2,
            Some(Step::Panic) => {
                drop(state);
                panic!("a defect that this test asked for");
            }
            Some(Step::Sync | Step::Create | Step::SyncNames | Step::Rename) | None => bytes.len(),
        };
        state.operations += 1;
        state.files[self.at].bytes.extend_from_slice(&bytes[..written]);
        if written < bytes.len() { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.state();
        while state.hold {
            state.held = true;
            self.disk.0.1.notify_all();
            state = self.disk.0.1.wait(state).expect("no test panics while it holds this");
        }
        state.step(Step::Sync)?;
        let file = &mut state.files[self.at];
        file.durable = file.bytes.len();
        Ok(())
    }
}
