//! What is told of texts (MESSAGE, RFC 3428) for those who listen: that one is on its way, was taken, or was not.
//!
//! What it deliberately does not do: tell what a text says, keep one, or look into calls: a text inside a dialog of two legs is passed on
//! by `call`, and nothing is told of it.

use crate::context::Context;
use crate::event::{Event, TextStep, Texted};
use crate::party::Party;
use coeur_sip::{HeaderName, Message, StatusCode};

/// Of what a sender writes, at most as many bytes are told; worst-case memory of one event: twice that.
const TOLD_BYTES_MAX: usize = 256;

/// Not told yet.
pub(crate) fn of(message: &Message<'_>, id: [u8; 18], from: Party, to: Option<Party>) -> Box<Texted> {
    let some = |bytes: &[u8]| bytes[..bytes.len().min(TOLD_BYTES_MAX)].into();
    Box::new(Texted {
        id,
        step: TextStep::Accepted,
        from,
        to,
        to_uri: some(message.request_uri()),
        content_type: some(message.values(HeaderName::ContentType).next().unwrap_or_default()),
        // A message has at most 64 kB.
        bytes: message.body().len() as u32,
    })
}

/// The end of one: what its sender is told. 408 is what he finds out by himself (RFC 4320 section 4.2).
pub(crate) fn ended(cx: &mut Context<'_>, mut text: Box<Texted>, status: StatusCode) {
    text.step = match status.class() {
        2 => TextStep::Delivered,
        _ => TextStep::Failed { status: status.code() },
    };
    cx.outbox.publish(Event::Texted(text));
}
