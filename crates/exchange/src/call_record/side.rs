//! One side of a call, as its leg knows it.

use crate::event::LegProtection;
use crate::media::{Report, StreamKind};
use crate::party::Party;
use coeur_directory::Aor;
use coeur_sip::Transport;
use std::net::SocketAddr;

/// Bytes of a User-Agent that are kept; the rest of a longer one is left out.
pub const USER_AGENT_BYTES_MAX: usize = 128;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// `None`: nobody of ours.
    pub account: Option<Aor>,
    /// `None` too for an account of which no device has answered.
    pub party: Option<Party>,
    /// Name and address as From or To has them, without tags; empty when it was never said.
    pub address: Box<[u8]>,
    /// User-Agent, or Server, at most [`USER_AGENT_BYTES_MAX`] bytes.
    pub user_agent: Box<[u8]>,
    /// How its signalling comes, and from where; `None` for who has never spoken.
    pub flow: Option<(Transport, SocketAddr)>,
    pub call_id: Box<[u8]>,
    /// By `m=` line, as last agreed; `None` for what was refused. Empty when nothing was.
    pub streams: Box<[Option<AgreedStream>]>,
    /// What was measured; `None`: nobody has.
    pub report: Option<Box<Report>>,
}

/// A stream as it was last agreed with a side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgreedStream {
    pub kind: StreamKind,
    /// `opus/48000/2`; what the two sides have in common, or the first of this one.
    pub codec: Option<Box<str>>,
    /// Where it said that it receives.
    pub promised: SocketAddr,
    /// Where we said that we receive.
    pub ours: Option<SocketAddr>,
    pub protection: LegProtection,
    /// It wants to hear.
    pub we_send: bool,
    /// It is to be heard.
    pub we_receive: bool,
}

impl Side {
    /// An account that was called and has not answered.
    pub(crate) fn silent(account: Aor) -> Self {
        Self { account: Some(account), ..Self::nobody() }
    }

    pub fn nobody() -> Self {
        Self {
            account: None,
            party: None,
            address: Box::default(),
            user_agent: Box::default(),
            flow: None,
            call_id: Box::default(),
            streams: Box::default(),
            report: None,
        }
    }

    /// The first stream of audio, whose quality is that of the call.
    pub fn audio(&self) -> Option<(usize, &AgreedStream)> {
        let streams = self.streams.iter().enumerate();
        streams
            .filter_map(|(at, stream)| Some((at, stream.as_ref()?)))
            .find(|(_, stream)| stream.kind == StreamKind::Audio)
    }
}
