//! The server: who is it, is he who he says, and what does he want.

use super::allocation::Allocation;
use super::budget::Budget;
use super::nonce::Nonces;
use super::quota::Quotas;
use super::revoked::Revoked;
use super::{AllocationId, Client, Family, Limits, credentials, relay};
use crate::address::PeerPolicy;
use crate::stun::{Class, Integrity, Key, Kind, Message, Method, Writer, is_stun};
use aws_lc_rs::hmac;
use coeur_sip::time::{Monotonic, Now, Wall};
use hashbrown::HashMap;
use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

/// The word for it is the RFC's: what it is told once. No `Debug`: it holds secrets.
pub struct Settings {
    /// A short one keeps challenges short.
    pub realm: String,
    /// What [`super::Credentials::issue`] is given too.
    pub secret: [u8; 32],
    /// Random, of this process.
    pub nonce_key: [u8; 32],
    pub policy: Arc<PeerPolicy>,
    pub limits: Limits,
    /// Which relayed addresses the caller can open.
    pub families: Vec<Family>,
}

/// What a datagram of a client comes to.
#[derive(Debug, PartialEq, Eq)]
pub enum Action<'d> {
    Nothing,
    /// What was appended to the buffer leaves for the client.
    Reply,
    /// This leaves from the relayed address.
    Relay {
        allocation: AllocationId,
        to: SocketAddr,
        data: &'d [u8],
    },
}

/// What the caller is asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Task {
    /// A relayed address, to be told with [`Server::opened`]; on an even port if it must be.
    Open {
        allocation: AllocationId,
        family: Family,
        is_even: bool,
    },
    /// It is not needed any more.
    Close {
        allocation: AllocationId,
    },
    Reply {
        client: Client,
        bytes: Vec<u8>,
    },
}

/// What happened, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub malformed: u64,
    pub challenged: u64,
    /// Challenges and Binding answers beyond the budget.
    pub withheld: u64,
    pub allocated: u64,
    /// Refused by quota or limit.
    pub no_room: u64,
    /// Peers that policy forbids.
    pub forbidden: u64,
    /// Data without allocation, permission or channel.
    pub not_permitted: u64,
    /// Data of another protocol.
    pub no_media: u64,
    pub over_bandwidth: u64,
    pub relayed_packets: u64,
    pub relayed_bytes: u64,
}

/// The machine. For its memory see [`Limits`].
pub struct Server {
    pub(super) realm: String,
    secret: hmac::Key,
    nonces: Nonces,
    budget: Budget,
    pub(super) policy: Arc<PeerPolicy>,
    pub(super) limits: Limits,
    pub(super) families: Vec<Family>,
    pub(super) quotas: Quotas,
    revoked: Revoked,
    pub(super) allocations: HashMap<AllocationId, Allocation>,
    pub(super) by_client: HashMap<Client, AllocationId>,
    /// One for each allocation.
    pub(super) expiries: BTreeSet<(Monotonic, AllocationId)>,
    pub(super) last: u64,
    pub(super) indications: u64,
    pub(super) tasks: VecDeque<Task>,
    pub(super) counters: Counters,
}

/// A request whose integrity is that of its user. Made by [`Server::authenticate`] only.
pub(super) struct Authenticated<'m> {
    pub(super) username: &'m str,
    pub(super) account: &'m str,
    /// Too late for a new allocation, or revoked; one that stands is still its own.
    pub(super) is_expired: bool,
    pub(super) key: Key,
    pub(super) integrity: Integrity,
}

impl Server {
    pub fn new(settings: Settings) -> Server {
        let [a, b, c, d, e, f, g, h, ..] = settings.nonce_key;
        Server {
            realm: settings.realm,
            secret: hmac::Key::new(hmac::HMAC_SHA256, &settings.secret),
            nonces: Nonces::new(&settings.nonce_key),
            budget: Budget::new(u64::from_be_bytes([a, b, c, d, e, f, g, h])),
            policy: settings.policy,
            limits: settings.limits,
            families: settings.families,
            quotas: Quotas::default(),
            revoked: Revoked::default(),
            allocations: HashMap::new(),
            by_client: HashMap::new(),
            expiries: BTreeSet::new(),
            last: 0,
            indications: 0,
            tasks: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// Takes a datagram (or a framed message of a stream) of a client.
    pub fn receive<'d>(
        &mut self,
        now: Now,
        client: Client,
        bytes: &'d [u8],
        out: &mut Vec<u8>,
    ) -> Action<'d> {
        if relay::is_channel_data(bytes) {
            return self.channel_data(now.monotonic, client, bytes);
        }
        let Ok(message) = Message::read(bytes) else {
            self.counters.malformed += u64::from(is_stun(bytes));
            return Action::Nothing;
        };
        match (message.method(), message.class()) {
            (Method::Binding, Class::Request) => self.binding(now.monotonic, client, &message, out),
            (Method::Allocate | Method::Refresh, Class::Request)
            | (Method::CreatePermission | Method::ChannelBind, Class::Request) => {
                match self.authenticate(now, client, &message, out) {
                    Ok(user) => self.obey(now, client, &user, &message, out),
                    Err(action) => action,
                }
            }
            (Method::Send, Class::Indication) => self.send(now.monotonic, client, &message),
            // Answers to nothing that we asked, and methods that are none of ours.
            _ => Action::Nothing,
        }
    }

    /// The caller has opened a relayed address, as peers see it; or could not.
    pub fn opened(&mut self, allocation: AllocationId, relayed: Option<SocketAddr>) {
        let Some(found) = self.allocations.get_mut(&allocation) else {
            // It is gone meanwhile.
            if relayed.is_some() {
                self.tasks.push_back(Task::Close { allocation });
            }
            return;
        };
        found.relayed = relayed;
        let Some((lifetime, key, integrity)) = found.waiting.take() else { return };
        let (client, transaction) = (found.client, found.transaction);
        let mut bytes = Vec::with_capacity(128);
        match relayed {
            Some(relayed) => {
                self.counters.allocated += 1;
                let mut writer = Writer::new(&mut bytes, Class::Success, Method::Allocate, transaction);
                writer.xored_address(Kind::XorRelayedAddress, relayed);
                writer.word(Kind::Lifetime, lifetime);
                writer.xored_address(Kind::XorMappedAddress, client.remote).integrity(integrity, &key);
            }
            None => {
                self.counters.no_room += 1;
                let mut writer = Writer::new(&mut bytes, Class::Error, Method::Allocate, transaction);
                writer.error_code(508, "Insufficient Capacity").integrity(integrity, &key);
                self.forget(allocation);
            }
        }
        self.tasks.push_back(Task::Reply { client, bytes });
    }

    /// A client's connection is closed: what it had is let go.
    pub fn gone(&mut self, client: Client) {
        if let Some(allocation) = self.by_client.get(&client).copied() {
            self.free(allocation);
        }
    }

    /// A device, or a whole account, may do nothing any more: what it had is let go, and what it was issued opens nothing.
    pub fn revoke(&mut self, now: Wall, account: &str, device: Option<u64>) {
        self.revoked.add(now, account, device);
        let is_of = |allocation: &Allocation| {
            credentials::parts(&allocation.username).is_some_and(|owner| {
                owner.account == account && device.is_none_or(|device| owner.device == device)
            })
        };
        let expiries = self.expiries.iter().map(|(_, allocation)| *allocation);
        let of_account = expiries.filter(|allocation| self.allocations.get(allocation).is_some_and(is_of));
        for allocation in of_account.collect::<Vec<_>>() {
            self.free(allocation);
        }
    }

    /// What is sent from now on obeys this one, permitted before or not.
    pub fn set_policy(&mut self, policy: Arc<PeerPolicy>) {
        self.policy = policy;
    }

    /// To be called when [`Server::next_deadline`] has come.
    pub fn handle_timeout(&mut self, now: Monotonic) {
        while let Some((_, allocation)) =
            self.expiries.first().filter(|(expires, _)| expires.is_due(now)).copied()
        {
            self.free(allocation);
        }
    }

    pub fn next_deadline(&self) -> Monotonic {
        self.expiries.first().map_or(Monotonic::NEVER, |(expires, _)| *expires)
    }

    pub fn poll(&mut self) -> Option<Task> {
        self.tasks.pop_front()
    }

    pub const fn counters(&self) -> Counters {
        self.counters
    }

    pub fn has_allocation(&self, client: Client) -> bool {
        self.by_client.contains_key(&client)
    }

    /// How many stand.
    pub fn allocations(&self) -> usize {
        self.allocations.len()
    }

    /// The long-term mechanism (RFC 8489 section 9.2.4) with a secret instead of a table.
    fn authenticate<'m>(
        &mut self,
        now: Now,
        client: Client,
        request: &Message<'m>,
        out: &mut Vec<u8>,
    ) -> Result<Authenticated<'m>, Action<'static>> {
        let parts = (request.integrity(), request.username(), request.nonce());
        let (Some(integrity), Some(username), Some(nonce)) = parts else {
            return Err(self.challenge(now, client, request, 401, out));
        };
        // The nonce first: who does not have one that went to his address makes us compute nothing more.
        if !self.nonces.is_fresh(now.monotonic, client, nonce) {
            return Err(self.challenge(now, client, request, 438, out));
        }
        let Some(parts) = credentials::parts(username) else {
            return Err(self.challenge(now, client, request, 401, out));
        };
        let password = credentials::password(&self.secret, username);
        let key = Key::long_term_md5(username, &self.realm, password.as_bytes());
        if !request.is_of(&key) {
            return Err(self.challenge(now, client, request, 401, out));
        }
        let is_expired = parts.expires <= now.wall || self.revoked.covers(&parts);
        Ok(Authenticated { username, account: parts.account, is_expired, key, integrity })
    }

    /// 401 or 438, without a reason phrase: each byte of it would be one more for an attacker's victim.
    pub(super) fn challenge(
        &mut self,
        now: Now,
        client: Client,
        request: &Message<'_>,
        code: u16,
        out: &mut Vec<u8>,
    ) -> Action<'static> {
        if !self.budget.spend(now.monotonic, client.remote.ip()) {
            self.counters.withheld += 1;
            return Action::Nothing;
        }
        self.counters.challenged += 1;
        let nonce = self.nonces.issue(now.monotonic, client);
        let mut writer = Writer::new(out, Class::Error, request.method(), request.transaction());
        writer.error_code(code, "").text(Kind::Realm, &self.realm).text(Kind::Nonce, &nonce);
        Action::Reply
    }

    /// STUN for whoever asks, within the same budget. Attributes that it does not know are none of its business.
    fn binding(
        &mut self,
        now: Monotonic,
        client: Client,
        request: &Message<'_>,
        out: &mut Vec<u8>,
    ) -> Action<'static> {
        if !self.budget.spend(now, client.remote.ip()) {
            self.counters.withheld += 1;
            return Action::Nothing;
        }
        let seen = SocketAddr::new(client.remote.ip().to_canonical(), client.remote.port());
        Writer::new(out, Class::Success, Method::Binding, request.transaction())
            .xored_address(Kind::XorMappedAddress, seen);
        Action::Reply
    }

    /// Lets an allocation go, and its address with it.
    pub(super) fn free(&mut self, allocation: AllocationId) {
        if self.forget(allocation) {
            self.tasks.push_back(Task::Close { allocation });
        }
    }

    /// True when it had an address.
    fn forget(&mut self, id: AllocationId) -> bool {
        let Some(allocation) = self.allocations.remove(&id) else { return false };
        self.by_client.remove(&allocation.client);
        self.expiries.remove(&(allocation.expires, id));
        let account = credentials::parts(&allocation.username).map_or("", |owner| owner.account);
        self.quotas.give_back(account, allocation.client.remote.ip());
        allocation.relayed.is_some()
    }
}
