//! Tenants: organisations that share an installation. Each domain, user and group belongs to one.

use crate::destination::Numbering;
use crate::terms::Terms;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(pub u64);

impl TenantId {
    /// The tenant that every installation has, and that cannot be removed.
    pub const FIRST: Self = Self(1);
}

/// Tenants of one installation. About 5 kB each at most, most have a name alone.
pub const TENANTS_MAX: usize = 1_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    pub id: TenantId,
    /// Unique in the installation.
    pub name: Box<str>,
    /// Of each of its accounts, where neither it nor a group of it says anything.
    pub terms: Terms,
    /// Which numbers are what.
    pub numbering: Numbering,
}

impl Tenant {
    pub fn new(id: TenantId, name: &str) -> Self {
        Self { id, name: name.into(), terms: Terms::default(), numbering: Numbering::default() }
    }

    /// As it is called before anybody has given it a name.
    pub fn first() -> Self {
        Self::new(TenantId::FIRST, "default")
    }
}

#[derive(Clone, Debug)]
pub enum TenantChange {
    Added(Tenant),
    /// It is replaced whole.
    Changed(Tenant),
    /// Only when no domain, user or group is left in it. The contacts that it shares and its numbers go with it.
    Removed(TenantId),
}
