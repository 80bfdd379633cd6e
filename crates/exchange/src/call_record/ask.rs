//! What the administration door asks a shard about its calls, and what it is told.

use super::control::{NamedDialog, NotControlled, NotOriginated, Originate, Verb};
use super::{CallRecordId, LiveCall};
use crate::media::PromptId;
use coeur_directory::AccountId;

/// Names a question. Opaque to the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The calls of this shard, at most `limit` and at most [`Ask::CALLS_MAX`]; of one account, or of all.
    List {
        account: Option<AccountId>,
        limit: usize,
    },
    /// One call, with what the media plane measures of it now.
    Show(CallRecordId),
    /// Ends a call, whatever its state.
    HangUp(CallRecordId),
    /// Begins, pauses or ends a recording; `by`: whose word it is.
    Record {
        id: CallRecordId,
        order: RecordOrder,
        by: Box<str>,
    },
    /// Plays something once, or ends what is played.
    Play {
        id: CallRecordId,
        prompt: Option<PromptId>,
        to: Hearer,
    },
    /// Begins a call on behalf of an account; asked of one shard.
    Originate(Box<Originate>),
    Control {
        id: CallRecordId,
        verb: Verb,
    },
    /// How the sides of a call that are accounts of ours name their dialogs.
    Dialogs(CallRecordId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordOrder {
    Start,
    /// What is said is left out until it goes on.
    Pause,
    Resume,
    Stop,
}

/// Who hears what is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hearer {
    Both,
    Caller,
    Callee,
}

/// Why a call is not recorded, or nothing played into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRecorded {
    NotAnswered,
    /// It has keys that we do not have.
    EndToEnd,
    /// One side is a service of ours.
    Service,
    /// No account of it lets it be recorded, or it is not for this phone to say.
    Policy,
    /// There is nothing to pause or to end.
    NotRunning,
    /// Nothing more can be said into a call before its media, which goes from phone to phone, has come back.
    Direct,
}

impl NotRecorded {
    /// A sentence for who has asked.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotAnswered => "the call is not answered, or its media has no port",
            Self::EndToEnd => {
                "the call is `e2e`: the devices have agreed on keys that the server does not have, so it hears nothing of it"
            }
            Self::Service => "one side of the call is a service of the server itself",
            Self::Policy => {
                "no account of the call lets it be recorded: `coeur account set ACCOUNT --record on-demand` does"
            }
            Self::NotRunning => "the call is not recorded now",
            Self::Direct => {
                "too much waits until the media of the call, which goes from phone to phone, has come back (`direct_media`)"
            }
        }
    }

    /// The same for a phone.
    pub(crate) const fn phrase(self) -> &'static str {
        match self {
            Self::NotAnswered => "Not Answered",
            Self::EndToEnd => "End-to-End Encrypted",
            Self::Service => "Not Recordable",
            Self::Policy => "Recording Not Permitted",
            Self::NotRunning => "Not Recorded",
            Self::Direct => "Direct Media",
        }
    }
}

impl Ask {
    /// Calls in one answer of one shard: about 1 kB each, and a few microseconds of the shard's time.
    pub const CALLS_MAX: usize = 2_000;
}

/// The answer: each shard gives one to each question, at once, or when the media plane has reported, a second later at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    Calls {
        calls: Vec<LiveCall>,
        /// There are more than were asked for.
        more: bool,
    },
    /// `None`: no call of this shard.
    Call(Option<Box<LiveCall>>),
    /// False: no call of this shard.
    HungUp(bool),
    /// To `Record` and `Play`; `None`: no call of this shard.
    Taped(Option<Result<(), NotRecorded>>),
    /// The name of the call that is begun.
    Originated(Result<CallRecordId, NotOriginated>),
    /// To `Control`; `None`: no call of this shard.
    Controlled(Option<Result<(), NotControlled>>),
    /// `None`: no call of this shard.
    Dialogs(Option<Vec<NamedDialog>>),
}
