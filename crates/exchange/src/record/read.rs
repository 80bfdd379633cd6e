//! Decoding. The bytes passed a checksum, but may come from another version or a damaged disk: everything is
//! checked, nothing panics, and what is not understood is an error that says where.

use super::{AOR, BIND, FORMAT, Kind, REFRESH, Stamp, TEXT_BYTES_MAX, UNBIND};
use crate::bindings::{BindingId, Draft, Fallback, Refresh, Version};
use crate::flow::{ConnectionId, Flow, ListenerId};
use coeur_directory::DeviceId;
use coeur_sip::transport::Transport;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// A batch that cannot be read; nothing of what follows `at` was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordError {
    pub what: &'static str,
    /// Bytes from the beginning of the batch.
    pub at: usize,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record of bindings: {} at byte {}", self.what, self.at)
    }
}

impl std::error::Error for RecordError {}

pub(super) struct Header {
    pub kind: Kind,
    pub stamp: Stamp,
    pub snapshot: Version,
}

pub(super) enum Change<'a> {
    Bind { id: BindingId, version: Version, age_s: u32, remaining_ms: u64, draft: Draft<'a> },
    Refresh { id: BindingId, version: Version, refresh: Refresh },
    Unbind { id: BindingId, version: Version },
}

/// Reads one batch.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    pub user: &'a [u8],
    pub domain: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<(Header, Self), RecordError> {
        let mut reader = Self { bytes, at: 0, user: b"", domain: b"" };
        let header = reader.header()?;
        Ok((header, reader))
    }

    fn header(&mut self) -> Result<Header, RecordError> {
        if self.byte()? != FORMAT {
            return Err(self.error("unknown format"));
        }
        let kind = match self.byte()? {
            0 => Kind::Changes,
            1 => Kind::Snapshot,
            _ => return Err(self.error("unknown kind of batch")),
        };
        let boot = u64::from_le_bytes(self.array()?);
        let (monotonic_ms, wall_ms) = (self.integer()?, self.integer()?);
        let snapshot = Version(self.integer()?);
        Ok(Header { kind, stamp: Stamp { boot, monotonic_ms, wall_ms }, snapshot })
    }

    /// The next change; `None` at the end of the batch.
    pub(super) fn change(&mut self) -> Result<Option<Change<'a>>, RecordError> {
        while self.at < self.bytes.len() {
            match self.byte()? {
                AOR => (self.user, self.domain) = (self.text()?, self.text()?),
                BIND => return self.bind().map(Some),
                REFRESH => return self.refresh().map(Some),
                UNBIND => {
                    return Ok(Some(Change::Unbind {
                        id: BindingId(self.integer()?),
                        version: Version(self.integer()?),
                    }));
                }
                _ => return Err(self.error("unknown change")),
            }
        }
        Ok(None)
    }

    fn bind(&mut self) -> Result<Change<'a>, RecordError> {
        let (id, version) = (BindingId(self.integer()?), Version(self.integer()?));
        let (age_s, remaining_ms) = (self.number()?, self.integer()?);
        let (contact, call_id, user_agent, path) = (self.text()?, self.text()?, self.text()?, self.text()?);
        let uri = self.part_of(contact)?;
        let instance = self.part_of(contact)?;
        let q = self.number()?;
        if q > 1000 {
            return Err(self.error("q above 1"));
        }
        let (cseq, reg_id, granted_s) = (self.number()?, self.number()?, self.number()?);
        let device = DeviceId(self.integer()?);
        let (flow, fallback) = (self.flow()?, self.fallback()?);
        let draft = Draft {
            user: self.user,
            domain: self.domain,
            contact,
            uri,
            instance,
            call_id,
            user_agent,
            path,
            cseq,
            q: q as u16,
            reg_id,
            device,
            flow,
            fallback,
            granted_s,
        };
        Ok(Change::Bind { id, version, age_s, remaining_ms, draft })
    }

    fn refresh(&mut self) -> Result<Change<'a>, RecordError> {
        let (id, version) = (BindingId(self.integer()?), Version(self.integer()?));
        let (cseq, granted_s) = (self.number()?, self.number()?);
        let (flow, fallback) = (self.flow()?, self.fallback()?);
        Ok(Change::Refresh { id, version, refresh: Refresh { cseq, flow, fallback, granted_s } })
    }

    /// The flow as far as it outlives a process: its connection does not.
    fn flow(&mut self) -> Result<Flow, RecordError> {
        let transport = transport_of(self.byte()?).ok_or(self.error("unknown transport"))?;
        let listener = ListenerId(self.short()?);
        let remote = match self.byte()? {
            4 => SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::from(self.array::<4>()?), self.short()?)),
            6 => {
                let address = Ipv6Addr::from(self.array::<16>()?);
                let scope = self.number()?;
                SocketAddr::V6(SocketAddrV6::new(address, self.short()?, 0, scope))
            }
            _ => return Err(self.error("unknown family of address")),
        };
        Ok(Flow { transport, listener, connection: ConnectionId::NONE, remote })
    }

    fn fallback(&mut self) -> Result<Fallback, RecordError> {
        match self.byte()? {
            0 => Ok(Fallback::None),
            1 => Ok(Fallback::Contact),
            _ => Err(self.error("unknown fallback")),
        }
    }

    fn part_of(&mut self, text: &[u8]) -> Result<(u16, u16), RecordError> {
        let (start, len) = (self.short()?, self.short()?);
        if start as usize + len as usize > text.len() {
            return Err(self.error("part outside its text"));
        }
        Ok((start, len))
    }

    fn text(&mut self) -> Result<&'a [u8], RecordError> {
        let len = self.integer()?;
        if len > TEXT_BYTES_MAX as u64 {
            return Err(self.error("text too long"));
        }
        self.take(len as usize)
    }

    fn number(&mut self) -> Result<u32, RecordError> {
        u32::try_from(self.integer()?).map_err(|_| self.error("number above 32 bits"))
    }

    fn short(&mut self) -> Result<u16, RecordError> {
        u16::try_from(self.integer()?).map_err(|_| self.error("number above 16 bits"))
    }

    fn integer(&mut self) -> Result<u64, RecordError> {
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

    fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn byte(&mut self) -> Result<u8, RecordError> {
        Ok(self.take(1)?[0])
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], RecordError> {
        let taken = self.bytes.get(self.at..self.at.saturating_add(len)).ok_or(self.error("cut short"))?;
        self.at += len;
        Ok(taken)
    }

    fn error(&self, what: &'static str) -> RecordError {
        RecordError { what, at: self.at }
    }
}

fn transport_of(number: u8) -> Option<Transport> {
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
