//! What is dialled to take a call that waits, or to let one wait: `*8NAME` takes what rings at an account, `*8` what has rung
//! longest in the pickup groups of who dials it, `park-71` is a slot in which calls of a domain are parked, `park` any slot that
//! is free. An account of that name comes first.

use super::waiting::SLOTS;
use crate::routing;
use crate::world::World;
use coeur_directory::Account;
use coeur_sip::uri::{Uri, unescape_into};
use std::sync::Arc;

pub(crate) enum Feature {
    /// Of this account; `None`: there is none of that name.
    PickUp(Option<Arc<Account>>),
    PickUpInGroups,
    /// In this slot, or in any.
    Park(Option<u16>),
}

const PICK_UP: &[u8] = b"*8";
const PARK: &[u8] = b"park";

/// What `caller` means; only within his own domain.
pub(crate) fn of(world: &World, caller: &Account, uri: &[u8]) -> Option<Feature> {
    let Ok(Uri::Sip(uri)) = Uri::parse(uri) else { return None };
    let domain = caller.aor.domain().as_bytes();
    let is_own = match world.directory.is_ours(uri.host_bytes) {
        true => uri.host_bytes.eq_ignore_ascii_case(domain),
        // An address of ours.
        false => routing::is_ours(world, &uri),
    };
    let escaped = uri.user.filter(|_| is_own)?;
    let mut user = Vec::with_capacity(escaped.len());
    unescape_into(escaped, &mut user);
    let feature = match user.strip_prefix(PICK_UP) {
        Some(b"") => Feature::PickUpInGroups,
        Some(name) => Feature::PickUp(world.directory.account(name, domain)),
        None => Feature::Park(slot_of(user.strip_prefix(PARK)?)?),
    };
    world.directory.account(&user, domain).is_none().then_some(feature)
}

fn slot_of(rest: &[u8]) -> Option<Option<u16>> {
    if rest.is_empty() {
        return Some(None);
    }
    // As it is announced: `071` and `+71` are read as a number too, and are names of somebody else.
    let text = std::str::from_utf8(rest.strip_prefix(b"-")?).ok()?;
    let slot: u16 = text.parse().ok()?;
    (SLOTS.contains(&slot) && slot.to_string() == text).then_some(Some(slot))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{apply, world};
    use coeur_directory::{AccountId, Aor, Change, Domain};

    #[test]
    fn what_waits_is_dialled_within_ones_own_domain_only() {
        let world = world();
        apply(&world, Change::DomainAdded(Domain::new("example.net")));
        let of_domain = |domain: &str| Account::new(AccountId(9), Aor::new("dave", domain).expect("a name"));
        let (own, foreign) = (of_domain("example.org"), of_domain("example.net"));
        let dialled =
            |caller: &Account, user: &str| of(&world, caller, format!("sip:{user}@example.org").as_bytes());
        for user in ["*8bob", "*8", "park", "park-71", "park-99"] {
            assert!(dialled(&own, user).is_some() && dialled(&foreign, user).is_none(), "{user}");
        }
        assert!(matches!(dialled(&own, "*8nobody"), Some(Feature::PickUp(None))));
        assert!(matches!(dialled(&own, "*8"), Some(Feature::PickUpInGroups)));
        for user in
            ["park-", "park-70", "park-100", "park-71x", "park-071", "park-+71", "parking", "8bob", "bob"]
        {
            assert!(dialled(&own, user).is_none(), "{user}");
        }
    }
}
