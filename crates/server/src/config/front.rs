//! What the settings say of the listener of pages and API: whether it speaks HTTPS, who stands before it.

use super::listen::is_host;
use super::oidc;
use crate::acme;
use coeur_api::{Network, Proxies};
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encrypted {
    /// Where others than this machine come, or a public authority vouches for a name.
    #[default]
    Auto,
    Yes,
    No,
}

impl Encrypted {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Yes => "yes",
            Self::No => "no",
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub encrypted: Encrypted,
    /// Where browsers come in clear, and are sent to where it is encrypted.
    pub plain: Option<SocketAddr>,
    pub proxies: Proxies,
    pub acme: acme::Wanted,
    /// By which people sign in too.
    pub oidc: Option<oidc::Wanted>,
    /// Authorities besides those of the system that are believed of servers of certificates and of sign-in.
    pub authority: Option<PathBuf>,
}

impl Wanted {
    /// `web`: where the listener is.
    pub fn is_encrypted(&self, web: Option<SocketAddr>) -> bool {
        match (self.encrypted, web) {
            (_, None) | (Encrypted::No, _) => false,
            (Encrypted::Yes, Some(_)) => true,
            (Encrypted::Auto, Some(web)) => !web.ip().is_loopback() || !self.acme.names.is_empty(),
        }
    }
}

pub(super) fn encrypted(text: &str) -> Result<Encrypted, String> {
    [Encrypted::Auto, Encrypted::Yes, Encrypted::No]
        .into_iter()
        .find(|known| known.as_str() == text)
        .ok_or_else(|| format!("`{text}` is neither auto, yes nor no"))
}

pub(super) fn proxy(text: &str) -> Result<Network, String> {
    text.parse()
}

/// A host name that public authorities can vouch for: one with a dot, and no address.
pub(super) fn public_name(text: &str) -> Result<String, String> {
    let name = text.trim_end_matches('.').to_ascii_lowercase();
    let is_name = is_host(&name) && name.contains('.') && name.parse::<std::net::IpAddr>().is_err();
    match is_name && !name.starts_with('[') {
        true => Ok(name),
        false => Err(format!("`{text}` is no public host name, such as sip.example.org")),
    }
}

/// RFC 8555 section 7.1.1.
pub(super) fn directory(text: &str) -> Result<String, String> {
    match text.starts_with("https://") && !text.contains(char::is_whitespace) {
        true => Ok(text.to_owned()),
        false => Err(format!("`{text}` is no https:// address")),
    }
}

pub(super) fn contact(text: &str) -> Result<String, String> {
    match text.strip_prefix("mailto:").is_some_and(|address| address.contains('@')) {
        true => Ok(text.to_owned()),
        false => Err(format!("`{text}` is no mailto:somebody@example.org")),
    }
}

pub(super) fn challenge(text: &str) -> Result<acme::Challenge, String> {
    [acme::Challenge::Auto, acme::Challenge::Http, acme::Challenge::Tls]
        .into_iter()
        .find(|known| known.as_str() == text)
        .ok_or_else(|| format!("`{text}` is neither auto, http nor tls"))
}

/// Read once to be sure of it.
pub(super) fn authority(text: &str) -> Result<PathBuf, String> {
    let (path, mut roots) = (PathBuf::from(text), rustls::RootCertStore::empty());
    crate::tls::roots::add_file(&mut roots, &path).map(|()| path).map_err(|why| why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_listener_of_this_machine_alone_is_in_clear_unless_it_is_said_otherwise() {
        let of =
            |encrypted, web: &str| Wanted { encrypted, ..Wanted::default() }.is_encrypted(web.parse().ok());
        assert!(!of(Encrypted::Auto, "127.0.0.1:8090") && !of(Encrypted::Auto, "[::1]:8090"));
        assert!(of(Encrypted::Auto, "0.0.0.0:8090") && of(Encrypted::Auto, "192.168.1.5:443"));
        assert!(of(Encrypted::Yes, "127.0.0.1:8090") && !of(Encrypted::No, "0.0.0.0:8090"));
        assert!(!of(Encrypted::Yes, "off"));
    }

    #[test]
    fn a_public_name_is_no_address_and_has_a_dot() {
        assert_eq!(public_name("SIP.Example.org.").as_deref(), Ok("sip.example.org"));
        for bad in ["localhost", "192.0.2.1", "[2001:db8::1]", "", "a b.example"] {
            assert!(public_name(bad).is_err(), "{bad}");
        }
    }
}
