//! Addresses in attributes, plain and XORed (RFC 8489 sections 14.1 and 14.2).

use super::{COOKIE, TransactionId};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const IPV4: u8 = 1;
const IPV6: u8 = 2;

pub(super) fn is_valid(value: &[u8]) -> bool {
    matches!((value.len(), value.get(1)), (8, Some(&IPV4)) | (20, Some(&IPV6)))
}

/// The address of a value that [`is_valid`]; `None` for another.
pub(super) fn read(value: &[u8]) -> Option<SocketAddr> {
    let port = u16::from_be_bytes([*value.get(2)?, *value.get(3)?]);
    let ip: IpAddr = match value {
        [_, IPV4, _, _, a, b, c, d] => Ipv4Addr::new(*a, *b, *c, *d).into(),
        [_, IPV6, _, _, rest @ ..] => Ipv6Addr::from(<[u8; 16]>::try_from(rest).ok()?).into(),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

pub(super) fn read_xored(value: &[u8], transaction: TransactionId) -> Option<SocketAddr> {
    read(value).map(|address| xored(address, transaction))
}

/// An address XORed with cookie and transaction. Twice is the address again.
pub(super) fn xored(address: SocketAddr, transaction: TransactionId) -> SocketAddr {
    let port = address.port() ^ (COOKIE >> 16) as u16;
    let ip: IpAddr = match address.ip() {
        IpAddr::V4(ip) => Ipv4Addr::from(u32::from(ip) ^ COOKIE).into(),
        IpAddr::V6(ip) => {
            let mut mask = [0; 16];
            mask[..4].copy_from_slice(&COOKIE.to_be_bytes());
            mask[4..].copy_from_slice(&transaction.0);
            Ipv6Addr::from(u128::from(ip) ^ u128::from_be_bytes(mask)).into()
        }
    };
    SocketAddr::new(ip, port)
}

/// The value of an address, and how many of its bytes count.
pub(super) fn write(address: SocketAddr) -> ([u8; 20], usize) {
    let mut value = [0; 20];
    value[2..4].copy_from_slice(&address.port().to_be_bytes());
    match address.ip() {
        IpAddr::V4(ip) => {
            value[1] = IPV4;
            value[4..8].copy_from_slice(&ip.octets());
            (value, 8)
        }
        IpAddr::V6(ip) => {
            value[1] = IPV6;
            value[4..].copy_from_slice(&ip.octets());
            (value, 20)
        }
    }
}
