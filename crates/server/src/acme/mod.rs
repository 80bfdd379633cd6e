//! A certificate of a public authority, asked for and renewed by itself (RFC 8555): the host name is proved by an answer over HTTP
//! (section 8.3), for which port 80 of that name must lead to `web_plain` or `web`, or over TLS (RFC 8737), for which its port 443 must lead to `web`.
//!
//! What it deliberately does not do: show a certificate. It writes two files, and who looks after certificates
//! ([`crate::tls::Watch`]) reads them. Not implemented: the challenge by DNS, account binding, and revocation.

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
    pub challenge: Challenge,
}

/// How it is proved that a name is ours, as the settings say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Challenge {
    /// Over HTTP where `web_plain` is, else over TLS; the other one each time that it has failed.
    #[default]
    Auto,
    Http,
    Tls,
}

impl Challenge {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Http => "http",
            Self::Tls => "tls",
        }
    }

    /// Of the next attempt.
    fn way(self, has_plain: bool, failures: u32) -> ProofWay {
        let first = if has_plain { ProofWay::Http } else { ProofWay::Tls };
        match self {
            Self::Http => ProofWay::Http,
            Self::Tls => ProofWay::Tls,
            Self::Auto if failures.is_multiple_of(2) => first,
            Self::Auto => first.other(),
        }
    }
}

/// How one attempt proves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofWay {
    /// `http-01`, RFC 8555 section 8.3.
    Http,
    /// `tls-alpn-01`, RFC 8737.
    Tls,
}

impl ProofWay {
    fn other(self) -> Self {
        match self {
            Self::Http => Self::Tls,
            Self::Tls => Self::Http,
        }
    }

    /// Where the authority looks, for whoever reads why it failed.
    fn place(self) -> &'static str {
        match self {
            Self::Http => "over HTTP (port 80)",
            Self::Tls => "over TLS (port 443)",
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_attempt_after_a_failure_is_made_the_other_way_unless_one_is_set() {
        let ways = |challenge: Challenge, plain| [0, 1, 2].map(|failures| challenge.way(plain, failures));
        let [http, tls] = [ProofWay::Http, ProofWay::Tls];
        assert_eq!(ways(Challenge::Auto, true), [http, tls, http]);
        assert_eq!(ways(Challenge::Auto, false), [tls, http, tls]);
        assert_eq!(ways(Challenge::Http, false), [http; 3]);
        assert_eq!(ways(Challenge::Tls, true), [tls; 3]);
    }
}
