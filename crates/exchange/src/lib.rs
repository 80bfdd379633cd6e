//! The telephone exchange: a message, the time and the directory go in, decisions come out.
//!
//! `Exchange::handle` takes one thing that happened and writes what must now be done. It never fails and never
//! waits: a failure is a reply, an event or a counter. It knows no socket, no file, no clock and no source of
//! randomness; all are handed in, so the same inputs give the same outputs (simulation, replay, hand-over).
//!
//! What it deliberately does not do: read or write bytes on a network (`server`), parse SIP (`coeur-sip`), decide
//! who exists (`coeur-directory`), put anything on disk (`coeur-storage`).
//!
//! | room | what it does |
//! |---|---|
//! | [`dispatch`] | what is this message and who owns it |
//! | [`guard`] | who may: authentication, nonces, limits |
//! | [`registrar`] | RFC 3261 section 10, outbound, GRUU, Path |
//! | [`routing`] | caller, number, world -> plan, explained |
//! | `entitled` | what an account may call, and how much |
//! | [`forwarding`] | where calls of an account go instead |
//! | [`push`] | waking phones that sleep (RFC 8599) |
//! | [`call`] | calls as a back-to-back user agent, one leg for each side |
//! | [`silence`] | why a side of a call is not heard |
//! | [`proxy`] | RFC 3261 section 16 |
//! | `check_sync` | phones that are asked to fetch their settings |
//! | [`service`] | who answers within this program |

pub mod answer;
pub mod bindings;
pub mod call;
pub mod call_record;
mod check_sync;
pub mod context;
pub mod dispatch;
mod entitled;
pub mod event;
pub mod flow;
pub mod forwarding;
pub mod gruu;
pub mod guard;
pub mod ice_servers;
pub mod input;
pub mod kept_calls;
pub mod machine;
pub mod media;
pub mod mint;
pub mod network;
pub mod outbox;
pub mod party;
pub mod proxy;
pub mod push;
pub mod record;
pub mod registrar;
pub mod route_token;
pub mod routing;
pub mod service;
mod session_id;
pub mod silence;
#[cfg(test)]
pub mod testing;
mod texts;
pub mod vouched;
mod wheel;
pub mod world;

use answer::Answers;
use call::Calls;
use check_sync::CheckSync;
use coeur_sip::time::{Monotonic, Now};
use coeur_sip::{Message, Method};
use context::Context;
use event::Counters;
use flow::ShardId;
use guard::Guard;
use input::Input;
use mint::Mint;
use outbox::Outbox;
use proxy::Proxy;
use registrar::Registrar;
use world::World;

/// One shard's exchange. What belongs to one conversation lives here; what everyone looks up is [`World`].
pub struct Exchange {
    mint: Mint,
    counters: Counters,
    answers: Answers,
    guard: Guard,
    registrar: Registrar,
    proxy: Proxy,
    calls: Calls,
    check_sync: CheckSync,
    /// New requests are answered 503; what runs is finished.
    draining: bool,
}

/// The shard that owns the transaction of ours whose branch this is, for the server to hand a response over.
pub fn shard_of_branch(branch: &[u8]) -> Option<ShardId> {
    proxy::shard_of_branch(branch)
        .or_else(|| call::shard_of_branch(branch))
        .or_else(|| check_sync::shard_of_branch(branch))
}

/// The shard that owns the call inside of whose dialogs a request is, for the server to hand it over.
pub fn shard_of_request(message: &Message<'_>) -> Option<ShardId> {
    call::shard_of_request(message)
}

/// The shard that owns the dialog with this tag of ours, for whoever reads a trace.
pub fn shard_of_tag(tag: &[u8]) -> Option<ShardId> {
    call::shard_of_tag(tag)
}

impl Exchange {
    /// The same shard, seed and inputs make the same outputs.
    pub fn new(shard: ShardId, seed: [u8; 32], world: &World) -> Self {
        let mut mint = Mint::new(shard, seed);
        let answers = Answers::new(&mut mint, &world.settings);
        let mut proxy_seed = [0; 16];
        mint.fill(&mut proxy_seed);
        let mut calls_seed = [0; 16];
        mint.fill(&mut calls_seed);
        Self {
            answers,
            mint,
            counters: Counters::default(),
            guard: Guard::new(shard, world),
            registrar: Registrar::new(),
            proxy: Proxy::new(proxy_seed, world),
            calls: Calls::new(calls_seed),
            check_sync: CheckSync::default(),
            draining: false,
        }
    }

    /// Takes one thing that happened and writes what must now be done.
    pub fn handle(&mut self, now: Now, world: &World, input: Input<'_>, outbox: &mut Outbox) {
        let mut cx = Context {
            now,
            world,
            mint: &mut self.mint,
            counters: &mut self.counters,
            outbox,
            answers: &mut self.answers,
            session: None,
        };
        let mut roles = dispatch::Roles {
            guard: &mut self.guard,
            registrar: &mut self.registrar,
            proxy: &mut self.proxy,
            calls: &mut self.calls,
            check_sync: &mut self.check_sync,
            draining: &mut self.draining,
        };
        dispatch::dispatch(&mut roles, &mut cx, input);
    }

    /// Takes up calls that the journal has kept, before anything else happens. How many there are.
    pub fn restore(
        &mut self,
        now: Now,
        world: &World,
        calls: &[record::calls::RecoveredCall],
        outbox: &mut Outbox,
    ) -> usize {
        let mut cx = Context {
            now,
            world,
            mint: &mut self.mint,
            counters: &mut self.counters,
            outbox,
            answers: &mut self.answers,
            session: None,
        };
        self.calls.take_up(&mut cx, calls)
    }

    /// True for a CANCEL or an ACK whose INVITE this shard does not know, and which nothing in it leads to: it may be one of
    /// another shard (RFC 3261 sections 9.2 and 17.2.3, decision 0040).
    pub fn misses_invite(&self, message: &Message<'_>) -> bool {
        let has_route = match message.method() {
            _ if message.is_response() => return false,
            // Its routes are those of its INVITE, and lead nowhere beyond that.
            Method::Cancel => false,
            // That of an answer without a transaction carries the tag which we make for such.
            Method::Ack if message.to_tag() != Some(&self.answers.to_tag(message)) => {
                proxy::has_route_token(message)
            }
            _ => return false,
        };
        let is_led = Calls::is_our_tag(message) || has_route;
        !is_led && !self.calls.knows_invite_of(message) && !self.proxy.knows_invite_of(message)
    }

    /// When `Input::Ticked` is next wanted.
    pub fn next_deadline(&self) -> Option<Monotonic> {
        let roles = [
            self.registrar.next_deadline(),
            self.proxy.next_deadline(),
            self.calls.next_deadline(),
            self.check_sync.next_deadline(),
        ];
        roles.into_iter().flatten().min()
    }

    /// Transactions and response contexts that are held now; none is left when everything is at rest.
    pub fn transactions(&self) -> usize {
        self.proxy.requests() + self.calls.transactions()
    }

    /// Calls that we hold as back-to-back user agent.
    pub fn calls(&self) -> &Calls {
        &self.calls
    }

    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}
