//! A device, or a whole account, has lost its rights (`Command::Revoked`): what it is in ends at once, on both sides. A
//! caller is refused, a phone that rings is cancelled and counts as 480, and a call that is answered ends with a BYE to
//! each side, which no proxy could say.

use super::Calls;
use super::client::Why;
use super::end::By;
use super::leg::LegId;
use crate::context::Context;
use crate::party::Party;
use coeur_directory::{Aor, DeviceId};
use coeur_sip::StatusCode;

impl Calls {
    pub(crate) fn revoke(&mut self, cx: &mut Context<'_>, aor: &Aor, device: Option<DeviceId>) {
        let world = cx.world;
        let is_meant = |party: Option<Party>| party.is_some_and(|party| party.is_meant(world, aor, device));
        let calls: Vec<u32> = self.calls.iter().map(|(call, _)| call as u32).collect();
        for call in calls {
            // One that ends may take another with it: a transfer is made of two.
            let Some(state) = self.calls.get(call as usize) else { continue };
            let of = |id: LegId| self.leg(id).and_then(|leg| leg.end.party);
            let caller = is_meant(of(state.caller));
            let callee = state.callee.is_some_and(|callee| is_meant(of(callee)));
            match (&state.setup, caller || callee) {
                (Some(_), true) if caller => self.revoke_setup(cx, call, StatusCode::FORBIDDEN),
                (Some(_), true) => self.revoke_setup(cx, call, StatusCode::TEMPORARILY_UNAVAILABLE),
                (Some(_), false) => self.withdraw_targets(cx, call, &is_meant),
                (None, true) => {
                    cx.counters.transactions_revoked += 1;
                    self.end_call(cx, call, By::Us);
                }
                (None, false) => {}
            }
        }
    }

    /// The server stops, and the media of its calls with it: whoever waits hears 503, what rings is cancelled, and a call that
    /// stands is ended on both sides rather than left silent.
    pub(crate) fn drain(&mut self, cx: &mut Context<'_>) {
        let calls: Vec<u32> = self.calls.iter().map(|(call, _)| call as u32).collect();
        for call in calls {
            match self.calls.get(call as usize).map(|state| state.setup.is_some()) {
                Some(true) => self.end_setup(cx, call, StatusCode::SERVICE_UNAVAILABLE, None),
                Some(false) => self.end_call(cx, call, By::Us),
                // One that ends may take another with it.
                None => {}
            }
        }
    }

    fn revoke_setup(&mut self, cx: &mut Context<'_>, call: u32, status: StatusCode) {
        cx.counters.transactions_revoked += 1;
        self.end_setup(cx, call, status, None);
    }

    fn withdraw_targets(
        &mut self,
        cx: &mut Context<'_>,
        call: u32,
        is_meant: &dyn Fn(Option<Party>) -> bool,
    ) {
        let Some(setup) = self.calls[call as usize].setup.as_mut() else { return };
        let waiting = setup.waiting.len();
        setup.waiting.retain(|target| !is_meant(target.party));
        let mut gone = waiting - setup.waiting.len();
        let legs: Vec<LegId> = setup.legs.clone();
        for id in legs {
            if is_meant(self.leg(id).and_then(|leg| leg.end.party)) {
                gone += 1;
                self.withdraw(cx, id, Why::GivenUp);
            }
        }
        if gone > 0 {
            cx.counters.transactions_revoked += gone as u64;
            self.consider(call, StatusCode::TEMPORARILY_UNAVAILABLE.code(), &[]);
            self.settle(cx, call);
        }
    }
}
