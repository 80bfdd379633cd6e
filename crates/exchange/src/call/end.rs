//! A call ends: by a BYE of either side, by what was never answered, or because we end it (RFC 3261 section 15). Whatever
//! the reason, each leg is told once, its ports are closed, and one record is published.

use super::client::Why;
use super::leg::LegId;
use super::note::End;
use super::start::give_back;
use super::{Calls, cancel, refuse};
use crate::context::Context;
use crate::flow::Flow;
use coeur_sip::{Message, StatusCode};

/// Who ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// This side, which needs to hear no BYE.
    Leg(LegId),
    /// A timer, a limit, a right that was lost.
    Us,
}

/// A leg that only waits for an ACK, or for the end of a NOTIFY, to say BYE belongs to no call.
pub(super) const NO_CALL: u32 = u32::MAX;

impl Calls {
    /// BYE of a peer; before the call is answered it is the caller who gives up (section 15).
    pub(super) fn bye(&mut self, cx: &mut Context<'_>, id: LegId, flow: Flow, message: &Message<'_>) {
        refuse(cx, &flow, message, StatusCode::OK, None);
        let Some(leg) = self.leg(id) else { return };
        let call = leg.call;
        if leg.leaving {
            return self.remove_leg(cx, id);
        }
        if self.leaves_transfer(cx, id) {
            return;
        }
        if self.picker_of(id).is_some() {
            return self.cancel_picker(cx, call);
        }
        self.calls[call as usize].reason = cancel::reason_of(message);
        match self.calls[call as usize].setup.is_some() && self.calls[call as usize].caller == id {
            true => self.end_setup(cx, call, StatusCode::REQUEST_TERMINATED, None),
            false => self.end_call(cx, call, By::Leg(id)),
        }
    }

    /// Ends a call, whatever its state.
    pub(super) fn end_call(&mut self, cx: &mut Context<'_>, call: u32, by: By) {
        let Some(state) = self.calls.get_mut(call as usize) else { return };
        if state.setup.is_some() {
            if let By::Leg(id) = by {
                self.remove_leg(cx, id);
            }
            return self.end_setup(cx, call, StatusCode::TEMPORARILY_UNAVAILABLE, None);
        }
        let (caller, callee, reason) = (state.caller, state.callee, state.reason.take());
        state.record.reason = reason.clone();
        self.drop_transfer(cx, call);
        self.drop_offers(cx, call);
        for id in [Some(caller), callee].into_iter().flatten() {
            match by == By::Leg(id) {
                true => self.remove_leg(cx, id),
                false => self.hang_up(cx, id, reason.as_deref()),
            }
        }
        cx.counters.calls_ended += 1;
        self.forget(cx, call, StatusCode::OK.code(), by);
    }

    /// What is pending inside the dialogs of a call is over (section 15.1.2).
    pub(super) fn drop_offers(&mut self, cx: &mut Context<'_>, call: u32) {
        let Some(state) = self.calls.get_mut(call as usize) else { return };
        if let Some(modify) = state.modify.take() {
            self.answer_plain(cx, modify.server, StatusCode::REQUEST_TERMINATED);
            if let Some(client) = modify.client {
                self.cancel_client(cx, client, Why::GivenUp);
            }
        }
        if let Some(late) = self.calls[call as usize].late.take() {
            self.acknowledge_late(cx, &late, b"");
        }
    }

    /// Ends a call that was not answered: the caller is told `status`, whoever rings is cancelled, and who has answered
    /// already, unknown to the caller, is told good-bye.
    pub(super) fn end_setup(
        &mut self,
        cx: &mut Context<'_>,
        call: u32,
        status: StatusCode,
        phrase: Option<&[u8]>,
    ) {
        self.rings_no_more(cx, call);
        self.refuse_picker(cx, call, StatusCode::TEMPORARILY_UNAVAILABLE);
        let Some(state) = self.calls.get_mut(call as usize) else { return };
        let Some(setup) = state.setup.as_mut() else { return };
        setup.stopped = true;
        setup.waiting.clear();
        let accepted = setup.accepted;
        let legs: Vec<LegId> = setup.legs.clone();
        let (caller, reason) = (state.caller, state.reason.take());
        state.record.reason = reason.clone();
        let by = match status {
            StatusCode::REQUEST_TERMINATED => By::Leg(caller),
            _ => By::Us,
        };
        if let Some(late) = state.late.take() {
            self.acknowledge_late(cx, &late, b"");
        }
        self.tell_caller(cx, call, status, phrase, b"", |_| {});
        let why = reason.map_or(Why::GivenUp, Why::Said);
        legs.into_iter().for_each(|leg| self.withdraw(cx, leg, why.clone()));
        if let Some(callee) = accepted {
            self.hang_up(cx, callee, why.reason());
        }
        self.forget(cx, call, status.code(), by);
    }

    /// BYE to a leg; when its ACK is still to come, then (section 15: not before the ACK, or before it is too late for one).
    pub(super) fn hang_up(&mut self, cx: &mut Context<'_>, id: LegId, reason: Option<&[u8]>) {
        let other = self.other(id).and_then(|other| self.leg(other)).map(|other| other.uuid);
        let Some(leg) = self.leg_mut(id) else { return };
        if leg.unacknowledged.is_some() {
            leg.leaving = true;
            leg.spoke_with = other.or(leg.spoke_with);
            return;
        }
        self.send_bye(cx, id, reason);
        self.remove_leg(cx, id);
    }

    /// The same for who is no side of a call any more, though the call goes on: whatever is still to be said to it, nothing
    /// that becomes of it concerns the call, nor one that has its slot later.
    pub(super) fn leave_behind(&mut self, cx: &mut Context<'_>, id: LegId) {
        self.hang_up(cx, id, None);
        self.detach(cx, id);
    }

    /// A leg that is leaving has no ports, no timers and no call.
    pub(super) fn detach(&mut self, cx: &mut Context<'_>, id: LegId) {
        self.falls_silent(cx, id);
        self.close_media(cx, id);
        if let Some(leg) = self.leg_mut(id) {
            leg.call = NO_CALL;
            // Nothing of it is due any more but the ACK.
            leg.timer.stop();
        }
    }

    /// The ACK of a 2xx of ours never came (section 13.3.1.4): the session ends.
    pub(super) fn ack_missing(&mut self, cx: &mut Context<'_>, id: LegId) {
        let Some(leg) = self.leg_mut(id) else { return };
        leg.unacknowledged = None;
        match leg.leaving {
            true => self.hang_up(cx, id, None),
            false => {
                let call = leg.call;
                self.end_call(cx, call, By::Us);
            }
        }
    }

    /// The ACK that a leg which is leaving has waited for.
    pub(super) fn leave(&mut self, cx: &mut Context<'_>, id: LegId) {
        self.hang_up(cx, id, None);
    }

    /// A leg is over: its ports are closed. Its transactions end by themselves.
    pub(super) fn remove_leg(&mut self, cx: &mut Context<'_>, id: LegId) {
        if let Some(call) = self.leg(id).map(|leg| leg.call) {
            self.note(cx, call, id);
        }
        self.falls_silent(cx, id);
        self.remember_session(id);
        self.close_media(cx, id);
        let Some(leg) = self.leg(id) else { return };
        let call = leg.call;
        self.legs.remove(id.slot as usize);
        if let Some(setup) = self.calls.get_mut(call as usize).and_then(|call| call.setup.as_mut()) {
            setup.legs.retain(|leg| *leg != id);
        }
    }

    /// Publishes the record, and forgets the call with what is left of it.
    pub(super) fn forget(&mut self, cx: &mut Context<'_>, call: u32, status: u16, by: By) {
        self.wakes_no_more(call);
        self.rings_no_more(cx, call);
        self.refuse_picker(cx, call, StatusCode::TEMPORARILY_UNAVAILABLE);
        self.note_both(cx, call);
        if let Some((caller, callee)) = self.calls.get(call as usize).map(|call| (call.caller, call.callee)) {
            [Some(caller), callee].into_iter().flatten().for_each(|id| self.falls_silent(cx, id));
        }
        let Some(state) = self.calls.try_remove(call as usize) else { return };
        self.restored_ended(call);
        give_back(cx, &state.counted);
        if let Some(parked) = &state.parked {
            Self::free_slot(cx, parked);
        }
        for id in [Some(state.caller), state.callee].into_iter().flatten() {
            match self.leg(id).map(|leg| leg.leaving) {
                Some(true) => self.detach(cx, id),
                Some(false) => self.remove_leg(cx, id),
                None => {}
            }
        }
        // What is one call for its people has one record.
        if !state.record.is_elsewhere {
            let end = End { status, by: by.side(state.caller) };
            self.write_record(cx, state.record, end);
        }
        if let Some(transfer) = state.transfer {
            self.tell_why(transfer.old, status);
            self.unlink(cx, call, *transfer);
        }
    }
}
