//! What every role of the exchange is handed while it handles one input.

use crate::answer::Answers;
use crate::event::Counters;
use crate::mint::Mint;
use crate::outbox::Outbox;
use crate::session_id::Pair;
use crate::world::World;
use coeur_sip::time::Now;

pub struct Context<'c> {
    pub now: Now,
    pub world: &'c World,
    pub mint: &'c mut Mint,
    pub counters: &'c mut Counters,
    pub outbox: &'c mut Outbox,
    /// What retransmissions are answered from; filled by [`crate::answer::answer`].
    pub answers: &'c mut Answers,
    /// RFC 7989: what the answer to a request inside a call of ours names.
    pub session: Option<Pair>,
}
