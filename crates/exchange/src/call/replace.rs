//! INVITE with Replaces (RFC 3891): a phone takes a side of a call over from another device of its account. All dialogs of
//! our calls are ours, so what names none of them names nothing.
//!
//! What it does not do: without an offer in the INVITE; an early dialog, which RFC 3891 section 3 lets nobody replace but
//! where the user agent has begun it.

use super::describe::{self, Body};
use super::transfer::Transfer;
use super::{CALLS_MAX, Calls, refuse};
use crate::context::Context;
use crate::flow::Flow;
use crate::party::Party;
use coeur_sip::{Message, StatusCode};

impl Calls {
    pub(crate) fn replace(&mut self, cx: &mut Context<'_>, flow: Flow, message: &Message<'_>, party: Party) {
        if !self.is_acceptable(cx, &flow, message) {
            return;
        }
        let Ok(Some(replaces)) = message.replaces() else {
            return refuse(cx, &flow, message, StatusCode::BAD_REQUEST, Some("Malformed Replaces"));
        };
        let unknown = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
        let Some(replaced) = self.leg_named(&replaces.dialog) else {
            return refuse(cx, &flow, message, unknown, Some("No Such Dialog To Replace"));
        };
        let leg = &self.legs[replaced.slot as usize];
        // Section 3: whoever sends it must have the rights of whom it replaces.
        if leg.end.party.map(|party| party.account) != Some(party.account) {
            return refuse(cx, &flow, message, StatusCode::FORBIDDEN, None);
        }
        let old = leg.call;
        let Some(state) = self.calls.get(old as usize).filter(|state| state.setup.is_none()) else {
            return refuse(cx, &flow, message, unknown, Some("Not Answered Yet"));
        };
        let at_rest = state.leads_to.is_none() && state.transfer.is_none();
        if replaces.early_only {
            return refuse(cx, &flow, message, StatusCode::BUSY_HERE, Some("Already Answered"));
        }
        if self.other(replaced).is_some_and(|other| self.service_of(other).is_some()) {
            // A service answers each who calls it; there is no side to be taken over.
            return refuse(cx, &flow, message, unknown, Some("A Service Is Called Anew"));
        }
        let Some(remaining) = self.other(replaced).filter(|_| at_rest) else {
            return refuse(cx, &flow, message, StatusCode::REQUEST_PENDING, None);
        };
        if describe::body(message) == Body::None {
            return refuse(
                cx,
                &flow,
                message,
                StatusCode::NOT_ACCEPTABLE_HERE,
                Some("Replaces Needs An Offer"),
            );
        }
        if self.calls.len() >= CALLS_MAX {
            cx.counters.limits_hit += 1;
            return refuse(cx, &flow, message, StatusCode::SERVICE_UNAVAILABLE, None);
        }
        // It takes the place of a session that is counted already, and for a moment there are two.
        cx.world.guard.sessions.take(party.account, 0);
        let begun = self.begin_call(cx, flow, message, party, (Vec::new(), vec![party.account]));
        let Some(call) = begun else { return };
        let transfer = Transfer { old, remaining, by: None, join: None };
        self.calls[call as usize].transfer = Some(Box::new(transfer));
        self.calls[old as usize].leads_to = Some(call);
        let from = self.calls[call as usize].caller;
        self.start_join(cx, call, from, false);
    }
}
