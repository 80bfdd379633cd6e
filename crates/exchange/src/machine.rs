//! Which hosts are this server. A listener on a wildcard is reached under every address of the machine, and people
//! write `localhost` or the machine's own name into their phones; what the machine is called is told from outside,
//! again whenever it changes.

use crate::world::{Listener, World};
use arc_swap::ArcSwap;
use coeur_sip::uri::{Host, SipUri};
use std::net::IpAddr;

/// Addresses and names of the machine, replaced as a whole. Without any, the listeners alone are known.
#[derive(Default)]
pub struct Machine(ArcSwap<Found>);

/// What was found at one look. Memory: 17 bytes an address, and the names; [`ADDRESSES_MAX`] and [`NAMES_MAX`] of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub addresses: Vec<IpAddr>,
    /// In any case, without a final dot.
    pub names: Vec<Box<str>>,
}

/// Addresses that are kept; the others are not known to be ours.
pub const ADDRESSES_MAX: usize = 4_096;
/// Names that are kept.
pub const NAMES_MAX: usize = 16;

impl Machine {
    pub fn new(found: Found) -> Self {
        let machine = Self::default();
        machine.replace(found);
        machine
    }

    /// True when this differs from what was known.
    pub fn replace(&self, mut found: Found) -> bool {
        found.addresses.truncate(ADDRESSES_MAX);
        found.names.truncate(NAMES_MAX);
        let changed = **self.0.load() != found;
        if changed {
            self.0.store(found.into());
        }
        changed
    }

    pub(crate) fn has_name(&self, host: &Host<'_>) -> bool {
        let Host::Name(said) = host else { return false };
        let said = said.strip_suffix('.').unwrap_or(said);
        self.0.load().names.iter().any(|name| name.eq_ignore_ascii_case(said))
    }

    fn has_address(&self, ip: IpAddr) -> bool {
        // All of 127.0.0.0/8 is the machine, although its interface has one address of it (RFC 1122 section 3.2.1.3).
        ip.is_loopback() || self.0.load().addresses.contains(&ip)
    }
}

/// True when one of our listeners is reached under this host and port: under the name that we give it, under its
/// address, or under any of the machine when it is bound to all. Without a port the default of its transport is meant.
pub(crate) fn is_this_server(world: &World, host: &Host<'_>, port: Option<u16>) -> bool {
    world.listeners.iter().any(|listener| {
        let (name, said_port) = listener.name();
        let port = port.unwrap_or(listener.transport.default_port());
        (port == said_port || port == listener.bound.port())
            && (Host::parse(name.as_bytes()).is_some_and(|ours| ours == *host)
                || is_bound_there(world, listener, host))
    })
}

/// The same for the host and port of a URI.
pub(crate) fn is_named(world: &World, uri: &SipUri<'_>) -> bool {
    is_this_server(world, &uri.host, uri.port)
}

fn is_bound_there(world: &World, listener: &Listener, host: &Host<'_>) -> bool {
    let bound = listener.bound.ip();
    match host.ip().map(|ip| ip.to_canonical()) {
        Some(ip) if bound.is_unspecified() => {
            bound.is_ipv4() == ip.is_ipv4() && world.machine.has_address(ip)
        }
        Some(ip) => ip == bound,
        None => world.machine.has_name(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use coeur_sip::Uri;

    fn office(bound: &str, sent_by: &str) -> World {
        let mut world = testing::world();
        world.listeners.truncate(1);
        world.listeners[0].bound = bound.parse().expect("an address");
        world.listeners[0].sent_by = sent_by.into();
        world.machine.replace(Found {
            addresses: ["192.0.2.2", "10.0.0.2", "fd00::2"].map(|ip| ip.parse().expect("an address")).into(),
            names: vec!["pbx.lan".into(), "localhost".into()],
        });
        world
    }

    fn ours(world: &World, uri: &str) -> bool {
        match Uri::parse(uri.as_bytes()) {
            Ok(Uri::Sip(uri)) => is_named(world, &uri),
            Ok(_) | Err(_) => panic!("{uri} is no SIP URI"),
        }
    }

    #[test]
    fn bound_to_all_addresses_we_are_each_of_them_and_each_name_of_the_machine() {
        // What is advertised is one more, not one instead.
        for sent_by in ["192.0.2.2:5060", "203.0.113.9:5060"] {
            let world = office("0.0.0.0:5060", sent_by);
            for uri in [
                "sip:192.0.2.2",
                "sip:10.0.0.2:5060",
                "sip:127.0.0.1",
                "sip:127.3.2.1:5060",
                "sip:PBX.lan",
                "sip:pbx.lan.",
                "sip:localhost:5060",
            ] {
                assert!(ours(&world, uri), "{uri} with {sent_by}");
            }
            for uri in ["sip:192.0.2.3", "sip:127.0.0.1:5070", "sip:[::1]", "sip:[fd00::2]", "sip:lan"] {
                assert!(!ours(&world, uri), "{uri} with {sent_by}");
            }
        }
        assert!(ours(&office("0.0.0.0:5060", "203.0.113.9:5061"), "sip:203.0.113.9:5061"));
        let six = office("[::]:5060", "[fd00::2]:5060");
        assert!(
            ours(&six, "sip:[fd00:0::2]:5060") && ours(&six, "sip:[::1]") && !ours(&six, "sip:127.0.0.1")
        );
    }

    #[test]
    fn bound_to_one_address_we_are_no_other() {
        let world = office("192.0.2.2:5060", "sip.example.org:5060");
        assert!(ours(&world, "sip:192.0.2.2") && ours(&world, "sip:sip.example.org:5060"));
        assert!(!ours(&world, "sip:10.0.0.2") && !ours(&world, "sip:127.0.0.1"));
    }

    #[test]
    fn another_look_replaces_what_was_known_and_says_whether_it_differs() {
        let world = office("0.0.0.0:5060", "192.0.2.2:5060");
        let found = Found { addresses: vec!["198.51.100.7".parse().expect("an address")], names: vec![] };
        assert!(world.machine.replace(found.clone()) && !world.machine.replace(found));
        assert!(
            ours(&world, "sip:198.51.100.7") && !ours(&world, "sip:10.0.0.2") && !ours(&world, "sip:pbx.lan")
        );
    }
}
