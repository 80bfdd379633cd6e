//! A phone is rung to see whether it works: one device of an account, for nobody. Once it has answered it is with a service of ours
//! ([`Service::Test`]) for some seconds, hears two tones and then itself, and whether anything but silence comes from it is told
//! ([`Event::TestHeard`]). It was offered sound by its INVITE, so nothing is offered anew: what it has answered is what it talks with.
//!
//! It begins as a call that is begun for an account ([`super::originate`]), and its record is that of a call to [`Originate::to`].
//!
//! [`Originate::to`]: crate::call_record::Originate::to

use super::describe;
use super::end::By;
use super::leg::{LegId, Stage};
use super::{Calls, NewLeg};
use crate::context::Context;
use crate::event::{Event, Step};
use crate::route_token::{End, hop_of};
use crate::service::{Room, Service};
use coeur_sip::StatusCode;
use std::time::Duration;

/// From its answer: long enough to say something into it and to hear that, and for the look at why it is silent (see `silence`).
const TEST_FOR: Duration = Duration::from_secs(9);

impl Calls {
    /// The device has answered, and is the caller from now on.
    pub(super) fn test_answered(&mut self, cx: &mut Context<'_>, call: u32, device: LegId) {
        let Some(leg) = self.leg(device) else { return };
        let (flow, answer) = (leg.end.flow, leg.session.remote.clone());
        let service = Service::Test(Room(cx.mint.u64()));
        let Some(described) = describe::served(service, Some(answer.bytes())) else {
            self.note_both(cx, call);
            self.hang_up(cx, device, None);
            return self.forget(cx, call, StatusCode::NOT_ACCEPTABLE_HERE.code(), By::Us);
        };
        let end = End { flow, party: None, host: None };
        let id = self.open_leg(cx, NewLeg { call, end, hop: hop_of(&flow, None) });
        let leg = &mut self.legs[id.slot as usize];
        leg.service = Some(service);
        leg.media.stage = Stage::Open;
        leg.session.remote = described;
        leg.alarm = cx.now.monotonic + TEST_FOR;
        let state = &mut self.calls[call as usize];
        state.callee = Some(id);
        state.record.answered = Some(cx.now.wall);
        (cx.counters.calls_answered, cx.counters.calls_served) =
            (cx.counters.calls_answered + 1, cx.counters.calls_served + 1);
        self.tell(cx, call, Step::Answered);
        self.agree(cx, device, id);
        self.arm_leg(cx.now.monotonic, device);
        self.arm_leg(cx.now.monotonic, id);
    }

    pub(super) fn is_test(&self, call: u32) -> bool {
        let originated = self.calls.get(call as usize).and_then(|state| state.originated.as_ref());
        originated.is_some_and(|originated| originated.is_test)
    }

    /// Whether this leg is the service that tests a phone.
    pub(super) fn is_tested(&self, id: LegId) -> bool {
        matches!(self.service_of(id), Some(Service::Test(_)))
    }

    /// Its time is over.
    pub(super) fn test_over(&mut self, cx: &mut Context<'_>, id: LegId) {
        if let Some(call) = self.leg(id).map(|leg| leg.call) {
            self.end_call(cx, call, By::Us);
        }
    }

    /// The phone that is tested has begun to speak, or has ended. False: this leg is none.
    pub(super) fn test_heard(&self, cx: &mut Context<'_>, id: LegId, is_speaking: bool) -> bool {
        if !self.other(id).is_some_and(|other| self.is_tested(other)) {
            return false;
        }
        let call = self.leg(id).and_then(|leg| self.calls.get(leg.call as usize));
        if let Some(call) = call.map(|state| state.record.id).filter(|_| is_speaking) {
            cx.outbox.publish(Event::TestHeard { call });
        }
        true
    }
}
