//! STUN Binding on the SIP port (RFC 5626 section 4.4.2, RFC 8489): the keep-alive of outbound flows over UDP. The messages
//! are those of [`coeur_media::stun`].

use coeur_media::stun::{Class, Kind, Message, Method, Writer};
use std::net::SocketAddr;

pub use coeur_media::stun::is_stun;

/// Writes the answer to a Binding request, or nothing when it is not one. It is of 32 bytes over IPv4 and 44 over IPv6, as
/// short as RFC 8489 lets it be, for a request of at least 20: with the headers of IP and UDP, less than one and a half
/// times what came (threat T-32). Attributes that are not known are none of its business (RFC 8489 section 6.3.1 would
/// have them refused): an address is told to whoever asks.
pub fn answer(request: &[u8], from: SocketAddr, out: &mut Vec<u8>) -> bool {
    let Ok(message) = Message::read(request) else { return false };
    if (message.method(), message.class()) != (Method::Binding, Class::Request) {
        return false;
    }
    let seen = SocketAddr::new(from.ip().to_canonical(), from.port());
    Writer::new(out, Class::Success, Method::Binding, message.transaction())
        .xored_address(Kind::XorMappedAddress, seen);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binding_request_learns_its_address() {
        let mut request = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        request.extend_from_slice(&[7; 12]);
        assert!(is_stun(&request));
        let mut out = Vec::new();
        assert!(answer(&request, "192.0.2.1:32853".parse().unwrap(), &mut out));
        assert_eq!(&out[..4], [1, 1, 0, 12]);
        assert_eq!(&out[20..], [0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
    }

    #[test]
    fn an_answer_is_on_the_wire_less_than_one_and_a_half_times_its_request() {
        let mut request = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        request.extend_from_slice(&[7; 12]);
        for (from, headers) in [("192.0.2.1:3478", 20 + 8), ("[2001:db8::1]:3478", 40 + 8)] {
            let mut out = Vec::new();
            assert!(answer(&request, from.parse().unwrap(), &mut out));
            assert!(2 * (out.len() + headers) < 3 * (request.len() + headers), "{} bytes", out.len());
        }
    }

    #[test]
    fn anything_else_is_left_without_answer() {
        assert!(!is_stun(b"OPTIONS sip:a SIP/2.0\r\n"));
        let mut indication = vec![0, 0x11, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        indication.extend_from_slice(&[7; 12]);
        let mut short = vec![0, 1, 0, 4, 0x21, 0x12, 0xa4, 0x42];
        short.extend_from_slice(&[7; 12]);
        for wrong in [indication, short] {
            assert!(!answer(&wrong, "192.0.2.1:1".parse().unwrap(), &mut Vec::new()));
        }
    }
}
