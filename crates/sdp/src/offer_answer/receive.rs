//! What we receive.

use super::exchange::Exchange;
use super::vehicle::Weight;
use super::{Complaint, OfferAnswer, Refusal, Severity, Side, Vehicle, check_answer, check_offer};
use crate::summary::Summary;
use crate::{Description, SessionDescription};

/// What a received message means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// To be answered. `is_new` is false for a refresh: nothing but perhaps the `o=` line differs from what is agreed.
    Offer { is_new: bool },
    /// Our offer is answered. The complaints are mild or about single streams ([`Severity`]).
    Answer { complaints: Vec<Complaint> },
    /// A provisional response told what the answer will be.
    Preview { complaints: Vec<Complaint> },
    /// The answer again, or another description after it, which is ignored (RFC 3261 section 13.2.1).
    Repeated,
    /// They asked us for an offer: an INVITE without description.
    Asked,
    /// Nothing about the session.
    Nothing,
}

impl OfferAnswer {
    /// A message came with a description. On an error nothing has changed.
    ///
    /// The first description in a reliable message is the answer (RFC 6337 section 3.1.1). RFC 3261 section 13.2.1 takes
    /// the first of all, reliable or not; but early media of an announcement and the media of who then answers do differ
    /// in the field, and who ignored the second would not be heard.
    pub fn receive(&mut self, vehicle: Vehicle, description: &Description<'_>) -> Result<Received, Refusal> {
        if let Exchange::Offered(offered) = &self.exchange
            && offered.by == Side::Us
            && let Some(weight) = vehicle.answers(offered.vehicle)
        {
            return self.receive_answer(vehicle, weight, description);
        }
        if vehicle.is_offering_request() {
            self.check_may_be_offered(vehicle)?;
            return self.receive_offer(vehicle, description);
        }
        match &self.exchange {
            Exchange::Asked { offerer: Side::Them } if vehicle.is_late_offer() => {
                self.receive_offer(vehicle, description)
            }
            // Before the offer that an INVITE asked for nothing can be previewed.
            Exchange::Asked { offerer: Side::Them } if vehicle == Vehicle::Provisional => {
                Ok(Received::Nothing)
            }
            Exchange::Asked { .. } | Exchange::Stable | Exchange::Offered(_) => self.receive_again(vehicle),
        }
    }

    /// A message came without a description.
    pub fn received_without(&mut self, vehicle: Vehicle) -> Result<Received, Refusal> {
        if vehicle == Vehicle::Invite {
            self.check_may_be_offered(vehicle)?;
            self.ask(Side::Them);
            return Ok(Received::Asked);
        }
        let is_owed = match &self.exchange {
            Exchange::Stable => false,
            // The 2xx had to offer, since the INVITE did not (RFC 3261 section 13.3.1.4).
            Exchange::Asked { offerer } => *offerer == Side::Them && vehicle == Vehicle::InviteOk,
            Exchange::Offered(offered) => {
                let weight = vehicle.answers(offered.vehicle).filter(|_| offered.by == Side::Us);
                // A reliable provisional response may leave the answer to the 2xx.
                weight == Some(Weight::Answer) && vehicle != Vehicle::ReliableProvisional
            }
        };
        // A 2xx without the answer that a provisional response told: some leave it at that, and both know it.
        if vehicle == Vehicle::InviteOk
            && let Exchange::Offered(offered) = &mut self.exchange
            && offered.by == Side::Us
            && let Some(preview) = offered.preview.take()
        {
            self.agree(preview);
            self.after(Side::Them, vehicle);
            return Ok(Received::Answer { complaints: Vec::new() });
        }
        if is_owed {
            return Err(Refusal::NoAnswer);
        }
        self.after(Side::Them, vehicle);
        Ok(Received::Nothing)
    }

    fn receive_offer(
        &mut self,
        vehicle: Vehicle,
        description: &Description<'_>,
    ) -> Result<Received, Refusal> {
        let summary = Summary::of(description);
        summary.map_err(|error| Refusal::Offer(Complaint::Unreadable { media: error.media }))?;
        let offer = SessionDescription::from(description);
        let mut is_new = true;
        if let Some(agreed) = &self.agreed {
            check_offer(&agreed.theirs.view(), description).map_err(Refusal::Offer)?;
            is_new = !agreed.theirs.says_the_same(&offer);
        }
        self.begin(Side::Them, vehicle, offer);
        Ok(Received::Offer { is_new })
    }

    fn receive_answer(
        &mut self,
        vehicle: Vehicle,
        weight: Weight,
        description: &Description<'_>,
    ) -> Result<Received, Refusal> {
        let Some((_, offer)) = self.outstanding() else { return Err(Refusal::Unexpected) };
        let complaints = check_answer(&offer.view(), description);
        if complaints.iter().any(|complaint| complaint.severity() == Severity::Whole) {
            return Err(Refusal::Answer(complaints));
        }
        let answer = SessionDescription::from(description);
        match weight {
            Weight::Preview => {
                self.set_preview(answer);
                Ok(Received::Preview { complaints })
            }
            Weight::Answer => {
                self.agree(answer);
                self.after(Side::Them, vehicle);
                Ok(Received::Answer { complaints })
            }
        }
    }

    /// A description after the answer to our INVITE.
    fn receive_again(&mut self, vehicle: Vehicle) -> Result<Received, Refusal> {
        let is_ours = self.invite.as_ref().is_some_and(|invite| invite.by == Side::Us);
        if !vehicle.answers_invite() || !is_ours {
            return Err(Refusal::Unexpected);
        }
        self.after(Side::Them, vehicle);
        Ok(Received::Repeated)
    }

    fn check_may_be_offered(&self, vehicle: Vehicle) -> Result<(), Refusal> {
        match &self.exchange {
            Exchange::Offered(offered) => return Err(refuse(offered.by)),
            // Whose INVITE it is that waits for an offer.
            Exchange::Asked { offerer } => return Err(refuse(offerer.other())),
            Exchange::Stable => {}
        }
        match (vehicle, &self.invite) {
            (Vehicle::Invite, Some(invite)) => Err(refuse(invite.by)),
            // A PRACK answers a response of ours to their INVITE.
            (Vehicle::Prack, Some(invite)) if invite.by == Side::Them => Ok(()),
            (Vehicle::Prack, _) => Err(Refusal::Unexpected),
            (_, _) => Ok(()),
        }
    }
}

/// Whose turn it is decides who is told to wait.
const fn refuse(by: Side) -> Refusal {
    match by {
        Side::Us => Refusal::Glare,
        Side::Them => Refusal::Overlap,
    }
}
