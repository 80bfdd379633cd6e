//! One request being relayed: its server transaction (RFC 3261 section 17.2) and its response context (section 16.2).

use super::best::Failure;
use super::forward::Routes;
use crate::flow::Flow;
use crate::party::Party;
use crate::routing::Target;
use coeur_sip::time::Monotonic;
use coeur_sip::transaction::TransactionKey;
use std::collections::VecDeque;

/// What was decided about a request before it is relayed.
pub(super) struct Assignment {
    pub(super) targets: Vec<Target>,
    pub(super) routes: Routes,
    /// Inside a dialog: see [`Request::inside`].
    pub(super) inside: bool,
    pub(super) sender: Option<Party>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServerState {
    /// No final answer sent yet.
    Proceeding,
    /// INVITE answered 2xx: absorbs repetitions, lets further 2xx pass (RFC 6026 section 7.1), until timer L.
    Accepted,
    /// INVITE answered 300-699: repeated over UDP (timer G) until the ACK or timer H.
    Completed,
    /// The ACK came: absorbs its repetitions until timer I.
    Confirmed,
    /// Another method, answered: repetitions draw the same answer until timer J.
    Answered,
    /// Ended; kept only while branches end.
    Terminated,
}

/// About 400 bytes, the received message until every branch has ended, and over UDP the last answer.
pub(super) struct Request {
    pub(super) key: TransactionKey,
    /// A second name in the map: of the ACK that the sender proved to be entitled to.
    pub(super) ack_key: Option<Box<TransactionKey>>,
    pub(super) serial: u32,
    /// Who sent it, when he is one of ours.
    pub(super) sender: Option<Party>,
    /// Where the request came from.
    pub(super) source: Flow,
    /// Where its answers go (RFC 3261 section 18.2.2, RFC 3581).
    pub(super) reply: Flow,
    pub(super) invite: bool,
    pub(super) state: ServerState,
    /// As received; needed for further targets, ACK and CANCEL.
    pub(super) message: Box<[u8]>,
    /// The last answer, over UDP.
    pub(super) last: Box<[u8]>,
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
    /// Inside a dialog: no Record-Route, and a dead flow is looked up again once.
    pub(super) inside: bool,
    pub(super) routes: Routes,
    pub(super) record_route: bool,
    pub(super) to_tag: [u8; 18],
    pub(super) deadline: Monotonic,
    pub(super) ends: Monotonic,
    pub(super) interval_ms: u32,
}
