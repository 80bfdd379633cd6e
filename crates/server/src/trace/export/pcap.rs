//! A capture file as tcpdump and Wireshark read it: a datagram for each message, also of TCP and TLS. They know SIP in UDP on
//! any port, and no stream has to be put together nor decrypted again. The headers of IP and UDP are made up.

use super::ways;
use crate::trace::redact::{self, Bodies};
use crate::trace::ring::Entry;
use crate::trace::search::{Conversation, micros};
use std::net::{IpAddr, SocketAddr};

const MAGIC: u32 = 0xa1b2_c3d4;
/// Packets begin with the header of IP (LINKTYPE_RAW).
const LINK_RAW: u32 = 101;
const UDP: u8 = 17;
const UDP_HEAD: usize = 8;
/// Longer messages are cut: the length of a datagram has 16 bits.
const MESSAGE_BYTES_MAX: usize = 65_535 - UDP_HEAD - 20;

pub fn pcap(conversations: &[Conversation], listeners: &[SocketAddr]) -> Vec<u8> {
    let mut out = MAGIC.to_le_bytes().to_vec();
    // Version 2.4, zone and accuracy as nobody has ever set them, and the longest packet.
    out.extend([2, 0, 4, 0]);
    out.extend([0; 8]);
    out.extend(u32::from(u16::MAX).to_le_bytes());
    out.extend(LINK_RAW.to_le_bytes());
    let mut entries: Vec<&Entry> =
        conversations.iter().flat_map(|conversation| &conversation.entries).collect();
    entries.sort_by_key(|entry| entry.at);
    for entry in entries {
        let safe = redact::message(&entry.bytes, Bodies::Hidden);
        let packet = packet(ways(entry, listeners), &safe[..safe.len().min(MESSAGE_BYTES_MAX)]);
        let at_us = micros(entry.at);
        let row = [at_us / 1_000_000, at_us % 1_000_000, packet.len() as u64, packet.len() as u64];
        row.iter().for_each(|number| out.extend((*number as u32).to_le_bytes()));
        out.extend(packet);
    }
    out
}

fn packet((from, to): (SocketAddr, SocketAddr), message: &[u8]) -> Vec<u8> {
    let length = (UDP_HEAD + message.len()) as u16;
    let mut datagram = Vec::with_capacity(usize::from(length));
    datagram.extend(from.port().to_be_bytes());
    datagram.extend(to.port().to_be_bytes());
    datagram.extend(length.to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend_from_slice(message);
    // RFC 768 and RFC 8200 section 8.1: with the addresses before it, and never zero.
    let pseudo = [octets(from.ip()), octets(to.ip()), vec![0, UDP], length.to_be_bytes().to_vec()].concat();
    let sum = match checksum(&[&pseudo[..], &datagram[..]].concat()) {
        0 => u16::MAX,
        sum => sum,
    };
    datagram[6..8].copy_from_slice(&sum.to_be_bytes());
    let mut packet = match from.ip() {
        IpAddr::V4(_) => head_v4(length, from.ip(), to.ip()),
        IpAddr::V6(_) => {
            let head = vec![0x60, 0, 0, 0, (length >> 8) as u8, length as u8, UDP, 64];
            [head, octets(from.ip()), octets(to.ip())].concat()
        }
    };
    packet.extend(datagram);
    packet
}

/// RFC 791 section 3.1.
fn head_v4(length: u16, from: IpAddr, to: IpAddr) -> Vec<u8> {
    let total = (length + 20).to_be_bytes();
    let head = vec![0x45, 0, total[0], total[1], 0, 0, 0, 0, 64, UDP, 0, 0];
    let mut head = [head, octets(from), octets(to)].concat();
    let sum = checksum(&head).to_be_bytes();
    head[10..12].copy_from_slice(&sum);
    head
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let mut sum: u32 = words.fold(0, |sum, word| sum.wrapping_add(word));
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::ladder::tests::entry;

    /// What a reader of such files would find: time, both ends and message of each packet, with sums that are right.
    fn read(file: &[u8]) -> Vec<(u64, SocketAddr, SocketAddr, Vec<u8>)> {
        let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        assert_eq!((word(0), word(4), word(20)), (MAGIC, 0x0004_0002, LINK_RAW));
        let (mut at, mut packets) = (24, Vec::new());
        while at < file.len() {
            let (time, length) =
                (u64::from(word(at)) * 1_000_000 + u64::from(word(at + 4)), word(at + 8) as usize);
            assert_eq!(length, word(at + 12) as usize);
            let packet = &file[at + 16..at + 16 + length];
            at += 16 + length;
            let ip = |bytes: &[u8]| match <[u8; 4]>::try_from(bytes) {
                Ok(four) => IpAddr::from(four),
                Err(_) => IpAddr::from(<[u8; 16]>::try_from(bytes).unwrap()),
            };
            let (from, to, datagram) = match packet[0] >> 4 {
                4 => {
                    assert_eq!((checksum(&packet[..20]), packet[9]), (0, UDP));
                    assert_eq!(usize::from(u16::from_be_bytes([packet[2], packet[3]])), length);
                    (&packet[12..16], &packet[16..20], &packet[20..])
                }
                _ => (&packet[8..24], &packet[24..40], &packet[40..]),
            };
            let pseudo = [from, to, &[0, UDP], &datagram[4..6], datagram].concat();
            assert_eq!(checksum(&pseudo), 0);
            let port = |at: usize| u16::from_be_bytes([datagram[at], datagram[at + 1]]);
            packets.push((
                time,
                (ip(from), port(0)).into(),
                (ip(to), port(2)).into(),
                datagram[8..].to_vec(),
            ));
        }
        packets
    }

    #[test]
    fn a_capture_has_a_datagram_for_each_message_with_right_sums_and_no_secret() {
        let secret = "INVITE sip:b@d SIP/2.0\r\nAuthorization: Basic s3cr3t\r\n\r\n";
        let entries = vec![
            entry(0, true, "192.0.2.1:5060", secret),
            entry(1, false, "[2001:db8::1]:5070", "SIP/2.0 200 OK\r\n\r\nx"),
            entry(2, false, "192.0.2.1:5060", &"x".repeat(70_000)),
        ];
        let us: SocketAddr = "192.0.2.9:5060".parse().unwrap();
        let conversation = Conversation { call_id: "c".into(), names: vec![b"c".to_vec()], entries };
        let packets = read(&pcap(&[conversation], &[us]));
        assert_eq!(packets.len(), 3);
        assert_eq!(
            (packets[0].0, packets[0].1, packets[0].2),
            (1_795_493_841_000_000, "192.0.2.1:5060".parse().unwrap(), us)
        );
        assert_eq!(packets[0].3, b"INVITE sip:b@d SIP/2.0\r\nAuthorization: ***\r\n\r\n");
        assert_eq!(packets[1].1, "[::]:5060".parse().unwrap());
        assert_eq!(packets[1].2, "[2001:db8::1]:5070".parse().unwrap());
        assert_eq!(packets[2].3.len(), MESSAGE_BYTES_MAX);
    }
}
