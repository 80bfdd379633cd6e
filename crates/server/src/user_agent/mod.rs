//! A small phone: registers, calls, answers, texts, sends a tone and listens for it. It is the other end of
//! `coeur call` and `coeur selftest`, so it takes nothing from the server's own roles: what it proves, it proves
//! from outside. It blocks, one thread per phone.
//!
//! Not implemented: forking answers (the first 2xx wins), PRACK, session timers, ICE, SRTP, DNS look-up of the server.

pub mod answer;
pub mod call;
pub mod digest;
pub mod interrupt;
pub mod link;
pub mod message;
pub mod phone;
pub mod register;
pub mod report;
pub mod rtp;
pub mod sdp;
pub mod text;
pub mod tls;

pub use link::Link;
pub use phone::{Identity, Phone, Secret};
pub use report::Report;

/// Why something that the phone tried did not work.
#[derive(Debug)]
pub enum PhoneError {
    /// No connection, or it broke.
    Link(std::io::Error),
    /// No final answer in time; says to what.
    Silence(String),
    /// A final answer that is no success.
    Refused { what: String, status: u16, reason: String },
    /// A signal asked for the end.
    Interrupted,
    /// The peer sent what no peer should.
    Nonsense(String),
}

impl std::fmt::Display for PhoneError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PhoneError::Link(why) => write!(f, "connection: {why}"),
            PhoneError::Silence(what) => write!(f, "no answer to {what} in time"),
            PhoneError::Refused { what, status, reason } => {
                write!(f, "{what} was answered {status} {reason}")
            }
            PhoneError::Interrupted => f.write_str("interrupted"),
            PhoneError::Nonsense(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for PhoneError {}

impl From<std::io::Error> for PhoneError {
    fn from(why: std::io::Error) -> Self {
        PhoneError::Link(why)
    }
}
