//! The registrar: RFC 3261 section 10, outbound (RFC 5626), GRUU (RFC 5627), Path (RFC 3327), Service-Route
//! (RFC 3608), keep-alive negotiation (RFC 6223), push (RFC 8599 section 5).
//!
//! A REGISTER is read and checked as a whole ([`request`]), matched against the bindings of its address of record and
//! planned under their lock ([`plan`]), and then carried out completely or not at all ([`commit`]): section 10.3 step
//! 7. The 200 leaves when the journal holds the change.
//!
//! Decisions beyond the RFCs, each beside its code: what counts as the same phone after a reboot and who must go when
//! an account has too many contacts ([`plan`]); which Contacts are refused and where requests are sent ([`contact`]);
//! what still works while the disk does not (below, [`Registrar::register_as`]).

mod answer;
mod commit;
mod contact;
mod date;
mod plan;
mod push;
mod request;

use crate::bindings::{AorBindings, BINDINGS_PER_AOR_MAX, View};
use crate::context::Context;
use crate::event::{Event, UnregisteredWhy};
use crate::flow::Flow;
use crate::guard::Authenticated;
use crate::record::Batch;
use coeur_directory::{Account, Aor, DeviceId};
use coeur_sip::Message;
use coeur_sip::status::StatusCode;
use coeur_sip::time::Monotonic;
use plan::Wanted;
use std::sync::atomic::Ordering;

/// One per shard. Holds no registrations, only buffers that stay warm: a refresh allocates nothing.
#[derive(Default)]
pub struct Registrar {
    /// The Contacts of the request at hand.
    wanted: Vec<Wanted>,
    /// Their text as it is stored, one after the other.
    texts: Vec<u8>,
    /// The Path of the request, comma separated.
    path: Vec<u8>,
    /// Header lines of the answer.
    headers: Vec<u8>,
    date: date::DateCache,
    swept: Option<Monotonic>,
}

/// Who registers: an account that has proved who it is, with what its domain allows.
pub(crate) struct Registrant<'a> {
    pub user: &'a [u8],
    pub domain: &'a [u8],
    /// Under these too it registers: they reach the same account.
    pub aliases: &'a [coeur_directory::Aor],
    pub device: DeviceId,
    pub rules: Rules,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub contacts_max: usize,
    pub expires_min_s: u32,
    pub expires_default_s: u32,
    pub expires_max_s: u32,
    pub expires_jitter_percent: u8,
    /// Somebody can be woken here: a phone without a connection may only sleep.
    pub wakes: bool,
}

impl Rules {
    /// `None` when the domain of the account is no longer there.
    fn of(cx: &Context<'_>, account: &Account) -> Option<Self> {
        let domain = cx.world.directory.domain(account.aor.domain().as_bytes())?;
        let contacts_max = account.contacts_max.unwrap_or(domain.contacts_max) as usize;
        Some(Self {
            contacts_max: contacts_max.clamp(1, BINDINGS_PER_AOR_MAX),
            expires_min_s: domain.expires_min_s,
            expires_default_s: domain.expires_default_s,
            expires_max_s: domain.expires_max_s,
            expires_jitter_percent: cx.world.settings.expires_jitter_percent,
            wakes: cx.world.settings.push.offers_any(),
        })
    }
}

/// Why a REGISTER is not carried out; becomes the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub status: StatusCode,
    pub reason: &'static str,
    pub header: RefusalHeader,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefusalHeader {
    None,
    /// 423 (RFC 3261 section 10.3 step 7).
    MinExpires(u32),
    /// 420: the option tags of Require that we do not know (RFC 3261 section 8.2.2.3).
    Unsupported,
    /// 420 (RFC 3327 section 5.3).
    UnsupportedPath,
    /// 503, seconds.
    RetryAfter(u32),
}

impl Refusal {
    fn new(status: u16, reason: &'static str) -> Self {
        // Every caller gives a literal between 400 and 599.
        let status = StatusCode::new(status).unwrap_or(StatusCode::SERVER_INTERNAL_ERROR);
        Self { status, reason, header: RefusalHeader::None }
    }

    fn with(self, header: RefusalHeader) -> Self {
        Self { header, ..self }
    }
}

/// What a carried out REGISTER was, for the way its answer leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    pub added: u32,
    pub refreshed: u32,
    pub replaced: u32,
    pub removed: u32,
    /// Only bindings that are in the journal were prolonged: losing this in a crash costs lifetime, no binding.
    pub is_pure_refresh: bool,
}

impl Registrar {
    pub fn new() -> Self {
        Self::default()
    }

    /// Carries out a REGISTER of a sender who has proved who he is, and writes its answer.
    pub fn register(
        &mut self,
        cx: &mut Context<'_>,
        flow: Flow,
        message: &Message<'_>,
        proof: &Authenticated,
    ) {
        let (account, device) = (&*proof.account, proof.device);
        let Some(rules) = Rules::of(cx, account) else {
            return self.refuse(cx, flow, message, Refusal::new(404, "Domain Not Served"));
        };
        let (user, domain) = (account.aor.user().as_bytes(), account.aor.domain().as_bytes());
        let aliases = &*account.aliases;
        self.register_as(cx, flow, message, &Registrant { user, domain, aliases, device, rules });
    }

    /// While the journal cannot write, what would be lost by a crash is refused at once with 503; a pure refresh of
    /// known bindings is kept in memory and answered 200 with a Warning, so that phones stay reachable for as long
    /// as the process lives.
    pub(crate) fn register_as(
        &mut self,
        cx: &mut Context<'_>,
        flow: Flow,
        message: &Message<'_>,
        who: &Registrant<'_>,
    ) {
        let writable = cx.world.storage_writable.load(Ordering::Relaxed);
        let spread = cx.mint.u32();
        let result = request::read(self, cx, &flow, message, who, spread).and_then(|request| {
            let (bindings, now, mint) = (&cx.world.bindings, cx.now, &mut *cx.mint);
            let gruu_key = request.supports.gruu.then_some(&cx.world.secrets.gruu);
            let mut result = Ok((Done::default(), Vec::new()));
            let saved = cx.outbox.write(|out| {
                result = bindings.change(who.user, who.domain, now.monotonic, |aor| {
                    let plan = plan::plan(&mut self.wanted, &self.texts, &self.path, aor, &request, who)?;
                    let pure = plan.is_pure_refresh(&self.wanted, aor, bindings.saved_up_to());
                    if !writable && !pure {
                        return Err(answer::storage_unavailable());
                    }
                    let mut batch = Batch::of(out, bindings, now, who.user, who.domain);
                    let mut done = commit::commit(
                        &self.wanted,
                        &self.texts,
                        &self.path,
                        &plan,
                        aor,
                        &request,
                        who,
                        &mut batch,
                    );
                    done.0.is_pure_refresh = pure && done.0.refreshed > 0;
                    answer::contacts(&mut self.headers, aor, who, gruu_key, mint);
                    Ok(done)
                });
            });
            result.map(|(done, events)| (request, done, events, saved))
        });
        match result {
            Ok((request, done, events, saved)) => {
                self.count(cx, &done);
                events.into_iter().for_each(|event| cx.outbox.publish(event));
                self.ice_servers(cx, &flow, who, &request);
                self.accept(cx, flow, message, &request, &done, saved, writable);
            }
            Err(refusal) => self.refuse(cx, flow, message, refusal),
        }
    }

    /// Removes the bindings of one device, or all of an account, at once.
    pub fn revoke(&mut self, cx: &mut Context<'_>, aor: &Aor, device: Option<DeviceId>) {
        let (user, domain) = (aor.user().as_bytes(), aor.domain().as_bytes());
        let (bindings, now) = (&cx.world.bindings, cx.now);
        let mut removed = 0;
        let saved = cx.outbox.write(|out| {
            bindings.change(user, domain, now.monotonic, |aor| {
                let concerned = |view: View<'_>| device.is_none_or(|device| view.draft().device == device);
                let indexes: Vec<usize> =
                    (0..aor.len()).filter(|index| concerned(aor.view(*index))).collect();
                if indexes.is_empty() {
                    return;
                }
                let mut batch = Batch::of(out, bindings, now, user, domain);
                for index in indexes.into_iter().rev() {
                    remove(aor, index, &mut batch);
                    removed += 1;
                }
            });
        });
        if removed > 0 {
            cx.outbox.save(saved);
            cx.outbox.publish(Event::Unregistered { aor: aor.clone(), why: UnregisteredWhy::Revoked });
            cx.counters.registrations_removed += removed;
        }
    }

    /// The bindings of a closed connection lose their flow and wait for their phone (see [`crate::bindings`]).
    pub fn flow_closed(&mut self, cx: &mut Context<'_>, flow: &Flow) {
        cx.world.bindings.flow_closed(flow.connection);
    }

    /// Removes what has expired. Nothing is journalled: recovery finds the same by the clock.
    pub fn tick(&mut self, cx: &mut Context<'_>) {
        self.swept = Some(cx.now.monotonic);
        push::wake_before_the_end(cx);
        let outbox = &mut *cx.outbox;
        let removed = cx.world.bindings.expire(cx.now.monotonic, |view| {
            let draft = view.draft();
            if let Some(aor) = aor_of(draft.user, draft.domain) {
                outbox.publish(Event::Unregistered { aor, why: UnregisteredWhy::Expired });
            }
        });
        cx.counters.registrations_expired += removed as u64;
    }

    /// The next full second.
    pub fn next_deadline(&self) -> Option<Monotonic> {
        let swept_s = self.swept.map_or(0, |swept| swept.as_millis() / 1000);
        Some(Monotonic::from_secs(swept_s + 1))
    }

    fn count(&self, cx: &mut Context<'_>, done: &Done) {
        cx.counters.registrations += u64::from(done.added);
        cx.counters.registrations_refreshed += u64::from(done.refreshed + done.replaced);
        cx.counters.registrations_removed += u64::from(done.removed);
    }
}

fn remove(aor: &mut AorBindings<'_>, index: usize, batch: &mut Batch<'_>) {
    let (id, version) = aor.remove(index);
    batch.unbind(id, version);
}

fn aor_of(user: &[u8], domain: &[u8]) -> Option<Aor> {
    Aor::new(std::str::from_utf8(user).ok()?, std::str::from_utf8(domain).ok()?).ok()
}

#[cfg(test)]
mod tests;
