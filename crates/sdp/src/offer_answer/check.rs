//! Whether a description may answer an offer, and whether an offer may follow a session.

use super::Complaint;
use crate::attribute::Setup;
use crate::parse::words;
use crate::summary::{MediaSummary, Summary, SummaryError};
use crate::{Description, Media};

/// Every rule that an answer breaks, stream by stream. At most one of [`Complaint::MediaCount`] and
/// [`Complaint::Unreadable`], or 9 for each `m=` line.
pub fn check_answer(offer: &Description<'_>, answer: &Description<'_>) -> Vec<Complaint> {
    if offer.media.len() != answer.media.len() {
        let (offered, answered) = (offer.media.len(), answer.media.len());
        return vec![Complaint::MediaCount { offered, answered }];
    }
    let (offered, answered) = match (Summary::of(offer), Summary::of(answer)) {
        (Ok(offered), Ok(answered)) => (offered, answered),
        (Err(error), _) | (_, Err(error)) => return vec![Complaint::Unreadable { media: error.media }],
    };
    let mut complaints = Vec::new();
    for (media, answered) in answered.media.iter().enumerate() {
        let stream = Stream {
            media,
            offered: &offered.media[media],
            answered,
            offer: &offer.media[media],
            answer: &answer.media[media],
        };
        stream.check(&mut complaints);
    }
    complaints
}

/// Whether `offer` may follow a description of the same side: streams are switched off, never taken away (RFC 3264
/// section 8), and one that was encrypted stays so. The media type of a slot may change (section 8.3.3), and a refused
/// slot may be used anew (section 8.1). A stream that was encrypted as best effort may lose its key: that is what best
/// effort means (RFC 8643 section 3).
pub fn check_offer(before: &Description<'_>, offer: &Description<'_>) -> Result<(), Complaint> {
    if offer.media.len() < before.media.len() {
        let (before, now) = (before.media.len(), offer.media.len());
        return Err(Complaint::MediaRemoved { before, now });
    }
    let unreadable = |error: SummaryError| Complaint::Unreadable { media: error.media };
    let before = Summary::of(before).map_err(unreadable)?;
    let offer = Summary::of(offer).map_err(unreadable)?;
    match before.media.iter().zip(&offer.media).position(|(before, now)| is_downgrade(before, now)) {
        Some(media) => Err(Complaint::Downgrade { media }),
        None => Ok(()),
    }
}

/// Fax (T.38) has no keys of its own and takes the place of an encrypted stream as what it is.
fn is_downgrade(before: &MediaSummary, now: &MediaSummary) -> bool {
    let in_use = !before.is_rejected && !now.is_rejected && now.proto.is_rtp();
    in_use && !before.keying.allows_plain() && now.keying.allows_plain()
}

struct Stream<'s, 'a> {
    media: usize,
    offered: &'s MediaSummary,
    answered: &'s MediaSummary,
    offer: &'s Media<'a>,
    answer: &'s Media<'a>,
}

impl Stream<'_, '_> {
    fn check(&self, complaints: &mut Vec<Complaint>) {
        let media = self.media;
        if self.answer.kind != self.offer.kind {
            complaints.push(Complaint::Kind { media });
        }
        if self.offered.mid != self.answered.mid && self.mid_matters() {
            complaints.push(Complaint::Mid { media });
        }
        if self.is_wrongly_bundled() {
            complaints.push(Complaint::Bundle { media });
        }
        if self.answered.is_rejected {
            return;
        }
        if self.offered.is_rejected {
            return complaints.push(Complaint::RejectedTaken { media });
        }
        if !self.answer.proto.eq_ignore_ascii_case(self.offer.proto) {
            complaints.push(Complaint::Proto { media });
        }
        if !self.has_common_format() {
            complaints.push(Complaint::NoCommonFormat { media });
        }
        if !self.answered.direction.may_answer(self.offered.direction) {
            complaints.push(Complaint::Direction { media });
        }
        if self.answered.has_rtcp_mux && !self.offered.has_rtcp_mux {
            complaints.push(Complaint::RtcpMux { media });
        }
        self.check_keys(complaints);
    }

    /// A phone that knows no `mid` leaves it out; then it cannot be in a bundle. A refused stream needs none.
    fn mid_matters(&self) -> bool {
        self.answered.mid.is_some() || self.answered.bundled.is_some()
    }

    fn is_wrongly_bundled(&self) -> bool {
        self.answered.bundled.is_some() && (self.offered.bundled.is_none() || self.answer.port == 0)
    }

    /// By encoding, since payload types may differ (RFC 3264 section 6.1); by name where there are no encodings.
    fn has_common_format(&self) -> bool {
        let (offered, answered) = (&self.offered.codecs, &self.answered.codecs);
        let common = answered.iter().any(|answer| {
            !answer.is_auxiliary() && offered.iter().any(|offer| offer.is_same_encoding(answer))
        });
        // Payload types without a map on both sides, and formats of what is not RTP.
        let same_name = || {
            let offered = || words(self.offer.formats);
            words(self.answer.formats).any(|answer| offered().any(|offer| offer == answer))
        };
        let unmapped = offered.is_empty() || answered.is_empty();
        common || (unmapped && same_name())
    }

    fn check_keys(&self, complaints: &mut Vec<Complaint>) {
        let media = self.media;
        let (offered, answered) = (&self.offered.keying, &self.answered.keying);
        if self.answered.proto.is_secure() && answered.is_impossible() {
            return complaints.push(Complaint::NoKey { media });
        }
        if answered.sdes().len() + usize::from(answered.dtls().is_some()) > 1 {
            complaints.push(Complaint::SeveralKeys { media });
        }
        for chosen in answered.sdes() {
            if offered.sdes().is_empty() {
                complaints.push(Complaint::KeyNotOffered { media });
            } else if !offered
                .sdes()
                .iter()
                .any(|offer| (offer.tag, offer.suite) == (chosen.tag, chosen.suite))
            {
                complaints.push(Complaint::CryptoTag { media });
            }
        }
        match (offered.dtls(), answered.dtls()) {
            (_, None) => {}
            (None, Some(_)) => complaints.push(Complaint::KeyNotOffered { media }),
            (Some(offer), Some(answer)) => {
                // RFC 4145 section 4: an offer that says nothing is active, and its answer passive. An answer that says
                // nothing to an offer of either role is taken as the client, as RFC 5763 section 5 prefers.
                let offered = offer.setup.unwrap_or(Setup::Active);
                let silent = if offered == Setup::Active { Setup::Passive } else { Setup::Active };
                if !answer.setup.unwrap_or(silent).may_answer(offered) {
                    complaints.push(Complaint::Setup { media });
                }
            }
        }
    }
}
