//! Descriptions of ours that name the other phone in the place of us (decision 0021): its ports, and the keys under which it
//! sends.

use super::keys;
use crate::call::leg::Leg;
use crate::media::StreamAddress;
use coeur_sdp::MediaSummary;
use coeur_sdp::attribute::Crypto;

/// The other phone, by `m=` line.
pub(in crate::call) struct Elsewhere {
    /// Where it hears.
    pub(in crate::call) at: Box<[Option<StreamAddress>]>,
    /// The key under which it sends; `None`: in the clear.
    pub(in crate::call) keys: Box<[Option<Crypto>]>,
}

impl Elsewhere {
    pub(in crate::call) fn key(&self, index: usize) -> Option<&Crypto> {
        self.keys.get(index)?.as_ref()
    }

    /// Whether it is the same phone at the same place with the same keys. What one of the two does not have is no other.
    pub(in crate::call) fn is_same(&self, other: &Self) -> bool {
        let is_one = |one: &Option<StreamAddress>, other: &Option<StreamAddress>| {
            let place = |at: &StreamAddress| (at.rtp.ip().to_canonical(), at.rtp.port());
            one.as_ref().zip(other.as_ref()).is_none_or(|(one, other)| place(one) == place(other))
        };
        let is_one_key = |one: &Option<Crypto>, other: &Option<Crypto>| {
            let differs = |one: &Crypto, other: &Crypto| {
                let key = |crypto: &Crypto| crypto.keys.first().map(|first| first.key.clone());
                one.suite != other.suite || key(one) != key(other)
            };
            !one.as_ref().zip(other.as_ref()).is_some_and(|(one, other)| differs(one, other))
        };
        self.at.iter().zip(&other.at).all(|(one, other)| is_one(one, other))
            && self.keys.iter().zip(&other.keys).all(|(one, other)| is_one_key(one, other))
    }
}

/// What we have said last on a leg, when that is the other phone and not us.
pub(in crate::call) fn elsewhere(leg: &Leg) -> Option<Elsewhere> {
    // It is asked of every leg that is restored, and nearly all name a port of ours.
    let first = leg.media.addresses.iter().flatten().next()?;
    let has = |ours: String| memchr::memmem::find(leg.session.local.bytes(), ours.as_bytes()).is_some();
    if has(format!(" {} RTP/", first.rtp.port())) && has(format!(" {}\r\n", first.rtp.ip())) {
        return None;
    }
    let said = leg.session.local.read()?;
    let mut both = said.summary.media.iter().zip(&leg.media.addresses);
    let is_of_phone = |media: &MediaSummary| media.keying.dtls().is_none() && media.ice.is_none();
    let is_named = |(media, ours): (&MediaSummary, &Option<StreamAddress>)| {
        let ours = ours.as_ref().filter(|_| !media.is_rejected && is_of_phone(media));
        ours.zip(media.rtp()).is_some_and(|(ours, said)| ours.rtp != said)
    };
    if !both.any(is_named) {
        return None;
    }
    let address = |media: &MediaSummary| {
        let rtp = media.rtp().filter(|_| !media.is_rejected)?;
        Some(StreamAddress { rtp, rtcp: media.rtcp.unwrap_or(rtp), others: Box::default() })
    };
    let key = |media: &MediaSummary| media.keying.sdes().first().filter(|_| !media.is_rejected).cloned();
    let media = &said.summary.media;
    Some(Elsewhere { at: media.iter().map(address).collect(), keys: media.iter().map(key).collect() })
}

/// The key under which the peer of a leg sends each stream, for whoever is to hear it; nothing that is said of it but the key
/// is for others.
pub(in crate::call) fn keys_of_peer(leg: &Leg) -> Box<[Option<Crypto>]> {
    let (Some(ours), Some(theirs)) = (leg.session.local.read(), leg.session.remote.read()) else {
        return Box::default();
    };
    let both = theirs.summary.media.iter().zip(&ours.summary.media);
    let key = |(theirs, ours): (&MediaSummary, &MediaSummary)| {
        let (_, their) = keys::agreed(ours.keying.sdes(), theirs.keying.sdes())?;
        let key = their.keys.first()?.key.clone();
        Some(Crypto::new(their.tag, their.suite, key))
    };
    both.map(key).collect()
}
