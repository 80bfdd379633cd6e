//! What our Record-Route remembers: over which flow each side of a dialog is reached and whose device it is, sealed so
//! that nobody else can write one.
//!
//! The token is the user part of our Record-Route URI. It is base64url of
//! `version(1) | caller | callee | mac(16)`, where the mac is the first 16 bytes of HMAC-SHA-256 under
//! `world.secrets.route` over the payload, the Call-ID and the caller's From tag. A token is therefore worth nothing in
//! another dialog, and the tag it verifies with says which side is speaking (RFC 3261 section 12.2.1.1: the caller's
//! tag is in From when the caller speaks, in To when the callee does).
//!
//! The top bit of the version says that the dialog began with a sips URI: neither side of it may leave TLS then
//! (RFC 5630 section 5.3), whatever scheme a Route comes back with.
//!
//! An end is its flow and, when it is one of ours, the numbers of account and device as base-128 integers: some
//! six bytes. They say who must be asked when the end speaks from elsewhere, and whether he may still speak at all.
//!
//! An end that we reach by connecting to a name keeps the name: a certificate must prove it on each connection (RFC 5922
//! section 7.1), and open connections are found by it (RFC 5923).
//!
//! The remote address stays in a connection's flow although the connection identifies it: serials begin anew when
//! the process restarts, and a connection that now goes to another address must count as gone.

use crate::flow::{ConnectionId, Flow, Hop, ListenerId};
use crate::party::Party;
use crate::world::Secrets;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use coeur_directory::{AccountId, DeviceId};
use coeur_sip::transport::Transport;
use std::net::{IpAddr, SocketAddr};

/// Seals and opens tokens. Made once per exchange: expanding the key costs as much as using it.
pub struct RouteSeal {
    key: hmac::Key,
}

/// The two ends of a dialog as this proxy reaches them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteToken {
    pub caller: End,
    pub callee: End,
    /// The dialog began with a sips URI.
    pub secure: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    pub flow: Flow,
    /// `None`: nobody of ours.
    pub party: Option<Party>,
    /// The name under which we connect to it; see [`Hop::Address`].
    pub host: Option<Box<str>>,
}

/// Which side sent a request inside the dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    FromCaller,
    FromCallee,
}

/// Bytes of the longest token: two IPv6 flows over connections, the highest numbers there can be, and two names.
pub const TOKEN_TEXT_MAX: usize = 832;
/// Of the shortest: two IPv4 flows over UDP of nobody of ours.
const TOKEN_TEXT_MIN: usize = ((1 + 2 * (1 + 2 + 4 + 2) + MAC_LEN) * 4).div_ceil(3);

const VERSION: u8 = 2;
const SECURE: u8 = 0x80;
const MAC_LEN: usize = 16;
const FLOW_MAX: usize = 1 + 2 + 8 + 16 + 2;
const NUMBER_MAX: usize = 10;
/// The longest name of the DNS (RFC 1035 section 2.3.4, as text). A longer one cannot be resolved.
const HOST_MAX: usize = 253;
const TOKEN_MAX: usize = 1 + 2 * (FLOW_MAX + 2 * NUMBER_MAX + 1 + HOST_MAX) + MAC_LEN;

impl RouteSeal {
    pub fn new(secrets: &Secrets) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &secrets.route) }
    }

    /// Appends the text of the token of this dialog.
    pub fn seal(&self, token: &RouteToken, call_id: &[u8], caller_tag: &[u8], out: &mut Vec<u8>) {
        let mut bytes = [0; TOKEN_MAX];
        bytes[0] = VERSION | if token.secure { SECURE } else { 0 };
        let mut len = 1;
        len += write_end(&token.caller, &mut bytes[len..]);
        len += write_end(&token.callee, &mut bytes[len..]);
        let mac = self.mac(&bytes[..len], call_id, caller_tag);
        bytes[len..len + MAC_LEN].copy_from_slice(&mac);
        len += MAC_LEN;
        let mut text = [0; TOKEN_TEXT_MAX];
        // The text of TOKEN_MAX bytes fits TOKEN_TEXT_MAX (asserted below), so this cannot fail.
        let written = URL_SAFE_NO_PAD.encode_slice(&bytes[..len], &mut text).unwrap_or(0);
        out.extend_from_slice(&text[..written]);
    }

    /// Reads a token that we issued for this dialog; `None` for anything else.
    pub fn open(
        &self,
        text: &[u8],
        call_id: &[u8],
        from_tag: &[u8],
        to_tag: &[u8],
    ) -> Option<(RouteToken, Direction)> {
        if text.len() > TOKEN_TEXT_MAX {
            return None;
        }
        let mut bytes = [0; TOKEN_MAX];
        let len = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        let payload_len = len.checked_sub(MAC_LEN)?;
        let (payload, mac) = bytes[..len].split_at(payload_len);
        let token = read_payload(payload)?;
        let direction = [(from_tag, Direction::FromCaller), (to_tag, Direction::FromCallee)]
            .into_iter()
            .find(|(tag, _)| {
                bool::from(subtle::ConstantTimeEq::ct_eq(&self.mac(payload, call_id, tag)[..], mac))
            });
        Some((token, direction?.1))
    }

    /// True for a text that we may have written, for whatever dialog.
    pub fn has_shape(text: &[u8]) -> bool {
        let in_alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (TOKEN_TEXT_MIN..=TOKEN_TEXT_MAX).contains(&text.len()) && text.iter().all(in_alphabet)
    }

    fn mac(&self, payload: &[u8], call_id: &[u8], caller_tag: &[u8]) -> [u8; MAC_LEN] {
        let mut context = hmac::Context::with_key(&self.key);
        // The payload delimits itself; the length keeps Call-ID and tag from borrowing bytes of each other.
        context.update(payload);
        context.update(&(call_id.len() as u32).to_be_bytes());
        context.update(call_id);
        context.update(caller_tag);
        let full = context.sign();
        let mut mac = [0; MAC_LEN];
        mac.copy_from_slice(&full.as_ref()[..MAC_LEN]);
        mac
    }
}

impl RouteToken {
    /// (the speaker, the other side)
    pub fn ends(&self, direction: Direction) -> (&End, &End) {
        match direction {
            Direction::FromCaller => (&self.caller, &self.callee),
            Direction::FromCallee => (&self.callee, &self.caller),
        }
    }
}

/// A reliable flow without a connection was written for a target that we reach by connecting to its address, or to this
/// name at its address.
pub fn hop_of(flow: &Flow, host: Option<&str>) -> Hop {
    if flow.transport.is_reliable() && flow.connection == ConnectionId::NONE {
        let Flow { transport, listener, connection: _, remote: address } = *flow;
        Hop::Address { transport, listener, address, host: host.map(Into::into) }
    } else {
        Hop::Flow(*flow)
    }
}

/// True when `seen` is the path that `issued` names. A side that we reach by connecting may speak on another
/// connection from the same host.
pub fn same_end(issued: &Flow, seen: &Flow) -> bool {
    if issued.transport != seen.transport {
        return false;
    }
    if issued.transport.is_reliable() && issued.connection == ConnectionId::NONE {
        return issued.remote.ip() == seen.remote.ip();
    }
    if issued.connection != ConnectionId::NONE {
        return issued.connection == seen.connection && issued.remote == seen.remote;
    }
    issued.listener == seen.listener && issued.remote == seen.remote
}

const FAMILY_V6: u8 = 0x80;
const CONNECTED: u8 = 0x40;
const HAS_PARTY: u8 = 0x20;
const HAS_HOST: u8 = 0x10;

fn write_end(end: &End, out: &mut [u8]) -> usize {
    let mut len = write_flow(&end.flow, out);
    if let Some(party) = end.party {
        out[0] |= HAS_PARTY;
        len += write_number(party.account.0, &mut out[len..]);
        len += write_number(party.device.0, &mut out[len..]);
    }
    if let Some(host) = end.host.as_deref().filter(|host| host.len() <= HOST_MAX) {
        out[0] |= HAS_HOST;
        out[len] = host.len() as u8;
        len += 1;
        out[len..len + host.len()].copy_from_slice(host.as_bytes());
        len += host.len();
    }
    len
}

/// Seven bits in a byte, the low ones first; the top bit says that more follow.
fn write_number(mut number: u64, out: &mut [u8]) -> usize {
    let mut len = 0;
    while number >= 0x80 {
        out[len] = number as u8 | 0x80;
        number >>= 7;
        len += 1;
    }
    out[len] = number as u8;
    len + 1
}

fn write_flow(flow: &Flow, out: &mut [u8]) -> usize {
    let mut first = transport_code(flow.transport);
    out[1..3].copy_from_slice(&flow.listener.0.to_be_bytes());
    let mut len = 3;
    if flow.connection != ConnectionId::NONE {
        first |= CONNECTED;
        out[len..len + 8].copy_from_slice(&flow.connection.0.to_be_bytes());
        len += 8;
    }
    match flow.remote.ip() {
        IpAddr::V4(ip) => {
            out[len..len + 4].copy_from_slice(&ip.octets());
            len += 4;
        }
        IpAddr::V6(ip) => {
            first |= FAMILY_V6;
            out[len..len + 16].copy_from_slice(&ip.octets());
            len += 16;
        }
    }
    out[len..len + 2].copy_from_slice(&flow.remote.port().to_be_bytes());
    out[0] = first;
    len + 2
}

fn read_payload(payload: &[u8]) -> Option<RouteToken> {
    let (&version, rest) = payload.split_first()?;
    if version & !SECURE != VERSION {
        return None;
    }
    let secure = version & SECURE != 0;
    let (caller, rest) = read_end(rest)?;
    let (callee, rest) = read_end(rest)?;
    rest.is_empty().then_some(RouteToken { caller, callee, secure })
}

fn read_end(bytes: &[u8]) -> Option<(End, &[u8])> {
    let (flow, mut rest) = read_flow(bytes)?;
    let mut end = End { flow, party: None, host: None };
    if bytes[0] & HAS_PARTY != 0 {
        let (account, device);
        (account, rest) = read_number(rest)?;
        (device, rest) = read_number(rest)?;
        end.party = Some(Party { account: AccountId(account), device: DeviceId(device) });
    }
    if bytes[0] & HAS_HOST != 0 {
        let (&len, after) = rest.split_first()?;
        let (host, after) = after.split_at_checked(usize::from(len))?;
        end.host = Some(std::str::from_utf8(host).ok()?.into());
        rest = after;
    }
    Some((end, rest))
}

fn read_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let end = bytes.iter().take(NUMBER_MAX).position(|byte| *byte < 0x80)?;
    let (digits, rest) = bytes.split_at(end + 1);
    let number = digits.iter().rev().fold(0u64, |number, byte| number << 7 | u64::from(byte & 0x7f));
    Some((number, rest))
}

fn read_flow(bytes: &[u8]) -> Option<(Flow, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    let transport = transport_of_code(first & 0x0f)?;
    let (listener, rest) = rest.split_first_chunk::<2>()?;
    let (connection, rest) = if first & CONNECTED != 0 {
        let (serial, rest) = rest.split_first_chunk::<8>()?;
        (ConnectionId(u64::from_be_bytes(*serial)), rest)
    } else {
        (ConnectionId::NONE, rest)
    };
    let (ip, rest) = if first & FAMILY_V6 != 0 {
        let (octets, rest) = rest.split_first_chunk::<16>()?;
        (IpAddr::from(*octets), rest)
    } else {
        let (octets, rest) = rest.split_first_chunk::<4>()?;
        (IpAddr::from(*octets), rest)
    };
    let (port, rest) = rest.split_first_chunk::<2>()?;
    let remote = SocketAddr::new(ip, u16::from_be_bytes(*port));
    Some((Flow { transport, listener: ListenerId(u16::from_be_bytes(*listener)), connection, remote }, rest))
}

fn transport_code(transport: Transport) -> u8 {
    match transport {
        Transport::Udp => 0,
        Transport::Tcp => 1,
        Transport::Tls => 2,
        Transport::Ws => 3,
        Transport::Wss => 4,
        Transport::Sctp => 5,
        Transport::TlsSctp => 6,
        Transport::Other => 15,
    }
}

fn transport_of_code(code: u8) -> Option<Transport> {
    Some(match code {
        0 => Transport::Udp,
        1 => Transport::Tcp,
        2 => Transport::Tls,
        3 => Transport::Ws,
        4 => Transport::Wss,
        _ => return None,
    })
}

const _: () = assert!(TOKEN_MAX.div_ceil(3) * 4 <= TOKEN_TEXT_MAX);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::ShardId;

    fn seal(key: u8) -> RouteSeal {
        RouteSeal::new(&Secrets { nonce: [0; 32], route: [key; 32], gruu: [0; 32] })
    }

    fn udp(address: &str) -> Flow {
        let remote = address.parse().expect("a socket address");
        Flow { transport: Transport::Udp, listener: ListenerId(1), connection: ConnectionId::NONE, remote }
    }

    fn token() -> RouteToken {
        let callee = Flow {
            transport: Transport::Tls,
            listener: ListenerId(2),
            connection: ConnectionId::new(ShardId(1), 77),
            remote: "[2001:db8::7]:41000".parse().expect("a socket address"),
        };
        let party = Some(Party { account: AccountId(300), device: DeviceId(127) });
        RouteToken {
            caller: End { flow: udp("192.0.2.1:5060"), party: None, host: None },
            callee: End { flow: callee, party, host: None },
            secure: false,
        }
    }

    fn sealed(token: &RouteToken) -> Vec<u8> {
        let mut text = Vec::new();
        seal(1).seal(token, b"call", b"alice", &mut text);
        text
    }

    #[test]
    fn a_token_gives_back_both_flows_and_who_speaks() {
        let text = sealed(&token());
        let from_caller = seal(1).open(&text, b"call", b"alice", b"bob");
        assert_eq!(from_caller, Some((token(), Direction::FromCaller)));
        let from_callee = seal(1).open(&text, b"call", b"bob", b"alice");
        assert_eq!(from_callee, Some((token(), Direction::FromCallee)));
    }

    #[test]
    fn a_token_keeps_the_name_of_an_end_and_one_that_no_dns_has_is_left_out() {
        let mut named = token();
        named.callee.host = Some("sip.example.net".into());
        let open = |token: &RouteToken| seal(1).open(&sealed(token), b"call", b"alice", b"bob").map(|o| o.0);
        assert_eq!(open(&named), Some(named.clone()));
        named.callee.host = Some("n".repeat(HOST_MAX + 1).into());
        assert_eq!(open(&named), Some(token()));
    }

    /// RFC 5630 section 5.3.
    #[test]
    fn a_token_remembers_that_the_dialog_is_of_sips() {
        let secure = RouteToken { secure: true, ..token() };
        let text = sealed(&secure);
        assert_eq!(seal(1).open(&text, b"call", b"alice", b"bob").map(|o| o.0), Some(secure));
        assert_ne!(text, sealed(&token()));
    }

    #[test]
    fn a_token_of_another_dialog_or_key_opens_nothing() {
        let text = sealed(&token());
        assert_eq!(seal(1).open(&text, b"other", b"alice", b"bob"), None);
        assert_eq!(seal(1).open(&text, b"call", b"mallory", b"bob"), None);
        assert_eq!(seal(1).open(&text, b"calla", b"lice", b"bob"), None);
        assert_eq!(seal(2).open(&text, b"call", b"alice", b"bob"), None);
    }

    #[test]
    fn a_token_with_any_character_changed_opens_nothing() {
        let text = sealed(&token());
        for at in 0..text.len() {
            let mut forged = text.clone();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(seal(1).open(&forged, b"call", b"alice", b"bob"), None, "byte {at}");
        }
        for len in 0..text.len() {
            assert_eq!(seal(1).open(&text[..len], b"call", b"alice", b"bob"), None);
        }
    }

    #[test]
    fn a_token_is_a_user_part_without_escapes() {
        let mut widest = token();
        widest.callee.party = Some(Party { account: AccountId(u64::MAX), device: DeviceId(u64::MAX) });
        widest.callee.host = Some("n".repeat(HOST_MAX).into());
        widest.caller = widest.callee.clone();
        let text = sealed(&widest);
        assert_eq!(seal(1).open(&text, b"call", b"alice", b"bob").map(|o| o.0), Some(widest));
        assert!(RouteSeal::has_shape(&text), "{} bytes", text.len());
        let nobody = || End { flow: udp("192.0.2.1:5060"), party: None, host: None };
        let shortest = sealed(&RouteToken { caller: nobody(), callee: nobody(), secure: false });
        assert_eq!((shortest.len(), RouteSeal::has_shape(&shortest)), (TOKEN_TEXT_MIN, true));
        assert!(text.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-' || *b == b'_'));
    }

    #[test]
    fn a_connection_to_another_address_is_another_end() {
        let issued = token().callee.flow;
        let mut seen = issued;
        assert!(same_end(&issued, &seen));
        seen.remote.set_port(41_001);
        assert!(!same_end(&issued, &seen));
    }
}
