//! One target tried by one request: the client transaction of RFC 3261 section 17.1, found by its slot.

use crate::flow::{ConnectionId, Flow, Hop, ShardId};
use crate::mint::{Mint, read_hex, write_hex};
use crate::routing::Target;
use coeur_sip::Transport;
use coeur_sip::resolve::{Failover, Resolution};
use coeur_sip::time::Monotonic;
use coeur_sip::transaction::{InviteClient, NonInviteClient};
use std::net::SocketAddr;

pub(super) const NONE: u32 = u32::MAX;

/// `z9hG4bK` `c` shard(2) slot(8) random(16) loop(8), all lower-case hex.
pub(super) const BRANCH_LEN: usize = PREFIX.len() + 2 + 8 + 16 + 8;
const PREFIX: &[u8] = b"z9hG4bKc";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BranchName {
    pub(super) shard: ShardId,
    pub(super) slot: u32,
    pub(super) random: u64,
    /// What section 16.6 step 8 calls the second part: equal when the same request comes by again.
    pub(super) loop_hash: u32,
}

impl BranchName {
    pub(super) fn write(&self) -> [u8; BRANCH_LEN] {
        let mut text = [0; BRANCH_LEN];
        text[..8].copy_from_slice(PREFIX);
        write_hex(u64::from(self.shard.0), &mut text[8..10]);
        write_hex(u64::from(self.slot), &mut text[10..18]);
        write_hex(self.random, &mut text[18..34]);
        write_hex(u64::from(self.loop_hash), &mut text[34..]);
        text
    }

    pub(super) fn read(text: &[u8]) -> Option<Self> {
        if text.len() != BRANCH_LEN || !text.starts_with(PREFIX) {
            return None;
        }
        Some(Self {
            shard: ShardId(read_hex(&text[8..10])? as u8),
            slot: read_hex(&text[10..18])? as u32,
            random: read_hex(&text[18..34])?,
            loop_hash: read_hex(&text[34..])? as u32,
        })
    }
}

/// The shard that owns a branch of ours, for the server to hand a response over.
pub fn shard_of_branch(branch: &[u8]) -> Option<ShardId> {
    BranchName::read(branch).map(|name| name.shard)
}

/// The client transaction of a branch (RFC 3261 section 17.1).
pub(super) enum Client {
    /// Nothing is sent yet: its next hop is being looked for, until then.
    Resolving {
        until: Monotonic,
    },
    Invite(InviteClient),
    Other(NonInviteClient),
}

/// What became of the wish to end an INVITE.
pub(super) enum Cancel {
    No,
    /// As soon as a provisional answer comes (section 9.1).
    Wanted,
    /// Its own transaction.
    Sent(Box<NonInviteClient>),
    /// Answered, or given up.
    Over,
}

/// What else can be tried for a target.
pub(crate) enum Way {
    /// A flow, and nothing else.
    Flow,
    /// Its name is being asked of the DNS.
    Asking(Box<Resolution>),
    /// Addresses in order; those not given out are left (RFC 3263 section 4.3).
    Walking(Box<Failover>),
}

/// 416 bytes, and over UDP the request until it is answered, then the ACK of a failure.
pub(super) struct Branch {
    pub(super) request: u32,
    /// The next branch of the same request.
    pub(super) next: u32,
    pub(super) serial: u32,
    pub(super) name: BranchName,
    pub(super) client: Client,
    pub(super) cancel: Cancel,
    /// Section 16.6 step 11; [`Monotonic::NEVER`] until the first provisional answer and once there is a CANCEL.
    pub(super) timer_c: Monotonic,
    /// Its phone lost its rights: what it still answers counts for nothing.
    pub(super) withdrawn: bool,
    pub(super) hop: Hop,
    pub(super) target: Target,
    pub(super) way: Way,
    /// The same place over UDP, while a large request is tried over TCP (RFC 3261 section 18.1.1).
    pub(super) smaller: Option<Hop>,
    /// TCP has failed for the address being tried.
    pub(super) smaller_tried: bool,
    pub(super) breadth: u32,
    /// When the wheel will look at it; never later than its next deadline.
    pub(super) armed: Monotonic,
}

impl Branch {
    /// A final answer is awaited, and the request waits for it.
    pub(super) fn is_pending(&self) -> bool {
        self.awaits_final() && !self.withdrawn
    }

    pub(super) fn awaits_final(&self) -> bool {
        match &self.client {
            Client::Resolving { .. } => true,
            Client::Invite(client) => client.awaits_final(),
            Client::Other(client) => client.awaits_final(),
        }
    }

    pub(super) fn is_terminated(&self) -> bool {
        match &self.client {
            Client::Resolving { .. } => false,
            Client::Invite(client) => client.is_terminated(),
            Client::Other(client) => client.is_terminated(),
        }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        !matches!(self.cancel, Cancel::No)
    }

    pub(super) fn next_deadline(&self) -> Monotonic {
        let client = match &self.client {
            Client::Resolving { until } => Some(*until),
            Client::Invite(client) => client.next_deadline(),
            Client::Other(client) => client.next_deadline(),
        };
        let cancel = match &self.cancel {
            Cancel::Sent(cancel) => cancel.next_deadline(),
            Cancel::No | Cancel::Wanted | Cancel::Over => None,
        };
        [client, cancel].into_iter().flatten().fold(self.timer_c, Monotonic::min)
    }

    pub(super) fn is_reliable(&self) -> bool {
        self.transport().is_reliable()
    }

    pub(super) fn is_secure(&self) -> bool {
        self.transport().is_secure()
    }

    /// True when a response over this flow comes from where the request went: the same connection, or the same address
    /// with the same transport (RFC 3261 section 18.2.2: over a new connection when the first is gone, and from a port of
    /// the sender's choice).
    pub(super) fn leads_to(&self, flow: &Flow) -> bool {
        leads_to(&self.hop, flow)
    }

    fn transport(&self) -> Transport {
        match &self.hop {
            Hop::Flow(flow) => flow.transport,
            Hop::Address { transport, .. } => *transport,
        }
    }

    pub(super) fn token(&self) -> u64 {
        u64::from(self.name.slot) << 32 | u64::from(self.serial)
    }
}

pub(crate) fn leads_to(hop: &Hop, flow: &Flow) -> bool {
    match hop {
        Hop::Flow(to) if to.is_inside() || flow.is_inside() => to.connection == flow.connection,
        Hop::Flow(to) => {
            to.transport == flow.transport
                && (same_address(to.remote, flow.remote)
                    || to.connection == flow.connection && flow.connection != ConnectionId::NONE)
        }
        Hop::Address { transport, address, .. } => {
            *transport == flow.transport && same_address(*address, flow.remote)
        }
    }
}

fn same_address(a: SocketAddr, b: SocketAddr) -> bool {
    a.ip().to_canonical() == b.ip().to_canonical()
}

pub(super) fn name_for(mint: &mut Mint, slot: u32, loop_hash: u32) -> BranchName {
    BranchName { shard: mint.shard(), slot, random: mint.u64(), loop_hash }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_reads_back_and_nothing_else_does() {
        let name = BranchName { shard: ShardId(5), slot: 77, random: 0xdead_beef, loop_hash: 9 };
        let text = name.write();
        assert_eq!(BranchName::read(&text), Some(name));
        assert_eq!(shard_of_branch(&text), Some(ShardId(5)));
        assert_eq!(BranchName::read(&text[..41]), None);
        assert_eq!(BranchName::read(b"z9hG4bKcGG0000004d00000000deadbeef00000009"), None);
    }
}
