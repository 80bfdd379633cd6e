//! What we send.

use super::exchange::{Exchange, Invite, Offered};
use super::vehicle::Weight;
use super::{Complaint, OfferAnswer, SendError, Side, Vehicle, check_answer, check_offer};
use crate::{BYTES_MAX, SessionDescription};

impl OfferAnswer {
    /// We send `description` as an offer in `vehicle`. What is returned is what to send: with our `o=` line.
    pub fn offer(
        &mut self,
        vehicle: Vehicle,
        mut description: SessionDescription,
    ) -> Result<SessionDescription, SendError> {
        self.check_may_offer(vehicle)?;
        if let Some(agreed) = &self.agreed {
            check_offer(&agreed.ours.view(), &description.view()).map_err(SendError::Complaint)?;
        }
        self.stamp(&mut description)?;
        self.begin(Side::Us, vehicle, description.clone());
        Ok(description)
    }

    /// We send `description` as the answer in `vehicle`. What is returned is what to send. The same answer may be given
    /// again in further responses to the same INVITE.
    pub fn answer(
        &mut self,
        vehicle: Vehicle,
        mut description: SessionDescription,
    ) -> Result<SessionDescription, SendError> {
        if self.is_repeating(vehicle) {
            return self.repeat(vehicle, description);
        }
        let Exchange::Offered(offered) = &self.exchange else { return Err(SendError::WrongVehicle) };
        let weight = vehicle.answers(offered.vehicle).filter(|_| offered.by == Side::Them);
        let weight = weight.ok_or(SendError::WrongVehicle)?;
        if offered.preview.as_ref().is_some_and(|preview| !preview.says_the_same(&description)) {
            return Err(SendError::AnswerDiffers);
        }
        if let Some(complaint) = check_answer(&offered.offer.view(), &description.view()).first() {
            return Err(SendError::Complaint(*complaint));
        }
        self.stamp(&mut description)?;
        match weight {
            Weight::Preview => self.set_preview(description.clone()),
            Weight::Answer => self.agree(description.clone()),
        }
        self.after(Side::Us, vehicle);
        Ok(description)
    }

    /// We send `vehicle` without a description. An INVITE so sent asks for an offer; a message that has to bring an
    /// answer or an offer is refused.
    pub fn sent_without(&mut self, vehicle: Vehicle) -> Result<(), SendError> {
        match vehicle {
            Vehicle::Invite => {
                self.check_may_offer(vehicle)?;
                self.ask(Side::Us);
            }
            Vehicle::Provisional | Vehicle::Update => {}
            Vehicle::ReliableProvisional
            | Vehicle::InviteOk
            | Vehicle::Ack
            | Vehicle::Prack
            | Vehicle::PrackOk
            | Vehicle::UpdateOk => {
                let is_owed = match &self.exchange {
                    Exchange::Stable => false,
                    // The first reliable response has to offer (RFC 3261 section 13.2.1).
                    Exchange::Asked { offerer } => *offerer == Side::Us && vehicle.is_late_offer(),
                    // The answer to an INVITE may come in any reliable response.
                    Exchange::Offered(offered) => {
                        let answers = vehicle.answers(offered.vehicle).is_some();
                        offered.by == Side::Them && answers && vehicle != Vehicle::ReliableProvisional
                    }
                };
                if is_owed {
                    return Err(SendError::WrongVehicle);
                }
            }
        }
        self.after(Side::Us, vehicle);
        Ok(())
    }

    pub(super) fn check_may_offer(&self, vehicle: Vehicle) -> Result<(), SendError> {
        let late = matches!(self.exchange, Exchange::Asked { offerer: Side::Us });
        if vehicle.is_late_offer() {
            return if late { Ok(()) } else { Err(SendError::WrongVehicle) };
        }
        if !vehicle.is_offering_request() {
            return Err(SendError::WrongVehicle);
        }
        if !matches!(self.exchange, Exchange::Stable) {
            return Err(SendError::Busy);
        }
        match (vehicle, &self.invite) {
            (Vehicle::Invite, Some(_)) => Err(SendError::Busy),
            // A PRACK answers a response to our own INVITE.
            (Vehicle::Prack, Some(invite)) if invite.by == Side::Us => Ok(()),
            (Vehicle::Prack, _) => Err(SendError::WrongVehicle),
            (_, _) => Ok(()),
        }
    }

    pub(super) fn begin(&mut self, by: Side, vehicle: Vehicle, offer: SessionDescription) {
        if vehicle == Vehicle::Invite {
            self.invite = Some(Invite::new(by));
        }
        self.exchange = Exchange::Offered(Box::new(Offered { by, vehicle, offer, preview: None }));
        self.after(by, vehicle);
    }

    /// An INVITE without description: its answerer is to offer.
    pub(super) fn ask(&mut self, by: Side) {
        self.invite = Some(Invite::new(by));
        self.exchange = Exchange::Asked { offerer: by.other() };
    }

    /// A 2xx ends the INVITE, whatever it carried.
    pub(super) fn after(&mut self, by: Side, vehicle: Vehicle) {
        if vehicle == Vehicle::InviteOk && self.invite.as_ref().is_some_and(|invite| invite.by == by.other())
        {
            self.invite = None;
        }
    }

    pub(super) fn set_preview(&mut self, answer: SessionDescription) {
        if let Exchange::Offered(offered) = &mut self.exchange {
            offered.preview = Some(answer);
        }
    }

    /// Whether a description in this response can only repeat the answer that we gave to the INVITE.
    fn is_repeating(&self, vehicle: Vehicle) -> bool {
        let answered = |invite: &Invite| invite.by == Side::Them && invite.answer.is_some();
        vehicle.answers_invite() && self.invite.as_ref().is_some_and(answered)
    }

    fn repeat(
        &mut self,
        vehicle: Vehicle,
        description: SessionDescription,
    ) -> Result<SessionDescription, SendError> {
        let given = self.answer_given().filter(|given| given.says_the_same(&description)).cloned();
        let given = given.ok_or(SendError::AnswerDiffers)?;
        self.after(Side::Us, vehicle);
        Ok(given)
    }

    /// Puts in our `o=` line. The version grows with what says something else than the last (RFC 3264 section 8), even
    /// when that was withdrawn: whoever has seen it knows its version.
    fn stamp(&mut self, description: &mut SessionDescription) -> Result<(), SendError> {
        let grows = self.sent.as_ref().is_some_and(|sent| !sent.says_the_same(description));
        let mut origin = self.origin.clone();
        if grows {
            origin.version = origin.version.saturating_add(1);
        }
        description.set_origin(&origin);
        // What we could not read ourselves is not sent.
        if description.to_bytes().len() > BYTES_MAX {
            return Err(SendError::TooLarge);
        }
        self.origin = origin;
        self.sent = Some(description.clone());
        Ok(())
    }
}

impl From<Complaint> for SendError {
    fn from(complaint: Complaint) -> Self {
        Self::Complaint(complaint)
    }
}
