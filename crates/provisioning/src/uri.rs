//! SIP URIs and names as programs read them in their settings.

use crate::phone::{Line, Server};

/// A user as RFC 3261 section 25.1 lets it stand in a URI, the rest escaped. `;` and `?` may stand there, but some settings
/// are cut at them, so they are escaped too.
pub(crate) fn user(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,/".contains(&byte) {
            out.push(byte as char);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// As `sip:alice@example.org`.
pub(crate) fn address(line: &Line) -> String {
    format!("sip:{}@{}", user(line.user.as_str()), host(line.domain.as_str()))
}

/// As `"Alice" <sip:alice@example.org>` (RFC 3261 section 25.1, `name-addr`).
pub(crate) fn name_addr(line: &Line) -> String {
    match line.display_name.is_empty() {
        true => format!("<{}>", address(line)),
        false => format!("{} <{}>", quoted(line.display_name.as_str()), address(line)),
    }
}

/// As `sip:192.0.2.1:5061;transport=tls`.
pub(crate) fn server(server: &Server) -> String {
    format!("sip:{};transport={}", host_port(server), server.transport.as_str())
}

pub(crate) fn host_port(server: &Server) -> String {
    format!("{}:{}", host(server.host.as_str()), server.port)
}

/// Only what hosts are made of: whoever sets a host otherwise reaches nobody.
pub(crate) fn host(text: &str) -> String {
    let bare: String = text
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']'))
        .collect();
    if bare.contains(':') && !bare.starts_with('[') { format!("[{bare}]") } else { bare }
}

/// As RFC 3261 section 25.1 writes `quoted-string`.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A number or SIP URI as a telephone with an account of this domain dials it: of its own domain without the domain.
pub(crate) fn local_part(number: &str, domain: &str) -> String {
    let Some(address) = number.strip_prefix("sip:") else { return number.to_owned() };
    match address.split_once('@') {
        Some((user, host)) if host.eq_ignore_ascii_case(domain) => user.to_owned(),
        Some(_) | None => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_ones_own_domain_is_dialled_without_it() {
        for (number, dialled) in [
            ("+33123", "+33123"),
            ("sip:bob@Example.org", "bob"),
            ("sip:bob@example.com", "bob@example.com"),
            ("sip:bob@example.org;transport=tls", "bob@example.org;transport=tls"),
            ("sips:bob@example.org", "sips:bob@example.org"),
        ] {
            assert_eq!(local_part(number, "example.org"), dialled);
        }
    }

    #[test]
    fn what_would_end_a_user_or_begin_parameters_is_escaped() {
        assert_eq!(user("a;b@c>d e\u{e9}"), "a%3Bb%40c%3Ed%20e%C3%A9");
    }

    #[test]
    fn an_ipv6_address_is_bracketed_and_nothing_else_passes_as_a_host() {
        assert_eq!(host("2001:db8::1"), "[2001:db8::1]");
        assert_eq!(host("a.b;c=d>"), "a.bcd");
    }

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        assert_eq!(quoted(r#"a" <sip:x> \"#), r#""a\" <sip:x> \\""#);
    }
}
