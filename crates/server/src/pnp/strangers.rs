//! Phones that have asked, and links for those that were claimed.

use super::words::{Asking, Dialog};
use coeur_api::provision::StrangerView;
use coeur_api::rfc3339;
use coeur_provisioning::Mac;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use zeroize::Zeroizing;

/// Phones at a time, about 2 kB each, 512 kB. Who asks when there are more is not listed: a network has not so many new ones,
/// and one who makes them up pushes nobody out.
const STRANGERS_MAX: usize = 256;
/// How long a phone is listed that does not ask again, and a claim waits for its phone.
const LISTED_MS: u64 = 3_600_000;

#[derive(Default)]
pub struct Strangers(Mutex<Known>);

#[derive(Default)]
struct Known {
    strangers: BTreeMap<Mac, Stranger>,
    /// Of NOTIFYs that are answered; as many as phones at most.
    answered: Vec<Box<[u8]>>,
}

struct Stranger {
    asking: Asking,
    seen_at_ms: u64,
    claim: Option<Claim>,
}

struct Claim {
    url: Zeroizing<String>,
    /// From where the phone had asked when it was claimed.
    of: IpAddr,
    until_ms: u64,
}

/// What a claimed phone is sent.
pub struct ToldOf {
    pub to: SocketAddr,
    /// The 200 to its SUBSCRIBE.
    pub accepted: Vec<u8>,
    pub dialog: Dialog,
    pub url: Zeroizing<String>,
}

impl Strangers {
    /// A phone asks. `None`: it is nobody's yet.
    pub(super) fn ask(&self, asking: Asking, now_ms: u64) -> Option<ToldOf> {
        let mut known = self.0.lock();
        known.strangers.retain(|_, stranger| now_ms.saturating_sub(stranger.seen_at_ms) < LISTED_MS);
        if known.strangers.len() >= STRANGERS_MAX && !known.strangers.contains_key(&asking.mac) {
            return None;
        }
        let claim = known.strangers.remove(&asking.mac).and_then(|stranger| stranger.claim);
        let claim = claim.filter(|claim| now_ms < claim.until_ms);
        let told = claim.as_ref().filter(|claim| claim.of == asking.from.ip()).map(|claim| ToldOf {
            to: asking.from,
            accepted: asking.accepted.clone(),
            dialog: asking.dialog.clone(),
            url: claim.url.clone(),
        });
        known.strangers.insert(asking.mac, Stranger { asking, seen_at_ms: now_ms, claim });
        told
    }

    /// An operator has made a link for the phone with this address; it hears of it when it asks next. False: it has not asked.
    pub fn claim(&self, mac: &str, url: &str, now_ms: u64) -> bool {
        let mut known = self.0.lock();
        let Some(stranger) = Mac::parse(mac).ok().and_then(|mac| known.strangers.get_mut(&mac)) else {
            return false;
        };
        stranger.claim = Some(Claim {
            url: Zeroizing::new(url.to_owned()),
            of: stranger.asking.from.ip(),
            until_ms: now_ms + LISTED_MS,
        });
        true
    }

    pub fn views(&self, now_ms: u64) -> Vec<StrangerView> {
        let known = self.0.lock();
        let listed =
            known.strangers.iter().filter(|(_, one)| now_ms.saturating_sub(one.seen_at_ms) < LISTED_MS);
        listed
            .map(|(mac, one)| StrangerView {
                mac: mac.to_string(),
                vendor: one.asking.profile.vendor.to_string(),
                model: one.asking.profile.model.to_string(),
                firmware: one.asking.profile.version.to_string(),
                address: one.asking.from.to_string(),
                seen_at: rfc3339(one.seen_at_ms),
                can_be_told: one.asking.profile.maker().or(mac.vendor()).is_some(),
            })
            .collect()
    }

    pub(super) fn answered(&self, call_id: &[u8]) {
        let mut known = self.0.lock();
        if known.answered.len() >= STRANGERS_MAX {
            known.answered.clear();
        }
        known.answered.push(call_id.into());
    }

    pub(super) fn is_answered(&self, call_id: &[u8]) -> bool {
        self.0.lock().answered.iter().any(|known| **known == *call_id)
    }
}
