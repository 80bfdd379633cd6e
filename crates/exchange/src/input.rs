//! The things that can happen to an exchange.

use crate::bindings::BindingId;
use crate::call_record::{Ask, Ticket};
use crate::flow::Flow;
use crate::outbox::{ResolveToken, SendToken};
use crate::push::Destination;
use coeur_directory::Aor;
use coeur_sip::message::{Message, ParseError};

pub use crate::media::MediaEvent;

pub enum Input<'a> {
    /// A message arrived over a flow.
    Received { flow: Flow, message: &'a Message<'a> },
    /// Bytes arrived that are no SIP message; the error says whether an answer is possible.
    Malformed { flow: Flow, error: &'a ParseError<'a> },
    /// A connection is gone; its flow will never carry anything again.
    FlowClosed { flow: Flow },
    /// A message sent with this token could not leave (refused, unreachable, no such connection, queue full).
    SendFailed { token: SendToken, failure: SendFailure },
    /// The answer to `Output::Resolve`.
    Resolved { token: ResolveToken, answer: &'a coeur_sip::resolve::Answer },
    /// Word from the administration door.
    Told(Command),
    /// A media object opened by `Output::Media` reports.
    MediaEvent(MediaEvent),
    /// The deadline given by `next_deadline` has passed.
    Ticked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendFailure {
    /// Refused or unreachable: the next target is tried, and this one is avoided for a while (RFC 3263 section 4.3).
    Unreachable,
    /// The connection is gone: another flow of the phone is tried, if it has one (RFC 5626 section 7).
    FlowClosed,
    /// The certificate does not prove the host (RFC 5922). As unreachable.
    Untrusted,
    /// A bounded queue of our own is full: over UDP the timers send again, else the next target is tried.
    Congested,
}

/// What the administration door tells every shard.
#[derive(Clone, Debug)]
pub enum Command {
    /// A device or a whole account lost its rights: its bindings go, its transactions end.
    Revoked { aor: Aor, device: Option<coeur_directory::DeviceId> },
    /// The server is about to stop: new requests are answered 503, callers who wait too, and calls whose media is ours end.
    Drain,
    /// The phones of a device, or of all devices of an account, are asked to fetch their settings.
    CheckSync { aor: Aor, device: Option<coeur_directory::DeviceId>, reboot: bool },
    /// A push service says that this destination is none any more (RFC 8599 section 5.6.1 leaves it to us to forget it).
    PushEnded { aor: Aor, binding: BindingId, destination: Box<Destination> },
    /// A question about calls; every shard answers with one [`crate::outbox::Output::Told`].
    Asked { ticket: Ticket, ask: Ask },
}
