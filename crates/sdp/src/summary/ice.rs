//! Whether a stream speaks ICE, and with what (RFC 8839).

use super::SummaryFault;
use super::media::Levels;
use crate::attribute::{
    Attribute, Candidate, CandidateTransport, IceOptions, IcePassword, IceUfrag, RemoteCandidates,
};
use std::net::{IpAddr, SocketAddr};

/// Candidates looked at in one stream; those after are passed over. Worst-case memory: 128 times 300 bytes.
pub const CANDIDATES_MAX: usize = 128;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceSummary {
    pub ufrag: IceUfrag,
    pub password: IcePassword,
    /// The other side answers checks and makes none (RFC 8445 section 2.5).
    pub lite: bool,
    pub options: IceOptions,
    pub candidates: Vec<Candidate>,
    pub remote_candidates: Option<RemoteCandidates>,
    /// No candidate will follow (RFC 8840). Without trickle none does anyway.
    pub ended: bool,
    /// The default address is none of the candidates: something on the way rewrote the description without knowing ICE
    /// (RFC 8839 section 4.2.5).
    pub mismatch: bool,
}

impl IceSummary {
    pub fn trickles(&self) -> bool {
        self.options.has(IceOptions::TRICKLE)
    }

    /// `None` without both credentials: then no check could be made.
    pub(super) fn of(
        levels: &Levels<'_, '_>,
        default: Option<SocketAddr>,
    ) -> Result<Option<Self>, SummaryFault> {
        let ufrag = levels.read(|section| section.ufrag)?;
        let password = levels.read(|section| section.password)?;
        let (Some(ufrag), Some(password)) = (ufrag, password) else { return Ok(None) };
        let candidates = levels.nearest_in_media(|section| &section.candidates);
        let candidates = candidates.iter().take(CANDIDATES_MAX).filter_map(|value| Candidate::parse(value));
        let candidates: Vec<Candidate> = candidates.collect();
        Ok(Some(Self {
            ufrag,
            password,
            lite: levels.session.is_lite,
            options: levels.read(|section| section.options)?.unwrap_or_default(),
            mismatch: default.is_some_and(|default| is_mismatch(&candidates, default)),
            candidates,
            remote_candidates: levels.own.remote_candidates.read()?,
            ended: levels.own.has_ended || levels.session.has_ended,
        }))
    }
}

/// An unspecified address with port 9 stands for "not known yet" (RFC 8840 section 4.1.1), and a name among the
/// candidates may be the default one.
fn is_mismatch(candidates: &[Candidate], default: SocketAddr) -> bool {
    if default.ip().is_unspecified() || candidates.is_empty() {
        return false;
    }
    let is_default = |candidate: &Candidate| match candidate.ip() {
        None => true,
        Some(ip) => same(ip, default.ip()) && candidate.port == default.port(),
    };
    let rtp = candidates.iter().filter(|candidate| candidate.component == 1);
    !rtp.filter(|candidate| candidate.transport != CandidateTransport::Tcp).any(is_default)
}

fn same(one: IpAddr, other: IpAddr) -> bool {
    one.to_canonical() == other.to_canonical()
}
