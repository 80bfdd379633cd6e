//! One request being relayed: its server transaction (RFC 3261 section 17.2) and its response context (section 16.2).

use super::best::Failure;
use super::forward::Routes;
use crate::flow::Flow;
use crate::party::Party;
use crate::routing::Target;
use coeur_directory::AccountId;
use coeur_sip::time::Monotonic;
use coeur_sip::transaction::{InviteServer, NonInviteServer, TransactionKey};
use std::collections::VecDeque;

/// What was decided about a request before it is relayed.
pub(super) struct Assignment {
    pub(super) targets: Vec<Target>,
    pub(super) routes: Routes,
    /// Inside a dialog: see [`Request::inside`].
    pub(super) inside: bool,
    pub(super) sender: Option<Party>,
}

/// The server transaction (RFC 3261 section 17.2). Once it is terminated the request is kept only while branches end.
pub(super) enum Server {
    Invite(InviteServer),
    Other(NonInviteServer),
}

/// 360 bytes, the received message until every branch has ended, and over UDP the last answer.
pub(super) struct Request {
    pub(super) key: TransactionKey,
    /// A second name in the map: of the ACK that the sender proved to be entitled to.
    pub(super) ack_key: Option<Box<TransactionKey>>,
    pub(super) serial: u32,
    /// Who sent it, when he is one of ours.
    pub(super) sender: Option<Party>,
    /// Bytes taken of [`super::held::Held`].
    pub(super) held: u32,
    /// Where the request came from.
    pub(super) source: Flow,
    /// Where its answers go (RFC 3261 section 18.2.2, RFC 3581).
    pub(super) reply: Flow,
    pub(super) server: Server,
    /// As received; needed for further targets, ACK and CANCEL.
    pub(super) message: Box<[u8]>,
    /// Targets not tried yet, highest q first.
    pub(super) waiting: VecDeque<Target>,
    pub(super) first_branch: u32,
    pub(super) best: Option<Failure>,
    pub(super) loop_hash: u32,
    pub(super) max_forwards: u8,
    pub(super) breadth: u32,
    pub(super) tried: u16,
    pub(super) redirects: u8,
    /// What has been in the target set, when redirections are followed (RFC 3261 section 16.5).
    pub(super) seen: Vec<TransactionKey>,
    /// Cancelled by the caller, or answered 6xx: nothing further is tried.
    pub(super) stopped: bool,
    /// Its sender lost his rights: a 2xx that still comes is not for him.
    pub(super) revoked: bool,
    /// Inside a dialog: no Record-Route, no redirection, and a dead flow is looked up again once.
    pub(super) inside: bool,
    /// That has been done.
    pub(super) looked_again: bool,
    pub(super) routes: Routes,
    pub(super) record_route: bool,
    pub(super) to_tag: [u8; 18],
    /// When the wheel will look at it; never later than its next deadline.
    pub(super) armed: Monotonic,
}

impl Request {
    pub(super) fn is_invite(&self) -> bool {
        match self.server {
            Server::Invite(_) => true,
            Server::Other(_) => false,
        }
    }

    /// No final answer was sent yet.
    pub(super) fn is_open(&self) -> bool {
        match &self.server {
            Server::Invite(server) => server.is_proceeding(),
            Server::Other(server) => server.awaits_final(),
        }
    }

    pub(super) fn is_terminated(&self) -> bool {
        match &self.server {
            Server::Invite(server) => server.is_terminated(),
            Server::Other(server) => server.is_terminated(),
        }
    }

    /// In whose part of the memory it is.
    pub(super) fn account(&self) -> Option<AccountId> {
        self.sender.map(|sender| sender.account)
    }

    /// The last answer, kept over UDP.
    pub(super) fn stored(&self) -> &[u8] {
        match &self.server {
            Server::Invite(server) => server.stored(),
            Server::Other(server) => server.stored(),
        }
    }

    pub(super) fn next_deadline(&self) -> Monotonic {
        let deadline = match &self.server {
            Server::Invite(server) => server.next_deadline(),
            Server::Other(server) => server.next_deadline(),
        };
        deadline.unwrap_or(Monotonic::NEVER)
    }
}
