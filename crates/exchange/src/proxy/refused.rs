//! INVITEs inside a dialog that were refused without a transaction.
//!
//! The ACK of a refusal has the branch of its INVITE and ends at who refused it (RFC 3261 section 17.1.1.3). All else in it
//! is as in the ACK of a 2xx, which goes on to the other end of the dialog. So their keys are kept a while.

use crate::flow::Flow;
use coeur_sip::transaction::TransactionKey;
use std::net::SocketAddr;

/// Refusals remembered in one shard: 56 kB once there was one, whoever was refused. When another takes its place, an ACK
/// goes on to the other end of its dialog, where it belongs to nothing.
const REFUSALS: usize = 1_024;

#[derive(Default)]
pub(super) struct Refused {
    places: Vec<Option<Invite>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Invite {
    key: TransactionKey,
    /// Some phones repeat a branch with the next CSeq.
    cseq: u32,
    from: SocketAddr,
}

impl Refused {
    pub(super) fn remember(&mut self, key: TransactionKey, cseq: u32, flow: &Flow) {
        self.places.resize(REFUSALS, None);
        self.places[place(key)] = Some(Invite { key, cseq, from: flow.remote });
    }

    /// True for the key of an ACK whose INVITE was refused.
    pub(super) fn contains(&self, key: TransactionKey, cseq: u32, flow: &Flow) -> bool {
        let known = self.places.get(place(key)).copied().flatten();
        known == Some(Invite { key, cseq, from: flow.remote })
    }
}

fn place(key: TransactionKey) -> usize {
    key.0[1] as usize % REFUSALS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::udp;

    #[test]
    fn only_the_ack_of_that_very_invite_is_known() {
        let (mut refused, key) = (Refused::default(), TransactionKey([7, 1_030]));
        let flow = udp("192.0.2.11:5060");
        assert!(!refused.contains(key, 1, &flow));
        refused.remember(key, 1, &flow);
        assert!(refused.contains(key, 1, &flow));
        assert!(!refused.contains(key, 2, &flow) && !refused.contains(key, 1, &udp("192.0.2.11:5061")));
        assert!(!refused.contains(TransactionKey([8, 1_030]), 1, &flow));
        refused.remember(TransactionKey([8, 6]), 1, &flow);
        assert!(!refused.contains(key, 1, &flow), "another has taken its place");
    }
}
