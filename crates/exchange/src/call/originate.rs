//! A call that an account begins without dialling it: its own devices ring first, and who takes it is joined with whom it wants
//! (decision 0063). The first is offered a description of ours, since nobody is there yet; once it has answered it waits, hears
//! ringing, and whom it wants is called with what it has described, as for a transfer. So each INVITE is answered and
//! acknowledged at once, however long the second rings (RFC 3725 section 4.4 in our words, its flow IV with a re-INVITE to the
//! first that always has an offer).
//!
//! It is one call for its people: the name that it has from the beginning goes over to the call that is made for it, and so does
//! what its record will say.
//!
//! What it does not do: survive the end of the process before both have answered, as nothing does that is being set up.

use super::client::read;
use super::end::By;
use super::leg::LegId;
use super::start::{give_back, leave_out_full};
use super::state::{Call, Record, Setup};
use super::transfer::{Callees, Request, Waits, Wanted};
use super::{CALLS_MAX, Calls, NewLeg, describe, feature, identity};
use crate::call_record::{
    CallRecordId, DISPLAY_BYTES_MAX, NotOriginated, Originate, TIMEOUT_S_MAX, URI_BYTES_MAX,
};
use crate::context::Context;
use crate::entitled;
use crate::event::Step;
use crate::flow::Flow;
use crate::route_token::{End, hop_of};
use crate::routing::{self, Plan, Target};
use coeur_directory::Account;
use coeur_sip::header::HeaderName;
use coeur_sip::message::Stored;
use coeur_sip::{Method, StatusCode, Writer};
use std::sync::Arc;
use std::time::Duration;

/// What is wanted once a device of the account has answered.
pub(super) struct Originated {
    to: Box<[u8]>,
    display: Option<Box<str>>,
    /// It is called to be tested, and for nobody (see `trial`).
    pub(super) is_test: bool,
}

impl Calls {
    /// Word of the operator, or of who may do it for himself.
    pub(super) fn originate(
        &mut self,
        cx: &mut Context<'_>,
        wanted: &Originate,
    ) -> Result<CallRecordId, NotOriginated> {
        let account = cx.world.directory.account_by_id(wanted.from).filter(|account| account.enabled);
        let account = account.ok_or(NotOriginated::NoAccount)?;
        if wanted.to.len() > URI_BYTES_MAX {
            return Err(NotOriginated::Refused(StatusCode::BAD_REQUEST, routing::Why::MalformedUri));
        }
        if !wanted.is_test {
            if feature::of(cx.world, &account, &wanted.to).is_some() {
                return Err(NotOriginated::Feature);
            }
            may_be_called(cx, &account, &wanted.to)?;
        }
        let targets = own_devices(cx, &account, wanted);
        let first = targets.first().ok_or(NotOriginated::NoDevice)?;
        let (flow, party) = (first.flow.unwrap_or(Flow::inside(cx.mint.shard())), first.party);
        if self.calls.len() >= CALLS_MAX {
            cx.counters.limits_hit += 1;
            return Err(NotOriginated::Full);
        }
        let max = cx.world.settings.calls_per_account_max;
        let sessions = &cx.world.guard.sessions;
        if !sessions.take_if_allowed(&cx.world.directory, account.id, max) {
            if !entitled::is_emergency(cx.world, Some(&account), &wanted.to) {
                cx.counters.limits_hit += 1;
                return Err(NotOriginated::TooManyCalls);
            }
            sessions.take(account.id, 0);
        }
        let Some(invite) = invite_for(&account, wanted) else {
            give_back(cx, &[account.id]);
            return Err(NotOriginated::Refused(StatusCode::BAD_REQUEST, routing::Why::MalformedUri));
        };
        let call = self.calls.vacant_key() as u32;
        let caller = self
            .open_leg(cx, NewLeg { call, end: End { flow, party, host: None }, hop: hop_of(&flow, None) });
        self.legs[caller.slot as usize].session.remote = describe::invitation();
        let record = Record::new(cx, &wanted.to, b"");
        let id = record.id;
        let display = wanted.display.clone().filter(|display| display.len() <= DISPLAY_BYTES_MAX);
        let lines = if wanted.auto_answer { answers_itself(&account) } else { Vec::new() };
        let mut setup = Setup { lines: lines.into(), ..Setup::of(invite, targets) };
        if wanted.is_test {
            // This device is meant, and none to which it would send its calls.
            setup.redirects = u8::MAX;
        }
        let is_test = wanted.is_test;
        self.calls.insert(Call {
            originated: Some(Box::new(Originated { to: wanted.to.clone(), display, is_test })),
            counted: vec![account.id],
            ..Call::begun(caller, setup, record)
        });
        cx.counters.calls_started += 1;
        self.tell(cx, call, Step::Started);
        let now = cx.now.monotonic;
        self.legs[caller.slot as usize].alarm =
            now + Duration::from_secs(u64::from(wanted.timeout_s.clamp(1, TIMEOUT_S_MAX)));
        self.arm_leg(now, caller);
        self.settle(cx, call);
        Ok(id)
    }

    /// A device of the account has answered: whom it wants is called.
    pub(super) fn originate_answered(&mut self, cx: &mut Context<'_>, call: u32) {
        let state = &mut self.calls[call as usize];
        let Some(first) = state.setup.as_ref().and_then(|setup| setup.accepted) else { return };
        let nobody = state.caller;
        state.setup = None;
        (state.caller, state.callee) = (first, None);
        // It was counted when it was asked for.
        let is_twice = state.counted.len() > 1;
        if let Some(twice) = state.counted.pop_if(|_| is_twice) {
            give_back(cx, &[twice]);
        }
        self.remove_leg(cx, nobody);
        self.calls[call as usize].record.called = None;
        if self.is_test(call) {
            return self.test_answered(cx, call, first);
        }
        self.agree_alone(cx, first);
        if let Err(why) = self.call_wanted(cx, call, first) {
            self.originate_failed(cx, call, why);
        }
    }

    fn call_wanted(&mut self, cx: &mut Context<'_>, call: u32, first: LegId) -> Result<(), StatusCode> {
        let Some(originated) = self.calls[call as usize].originated.as_deref() else { return Ok(()) };
        let (uri, display) = (originated.to.to_vec(), originated.display.clone());
        let party = self.leg(first).and_then(|leg| leg.end.party).ok_or(StatusCode::FORBIDDEN)?;
        let account = party.account(cx.world).ok_or(StatusCode::FORBIDDEN)?;
        let callees = |targets, onward| Wanted::Callees(Callees { targets, onward, lines: Vec::new() });
        let wanted = match routing::decide_call(cx.world, cx.now.monotonic, Some(&account), &uri) {
            Plan::Proxy { mut targets, onward, .. } => {
                leave_out_full(cx, &mut targets, || entitled::is_emergency(cx.world, Some(&account), &uri));
                if targets.is_empty() {
                    return Err(StatusCode::BUSY_HERE);
                }
                callees(targets, onward)
            }
            Plan::Serve(service) => match self.elsewhere(cx, service, party) {
                Some(target) => callees(vec![target], None),
                None => Wanted::Service(service),
            },
            Plan::Refuse { status, .. } => return Err(status),
        };
        if self.calls.len() >= CALLS_MAX {
            cx.counters.limits_hit += 1;
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
        let call_id =
            self.leg(first).and_then(|leg| leg.dialog.as_ref()).map(|dialog| dialog.id().call_id.to_vec());
        let of_both = Record::new(cx, &uri, &call_id.unwrap_or_default());
        let of_first = Record { is_elsewhere: true, ..Record::new(cx, &uri, b"") };
        // The name goes on with the call that is made; what is left of this one nobody sees.
        let before = std::mem::replace(&mut self.calls[call as usize].record, of_first);
        let record =
            Some(Record { id: before.id, started: before.started, is_hung_up: before.is_hung_up, ..of_both });
        let waits = Waits { old: call, remaining: first, by: None };
        let payer = Some(account.id);
        let request = Request { uri, display, record, payer, ..Request::default() };
        self.call_for(cx, &waits, request, wanted);
        // Unless that has failed at once, and this call with it.
        if self.calls.get(call as usize).is_some_and(|state| state.leads_to.is_none()) {
            self.end_if_alone(cx, call);
        }
        Ok(())
    }

    /// Whom it wants is not called at all.
    fn originate_failed(&mut self, cx: &mut Context<'_>, call: u32, status: StatusCode) {
        let Some(first) = self.calls.get(call as usize).map(|state| state.caller) else { return };
        self.note_both(cx, call);
        self.hang_up(cx, first, Some(&reason_of(status)));
        self.forget(cx, call, status.code(), By::Us);
    }
}

impl Calls {
    /// Whom it wanted has failed with this status: so is it told who waits, whose phone hears a BYE (RFC 3326 section 2).
    pub(super) fn tell_why(&mut self, old: u32, status: u16) {
        let Some(state) = self.calls.get_mut(old as usize).filter(|state| state.originated.is_some()) else {
            return;
        };
        let status = StatusCode::new(status).filter(|status| !status.is_success());
        state.reason = status.map(|status| reason_of(status).into());
    }

    /// The time in which its own devices might answer is over. False: it was not begun for anybody.
    pub(super) fn own_device_too_late(&mut self, cx: &mut Context<'_>, call: u32) -> bool {
        let is_it = self.calls.get(call as usize).is_some_and(|state| state.originated.is_some());
        // A phone that says itself that it is not there is told from one that says nothing.
        let status = match self.is_test(call) {
            true => StatusCode::REQUEST_TIMEOUT,
            false => StatusCode::TEMPORARILY_UNAVAILABLE,
        };
        if is_it {
            self.end_setup(cx, call, status, None);
        }
        is_it
    }
}

/// Whether the account may call it at all, before anything rings: what it would hear else.
fn may_be_called(cx: &Context<'_>, account: &Account, uri: &[u8]) -> Result<(), NotOriginated> {
    match routing::decide_call(cx.world, cx.now.monotonic, Some(account), uri) {
        Plan::Refuse { status, why } => Err(NotOriginated::Refused(status, why)),
        Plan::Serve(_) => Ok(()),
        Plan::Proxy { mut targets, .. } => {
            leave_out_full(cx, &mut targets, || entitled::is_emergency(cx.world, Some(account), uri));
            if targets.is_empty() { Err(NotOriginated::Busy) } else { Ok(()) }
        }
    }
}

/// Where the account is registered, whatever it forwards: it calls, and is not called.
fn own_devices(cx: &Context<'_>, account: &Account, wanted: &Originate) -> Vec<Target> {
    let ask = routing::Ask { world: cx.world, now: cx.now.monotonic, caller: None, trail: None, wakes: true };
    let uri = identity::uri_of(account.aor.user(), account.aor.domain());
    let Plan::Proxy { targets, .. } = routing::decide_for(&ask, &uri) else { return Vec::new() };
    let is_meant = |target: &Target| {
        wanted.device.is_none_or(|device| target.party.is_some_and(|party| party.device == device))
    };
    targets.into_iter().filter(is_meant).collect()
}

/// What whom it wants would send, if he called: his name is what the phone shows that rings.
fn invite_for(account: &Account, wanted: &Originate) -> Option<Arc<Stored>> {
    let own = identity::uri_of(account.aor.user(), account.aor.domain());
    let mut bytes = Vec::with_capacity(512);
    let mut writer = Writer::request(&mut bytes, Method::Invite, &own);
    writer.header(HeaderName::Via, b"SIP/2.0/UDP invalid;branch=z9hG4bKnone");
    let bracketed = [b"<", &wanted.to[..], b">"].concat();
    // Who is called sees the name of the account's choice; its own device sees one only where nobody is called.
    let from = match wanted.display.as_deref().filter(|_| wanted.is_test) {
        Some(display) => identity::named(display, &bracketed),
        None => bracketed,
    };
    writer.begin(HeaderName::From).push(&from).push(b";tag=none").end_line();
    writer.begin(HeaderName::To).push(b"<").push(&own).push(b">").end_line();
    writer.header(HeaderName::CallId, b"none").cseq(1, Method::Invite);
    writer.end(b"");
    read(&bytes, |invite| Arc::new(invite.into()))
}

/// RFC 5373 section 4, and what phones knew before it was written.
fn answers_itself(account: &Account) -> Vec<u8> {
    let domain = account.aor.domain();
    format!(
        "Answer-Mode: Auto\r\nCall-Info: <sip:{domain}>;answer-after=0\r\nAlert-Info: <http://{domain}>;info=alert-autoanswer\r\n"
    )
    .into_bytes()
}

fn reason_of(status: StatusCode) -> Vec<u8> {
    format!("SIP;cause={};text=\"{}\"", status.code(), status.reason_phrase()).into_bytes()
}
