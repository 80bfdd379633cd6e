//! The words of which all entries are made: integers as LEB128, texts with their length, flows.

use super::TEXT_BYTES_MAX;
use super::read::RecordError;
use crate::flow::{ConnectionId, Flow, ListenerId};
use coeur_sip::transport::Transport;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// Reads what has passed a checksum, but may come from another version or a damaged disk: everything is checked, nothing
/// panics.
#[derive(Clone)]
pub(super) struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// The flow as far as it outlives a process: its connection does not.
    pub(super) fn flow(&mut self) -> Result<Flow, RecordError> {
        let transport = transport_of(self.byte()?).ok_or(self.error("unknown transport"))?;
        let listener = ListenerId(self.short()?);
        let remote = self.address()?;
        Ok(Flow { transport, listener, connection: ConnectionId::NONE, remote })
    }

    pub(super) fn address(&mut self) -> Result<SocketAddr, RecordError> {
        match self.byte()? {
            4 => Ok(SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::from(self.array::<4>()?), self.short()?))),
            6 => {
                let address = Ipv6Addr::from(self.array::<16>()?);
                let scope = self.number()?;
                Ok(SocketAddr::V6(SocketAddrV6::new(address, self.short()?, 0, scope)))
            }
            _ => Err(self.error("unknown family of address")),
        }
    }

    pub(super) fn text(&mut self) -> Result<&'a [u8], RecordError> {
        let len = self.integer()?;
        if len > TEXT_BYTES_MAX as u64 {
            return Err(self.error("text too long"));
        }
        self.take(len as usize)
    }

    /// A text that is UTF-8.
    pub(super) fn name(&mut self) -> Result<&'a str, RecordError> {
        let bytes = self.text()?;
        std::str::from_utf8(bytes).map_err(|_| self.error("a name that is no text"))
    }

    pub(super) fn number(&mut self) -> Result<u32, RecordError> {
        u32::try_from(self.integer()?).map_err(|_| self.error("number above 32 bits"))
    }

    pub(super) fn short(&mut self) -> Result<u16, RecordError> {
        u16::try_from(self.integer()?).map_err(|_| self.error("number above 16 bits"))
    }

    pub(super) fn integer(&mut self) -> Result<u64, RecordError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                return Err(self.error("number above 64 bits"));
            }
            value |= ((byte & 0x7f) as u64) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.error("number without end"))
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(super) fn byte(&mut self) -> Result<u8, RecordError> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn flag(&mut self) -> Result<bool, RecordError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.error("neither yes nor no")),
        }
    }

    /// What may be missing.
    pub(super) fn maybe<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, RecordError>,
    ) -> Result<Option<T>, RecordError> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }

    /// At most `max` of them.
    pub(super) fn list<T>(
        &mut self,
        max: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, RecordError>,
    ) -> Result<Vec<T>, RecordError> {
        let count = self.integer()?;
        if count > max as u64 {
            return Err(self.error("list too long"));
        }
        (0..count).map(|_| read(self)).collect()
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], RecordError> {
        let taken = self.bytes.get(self.at..self.at.saturating_add(len)).ok_or(self.error("cut short"))?;
        self.at += len;
        Ok(taken)
    }

    pub(super) fn error(&self, what: &'static str) -> RecordError {
        RecordError { what, at: self.at }
    }
}

pub(super) fn flow(out: &mut Vec<u8>, flow: &Flow) {
    out.push(transport_number(flow.transport));
    integer(out, flow.listener.0 as u64);
    address(out, &flow.remote);
}

pub(super) fn address(out: &mut Vec<u8>, address: &SocketAddr) {
    match address {
        SocketAddr::V4(v4) => {
            out.push(4);
            out.extend_from_slice(&v4.ip().octets());
        }
        SocketAddr::V6(v6) => {
            out.push(6);
            out.extend_from_slice(&v6.ip().octets());
            integer(out, v6.scope_id() as u64);
        }
    }
    integer(out, address.port() as u64);
}

/// An address without a port has port 0.
pub(super) fn host(out: &mut Vec<u8>, ip: IpAddr) {
    address(out, &SocketAddr::new(ip, 0));
}

pub(super) fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    debug_assert!(bytes.len() <= TEXT_BYTES_MAX);
    integer(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(super) fn maybe<T>(out: &mut Vec<u8>, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        write(out, value);
    }
}

pub(super) fn list<T>(out: &mut Vec<u8>, values: &[T], mut write: impl FnMut(&mut Vec<u8>, &T)) {
    integer(out, values.len() as u64);
    values.iter().for_each(|value| write(out, value));
}

pub(super) fn integer(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Numbers of the format, not of the type: they never change.
pub(super) fn transport_number(transport: Transport) -> u8 {
    match transport {
        Transport::Udp => 0,
        Transport::Tcp => 1,
        Transport::Tls => 2,
        Transport::Ws => 3,
        Transport::Wss => 4,
        Transport::Sctp => 5,
        Transport::TlsSctp => 6,
        Transport::Other => 7,
    }
}

pub(super) fn transport_of(number: u8) -> Option<Transport> {
    Some(match number {
        0 => Transport::Udp,
        1 => Transport::Tcp,
        2 => Transport::Tls,
        3 => Transport::Ws,
        4 => Transport::Wss,
        5 => Transport::Sctp,
        6 => Transport::TlsSctp,
        7 => Transport::Other,
        _ => return None,
    })
}
