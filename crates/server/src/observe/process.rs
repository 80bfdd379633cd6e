//! What the kernel knows of this process, and what it should do with it.

/// Resident memory in bytes (`/proc/self/statm`); `None` where there is no such file.
pub fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    // SAFETY: sysconf only reads a constant of the system.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    Some(pages * u64::try_from(page).ok()?)
}

/// A limit on the size of files (`ulimit -f`) is an error of the write that meets it, as a full disk is, and no death.
pub fn survive_file_size_limit() {
    // SAFETY: no handler is installed, the signal is ignored.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

pub fn open_files() -> Option<u64> {
    std::fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as u64)
}

/// How many files may be open.
pub fn open_files_max() -> Option<u64> {
    Some(limit()?.rlim_cur)
}

/// How many files may be open once the limit was raised ([`raise_open_files`]).
pub fn open_files_hard() -> Option<u64> {
    Some(limit()?.rlim_max)
}

/// Raises what this process is given to what it may have: a connection is a file, and many systems give 1,024.
pub fn raise_open_files() {
    let Some(mut limit) = limit() else { return };
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: the structure is ours and only read. A refusal leaves the limit as it was.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) };
}

/// The memory of this process holds passwords' digests and keys of TLS: no core dump may carry it to a disk, and no other
/// process of the same user may read it (threat T-12). Root still may.
pub fn keep_memory_private() {
    // SAFETY: the call takes and changes numbers only.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0) };
}

fn limit() -> Option<libc::rlimit> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes into the structure that we own.
    (unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } == 0).then_some(limit)
}

/// Time that all threads have spent on a core, in seconds.
pub fn cpu_seconds() -> Option<f64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes into the structure that we own.
    let done = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) } == 0;
    done.then_some(time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
}

/// When the process was started, in seconds since 1970 (`/proc/self/stat`, field 22, in ticks since boot).
pub fn start_time_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name in field 2 may hold anything but ends with the last bracket.
    let ticks: f64 = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()?;
    let boot = std::fs::read_to_string("/proc/stat").ok()?;
    let boot: f64 = boot.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    // SAFETY: sysconf only reads a constant of the system.
    let hz = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    (hz > 0).then(|| boot + ticks / hz as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_this_process_is_not_dumped_and_its_files_are_still_counted() {
        keep_memory_private();
        // SAFETY: the call only gives a number.
        assert_eq!(unsafe { libc::prctl(libc::PR_GET_DUMPABLE) }, 0);
        assert!(open_files().is_some() && resident_bytes().is_some());
    }

    #[test]
    fn the_kernel_knows_this_process() {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
        let started = start_time_seconds().unwrap();
        assert!((0.0..3_600.0).contains(&(now - started + 2.0)), "{started} {now}");
        assert!(cpu_seconds().unwrap() > 0.0);
        assert!(resident_bytes().unwrap() > 1 << 20);
        raise_open_files();
        let limit = limit().unwrap();
        assert_eq!(limit.rlim_cur, limit.rlim_max);
        assert!((1..=limit.rlim_cur).contains(&open_files().unwrap()));
        assert_eq!(open_files_max(), Some(limit.rlim_cur));
    }
}
