//! The threads that keep recordings, and what they need of the house.

use super::running::Running;
use crate::cli::exit::{Exit, Failure};
use crate::config::Settings;
use crate::recordings::{Folder, Interrupted, Keep, Kept, Recordings, Seal, Writer};
use coeur_api::Door;
use coeur_storage::RecordingRow;
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;

/// What stays free on the disk, for the journal and the records of calls.
const RESERVE_BYTES: u64 = 256_000_000;

/// What is to run once the door is there.
pub(super) struct Threads {
    folder: Folder,
    door: Arc<Mutex<Option<Arc<Door>>>>,
    writer: Writer,
    sealing: Box<dyn FnOnce() + Send>,
}

pub(super) fn recordings(settings: &Settings, folder: &Path) -> (Recordings, Threads) {
    let folder = Folder(folder.to_owned());
    let door = Arc::<Mutex<Option<Arc<Door>>>>::default();
    let (seal, sealing) = Seal::new(folder.clone(), keep(door.clone()));
    let (recordings, writer) =
        Recordings::new(folder.clone(), settings.recording_format, RESERVE_BYTES, seal);
    (recordings, Threads { folder, door, writer, sealing: Box::new(sealing) })
}

impl Threads {
    /// What a kill has left is repaired by the thread that seals, before what is recorded now: nobody waits for it.
    pub(super) fn start(self, running: &Running, door: &Arc<Door>) -> Result<(), Failure> {
        let Self { folder, door: slot, writer, sealing } = self;
        *slot.lock() = Some(door.clone());
        let interrupted = Interrupted::find(&folder);
        let sealing = move || {
            let repaired = interrupted.repair(&folder, &keep(slot));
            if repaired > 0 {
                tracing::info!(repaired, "recordings that were interrupted are whole again");
            }
            sealing();
        };
        let unreachable = |why: std::io::Error| Failure::new(Exit::Unreachable, why.to_string());
        running.deaths.spawn("coeur-recorder", move || writer.write()).map_err(unreachable)?;
        running.deaths.spawn("coeur-sealer", sealing).map_err(unreachable)
    }
}

fn keep(door: Arc<Mutex<Option<Arc<Door>>>>) -> Box<Keep> {
    Box::new(move |row: &RecordingRow| {
        let Some(door) = door.lock().clone() else { return Kept::Refused };
        match door.keep_recording(row) {
            Ok(true) => Kept::Yes,
            Ok(false) => Kept::Taken,
            Err(why) => {
                tracing::error!(why = why.text, "the record of a recording is not written");
                Kept::Refused
            }
        }
    })
}
