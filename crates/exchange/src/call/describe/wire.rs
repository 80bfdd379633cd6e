//! Calls whose devices check each other's addresses themselves (decision 0042): each is told the credentials and the candidates
//! of the other, and our port as the last of them, through which checks pass as they are. So the two speak directly where they
//! reach each other, and else through us, without a word more of signalling.

use super::{Described, keys};
use crate::call::leg::Leg;
use crate::media::StreamAddress;
use coeur_sdp::MediaSummary;
use coeur_sdp::attribute::{Candidate, CandidateKind, CandidateTransport, IceOptions};
use coeur_sdp::derive::LegIce;
use coeur_sdp::summary::IceSummary;

/// Candidates of one stream that are told, ours apart: as many as a browser in five networks has. 100 bytes each.
const CANDIDATES_MAX: usize = 32;

/// Type preference, local preference and component of our last candidate are as low as can be (RFC 8445 section 5.1.2.1): no
/// other way of the two is worse.
const PRIORITY: u32 = 256 - 1;
/// Of theirs, above all of ours.
const PRIORITY_MIN: u32 = 1 << 16;

/// Whether who has described this makes checks of its own, at one port: all is in one bundle, or there is one stream.
pub(in crate::call) fn may_be_wire(described: &Described<'_>) -> bool {
    let media = &described.summary.media;
    let taken = || media.iter().filter(|media| !media.is_rejected);
    let is_checked = |media: &MediaSummary| media.ice.as_ref().is_some_and(|ice| !ice.lite && !ice.mismatch);
    let tagged = |media: &MediaSummary| media.bundled.map(|bundled| bundled.tagged);
    let mut bundles = taken().map(tagged);
    let first = bundles.next();
    let is_one = bundles.all(|bundle| bundle.is_some() && Some(bundle) == first);
    first.is_some() && is_one && taken().all(is_checked)
}

/// Whether what we have said last on a leg are the credentials of the other device. Ours are those of a lite agent.
pub(in crate::call) fn is_wire(leg: &Leg) -> bool {
    leg.session.local.read().is_some_and(|said| says_wire(&said))
}

/// The same of what we have said.
pub(super) fn says_wire(said: &Described<'_>) -> bool {
    let mut ice = said.summary.media.iter().filter_map(|media| media.ice.as_ref());
    ice.any(|ice| !ice.lite)
}

/// What the other device has said of itself, and where we are.
pub(super) fn ice(theirs: &IceSummary, at: &StreamAddress) -> LegIce {
    let (ufrag, password) = keys::credentials_of(theirs);
    let is_told = |candidate: &&Candidate| {
        // RTCP is on the port of RTP, and what follows later (RFC 8838) nobody could be told.
        candidate.transport == CandidateTransport::Udp && candidate.component == 1
    };
    let told = theirs.candidates.iter().filter(is_told).take(CANDIDATES_MAX);
    let mut candidates: Vec<Candidate> = told.map(lowered).collect();
    let ours = || std::iter::once(&at.rtp).chain(&at.others);
    let count = ours().count() as u32;
    candidates.extend(ours().zip(0..).map(|(rtp, place)| ours_at(*rtp, count - place)));
    let options = theirs.options.0.iter().filter(|option| **option != IceOptions::TRICKLE).cloned().collect();
    LegIce { ufrag, password, options: IceOptions(options), is_lite: false, candidates, has_ended: true }
}

/// `from_last`: 1 is the last.
fn ours_at(at: std::net::SocketAddr, from_last: u32) -> Candidate {
    let any = if at.is_ipv4() { "0.0.0.0" } else { "::" };
    Candidate {
        foundation: format!("coeur{from_last}"),
        component: 1,
        transport: CandidateTransport::Udp,
        priority: PRIORITY + 256 * (from_last - 1),
        address: at.ip().to_string(),
        port: at.port(),
        // What comes there is passed on, and where the other device is, is not ours to say (RFC 8839 section 5.1).
        kind: CandidateKind::Relayed,
        related: Some((any.into(), 0)),
        // Chromium goes by the cost of networks before it goes by priorities, until a check tells it that of the other device;
        // this is the highest.
        extensions: vec![("generation".into(), "0".into()), ("network-cost".into(), "999".into())],
    }
}

/// Half of what it was, so that the order of the candidates stays: a direct way is better than this wire, and worse than what we
/// offer when the media is wanted here. Else a browser would stay on the direct way as long as that answers, whatever its restart
/// has found: it keeps both pairs, and goes by their priorities.
fn lowered(candidate: &Candidate) -> Candidate {
    let priority = (candidate.priority / 2).max(PRIORITY_MIN);
    Candidate { priority, ..candidate.clone() }
}
