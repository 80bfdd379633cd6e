//! What the settings say of the listener of pages and API: whether it speaks HTTPS, who stands before it.

use coeur_api::{Network, Proxies};
use std::net::SocketAddr;

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
}

impl Wanted {
    /// `web`: where the listener is.
    pub fn is_encrypted(&self, web: Option<SocketAddr>) -> bool {
        match (self.encrypted, web) {
            (_, None) | (Encrypted::No, _) => false,
            (Encrypted::Yes, Some(_)) => true,
            (Encrypted::Auto, Some(web)) => !web.ip().is_loopback(),
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
}
