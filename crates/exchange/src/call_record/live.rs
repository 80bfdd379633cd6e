//! A call that is set up or held now.

use super::{CallRecordId, MediaPath, Side};
use crate::event::Protection;
use crate::flow::ShardId;
use coeur_sip::time::Wall;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveCall {
    pub id: CallRecordId,
    pub shard: ShardId,
    pub state: LiveState,
    pub caller: Side,
    /// As in [`super::CallRecord`].
    pub callee: Option<Side>,
    /// Whom the caller wanted: the Request-URI.
    pub to: Box<[u8]>,
    pub started: Wall,
    pub answered: Option<Wall>,
    pub protection: Option<Protection>,
    /// Of an answered call that was asked for; not in lists.
    pub media_path: Option<MediaPath>,
    pub transfer_of: Option<CallRecordId>,
    /// In a conference: whether the caller speaks now; `None`: it is none, or he has not spoken yet.
    pub speaks: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiveState {
    /// Not answered.
    Ringing,
    Answered,
    /// Answered, and a side does not want to hear, or is not to be heard.
    Held,
}

impl LiveState {
    /// As it is shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ringing => "ringing",
            Self::Answered => "answered",
            Self::Held => "held",
        }
    }
}
