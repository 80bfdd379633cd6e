//! What an authenticated client may ask (RFC 8656 sections 7, 8, 10 and 12).

use super::allocation::{Allocation, NoRoom};
use super::server::{Action, Authenticated, Server, Task};
use super::{AllocationId, Client, Family, LIFETIME_DEFAULT};
use crate::path::canonical;
use crate::stun::{Class, Kind, Message, Method, Writer};
use coeur_sip::time::{Monotonic, Now};
use std::net::SocketAddr;
use std::time::Duration;

/// What a request is answered with, beside its integrity.
enum Outcome {
    /// Without attributes of its own.
    Done,
    Lifetime(u32),
    /// An allocation that stands: its request has come again.
    Allocated {
        relayed: SocketAddr,
        lifetime: u32,
    },
    Refused(u16, &'static str),
    /// Told later, or never.
    Silence,
}

const UDP: u8 = 17;
const MISMATCH: Outcome = Outcome::Refused(437, "Allocation Mismatch");
const WRONG_CREDENTIALS: Outcome = Outcome::Refused(441, "Wrong Credentials");
const BAD_REQUEST: Outcome = Outcome::Refused(400, "Bad Request");
const FORBIDDEN: Outcome = Outcome::Refused(403, "Forbidden");
const OTHER_FAMILY: Outcome = Outcome::Refused(443, "Peer Address Family Mismatch");
const NO_CAPACITY: Outcome = Outcome::Refused(508, "Insufficient Capacity");

impl Server {
    pub(super) fn obey(
        &mut self,
        now: Now,
        client: Client,
        user: &Authenticated<'_>,
        request: &Message<'_>,
        out: &mut Vec<u8>,
    ) -> Action<'static> {
        let standing = self.by_client.get(&client).copied();
        let owns = standing.is_some_and(|id| self.is_owner(id, user));
        if user.is_expired && !owns {
            return self.challenge(now, client, request, 401, out);
        }
        // What must be understood and is not, and what is understood and cannot be done.
        let fragments = request.has(Kind::DontFragment).then_some(Kind::DontFragment.number());
        let unknown: Vec<u16> = request.not_understood().chain(fragments).collect();
        let now = now.monotonic;
        let outcome = match (standing, request.method()) {
            _ if !unknown.is_empty() => Outcome::Refused(420, "Unknown Attribute"),
            (None, Method::Allocate) => self.allocate(now, client, user, request),
            (Some(id), Method::Allocate) => self.allocate_again(now, id, owns, request),
            (None, _) => MISMATCH,
            (Some(_), _) if !owns => WRONG_CREDENTIALS,
            (Some(id), Method::Refresh) => self.refresh(now, id, request),
            (Some(id), Method::CreatePermission) => self.create_permission(now, id, request),
            (Some(id), Method::ChannelBind) => self.channel_bind(now, id, request),
            (Some(_), _) => BAD_REQUEST,
        };
        answer(client, user, request, &unknown, outcome, out)
    }

    fn is_owner(&self, id: AllocationId, user: &Authenticated<'_>) -> bool {
        self.allocations.get(&id).is_some_and(|allocation| allocation.username == user.username)
    }

    /// RFC 8656 section 7.2.
    fn allocate(
        &mut self,
        now: Monotonic,
        client: Client,
        user: &Authenticated<'_>,
        request: &Message<'_>,
    ) -> Outcome {
        match request.requested_transport() {
            None => return BAD_REQUEST,
            Some(UDP) => {}
            Some(_) => return Outcome::Refused(442, "Unsupported Transport Protocol"),
        }
        // The first bit asks for the port behind it, to be kept for another allocation (section 7.2): for RTCP as it was.
        let even = request.value(Kind::EvenPort).and_then(|value| value.first());
        if even.is_some_and(|flags| flags & 0x80 != 0) || request.has(Kind::ReservationToken) {
            return NO_CAPACITY;
        }
        let family = match request.requested_address_family() {
            Some(_) if request.has(Kind::AdditionalAddressFamily) => return BAD_REQUEST,
            None | Some(1) => Family::V4,
            Some(2) => Family::V6,
            Some(_) => return Outcome::Refused(440, "Address Family not Supported"),
        };
        if !self.families.contains(&family) {
            return Outcome::Refused(440, "Address Family not Supported");
        }
        if self.allocations.len() >= self.limits.allocations_max {
            self.counters.no_room += 1;
            return NO_CAPACITY;
        }
        if !self.quotas.take(&self.limits, user.account, client.remote.ip()) {
            self.counters.no_room += 1;
            return Outcome::Refused(486, "Allocation Quota Reached");
        }
        let lifetime = self.lifetime(request);
        let expires = now + lifetime;
        self.last += 1;
        let id = AllocationId(self.last);
        let username = user.username.to_owned();
        let mut allocation = Allocation::new(client, username, family, request.transaction(), expires);
        allocation.waiting = Some((lifetime.as_secs() as u32, user.key.clone(), user.integrity));
        self.allocations.insert(id, allocation);
        self.by_client.insert(client, id);
        self.expiries.insert((expires, id));
        self.tasks.push_back(Task::Open { allocation: id, family, is_even: even.is_some() });
        Outcome::Silence
    }

    /// A retransmission gets the answer again; another request on the same five-tuple does not.
    fn allocate_again(&self, now: Monotonic, id: AllocationId, owns: bool, request: &Message<'_>) -> Outcome {
        let Some(allocation) = self.allocations.get(&id).filter(|_| owns) else { return MISMATCH };
        if allocation.transaction != request.transaction() {
            return MISMATCH;
        }
        match allocation.relayed {
            Some(relayed) => {
                let lifetime = now.until(allocation.expires).as_secs() as u32;
                Outcome::Allocated { relayed, lifetime }
            }
            None => Outcome::Silence,
        }
    }

    /// Section 8.2.
    fn refresh(&mut self, now: Monotonic, id: AllocationId, request: &Message<'_>) -> Outcome {
        let lifetime = self.lifetime(request);
        let Some(allocation) = self.allocations.get_mut(&id) else { return MISMATCH };
        let wanted = request.requested_address_family();
        if wanted.is_some_and(|wanted| wanted != number(allocation.family)) {
            return OTHER_FAMILY;
        }
        if request.lifetime() == Some(0) {
            self.free(id);
            return Outcome::Lifetime(0);
        }
        self.expiries.remove(&(allocation.expires, id));
        allocation.expires = now + lifetime;
        self.expiries.insert((allocation.expires, id));
        Outcome::Lifetime(lifetime.as_secs() as u32)
    }

    /// Section 10.2.
    fn create_permission(&mut self, now: Monotonic, id: AllocationId, request: &Message<'_>) -> Outcome {
        let peers: Vec<SocketAddr> = request.peer_addresses().collect();
        if peers.is_empty() {
            return BAD_REQUEST;
        }
        if let Some(refusal) = peers.iter().find_map(|peer| self.refuse_peer(id, *peer)) {
            return refusal;
        }
        let Some(allocation) = self.allocations.get_mut(&id) else { return MISMATCH };
        match allocation.permit(now, &peers) {
            Ok(()) => Outcome::Done,
            Err(NoRoom::Full | NoRoom::Bound) => NO_CAPACITY,
        }
    }

    /// Section 12.2.
    fn channel_bind(&mut self, now: Monotonic, id: AllocationId, request: &Message<'_>) -> Outcome {
        let mut peers = request.peer_addresses();
        let (Some(number), Some(peer), None) = (request.channel_number(), peers.next(), peers.next()) else {
            return BAD_REQUEST;
        };
        if !super::relay::CHANNELS.contains(&number) {
            return BAD_REQUEST;
        }
        if let Some(refusal) = self.refuse_peer(id, peer) {
            return refusal;
        }
        let Some(allocation) = self.allocations.get_mut(&id) else { return MISMATCH };
        match allocation.bind(now, number, peer) {
            Ok(()) => Outcome::Done,
            Err(NoRoom::Bound) => BAD_REQUEST,
            Err(NoRoom::Full) => NO_CAPACITY,
        }
    }

    /// Why this address may be no peer of this allocation.
    fn refuse_peer(&mut self, id: AllocationId, peer: SocketAddr) -> Option<Outcome> {
        let family = self.allocations.get(&id)?.family;
        // A mapped address is IPv4 in disguise: a socket of IPv6 would speak IPv4 for it.
        let is_mapped = peer.is_ipv6() && canonical(peer).0.is_ipv4();
        if is_mapped || peer.is_ipv4() != (family == Family::V4) {
            return Some(if self.policy.permits(peer) { OTHER_FAMILY } else { self.forbid() });
        }
        (!self.policy.permits(peer)).then(|| self.forbid())
    }

    fn forbid(&mut self) -> Outcome {
        self.counters.forbidden += 1;
        FORBIDDEN
    }

    /// No less than the default, no more than the limit.
    fn lifetime(&self, request: &Message<'_>) -> Duration {
        let wanted =
            request.lifetime().map_or(LIFETIME_DEFAULT, |seconds| Duration::from_secs(seconds.into()));
        wanted.max(LIFETIME_DEFAULT).min(self.limits.lifetime_max)
    }
}

fn answer(
    client: Client,
    user: &Authenticated<'_>,
    request: &Message<'_>,
    unknown: &[u16],
    outcome: Outcome,
    out: &mut Vec<u8>,
) -> Action<'static> {
    let class = match outcome {
        Outcome::Silence => return Action::Nothing,
        Outcome::Refused(..) => Class::Error,
        Outcome::Done | Outcome::Lifetime(_) | Outcome::Allocated { .. } => Class::Success,
    };
    let mut writer = Writer::new(out, class, request.method(), request.transaction());
    match outcome {
        Outcome::Done | Outcome::Silence => {}
        Outcome::Lifetime(seconds) => {
            writer.word(Kind::Lifetime, seconds);
        }
        Outcome::Allocated { relayed, lifetime } => {
            writer.xored_address(Kind::XorRelayedAddress, relayed).word(Kind::Lifetime, lifetime);
            writer.xored_address(Kind::XorMappedAddress, client.remote);
        }
        Outcome::Refused(code, reason) => {
            writer.error_code(code, reason);
            if code == 420 {
                writer.unknown_attributes(unknown.iter().copied());
            }
        }
    }
    writer.integrity(user.integrity, &user.key);
    Action::Reply
}

/// RFC 8656 section 18.6.
const fn number(family: Family) -> u8 {
    match family {
        Family::V4 => 1,
        Family::V6 => 2,
    }
}
