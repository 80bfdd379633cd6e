//! A phone that has changed its network in mid-call is followed there (decision 0028). What tells that it has is its
//! registration; what makes us look is its media, which is not heard any more or comes from elsewhere.
//!
//! - Packets come from where the device of the leg is registered now: its media is expected from there at once.
//! - Nothing comes: it is offered the description anew over the flow of its registration, as many phones send from their
//!   new address only then. With ICE that is a restart (RFC 8445 section 9): all candidates are gathered anew.
//!
//! Nobody is followed on the word of a packet alone, and a phone that does not know the dialog, because two use the secret
//! of one device, ends no call by saying so.

use super::Calls;
use super::client::Purpose;
use super::describe::{self, Body, Text};
use super::leg::LegId;
use super::modify::Before;
use crate::context::Context;
use crate::flow::Flow;
use crate::proxy::ends::{Moved, moved};
use crate::route_token::hop_of;
use coeur_sip::time::Monotonic;
use coeur_sip::{Message, Method, StatusCode};
use std::net::IpAddr;
use std::time::Duration;

/// A device that is reached where it was is asked again no sooner than this.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// What a leg has to do with it.
#[derive(Default)]
pub(super) struct Follow {
    /// Over which flow it was offered the description anew, and when that may be done again.
    asked: Option<Flow>,
    /// Its own offer or another one of ours was in the way.
    is_owed: bool,
    /// Its signalling has gone to where it is registered now.
    pub(super) has_left: bool,
    again_at: Monotonic,
    /// The offer that is under way, and what is put back when it is refused.
    offer: Option<Box<Offer>>,
}

struct Offer {
    client: u32,
    before: Before,
    /// Where it went: the leg's own place from the 2xx on.
    flow: Flow,
}

impl Calls {
    /// Packets of `from` come to the media of a leg.
    pub(super) fn media_strays(&mut self, cx: &mut Context<'_>, id: LegId, from: IpAddr) {
        let Some(found) = self.moved(cx, id).filter(|found| is_at(found, from)) else { return };
        self.move_leg(cx, id, &found);
    }

    /// A leg that should be heard is not. `is_lost`: ICE has no way to it, so that it is asked also where it was.
    pub(super) fn media_is_quiet(&mut self, cx: &mut Context<'_>, id: LegId, is_lost: bool) {
        let found = self.moved(cx, id);
        let Some(leg) = self.leg(id) else { return };
        let flow = found.as_ref().map_or(leg.end.flow, |found| found.flow);
        let is_new = found.is_some() && leg.follow.asked != Some(flow);
        let is_wanted =
            is_new || leg.follow.is_owed || (is_lost && leg.follow.again_at.is_due(cx.now.monotonic));
        if !is_wanted || self.is_offering(id) {
            return;
        }
        if let Some(found) = found.filter(|found| !found.is_still_there) {
            self.move_leg(cx, id, &found);
        }
        self.offer_anew(cx, id, flow);
    }

    /// Where the device of an answered leg is registered, when that is another host than it was.
    pub(super) fn moved(&self, cx: &Context<'_>, id: LegId) -> Option<Moved> {
        self.other(id)?;
        let leg = self.leg(id)?;
        moved(cx, &leg.end, leg.dialog.as_ref()?.remote_target())
    }

    /// Requests and media of the leg go there from now on.
    pub(super) fn move_leg(&mut self, cx: &mut Context<'_>, id: LegId, found: &Moved) {
        let Some(other) = self.other(id) else { return };
        let Some(leg) = self.leg_mut(id) else { return };
        leg.end.flow = found.flow;
        leg.hop = hop_of(&found.flow, None);
        leg.follow.has_left = true;
        cx.counters.phones_followed += 1;
        self.agree(cx, id, other);
    }

    /// RFC 3261 section 14.1: one offer at a time.
    fn is_offering(&self, id: LegId) -> bool {
        let Some(call) = self.leg(id).and_then(|leg| self.calls.get(leg.call as usize)) else { return true };
        let is_busy =
            |id: LegId| self.leg(id).is_none_or(|leg| leg.unacknowledged.is_some() || leg.timer.offers());
        call.setup.is_some()
            || call.modify.is_some()
            || call.late.is_some()
            || call.transfer.is_some()
            || call.leads_to.is_some()
            || is_busy(id)
    }

    /// Offers a leg what the other side has described, or, when it waits alone, what it has described itself.
    pub(super) fn offer_anew(&mut self, cx: &mut Context<'_>, id: LegId, flow: Flow) {
        let of = self.other(id).unwrap_or(id);
        let Some(described) = self.leg(of).map(|leg| leg.session.remote.clone()) else { return };
        let before = self.before(id);
        let Some(leg) = self.leg_mut(id) else { return };
        // With keys of ours it is sealed no more, unless it refuses them.
        leg.direct.is_sealed &= leg.end_to_end;
        leg.follow.is_owed = false;
        (leg.follow.asked, leg.follow.again_at) = (Some(flow), cx.now.monotonic + ASK_AGAIN);
        leg.session.restarts_ice = true;
        let body =
            described.read().map(|described| describe::offer(cx.mint, leg, &described)).unwrap_or_default();
        leg.session.restarts_ice = false;
        let timer = leg.timer.request_lines(cx.world);
        let over = (flow != leg.end.flow).then(|| hop_of(&flow, None));
        let client =
            self.request_over(cx, id, over, Method::Invite, Purpose::Follow, body.bytes(), |writer| {
                writer.raw(&timer);
                describe::write_type(writer, body.bytes());
            });
        match (client, self.leg_mut(id)) {
            (Some(client), Some(leg)) => {
                leg.timer.begin_offer();
                leg.follow.offer = Some(Box::new(Offer { client, before, flow }));
            }
            (None, Some(leg)) => {
                let to_direct = leg.direct.other.is_some();
                self.restore(id, before);
                self.direct_refused(cx, id, StatusCode::SERVICE_UNAVAILABLE, to_direct);
            }
            (_, None) => {}
        }
    }

    pub(super) fn follow_accepted(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        slot: u32,
        message: &Message<'_>,
    ) {
        let Some(leg) = self.leg_mut(id) else { return self.acknowledge_blindly(cx, slot, message) };
        if let Some(dialog) = leg.dialog.as_mut() {
            // A Contact that cannot be read moves nothing.
            let _ = dialog.on_response(message);
        }
        leg.learn(message);
        if let Some(offer) = leg.follow.offer.take_if(|offer| offer.client == slot)
            && offer.flow != leg.end.flow
        {
            leg.end.flow = offer.flow;
            leg.hop = hop_of(&offer.flow, None);
            leg.follow.has_left = true;
            cx.counters.phones_followed += 1;
        }
        leg.owes_offer = false;
        let is_to_direct = leg.offers_direct && leg.direct.other.is_some();
        self.direct_taken(id);
        let Some(leg) = self.leg(id) else { return };
        let Some(dialog) = leg.dialog.clone() else { return };
        self.acknowledge(cx, slot, &dialog, message, b"");
        self.begin_timer_as_client(cx, id, message);
        let Body::Description(answer) = describe::body(message) else { return };
        let answer = Text::from(answer);
        if answer.read().is_none() {
            return;
        }
        if is_to_direct && !describe::fits(&self.legs[id.slot as usize], false, &answer) {
            // Keys that do not fit: it is brought back, and not asked again.
            return self.refuse_direct(cx, id);
        }
        self.legs[id.slot as usize].session.remote = answer;
        match self.other(id) {
            Some(other) => self.agree(cx, id, other),
            None => self.agree_alone(cx, id),
        }
    }

    /// It says no, or nothing. Whether the call goes on is said by its media and by the session timer.
    pub(super) fn follow_failed(&mut self, cx: &mut Context<'_>, id: LegId, slot: u32, status: StatusCode) {
        let Some(leg) = self.leg_mut(id) else { return };
        let Some(offer) = leg.follow.offer.take_if(|offer| offer.client == slot) else { return };
        leg.timer.end_offer();
        leg.follow.is_owed = status == StatusCode::REQUEST_PENDING;
        let to_direct = leg.direct.other.is_some();
        self.restore(id, offer.before);
        self.direct_refused(cx, id, status, to_direct);
    }
}

fn is_at(found: &Moved, ip: IpAddr) -> bool {
    found.flow.remote.ip().to_canonical() == ip.to_canonical()
}
