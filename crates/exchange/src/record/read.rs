//! Decoding. The bytes passed a checksum, but may come from another version or a damaged disk: everything is
//! checked, nothing panics, and what is not understood is an error that says where.

use super::fields::Fields;
use super::{AOR, BIND, FORMAT, Kind, REFRESH, Stamp, UNBIND};
use crate::bindings::{BindingId, Draft, Fallback, Refresh, Version};
use coeur_directory::DeviceId;
use std::fmt;

/// A batch that cannot be read; nothing of what follows `at` was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordError {
    pub what: &'static str,
    /// Bytes from the beginning of the batch.
    pub at: usize,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry of the journal: {} at byte {}", self.what, self.at)
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
    fields: Fields<'a>,
    pub user: &'a [u8],
    pub domain: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<(Header, Self), RecordError> {
        let mut reader = Self { fields: Fields::new(bytes), user: b"", domain: b"" };
        let header = reader.header()?;
        Ok((header, reader))
    }

    fn header(&mut self) -> Result<Header, RecordError> {
        if self.fields.byte()? != FORMAT {
            return Err(self.fields.error("unknown format"));
        }
        let kind = match self.fields.byte()? {
            0 => Kind::Changes,
            1 => Kind::Snapshot,
            _ => return Err(self.fields.error("unknown kind of batch")),
        };
        let boot = u64::from_le_bytes(self.fields.array()?);
        let (monotonic_ms, wall_ms) = (self.fields.integer()?, self.fields.integer()?);
        let snapshot = Version(self.fields.integer()?);
        Ok(Header { kind, stamp: Stamp { boot, monotonic_ms, wall_ms }, snapshot })
    }

    /// The next change; `None` at the end of the batch.
    pub(super) fn change(&mut self) -> Result<Option<Change<'a>>, RecordError> {
        while !self.fields.is_empty() {
            match self.fields.byte()? {
                AOR => (self.user, self.domain) = (self.fields.text()?, self.fields.text()?),
                BIND => return self.bind().map(Some),
                REFRESH => return self.refresh().map(Some),
                UNBIND => {
                    return Ok(Some(Change::Unbind {
                        id: BindingId(self.fields.integer()?),
                        version: Version(self.fields.integer()?),
                    }));
                }
                _ => return Err(self.fields.error("unknown change")),
            }
        }
        Ok(None)
    }

    fn bind(&mut self) -> Result<Change<'a>, RecordError> {
        let (id, version) = (BindingId(self.fields.integer()?), Version(self.fields.integer()?));
        let (age_s, remaining_ms) = (self.fields.number()?, self.fields.integer()?);
        let (contact, call_id, user_agent, path) =
            (self.fields.text()?, self.fields.text()?, self.fields.text()?, self.fields.text()?);
        let uri = self.part_of(contact)?;
        let instance = self.part_of(contact)?;
        let q = self.fields.number()?;
        if q > 1000 {
            return Err(self.fields.error("q above 1"));
        }
        let (cseq, reg_id, granted_s) = (self.fields.number()?, self.fields.number()?, self.fields.number()?);
        let device = DeviceId(self.fields.integer()?);
        let (flow, fallback) = (self.fields.flow()?, self.fallback()?);
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
        let (id, version) = (BindingId(self.fields.integer()?), Version(self.fields.integer()?));
        let (cseq, granted_s) = (self.fields.number()?, self.fields.number()?);
        let (flow, fallback) = (self.fields.flow()?, self.fallback()?);
        Ok(Change::Refresh { id, version, refresh: Refresh { cseq, flow, fallback, granted_s } })
    }

    fn fallback(&mut self) -> Result<Fallback, RecordError> {
        match self.fields.byte()? {
            0 => Ok(Fallback::None),
            1 => Ok(Fallback::Contact),
            _ => Err(self.fields.error("unknown fallback")),
        }
    }

    fn part_of(&mut self, text: &[u8]) -> Result<(u16, u16), RecordError> {
        let (start, len) = (self.fields.short()?, self.fields.short()?);
        if start as usize + len as usize > text.len() {
            return Err(self.fields.error("part outside its text"));
        }
        Ok((start, len))
    }
}
