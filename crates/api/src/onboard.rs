//! Users with an account each and its first device: all of a request are made, or none.

use crate::door::{Door, aor, not_reserved, not_too_many, refuse};
use crate::model::{Made, NewAccount, Refusal, Reply, Why};
use crate::people::{NewUser, UserView};
use coeur_directory::{Account, Aor, Change, ChangeError, Directory, User, UserChange};
use coeur_storage::Operator;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

#[derive(Clone, Serialize, Deserialize)]
pub struct NewPerson {
    pub user: NewUser,
    /// Made with him, and his. Its own `user` is not looked at.
    pub account: Option<NewAccount>,
    /// Further addresses of the account; a number alone is of its domain.
    #[serde(default)]
    pub aliases: Vec<String>,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct PersonMade {
    pub user: UserView,
    pub account: Option<Made>,
}

impl Door {
    pub(crate) fn add_people(&self, operator: &Operator, people: &[NewPerson]) -> Result<Reply, Refusal> {
        not_too_many(people.len())?;
        let (mut checked, mut changes, mut made) = (Vec::new(), Vec::new(), Vec::new());
        let mut logins = BTreeSet::new();
        let mut addresses = BTreeSet::new();
        for person in people {
            let user = self.new_user(&person.user)?;
            if !logins.insert(user.login.clone()) {
                return Err(refuse(ChangeError::UserExists(user.login)));
            }
            let added = Change::User(UserChange::Added(Box::new(user.clone())));
            let mut account = person.account.as_ref().map(|new| self.new_account(new)).transpose()?;
            checked.push(added.clone());
            changes.push(added);
            if let Some((account, _)) = &mut account {
                if !addresses.insert(account.aor.clone()) {
                    return Err(refuse(ChangeError::AccountExists(account.aor.clone())));
                }
                account.user = None;
                account.aliases = aliases(&account.aor, &person.aliases)?;
                // What several want of one commit, the directory cannot tell yet.
                if let Some(alias) = account.aliases.iter().find(|alias| !addresses.insert((*alias).clone()))
                {
                    return Err(refuse(ChangeError::AccountExists(alias.clone())));
                }
                // Its owner is checked here, since he is not in the directory yet.
                checked.push(Change::AccountAdded(Box::new(account.clone())));
                fits(self.house().directory(), account, &user)?;
                account.user = Some(user.id);
                changes.push(Change::AccountAdded(Box::new(account.clone())));
            }
            made.push((user, account.map(|(_, made)| made)));
        }
        self.commit_checked(operator, &checked, &changes)?;
        let view = |(user, account): (User, Option<Made>)| {
            let accounts = account.iter().map(|made| made.account.clone()).collect();
            PersonMade { user: UserView { accounts, ..UserView::of(&user) }, account }
        };
        Ok(Reply::People(made.into_iter().map(view).collect()))
    }
}

fn aliases(of: &Aor, texts: &[String]) -> Result<Box<[Aor]>, Refusal> {
    let read = |text: &String| {
        let alias = if text.contains('@') { aor(text)? } else { aor(&format!("{text}@{}", of.domain()))? };
        not_reserved(&alias)?;
        Ok(alias)
    };
    texts.iter().map(read).collect()
}

/// A user has accounts of domains of his own tenant.
fn fits(directory: &Directory, account: &Account, user: &User) -> Result<(), Refusal> {
    let domain = directory.domain(account.aor.domain().as_bytes());
    match domain.is_none_or(|domain| domain.tenant == user.tenant) {
        true => Ok(()),
        false => {
            let text = format!("{} is of another tenant than `{}`", account.aor.domain(), user.login);
            Err(Refusal::new(Why::Invalid, text))
        }
    }
}
