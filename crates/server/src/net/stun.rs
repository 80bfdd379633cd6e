//! STUN Binding on the SIP port (RFC 5626 section 4.4.2, RFC 8489): the keep-alive of outbound flows over UDP.

use std::net::{IpAddr, SocketAddr};

const COOKIE: u32 = 0x2112_a442;

/// True for bytes that are STUN and cannot be SIP (RFC 8489 section 5: two zero bits, then the cookie).
pub fn is_stun(bytes: &[u8]) -> bool {
    bytes.len() >= 20 && bytes[0] & 0xc0 == 0 && bytes[4..8] == COOKIE.to_be_bytes()
}

/// Writes the answer to a Binding request, or nothing when it is not one. It is of 32 bytes over IPv4 and 44 over IPv6, as
/// short as RFC 8489 lets it be, for a request of at least 20: with the headers of IP and UDP, less than one and a half
/// times what came (threat T-32).
pub fn answer(request: &[u8], from: SocketAddr, out: &mut Vec<u8>) -> bool {
    let length = usize::from(u16::from_be_bytes([request[2], request[3]]));
    if request[..2] != [0, 1] || length % 4 != 0 || request.len() != 20 + length {
        return false;
    }
    let port = from.port() ^ (COOKIE >> 16) as u16;
    let mut address = [0u8; 16];
    let (family, address) = match from.ip() {
        IpAddr::V4(ip) => {
            address[..4].copy_from_slice(&(u32::from(ip) ^ COOKIE).to_be_bytes());
            (1, &address[..4])
        }
        IpAddr::V6(ip) => {
            for (i, byte) in ip.octets().iter().enumerate() {
                // RFC 8489 section 14.2: cookie and transaction identifier, which follow each other in the request.
                address[i] = byte ^ request[4 + i];
            }
            (2, &address[..])
        }
    };
    out.extend_from_slice(&[1, 1, 0, 8 + address.len() as u8]);
    out.extend_from_slice(&request[4..20]);
    out.extend_from_slice(&[0, 0x20, 0, 4 + address.len() as u8, 0, family]);
    out.extend_from_slice(&port.to_be_bytes());
    out.extend_from_slice(address);
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
        assert!(!answer(&indication, "192.0.2.1:1".parse().unwrap(), &mut Vec::new()));
    }
}
