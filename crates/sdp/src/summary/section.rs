//! The attributes of one section that a summary asks for, gathered in one pass over its lines: the session's lines are
//! asked about for each of its streams, and those of a tagged stream for each in its bundle.

use super::SummaryFault;
use crate::Direction;
use crate::attribute::{
    Attribute, AttributeError, AttributeFault, Candidate, Crypto, Fingerprint, IceOptions, IcePassword,
    IceUfrag, MaxPacketTime, Mid, PacketTime, RemoteCandidates, RtcpAddress, Setup, TlsId,
};
use crate::line::Line;

/// An attribute that may be there once.
#[derive(Clone, Copy, Default)]
pub(super) enum Once<'a> {
    #[default]
    Absent,
    Value(&'a [u8]),
    /// Two values that differ: which one is meant is anybody's guess.
    Two,
}

#[derive(Default)]
pub(super) struct Section<'a> {
    pub(super) ufrag: Once<'a>,
    pub(super) password: Once<'a>,
    pub(super) options: Once<'a>,
    pub(super) remote_candidates: Once<'a>,
    pub(super) setup: Once<'a>,
    pub(super) tls_id: Once<'a>,
    pub(super) rtcp: Once<'a>,
    pub(super) mid: Once<'a>,
    pub(super) packet_time: Once<'a>,
    pub(super) packet_time_max: Once<'a>,
    /// The `c=` line.
    pub(super) connection: Once<'a>,
    direction: Once<'a>,
    pub(super) candidates: Vec<&'a [u8]>,
    pub(super) cryptos: Vec<&'a [u8]>,
    pub(super) fingerprints: Vec<&'a [u8]>,
    pub(super) has_rtcp_mux: bool,
    pub(super) is_lite: bool,
    pub(super) has_ended: bool,
}

impl<'a> Section<'a> {
    pub(super) fn of(lines: &[Line<'a>]) -> Self {
        let mut section = Self::default();
        for line in lines {
            if line.kind == b'c' {
                section.connection.take(line.value.trim_ascii());
            } else if let Some((name, value)) = line.attribute() {
                section.take(name.trim_ascii(), value.trim_ascii());
            }
        }
        section
    }

    fn take(&mut self, name: &'a [u8], value: &'a [u8]) {
        match name {
            IceUfrag::NAME => self.ufrag.take(value),
            IcePassword::NAME => self.password.take(value),
            IceOptions::NAME => self.options.take(value),
            RemoteCandidates::NAME => self.remote_candidates.take(value),
            Setup::NAME => self.setup.take(value),
            TlsId::NAME => self.tls_id.take(value),
            RtcpAddress::NAME => self.rtcp.take(value),
            Mid::NAME => self.mid.take(value),
            PacketTime::NAME => self.packet_time.take(value),
            MaxPacketTime::NAME => self.packet_time_max.take(value),
            Candidate::NAME => self.candidates.push(value),
            Crypto::NAME => self.cryptos.push(value),
            Fingerprint::NAME => self.fingerprints.push(value),
            b"rtcp-mux" | b"rtcp-mux-only" => self.has_rtcp_mux = true,
            b"ice-lite" => self.is_lite = true,
            b"end-of-candidates" => self.has_ended = true,
            name if Direction::parse(name).is_some() => self.direction.take(name),
            _ => {}
        }
    }

    pub(super) fn direction(&self) -> Result<Option<Direction>, SummaryFault> {
        match self.direction {
            Once::Absent => Ok(None),
            Once::Value(name) => Ok(Direction::parse(name)),
            Once::Two => Err(SummaryFault::TwoDirections),
        }
    }
}

impl<'a> Once<'a> {
    fn take(&mut self, value: &'a [u8]) {
        *self = match *self {
            Self::Absent => Self::Value(value),
            Self::Value(first) if first == value => Self::Value(value),
            Self::Value(_) | Self::Two => Self::Two,
        };
    }

    pub(super) fn read<T: Attribute>(self) -> Result<Option<T>, AttributeError> {
        match self {
            Self::Absent => Ok(None),
            Self::Value(value) => T::parse(value).map(Some).ok_or(fault::<T>(AttributeFault::Malformed)),
            Self::Two => Err(fault::<T>(AttributeFault::Repeated)),
        }
    }
}

fn fault<T: Attribute>(fault: AttributeFault) -> AttributeError {
    AttributeError { name: std::str::from_utf8(T::NAME).unwrap_or_default(), fault }
}
