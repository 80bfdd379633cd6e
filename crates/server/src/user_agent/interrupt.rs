//! Ctrl-C and SIGTERM while the phone is at work: it hangs up and whoever uses it tidies up, instead of being ended in
//! the middle. The second one ends the program at once.

use std::sync::atomic::{AtomicBool, Ordering};

static HAPPENED: AtomicBool = AtomicBool::new(false);

/// From now on the two signals are only noted.
pub fn listen() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        set(signal, note as extern "C" fn(libc::c_int) as libc::sighandler_t);
    }
}

pub fn happened() -> bool {
    HAPPENED.load(Ordering::Relaxed)
}

extern "C" fn note(signal: libc::c_int) {
    HAPPENED.store(true, Ordering::Relaxed);
    set(signal, libc::SIG_DFL);
}

fn set(signal: libc::c_int, handler: libc::sighandler_t) {
    // SAFETY: the handler is ours or the default, and does what a handler may: it stores a flag and calls this.
    unsafe { libc::signal(signal, handler) };
}
