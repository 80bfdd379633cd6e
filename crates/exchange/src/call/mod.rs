//! Calls as a back-to-back user agent (RFC 7092 section 3.1): a call owns one leg for each side, each a dialog of its own,
//! and whatever happens on one is said on the other in the other's words. So a phone knows nothing of the other's address
//! (unless media goes [`direct`]), a call can be ended, moved or held by us, and its media goes where we say.
//!
//! A [`state::Call`] owns its [`leg::Leg`]s. One file per verb: [`start`], [`launch`], [`ring`], [`accept`], [`fail`],
//! [`cancel`], [`forward`], [`history`], [`modify`], [`late`], [`early`], [`pass`], [`refresh`], [`follow`], [`refer`],
//! [`direct`], [`keys`], [`unreached`], [`replace`], [`transfer`], [`silence`], [`session_id`],
//! [`join`], [`across`], [`pickup`], [`park`], [`notify`], [`mod@hold`], [`wake`], [`serve`], [`end`], [`asked`], [`originate`], [`control`], [`announce`], [`tape`], [`note`],
//! [`time`], [`keep`], [`restore`], [`held`]. What each side asks and is
//! asked goes through the transaction machines of [`coeur_sip::transaction`] ([`client`], [`server`]; decision 0006).
//!
//! What it deliberately does not do: authenticate (that is `guard`), decide where a call goes (`routing`), carry media
//! ([`crate::media`] says what it wants). Of the journal only [`keep`] and [`restore`] know.

mod accept;
mod across;
mod announce;
mod asked;
mod awaited;
mod callee;
mod cancel;
mod client;
mod control;
mod describe;
mod direct;
mod early;
mod end;
mod fail;
mod feature;
mod follow;
mod forward;
mod headers;
mod held;
mod history;
mod hold;
mod identity;
mod inside;
mod join;
mod keep;
mod keys;
mod late;
mod launch;
mod leg;
mod media;
mod modify;
mod name;
mod note;
mod notify;
mod originate;
mod park;
mod pass;
mod pickup;
mod profile;
mod refer;
mod refresh;
mod reliable;
mod replace;
mod request;
mod response;
mod restore;
mod revoke;
mod ring;
mod serve;
mod server;
mod session_id;
mod silence;
mod start;
mod state;
mod tape;
#[cfg(test)]
mod tests;
mod time;
mod told;
mod tracked;
mod transfer;
mod trial;
mod unreached;
mod waiting;
mod wake;

use crate::flow::Flow;
use crate::wheel::{Entry, Wheel};

use awaited::Awaited;
use client::Client;
use coeur_sip::Message;
use coeur_sip::resolve::Blacklist;
use coeur_sip::time::Monotonic;
use coeur_sip::transaction::KeyHasher;
use coeur_sip::transaction::TransactionKey;
use coeur_sip::transaction::key::PassThrough;
use describe::profile::Profiles;
use hashbrown::HashMap;
use leg::{Leg, LegId};
use name::Name;
use server::Server;
use slab::Slab;
use state::Call;
use std::collections::BTreeMap;
use tracked::Tracked;

pub(crate) use client::is_ours as is_token;
pub(crate) use feature::of as feature;
pub(crate) use name::shard_of_branch;
pub use name::{shard_of_request, shard_of_tag};
pub(crate) use start::is_understood;
pub use waiting::Waiting;

/// Calls of one shard at a time; more are answered 503. Worst case about 130 kB each while it is set up (the INVITE with a
/// large body, and 32 legs), 4 kB once two phones talk.
pub const CALLS_MAX: usize = 100_000;

/// Whose timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Client(u32),
    Server(u32),
    Leg(u32),
    Awaited(u32),
    /// Of a call that waits for who was woken, by its slot.
    Waking(u32),
}

pub struct Calls {
    keys: KeyHasher,
    calls: Tracked<Call>,
    legs: Tracked<Leg>,
    clients: Slab<Client>,
    servers: Slab<Server>,
    servers_by_key: HashMap<TransactionKey, u32, PassThrough>,
    /// What waits for reports of the media plane.
    awaited: Awaited,
    wheel: Wheel<Owner>,
    due: Vec<Entry<Owner>>,
    serial: u32,
    /// Addresses that failed a moment ago: tried last.
    failed: Blacklist,
    /// What devices speak.
    profiles: Profiles,
    journal: keep::Journal,
    restored: restore::Restored,
    /// The client transactions of each leg that are held: each for 90 seconds at most.
    held: BTreeMap<LegId, Vec<u32>>,
    /// Calls that wait for devices which sleep.
    waking: wake::Waking,
}

impl Calls {
    pub fn new(seed: [u8; 16]) -> Self {
        Self {
            keys: KeyHasher::new(seed),
            calls: Tracked::new(),
            legs: Tracked::new(),
            clients: Slab::new(),
            servers: Slab::new(),
            servers_by_key: HashMap::default(),
            awaited: Awaited::default(),
            wheel: Wheel::new(),
            due: Vec::new(),
            serial: 0,
            failed: Blacklist::new(),
            profiles: Profiles::default(),
            journal: keep::Journal::default(),
            restored: restore::Restored::default(),
            held: BTreeMap::new(),
            waking: wake::Waking::default(),
        }
    }

    /// When `tick` is next wanted.
    pub fn next_deadline(&self) -> Option<Monotonic> {
        self.wheel.next()
    }

    /// Calls that are set up or held now.
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    /// Legs; none without its call.
    pub fn legs(&self) -> usize {
        self.legs.len()
    }

    /// Calls that are over, and whose record waits for what was measured.
    pub fn records_owed(&self) -> usize {
        self.awaited.records()
    }

    /// Transactions under way or lingering.
    pub fn transactions(&self) -> usize {
        self.clients.len() + self.servers.len()
    }

    /// True for a tag that only we write: nobody else answers for it.
    pub(crate) fn is_our_tag(message: &Message<'_>) -> bool {
        message.to_tag().is_some_and(|tag| Name::of_tag(tag).is_some())
    }

    /// The leg inside of whose dialog a request is: our tag in To, the Call-ID, and the peer's tag in From. A callee that
    /// has not answered may have several dialogs (section 12.1.2).
    fn leg_of(&self, message: &Message<'_>) -> Option<LegId> {
        let leg = self.leg_of_name(&Name::of_tag(message.to_tag()?)?)?;
        let early = leg.callee.as_ref().map(|callee| callee.forks.iter());
        let mut dialogs = leg.dialog.iter().chain(early.into_iter().flatten());
        dialogs.any(|dialog| dialog.owns_request(message)).then_some(leg.id)
    }

    /// The leg of that name: in the slot that it tells, unless it was there before this process.
    fn leg_of_name(&self, name: &Name) -> Option<&Leg> {
        let here = self.legs.get(name.slot as usize).filter(|leg| leg.name == *name);
        here.or_else(|| self.restored_leg(name))
    }

    fn leg(&self, id: LegId) -> Option<&Leg> {
        self.legs.get(id.slot as usize).filter(|leg| leg.id == id)
    }

    fn leg_mut(&mut self, id: LegId) -> Option<&mut Leg> {
        self.legs.get_mut(id.slot as usize).filter(|leg| leg.id == id)
    }

    /// The other side of a call that is answered.
    fn other(&self, id: LegId) -> Option<LegId> {
        let call = self.calls.get(self.leg(id)?.call as usize)?;
        let other =
            if call.caller == id { call.callee } else { (call.callee == Some(id)).then_some(call.caller) };
        // While a transfer is under way a side may be missing.
        other.filter(|other| self.leg(*other).is_some())
    }

    fn next_serial(&mut self) -> u32 {
        self.serial = self.serial.wrapping_add(1);
        self.serial
    }

    /// An entry that fires too early is armed again, so a later deadline needs no entry of its own.
    fn arm_leg(&mut self, now: Monotonic, id: LegId) {
        let Some(leg) = self.leg_mut(id) else { return };
        let at = leg.next_deadline();
        if at < leg.armed {
            leg.armed = at;
            self.wheel.arm(now, at, Owner::Leg(id.slot), id.serial);
        }
    }
}

/// A leg that begins.
struct NewLeg {
    call: u32,
    end: crate::route_token::End,
    hop: crate::flow::Hop,
}

impl Calls {
    fn open_leg(&mut self, cx: &mut crate::context::Context<'_>, new: NewLeg) -> LegId {
        let serial = self.next_serial();
        let slot = self.legs.vacant_key() as u32;
        let keys = keys::Keys::of(cx.world, new.end.party);
        let id = LegId { slot, serial };
        self.legs.insert(Leg {
            call: new.call,
            id,
            name: Name::new(cx.mint, slot),
            end: new.end,
            hop: new.hop,
            dialog: None,
            media: leg::Media::new(cx.mint.shard(), id),
            profile: describe::profile::Profile::PLAIN,
            session: leg::Session { id: cx.mint.u64() >> 2, version: 1, ..leg::Session::default() },
            callee: None,
            timer: refresh::SessionTimer::default(),
            allows_update: false,
            keys,
            user_agent: Box::default(),
            end_to_end: false,
            wire: false,
            wants_reliable: false,
            is_ahead: false,
            owes_offer: false,
            reliable: None,
            unacknowledged: None,
            leaving: false,
            service: None,
            awaits_answer: false,
            hears: hold::Hears::default(),
            ordered: control::Ordered::default(),
            speaks: None,
            subscription: notify::Subscription::default(),
            follow: follow::Follow::default(),
            direct: direct::Direct::default(),
            refuses_direct: false,
            offers_direct: false,
            alarm: Monotonic::NEVER,
            look_at: Monotonic::NEVER,
            via: None,
            uuid: crate::session_id::Uuid::new(cx.mint),
            spoke_with: None,
            armed: Monotonic::NEVER,
        });
        id
    }
}

/// Says no to a request for which nothing was begun.
fn refuse(
    cx: &mut crate::context::Context<'_>,
    flow: &Flow,
    message: &Message<'_>,
    status: coeur_sip::StatusCode,
    reason: Option<&str>,
) {
    crate::answer::answer(cx, flow, message, status, reason, |_| {});
}

/// RFC 3261 section 20.5.
const ALLOW: &[u8] = b"INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, MESSAGE, PRACK, REFER";
/// Option tags that we understand as user agent.
const SUPPORTED: &[u8] = b"100rel, timer, replaces, norefersub";
