//! Who asks where proxies stand between. What a header says of that is believed of a proxy that the settings list, and of
//! nobody else: anybody can write one.

use crate::signin::Network;
use axum::http::{HeaderMap, HeaderName, header};
use std::net::IpAddr;

const X_FORWARDED_FOR: &str = "x-forwarded-for";
const X_FORWARDED_PROTO: &str = "x-forwarded-proto";
/// Proxies behind one another; a longer list is nobody's honest one.
const HOPS_MAX: usize = 32;

/// The networks in which our own proxies are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies(pub Vec<Network>);

/// Who asks, and whether he did so over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    /// `None`: the proxy does not say.
    pub(crate) secure: Option<bool>,
}

/// Two headers that contradict each other, or one that names nobody: one of them is a stranger's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unclear;

/// Whether somebody says that he asks for another.
pub(crate) fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.contains_key(header::FORWARDED) || headers.contains_key(X_FORWARDED_FOR)
}

impl Proxies {
    pub(crate) fn has(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// `peer`: the other end of the connection. From right to left, each proxy of ours says who came to it; the first who is
    /// none of ours is who asks.
    ///
    /// A proxy that writes one of the two headers may pass the other on as it came: where both are there they must name the same.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Result<Client, Unclear> {
        let direct = Client { address: peer.to_canonical(), secure: None };
        if !self.has(peer) {
            return Ok(direct);
        }
        let forwarded = forwarded(headers)?.map(|hops| self.walk(direct, &hops)).transpose()?;
        let listed = listed(headers)?.map(|hops| self.walk(direct, &hops)).transpose()?;
        match (forwarded, listed) {
            (None, None) => Ok(direct),
            (Some(client), None) | (None, Some(client)) => Ok(client),
            (Some(one), Some(other)) if one.address == other.address => {
                Ok(Client { secure: one.secure.or(other.secure), ..one })
            }
            (Some(_), Some(_)) => Err(Unclear),
        }
    }

    fn walk(&self, direct: Client, hops: &[Hop]) -> Result<Client, Unclear> {
        let mut client = direct;
        for hop in hops.iter().rev().take(HOPS_MAX) {
            client = Client { address: hop.address.ok_or(Unclear)?, secure: hop.secure };
            if !self.has(client.address) {
                break;
            }
        }
        Ok(client)
    }
}

struct Hop {
    /// `None`: `unknown`, or a name that hides it (RFC 7239 section 6).
    address: Option<IpAddr>,
    secure: Option<bool>,
}

/// RFC 7239 section 4: elements with commas, from the client on, in several headers as in one.
fn forwarded(headers: &HeaderMap) -> Result<Option<Vec<Hop>>, Unclear> {
    let Some(text) = whole(headers, &header::FORWARDED)? else { return Ok(None) };
    let hop = |element: &str| {
        let pairs: Vec<(String, String)> = split(element, ';')
            .iter()
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), unquoted(value.trim())))
            .collect();
        let said =
            |wanted: &str| pairs.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        Hop { address: said("for").and_then(node), secure: said("proto").map(is_https) }
    };
    Ok(Some(split(&text, ',').iter().map(|element| hop(element)).collect()))
}

/// What has no standard and everybody writes: addresses with commas, from the client on. X-Forwarded-Proto is of the last proxy.
fn listed(headers: &HeaderMap) -> Result<Option<Vec<Hop>>, Unclear> {
    let name = HeaderName::from_static(X_FORWARDED_FOR);
    let Some(text) = whole(headers, &name)? else { return Ok(None) };
    let proto = whole(headers, &HeaderName::from_static(X_FORWARDED_PROTO))?;
    let secure = proto.as_deref().and_then(|text| text.rsplit(',').next()).map(|last| is_https(last.trim()));
    Ok(Some(text.split(',').map(|part| Hop { address: node(part.trim()), secure }).collect()))
}

fn whole(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, Unclear> {
    let mut lines = Vec::new();
    for value in headers.get_all(name) {
        lines.push(value.to_str().map_err(|_| Unclear)?);
    }
    Ok((!lines.is_empty()).then(|| lines.join(",")))
}

fn is_https(proto: &str) -> bool {
    proto.eq_ignore_ascii_case("https")
}

/// An address with or without a port; IPv6 in brackets (RFC 7239 section 6), or bare as some write it.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(inside, _)| inside);
    let parsed = match bracketed {
        Some(inside) => inside.parse().ok(),
        None => text.parse().ok().or_else(|| text.split_once(':')?.0.parse().ok()),
    };
    parsed.map(|address: IpAddr| address.to_canonical())
}

/// Not inside of a quoted string (RFC 9110 section 5.6.4).
fn split(text: &str, at: char) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (place, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            c if c == at && !quoted => {
                parts.push(&text[start..place]);
                start = place + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn unquoted(value: &str) -> String {
    match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inside) => inside.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn proxies() -> Proxies {
        Proxies(["10.0.0.0/8", "127.0.0.1", "2001:db8::/32"].map(|text| text.parse().unwrap()).to_vec())
    }

    fn said(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    #[track_caller]
    fn client(peer: &str, pairs: &[(&'static str, &'static str)]) -> Result<(String, Option<bool>), Unclear> {
        let found = proxies().client(peer.parse().unwrap(), &said(pairs));
        found.map(|client| (client.address.to_string(), client.secure))
    }

    #[test]
    fn the_first_from_the_right_who_is_no_proxy_of_ours_is_who_asks() {
        for (pairs, address, secure) in [
            (&[("x-forwarded-for", "198.51.100.9")][..], "198.51.100.9", None),
            (&[("x-forwarded-for", "1.1.1.1, 198.51.100.9, 10.2.3.4")], "198.51.100.9", None),
            (&[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "198.51.100.9")], "198.51.100.9", None),
            (
                &[("x-forwarded-for", "198.51.100.9:4711"), ("x-forwarded-proto", "https")],
                "198.51.100.9",
                Some(true),
            ),
            (&[("x-forwarded-for", "10.0.0.7, 10.2.3.4")], "10.0.0.7", None),
            (
                &[("forwarded", "for=1.1.1.1, for=198.51.100.9;proto=https;by=10.0.0.1")],
                "198.51.100.9",
                Some(true),
            ),
            (
                &[("forwarded", "For=\"[2001:4860::1]:4711\";Proto=http, for=\"[2001:db8::1]\"")],
                "2001:4860::1",
                Some(false),
            ),
            (&[("forwarded", "for=\"a, for=1.1.1.1\", for=198.51.100.9")], "198.51.100.9", None),
            (
                &[
                    ("forwarded", "for=198.51.100.9"),
                    ("x-forwarded-for", "198.51.100.9"),
                    ("x-forwarded-proto", "https"),
                ],
                "198.51.100.9",
                Some(true),
            ),
            (&[], "10.0.0.1", None),
        ] {
            assert_eq!(client("10.0.0.1", pairs), Ok((address.to_owned(), secure)), "{pairs:?}");
        }
    }

    #[test]
    fn what_anybody_else_says_of_others_is_not_believed() {
        for pairs in [
            &[("x-forwarded-for", "127.0.0.1")][..],
            &[("forwarded", "for=127.0.0.1;proto=https")],
            &[("forwarded", "for=10.0.0.1"), ("x-forwarded-for", "10.0.0.1")],
        ] {
            assert_eq!(client("203.0.113.5", pairs), Ok(("203.0.113.5".to_owned(), None)), "{pairs:?}");
        }
    }

    /// A proxy that writes one header passes the other on as a stranger wrote it.
    #[test]
    fn headers_that_contradict_each_other_or_name_nobody_are_refused() {
        for pairs in [
            &[("forwarded", "for=127.0.0.1"), ("x-forwarded-for", "198.51.100.9")][..],
            &[("forwarded", "for=unknown")],
            &[("forwarded", "for=_hidden")],
            &[("forwarded", "proto=https")],
            &[("x-forwarded-for", "198.51.100.9, ")],
            &[("x-forwarded-for", "somebody")],
        ] {
            assert_eq!(client("10.0.0.1", pairs), Err(Unclear), "{pairs:?}");
        }
    }
}
