//! Where we connect for a waking, or for a webhook. The services of the settings are where the operator says. The place of a
//! WebPush subscription is named by a phone, that of a webhook by whoever may have one: it is outside and not of this machine, or
//! nowhere, unless the operator lists the network (server-side request forgery). The address that was looked at is the one that
//! is connected to, so a name cannot change its mind in between.

use crate::net::machine;
use coeur_sip::network::{Network, is_inside};
use std::net::{IpAddr, SocketAddr};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Named by the operator, or by this program.
    Own,
    /// Named by a phone, or by whoever has a webhook.
    Stranger,
}

#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// Inside networks in which a stranger may name a place.
    pub inside: Vec<Network>,
}

impl Reach {
    /// `own`: of the interfaces of this machine, of which one may be outside, and what listens there means us alone.
    pub fn allows(&self, trust: Trust, ip: IpAddr, own: &[IpAddr]) -> bool {
        let is_outside = || !is_inside(ip.to_canonical()) && !own.contains(&ip.to_canonical());
        trust == Trust::Own || self.is_listed(ip) || is_outside()
    }

    fn is_listed(&self, ip: IpAddr) -> bool {
        self.inside.iter().any(|network| network.contains(ip.to_canonical()))
    }

    /// The addresses of a name that a webhook may be told at; `is_clear`: without TLS, which is for listed networks alone.
    pub async fn places(&self, host: &str, port: u16, is_clear: bool) -> std::io::Result<Vec<SocketAddr>> {
        let mut found = self.addresses(Trust::Stranger, host, port).await?;
        found.retain(|address| !is_clear || self.is_listed(address.ip()));
        match found.is_empty() {
            true => Err(std::io::Error::other("no address that may be told anything without TLS")),
            false => Ok(found),
        }
    }

    /// The addresses of a name that may be connected to. None: the name is none, or leads inside.
    pub(super) async fn addresses(
        &self,
        trust: Trust,
        host: &str,
        port: u16,
    ) -> std::io::Result<Vec<SocketAddr>> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let found = tokio::net::lookup_host((bare, port)).await?;
        let own = machine::look().addresses;
        let allowed: Vec<SocketAddr> =
            found.filter(|address| self.allows(trust, address.ip(), &own)).take(8).collect();
        match allowed.is_empty() {
            true => Err(std::io::Error::other("no address outside")),
            false => Ok(allowed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_a_phone_names_is_outside_or_nowhere_unless_its_network_is_listed() {
        let reach = Reach { inside: vec!["10.1.0.0/16".parse().unwrap()] };
        let own = ["203.0.114.9".parse().unwrap()];
        let allows = |trust, ip: &str| reach.allows(trust, ip.parse().unwrap(), &own);
        for ip in [
            "127.0.0.1",
            "10.2.0.1",
            "169.254.169.254",
            "::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "203.0.114.9",
            "::ffff:203.0.114.9",
        ] {
            assert!(!allows(Trust::Stranger, ip) && allows(Trust::Own, ip), "{ip}");
        }
        assert!(allows(Trust::Stranger, "10.1.2.3") && allows(Trust::Stranger, "203.0.114.1"));
    }
}
