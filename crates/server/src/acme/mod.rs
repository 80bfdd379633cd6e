//! A certificate of a public authority, asked for and renewed by itself (RFC 8555): the host name is proved by an answer over HTTP
//! (section 8.3), so port 80 of that name must lead to `web_plain` or `web`.
//!
//! What it deliberately does not do: show a certificate. It writes two files, and who looks after certificates
//! ([`crate::tls::Watch`]) reads them. Not implemented: other challenges (DNS, TLS-ALPN), account binding, and revocation.

mod board;
mod client;
mod order;
mod renew;

pub use board::Board;
pub use renew::{Keeping, Standing, keep};

use crate::tls::Source;
use std::path::{Path, PathBuf};

/// Let's Encrypt.
pub const DEFAULT_DIRECTORY: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// Of the settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Host names; empty: nothing is asked for.
    pub names: Vec<String>,
    pub directory: String,
    /// `mailto:...`, who is told when a certificate is about to end.
    pub contact: Option<String>,
}

/// Below the data directory.
pub fn folder(data: &Path) -> PathBuf {
    data.join("tls/acme")
}

/// Where the certificate is, once there is one.
pub fn source(data: &Path) -> Source {
    Source { chain: folder(data).join("chain.pem"), key: folder(data).join("key.pem") }
}

/// Which authority gave the certificate that is there: its directory, written last.
fn giver(data: &Path) -> PathBuf {
    folder(data).join("directory")
}
