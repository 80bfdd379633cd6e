//! One port: its socket, a few datagrams at a time in, one out. Besides [`crate::net::udp`], which receives for it, the only module that calls the
//! C library for sockets; every unsafe block says what makes it sound.
//!
//! Most of the time one packet waits. `recvmmsg` with a few slots, returning fewer, says that the socket is empty, so that
//! an edge-triggered poll needs no second call; a packet sent by `sendto` costs less than one sent by `sendmmsg`.

use crate::net::udp::{self, Received, write_address};
use coeur_media::packet::{HEAD_ROOM, PACKET_BYTES_MAX, Packet, SLOT_BYTES};
use coeur_media::relay::Trouble;
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

/// What the network says about datagrams that left before (ICMP): where each was sent to, and what is the matter. They are
/// asked for after a receive or an event has said that there are some; the kernel counts them as received bytes until then.
pub(super) fn troubles(socket: &impl AsRawFd, mut tell: impl FnMut(SocketAddr, Trouble)) {
    for _ in 0..TROUBLES_MAX {
        let Some((to, error)) = next_trouble(socket) else { return };
        if let Some(to) = to {
            tell(to, trouble_of(error));
        }
    }
}

/// Taken at once; what is left is found with the next.
const TROUBLES_MAX: usize = 64;

/// What an error of sending, or of a datagram that has left, means.
pub(super) fn trouble_of(error: i32) -> Trouble {
    match error {
        libc::ECONNREFUSED => Trouble::Refused,
        libc::EHOSTUNREACH
        | libc::ENETUNREACH
        | libc::EHOSTDOWN
        | libc::ENETDOWN
        | libc::ENONET
        | libc::ENOPROTOOPT
        | libc::EACCES
        | libc::EADDRNOTAVAIL => Trouble::Unreachable,
        libc::EMSGSIZE => Trouble::TooLarge,
        libc::EPERM => Trouble::Forbidden,
        _ => Trouble::Other,
    }
}

/// One message of the error queue: the address that the datagram went to, and its error.
fn next_trouble(socket: &impl AsRawFd) -> Option<(Option<SocketAddr>, i32)> {
    let mut name: MaybeUninit<libc::sockaddr_storage> = MaybeUninit::uninit();
    // Aligned as the headers of control messages are, and large enough for an error with two addresses.
    let mut control = [0u64; 32];
    // SAFETY: a `msghdr` is a plain C structure for which all zero is a valid value.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_name = name.as_mut_ptr().cast();
    header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = size_of_val(&control) as _;
    let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
    // SAFETY: the header points to `name` and `control`, which outlive the call; the lengths are theirs. There is no buffer
    // for the datagram itself, which is cut away.
    if unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags) } < 0 {
        return None;
    }
    // SAFETY: the kernel has written `msg_namelen` bytes of address.
    let to = unsafe { udp::read_address(name.as_ptr(), header.msg_namelen) };
    let mut error = 0;
    // SAFETY: the header is as the kernel left it, so the macros walk what it has written into `control`.
    let mut message = unsafe { libc::CMSG_FIRSTHDR(&raw const header) };
    while !message.is_null() {
        // SAFETY: it is not null, so it points to a whole header of a control message.
        let (level, kind) = unsafe { ((*message).cmsg_level, (*message).cmsg_type) };
        let is_error =
            matches!((level, kind), (libc::SOL_IP, libc::IP_RECVERR) | (libc::SOL_IPV6, libc::IPV6_RECVERR));
        if is_error {
            // SAFETY: a message of this kind holds a `sock_extended_err`, which need not be aligned.
            let extended =
                unsafe { libc::CMSG_DATA(message).cast::<libc::sock_extended_err>().read_unaligned() };
            error = extended.ee_errno as i32;
        }
        // SAFETY: as above.
        message = unsafe { libc::CMSG_NXTHDR(&raw const header, message) };
    }
    Some((to, error))
}

/// Asks for the answers of the network about what is sent (ICMP): for a socket without a peer the system drops them else.
fn ask_for_troubles(socket: &UdpSocket, is_ipv4: bool) {
    let on: libc::c_int = 1;
    let (level, name) =
        if is_ipv4 { (libc::SOL_IP, libc::IP_RECVERR) } else { (libc::SOL_IPV6, libc::IPV6_RECVERR) };
    // SAFETY: the option is an `int`, which outlives the call. Without it only the verdicts are poorer.
    unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        );
    }
}

/// Sends one datagram. A failure of an earlier one that comes up here is asked away once.
pub(super) fn send(socket: &impl AsRawFd, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
    let mut name = MaybeUninit::uninit();
    let length = write_address(to, &mut name);
    let mut failed = io::Error::from(io::ErrorKind::Other);
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
        match error.raw_os_error() {
            Some(libc::EAGAIN | libc::EMSGSIZE | libc::EPERM) => return Err(error),
            // Perhaps of an earlier datagram, to whomever: such an error is told once, and then this one leaves.
            _ => failed = error,
        }
    }
    Err(failed)
}

/// A bound socket that does not block.
pub(crate) fn bind(ip: IpAddr, port: u16) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((ip, port))?;
    socket.set_nonblocking(true)?;
    let options = socket2::SockRef::from(&socket);
    ask_for_troubles(&socket, ip.is_ipv4());
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

    /// A socket without a peer hears of a port where nobody listens only when it asks, and goes on all the same.
    #[test]
    fn a_port_that_nobody_listens_on_is_told_with_its_address_and_the_next_datagram_leaves() {
        let (port, peer) = (bind([127, 0, 0, 1].into(), 0).unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let nobody = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        send(&port, nobody, b"hello").unwrap();
        send(&port, peer.local_addr().unwrap(), b"hello").expect("the error of another is not its own");
        let mut told = Vec::new();
        troubles(&port, |to, trouble| told.push((to, trouble)));
        assert_eq!(told, [(nobody, Trouble::Refused)]);
        troubles(&port, |to, trouble| panic!("{to} {trouble:?} again"));
        let mut bytes = [0; 16];
        assert_eq!(peer.recv_from(&mut bytes).unwrap(), (5, port.local_addr().unwrap()));
    }
}
