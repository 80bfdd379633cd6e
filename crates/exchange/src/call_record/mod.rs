//! What is known of a call: while it lives ([`LiveCall`]), and when it is over ([`CallRecord`]). Plain data, with names as
//! they were then: an account may be removed afterwards.

mod ask;
mod control;
mod id;
mod live;
mod path;
mod side;

pub use ask::{Ask, Hearer, NotRecorded, RecordOrder, Ticket, Told};
pub use control::{
    DIGIT_MS, DIGITS_MAX, DISPLAY_BYTES_MAX, NamedDialog, NotControlled, NotOriginated, Originate, Place,
    TIMEOUT_S_MAX, URI_BYTES_MAX, Verb,
};
pub use id::{CallRecordId, NoCallRecordId};
pub use live::{LiveCall, LiveState};
pub use path::{MediaPath, Relayed};
pub use side::{AgreedStream, Side, USER_AGENT_BYTES_MAX};

use crate::event::{EndedBy, Protection};
use crate::forwarding::Diversion;
use crate::silence::Verdict;
use coeur_directory::AccountId;
use coeur_sip::time::Wall;

/// A call that is over. A transfer of a call that was answered makes two of it: until the side was changed, and from then
/// on. Some 1 kB, and what its streams have to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRecord {
    pub id: CallRecordId,
    pub caller: Side,
    /// Who answered; when nobody has, the account that was called last. `None`: nobody of ours.
    pub callee: Option<Side>,
    /// Whom the caller wanted: the Request-URI.
    pub to: Box<[u8]>,
    /// Of the caller's leg.
    pub call_id: Box<[u8]>,
    pub started: Wall,
    /// From the INVITE to the first sign of a ringing phone.
    pub rang_after_ms: Option<u64>,
    pub answered: Option<Wall>,
    pub ended: Wall,
    /// 200 when it was answered, else what the caller was told.
    pub status: u16,
    pub ended_by: EndedBy,
    /// Why it ended, as a side said it (RFC 3326).
    pub reason: Option<Box<[u8]>>,
    /// How its media was protected in the end; `None` when none was agreed.
    pub protection: Option<Protection>,
    /// By whose rules it went to whom it went, the first first.
    pub forwarded: Box<[Diversion]>,
    /// The call of which it took a side over.
    pub transfer_of: Option<CallRecordId>,
    /// The last reason why somebody was not heard.
    pub verdict: Option<Verdict>,
    /// Whose minutes an answered call to elsewhere costs (decision 0046).
    pub payer: Option<AccountId>,
}
