//! What a file says of an installation: tenants, domains, groups, users, accounts with their further addresses and devices.
//!
//! TOML, as the settings are: it has comments, its errors have lines, and a number with a leading zero or a word like `no` is
//! nothing else than what was written, as in YAML it may be. No secret is in it: those are made, and shown once.

use crate::cli::exit::{Exit, Failure};
use coeur_api::{TermsChange, TermsView};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Bytes of a file: about 100,000 accounts.
const FILE_BYTES_MAX: u64 = 32 << 20;

/// What is absent is not looked at; a kind of which nothing is said is not pruned.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct State {
    pub tenants: Option<Vec<Tenant>>,
    pub domains: Option<Vec<Domain>>,
    pub groups: Option<Vec<Group>>,
    pub users: Option<Vec<User>>,
    pub accounts: Option<Vec<Account>>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numbering: Option<String>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    pub name: String,
    /// By its name; the first one when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    pub name: String,
    #[serde(skip_serializing)]
    pub tenant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
    /// 0: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub together_max: Option<u32>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    pub login: String,
    #[serde(skip_serializing)]
    pub tenant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// `user@domain`.
    pub account: String,
    /// A login, or `no`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<String>>,
    /// `off`, `on-demand` or `all`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dnd: Option<bool>,
    /// Further addresses; a number alone is of its domain.
    #[serde(skip_serializing)]
    pub aliases: Option<Vec<String>>,
    /// Names; the device with which an account is made is called `first`.
    #[serde(skip_serializing)]
    pub devices: Option<Vec<String>>,
}

/// Whole where it is there: what it does not name is said no more.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    relay: Option<bool>,
    sessions_max: Option<u32>,
    minutes_per_day: Option<u32>,
    minutes_per_month: Option<u32>,
    destinations: Option<String>,
}

impl Quota {
    /// What has to be said to make it of what is said now.
    pub fn change(&self, now: &TermsView) -> TermsChange {
        TermsChange {
            relay: (self.relay != now.relay).then_some(self.relay),
            sessions_max: (self.sessions_max != now.sessions_max).then_some(self.sessions_max),
            minutes_per_day: (self.minutes_per_day != now.minutes_per_day).then_some(self.minutes_per_day),
            minutes_per_month: (self.minutes_per_month != now.minutes_per_month)
                .then_some(self.minutes_per_month),
            destinations: (self.destinations != now.destinations).then(|| self.destinations.clone()),
        }
    }
}

pub fn read(path: &Path) -> Result<State, Failure> {
    let said = |why: String| Failure::new(Exit::Usage, format!("{}: {why}", path.display()));
    let length = std::fs::metadata(path).map_err(|why| said(why.to_string()))?.len();
    if length > FILE_BYTES_MAX {
        return Err(said(format!("a file has at most {FILE_BYTES_MAX} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|why| said(why.to_string()))?;
    of_text(&text).map_err(said)
}

pub fn of_text(text: &str) -> Result<State, String> {
    let state: State = toml::from_str(text).map_err(|why| why.to_string())?;
    let twice = |names: Vec<&str>| {
        let mut seen = std::collections::BTreeSet::new();
        names.into_iter().find(|name| !seen.insert(name.to_lowercase())).map(str::to_owned)
    };
    let lists = [
        state.tenants.iter().flatten().map(|one| one.name.as_str()).collect(),
        state.domains.iter().flatten().map(|one| one.name.as_str()).collect(),
        state.users.iter().flatten().map(|one| one.login.as_str()).collect(),
        state.accounts.iter().flatten().map(|one| one.account.as_str()).collect(),
    ];
    let named = lists.into_iter().find_map(twice);
    match named {
        Some(name) => Err(format!("`{name}` is there twice")),
        None => Ok(state),
    }
}
