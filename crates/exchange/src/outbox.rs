//! What must now be done, in order. One arena holds the bytes of all outputs of a batch, so that nothing is
//! allocated per message once it is warm.

use crate::call_record::{Ticket, Told};
use crate::event::Event;
use crate::flow::{Flow, Hop};
use crate::push::Wake;
use std::ops::Range;

pub use crate::media::{MediaCommand, MediaId};

/// Names the branch (client transaction) that wants to hear of a failed send. Opaque to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SendToken(pub u64);

/// Names who asked for a resolution. Opaque to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ResolveToken(pub u64);

/// A range of the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

#[derive(Debug)]
pub enum Output {
    Send(Send),
    /// Append these bytes (one [`crate::record::Batch`], or an entry of calls) to the journal.
    Save(Span),
    Resolve {
        token: ResolveToken,
        query: coeur_sip::resolve::Query,
    },
    Publish(Event),
    Media(MediaCommand),
    /// The answer to [`crate::input::Command::Asked`].
    Told(Ticket, Told),
    /// Ask a push service to wake a device.
    Push(Box<Wake>),
    /// Close this connection once what was sent on it has left.
    Close(Flow),
}

#[derive(Debug)]
pub struct Send {
    pub hop: Hop,
    pub bytes: Span,
    /// When set, the message leaves once every `Save` written before it is durable; if the save fails,
    /// `or_else` leaves instead (an empty span: nothing leaves).
    pub after_save: Option<OrElse>,
    /// Who wants to hear of a failure; `None` for answers.
    pub token: Option<SendToken>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrElse(pub Span);

/// Filled by `Exchange::handle`, emptied by the server (or the simulator).
#[derive(Default)]
pub struct Outbox {
    pub arena: Vec<u8>,
    pub outputs: Vec<Output>,
}

impl Outbox {
    /// Writes into the arena and returns what was written.
    pub fn write(&mut self, f: impl FnOnce(&mut Vec<u8>)) -> Span {
        let start = self.arena.len() as u32;
        f(&mut self.arena);
        Span { start, end: self.arena.len() as u32 }
    }

    pub fn bytes(&self, span: Span) -> &[u8] {
        &self.arena[span.start as usize..span.end as usize]
    }

    pub fn send(&mut self, hop: Hop, bytes: Span, token: Option<SendToken>) {
        self.outputs.push(Output::Send(Send { hop, bytes, after_save: None, token }));
    }

    pub fn save(&mut self, bytes: Span) {
        self.outputs.push(Output::Save(bytes));
    }

    /// Sends `bytes` once every save before is durable, `or_else` if it fails.
    pub fn send_after_save(&mut self, hop: Hop, bytes: Span, or_else: Span) {
        self.outputs.push(Output::Send(Send { hop, bytes, after_save: Some(OrElse(or_else)), token: None }));
    }

    /// What was written last with these bytes leaves once the next save is durable; when that fails it leaves all the same.
    pub(crate) fn hold(&mut self, bytes: Span) {
        let is_meant = |output: &&mut Output| matches!(output, Output::Send(send) if send.bytes == bytes);
        if let Some(Output::Send(send)) = self.outputs.iter_mut().rev().find(is_meant) {
            send.after_save = Some(OrElse(bytes));
        }
    }

    /// Saves these bytes before the first message that is held, of the outputs from `first` on.
    pub(crate) fn save_before_held(&mut self, first: usize, bytes: Span) {
        let is_held = |output: &Output| matches!(output, Output::Send(send) if send.after_save.is_some());
        let held = self.outputs.iter().skip(first).position(is_held);
        let at = held.map_or(self.outputs.len(), |held| first + held);
        self.outputs.insert(at, Output::Save(bytes));
    }

    pub fn publish(&mut self, event: Event) {
        self.outputs.push(Output::Publish(event));
    }

    pub fn clear(&mut self) {
        self.arena.clear();
        self.outputs.clear();
    }
}

impl Span {
    pub const EMPTY: Self = Self { start: 0, end: 0 };

    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Bytes.
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}
