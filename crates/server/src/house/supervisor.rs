//! What the supervisor that started us is told, if it listens: that we are ready, that we live, that we stop. The protocol is
//! sd_notify(3); without `NOTIFY_SOCKET` in the environment nobody is told anything.
//!
//! A server that stands still (a shard that does not turn) tells nothing any more. systemd ends it after `WatchdogSec` and
//! starts it again, and its calls go on ([`super::recovery`]).

use super::deaths::Deaths;
use coeur_api::Watched;
use sd_notify::{NotifyState, notify, watchdog_enabled};
use std::sync::Arc;
use std::time::Duration;

/// New work is welcome: `status` is what `systemctl status` shows.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Tells it that we live, three times in the time that it waits for that, if it waits for it.
pub fn keep_telling(watched: Arc<dyn Watched>, deaths: &Arc<Deaths>) -> std::io::Result<()> {
    let Some(patience) = watchdog_enabled() else { return Ok(()) };
    let every = (patience / 3).max(LEAST);
    deaths.spawn("coeur-alive", move || {
        let mut beat = Beat::default();
        loop {
            if beat.counts(watched.live()) {
                tell(&[NotifyState::Watchdog]);
            }
            std::thread::sleep(every);
        }
    })
}

/// A supervisor that wants to be told more often than this asks for work, not for safety.
const LEAST: Duration = Duration::from_millis(100);

#[derive(Default)]
struct Beat {
    is_missing: bool,
}

impl Beat {
    /// True when the supervisor is to be told. That it is not is logged once: it ends us soon.
    fn counts(&mut self, live: Result<(), String>) -> bool {
        let was_missing = std::mem::replace(&mut self.is_missing, live.is_err());
        if let (Err(why), false) = (&live, was_missing) {
            tracing::error!(%why, "the supervisor is not told that the server lives, and may start it again");
        }
        live.is_ok()
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(why) = notify(state) {
        tracing::warn!(%why, "the supervisor cannot be told how the server does");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_stands_still_does_not_say_that_it_lives_until_it_does() {
        let mut beat = Beat::default();
        assert!(beat.counts(Ok(())));
        assert!(!beat.counts(Err("shard 1 has not turned for 3 s".to_owned())));
        assert!(!beat.counts(Err("shard 1 has not turned for 3 s".to_owned())));
        assert!(beat.counts(Ok(())));
    }
}
