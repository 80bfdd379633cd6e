//! Free ports: the usual ones, or the next that are free.

use crate::config::listen::{Listen, Scheme};
use std::net::{SocketAddr, TcpListener, UdpSocket};

/// A port that was wanted and is not free, and the one taken instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    pub wanted: String,
    pub taken: u16,
}

const TRIES: u16 = 200;

/// Each place to listen with a free port, and what was replaced. UDP and TCP on one address stay on one port,
/// because phones take both from one setting.
pub fn free(wanted: &[Listen]) -> (Vec<Listen>, Vec<Replaced>) {
    let (mut found, mut replaced): (Vec<Listen>, Vec<Replaced>) = (Vec::new(), Vec::new());
    for listen in wanted {
        let pair = pair_of(listen, wanted);
        let moved = found
            .iter()
            .find(|other| pair == Some(other.scheme) && other.address.ip() == listen.address.ip());
        let port = match moved {
            Some(other) => other.address.port(),
            None => next_free(listen, pair, &found),
        };
        if port != listen.address.port() {
            replaced.push(Replaced { wanted: listen.to_string(), taken: port });
        }
        found.push(Listen { address: SocketAddr::new(listen.address.ip(), port), ..*listen });
    }
    (found, replaced)
}

/// The other transport that shares this port.
fn pair_of(listen: &Listen, wanted: &[Listen]) -> Option<Scheme> {
    let other = match listen.scheme {
        Scheme::Udp => Scheme::Tcp,
        Scheme::Tcp => Scheme::Udp,
        Scheme::Tls | Scheme::Ws | Scheme::Wss => return None,
    };
    wanted.iter().any(|known| known.scheme == other && known.address == listen.address).then_some(other)
}

fn next_free(listen: &Listen, pair: Option<Scheme>, taken: &[Listen]) -> u16 {
    let first = listen.address.port();
    let is_free = |port: &u16| {
        let address = SocketAddr::new(listen.address.ip(), *port);
        let ours = taken.iter().any(|other| other.address.port() == *port);
        !ours && opens(listen.scheme, address) && pair.is_none_or(|scheme| opens(scheme, address))
    };
    let mut candidates = (0..TRIES)
        .map(|step| first.saturating_add(step * 2))
        .chain((0..TRIES).map(|step| first.saturating_add(step)));
    // When nothing is free, opening the wanted one says why.
    candidates.find(is_free).unwrap_or(first)
}

fn opens(scheme: Scheme, address: SocketAddr) -> bool {
    match scheme {
        Scheme::Udp => UdpSocket::bind(address).is_ok(),
        Scheme::Tcp | Scheme::Tls | Scheme::Ws | Scheme::Wss => TcpListener::bind(address).is_ok(),
    }
}

/// The HTTP address, moved to a free port if its own is not.
pub fn free_http(wanted: SocketAddr) -> (SocketAddr, Option<Replaced>) {
    let port = next_free(&Listen { scheme: Scheme::Tcp, address: wanted }, None, &[]);
    let replaced =
        (port != wanted.port()).then(|| Replaced { wanted: format!("http://{wanted}"), taken: port });
    (SocketAddr::new(wanted.ip(), port), replaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_port_is_named_and_replaced_for_udp_and_tcp_together() {
        let busy = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = busy.local_addr().unwrap();
        let wanted = [Listen { scheme: Scheme::Udp, address }, Listen { scheme: Scheme::Tcp, address }];
        let (found, replaced) = free(&wanted);
        assert_ne!(found[0].address.port(), address.port());
        assert_eq!(found[0].address, found[1].address);
        assert_eq!(replaced.len(), 2);
        assert_eq!(replaced[0].wanted, format!("udp://{address}"));
    }
}
