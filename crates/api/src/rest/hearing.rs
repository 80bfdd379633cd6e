//! Who may hear of what happens. Events and webhooks have one rule: who may read what an event is about, of his own tenant;
//! an owner of every one. What is one's own everybody hears.

use super::Web;
use super::caller::{Access, Action, Caller, Resource, Role};
use super::problem::Problem;
use crate::feed::{Happened, Kind};
use coeur_directory::{TenantId, UserId};

/// How much of it somebody wants to hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// All that he may.
    All,
    /// What is about his own accounts.
    Own,
}

pub(crate) fn hears(web: &Web, caller: &Caller, whose: Whose, happened: &Happened) -> bool {
    match whose {
        Whose::All => hears_all(web, caller, happened),
        Whose::Own => {
            let is_own = caller.user.is_some_and(|user| happened.about.is_about(UserId(user)));
            is_own && caller.may_read_own(happened.kind.resource())
        }
    }
}

/// Who may hear none of it would wait for ever: he is told what it takes to hear the first of them.
pub(crate) fn hears_something(caller: &Caller, wanted: &[Kind]) -> Result<(), Problem> {
    let hears = |kind: &Kind| caller.may_read(kind.resource());
    match told(wanted).next() {
        Some(first) if !told(wanted).any(hears) => {
            caller.require(Action::Read, first.resource(), Access::Read)
        }
        Some(_) | None => Ok(()),
    }
}

/// What he will not hear of what he has asked for, each with the scope that it takes: `call.ended (calls:read)`.
pub(crate) fn unheard(caller: &Caller, whose: Whose, wanted: &[Kind]) -> Vec<String> {
    let may = |kind: &&Kind| match whose {
        Whose::All => caller.may_read(kind.resource()),
        Whose::Own => caller.may_read_own(kind.resource()),
    };
    let missing = told(wanted).filter(|kind| !may(kind));
    missing.map(|kind| format!("{} ({}:read)", kind.name(), kind.resource().name())).collect()
}

/// Of the stream itself and of a webhook alone nobody is told here.
fn told(wanted: &[Kind]) -> impl Iterator<Item = &Kind> {
    wanted.iter().filter(|kind| !matches!(kind.resource(), Resource::Events) && **kind != Kind::WebhookTest)
}

fn hears_all(web: &Web, caller: &Caller, happened: &Happened) -> bool {
    let is_theirs = caller.role == Role::Owner || happened.about.is_of(tenant(web, caller));
    happened.kind != Kind::WebhookTest && caller.may_read(happened.kind.resource()) && is_theirs
}

/// A token of the first start is of the installation.
pub(crate) fn tenant(web: &Web, caller: &Caller) -> TenantId {
    let user = caller.user.and_then(|user| web.door().house().directory().user(UserId(user)));
    user.map_or(TenantId::FIRST, |user| user.tenant)
}
