//! Where recordings lie, and who may read them: their owner, and nobody else.

use coeur_exchange::call_record::CallRecordId;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use time::OffsetDateTime;

const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// Of all formats.
const EXTENSIONS: [&str; 2] = ["wav", "ogg"];
/// Recordings of one call.
const PARTS_MAX: u16 = 999;
/// Longest note of who asked that is read back, in bytes.
const NOTE_BYTES_MAX: u64 = 1_024;

/// The data directory.
#[derive(Clone, Debug)]
pub struct Folder(pub PathBuf);

/// One recording by its names. All are made of a call's name and a number, never of what somebody has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) call: CallRecordId,
    pub(super) part: u16,
    pub(super) extension: &'static str,
}

impl Name {
    fn stem(&self) -> String {
        format!("{}-{}", self.call, self.part)
    }

    fn file(&self) -> String {
        format!("{}.{}", self.stem(), self.extension)
    }

    /// Of a file in `unfinished`; `None`: it is not one of ours.
    pub(super) fn parse(file: &str) -> Option<Self> {
        let (stem, extension) = file.rsplit_once('.')?;
        let (call, part) = stem.rsplit_once('-')?;
        let extension = EXTENSIONS.into_iter().find(|known| *known == extension)?;
        Some(Self { call: call.parse().ok()?, part: part.parse().ok()?, extension })
    }

    /// Where it is once it is sealed, relative to the data directory: by the day on which the call began.
    pub(super) fn sealed(&self) -> String {
        let began_s = (self.call.0 >> 80) as i64 / 1_000;
        let day = OffsetDateTime::from_unix_timestamp(began_s).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        format!("recordings/{:04}/{:02}/{:02}/{}", day.year(), u8::from(day.month()), day.day(), self.file())
    }
}

impl Folder {
    pub(super) fn unfinished(&self) -> PathBuf {
        self.0.join("recordings/unfinished")
    }

    pub(super) fn unfinished_of(&self, name: &Name) -> PathBuf {
        self.unfinished().join(name.file())
    }

    /// A new file for the next recording of a call, with a note of who asked and when it began.
    pub(super) fn create(
        &self,
        call: CallRecordId,
        extension: &'static str,
        note: &str,
    ) -> io::Result<(Name, File)> {
        make(&self.unfinished())?;
        for part in 1..=PARTS_MAX {
            let name = Name { call, part, extension };
            if self.is_taken(&name)? {
                continue;
            }
            let created = OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .mode(FILE_MODE)
                .open(self.unfinished_of(&name));
            match created {
                Ok(file) => {
                    self.note(&name, note)?;
                    return Ok((name, file));
                }
                Err(why) if why.kind() == ErrorKind::AlreadyExists => {}
                Err(why) => return Err(why),
            }
        }
        Err(too_many())
    }

    /// Whatever its format is, sealed or not.
    fn is_taken(&self, name: &Name) -> io::Result<bool> {
        for extension in EXTENSIONS {
            let name = Name { extension, ..name.clone() };
            if self.is_sealed(&name)? || self.unfinished_of(&name).try_exists()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_sealed(&self, name: &Name) -> io::Result<bool> {
        self.0.join(name.sealed()).try_exists()
    }

    /// The next of its call.
    pub(super) fn behind(&self, name: &Name) -> io::Result<Name> {
        for part in name.part.saturating_add(1)..=PARTS_MAX {
            let next = Name { part, ..name.clone() };
            if !self.is_sealed(&next)? {
                return Ok(next);
            }
        }
        Err(too_many())
    }

    /// Gives a recording that is whole its place, which is nobody's.
    pub(super) fn seal(&self, name: &Name, place: &Name) -> io::Result<()> {
        let target = self.0.join(place.sealed());
        let folder = target.parent().unwrap_or(&self.0);
        make(folder)?;
        // What it says is in the row. It goes first, since the name is free with the file.
        let _ = std::fs::remove_file(self.note_of(name));
        std::fs::rename(self.unfinished_of(name), &target)?;
        // The name outlives a power cut with its folder.
        File::open(folder)?.sync_all()
    }

    /// When it began, in milliseconds, and who asked for it.
    pub(super) fn noted(&self, name: &Name) -> (u64, Box<str>) {
        let mut text = String::new();
        let read = File::open(self.note_of(name))
            .and_then(|file| file.take(NOTE_BYTES_MAX).read_to_string(&mut text));
        let noted = read.ok().and_then(|_| {
            let (began, by) = text.trim_end().split_once(' ')?;
            Some((began.parse().ok()?, by.into()))
        });
        noted.unwrap_or(((name.call.0 >> 80) as u64, "unknown".into()))
    }

    fn note(&self, name: &Name, note: &str) -> io::Result<()> {
        let path = self.note_of(name);
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(path)?;
        file.write_all(note.as_bytes())
    }

    fn note_of(&self, name: &Name) -> PathBuf {
        self.unfinished().join(format!("{}.note", name.stem()))
    }
}

fn too_many() -> io::Error {
    io::Error::new(ErrorKind::AlreadyExists, "a call has 999 recordings already")
}

fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)
}

/// What is free on the disk of a file, for who has no special rights.
pub(super) fn free_bytes(file: &File) -> io::Result<u64> {
    use std::os::fd::AsRawFd;
    let mut found = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the descriptor is open while `file` lives, and the kernel fills the whole structure when it returns 0.
    let result = unsafe { libc::fstatvfs(file.as_raw_fd(), found.as_mut_ptr()) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: filled, as just said.
    let found = unsafe { found.assume_init() };
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_of_its_call_and_day_and_nothing_else_is_one() {
        // 2026-11-26T05:31:40Z.
        let call = CallRecordId(1_795_671_100_000 << 80 | 7 << 76 | 0b10 << 62 | 5);
        let name = Name { call, part: 2, extension: "wav" };
        assert_eq!(name.sealed(), format!("recordings/2026/11/26/{call}-2.wav"));
        assert_eq!(Name::parse(&name.file()), Some(name));
        for wrong in ["", "x.wav", "../../etc/passwd", &format!("{call}-2.exe"), &format!("{call}.wav")] {
            assert_eq!(Name::parse(wrong), None, "{wrong}");
        }
    }
}
