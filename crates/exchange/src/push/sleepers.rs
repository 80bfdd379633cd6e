//! The devices that one call or one text waits for. `L` names what was sent to a device over a connection that seemed to be
//! there.
//!
//! A device that was woken comes back by a REGISTER, on whichever shard; so it is looked for among the bindings, ten times a
//! second: a look costs a lock and a hash, and a thousand calls that wait cost 1 % of a core.

use super::{Pacing, Place, Reason, Wake};
use crate::bindings;
use crate::context::Context;
use crate::party::Party;
use crate::routing::{Target, is_sips};
use coeur_sip::time::Monotonic;
use std::time::Duration;

pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(100);

/// At most as many as a request may have branches; some 300 bytes each.
pub(crate) struct Sleepers<L> {
    reason: Reason,
    id: u128,
    list: Vec<Sleeper<L>>,
}

struct Sleeper<L> {
    target: Target,
    place: Place,
    party: Party,
    tried: Option<L>,
    /// It was woken; before, its connection is given until `until`.
    is_woken: bool,
    until: Monotonic,
}

/// What has become of what was sent over a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tried {
    /// Nothing came back.
    Silent,
    /// The device is awake.
    Answered,
    /// The connection was not there.
    Failed,
}

/// What is to be done now.
pub(crate) enum Step<L> {
    /// The device is back: it is called there, and no longer over the connection where it was silent. `was_asleep`: nothing was
    /// sent to it yet, though it counts as a branch already.
    Back { target: Box<Target>, instead_of: Option<L>, was_asleep: bool },
    /// It will not come.
    Lost,
}

impl<L: Copy + PartialEq> Sleepers<L> {
    pub(crate) fn new(cx: &mut Context<'_>, reason: Reason) -> Self {
        let id = u128::from(cx.mint.u64()) << 64 | u128::from(cx.mint.u64());
        Self { reason, id, list: Vec::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Waits for the device of this target: it is woken now, or first `tried` where it was last.
    pub(crate) fn add(&mut self, cx: &mut Context<'_>, target: &Target, tried: Option<L>) {
        let (Some(place), Some(party)) = (target.push.as_deref().cloned(), target.party) else { return };
        if self.list.iter().any(|sleeper| sleeper.place.binding == place.binding) {
            return;
        }
        let silent = Duration::from_millis(u64::from(cx.world.settings.push.silent_ms));
        let until = cx.now.monotonic + silent;
        let is_woken = tried.is_none();
        let mut sleeper = Sleeper { target: target.clone(), place, party, tried, is_woken, until };
        if is_woken {
            self.wake(cx, &mut sleeper);
        }
        self.list.push(sleeper);
    }

    /// What was sent there has been answered: the device is awake.
    pub(crate) fn forget(&mut self, tried: L) {
        self.list.retain(|sleeper| sleeper.tried != Some(tried));
    }

    pub(crate) fn look(&mut self, cx: &mut Context<'_>, what_became_of: impl Fn(L) -> Tried) -> Vec<Step<L>> {
        let mut steps = Vec::new();
        for mut sleeper in std::mem::take(&mut self.list) {
            let tried = sleeper.tried.map(&what_became_of);
            match tried {
                Some(Tried::Answered) => continue,
                Some(Tried::Failed) => sleeper.tried = None,
                Some(Tried::Silent) | None => {}
            }
            let is_gone = sleeper.tried.is_none();
            match find(cx, &sleeper) {
                Found::Back(target) if !is_gone && target.flow == sleeper.target.flow => continue,
                Found::Back(target) => {
                    let (instead_of, was_asleep) = (sleeper.tried, sleeper.target.is_asleep());
                    steps.push(Step::Back { target, instead_of, was_asleep });
                    continue;
                }
                Found::Nothing if is_gone => {
                    steps.push(Step::Lost);
                    continue;
                }
                Found::Nothing => continue,
                Found::Asleep => {}
            }
            let is_over = sleeper.until.is_due(cx.now.monotonic);
            if !sleeper.is_woken && (is_gone || is_over) {
                self.wake(cx, &mut sleeper);
            } else if sleeper.is_woken && is_over {
                if is_gone {
                    steps.push(Step::Lost);
                }
                continue;
            }
            self.list.push(sleeper);
        }
        steps
    }

    fn wake(&self, cx: &mut Context<'_>, sleeper: &mut Sleeper<L>) {
        sleeper.is_woken = true;
        let wait_ms = cx.world.settings.push.wait_ms;
        sleeper.until = cx.now.monotonic + Duration::from_millis(u64::from(wait_ms));
        let Some(account) = sleeper.party.account(cx.world) else { return };
        let wake = Wake {
            destination: sleeper.place.destination.clone(),
            reason: self.reason,
            aor: account.aor.clone(),
            binding: sleeper.place.binding,
            id: self.id,
            lifetime_s: wait_ms.div_ceil(1_000),
        };
        push(cx, wake);
    }
}

/// Asks for a waking, unless the device was woken a moment ago or too often.
pub(crate) fn push(cx: &mut Context<'_>, wake: Wake) {
    let max = cx.world.settings.push.per_minute_max;
    match cx.world.push_pace.wakes(wake.binding, wake.reason, cx.now.monotonic, max) {
        Pacing::Now => {
            cx.counters.pushes += 1;
            cx.outbox.outputs.push(crate::outbox::Output::Push(Box::new(wake)));
        }
        Pacing::UnderWay => {}
        Pacing::TooOften => cx.counters.pushes_withheld += 1,
    }
}

enum Found {
    Back(Box<Target>),
    Asleep,
    /// It is not registered any more, or can no longer be woken.
    Nothing,
}

/// The same binding, or another that is the same device: a program that was started anew has other ports, and the same name at
/// its push service.
fn find<L>(cx: &Context<'_>, sleeper: &Sleeper<L>) -> Found {
    let Sleeper { target, place, party, .. } = sleeper;
    let Some(account) = party.account(cx.world).filter(|account| account.enabled) else {
        return Found::Nothing;
    };
    let (user, domain) = (account.aor.user().as_bytes(), account.aor.domain().as_bytes());
    let (mut back, mut is_asleep): (Option<bindings::Target>, bool) = (None, false);
    cx.world.bindings.each_of(user, domain, cx.now.monotonic, |view| {
        let is_same = view.id() == place.binding
            || (view.instance().is_some() && view.instance() == target.instance.as_deref())
            || view.destination().is_some_and(|destination| destination == place.destination);
        if view.draft().device != party.device || !is_same {
            return;
        }
        is_asleep |= view.destination().is_some();
        if view.version() > place.version && view.flow().is_some() {
            back = Some(view.target());
        }
    });
    let back = back.and_then(|back| Target::of_binding(back, account.id).for_scheme(is_sips(&target.uri)));
    match back {
        Some(back) => Found::Back(Box::new(back)),
        None if is_asleep => Found::Asleep,
        None => Found::Nothing,
    }
}
