//! From the journal on disk to bindings and calls in memory.

use coeur_exchange::bindings::Bindings;
use coeur_exchange::kept_calls::KeptCalls;
use coeur_exchange::record::calls::{self, RecoveredCalls, is_of_calls};
use coeur_exchange::record::{Dump, Recovered, Recovery};
use coeur_exchange::world::{Secrets, World};
use coeur_sip::time::Now;
use coeur_storage::{Folder, Journal, Options, Report, StorageError, check_journal};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Directory of the journal in the data directory.
const FOLDER: &str = "journal";

/// What came back, and what did not.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    pub bindings: Recovered,
    pub calls: usize,
    /// Calls that were answered and cannot go on, since a part of them is missing.
    pub calls_lost: usize,
    pub report: Report,
    /// Whole entries that this program does not understand.
    pub unreadable: u64,
    pub took: Duration,
    folder: PathBuf,
}

/// Opens the journal and applies every entry to an empty world. What could not be read is said and given up; a torn end is
/// what a loss of power leaves. The calls are for `shards` shards to take up.
pub fn recover(
    folder: &Path,
    world: &World,
    shards: usize,
    now: Now,
) -> Result<(Journal, Restored, RecoveredCalls), StorageError> {
    let started = Instant::now();
    let folder = folder.join(FOLDER);
    let disk = Folder::open(&folder).map_err(StorageError::io("open", &folder))?;
    let bindings = &world.bindings;
    let mut reading = Reading::new(Recovery::new(bindings, &world.listeners, now));
    let (journal, report) =
        Journal::open(Arc::new(disk), Options::default(), &mut |entry| reading.apply(entry))?;
    let (restored, calls) = reading.finish(&world.kept_calls, shards, now);
    let restored = Restored { report, took: started.elapsed(), folder, ..restored };
    bindings.set_saved_up_to(bindings.version());
    restored.log();
    Ok((journal, restored, calls))
}

/// What [`recover`] would find, with nothing changed and nothing said. Without the keys of the installation, which are
/// another's to miss, no call is opened, and none is counted.
pub fn look(folder: &Path, keys: Option<&Secrets>, now: Now) -> Result<Restored, StorageError> {
    let started = Instant::now();
    let folder = folder.join(FOLDER);
    // The bindings are counted and thrown away, so they need no listener.
    let bindings = Bindings::of_boot(super::boot::boot());
    let mut reading = Reading::new(Recovery::new(&bindings, &[], now));
    let report = check_journal(&folder, &mut |entry| reading.apply(entry))?;
    let restored = match keys {
        // One shard is enough to count them.
        Some(keys) => reading.finish(&KeptCalls::new(keys), 1, now).0,
        None => {
            let (bindings, unreadable) = (reading.bindings.finish(), reading.unreadable);
            Restored { bindings, unreadable, ..Restored::default() }
        }
    };
    Ok(Restored { report, took: started.elapsed(), folder, ..restored })
}

/// Entries of both kinds.
struct Reading<'b> {
    bindings: Recovery<'b>,
    calls: calls::Recovery,
    unreadable: u64,
}

impl<'b> Reading<'b> {
    fn new(bindings: Recovery<'b>) -> Self {
        Self { bindings, calls: calls::Recovery::default(), unreadable: 0 }
    }

    fn apply(&mut self, entry: &[u8]) {
        let applied = match is_of_calls(entry) {
            true => self.calls.apply(entry),
            false => self.bindings.apply(entry),
        };
        self.unreadable += u64::from(applied.is_err());
    }

    fn finish(self, kept: &KeptCalls, shards: usize, now: Now) -> (Restored, RecoveredCalls) {
        let calls = self.calls.finish(kept, shards, now);
        let restored = Restored {
            bindings: self.bindings.finish(),
            calls: calls.calls.iter().map(Vec::len).sum(),
            calls_lost: calls.lost,
            unreadable: self.unreadable + calls.unreadable as u64,
            ..Restored::default()
        };
        (restored, calls)
    }
}

impl Restored {
    /// What was acknowledged and is lost, or may be; a sentence each.
    pub fn problems(&self) -> Vec<String> {
        let damaged = self.report.damaged.iter().map(|(file, offset, bytes)| {
            let path = self.folder.join(file);
            let what = match path.exists() {
                true => format!("{bytes} bytes at {offset} are damaged"),
                false => format!("this file is missing, {bytes} bytes"),
            };
            format!("{}: {what}: some registrations are lost until those phones refresh", path.display())
        });
        let not_searched = self.report.not_searched.iter().map(|file| {
            format!("{}: so damaged that the rest of it was not read", self.folder.join(file).display())
        });
        let refused = self.report.refused_snapshots.iter().map(|file| {
            let path = self.folder.join(file);
            format!("{}: this snapshot is damaged or incomplete; the one before it was used", path.display())
        });
        let lost = (self.calls_lost > 0).then(|| {
            let (path, calls) = (self.folder.display(), self.calls_lost);
            format!("{path}: {calls} calls cannot go on, since a part of what was kept of them is missing")
        });
        let unreadable = (self.unreadable > 0).then(|| {
            let (path, entries) = (self.folder.display(), self.unreadable);
            format!("{path}: {entries} entries are not understood; were they written by a newer version?")
        });
        damaged.chain(not_searched).chain(refused).chain(lost).chain(unreadable).collect()
    }

    /// What is no loss and worth knowing.
    pub fn notes(&self) -> Vec<String> {
        let torn = self.report.torn.iter().map(|(file, bytes)| {
            let path = self.folder.join(file);
            format!(
                "{}: the last {bytes} bytes were torn off by a crash; what was acknowledged is before them",
                path.display()
            )
        });
        torn.collect()
    }

    pub fn damaged_bytes(&self) -> u64 {
        self.report.damaged.iter().map(|(_, _, bytes)| bytes).sum()
    }

    pub fn torn_bytes(&self) -> u64 {
        self.report.torn.iter().map(|(_, bytes)| bytes).sum()
    }

    fn log(&self) {
        for note in self.notes() {
            tracing::warn!("{note}");
        }
        for problem in self.problems() {
            tracing::error!("{problem}");
        }
        tracing::info!(
            bindings = self.bindings.bindings,
            expired = self.bindings.expired,
            calls = self.calls,
            entries = self.report.entries,
            bytes = self.report.bytes,
            took_ms = self.took.as_millis() as u64,
            "journal read"
        );
    }
}

/// Writes all bindings and calls into a new snapshot; the journal before it is given up.
pub fn compact(journal: &Journal, world: &World, now: Now) -> Result<(), StorageError> {
    journal.take_snapshot(&mut |emit| dump(world, now, emit))
}

/// All bindings, page by page, and all calls.
pub fn dump(world: &World, now: Now, emit: &mut dyn FnMut(&[u8])) {
    let mut dump = Dump::begin(&world.bindings);
    let mut page = Vec::new();
    while dump.page(now, &mut page) {
        emit(&page);
        page.clear();
    }
    world.kept_calls.dump(emit);
}
