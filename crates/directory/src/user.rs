//! Users: who signs in and whom accounts belong to. A person, or a role of an organisation that persons fill in turn, such as
//! a reception desk.

use crate::is_plain;
use crate::role::Role;
use crate::tenant::TenantId;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(pub u64);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserKind {
    #[default]
    Person,
    /// A desk or a function, whoever fills it today.
    Role,
}

/// In which language a user is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    #[default]
    English,
    French,
}

/// About 250 bytes in memory with names of usual length, at most 1 kB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    pub tenant: TenantId,
    pub kind: UserKind,
    /// As [`User::login_of`] writes it; unique in the installation.
    pub login: Box<str>,
    pub display_name: Box<str>,
    /// Empty: none is known.
    pub email: Box<str>,
    pub language: Language,
    pub role: Role,
    pub enabled: bool,
}

/// What is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserPatch {
    pub kind: Option<UserKind>,
    pub login: Option<Box<str>>,
    pub display_name: Option<Box<str>>,
    pub email: Option<Box<str>>,
    pub language: Option<Language>,
    pub role: Option<Role>,
    pub enabled: Option<bool>,
}

#[derive(Clone, Debug)]
pub enum UserChange {
    Added(Box<User>),
    Changed {
        id: UserId,
        patch: UserPatch,
    },
    /// Only when no account belongs to the user any more. His own contacts go with him.
    Removed(UserId),
}

/// Bytes of a login.
pub const LOGIN_BYTES_MAX: usize = 128;
/// RFC 5321 section 4.5.3.1.3, less the angle brackets.
pub const EMAIL_BYTES_MAX: usize = 254;

impl UserKind {
    pub const ALL: [Self; 2] = [Self::Person, Self::Role];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Role => "role",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl Language {
    pub const ALL: [Self; 2] = [Self::English, Self::French];

    /// RFC 5646.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::French => "fr",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.as_str() == text)
    }
}

impl User {
    pub fn new(id: UserId, login: &str, role: Role) -> Self {
        Self {
            id,
            tenant: TenantId::FIRST,
            kind: UserKind::Person,
            login: login.into(),
            display_name: "".into(),
            email: "".into(),
            language: Language::English,
            role,
            enabled: true,
        }
    }

    /// The login that is written like this: in lower case, so that nobody has to remember capitals, and none that looks like
    /// a number of ours.
    pub fn login_of(text: &str) -> Result<Box<str>, &'static str> {
        let login = text.trim().to_lowercase();
        if login.is_empty() || login.len() > LOGIN_BYTES_MAX {
            return Err("a login has 1 to 128 bytes");
        }
        if login.chars().any(|c| c.is_control() || c.is_whitespace() || "\"<>,;".contains(c)) {
            return Err("a login has no spaces and none of \" < > , ;");
        }
        if login == "coeur" {
            return Err("`coeur` is who the audit log names for what the server does by itself");
        }
        if login.starts_with("usr_") {
            return Err("a login does not begin with usr_, as the numbers of users do");
        }
        Ok(login.into_boxed_str())
    }

    /// An address as people write it; nothing is none. Whether it exists only a letter can tell.
    pub fn email_of(text: &str) -> Result<Box<str>, &'static str> {
        let text = text.trim();
        let is_address = || {
            let (local, domain) = text.split_once('@')?;
            let is_clear = !text.chars().any(|c| c.is_whitespace() || "<>,;\"".contains(c));
            let is_named = !domain.contains('@') && domain.split('.').all(|label| !label.is_empty());
            (!local.is_empty() && is_named && is_clear && is_plain(text) && text.len() <= EMAIL_BYTES_MAX)
                .then_some(())
        };
        match text.is_empty() || is_address().is_some() {
            true => Ok(text.into()),
            false => Err("is no e-mail address"),
        }
    }

    pub fn change(&mut self, patch: &UserPatch) {
        self.kind = patch.kind.unwrap_or(self.kind);
        self.language = patch.language.unwrap_or(self.language);
        self.role = patch.role.unwrap_or(self.role);
        self.enabled = patch.enabled.unwrap_or(self.enabled);
        for (text, new) in [
            (&mut self.login, &patch.login),
            (&mut self.display_name, &patch.display_name),
            (&mut self.email, &patch.email),
        ] {
            if let Some(new) = new {
                text.clone_from(new);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_the_same_in_any_case_and_what_is_none_is_refused() {
        assert_eq!(User::login_of(" Alice@Example.org ").as_deref(), Ok("alice@example.org"));
        for bad in ["", "a b", "a\u{7}", "<a>", "USR_4", &"x".repeat(129)] {
            assert!(User::login_of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_email_is_an_address_or_nothing() {
        assert_eq!(User::email_of("a@b.example").as_deref(), Ok("a@b.example"));
        assert_eq!(User::email_of(" ").as_deref(), Ok(""));
        for bad in ["a", "@b", "a@", "a b@c", "A <a@b>", "a@b\r\nBcc: c@d"] {
            assert!(User::email_of(bad).is_err(), "{bad}");
        }
        for bad in ["\u{202e}a@x.org", "a\u{200b}@x.org", "a@b@c", "a@x..org", "a@.org", "a@x."] {
            assert!(User::email_of(bad).is_err(), "{bad:?}");
        }
    }
}
