//! One port: its socket, a few datagrams at a time in, one out. Besides [`crate::net::udp`], which receives for it, the only module that calls the
//! C library for sockets; every unsafe block says what makes it sound.
//!
//! Most of the time one packet waits. `recvmmsg` with a few slots, returning fewer, says that the socket is empty, so that
//! an edge-triggered poll needs no second call; a packet sent by `sendto` costs less than one sent by `sendmmsg`.

use crate::net::udp::{self, Received, write_address};
use coeur_media::packet::{HEAD_ROOM, PACKET_BYTES_MAX, Packet, SLOT_BYTES};
use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

/// Datagrams of one receive.
pub(super) const BATCH: usize = 4;

/// RFC 4594 section 4.1: telephony is expedited (DSCP 46); networks that do not know it leave it.
const EXPEDITED: u32 = 46 << 2;

/// The slots of a worker: 8 kB.
pub(super) struct Slots {
    bytes: Box<[[u8; SLOT_BYTES]; BATCH]>,
    received: [Received; BATCH],
}

impl Default for Slots {
    fn default() -> Self {
        Self { bytes: Box::new([[0; SLOT_BYTES]; BATCH]), received: [Received::NOTHING; BATCH] }
    }
}

impl Slots {
    /// Receives up to [`BATCH`] datagrams; fewer when no more wait.
    pub(super) fn receive(&mut self, socket: &impl AsRawFd) -> io::Result<usize> {
        let slots = self.bytes.each_mut().map(|slot| &mut slot[HEAD_ROOM..HEAD_ROOM + PACKET_BYTES_MAX]);
        udp::receive(socket, slots, &mut self.received)
    }

    /// The datagram at this place of the last receive; `None`: it was longer than a slot, or of nobody.
    pub(super) fn packet(&mut self, place: usize) -> Option<(SocketAddr, Packet<'_>)> {
        let received = self.received[place];
        if received.truncated || received.from.port() == 0 {
            return None;
        }
        Some((received.from, Packet::received(&mut self.bytes[place], received.length)))
    }
}

/// Sends one datagram. A failure of an earlier one that comes up here is asked away once.
pub(super) fn send(socket: &impl AsRawFd, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
    let mut name = MaybeUninit::uninit();
    let length = write_address(to, &mut name);
    for _ in 0..2 {
        // SAFETY: the address and the bytes outlive the call, which only reads them; the lengths are theirs.
        let sent = unsafe {
            libc::sendto(
                socket.as_raw_fd(),
                bytes.as_ptr().cast(),
                bytes.len(),
                libc::MSG_DONTWAIT,
                name.as_ptr().cast(),
                length,
            )
        };
        if sent >= 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if !matches!(error.raw_os_error(), Some(libc::EINTR | libc::ECONNREFUSED)) {
            return Err(error);
        }
    }
    Err(io::ErrorKind::ConnectionRefused.into())
}

/// A bound socket that does not block.
pub(crate) fn bind(ip: IpAddr, port: u16) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((ip, port))?;
    socket.set_nonblocking(true)?;
    let options = socket2::SockRef::from(&socket);
    // Where it is not allowed packets are as others.
    let _ = if ip.is_ipv4() { options.set_tos_v4(EXPEDITED) } else { options.set_tclass_v6(EXPEDITED) };
    Ok(socket)
}

/// The local address from which this machine reaches a host.
pub(super) fn towards(host: IpAddr) -> io::Result<IpAddr> {
    let any: IpAddr = if host.is_ipv4() { [0, 0, 0, 0].into() } else { [0u16; 8].into() };
    let socket = UdpSocket::bind((any, 0))?;
    // Any port: nothing is sent.
    socket.connect((host, 9))?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_come_with_their_sources_and_a_short_batch_means_empty() {
        let (port, peer) = (bind([127, 0, 0, 1].into(), 0).unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let address = port.local_addr().unwrap();
        let mut slots = Slots::default();
        assert_eq!(slots.receive(&port).unwrap(), 0);
        for length in [1, PACKET_BYTES_MAX, PACKET_BYTES_MAX + 1, 4, 5] {
            peer.send_to(&vec![7; length], address).unwrap();
        }
        assert_eq!(slots.receive(&port).unwrap(), BATCH);
        let lengths: Vec<Option<usize>> =
            (0..BATCH).map(|i| slots.packet(i).map(|(_, packet)| packet.len())).collect();
        assert_eq!(lengths, [Some(1), Some(PACKET_BYTES_MAX), None, Some(4)]);
        assert_eq!(slots.packet(0).unwrap().0, peer.local_addr().unwrap());
        assert_eq!(slots.receive(&port).unwrap(), 1);
    }

    #[test]
    fn a_datagram_is_sent_from_the_port_also_over_ipv6() {
        for ip in ["127.0.0.1", "::1"] {
            let ip: IpAddr = ip.parse().unwrap();
            let Ok(peer) = UdpSocket::bind((ip, 0)) else { continue };
            let port = bind(towards(ip).unwrap(), 0).unwrap();
            send(&port, peer.local_addr().unwrap(), b"hello").unwrap();
            let mut bytes = [0; 16];
            assert_eq!(peer.recv_from(&mut bytes).unwrap(), (5, port.local_addr().unwrap()));
        }
    }
}
