//! Groups: accounts of one tenant with rights and quota in common.

use crate::tenant::TenantId;
use crate::terms::{Terms, TermsPatch};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u64);

/// Groups of an installation: 3 kB each at most, 30 MB; few have more than a name.
pub const GROUPS_MAX: usize = 10_000;
/// Groups of one account.
pub const GROUPS_PER_ACCOUNT_MAX: usize = 8;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub id: GroupId,
    pub tenant: TenantId,
    /// Unique in its tenant, whatever the case.
    pub name: Box<str>,
    /// Of each member.
    pub terms: Terms,
    /// Calls of all members together at a time.
    pub together_max: Option<u32>,
}

/// What is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupPatch {
    pub name: Option<Box<str>>,
    pub terms: TermsPatch,
    pub together_max: Option<Option<u32>>,
}

#[derive(Clone, Debug)]
pub enum GroupChange {
    Added(Box<Group>),
    Changed {
        id: GroupId,
        patch: GroupPatch,
    },
    /// Only when no account is in it any more.
    Removed(GroupId),
}

impl Group {
    pub fn new(id: GroupId, tenant: TenantId, name: &str) -> Self {
        Self { id, tenant, name: name.into(), terms: Terms::default(), together_max: None }
    }

    pub fn change(&mut self, patch: &GroupPatch) {
        if let Some(name) = &patch.name {
            self.name.clone_from(name);
        }
        self.terms.change(&patch.terms);
        self.together_max = patch.together_max.unwrap_or(self.together_max);
    }
}
