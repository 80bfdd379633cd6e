//! A stored conversation as a test: what phones said in it is said again to a server of its own, and what that server says is
//! compared with what was said then, up to the first difference
//! ([decision 0065](../../../../docs/decisions/0065-a-call-is-replayed-behind-a-wall.md)).
//!
//! [`script`] makes steps of a trace, [`words`] and [`compare`] know what may be different (what is random or of a clock), and
//! [`sign`] answers challenges again; these are pure. [`wall`] shuts the process in with nothing but a loopback, [`isolated`] runs
//! the server there on a copy of the accounts, and [`player`] speaks for the phones.
//!
//! What it deliberately does not do: media (phones send no packet), wait for what only a long time brings, other conversations
//! that had to do with this one.

pub mod compare;
pub mod isolated;
pub mod meeting;
pub mod player;
pub mod prelude;
pub mod script;
pub mod sign;
pub mod text;
pub mod wall;
pub mod words;

use compare::Row;

/// How a replay ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// So many messages of the server were compared.
    Same {
        compared: usize,
    },
    /// Up to here; what follows, from the message of this number on, is not compared.
    SameUntil {
        compared: usize,
        number: usize,
        why: Until,
    },
    Differs(Box<Difference>),
}

/// Why the rest is not compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// It came by a clock that is not waited for.
    Clock,
    /// Calls of two threads met: see [`meeting`].
    Meeting,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Of the message in the conversation, from 1; of one that was not there then, of the last before it.
    pub number: usize,
    /// Of all.
    pub count: usize,
    /// To whom.
    pub then_remote: String,
    pub now_remote: String,
    /// What was said, as `180 Ringing`; empty: nothing.
    pub then: String,
    pub now: String,
    /// Both messages, line beside line.
    pub rows: Vec<Row>,
}

/// Why a conversation cannot be replayed. Each is said in one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CouldNot {
    /// Nothing in it was received.
    NobodySpoke,
    /// Its first message is the server's own.
    BegunByServer,
    /// The trace has not all of its messages.
    Cut { shown: usize, count: usize },
    /// A message of the trace has no address, or is none of SIP.
    Unreadable { number: usize },
    /// The wall, a socket or the server behind it.
    Failed(String),
}
