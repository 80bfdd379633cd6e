//! What we offer on a leg: what the other side has described, in the profile of this one.

use super::profile::Profile;
use super::{Described, Text, address_of, elsewhere, formats, held, keep, keys, payloads, wire};
use crate::call::leg::Leg;
use crate::media::StreamAddress;
use crate::mint::Mint;
use coeur_directory::Dtmf;
use coeur_sdp::attribute::{Attribute, Crypto, IcePassword, IceUfrag, RtcpFeedback, Setup};
use coeur_sdp::derive::{self, LegTransport, RtcpPlace, Slot, derive_offer_from};
use coeur_sdp::summary::OwnedCodec;
use coeur_sdp::{MediaDescription, MediaSummary, OwnedLine, Proto, SessionDescription};

/// Writes the offer for a leg, and keeps it. A stream that is agreed keeps its profile, its key and its credentials; so one
/// that is encrypted is never offered in clear.
pub(in crate::call) fn offer(mint: &mut Mint, leg: &mut Leg, from: &Described<'_>) -> Text {
    let (local, remote) = (leg.session.local.clone(), leg.session.remote.clone());
    let (before, theirs) = (local.read(), remote.read());
    let had = before.as_ref().map_or(0, |before| before.summary.media.len());
    // Credentials that were announced for the other device are not ours.
    let was_wire = !leg.wire && before.as_ref().is_some_and(wire::says_wire);
    let restarts = leg.session.restarts_ice || was_wire;
    let credentials = if restarts { keys::credentials(mint) } else { None };
    let had_keys = before.as_ref().is_some_and(|before| before.has_sdes());
    let was_elsewhere = had_keys && elsewhere(leg).is_some();
    let mut ours = Ours { mint, credentials };
    let slot = |index: usize| {
        let stream = from.summary.media.get(index);
        let address = leg.described_at().get(index).and_then(Option::as_ref);
        let old = before.as_ref().and_then(|before| before.summary.media.get(index));
        let old = old.filter(|old| !old.is_rejected && old.proto.is_rtp());
        let answered = theirs.as_ref().and_then(|theirs| theirs.summary.media.get(index));
        let transport = match (stream, address) {
            (Some(stream), Some(address)) if !stream.is_rejected && stream.proto.is_rtp() => {
                let transport = match (old, leg.direct.other.as_ref()) {
                    (Some(old), Some(other)) => ours.others(leg, old, other.key(index), address),
                    (Some(old), None) if was_elsewhere => ours.renewed(leg, old, address),
                    (Some(old), None) => ours.kept(leg, old, answered, address),
                    (None, _) => ours.fresh(leg, address),
                };
                transport.map(|transport| end_to_end(leg, stream, transport, address))
            }
            (Some(stream), Some(address)) if !stream.is_rejected => {
                Some(LegTransport { rtcp: RtcpPlace::Above, ..LegTransport::plain(address.rtp) })
            }
            (Some(_) | None, _) => None,
        };
        match transport {
            Some(transport) => Slot::Stream { from: index, transport: Box::new(transport) },
            None => Slot::Refused { from: stream.map(|_| index) },
        }
    };
    let slots: Vec<Slot> = (0..from.summary.media.len().max(had)).map(slot).collect();
    let is_web = leg.profile.is_web();
    let before = before.as_ref().map(|before| SessionDescription::from(&before.lines()));
    let is_group = |line: &OwnedLine| line.view().is_attribute(b"group");
    let was_bundled = before.as_ref().map(|before| before.session.iter().any(is_group));
    let derived = derive::Leg {
        address: address_of(leg),
        has_bundle: was_bundled.unwrap_or(leg.profile.bundle),
        keeps_sources: is_web && speaks_web(from),
        slots,
    };
    // What has one reading, with a slot for each line, can be offered.
    let source = (&from.lines(), &*from.summary);
    let Ok(mut description) = derive_offer_from(source, before.as_ref(), &derived) else {
        return Text::default();
    };
    if speaks_web(from) && !is_web {
        without_web(&mut description);
    }
    // What the media plane makes is nothing where it is not.
    if leg.direct.other.is_none() {
        formats::append(&mut description, before.as_ref(), leg.keys.manner() == Dtmf::Rfc4733);
    }
    if formats::bars_events(leg.keys.manner()) {
        description.media.iter_mut().for_each(formats::without_events);
    }
    if derived.has_bundle {
        payloads::make_unique(&mut description.media);
    }
    for ((media, from), slot) in description.media.iter_mut().zip(&from.summary.media).zip(&derived.slots) {
        if slot.transport().is_some() {
            media.set_direction(held::offered(from));
        }
    }
    keep(leg, description)
}

/// The certificate of the other side in the place of ours, where the two agree on keys between themselves, and what it says of
/// its addresses, where they check them.
fn end_to_end(
    leg: &Leg,
    stream: &MediaSummary,
    transport: LegTransport,
    address: &StreamAddress,
) -> LegTransport {
    let theirs = stream.keying.dtls().filter(|_| leg.end_to_end && transport.dtls.is_some());
    let Some(theirs) = theirs else { return transport };
    let ice = stream.ice.as_ref().filter(|_| leg.wire).map(|ice| wire::ice(ice, address));
    LegTransport { dtls: Some(theirs.clone()), ice: ice.or(transport.ice), ..transport }
}

/// What is said by a browser, and may be said to one.
pub(super) fn speaks_web(described: &Described<'_>) -> bool {
    Profile::of(&described.summary).is_some_and(Profile::is_web)
}

/// The transports of the streams of one leg, which share their ICE credentials.
struct Ours<'m> {
    mint: &'m mut Mint,
    credentials: Option<(IceUfrag, IcePassword)>,
}

impl Ours<'_> {
    /// A stream that was not there before.
    fn fresh(&mut self, leg: &Leg, address: &StreamAddress) -> Option<LegTransport> {
        let profile = leg.profile;
        let sdes = if profile.has_sdes() { keys::offered(self.mint) } else { Vec::new() };
        self.transport(leg, profile, sdes, address)
    }

    /// A stream as it is: of several keys that were offered the one that was taken. The first answer or none: all of them.
    fn kept(
        &mut self,
        leg: &Leg,
        old: &MediaSummary,
        answered: Option<&MediaSummary>,
        address: &StreamAddress,
    ) -> Option<LegTransport> {
        let ours = old.keying.sdes();
        let taken = answered.and_then(|answered| keys::agreed(ours, answered.keying.sdes()));
        let sdes: Vec<Crypto> = taken.map_or(ours.to_vec(), |(ours, _)| vec![ours.clone()]);
        self.again(leg, old, sdes, address)
    }

    /// A stream that has gone to the other phone and comes back: RFC 4568 section 7.1.4 wants another key for another address,
    /// and the one that was announced is not ours.
    fn renewed(&mut self, leg: &Leg, old: &MediaSummary, address: &StreamAddress) -> Option<LegTransport> {
        let fresh = |old: &Crypto| keys::fresh(self.mint, old.tag, old.suite);
        let sdes = old.keying.sdes().iter().filter_map(fresh).collect();
        self.again(leg, old, sdes, address)
    }

    /// A stream that goes to the other phone, which sends under this key.
    fn others(
        &mut self,
        leg: &Leg,
        old: &MediaSummary,
        key: Option<&Crypto>,
        address: &StreamAddress,
    ) -> Option<LegTransport> {
        let tag = old.keying.sdes().first().map_or(1, |old| old.tag);
        let sdes: Vec<Crypto> = key.into_iter().map(|key| Crypto { tag, ..key.clone() }).collect();
        // Never in clear what was encrypted.
        if sdes.is_empty() && !old.keying.sdes().is_empty() {
            return None;
        }
        self.again(leg, old, sdes, address)
    }

    fn again(
        &mut self,
        leg: &Leg,
        old: &MediaSummary,
        sdes: Vec<Crypto>,
        address: &StreamAddress,
    ) -> Option<LegTransport> {
        self.credentials = self.credentials.take().or(old.ice.as_ref().map(keys::credentials_of));
        let profile = Profile::of_media(old);
        let transport = self.transport(leg, profile, sdes, address)?;
        Some(LegTransport { proto: old.proto, ..transport })
    }

    /// `None`: it needs a certificate, and the media plane has none.
    fn transport(
        &mut self,
        leg: &Leg,
        profile: Profile,
        sdes: Vec<Crypto>,
        address: &StreamAddress,
    ) -> Option<LegTransport> {
        let dtls = match profile.has_dtls() {
            // Always: a role that was agreed stays by the answer (RFC 8842 section 5.2).
            true => Some(keys::dtls(leg.media.fingerprint.as_ref(), Setup::ActPass)?),
            false => None,
        };
        if profile.has_ice() && self.credentials.is_none() {
            self.credentials = keys::credentials(self.mint);
        }
        let credentials = self.credentials.clone().filter(|_| profile.has_ice());
        Some(LegTransport {
            proto: profile.proto(),
            rtp: address.rtp,
            rtcp: match (profile.has_rtcp_mux(), address.rtcp == address.rtp) {
                (true, true) => RtcpPlace::Shared { otherwise: None },
                (true, false) => RtcpPlace::Shared { otherwise: Some(address.rtcp) },
                (false, _) => RtcpPlace::At(address.rtcp),
            },
            sdes,
            dtls,
            ice: credentials.map(|credentials| keys::ice(credentials, address)),
        })
    }
}

/// What only browsers know is left out for who is none: retransmission, redundancy and error correction, the feedback that
/// goes with them, header extensions, the names of sources and encodings.
fn without_web(description: &mut SessionDescription) {
    description.remove_attributes(b"extmap-allow-mixed");
    description.remove_attributes(b"extmap");
    description.remove_attributes(b"msid-semantic");
    for media in description.media.iter_mut().filter(|media| Proto::parse(&media.proto).is_rtp()) {
        media.retain_codecs(|codec: &OwnedCodec| !is_of_web(codec));
        for name in ["extmap", "extmap-allow-mixed", "rid", "simulcast"] {
            media.remove_attributes(name.as_bytes());
        }
        media.lines.retain(|line| {
            let feedback = line.view().attribute().filter(|(name, _)| *name == RtcpFeedback::NAME);
            feedback
                .and_then(|(_, value)| RtcpFeedback::parse(value))
                .is_none_or(|feedback| is_common(&feedback))
        });
        if media.formats.is_empty() {
            *media = refused(media);
        }
    }
}

fn is_of_web(codec: &OwnedCodec) -> bool {
    ["rtx", "red", "ulpfec", "flexfec-03"].iter().any(|name| codec.name.eq_ignore_ascii_case(name))
}

/// RFC 4585 and RFC 5104; the others are of congestion control between browsers.
fn is_common(feedback: &RtcpFeedback) -> bool {
    !matches!(feedback.feedback.as_str(), "transport-cc" | "goog-remb")
}

/// Nothing is left of it. A format is needed all the same (RFC 8866 section 9).
fn refused(media: &MediaDescription) -> MediaDescription {
    let mut refused = media.rejected();
    refused.set_payloads([0]);
    refused
}
