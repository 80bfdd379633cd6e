//! Messages for a collector of traces, such as Homer: one datagram of HEP version 3 for each, secrets hidden.
//!
//! `HEP3 | length u16 | chunks`, a chunk being `vendor u16 | type u16 | length u16 | value`, all big-endian.

use super::export::ways;
use super::redact::{self, Bodies};
use super::ring::{Cursor, Entry, Tap, read, records};
use super::search::micros;
use super::sight;
use coeur_sip::transport::Transport;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Longer messages are cut, so that all chunks fit into one datagram.
const MESSAGE_BYTES_MAX: usize = 64_000;
const SIP: u8 = 1;

/// Where it goes, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collector {
    pub address: SocketAddr,
    /// By which the collector tells its agents apart.
    pub id: u32,
    pub password: Option<Password>,
}

/// It leaves in clear in every datagram, as HEP has it; nothing of ours shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub Box<str>);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

pub struct Hep {
    collector: Collector,
    socket: UdpSocket,
    listeners: Vec<SocketAddr>,
    cursors: Vec<Cursor>,
    slice: Vec<u8>,
    pub done: Done,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    pub sent: u64,
    /// Refused by the socket, or forgotten by a ring before.
    pub lost: u64,
}

impl Hep {
    /// `listeners`: our addresses, by their numbers.
    pub fn new(collector: Collector, listeners: Vec<SocketAddr>, rings: usize) -> io::Result<Self> {
        let any = match collector.address.ip() {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let socket = UdpSocket::bind((any, 0))?;
        socket.set_nonblocking(true)?;
        let cursors = vec![Cursor::default(); rings];
        Ok(Self { collector, socket, listeners, cursors, slice: Vec::new(), done: Done::default() })
    }

    /// Sends what is new in the rings. What the socket does not take at once is lost and counted: nothing is waited for.
    pub fn turn(&mut self, tap: &Tap) {
        let mut slice = std::mem::take(&mut self.slice);
        for ring in 0..self.cursors.len() {
            loop {
                self.done.lost += tap.copy_new(ring, &mut self.cursors[ring], &mut slice);
                if slice.is_empty() {
                    break;
                }
                for entry in records(&slice).filter_map(read) {
                    let datagram = datagram(&entry, &self.listeners, &self.collector);
                    match self.socket.send_to(&datagram, self.collector.address) {
                        Ok(_) => self.done.sent += 1,
                        Err(_) => self.done.lost += 1,
                    }
                }
            }
        }
        self.slice = slice;
    }
}

fn datagram(entry: &Entry, listeners: &[SocketAddr], collector: &Collector) -> Vec<u8> {
    let (from, to) = ways(entry, listeners);
    let at_us = micros(entry.at);
    let mut out = b"HEP3\0\0".to_vec();
    let protocol = match entry.flow.transport {
        Transport::Udp => 17,
        Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => 6,
        // Never of a flow of ours.
        Transport::Sctp | Transport::TlsSctp | Transport::Other => 132,
    };
    match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            chunk(&mut out, 1, &[2]);
            chunk(&mut out, 3, &from.octets());
            chunk(&mut out, 4, &to.octets());
        }
        (from, to) => {
            chunk(&mut out, 1, &[10]);
            chunk(&mut out, 5, &octets(from));
            chunk(&mut out, 6, &octets(to));
        }
    }
    chunk(&mut out, 2, &[protocol]);
    chunk(&mut out, 7, &from.port().to_be_bytes());
    chunk(&mut out, 8, &to.port().to_be_bytes());
    chunk(&mut out, 9, &((at_us / 1_000_000) as u32).to_be_bytes());
    chunk(&mut out, 10, &((at_us % 1_000_000) as u32).to_be_bytes());
    chunk(&mut out, 11, &[SIP]);
    chunk(&mut out, 12, &collector.id.to_be_bytes());
    if let Some(password) = &collector.password {
        chunk(&mut out, 14, password.0.as_bytes());
    }
    let safe = redact::message(&entry.bytes, Bodies::Hidden);
    if let Some(call_id) = sight::call_id(&safe) {
        chunk(&mut out, 17, &call_id[..call_id.len().min(255)]);
    }
    chunk(&mut out, 15, &safe[..safe.len().min(MESSAGE_BYTES_MAX)]);
    let length = (out.len() as u16).to_be_bytes();
    out[4..6].copy_from_slice(&length);
    out
}

fn octets(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

fn chunk(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    out.extend([0, 0]);
    out.extend(kind.to_be_bytes());
    out.extend((6 + value.len() as u16).to_be_bytes());
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::ladder::tests::entry;
    use coeur_exchange::flow::ShardId;
    use std::collections::BTreeMap;
    use std::time::Duration;

    fn chunks(datagram: &[u8]) -> BTreeMap<u16, Vec<u8>> {
        assert_eq!(&datagram[..4], b"HEP3");
        let two = |at: usize| u16::from_be_bytes([datagram[at], datagram[at + 1]]);
        assert_eq!(usize::from(two(4)), datagram.len());
        let (mut at, mut chunks) = (6, BTreeMap::new());
        while at < datagram.len() {
            assert_eq!(two(at), 0, "vendor");
            let end = at + usize::from(two(at + 4));
            chunks.insert(two(at + 2), datagram[at + 6..end].to_vec());
            at = end;
        }
        chunks
    }

    #[test]
    fn a_collector_is_told_of_every_message_once_and_of_no_secret() {
        let there = UdpSocket::bind("127.0.0.1:0").unwrap();
        there.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let address = there.local_addr().unwrap();
        let tap = Tap::new(1, 1 << 20);
        let collector = Collector { address, id: 77, password: Some(Password("p".into())) };
        let mut hep = Hep::new(collector, vec!["192.0.2.9:5060".parse().unwrap()], 1).unwrap();
        let secret = "INVITE sip:b@d SIP/2.0\r\nCall-ID: c1\r\nAuthorization: Basic s3cr3t\r\n\r\n";
        for entry in [
            entry(0, true, "192.0.2.1:5070", secret),
            entry(1, false, "[2001:db8::1]:9", &"x".repeat(65_000)),
        ] {
            tap.record(ShardId(0), entry.at, entry.direction, &entry.flow, &entry.bytes);
        }
        hep.turn(&tap);
        hep.turn(&tap);
        assert_eq!(hep.done, Done { sent: 2, lost: 0 });
        let mut bytes = vec![0; 70_000];
        let length = there.recv(&mut bytes).unwrap();
        let first = chunks(&bytes[..length]);
        assert_eq!((&first[&1][..], &first[&2][..], &first[&11][..]), (&[2][..], &[17][..], &[1][..]));
        assert_eq!((&first[&3][..], &first[&4][..]), (&[192, 0, 2, 1][..], &[192, 0, 2, 9][..]));
        assert_eq!(
            (&first[&7][..], &first[&8][..]),
            (&5070u16.to_be_bytes()[..], &5060u16.to_be_bytes()[..])
        );
        assert_eq!((&first[&9][..], &first[&10][..]), (&1_795_493_841u32.to_be_bytes()[..], &[0; 4][..]));
        assert_eq!(
            (&first[&12][..], &first[&14][..], &first[&17][..]),
            (&77u32.to_be_bytes()[..], &b"p"[..], &b"c1"[..])
        );
        assert_eq!(first[&15], b"INVITE sip:b@d SIP/2.0\r\nCall-ID: c1\r\nAuthorization: ***\r\n\r\n");
        let length = there.recv(&mut bytes).unwrap();
        let second = chunks(&bytes[..length]);
        assert_eq!(
            (&second[&1][..], second[&5].len(), second[&6][0], second[&15].len()),
            (&[10][..], 16, 0x20, 64_000)
        );
    }
}
