//! Which web pages may use SIP over WebSocket besides our own: the words of the setting `origin`.

use super::listen::is_host;
use std::fmt;
use std::net::Ipv6Addr;

/// One word of the setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigin {
    /// `*`: pages of anybody.
    Any,
    /// `null`: pages without an origin of their own, such as files and sandboxed frames (RFC 6454 section 4).
    Opaque,
    /// Every page of this host, whatever its scheme and port; in lower case. `localhost` stands for every loopback
    /// address too.
    Host(String),
    /// Exactly this: scheme, host, and the port unless it is the scheme's own; in lower case.
    Exact(String),
}

impl AllowedOrigin {
    /// `origin` is the value of an Origin header.
    pub fn matches(&self, origin: &str) -> bool {
        match self {
            AllowedOrigin::Any => true,
            AllowedOrigin::Opaque => origin == "null",
            AllowedOrigin::Host(ours) => host_of(origin).is_some_and(|host| {
                host.eq_ignore_ascii_case(ours) || (ours == "localhost" && is_loopback(host))
            }),
            AllowedOrigin::Exact(ours) => origin.eq_ignore_ascii_case(ours),
        }
    }
}

impl fmt::Display for AllowedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AllowedOrigin::Any => "*",
            AllowedOrigin::Opaque => "null",
            AllowedOrigin::Host(text) | AllowedOrigin::Exact(text) => text,
        })
    }
}

impl std::str::FromStr for AllowedOrigin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "*" => Ok(AllowedOrigin::Any),
            "null" => Ok(AllowedOrigin::Opaque),
            // Programs that wrap a page send this without a host.
            "file://" => Ok(AllowedOrigin::Exact(text.to_owned())),
            _ if is_host(text) => Ok(AllowedOrigin::Host(text.to_ascii_lowercase())),
            _ if host_of(text).is_some() => Ok(AllowedOrigin::Exact(text.to_ascii_lowercase())),
            _ => Err(format!(
                "`{text}` is no origin; write https://phone.example.org, a host name, localhost, null or *"
            )),
        }
    }
}

/// The host of a serialised origin, `scheme://host[:port]` (RFC 6454 section 6.2); IPv6 in brackets.
pub fn host_of(origin: &str) -> Option<&str> {
    let (scheme, rest) = origin.split_once("://")?;
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    if !scheme.starts_with(|first: char| first.is_ascii_alphabetic()) || !scheme.bytes().all(letters) {
        return None;
    }
    let port = rest.rfind(':').filter(|at| !rest[*at..].contains(']'));
    let (host, port) = port.map_or((rest, None), |at| (&rest[..at], Some(&rest[at + 1..])));
    let sound = port.is_none_or(|port| port.parse::<u16>().is_ok()) && is_host(host);
    sound.then_some(host)
}

/// A name or address of the machine on which the browser runs.
pub fn is_loopback(host: &str) -> bool {
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    host.eq_ignore_ascii_case("localhost")
        || inner.is_some_and(|host| host.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_loopback()))
        || host.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(word: &str, origin: &str) -> bool {
        word.parse::<AllowedOrigin>().unwrap().matches(origin)
    }

    #[test]
    fn an_origin_is_matched_whole_and_a_host_with_every_scheme_and_port() {
        assert!(allows("https://Phone.example.org", "https://phone.example.org"));
        for other in [
            "http://phone.example.org",
            "https://phone.example.org:8443",
            "https://phone.example.org.evil.test",
            "https://evil.test/phone.example.org",
            "null",
        ] {
            assert!(!allows("https://phone.example.org", other), "{other}");
        }
        assert!(allows("phone.example.org", "http://phone.example.org:8080"));
        assert!(!allows("example.org", "https://phone.example.org"), "a domain does not speak for its hosts");
        assert!(!allows("phone.example.org", "https://phone.example.org.evil.test"));
        assert!(allows("capacitor://localhost", "capacitor://localhost"));
        assert!(allows("file://", "file://") && !allows("file://", "null"));
        assert!(allows("null", "null") && !allows("null", "https://a.test") && allows("*", "null"));
    }

    #[test]
    fn localhost_is_every_loopback_address_and_nothing_else() {
        for origin in ["http://localhost:3000", "https://127.0.0.2", "http://[::1]:80"] {
            assert!(allows("localhost", origin), "{origin}");
        }
        for origin in ["http://localhost.evil.test", "http://192.0.2.1", "http://[2001:db8::1]", "file://"] {
            assert!(!allows("localhost", origin), "{origin}");
        }
    }

    #[test]
    fn what_is_no_origin_is_an_error_that_says_what_to_write() {
        for word in ["https://", "https://a/b", "a b", "https://a:port", "1http://a", "https://user@a"] {
            let error = word.parse::<AllowedOrigin>().unwrap_err();
            assert!(error.contains("https://phone.example.org"), "{word}: {error}");
        }
    }
}
