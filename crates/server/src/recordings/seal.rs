//! What is over is synced, gets its SHA-256, its place and its row. On a thread of its own: an hour of WAV has 230 MB to be
//! read, and the records may wait for a disk.

use super::files::{Folder, Name};
use aws_lc_rs::digest;
use coeur_storage::RecordingRow;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// Writes a row.
pub type Keep = dyn Fn(&RecordingRow) -> Kept + Send;

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is there, or was there already.
    Yes,
    /// Another recording has its number.
    Taken,
    /// The file waits for the next start where it is.
    Refused,
}

const BUFFER_BYTES: usize = 1 << 16;

/// The way to the thread.
pub struct Seal(Sender<Work>);

enum Work {
    Whole(Box<Whole>),
    Stop(Sender<()>),
}

/// A file to which nothing is added any more.
pub(super) struct Whole {
    pub(super) name: Name,
    pub(super) recorded_ms: u64,
    pub(super) lost_ms: u64,
    /// Behind so many milliseconds, and how long.
    pub(super) pauses: Vec<(u64, u64)>,
    /// `ended`, `interrupted`, or `failed:` and why.
    pub(super) ended: Box<str>,
}

impl Seal {
    /// With the body of its thread.
    pub fn new(folder: Folder, keep: Box<Keep>) -> (Self, impl FnOnce() + Send + 'static) {
        let (work, receiver) = channel();
        (Self(work), move || run(&receiver, &folder, &*keep))
    }

    pub(super) fn whole(&self, whole: Whole) {
        // Once the thread has ended the file is found at the next start.
        let _ = self.0.send(Work::Whole(Box::new(whole)));
    }

    /// Returns when all that came before is sealed.
    pub(super) fn stop(&self) {
        let (done, is_done) = channel();
        if self.0.send(Work::Stop(done)).is_ok() {
            // Who waits longer waits in vain.
            let _ = is_done.recv_timeout(Duration::from_secs(4));
        }
    }
}

fn run(work: &Receiver<Work>, folder: &Folder, keep: &Keep) {
    while let Ok(work) = work.recv() {
        match work {
            Work::Whole(whole) => {
                let call = whole.name.call;
                match seal(*whole, folder, keep) {
                    Ok(true) => {}
                    Ok(false) => {
                        tracing::error!(%call, "a recording has no row: the records refuse it; the next start tries again");
                    }
                    Err(why) => {
                        tracing::error!(%call, %why, "a recording is not sealed; the next start tries again")
                    }
                }
            }
            Work::Stop(done) => {
                // Who has asked may have given up.
                let _ = done.send(());
                return;
            }
        }
    }
}

/// The row first: a file that has one and no place yet is given it at the next start, and its row is there already.
pub(super) fn seal(whole: Whole, folder: &Folder, keep: &Keep) -> io::Result<bool> {
    let Whole { name, recorded_ms, lost_ms, pauses, ended } = whole;
    let mut file = File::open(folder.unfinished_of(&name))?;
    file.sync_all()?;
    let (bytes, sha256) = digest(&mut file)?;
    let (began_at_ms, asked_by) = folder.noted(&name);
    let pauses: Vec<String> = pauses.iter().map(|(at, ms)| format!("{at}+{ms}")).collect();
    let mut row = RecordingRow {
        call: name.call.0,
        part: name.part,
        file: name.sealed().into(),
        sha256: sha256.into(),
        bytes,
        began_at_ms,
        recorded_ms,
        lost_ms,
        pauses: pauses.join(",").into(),
        asked_by,
        ended,
    };
    let mut place = name.clone();
    loop {
        match keep(&row) {
            Kept::Yes => break,
            Kept::Refused => return Ok(false),
            // The file of that row was moved away by its owner, or is of another format.
            Kept::Taken => {
                let next = folder.behind(&place)?;
                tracing::warn!(call = %name.call, part = place.part, "another recording has this number: it gets the next");
                (row.part, row.file) = (next.part, next.sealed().into());
                place = next;
            }
        }
    }
    folder.seal(&name, &place)?;
    Ok(true)
}

/// How long it is, and its SHA-256 in hexadecimal.
fn digest(file: &mut File) -> io::Result<(u64, String)> {
    let mut context = digest::Context::new(&digest::SHA256);
    let (mut buffer, mut bytes) = (vec![0; BUFFER_BYTES], 0);
    file.seek(SeekFrom::Start(0))?;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        context.update(&buffer[..read]);
        bytes += read as u64;
    }
    let hex = context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((bytes, hex))
}
