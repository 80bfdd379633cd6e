//! Groups, rights and quota, as they are asked for and shown.

use crate::ids::Id;
use coeur_directory::{Directory, Group, Terms};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// Rights and quota as one level says them; what is absent stays, and `null` is said no more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(rename = "TermsChange")]
pub struct TermsChange {
    /// The right to send to domains that are not ours.
    #[schemars(with = "Option<bool>")]
    #[serde(deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    pub relay: Option<Option<bool>>,
    /// Calls of one account at a time.
    #[schemars(with = "Option<u32>")]
    #[serde(deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    pub sessions_max: Option<Option<u32>>,
    /// Of calls to elsewhere, by one account.
    #[schemars(with = "Option<u32>")]
    #[serde(deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    pub minutes_per_day: Option<Option<u32>>,
    #[schemars(with = "Option<u32>")]
    #[serde(deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    pub minutes_per_month: Option<Option<u32>>,
    /// Words and prefixes with commas, as `internal,national,!+3389`.
    #[schemars(with = "Option<String>")]
    #[serde(deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    pub destinations: Option<Option<String>>,
}

/// Present, be it `null`.
fn said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(given: D) -> Result<Option<T>, D::Error> {
    T::deserialize(given).map(Some)
}

/// What one level says of rights and quota itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(rename = "Terms")]
pub struct TermsView {
    pub relay: Option<bool>,
    pub sessions_max: Option<u32>,
    pub minutes_per_day: Option<u32>,
    pub minutes_per_month: Option<u32>,
    pub destinations: Option<String>,
}

/// What is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TenantAmendment {
    pub name: Option<String>,
    pub terms: TermsChange,
    /// Which numbers are what, as `+33=national,+3389=premium`.
    pub numbering: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupAmendment {
    pub name: Option<String>,
    pub terms: TermsChange,
    /// Calls of all members together at a time; `null`: no limit.
    #[serde(deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    pub together_max: Option<Option<u32>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupView {
    /// As `grp_2`.
    pub id: String,
    pub tenant: String,
    pub name: String,
    pub terms: TermsView,
    pub together_max: Option<u32>,
    /// Its members; of a list they are not told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupsPage {
    /// In the order in which they were made.
    pub groups: Vec<GroupView>,
    /// Where the next page begins; absent at the end.
    pub next: Option<String>,
}

/// One right or quota of an account, and who has said it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Right")]
pub struct RightView {
    /// `relay`, `sessions_max`, `minutes_per_day`, `minutes_per_month` or `destinations`.
    pub right: String,
    /// Absent: nobody says anything, and nothing limits it (`relay`: it may not).
    pub value: Option<String>,
    /// `account`, or the number of a group or tenant.
    pub source: Option<String>,
    /// The name of that group or tenant.
    pub source_name: Option<String>,
}

/// Why an account may, or may not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Rights")]
pub struct RightsView {
    pub account: String,
    pub rights: Vec<RightView>,
    /// Where one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<DestinationView>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Destination")]
pub struct DestinationView {
    pub number: String,
    /// `internal`, `emergency`, `national`, `mobile`, `international`, `premium` or `elsewhere`.
    pub class: String,
    pub allowed: bool,
    /// The rule that decided; absent: none names it.
    pub rule: Option<String>,
    pub source: Option<String>,
    pub source_name: Option<String>,
}

impl TermsView {
    pub(crate) fn of(terms: &Terms) -> Self {
        Self {
            relay: terms.relay_foreign,
            sessions_max: terms.sessions_max,
            minutes_per_day: terms.minutes_per_day,
            minutes_per_month: terms.minutes_per_month,
            destinations: terms.destinations.as_ref().map(ToString::to_string),
        }
    }
}

impl GroupView {
    pub(crate) fn of(group: &Group) -> Self {
        Self {
            id: group.id.text(),
            tenant: group.tenant.text(),
            name: group.name.to_string(),
            terms: TermsView::of(&group.terms),
            together_max: group.together_max,
            accounts: Vec::new(),
        }
    }

    pub(crate) fn with_members(group: &Group, directory: &Directory) -> Self {
        let members = directory.accounts_of_group(group.id);
        let mut accounts: Vec<String> = members.iter().map(|account| account.aor.to_string()).collect();
        accounts.sort_unstable();
        Self { accounts, ..Self::of(group) }
    }
}
