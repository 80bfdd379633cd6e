//! What a call's record says of its sides. A side is noted when it leaves, since its leg has gone by the time the record is
//! written; what was measured of it comes from the media plane afterwards (see [`super::awaited`]).

use super::awaited::What;
use super::leg::{Leg, LegId};
use super::state::Record;
use super::{Calls, end::By};
use crate::call_record::{AgreedStream, CallRecord, Side};
use crate::context::Context;
use crate::event::{EndedBy, LegProtection};
use crate::media::{
    Format, Keying, MediaCommand, MediaId, OpenStream, Peer, Stream, StreamAddress, StreamKind,
};
use crate::outbox::Output;
use crate::party::Party;
use coeur_sip::StatusCode;

/// A side that has left, or is about to.
#[derive(Clone, Debug)]
pub(super) struct Noted {
    side: Side,
    /// Its endpoint, when it had ports.
    media: Option<MediaId>,
}

/// How a call has ended.
pub(super) struct End {
    pub(super) status: u16,
    pub(super) by: EndedBy,
}

impl Calls {
    /// Notes a side, unless it has been already.
    pub(super) fn note(&mut self, cx: &Context<'_>, call: u32, id: LegId) {
        let Some(state) = self.calls.get(call as usize) else { return };
        let place = match id {
            id if id == state.caller => 0,
            id if Some(id) == state.callee => 1,
            _ => return,
        };
        let Some(leg) = self.leg(id).filter(|_| state.record.sides[place].is_none()) else { return };
        let party = leg.end.party.or(state.record.caller.filter(|_| place == 0));
        let noted = Noted { side: side(cx, leg, party), media: leg.media.open_id() };
        self.calls[call as usize].record.sides[place] = Some(Box::new(noted));
    }

    pub(super) fn note_both(&mut self, cx: &Context<'_>, call: u32) {
        let Some(state) = self.calls.get(call as usize) else { return };
        for id in [Some(state.caller), state.callee].into_iter().flatten() {
            self.note(cx, call, id);
        }
    }

    /// Publishes the record of a call, once the media plane has said how its sides did. One that was never answered has no
    /// quality, and waits for nothing.
    pub(super) fn write_record(&mut self, cx: &mut Context<'_>, record: Record, end: End) {
        let began = cx.now.monotonic_at(record.started);
        let [caller, callee] = record.sides.map(|noted| noted.map(|noted| *noted));
        let called = || record.called.and_then(|called| cx.world.directory.account_by_id(called));
        let was_answered = record.answered.is_some();
        let media =
            |noted: &Option<Noted>| noted.as_ref().and_then(|noted| noted.media).filter(|_| was_answered);
        let media = [media(&caller), media(&callee)];
        let callee = callee.map(|noted| noted.side);
        // Who is no account of ours, and speaks: over a way that is none of this process.
        let is_elsewhere = |side: &Side| side.party.is_none() && side.flow.is_some();
        let goes_elsewhere = callee.as_ref().is_some_and(is_elsewhere)
            || caller.as_ref().is_some_and(|noted| is_elsewhere(&noted.side));
        let written = CallRecord {
            id: record.id,
            // Noted by whoever ends a call.
            caller: caller.map_or_else(Side::nobody, |noted| noted.side),
            callee: callee.or_else(|| called().map(|account| Side::silent(account.aor.clone()))),
            to: record.to,
            call_id: record.call_id,
            started: record.started,
            rang_after_ms: record.rang.map(|rang| rang.since(began).as_millis() as u64),
            answered: record.answered,
            ended: cx.now.wall,
            status: end.status,
            ended_by: if record.is_hung_up { EndedBy::Operator } else { end.by },
            reason: record.reason,
            protection: record.protection,
            forwarded: record.forwarded,
            transfer_of: record.transfer_of,
            verdict: record.verdict,
            payer: record.payer.filter(|_| was_answered && goes_elsewhere),
        };
        self.keep_record(cx, &written);
        self.ask_of_taken(cx, media);
        self.await_reports(cx, What::Record(Box::new(written)), media);
    }

    /// Whoever has been taken over by another call is still heard: its endpoint is asked, for it is not closed.
    fn ask_of_taken(&self, cx: &mut Context<'_>, media: [Option<MediaId>; 2]) {
        for id in media.into_iter().flatten() {
            let leg = super::leg::Media::leg_of(id).and_then(|leg| self.leg(leg));
            if leg.is_some_and(|leg| leg.media.open_id() == Some(id)) {
                cx.outbox.outputs.push(Output::Media(MediaCommand::Report { id }));
            }
        }
    }

    /// A call that is answered is about to lose a side to somebody else: what was until now has a record of its own, and
    /// another begins.
    pub(super) fn split_record(&mut self, cx: &mut Context<'_>, call: u32, leaves: LegId) {
        self.note_both(cx, call);
        let state = &mut self.calls[call as usize];
        let by = if state.caller == leaves { EndedBy::Caller } else { EndedBy::Callee };
        let fresh = Record::new(cx, &state.record.to, &state.record.call_id);
        let caller = state.record.caller.filter(|_| by == EndedBy::Callee);
        let payer = state.record.payer;
        let fresh = Record { answered: Some(cx.now.wall), caller, payer, ..fresh };
        let record = std::mem::replace(&mut state.record, fresh);
        self.write_record(cx, record, End { status: StatusCode::OK.code(), by });
    }

    /// What has been agreed with both sides, for whoever asks.
    pub(super) fn note_agreed(&mut self, caller: (LegId, &Peer), callee: (LegId, &Peer)) {
        for (id, own) in [caller, callee] {
            let Some(leg) = self.leg_mut(id) else { continue };
            leg.media.agreed = agreed(&leg.media.streams, &leg.media.addresses, own, (caller.1, callee.1));
        }
    }
}

impl By {
    /// Which side that is, in a call that this leg began.
    pub(super) fn side(self, caller: LegId) -> EndedBy {
        match self {
            By::Leg(leg) if leg == caller => EndedBy::Caller,
            By::Leg(_) => EndedBy::Callee,
            By::Us => EndedBy::Exchange,
        }
    }
}

pub(super) fn side(cx: &Context<'_>, leg: &Leg, party: Option<Party>) -> Side {
    if let Some(service) = leg.service {
        return Side { address: service.as_str().as_bytes().into(), ..Side::nobody() };
    }
    let account = party.and_then(|party| party.account(cx.world));
    let dialog = leg.dialog.as_ref();
    Side {
        account: account.map(|account| account.aor.clone()),
        party,
        address: dialog.map(|dialog| dialog.remote_address().into()).unwrap_or_default(),
        user_agent: leg.user_agent.clone(),
        // Who faces us on another shard is in another call (decision 0032).
        flow: (!leg.end.flow.is_inside()).then_some((leg.end.flow.transport, leg.end.flow.remote)),
        call_id: dialog.map(|dialog| dialog.id().call_id.into()).unwrap_or_default(),
        streams: leg.media.agreed.clone(),
        report: None,
    }
}

/// `between`: caller and callee.
fn agreed(
    opened: &[OpenStream],
    ours: &[Option<StreamAddress>],
    own: &Peer,
    (caller, callee): (&Peer, &Peer),
) -> Box<[Option<AgreedStream>]> {
    let of = |peer: &'_ Peer, index: usize| -> Box<[Format]> {
        peer.streams
            .get(index)
            .and_then(Option::as_ref)
            .map(|stream| stream.formats.clone())
            .unwrap_or_default()
    };
    let one = |(index, stream): (usize, &Option<Stream>)| {
        let stream = stream.as_ref()?;
        Some(AgreedStream {
            kind: opened.get(index).map_or(StreamKind::Other, |opened| opened.kind),
            codec: codec(&of(caller, index), &of(callee, index), &stream.formats),
            promised: stream.rtp,
            ours: ours.get(index).and_then(Option::as_ref).map(|address| address.rtp),
            protection: protection(&stream.keying),
            we_send: stream.we_send,
            we_receive: stream.we_receive,
        })
    };
    own.streams.iter().enumerate().map(one).collect()
}

/// What both sides have, in the order of who was called: it has answered with what it prefers of what was offered. When they
/// have nothing in common, the first of this side.
fn codec(caller: &[Format], callee: &[Format], own: &[Format]) -> Option<Box<str>> {
    let is_same = |one: &Format, other: &Format| {
        let kind = |format: &Format| (format.name.to_ascii_lowercase(), format.clock_rate, format.channels);
        kind(one) == kind(other)
    };
    let carries = |format: &&Format| !format.is_dtmf();
    let common = callee.iter().filter(carries).find(|one| caller.iter().any(|other| is_same(one, other)));
    let format = common.or_else(|| own.iter().find(carries))?;
    let name = String::from_utf8_lossy(&format.name);
    let channels = if format.channels == 1 { String::new() } else { format!("/{}", format.channels) };
    Some(format!("{name}/{}{channels}", format.clock_rate).into())
}

fn protection(keying: &Keying) -> LegProtection {
    match keying {
        Keying::Plain => LegProtection::Clear,
        Keying::Sdes { .. } => LegProtection::Sdes,
        Keying::Dtls { .. } => LegProtection::Dtls,
        Keying::EndToEnd => LegProtection::EndToEnd,
    }
}
