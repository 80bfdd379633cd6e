//! Where calls of an account go when it cannot or will not take them itself: as its owner wants it, with the rights of the
//! account that forwards (threat T-09), and never in a circle.
//!
//! What can be said at once (always, not registered, do not disturb) is in the plan; what shows only while it rings (busy,
//! nobody answers) is asked again by `call`. A proxy (`calls = "proxy"`) does the first kind only.

use crate::routing::{self, Ask, Plan, Why, refuse};
use crate::world::World;
use coeur_directory::{Account, AccountId};
use coeur_sip::StatusCode;
use coeur_sip::time::Monotonic;

/// Accounts that one call may be forwarded by.
pub const FORWARDS_MAX: usize = 5;

/// Why an account forwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Always,
    DoNotDisturb,
    Busy,
    NoAnswer,
    /// No device of it can be reached.
    Offline,
}

impl Cause {
    /// RFC 5806 section 4.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Always => "unconditional",
            Self::DoNotDisturb => "do-not-disturb",
            Self::Busy => "user-busy",
            Self::NoAnswer => "no-answer",
            Self::Offline => "unavailable",
        }
    }

    /// RFC 4458 section 2, and the status that RFC 7044 section 10.2 has in Reason.
    pub const fn code(self) -> u16 {
        match self {
            Self::Always => 302,
            Self::DoNotDisturb | Self::Busy => 486,
            Self::NoAnswer => 408,
            Self::Offline => 404,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::DoNotDisturb => "not to be disturbed",
            Self::Busy => "busy",
            Self::NoAnswer => "no answer",
            Self::Offline => "not registered",
        }
    }
}

/// An account that has forwarded a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diversion {
    pub account: AccountId,
    pub aor: Box<str>,
    pub cause: Cause,
    /// Where to: the URI of its rule.
    pub to: Box<str>,
}

/// What goes with the targets of a call. Worst case [`FORWARDS_MAX`] diversions of some 500 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Onward {
    /// Who has forwarded it so far, the first first.
    pub trail: Vec<Diversion>,
    /// Whose devices are called now, when its rules say what else may be done.
    pub account: Option<AccountId>,
    /// It is forwarded when nobody has answered within this time (seconds).
    pub after_s: Option<u16>,
}

impl Onward {
    /// With the rules of the account whose devices are called. `None`: there is nothing to be said.
    pub(crate) fn of(account: &Account, trail: &[Diversion]) -> Option<Box<Self>> {
        let rules = account.forwarding.as_deref();
        if rules.is_none() && trail.is_empty() {
            return None;
        }
        let after_s = rules.filter(|rules| rules.no_answer.is_some()).map(|rules| rules.after_s);
        Some(Box::new(Self { trail: trail.to_vec(), account: rules.map(|_| account.id), after_s }))
    }

    /// Of a target that is nobody of ours.
    pub(crate) fn of_nobody(trail: &[Diversion]) -> Option<Box<Self>> {
        (!trail.is_empty()).then(|| Box::new(Self { trail: trail.to_vec(), account: None, after_s: None }))
    }

    /// What `Plan::explain` says of it.
    pub fn explain(&self) -> String {
        let mut text = String::new();
        for diversion in &self.trail {
            let Diversion { aor, cause, to, .. } = diversion;
            text.push_str(&format!("; forwarded by {aor} ({}) to {to}", cause.as_str()));
        }
        if let Some(after_s) = self.after_s {
            text.push_str(&format!("; and on after {after_s} s"));
        }
        text
    }
}

/// The rule of an account for this case.
pub(crate) fn rule(account: &Account, cause: Cause) -> Option<Box<str>> {
    let rules = account.forwarding.as_deref()?;
    match cause {
        Cause::Always => rules.always.clone(),
        // Who does not want to be disturbed is busy for everybody.
        Cause::DoNotDisturb => rules.busy.clone().filter(|_| rules.do_not_disturb),
        Cause::Busy => rules.busy.clone(),
        Cause::NoAnswer => rules.no_answer.clone(),
        Cause::Offline => rules.offline.clone(),
    }
}

/// What an account wants with every call. `None`: its devices are called.
pub(crate) fn at_once(ask: &Ask<'_>, account: &Account, trail: &[Diversion]) -> Option<Plan> {
    for cause in [Cause::Always, Cause::DoNotDisturb] {
        if let Some(target) = rule(account, cause) {
            return Some(forward(ask, account, &target, cause, trail));
        }
    }
    let quiet = account.forwarding.as_deref().is_some_and(|rules| rules.do_not_disturb);
    quiet.then(|| refuse(StatusCode::BUSY_HERE, Why::DoNotDisturb))
}

/// The account hands the call on: from here on its rights count, and no longer those of who called it.
pub(crate) fn forward(ask: &Ask<'_>, account: &Account, to: &str, cause: Cause, trail: &[Diversion]) -> Plan {
    if trail.iter().any(|diversion| diversion.account == account.id) {
        return refuse(StatusCode::LOOP_DETECTED, Why::ForwardedInCircle);
    }
    if trail.len() >= FORWARDS_MAX {
        return refuse(StatusCode::TEMPORARILY_UNAVAILABLE, Why::ForwardedTooOften);
    }
    let aor = account.aor.as_str().into();
    let mut longer = trail.to_vec();
    longer.push(Diversion { account: account.id, aor, cause, to: to.into() });
    routing::decide_for(&Ask { caller: Some(account), trail: Some(&longer), ..*ask }, to.as_bytes())
}

/// The same while it rings: what the account whose devices ring wants in this case. `None`: nothing.
pub(crate) fn on(world: &World, now: Monotonic, onward: &Onward, cause: Cause) -> Option<Plan> {
    let account = world.directory.account_by_id(onward.account?).filter(|account| account.enabled)?;
    let target = rule(&account, cause)?;
    let ask = Ask { world, now, caller: Some(&account), trail: Some(&onward.trail), wakes: true };
    Some(forward(&ask, &account, &target, cause, &onward.trail))
}
