//! Offer and answer (RFC 3264) between the two ends of one dialog, as RFC 6337 orders them over INVITE, PRACK and UPDATE.
//!
//! An [`OfferAnswer`] is one end. Its owner tells it each message that goes out ([`OfferAnswer::offer`],
//! [`OfferAnswer::answer`], [`OfferAnswer::sent_without`]), comes in ([`OfferAnswer::receive`],
//! [`OfferAnswer::received_without`]) or fails ([`OfferAnswer::failed`]), and is told what it means. Our `o=` line is its
//! own: session and address stay, the version grows by one with each description that says something else.
//!
//! A forked INVITE has one end for each early dialog: clone it before the first answer is received.
//!
//! What it deliberately does not do: retransmissions, PRACK and timers, which are the transactions' business; choosing
//! codecs or keys; preconditions (RFC 3312).

mod check;
mod complaint;
mod exchange;
mod hold;
mod receive;
mod refusal;
mod send;
mod vehicle;

pub use check::{check_answer, check_offer};
pub use complaint::{Complaint, Severity};
pub use exchange::Agreed;
pub use hold::Hold;
pub use receive::Received;
pub use refusal::{Refusal, SendError};
pub use vehicle::{Side, Vehicle};

use crate::{Origin, SessionDescription};
use exchange::{Exchange, Invite};

/// One end of a dialog.
///
/// Worst-case memory: five descriptions of [`crate::BYTES_MAX`] bytes, in practice of some 2 kB each.
#[derive(Clone, Debug)]
pub struct OfferAnswer {
    /// Of the next description that we send, but for its version when it says something new.
    origin: Origin,
    /// The last description that we sent, agreed or not: versions count what was sent.
    sent: Option<SessionDescription>,
    exchange: Exchange,
    /// The INVITE under way: from the request to its final response.
    invite: Option<Invite>,
    agreed: Option<Agreed>,
    /// One for each stream.
    holds: Vec<Hold>,
}

/// What remains when a transaction that was to change the session has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rollback {
    /// It had changed nothing and offered nothing that is open.
    Nothing,
    /// Its offer is withdrawn, the session is as before (RFC 3261 section 14.1).
    OfferWithdrawn,
    /// An exchange within it was completed, so the session has changed; whoever wants it as before offers that again
    /// (RFC 6141 section 3.4).
    AlreadyChanged,
}

impl OfferAnswer {
    /// `origin` is that of the first description; its session identifier is to be as unique as RFC 8866 section 5.2 asks,
    /// which is the caller's, who has the random numbers.
    pub fn new(origin: Origin) -> Self {
        let (exchange, holds) = (Exchange::Stable, Vec::new());
        Self { origin, sent: None, exchange, invite: None, agreed: None, holds }
    }

    /// An end with nothing under way, from what was written down of it: [`OfferAnswer::origin`], [`OfferAnswer::agreed`]
    /// and [`OfferAnswer::holds`].
    pub fn restored(origin: Origin, agreed: Agreed, holds: Vec<Hold>) -> Self {
        let sent = Some(agreed.ours.clone());
        Self { origin, sent, exchange: Exchange::Stable, invite: None, agreed: Some(agreed), holds }
    }

    /// Our `o=` line with the version of what we sent last.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    pub fn holds(&self) -> &[Hold] {
        &self.holds
    }

    /// What both sides last agreed on.
    pub fn agreed(&self) -> Option<&Agreed> {
        self.agreed.as_ref()
    }

    /// The offer that is not yet answered for certain, and whose it is.
    pub fn outstanding(&self) -> Option<(Side, &SessionDescription)> {
        match &self.exchange {
            Exchange::Offered(offered) => Some((offered.by, &offered.offer)),
            Exchange::Stable | Exchange::Asked { .. } => None,
        }
    }

    /// The answer that a provisional response has brought, or that we gave in one: media may flow by it.
    pub fn preview(&self) -> Option<&SessionDescription> {
        match &self.exchange {
            Exchange::Offered(offered) => offered.preview.as_ref(),
            Exchange::Stable | Exchange::Asked { .. } => None,
        }
    }

    /// The answer that we gave within the INVITE that we are answering: what further responses repeat, if they carry
    /// anything (RFC 3261 section 13.3.1). `None` once a PRACK or UPDATE has changed the session: then they carry nothing.
    pub fn answer_given(&self) -> Option<&SessionDescription> {
        let invite = self.invite.as_ref().filter(|invite| invite.by == Side::Them)?;
        let preview = self.outstanding().filter(|(by, _)| *by == Side::Them).and(self.preview());
        preview.or(invite.answer.as_ref())
    }

    /// Whether the INVITE was without a description, so that its answerer is to offer; and who that is.
    pub fn asked(&self) -> Option<Side> {
        match self.exchange {
            Exchange::Asked { offerer } => Some(offerer),
            Exchange::Stable | Exchange::Offered(_) => None,
        }
    }

    /// Whether an offer may be sent in this message now.
    pub fn may_offer(&self, vehicle: Vehicle) -> bool {
        self.check_may_offer(vehicle).is_ok()
    }

    /// Who holds the stream.
    pub fn hold(&self, media: usize) -> Hold {
        self.holds.get(media).copied().unwrap_or_default()
    }

    /// An INVITE, UPDATE or PRACK, ours or theirs, was answered with a failure, timed out or was cancelled.
    pub fn failed(&mut self, request: Vehicle) -> Rollback {
        let is_of_request =
            |offered: Vehicle| offered == request || (request == Vehicle::Invite && offered.is_late_offer());
        let ended = if request == Vehicle::Invite { self.invite.take() } else { None };
        let executed = ended.is_some_and(|invite| invite.has_changed);
        let withdrawn = match &self.exchange {
            Exchange::Stable => false,
            Exchange::Asked { .. } => request == Vehicle::Invite,
            Exchange::Offered(offered) => is_of_request(offered.vehicle),
        };
        if withdrawn {
            self.exchange = Exchange::Stable;
        }
        match (executed, withdrawn) {
            (true, _) => Rollback::AlreadyChanged,
            (false, true) => Rollback::OfferWithdrawn,
            (false, false) => Rollback::Nothing,
        }
    }
}

#[cfg(test)]
mod tests;
