//! How people and programs prove who they are: first owner, passwords, second factors, sessions of browsers, tokens of the
//! API.
//!
//! The [`Desk`] decides. What it keeps is written by the [`Door`](crate::Door) with its audit rows, as every change is, and read from
//! memory ([`book::Book`]): a session or a token is found, and its user looked up in the directory, at each request, so
//! that who is disabled or removed opens nothing from that moment on.
//!
//! What it deliberately does not do: say what somebody may. That is his role, and for a token its scopes
//! ([`crate::rest::Caller`]).

mod book;
mod desk;
mod enter;
mod gate;
mod keep;
mod known;
mod link;
mod network;
mod oidc;
mod passkey;
mod password;
mod pending;
mod recovery;
mod second;
mod secret;
mod session;
mod tally;
#[cfg(test)]
mod tests;
mod throttle;
mod token;
mod totp;
mod verbs;
mod web;

pub use desk::{Desk, has_owner};
pub(crate) use gate::from_here;
pub(crate) use keep::Kept;
pub use network::Network;
pub use oidc::{Errand, Fetch, Fetched, Provider, ProviderSettings};
pub use secret::TOKEN_PREFIX;
pub use tally::SignInCounters;
pub(crate) use token::no_token;
pub use token::{NewToken, TokenView};
pub use verbs::{LinkView, SignInRequest};
pub(crate) use web::router;
