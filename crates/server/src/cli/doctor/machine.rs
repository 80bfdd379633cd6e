//! The machine itself: disk, limits, buffers, clock.

use super::Finding;
use crate::cli::words::Word;
use crate::config::Settings;
use crate::observe::process;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Bytes below which a disk is soon full of records, journal and traces.
const FREE_BYTES_MIN: u64 = 1 << 30;
/// Each connection of a phone is a file, and each call has four or more.
const OPEN_FILES_MIN: u64 = 65_536;

pub(super) fn look(settings: &Settings) -> Vec<Finding> {
    let number = |path: &str| std::fs::read_to_string(path).ok()?.trim().parse().ok();
    let wanted = crate::net::listen::UDP_BUFFER as u64;
    [
        Some(disk(&settings.data, free_bytes(&standing(&settings.data)))),
        process::open_files_hard().map(open_files),
        number("/proc/sys/net/core/rmem_max").map(|most| buffers(most, wanted)),
        is_clock_right().map(clock),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The directory, or the nearest one above it that is there.
fn standing(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute.ancestors().find(|above| above.is_dir()).unwrap_or(Path::new("/")).to_owned()
}

fn free_bytes(path: &Path) -> Option<u64> {
    let name = CString::new(path.as_os_str().as_bytes()).ok()?;
    // SAFETY: all zero bits are a value of this structure of numbers.
    let mut found: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: the name ends with a zero, and the call writes into the structure that we own.
    let answer = unsafe { libc::statvfs(name.as_ptr(), &mut found) };
    (answer == 0).then(|| found.f_bavail.saturating_mul(found.f_frsize))
}

fn disk(data: &Path, free: Option<u64>) -> Finding {
    let data = data.display().to_string();
    match free {
        None => Finding::bad("disk", Word::DoctorDiskUnknown.with(&[&data]), Word::DoctorDiskHint),
        Some(free) => {
            let text = Word::DoctorDisk.with(&[&data, &(free >> 20).to_string()]);
            match free < FREE_BYTES_MIN {
                true => Finding::warning("disk", text, Word::DoctorDiskHint),
                false => Finding::good("disk", text),
            }
        }
    }
}

fn open_files(most: u64) -> Finding {
    let text = Word::DoctorFiles.with(&[&most.to_string()]);
    match most < OPEN_FILES_MIN {
        true => Finding::warning("open_files", text, Word::DoctorFilesHint),
        false => Finding::good("open_files", text),
    }
}

/// The kernel gives a socket what was asked for, up to this.
fn buffers(most: u64, wanted: u64) -> Finding {
    let text = Word::DoctorBuffers.with(&[&(most >> 10).to_string(), &(wanted >> 10).to_string()]);
    match most < wanted {
        true => Finding::warning("udp_buffers", text, Word::DoctorBuffersHint),
        false => Finding::good("udp_buffers", text),
    }
}

/// Certificates, nonces and call records need the time. `None` where the kernel does not say.
fn is_clock_right() -> Option<bool> {
    // SAFETY: all zero bits are a value of this structure of numbers, and ask for nothing to be changed.
    let mut asked: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the call reads and writes the structure that we own.
    match unsafe { libc::adjtimex(&mut asked) } {
        -1 => None,
        libc::TIME_ERROR => Some(false),
        _ => Some(true),
    }
}

fn clock(is_right: bool) -> Finding {
    match is_right {
        true => Finding::good("clock", Word::DoctorClock.say().to_owned()),
        false => Finding::warning("clock", Word::DoctorClockWrong.say().to_owned(), Word::DoctorClockHint),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::State;

    #[test]
    fn what_is_short_is_a_warning_and_what_is_enough_is_not() {
        let data = Path::new("/var/lib/coeur");
        let states = [
            disk(data, None),
            disk(data, Some(FREE_BYTES_MIN - 1)),
            disk(data, Some(FREE_BYTES_MIN)),
            open_files(1_024),
            open_files(OPEN_FILES_MIN),
            buffers(212_992, 4 << 20),
            buffers(4 << 20, 4 << 20),
            clock(false),
            clock(true),
        ]
        .map(|finding| finding.state);
        use State::{Bad, Good, Warning};
        assert_eq!(states, [Bad, Warning, Good, Warning, Good, Warning, Good, Warning, Good]);
    }

    #[test]
    fn the_disk_of_a_directory_that_is_not_there_yet_is_that_of_the_one_above_it() {
        let missing = std::env::temp_dir().join("coeur-doctor/not/here");
        assert_eq!(standing(&missing), std::env::temp_dir());
        assert!(free_bytes(&standing(&missing)).is_some_and(|free| free > 0));
    }
}
