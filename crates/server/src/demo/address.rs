//! Which domain a phone on the same network can use: the address of this machine. A name would have to be in the
//! DNS, and phones do not read our hosts file.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

/// The address from which this machine would reach the network; nothing is sent. Loopback when there is none.
pub fn of_this_machine() -> IpAddr {
    let probe = || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
        // An address of documentation (RFC 5737): only the routing table is asked.
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
        socket.local_addr().ok().map(|address| address.ip())
    };
    probe().filter(|ip| !ip.is_unspecified()).unwrap_or(Ipv4Addr::LOCALHOST.into())
}
