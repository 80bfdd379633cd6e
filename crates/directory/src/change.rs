//! Everything that can be changed, as values. One change has one door: `storage` commits it with its audit row, then the
//! directory applies it.

use crate::account::{Account, AccountId, RecordPolicy, Rights};
use crate::aor::Aor;
use crate::device::{Device, DeviceId};
use crate::domain::{AlgorithmPolicy, Domain};
use crate::dtmf::Dtmf;
use crate::forwarding::ForwardingPatch;
use crate::ha1::Ha1Set;
use crate::pickup::PickupGroups;
use std::fmt;

#[derive(Clone)]
pub enum Change {
    DomainAdded(Domain),
    /// Also changes: the domain is replaced whole.
    DomainChanged(Domain),
    /// Only when no account is left in it. The name as [`Domain::name_of`] writes it.
    DomainRemoved(Box<str>),
    /// With its first devices.
    AccountAdded(Box<Account>),
    AccountChanged {
        aor: Aor,
        patch: AccountPatch,
    },
    AccountRemoved(Aor),
    DeviceAdded {
        aor: Aor,
        device: Box<Device>,
    },
    DeviceChanged {
        aor: Aor,
        device: DeviceId,
        dtmf: Dtmf,
    },
    DeviceRevoked {
        aor: Aor,
        device: DeviceId,
    },
    DeviceProvedSha256 {
        aor: Aor,
        device: DeviceId,
    },
    /// It has a new secret: the one before proves nothing any more, and what was proved with it is forgotten.
    DeviceKeyed {
        aor: Aor,
        device: DeviceId,
        ha1: Ha1Set,
    },
    SettingChanged {
        key: Box<str>,
        value: Box<str>,
    },
}

/// What is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct AccountPatch {
    pub display_name: Option<Box<str>>,
    pub enabled: Option<bool>,
    pub policy: Option<AlgorithmPolicy>,
    pub contacts_max: Option<Option<u16>>,
    pub rights: Option<Rights>,
    pub picked_up: Option<bool>,
    pub pickup_groups: Option<PickupGroups>,
    pub record: Option<RecordPolicy>,
    pub forwarding: ForwardingPatch,
}

/// Why a change cannot be. Each says what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeError {
    DomainExists(Box<str>),
    UnknownDomain(Box<str>),
    DomainInUse { domain: Box<str>, account: Aor },
    BadDomain(Box<str>),
    AccountExists(Aor),
    UnknownAccount(Aor),
    UnknownDevice { aor: Aor, device: DeviceId },
    TooManyDevices(Aor),
    IdInUse(AccountId),
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DomainExists(name) => write!(f, "the domain {name} is already there"),
            Self::UnknownDomain(name) => {
                write!(f, "the domain {name} is not ours: add it first (coeur domain add {name})")
            }
            Self::DomainInUse { domain, account } => {
                write!(f, "the domain {domain} still has accounts, such as {account}: remove them first")
            }
            Self::BadDomain(name) => write!(f, "{name:?} is no domain name or address"),
            Self::AccountExists(aor) => write!(f, "the account {aor} is already there"),
            Self::UnknownAccount(aor) => write!(f, "there is no account {aor}"),
            Self::UnknownDevice { aor, device } => write!(f, "{aor} has no device {}", device.0),
            Self::TooManyDevices(aor) => write!(
                f,
                "{aor} already has {} devices: revoke one first (coeur device revoke)",
                crate::DEVICES_PER_ACCOUNT_MAX
            ),
            Self::IdInUse(id) => write!(f, "the account number {} is already taken", id.0),
        }
    }
}

impl std::error::Error for ChangeError {}
