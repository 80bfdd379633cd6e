//! One call: the caller's leg, the legs that are being called, and the one that answered.

use super::direct::Asks;
use super::late::Late;
use super::leg::LegId;
use super::modify::Modify;
use super::note::Noted;
use super::originate::Originated;
use super::park::Parked;
use super::silence::Watch;
use super::tape::Taped;
use super::transfer::Transfer;
use crate::call_record::CallRecordId;
use crate::context::Context;
use crate::event::Protection;
use crate::forwarding::{Diversion, Onward};
use crate::party::Party;
use crate::proxy::best::Failure;
use crate::routing::Target;
use crate::silence::Verdict;
use coeur_directory::AccountId;
use coeur_sip::message::Stored;
use coeur_sip::time::{Monotonic, Wall};
use std::collections::VecDeque;
use std::sync::Arc;

pub(super) struct Call {
    pub(super) caller: LegId,
    /// Who answered.
    pub(super) callee: Option<LegId>,
    pub(super) setup: Option<Box<Setup>>,
    /// An offer inside the dialogs that is under way from one side to the other.
    pub(super) modify: Option<Box<Modify>>,
    /// An offer that came in a 2xx and waits for the answer in an ACK.
    pub(super) late: Option<Box<Late>>,
    /// This call takes a side over from another one (see `transfer`).
    pub(super) transfer: Option<Box<Transfer>>,
    /// One side waits alone (see `park`).
    pub(super) parked: Option<Box<Parked>>,
    /// It was begun for somebody who is called first (see `originate`).
    pub(super) originated: Option<Box<Originated>>,
    /// The call that is about to take a side of this one over.
    pub(super) leads_to: Option<u32>,
    /// Whose sessions are counted (see `guard`), to be given back.
    pub(super) counted: Vec<AccountId>,
    pub(super) record: Record,
    /// Why it was cancelled or ended, as one side said it (RFC 3326).
    pub(super) reason: Option<Box<[u8]>>,
    pub(super) watch: Watch,
    /// Whether it is recorded (see `tape`).
    pub(super) taped: Taped,
    pub(super) asks: Asks,
}

impl Call {
    /// Nobody has answered yet.
    pub(super) fn begun(caller: LegId, setup: Setup, record: Record) -> Self {
        Self { setup: Some(Box::new(setup)), ..Self::bare(caller, record) }
    }

    pub(super) fn bare(caller: LegId, record: Record) -> Self {
        Self {
            caller,
            callee: None,
            setup: None,
            modify: None,
            late: None,
            transfer: None,
            parked: None,
            originated: None,
            leads_to: None,
            counted: Vec::new(),
            record,
            reason: None,
            watch: Watch::default(),
            taped: Taped::default(),
            asks: Asks::default(),
        }
    }
}

/// Until it is answered.
pub(super) struct Setup {
    /// The server transaction of the caller's INVITE. `None`: nobody has sent one, the call is a transfer's.
    pub(super) server: Option<u32>,
    /// The INVITE as received, or what the party that is transferred would have sent.
    pub(super) invite: Arc<Stored>,
    /// Who calls; `None`: nobody of ours.
    pub(super) party: Option<Party>,
    /// Header lines of ours for each INVITE of the call.
    pub(super) lines: Box<[u8]>,
    /// By whom it was forwarded, and what may be done instead.
    pub(super) onward: Option<Box<Onward>>,
    /// Targets not tried yet, highest q first.
    pub(super) waiting: VecDeque<Target>,
    /// Legs that are being called.
    pub(super) legs: Vec<LegId>,
    pub(super) best: Option<Failure>,
    pub(super) tried: u16,
    pub(super) redirects: u8,
    /// A device of the account that is called now has rung.
    pub(super) rings: bool,
    /// A 6xx came: nothing further is tried.
    pub(super) stopped: bool,
    pub(super) max_forwards: u8,
    /// The body of the INVITE has no offer: it comes in the 2xx (RFC 3261 section 13.2.1).
    pub(super) late: bool,
    /// It has answered, and only the ports of the caller are missing.
    pub(super) accepted: Option<LegId>,
    /// Its 2xx; of who picks it up, the INVITE.
    pub(super) response: Box<[u8]>,
    /// Who picks it up (see `pickup`).
    pub(super) picker: Option<Picker>,
    /// Where it is known to ring (see `waiting`).
    pub(super) told_waiting: Vec<AccountId>,
}

impl Setup {
    /// Of an INVITE that nobody has sent, or without what its sender has said.
    pub(super) fn of(invite: Arc<Stored>, targets: Vec<Target>) -> Self {
        Self {
            server: None,
            invite,
            party: None,
            lines: Box::default(),
            onward: None,
            waiting: targets.into(),
            legs: Vec::new(),
            best: None,
            tried: 0,
            redirects: 0,
            rings: false,
            stopped: false,
            max_forwards: MAX_FORWARDS,
            late: false,
            accepted: None,
            response: Box::default(),
            picker: None,
            told_waiting: Vec::new(),
        }
    }
}

/// RFC 3261 section 8.1.1.6.
const MAX_FORWARDS: u8 = 70;

/// Who has not been called and answers all the same, with an INVITE of its own.
#[derive(Clone, Copy)]
pub(super) struct Picker {
    pub(super) leg: LegId,
    /// The server transaction of its INVITE.
    pub(super) server: u32,
}

/// What a call record will say of it.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// The same in whatever is said of the call.
    pub(super) id: CallRecordId,
    /// Who calls, where his leg does not say it: another shard speaks for him (decision 0032).
    pub(super) caller: Option<Party>,
    /// Who was called last.
    pub(super) called: Option<AccountId>,
    /// By whose right it goes where it goes: who began it, forwarded it last, or has sent a side there.
    pub(super) payer: Option<AccountId>,
    /// The sides as far as they have left, the caller's first.
    pub(super) sides: [Option<Box<Noted>>; 2],
    pub(super) to: Box<[u8]>,
    pub(super) call_id: Box<[u8]>,
    pub(super) started: Wall,
    pub(super) rang: Option<Monotonic>,
    pub(super) answered: Option<Wall>,
    pub(super) protection: Option<Protection>,
    /// What was published of it.
    pub(super) told: Option<Protection>,
    /// Who answered is a call of another shard, which has the record of both (decision 0032).
    pub(super) is_elsewhere: bool,
    /// RFC 3326: why it ended, as a side said it.
    pub(super) reason: Option<Box<[u8]>>,
    pub(super) forwarded: Box<[Diversion]>,
    pub(super) transfer_of: Option<CallRecordId>,
    /// The last reason why somebody was not heard.
    pub(super) verdict: Option<Verdict>,
    /// The administration door has ended it.
    pub(super) is_hung_up: bool,
}

impl Record {
    /// Of a call that begins.
    pub(super) fn new(cx: &mut Context<'_>, to: &[u8], call_id: &[u8]) -> Self {
        Self {
            id: CallRecordId::new(cx.mint, cx.now.wall),
            caller: None,
            called: None,
            payer: None,
            sides: [None, None],
            to: to.into(),
            call_id: call_id.into(),
            started: cx.now.wall,
            rang: None,
            answered: None,
            protection: None,
            told: None,
            reason: None,
            forwarded: Box::default(),
            transfer_of: None,
            verdict: None,
            is_hung_up: false,
            is_elsewhere: false,
        }
    }
}
