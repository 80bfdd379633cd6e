//! `coeur backup` and `coeur restore`.

use super::door::{data_directory, print_json};
use super::exit::{Exit, Failure};
use super::grammar::{Backup, Restore};
use super::progress::Progress;
use super::terminal::print;
use super::words::Word;
use crate::house::backup::{BackupError, holds_something, put, unpack, write};
use crate::house::check::check;
use crate::house::unix_time_ms;
use coeur_storage::{DataLock, has_records};
use serde_json::json;
use std::path::Path;

pub fn backup(arguments: &Backup) -> Result<(), Failure> {
    let folder = data_directory(&arguments.place)?;
    super::door::fits(&folder)?;
    if !has_records(&folder) {
        let text = format!("{}: there are no records here; give --data DIR", folder.display());
        return Err(Failure::new(Exit::Unreachable, text));
    }
    if arguments.file.exists() {
        let text = format!("{} is already there", arguments.file.display());
        return Err(Failure::new(Exit::Exists, text));
    }
    let mut bar: Option<Progress> = None;
    let mut progress = |done, total| bar.get_or_insert_with(|| Progress::new(total)).at(done);
    let written = write(&folder, &arguments.file, arguments.recordings, unix_time_ms(), &mut progress);
    if let Some(bar) = &mut bar {
        bar.end();
    }
    let sum = written.map_err(failure)?;
    let file = arguments.file.display().to_string();
    match arguments.place.json {
        true => print_json(&json!({ "file": file, "files": sum.files, "bytes": sum.bytes })),
        false => {
            let [files, bytes] = [sum.files.to_string(), sum.bytes.to_string()];
            print(&format!("{}\n", Word::BackedUp.with(&[&file, &files, &bytes])));
            Ok(())
        }
    }
}

/// Unpacked beside the directory and checked there, so that a backup that is not whole changes nothing.
pub fn restore(arguments: &Restore) -> Result<(), Failure> {
    let folder = data_directory(&arguments.place)?;
    super::door::fits(&folder)?;
    // A directory that a server has is nobody else's to replace.
    let lock = folder.is_dir().then(|| DataLock::take(&folder)).transpose();
    let _lock = lock.map_err(|why| Failure::new(Exit::Unreachable, why.to_string()))?;
    if holds_something(&folder) && !arguments.replace {
        return Err(failure(BackupError::Taken(folder)));
    }
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.with_file_name(format!("{name}.restoring-{}", std::process::id()));
    let sum = unpack(&arguments.file, &beside).map_err(failure)?;
    let done = whole(&beside)
        .and_then(|()| put(&beside, &folder, arguments.replace, unix_time_ms()).map_err(failure));
    if done.is_err() {
        let _ = std::fs::remove_dir_all(&beside);
    }
    let aside = done?.map(|aside| aside.display().to_string());
    let (folder, files) = (folder.display().to_string(), sum.files.to_string());
    if arguments.place.json {
        return print_json(&json!({ "data": folder, "files": sum.files, "before": aside }));
    }
    print(&format!("{}\n", Word::Restored.with(&[&folder, &files])));
    if let Some(aside) = aside {
        print(&format!("{}\n", Word::PutAside.with(&[&aside])));
    }
    Ok(())
}

fn whole(folder: &Path) -> Result<(), Failure> {
    // `check` wants to see that somebody was here.
    drop(DataLock::take(folder).map_err(|why| Failure::failed(why.to_string()))?);
    let checked = check(folder).map_err(|why| Failure::failed(why.to_string()))?;
    match checked.problems().as_slice() {
        [] => Ok(()),
        problems => {
            Err(Failure::failed(format!("what is in the backup is damaged: {}", problems.join("; "))))
        }
    }
}

fn failure(why: BackupError) -> Failure {
    let exit = match &why {
        BackupError::Taken(_) => Exit::Exists,
        BackupError::Storage(_) => Exit::Unreachable,
        BackupError::Io { .. } | BackupError::Damaged(_) => Exit::Failed,
    };
    Failure::new(exit, why.to_string())
}
