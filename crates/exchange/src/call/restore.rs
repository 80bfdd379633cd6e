//! Calls that the journal has kept go on (decision 0018): the same tags, dialogs, ports and keys. What each leg is named has
//! not changed, so that its phone finds it; where it stands in the slab may have, so such legs are found by their name.
//!
//! Connections have gone with the process. A phone that spoke over one is reached where it registers next, and speaks from
//! there: until then nobody speaks for it without a proof, and what we say to it is held (see [`super::held`]).

use super::Calls;
use super::describe::profile::Profile;
use super::describe::{self, Text};
use super::direct::Direct;
use super::follow::Follow;
use super::hold::Hears;
use super::leg::{Leg, LegId, Media, Session, Stage};
use super::name::Name;
use super::notify::Subscription;
use super::refresh::SessionTimer;
use super::state::{Call, Record};
use crate::context::Context;
use crate::flow::{ConnectionId, Flow, Hop, ShardId};
use crate::media::{Kept, KeptPath, KeptStream, MediaCommand};
use crate::outbox::Output;
use crate::proxy::ends::speaks_for;
use crate::record::calls::{KeptAnswer, KeptCall, KeptLeg, Piece, RecoveredCall, Written, read_media};
use crate::record::flow_here;
use crate::route_token::End;
use coeur_sip::dialog::Dialog;
use coeur_sip::time::{Monotonic, Wall};
use coeur_sip::{Message, Method, StatusCode};
use hashbrown::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Legs and calls of before, as far as they need to be known as such.
#[derive(Default)]
pub(super) struct Restored {
    /// By the random part of their names. 24 bytes each.
    pub(super) legs: HashMap<u64, LegId>,
    /// Calls whose ports are being bound again.
    opening: HashSet<u32>,
}

/// The first CSeq number of a dialog in which we had sent nothing that was kept: higher than any that `next_cseq` begins with.
const CSEQ_FIRST: u32 = 1 << 24;
/// So many descriptions may have left that were not kept (RFC 3264 section 8: the version goes up).
const VERSIONS_SKIPPED: u64 = 4;

/// What a piece is read with.
struct Clock {
    written: Written,
    later: Written,
}

impl Calls {
    /// Takes up the calls that were kept; their media is asked for. How many there are.
    pub(crate) fn take_up(&mut self, cx: &mut Context<'_>, calls: &[RecoveredCall]) -> usize {
        let taken = calls.iter().filter(|kept| self.restore_call(cx, kept).is_some()).count();
        // All of that is kept. Each call is written when something happens to it: all at once would be more than the journal
        // takes.
        let mut unchanged = Vec::new();
        self.calls.take_changed(&mut unchanged);
        self.legs.take_changed(&mut unchanged);
        taken
    }

    /// `None`: a piece cannot be read, which recovery has seen.
    fn restore_call(&mut self, cx: &mut Context<'_>, kept: &RecoveredCall) -> Option<()> {
        let told = KeptCall::read(&kept.call.plain).ok()?;
        let [first, second] = [&kept.legs[0], &kept.legs[1]];
        let legs = [KeptLeg::read(&first.plain).ok()?, KeptLeg::read(&second.plain).ok()?];
        let later = Written::at(&cx.world.bindings, cx.now);
        let call = self.calls.vacant_key() as u32;
        let names = [told.caller_leg, told.callee_leg];
        let mut ids = [LegId { slot: 0, serial: 0 }; 2];
        for (at, (leg, piece)) in legs.iter().zip([first, second]).enumerate() {
            let clock = Clock { written: piece.written, later };
            ids[at] = self.restore_leg(cx, call, (names[at], leg), &clock);
        }
        let [caller, callee] = ids;
        told.counted.iter().for_each(|account| {
            cx.world.guard.sessions.take(*account, 0);
        });
        self.calls.insert(restored_call(cx, kept, &told, (caller, callee)));
        self.restored.opening.insert(call);
        cx.counters.calls_restored += 1;
        for (at, id) in ids.into_iter().enumerate() {
            self.restore_media(cx, (id, ids[1 - at]), kept.media[at].as_ref());
            self.arm_leg(cx.now.monotonic, id);
        }
        self.journal.adopt(call, kept.id.0, ids.iter().map(|id| id.slot).zip(names));
        Some(())
    }

    fn restore_leg(
        &mut self,
        cx: &mut Context<'_>,
        call: u32,
        (random, kept): (u64, &KeptLeg<'_>),
        clock: &Clock,
    ) -> LegId {
        let (serial, slot) = (self.next_serial(), self.legs.vacant_key() as u32);
        let id = LegId { slot, serial };
        let flow = flow_now(cx, kept.flow);
        let end = End { flow, party: kept.party, host: kept.host.map(Into::into) };
        let deadline = |at_ms| clock.written.deadline(at_ms, &clock.later, cx.now);
        let mut timer = SessionTimer::resumed(
            kept.interval_s,
            kept.we_refresh,
            deadline(kept.refresh_at_ms),
            deadline(kept.expires_at_ms),
        );
        if end.party.is_some_and(|party| !party.stands(cx.world)) {
            // It lost its rights while nobody was there.
            timer.end_at(cx.now.monotonic);
        }
        let mut dialog = kept.dialog;
        dialog.local_cseq = Some(dialog.local_cseq.unwrap_or(CSEQ_FIRST));
        let mut media = Media::new(cx.mint.shard(), id);
        media.stage = Stage::Opening;
        media.streams = kept.streams.clone().into();
        media.addresses = kept.addresses.clone().into();
        self.legs.insert(Leg {
            call,
            id,
            name: Name { shard: ShardId(kept.shard), slot: kept.slot, random },
            end,
            hop: hop_now(cx, &kept.hop),
            dialog: Some(Dialog::remembered(&dialog)),
            media,
            profile: Profile::of_number(kept.profile),
            session: Session {
                id: kept.session_id,
                version: kept.session_version.saturating_add(VERSIONS_SKIPPED),
                local: Text::unread(kept.local),
                remote: Text::unread(kept.remote),
                restarts_ice: false,
            },
            callee: None,
            timer,
            end_to_end: kept.end_to_end,
            wire: false,
            user_agent: kept.user_agent.into(),
            follow: Follow::default(),
            direct: Direct::default(),
            refuses_direct: false,
            offers_direct: false,
            allows_update: kept.allows_update,
            keys: super::keys::Keys::of(cx.world, kept.party),
            wants_reliable: false,
            is_ahead: false,
            owes_offer: kept.owes_offer,
            reliable: None,
            unacknowledged: None,
            leaving: false,
            service: None,
            awaits_answer: false,
            hears: Hears::resumed(),
            ordered: super::control::Ordered { is_held: kept.is_held, is_muted: kept.is_muted },
            speaks: None,
            subscription: Subscription::resumed(kept.referred),
            look_at: Monotonic::NEVER,
            via: None,
            // A phone that has one of its own says it again with its next message.
            uuid: crate::session_id::Uuid::new(cx.mint),
            spoke_with: None,
            alarm: Monotonic::NEVER,
            armed: Monotonic::NEVER,
        });
        if let Some(leg) = self.leg_mut(id) {
            leg.direct.other = super::describe::elsewhere(leg).map(Box::new);
            leg.direct.is_restored = true;
            leg.wire = leg.end_to_end && super::describe::is_wire(leg);
            leg.direct.is_sealed = leg.end_to_end && !leg.wire && !cx.world.settings.end_to_end;
        }
        self.restored.legs.insert(random, id);
        if let Some(answer) = &kept.answer {
            self.restore_answer(cx, id, answer, deadline(answer.until_ms));
        }
        id
    }

    /// Our 2xx was not acknowledged when the process went: it is repeated, unless its time was over.
    fn restore_answer(&mut self, cx: &mut Context<'_>, id: LegId, answer: &KeptAnswer<'_>, until: Monotonic) {
        let (source, reply) = (flow_now(cx, answer.source), flow_now(cx, answer.reply));
        let tag = self.legs[id.slot as usize].tag();
        let server = (!until.is_due(cx.now.monotonic))
            .then(|| self.resume_answer(cx, (id, &tag), answer.bytes, (source, reply), until))
            .flatten();
        self.legs[id.slot as usize].unacknowledged = server;
    }

    /// The ports are bound again as they were; what the media plane had not said yet follows from what was described.
    fn restore_media(&mut self, cx: &mut Context<'_>, (id, other): (LegId, LegId), piece: Option<&Piece>) {
        let said = piece.and_then(|piece| read_media(&piece.plain).ok());
        let Some(leg) = self.leg(id) else { return };
        let kept = kept_media(leg, self.leg(other), said);
        cx.outbox
            .outputs
            .push(Output::Media(MediaCommand::Restore { id: leg.media.id, kept: Box::new(kept) }));
    }

    /// The leg of that name, when it was there before this process.
    pub(super) fn restored_leg(&self, name: &Name) -> Option<&Leg> {
        let id = self.restored.legs.get(&name.random)?;
        self.leg(*id).filter(|leg| leg.name == *name)
    }

    /// The ports of a leg are bound again. False: it was not waiting for that.
    pub(super) fn restored_opened(&mut self, cx: &mut Context<'_>, call: u32) -> bool {
        if !self.restored.opening.contains(&call) {
            return false;
        }
        let Some((caller, callee)) =
            self.calls.get(call as usize).and_then(|it| Some((it.caller, it.callee?)))
        else {
            return false;
        };
        let is_open = |id: LegId| self.leg(id).is_some_and(|leg| leg.media.stage == Stage::Open);
        if is_open(caller) && is_open(callee) {
            self.restored.opening.remove(&call);
            self.agree(cx, caller, callee);
            for id in [caller, callee] {
                let media = self.legs[id.slot as usize].media.id;
                cx.outbox.outputs.push(Output::Media(MediaCommand::Keep { id: media }));
            }
        }
        true
    }

    /// A port is not to be had again: the call cannot go on. False: it was not waiting for one.
    pub(super) fn restored_failed(&mut self, cx: &mut Context<'_>, call: u32) -> bool {
        let was = self.restored.opening.remove(&call);
        if was {
            self.end_call(cx, call, super::end::By::Us);
        }
        was
    }

    /// Another call may have its slot from now on.
    pub(super) fn restored_ended(&mut self, call: u32) {
        self.restored.opening.remove(&call);
    }

    /// A phone whose connection has gone with the process before has shown that it is at this one.
    pub(super) fn found_over(&mut self, id: LegId, flow: Flow) {
        let is_gone = |leg: &&mut Leg| leg.end.flow.connection == ConnectionId::GONE;
        if let Some(leg) =
            self.leg_mut(id).filter(|leg| is_gone(leg) && leg.end.flow.transport == flow.transport)
        {
            leg.end.flow = flow;
            leg.hop = Hop::Flow(flow);
        }
    }

    /// A 2xx to an INVITE that the process before sent inside the dialog of a leg: it is acknowledged, or it would come again
    /// and end the call (RFC 3261 section 13.3.1.4). What it agreed to was never heard, and a later offer replaces it.
    pub(super) fn acknowledge_of_before(&mut self, cx: &mut Context<'_>, flow: &Flow, message: &Message<'_>) {
        let is_2xx =
            message.status().is_some_and(StatusCode::is_success) && message.method() == Method::Invite;
        let Some(name) = message.from_tag().and_then(Name::of_tag).filter(|_| is_2xx) else { return };
        let Some(leg) = self.restored_leg(&name) else { return };
        let owns = leg.dialog.as_ref().filter(|dialog| dialog.owns_response(message));
        let Some(dialog) = owns.filter(|_| speaks_for(cx, &leg.end, flow)).cloned() else { return };
        self.acknowledge_over(cx, *flow, &dialog, message.cseq().number);
    }
}

fn restored_call(
    cx: &Context<'_>,
    kept: &RecoveredCall,
    told: &KeptCall<'_>,
    (caller, callee): (LegId, LegId),
) -> Call {
    let started = Wall::from_millis(told.started_ms);
    let began = cx.now.monotonic_at(started);
    let record = Record {
        id: kept.id,
        caller: told.caller,
        called: told.called,
        payer: told.payer,
        sides: [None, None],
        to: told.to.into(),
        call_id: told.call_id.into(),
        started,
        rang: told.rang_after_ms.map(|after_ms| began + Duration::from_millis(after_ms)),
        answered: Some(Wall::from_millis(told.answered_ms)),
        protection: told.protection,
        told: told.protection,
        is_elsewhere: told.is_elsewhere,
        reason: None,
        forwarded: told.forwarded.clone().into(),
        transfer_of: told.transfer_of,
        verdict: None,
        is_hung_up: false,
    };
    Call { callee: Some(callee), counted: told.counted.clone(), ..Call::bare(caller, record) }
}

/// What the media plane had said, and for streams of which it had said nothing what was described.
fn kept_media(leg: &Leg, other: Option<&Leg>, said: Option<Kept>) -> Kept {
    let described = other.and_then(|other| {
        let (own, other) = (leg.session.remote.read()?, other.session.remote.read()?);
        // What goes from phone to phone has a key that is not ours.
        let is_ours = leg.direct.other.as_ref().is_none_or(|other| other.keys.iter().all(Option::is_none));
        is_ours.then(|| describe::peer(leg, &own, &other))
    });
    let (signalled_from, said) = match said {
        Some(said) => (said.signalled_from, said.streams.into_vec()),
        None => (None, Vec::new()),
    };
    let mut said = said.into_iter();
    let mut agreed = described.map(|peer| peer.streams.into_vec()).unwrap_or_default().into_iter();
    let streams = leg.media.streams.iter().zip(&leg.media.addresses).map(|(opened, address)| {
        let (said, agreed) = (said.next().flatten(), agreed.next().flatten());
        said.or_else(|| {
            let address = address.clone()?;
            let any: IpAddr = match address.rtp {
                SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
            };
            Some(KeptStream {
                opened: *opened,
                bound: SocketAddr::new(any, address.rtp.port()),
                address,
                is_on: agreed.is_some(),
                agreed: agreed.map(Box::new),
                rtp: KeptPath::default(),
                rtcp: KeptPath::default(),
                keys: None,
            })
        })
    });
    Kept { streams: streams.collect(), signalled_from: signalled_from.or(Some(leg.near())) }
}

/// The flow in this process: on the listener that is there now.
fn flow_now(cx: &Context<'_>, flow: Flow) -> Flow {
    if flow.is_inside() {
        return flow;
    }
    let (here, _) = flow_here(&cx.world.listeners, flow);
    Flow { connection: flow.connection, ..here }
}

fn hop_now(cx: &Context<'_>, hop: &Hop) -> Hop {
    match hop {
        Hop::Flow(flow) => Hop::Flow(flow_now(cx, *flow)),
        Hop::Address { transport, listener, address, host } => {
            let connection = ConnectionId::NONE;
            let flow = Flow { transport: *transport, listener: *listener, connection, remote: *address };
            let listener = flow_now(cx, flow).listener;
            Hop::Address { transport: *transport, listener, address: *address, host: host.clone() }
        }
    }
}
