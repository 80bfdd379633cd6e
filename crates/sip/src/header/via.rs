//! Via (RFC 3261 section 20.42, RFC 3581).

use std::net::IpAddr;

use super::{HeaderError, Param, Params};
use crate::lex;
use crate::transport::Transport;
use crate::uri::Host;

/// The magic cookie that begins the branch of every RFC 3261 element (section 8.1.1.7).
const MAGIC_COOKIE: &[u8] = b"z9hG4bK";

/// One Via value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via<'a> {
    pub transport: Transport,
    /// The transport as written.
    pub transport_bytes: &'a [u8],
    /// sent-by as written, host and port.
    pub sent_by: &'a [u8],
    pub host: Host<'a>,
    pub port: Option<u16>,
    pub branch: Option<&'a [u8]>,
    /// The address of a `received` parameter, with or without brackets around IPv6 (RFC 5118 section 4.5).
    pub received: Option<IpAddr>,
    /// `None` without the parameter, `Some(None)` for `rport` without value (a request for it),
    /// `Some(Some(port))` once filled in.
    pub rport: Option<Option<u16>>,
    pub params: Params<'a>,
}

impl<'a> Via<'a> {
    /// Reads one value: `sent-protocol LWS sent-by *( SEMI via-params )`.
    pub fn parse(value: &'a [u8]) -> Result<Via<'a>, HeaderError> {
        let (transport_bytes, after) = sent_protocol(value)?;
        let start = lex::skip_lws(value, after);
        if start == after {
            return Err(HeaderError::new(after, "Malformed Via"));
        }
        let params_at = lex::find(b';', value, start);
        let (host, port) = sent_by(&value[start..params_at], start)?;
        let mut via = Via {
            transport: Transport::parse(transport_bytes),
            transport_bytes,
            sent_by: lex::trim(&value[start..params_at]),
            host,
            port,
            branch: None,
            received: None,
            rport: None,
            params: Params::default(),
        };
        via.params = Params::parse_each(&value[params_at..], |param| via.take(param))
            .map_err(|error| error.at(params_at))?;
        Ok(via)
    }

    /// True when the branch is that of an RFC 3261 element, and so identifies the transaction (section 17.2.3).
    /// The cookie alone (`badbranch` of RFC 4475 section 3.2.1) identifies nothing.
    pub fn has_magic_cookie(&self) -> bool {
        self.branch.is_some_and(|branch| {
            branch.len() > MAGIC_COOKIE.len()
                && branch[..MAGIC_COOKIE.len()].eq_ignore_ascii_case(MAGIC_COOKIE)
        })
    }

    /// The port of sent-by, or the default of the transport.
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or(self.transport.default_port())
    }

    /// Each known name at most once: a second one could be read instead of the first.
    fn take(&mut self, param: &Param<'a>) -> Result<(), HeaderError> {
        match param.name.len() {
            6 if param.is("branch") => {
                once(self.branch.is_some())?;
                self.branch = Some(param.value.unwrap_or_default());
            }
            8 if param.is("received") => {
                once(self.received.is_some())?;
                self.received = Some(address(param.value.unwrap_or_default())?);
            }
            5 if param.is("rport") => {
                once(self.rport.is_some())?;
                self.rport = Some(param.value.map(port).transpose()?);
            }
            _ => {}
        }
        Ok(())
    }
}

fn once(already: bool) -> Result<(), HeaderError> {
    if already { Err(HeaderError::new(0, "Duplicate Via Parameter")) } else { Ok(()) }
}

fn port(digits: &[u8]) -> Result<u16, HeaderError> {
    lex::number_u16(digits).ok_or(HeaderError::new(0, "Malformed rport"))
}

fn address(text: &[u8]) -> Result<IpAddr, HeaderError> {
    Host::parse_received(text).ok_or(HeaderError::new(0, "Malformed Received Address"))
}

/// `"SIP" SLASH "2.0" SLASH transport`, with LWS around each slash. Returns the transport and where it ends.
fn sent_protocol(value: &[u8]) -> Result<(&[u8], usize), HeaderError> {
    // The usual spelling first.
    let start = if value.starts_with(b"SIP/2.0/") {
        8
    } else {
        slow_protocol(value).ok_or(HeaderError::new(0, "Malformed Via"))?
    };
    let end = lex::skip_token(value, start);
    if end == start {
        return Err(HeaderError::new(start, "Malformed Via"));
    }
    Ok((&value[start..end], end))
}

fn slow_protocol(value: &[u8]) -> Option<usize> {
    let name = lex::skip_lws(value, 0);
    let name_end = lex::skip_token(value, name);
    let slash = lex::skip_lws(value, name_end);
    let version = lex::skip_lws(value, slash + 1);
    let version_end = lex::skip_token(value, version);
    let second = lex::skip_lws(value, version_end);
    let good = value.get(name..name_end)?.eq_ignore_ascii_case(b"SIP")
        && value.get(version..version_end)? == b"2.0"
        && value.get(slash) == Some(&b'/')
        && value.get(second) == Some(&b'/');
    good.then(|| lex::skip_lws(value, second + 1))
}

/// `host [ COLON port ]`, LWS allowed around the colon.
fn sent_by(text: &[u8], base: usize) -> Result<(Host<'_>, Option<u16>), HeaderError> {
    let text = lex::trim(text);
    let host_end = match text.first() {
        Some(b'[') => memchr::memchr(b']', text).map_or(text.len(), |at| at + 1),
        _ => lex::find(b':', text, 0),
    };
    let Some(host) = Host::parse(lex::trim(&text[..host_end])) else {
        return Err(HeaderError::new(base, "Malformed Via Host"));
    };
    let after = lex::skip_lws(text, host_end);
    match text.get(after) {
        None => Ok((host, None)),
        Some(b':') => match lex::number_u16(lex::trim(&text[after + 1..])) {
            Some(port) => Ok((host, Some(port))),
            None => Err(HeaderError::new(base + after, "Malformed Via Port")),
        },
        Some(_) => Err(HeaderError::new(base + after, "Malformed Via")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usual_via_is_read() {
        let via =
            Via::parse(b"SIP/2.0/UDP 192.0.2.1:5061;branch=z9hG4bKx;rport=9;received=192.0.2.9;x=y").unwrap();
        assert_eq!(via.transport, Transport::Udp);
        assert_eq!(via.sent_by, b"192.0.2.1:5061");
        assert_eq!(via.port, Some(5061));
        assert_eq!(via.branch, Some(&b"z9hG4bKx"[..]));
        assert_eq!(via.rport, Some(Some(9)));
        assert_eq!(via.received, Some("192.0.2.9".parse().unwrap()));
        assert!(via.has_magic_cookie());
    }

    #[test]
    fn white_space_around_every_separator_is_allowed() {
        let via =
            Via::parse(b"SIP  / 2.0\r\n /  TCP     spindle.example.com : 5070  ;\r\n  branch  =   z9hG4bK9")
                .unwrap();
        assert_eq!(via.transport, Transport::Tcp);
        assert_eq!(via.host, Host::Name("spindle.example.com"));
        assert_eq!(via.port, Some(5070));
    }

    #[test]
    fn ipv6_is_read_with_its_brackets_and_received_without() {
        let via =
            Via::parse(b"SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8:0:0::1];branch=z9hG4bKas3").unwrap();
        assert_eq!(via.host, Host::V6("2001:db8::9:1".parse().unwrap()));
        assert_eq!(via.received, Some("2001:db8::1".parse().unwrap()));
        let via = Via::parse(b"SIP/2.0/UDP [2001:db8::9:1]:6;received=2001:db8::9:255").unwrap();
        assert_eq!(via.port, Some(6));
        assert_eq!(via.received, Some("2001:db8::9:255".parse().unwrap()));
    }

    #[test]
    fn rport_without_value_asks_for_it() {
        assert_eq!(Via::parse(b"SIP/2.0/UDP a;rport").unwrap().rport, Some(None));
        assert_eq!(Via::parse(b"SIP/2.0/UDP a").unwrap().rport, None);
    }

    #[test]
    fn a_broken_via_is_an_error() {
        for value in [
            &b"SIP/2.0/UDP 192.0.2.15;;,;,,"[..],
            b"SIP/2.0/UDP",
            b"SIP/2.0/UDP ",
            b"SIP/7.0/UDP a",
            b"SIP/2.0/ a",
            b"SIP/2.0/UDP a:99999",
            b"SIP/2.0/UDP a:",
            b"SIP/2.0/UDP a b",
            b"SIP/2.0/UDP [::1",
            b"SIP/2.0/UDP a;branch=1;branch=2",
            b"SIP/2.0/UDP a;received=nowhere",
            b"SIP/2.0/UDP a;rport=x",
            b"",
        ] {
            assert!(Via::parse(value).is_err(), "{}", String::from_utf8_lossy(value));
        }
    }

    #[test]
    fn the_cookie_alone_is_no_branch() {
        assert!(!Via::parse(b"SIP/2.0/UDP a;branch=z9hG4bK").unwrap().has_magic_cookie());
    }
}
