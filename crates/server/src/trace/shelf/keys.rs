//! By what a conversation is found: short hashes of names and addresses. What they find is looked at again before it is shown,
//! so two names with one hash cost a look and no mistake.

use crate::trace::lines::lines;
use crate::trace::ring::Head;
use crate::trace::sight;
use memchr::memchr;
use std::hash::BuildHasher;
use std::net::{IpAddr, SocketAddr};

/// What of a message says which conversation it is of, and whose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Glance<'m> {
    pub call_id: &'m [u8],
    from: &'m [u8],
    to: &'m [u8],
    session: &'m [u8],
    /// Which of them were seen: the first of each name counts.
    seen: u8,
}

impl<'m> Glance<'m> {
    /// One walk over the head, as [`sight::header`] sees it.
    pub fn of(message: &'m [u8]) -> Self {
        let mut glance = Self::default();
        for line in lines(message).skip(1).take_while(|line| !line.text.is_empty()) {
            if let Some(colon) = memchr(b':', line.text) {
                glance.see(line.text, colon);
            }
        }
        glance
    }

    /// One line of the head behind the first, with the place of its first colon.
    pub fn see(&mut self, line: &'m [u8], colon: usize) {
        let name = line[..colon].trim_ascii_end();
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        // A length says quickly what a name is not.
        let (bit, place) = match name.len() {
            7 if is("Call-ID") => (1, &mut self.call_id),
            1 if is("i") => (1, &mut self.call_id),
            4 if is("From") => (2, &mut self.from),
            1 if is("f") => (2, &mut self.from),
            2 if is("To") => (4, &mut self.to),
            1 if is("t") => (4, &mut self.to),
            10 if is("Session-ID") => (8, &mut self.session),
            _ => return,
        };
        if self.seen & bit == 0 {
            *place = line[colon + 1..].trim_ascii();
            self.seen |= bit;
        }
    }

    /// The same for messages with the same keys.
    pub fn sum(&self, head: Head<'_>, hasher: &impl BuildHasher) -> u64 {
        let session = if head.is_sent() { self.session } else { b"" };
        hasher.hash_one((self.from, self.to, session, head.remote()))
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
