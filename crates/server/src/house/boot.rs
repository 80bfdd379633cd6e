//! Which boot of the machine this is (Linux), so that lifetimes survive a restart of the process whatever the wall
//! clock does meanwhile.

use coeur_exchange::bindings::Boot;

/// Unknown where the system does not tell; the wall clock is then trusted.
pub fn boot() -> Boot {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
    let id = id.and_then(|text| u64::from_str_radix(text.replace('-', "").get(..16)?, 16).ok());
    match (id, since_boot_ms()) {
        (Some(id), Some(started_ms)) => Boot { id, started_ms },
        (_, _) => Boot::default(),
    }
}

/// Time since boot with sleep counted.
fn since_boot_ms() -> Option<u64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes into the structure that we own.
    let done = unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &mut time) };
    (done == 0).then_some(time.tv_sec as u64 * 1_000 + time.tv_nsec as u64 / 1_000_000)
}
