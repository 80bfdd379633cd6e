//! HTTP for webhooks: a connection of its own for each try, to an address that was looked at for that try, so that a name which
//! leads elsewhere from one moment to the next leads nowhere. Who may be asked at all says [`crate::push::reach`], as for push
//! services; when and what is told, `coeur_api::hooks`.
//!
//! What it does not do: follow a redirection, keep a connection, read more of an answer than its beginning.

mod post;
pub mod settings;

pub use post::Post;
