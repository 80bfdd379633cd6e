//! The lines that are taken over from the other leg.

use super::Leg;
use super::scope::{Scope, scope};
use crate::line::{Line, OwnedLine};
use crate::{Description, Media, MediaDescription, Proto, SessionDescription};

/// The session lines that concern both ends, and our own `c=`. Who is behind the other leg (`u=`, `e=`, `p=`) is for
/// the SIP headers to tell or to hide.
pub(super) fn session(source: &Description<'_>, leg: &Leg) -> SessionDescription {
    let is_kept = |line: &&Line<'_>| match line.kind {
        b'o' | b'u' | b'e' | b'p' => false,
        _ => is_kept(scope(line), leg.keeps_sources, Proto::Other),
    };
    let session = source.session.iter().filter(is_kept).map(OwnedLine::from).collect();
    let mut description = SessionDescription { session, media: Vec::new() };
    for (kind, usual) in [(b's', "-"), (b't', "0 0")] {
        if source.line(kind).is_none() {
            description.set_line(kind, usual);
        }
    }
    description.set_connection(leg.address);
    if leg.slots.iter().any(|slot| slot.transport().is_some_and(is_lite)) {
        description.push_flag("ice-lite");
    }
    description
}

/// A stream of the other leg without what concerns only that leg. `proto` is that of this leg.
pub(super) fn media(source: &Media<'_>, proto: &[u8], port: u16, keeps_sources: bool) -> MediaDescription {
    let profile = Proto::parse(proto);
    let is_video = source.kind == b"video";
    let lines = source.lines.iter().filter(|line| match scope(line) {
        // Without feedback a picture that is lost stays lost, and phones with the plain profile understand it, or pass
        // over it as any unknown attribute. So RFC 4585 section 4.2 is held for audio only.
        Scope::Feedback if is_video => profile.is_rtp() && line.is_attribute(b"rtcp-fb"),
        scope => is_kept(scope, keeps_sources, profile),
    });
    MediaDescription {
        kind: source.kind.into(),
        port,
        port_count: 1,
        proto: proto.into(),
        formats: source.formats.into(),
        lines: lines.map(OwnedLine::from).collect(),
    }
}

fn is_kept(scope: Scope, keeps_sources: bool, profile: Proto) -> bool {
    match scope {
        Scope::EndToEnd | Scope::Extension | Scope::Simulcast => true,
        Scope::Source => keeps_sources,
        Scope::Feedback => profile.has_feedback(),
        Scope::Transport | Scope::Keying | Scope::Grouping | Scope::Direction => false,
    }
}

fn is_lite(transport: &super::LegTransport) -> bool {
    transport.ice.as_ref().is_some_and(|ice| ice.is_lite)
}
