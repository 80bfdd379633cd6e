//! Pickup groups: whose calls may be taken by whom, by names that the accounts of one domain have in common.

use std::fmt;

/// Groups of one account.
pub const PICKUP_GROUPS_MAX: usize = 8;
/// Bytes of the name of one.
pub const PICKUP_GROUP_BYTES_MAX: usize = 32;

/// The names, in lower case, in order, each once, with commas between: at most 263 bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PickupGroups(Box<str>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PickupGroupsError {
    BadName(Box<str>),
    TooMany,
}

impl PickupGroups {
    /// From names with commas between, in any order; nothing is no group.
    pub fn parse(text: &str) -> Result<Self, PickupGroupsError> {
        let mut names: Vec<String> = Vec::new();
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let is_named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            if name.len() > PICKUP_GROUP_BYTES_MAX || !name.bytes().all(is_named) {
                return Err(PickupGroupsError::BadName(name.into()));
            }
            names.push(name.to_ascii_lowercase());
        }
        names.sort_unstable();
        names.dedup();
        match names.len() <= PICKUP_GROUPS_MAX {
            true => Ok(Self(names.join(",").into())),
            false => Err(PickupGroupsError::TooMany),
        }
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split(',').filter(|name| !name.is_empty())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True when both are in one group.
    pub fn meet(&self, others: &Self) -> bool {
        self.names().any(|name| others.names().any(|other| other == name))
    }
}

impl fmt::Display for PickupGroupsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadName(name) => write!(
                f,
                "{name:?} is no name of a pickup group: letters, digits, `-`, `_` and `.`, at most {PICKUP_GROUP_BYTES_MAX}"
            ),
            Self::TooMany => write!(f, "an account is in {PICKUP_GROUPS_MAX} pickup groups at most"),
        }
    }
}

impl std::error::Error for PickupGroupsError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(text: &str) -> PickupGroups {
        PickupGroups::parse(text).expect("names")
    }

    #[test]
    fn groups_are_the_same_in_any_order_and_case_and_what_is_no_name_is_refused() {
        assert_eq!(groups(" Sales,support ,sales,").as_str(), "sales,support");
        assert_eq!(groups("").names().count(), 0);
        for bad in ["a b", "é", "a;b", &"x".repeat(33)] {
            assert_eq!(PickupGroups::parse(bad), Err(PickupGroupsError::BadName(bad.into())));
        }
        let many = |count: u8| (0..count).map(|nth| format!("g{nth}")).collect::<Vec<_>>().join(",");
        assert!(PickupGroups::parse(&many(8)).is_ok());
        assert_eq!(PickupGroups::parse(&many(9)), Err(PickupGroupsError::TooMany));
    }

    #[test]
    fn two_accounts_meet_in_a_group_that_both_have() {
        assert!(groups("sales,support").meet(&groups("hall,support")));
        assert!(!groups("sales").meet(&groups("sale,sales.")));
        assert!(!groups("").meet(&groups("")));
    }
}
