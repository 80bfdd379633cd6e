//! Tenants: organisations that share an installation. Each domain, user and group belongs to one.

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(pub u64);

impl TenantId {
    /// The tenant that every installation has, and that cannot be removed.
    pub const FIRST: Self = Self(1);
}

/// Tenants of one installation. Each is a name: about 100 kB at most.
pub const TENANTS_MAX: usize = 1_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    pub id: TenantId,
    /// Unique in the installation.
    pub name: Box<str>,
}

impl Tenant {
    pub fn new(id: TenantId, name: &str) -> Self {
        Self { id, name: name.into() }
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
    /// Only when no domain, user or group is left in it.
    Removed(TenantId),
}
