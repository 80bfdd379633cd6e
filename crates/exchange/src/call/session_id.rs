//! RFC 7989: both legs of a call name the same pair of UUIDs, so that whoever sees both knows that they are one call, `coeur
//! trace` among them. A phone's own UUID passes to the other side; for a phone that has none we say one (section 7). ACK and
//! CANCEL name what their INVITE has named.
//!
//! What it deliberately does not do: keep them beyond a restart of the process; a call that is taken up has others.

use super::Calls;
use super::leg::LegId;
use crate::session_id::{Pair, pair};

impl Calls {
    /// The value for messages to a leg: who speaks through us, or did so last, then the leg itself. `None`: there is nobody
    /// yet.
    pub(super) fn session_of(&self, id: LegId) -> Option<Pair> {
        let leg = self.leg(id)?;
        let other = self.calls.get(leg.call as usize).and_then(|call| match call.caller == id {
            false => Some(call.caller),
            true => call.callee.or_else(|| call.setup.as_ref()?.legs.first().copied()),
        });
        let other = other.and_then(|other| self.leg(other)).map(|other| other.uuid);
        Some(pair(other.or(leg.spoke_with)?, leg.uuid))
    }

    /// A leg leaves its call: what is still said to the other side names it.
    pub(super) fn remember_session(&mut self, leaving: LegId) {
        let Some(leg) = self.leg(leaving) else { return };
        let (uuid, call) = (leg.uuid, self.calls.get(leg.call as usize));
        let other =
            call.and_then(|call| if call.caller == leaving { call.callee } else { Some(call.caller) });
        if let Some(other) = other.and_then(|other| self.leg_mut(other)) {
            other.spoke_with = Some(uuid);
        }
    }
}
