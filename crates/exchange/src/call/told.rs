//! What is told of a call while it lives, for those who listen: where it has come to, and whose sides it has.

use super::leg::LegId;
use super::state::Call;
use super::{Calls, across};
use crate::context::Context;
use crate::event::{CallStep, Event, Step};
use crate::party::Party;
use crate::routing::Target;

impl Calls {
    pub(super) fn tell(&self, cx: &mut Context<'_>, call: u32, step: Step) {
        let callee = self.calls.get(call as usize).and_then(|state| state.callee);
        self.tell_with(cx, call, step, callee);
    }

    /// The first of those who are called rings.
    pub(super) fn tell_ringing(&self, cx: &mut Context<'_>, call: u32, rings: LegId) {
        // A device of who has asked for the call is its caller.
        let is_callee = self.calls.get(call as usize).is_some_and(|state| state.originated.is_none());
        self.tell_with(cx, call, Step::Ringing, is_callee.then_some(rings));
    }

    fn tell_with(&self, cx: &mut Context<'_>, call: u32, step: Step, callee: Option<LegId>) {
        let Some(state) = self.calls.get(call as usize) else { return };
        if state.record.is_elsewhere || self.asks_elsewhere(state) {
            return;
        }
        let to = if step == Step::Started { state.record.to.clone() } else { Box::default() };
        cx.outbox.publish(Event::CallStep(CallStep {
            call: state.record.id,
            step,
            caller: self.party(state.caller).or(state.record.caller),
            callee: callee.and_then(|id| self.party(id)),
            transfer_of: state.record.transfer_of,
            to,
        }));
    }

    /// Who is called is a call of another shard, which tells of both (decision 0032).
    fn asks_elsewhere(&self, state: &Call) -> bool {
        let Some(setup) = &state.setup else { return false };
        let is_it = |target: &Target| {
            target.flow.is_some_and(|flow| flow.is_inside()) && !across::is_room(&target.uri)
        };
        let of_leg =
            |id: &LegId| self.leg(*id).and_then(|leg| leg.callee.as_ref()).map(|callee| &callee.target);
        setup.waiting.iter().chain(setup.legs.iter().filter_map(of_leg)).any(is_it)
    }

    fn party(&self, id: LegId) -> Option<Party> {
        self.leg(id).and_then(|leg| leg.end.party)
    }
}
