//! The answer for the leg that offered, from what the other leg answered.

use super::transport::{self, Allowed};
use super::{DeriveError, Leg, LegTransport, Slot, keep};
use crate::attribute::{Attribute, Crypto, Extmap, Group, Mid, Suite};
use crate::summary::{MediaSummary, OwnedCodec, Summary};
use crate::{Description, MediaDescription, Proto, SessionDescription};

/// `offer` is what this leg offered and we answer; `source` what the other leg answered. The `m=` lines are those of
/// `offer`, in its order (RFC 3264 section 6). A stream is refused when the other leg refused it, or when nothing is left
/// of its formats.
pub fn derive_answer(
    offer: &Description<'_>,
    source: &Description<'_>,
    leg: &Leg,
) -> Result<SessionDescription, DeriveError> {
    let (needed, given) = (offer.media.len(), leg.slots.len());
    if given != needed {
        return Err(DeriveError::Slots { needed, given });
    }
    let offered = Summary::of(offer).map_err(DeriveError::Source)?;
    let answered = Summary::of(source).map_err(DeriveError::Source)?;
    derive_answer_from((offer, &offered), (source, &answered), leg)
}

/// [`derive_answer`] for who has read what the two promise. Of what `source` does it is asked which streams it has refused,
/// and their directions.
pub fn derive_answer_from(
    (offer, offered): (&Description<'_>, &Summary),
    (source, answered): (&Description<'_>, &Summary),
    leg: &Leg,
) -> Result<SessionDescription, DeriveError> {
    let (needed, given) = (offer.media.len(), leg.slots.len());
    if given != needed {
        return Err(DeriveError::Slots { needed, given });
    }
    let mut answer = keep::session(source, leg);
    // The transport of each bundle is described once, with its first accepted stream.
    let mut bundles: Vec<(usize, &LegTransport)> = Vec::new();
    for (index, slot) in leg.slots.iter().enumerate() {
        let ask = Ask { offer, offered: &offered.media[index] };
        let Slot::Stream { from, transport } = slot else {
            answer.media.push(ask.refusal());
            continue;
        };
        let (Some(stream), Some(said)) = (source.media.get(*from), answered.media.get(*from)) else {
            return Err(DeriveError::From { slot: index });
        };
        let mut media = keep::media(stream, ask.media().proto, transport.rtp.port(), leg.keeps_sources);
        ask.keep_what_was_offered(&mut media);
        if said.is_rejected || ask.offered.is_rejected || media.formats.is_empty() {
            answer.media.push(ask.refusal());
            continue;
        }
        media.set_direction(said.direction.and(ask.offered.direction.mirrored()));
        ask.write_mid(&mut media);
        let bundle = ask.offered.bundled.filter(|_| leg.has_bundle).map(|bundled| bundled.tagged);
        let first = bundle.and_then(|bundle| bundles.iter().find(|(tagged, _)| *tagged == bundle));
        match first {
            Some((_, first)) if first.rtp == transport.rtp => {
                transport::write_bundled(&mut media, transport, leg.address, ask.allowed());
            }
            Some(_) | None => {
                transport::write(&mut media, transport, leg.address, ask.allowed());
                bundles.extend(bundle.filter(|_| first.is_none()).map(|bundle| (bundle, &**transport)));
            }
        }
        answer.media.push(media);
    }
    if leg.has_bundle {
        write_groups(offer, offered, &mut answer);
    }
    Ok(answer)
}

/// The first offered key whose suite is allowed: the order of the offer is that of its preference (RFC 4568
/// section 5.1.2).
pub fn choose_crypto<'c>(offered: &'c [Crypto], allowed: &[Suite]) -> Option<&'c Crypto> {
    offered.iter().find(|crypto| allowed.contains(&crypto.suite))
}

/// One stream as this leg offered it.
struct Ask<'s, 'a> {
    offer: &'s Description<'a>,
    offered: &'s MediaSummary,
}

impl<'s, 'a> Ask<'s, 'a> {
    fn media(&self) -> &'s crate::Media<'a> {
        &self.offer.media[self.offered.index]
    }

    fn refusal(&self) -> MediaDescription {
        let mut refusal = MediaDescription::from(self.media()).rejected();
        self.write_mid(&mut refusal);
        refusal
    }

    /// The `mid` of the offer is that of the answer (RFC 5888 section 9.1).
    fn write_mid(&self, media: &mut MediaDescription) {
        if let Some(mid) = self.offered.mid.clone() {
            media.push(&Mid(mid));
        }
    }

    fn allowed(&self) -> Allowed {
        Allowed { rtcp_mux: self.offered.has_rtcp_mux, ice: self.offered.ice.is_some() }
    }

    /// What the other leg answered beyond the offer of this one would only confuse: codecs, header extensions and
    /// encodings that this leg does not know of (RFC 8285 section 6, RFC 8853 section 5.3).
    fn keep_what_was_offered(&self, media: &mut MediaDescription) {
        if Proto::parse(&media.proto).is_rtp() {
            media.retain_codecs(|codec: &OwnedCodec| {
                self.offered.codecs.iter().any(|offered| offered.is_same_encoding(codec))
            });
        }
        let uris = |lines: crate::Attributes<'_, '_, '_>| -> Vec<String> {
            lines.filter_map(Extmap::parse).map(|map| map.uri).collect()
        };
        let mut known = uris(self.media().attributes(Extmap::NAME));
        known.extend(uris(self.offer.attributes(Extmap::NAME)));
        let is_known = |value: &[u8]| Extmap::parse(value).is_some_and(|map| known.contains(&map.uri));
        let has_simulcast = self.media().has(b"simulcast") || self.media().has(b"rid");
        media.lines.retain(|line| match line.view().attribute() {
            Some((b"extmap", value)) => is_known(value),
            Some((b"rid" | b"simulcast", _)) => has_simulcast,
            Some(_) | None => true,
        });
    }
}

/// The offered groups, with the streams that are accepted in them (RFC 9143 section 7.3).
fn write_groups(offer: &Description<'_>, offered: &Summary, answer: &mut SessionDescription) {
    let is_accepted = |mid: &String| {
        let stream = offered.media.iter().find(|media| media.mid.as_ref() == Some(mid));
        stream.is_some_and(|stream| stream.bundled.is_some() && answer.media[stream.index].port != 0)
    };
    let groups = offer.attributes(Group::NAME).filter_map(Group::parse).filter(Group::is_bundle);
    let groups: Vec<Group> = groups
        .map(|group| Group { mids: group.mids.into_iter().filter(is_accepted).collect(), ..group })
        .filter(|group| !group.mids.is_empty())
        .collect();
    groups.iter().for_each(|group| answer.push(group));
}
