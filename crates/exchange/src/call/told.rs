//! What is told of a call while it lives, for those who listen: where it has come to, and whose sides it has.

use super::Calls;
use super::leg::LegId;
use crate::context::Context;
use crate::event::{CallStep, Event, Step};
use crate::party::Party;

impl Calls {
    pub(super) fn tell(&self, cx: &mut Context<'_>, call: u32, step: Step) {
        let Some(state) = self.calls.get(call as usize) else { return };
        // Who answered is a call of another shard, which tells of both (decision 0032).
        if state.record.is_elsewhere {
            return;
        }
        let to = if step == Step::Started { state.record.to.clone() } else { Box::default() };
        cx.outbox.publish(Event::CallStep(CallStep {
            call: state.record.id,
            step,
            caller: self.party(state.caller).or(state.record.caller),
            callee: state.callee.and_then(|id| self.party(id)),
            transfer_of: state.record.transfer_of,
            to,
        }));
    }

    fn party(&self, id: LegId) -> Option<Party> {
        self.leg(id).and_then(|leg| leg.end.party)
    }
}
