//! Further addresses of accounts: names and extension numbers that reach an account under another address of record. Who it is
//! stays its main address.

use crate::account::Account;
use crate::aor::Aor;
use crate::change::ChangeError;
use crate::table::Directory;
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Further addresses of one account.
pub const ALIASES_PER_ACCOUNT_MAX: usize = 16;

#[derive(Clone, Debug)]
pub enum AliasChange {
    Added {
        aor: Aor,
        alias: Aor,
    },
    Removed {
        aor: Aor,
        alias: Aor,
    },
    /// In one step: it is at no time nobody's.
    Moved {
        from: Aor,
        aor: Aor,
        alias: Aor,
    },
}

/// About 150 bytes for each alias. The accounts are looked up by their own address, so that there is one copy of each.
#[derive(Default)]
pub(crate) struct Aliases {
    aor_by_alias: RwLock<BTreeMap<Box<str>, Aor>>,
    /// An installation without any asks no lock.
    count: AtomicUsize,
}

impl Aliases {
    /// The address of the account that this is another address of.
    pub(crate) fn main(&self, user: &[u8], domain: &[u8]) -> Option<Aor> {
        if self.is_empty() {
            return None;
        }
        let (user, domain) = (std::str::from_utf8(user).ok()?, std::str::from_utf8(domain).ok()?);
        let alias = Aor::new(user, domain).ok()?;
        self.aor_by_alias.read().get(alias.as_str()).cloned()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    pub(crate) fn put(&self, alias: &Aor, aor: &Aor) {
        let mut all = self.aor_by_alias.write();
        all.insert(alias.as_str().into(), aor.clone());
        self.count.store(all.len(), Ordering::Relaxed);
    }

    pub(crate) fn remove(&self, alias: &Aor) {
        let mut all = self.aor_by_alias.write();
        all.remove(alias.as_str());
        self.count.store(all.len(), Ordering::Relaxed);
    }
}

impl Directory {
    pub fn has_aliases(&self) -> bool {
        !self.aliases().is_empty()
    }

    /// The account that this is another address of; `None` too for the main address of an account.
    pub fn account_by_alias(&self, user: &[u8], domain: &[u8]) -> Option<Arc<Account>> {
        let aor = self.aliases().main(user, domain)?;
        self.account_of(&aor)
    }

    pub(crate) fn check_alias(&self, change: &AliasChange) -> Result<(), ChangeError> {
        match change {
            AliasChange::Added { aor, alias } => {
                self.has_room(aor)?;
                self.aliases_fit(aor, std::slice::from_ref(alias))
            }
            AliasChange::Removed { aor, alias } => self.has_alias(aor, alias),
            AliasChange::Moved { from, aor, alias } => {
                self.has_alias(from, alias)?;
                if from != aor {
                    self.has_room(aor)?;
                }
                self.are_of_one_tenant(aor, alias)
            }
        }
    }

    pub(crate) fn apply_alias(&self, change: &AliasChange) -> Result<(), ChangeError> {
        let give = |aor: &Aor, alias: &Aor| {
            self.replace(aor, |account| {
                let mut aliases = std::mem::take(&mut account.aliases).into_vec();
                aliases.push(alias.clone());
                account.aliases = aliases.into_boxed_slice();
            })
        };
        let take = |aor: &Aor, alias: &Aor| {
            self.replace(aor, |account| {
                let aliases = std::mem::take(&mut account.aliases).into_vec();
                account.aliases = aliases.into_iter().filter(|known| known != alias).collect();
            })
        };
        match change {
            AliasChange::Added { aor, alias } => {
                give(aor, alias)?;
                self.aliases().put(alias, aor);
            }
            AliasChange::Removed { aor, alias } => {
                self.aliases().remove(alias);
                take(aor, alias)?;
            }
            AliasChange::Moved { from, aor, alias } => {
                take(from, alias)?;
                give(aor, alias)?;
                self.aliases().put(alias, aor);
            }
        }
        Ok(())
    }

    fn has_room(&self, aor: &Aor) -> Result<(), ChangeError> {
        match self.known(aor)?.aliases.len() >= ALIASES_PER_ACCOUNT_MAX {
            true => Err(ChangeError::TooManyAliases(aor.clone())),
            false => Ok(()),
        }
    }

    fn has_alias(&self, aor: &Aor, alias: &Aor) -> Result<(), ChangeError> {
        match self.known(aor)?.aliases.contains(alias) {
            true => Ok(()),
            false => Err(ChangeError::UnknownAlias { aor: aor.clone(), alias: alias.clone() }),
        }
    }

    /// Addresses of domains of the same tenant, that nobody has.
    pub(crate) fn aliases_fit(&self, aor: &Aor, aliases: &[Aor]) -> Result<(), ChangeError> {
        aliases.iter().try_for_each(|alias| {
            self.are_of_one_tenant(aor, alias)?;
            self.is_free(alias)
        })
    }

    fn are_of_one_tenant(&self, aor: &Aor, alias: &Aor) -> Result<(), ChangeError> {
        let tenant = |aor: &Aor| self.domain(aor.domain().as_bytes()).map(|domain| domain.tenant);
        let Some(of_alias) = tenant(alias) else {
            return Err(ChangeError::UnknownDomain(alias.domain().into()));
        };
        match tenant(aor) == Some(of_alias) {
            true => Ok(()),
            false => {
                Err(ChangeError::OtherTenant { user: aor.as_str().into(), domain: alias.domain().into() })
            }
        }
    }

    /// No account has it, as its own or as another address.
    pub(crate) fn is_free(&self, aor: &Aor) -> Result<(), ChangeError> {
        let (user, domain) = (aor.user().as_bytes(), aor.domain().as_bytes());
        match (self.account_of(aor), self.aliases().main(user, domain)) {
            (None, None) => Ok(()),
            (Some(_), _) => Err(ChangeError::AccountExists(aor.clone())),
            (None, Some(main)) => Err(ChangeError::AliasExists { alias: aor.clone(), aor: main }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccountId, Change, Domain};

    fn aor(text: &str) -> Aor {
        Aor::parse(text).expect("valid")
    }

    fn directory() -> Directory {
        let directory = Directory::new();
        for domain in ["one.test", "two.test"] {
            directory.apply(&Change::DomainAdded(Domain::new(domain))).expect("new");
        }
        for (id, user) in [(1, "alice"), (2, "bob")] {
            let account = Account::new(AccountId(id), aor(&format!("{user}@one.test")));
            directory.apply(&Change::AccountAdded(Box::new(account))).expect("new");
        }
        directory
    }

    fn added(to: &str, alias: &str) -> Change {
        Change::Alias(AliasChange::Added { aor: aor(to), alias: aor(alias) })
    }

    #[test]
    fn an_account_is_found_by_each_of_its_further_addresses_and_keeps_its_own() {
        let directory = directory();
        directory.apply(&added("alice@one.test", "201@one.test")).expect("free");
        directory.apply(&added("alice@one.test", "sales@two.test")).expect("free");
        for (user, domain) in [("201", "ONE.test"), ("sales", "two.test.")] {
            let found = directory.account_by_alias(user.as_bytes(), domain.as_bytes()).expect("there");
            assert_eq!(found.aor, aor("alice@one.test"));
        }
        assert!(directory.account(b"201", b"one.test").is_none(), "it is nobody's own address");
        assert!(directory.account_by_alias(b"alice", b"one.test").is_none());
        let removed =
            Change::Alias(AliasChange::Removed { aor: aor("alice@one.test"), alias: aor("201@one.test") });
        directory.apply(&removed).expect("there");
        assert!(directory.account_by_alias(b"201", b"one.test").is_none());
        assert!(matches!(directory.apply(&removed), Err(ChangeError::UnknownAlias { .. })));
        directory.apply(&Change::AccountRemoved(aor("alice@one.test"))).expect("there");
        assert!(directory.account_by_alias(b"sales", b"two.test").is_none());
        directory.apply(&added("bob@one.test", "sales@two.test")).expect("free again");
    }

    #[test]
    fn an_address_is_of_one_account() {
        let directory = directory();
        directory.apply(&added("alice@one.test", "201@one.test")).expect("free");
        let taken = ChangeError::AliasExists { alias: aor("201@one.test"), aor: aor("alice@one.test") };
        assert_eq!(directory.apply(&added("bob@one.test", "201@one.test")), Err(taken.clone()));
        let account = Account::new(AccountId(3), aor("201@one.test"));
        assert_eq!(directory.apply(&Change::AccountAdded(Box::new(account))), Err(taken));
        let own = ChangeError::AccountExists(aor("bob@one.test"));
        assert_eq!(directory.apply(&added("alice@one.test", "bob@one.test")), Err(own));
        let foreign = ChangeError::UnknownDomain("three.test".into());
        assert_eq!(directory.apply(&added("alice@one.test", "a@three.test")), Err(foreign));
        for n in 0..15 {
            directory.apply(&added("alice@one.test", &format!("3{n}@one.test"))).expect("room");
        }
        let full = directory.apply(&added("alice@one.test", "400@one.test"));
        assert_eq!(full, Err(ChangeError::TooManyAliases(aor("alice@one.test"))));
    }
}
