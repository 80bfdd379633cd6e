//! What a REGISTER will do to the bindings of its address of record, decided before anything is done.
//!
//! **The same binding** is the one with the same instance and reg-id (RFC 5626 section 6), else the one with an
//! equivalent URI (RFC 3261 sections 10.3 step 7 and 19.1.4).
//!
//! **The same phone.** A phone that lost its memory comes back with another port or another random Contact, and its old
//! binding would ring into the void until it expires. It is replaced at once when
//! - both have the same instance, none has a reg-id, and they use the same transport (baresip, Linphone); or
//! - none has an instance, and device, transport, source address, Contact user, Contact host and User-Agent are the
//!   same, only the port and the Call-ID differ (a reboot draws a new Call-ID, a refresh keeps it), and the source is
//!   not the machine itself, where several user agents are ordinary; or
//! - the same device is woken in the same place (RFC 8599): a push service knows a program, not a connection of it.
//!
//! **Too many contacts.** First the oldest unreachable binding goes, then the oldest one of the same device: the phone
//! in somebody's hand works, the forgotten ones make room. A device never pushes out another one's phone: then 403.

use super::request::{Kind, Request};
use super::{Refusal, Registrant};
use crate::bindings::{AorBindings, BINDINGS_PER_AOR_MAX, Draft, Fallback, Version, View};
use crate::flow::Flow;
use crate::push;
use coeur_sip::uri::Uri;

/// A Contact as it will be stored, within the text of all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text {
    pub start: usize,
    pub end: usize,
    pub uri: (u16, u16),
    pub instance: (u16, u16),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub text: Text,
    pub reg_id: u32,
    pub q: u16,
    /// 0: to be removed.
    pub granted_s: u32,
    pub flow: Flow,
    pub fallback: Fallback,
    pub action: Action,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Removal of what is not there.
    Nothing,
    Insert,
    /// Only time, flow and order change.
    Refresh(usize),
    Replace(usize),
    Remove(usize),
}

/// Bindings that go although the request does not name them, and why.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Plan {
    /// Bit per binding of the address of record.
    pub leaving: u64,
}

const _: () = assert!(BINDINGS_PER_AOR_MAX <= 64, "one bit of `Plan::leaving` for each");

impl Plan {
    pub(super) fn leaves(&self, index: usize) -> bool {
        self.leaving >> index & 1 == 1
    }

    /// Nothing would be lost by a crash but some seconds of lifetime: only bindings that are in the journal are
    /// prolonged.
    pub(super) fn is_pure_refresh(
        &self,
        wanted: &[Wanted],
        aor: &AorBindings<'_>,
        saved_up_to: Version,
    ) -> bool {
        let refreshes_saved = |wanted: &Wanted| match wanted.action {
            Action::Refresh(index) => aor.view(index).id().0 <= saved_up_to.0,
            Action::Nothing | Action::Insert | Action::Replace(_) | Action::Remove(_) => false,
        };
        self.leaving == 0 && wanted.iter().all(refreshes_saved)
    }
}

impl Wanted {
    pub(super) fn contact<'t>(&self, texts: &'t [u8]) -> &'t [u8] {
        &texts[self.text.start..self.text.end]
    }

    pub(super) fn uri<'t>(&self, texts: &'t [u8]) -> &'t [u8] {
        part(self.contact(texts), self.text.uri)
    }

    pub(super) fn instance<'t>(&self, texts: &'t [u8]) -> Option<&'t [u8]> {
        (self.text.instance.1 > 0).then(|| part(self.contact(texts), self.text.instance))
    }
}

fn part(text: &[u8], (start, len): (u16, u16)) -> &[u8] {
    &text[start as usize..start as usize + len as usize]
}

pub(super) fn plan(
    wanted: &mut [Wanted],
    texts: &[u8],
    path: &[u8],
    aor: &AorBindings<'_>,
    request: &Request<'_>,
    who: &Registrant<'_>,
) -> Result<Plan, Refusal> {
    let mut plan = Plan::default();
    match request.kind {
        Kind::Query => {}
        Kind::RemoveAll => {
            for (index, view) in aor.views().enumerate() {
                check_order(&view, request)?;
                plan.leaving |= 1 << index;
            }
        }
        Kind::Update => {
            match_all(wanted, texts, path, aor, request, who)?;
            plan.leaving = superseded(wanted, texts, aor, request, who);
            make_room(&mut plan, wanted, aor, who)?;
        }
    }
    Ok(plan)
}

fn match_all(
    wanted: &mut [Wanted],
    texts: &[u8],
    path: &[u8],
    aor: &AorBindings<'_>,
    request: &Request<'_>,
    who: &Registrant<'_>,
) -> Result<(), Refusal> {
    let mut matched = 0u64;
    for at in 0..wanted.len() {
        let (before, this) = wanted.split_at_mut(at);
        let this = &mut this[0];
        if before.iter().any(|other| same_key(other, this, texts)) {
            return Err(Refusal::new(400, "Duplicate Contact"));
        }
        let Some(index) = find(this, texts, aor) else {
            this.action = if this.granted_s == 0 { Action::Nothing } else { Action::Insert };
            continue;
        };
        if matched >> index & 1 == 1 {
            return Err(Refusal::new(400, "Duplicate Contact"));
        }
        matched |= 1 << index;
        let view = aor.view(index);
        check_order(&view, request)?;
        this.action = if this.granted_s == 0 {
            Action::Remove(index)
        } else if is_unchanged(&view.draft(), this, texts, path, request, who) {
            Action::Refresh(index)
        } else {
            Action::Replace(index)
        };
    }
    Ok(())
}

/// RFC 3261 section 10.3 steps 6 and 7: within one Call-ID, CSeq must have grown; else the request came out of order,
/// nothing is changed and it fails with 500.
fn check_order(view: &View<'_>, request: &Request<'_>) -> Result<(), Refusal> {
    let stored = view.draft();
    match stored.call_id == request.call_id && request.cseq <= stored.cseq {
        true => Err(Refusal::new(500, "Out Of Order")),
        false => Ok(()),
    }
}

fn is_unchanged(
    stored: &Draft<'_>,
    wanted: &Wanted,
    texts: &[u8],
    path: &[u8],
    request: &Request<'_>,
    who: &Registrant<'_>,
) -> bool {
    stored.contact == wanted.contact(texts)
        && stored.call_id == request.call_id
        && stored.path == path
        && stored.user_agent == request.user_agent
        && stored.device == who.device
}

fn find(wanted: &Wanted, texts: &[u8], aor: &AorBindings<'_>) -> Option<usize> {
    let instance = wanted.instance(texts);
    if wanted.reg_id > 0 {
        let same = |view: &View<'_>| view.instance() == instance && view.draft().reg_id == wanted.reg_id;
        if let Some(index) = aor.views().position(|view| same(&view)) {
            return Some(index);
        }
    }
    let uri = wanted.uri(texts);
    // Two flows of one instance may have the same URI (RFC 5626 section 6).
    let other_flow = |view: &View<'_>| {
        let reg_id = view.draft().reg_id;
        wanted.reg_id > 0 && reg_id > 0 && (view.instance() == instance || reg_id == wanted.reg_id)
    };
    let candidate = |view: &View<'_>| !other_flow(view);
    let exact = aor.views().position(|view| view.uri() == uri && candidate(&view));
    exact.or_else(|| {
        let parsed = Uri::parse(uri).ok()?;
        aor.views().position(|view| {
            candidate(&view) && Uri::parse(view.uri()).is_ok_and(|stored| stored.equivalent(&parsed))
        })
    })
}

fn same_key(a: &Wanted, b: &Wanted, texts: &[u8]) -> bool {
    if a.reg_id > 0 && b.reg_id > 0 {
        return a.reg_id == b.reg_id && a.instance(texts) == b.instance(texts);
    }
    match (Uri::parse(a.uri(texts)), Uri::parse(b.uri(texts))) {
        (Ok(a), Ok(b)) => a.equivalent(&b),
        _ => false,
    }
}

fn is_matched(wanted: &[Wanted], index: usize) -> bool {
    wanted.iter().any(|wanted| match wanted.action {
        Action::Refresh(at) | Action::Replace(at) | Action::Remove(at) => at == index,
        Action::Nothing | Action::Insert => false,
    })
}

/// Bindings of the same phone from before it was restarted. Looked for only when something new comes.
fn superseded(
    wanted: &[Wanted],
    texts: &[u8],
    aor: &AorBindings<'_>,
    request: &Request<'_>,
    who: &Registrant<'_>,
) -> u64 {
    let mut leaving = 0;
    for new in wanted.iter().filter(|wanted| wanted.action == Action::Insert) {
        for (index, view) in aor.views().enumerate() {
            if !is_matched(wanted, index) && is_same_phone(new, texts, &view, request, who) {
                leaving |= 1 << index;
            }
        }
    }
    leaving
}

fn is_same_phone(
    new: &Wanted,
    texts: &[u8],
    view: &View<'_>,
    request: &Request<'_>,
    who: &Registrant<'_>,
) -> bool {
    let stored = view.draft();
    let of_one_flow = new.reg_id == stored.reg_id || new.reg_id == 0 || stored.reg_id == 0;
    if of_one_flow && stored.device == who.device && is_woken_in_the_same_place(new, texts, view) {
        return true;
    }
    if new.reg_id > 0 || stored.reg_id > 0 || stored.flow.transport != new.flow.transport {
        return false;
    }
    match (new.instance(texts), view.instance()) {
        // The same REGISTER or a sibling of it may announce two addresses of one instance (IPv4 and IPv6).
        (Some(a), Some(b)) => a == b && stored.flow.remote.is_ipv6() == new.flow.remote.is_ipv6(),
        (None, None) => {
            stored.call_id != request.call_id
                && stored.device == who.device
                && !request.user_agent.is_empty()
                && stored.user_agent == request.user_agent
                && stored.flow.remote.ip() == new.flow.remote.ip()
                && !new.flow.remote.ip().to_canonical().is_loopback()
                && differ_in_port_only(new.uri(texts), view.uri())
        }
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn is_woken_in_the_same_place(new: &Wanted, texts: &[u8], view: &View<'_>) -> bool {
    // First what most bindings have not.
    view.destination().is_some_and(|stored| push::has_destination(new.uri(texts)) == Some(stored))
}

fn differ_in_port_only(a: &[u8], b: &[u8]) -> bool {
    match (Uri::parse(a), Uri::parse(b)) {
        (Ok(Uri::Sip(a)), Ok(Uri::Sip(b))) => a.user == b.user && a.host == b.host && a.port != b.port,
        _ => false,
    }
}

fn make_room(
    plan: &mut Plan,
    wanted: &[Wanted],
    aor: &AorBindings<'_>,
    who: &Registrant<'_>,
) -> Result<(), Refusal> {
    let count = |action: fn(&Action) -> bool| wanted.iter().filter(|wanted| action(&wanted.action)).count();
    let added = count(|action| *action == Action::Insert);
    if added == 0 {
        return Ok(());
    }
    let removed = count(|action| matches!(action, Action::Remove(_)));
    let mut staying = aor.len() - removed - plan.leaving.count_ones() as usize;
    while staying + added > who.rules.contacts_max {
        let free = |index: usize| !plan.leaves(index) && !is_matched(wanted, index);
        let oldest = |eligible: &dyn Fn(&View<'_>) -> bool| {
            let all = aor.views().enumerate().filter(|(index, view)| free(*index) && eligible(view));
            all.min_by_key(|(_, view)| view.version()).map(|(index, _)| index)
        };
        let may_come = |view: &View<'_>| view.is_reachable() || (who.rules.wakes && view.is_asleep());
        let unreachable = oldest(&|view| !may_come(view));
        let victim = unreachable.or_else(|| oldest(&|view| view.draft().device == who.device));
        let Some(index) = victim else { return Err(Refusal::new(403, "Too Many Contacts")) };
        plan.leaving |= 1 << index;
        staying -= 1;
    }
    Ok(())
}
