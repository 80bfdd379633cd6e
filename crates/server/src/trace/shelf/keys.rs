//! By what a conversation is found: short hashes of names and addresses. What they find is looked at again before it is shown,
//! so two names with one hash cost a look and no mistake.

use crate::trace::lines::lines;
use crate::trace::ring::Head;
use crate::trace::sight;
use std::net::{IpAddr, SocketAddr};

/// What of a message says which conversation it is of, and whose.
#[derive(Clone, Copy, Debug, Default)]
pub struct Glance<'m> {
    pub call_id: &'m [u8],
    from: &'m [u8],
    to: &'m [u8],
    session: &'m [u8],
}

impl<'m> Glance<'m> {
    /// One walk over the head, as [`sight::header`] sees it: the first of each name counts.
    pub fn of(message: &'m [u8]) -> Self {
        let mut seen = Self::default();
        let mut missing = 0b1111u8;
        for line in lines(message).skip(1) {
            let Some(first) = line.text.first() else { break };
            let (bit, names): (u8, &[&[u8]]) = match first | 0x20 {
                b'c' => (1, &[b"Call-ID"]),
                b'i' => (1, &[b"i"]),
                b'f' => (2, &[b"From", b"f"]),
                b't' => (4, &[b"To", b"t"]),
                b's' => (8, &[b"Session-ID"]),
                _ => continue,
            };
            let Some(value) = names.iter().find_map(|name| value(line.text, name)) else { continue };
            if missing & bit == 0 {
                continue;
            }
            missing &= !bit;
            match bit {
                1 => seen.call_id = value,
                2 => seen.from = value,
                4 => seen.to = value,
                _ => seen.session = value,
            }
            if missing == 0 {
                break;
            }
        }
        seen
    }

    /// The same for messages with the same keys.
    pub fn sum(&self, head: Head<'_>) -> u32 {
        let (address, port) = head.remote();
        let sum = crc32c::crc32c_append(crc32c::crc32c(self.from), self.to);
        let sum = crc32c::crc32c_append(crc32c::crc32c_append(sum, &address), &port);
        if head.is_sent() { crc32c::crc32c_append(sum, self.session) } else { sum }
    }

    pub fn keys(&self, head: Head<'_>, mut each: impl FnMut(u32)) {
        for value in [self.from, self.to] {
            if let Some(address) = sight::address(value) {
                each(of_text(&address));
                if let Some(at) = address.iter().rposition(|byte| *byte == b'@') {
                    each(of_text(&address[..at]));
                }
            }
        }
        let (address, port) = head.remote();
        each(crc32c::crc32c(&address));
        each(crc32c::crc32c_append(crc32c::crc32c(&address), &port));
        // Nobody else says which calls are one.
        if head.is_sent() {
            for uuid in uuids(self.session) {
                each(of_text(uuid));
            }
        }
    }
}

fn value<'l>(line: &'l [u8], name: &[u8]) -> Option<&'l [u8]> {
    let rest = line.get(name.len()..).filter(|_| line[..name.len()].eq_ignore_ascii_case(name))?;
    Some(rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii())
}

/// Of a Session-ID (RFC 7989): its own and the other side's.
pub fn uuids(session: &[u8]) -> impl Iterator<Item = &[u8]> {
    let parts = session.split(|byte| *byte == b';');
    let digits = parts.map(|part| part.strip_prefix(b"remote=").unwrap_or(part).trim_ascii());
    digits.filter(|uuid| uuid.len() == 32 && uuid.iter().any(|digit| *digit != b'0'))
}

pub fn of_text(text: &[u8]) -> u32 {
    crc32c::crc32c(&text.to_ascii_lowercase())
}

/// What somebody looks for.
#[derive(Clone, Debug)]
pub struct What {
    pub keys: Vec<u32>,
    /// The beginning of a Call-ID, as long as one must be to count.
    pub call_id: Option<Vec<u8>>,
}

impl What {
    pub fn of(text: &str) -> Self {
        let plain = text.strip_prefix("sip:").unwrap_or(text);
        let mut keys = vec![of_text(plain.as_bytes())];
        if let Ok(ip) = text.parse::<IpAddr>() {
            keys.push(crc32c::crc32c(&octets(ip)));
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            let sum = crc32c::crc32c(&octets(address.ip()));
            keys.push(crc32c::crc32c_append(sum, &address.port().to_le_bytes()));
        }
        Self { keys, call_id: (text.len() >= 4).then(|| text.as_bytes().to_vec()) }
    }
}

fn octets(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}
