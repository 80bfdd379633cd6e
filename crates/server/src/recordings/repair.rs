//! Recordings that a kill has left unfinished: each is readable up to what was written last, and is made whole as any other.

use super::files::{Folder, Name};
use super::seal::{Keep, Whole, seal};
use super::{FRAME_SAMPLES, RATE_HZ};
use coeur_media::record::{ogg, wav};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};

/// What a start has found in `recordings/unfinished`.
pub struct Interrupted(Vec<Name>);

impl Interrupted {
    /// Names alone: files may be long, and the start does not wait for them. To be called before anything is recorded.
    pub fn find(folder: &Folder) -> Self {
        let entries = match std::fs::read_dir(folder.unfinished()) {
            Ok(entries) => entries,
            Err(why) if why.kind() == ErrorKind::NotFound => return Self(Vec::new()),
            Err(why) => {
                tracing::error!(%why, "recordings that are unfinished cannot be listed");
                return Self(Vec::new());
            }
        };
        let names = entries.flatten().filter_map(|entry| Name::parse(entry.file_name().to_str()?));
        let mut names: Vec<Name> = names.collect();
        names.sort_unstable_by_key(|name| (name.call, name.part));
        Self(names)
    }

    /// Seals them; how many that were.
    pub fn repair(self, folder: &Folder, keep: &Keep) -> usize {
        let mut repaired = 0;
        for name in self.0 {
            let call = name.call;
            match one(folder, name, keep) {
                Ok(true) => repaired += 1,
                Ok(false) => tracing::error!(%call, "a recording that was interrupted has no row yet"),
                Err(why) => {
                    tracing::error!(%call, %why, "a recording that was interrupted cannot be repaired")
                }
            }
        }
        repaired
    }
}

fn one(folder: &Folder, name: Name, keep: &Keep) -> io::Result<bool> {
    let mut file = OpenOptions::new().read(true).write(true).open(folder.unfinished_of(&name))?;
    let recorded_ms = mend(&mut file, &name)?;
    let whole = Whole { name, recorded_ms, lost_ms: 0, pauses: Vec::new(), ended: "interrupted".into() };
    seal(whole, folder, keep)
}

/// Makes a file whole whose end is not, up to what can be heard of it; how many milliseconds that are.
pub(super) fn mend(file: &mut File, name: &Name) -> io::Result<u64> {
    match name.extension {
        "ogg" => pages(file),
        _ => samples(file),
    }
}

/// Says in the header how long a WAV is, up to the last whole sample of both sides. Where the header says it already the
/// recording was over: what is behind its samples are marks.
fn samples(file: &mut File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let mut header = [0; wav::HEADER_BYTES];
    file.seek(SeekFrom::Start(0))?;
    if file.read_exact(&mut header).is_ok()
        && let Some(data) = wav::data_bytes(&header)
        && wav::HEADER_BYTES as u64 + data <= length
    {
        return Ok(data / 4 * 20 / FRAME_SAMPLES as u64);
    }
    let data = length.saturating_sub(wav::HEADER_BYTES as u64) / 4 * 4;
    file.set_len(wav::HEADER_BYTES as u64 + data)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&wav::header(RATE_HZ, 2, Some(data)))?;
    Ok(data / 4 * 20 / FRAME_SAMPLES as u64)
}

/// Cuts a page off that was not written to its end.
fn pages(file: &mut File) -> io::Result<u64> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    let (length, samples) = ogg::whole(&bytes);
    file.set_len(length as u64)?;
    Ok(samples / 48)
}
