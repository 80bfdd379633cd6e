//! What is wrong with a request whatever there is: a word that is of no list, a name or an address that can be none.

use crate::door::{name, new_aor, not_reserved, pickup_groups, policy, record_policy, refuse};
use crate::groups_door::{group_name, numbering, terms};
use crate::model::{AccountChange, Refusal, Request};
use crate::people_door::{new_login, tenant_name, user_patch};
use coeur_directory::{Aor, ChangeError, Domain};

impl Request {
    /// Why the door will refuse it for its words alone, as far as that is looked at: for what makes or changes tenants, groups,
    /// users, accounts, their further addresses and devices. Asks nobody.
    pub fn wording(&self) -> Result<(), Refusal> {
        match self {
            Request::TenantAdd { name } => tenant_name(name).map(drop),
            Request::TenantChange { change, .. } => {
                change.name.as_deref().map(tenant_name).transpose()?;
                terms(&change.terms)?;
                change.numbering.as_deref().map(numbering).transpose().map(drop)
            }
            Request::GroupAdd { name, .. } => group_name(name).map(drop),
            Request::GroupChange { change, .. } => {
                change.name.as_deref().map(group_name).transpose()?;
                terms(&change.terms).map(drop)
            }
            Request::DomainAdd { domain, .. } => {
                let domain = Domain::name_of(domain);
                match Aor::new("x", &domain) {
                    Ok(_) => Ok(()),
                    Err(_) => Err(refuse(ChangeError::BadDomain(domain))),
                }
            }
            Request::UserAdd { user } => new_login(&user.login).map(drop),
            Request::UserChange { change, .. } => user_patch(change).map(drop),
            Request::AccountsAdd { accounts } => accounts.iter().try_for_each(|new| {
                not_reserved(&new_aor(&new.account)?)?;
                name(&new.display_name)?;
                policy(&new.policy).map(drop)
            }),
            Request::AccountChange { change, .. } => account_change(change),
            Request::AliasAdd { account, alias } => {
                let domain = account.rsplit_once('@').map_or("", |(_, domain)| domain);
                let whole = if alias.contains('@') { alias.clone() } else { format!("{alias}@{domain}") };
                not_reserved(&new_aor(&whole)?)
            }
            Request::DeviceAdd { name: label, policy: word, .. } => {
                name(label)?;
                policy(word).map(drop)
            }
            _ => Ok(()),
        }
    }
}

fn account_change(change: &AccountChange) -> Result<(), Refusal> {
    terms(&change.terms)?;
    change.display_name.as_deref().map(name).transpose()?;
    change.policy.as_deref().map(policy).transpose()?;
    change.pickup_groups.as_deref().map(pickup_groups).transpose()?;
    change.record.as_deref().map(record_policy).transpose().map(drop)
}
