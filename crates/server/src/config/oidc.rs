//! What the settings say of another server by which people sign in.

use coeur_directory::Role;
use std::path::PathBuf;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub issuer: String,
    pub client: String,
    pub secret_file: Option<PathBuf>,
    pub label: String,
    pub roles: Vec<(String, Role)>,
    pub groups_claim: String,
    pub makes_users: bool,
}

impl Wanted {
    pub fn roles_as_written(&self) -> Vec<String> {
        self.roles.iter().map(|(group, role)| format!("{group}={}", role.as_str())).collect()
    }
}

/// OpenID Connect Discovery 1.0 section 2: https, no query, no fragment.
pub(super) fn issuer(text: &str) -> Result<String, String> {
    let is_issuer = text.strip_prefix("https://").is_some_and(|rest| !rest.is_empty())
        && !text.contains(|c: char| c.is_whitespace() || c == '?' || c == '#');
    match is_issuer {
        true => Ok(text.to_owned()),
        false => Err(format!("`{text}` is no address such as https://id.example.org")),
    }
}

pub(super) fn role(text: &str) -> Result<(String, Role), String> {
    let wrong = || format!("`{text}` is no GROUP=ROLE, such as phones=operator");
    let (group, role) = text.rsplit_once('=').ok_or_else(wrong)?;
    match (group.is_empty(), Role::parse(role)) {
        (false, Some(role)) => Ok((group.to_owned(), role)),
        (_, _) => Err(wrong()),
    }
}

/// The host of an issuer.
pub(super) fn host(issuer: &str) -> String {
    issuer.trim_start_matches("https://").split('/').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_a_role_and_an_issuer_is_https_without_a_query() {
        assert_eq!(role("cn=phones,dc=x=operator"), Ok(("cn=phones,dc=x".to_owned(), Role::Operator)));
        for bad in ["operator", "=operator", "phones=", "phones=king"] {
            assert!(role(bad).is_err(), "{bad}");
        }
        assert_eq!(
            issuer("https://id.example.org/realms/a").map(|text| host(&text)).as_deref(),
            Ok("id.example.org")
        );
        for bad in ["http://id.example.org", "https://", "https://a?b", "https://a#b"] {
            assert!(issuer(bad).is_err(), "{bad}");
        }
    }
}
