//! Devices: each has its own secret, so that one lost phone is one revocation.

use crate::domain::AlgorithmPolicy;
use crate::dtmf::Dtmf;
use crate::ha1::Ha1Set;
use std::sync::atomic::{AtomicBool, Ordering};

/// Devices of one account. A digest answer is tried against each active one, so this bounds the work of a failure.
pub const DEVICES_PER_ACCOUNT_MAX: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub u64);

pub struct Device {
    pub id: DeviceId,
    pub name: Box<str>,
    pub ha1: Ha1Set,
    pub policy: AlgorithmPolicy,
    /// Seconds since the Unix epoch.
    pub created_at_s: u64,
    /// How keys are said to it, and by it.
    pub dtmf: Dtmf,
    proved_sha256: AtomicBool,
}

impl Device {
    pub fn new(id: DeviceId, name: &str, ha1: Ha1Set, policy: AlgorithmPolicy, created_at_s: u64) -> Self {
        Self {
            id,
            name: name.into(),
            ha1,
            policy,
            created_at_s,
            dtmf: Dtmf::Auto,
            proved_sha256: AtomicBool::new(false),
        }
    }

    /// True once this device has answered a SHA-256 challenge: MD5 is then refused for ever.
    pub fn proved_sha256(&self) -> bool {
        self.proved_sha256.load(Ordering::Relaxed)
    }

    /// Another secret. With it nothing was proved yet.
    pub fn rekey(&mut self, ha1: Ha1Set) {
        self.ha1 = ha1;
        self.proved_sha256 = AtomicBool::new(false);
    }

    /// Remembers it at once, before the record is committed; true the first time.
    pub fn prove_sha256(&self) -> bool {
        !self.proved_sha256.swap(true, Ordering::Relaxed)
    }
}

impl Clone for Device {
    fn clone(&self) -> Self {
        Self {
            id: self.id,
            name: self.name.clone(),
            ha1: self.ha1.clone(),
            policy: self.policy,
            created_at_s: self.created_at_s,
            dtmf: self.dtmf,
            proved_sha256: AtomicBool::new(self.proved_sha256()),
        }
    }
}
