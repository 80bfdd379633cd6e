//! Accounts: an address of record, its rights, its devices. Rights attach to the account, never to the device.

use crate::aor::Aor;
use crate::device::{Device, DeviceId};
use crate::domain::AlgorithmPolicy;
use crate::forwarding::Forwarding;
use crate::group::GroupId;
use crate::pickup::PickupGroups;
use crate::terms::Terms;
use crate::user::UserId;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub u64);

/// Which calls of an account are recorded. Of the two sides of a call the one that has more recorded counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordPolicy {
    /// None, whoever asks.
    #[default]
    Off,
    /// Those for which it is asked: by the operator, or by the account's phone.
    OnDemand,
    /// All from their answer on; no phone stops that.
    All,
}

impl RecordPolicy {
    pub const ALL: [Self; 3] = [Self::Off, Self::OnDemand, Self::All];

    /// As it is written and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::OnDemand => "on-demand",
            Self::All => "all",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == text)
    }
}

#[derive(Clone)]
pub struct Account {
    pub id: AccountId,
    pub aor: Aor,
    /// Whose it is.
    pub user: Option<UserId>,
    pub display_name: Box<str>,
    pub enabled: bool,
    pub policy: AlgorithmPolicy,
    /// Overrides the domain's limit of contacts.
    pub contacts_max: Option<u16>,
    /// What it says itself of its rights and quota; `None`: nothing.
    pub terms: Option<Box<Terms>>,
    /// At most [`crate::GROUPS_PER_ACCOUNT_MAX`]; what one says counts before what a later one does.
    pub groups: Box<[GroupId]>,
    /// Further addresses that reach it; at most [`crate::ALIASES_PER_ACCOUNT_MAX`].
    pub aliases: Box<[Aor]>,
    /// Other accounts of its domain may answer its calls while they ring.
    pub picked_up: bool,
    /// Accounts of its domain that are in one of these too may answer its calls while they ring, and it may answer theirs.
    pub pickup_groups: PickupGroups,
    /// Whether its calls are recorded.
    pub record: RecordPolicy,
    /// `None`: its calls are its own.
    pub forwarding: Option<Box<Forwarding>>,
    /// Active devices, oldest first; at most [`crate::DEVICES_PER_ACCOUNT_MAX`]. A revoked device is not here.
    pub devices: Box<[Device]>,
}

impl Account {
    pub fn new(id: AccountId, aor: Aor) -> Self {
        Self {
            id,
            aor,
            user: None,
            display_name: "".into(),
            enabled: true,
            policy: AlgorithmPolicy::Auto,
            contacts_max: None,
            terms: None,
            groups: Box::default(),
            aliases: Box::default(),
            picked_up: false,
            pickup_groups: PickupGroups::default(),
            record: RecordPolicy::Off,
            forwarding: None,
            devices: Box::default(),
        }
    }

    pub fn device(&self, id: DeviceId) -> Option<&Device> {
        self.devices.iter().find(|d| d.id == id)
    }
}
