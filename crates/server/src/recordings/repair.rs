//! Recordings that a kill has left unfinished: each is readable up to what was written last, and is made whole as any other.

use super::files::{Folder, Name};
use super::seal::{Keep, Whole, seal};
use super::{FRAME_SAMPLES, RATE_HZ};
use coeur_media::record::{ogg, wav};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};

/// Seals what is in `recordings/unfinished`; how many that were. To be called before anything is recorded.
pub fn repair(folder: &Folder, keep: &Keep) -> usize {
    let entries = match std::fs::read_dir(folder.unfinished()) {
        Ok(entries) => entries,
        Err(why) if why.kind() == ErrorKind::NotFound => return 0,
        Err(why) => {
            tracing::error!(%why, "recordings that are unfinished cannot be listed");
            return 0;
        }
    };
    let names = entries.flatten().filter_map(|entry| Name::parse(entry.file_name().to_str()?));
    let mut names: Vec<Name> = names.collect();
    names.sort_unstable_by_key(|name| (name.call, name.part));
    let mut repaired = 0;
    for name in names {
        let call = name.call;
        match one(folder, name, keep) {
            Ok(true) => repaired += 1,
            Ok(false) => tracing::error!(%call, "a recording that was interrupted has no row yet"),
            Err(why) => tracing::error!(%call, %why, "a recording that was interrupted cannot be repaired"),
        }
    }
    repaired
}

fn one(folder: &Folder, name: Name, keep: &Keep) -> io::Result<bool> {
    let mut file = OpenOptions::new().read(true).write(true).open(folder.unfinished_of(&name))?;
    let recorded_ms = match name.extension {
        "ogg" => pages(&mut file)?,
        _ => samples(&mut file)?,
    };
    let whole =
        Whole { name, file, recorded_ms, lost_ms: 0, pauses: Vec::new(), ended: "interrupted".into() };
    seal(whole, folder, keep)
}

/// Says in the header how long a WAV is, up to the last whole sample of both sides.
fn samples(file: &mut File) -> io::Result<u64> {
    let length = file.metadata()?.len();
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
