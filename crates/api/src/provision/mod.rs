//! Phones that are told their accounts: links that an operator makes, the door through which a phone fetches its settings,
//! and what was seen of each on its way.
//!
//! A link is worth the secrets of a phone, so the rules are in one place ([`fetch`]): the token has 160 bits and only its
//! hash is kept; it gives the settings once, until it is over, to a phone of the maker and the address that it was made
//! for; each time with new secrets, since the old ones cannot be read back. What a phone fetches from then on has an address
//! of its own, and no secret in it where the phone keeps the one that it has. Over plain HTTP nobody outside of local
//! networks is given anything. There is no address that could be guessed from a hardware address.
//!
//! What it deliberately does not do: write the languages of phones (`coeur-provisioning`), know SIP.

mod connect;
mod fetch;
mod journeys;
mod kept;
mod keys;
mod misses;
mod password;
mod phone;
mod served;
mod telling;
mod trial;
mod views;

pub(crate) use connect::no_phone;
pub use fetch::{Counts, Outcome};
pub use journeys::Journeys;
pub use keys::KEYS_MAX;
pub(crate) use keys::KeyFault;
pub(crate) use misses::Misses;
pub use phone::PhonePlace;
pub(crate) use served::router;
pub(crate) use trial::Trials;
pub use trial::{TrialEnd, TrialStep};
pub use views::{
    ConnectRequest, KeyView, LineRequest, LinkView, PasswordView, PhoneLineView, PhoneView, PhonesReply,
    PhonesRequest, RenderedView, RingView, StepView, StrangerView,
};

use coeur_storage::TokenHash;

/// What is kept of the token of a link.
fn hash(token: &str) -> TokenHash {
    use aws_lc_rs::digest::{SHA256, digest};
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}
