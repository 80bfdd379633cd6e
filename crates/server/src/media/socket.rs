//! One port: its socket, a few datagrams at a time in, one out. Besides [`crate::net::udp`] the only module that calls the
//! C library for sockets; every unsafe block says what makes it sound.
//!
//! Most of the time one packet waits. `recvmmsg` with a few slots, returning fewer, says that the socket is empty, so that
//! an edge-triggered poll needs no second call; a packet sent by `sendto` costs less than one sent by `sendmmsg`.

use crate::net::udp::{read_address, write_address};
use coeur_media::packet::{HEAD_ROOM, PACKET_BYTES_MAX, Packet, SLOT_BYTES};
use std::io;
use std::mem::{self, MaybeUninit};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
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

#[derive(Clone, Copy)]
struct Received {
    from: SocketAddr,
    length: usize,
    truncated: bool,
}

const NOWHERE: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));

impl Default for Slots {
    fn default() -> Self {
        let nothing = Received { from: NOWHERE, length: 0, truncated: false };
        Self { bytes: Box::new([[0; SLOT_BYTES]; BATCH]), received: [nothing; BATCH] }
    }
}

impl Slots {
    /// Receives up to [`BATCH`] datagrams; fewer when no more wait.
    pub(super) fn receive(&mut self, socket: &impl AsRawFd) -> io::Result<usize> {
        let mut names: [MaybeUninit<libc::sockaddr_storage>; BATCH] =
            [const { MaybeUninit::uninit() }; BATCH];
        // SAFETY: `iovec` and `mmsghdr` are plain C structures for which all zero is a valid value.
        let mut parts: [libc::iovec; BATCH] = unsafe { mem::zeroed() };
        let mut headers: [libc::mmsghdr; BATCH] = unsafe { mem::zeroed() };
        for i in 0..BATCH {
            parts[i].iov_base = self.bytes[i][HEAD_ROOM..].as_mut_ptr().cast();
            parts[i].iov_len = PACKET_BYTES_MAX;
            let header = &mut headers[i].msg_hdr;
            header.msg_name = names[i].as_mut_ptr().cast();
            header.msg_namelen = mem::size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_iov = &mut parts[i];
            header.msg_iovlen = 1;
        }
        // SAFETY: every pointer in `headers` points into `names`, `parts` or `bytes`, which outlive the call and are not
        // otherwise used during it; a slot has HEAD_ROOM + PACKET_BYTES_MAX bytes at least.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        if count < 0 {
            let error = io::Error::last_os_error();
            return match error.raw_os_error() {
                Some(libc::EAGAIN | libc::EINTR) => Ok(0),
                _ => Err(error),
            };
        }
        let count = (count as usize).min(BATCH);
        for i in 0..count {
            let header = &headers[i];
            // SAFETY: the kernel has written `msg_namelen` bytes of address into `names[i]`; the family says which.
            let from = unsafe { read_address(names[i].as_ptr(), header.msg_hdr.msg_namelen) };
            self.received[i] = Received {
                from: from.unwrap_or(NOWHERE),
                length: (header.msg_len as usize).min(PACKET_BYTES_MAX),
                truncated: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
            };
        }
        Ok(count)
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
pub(super) fn bind(ip: IpAddr, port: u16) -> io::Result<UdpSocket> {
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
