//! Tenants and users, as they are asked for and shown.

use crate::groups::TermsView;
use crate::ids::Id;
use coeur_directory::{Directory, Tenant, User};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NewUser {
    /// Unique in the installation; capitals do not count.
    pub login: String,
    /// By its name or number; `None`: the first one.
    pub tenant: Option<String>,
    /// `person` or `role`; empty: a person.
    pub kind: String,
    pub display_name: String,
    /// Empty: none is known.
    pub email: String,
    /// `en` or `fr`; empty: `en`.
    pub language: String,
    /// `owner`, `admin`, `operator`, `supervisor`, `user`, `auditor`, `provisioning` or `api`; empty: `user`.
    pub role: String,
}

/// What is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserAmendment {
    pub login: Option<String>,
    pub kind: Option<String>,
    pub display_name: Option<String>,
    pub email: Option<String>,
    pub language: Option<String>,
    pub role: Option<String>,
    pub enabled: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserView {
    /// As `usr_4`.
    pub id: String,
    pub login: String,
    /// As `ten_1`.
    pub tenant: String,
    pub kind: String,
    pub display_name: String,
    pub email: String,
    pub language: String,
    pub role: String,
    pub enabled: bool,
    /// The accounts of the user; of a list they are not told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsersPage {
    /// In the order of their logins.
    pub users: Vec<UserView>,
    /// Where the next page begins; absent at the end.
    pub next: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantView {
    /// As `ten_1`.
    pub id: String,
    pub name: String,
    pub domains: Vec<String>,
    /// Of each of its accounts, where nobody nearer says anything.
    #[serde(default)]
    pub terms: TermsView,
    /// Which numbers are what.
    #[serde(default)]
    pub numbering: String,
}

impl UserView {
    pub(crate) fn of(user: &User) -> Self {
        Self {
            id: user.id.text(),
            login: user.login.to_string(),
            tenant: user.tenant.text(),
            kind: user.kind.as_str().to_owned(),
            display_name: user.display_name.to_string(),
            email: user.email.to_string(),
            language: user.language.as_str().to_owned(),
            role: user.role.as_str().to_owned(),
            enabled: user.enabled,
            accounts: Vec::new(),
        }
    }
}

impl TenantView {
    pub(crate) fn of(tenant: &Tenant, directory: &Directory) -> Self {
        let domains = directory.domains();
        let own = domains.iter().filter(|domain| domain.tenant == tenant.id);
        Self {
            id: tenant.id.text(),
            name: tenant.name.to_string(),
            domains: own.map(|domain| domain.name.to_string()).collect(),
            terms: TermsView::of(&tenant.terms),
            numbering: tenant.numbering.to_string(),
        }
    }
}
