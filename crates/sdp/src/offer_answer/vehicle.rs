//! Which SIP message carries a description, and what it then is (RFC 6337 section 2.2, table 1).

/// One of the two ends of a dialog, seen from ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Us,
    Them,
}

/// The message that a description comes in. Responses are named by the request that they answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vehicle {
    /// The first of a dialog or one inside it.
    Invite,
    /// A provisional response to an INVITE that is not acknowledged.
    Provisional,
    /// One that asks for a PRACK (RFC 3262).
    ReliableProvisional,
    /// A 2xx response to an INVITE.
    InviteOk,
    Ack,
    Prack,
    PrackOk,
    Update,
    UpdateOk,
}

/// What a description in an answer's place is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// It arrives for certain: this is the answer.
    Answer,
    /// It may be lost, so the same one follows: media can flow already (RFC 6337 section 3.1.1).
    Preview,
}

impl Vehicle {
    pub const ALL: [Self; 9] = [
        Self::Invite,
        Self::Provisional,
        Self::ReliableProvisional,
        Self::InviteOk,
        Self::Ack,
        Self::Prack,
        Self::PrackOk,
        Self::Update,
        Self::UpdateOk,
    ];

    /// What a description in this message is to an offer that came in `offer`: the six patterns of RFC 6337
    /// section 2.2.
    pub(super) fn answers(self, offer: Self) -> Option<Weight> {
        let (answered, weight) = match self {
            Self::Provisional => (Self::Invite, Weight::Preview),
            Self::ReliableProvisional | Self::InviteOk => (Self::Invite, Weight::Answer),
            Self::Ack => (Self::InviteOk, Weight::Answer),
            Self::Prack => (Self::ReliableProvisional, Weight::Answer),
            Self::PrackOk => (Self::Prack, Weight::Answer),
            Self::UpdateOk => (Self::Update, Weight::Answer),
            Self::Invite | Self::Update => return None,
        };
        (offer == answered).then_some(weight)
    }

    /// The requests that may carry an offer by themselves.
    pub(super) const fn is_offering_request(self) -> bool {
        matches!(self, Self::Invite | Self::Prack | Self::Update)
    }

    /// The responses that may carry the offer that an INVITE had not (RFC 3261 section 13.2.1).
    pub(super) const fn is_late_offer(self) -> bool {
        matches!(self, Self::ReliableProvisional | Self::InviteOk)
    }

    /// Responses to an INVITE.
    pub(super) const fn answers_invite(self) -> bool {
        matches!(self, Self::Provisional | Self::ReliableProvisional | Self::InviteOk)
    }
}

impl Side {
    pub const fn other(self) -> Self {
        match self {
            Self::Us => Self::Them,
            Self::Them => Self::Us,
        }
    }
}
