//! `udp://0.0.0.0:5060` and its like.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// The five transports of RFC 3261 section 18 and RFC 7118.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    Udp,
    Tcp,
    Tls,
    Ws,
    Wss,
}

impl Scheme {
    pub const ALL: [Scheme; 5] = [Scheme::Udp, Scheme::Tcp, Scheme::Tls, Scheme::Ws, Scheme::Wss];

    pub fn name(self) -> &'static str {
        match self {
            Scheme::Udp => "udp",
            Scheme::Tcp => "tcp",
            Scheme::Tls => "tls",
            Scheme::Ws => "ws",
            Scheme::Wss => "wss",
        }
    }

    pub fn parse(name: &str) -> Option<Scheme> {
        Scheme::ALL.into_iter().find(|scheme| scheme.name().eq_ignore_ascii_case(name))
    }

    /// RFC 3261 section 19.1.2; for WebSocket, the ports that softphones' handbooks name.
    pub fn default_port(self) -> u16 {
        match self {
            Scheme::Udp | Scheme::Tcp => 5060,
            Scheme::Tls => 5061,
            Scheme::Ws => 8088,
            Scheme::Wss => 8089,
        }
    }

    pub fn is_secure(self) -> bool {
        matches!(self, Scheme::Tls | Scheme::Wss)
    }
}

/// A socket to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listen {
    pub scheme: Scheme,
    pub address: SocketAddr,
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.address)
    }
}

impl std::str::FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text, Scheme::default_port)
    }
}

impl Listen {
    /// `default_port`: of a place that names none.
    pub fn parse(text: &str, default_port: impl Fn(Scheme) -> u16) -> Result<Self, String> {
        let hint = "write it as udp://192.0.2.1:5060 or tls://[2001:db8::1]:5061";
        let (scheme, rest) =
            text.split_once("://").ok_or_else(|| format!("`{text}` names no transport; {hint}"))?;
        let scheme = Scheme::parse(scheme)
            .ok_or_else(|| format!("`{scheme}` is no transport; one of udp, tcp, tls, ws, wss; {hint}"))?;
        let address = address(rest, default_port(scheme))
            .ok_or_else(|| format!("`{rest}` is no IP address with port; {hint}"))?;
        Ok(Self { scheme, address })
    }
}

/// What Via, Record-Route and Contact name instead of the bound address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertise {
    /// All transports when absent.
    pub scheme: Option<Scheme>,
    /// A host name or an address; IPv6 in brackets.
    pub host: String,
    /// That of the listener when absent.
    pub port: Option<u16>,
}

impl std::str::FromStr for Advertise {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, rest) = match text.split_once("://") {
            Some((name, rest)) => {
                (Some(Scheme::parse(name).ok_or_else(|| format!("`{name}` is no transport"))?), rest)
            }
            None => (None, text),
        };
        if let Ok(address) = rest.parse::<IpAddr>() {
            return Ok(Self { scheme, host: bracketed(address), port: None });
        }
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) => {
                (host, Some(port.parse::<u16>().map_err(|_| format!("`{port}` is no port number"))?))
            }
            None => (rest, None),
        };
        if !is_host(host) {
            return Err(format!("`{host}` is neither a host name nor an address"));
        }
        Ok(Self { scheme, host: host.to_owned(), port })
    }
}

/// An address as a URI writes it.
pub fn bracketed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// A host name of letters, digits, dots and hyphens (RFC 3261 section 25.1 `host`), or a bracketed IPv6 address.
pub fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return inner.parse::<std::net::Ipv6Addr>().is_ok();
    }
    !host.is_empty()
        && host.len() <= 253
        && !host.starts_with(['-', '.'])
        && !host.ends_with('-')
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-')
}

fn address(text: &str, default_port: u16) -> Option<SocketAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, default_port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_reads_back_as_written_and_takes_the_default_port() {
        for text in ["udp://0.0.0.0:5060", "wss://[::1]:8089"] {
            assert_eq!(text.parse::<Listen>().unwrap().to_string(), text);
        }
        assert_eq!("tls://[2001:db8::1]".parse::<Listen>().unwrap().to_string(), "tls://[2001:db8::1]:5061");
    }

    #[test]
    fn a_listener_without_transport_or_with_a_name_is_refused_with_a_hint() {
        assert!("0.0.0.0:5060".parse::<Listen>().unwrap_err().contains("names no transport"));
        assert!("udp://example.org:5060".parse::<Listen>().unwrap_err().contains("no IP address"));
        assert!("sctp://0.0.0.0:5060".parse::<Listen>().unwrap_err().contains("one of udp, tcp"));
    }

    #[test]
    fn an_advertised_name_may_carry_transport_and_port() {
        let advertise: Advertise = "tls://sip.example.org:443".parse().unwrap();
        assert_eq!(advertise.scheme, Some(Scheme::Tls));
        assert_eq!((advertise.host.as_str(), advertise.port), ("sip.example.org", Some(443)));
        assert_eq!("2001:db8::7".parse::<Advertise>().unwrap().host, "[2001:db8::7]");
        assert!("bad host".parse::<Advertise>().is_err());
    }
}
