//! What the caller hands in for the leg that a description is written for.

use crate::Proto;
use crate::attribute::{Candidate, Crypto, IceOptions, IcePassword, IceUfrag};
use crate::summary::DtlsKeying;
use std::net::{IpAddr, SocketAddr};

/// One leg: who listens where, with which keys.
#[derive(Clone, Debug)]
pub struct Leg {
    /// For the `c=` line of the session. Streams that are received elsewhere have their own.
    pub address: IpAddr,
    /// One transport for several streams is offered, or accepted where it is offered (RFC 9143).
    pub has_bundle: bool,
    /// `ssrc`, `ssrc-group` and `msid` of the other leg are true on this one too: RTP passes with its sources unchanged.
    pub keeps_sources: bool,
    /// One for each `m=` line, in the order of this leg.
    pub slots: Vec<Slot>,
}

/// What becomes of one `m=` line of the leg.
#[derive(Clone, Debug)]
pub enum Slot {
    /// Port zero. `from` is the `m=` line of the other leg that it refuses, if there is one.
    Refused { from: Option<usize> },
    /// The stream `from` of the other leg.
    Stream { from: usize, transport: Box<LegTransport> },
}

/// Where and how one stream is received on this leg.
#[derive(Clone, Debug)]
pub struct LegTransport {
    /// What is offered. An answer repeats that of its offer, and a stream that is no RTP keeps its own.
    pub proto: Proto,
    pub rtp: SocketAddr,
    pub rtcp: RtcpPlace,
    /// Offered in this order; exactly one, with the tag of the offer, in an answer. With a plain profile they are best
    /// effort (RFC 8643).
    pub sdes: Vec<Crypto>,
    pub dtls: Option<DtlsKeying>,
    pub ice: Option<LegIce>,
}

/// Where RTCP is received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RtcpPlace {
    /// One port above RTP.
    Above,
    At(SocketAddr),
    /// On the port of RTP (RFC 5761), and at `otherwise` when the other side cannot do that.
    Shared {
        otherwise: Option<SocketAddr>,
    },
}

#[derive(Clone, Debug)]
pub struct LegIce {
    pub ufrag: IceUfrag,
    pub password: IcePassword,
    pub options: IceOptions,
    pub is_lite: bool,
    pub candidates: Vec<Candidate>,
    /// No more will follow.
    pub has_ended: bool,
}

impl Slot {
    pub fn from(&self) -> Option<usize> {
        match self {
            Self::Refused { from } => *from,
            Self::Stream { from, .. } => Some(*from),
        }
    }

    pub fn transport(&self) -> Option<&LegTransport> {
        match self {
            Self::Refused { .. } => None,
            Self::Stream { transport, .. } => Some(transport),
        }
    }
}

impl LegTransport {
    /// Plain RTP with RTCP one port above.
    pub fn plain(rtp: SocketAddr) -> Self {
        let (proto, rtcp) = (Proto::RtpAvp, RtcpPlace::Above);
        Self { proto, rtp, rtcp, sdes: Vec::new(), dtls: None, ice: None }
    }
}
