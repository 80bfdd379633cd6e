//! The places where clients come, opened before anything is answered.

use crate::config::Listen;
use crate::config::listen::Scheme;
use crate::net::listen::{BindError, bind_place};
use socket2::Socket;
use std::net::{SocketAddr, TcpListener, UdpSocket};

/// One place with its socket.
pub struct Bound {
    /// With the port that was taken.
    pub place: Listen,
    pub asked: SocketAddr,
    pub(super) socket: Open,
}

pub(super) enum Open {
    Datagrams(mio::net::UdpSocket),
    Streams(mio::net::TcpListener),
}

/// Opens every place. With `next_port` a busy one is replaced by the next. Of places that nobody asked for by name
/// (`is_needed`), those that cannot be had are told and left out: the server has other work.
pub fn bind(places: &[Listen], is_needed: bool, next_port: bool) -> Result<Vec<Bound>, BindError> {
    let mut bound = Vec::with_capacity(places.len());
    for place in places {
        match bind_place(*place, 1, next_port) {
            Ok((address, sockets)) => bound.extend(sockets.into_iter().map(|socket| Bound {
                place: Listen { address, ..*place },
                asked: place.address,
                socket: open(place.scheme, socket),
            })),
            Err(error) if is_needed => return Err(error),
            Err(why) => tracing::warn!(%why, "no TURN there; `turn` says where else, or `off`"),
        }
    }
    Ok(bound)
}

fn open(scheme: Scheme, socket: Socket) -> Open {
    match scheme {
        Scheme::Udp => Open::Datagrams(mio::net::UdpSocket::from_std(UdpSocket::from(socket))),
        Scheme::Tcp | Scheme::Tls | Scheme::Ws | Scheme::Wss => {
            Open::Streams(mio::net::TcpListener::from_std(TcpListener::from(socket)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_place_is_an_error_where_it_was_asked_for_and_left_out_where_it_was_not() {
        let first = bind(&["udp://127.0.0.1:0".parse().unwrap()], true, false).unwrap();
        let busy = [first[0].place, "udp://127.0.0.1:0".parse().unwrap()];
        assert!(bind(&busy, true, false).is_err());
        assert_eq!(bind(&busy, false, false).unwrap().len(), 1);
        assert_ne!(bind(&busy[..1], true, true).unwrap()[0].place, first[0].place);
    }
}
