//! What happens, for those who listen: a ring of the last events, from which each listener reads at his own pace. One who is too
//! slow, or comes back too late, is told that he has missed some.

use crate::rest::Resource;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Events that are kept.
const EVENTS_MAX: usize = 4_096;
/// Of their data together.
const BYTES_MAX: usize = 4 << 20;
/// How long events that cost something are still gathered after the last listener has left: he may come back.
const PATIENCE_MS: u64 = 600_000;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $variant:ident $name:literal $resource:ident,)*) => {
        /// What can happen. The name is the `type` of its CloudEvent.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind { $($(#[doc = $doc])* $variant),* }

        impl Kind {
            pub const ALL: &'static [Kind] = &[$(Kind::$variant),*];
            pub const fn name(self) -> &'static str { match self { $(Kind::$variant => $name),* } }
            /// Who may read this may hear of it.
            pub const fn resource(self) -> Resource { match self { $(Kind::$variant => Resource::$resource),* } }
            pub const fn help(self) -> &'static str { match self { $(Kind::$variant => concat!($($doc),*)),* } }
        }
    };
}

kinds! {
    /// A phone has registered at a place where it was not.
    RegistrationCreated "registration.created" Registrations,
    /// A phone has taken its registration back, or another one took its place.
    RegistrationRemoved "registration.removed" Registrations,
    /// A registration was not refreshed in time.
    RegistrationExpired "registration.expired" Registrations,
    /// A call was begun.
    CallStarted "call.started" Calls,
    /// A call was answered.
    CallAnswered "call.answered" Calls,
    /// A side of a call was put on hold by order.
    CallHeld "call.held" Calls,
    /// It is not on hold by order any more.
    CallResumed "call.resumed" Calls,
    /// A side of a call is sent to somebody else by order.
    CallTransferred "call.transferred" Calls,
    /// A side of a call is not heard as it should be, and why.
    CallQuality "call.quality" Calls,
    /// A call is over; its record follows within seconds.
    CallEnded "call.ended" Calls,
    /// Somebody in a conference has begun to speak, or has ended.
    ConferenceSpeaking "conference.speaking" Calls,
    /// A recording is over, and its file is listed.
    RecordingKept "recording.kept" Recordings,
    /// Somebody gave a wrong password. At a bounded rate.
    SecurityAuthFailed "security.auth_failed" AuditLog,
    /// An account asked for another domain and may not. At a bounded rate.
    SecurityRelayRefused "security.relay_refused" AuditLog,
    /// A link was made for a phone, or the phone has fetched its settings.
    ProvisioningRequested "provisioning.requested" Provisioning,
    /// A phone is registered with the settings that it has fetched.
    ProvisioningApplied "provisioning.applied" Provisioning,
    /// A phone that is being connected did not come through, and why.
    ProvisioningFailed "provisioning.failed" Provisioning,
    /// A record was changed, and by whom.
    ConfigChanged "config.changed" AuditLog,
    /// No certificate was given when one was due.
    CertificateExpiring "certificate.expiring" Settings,
    /// A long work goes on, or is over.
    JobProgress "job.progress" Jobs,
    /// Events were missed: more came than are kept.
    StreamGap "stream.gap" Events,
}

#[derive(Debug)]
pub struct Happened {
    /// From 1 in each process.
    pub number: u64,
    pub kind: Kind,
    /// What it is about: the name of a call, an address of record.
    pub subject: String,
    pub at_ms: u64,
    pub data: Value,
}

pub struct Feed {
    ring: Mutex<Ring>,
    /// The number of the newest.
    newest: watch::Sender<u64>,
    /// Names this process: numbers begin anew with each.
    boot: String,
    is_heard: AtomicBool,
    left_at_ms: AtomicU64,
}

#[derive(Default)]
struct Ring {
    events: VecDeque<Arc<Happened>>,
    bytes: usize,
}

impl Feed {
    /// `boot`: what no other process has.
    pub fn new(boot: u64) -> Self {
        Self {
            ring: Mutex::default(),
            newest: watch::channel(0).0,
            boot: format!("{boot:016x}"),
            is_heard: AtomicBool::new(false),
            left_at_ms: AtomicU64::new(0),
        }
    }

    /// False: what costs something to tell need not be told.
    pub fn is_heard(&self) -> bool {
        self.is_heard.load(Ordering::Relaxed)
    }

    pub fn publish(&self, kind: Kind, subject: String, at_ms: u64, data: Value) {
        let mut ring = self.ring();
        let number = *self.newest.borrow() + 1;
        let happened = Happened { number, kind, subject, at_ms, data };
        ring.bytes += happened.bytes();
        ring.events.push_back(Arc::new(happened));
        while ring.events.len() > EVENTS_MAX || ring.bytes > BYTES_MAX {
            let Some(oldest) = ring.events.pop_front() else { break };
            ring.bytes -= oldest.bytes();
        }
        // Under the lock, so that numbers are told in their order.
        self.newest.send_replace(number);
        drop(ring);
        self.settle(at_ms);
    }

    fn settle(&self, now_ms: u64) {
        let is_alone = self.newest.receiver_count() == 0;
        let left = self.left_at_ms.load(Ordering::Relaxed);
        if is_alone && self.is_heard() && now_ms.saturating_sub(left) > PATIENCE_MS {
            self.is_heard.store(false, Ordering::Relaxed);
        }
    }

    /// From now on, or behind the event of this name, as [`Feed::name`] writes it.
    pub fn listen(self: &Arc<Self>, after: Option<&str>) -> Listener {
        self.is_heard.store(true, Ordering::Relaxed);
        let newest = self.newest.subscribe();
        let last = match after {
            None => *newest.borrow(),
            // Of another process, or nobody's: everything that is there, behind a word that there was more.
            Some(name) => self.number(name).unwrap_or(0),
        };
        let is_of_another = after.is_some_and(|name| self.number(name).is_none());
        Listener { feed: self.clone(), newest, last, has_missed: is_of_another }
    }

    /// What a listener says when he comes back.
    pub fn name(&self, happened: &Happened) -> String {
        format!("{}-{}", self.boot, happened.number)
    }

    fn number(&self, name: &str) -> Option<u64> {
        let number = name.strip_prefix(&*self.boot)?.strip_prefix('-')?.parse().ok()?;
        (number <= *self.newest.borrow()).then_some(number)
    }

    /// As a CloudEvent (CloudEvents 1.0, JSON format).
    pub fn cloud_event(&self, happened: &Happened) -> Value {
        json!({
            "specversion": "1.0",
            "id": self.name(happened),
            "source": "/api/v1/events",
            "type": happened.kind.name(),
            "subject": happened.subject,
            "time": crate::calls::rfc3339(happened.at_ms),
            "datacontenttype": "application/json",
            "data": happened.data,
        })
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Happened {
    /// About, in memory.
    fn bytes(&self) -> usize {
        256 + self.subject.len() + self.data.to_string().len()
    }
}

pub struct Listener {
    feed: Arc<Feed>,
    newest: watch::Receiver<u64>,
    /// The number of the last that he has heard.
    last: u64,
    has_missed: bool,
}

impl Listener {
    /// The next, as soon as there is one. `Err`: some were missed; the one after them comes next.
    pub async fn next(&mut self) -> Result<Arc<Happened>, Missed> {
        loop {
            if let Some(found) = self.look() {
                return found;
            }
            // The feed is ours: its sender lives.
            let _ = self.newest.changed().await;
        }
    }

    /// What is there without waiting.
    pub fn look(&mut self) -> Option<Result<Arc<Happened>, Missed>> {
        self.newest.borrow_and_update();
        let feed = self.feed.clone();
        let ring = feed.ring();
        let oldest = ring.events.front()?.number;
        if std::mem::take(&mut self.has_missed) || self.last + 1 < oldest {
            self.last = self.last.max(oldest - 1);
            return Some(Err(Missed));
        }
        let at = usize::try_from(self.last + 1 - oldest).ok()?;
        let happened = ring.events.get(at)?.clone();
        self.last = happened.number;
        Some(Ok(happened))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // His own receiver counts still; what time it is the feed knows by its newest event.
        let newest = self.feed.ring().events.back().map_or(0, |event| event.at_ms);
        self.feed.left_at_ms.fetch_max(newest, Ordering::Relaxed);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed;

#[cfg(test)]
mod tests {
    use super::*;

    fn feed() -> Arc<Feed> {
        Arc::new(Feed::new(7))
    }

    fn publish(feed: &Feed, count: u64) {
        for n in 0..count {
            feed.publish(Kind::CallEnded, format!("call {n}"), 1_000, json!({}));
        }
    }

    fn heard(listener: &mut Listener) -> Vec<Result<u64, Missed>> {
        std::iter::from_fn(|| listener.look()).map(|found| found.map(|happened| happened.number)).collect()
    }

    #[test]
    fn a_listener_hears_what_comes_and_one_that_comes_back_what_came_meanwhile() {
        let feed = feed();
        publish(&feed, 2);
        let mut listener = feed.listen(None);
        assert!(listener.look().is_none());
        publish(&feed, 2);
        let third = listener.look().unwrap().unwrap();
        let name = feed.name(&third);
        assert_eq!((third.number, heard(&mut listener)), (3, vec![Ok(4)]));
        drop(listener);
        publish(&feed, 1);
        assert_eq!(heard(&mut feed.listen(Some(&name))), [Ok(4), Ok(5)]);
    }

    #[test]
    fn who_is_too_slow_or_heard_another_process_is_told_that_he_has_missed_some() {
        let feed = feed();
        let mut slow = feed.listen(None);
        publish(&feed, EVENTS_MAX as u64 + 5);
        assert_eq!(slow.look().unwrap().err(), Some(Missed));
        assert_eq!(slow.look().unwrap().unwrap().number, 6);
        assert_eq!(heard(&mut slow).len(), EVENTS_MAX - 1);
        for other in ["0000000000000008-3", "0000000000000007-99999", "x", ""] {
            let mut listener = feed.listen(Some(other));
            assert_eq!(listener.look().unwrap().err(), Some(Missed), "{other}");
            assert_eq!(listener.look().unwrap().unwrap().number, 6, "{other}");
        }
    }

    #[test]
    fn the_ring_is_bounded_in_bytes_too() {
        let feed = feed();
        for _ in 0..100 {
            feed.publish(Kind::CallEnded, "x".repeat(100_000), 0, json!({}));
        }
        let ring = feed.ring();
        assert!(ring.bytes <= BYTES_MAX && ring.events.len() < 45, "{} {}", ring.bytes, ring.events.len());
    }

    #[test]
    fn what_costs_something_is_gathered_while_somebody_listens_and_a_while_after() {
        let feed = feed();
        assert!(!feed.is_heard());
        let listener = feed.listen(None);
        feed.publish(Kind::CallEnded, String::new(), 1_000, json!({}));
        feed.publish(Kind::CallEnded, String::new(), 1_000 + 2 * PATIENCE_MS, json!({}));
        assert!(feed.is_heard());
        drop(listener);
        feed.publish(Kind::CallEnded, String::new(), 1_001 + 3 * PATIENCE_MS, json!({}));
        assert!(!feed.is_heard());
    }

    #[test]
    fn no_two_kinds_have_one_name() {
        let mut names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Kind::ALL.len());
    }
}
