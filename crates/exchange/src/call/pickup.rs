//! Pickup: who was not called answers all the same, with an INVITE of its own. Both have made an offer, and each is answered
//! from the other's; who was called is told that the call is completed elsewhere, and shows no missed call (RFC 3326).
//!
//! The phones ring on until the ports of who picks up are there. Of what was tried first wins who comes first.
//!
//! It is asked for by the name of the account (`*8NAME`), by nothing but a group that both are in (`*8`), or by the early dialog of a phone that rings (INVITE with
//! Replaces, RFC 3891), which a phone that shows who is called was told. The rights are the same (decision 0033).
//!
//! What it does not do: pick up a call whose caller has made no offer, or one that rings on behalf of a transfer.

use super::client::Why;
use super::describe::{self, Body};
use super::leg::LegId;
use super::name::Name;
use super::state::Picker;
use super::{Calls, refuse};
use crate::context::Context;
use crate::flow::Flow;
use crate::party::Party;
use crate::world::World;
use coeur_directory::{Account, AccountId};
use coeur_sip::dialog::Dialog;
use coeur_sip::header::DialogId;
use coeur_sip::message::Stored;
use coeur_sip::{Message, StatusCode};
use std::sync::Arc;

impl Calls {
    /// A device rings: where its account lets others pick up, they may from now on.
    pub(super) fn tell_waiting(&mut self, cx: &Context<'_>, call: u32, id: LegId) {
        let Some(party) = self.leg(id).and_then(|leg| leg.end.party) else { return };
        let caller = self.calls[call as usize].caller;
        let Some(name) = self.leg(caller).map(|leg| leg.name) else { return };
        let Some(setup) = self.calls[call as usize].setup.as_mut() else { return };
        let is_told = setup.told_waiting.contains(&party.account);
        if is_told || setup.server.is_none() || setup.late {
            return;
        }
        let account = party.account(cx.world);
        if let Some(account) =
            account.filter(|account| account.picked_up || account.pickup_groups.names().next().is_some())
        {
            setup.told_waiting.push(party.account);
            cx.world.waiting.rings(&account, name);
        }
    }

    /// It rings no more, or not for this caller.
    pub(super) fn rings_no_more(&mut self, cx: &Context<'_>, call: u32) {
        let Some(state) = self.calls.get_mut(call as usize) else { return };
        let caller = state.caller;
        let told = state.setup.as_mut().map(|setup| std::mem::take(&mut setup.told_waiting));
        let Some(name) = self.leg(caller).map(|leg| leg.name) else { return };
        for account in told.into_iter().flatten() {
            cx.world.waiting.rings_no_more(account, name);
        }
    }

    pub(super) fn pick_up(
        &mut self,
        cx: &mut Context<'_>,
        flow: Flow,
        message: &Message<'_>,
        party: Party,
        name: Name,
    ) {
        if !self.is_acceptable(cx, &flow, message) {
            return;
        }
        let call = self.leg_of_name(&name).map(|leg| leg.call);
        let Some(call) = call.filter(|call| self.may_be_picked_up(*call)) else {
            let status = StatusCode::TEMPORARILY_UNAVAILABLE;
            return refuse(cx, &flow, message, status, Some("Nothing Rings There"));
        };
        self.open_picker(cx, flow, message, party, call);
    }

    /// The phone that rings and has this early dialog with us. Who names it may have heard of it from either side.
    pub(super) fn ringing_named(&self, named: &DialogId<'_>) -> Option<LegId> {
        let find = |ours: &[u8], theirs: &[u8]| {
            let leg = self.leg_of_name(&Name::of_tag(ours)?)?;
            let mut early = leg.callee.as_ref()?.forks.iter().map(Dialog::id);
            early.any(|id| id.call_id == named.call_id && id.remote_tag == theirs).then_some(leg.id)
        };
        find(named.local_tag, named.remote_tag).or_else(|| find(named.remote_tag, named.local_tag))
    }

    /// RFC 3891 section 3: an early dialog that we began, as we are towards a phone that rings, may be replaced.
    pub(super) fn pick_up_dialog(
        &mut self,
        cx: &mut Context<'_>,
        flow: Flow,
        message: &Message<'_>,
        party: Party,
        ringing: LegId,
    ) {
        let leg = &self.legs[ringing.slot as usize];
        let (call, account) = (leg.call, leg.end.party.map(|party| party.account));
        if !account.is_some_and(|account| is_let(cx.world, party, account)) {
            return refuse(cx, &flow, message, StatusCode::FORBIDDEN, None);
        }
        match self.calls.get(call as usize).and_then(|state| state.setup.as_deref()) {
            Some(setup) if setup.accepted.is_some() || setup.picker.is_some() => {
                refuse(cx, &flow, message, StatusCode::BUSY_HERE, Some("Already Answered"));
            }
            Some(setup) if setup.server.is_some() && !setup.late => {
                self.open_picker(cx, flow, message, party, call);
            }
            Some(_) | None => {
                let status = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
                refuse(cx, &flow, message, status, Some("Cannot Be Picked Up"));
            }
        }
    }

    fn open_picker(
        &mut self,
        cx: &mut Context<'_>,
        flow: Flow,
        message: &Message<'_>,
        party: Party,
        call: u32,
    ) {
        let Body::Description(_) = describe::body(message) else {
            let status = StatusCode::NOT_ACCEPTABLE_HERE;
            return refuse(cx, &flow, message, status, Some("Pickup Needs An Offer"));
        };
        let Some((leg, server)) = self.open_caller(cx, flow, message, party, call) else { return };
        if let Some(setup) = self.calls[call as usize].setup.as_mut() {
            setup.picker = Some(Picker { leg, server });
        }
        let offer = self.legs[leg.slot as usize].session.remote.clone();
        if self.open_media(cx, leg, &offer, true) {
            self.picked_up(cx, call);
        }
    }

    fn may_be_picked_up(&self, call: u32) -> bool {
        let setup = self.calls.get(call as usize).and_then(|state| state.setup.as_ref());
        setup.is_some_and(|setup| {
            let is_free = setup.accepted.is_none() && setup.picker.is_none();
            is_free && !setup.told_waiting.is_empty()
        })
    }

    /// Who picks up this call, by its leg.
    pub(super) fn picker_of(&self, id: LegId) -> Option<u32> {
        let call = self.leg(id)?.call;
        let setup = self.calls.get(call as usize)?.setup.as_ref()?;
        setup.picker.is_some_and(|picker| picker.leg == id).then_some(call)
    }

    /// Its ports are there: it has won.
    pub(super) fn picked_up(&mut self, cx: &mut Context<'_>, call: u32) {
        self.rings_no_more(cx, call);
        let state = &mut self.calls[call as usize];
        let Some(setup) = state.setup.as_mut() else { return };
        let Some(picker) = setup.picker else { return };
        setup.accepted = Some(picker.leg);
        setup.waiting.clear();
        if let Some(server) = self.servers.get(picker.server as usize) {
            setup.response = server.request.as_ref().map(|invite| invite.bytes().into()).unwrap_or_default();
        }
        let losers: Vec<LegId> = setup.legs.drain(..).collect();
        state.callee = Some(picker.leg);
        let end = &self.legs[picker.leg.slot as usize].end;
        if let Some(party) = end.party {
            cx.world.guard.sessions.take(party.account, 0);
            state.counted.push(party.account);
        }
        cx.counters.calls_picked_up += 1;
        losers.into_iter().for_each(|leg| self.withdraw(cx, leg, Why::CompletedElsewhere));
        self.accept_opened(cx, call);
    }

    /// The caller has heard that it is answered: who picked it up hears it too.
    pub(super) fn answer_picker(&mut self, cx: &mut Context<'_>, caller: LegId, picker: Picker) {
        let body = self.answer_caller(cx, picker.leg, caller);
        let server = self.servers.get(picker.server as usize);
        let (Some(request), Some(invite)) =
            (server.and_then(|server| server.request.clone()), self.invite_of(caller))
        else {
            return;
        };
        let timer = self.timer_as_server(cx, picker.leg, &request.message());
        let extra = self.extra_of(cx, picker.leg, caller, &invite.message());
        let sent = self.answer(cx, picker.server, StatusCode::OK, None, body.bytes(), |writer| {
            writer.raw(&extra);
            writer.raw(&timer);
            describe::write_type(writer, body.bytes());
        });
        if let Some(leg) = self.leg_mut(picker.leg).filter(|_| sent.is_some()) {
            leg.unacknowledged = Some(picker.server);
        }
    }

    fn invite_of(&self, caller: LegId) -> Option<Arc<Stored>> {
        let call = self.calls.get(self.leg(caller)?.call as usize)?;
        Some(call.setup.as_ref()?.invite.clone())
    }

    /// Somebody else was faster, who picks up has given up, or the call is over.
    pub(super) fn refuse_picker(&mut self, cx: &mut Context<'_>, call: u32, status: StatusCode) {
        let setup = self.calls.get_mut(call as usize).and_then(|state| state.setup.as_mut());
        let Some(picker) = setup.and_then(|setup| setup.picker.take()) else { return };
        self.answer_plain(cx, picker.server, status);
        self.remove_leg(cx, picker.leg);
    }

    /// CANCEL of who picks up, before he is answered: nothing has changed for the others, unless they have been told.
    pub(super) fn cancel_picker(&mut self, cx: &mut Context<'_>, call: u32) {
        let setup = self.calls.get(call as usize).and_then(|state| state.setup.as_ref());
        let is_told = setup.is_some_and(|setup| setup.accepted.is_some());
        self.refuse_picker(cx, call, StatusCode::REQUEST_TERMINATED);
        if is_told {
            self.end_setup(cx, call, StatusCode::TEMPORARILY_UNAVAILABLE, None);
        }
    }
}

/// Whether who asks may take calls of this account. Its own devices need no right.
pub(super) fn is_let(world: &World, by: Party, of: AccountId) -> bool {
    if by.account == of {
        return true;
    }
    let (Some(by), Some(of)) = (by.account(world), world.directory.account_by_id(of)) else { return false };
    lets(&of, &by)
}

/// Within one domain an account lets everybody take its calls, or those who are in a group with it (decision 0033).
pub(super) fn lets(of: &Account, by: &Account) -> bool {
    let may = of.picked_up || of.pickup_groups.meet(&by.pickup_groups);
    may && of.enabled && of.aor.domain() == by.aor.domain()
}

/// The caller of the call that has rung longest in the groups of who asks.
pub(super) fn oldest_in_groups(world: &World, by: &Account) -> Option<Name> {
    let ringing = world.waiting.ringing_in(by.aor.domain(), &by.pickup_groups);
    // It may have left its groups since.
    let is_let = |of: &AccountId| world.directory.account_by_id(*of).is_some_and(|of| lets(&of, by));
    ringing.into_iter().find(|(of, _)| is_let(of)).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{add_dave_elsewhere, aor, apply, world};
    use coeur_directory::{AccountPatch, Aor, Change, DeviceId, PickupGroups};

    #[test]
    fn calls_are_taken_within_one_domain_by_the_right_of_who_is_called() {
        let world = world();
        let dave = add_dave_elsewhere(&world);
        let party = |account| Party { account, device: DeviceId(0) };
        let (alice, bob, dave) = (party(AccountId(1)), AccountId(2), party(dave));
        assert!(is_let(&world, party(bob), bob) && !is_let(&world, alice, bob));
        let set = |patch| apply(&world, Change::AccountChanged { aor: aor("bob"), patch });
        set(AccountPatch { picked_up: Some(true), ..AccountPatch::default() });
        assert!(is_let(&world, alice, bob) && !is_let(&world, dave, bob));
        set(AccountPatch { enabled: Some(false), ..AccountPatch::default() });
        assert!(!is_let(&world, alice, bob));
    }

    #[test]
    fn who_is_in_a_group_with_the_account_may_take_its_calls_and_nobody_of_another_domain() {
        let world = world();
        let of = |id, user: &str, domain: &str, groups: &str| Account {
            pickup_groups: PickupGroups::parse(groups).expect("names"),
            ..Account::new(AccountId(id), Aor::new(user, domain).expect("a name"))
        };
        let bob = of(2, "bob", "example.org", "sales");
        assert!(lets(&bob, &of(3, "carol", "example.org", "support,sales")));
        assert!(!lets(&bob, &of(3, "carol", "example.org", "support")));
        assert!(!lets(&bob, &of(9, "dave", "example.net", "sales")));
        assert_eq!(oldest_in_groups(&world, &bob), None);
    }
}
