//! What each leg speaks is learnt from what its peer offers, and remembered of its device (see [`describe::profile`]).

use super::Calls;
use super::client::transport_of;
use super::describe::Text;
use super::describe::profile::Profile;
use super::leg::LegId;

impl Calls {
    /// What to offer to a leg whose peer has offered nothing yet. A phone that has registered as one with ICE is offered it,
    /// also by a shard that has not heard its offers: some are silent without it.
    pub(super) fn expected_profile(&self, id: LegId) -> Profile {
        let Some(leg) = self.leg(id) else { return Profile::PLAIN };
        let transport = transport_of(&leg.hop);
        let known = leg.end.party.and_then(|party| self.profiles.find(party.device, transport));
        let profile = known.unwrap_or(Profile::of_transport(transport));
        match leg.callee.as_ref().is_some_and(|callee| callee.target.speaks_ice) {
            true => profile.with_ice(),
            false => profile,
        }
    }

    /// The peer of a leg has offered this.
    pub(super) fn learn_profile(&mut self, id: LegId, offer: &Text) {
        let spoken = offer.read().and_then(|offer| Profile::of(&offer.summary));
        if let (Some(profile), Some(leg)) = (spoken, self.leg_mut(id)) {
            leg.profile = profile;
            self.remember_profile(id);
        }
    }

    /// What a leg speaks has worked.
    pub(super) fn remember_profile(&mut self, id: LegId) {
        let Some(leg) = self.leg(id) else { return };
        if let Some(party) = leg.end.party {
            let (transport, profile) = (transport_of(&leg.hop), leg.profile);
            self.profiles.remember(party.device, transport, profile);
        }
    }
}
