//! Who exists and what they may do: tenants, domains, users, groups, accounts, devices, contacts, numbers.
//!
//! The directory is a table in memory that every shard reads while it handles a message, and that one door writes: a
//! typed [`Change`], committed to disk by `storage` first, then applied here. Domains are one snapshot swapped whole;
//! accounts are swapped entry by entry. What a user may do at that door is one table, [`may`].
//!
//! What it deliberately does not do: keep anything on disk, know a password (only HA1 values, and those without `Debug`),
//! know where a device is (that is a binding, in `exchange`).
//!
//! Main types: [`Directory`], [`Account`], [`Device`], [`Domain`], [`Tenant`], [`User`], [`Role`], [`Group`], [`Terms`], [`Contact`], [`Number`], [`Aor`], [`Change`].

mod account;
mod aliases;
mod aor;
mod change;
mod contact;
mod contacts;
mod destination;
mod device;
mod domain;
mod dtmf;
mod forwarding;
mod group;
mod groups;
mod ha1;
mod number;
mod numbers;
mod people;
mod pickup;
mod role;
mod shelf;
mod table;
mod tenant;
mod terms;
mod text;
mod user;
mod vcard;

pub use account::{Account, AccountId, RecordPolicy};
pub use aliases::{ALIASES_PER_ACCOUNT_MAX, AliasChange};
pub use aor::{Aor, AorError, ECHO_USER};
pub use change::{AccountPatch, Change, ChangeError};
pub use contact::{
    Book, CONTACT_NAME_BYTES_MAX, CONTACT_NOTE_BYTES_MAX, CONTACT_NUMBERS_MAX, CONTACTS_MAX, Card, CardError,
    Contact, ContactChange, ContactId, ContactNumber, ContactPatch, NumberLabel, OWN_CONTACTS_MAX,
    SHARED_CONTACTS_MAX, Wanted, contact_number, is_disguise,
};
pub use contacts::ContactPlace;
pub use destination::{Destination, Destinations, Numbering, PREFIX_BYTES_MAX, RULES_MAX, RuleError, Ruling};
pub use device::{DEVICES_PER_ACCOUNT_MAX, Device, DeviceId};
pub use domain::{AlgorithmPolicy, Domain};
pub use dtmf::Dtmf;
pub use forwarding::{
    FORWARD_AFTER_S, FORWARD_BYTES_MAX, Forwarding, ForwardingPatch, forward_target, is_nobody,
};
pub use group::{GROUPS_MAX, GROUPS_PER_ACCOUNT_MAX, Group, GroupChange, GroupId, GroupPatch};
pub use ha1::{Ha1, Ha1Set, new_secret};
pub use number::{
    E164, NUMBER_RANGE_MAX, NUMBER_TEXT_CHARS_MAX, NUMBERS_MAX, Number, NumberChange, NumberId, NumberPatch,
    RangeError, TENANT_NUMBERS_MAX, is_number_text,
};
pub use numbers::{HeldNumber, Holder, NumberState};
pub use pickup::{PICKUP_GROUP_BYTES_MAX, PICKUP_GROUPS_MAX, PickupGroups, PickupGroupsError};
pub use role::{Action, Actor, Belongs, Reach, Resource, Role, may, may_give, reach};
pub use table::Directory;
pub use tenant::{TENANTS_MAX, Tenant, TenantChange, TenantId};
pub use terms::{Source, Terms, TermsPatch};
pub use text::is_plain;
pub use user::{EMAIL_BYTES_MAX, LOGIN_BYTES_MAX, Language, User, UserChange, UserId, UserKind, UserPatch};
pub use vcard::{ReadCard, VCARDS_MAX, VcardError, read_vcards, write_vcard};
