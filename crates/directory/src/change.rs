//! Everything that can be changed, as values. One change has one door: `storage` commits it with its audit row, then the
//! directory applies it.

use crate::account::{Account, AccountId, RecordPolicy};
use crate::aliases::AliasChange;
use crate::aor::Aor;
use crate::contact::{CardError, ContactChange, ContactId};
use crate::device::{Device, DeviceId};
use crate::domain::{AlgorithmPolicy, Domain};
use crate::dtmf::Dtmf;
use crate::forwarding::ForwardingPatch;
use crate::group::{GroupChange, GroupId};
use crate::ha1::Ha1Set;
use crate::number::{E164, NumberChange, NumberId};
use crate::pickup::PickupGroups;
use crate::tenant::{TenantChange, TenantId};
use crate::terms::TermsPatch;
use crate::user::{UserChange, UserId};
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
    Tenant(TenantChange),
    User(UserChange),
    Group(GroupChange),
    Alias(AliasChange),
    Contact(ContactChange),
    Number(NumberChange),
}

/// What is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct AccountPatch {
    pub display_name: Option<Box<str>>,
    /// `Some(None)`: it belongs to nobody.
    pub user: Option<Option<UserId>>,
    pub enabled: Option<bool>,
    pub policy: Option<AlgorithmPolicy>,
    pub contacts_max: Option<Option<u16>>,
    pub terms: TermsPatch,
    pub groups: Option<Box<[GroupId]>>,
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
    DomainInUse {
        domain: Box<str>,
        account: Aor,
    },
    /// A further address of an account of another domain.
    DomainHasAlias {
        alias: Aor,
        aor: Aor,
    },
    BadDomain(Box<str>),
    AccountExists(Aor),
    UnknownAccount(Aor),
    UnknownDevice {
        aor: Aor,
        device: DeviceId,
    },
    TooManyDevices(Aor),
    IdInUse(AccountId),
    TenantExists(Box<str>),
    UnknownTenant(TenantId),
    TenantInUse(Box<str>),
    TooManyTenants,
    UserExists(Box<str>),
    UnknownUser(UserId),
    UserInUse {
        user: Box<str>,
        account: Aor,
    },
    /// Of two things that belong together, such as an account and its user.
    OtherTenant {
        user: Box<str>,
        domain: Box<str>,
    },
    LastOwner(Box<str>),
    GroupExists(Box<str>),
    UnknownGroup(GroupId),
    GroupInUse {
        group: Box<str>,
        account: Aor,
    },
    TooManyGroups,
    TooManyGroupsOf(Aor),
    AliasExists {
        alias: Aor,
        aor: Aor,
    },
    UnknownAlias {
        aor: Aor,
        alias: Aor,
    },
    TooManyAliases(Aor),
    ContactExists(ContactId),
    UnknownContact(ContactId),
    BadContact(CardError),
    TooManyContacts {
        most: usize,
    },
    /// A number is asked for, and this is none.
    NoNumber(Box<str>),
    NumberExists(E164),
    UnknownNumber(NumberId),
    /// An account has it.
    NumberInUse {
        number: E164,
        account: Aor,
    },
    /// Its emergency address or its note.
    BadNumberText(E164),
    TooManyNumbers {
        most: usize,
    },
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
            Self::DomainHasAlias { alias, aor } => {
                write!(f, "{alias} reaches the account {aor}: take this address back first")
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
            Self::TenantExists(name) => write!(f, "the tenant {name} is already there"),
            Self::UnknownTenant(id) => write!(f, "there is no tenant ten_{}", id.0),
            Self::TenantInUse(name) => {
                write!(f, "the tenant {name} is the first one, or still has domains, users or groups")
            }
            Self::TooManyTenants => {
                write!(f, "an installation has {} tenants at most", crate::TENANTS_MAX)
            }
            Self::UserExists(login) => write!(f, "the user {login} is already there"),
            Self::UnknownUser(id) => write!(f, "there is no user usr_{}", id.0),
            Self::UserInUse { user, account } => write!(
                f,
                "accounts belong to the user {user}, such as {account}: remove them, or give them to another user, first"
            ),
            Self::OtherTenant { user, domain } => {
                write!(f, "{user} and the domain {domain} are not of the same tenant")
            }
            Self::GroupExists(name) => write!(f, "the group {name} is already there"),
            Self::UnknownGroup(id) => write!(f, "there is no group grp_{}", id.0),
            Self::GroupInUse { group, account } => {
                write!(f, "accounts are in the group {group}, such as {account}: take them out first")
            }
            Self::TooManyGroups => write!(f, "an installation has {} groups at most", crate::GROUPS_MAX),
            Self::TooManyGroupsOf(aor) => {
                write!(f, "{aor} is in {} groups at most", crate::GROUPS_PER_ACCOUNT_MAX)
            }
            Self::AliasExists { alias, aor } => write!(f, "{alias} is already another address of {aor}"),
            Self::UnknownAlias { aor, alias } => write!(f, "{alias} is no further address of {aor}"),
            Self::TooManyAliases(aor) => {
                write!(f, "{aor} has {} further addresses at most", crate::ALIASES_PER_ACCOUNT_MAX)
            }
            Self::ContactExists(id) => write!(f, "the contact ctc_{} is already there", id.0),
            Self::UnknownContact(id) => write!(f, "there is no contact ctc_{}", id.0),
            Self::BadContact(why) => write!(f, "{why}"),
            Self::NoNumber(text) => {
                write!(f, "`{text}` is no number of the public network: a + and 2 to 15 digits (E.164)")
            }
            Self::NumberExists(number) => write!(f, "the number {number} is already there"),
            Self::UnknownNumber(id) => write!(f, "there is no number num_{}", id.0),
            Self::NumberInUse { number, account } => {
                write!(f, "{account} has the number {number}: take it back first")
            }
            Self::BadNumberText(number) => write!(
                f,
                "the emergency address and the note of {number} have {} characters at most, and none that turn the direction of writing",
                crate::NUMBER_TEXT_CHARS_MAX
            ),
            Self::TooManyNumbers { most } => write!(f, "there are {most} numbers here at most"),
            Self::TooManyContacts { most } => write!(f, "there are {most} contacts here at most"),
            Self::LastOwner(login) => {
                write!(f, "{login} is the last owner: make another user an owner first")
            }
        }
    }
}

impl std::error::Error for ChangeError {}
