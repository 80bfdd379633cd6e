//! The few things a trace must see in a message, taken from its raw bytes: a message that does not parse must be
//! shown too, so nothing here relies on the parser.

use super::lines::lines;
use coeur_sip::transport::Transport;

/// Lines of the header section, those that continue one apart; ends at the empty line.
pub fn header_lines(message: &[u8]) -> impl Iterator<Item = &[u8]> {
    lines(message).map(|line| line.text).take_while(|line| !line.is_empty())
}

/// The value of the first header with this name or compact form.
pub fn header<'m>(message: &'m [u8], name: &str, compact: Option<&str>) -> Option<&'m [u8]> {
    header_lines(message).skip(1).find_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (found, value) = (line[..colon].trim_ascii_end(), line[colon + 1..].trim_ascii());
        let is = |name: &str| found.eq_ignore_ascii_case(name.as_bytes());
        (is(name) || compact.is_some_and(is)).then_some(value)
    })
}

pub fn call_id(message: &[u8]) -> Option<&[u8]> {
    header(message, "Call-ID", Some("i"))
}

/// What the first line says, short: `INVITE bob`, `180 Ringing`.
pub fn label(message: &[u8]) -> String {
    let line = header_lines(message).next().unwrap_or_default();
    let mut words = line.splitn(3, |byte| *byte == b' ');
    let (first, second, rest) = (words.next(), words.next(), words.next());
    match (first, second) {
        (Some(b"SIP/2.0"), Some(code)) => {
            let reason = super::escape::line(rest.unwrap_or_default());
            format!("{} {reason}", super::escape::line(code)).trim_end().to_owned()
        }
        (Some(method), Some(uri)) => match user(uri) {
            Some(user) => format!("{} {}", super::escape::line(method), super::escape::line(&user)),
            None => super::escape::line(method),
        },
        (Some(_), None) | (None, _) => "(no SIP)".to_owned(),
    }
}

/// The method that a message is about: its own, or that of CSeq.
pub fn method(message: &[u8]) -> Option<&[u8]> {
    let first = header_lines(message).next()?;
    if first.starts_with(b"SIP/2.0 ") {
        header(message, "CSeq", None)?.rsplit(|byte| *byte == b' ').next()
    } else {
        first.split(|byte| *byte == b' ').next()
    }
}

/// `user@host` of the first message's From and To, to be shown.
pub fn party(message: &[u8], name: &str, compact: &str) -> Option<String> {
    let address = header(message, name, Some(compact)).and_then(address)?;
    Some(super::escape::line(&address))
}

/// Of a response.
pub fn status(message: &[u8]) -> Option<u16> {
    let line = header_lines(message).next()?.strip_prefix(b"SIP/2.0 ")?;
    std::str::from_utf8(line.get(..3)?).ok()?.parse().ok()
}

pub fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
        Transport::Tls => "tls",
        Transport::Ws => "ws",
        Transport::Wss => "wss",
        // Never of a flow of ours.
        Transport::Sctp | Transport::TlsSctp | Transport::Other => "other",
    }
}

/// `user@host` of the address in a From, To or Contact value. A password (RFC 3261 section 19.1.1) is nobody's business; it,
/// and the user too, may hold what else ends an address.
pub fn address(value: &[u8]) -> Option<Vec<u8>> {
    let start = find(value, b"sip:").map(|at| at + 4).or_else(|| find(value, b"sips:").map(|at| at + 5))?;
    let uri = value[start..].split(|byte| b"> \t\"".contains(byte)).next()?;
    let at = uri.iter().rposition(|byte| *byte == b'@');
    let host = uri[at.map_or(0, |at| at + 1)..].split(|byte| b";?,".contains(byte)).next()?;
    let Some(at) = at else { return Some(host.to_vec()) };
    let user = uri[..at].split(|byte| *byte == b':').next()?;
    Some([user, b"@", host].concat())
}

fn user(uri: &[u8]) -> Option<Vec<u8>> {
    let address = address(uri)?;
    let at = address.iter().rposition(|byte| *byte == b'@')?;
    Some(address[..at].to_vec())
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window.eq_ignore_ascii_case(needle))
}
