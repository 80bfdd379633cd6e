//! What the settings say of phones that are told their accounts.

use std::net::Ipv4Addr;

/// As links begin.
pub(super) fn url(text: &str) -> Result<String, String> {
    let wrong =
        || format!("`{text}` is no address such as https://sip.example.org or http://192.168.1.5:8090");
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or_else(wrong)?;
    let host = host.strip_suffix('/').unwrap_or(host);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    match !host.is_empty() && host.chars().all(plain) {
        true => Ok(text.strip_suffix('/').unwrap_or(text).to_owned()),
        false => Err(wrong()),
    }
}

/// An address of a network that does not reach beyond a site: whoever is plugged in elsewhere is nobody's to claim.
pub(super) fn pnp(text: &str) -> Result<Option<Ipv4Addr>, String> {
    if text == "off" {
        return Ok(None);
    }
    let wrong = || format!("`{text}` is no private IPv4 address of this machine (192.168.1.5), nor `off`");
    let address: Ipv4Addr = text.parse().map_err(|_| wrong())?;
    let is_local = address.is_private() || address.is_loopback() || address.is_link_local();
    is_local.then_some(Some(address)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_begin_with_an_address_and_nothing_behind_it() {
        assert_eq!(url("https://sip.example.org/").as_deref(), Ok("https://sip.example.org"));
        assert_eq!(url("http://192.168.1.5:8090").as_deref(), Ok("http://192.168.1.5:8090"));
        for bad in ["sip.example.org", "ftp://a", "https://", "https://a/b", "https://a b", "https://a?x"] {
            assert!(url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn phones_that_are_plugged_in_are_heard_in_local_networks_alone() {
        assert_eq!(pnp("off"), Ok(None));
        assert_eq!(pnp("192.168.1.5"), Ok(Some(Ipv4Addr::new(192, 168, 1, 5))));
        for bad in ["0.0.0.0", "192.0.2.1", "fd00::1", "lan", ""] {
            assert!(pnp(bad).is_err(), "{bad}");
        }
    }
}
