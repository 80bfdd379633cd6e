//! Calls to a service of ours ([`Service`]). The service is a leg like any other, but without a dialog and without ports: it
//! answers at once, and says yes to what is offered as far as it can. So it is called, held, and transferred to like a
//! phone; its sound is made in the media plane.

use super::describe::{self, Body, Text};
use super::leg::{LegId, Stage};
use super::start::give_back;
use super::{ALLOW, CALLS_MAX, Calls, NewLeg, SUPPORTED, across, refuse};
use crate::answer::answer;
use crate::context::Context;
use crate::event::Step;
use crate::flow::Flow;
use crate::media::MediaCommand;
use crate::outbox::Output;
use crate::party::Party;
use crate::proxy::timing;
use crate::route_token::{End, hop_of};
use crate::routing::Target;
use crate::service::{MEMBERS_MAX, ROOM_MEMBERS_MAX, Service};
use coeur_sip::header::HeaderName;
use coeur_sip::{Message, Method, StatusCode, Writer};

impl Calls {
    /// Takes a request to a service from a sender whom we know.
    pub(crate) fn serve(
        &mut self,
        cx: &mut Context<'_>,
        flow: Flow,
        message: &Message<'_>,
        party: Party,
        service: Service,
    ) {
        match message.method() {
            Method::Invite => match self.elsewhere(cx, service, party) {
                Some(target) => self.start(cx, flow, message, party, (vec![target], None)),
                None => self.start_served(cx, flow, message, party, service),
            },
            Method::Options => refuse(cx, &flow, message, StatusCode::OK, None),
            Method::Ack
            | Method::Cancel
            | Method::Bye
            | Method::Message
            | Method::Subscribe
            | Method::Notify
            | Method::Publish
            | Method::Register
            | Method::Refer
            | Method::Info
            | Method::Update
            | Method::Prack
            | Method::Other(_) => {
                // RFC 3261 section 8.2.1.
                answer(cx, &flow, message, StatusCode::METHOD_NOT_ALLOWED, None, |writer| {
                    writer.header(HeaderName::Allow, ALLOW);
                });
            }
        }
    }

    /// Where the service is, when another shard has it.
    pub(super) fn elsewhere(&self, cx: &Context<'_>, service: Service, who: Party) -> Option<Target> {
        let Service::Conference(room) = service else { return None };
        let home = service.home(cx.world).filter(|home| *home != cx.mint.shard())?;
        Some(across::room_target(home, room, who))
    }

    /// Whether nobody more has room in it.
    fn is_full(&self, service: Service) -> bool {
        match service {
            Service::Echo | Service::Test(_) => false,
            // Some hundred microseconds with a hundred thousand calls, once for each who joins.
            Service::Conference(_) => {
                let services = || self.legs.iter().filter_map(|(_, leg)| leg.service);
                let is_in_any = |service: &Service| matches!(service, Service::Conference(_));
                services().filter(|other| *other == service).count() >= ROOM_MEMBERS_MAX
                    || services().filter(is_in_any).count() >= MEMBERS_MAX
            }
        }
    }

    fn start_served(
        &mut self,
        cx: &mut Context<'_>,
        flow: Flow,
        message: &Message<'_>,
        party: Party,
        service: Service,
    ) {
        if !self.is_acceptable(cx, &flow, message) {
            return;
        }
        if self.calls.len() >= CALLS_MAX {
            cx.counters.limits_hit += 1;
            return refuse(cx, &flow, message, StatusCode::SERVICE_UNAVAILABLE, None);
        }
        if self.is_full(service) {
            cx.counters.limits_hit += 1;
            return refuse(cx, &flow, message, StatusCode::BUSY_HERE, Some("The Conference Is Full"));
        }
        // Who comes from another shard is counted there.
        let counted = if flow.is_inside() { Vec::new() } else { vec![party.account] };
        let max = cx.world.settings.calls_per_account_max;
        let sessions = &cx.world.guard.sessions;
        if counted.iter().any(|account| !sessions.take_if_allowed(&cx.world.directory, *account, max)) {
            cx.counters.limits_hit += 1;
            return refuse(cx, &flow, message, StatusCode::BUSY_HERE, Some("Too Many Calls At Once"));
        }
        let offer = match describe::body(message) {
            Body::Description(offer) => Some(offer),
            Body::None | Body::Other => None,
        };
        if offer.is_some_and(|offer| describe::served(service, Some(offer)).is_none()) {
            give_back(cx, &counted);
            let why = Some("An Offer Of Audio Is Needed");
            return refuse(cx, &flow, message, StatusCode::NOT_ACCEPTABLE_HERE, why);
        }
        let Some(call) = self.begin_call(cx, flow, message, party, (Vec::new(), counted)) else { return };
        self.calls[call as usize].record.is_elsewhere = flow.is_inside();
        self.tell(cx, call, Step::Started);
        let caller = self.calls[call as usize].caller;
        match offer {
            Some(_) => {
                let offer = self.legs[caller.slot as usize].session.remote.clone();
                self.open_media(cx, caller, &offer, true);
            }
            None => {
                self.legs[caller.slot as usize].profile = self.expected_profile(caller);
                let offer = describe::served(service, None).unwrap_or_default();
                self.open_media(cx, caller, &offer, false);
            }
        }
        self.answer_by_service(cx, call, service);
    }

    /// The service answers: it is who was called, and the call goes on as with any other who has answered.
    pub(super) fn answer_by_service(&mut self, cx: &mut Context<'_>, call: u32, service: Service) {
        let caller = self.calls[call as usize].caller;
        let Some(leg) = self.leg(caller) else { return };
        let (near, offer) = (leg.end.flow, leg.session.remote.clone());
        let offer = (!offer.is_empty()).then_some(offer.bytes());
        let Some(described) = describe::served(service, offer) else {
            return self.end_setup(cx, call, StatusCode::NOT_ACCEPTABLE_HERE, None);
        };
        if self.is_full(service) {
            cx.counters.limits_hit += 1;
            return self.end_setup(cx, call, StatusCode::BUSY_HERE, None);
        }
        let end = End { flow: near, party: None, host: None };
        let id = self.open_leg(cx, NewLeg { call, end, hop: hop_of(&near, None) });
        let leg = &mut self.legs[id.slot as usize];
        leg.service = Some(service);
        leg.media.stage = Stage::Open;
        leg.session.remote = described;
        let state = &mut self.calls[call as usize];
        state.callee = Some(id);
        if let Some(setup) = state.setup.as_mut() {
            setup.accepted = Some(id);
        }
        cx.counters.calls_served += 1;
        self.await_ports(cx, id);
        self.accept_opened(cx, call);
    }

    /// A phone that does not answer has its timers; of a service only ports are waited for, and not for ever.
    pub(super) fn await_ports(&mut self, cx: &mut Context<'_>, id: LegId) {
        let now = cx.now.monotonic;
        if let Some(leg) = self.leg_mut(id) {
            leg.alarm = now + timing(cx.world).lifetime();
        }
        self.arm_leg(now, id);
    }

    /// The time for that is over.
    pub(super) fn ports_missing(&mut self, cx: &mut Context<'_>, id: LegId) {
        let Some(call) = self.leg(id).map(|leg| leg.call) else { return };
        let Some(state) = self.calls.get(call as usize) else { return };
        if state.setup.is_some() && state.transfer.is_none() {
            self.end_setup(cx, call, StatusCode::SERVICE_UNAVAILABLE, None);
        } else if state.modify.is_some() {
            self.modify_refused(cx, call, StatusCode::SERVICE_UNAVAILABLE);
        }
    }

    /// What the 200 of a service says besides its description, as lines.
    pub(super) fn lines_of_service(&self, cx: &Context<'_>, to: LegId) -> Vec<u8> {
        let mut lines = Vec::with_capacity(256);
        let mut writer = Writer::new(&mut lines);
        let Some(leg) = self.leg(to) else { return lines };
        // Who was reached over a listener is answered over it, so there is one.
        let _ = leg.write_contact(cx.world, &mut writer);
        writer.header(HeaderName::Allow, ALLOW).header(HeaderName::Supported, SUPPORTED);
        lines
    }

    pub(super) fn service_of(&self, id: LegId) -> Option<Service> {
        self.leg(id)?.service
    }

    /// The service describes itself anew, for this offer. False: there is nothing in it that it can take.
    pub(super) fn describe_service(&mut self, id: LegId, offer: &Text) -> bool {
        let Some(leg) = self.leg_mut(id) else { return false };
        let described = leg.service.and_then(|service| describe::served(service, Some(offer.bytes())));
        let is_possible = described.is_some();
        if let Some(described) = described {
            leg.session.remote = described;
        }
        is_possible
    }

    /// An offer inside the dialog of a side that talks with a service, as `modify` has it.
    pub(super) fn offer_to_service(&mut self, cx: &mut Context<'_>, call: u32, offer: &Text) {
        let Some(modify) = self.calls[call as usize].modify.as_ref() else { return };
        let (server, from, to) = (modify.server, modify.from, modify.to);
        if !offer.is_empty() {
            if !self.describe_service(to, offer) {
                return self.modify_refused(cx, call, StatusCode::NOT_ACCEPTABLE_HERE);
            }
            let described = self.leg(to).map(|leg| leg.session.remote.clone()).unwrap_or_default();
            return self.tell_answer(cx, call, &described);
        }
        // RFC 3261 section 14.2: the offer is ours, and the answer comes in the ACK.
        self.calls[call as usize].modify = None;
        let described = self.leg(to).map(|leg| leg.session.remote.clone()).unwrap_or_default();
        let Some(leg) = self.leg_mut(from) else { return };
        let body =
            described.read().map(|described| describe::offer(cx.mint, leg, &described)).unwrap_or_default();
        leg.awaits_answer = true;
        self.say_modified(cx, server, from, body.bytes());
    }

    /// The ACK of a 2xx in which a service has offered. Without an answer there is no session.
    pub(super) fn service_answered(&mut self, cx: &mut Context<'_>, id: LegId, message: &Message<'_>) {
        let Some(leg) = self.leg_mut(id) else { return };
        leg.awaits_answer = false;
        let call = leg.call;
        let answer = match describe::body(message) {
            Body::Description(answer) => Some(Text::from(answer)).filter(|answer| answer.read().is_some()),
            Body::None | Body::Other => None,
        };
        let Some(answer) = answer else { return self.end_call(cx, call, super::end::By::Us) };
        leg.session.remote = answer;
        if let Some(other) = self.other(id) {
            self.agree(cx, id, other);
        }
    }

    /// What has been agreed with a side that talks with a service.
    pub(super) fn agree_with_service(&mut self, cx: &mut Context<'_>, id: LegId, service_leg: LegId) {
        let (Some(leg), Some(other)) = (self.leg(id), self.leg(service_leg)) else { return };
        let Some(service) = other.service else { return };
        let both = (leg.session.remote.read(), other.session.remote.read());
        let (Some(own), Some(of_service)) = both else { return };
        let peer = describe::peer(leg, &own, &of_service);
        let (media, call) = (leg.media.id, leg.call);
        // The service has its side in this program.
        let protection = describe::protection(&peer, &peer);
        self.note_agreed((id, &peer), (service_leg, &peer));
        for command in [
            MediaCommand::Describe { id: media, peer: Box::new(peer) },
            MediaCommand::Serve { id: media, service },
        ] {
            cx.outbox.outputs.push(Output::Media(command));
        }
        self.protected(cx, call, protection);
        self.play(cx, id, None);
        self.forget_what_was_read(call, [id, service_leg]);
    }
}
