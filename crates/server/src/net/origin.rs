//! Which web pages may open a WebSocket (RFC 6455 section 10.2, RFC 6454): a browser says in Origin whose page asks.
//! See decision 0008.

use crate::config::origin::{AllowedOrigin, host_of, is_loopback};

/// Decides about the value of an Origin header.
pub type OriginCheck = dyn Fn(&str) -> bool + Send + Sync;

/// Names and addresses under which this server is reached, and what the operator allows besides.
pub struct Origins {
    hosts: Vec<String>,
    listed: Vec<AllowedOrigin>,
}

impl Origins {
    /// `hosts` are host names and addresses, IPv6 in brackets; a `host:port` counts by its host.
    pub fn new<'h>(hosts: impl IntoIterator<Item = &'h str>, listed: &[AllowedOrigin]) -> Self {
        let mut hosts: Vec<String> = hosts.into_iter().map(|host| without_port(host).to_owned()).collect();
        hosts.sort();
        hosts.dedup();
        Self { hosts, listed: listed.to_vec() }
    }

    /// `is_domain` says whether we answer for a domain. A page of ours may have any scheme and port. The Host header
    /// has no say: with a name that is made to point at us (DNS rebinding), a stranger's page has the same name there.
    pub fn allow(&self, origin: &str, is_domain: impl Fn(&str) -> bool) -> bool {
        let ours = host_of(origin).is_some_and(|host| {
            is_domain(host)
                || self.hosts.iter().any(|ours| {
                    // Who listens on loopback serves this machine alone, whatever its pages call it.
                    ours.eq_ignore_ascii_case(host) || (is_loopback(ours) && is_loopback(host))
                })
        });
        ours || self.listed.iter().any(|listed| listed.matches(origin))
    }
}

fn without_port(host: &str) -> &str {
    match host.rfind(':').filter(|at| !host[*at..].contains(']')) {
        Some(at) => &host[..at],
        None => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_our_domains_and_hosts_are_allowed_and_those_of_strangers_are_not() {
        let origins = Origins::new(["sip.example.org:5061", "[2001:db8::1]:8089", "192.0.2.1"], &[]);
        let allow = |origin: &str| origins.allow(origin, |domain| domain.eq_ignore_ascii_case("example.org"));
        for ours in [
            "https://example.org",
            "https://EXAMPLE.org:8443",
            "http://sip.example.org",
            "https://[2001:db8::1]",
            "http://192.0.2.1:8000",
        ] {
            assert!(allow(ours), "{ours}");
        }
        for strange in [
            "https://evil.test",
            "https://example.org.evil.test",
            "https://notexample.org",
            "https://www.example.org",
            "http://localhost:3000",
            "http://127.0.0.1",
            "null",
            "",
            "example.org",
        ] {
            assert!(!allow(strange), "{strange}");
        }
    }

    #[test]
    fn what_is_listed_is_allowed_besides_and_a_loopback_listener_serves_pages_of_this_machine() {
        let listed = ["https://phone.example.net".parse().unwrap(), "localhost".parse().unwrap()];
        let origins = Origins::new(["192.0.2.1:5060"], &listed);
        assert!(origins.allow("https://phone.example.net", |_| false));
        assert!(origins.allow("http://localhost:8000", |_| false));
        assert!(!origins.allow("http://phone.example.net", |_| false));
        let local = Origins::new(["127.0.0.1:8088"], &[]);
        assert!(local.allow("http://localhost:8000", |_| false));
        assert!(!local.allow("http://192.0.2.1", |_| false));
    }
}
