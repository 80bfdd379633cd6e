//! Who is called does not answer: the next way, the next target, or the best of the failures for the caller
//! (RFC 3261 section 16.7, whose rules for a fork hold here too; RFC 3263 section 4.3; RFC 5626 section 7).

use super::client::{Why, read};
use super::describe::profile::is_about_media;
use super::leg::LegId;
use super::{Calls, headers};
use crate::context::Context;
use crate::proxy::best::{Failure, is_better};
use crate::proxy::branch::Way;
use crate::routing::{Plan, Target, decide_uri, is_sips};
use coeur_sip::header::HeaderName;
use coeur_sip::{Message, StatusCode};
use std::time::Duration;

/// Redirections followed for one call.
const REDIRECTS_MAX: u8 = 5;
/// How long an address that failed is tried last.
const FAILED_FOR: Duration = Duration::from_secs(30);

impl Calls {
    /// A failure of the INVITE of a leg; it is acknowledged already.
    pub(super) fn begin_refused(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        slot: u32,
        message: &Message<'_>,
        status: StatusCode,
    ) {
        let Some(call) = self.leg(id).map(|leg| leg.call) else { return };
        let cancelled = self.clients.get(slot as usize).is_some_and(super::client::Client::is_cancelled);
        if self.tries_again(cx, id, message, status, cancelled) {
            return;
        }
        self.is_awake(call, id);
        let Some(target) = self.callee(id).map(|callee| callee.target.clone()) else { return };
        let followed = status.is_redirection() && self.follow(cx, call, message);
        if !followed {
            self.consider(call, status.code(), message.bytes());
        }
        self.remove_leg(cx, id);
        let Some(setup) = self.calls[call as usize].setup.as_mut() else { return };
        if status.class() == 6 {
            // Section 16.7 step 5: who rings is cancelled, nobody else is tried.
            setup.stopped = true;
            setup.waiting.clear();
            let legs: Vec<LegId> = setup.legs.clone();
            legs.into_iter().for_each(|leg| self.withdraw(cx, leg, Why::Refused));
        } else if target.instance.is_some() && !setup.stopped {
            self.next_flow(cx, call, &target, status, cancelled);
        }
        self.settle(cx, call);
    }

    /// RFC 5626 section 7: only these say that the flow and not the phone has failed; any other answer is the phone's, and
    /// its other flows lead to the same.
    fn next_flow(
        &mut self,
        cx: &mut Context<'_>,
        call: u32,
        target: &Target,
        status: StatusCode,
        cancelled: bool,
    ) {
        let Some(setup) = self.calls[call as usize].setup.as_mut() else { return };
        let of_flow = matches!(status.code(), 408 | 430) || (target.path.is_some() && status.code() == 503);
        if !of_flow || cancelled {
            return setup.waiting.retain(|waiting| waiting.instance != target.instance);
        }
        let at = setup.waiting.iter().position(|waiting| waiting.instance == target.instance);
        if let Some(next) = at.and_then(|at| setup.waiting.remove(at)) {
            self.launch(cx, call, next);
        }
    }

    /// The same target once more: with a longer session (RFC 4028 section 7.4), with another profile, or at its next
    /// address after a 503 (RFC 3263 section 4.3).
    fn tries_again(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        message: &Message<'_>,
        status: StatusCode,
        cancelled: bool,
    ) -> bool {
        let Some(callee) = self.callee(id) else { return false };
        if status == StatusCode::SESSION_INTERVAL_TOO_SMALL && callee.min_se_s.is_none() {
            let Ok(Some(min)) = message.min_se() else { return false };
            callee.min_se_s = Some(min.interval);
            callee.cseq += 1;
            self.begin(cx, id);
            return true;
        }
        if is_about_media(status, message) && !cancelled {
            return self.try_next_profile(cx, id);
        }
        let more = matches!(&callee.way, Way::Walking(failover) if failover.remaining() > 0);
        if status == StatusCode::SERVICE_UNAVAILABLE && more {
            self.walk(cx, id, status.code());
            return self.leg(id).is_some();
        }
        false
    }

    /// A way to a callee does not work: the next address, the next flow of the instance.
    pub(super) fn next_way(&mut self, cx: &mut Context<'_>, id: LegId, status: u16) {
        let Some(call) = self.leg(id).map(|leg| leg.call) else { return };
        if let crate::flow::Hop::Address { transport, address, .. } = &self.legs[id.slot as usize].hop {
            self.failed.insert(cx.now.monotonic, *transport, *address, FAILED_FOR);
        }
        let Some(target) = self.callee(id).map(|callee| callee.target.clone()) else { return };
        self.walk(cx, id, status);
        if self.leg(id).is_none() && target.instance.is_some() {
            let status = StatusCode::new(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            let of_flow = match status {
                StatusCode::SERVICE_UNAVAILABLE => StatusCode::FLOW_FAILED,
                other => other,
            };
            self.next_flow(cx, call, &target, of_flow, false);
        }
        self.settle(cx, call);
    }

    /// A leg ends with a failure of ours. The caller of this settles the call.
    pub(super) fn leg_failed(&mut self, cx: &mut Context<'_>, id: LegId, status: u16) {
        let Some(call) = self.leg(id).map(|leg| leg.call) else { return };
        self.consider(call, status, &[]);
        self.remove_leg(cx, id);
    }

    /// No port is to be had for a leg.
    pub(super) fn setup_without_ports(&mut self, cx: &mut Context<'_>, call: u32, id: LegId) {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let Some(setup) = self.calls[call as usize].setup.as_mut() else {
            return self.end_call(cx, call, super::end::By::Us);
        };
        if setup.accepted.is_some() || self.calls[call as usize].caller == id {
            return self.end_setup(cx, call, status, Some(b"No Media Port"));
        }
        self.leg_failed(cx, id, status.code());
        self.settle(cx, call);
    }

    /// Section 16.7 step 6, one answer at a time.
    pub(super) fn consider(&mut self, call: u32, status: u16, bytes: &[u8]) {
        let Some(setup) = self.calls[call as usize].setup.as_mut() else { return };
        if setup.best.as_ref().is_none_or(|best| is_better(status, best.status)) {
            setup.best = Some(Failure { status, bytes: bytes.into() });
        }
    }

    /// Step 4: by setting, at most [`REDIRECTS_MAX`] times, and only to accounts of ours, as the proxy follows them.
    fn follow(&mut self, cx: &mut Context<'_>, call: u32, response: &Message<'_>) -> bool {
        let Some(setup) = self.calls[call as usize].setup.as_mut() else { return false };
        if !cx.world.settings.recurse_on_redirect || setup.redirects >= REDIRECTS_MAX || setup.stopped {
            return false;
        }
        setup.redirects += 1;
        let secure = is_sips(setup.invite.message().request_uri());
        let before = setup.waiting.len();
        for contact in response.contacts().flatten().filter(|contact| is_sips(contact.uri()) == secure) {
            let Plan::Proxy { targets, .. } = decide_uri(cx.world, cx.now.monotonic, None, contact.uri())
            else {
                continue;
            };
            for target in targets {
                if !setup.waiting.iter().any(|known| known.uri == target.uri && known.flow == target.flow) {
                    setup.waiting.push_back(Target { q: 0, ..target });
                }
            }
        }
        setup.waiting.len() > before
    }

    /// Nobody has answered and nobody is left to be tried: the caller hears the best of it (section 16.7 steps 6 and 9).
    pub(super) fn give_up(&mut self, cx: &mut Context<'_>, call: u32) {
        let Some(setup) = self.calls[call as usize].setup.as_ref() else { return };
        let status = setup.best.as_ref().map_or(480, |best| best.status);
        if self.forwards_failure(cx, call, status) {
            return;
        }
        let Some(setup) = self.calls[call as usize].setup.as_mut() else { return };
        let best = setup.best.take();
        let status = best.as_ref().map_or(StatusCode::TEMPORARILY_UNAVAILABLE.code(), |best| best.status);
        let bytes = best.map(|best| best.bytes).unwrap_or_default();
        let status = match status {
            // A 503 of one target says nothing about us (section 16.7 step 6).
            503 => StatusCode::SERVER_INTERNAL_ERROR,
            // RFC 5626 section 5.3.1: 430 is between edge and authoritative proxy.
            430 => StatusCode::TEMPORARILY_UNAVAILABLE,
            // Only who asked for it is told that it was terminated: the callee's 487 is an end of its own.
            487 => StatusCode::TEMPORARILY_UNAVAILABLE,
            other => StatusCode::new(other).unwrap_or(StatusCode::TEMPORARILY_UNAVAILABLE),
        };
        let world = cx.world;
        let answered = read(&bytes, |response| {
            let same = response.status() == Some(status);
            let phrase = response.reason_phrase();
            let is_sdp = super::describe::body(response) != super::describe::Body::Other;
            let body = if is_sdp { &b""[..] } else { response.body() };
            self.tell_caller(cx, call, status, same.then_some(phrase), body, |writer| {
                headers::pass(world, response, writer);
                if status.is_redirection() {
                    writer.copy_all(response.header_view(), HeaderName::Contact);
                }
                if !body.is_empty() {
                    headers::pass_content(response, writer);
                }
            });
        });
        if answered.is_none() {
            self.tell_caller(cx, call, status, None, b"", |_| {});
        }
        self.forget(cx, call, status.code(), super::end::By::Us);
    }
}
