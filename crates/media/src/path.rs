//! Proof that a datagram came from where the peer of a transport may speak from.

use std::net::{IpAddr, SocketAddr};

/// The source of one datagram, proved. DTLS takes no datagram without it (threat A09: the first ClientHello of anybody
/// wins). It is made in two places only: `ice::Agent::proven` for a transport with ICE, and
/// [`ProvenPath::signalled`] for one without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProvenPath {
    remote: SocketAddr,
}

impl ProvenPath {
    /// For a transport without ICE: `from` proves itself by being the address that signalling told, or the one where
    /// the media relay has found its sender.
    pub fn signalled(told: SocketAddr, from: SocketAddr) -> Option<ProvenPath> {
        (canonical(told) == canonical(from)).then_some(ProvenPath { remote: from })
    }

    /// For a transport with ICE: a check with integrity has passed from there.
    pub(crate) const fn checked(remote: SocketAddr) -> ProvenPath {
        ProvenPath { remote }
    }

    pub const fn remote(self) -> SocketAddr {
        self.remote
    }
}

/// The same address has one form: a socket of both families tells IPv4 senders as mapped ones.
pub(crate) fn canonical(address: SocketAddr) -> (IpAddr, u16) {
    (address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signalled_path_is_the_told_address_in_either_form() {
        let told: SocketAddr = "192.0.2.1:5000".parse().expect("an address");
        let proven = |from: &str| ProvenPath::signalled(told, from.parse().expect("an address")).is_some();
        assert!(proven("192.0.2.1:5000") && proven("[::ffff:192.0.2.1]:5000"));
        assert!(!proven("192.0.2.1:5001") && !proven("192.0.2.2:5000"));
    }
}
