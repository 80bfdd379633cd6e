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
//! | [`proxy`] | RFC 3261 section 16 |
//! | [`echo`] | the exchange's own answering service |

pub mod bindings;
pub mod context;
pub mod event;
pub mod flow;
pub mod gruu;
pub mod input;
pub mod mint;
pub mod outbox;
pub mod record;
pub mod registrar;
pub mod world;
