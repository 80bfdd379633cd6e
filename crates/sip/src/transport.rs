//! The transports a Via, a URI or a flow can name.

use std::fmt;

/// A transport as named in a Via (`SIP/2.0/UDP`) or in a `transport` parameter (RFC 3261 section 25.1,
/// RFC 4168, RFC 7118). `Other` is a transport that we do not speak: its bytes stay in the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
    Ws,
    Wss,
    Sctp,
    TlsSctp,
    Other,
}

impl Transport {
    /// Reads a name, whatever its case (RFC 3261 section 7.3.1).
    pub fn parse(name: &[u8]) -> Transport {
        const NAMES: [Transport; 7] = [
            Transport::Udp,
            Transport::Tcp,
            Transport::Tls,
            Transport::Ws,
            Transport::Wss,
            Transport::Sctp,
            Transport::TlsSctp,
        ];
        for transport in NAMES {
            if name.eq_ignore_ascii_case(transport.as_str().as_bytes()) {
                return transport;
            }
        }
        Transport::Other
    }

    /// The name as written in a Via.
    pub const fn as_str(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
            Transport::Ws => "WS",
            Transport::Wss => "WSS",
            Transport::Sctp => "SCTP",
            Transport::TlsSctp => "TLS-SCTP",
            Transport::Other => "OTHER",
        }
    }

    /// The name as written in a `transport` parameter of a URI. TLS is written `tls`, which RFC 3261
    /// section 26.2.2 deprecates in favour of `sips` but every phone uses.
    pub const fn as_param(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
            Transport::Ws => "ws",
            Transport::Wss => "wss",
            Transport::Sctp => "sctp",
            Transport::TlsSctp => "tls-sctp",
            Transport::Other => "other",
        }
    }

    /// True when the transport delivers every byte itself, so that timers A, E, G are not needed
    /// (RFC 3261 section 17).
    pub const fn is_reliable(self) -> bool {
        match self {
            Transport::Udp | Transport::Other => false,
            Transport::Tcp
            | Transport::Tls
            | Transport::Ws
            | Transport::Wss
            | Transport::Sctp
            | Transport::TlsSctp => true,
        }
    }

    /// True when the transport encrypts.
    pub const fn is_secure(self) -> bool {
        match self {
            Transport::Tls | Transport::Wss | Transport::TlsSctp => true,
            Transport::Udp | Transport::Tcp | Transport::Ws | Transport::Sctp | Transport::Other => false,
        }
    }

    /// The port used when none is written (RFC 3261 section 19.1.2, RFC 7118 section 5.2).
    pub const fn default_port(self) -> u16 {
        match self {
            Transport::Udp | Transport::Tcp | Transport::Sctp | Transport::Other => 5060,
            Transport::Tls | Transport::TlsSctp => 5061,
            Transport::Ws => 80,
            Transport::Wss => 443,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_case_and_unknown_ones_are_other() {
        assert_eq!(Transport::parse(b"udp"), Transport::Udp);
        assert_eq!(Transport::parse(b"Wss"), Transport::Wss);
        assert_eq!(Transport::parse(b"TLS-SCTP"), Transport::TlsSctp);
        assert_eq!(Transport::parse(b"UNKNOWN"), Transport::Other);
    }
}
