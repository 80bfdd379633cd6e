//! The proxy of RFC 3261 section 16: transaction-stateful, forking, with RFC 6026, 4320, 4321 and 5393.
//!
//! A request is one [`request::Request`] (server transaction and response context), found by one hash map. Each
//! target tried is one [`branch::Branch`] (client transaction), found by the slot in our Via branch, without a map. Both
//! are moved by the machines of [`coeur_sip::transaction`] (decision 0006).
//! Messages are written from spans of the received one straight into the arena.
//!
//! What it deliberately does not do: authenticate (that is `guard`; inside a dialog it asks for it through
//! [`Prover`]), decide where a request goes (`routing`), read bodies.

pub(crate) mod best;
pub(crate) mod branch;
mod cancel;
pub(crate) mod ends;
mod fork;
pub(crate) mod forward;
mod held;
mod inside;
mod launch;
pub(crate) mod next_hop;
pub(crate) mod record_route;
mod refused;
mod request;
mod responses;
mod revoke;
mod server;
#[cfg(test)]
mod tests;
mod time;
mod validate;
mod wake;

use crate::context::Context;
use crate::event::Texted;
use crate::flow::Flow;
use crate::party::Party;
use crate::route_token::RouteSeal;
use crate::routing::Target;
use crate::wheel::{Entry, Wheel};
use crate::world::World;
use branch::Branch;
use coeur_sip::resolve::Blacklist;
use coeur_sip::time::Monotonic;
use coeur_sip::transaction::key::{PassThrough, Rfc2543};
use coeur_sip::transaction::{KeyHasher, Timing, TransactionKey};
use coeur_sip::{HeaderTable, Limits, Message, parse};
use hashbrown::HashMap;
use held::Held;
use refused::Refused;
use request::{Assignment, Request};
use slab::Slab;
use std::collections::BTreeMap;
use std::time::Duration;

pub use branch::shard_of_branch;
pub(crate) use inside::has_route_token;

/// Whose timer: a request (server transaction) or a branch (client transaction).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Request(u32),
    Branch(u32),
    /// Of a request that waits for who was woken.
    Waking(u32),
}

/// What the guard says about requests inside a dialog.
pub trait Prover {
    /// Who has proved to be the sender of one that came over an unknown path; `None`: an answer has been written.
    fn prove(&mut self, cx: &mut Context<'_>, flow: Flow, message: &Message<'_>) -> Option<Party>;

    /// Whether the account of this party may send one more text now; false: an answer has been written.
    fn may_message(&mut self, cx: &mut Context<'_>, flow: Flow, message: &Message<'_>, sender: Party)
    -> bool;
}

impl Prover for crate::guard::Guard {
    fn prove(&mut self, cx: &mut Context<'_>, flow: Flow, message: &Message<'_>) -> Option<Party> {
        let sender = self.authenticate(cx, &flow, message).ok()?;
        Some(Party { account: sender.account.id, device: sender.device })
    }

    fn may_message(
        &mut self,
        cx: &mut Context<'_>,
        flow: Flow,
        message: &Message<'_>,
        sender: Party,
    ) -> bool {
        // Whose account is gone was refused before.
        sender.account(cx.world).is_none_or(|account| self.may_message(cx, &flow, message, &account))
    }
}

pub struct Proxy {
    keys: KeyHasher,
    seal: RouteSeal,
    requests_by_key: HashMap<TransactionKey, u32, PassThrough>,
    requests: Slab<Request>,
    branches: Slab<Branch>,
    held: Held,
    refused: Refused,
    wheel: Wheel<Owner>,
    /// The Record-Route being written; kept for its memory.
    record_route: Vec<u8>,
    /// For reading stored requests again.
    table: Option<Box<HeaderTable>>,
    due: Vec<Entry<Owner>>,
    serial: u32,
    /// Addresses that failed a moment ago: tried last.
    failed: Blacklist,
    /// Requests that wait for devices which sleep.
    waking: wake::Waking,
    /// Texts of which the end is to be told, by request; about 700 bytes each at most.
    texts: BTreeMap<u32, Box<Texted>>,
}

impl Proxy {
    pub fn new(seed: [u8; 16], world: &World) -> Self {
        Self {
            keys: KeyHasher::new(seed),
            seal: RouteSeal::new(&world.secrets),
            requests_by_key: HashMap::default(),
            requests: Slab::new(),
            branches: Slab::new(),
            held: Held::new(),
            refused: Refused::default(),
            wheel: Wheel::new(),
            record_route: Vec::new(),
            table: Some(Box::default()),
            due: Vec::new(),
            serial: 0,
            failed: Blacklist::new(),
            waking: wake::Waking::default(),
            texts: BTreeMap::new(),
        }
    }

    /// Relays a request outside any dialog to the targets of its plan. The sender is known.
    pub fn start(
        &mut self,
        cx: &mut Context<'_>,
        flow: Flow,
        message: &Message<'_>,
        sender: Party,
        targets: Vec<Target>,
    ) {
        let Some(routes) = inside::own_routes(cx, flow, message) else { return };
        let sender = Some(sender);
        self.relay(cx, flow, message, Assignment { targets, routes, inside: false, sender });
    }

    /// False for a request with a Route to somebody else, which would choose another next hop than the plan: it has been
    /// refused.
    pub(crate) fn has_own_routes(&self, cx: &mut Context<'_>, flow: Flow, message: &Message<'_>) -> bool {
        inside::own_routes(cx, flow, message).is_some()
    }

    /// When `tick` is next wanted.
    pub fn next_deadline(&self) -> Option<Monotonic> {
        self.wheel.next()
    }

    /// Requests under way or lingering.
    pub fn requests(&self) -> usize {
        self.requests.len()
    }

    /// The server transaction that this request belongs to (sections 9.2 and 17.2.3).
    fn key(&self, message: &Message<'_>, method: &[u8]) -> Option<TransactionKey> {
        let via = message.via().ok()?;
        if via.has_magic_cookie() {
            return Some(self.keys.server(via.branch?, via.sent_by, method));
        }
        let essentials = message.essentials().ok()?;
        let parts = Rfc2543 {
            request_uri: message.request_uri(),
            from_tag: essentials.from_tag.unwrap_or_default(),
            to_tag: essentials.to_tag.unwrap_or_default(),
            call_id: essentials.call_id,
            cseq_number: essentials.cseq.number,
            top_via: message.values(coeur_sip::HeaderName::Via).next().unwrap_or_default(),
        };
        Some(self.keys.server_rfc2543(&parts, method))
    }

    /// Whether the INVITE that a CANCEL or an ACK belongs to is here.
    pub(crate) fn knows_invite_of(&self, message: &Message<'_>) -> bool {
        let method: &[u8] = if message.method() == coeur_sip::Method::Ack { b"ACK" } else { b"INVITE" };
        self.key(message, method).is_some_and(|key| self.requests_by_key.contains_key(&key))
    }

    /// Reads the stored request of `index` and hands it to `f`.
    fn with_message<R>(&mut self, index: u32, f: impl FnOnce(&mut Self, &Message<'_>) -> R) -> Option<R> {
        let bytes = std::mem::take(&mut self.requests.get_mut(index as usize)?.message);
        let serial = self.requests[index as usize].serial;
        let mut table = self.table.take().unwrap_or_default();
        let result = parse(&bytes, &mut table, &Limits::default()).ok().map(|message| f(self, &message));
        self.table = Some(table);
        // Also once it has been answered: its branches end with an ACK or CANCEL made of it.
        if let Some(request) = self.requests.get_mut(index as usize).filter(|r| r.serial == serial) {
            request.message = bytes;
        }
        result
    }

    fn next_serial(&mut self) -> u32 {
        self.serial = self.serial.wrapping_add(1);
        self.serial
    }
}

pub(crate) fn timing(world: &World) -> Timing {
    let settings = &world.settings;
    let ms = |value: u32| Duration::from_millis(u64::from(value));
    Timing { t1: ms(settings.t1_ms), t2: ms(settings.t2_ms), t4: ms(settings.t4_ms), ..Timing::DEFAULT }
}
