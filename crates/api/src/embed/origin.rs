//! Pages of others that may hold our phone: the words of the setting `embed_origins`.

use std::fmt;
use std::str::FromStr;

/// `https://HOST[:PORT]`, or `http://localhost[:PORT]` and `http://127.0.0.1[:PORT]` while something is being made; as browsers
/// write it (RFC 6454 section 6.2): in lower case, without the port of the scheme. One page's, and no pattern: what stands in
/// `*.example.org` is often somebody else's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbedOrigin(Box<str>);

/// Letters of an origin; a name has 253 at most.
const BYTES_MAX: usize = 300;

impl EmbedOrigin {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EmbedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EmbedOrigin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = |why: &str| Err(format!("`{text}` {why}; write https://crm.example.org"));
        let lower = text.to_ascii_lowercase();
        let Some((scheme, authority)) = lower.split_once("://") else { return refuse("has no scheme") };
        if lower.len() > BYTES_MAX {
            return refuse("is too long");
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        };
        if host.contains('*') {
            return refuse("is a pattern, and each page is listed by itself");
        }
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
        if host.is_empty() || host.starts_with('.') || host.ends_with('.') || !host.bytes().all(is_plain) {
            return refuse("is no origin: a scheme, a host, perhaps a port, and nothing behind");
        }
        match scheme {
            "https" => {}
            "http" if matches!(host, "localhost" | "127.0.0.1") => {}
            "http" => return refuse("is not over TLS, which only localhost need not be"),
            _ => return refuse("is no page of the web"),
        }
        let Some(port) = port else { return Ok(Self(lower.into())) };
        let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
        match port.parse::<u16>().ok().filter(|port| is_number && *port > 0) {
            Some(port) if (scheme, port) == ("https", 443) || (scheme, port) == ("http", 80) => {
                Ok(Self(format!("{scheme}://{host}").into()))
            }
            Some(port) => Ok(Self(format!("{scheme}://{host}:{port}").into())),
            None => refuse("has no port that is one"),
        }
    }
}

/// Those that are listed; none unless the operator says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmbedOrigins(pub Vec<EmbedOrigin>);

impl EmbedOrigins {
    /// The one that is exactly this, as a browser writes it.
    pub fn find(&self, origin: &str) -> Option<&EmbedOrigin> {
        self.0.iter().find(|listed| listed.as_str() == origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_kept_as_browsers_write_it() {
        for (said, kept) in [
            ("https://crm.example.org", "https://crm.example.org"),
            ("https://CRM.example.org:443", "https://crm.example.org"),
            ("https://crm.example.org:8443", "https://crm.example.org:8443"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://127.0.0.1:80", "http://127.0.0.1"),
        ] {
            assert_eq!(said.parse::<EmbedOrigin>().unwrap().as_str(), kept);
        }
    }

    #[test]
    fn what_is_no_origin_or_not_safe_is_refused_with_the_reason() {
        for (said, why) in [
            ("*", "no scheme"),
            ("https://*", "pattern"),
            ("https://*.example.org", "pattern"),
            ("http://crm.example.org", "not over TLS"),
            ("http://localhost.evil.example", "not over TLS"),
            ("https://crm.example.org/", "no origin"),
            ("https://crm.example.org/a:1", "no origin"),
            ("https://a@crm.example.org", "no origin"),
            ("https://crm.example.org; script-src", "no origin"),
            ("https://crm.example.org:0", "no port"),
            ("https://crm.example.org:+1", "no port"),
            ("https://crm.example.org:65536", "no port"),
            ("file://crm", "no page"),
            ("https://", "no origin"),
            ("null", "no scheme"),
        ] {
            let refused = said.parse::<EmbedOrigin>().unwrap_err();
            assert!(refused.contains(why), "{said}: {refused}");
        }
        let long = format!("https://{}.org", "a".repeat(BYTES_MAX));
        assert!(long.parse::<EmbedOrigin>().unwrap_err().contains("too long"));
    }

    #[test]
    fn only_what_is_listed_is_found() {
        let listed = EmbedOrigins(vec!["https://crm.example.org".parse().unwrap()]);
        assert!(listed.find("https://crm.example.org").is_some());
        for other in [
            "https://crm.example.org.evil.example",
            "http://crm.example.org",
            "https://a.crm.example.org",
            "null",
            "",
        ] {
            assert!(listed.find(other).is_none(), "{other}");
        }
    }
}
