//! From the journal on disk to bindings in memory.

use coeur_exchange::bindings::Bindings;
use coeur_exchange::record::{Dump, Recovered, Recovery};
use coeur_exchange::world::{Listener, World};
use coeur_sip::time::Now;
use coeur_storage::{Folder, Journal, Options, Report, StorageError};
use std::path::Path;
use std::sync::Arc;

/// Directory of the journal in the data directory.
const FOLDER: &str = "journal";

/// Opens the journal and applies every entry to empty bindings. What could not be read is said and given up; a torn
/// end is what a loss of power leaves.
pub fn recover(
    folder: &Path,
    bindings: &Bindings,
    listeners: &[Listener],
    now: Now,
) -> Result<(Journal, Recovered), StorageError> {
    let path = folder.join(FOLDER);
    let disk = Folder::open(&path).map_err(StorageError::io("open", &path))?;
    let mut recovery = Recovery::new(bindings, listeners, now);
    let mut unreadable = 0u64;
    let (journal, report) = Journal::open(Arc::new(disk), Options::default(), &mut |entry| {
        unreadable += u64::from(recovery.apply(entry).is_err());
    })?;
    say(&report, unreadable);
    let recovered = recovery.finish();
    bindings.set_saved_up_to(bindings.version());
    Ok((journal, recovered))
}

fn say(report: &Report, unreadable: u64) {
    for (file, bytes) in &report.torn {
        tracing::warn!(file, bytes, "the end of the journal was torn off; what was answered is whole");
    }
    for (file, offset, bytes) in &report.damaged {
        tracing::error!(
            file,
            offset,
            bytes,
            "the journal is damaged here: some registrations are lost until phones refresh"
        );
    }
    if unreadable > 0 {
        tracing::error!(
            entries = unreadable,
            "journal entries could not be understood; were they written by a newer version?"
        );
    }
}

/// Writes all bindings into a new snapshot; the journal before it is given up.
pub fn compact(journal: &Journal, world: &World, now: Now) -> Result<(), StorageError> {
    journal.take_snapshot(&mut |emit| dump(world, now, emit))
}

/// All bindings, page by page.
pub fn dump(world: &World, now: Now, emit: &mut dyn FnMut(&[u8])) {
    let mut dump = Dump::begin(&world.bindings);
    let mut page = Vec::new();
    while dump.page(now, &mut page) {
        emit(&page);
        page.clear();
    }
}
