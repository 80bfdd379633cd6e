//! Domains: what an installation answers for.

use crate::tenant::TenantId;

/// Which digest algorithms. On a domain it shapes the challenge; on an account or a device it says which answer is
/// accepted (decision 0003: the challenge never depends on the account).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AlgorithmPolicy {
    /// SHA-256 where the client can, MD5 where it cannot; never MD5 again for a device that has proved SHA-256.
    #[default]
    Auto,
    Sha256,
    Md5,
}

impl AlgorithmPolicy {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Sha256 => "sha256",
            Self::Md5 => "md5",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Auto, Self::Sha256, Self::Md5].into_iter().find(|p| p.as_str() == text)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// In lower case, without a dot at its end. Also the realm of its challenges.
    pub name: Box<str>,
    /// Whose it is; changes only while it has no accounts.
    pub tenant: TenantId,
    pub algorithm: AlgorithmPolicy,
    /// Contacts of one address of record, where the account does not say.
    pub contacts_max: u16,
    /// RFC 3261 section 10.3: a shorter expiry is answered 423.
    pub expires_min_s: u32,
    pub expires_default_s: u32,
    pub expires_max_s: u32,
}

impl Domain {
    /// The name of the domain that is written like this.
    pub fn name_of(text: &str) -> Box<str> {
        text.trim_end_matches('.').to_ascii_lowercase().into_boxed_str()
    }

    pub fn new(name: &str) -> Self {
        Self {
            name: Self::name_of(name),
            tenant: TenantId::FIRST,
            algorithm: AlgorithmPolicy::Auto,
            contacts_max: 10,
            expires_min_s: 60,
            expires_default_s: 3_600,
            expires_max_s: 7_200,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Change, ChangeError, Directory};

    #[test]
    fn a_domain_written_with_its_final_dot_is_the_same_domain() {
        let directory = Directory::new();
        directory.apply(&Change::DomainAdded(Domain::new("Example.com."))).expect("new");
        assert!(directory.is_ours(b"example.com") && directory.is_ours(b"example.com."));
        let again = directory.apply(&Change::DomainAdded(Domain::new("example.com")));
        assert_eq!(again, Err(ChangeError::DomainExists("example.com".into())));
    }

    #[test]
    fn a_removal_that_would_remove_nothing_is_an_error() {
        let directory = Directory::new();
        directory.apply(&Change::DomainAdded(Domain::new("example.com"))).expect("new");
        for written in ["example.com.", "Example.com"] {
            let removed = directory.apply(&Change::DomainRemoved(written.into()));
            assert_eq!(removed, Err(ChangeError::UnknownDomain(written.into())));
            let other = Domain { name: written.into(), ..Domain::new("example.com") };
            assert!(directory.apply(&Change::DomainChanged(other)).is_err());
        }
        directory.apply(&Change::DomainRemoved(Domain::name_of("Example.com."))).expect("it is there");
        assert!(directory.domains().is_empty());
    }
}
