//! The exchange that is under way, and what comes of it.

use super::{Hold, OfferAnswer, Side, Vehicle};
use crate::summary::Summary;
use crate::{Direction, SessionDescription};

/// The descriptions of the last completed exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    pub ours: SessionDescription,
    pub theirs: SessionDescription,
    /// Who offered.
    pub offerer: Side,
}

#[derive(Clone, Debug)]
pub(super) enum Exchange {
    Stable,
    /// An INVITE without description is under way: the offer is to come from the side that answers it.
    Asked {
        offerer: Side,
    },
    Offered(Box<Offered>),
}

#[derive(Clone, Debug)]
pub(super) struct Offered {
    pub(super) by: Side,
    pub(super) vehicle: Vehicle,
    pub(super) offer: SessionDescription,
    /// The answer as an unreliable provisional response told it.
    pub(super) preview: Option<SessionDescription>,
}

/// An INVITE between its request and its final response.
#[derive(Clone, Debug)]
pub(super) struct Invite {
    pub(super) by: Side,
    /// An exchange was completed meanwhile.
    pub(super) has_changed: bool,
    /// The answer to the offer in the INVITE itself, when a reliable response has brought it and it still holds.
    pub(super) answer: Option<SessionDescription>,
}

impl Invite {
    pub(super) fn new(by: Side) -> Self {
        Self { by, has_changed: false, answer: None }
    }
}

impl Agreed {
    pub fn of(&self, side: Side) -> &SessionDescription {
        match side {
            Side::Us => &self.ours,
            Side::Them => &self.theirs,
        }
    }
}

impl OfferAnswer {
    /// Completes the exchange under way.
    pub(super) fn agree(&mut self, answer: SessionDescription) {
        let Exchange::Offered(offered) = std::mem::replace(&mut self.exchange, Exchange::Stable) else {
            return;
        };
        let Offered { by, vehicle, offer, .. } = *offered;
        if let Some(invite) = &mut self.invite {
            invite.has_changed = true;
            // After a further exchange the first answer would only mislead (RFC 6337 section 3.1.1).
            invite.answer = (vehicle == Vehicle::Invite).then(|| answer.clone());
        }
        self.update_holds(by, &offer, &answer);
        let (ours, theirs) = match by {
            Side::Us => (offer, answer),
            Side::Them => (answer, offer),
        };
        self.agreed = Some(Agreed { ours, theirs, offerer: by });
    }

    fn update_holds(&mut self, offerer: Side, offer: &SessionDescription, answer: &SessionDescription) {
        let before = self.agreed.as_ref().map(|agreed| directions(agreed.of(offerer))).unwrap_or_default();
        let (offered, answered) = (directions(offer), directions(answer));
        self.holds.resize(offered.len(), Hold::default());
        for (media, hold) in self.holds.iter_mut().enumerate() {
            let answer = answered.get(media).copied().flatten();
            *hold = match offered[media].zip(answer) {
                // A stream that is switched off holds nobody.
                None => Hold::default(),
                Some((offer, answer)) => {
                    let before = before.get(media).copied().flatten();
                    hold.after(offerer, before, offer, answer.and(offer.mirrored()))
                }
            };
        }
    }
}

/// The direction of each stream; `None` for one that is switched off.
fn directions(description: &SessionDescription) -> Vec<Option<Direction>> {
    let view = description.view();
    match Summary::of(&view) {
        Ok(summary) => {
            summary.media.iter().map(|media| (!media.is_rejected).then_some(media.direction)).collect()
        }
        // Descriptions that cannot be summed up are refused before they come here.
        Err(_) => vec![None; view.media.len()],
    }
}
