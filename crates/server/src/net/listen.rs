//! The places where we listen: one socket per shard for each, and the name under which others reach it.

use crate::config::listen::Scheme;
use crate::config::{Advertise, Listen};
use coeur_exchange::flow::ListenerId;
use coeur_exchange::world::Listener;
use coeur_sip::transport::Transport;
use socket2::{Domain, Protocol, Socket, Type};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Bytes the kernel keeps per UDP socket while the shard is busy; it may give less.
/// Bytes that are asked for, for each direction of a UDP socket.
pub const UDP_BUFFER: usize = 4 << 20;
/// Connections that may wait to be accepted, per shard.
const BACKLOG: i32 = 1_024;
/// Bytes of a TCP segment, in both directions. Some tunnels (VPN) carry 1,280 bytes, drop what is longer and tell nobody (RFC
/// 2923 section 2.1): our certificate would never arrive, nor a browser's ClientHello here. IPv6 carries as much everywhere
/// (RFC 8200 section 5); less the headers of IPv6 and TCP.
const SEGMENT_BYTES_MAX: u32 = 1_220;
/// Ports tried when the asked one is busy and the caller takes the next.
const NEXT_PORTS: u16 = 64;

/// One place, its sockets still in the hands of whoever starts the shards: one per shard.
pub struct Bound {
    pub listener: Listener,
    pub asked: SocketAddr,
    pub sockets: Vec<Socket>,
}

#[derive(Debug)]
pub struct BindError {
    pub listen: Listen,
    pub error: io::Error,
    /// Who holds the port, when it is busy and the system tells.
    pub holder: Option<String>,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.listen.address.port();
        match (self.error.kind(), &self.holder) {
            (io::ErrorKind::AddrInUse, Some(holder)) => {
                write!(f, "{}: port {port} is in use by {holder}", self.listen)
            }
            (io::ErrorKind::AddrInUse, None) => {
                write!(f, "{}: port {port} is in use by another process", self.listen)
            }
            (io::ErrorKind::PermissionDenied, _) => {
                write!(
                    f,
                    "{}: not allowed to listen on port {port} (ports below 1024 need a right)",
                    self.listen
                )
            }
            (io::ErrorKind::AddrNotAvailable, _) => {
                write!(f, "{}: this machine has no address {}", self.listen, self.listen.address.ip())
            }
            _ => write!(f, "{}: {}", self.listen, self.error),
        }
    }
}

impl std::error::Error for BindError {}

/// Opens every place for `shards` shards. With `next_port`, a busy port is replaced by the next free one; the
/// difference of [`Bound::asked`] and the bound address tells.
pub fn bind(
    places: &[Listen],
    shards: usize,
    advertise: &[Advertise],
    next_port: bool,
) -> Result<Vec<Bound>, BindError> {
    let mut bound = Vec::with_capacity(places.len());
    for (i, place) in places.iter().enumerate() {
        let (address, sockets) = bind_place(*place, shards, next_port)?;
        let listener = Listener {
            id: ListenerId(i as u16),
            transport: transport(place.scheme),
            bound: address,
            sent_by: sent_by(place.scheme, address, advertise).into(),
        };
        bound.push(Bound { listener, asked: place.address, sockets });
    }
    Ok(bound)
}

pub fn transport(scheme: Scheme) -> Transport {
    match scheme {
        Scheme::Udp => Transport::Udp,
        Scheme::Tcp => Transport::Tcp,
        Scheme::Tls => Transport::Tls,
        Scheme::Ws => Transport::Ws,
        Scheme::Wss => Transport::Wss,
    }
}

/// Opens one place for `shards` readers; says which address it has got.
pub(crate) fn bind_place(
    place: Listen,
    shards: usize,
    next_port: bool,
) -> Result<(SocketAddr, Vec<Socket>), BindError> {
    let mut listen = place;
    loop {
        match bind_all(listen, shards) {
            Ok(sockets) => return Ok(sockets),
            Err(error) => {
                let busy = error.kind() == io::ErrorKind::AddrInUse;
                let (port, first) = (listen.address.port(), place.address.port());
                if busy && next_port && port - first < NEXT_PORTS && port < u16::MAX {
                    listen.address.set_port(port + 1);
                    continue;
                }
                let holder = if busy { holder(place) } else { None };
                return Err(BindError { listen: place, error, holder });
            }
        }
    }
}

fn bind_all(listen: Listen, shards: usize) -> io::Result<(SocketAddr, Vec<Socket>)> {
    // A port shared by SO_REUSEPORT may be shared with a stranger too, so a socket without it asks first.
    let mut address = listen.address;
    if address.port() != 0 {
        drop(open(listen.scheme, address, false)?);
    }
    let mut sockets = Vec::with_capacity(shards);
    for _ in 0..shards {
        let socket = open(listen.scheme, address, true)?;
        address = socket.local_addr()?.as_socket().unwrap_or(address);
        sockets.push(socket);
    }
    if listen.scheme != Scheme::Udp {
        for socket in &sockets {
            socket.listen(BACKLOG)?;
        }
    }
    Ok((address, sockets))
}

fn open(scheme: Scheme, address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let (kind, protocol) = match scheme {
        Scheme::Udp => (Type::DGRAM, Protocol::UDP),
        Scheme::Tcp | Scheme::Tls | Scheme::Ws | Scheme::Wss => (Type::STREAM, Protocol::TCP),
    };
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        // One family per listener: an IPv4 peer never shows as a mapped IPv6 address.
        socket.set_only_v6(true)?;
    }
    if scheme != Scheme::Udp {
        socket.set_reuse_address(true)?;
        let _ = socket.set_tcp_mss(SEGMENT_BYTES_MAX);
    } else if shared {
        if address.is_ipv4() {
            // What another socket of this host has joined a group for is not for this one.
            let _ = socket.set_multicast_all_v4(false);
        }
        let _ = super::udp::let_be_fragmented(&socket, address.is_ipv6());
        let _ = socket.set_recv_buffer_size(UDP_BUFFER);
        let _ = socket.set_send_buffer_size(UDP_BUFFER);
    }
    if shared {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    if !shared && scheme != Scheme::Udp {
        // A listener elsewhere shows only when we try to listen too.
        socket.listen(1)?;
    }
    Ok(socket)
}

/// `host:port` for Via and Record-Route: what is advertised, else the bound address, else the address by which this
/// machine reaches the world.
fn sent_by(scheme: Scheme, bound: SocketAddr, advertise: &[Advertise]) -> String {
    let chosen = advertise
        .iter()
        .find(|advertise| advertise.scheme == Some(scheme))
        .or_else(|| advertise.iter().find(|advertise| advertise.scheme.is_none()));
    if let Some(advertise) = chosen {
        return format!("{}:{}", advertise.host, advertise.port.unwrap_or(bound.port()));
    }
    let ip = if bound.ip().is_unspecified() { local_address(bound.is_ipv6()) } else { bound.ip() };
    SocketAddr::new(ip, bound.port()).to_string()
}

/// The address this machine would send from, found by the routes without sending anything; loopback without a route.
pub fn local_address(v6: bool) -> IpAddr {
    // Documentation addresses (RFC 5737, RFC 3849): nobody's, and reached by the default route.
    let (any, far, loopback): (IpAddr, IpAddr, IpAddr) = if v6 {
        (
            Ipv6Addr::UNSPECIFIED.into(),
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
            Ipv6Addr::LOCALHOST.into(),
        )
    } else {
        (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into(), Ipv4Addr::LOCALHOST.into())
    };
    let found = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((far, 9))?;
        socket.local_addr()
    });
    found.map_or(loopback, |address| if address.ip().is_unspecified() { loopback } else { address.ip() })
}

/// Name and number of the process that holds the port; of one whose descriptors we may not see, the user. A running Coeur
/// is such a one for everybody but root, since its memory is private.
fn holder(listen: Listen) -> Option<String> {
    let sockets = sockets_on(listen);
    process_with(&sockets)
        .or_else(|| sockets.first().map(|socket| format!("a process of {}", user(socket.user))))
}

/// A socket as the kernel lists it.
struct Listed {
    user: u32,
    inode: String,
}

fn sockets_on(listen: Listen) -> Vec<Listed> {
    let protocol = if listen.scheme == Scheme::Udp { "udp" } else { "tcp" };
    ["", "6"]
        .iter()
        .filter_map(|family| std::fs::read_to_string(format!("/proc/net/{protocol}{family}")).ok())
        .flat_map(|table| listed(&table, listen.address.port(), protocol == "tcp"))
        .collect()
}

/// The sockets on this port, from a table of /proc/net.
fn listed(table: &str, port: u16, listening: bool) -> Vec<Listed> {
    let suffix = format!(":{port:04X}");
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
            let user = fields.get(7)?.parse().ok()?;
            (local.ends_with(&suffix) && (!listening || *state == "0A"))
                .then(|| Listed { user, inode: (*inode).to_owned() })
        })
        .collect()
}

/// As far as /proc shows it to us.
fn process_with(sockets: &[Listed]) -> Option<String> {
    let targets: Vec<String> = sockets.iter().map(|socket| format!("socket:[{}]", socket.inode)).collect();
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    for process in
        processes.filter(|entry| entry.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit()))
    {
        let Ok(files) = std::fs::read_dir(process.path().join("fd")) else { continue };
        let holds = files
            .flatten()
            .filter_map(|file| std::fs::read_link(file.path()).ok())
            .any(|target| targets.iter().any(|wanted| target.as_os_str() == wanted.as_str()));
        if holds {
            let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("{} (process {})", name.trim(), process.file_name().to_string_lossy()));
        }
    }
    None
}

/// `user NAME`, or `user NUMBER` where it has no name on this machine.
fn user(number: u32) -> String {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let wanted = number.to_string();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, found) = (fields.next()?, fields.nth(1)?);
        (found == wanted).then_some(name)
    });
    format!("user {}", name.unwrap_or(&wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(text: &str) -> Listen {
        text.parse().unwrap()
    }

    #[test]
    fn all_shards_share_one_port() {
        for place in ["udp://127.0.0.1:0", "tcp://127.0.0.1:0"] {
            let bound = bind(&[listen(place)], 3, &[], false).unwrap();
            let address = bound[0].listener.bound;
            assert_ne!(address.port(), 0);
            for socket in &bound[0].sockets {
                assert_eq!(socket.local_addr().unwrap().as_socket(), Some(address));
            }
            assert_eq!(&*bound[0].listener.sent_by, address.to_string());
        }
    }

    #[test]
    fn a_busy_port_is_named_with_its_process_or_replaced() {
        for scheme in ["udp", "tcp"] {
            let first = bind(&[listen(&format!("{scheme}://127.0.0.1:0"))], 2, &[], false).unwrap();
            let place = listen(&format!("{scheme}://{}", first[0].listener.bound));
            let error = bind(&[place], 2, &[], false).err().unwrap();
            let text = error.to_string();
            assert!(text.contains(&place.address.port().to_string()), "{text}");
            assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
            // SAFETY: the call only gives a number.
            let own = unsafe { libc::geteuid() };
            assert!(
                sockets_on(place).iter().all(|socket| socket.user == own) && !sockets_on(place).is_empty()
            );
            let other = bind(&[place], 2, &[], true).unwrap();
            assert_ne!(other[0].listener.bound, place.address);
            assert_eq!(other[0].asked, place.address);
        }
    }

    #[test]
    fn a_user_is_named_as_the_machine_names_him() {
        assert_eq!(user(0), "user root");
        assert_eq!(user(4_123_456_789), "user 4123456789");
    }

    #[test]
    fn a_wildcard_is_named_by_an_address_or_by_what_is_advertised() {
        let bound = bind(&[listen("udp://0.0.0.0:0")], 1, &[], false).unwrap();
        let named: SocketAddr = bound[0].listener.sent_by.parse().unwrap();
        assert!(!named.ip().is_unspecified());
        let advertise: Vec<Advertise> =
            vec!["sip.example.org".parse().unwrap(), "tls://b.example:443".parse().unwrap()];
        assert_eq!(sent_by(Scheme::Udp, "0.0.0.0:5070".parse().unwrap(), &advertise), "sip.example.org:5070");
        assert_eq!(sent_by(Scheme::Tls, "0.0.0.0:5061".parse().unwrap(), &advertise), "b.example:443");
    }
}
