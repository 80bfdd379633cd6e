//! Hosts: a name, an IPv4 address, an IPv6 reference.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `host` (RFC 3261 section 25.1). Names compare in any case, addresses as addresses, so that the textual forms
/// of one IPv6 address are equal (RFC 5954 section 4.2).
#[derive(Clone, Copy, Debug)]
pub enum Host<'a> {
    Name(&'a str),
    V4(Ipv4Addr),
    V6(Ipv6Addr),
}

impl<'a> Host<'a> {
    /// Reads a host; IPv6 only in brackets. Underscores in names are taken, since real networks have them.
    pub fn parse(bytes: &'a [u8]) -> Option<Host<'a>> {
        if let [b'[', inner @ .., b']'] = bytes {
            return reference(inner).map(Host::V6);
        }
        let (&first, &last) = (bytes.first()?, bytes.last()?);
        if first.is_ascii_digit()
            && let Some(address) = dotted_quad(bytes)
        {
            return Some(Host::V4(address));
        }
        // 255 is the longest name DNS can hold (RFC 1035 section 2.3.4).
        if bytes.len() > 255 || !(first.is_ascii_alphanumeric() || first == b'_') || last == b'-' {
            return None;
        }
        let (mut label, mut numeric) = (0, true);
        for (at, &byte) in bytes.iter().enumerate() {
            if byte == b'.' {
                if label == 0 {
                    return None;
                }
                label = 0;
                // After a final dot no label follows: the one before it counts.
                numeric |= at + 1 < bytes.len();
            } else if NAME[byte as usize] {
                label += 1;
                numeric &= byte.is_ascii_digit();
            } else {
                return None;
            }
        }
        // The last label of a name is never all digits (`toplabel`), so this would be a broken address.
        if numeric {
            return None;
        }
        std::str::from_utf8(bytes).ok().map(Host::Name)
    }

    /// Reads the address of a `received` parameter: IPv6 with or without brackets (RFC 5118 section 4.5).
    pub fn parse_received(bytes: &[u8]) -> Option<IpAddr> {
        let inner = match bytes {
            [b'[', inner @ .., b']'] => inner,
            other => other,
        };
        std::str::from_utf8(inner).ok()?.parse().ok()
    }

    /// The address, when the host is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Host::Name(_) => None,
            Host::V4(address) => Some(IpAddr::V4(*address)),
            Host::V6(address) => Some(IpAddr::V6(*address)),
        }
    }

    /// Appends the host as it is written in a URI or a Via, names in lower case.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Host::Name(name) => out.extend(name.bytes().map(|byte| byte.to_ascii_lowercase())),
            Host::V4(address) => write_ip(IpAddr::V4(*address), out),
            Host::V6(address) => {
                out.push(b'[');
                write_ip(IpAddr::V6(*address), out);
                out.push(b']');
            }
        }
    }
}

impl PartialEq for Host<'_> {
    fn eq(&self, other: &Host<'_>) -> bool {
        match (self, other) {
            (Host::Name(a), Host::Name(b)) => a.eq_ignore_ascii_case(b),
            (Host::V4(a), Host::V4(b)) => a == b,
            (Host::V6(a), Host::V6(b)) => a == b,
            (Host::Name(_) | Host::V4(_) | Host::V6(_), _) => false,
        }
    }
}

impl Eq for Host<'_> {}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::V4(address) => write!(f, "{address}"),
            Host::V6(address) => write!(f, "[{address}]"),
        }
    }
}

static NAME: [bool; 256] = crate::lex::class(b"-_");

/// Four numbers from 0 to 255 of one to three digits, without leading zeros, which some read as octal.
fn dotted_quad(bytes: &[u8]) -> Option<Ipv4Addr> {
    if bytes.len() > 15 {
        return None;
    }
    let mut octets = [0; 4];
    let mut parts = bytes.split(|&byte| byte == b'.');
    for octet in &mut octets {
        let digits = parts.next()?;
        if digits.len() > 3 || (digits.len() > 1 && digits[0] == b'0') {
            return None;
        }
        *octet = u8::try_from(crate::lex::number_u32(digits)?).ok()?;
    }
    parts.next().is_none().then(|| Ipv4Addr::from(octets))
}

/// The inside of an IPv6 reference. RFC 3261's grammar lets three colons precede an embedded IPv4 address and
/// RFC 5118 section 4.10 wants that tolerated: there, and only there, `:::` is read as `::`.
fn reference(inner: &[u8]) -> Option<Ipv6Addr> {
    let text = std::str::from_utf8(inner).ok()?;
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let (head, v4) = text.split_once(":::")?;
    let v4: Ipv4Addr = v4.parse().ok()?;
    // The longest head that can be right has five groups of four digits.
    let mut buffer = [0; 26];
    let length = head.len() + 2;
    buffer.get_mut(..head.len())?.copy_from_slice(head.as_bytes());
    buffer.get_mut(head.len()..length)?.copy_from_slice(b"::");
    let prefix: Ipv6Addr = std::str::from_utf8(&buffer[..length]).ok()?.parse().ok()?;
    let mut octets = prefix.octets();
    if octets[10..] != [0; 6] {
        return None;
    }
    octets[12..].copy_from_slice(&v4.octets());
    Some(Ipv6Addr::from(octets))
}

/// Appends an address without brackets.
pub(crate) fn write_ip(address: IpAddr, out: &mut Vec<u8>) {
    match address {
        IpAddr::V4(address) => {
            for (at, octet) in address.octets().into_iter().enumerate() {
                if at > 0 {
                    out.push(b'.');
                }
                crate::lex::push_number(u64::from(octet), out);
            }
        }
        IpAddr::V6(address) => {
            // Writing to a `Vec` cannot fail.
            let _ = std::io::Write::write_fmt(out, format_args!("{address}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_told_apart() {
        assert_eq!(Host::parse(b"example.com."), Some(Host::Name("Example.com.")));
        assert_eq!(Host::parse(b"192.0.2.1"), Some(Host::V4(Ipv4Addr::new(192, 0, 2, 1))));
        assert_eq!(Host::parse(b"[2001:DB8::1]"), Some(Host::V6("2001:db8:0:0::1".parse().unwrap())));
        assert_eq!(Host::parse(b"t1.x2"), Some(Host::Name("t1.x2")));
    }

    #[test]
    fn broken_hosts_are_none() {
        for text in [
            &b""[..],
            b"2001:db8::1",
            b"[::1",
            b"[192.0.2.1]",
            b"[::g]",
            b"256.0.0.1",
            b"1.2.3",
            b"a..b",
            b"-a",
            b"a-",
            b"a b",
            b"a\x00b",
            b"a@b",
            b"[::1%eth0]",
            b".a",
            b"01.2.3.4",
            b"1.2.3.4.5",
            b"1.2.3.4.",
            b"a.7",
            b"a.7.",
        ] {
            assert_eq!(Host::parse(text), None, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn three_colons_are_taken_before_an_embedded_ipv4_address_only() {
        let two = Host::parse(b"[2001:db8::192.0.2.1]");
        assert!(two.is_some());
        assert_eq!(Host::parse(b"[2001:db8:::192.0.2.1]"), two);
        assert_eq!(Host::parse(b"[:::192.0.2.1]"), Host::parse(b"[::192.0.2.1]"));
        for text in [
            &b"[2001:db8:::10]"[..],
            b"[2001:db8::::192.0.2.1]",
            b"[::1:::192.0.2.1]",
            b"[1:2:3:4:5:6:7:::192.0.2.1]",
        ] {
            assert_eq!(Host::parse(text), None, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn a_host_is_written_as_it_is_read() {
        for text in ["example.com", "192.0.2.10", "[2001:db8::1]", "[::ffff:192.0.2.1]"] {
            let mut out = Vec::new();
            Host::parse(text.as_bytes()).unwrap().write(&mut out);
            assert_eq!(out, text.as_bytes());
        }
    }
}
