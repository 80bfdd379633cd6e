//! A leg that is being called: its target, the ways to it, and what it has said so far.

use super::describe::Text;
use super::describe::profile::Profile;
use crate::flow::Hop;
use crate::proxy::branch::Way;
use crate::routing::Target;
use coeur_sip::dialog::Forks;
use coeur_sip::time::Monotonic;

pub(super) struct Callee {
    pub(super) target: Target,
    pub(super) way: Way,
    /// A resolver that never answers must not hold the call.
    pub(super) until: Monotonic,
    /// The same place over UDP, while a large INVITE is tried over TCP (RFC 3261 section 18.1.1).
    pub(super) smaller: Option<Hop>,
    /// Where the INVITE goes is known; it waits for the ports of the leg.
    pub(super) ready: bool,
    /// Its INVITE.
    pub(super) client: Option<u32>,
    pub(super) call_id: [u8; 32],
    pub(super) cseq: u32,
    /// One early dialog for each To tag (section 12.1.2).
    pub(super) forks: Forks,
    /// The last reliable provisional answer of each that was acknowledged: (tag, RSeq) (RFC 3262 section 4).
    pub(super) acknowledged: Vec<(Box<[u8]>, u32)>,
    /// Early dialogs, by tag, that have answered our offer for certain: reliably and with a description (RFC 3262 section 5).
    pub(super) answered: Vec<Box<[u8]>>,
    /// The description of the last provisional answer that had one, or of an offer after it.
    pub(super) early: Text,
    /// What it was offered first, and how often it has refused a profile.
    pub(super) first: Profile,
    pub(super) refusals: usize,
    /// What it asked for with a 422 (RFC 4028 section 7.4), seconds.
    pub(super) min_se_s: Option<u32>,
}
