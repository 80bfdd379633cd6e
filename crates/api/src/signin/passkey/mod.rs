//! Passkeys: Web Authentication (W3C, level 2), of which this is the relying party. A passkey is all that its user needs, so
//! the authenticator must say that it has verified him (a finger, a face, a PIN), and no password is asked.
//!
//! What it deliberately does not do: ask which authenticator it is. No attestation is wanted (section 13.5.5), so what
//! comes of it is not looked at.

mod answer;
mod authenticator;
mod ceremony;
mod client;
mod cose;
#[cfg(test)]
pub(super) mod soft;
#[cfg(test)]
mod tests;

pub(super) use answer::{Asserted, Made};
pub(super) use ceremony::{Answered, For, Not, Place, name, user_handle};
pub(super) use cose::ALGORITHMS;
