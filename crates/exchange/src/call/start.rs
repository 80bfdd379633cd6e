//! A call begins: the INVITE of a caller whom we know (RFC 3261 sections 8.2 and 13.3.1).

use super::describe::{self, Body, Text};
use super::leg::LegId;
use super::state::{Call, Record, Setup};
use super::{ALLOW, CALLS_MAX, Calls, NewLeg, refuse};
use crate::answer::answer;
use crate::context::Context;
use crate::entitled;
use crate::event::Step;
use crate::flow::{Flow, Hop};
use crate::forwarding::Onward;
use crate::party::Party;
use crate::route_token::End;
use crate::routing::{Target, is_sips};
use crate::world::World;
use coeur_directory::AccountId;
use coeur_sip::dialog::{Dialog, DialogError};
use coeur_sip::header::HeaderName;
use coeur_sip::message::Stored;
use coeur_sip::{Message, StatusCode};
use std::sync::Arc;

impl Calls {
    pub(crate) fn start(
        &mut self,
        cx: &mut Context<'_>,
        flow: Flow,
        message: &Message<'_>,
        party: Party,
        (mut targets, onward): (Vec<Target>, Option<Box<Onward>>),
    ) {
        if !self.is_acceptable(cx, &flow, message) {
            return;
        }
        if self.calls.len() >= CALLS_MAX {
            cx.counters.limits_hit += 1;
            return refuse(cx, &flow, message, StatusCode::SERVICE_UNAVAILABLE, None);
        }
        let counted = match count_sessions(cx, party, &mut targets, message.request_uri()) {
            Ok(counted) => counted,
            Err(reason) => {
                cx.counters.limits_hit += 1;
                return refuse(cx, &flow, message, StatusCode::BUSY_HERE, reason);
            }
        };
        let Some(call) = self.begin_call(cx, flow, message, party, (targets, counted)) else { return };
        self.tell(cx, call, Step::Started);
        let leg = self.calls[call as usize].caller;
        let offer = self.legs[leg.slot as usize].session.remote.clone();
        self.open_media(cx, leg, &offer, true);
        self.set_onward(cx, call, onward);
        self.settle(cx, call);
    }

    /// A call with its caller, who hears 100, and with whom is to be called and whose sessions are counted for it. `None`:
    /// the INVITE was refused.
    pub(super) fn begin_call(
        &mut self,
        cx: &mut Context<'_>,
        flow: Flow,
        message: &Message<'_>,
        party: Party,
        (targets, counted): (Vec<Target>, Vec<AccountId>),
    ) -> Option<u32> {
        let call = self.calls.vacant_key() as u32;
        let Some((leg, server)) = self.open_caller(cx, flow, message, party, call) else {
            give_back(cx, &counted);
            return None;
        };
        let late = describe::body(message) == Body::None;
        let setup = Setup {
            server: Some(server),
            party: Some(party),
            max_forwards: message.max_forwards().ok().flatten().unwrap_or(71).saturating_sub(1),
            late,
            ..Setup::of(self.stored(server, message), targets)
        };
        let record = Record::new(cx, message.request_uri(), message.call_id());
        let record =
            Record { caller: flow.is_inside().then_some(party), payer: Some(party.account), ..record };
        self.calls.insert(Call { counted, ..Call::begun(leg, setup, record) });
        cx.counters.calls_started += 1;
        Some(call)
    }

    /// A request, as its server transaction has it.
    pub(super) fn stored(&self, server: u32, message: &Message<'_>) -> Arc<Stored> {
        let request = self.servers.get(server as usize).and_then(|server| server.request.clone());
        request.unwrap_or_else(|| Arc::new(message.into()))
    }

    /// The leg of who sends an INVITE, with its offer and its dialog, and the server transaction; 100 is said. `None`: the
    /// INVITE was refused.
    pub(super) fn open_caller(
        &mut self,
        cx: &mut Context<'_>,
        flow: Flow,
        message: &Message<'_>,
        party: Party,
        call: u32,
    ) -> Option<(LegId, u32)> {
        // Who speaks for another shard is no device.
        let end = End { flow, party: (!flow.is_inside()).then_some(party), host: None };
        let leg =
            self.open_leg(cx, NewLeg { call, end, hop: Hop::Flow(crate::answer::flow_back(&flow, message)) });
        let tag = self.legs[leg.slot as usize].tag();
        let secure = is_sips(message.request_uri());
        let dialog = match Dialog::from_request(message, StatusCode::OK.code(), &tag, secure) {
            Ok(dialog) => dialog,
            Err(error) => {
                self.legs.remove(leg.slot as usize);
                refuse(cx, &flow, message, StatusCode::BAD_REQUEST, Some(reason_of(error)));
                return None;
            }
        };
        let server = self.open_server(cx, flow, message, leg, &tag)?;
        let caller = &mut self.legs[leg.slot as usize];
        caller.dialog = Some(dialog);
        caller.learn(message);
        caller.via = super::silence::via_of(message);
        caller.wants_reliable = message.requires("100rel");
        // Section 8.2.6.1: at once, well under 200 ms.
        self.answer_to(cx, (server, message), StatusCode::TRYING, b"", |_| {});
        if let Body::Description(offer) = describe::body(message) {
            let offer = Text::from(offer);
            self.learn_profile(leg, &offer);
            self.legs[leg.slot as usize].session.remote = offer;
        }
        Some((leg, server))
    }

    /// Sections 8.2.2.3, 8.2.3 and RFC 4028 section 9: what every user agent server looks at. False: it was refused.
    pub(super) fn is_acceptable(&self, cx: &mut Context<'_>, flow: &Flow, message: &Message<'_>) -> bool {
        if !understands(cx, flow, message) {
            return false;
        }
        let min = cx.world.settings.session_expires_min_s;
        if let Ok(Some(asked)) = message.session_expires()
            && asked.interval < min
            && message.supports("timer")
        {
            answer(cx, flow, message, StatusCode::SESSION_INTERVAL_TOO_SMALL, None, |writer| {
                writer.number(HeaderName::MinSe, min);
            });
            return false;
        }
        match describe::body(message) {
            Body::None => true,
            Body::Description(offer) => {
                let why = match describe::read(offer) {
                    // RFC 3264 section 5.2 has it in another kind of session.
                    Some(offer) if describe::is_multicast(&offer) => "Multicast Is Not Served",
                    Some(offer) if describe::is_usable(&offer, true) => return true,
                    Some(_) => "No Key That We Know",
                    None => "Unreadable Description",
                };
                refuse(cx, flow, message, StatusCode::NOT_ACCEPTABLE_HERE, Some(why));
                false
            }
            Body::Other => {
                answer(cx, flow, message, StatusCode::UNSUPPORTED_MEDIA_TYPE, None, |writer| {
                    writer.header(HeaderName::Accept, b"application/sdp").header(HeaderName::Allow, ALLOW);
                });
                false
            }
        }
    }
}

/// Section 8.2.2.3. False: it was refused.
pub(super) fn understands(cx: &mut Context<'_>, flow: &Flow, message: &Message<'_>) -> bool {
    let unknown = || message.require().filter(|tag| !is_understood(tag));
    if unknown().next().is_none() {
        return true;
    }
    answer(cx, flow, message, StatusCode::BAD_EXTENSION, None, |writer| {
        for tag in unknown() {
            writer.header(HeaderName::Unsupported, tag);
        }
    });
    false
}

/// An option tag of Require that this program does what it asks for.
pub(crate) fn is_understood(tag: &[u8]) -> bool {
    [&b"100rel"[..], b"timer", b"replaces", b"norefersub", b"nosub"]
        .iter()
        .any(|known| tag.eq_ignore_ascii_case(known))
}

impl Calls {
    /// A side leaves a call that goes on: its session is counted no more.
    pub(super) fn uncount(&mut self, cx: &Context<'_>, call: u32, id: LegId) {
        let Some(account) = self.leg(id).and_then(|leg| leg.end.party).map(|party| party.account) else {
            return;
        };
        let Some(counted) = self.calls.get_mut(call as usize).map(|state| &mut state.counted) else { return };
        if let Some(at) = counted.iter().position(|counted| *counted == account) {
            give_back(cx, &[counted.swap_remove(at)]);
        }
    }
}

/// Counts the call for the caller; targets of an account that has too many are not tried. The reason that he is told when that
/// leaves nothing to do. Who calls for help is counted, and no limit asked.
fn count_sessions(
    cx: &Context<'_>,
    caller: Party,
    targets: &mut Vec<Target>,
    uri: &[u8],
) -> Result<Vec<AccountId>, Option<&'static str>> {
    let is_emergency = || entitled::is_emergency(cx.world, caller.account(cx.world).as_deref(), uri);
    let max = cx.world.settings.calls_per_account_max;
    let sessions = &cx.world.guard.sessions;
    if !sessions.take_if_allowed(&cx.world.directory, caller.account, max) {
        if !is_emergency() {
            return Err(Some("Too Many Calls At Once"));
        }
        sessions.take(caller.account, 0);
    }
    let full = leave_out_full(cx, targets, is_emergency);
    if targets.is_empty() {
        give_back(cx, &[caller.account]);
        return Err(full.and_then(|full| callee_is_full(cx.world, caller, full)));
    }
    Ok(vec![caller.account])
}

/// Who talks as often as is allowed is not called, unless somebody calls for help. The account that is left out, when there is
/// one.
pub(super) fn leave_out_full(
    cx: &Context<'_>,
    targets: &mut Vec<Target>,
    is_emergency: impl Fn() -> bool,
) -> Option<AccountId> {
    let max = cx.world.settings.calls_per_account_max;
    let is_full = |party: &Party| {
        cx.world.guard.sessions.is_used_up(&cx.world.directory, party.account, max) && !is_emergency()
    };
    let mut full = None;
    targets.retain(|target| {
        let party = target.party.filter(is_full);
        full = party.map(|party| party.account).or(full);
        party.is_none()
    });
    full
}

/// What a caller hears besides 486: to another domain a callee who talks a lot is busy as anybody is.
pub(super) fn callee_is_full(world: &World, caller: Party, full: AccountId) -> Option<&'static str> {
    let (caller, full) = (caller.account(world)?, world.directory.account_by_id(full)?);
    (caller.aor.domain() == full.aor.domain()).then_some("Callee Has Too Many Calls")
}

pub(super) fn give_back(cx: &Context<'_>, counted: &[AccountId]) {
    counted.iter().for_each(|account| cx.world.guard.sessions.give_back(*account));
}

pub(super) fn reason_of(error: DialogError) -> &'static str {
    match error {
        DialogError::OutOfOrder => "CSeq Out Of Order",
        DialogError::Malformed("Contact") => "Missing Or Malformed Contact",
        DialogError::Malformed(_) | DialogError::MakesNone | DialogError::TooMany => "No Dialog Can Be Made",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{add_dave_elsewhere, world};
    use coeur_directory::DeviceId;

    #[test]
    fn that_an_account_has_too_many_calls_is_told_within_its_domain_alone() {
        let world = world();
        let dave = add_dave_elsewhere(&world);
        let told = |caller| {
            let caller = Party { account: caller, device: DeviceId(0) };
            callee_is_full(&world, caller, AccountId(2))
        };
        assert_eq!((told(AccountId(1)), told(dave)), (Some("Callee Has Too Many Calls"), None));
    }
}
