//! What we answer on a leg: in the profile of its offer, with what the other side has said.

use super::offer::speaks_web;
use super::{Described, Text, address_of, agreed, elsewhere, formats, keep, keys, payloads, wire};
use crate::call::leg::Leg;
use crate::media::{DtlsRole, StreamAddress};
use crate::mint::Mint;
use coeur_directory::Dtmf;
use coeur_sdp::attribute::{Crypto, Setup};
use coeur_sdp::derive::{self, LegTransport, RtcpPlace, Slot, choose_crypto, derive_answer_from};
use coeur_sdp::summary::{DtlsKeying, IceSummary};
use coeur_sdp::{Description, MediaSummary, SessionDescription};

/// Writes the answer to `offer` for a leg, and keeps it. [`Leg::session`] still has what was agreed before: what the offer
/// does not change stays, keys and roles included.
pub(in crate::call) fn answer(mint: &mut Mint, leg: &mut Leg, offer: &Text, from: &Described<'_>) -> Text {
    // It was read when it came.
    let Some(offer) = offer.read() else { return Text::default() };
    let (local, remote) = (leg.session.local.clone(), leg.session.remote.clone());
    // Keys and credentials that were announced for the other phone are not ours.
    let ours = local.read().filter(|ours| !ours.has_sdes() || elsewhere(leg).is_none());
    let ours = ours.filter(|ours| leg.wire || !wire::says_wire(ours));
    let before = Before { ours, theirs: remote.read() };
    let credentials = before.credentials(mint, &offer);
    let slot = |(index, asked): (usize, &MediaSummary)| {
        let is_said = index < from.summary.media.len();
        let address = leg.described_at().get(index).and_then(Option::as_ref);
        let transport = match address.filter(|_| is_said && !asked.is_rejected) {
            Some(address) if asked.proto.is_rtp() => {
                let theirs = from.summary.media.get(index).and_then(|said| said.keying.dtls());
                let other = leg.direct.other.as_ref().and_then(|other| other.key(index));
                let keying = match (theirs.filter(|_| leg.end_to_end), other) {
                    // The two devices agree on keys between themselves.
                    (Some(theirs), _) => {
                        let setup = Some(before.role_beside(index, asked, theirs.setup));
                        Some(Keys { sdes: None, dtls: Some(DtlsKeying { setup, ..theirs.clone() }) })
                    }
                    (None, Some(other)) => others(asked, other),
                    (None, None) => before.keying(mint, leg, index, asked),
                };
                let ice = from.summary.media.get(index).and_then(|said| said.ice.as_ref());
                let ice = ice.filter(|_| leg.wire).map(|ice| wire::ice(ice, address));
                let transport = keying.map(|keying| transport(asked, keying, credentials.clone(), address));
                transport.map(|transport| LegTransport { ice: ice.or(transport.ice), ..transport })
            }
            Some(address) => Some(LegTransport::plain(address.rtp)),
            None => None,
        };
        match transport {
            Some(transport) => Slot::Stream { from: index, transport: Box::new(transport) },
            None => Slot::Refused { from: None },
        }
    };
    let slots: Vec<Slot> = offer.summary.media.iter().enumerate().map(slot).collect();
    let has_sdes = |slot: &Slot| slot.transport().is_some_and(|transport| !transport.sdes.is_empty());
    let derived = derive::Leg {
        address: address_of(leg),
        // Where it is offered; see `ports` for SDES.
        has_bundle: !slots.iter().any(has_sdes),
        keeps_sources: speaks_web(from) && speaks_web(&offer),
        slots,
    };
    let lines = from.lines();
    let numbered = numbered(&lines, from, &offer, leg.keys.manner());
    let said = numbered.as_ref().map(SessionDescription::view);
    // Numbers and formats apart it promises what it did.
    let said = (said.as_ref().unwrap_or(&lines), &*from.summary);
    // What has one reading, with a slot for each line, can be answered.
    let derived = derive_answer_from((&offer.lines(), &offer.summary), said, &derived);
    derived.map_or_else(|_| Text::default(), |description| keep(leg, description))
}

/// Whether something of an offer can be answered: a stream whose keys we can share, or none that needs any. `certified`:
/// the media plane has a certificate, or may have one.
pub(in crate::call) fn is_usable(offer: &Described<'_>, certified: bool) -> bool {
    let is_possible =
        |media: &MediaSummary| media.is_rejected || !media.proto.is_rtp() || has_keys(media, certified);
    offer.summary.media.is_empty() || offer.summary.media.iter().any(is_possible)
}

/// Whether a stream of an offer is to go to many at once.
pub(in crate::call) fn is_multicast(offer: &Described<'_>) -> bool {
    let is_shared = |media: &MediaSummary| media.rtp().is_some_and(|to| agreed::is_shared(&to.ip()));
    offer.summary.media.iter().any(|media| !media.is_rejected && is_shared(media))
}

fn has_keys(media: &MediaSummary, certified: bool) -> bool {
    let has_dtls = certified && media.keying.keys().is_some_and(keys::has_dtls);
    media.keying.allows_plain() || has_dtls || media.keying.sdes().iter().any(keys::is_taken)
}

/// What the other side said, with the numbers and formats of the offer. `None`: it has them.
fn numbered(
    lines: &Description<'_>,
    from: &Described<'_>,
    offer: &Described<'_>,
    manner: Dtmf,
) -> Option<SessionDescription> {
    let both = || from.summary.media.iter().zip(&offer.summary.media);
    let names: Vec<_> =
        both().map(|(theirs, asked)| payloads::matching(&theirs.codecs, &asked.codecs)).collect();
    let is_renamed = names.iter().flatten().any(|(theirs, asked)| theirs != asked);
    let bars_events = formats::bars_events(manner);
    let changes = |(theirs, asked): (&MediaSummary, &MediaSummary)| {
        formats::changes(&theirs.codecs, asked) || bars_events && !theirs.audio_events.is_empty()
    };
    if !is_renamed && !both().any(changes) {
        return None;
    }
    let mut said = SessionDescription::from(lines);
    for ((media, names), (_, asked)) in said.media.iter_mut().zip(&names).zip(both()) {
        payloads::rename(media, names);
        formats::translate(media, asked);
        match bars_events {
            true => formats::without_events(media),
            false => formats::add_keys(media, asked),
        }
    }
    Some(said)
}

/// How one stream is answered: at most one kind of key.
struct Keys {
    sdes: Option<Crypto>,
    dtls: Option<DtlsKeying>,
}

/// The key of the other phone, as an answer to this. `None`: its suite is not offered.
fn others(asked: &MediaSummary, other: &Crypto) -> Option<Keys> {
    let chosen =
        asked.keying.sdes().iter().find(|crypto| crypto.suite == other.suite && keys::is_taken(crypto))?;
    Some(Keys { sdes: Some(Crypto { tag: chosen.tag, ..other.clone() }), dtls: None })
}

type Credentials = (coeur_sdp::attribute::IceUfrag, coeur_sdp::attribute::IcePassword);

fn transport(
    asked: &MediaSummary,
    keys: Keys,
    credentials: Option<Credentials>,
    address: &StreamAddress,
) -> LegTransport {
    let rtcp = match asked.has_rtcp_mux {
        true => RtcpPlace::Shared { otherwise: None },
        false => RtcpPlace::At(address.rtcp),
    };
    let at = match asked.has_rtcp_mux {
        true => StreamAddress { rtcp: address.rtp, ..address.clone() },
        false => address.clone(),
    };
    let ice = credentials.filter(|_| asked.ice.as_ref().is_some_and(|ice| !ice.mismatch));
    LegTransport {
        rtcp,
        sdes: keys.sdes.into_iter().collect(),
        dtls: keys.dtls,
        ice: ice.map(|credentials| keys::ice(credentials, &at)),
        ..LegTransport::plain(address.rtp)
    }
}

/// What was agreed before this offer.
struct Before<'b> {
    ours: Option<Described<'b>>,
    theirs: Option<Described<'b>>,
}

impl Before<'_> {
    fn ours(&self, index: usize) -> Option<&MediaSummary> {
        self.ours.as_ref()?.summary.media.get(index).filter(|media| !media.is_rejected)
    }

    fn theirs(&self, index: usize) -> Option<&MediaSummary> {
        self.theirs.as_ref()?.summary.media.get(index).filter(|media| !media.is_rejected)
    }

    /// Ours stay until theirs are others, which is a restart (RFC 8839 section 4.4.1.1.1).
    fn credentials(&self, mint: &mut Mint, offer: &Described<'_>) -> Option<Credentials> {
        let theirs = |media: &[MediaSummary]| {
            let ice = media.iter().find_map(|media| media.ice.as_ref());
            ice.map(|ice: &IceSummary| (ice.ufrag.clone(), ice.password.clone()))
        };
        let asked = theirs(&offer.summary.media)?;
        let known = self.theirs.as_ref().and_then(|before| theirs(&before.summary.media));
        let ours = self.ours.as_ref().and_then(|before| theirs(&before.summary.media));
        match (known == Some(asked), ours) {
            (true, Some(ours)) => Some(ours),
            (true, None) | (false, _) => keys::credentials(mint),
        }
    }

    /// `None`: it must be encrypted, and there is no way to that.
    fn keying(&self, mint: &mut Mint, leg: &Leg, index: usize, asked: &MediaSummary) -> Option<Keys> {
        let offered: Vec<Crypto> =
            asked.keying.sdes().iter().filter(|crypto| keys::is_taken(crypto)).cloned().collect();
        if let Some(chosen) = choose_crypto(&offered, &coeur_sdp::attribute::Suite::ALL) {
            let sdes = self.key(mint, index, chosen)?;
            return Some(Keys { sdes: Some(sdes), dtls: None });
        }
        let dtls = asked.keying.dtls().filter(|_| asked.keying.keys().is_some_and(keys::has_dtls));
        if let Some(dtls) = dtls.and_then(|dtls| {
            keys::dtls(leg.media.fingerprint.as_ref(), self.role(index, dtls.setup.unwrap_or(Setup::Active)))
        }) {
            return Some(Keys { sdes: None, dtls: Some(dtls) });
        }
        asked.keying.allows_plain().then_some(Keys { sdes: None, dtls: None })
    }

    /// Our key for what was chosen: the one that is in use, or was announced last and never used.
    fn key(&self, mint: &mut Mint, index: usize, chosen: &Crypto) -> Option<Crypto> {
        let old = self.ours(index).into_iter().flat_map(|ours| ours.keying.sdes());
        let old = old.into_iter().find(|old| old.suite == chosen.suite);
        match old {
            Some(old) => Some(Crypto { tag: chosen.tag, ..old.clone() }),
            None => keys::fresh(mint, chosen.tag, chosen.suite),
        }
    }

    /// What the other device has said, if that answers; what it has said may have been an offer (RFC 8842 section 5.3).
    fn role_beside(&self, index: usize, asked: &MediaSummary, said: Option<Setup>) -> Setup {
        let offered = asked.keying.dtls().and_then(|dtls| dtls.setup).unwrap_or(Setup::Active);
        said.filter(|said| said.may_answer(offered)).unwrap_or_else(|| self.role(index, offered))
    }

    /// The association goes on in its roles (RFC 8842 section 5.5), as far as the offer lets it.
    fn role(&self, index: usize, offered: Setup) -> Setup {
        let role = self
            .ours(index)
            .zip(self.theirs(index))
            .and_then(|(ours, theirs)| agreed::role(ours.keying.dtls()?.setup, theirs.keying.dtls()?.setup));
        let kept = match role {
            Some(DtlsRole::Client) => Some(Setup::Active),
            Some(DtlsRole::Server) => Some(Setup::Passive),
            None => None,
        };
        kept.filter(|kept| kept.may_answer(offered)).unwrap_or(offered.answer())
    }
}
