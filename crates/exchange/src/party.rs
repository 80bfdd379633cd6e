//! Who takes part in a transaction or a dialog.

use crate::flow::Flow;
use crate::world::World;
use coeur_directory::{Account, AccountId, Aor, DeviceId, Dtmf};
use coeur_sip::time::Monotonic;
use std::sync::Arc;

/// A device of an account of ours: who proved to send a request, or whose binding it goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Party {
    pub account: AccountId,
    pub device: DeviceId,
}

impl Party {
    /// True while the account may do anything and the device is one of it.
    pub fn stands(&self, world: &World) -> bool {
        self.account(world).is_some_and(|account| account.enabled && account.device(self.device).is_some())
    }

    /// True when this revocation is about the party: its device, or all of its account.
    pub fn is_meant(&self, world: &World, aor: &Aor, device: Option<DeviceId>) -> bool {
        match device {
            Some(device) => device == self.device,
            // A removed account is not there any more, and none but the one just revoked was removed meanwhile.
            None => self.account(world).is_none_or(|account| account.aor == *aor),
        }
    }

    /// True when the device is registered over this flow now: its last REGISTER came, with its secret, over it.
    pub fn is_registered_over(&self, world: &World, now: Monotonic, flow: &Flow) -> bool {
        let Some(account) = self.account(world) else { return false };
        let (user, domain) = (account.aor.user().as_bytes(), account.aor.domain().as_bytes());
        let mut found = false;
        world.bindings.each_of(user, domain, now, |view| {
            found |= view.draft().device == self.device && view.flow() == Some(*flow);
        });
        found
    }

    /// How keys are said to the device, and by it.
    pub(crate) fn dtmf(&self, world: &World) -> Dtmf {
        let account = self.account(world);
        account.and_then(|account| Some(account.device(self.device)?.dtmf)).unwrap_or_default()
    }

    pub(crate) fn account(&self, world: &World) -> Option<Arc<Account>> {
        world.directory.account_by_id(self.account)
    }
}
