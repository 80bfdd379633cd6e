//! Which addresses are of no other domain (threat T-25).
//!
//! Where another domain is reached is said by the caller, or by the DNS of that domain: by a stranger. Were any address
//! taken, an account with the right to relay could make this server speak to what only this server can reach: itself,
//! its neighbours, the metadata service of its cloud. So special-purpose addresses (RFC 6890 and its registries) and those
//! of our own listeners are no place for a foreign request, unless the operator lists them. Registered phones are another
//! matter: they are reached where they came from.

use crate::world::{Listener, World};
use coeur_sip::network::{carried, is_inside};
use coeur_sip::uri::Host;
use std::net::IpAddr;

/// Whether a request for another domain may be sent there.
pub(crate) fn may_relay_to(world: &World, ip: IpAddr) -> bool {
    let at = |ip: IpAddr| world.listeners.iter().any(|listener| is_at(listener, ip));
    let ours = || at(ip.to_canonical()) || carried(ip).is_some_and(|ip| at(ip.into()));
    !(is_inside(ip) || ours()) || world.settings.relay_inside.iter().any(|network| network.contains(ip))
}

/// True when this listener is bound to, or known by, the address. What else listens there is for us alone, and a request
/// that comes back to us would come from an address that others may trust.
fn is_at(listener: &Listener, ip: IpAddr) -> bool {
    let known_by = Host::parse(listener.name().0.as_bytes()).and_then(|host| host.ip());
    [Some(listener.bound.ip()), known_by].into_iter().flatten().any(|own| own.to_canonical() == ip)
}
