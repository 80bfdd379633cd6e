//! What happens, for those who listen: a ring of the last events, from which each listener reads at his own pace. One who is too
//! slow, or comes back too late, is told that he has missed some.
//!
//! Webhooks ([`crate::hooks`]) are a listener too, the keeper: whoever has promised something waits until the keeper has written
//! down what was told of it ([`Feed::settle`]).

use crate::ids::Id;
use crate::rest::Resource;
use coeur_directory::{Account, Directory, TenantId, UserId};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Events that are kept.
const EVENTS_MAX: usize = 4_096;
/// Of their data together.
const BYTES_MAX: usize = 4 << 20;
/// How long events that cost something are still gathered after the last listener has left: he may come back.
const PATIENCE_MS: u64 = 600_000;
/// A keeper that has not written by then writes to a disk that is in trouble: nobody waits any longer for it.
const SETTLE_MAX: Duration = Duration::from_secs(5);

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
    /// It rings where a call goes.
    CallRinging "call.ringing" Calls,
    /// A call was answered.
    CallAnswered "call.answered" Calls,
    /// A side of a call has put the other on hold, or was put there by order.
    CallHeld "call.held" Calls,
    /// A side of a call hears the other again.
    CallResumed "call.resumed" Calls,
    /// A side of a call was joined with somebody else, or is sent to him by order.
    CallTransferred "call.transferred" Calls,
    /// A side of a call is not heard as it should be, and why.
    CallQuality "call.quality" Calls,
    /// A call is over; its record follows within seconds.
    CallEnded "call.ended" Calls,
    /// Somebody in a conference has begun to speak, or has ended.
    ConferenceSpeaking "conference.speaking" Calls,
    /// A text of an account is on its way, or waits for a phone that is woken. What it says is never told.
    MessageAccepted "message.accepted" Messages,
    /// A phone has taken a text.
    MessageDelivered "message.delivered" Messages,
    /// Nobody has taken a text, and what its sender was told.
    MessageFailed "message.failed" Messages,
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
    /// A webhook is tried: nothing has happened. Told to that webhook alone.
    WebhookTest "webhook.test" Webhooks,
    /// Events were missed: more came than are kept.
    StreamGap "stream.gap" Events,
}

/// Whom an event is about, which says who may hear of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// `None`: of the installation.
    pub tenant: Option<TenantId>,
    /// Whose accounts it is about: at most both sides of a call.
    pub users: [Option<UserId>; 2],
}

impl About {
    /// Accounts that are there no more are nobody's.
    pub fn accounts(directory: &Directory, accounts: [Option<&Account>; 2]) -> Self {
        let tenant = accounts.into_iter().flatten().map(|account| directory.tenant_of(account)).next();
        Self { tenant, users: accounts.map(|account| account.and_then(|account| account.user)) }
    }

    /// What the installation does is the first tenant's to hear of: it is whose people run it.
    pub fn is_of(&self, tenant: TenantId) -> bool {
        self.tenant.unwrap_or(TenantId::FIRST) == tenant
    }

    pub fn is_about(&self, user: UserId) -> bool {
        self.users.contains(&Some(user))
    }
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
    pub about: About,
}

pub struct Feed {
    ring: Mutex<Ring>,
    /// The number of the newest.
    newest: watch::Sender<u64>,
    /// Names this process: numbers begin anew with each.
    boot: String,
    listeners: AtomicUsize,
    is_heard: AtomicBool,
    left_at_ms: AtomicU64,
    /// Somebody has a webhook.
    is_kept: AtomicBool,
    /// A phone is tested.
    is_watched: AtomicBool,
    /// The number of the last that the keeper has written down.
    kept: Mutex<u64>,
    keeps: Condvar,
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
            listeners: AtomicUsize::new(0),
            is_heard: AtomicBool::new(false),
            left_at_ms: AtomicU64::new(0),
            is_kept: AtomicBool::new(false),
            is_watched: AtomicBool::new(false),
            kept: Mutex::new(0),
            keeps: Condvar::new(),
        }
    }

    /// False: what costs something to tell need not be told.
    pub fn is_heard(&self) -> bool {
        self.is_heard.load(Ordering::Relaxed) || self.is_kept()
    }

    /// Of the installation: those may hear of it who run it.
    pub fn publish(&self, kind: Kind, subject: String, at_ms: u64, data: Value) {
        self.publish_about(kind, subject, at_ms, data, About::default());
    }

    pub fn publish_about(&self, kind: Kind, subject: String, at_ms: u64, data: Value, about: About) {
        let mut ring = self.ring();
        let number = *self.newest.borrow() + 1;
        let happened = Happened { number, kind, subject, at_ms, data, about };
        ring.bytes += happened.bytes();
        ring.events.push_back(Arc::new(happened));
        while ring.events.len() > EVENTS_MAX || ring.bytes > BYTES_MAX {
            let Some(oldest) = ring.events.pop_front() else { break };
            ring.bytes -= oldest.bytes();
        }
        // Under the lock, so that numbers are told in their order.
        self.newest.send_replace(number);
        drop(ring);
        self.forget_listeners(at_ms);
    }

    fn forget_listeners(&self, now_ms: u64) {
        let is_alone = self.listeners.load(Ordering::Relaxed) == 0;
        let left = self.left_at_ms.load(Ordering::Relaxed);
        if is_alone && now_ms.saturating_sub(left) > PATIENCE_MS {
            self.is_heard.store(false, Ordering::Relaxed);
        }
    }

    /// Whether each step of calls is wanted in the house, though nobody listens.
    pub fn watch(&self, is_watched: bool) {
        self.is_watched.store(is_watched, Ordering::SeqCst);
    }

    pub fn is_watched(&self) -> bool {
        self.is_watched.load(Ordering::SeqCst)
    }

    /// Whether there is a webhook: from then on everything is told, and [`Feed::settle`] waits.
    pub fn keep(&self, is_kept: bool) {
        self.is_kept.store(is_kept, Ordering::SeqCst);
    }

    pub fn is_kept(&self) -> bool {
        self.is_kept.load(Ordering::SeqCst)
    }

    /// Returns when everything that was told before is written down where it is kept, or the disk has had its time.
    pub fn settle(&self) {
        let newest = *self.newest.borrow();
        if !self.is_kept() {
            return;
        }
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = |kept: &mut u64| *kept < newest && self.is_kept();
        let waited = self.keeps.wait_timeout_while(kept, SETTLE_MAX, waits);
        if waited.is_ok_and(|(_, waited)| waited.timed_out()) {
            tracing::error!("what webhooks are to tell could not be written down in time");
        }
    }

    /// Everything up to this number is written down, or is nobody's.
    pub(crate) fn was_kept(&self, number: u64) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = (*kept).max(number);
        drop(kept);
        self.keeps.notify_all();
    }

    /// For whoever writes down what webhooks tell; it hears everything from now on.
    pub(crate) fn keeper(self: &Arc<Self>) -> Listener {
        let newest = self.newest.subscribe();
        let last = *newest.borrow();
        Listener { feed: self.clone(), newest, last, has_missed: false, is_keeper: true }
    }

    /// From now on, or behind the event of this name, as [`Feed::name`] writes it.
    pub fn listen(self: &Arc<Self>, after: Option<&str>) -> Listener {
        self.is_heard.store(true, Ordering::Relaxed);
        self.listeners.fetch_add(1, Ordering::Relaxed);
        let newest = self.newest.subscribe();
        let last = match after {
            None => *newest.borrow(),
            // Of another process, or nobody's: everything that is there, behind a word that there was more.
            Some(name) => self.number(name).unwrap_or(0),
        };
        let is_of_another = after.is_some_and(|name| self.number(name).is_none());
        Listener { feed: self.clone(), newest, last, has_missed: is_of_another, is_keeper: false }
    }

    /// What a listener says when he comes back.
    pub fn name(&self, happened: &Happened) -> String {
        format!("{}-{}", self.boot, happened.number)
    }

    fn number(&self, name: &str) -> Option<u64> {
        let number = name.strip_prefix(&*self.boot)?.strip_prefix('-')?.parse().ok()?;
        (number <= *self.newest.borrow()).then_some(number)
    }

    pub fn cloud_event(&self, happened: &Happened) -> Value {
        cloud_event(&self.name(happened), happened)
    }

    /// That events were missed. It has no name of its own: who comes back names the last that he has heard.
    pub(crate) fn gap(&self, at_ms: u64) -> Value {
        let (kind, subject, data) = (Kind::StreamGap, String::new(), json!({}));
        self.cloud_event(&Happened { number: 0, kind, subject, at_ms, data, about: About::default() })
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As a CloudEvent (CloudEvents 1.0, JSON format).
pub(crate) fn cloud_event(name: &str, happened: &Happened) -> Value {
    let mut event = json!({
        "specversion": "1.0",
        "id": name,
        "source": "/api/v1/events",
        "type": happened.kind.name(),
        "subject": happened.subject,
        "time": crate::calls::rfc3339(happened.at_ms),
        "datacontenttype": "application/json",
        "data": happened.data,
    });
    if let Some(tenant) = happened.about.tenant {
        // An extension of ours (CloudEvents section 3.1).
        event["tenant"] = tenant.text().into();
    }
    event
}

impl Kind {
    /// A type, or with `*` at the end those that begin so.
    pub(crate) fn is_meant(self, pattern: &str) -> bool {
        match pattern.strip_suffix('*') {
            Some(start) => self.name().starts_with(start),
            None => self.name() == pattern,
        }
    }

    /// Empty: the pattern names none.
    pub(crate) fn matching(pattern: &str) -> Vec<Self> {
        Self::ALL.iter().copied().filter(|kind| kind.is_meant(pattern)).collect()
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
    is_keeper: bool,
}

impl Listener {
    /// The number of the last that he has heard.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

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
        if self.is_keeper {
            return;
        }
        self.feed.listeners.fetch_sub(1, Ordering::Relaxed);
        // What time it is the feed knows by its newest event.
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
    fn who_has_promised_something_waits_until_it_is_written_down_where_somebody_has_a_webhook() {
        let feed = feed();
        publish(&feed, 1);
        feed.settle();
        feed.keep(true);
        let mut keeper = feed.keeper();
        publish(&feed, 2);
        let waiting = feed.clone();
        let (settled, is_settled) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            waiting.settle();
            settled.send(()).unwrap();
        });
        assert_eq!(keeper.look().unwrap().unwrap().number, 2);
        feed.was_kept(keeper.last());
        assert!(is_settled.try_recv().is_err(), "one is not written yet");
        assert_eq!(keeper.look().unwrap().unwrap().number, 3);
        feed.was_kept(keeper.last());
        is_settled.recv_timeout(SETTLE_MAX).unwrap();
        thread.join().unwrap();
    }

    #[test]
    fn an_event_is_of_a_tenant_and_of_users_and_what_is_of_the_installation_is_the_first_tenants() {
        let own = About { tenant: Some(TenantId(4)), users: [None, Some(UserId(7))] };
        assert!(own.is_of(TenantId(4)) && !own.is_of(TenantId::FIRST));
        assert!(own.is_about(UserId(7)) && !own.is_about(UserId(8)));
        assert!(About::default().is_of(TenantId::FIRST) && !About::default().is_of(TenantId(4)));
        let feed = feed();
        feed.publish_about(Kind::CallEnded, String::new(), 0, json!({}), own);
        feed.publish(Kind::CallEnded, String::new(), 0, json!({}));
        let mut listener = feed.listen(Some("0000000000000007-0"));
        let mut next = || feed.cloud_event(&listener.look().unwrap().unwrap())["tenant"].clone();
        assert_eq!((next(), next()), (json!("ten_4"), Value::Null));
    }

    #[test]
    fn no_two_kinds_have_one_name() {
        let mut names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Kind::ALL.len());
    }
}
