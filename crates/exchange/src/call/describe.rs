//! Descriptions that cross from one leg to the other. Each leg speaks its own profile: the same streams and formats, with
//! our addresses, our keys, our ICE credentials and our `o=` line, and nothing that tells one side where the other is or
//! what it shares with us (RFC 3264, RFC 6337, RFC 7092 section 3.1).
//!
//! One file per word: [`profile`] is what a leg speaks, [`offer`] and [`answer`] write for it, [`keys`] and [`payloads`]
//! are what they write with, [`formats`] are those that the media plane makes of each other, [`agreed`] tells it what came of
//! it, [`mod@served`] is what a service of ours says, [`sealed`] and [`wire`] are what two devices have between themselves, [`text`] keeps what was said. What we have announced stands in [`super::leg::Session::local`] and nowhere else, so a refused offer takes its keys with it.
//!
//! What it deliberately does not do: trickle (RFC 8838; our candidates are complete), name keys of ours by an identifier
//! (RFC 4568 section 6.1).

mod agreed;
mod answer;
mod elsewhere;
mod formats;
mod held;
mod keys;
mod offer;
mod payloads;
mod ports;
pub(super) mod profile;
mod sealed;
mod served;
mod text;
mod wire;

pub(super) use agreed::{pairs, peer, protection};
pub(super) use answer::{answer, is_multicast, is_usable};
pub(super) use elsewhere::{Elsewhere, elsewhere, keys_of_peer};
pub(super) use formats::is_makeable;
pub(super) use held::{hears, holds};
pub(super) use offer::offer;
pub(super) use ports::{are_open, streams};
pub(super) use sealed::{has_same_numbers, is_end_to_end, may_be_end_to_end};
pub(super) use served::{invitation, served};
pub(super) use text::Text;
pub(super) use wire::{is_wire, may_be_wire};

use super::leg::{Leg, Session};
use crate::media::STREAMS_MAX;
use coeur_sdp::offer_answer::{Complaint, check_offer};
use coeur_sdp::{Description, MediaSummary, Origin, SessionDescription, Summary};
use coeur_sip::header::MediaType;
use coeur_sip::{HeaderName, Message};
use std::net::IpAddr;
use std::sync::Arc;

/// A description with what it promises.
pub(super) struct Described<'d> {
    bytes: &'d [u8],
    pub(super) summary: Arc<Summary>,
}

impl<'d> Described<'d> {
    /// Its lines, for whoever writes another from it.
    pub(super) fn lines(&self) -> Description<'d> {
        // It was read before, so there is no error.
        coeur_sdp::parse(self.bytes).unwrap_or_default()
    }

    /// Whether it has keys (RFC 4568).
    fn has_sdes(&self) -> bool {
        self.summary.media.iter().any(|media| !media.keying.sdes().is_empty())
    }
}

/// A description that we can work with: it has one reading, and no more streams than we open. What a leg keeps is read
/// once, see [`Text`].
pub(super) fn read(bytes: &[u8]) -> Option<Described<'_>> {
    let summary = Arc::new(summary_of(bytes)?);
    Some(Described { bytes, summary })
}

fn summary_of(bytes: &[u8]) -> Option<Summary> {
    let lines = coeur_sdp::parse(bytes).ok().filter(|description| description.media.len() <= STREAMS_MAX)?;
    Summary::of(&lines).ok()
}

/// What the body of a message holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body<'m> {
    None,
    Description(&'m [u8]),
    /// Something else.
    Other,
}

/// The description in a body: all of it, or a part of a multipart (RFC 5621 section 3.1).
pub(super) fn body<'m>(message: &Message<'m>) -> Body<'m> {
    let bytes = message.body();
    if bytes.is_empty() {
        return Body::None;
    }
    match message.content_type() {
        Ok(Some(kind)) if kind.is("application", "sdp") => Body::Description(bytes),
        Ok(Some(kind)) if is_multipart(&kind) => part(&kind, bytes).map_or(Body::Other, Body::Description),
        // Section 20.15 asks for a Content-Type; what begins like a description is one.
        Ok(None) if bytes.starts_with(b"v=0") => Body::Description(bytes),
        Ok(_) | Err(_) => Body::Other,
    }
}

fn is_multipart(kind: &MediaType<'_>) -> bool {
    kind.is("multipart", "mixed") || kind.is("multipart", "alternative") || kind.is("multipart", "related")
}

/// RFC 2046 section 5.1: the first part of type application/sdp.
fn part<'m>(kind: &MediaType<'m>, bytes: &'m [u8]) -> Option<&'m [u8]> {
    let boundary = kind.params.find("boundary")?.unquoted()?;
    let mark = [b"--", boundary].concat();
    let mut rest = &bytes[memchr::memmem::find(bytes, &mark)? + mark.len()..];
    while !rest.starts_with(b"--") {
        let end = memchr::memmem::find(rest, &mark)?;
        let part = &rest[..end];
        let head = memchr::memmem::find(part, b"\r\n\r\n")?;
        let is_sdp = part[..head].to_ascii_lowercase();
        if memchr::memmem::find(&is_sdp, b"application/sdp").is_some() {
            let body = &part[head + 4..];
            return Some(body.strip_suffix(b"\r\n").unwrap_or(body));
        }
        rest = &rest[end + mark.len()..];
    }
    None
}

/// The same description as before: a refresh, and no offer. The `o=` line tells (RFC 3264 section 8); a phone that forgets
/// to count it up when it holds, or moves its media, is heard all the same.
pub(super) fn is_same(old: &[u8], new: &[u8]) -> bool {
    if old.is_empty() || old == new {
        return !old.is_empty();
    }
    let (Ok(had), Ok(has)) = (coeur_sdp::parse(old), coeur_sdp::parse(new)) else { return false };
    let streams = |description: &coeur_sdp::Description<'_>| {
        let ip = |at| description.connection(at).and_then(|connection| connection.ip());
        let media = description.media.iter().enumerate();
        media.map(|(at, media)| (media.port, description.direction(at), ip(at))).collect::<Vec<_>>()
    };
    had.origin().is_some() && had.origin() == has.origin() && streams(&had) == streams(&has)
}

/// Whether nothing is left of a description.
pub(super) fn is_refusal(described: &Text) -> bool {
    let is_rejected =
        |media: &[MediaSummary]| !media.is_empty() && media.iter().all(|media| media.is_rejected);
    described.read().is_none_or(|described| is_rejected(&described.summary.media))
}

/// Whether this may be offered after what was agreed: nobody is talked out of encryption, and a stream that is in use keeps its
/// `m=` line (RFC 3264 section 8). Some phones leave out those that were refused, by them or by us.
pub(super) fn may_follow(session: &Session, offer: &Text) -> bool {
    let (Some(agreed), Some(offer)) = (session.remote.read(), offer.read()) else { return true };
    let ours = session.local.read();
    let is_refused = |at: usize| {
        ours.as_ref().is_some_and(|ours| ours.summary.media.get(at).is_some_and(|media| media.is_rejected))
    };
    let mut left_out = agreed.summary.media.iter().enumerate().skip(offer.summary.media.len());
    if left_out.any(|(at, media)| !media.is_rejected && !is_refused(at)) {
        return false;
    }
    !matches!(check_offer(&agreed.lines(), &offer.lines()), Err(Complaint::Downgrade { .. }))
}

/// Whether a description is one that we can go on with: an answer to what we offered, with keys that fit, or a late offer.
pub(super) fn fits(leg: &Leg, late: bool, described: &Text) -> bool {
    match described.read() {
        Some(offer) if late => is_usable(&offer, true) && may_follow(&leg.session, described),
        Some(answer) => agreed::is_answer(leg, &answer),
        None => false,
    }
}

/// `Content-Type: application/sdp`, when there is a body.
pub(super) fn write_type(writer: &mut coeur_sip::Writer<'_>, body: &[u8]) {
    if !body.is_empty() {
        writer.header(HeaderName::ContentType, b"application/sdp");
    }
}

/// Keeps what we say on a leg, with our `o=` line: its version goes up with every change (RFC 3264 section 8), and stays
/// where nothing has changed.
fn keep(leg: &mut Leg, mut description: SessionDescription) -> Text {
    let address = address_of(leg);
    let mut written = |version| {
        let origin = Origin { username: "-".into(), session_id: leg.session.id, version, address };
        description.set_origin(&origin);
        description.to_bytes()
    };
    let mut body = written(leg.session.version);
    if !leg.session.local.is_empty() && leg.session.local.bytes() != body {
        leg.session.version += 1;
        body = written(leg.session.version);
    }
    leg.session.local = body.into();
    leg.session.local.clone()
}

/// For the `c=` line of the session.
fn address_of(leg: &Leg) -> IpAddr {
    let first = leg.described_at().iter().flatten().next().map(|address| address.rtp.ip());
    first.unwrap_or(IpAddr::from([0, 0, 0, 0]))
}
