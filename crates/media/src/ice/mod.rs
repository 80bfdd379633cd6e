//! ICE (RFC 8445, RFC 8839, RFC 7675): which pair of addresses two peers speak over. One [`Agent`] for each transport.
//!
//! Both modes: *full* checks and is checked; *lite* (RFC 8445 section 2.5), for a server with an address that everybody
//! reaches, only answers. Both roles, role conflicts, restart, peer-reflexive candidates, regular nomination as
//! controlling, regular and aggressive peers as controlled, consent (full).
//!
//! Where two devices check each other and we only stand between them as one way of several, there is no agent but a [`wire`].
//!
//! Nothing moves without integrity (threat A02): a check whose user name or MESSAGE-INTEGRITY is not of this session is
//! counted and dropped without answer, whatever else it says. RFC 8489 section 9.1.3 has 400 and 401 for these; they
//! would tell an attacker which of his guesses was close, and our peer nothing.
//!
//! What it deliberately does not do: gather candidates (whoever has the sockets and a STUN or TURN server does), TCP
//! candidates (RFC 6544), names as candidates (mDNS names of browsers are skipped: their checks make them
//! peer-reflexive), a check list with several components (a transport without `rtcp-mux` has two agents with the same
//! credentials; so nothing is ever frozen), and the answer to old Binding indications (they need none).
//! The crate `is` was weighed ([decision 0014](../../../docs/decisions/0014-our-own-ice-agent.md)).

mod agent;
mod candidate;
mod credentials;
mod pair;
mod request;
mod session;
#[cfg(test)]
mod tests;
pub mod wire;
#[cfg(test)]
mod world;

pub use agent::{Agent, Counters, Output, Settings};
pub use candidate::{Candidate, CandidateError, CandidateKind};
pub use credentials::{Credentials, CredentialsError};

/// Addresses of our own in one agent: one for each interface and family. Some 100 bytes each.
pub const LOCALS_MAX: usize = 8;

/// Addresses of the peer that are kept, told and learned. Some 100 bytes each. Browsers tell about ten.
pub const REMOTES_MAX: usize = 32;

/// Pairs of one check list (RFC 8445 section 6.1.2.5 recommends 100 for all). Some 150 bytes each.
pub const PAIRS_MAX: usize = 64;

/// Whether we check or only answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Full,
    Lite,
}

/// Who decides which pair is used (RFC 8445 section 6.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Controlling,
    Controlled,
}

impl Role {
    const fn other(self) -> Role {
        match self {
            Role::Controlling => Role::Controlled,
            Role::Controlled => Role::Controlling,
        }
    }
}
