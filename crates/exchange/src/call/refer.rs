//! REFER inside a call (RFC 3515): one side wants the other to be with somebody else. The exchange does itself what is asked
//! for, so a phone that knows no REFER can be transferred, and nobody is sent where who asked may not go (threat T-09).
//!
//! What it does not do: other methods than INVITE, headers of the Refer-To URI other than Replaces, subscriptions of their
//! own (RFC 7614 `explicitsub`).

use super::across::{Asker, What};
use super::feature::{self, Feature};
use super::leg::LegId;
use super::name::Name;
use super::start::{callee_is_full, leave_out_full, understands};
use super::transfer::{Callees, Referral};
use super::{CALLS_MAX, Calls, across, identity, refuse, transfer};
use crate::answer::answer;
use crate::context::Context;
use crate::entitled;
use crate::flow::Flow;
use crate::routing::{self, Plan};
use coeur_sip::header::{DialogId, HeaderName, Replaces};
use coeur_sip::uri::{Uri, unescape_into};
use coeur_sip::{Message, Method, StatusCode, Writer};

/// Where the other side is wanted.
struct Wanted {
    uri: Vec<u8>,
    /// The value of Replaces that the URI carries.
    replaces: Option<Vec<u8>>,
}

impl Calls {
    pub(super) fn refer(&mut self, cx: &mut Context<'_>, id: LegId, flow: Flow, message: &Message<'_>) {
        if !understands(cx, &flow, message) {
            return;
        }
        let wanted = match wanted(message) {
            Ok(wanted) => wanted,
            Err((status, reason)) => return refuse(cx, &flow, message, status, Some(reason)),
        };
        if !self.may_be_referred(id) {
            return refuse(cx, &flow, message, StatusCode::REQUEST_PENDING, None);
        }
        let call = self.legs[id.slot as usize].call;
        self.direct_later(cx, call);
        let leg = &self.legs[id.slot as usize];
        // The rights are those of who asks; a side without an account has none.
        let Some(party) = leg.end.party else {
            return refuse(cx, &flow, message, StatusCode::FORBIDDEN, None);
        };
        let referred_by = identity::of_sender(cx.world, message, Some(party), true).asserted;
        let referral = Referral { by: id, party, referred_by, uri: wanted.uri };
        match wanted.replaces {
            Some(replaces) => self.refer_to_call(cx, flow, message, referral, &replaces),
            None => self.refer_to_uri(cx, flow, message, referral),
        }
    }

    /// Both sides are there, and neither is on its way to somewhere else.
    pub(super) fn may_be_referred(&self, id: LegId) -> bool {
        let Some(call) = self.leg(id).and_then(|leg| self.calls.get(leg.call as usize)) else { return false };
        let talks = |id: LegId| self.leg(id).is_some_and(|leg| leg.dialog.is_some());
        call.setup.is_none()
            && call.leads_to.is_none()
            && call.transfer.is_none()
            && self.other(id).is_some_and(talks)
    }

    /// A blind transfer (RFC 5589 section 6).
    fn refer_to_uri(&mut self, cx: &mut Context<'_>, flow: Flow, message: &Message<'_>, referral: Referral) {
        let Some(account) = referral.party.account(cx.world) else {
            return refuse(cx, &flow, message, StatusCode::FORBIDDEN, None);
        };
        match feature::of(cx.world, &account, &referral.uri) {
            Some(Feature::Park(slot)) => return self.park(cx, flow, message, &referral, (&account, slot)),
            // Nobody is sent to pick up a call: whoever wants it calls it.
            Some(Feature::PickUp(_) | Feature::PickUpInGroups) => {
                return refuse(cx, &flow, message, StatusCode::NOT_ACCEPTABLE_HERE, None);
            }
            None => {}
        }
        let plan = routing::decide_call(cx.world, cx.now.monotonic, Some(&account), &referral.uri);
        let (mut targets, onward) = match plan {
            Plan::Proxy { targets, onward, .. } => (targets, onward),
            // Who waits is to be with it, with the rights of who asks.
            Plan::Serve(service) => match self.elsewhere(cx, service, referral.party) {
                Some(target) => (vec![target], None),
                None if self.calls.len() < CALLS_MAX => {
                    self.accept_referral(cx, flow, message, referral.by);
                    return self.transfer(cx, referral, transfer::Wanted::Service(service));
                }
                None => (Vec::new(), None),
            },
            Plan::Refuse { status, why } => {
                cx.counters.relay_refused += u64::from(why == routing::Why::NoRightToRelay);
                return refuse(cx, &flow, message, status, Some(why.as_str()));
            }
        };
        if self.calls.len() >= CALLS_MAX {
            cx.counters.limits_hit += 1;
            return refuse(cx, &flow, message, StatusCode::SERVICE_UNAVAILABLE, None);
        }
        let is_emergency = || entitled::is_emergency(cx.world, Some(&account), &referral.uri);
        let full = leave_out_full(cx, &mut targets, is_emergency);
        if targets.is_empty() {
            cx.counters.limits_hit += 1;
            let why = full.and_then(|full| callee_is_full(cx.world, referral.party, full));
            return refuse(cx, &flow, message, StatusCode::BUSY_HERE, why);
        }
        self.accept_referral(cx, flow, message, referral.by);
        let callees = Callees { targets, onward, lines: Vec::new() };
        self.transfer(cx, referral, transfer::Wanted::Callees(callees));
    }

    /// An attended transfer (RFC 5589 section 7): the URI names another dialog of who asks.
    fn refer_to_call(
        &mut self,
        cx: &mut Context<'_>,
        flow: Flow,
        message: &Message<'_>,
        referral: Referral,
        replaces: &[u8],
    ) {
        let Ok(replaces) = Replaces::parse(replaces) else {
            return refuse(cx, &flow, message, StatusCode::BAD_REQUEST, Some("Malformed Replaces"));
        };
        let elsewhere = |name: &Name| name.shard != cx.mint.shard();
        if let Some(name) = across::name_in(&replaces.dialog).filter(elsewhere) {
            return self.refer_across(cx, flow, message, referral, (&name, &replaces.dialog));
        }
        let Some(replaced) = self.leg_named(&replaces.dialog) else {
            let status = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
            return refuse(cx, &flow, message, status, Some("No Such Dialog To Replace"));
        };
        // Nobody but its own side gives a dialog away.
        let own = self.leg(replaced).and_then(|leg| leg.end.party).map(|party| party.account);
        if own != Some(referral.party.account) {
            return refuse(cx, &flow, message, StatusCode::FORBIDDEN, None);
        }
        if !self.may_be_joined(referral.by, replaced) {
            return refuse(cx, &flow, message, StatusCode::REQUEST_PENDING, None);
        }
        self.accept_referral(cx, flow, message, referral.by);
        self.attend(cx, referral, replaced);
    }

    /// The other dialog is on another shard: who waits here calls who waits there (decision 0032). Whether it may, is found
    /// out there, and told by NOTIFY.
    fn refer_across(
        &mut self,
        cx: &mut Context<'_>,
        flow: Flow,
        message: &Message<'_>,
        referral: Referral,
        (name, dialog): (&Name, &DialogId<'_>),
    ) {
        let Some(lines) = across::replaces_lines(dialog) else {
            return refuse(cx, &flow, message, StatusCode::BAD_REQUEST, Some("Malformed Replaces"));
        };
        if self.calls.len() >= CALLS_MAX {
            cx.counters.limits_hit += 1;
            return refuse(cx, &flow, message, StatusCode::SERVICE_UNAVAILABLE, None);
        }
        let who = self.other(referral.by).and_then(|other| self.leg(other)?.end.party);
        let asker = Asker { by: referral.party, who: who.unwrap_or(referral.party) };
        let targets = vec![across::target(name.shard, What::Dialog, asker)];
        self.accept_referral(cx, flow, message, referral.by);
        let callees = Callees { targets, onward: None, lines };
        self.transfer(cx, referral, transfer::Wanted::Callees(callees));
    }

    /// RFC 3515 section 2.4.2: 202, and what becomes of it is told by NOTIFY, unless who asks does not want to know
    /// (RFC 4488 section 4, RFC 7614 section 5).
    pub(super) fn accept_referral(
        &mut self,
        cx: &mut Context<'_>,
        flow: Flow,
        message: &Message<'_>,
        id: LegId,
    ) {
        let refuses = message
            .header(HeaderName::ReferSub)
            .is_some_and(|value| value.get(..5).is_some_and(|value| value.eq_ignore_ascii_case(b"false")));
        let silent = refuses || message.requires("nosub");
        let status = if silent { StatusCode::OK } else { StatusCode::ACCEPTED };
        let leg = &mut self.legs[id.slot as usize];
        leg.subscription.begin(message, !silent);
        let mut lines = Vec::with_capacity(96);
        // The request came over a listener, so there is one.
        let _ = leg.write_contact(cx.world, &mut Writer::new(&mut lines));
        answer(cx, &flow, message, status, None, |writer| {
            writer.raw(&lines);
            if refuses {
                writer.header(HeaderName::ReferSub, b"false");
            }
        });
        self.notify(cx, id, StatusCode::TRYING);
    }
}

/// Section 2.4.2: exactly one Refer-To, and of what it may ask for an INVITE.
fn wanted(message: &Message<'_>) -> Result<Wanted, (StatusCode, &'static str)> {
    let bad = (StatusCode::BAD_REQUEST, "Missing Or Malformed Refer-To");
    let address = message.refer_to().map_err(|_| bad)?.ok_or(bad)?;
    let text = address.uri;
    let uri = match Uri::parse(text).map_err(|_| bad)? {
        Uri::Sip(uri) => uri,
        Uri::Tel(_) => return Ok(Wanted { uri: text.to_vec(), replaces: None }),
        Uri::Other { .. } => return Err((StatusCode::UNSUPPORTED_URI_SCHEME, "Unsupported Refer-To")),
    };
    if uri.method().is_some_and(|method| method != Method::Invite) {
        return Err((StatusCode::NOT_IMPLEMENTED, "Only INVITE Is Referred"));
    }
    let named = uri.header_pairs().find(|(name, _)| name.eq_ignore_ascii_case(b"Replaces"));
    let replaces = named.map(|(_, value)| {
        let mut plain = Vec::with_capacity(value.len());
        unescape_into(value, &mut plain);
        plain
    });
    let end = memchr::memchr(b'?', text).unwrap_or(text.len());
    Ok(Wanted { uri: without_method(&text[..end]), replaces })
}

/// RFC 3261 section 19.1.1: no Request-URI has a `method`.
fn without_method(uri: &[u8]) -> Vec<u8> {
    const METHOD: &[u8] = b";method=";
    let at = uri.windows(METHOD.len()).position(|window| window.eq_ignore_ascii_case(METHOD));
    let Some(at) = at else { return uri.to_vec() };
    let rest = &uri[at + METHOD.len()..];
    let end = memchr::memchr(b';', rest).unwrap_or(rest.len());
    [&uri[..at], &rest[end..]].concat()
}
