//! Client transactions of the role (RFC 3261 section 17.1), and what each was begun for. They outlive the leg that began
//! them: whatever becomes of a call, an INVITE of ours is ended as the RFC says, and a BYE is repeated.

use super::Calls;
use super::Owner;
use super::held::{self, Held};
use super::keys::Press;
use super::leg::LegId;
use super::name::Name;
use crate::context::Context;
use crate::flow::Hop;
use crate::outbox::SendToken;
use crate::party::Party;
use crate::proxy::{next_hop, timing};
use coeur_sip::time::Monotonic;
use coeur_sip::transaction::{InviteClient, NonInviteClient, Timing};
use coeur_sip::{HeaderTable, Limits, Message, Transport};

/// What a request of ours is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The INVITE that begins a leg.
    Begin,
    /// An offer of the other side, as INVITE or as UPDATE.
    Modify,
    /// The session timer's refresh of ours, as INVITE or as UPDATE.
    Refresh,
    /// An offer of ours to a phone that has moved.
    Follow,
    /// A request of the other side that passes as it is; its answer goes back there.
    Pass { server: u32, key: Option<Press> },
    /// A key that the media plane has heard from the other side.
    Key(Press),
    /// An offer of ours that joins two legs of different calls.
    Join,
    /// What becomes of a REFER.
    Notify,
    /// PRACK and BYE: the answer changes nothing.
    Told,
}

pub(super) enum Machine {
    Invite(InviteClient),
    Other(NonInviteClient),
    /// It has not begun: there is no way to the phone.
    Held(Held),
}

impl Machine {
    pub(super) fn start(
        now: Monotonic,
        timing: &Timing,
        is_invite: bool,
        is_reliable: bool,
        request: &[u8],
    ) -> Self {
        match is_invite {
            true => Self::Invite(InviteClient::start(now, timing, is_reliable, request)),
            false => Self::Other(NonInviteClient::start(now, timing, is_reliable, request)),
        }
    }
}

/// What became of the wish to end an INVITE.
pub(super) enum Cancel {
    No,
    /// As soon as a provisional answer comes (section 9.1).
    Wanted(Why),
    /// Its own transaction.
    Sent(Box<NonInviteClient>),
    /// Answered, or given up.
    Over,
}

/// What a CANCEL of ours says in Reason (RFC 3326).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Another device of the callee has answered: no missed call.
    CompletedElsewhere,
    /// Nobody answered in time, or the caller gave up and said no more.
    GivenUp,
    /// Another device has refused for all.
    Refused,
    /// What the caller said.
    Said(Box<[u8]>),
}

impl Why {
    pub(super) fn reason(&self) -> Option<&[u8]> {
        match self {
            Self::CompletedElsewhere => Some(b"SIP;cause=200;text=\"Call completed elsewhere\""),
            Self::GivenUp => None,
            Self::Refused => Some(b"SIP;cause=603;text=\"Decline\""),
            Self::Said(reason) => Some(reason),
        }
    }
}

/// About 300 bytes, and the request's where they may be needed again, until it has ended.
pub(super) struct Client {
    pub(super) serial: u32,
    pub(super) name: Name,
    /// Whose it is; the leg may have gone.
    pub(super) leg: LegId,
    pub(super) purpose: Purpose,
    pub(super) machine: Machine,
    pub(super) cancel: Cancel,
    /// Section 16.6 step 11, which a B2BUA has use for too; [`Monotonic::NEVER`] until the first provisional answer.
    pub(super) timer_c: Monotonic,
    pub(super) hop: Hop,
    /// Who is called: an answer comes from where the request went, or from where this device is registered now.
    pub(super) party: Option<Party>,
    /// An INVITE as sent: its ACK, its CANCEL and its dialogs are made of it. Over a connection any request, which leaves
    /// over another when that has gone (see `held`).
    pub(super) request: Box<[u8]>,
    /// Then it is given up; [`Monotonic::NEVER`] of what has never been held.
    pub(super) held_until: Monotonic,
    /// The 2xx that were acknowledged, for repetitions (section 13.2.2.4).
    pub(super) acks: Vec<Acknowledged>,
    pub(super) armed: Monotonic,
}

/// A 2xx by its To tag, and the ACK that it got.
pub(super) struct Acknowledged {
    pub(super) tag: Box<[u8]>,
    pub(super) ack: Box<[u8]>,
}

/// 2xx with different tags that one INVITE may draw and that are answered; more are left to end by themselves.
pub(super) const ANSWERS_MAX: usize = 16;

impl Client {
    pub(super) fn is_invite(&self) -> bool {
        match &self.machine {
            Machine::Invite(_) => true,
            Machine::Other(_) => false,
            Machine::Held(held) => held.is_invite,
        }
    }

    pub(super) fn awaits_final(&self) -> bool {
        match &self.machine {
            Machine::Invite(client) => client.awaits_final(),
            Machine::Other(client) => client.awaits_final(),
            Machine::Held(_) => true,
        }
    }

    pub(super) fn is_terminated(&self) -> bool {
        match &self.machine {
            Machine::Invite(client) => client.is_terminated(),
            Machine::Other(client) => client.is_terminated(),
            Machine::Held(_) => false,
        }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        !matches!(self.cancel, Cancel::No)
    }

    pub(super) fn stored(&self) -> &[u8] {
        match &self.machine {
            Machine::Invite(client) => client.stored(),
            Machine::Other(client) => client.stored(),
            Machine::Held(_) => &[],
        }
    }

    pub(super) fn is_reliable(&self) -> bool {
        transport_of(&self.hop).is_reliable()
    }

    pub(super) fn next_deadline(&self) -> Monotonic {
        let machine = match &self.machine {
            Machine::Invite(client) => client.next_deadline(),
            Machine::Other(client) => client.next_deadline(),
            Machine::Held(held) => Some(held.next_deadline()),
        };
        let cancel = match &self.cancel {
            Cancel::Sent(cancel) => cancel.next_deadline(),
            Cancel::No | Cancel::Wanted(_) | Cancel::Over => None,
        };
        [machine, cancel].into_iter().flatten().fold(self.timer_c, Monotonic::min)
    }

    pub(super) fn token(&self) -> SendToken {
        SendToken(token(self.name.slot, self.serial))
    }
}

/// Opaque to the server; the top bit tells the tokens of calls from those of the proxy.
pub(super) fn token(slot: u32, serial: u32) -> u64 {
    OURS | u64::from(slot) << 32 | u64::from(serial)
}

pub(crate) const fn is_ours(token: u64) -> bool {
    token & OURS != 0
}

/// (slot, serial) of a token of ours.
pub(super) const fn of_token(token: u64) -> (u32, u32) {
    (((token & !OURS) >> 32) as u32, token as u32)
}

const OURS: u64 = 1 << 63;

pub(super) fn transport_of(hop: &Hop) -> Transport {
    match hop {
        Hop::Flow(flow) => flow.transport,
        Hop::Address { transport, .. } => *transport,
    }
}

/// What is sent and for whom.
pub(super) struct Outgoing {
    pub(super) leg: LegId,
    pub(super) purpose: Purpose,
    pub(super) hop: Hop,
    pub(super) party: Option<Party>,
    pub(super) invite: bool,
}

impl Calls {
    /// Sends a request that `write` writes, given the value of our Via, and begins its transaction. `None`: there is no
    /// listener that could send it.
    pub(super) fn send(
        &mut self,
        cx: &mut Context<'_>,
        to: Outgoing,
        write: impl FnOnce(&[u8], &mut Vec<u8>),
    ) -> Option<u32> {
        let listener = next_hop::listener(cx.world, &to.hop)?;
        if !held::is_gone(&to.hop) {
            self.release(cx, to.leg);
        }
        let slot = self.clients.vacant_key() as u32;
        let name = Name::new(cx.mint, slot);
        let via = via(listener, &name);
        let span = cx.outbox.write(|out| write(&via, out));
        let (now, timing) = (cx.now.monotonic, timing(cx.world));
        let reliable = transport_of(&to.hop).is_reliable();
        let bytes = cx.outbox.bytes(span);
        let keeps = to.invite || held::is_over_connection(&to.hop);
        let client = Client {
            serial: self.next_serial(),
            name,
            leg: to.leg,
            purpose: to.purpose,
            machine: Machine::start(now, &timing, to.invite, reliable, bytes),
            cancel: Cancel::No,
            timer_c: Monotonic::NEVER,
            hop: to.hop,
            party: to.party,
            request: if keeps { bytes.into() } else { Box::default() },
            held_until: Monotonic::NEVER,
            acks: Vec::new(),
            armed: Monotonic::NEVER,
        };
        let is_gone = held::is_gone(&client.hop);
        if !is_gone {
            cx.outbox.send(client.hop.clone(), span, Some(client.token()));
        }
        self.clients.insert(client);
        cx.counters.transactions_client += 1;
        if !(is_gone && self.hold_request(cx, slot)) {
            self.arm_client(now, slot);
        }
        Some(slot)
    }

    /// An entry that fires too early is armed again, so a later deadline needs no entry of its own.
    pub(super) fn arm_client(&mut self, now: Monotonic, slot: u32) {
        let Some(client) = self.clients.get_mut(slot as usize) else { return };
        let at = client.next_deadline();
        if at < client.armed {
            client.armed = at;
            self.wheel.arm(now, at, Owner::Client(slot), client.serial);
        }
    }

    /// Forgets a client transaction that has ended.
    pub(super) fn reap_client(&mut self, slot: u32) {
        if self.clients.get(slot as usize).is_some_and(Client::is_terminated) {
            self.clients.remove(slot as usize);
        }
    }
}

pub(super) fn via(listener: &crate::world::Listener, name: &Name) -> Vec<u8> {
    [
        b"SIP/2.0/",
        listener.transport.as_str().as_bytes(),
        b" ",
        listener.sent_by.as_bytes(),
        b";rport;branch=",
        &name.branch()[..],
    ]
    .concat()
}

/// Reads bytes that we have written or stored.
pub(super) fn read<R>(bytes: &[u8], look: impl FnOnce(&Message<'_>) -> R) -> Option<R> {
    let mut table = HeaderTable::new();
    coeur_sip::parse(bytes, &mut table, &Limits::default()).ok().map(|message| look(&message))
}
