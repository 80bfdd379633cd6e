//! Why somebody in a call is not heard: when the media plane doubts, or a few seconds after the answer, both legs are asked
//! how they do, and what [`crate::silence`] makes of it is published, each cause of a side once.

use super::leg::{Leg, LegId, Media, Stage};
use super::{Calls, describe};
use crate::context::Context;
use crate::event::{Event, LegLook, Looked};
use crate::media::{MediaCommand, MediaId, Peer, Report, StreamKind, StreamReport};
use crate::outbox::Output;
use crate::silence::{self, Cause, Ends, Said, Side, Verdict};
use coeur_sdp::summary::MediaKind;
use coeur_sip::time::Monotonic;
use coeur_sip::uri::Host;
use coeur_sip::{Message, Uri};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// From an answer, or another agreement, to the look at how it does.
const LOOK_AFTER: Duration = Duration::from_secs(4);
/// Between two questions about one call.
const ASK_EVERY: Duration = Duration::from_millis(700);
/// An answer that is not acknowledged for so long has been repeated twice at least (RFC 3261 section 13.3.1.4).
const ACK_AFTER: Duration = Duration::from_millis(2_500);

/// What is known of the silence of one call; reports of some kB while an answer is awaited, else 50 bytes.
#[derive(Default)]
pub(super) struct Watch {
    asked: Option<Monotonic>,
    caller: Option<Box<Report>>,
    callee: Option<Box<Report>>,
    /// Causes that were told, one bit each.
    told_of_caller: u64,
    told_of_callee: u64,
    is_looked_at: bool,
}

impl Watch {
    /// Whether this is news; it is none afterwards.
    fn is_news(&mut self, verdict: &Verdict) -> bool {
        let told = match verdict.side {
            Side::Caller => &mut self.told_of_caller,
            Side::Callee => &mut self.told_of_callee,
        };
        let bit = 1 << verdict.cause as u64;
        let is_news = *told & bit == 0;
        *told |= bit;
        is_news
    }
}

impl Calls {
    /// Something was agreed: in a while it is looked at how that does.
    pub(super) fn look_later(&mut self, cx: &mut Context<'_>, call: u32) {
        self.look_at(cx, call, cx.now.monotonic + LOOK_AFTER);
    }

    fn look_at(&mut self, cx: &Context<'_>, call: u32, at: Monotonic) {
        let Some(id) = self.calls.get(call as usize).map(|call| call.caller) else { return };
        if let Some(leg) = self.leg_mut(id) {
            leg.look_at = at;
            self.arm_leg(cx.now.monotonic, id);
        }
    }

    /// Asks both sides how they do.
    pub(super) fn look(&mut self, cx: &mut Context<'_>, call: u32) {
        let now = cx.now.monotonic;
        let legs = self.calls.get(call as usize).map(|call| [Some(call.caller), call.callee]);
        // What goes from phone to phone is not heard here.
        if legs.into_iter().flatten().flatten().any(|id| self.is_direct(id)) {
            return;
        }
        if let Some(at) = self.settles_at(call).filter(|at| !at.is_due(now)) {
            return self.look_at(cx, call, at);
        }
        let Some((ids, watch)) = self.sides(call) else { return };
        if watch.asked.is_some_and(|asked| now.since(asked) < ASK_EVERY) {
            return;
        }
        watch.asked = Some(now);
        let is_test = self.is_test(call);
        // The service that tests a phone has no ports, and nothing to report.
        for id in ids.into_iter().take(if is_test { 1 } else { 2 }) {
            cx.outbox.outputs.push(Output::Media(MediaCommand::Report { id }));
        }
    }

    /// The media plane doubts one of them.
    pub(super) fn doubted(&mut self, cx: &mut Context<'_>, id: MediaId) {
        if let Some(call) = self.call_of_media(id) {
            self.look(cx, call);
        }
    }

    /// How one side does. When both are known they are judged.
    pub(super) fn look_reported(&mut self, cx: &mut Context<'_>, id: MediaId, report: &Report) {
        let Some(call) = self.call_of_media(id) else { return };
        let Some(([caller, _], watch)) = self.sides(call) else { return };
        // Somebody else may ask too: what nobody here waits for is not kept.
        if watch.asked.is_none() {
            return;
        }
        if self.is_test(call) {
            return self.judge_test(cx, call, report);
        }
        let Some((_, watch)) = self.sides(call) else { return };
        let report = Some(Box::new(report.clone()));
        match id == caller {
            true => watch.caller = report,
            false => watch.callee = report,
        }
        if let (Some(_), Some(_)) = (&watch.caller, &watch.callee)
            && let (Some(caller), Some(callee)) = (watch.caller.take(), watch.callee.take())
        {
            self.judge(cx, call, &caller, &callee);
        }
    }

    /// Media goes from phone to phone from now on: that is all that can be told of how it does.
    pub(super) fn tell_direct(&mut self, cx: &mut Context<'_>, call: u32) {
        let Some(state) = self.calls.get(call as usize) else { return };
        let look = |id: LegId| {
            let leg = self.leg(id)?;
            let said = leg.session.remote.read()?;
            let audio = said.summary.media.iter().find(|media| media.kind == MediaKind::Audio);
            Some(LegLook {
                call_id: leg.dialog.as_ref().map(|dialog| dialog.id().call_id.into()).unwrap_or_default(),
                signals_from: Some(leg.end.flow.remote),
                said: audio.and_then(|media| media.rtp()),
                ..LegLook::default()
            })
        };
        let (Some(caller), Some(callee)) = (look(state.caller), state.callee.and_then(look)) else { return };
        let (verdicts, news, path) = (Box::default(), Box::default(), self.media_path(cx, call));
        let looked = Looked { id: state.record.id, caller, callee, verdicts, news, path };
        cx.outbox.publish(Event::CallLooked(Box::new(looked)));
    }

    /// There was no port for a side.
    pub(super) fn tell_no_ports(&mut self, cx: &mut Context<'_>, id: LegId) {
        let Some(call) = self.leg(id).map(|leg| leg.call) else { return };
        let Some(state) = self.calls.get_mut(call as usize) else { return };
        let side = if state.caller == id { Side::Caller } else { Side::Callee };
        let verdict = Verdict { side, cause: Cause::NoPorts, values: Box::default() };
        if !state.watch.is_news(&verdict) {
            return;
        }
        state.record.verdict = Some(verdict.clone());
        let verdicts: Box<[Verdict]> = [verdict].into();
        let call_id = state.record.call_id.clone();
        let caller = LegLook { call_id, ..LegLook::default() };
        let news = verdicts.clone();
        let callee = LegLook::default();
        let looked = Looked { id: state.record.id, caller, callee, verdicts, news, path: None };
        cx.outbox.publish(Event::CallLooked(Box::new(looked)));
    }

    /// The media of caller and callee of a call that is answered and has both.
    fn sides(&mut self, call: u32) -> Option<([MediaId; 2], &mut Watch)> {
        let state = self.calls.get(call as usize).filter(|call| call.record.answered.is_some())?;
        let (caller, callee) = (state.caller, state.callee?);
        let of =
            |id: LegId| self.leg(id).filter(|leg| leg.media.stage == Stage::Open).map(|leg| leg.media.id);
        let ids = [of(caller)?, of(callee)?];
        Some((ids, &mut self.calls.get_mut(call as usize)?.watch))
    }

    fn call_of_media(&self, id: MediaId) -> Option<u32> {
        Media::leg_of(id).and_then(|leg| self.leg(leg)).map(|leg| leg.call)
    }

    /// A phone alone with the service that tests it: nothing of that is wrong.
    fn judge_test(&mut self, cx: &mut Context<'_>, call: u32, report: &Report) {
        let Some(leg) = self.calls.get(call as usize).and_then(|state| self.leg(state.caller)) else {
            return;
        };
        let Some(own) = leg.session.remote.read() else { return };
        let peer = describe::peer(leg, &own, &own);
        let of_phone =
            silence::Leg { said: said(cx, leg, &own, false), agreed: audio(&peer), report: sound(report) };
        let here = Said {
            from: leg.near(),
            is_readable: false,
            media: None,
            contact: None,
            via: None,
            is_rejected: of_phone.said.is_rejected,
            owes_ack: false,
            moved_to: None,
        };
        let ends = Ends {
            caller: of_phone,
            callee: silence::Leg { said: here, agreed: audio(&peer), report: None },
        };
        let verdicts: Box<[Verdict]> = silence::judge(&ends).into();
        let caller = look_of(leg, &ends.caller);
        let Some(state) = self.calls.get_mut(call as usize) else { return };
        if let Some(verdict) = verdicts.first() {
            state.record.verdict = Some(verdict.clone());
        }
        let (watch, id) = (&mut state.watch, state.record.id);
        watch.is_looked_at = true;
        let news: Box<[Verdict]> =
            verdicts.iter().filter(|verdict| watch.is_news(verdict)).cloned().collect();
        let looked = Looked { id, caller, callee: LegLook::default(), verdicts, news, path: None };
        cx.outbox.publish(Event::CallLooked(Box::new(looked)));
    }

    fn judge(&mut self, cx: &mut Context<'_>, call: u32, caller: &Report, callee: &Report) {
        let Some(state) = self.calls.get(call as usize) else { return };
        let Some((first, second)) = self.leg(state.caller).zip(state.callee.and_then(|id| self.leg(id)))
        else {
            return;
        };
        let (of_a, of_b) = (first.session.remote.read(), second.session.remote.read());
        let (Some(of_a), Some(of_b)) = (of_a, of_b) else { return };
        let (to_a, to_b) = (describe::peer(first, &of_a, &of_b), describe::peer(second, &of_b, &of_a));
        let answered = state.record.answered.map(|answered| cx.now.monotonic_at(answered));
        let is_late = answered.is_some_and(|answered| cx.now.monotonic.since(answered) >= ACK_AFTER);
        let said = |leg: &Leg, own: &describe::Described<'_>| said(cx, leg, own, is_late);
        let a = silence::Leg { said: said(first, &of_a), agreed: audio(&to_a), report: sound(caller) };
        let b = silence::Leg { said: said(second, &of_b), agreed: audio(&to_b), report: sound(callee) };
        let ends = Ends { caller: a, callee: b };
        let verdicts: Box<[Verdict]> = silence::judge(&ends).into();
        let (caller, callee) = (look_of(first, &ends.caller), look_of(second, &ends.callee));
        let path = self.media_path(cx, call);
        let Some(state) = self.calls.get_mut(call as usize) else { return };
        let watch = &mut state.watch;
        let news: Box<[Verdict]> =
            verdicts.iter().filter(|verdict| watch.is_news(verdict)).cloned().collect();
        if let Some(verdict) = verdicts.first() {
            state.record.verdict = Some(verdict.clone());
        }
        if news.is_empty() && std::mem::replace(&mut watch.is_looked_at, true) {
            return;
        }
        watch.is_looked_at = true;
        let looked = Looked { id: state.record.id, caller, callee, verdicts, news, path };
        cx.outbox.publish(Event::CallLooked(Box::new(looked)));
    }
}

/// What is agreed about the sound: of several streams the first that is on.
fn audio(peer: &Peer) -> Option<&crate::media::Stream> {
    let is_sound = |stream: &&crate::media::Stream| {
        stream.formats.iter().any(|format| !format.is_dtmf() && format.clock_rate < 90_000)
    };
    peer.streams.iter().flatten().find(is_sound).or_else(|| peer.streams.iter().flatten().next())
}

fn sound(report: &Report) -> Option<&StreamReport> {
    report.streams.iter().flatten().find(|stream| stream.kind == StreamKind::Audio)
}

fn said(cx: &Context<'_>, leg: &Leg, own: &describe::Described<'_>, is_late: bool) -> Said {
    let audio = own.summary.media.iter().find(|media| media.kind == MediaKind::Audio);
    Said {
        from: leg.near(),
        is_readable: !leg.end.flow.transport.is_secure(),
        media: audio.and_then(|media| media.rtp()),
        contact: leg.dialog.as_ref().and_then(|dialog| host_of(dialog.remote_target())),
        via: leg.via,
        is_rejected: audio.is_none_or(|media| media.is_rejected),
        owes_ack: leg.unacknowledged.is_some() && is_late,
        moved_to: moved_to(cx, leg),
    }
}

/// Where the device of a leg is registered now, when that is another host than the one that it speaks from, or the one to
/// which it was followed.
fn moved_to(cx: &Context<'_>, leg: &Leg) -> Option<SocketAddr> {
    let party = leg.end.party?;
    let account = party.account(cx.world)?;
    let (user, domain) = (account.aor.user().as_bytes(), account.aor.domain().as_bytes());
    let (mut is_there, mut elsewhere) = (false, None);
    cx.world.bindings.each_of(user, domain, cx.now.monotonic, |view| {
        let Some(flow) = view.flow().filter(|_| view.draft().device == party.device) else { return };
        match flow.remote.ip() == leg.near() {
            true => is_there = true,
            false => elsewhere = Some(flow.remote),
        }
    });
    match leg.follow.has_left {
        true => Some(leg.end.flow.remote),
        false => elsewhere.filter(|_| !is_there),
    }
}

fn host_of(uri: &[u8]) -> Option<IpAddr> {
    match Uri::parse(uri) {
        Ok(Uri::Sip(uri)) => uri.host.ip(),
        Ok(_) | Err(_) => None,
    }
}

/// The host that the topmost Via of a request names.
pub(super) fn via_of(message: &Message<'_>) -> Option<IpAddr> {
    message.via().ok().and_then(|via| Host::ip(&via.host))
}

fn look_of(leg: &Leg, judged: &silence::Leg<'_>) -> LegLook {
    LegLook {
        call_id: leg.dialog.as_ref().map(|dialog| dialog.id().call_id.into()).unwrap_or_default(),
        signals_from: Some(leg.end.flow.remote),
        said: judged.said.media,
        agreed: judged.agreed.cloned().map(Box::new),
        report: judged.report.cloned().map(Box::new),
    }
}
