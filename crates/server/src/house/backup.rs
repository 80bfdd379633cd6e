//! A data directory in one file, and back: tar, compressed by gzip, with the digest of each file in its last entry.
//!
//! What is in it: the records (as they are after one commit), how far the audit chain had come, the keys, the certificates, the
//! prompts, and recordings where they are wanted; whatever else a later version keeps there. What is not: the journal. Calls
//! and registrations in it would be of another time; phones register again within minutes.
//!
//! Whoever has a backup has the credentials of all accounts: it is written for its owner alone.

use aws_lc_rs::digest::{Context, SHA256};
use coeur_storage::{RECORDS_FILE, StorageError, copy_records};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

/// The last entry.
const MANIFEST: &str = "coeur-backup.json";
/// Of the archive, and of each file in it and from it.
const PRIVATE: u32 = 0o600;
/// Bytes of it: room for a million recordings.
const MANIFEST_BYTES_MAX: u64 = 256 << 20;
/// The head of the audit chain is copied before the records: it may be behind them, never ahead.
const HEAD: &str = "audit.head";
const RECORDINGS: &str = "recordings";
const LOCK: &str = "lock";
const JOURNAL: &str = "journal";
/// What belongs to the process, is made anew, or is of this machine's past alone.
const LEFT_OUT: [&str; 6] =
    [LOCK, coeur_api::SOCKET_NAME, "coeur.db-wal", "coeur.db-shm", JOURNAL, super::traced::FOLDER];

#[derive(Serialize, Deserialize)]
struct Manifest {
    /// Of the program that wrote it.
    version: String,
    at_unix_ms: u64,
    /// By their names in the archive: SHA-256, in hexadecimal.
    files: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub files: usize,
    pub bytes: u64,
}

#[derive(Debug)]
pub enum BackupError {
    Storage(StorageError),
    Io {
        doing: &'static str,
        path: PathBuf,
        why: io::Error,
    },
    /// It is no backup, or not a whole one: what is wrong with it.
    Damaged(String),
    /// There is something where it should be put back.
    Taken(PathBuf),
}

impl fmt::Display for BackupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage(why) => write!(f, "{why}"),
            Self::Io { doing, path, why } => write!(f, "cannot {doing} {}: {why}", path.display()),
            Self::Damaged(what) => write!(f, "this is no whole backup: {what}"),
            Self::Taken(path) => write!(
                f,
                "{} is not empty: name another directory with --data, or say --replace, which puts it aside",
                path.display()
            ),
        }
    }
}

fn on<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> BackupError + 'a {
    move |why| BackupError::Io { doing, path: path.to_owned(), why }
}

/// Writes a backup of the directory, on which a server may run, into a new file. `progress` is told how many files are written, of how many.
pub fn write(
    folder: &Path,
    file: &Path,
    with_recordings: bool,
    at_unix_ms: u64,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Sum, BackupError> {
    let aside = file.with_extension("part");
    let _unfinished = Remnant(aside.clone());
    // One that was left behind may be readable for others.
    let _ = std::fs::remove_file(&aside);
    let out = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(&aside);
    let out = out.map_err(on("write", &aside))?;
    let mut archive = Archive {
        tar: tar::Builder::new(GzEncoder::new(out, Compression::default())),
        manifest: Manifest {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            at_unix_ms,
            files: BTreeMap::new(),
        },
        sum: Sum::default(),
    };
    // Beside the directory's own files, which nobody else may read.
    let copy = folder.join(format!("{RECORDS_FILE}.copy-{}", std::process::id()));
    let _copied = Remnant(copy.clone());

    let files = listed(folder, with_recordings)?;
    let total = files.len() + 2;
    if folder.join(HEAD).exists() {
        archive.add(&folder.join(HEAD), HEAD)?;
    }
    let _ = std::fs::remove_file(&copy);
    copy_records(folder, &copy).map_err(BackupError::Storage)?;
    archive.add(&copy, RECORDS_FILE)?;
    progress(archive.sum.files, total);
    for (path, name) in files {
        archive.add(&path, &name)?;
        progress(archive.sum.files, total);
    }
    let sum = archive.end(&aside)?;
    std::fs::rename(&aside, file).map_err(on("write", file))?;
    let above = file.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(above).and_then(|above| above.sync_all()).map_err(on("write", above))?;
    Ok(sum)
}

/// A file that goes with the end of the work, also where that fails.
struct Remnant(PathBuf);

impl Drop for Remnant {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// All files but those that are copied in their own way or left out, in order, with their names in the archive.
fn listed(folder: &Path, with_recordings: bool) -> Result<Vec<(PathBuf, String)>, BackupError> {
    let mut found = Vec::new();
    let mut folders = vec![(folder.to_owned(), String::new())];
    while let Some((path, within)) = folders.pop() {
        for entry in std::fs::read_dir(&path).map_err(on("read", &path))? {
            let entry = entry.map_err(on("read", &path))?;
            let Ok(name) = entry.file_name().into_string() else {
                return Err(BackupError::Damaged(format!("{} has no readable name", entry.path().display())));
            };
            let is_top = within.is_empty();
            let is_own = is_top && (name == HEAD || name.starts_with(RECORDS_FILE));
            let is_unwanted =
                is_top && (LEFT_OUT.contains(&name.as_str()) || (name == RECORDINGS && !with_recordings));
            let kind = entry.file_type().map_err(on("read", &entry.path()))?;
            let within = format!("{within}{name}");
            if is_own || is_unwanted {
                continue;
            } else if kind.is_dir() {
                folders.push((entry.path(), within + "/"));
            } else if kind.is_file() {
                found.push((entry.path(), within));
            }
        }
    }
    found.sort();
    Ok(found)
}

struct Archive {
    tar: tar::Builder<GzEncoder<File>>,
    manifest: Manifest,
    sum: Sum,
}

impl Archive {
    /// As long as it is when it is opened: a recording may still grow.
    fn add(&mut self, path: &Path, name: &str) -> Result<(), BackupError> {
        let file = match File::open(path) {
            Ok(file) => file,
            // Gone since it was listed, such as a recording that was being written under another name.
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(why) => return Err(on("read", path)(why)),
        };
        let found = file.metadata().map_err(on("read", path))?;
        let mut header = tar::Header::new_gnu();
        header.set_size(found.len());
        // Whoever unpacks it with something else has it for himself alone too.
        header.set_mode(PRIVATE);
        header.set_mtime(found.mtime().max(0) as u64);
        let mut hashed = Hashed { inner: file.take(found.len()), context: Context::new(&SHA256) };
        self.tar.append_data(&mut header, name, &mut hashed).map_err(on("read", path))?;
        self.manifest.files.insert(name.to_owned(), hex(hashed.context.finish().as_ref()));
        self.sum.files += 1;
        self.sum.bytes += found.len();
        Ok(())
    }

    fn end(mut self, path: &Path) -> Result<Sum, BackupError> {
        let text = serde_json::to_vec(&self.manifest).map_err(|why| BackupError::Damaged(why.to_string()))?;
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(PRIVATE);
        self.tar.append_data(&mut header, MANIFEST, text.as_slice()).map_err(on("write", path))?;
        let ended = self.tar.into_inner().and_then(GzEncoder::finish);
        ended.and_then(|mut file| file.flush().and_then(|()| file.sync_all())).map_err(on("write", path))?;
        Ok(self.sum)
    }
}

/// What is read, with its digest.
struct Hashed<R> {
    inner: R,
    context: Context,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.context.update(&buffer[..length]);
        Ok(length)
    }
}

/// Unpacks a backup into a new directory and compares each file with its digest. The directory is gone again where something is wrong.
pub fn unpack(file: &Path, into: &Path) -> Result<Sum, BackupError> {
    let made = std::fs::DirBuilder::new().mode(0o700).create(into);
    made.map_err(on("make", into))?;
    let unpacked = unpacked(file, into);
    if unpacked.is_err() {
        let _ = std::fs::remove_dir_all(into);
    }
    unpacked
}

fn unpacked(file: &Path, into: &Path) -> Result<Sum, BackupError> {
    let damaged = |why: io::Error| BackupError::Damaged(why.to_string());
    let input = File::open(file).map_err(on("read", file))?;
    let mut archive = tar::Archive::new(GzDecoder::new(input));
    let (mut seen, mut manifest, mut sum) = (BTreeMap::new(), None, Sum::default());
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let path = entry.path().map_err(damaged)?.into_owned();
        let name = path.to_string_lossy().into_owned();
        if name == MANIFEST {
            let mut text = Vec::new();
            entry.by_ref().take(MANIFEST_BYTES_MAX).read_to_end(&mut text).map_err(damaged)?;
            let read = serde_json::from_slice::<Manifest>(&text);
            manifest = Some(read.map_err(|why| BackupError::Damaged(format!("{MANIFEST}: {why}")))?);
            continue;
        }
        // A name that leads out of the directory, or a link, is nothing that we have written.
        let is_within = path.components().all(|part| matches!(part, Component::Normal(_)));
        if !is_within || !entry.header().entry_type().is_file() || name.is_empty() {
            return Err(BackupError::Damaged(format!("it has {name:?}, which no backup has")));
        }
        let to = into.join(&path);
        let above = to.parent().unwrap_or(into);
        let mut folders = std::fs::DirBuilder::new();
        folders.recursive(true).mode(0o700).create(above).map_err(on("make", above))?;
        let out = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(&to);
        let mut out = out.map_err(on("write", &to))?;
        let mut hashed = Hashed { inner: &mut entry, context: Context::new(&SHA256) };
        sum.bytes += copied(&mut hashed, &mut out, &to)?;
        out.sync_all().map_err(on("write", &to))?;
        sum.files += 1;
        seen.insert(name, hex(hashed.context.finish().as_ref()));
    }
    // Up to the end of what was compressed, where its check sum is.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(damaged)?;
    let manifest = manifest.ok_or_else(|| BackupError::Damaged("its end is missing".to_owned()))?;
    match seen == manifest.files {
        true => Ok(sum),
        false => Err(BackupError::Damaged(difference(&seen, &manifest.files))),
    }
}

/// Says whether it was the reading or the writing that failed.
fn copied(from: &mut impl Read, to: &mut File, path: &Path) -> Result<u64, BackupError> {
    let (mut buffer, mut bytes) = (vec![0; 64 << 10], 0);
    loop {
        match from.read(&mut buffer).map_err(|why| BackupError::Damaged(why.to_string()))? {
            0 => return Ok(bytes),
            length => {
                to.write_all(&buffer[..length]).map_err(on("write", path))?;
                bytes += length as u64;
            }
        }
    }
}

fn difference(seen: &BTreeMap<String, String>, said: &BTreeMap<String, String>) -> String {
    let changed = seen.iter().find(|(name, digest)| said.get(*name) != Some(*digest));
    let missing = said.keys().find(|name| !seen.contains_key(*name));
    match (changed, missing) {
        (Some((name, _)), _) => format!("{name} is not what was written"),
        (None, Some(name)) => format!("{name} is missing"),
        (None, None) => "its list of files does not fit".to_owned(),
    }
}

/// Puts an unpacked directory where the data directory is to be; what is there is put aside, or refused. Returns where it is
/// now, if there was anything.
pub fn put(
    unpacked: &Path,
    folder: &Path,
    replace: bool,
    at_unix_ms: u64,
) -> Result<Option<PathBuf>, BackupError> {
    let is_there = holds_something(folder);
    if is_there && !replace {
        return Err(BackupError::Taken(folder.to_owned()));
    }
    if let Ok(found) = std::fs::metadata(folder) {
        give(unpacked, (found.uid(), found.gid()))?;
    }
    let aside = match is_there {
        true => {
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            let aside = folder.with_file_name(format!("{name}.before-{at_unix_ms}"));
            std::fs::rename(folder, &aside).map_err(on("put aside", folder))?;
            Some(aside)
        }
        false => {
            // Empty, but for the lock of who puts it back.
            let _ = std::fs::remove_file(folder.join(LOCK));
            None
        }
    };
    std::fs::rename(unpacked, folder).map_err(on("write", folder))?;
    Ok(aside)
}

/// Whether there is anything in a directory but a lock.
pub fn holds_something(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.file_name() != LOCK)
}

/// To who had the directory before. Only root may give, and only then there is somebody else.
fn give(path: &Path, (uid, gid): (u32, u32)) -> Result<(), BackupError> {
    let found = std::fs::symlink_metadata(path).map_err(on("read", path))?;
    if (found.uid(), found.gid()) != (uid, gid) {
        std::os::unix::fs::lchown(path, Some(uid), Some(gid)).map_err(on("give away", path))?;
    }
    if found.is_dir() {
        for entry in std::fs::read_dir(path).map_err(on("read", path))? {
            give(&entry.map_err(on("read", path))?.path(), (uid, gid))?;
        }
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
