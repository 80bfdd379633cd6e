//! What can be seen of DTLS records from outside.

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const HEADER_BYTES: usize = 13;

/// True for bytes that can be DTLS beside STUN, ChannelData and RTP (RFC 7983 section 7).
pub fn is_dtls(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER_BYTES && (20..64).contains(&bytes[0])
}

/// The alert of a record in the clear. Anybody can write one: it is noted for the operator and ends nothing (RFC 9147
/// section 4.5.2 lets it be ignored).
pub(super) fn clear_alert(datagram: &[u8]) -> Option<u8> {
    let mut rest = datagram;
    while let Some((head, body)) = rest.split_first_chunk::<HEADER_BYTES>() {
        let bytes = usize::from(u16::from_be_bytes([head[11], head[12]]));
        let body = body.get(..bytes)?;
        if head[0] == ALERT && head[3..5] == [0, 0] {
            return Some(body.get(1).copied().unwrap_or(0));
        }
        rest = &rest[HEADER_BYTES + bytes..];
    }
    None
}

/// What a datagram that begins with a ClientHello, or with a part of one, shows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClientHello {
    /// In its first part. A client keeps it when it comes back with a cookie (RFC 6347 section 4.2.1).
    pub(super) random: Option<[u8; 32]>,
}

pub(super) fn client_hello(datagram: &[u8]) -> Option<ClientHello> {
    let body = clear_handshake(datagram, CLIENT_HELLO)?;
    let is_first_part = body[6..9] == [0; 3];
    let random = is_first_part.then(|| body.get(RANDOM..RANDOM + 32)?.try_into().ok()).flatten();
    (random.is_some() || !is_first_part).then_some(ClientHello { random })
}

/// Whether a server may answer a ClientHello with it: ServerHello (HelloRetryRequest too) or HelloVerifyRequest.
pub(super) fn answers_hello(datagram: &[u8]) -> bool {
    [SERVER_HELLO, HELLO_VERIFY_REQUEST].iter().any(|kind| clear_handshake(datagram, *kind).is_some())
}

/// A ServerHello with which a server has made up its mind: no HelloRetryRequest (RFC 8446 section 4.1.3).
pub(super) fn is_server_hello(datagram: &[u8]) -> bool {
    let random = clear_handshake(datagram, SERVER_HELLO).and_then(|body| body.get(RANDOM..RANDOM + 32));
    random.is_some_and(|random| random != RETRY)
}

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const HELLO_VERIFY_REQUEST: u8 = 3;

/// Where the random number of a hello stands: behind the handshake header and two bytes of version.
const RANDOM: usize = 14;

/// The random number that makes a ServerHello a HelloRetryRequest: SHA-256 of this name.
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2,
    0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// The first record, from its handshake header on, if it is a message of this kind that was not encrypted.
fn clear_handshake(datagram: &[u8], kind: u8) -> Option<&[u8]> {
    let (head, body) = datagram.split_first_chunk::<HEADER_BYTES>()?;
    let is_clear = head[0] == HANDSHAKE && head[3..5] == [0, 0];
    (is_clear && body.len() >= 12 && body[0] == kind).then_some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_in_the_clear_is_found_behind_other_records() {
        let record = |kind: u8, epoch: u8, body: &[u8]| {
            let mut bytes = vec![kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 1, 0, body.len() as u8];
            bytes.extend_from_slice(body);
            bytes
        };
        let handshake = record(22, 0, &[1, 2, 3]);
        assert_eq!(clear_alert(&record(21, 0, &[2, 40])), Some(40));
        assert_eq!(clear_alert(&[handshake.clone(), record(21, 0, &[1, 0])].concat()), Some(0));
        assert_eq!(clear_alert(&record(21, 1, &[2, 40])), None);
        assert_eq!(clear_alert(&handshake), None);
        assert_eq!(clear_alert(&record(21, 0, &[2, 40])[..14]), None);
        assert!(is_dtls(&handshake) && !is_dtls(&[0x80; 40]) && !is_dtls(&[0; 40]));
    }
}
