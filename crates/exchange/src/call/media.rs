//! The media of the legs: ports asked for and had, and what has been agreed (see [`crate::media`]).

use super::describe::Text;
use super::leg::{LegId, Media, Stage};
use super::{Calls, describe};
use crate::call_record::Relayed;
use crate::context::Context;
use crate::event::{Event, Protection};
use crate::media::{Conversion, Keying, MediaCommand, MediaEvent, MediaId, Peer, Side};
use crate::outbox::Output;

impl Calls {
    /// Asks for the ports that a leg needs for a description; nothing when they are open. `is_peers`: it is of the leg's
    /// own peer. True: nothing has to be waited for.
    pub(super) fn open_media(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        description: &Text,
        is_peers: bool,
    ) -> bool {
        let Some(leg) = self.leg_mut(id) else { return false };
        if leg.service.is_some() {
            return true;
        }
        let Some(description) = description.read() else { return false };
        let streams = describe::streams(leg, &description, is_peers);
        let open = describe::are_open(leg, &streams);
        leg.media.streams = streams.clone();
        if open {
            return true;
        }
        leg.media.stage = Stage::Opening;
        let command = MediaCommand::Open { id: leg.media.id, near: leg.near(), streams };
        cx.outbox.outputs.push(Output::Media(command));
        false
    }

    /// The ports of a leg are not wanted any more.
    pub(super) fn close_media(&mut self, cx: &mut Context<'_>, id: LegId) {
        let Some(leg) = self.leg_mut(id).filter(|leg| leg.service.is_none()) else { return };
        if leg.media.stage != Stage::Closed {
            leg.media.stage = Stage::Closed;
            cx.outbox.outputs.push(Output::Media(MediaCommand::Close { id: leg.media.id }));
        }
    }

    /// Nobody is on the other side, but what we play: who is parked, or waits for a transfer, has described its media.
    pub(super) fn agree_alone(&self, cx: &mut Context<'_>, id: LegId) {
        let Some(leg) = self.leg(id) else { return };
        let Some(own) = leg.session.remote.read() else { return };
        let mut peer = describe::peer(leg, &own, &own);
        if self.is_elsewhere(id) {
            leave_to_phones(&mut peer);
        }
        let describe = MediaCommand::Describe { id: leg.media.id, peer: Box::new(peer) };
        cx.outbox.outputs.push(Output::Media(describe));
    }

    /// Both sides have described what they agree on: the media plane hears of it.
    pub(super) fn agree(&mut self, cx: &mut Context<'_>, a: LegId, b: LegId) {
        let (Some(first), Some(second)) = (self.leg(a), self.leg(b)) else { return };
        match (first.service, second.service) {
            (None, None) => {}
            (None, Some(_)) => return self.agree_with_service(cx, a, b),
            (Some(_), None | Some(_)) => return self.agree_with_service(cx, b, a),
        }
        let both = (first.session.remote.read(), second.session.remote.read());
        let (Some(of_a), Some(of_b)) = both else { return };
        let (mut to_a, mut to_b) =
            (describe::peer(first, &of_a, &of_b), describe::peer(second, &of_b, &of_a));
        let streams = describe::pairs(&to_a, &to_b, [(first, &of_a), (second, &of_b)]);
        let is_makeable = describe::is_makeable(&to_a) && describe::is_makeable(&to_b);
        let (id_a, id_b, call) = (first.media.id, second.media.id, first.call);
        let is_wire = first.wire || second.wire;
        if is_wire
            && !(describe::may_be_wire(&of_a) && describe::may_be_wire(&of_b))
            && let Some(state) = self.calls.get_mut(call as usize)
        {
            // One of the two does no more what it needs; see `direct`.
            state.asks.unwired = Some(Relayed::Returned);
        }
        let is_caller = self.calls.get(call as usize).is_some_and(|call| call.caller == a);
        let (caller, callee) = if is_caller { (&to_a, &to_b) } else { (&to_b, &to_a) };
        let protection = describe::protection(caller, callee);
        let (caller, callee) = if is_caller { ((a, &to_a), (b, &to_b)) } else { ((b, &to_b), (a, &to_a)) };
        self.note_agreed(caller, callee);
        self.as_ordered((a, &mut to_a), (b, &mut to_b));
        for (id, peer) in [(a, &mut to_a), (b, &mut to_b)] {
            if self.is_elsewhere(id) {
                leave_to_phones(peer);
            }
        }
        let told = |side: fn(Conversion) -> Side| {
            streams.iter().any(|pair| pair.conversion.is_some_and(|both| side(both).keys_are_told))
        };
        let told = [told(|both| both.a), told(|both| both.b)];
        for (id, keys_are_told) in [a, b].into_iter().zip(told) {
            let media = &mut self.legs[id.slot as usize].media;
            media.keys_are_told = keys_are_told;
            media.is_makeable = is_makeable;
        }
        for command in [
            MediaCommand::Describe { id: id_a, peer: Box::new(to_a) },
            MediaCommand::Describe { id: id_b, peer: Box::new(to_b) },
            MediaCommand::Connect { a: id_a, b: id_b, streams },
        ] {
            cx.outbox.outputs.push(Output::Media(command));
        }
        self.protected(cx, call, protection);
        self.hold(cx, a, b);
        self.record_agreed(cx, call);
        self.direct_later(cx, call);
        self.forget_what_was_read(call, [a, b]);
    }

    /// Once a call is answered its descriptions are seldom looked at.
    pub(super) fn forget_what_was_read(&mut self, call: u32, sides: [LegId; 2]) {
        if self.calls.get(call as usize).is_none_or(|call| call.setup.is_some()) {
            return;
        }
        for leg in sides {
            if let Some(leg) = self.leg_mut(leg) {
                leg.session.local.forget();
                leg.session.remote.forget();
            }
        }
    }

    /// How the media of a call is protected now; `None`: there is none.
    pub(super) fn protected(&mut self, cx: &mut Context<'_>, call: u32, protection: Option<Protection>) {
        if let Some(call) = self.calls.get_mut(call as usize) {
            call.record.protection = protection.or(call.record.protection);
        }
        self.tell_protection(cx, call);
        self.look_later(cx, call);
    }

    /// How the media of a call is protected: once it is answered, and when that changes.
    fn tell_protection(&mut self, cx: &mut Context<'_>, call: u32) {
        let Some(record) = self.calls.get_mut(call as usize).map(|call| &mut call.record) else { return };
        let Some(protection) = record.protection.filter(|_| record.answered.is_some()) else { return };
        if record.told.replace(protection) != Some(protection) {
            let call_id = record.call_id.clone();
            cx.outbox.publish(Event::CallProtected { call_id, protection });
        }
    }

    /// Word from the media plane.
    pub(crate) fn media(&mut self, cx: &mut Context<'_>, event: &MediaEvent) {
        match event {
            MediaEvent::Opened { id, streams, fingerprint } => {
                match Media::leg_of(*id).filter(|leg| self.leg(*leg).is_some()) {
                    Some(leg) => {
                        let media = &mut self.legs[leg.slot as usize].media;
                        if media.stage == Stage::Opening {
                            media.stage = Stage::Open;
                            media.addresses = streams.clone();
                            media.fingerprint = fingerprint.clone();
                            self.opened(cx, leg);
                        }
                    }
                    // Its leg has gone, and with it the wish; the worker may have missed the Close.
                    None if Media::leg_of(*id).is_some() => {
                        cx.outbox.outputs.push(Output::Media(MediaCommand::Close { id: *id }));
                    }
                    None => {}
                }
            }
            MediaEvent::OpenFailed { id } => {
                let Some(leg) = Media::leg_of(*id).filter(|leg| self.leg(*leg).is_some()) else { return };
                let media = &mut self.legs[leg.slot as usize].media;
                if media.stage != Stage::Opening {
                    return;
                }
                media.stage = if media.addresses.is_empty() { Stage::Closed } else { Stage::Open };
                cx.counters.media_refused += 1;
                cx.outbox.publish(Event::Notice {
                    flow: None,
                    subject: "".into(),
                    text: "no port for the media of a call".into(),
                });
                self.tell_no_ports(cx, leg);
                self.open_failed(cx, leg);
            }
            // Nobody hears anybody any more.
            MediaEvent::Silent { id } | MediaEvent::Ended { id } => {
                if let Some(leg) = Media::leg_of(*id).filter(|leg| self.leg(*leg).is_some()) {
                    self.end_call(cx, self.legs[leg.slot as usize].call, super::end::By::Us);
                }
            }
            MediaEvent::Strayed { id, from, .. } => {
                if let Some(leg) = Media::leg_of(*id) {
                    self.media_strays(cx, leg, from.ip());
                }
            }
            MediaEvent::Quiet { id } => {
                if let Some(leg) = Media::leg_of(*id) {
                    self.media_is_quiet(cx, leg, false);
                }
            }
            MediaEvent::IceFailed { id, .. } => {
                if let Some(leg) = Media::leg_of(*id) {
                    self.media_is_quiet(cx, leg, true);
                }
                self.doubted(cx, *id);
            }
            MediaEvent::Doubted { id } | MediaEvent::DtlsFailed { id, .. } => self.doubted(cx, *id),
            MediaEvent::Reported { id, report } => {
                self.look_reported(cx, *id, report);
                self.direct_reported(cx, *id, report);
                self.reported(cx, *id, report);
            }
            MediaEvent::Closed { id, report } => self.reported(cx, *id, report),
            MediaEvent::Kept { id, kept } => {
                if let Some(leg) = Media::leg_of(*id).filter(|leg| self.leg(*leg).is_some()) {
                    self.keep_media(cx, leg, kept);
                }
            }
            MediaEvent::Dtmf { id, digit, duration_ms } => self.key_heard(cx, *id, *digit, *duration_ms),
            MediaEvent::Speaks { id, is_speaking } => self.speaks(cx, *id, *is_speaking),
            MediaEvent::NotTaped { id } => self.not_taped(cx, *id),
            MediaEvent::Heard { id, .. } => {
                if let Some(leg) = Media::leg_of(*id) {
                    self.wired_heard(cx, leg);
                }
            }
        }
    }

    /// Who speaks in a conference is told, and shown with his call. A leg that leaves has none any more, and its end was told.
    fn speaks(&mut self, cx: &mut Context<'_>, id: MediaId, is_speaking: bool) {
        let Some(id) = Media::leg_of(id) else { return };
        if self.test_heard(cx, id, is_speaking) {
            return;
        }
        let Some(call) = self.leg(id).map(|leg| leg.call) else { return };
        let Some(call) = self.calls.get(call as usize).map(|state| state.record.id) else { return };
        if let Some(leg) = self.leg_mut(id) {
            leg.speaks = Some(is_speaking);
        }
        cx.counters.conference_spurts += u64::from(is_speaking);
        cx.outbox.publish(Event::Speaks { call, is_speaking });
    }

    /// Who leaves a conference while he speaks has ended to.
    pub(super) fn falls_silent(&mut self, cx: &mut Context<'_>, id: LegId) {
        let Some(leg) = self.leg_mut(id).filter(|leg| leg.speaks == Some(true)) else { return };
        leg.speaks = Some(false);
        let call = leg.call;
        if let Some(call) = self.calls.get(call as usize).map(|state| state.record.id) {
            cx.outbox.publish(Event::Speaks { call, is_speaking: false });
        }
    }

    /// The ports of a leg are there: whatever waited for them goes on.
    fn opened(&mut self, cx: &mut Context<'_>, id: LegId) {
        let call = self.legs[id.slot as usize].call;
        if self.restored_opened(cx, call) {
            return;
        }
        if let Some(joining) = self.joining(id) {
            return self.join_opened(cx, joining);
        }
        if self.calls[call as usize].modify.is_some() {
            return self.modify_opened(cx, call);
        }
        let is_picker = self.picker_of(id).is_some();
        let Some(setup) = &self.calls[call as usize].setup else { return };
        match setup.accepted {
            None if is_picker => match self.is_answerable(id) {
                true => self.picked_up(cx, call),
                false => self.refuse_picker(cx, call, coeur_sip::StatusCode::NOT_ACCEPTABLE_HERE),
            },
            Some(_) => self.accept_opened(cx, call),
            None if self.calls[call as usize].caller == id => match self.is_answerable(id) {
                true => self.early_opened(cx, call),
                false => self.end_setup(cx, call, coeur_sip::StatusCode::NOT_ACCEPTABLE_HERE, None),
            },
            None => self.begin_opened(cx, id),
        }
    }

    /// False: all that the caller offers needs a certificate, and the media plane has none.
    fn is_answerable(&self, id: LegId) -> bool {
        let Some(leg) = self.leg(id) else { return false };
        let offer = leg.session.remote.read();
        offer.is_none_or(|offer| describe::is_usable(&offer, leg.media.fingerprint.is_some()))
    }

    fn open_failed(&mut self, cx: &mut Context<'_>, id: LegId) {
        let call = self.legs[id.slot as usize].call;
        if self.restored_failed(cx, call) {
            return;
        }
        if let Some(joining) = self.joining(id) {
            return self.join_failed(cx, joining, coeur_sip::StatusCode::NOT_ACCEPTABLE_HERE);
        }
        if self.calls[call as usize].modify.is_some() {
            return self.modify_refused(cx, call, coeur_sip::StatusCode::NOT_ACCEPTABLE_HERE);
        }
        if self.picker_of(id).is_some() {
            return self.cancel_picker(cx, call);
        }
        self.setup_without_ports(cx, call, id);
    }
}

/// Streams that go from phone to phone (see `direct`). What is said there under a key is not for us to say: nothing is sent under
/// the key of another, or one number of it would protect two packets (RFC 3711 section 9.1). Our own keys stay what they are.
fn leave_to_phones(peer: &mut Peer) {
    for slot in &mut peer.streams {
        let has_key = slot.as_ref().is_some_and(|stream| matches!(stream.keying, Keying::Sdes { .. }));
        match slot {
            Some(_) if has_key => *slot = None,
            Some(stream) => stream.we_receive = false,
            None => {}
        }
    }
}
