//! One port: its socket, watched by the poll of its worker, one datagram in, one out. Besides [`crate::net::udp`], the only
//! module that calls the C library for sockets; every unsafe block says what makes it sound.
//!
//! Most of the time one packet waits. So a port is watched by level and read once for each event: what is left is told again,
//! and no call is spent on finding a socket empty. Receive and send of one packet by `recvfrom` and `sendto` take a seventh less
//! time than by an edge-triggered poll with `recvmmsg`, and less than by `sendmmsg`.

use crate::net::udp::{self, write_address};
use coeur_media::packet::{HEAD_ROOM, PACKET_BYTES_MAX, Packet, SLOT_BYTES};
use coeur_media::relay::Trouble;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

/// RFC 4594 section 4.1: telephony is expedited (DSCP 46); networks that do not know it leave it.
const EXPEDITED: u32 = 46 << 2;

/// The slot of a worker, in which each packet stands while it is relayed: 2 kB.
pub(super) struct Slot {
    bytes: Box<[u8; SLOT_BYTES]>,
}

impl Default for Slot {
    fn default() -> Self {
        Self { bytes: Box::new([0; SLOT_BYTES]) }
    }
}

/// What one receive gave.
pub(super) enum Received<'s> {
    Packet(SocketAddr, Packet<'s>),
    /// Longer than the slot, or of nobody.
    Unusable,
    Nothing,
}

impl Slot {
    /// Receives one datagram. An error is word of one that was sent before.
    pub(super) fn receive(&mut self, socket: &impl AsRawFd) -> io::Result<Received<'_>> {
        let room = &mut self.bytes[HEAD_ROOM..HEAD_ROOM + PACKET_BYTES_MAX];
        let mut name: MaybeUninit<libc::sockaddr_storage> = MaybeUninit::uninit();
        let mut name_bytes = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
        // SAFETY: the buffer, the name and its length are ours alone and outlive the call; the lengths are theirs.
        let received = unsafe {
            libc::recvfrom(
                socket.as_raw_fd(),
                room.as_mut_ptr().cast(),
                room.len(),
                // With its real length, though it be cut.
                libc::MSG_DONTWAIT | libc::MSG_TRUNC,
                name.as_mut_ptr().cast(),
                &raw mut name_bytes,
            )
        };
        let Ok(length) = usize::try_from(received) else {
            let error = io::Error::last_os_error();
            return match error.raw_os_error() {
                Some(libc::EAGAIN | libc::EINTR) => Ok(Received::Nothing),
                _ => Err(error),
            };
        };
        // SAFETY: the kernel has written `name_bytes` bytes of address.
        let from = unsafe { udp::read_address(name.as_ptr(), name_bytes) };
        Ok(match from.filter(|from| from.port() != 0 && length <= PACKET_BYTES_MAX) {
            Some(from) => Received::Packet(from, Packet::received(&mut self.bytes[..], length)),
            None => Received::Unusable,
        })
    }
}

/// Has the poll tell of a port, under a number, for as long as a packet waits or the network has answered. It ends with the
/// socket.
pub(super) fn watch(poll: &impl AsRawFd, socket: &impl AsRawFd, number: usize) -> io::Result<()> {
    // What `mio` makes of an event is its number; it would watch edges.
    let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: number as u64 };
    // SAFETY: the event outlives the call, which only reads it; both are descriptors that are open.
    let added =
        unsafe { libc::epoll_ctl(poll.as_raw_fd(), libc::EPOLL_CTL_ADD, socket.as_raw_fd(), &raw mut event) };
    if added == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
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

/// The same as [`bind`], and told of the answers of the network. Whoever has it must take them ([`troubles`]): until then
/// they take the room of packets.
pub(super) fn bind_told(ip: IpAddr, port: u16) -> io::Result<UdpSocket> {
    let socket = bind(ip, port)?;
    ask_for_troubles(&socket, ip.is_ipv4());
    Ok(socket)
}

/// A bound socket that does not block.
pub(crate) fn bind(ip: IpAddr, port: u16) -> io::Result<UdpSocket> {
    let address = SocketAddr::new(ip, port);
    // It does not block from its first moment: four ports are opened for a call, and this is one call to the system less.
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    socket.bind(&address.into())?;
    // Where it is not allowed packets are as others.
    let _ = if ip.is_ipv4() { socket.set_tos_v4(EXPEDITED) } else { socket.set_tclass_v6(EXPEDITED) };
    Ok(socket.into())
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
    fn datagrams_come_one_by_one_with_their_sources_and_those_that_are_too_long_are_told() {
        let (port, peer) = (bind([127, 0, 0, 1].into(), 0).unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let address = port.local_addr().unwrap();
        let mut slot = Slot::default();
        assert!(matches!(slot.receive(&port).unwrap(), Received::Nothing));
        for length in [1, PACKET_BYTES_MAX, PACKET_BYTES_MAX + 1, 4] {
            peer.send_to(&vec![7; length], address).unwrap();
        }
        let mut next = || match slot.receive(&port).unwrap() {
            Received::Packet(from, packet) => Some((from, packet.len())),
            Received::Unusable | Received::Nothing => None,
        };
        let from = peer.local_addr().unwrap();
        assert_eq!(next(), Some((from, 1)));
        assert_eq!(next(), Some((from, PACKET_BYTES_MAX)));
        assert_eq!(next(), None, "too long");
        assert_eq!(next(), Some((from, 4)));
        assert_eq!(next(), None, "nothing");
    }

    #[test]
    fn a_port_does_not_block_over_ipv4_nor_ipv6() {
        for ip in ["127.0.0.1", "::1"] {
            let Ok(port) = bind(ip.parse().unwrap(), 0) else { continue };
            assert!(socket2::SockRef::from(&port).nonblocking().unwrap(), "{ip}");
        }
    }

    /// What TURN lends is such a port: nobody there asks for what the network answers.
    #[test]
    fn a_port_that_is_not_told_of_refusals_has_room_for_packets_after_any_number_of_them() {
        let (port, peer) = (bind([127, 0, 0, 1].into(), 0).unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let nobody = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let failed = (0..2_000).filter(|_| port.send_to(b"hello", nobody).is_err()).count();
        for _ in 0..50 {
            peer.send_to(b"hello", port.local_addr().unwrap()).unwrap();
        }
        let mut slot = Slot::default();
        let received = (0..51).filter(|_| matches!(slot.receive(&port), Ok(Received::Packet(..)))).count();
        assert_eq!((failed, received), (0, 50), "an error of another is not its own");
    }

    /// A poll by level would turn without end.
    #[test]
    fn a_port_is_told_of_until_its_answers_are_taken_and_no_longer() {
        let port = bind_told([127, 0, 0, 1].into(), 0).unwrap();
        let nobody = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut poll = mio::Poll::new().unwrap();
        watch(poll.registry(), &port, 7).unwrap();
        for _ in 0..TROUBLES_MAX + 1 {
            send(&port, nobody, b"hello").unwrap();
        }
        let (mut slot, mut events) = (Slot::default(), mio::Events::with_capacity(8));
        let mut told = |poll: &mut mio::Poll| {
            poll.poll(&mut events, Some(std::time::Duration::ZERO)).unwrap();
            events.iter().map(|event| event.is_error()).collect::<Vec<_>>()
        };
        let mut taken = 0;
        for count in [TROUBLES_MAX, 1] {
            assert_eq!(told(&mut poll), [true]);
            taken += count;
            let mut left = count;
            troubles(&port, |_, _| left -= 1);
            assert_eq!(left, 0, "{taken}");
            assert!(!matches!(slot.receive(&port), Ok(Received::Packet(..))));
        }
        assert_eq!(told(&mut poll), [false; 0]);
    }

    /// Whoever reads one packet for an event must be told of the next.
    #[test]
    fn a_port_with_packets_left_is_told_again_and_an_empty_one_is_not() {
        let (port, peer) = (bind([127, 0, 0, 1].into(), 0).unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let mut poll = mio::Poll::new().unwrap();
        watch(poll.registry(), &port, 7).unwrap();
        for _ in 0..2 {
            peer.send_to(b"hello", port.local_addr().unwrap()).unwrap();
        }
        let (mut slot, mut events) = (Slot::default(), mio::Events::with_capacity(8));
        let mut told = |poll: &mut mio::Poll| {
            poll.poll(&mut events, Some(std::time::Duration::ZERO)).unwrap();
            events.iter().map(|event| event.token().0).collect::<Vec<_>>()
        };
        for _ in 0..2 {
            assert_eq!(told(&mut poll), [7]);
            assert!(matches!(slot.receive(&port).unwrap(), Received::Packet(..)));
        }
        assert_eq!(told(&mut poll), [0; 0]);
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
        let (port, peer) =
            (bind_told([127, 0, 0, 1].into(), 0).unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
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
