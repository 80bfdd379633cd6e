//! Forwarding while it rings (busy, nobody answers, nobody can be reached), and what is told of it: History-Info
//! (RFC 7044), Diversion (RFC 5806), 181 for a caller who wants to know.
//!
//! What a phone says of earlier diversions is its word against ours, and is left out; so both headers tell only what
//! accounts of ours have done.

use super::Calls;
use super::client::{Why, read};
use super::leg::LegId;
use super::start::leave_out_full;
use crate::context::Context;
use crate::forwarding::{self, Cause, Diversion, Onward};
use crate::routing::Plan;
use coeur_sip::header::HeaderName;
use coeur_sip::{Message, StatusCode, Writer};
use std::time::Duration;

impl Calls {
    /// The rules for a call that begins or was forwarded: how long it rings, and what its caller hears.
    pub(super) fn set_onward(&mut self, cx: &mut Context<'_>, call: u32, onward: Option<Box<Onward>>) {
        let caller = self.calls[call as usize].caller;
        let Some(setup) = self.calls[call as usize].setup.as_mut() else { return };
        let after_s = onward.as_ref().and_then(|onward| onward.after_s);
        let forwarded = onward.as_ref().map_or(0, |onward| onward.trail.len());
        let before = setup.onward.as_ref().map_or(0, |onward| onward.trail.len());
        setup.onward = onward;
        if forwarded > before
            && let Some(onward) = &setup.onward
        {
            self.calls[call as usize].record.forwarded = onward.trail.clone().into();
        }
        if let Some(leg) = self.leg_mut(caller) {
            let now = cx.now.monotonic;
            leg.alarm = after_s.map_or(coeur_sip::time::Monotonic::NEVER, |after| {
                now + Duration::from_secs(u64::from(after))
            });
        }
        self.arm_leg(cx.now.monotonic, caller);
        if forwarded > before {
            cx.counters.calls_forwarded += 1;
            self.tell_forwarded(cx, call);
        }
    }

    /// Section 21.1.3 of RFC 3261, for who asks for the history (RFC 7044 section 9.1).
    fn tell_forwarded(&mut self, cx: &mut Context<'_>, call: u32) {
        let Some(setup) = self.calls[call as usize].setup.as_ref() else { return };
        let Some(server) = setup.server else { return };
        let asked = read(&setup.invite, |invite| invite.supports("histinfo")).unwrap_or(false);
        let lines = history_of(setup.onward.as_deref(), &setup.invite);
        let caller = self.calls[call as usize].caller;
        let status = StatusCode::CALL_IS_BEING_FORWARDED;
        if asked && self.leg(caller).is_some_and(|leg| leg.wants_reliable) {
            self.say_reliably(cx, caller, server, status, b"", &lines);
        } else if asked {
            self.answer(cx, server, status, None, b"", |writer| {
                writer.raw(&lines);
            });
        }
    }

    /// All who were called have failed with `status`. True: the account has somebody else.
    pub(super) fn forwards_failure(&mut self, cx: &mut Context<'_>, call: u32, status: u16) -> bool {
        let rang = self.calls[call as usize].setup.as_ref().is_some_and(|setup| setup.rings);
        let cause = match status {
            486 | 600 => Cause::Busy,
            408 | 480 if rang => Cause::NoAnswer,
            408 | 430 | 480 | 500 | 503 => Cause::Offline,
            _ => return false,
        };
        self.forward(cx, call, cause)
    }

    /// It has rung long enough.
    pub(super) fn nobody_answers(&mut self, cx: &mut Context<'_>, id: LegId) {
        let Some(call) = self.leg(id).map(|leg| leg.call) else { return };
        let Some(state) = self.calls.get(call as usize).filter(|state| state.caller == id) else { return };
        if state.setup.as_ref().is_some_and(|setup| setup.accepted.is_none()) {
            self.forward(cx, call, Cause::NoAnswer);
        }
    }

    /// Who rings is left, and who is to be called instead is. False: there is nobody, and nothing has changed.
    fn forward(&mut self, cx: &mut Context<'_>, call: u32, cause: Cause) -> bool {
        let Some(setup) = self.calls[call as usize].setup.as_ref() else { return false };
        let Some(onward) = setup.onward.as_deref() else { return false };
        let plan = forwarding::on(cx.world, cx.now.monotonic, onward, cause);
        let Some(Plan::Proxy { mut targets, onward, .. }) = plan else { return false };
        leave_out_full(cx, &mut targets);
        let state = &mut self.calls[call as usize];
        let Some(setup) = state.setup.as_mut().filter(|_| !targets.is_empty()) else { return false };
        let legs = setup.legs.clone();
        setup.waiting = targets.into();
        setup.best = None;
        setup.stopped = false;
        setup.rings = false;
        self.rings_no_more(cx, call);
        legs.into_iter().for_each(|leg| self.withdraw(cx, leg, Why::GivenUp));
        self.set_onward(cx, call, onward);
        self.settle(cx, call);
        true
    }
}

/// The header lines that tell by whom a call was forwarded; none when its caller wants that kept (RFC 7044 section 10.1).
pub(super) fn history_of(onward: Option<&Onward>, invite: &[u8]) -> Vec<u8> {
    let Some(trail) = onward.map(|onward| &onward.trail).filter(|trail| !trail.is_empty()) else {
        return Vec::new();
    };
    let hidden = |invite: &Message<'_>| invite.privacy().history || invite.privacy().header;
    match read(invite, hidden) {
        Some(false) => history(trail),
        Some(true) | None => Vec::new(),
    }
}

fn history(trail: &[Diversion]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(256 * trail.len());
    let mut writer = Writer::new(&mut lines);
    let (mut index, mut mapped) = ("1".to_owned(), "");
    // RFC 7044 section 10.2: an entry says why it was left, and the next by whose word it is there (RFC 4458 section 2).
    for (at, diversion) in trail.iter().enumerate() {
        let cause = diversion.cause.code();
        let came = match at {
            0 => String::new(),
            _ => format!(";cause={}", trail[at - 1].cause.code()),
        };
        let uri = format!("<sip:{}{came}?Reason=SIP%3Bcause%3D{cause}>", diversion.aor);
        writer.header(HeaderName::HistoryInfo, format!("{uri};index={index}{mapped}").as_bytes());
        index.push_str(".1");
        mapped = ";mp=1";
    }
    if let Some(last) = trail.last() {
        let to = format!("<{};cause={}>;index={index};mp=1", last.to, last.cause.code());
        writer.header(HeaderName::HistoryInfo, to.as_bytes());
    }
    // RFC 5806 section 4: the last diversion first.
    for diversion in trail.iter().rev() {
        let value = format!("<sip:{}>;reason={};counter=1", diversion.aor, diversion.cause.reason());
        writer.header(HeaderName::Diversion, value.as_bytes());
    }
    lines
}
