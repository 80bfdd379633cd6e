//! Who exists and what they may do: domains, accounts, devices.
//!
//! The directory is a table in memory that every shard reads while it handles a message, and that one door writes: a
//! typed [`Change`], committed to disk by `storage` first, then applied here. Domains are one snapshot swapped whole;
//! accounts are swapped entry by entry.
//!
//! What it deliberately does not do: keep anything on disk, know a password (only HA1 values, and those without `Debug`),
//! know where a device is (that is a binding, in `exchange`).
//!
//! Main types: [`Directory`], [`Account`], [`Device`], [`Domain`], [`Aor`], [`Change`].

mod account;
mod aor;
mod change;
mod device;
mod domain;
mod dtmf;
mod forwarding;
mod ha1;
mod pickup;
mod table;

pub use account::{Account, AccountId, RecordPolicy, Rights};
pub use aor::{Aor, AorError, ECHO_USER};
pub use change::{AccountPatch, Change, ChangeError};
pub use device::{DEVICES_PER_ACCOUNT_MAX, Device, DeviceId};
pub use domain::{AlgorithmPolicy, Domain};
pub use dtmf::Dtmf;
pub use forwarding::{
    FORWARD_AFTER_S, FORWARD_BYTES_MAX, Forwarding, ForwardingPatch, forward_target, is_nobody,
};
pub use ha1::{Ha1, Ha1Set, new_secret};
pub use pickup::{PICKUP_GROUP_BYTES_MAX, PICKUP_GROUPS_MAX, PickupGroups, PickupGroupsError};
pub use table::Directory;
