//! Where the phones are: address of record -> bindings (RFC 3261 section 10). Written only by the registrar, looked
//! up by everyone, shared by all shards.
//!
//! 64 stripes, each behind its own lock, held for the time of one lookup or one change and never across a call.
//! A binding costs 128 bytes and its text (AoR, Contact, Call-ID, User-Agent, Path) plus the indexes: less than
//! 440 bytes for an ordinary phone, which a test measures at 100,000 bindings.
//!
//! Time is the monotonic clock: a jump of the wall clock neither ends a registration nor makes one eternal. The wall
//! clock appears in the journal only ([`crate::record`]).
//!
//! A binding whose connection has closed stays until it expires, so that its GRUUs and its place stay valid, but it
//! is no target while nothing can reach it: browsers and TLS phones come back by registering again. A TCP phone
//! whose Contact named the very address it came from may be called there ([`Fallback::Contact`]). One that has said where it
//! is woken sleeps (RFC 8599): see [`Bindings::asleep`].

mod restore;
mod row;
mod stripe;
mod target;
mod wheel;

pub(crate) use restore::Restore;
pub use row::{BindingId, Draft, Fallback, Refresh, Version};
pub use target::Target;

use crate::flow::{ConnectionId, Flow};
use crate::push::{self, Destination};
use coeur_sip::time::Monotonic;
use hashbrown::DefaultHashBuilder;
use parking_lot::{Mutex, MutexGuard};
use row::Row;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use stripe::{Stripe, aor_hash};

const STRIPES: usize = 64;

/// Most bindings of one address of record, whatever the directory allows: 24 KiB of the largest.
pub const BINDINGS_PER_AOR_MAX: usize = 64;

/// Which boot of the machine this is, and where in it the monotonic clock of this process began. With it, lifetimes
/// survive a restart of the process even when the wall clock was set meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Boot {
    /// Any number that differs between boots; 0: unknown, the wall clock is trusted.
    pub id: u64,
    /// Milliseconds from boot to the zero of [`Monotonic`].
    pub started_ms: u64,
}

pub struct Bindings {
    boot: Boot,
    stripes: Box<[Mutex<Stripe>]>,
    hasher: DefaultHashBuilder,
    count: AtomicUsize,
    version: AtomicU64,
    /// The second for which expired bindings have been removed; whoever moves it on does the work.
    swept_s: AtomicU64,
    /// The second in which a stripe was searched for those to be woken.
    looked_s: AtomicU64,
    /// See [`Bindings::saved_up_to`].
    saved_up_to: AtomicU64,
}

impl Default for Bindings {
    fn default() -> Self {
        Self::new()
    }
}

impl Bindings {
    pub fn new() -> Self {
        Self::of_boot(Boot::default())
    }

    pub fn of_boot(boot: Boot) -> Self {
        let hasher = DefaultHashBuilder::default();
        Self {
            boot,
            stripes: (0..STRIPES).map(|_| Mutex::new(Stripe::new(hasher.clone()))).collect(),
            hasher,
            count: AtomicUsize::new(0),
            version: AtomicU64::new(1),
            swept_s: AtomicU64::new(0),
            looked_s: AtomicU64::new(0),
            saved_up_to: AtomicU64::new(0),
        }
    }

    pub(crate) fn boot(&self) -> Boot {
        self.boot
    }

    /// Bindings held, unreachable ones included.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Appends the bindings that a request for `user@domain` can be sent to: highest q first, among equals the one
    /// registered last first (RFC 5626 section 5.3 prefers it among the flows of one instance).
    pub fn lookup(&self, user: &[u8], domain: &[u8], now: Monotonic, out: &mut Vec<Target>) {
        self.targets(user, domain, now, out, |_| true);
    }

    /// The same for one instance of a user agent: what a GRUU stands for (RFC 5627 section 3.4). All flows of the
    /// instance are appended; they are alternatives, never to be forked to in parallel.
    pub fn lookup_instance(
        &self,
        user: &[u8],
        domain: &[u8],
        instance: &[u8],
        now: Monotonic,
        out: &mut Vec<Target>,
    ) {
        self.targets(user, domain, now, out, |row| row.instance() == Some(instance));
    }

    /// The same for bindings that nothing can reach now, and that can be woken.
    pub fn asleep(
        &self,
        user: &[u8],
        domain: &[u8],
        instance: Option<&[u8]>,
        now: Monotonic,
        out: &mut Vec<Target>,
    ) {
        self.each_target(user, domain, now, out, |row| {
            row.can_be_woken()
                && !row.is_open()
                && instance.is_none_or(|wanted| row.instance() == Some(wanted))
        });
    }

    fn targets(
        &self,
        user: &[u8],
        domain: &[u8],
        now: Monotonic,
        out: &mut Vec<Target>,
        wanted: impl Fn(&Row) -> bool,
    ) {
        self.each_target(user, domain, now, out, |row| row.is_reachable() && wanted(row));
    }

    fn each_target(
        &self,
        user: &[u8],
        domain: &[u8],
        now: Monotonic,
        out: &mut Vec<Target>,
        wanted: impl Fn(&Row) -> bool,
    ) {
        let (hash, stripe) = self.stripe_of(user, domain);
        let now_ms = ms(now);
        let first = out.len();
        for at in stripe.places(hash, user, domain) {
            let row = &stripe.rows[at];
            if row.expires_ms > now_ms && wanted(row) {
                out.push(Target::of(row));
            }
        }
        drop(stripe);
        out[first..].sort_unstable_by(|a, b| b.q.cmp(&a.q).then(b.version.cmp(&a.version)));
    }

    /// Hands every live binding of one address of record to `each`, oldest first.
    pub fn each_of(&self, user: &[u8], domain: &[u8], now: Monotonic, mut each: impl FnMut(View<'_>)) {
        self.change(user, domain, now, |aor| aor.views().for_each(&mut each));
    }

    /// Hands up to `limit` bindings to `each`, from where the last page ended, and tells where the next begins.
    /// Each page holds one lock once. Bindings that come and go between pages may be missed, never repeated.
    pub fn page(
        &self,
        from: Cursor,
        limit: usize,
        now: Monotonic,
        each: &mut dyn FnMut(View<'_>),
    ) -> Option<Cursor> {
        let stripe = self.stripes.get(from.stripe)?.lock();
        let now_ms = ms(now);
        let mut rows = stripe.rows.iter_from(from.place);
        for (_, row) in rows.by_ref().take(limit).filter(|(_, row)| row.expires_ms > now_ms) {
            each(View { row, now_ms });
        }
        match rows.next() {
            Some((place, _)) => Some(Cursor { stripe: from.stripe, place: place as usize }),
            None => (from.stripe + 1 < STRIPES).then_some(Cursor { stripe: from.stripe + 1, place: 0 }),
        }
    }

    /// Removes what has expired; each removed binding is handed to `each` under its stripe's lock. Called by every
    /// shard; one of them does the work, once a second. Tells how many were removed.
    pub fn expire(&self, now: Monotonic, mut each: impl FnMut(View<'_>)) -> usize {
        let now_ms = ms(now);
        if self.swept_s.fetch_max(now_ms / 1000, Ordering::Relaxed) >= now_ms / 1000 {
            return 0;
        }
        let (mut places, mut removed) = (Vec::new(), 0);
        for stripe in &self.stripes {
            stripe.lock().sweep(now_ms, &mut places, &mut |row| {
                removed += 1;
                each(View { row, now_ms });
            });
        }
        self.count.fetch_sub(removed, Ordering::Relaxed);
        removed
    }

    /// Hands those to `each` that are to be woken because their registration ends within `before_s` or a minute later: of one
    /// stripe each second, so of all within a minute. Called by every shard; one of them does the work.
    pub fn due_for_wake(&self, now: Monotonic, before_s: u32, mut each: impl FnMut(View<'_>)) {
        let now_ms = ms(now);
        let now_s = now_ms / 1000;
        if self.looked_s.fetch_max(now_s, Ordering::Relaxed) >= now_s {
            return;
        }
        let until_ms = now_ms + (u64::from(before_s) + STRIPES as u64) * 1000;
        let stripe = self.stripes[now_s as usize % STRIPES].lock();
        let is_due =
            |row: &Row| row.is_refreshed_by_push() && row.expires_ms <= until_ms && row.expires_ms > now_ms;
        stripe
            .rows
            .iter_from(0)
            .filter(|(_, row)| is_due(row))
            .for_each(|(_, row)| each(View { row, now_ms }));
    }

    /// Marks the bindings of a closed connection as without flow; tells how many.
    pub fn flow_closed(&self, connection: ConnectionId) -> usize {
        if connection == ConnectionId::NONE {
            return 0;
        }
        self.stripes.iter().map(|stripe| stripe.lock().connection_closed(connection)).sum()
    }

    /// Adds one binding as it is: what tools, simulations and measurements use. The registrar's rules are not
    /// applied and nothing is journalled. `None` at [`BINDINGS_PER_AOR_MAX`].
    pub fn bind(&self, draft: &Draft<'_>, now: Monotonic) -> Option<BindingId> {
        self.change(draft.user, draft.domain, now, |aor| aor.insert(draft))
            .map(|version| BindingId(version.0))
    }

    /// Opens one address of record for a change under its lock. `f` must not call back into the bindings.
    pub(crate) fn change<R>(
        &self,
        user: &[u8],
        domain: &[u8],
        now: Monotonic,
        f: impl FnOnce(&mut AorBindings<'_>) -> R,
    ) -> R {
        let (hash, stripe) = self.stripe_of(user, domain);
        let mut aor = AorBindings::open(self, stripe, hash, user, domain, ms(now));
        f(&mut aor)
    }

    /// The highest version given out so far: what a snapshot begun now is sure to contain.
    pub fn version(&self) -> Version {
        Version(self.version.load(Ordering::SeqCst) - 1)
    }

    /// Every binding made up to this version is in the journal. Later ones may be in memory only when the journal
    /// fails: what was answered 503 stays here, and must not be taken for a registration that outlives a restart.
    pub fn saved_up_to(&self) -> Version {
        Version(self.saved_up_to.load(Ordering::SeqCst))
    }

    pub fn set_saved_up_to(&self, version: Version) {
        self.saved_up_to.store(version.0, Ordering::SeqCst);
    }

    /// Recovery: versions given out from now on are higher than this one.
    pub(crate) fn skip_version(&self, seen: Version) {
        self.version.fetch_max(seen.0.saturating_add(1), Ordering::SeqCst);
    }

    fn stripe_of(&self, user: &[u8], domain: &[u8]) -> (u64, MutexGuard<'_, Stripe>) {
        let hash = aor_hash(&self.hasher, user, domain);
        // Neither the low bits nor the top seven: the tables inside the stripe use those.
        (hash, self.stripes[(hash >> 40) as usize % STRIPES].lock())
    }
}

/// Milliseconds of the monotonic clock, the unit of everything in here.
pub(crate) fn ms(now: Monotonic) -> u64 {
    now.as_millis()
}

/// Where the next page begins; `Cursor::default()` is the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    stripe: usize,
    place: usize,
}

/// As text for those who ask from outside; they give it back as it is.
impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.stripe, self.place)
    }
}

impl std::str::FromStr for Cursor {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (stripe, place) = text.split_once('.').unwrap_or((text, ""));
        Ok(Self { stripe: stripe.parse()?, place: place.parse()? })
    }
}

/// A binding as it is at one moment, borrowed under its lock.
#[derive(Clone, Copy)]
pub struct View<'a> {
    row: &'a Row,
    now_ms: u64,
}

impl<'a> View<'a> {
    pub fn id(&self) -> BindingId {
        self.row.id
    }

    pub fn version(&self) -> Version {
        self.row.version
    }

    /// Everything that is stored, as the registrar gave it; the flow is the last one, open or not.
    pub fn draft(&self) -> Draft<'a> {
        self.row.draft()
    }

    pub fn uri(&self) -> &'a [u8] {
        self.row.uri()
    }

    pub fn instance(&self) -> Option<&'a [u8]> {
        self.row.instance()
    }

    /// The flow, when it is there.
    pub fn flow(&self) -> Option<Flow> {
        self.row.flow()
    }

    pub fn is_reachable(&self) -> bool {
        self.row.is_reachable()
    }

    /// Nothing reaches it now, but it can be woken.
    pub fn is_asleep(&self) -> bool {
        self.row.can_be_woken() && !self.row.is_open()
    }

    /// Where it is woken.
    pub fn destination(&self) -> Option<Destination> {
        self.row.can_be_woken().then(|| push::has_destination(self.row.uri())).flatten()
    }

    pub(crate) fn target(&self) -> Target {
        Target::of(self.row)
    }

    pub fn remaining_ms(&self) -> u64 {
        self.row.expires_ms.saturating_sub(self.now_ms)
    }

    /// Whole seconds left, rounded up: a binding that lives never shows 0, which would mean its removal.
    pub fn remaining_s(&self) -> u32 {
        self.remaining_ms().div_ceil(1000) as u32
    }

    /// Seconds since the first registration of this binding.
    pub fn age_s(&self) -> u32 {
        ((self.now_ms / 1000) as i32).saturating_sub(self.row.registered_s).max(0).cast_unsigned()
    }

    /// Bytes of text on the heap.
    pub fn text_bytes(&self) -> usize {
        self.row.text_bytes()
    }
}

/// The live bindings of one address of record, oldest first, locked for a change.
pub(crate) struct AorBindings<'a> {
    bindings: &'a Bindings,
    stripe: MutexGuard<'a, Stripe>,
    hash: u64,
    now_ms: u64,
    places: [u32; BINDINGS_PER_AOR_MAX],
    len: usize,
}

impl<'a> AorBindings<'a> {
    fn open(
        bindings: &'a Bindings,
        stripe: MutexGuard<'a, Stripe>,
        hash: u64,
        user: &'a [u8],
        domain: &'a [u8],
        now_ms: u64,
    ) -> Self {
        let mut places = [0; BINDINGS_PER_AOR_MAX];
        let mut len = 0;
        for at in stripe.places(hash, user, domain) {
            if stripe.rows[at].expires_ms > now_ms && len < BINDINGS_PER_AOR_MAX {
                places[len] = at;
                len += 1;
            }
        }
        places[..len].sort_unstable_by_key(|at| stripe.rows[*at].id);
        Self { bindings, stripe, hash, now_ms, places, len }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn view(&self, index: usize) -> View<'_> {
        View { row: &self.stripe.rows[self.places[index]], now_ms: self.now_ms }
    }

    pub(crate) fn views(&self) -> impl Iterator<Item = View<'_>> {
        (0..self.len).map(|index| self.view(index))
    }

    pub(crate) fn refresh(&mut self, index: usize, refresh: &Refresh) -> Version {
        let version = self.next_version();
        self.stripe.refresh(self.places[index], version, refresh, self.now_ms);
        version
    }

    /// Its push service knows it no more.
    pub(crate) fn end_push(&mut self, index: usize) {
        self.stripe.rows[self.places[index]].end_push();
    }

    /// Gives a binding other content; it keeps its id.
    pub(crate) fn replace(&mut self, index: usize, draft: &Draft<'_>) -> Version {
        let version = self.next_version();
        self.stripe.replace(self.places[index], version, draft, self.now_ms);
        version
    }

    /// Adds a binding; its id is its first version. `None` when [`BINDINGS_PER_AOR_MAX`] is reached.
    pub(crate) fn insert(&mut self, draft: &Draft<'_>) -> Option<Version> {
        if self.len == BINDINGS_PER_AOR_MAX {
            return None;
        }
        let version = self.next_version();
        let row = Row::new(BindingId(version.0), version, draft, self.now_ms);
        self.bindings.count.fetch_add(1, Ordering::Relaxed);
        self.places[self.len] = self.stripe.insert(self.hash, row);
        self.len += 1;
        Some(version)
    }

    /// Removes a binding; those behind it move up by one.
    pub(crate) fn remove(&mut self, index: usize) -> (BindingId, Version) {
        let version = self.next_version();
        let at = self.places[index];
        let id = self.stripe.rows[at].id;
        if self.stripe.remove(self.hash, at).is_some() {
            self.bindings.count.fetch_sub(1, Ordering::Relaxed);
        }
        self.places.copy_within(index + 1..self.len, index);
        self.len -= 1;
        (id, version)
    }

    fn next_version(&self) -> Version {
        Version(self.bindings.version.fetch_add(1, Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests;
