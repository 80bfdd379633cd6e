//! What recovery may do and nobody else: put a binding back as it was, with the identity and the time it had.

use super::row::{BindingId, Draft, Refresh, Row, Version};
use super::stripe::Stripe;
use super::{Bindings, ms};
use coeur_sip::time::Monotonic;
use std::sync::atomic::Ordering;

/// How much of a lifetime remains, and since when the binding exists.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Restore {
    pub remaining_ms: u64,
    pub age_s: u32,
    /// False for a flow that did not survive: a stream, or UDP whose listener is gone.
    pub open: bool,
}

impl Bindings {
    /// The version of a binding, expired ones included.
    pub(crate) fn version_of(&self, user: &[u8], domain: &[u8], id: BindingId) -> Option<Version> {
        let (hash, stripe) = self.stripe_of(user, domain);
        stripe.find(hash, user, domain, id).map(|at| stripe.rows[at].version)
    }

    /// Puts a binding there, over one of the same id if there is one.
    pub(crate) fn restore(
        &self,
        id: BindingId,
        version: Version,
        draft: &Draft<'_>,
        restore: Restore,
        now: Monotonic,
    ) {
        self.skip_version(version);
        let (hash, mut stripe) = self.stripe_of(draft.user, draft.domain);
        let at = match stripe.find(hash, draft.user, draft.domain, id) {
            Some(at) => {
                stripe.replace(at, version, draft, ms(now));
                at
            }
            None => {
                self.count.fetch_add(1, Ordering::Relaxed);
                stripe.insert(hash, Row::new(id, version, draft, ms(now)))
            }
        };
        settle(&mut stripe, at, restore, now);
        stripe.rows[at].registered_s = ((ms(now) / 1000) as i32).saturating_sub_unsigned(restore.age_s);
    }

    /// Prolongs a binding; false when it is not there.
    pub(crate) fn restore_refresh(
        &self,
        (user, domain): (&[u8], &[u8]),
        id: BindingId,
        version: Version,
        refresh: &Refresh,
        restore: Restore,
        now: Monotonic,
    ) -> bool {
        self.skip_version(version);
        let (hash, mut stripe) = self.stripe_of(user, domain);
        let Some(at) = stripe.find(hash, user, domain, id) else { return false };
        stripe.refresh(at, version, refresh, ms(now));
        settle(&mut stripe, at, restore, now);
        true
    }

    pub(crate) fn restore_removal(
        &self,
        user: &[u8],
        domain: &[u8],
        id: BindingId,
        version: Version,
    ) -> bool {
        self.skip_version(version);
        let (hash, mut stripe) = self.stripe_of(user, domain);
        let Some(at) = stripe.find(hash, user, domain, id) else { return false };
        stripe.remove(hash, at);
        self.count.fetch_sub(1, Ordering::Relaxed);
        true
    }

    /// Removes what had expired while nobody was there; tells how many.
    pub(crate) fn restored(&self, now: Monotonic) -> usize {
        let (mut places, mut removed) = (Vec::new(), 0);
        for stripe in &self.stripes {
            stripe.lock().sweep_all(ms(now), &mut places, &mut |_| removed += 1);
        }
        self.count.fetch_sub(removed, Ordering::Relaxed);
        removed
    }
}

fn settle(stripe: &mut Stripe, at: u32, restore: Restore, now: Monotonic) {
    let expires_ms = if restore.remaining_ms == 0 { 0 } else { ms(now) + restore.remaining_ms };
    stripe.set_expiry(at, expires_ms);
    if !restore.open {
        stripe.close(at);
    }
}
