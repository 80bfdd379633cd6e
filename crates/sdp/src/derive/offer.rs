//! The offer for one leg, from what the other leg offered.

use super::transport::{self, Allowed};
use super::{DeriveError, Leg, LegTransport, Slot, keep};
use crate::attribute::{Group, Mid};
use crate::summary::Summary;
use crate::{Description, MediaDescription, Proto, SessionDescription};

/// `source` is what the other leg said; `before` the last description that we sent on this leg, whose `m=` lines keep
/// their places and their `mid`.
///
/// Streams of a bundle are handed in with one address: the first offer then has them only in the bundle, a later one on
/// the shared port (RFC 9143 sections 7.2 and 7.5).
pub fn derive_offer(
    source: &Description<'_>,
    before: Option<&SessionDescription>,
    leg: &Leg,
) -> Result<SessionDescription, DeriveError> {
    let summary = Summary::of(source).map_err(DeriveError::Source)?;
    derive_offer_from((source, &summary), before, leg)
}

/// [`derive_offer`] for who has read what `source` promises.
pub fn derive_offer_from(
    (source, summary): (&Description<'_>, &Summary),
    before: Option<&SessionDescription>,
    leg: &Leg,
) -> Result<SessionDescription, DeriveError> {
    let before = before.map(SessionDescription::view);
    let needed = before.as_ref().map_or(0, |before| before.media.len());
    if leg.slots.len() < needed {
        return Err(DeriveError::Slots { needed, given: leg.slots.len() });
    }
    let mut offer = keep::session(source, leg);
    let mut mids = Mids::new(before.as_ref(), summary, leg);
    for (index, slot) in leg.slots.iter().enumerate() {
        let from = slot.from().map(|from| source.media.get(from).ok_or(DeriveError::From { slot: index }));
        let from = from.transpose()?;
        let Some((at, transport)) = offered(slot, summary) else {
            let old = before.as_ref().and_then(|before| before.media.get(index));
            let refused = old.or(from).map(|media| MediaDescription::from(media).rejected());
            // Nothing is known of it: a placeholder, which is refused anyway.
            offer.media.push(refused.unwrap_or_else(|| MediaDescription::new("audio", 0, "RTP/AVP", "0")));
            continue;
        };
        let Some(stream) = from else { return Err(DeriveError::From { slot: index }) };
        let proto = match stream.protocol() {
            Proto::Other => stream.proto,
            _ => transport.proto.as_str().as_bytes(),
        };
        let mut media = keep::media(stream, proto, transport.rtp.port(), leg.keeps_sources);
        media.set_direction(summary.media[at].direction);
        mids.write(&mut media, index);
        match mids.place(index, transport) {
            Place::Own => transport::write(&mut media, transport, leg.address, Allowed::ALL),
            Place::Shared => {
                transport::write_bundled(&mut media, transport, leg.address, Allowed::ALL);
            }
            Place::OnlyInBundle => {
                media.port = 0;
                transport::write_bundled(&mut media, transport, leg.address, Allowed::ALL);
                media.push_flag("bundle-only");
            }
        }
        offer.media.push(media);
    }
    if let Some(group) = mids.group() {
        offer.push(&group);
    }
    Ok(offer)
}

/// A stream that the leg has and that the other leg does not refuse itself.
fn offered<'l>(slot: &'l Slot, summary: &Summary) -> Option<(usize, &'l LegTransport)> {
    match slot {
        Slot::Refused { .. } => None,
        Slot::Stream { from, transport } => {
            let is_refused = summary.media.get(*from).is_some_and(|media| media.is_rejected);
            (!is_refused).then_some((*from, transport))
        }
    }
}

/// Where the transport of a stream is described.
enum Place {
    Own,
    /// With the tagged stream, on its port.
    Shared,
    /// With the tagged stream, and port zero until a bundle is agreed.
    OnlyInBundle,
}

/// The names of the streams, when there is a bundle.
struct Mids<'l> {
    names: Vec<Option<String>>,
    /// The first stream, whose transport is that of the bundle.
    tagged: Option<&'l LegTransport>,
    was_bundled: bool,
}

impl<'l> Mids<'l> {
    fn new(before: Option<&Description<'_>>, summary: &Summary, leg: &'l Leg) -> Self {
        let old = |index: usize| {
            let media = before?.media.get(index).filter(|media| !media.is_rejected())?;
            media.read::<Mid>().ok().flatten().map(|mid| mid.0)
        };
        let mut mids = Self { names: Vec::new(), tagged: None, was_bundled: false };
        mids.was_bundled = before.is_some_and(|before| before.has(b"group"));
        let known: Vec<Option<String>> = (0..leg.slots.len()).map(old).collect();
        for (index, slot) in leg.slots.iter().enumerate() {
            let transport = offered(slot, summary).map(|(_, transport)| transport).filter(|_| leg.has_bundle);
            let name = transport.map(|_| {
                let theirs = slot.from().and_then(|from| summary.media.get(from)?.mid.clone());
                let is_free =
                    |name: &String| !mids.names.iter().chain(&known).any(|n| n.as_ref() == Some(name));
                let counted = (0..).map(|n| format!("m{}", index + n)).find(is_free).unwrap_or_default();
                known[index].clone().or(theirs.filter(is_free)).unwrap_or(counted)
            });
            mids.names.push(name);
            mids.tagged = mids.tagged.or(transport);
        }
        mids
    }

    fn write(&self, media: &mut MediaDescription, index: usize) {
        if let Some(name) = self.names[index].clone() {
            media.push(&Mid(name));
        }
    }

    fn place(&mut self, index: usize, transport: &LegTransport) -> Place {
        let named = self.names[index].is_some();
        match self.tagged.filter(|_| named) {
            Some(tagged) if !std::ptr::eq(tagged, transport) && tagged.rtp == transport.rtp => {
                if self.was_bundled { Place::Shared } else { Place::OnlyInBundle }
            }
            Some(_) | None => Place::Own,
        }
    }

    fn group(&self) -> Option<Group> {
        let mids: Vec<String> = self.names.iter().flatten().cloned().collect();
        (!mids.is_empty()).then(|| Group { semantics: Group::BUNDLE.into(), mids })
    }
}
