//! Via lines of an answer, with received and rport (RFC 3261 section 18.2.1, RFC 3581 section 4).

use std::net::{IpAddr, SocketAddr};

use super::push_value;
use crate::header::{HeaderName, Via};
use crate::lex;
use crate::message::Headers;
use crate::uri::{Host, write_ip};

/// Writes all Via lines in order, the top one as its receiver completes it. `top` is the top Via as read, `None` when
/// it cannot be read: then its sender gets it back as it is. `source` is where the request came from.
pub fn write_vias(headers: Headers<'_>, top: Option<&Via<'_>>, source: SocketAddr, out: &mut Vec<u8>) {
    for (at, header) in headers.all(HeaderName::Via).enumerate() {
        if at == 0
            && let Some(via) = top
        {
            write_first(header.value, via, source, out);
        } else if header.clean {
            out.extend_from_slice(header.span);
        } else {
            out.extend_from_slice(b"Via: ");
            push_value(header.value, out);
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// Writes the value of the first Via line, of which `via` is the first element: in it `received` holds the source
/// address when sent-by does not say it or when `rport` is asked for, and `rport` the source port. What the sender
/// wrote there itself is replaced: only the receiver knows.
fn write_first(value: &[u8], via: &Via<'_>, source: SocketAddr, out: &mut Vec<u8>) {
    // The element ends where its parameters do, or its sent-by; what follows is white space and other elements. A Via
    // that is not of this line leaves it as it is.
    let last = if via.params.is_empty() { via.sent_by } else { via.params.raw() };
    let end = (last.as_ptr() as usize + last.len()).wrapping_sub(value.as_ptr() as usize);
    let top = value.get(..lex::skip_lws(value, end)).unwrap_or_default();
    out.extend_from_slice(b"Via: ");
    if !top.is_empty() {
        write_top(lex::trim(top), via, source, out);
    }
    push_value(&value[top.len()..], out);
    out.extend_from_slice(b"\r\n");
}

fn write_top(top: &[u8], via: &Via<'_>, source: SocketAddr, out: &mut Vec<u8>) {
    // An IPv4 peer on an IPv6 socket is an IPv4 peer.
    let address = source.ip().to_canonical();
    let said = match via.host {
        Host::Name(_) => false,
        Host::V4(host) => IpAddr::V4(host) == address,
        Host::V6(host) => IpAddr::V6(host).to_canonical() == address,
    };
    if said && via.rport.is_none() && via.received.is_none() {
        push_value(top, out);
        return;
    }
    let params = via.params.raw().len();
    // Parameters are the tail of the element, so what precedes them is its head.
    push_value(lex::trim(&top[..top.len() - params]), out);
    for param in via.params {
        if !param.is("received") && !param.is("rport") {
            out.push(b';');
            push_value(param.raw, out);
        }
    }
    if !said || via.rport.is_some() {
        out.extend_from_slice(b";received=");
        write_ip(address, out);
    }
    if via.rport.is_some() {
        out.extend_from_slice(b";rport=");
        lex::push_number(u64::from(source.port()), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(value: &str, source: &str) -> String {
        let mut out = Vec::new();
        let value = value.as_bytes();
        let via = Via::parse(lex::trim(&value[..crate::message::element_end(value)])).unwrap();
        write_first(value, &via, source.parse().unwrap(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn rport_is_filled_in_with_the_source() {
        assert_eq!(
            completed("SIP/2.0/UDP 10.1.1.1:4540;rport;branch=z9hG4bKkjshdyff", "192.0.2.1:9988"),
            "Via: SIP/2.0/UDP 10.1.1.1:4540;branch=z9hG4bKkjshdyff;received=192.0.2.1;rport=9988\r\n"
        );
    }

    #[test]
    fn received_is_added_only_when_sent_by_does_not_say_it() {
        assert_eq!(
            completed("SIP/2.0/TCP 192.0.2.1;branch=x", "192.0.2.1:5060"),
            "Via: SIP/2.0/TCP 192.0.2.1;branch=x\r\n"
        );
        assert_eq!(
            completed("SIP/2.0/TCP a.example;branch=x", "[2001:db8::1]:5060"),
            "Via: SIP/2.0/TCP a.example;branch=x;received=2001:db8::1\r\n"
        );
        assert_eq!(
            completed("SIP/2.0/UDP 192.0.2.1;branch=x", "[::ffff:192.0.2.1]:5060"),
            "Via: SIP/2.0/UDP 192.0.2.1;branch=x\r\n"
        );
    }

    #[test]
    fn what_the_sender_claims_to_be_its_source_is_replaced() {
        assert_eq!(
            completed("SIP/2.0/UDP 192.0.2.1;received=203.0.113.9;rport=1;branch=x", "192.0.2.1:7"),
            "Via: SIP/2.0/UDP 192.0.2.1;branch=x;received=192.0.2.1;rport=7\r\n"
        );
        assert_eq!(
            completed("SIP/2.0/UDP 192.0.2.1;received=203.0.113.9;branch=x", "192.0.2.1:7"),
            "Via: SIP/2.0/UDP 192.0.2.1;branch=x\r\n"
        );
    }

    #[test]
    fn a_via_of_another_line_changes_nothing() {
        let via = Via::parse(b"SIP/2.0/UDP a;rport").unwrap();
        let mut out = Vec::new();
        write_first(b"SIP/2.0/UDP b;rport", &via, "192.0.2.1:7".parse().unwrap(), &mut out);
        assert_eq!(out, b"Via: SIP/2.0/UDP b;rport\r\n");
    }

    #[test]
    fn only_the_first_value_of_a_line_is_completed() {
        assert_eq!(
            completed("SIP/2.0/UDP a ;\r\n branch = x , SIP/2.0/UDP b;rport", "192.0.2.1:7"),
            "Via: SIP/2.0/UDP a;branch = x;received=192.0.2.1, SIP/2.0/UDP b;rport\r\n"
        );
    }
}
