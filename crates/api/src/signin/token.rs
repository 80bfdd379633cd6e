//! Tokens of the API: `coeur_` and 256 bits, shown once and kept as a hash. Each speaks for a user, with the rights that his
//! role and its own scopes have in common; it may end at a time, and count from one network only.

use super::book::TOKENS_PER_USER_MAX;
use super::desk::name;
use super::network::Network;
use super::secret::{self, RANDOM_BYTES};
use crate::calls::rfc3339;
use crate::door::Door;
use crate::model::{GivenSecret, NAME_BYTES_MAX, Refusal, Why};
use crate::rest::Scope;
use coeur_directory::{User, is_plain};
use coeur_storage::{Operator, SignInChange, TokenId, TokenRow};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;
use zeroize::Zeroizing;

/// That a token is used is written down this often.
const SEEN_EVERY_MS: u64 = 5 * 60_000;
/// Ten years: whoever wants longer wants no end.
const LIFE_S_MAX: u64 = 10 * 366 * 86_400;
const SCOPES_MAX: usize = 64;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewToken {
    /// Login or number of the user for whom it speaks.
    pub user: String,
    pub name: String,
    /// As `calls:read`.
    pub scopes: Vec<String>,
    /// From where alone it counts, as `192.0.2.0/24`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Seconds from now; absent: it does not end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_s: Option<u64>,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct TokenView {
    pub id: String,
    pub name: String,
    pub user: String,
    pub login: String,
    pub scopes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// RFC 3339, as the others.
    pub created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<String>,
    /// Shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<GivenSecret>,
}

/// A token that opens something now.
pub(super) struct Bearer {
    pub(super) row: TokenRow,
    pub(super) user: Arc<User>,
    pub(super) scopes: Box<[Scope]>,
}

impl Door {
    pub(crate) fn make_token(&self, by: &Operator, new: NewToken) -> Result<TokenView, Refusal> {
        let user = self.user_of(&new.user)?;
        let scopes = scopes(&new.scopes)?;
        let network = new.network.as_deref().map(network).transpose()?;
        let label = label(&new.name)?;
        let life_ms = new.expires_in_s.map(life_ms).transpose()?;
        let mut random = Zeroizing::new([0; RANDOM_BYTES]);
        self.house().random(&mut *random);
        let text = secret::api_token(&random);
        let made_at_ms = self.house().unix_time_ms();
        let row = TokenRow {
            hash: secret::hash(&text),
            user: user.id,
            name: label.into(),
            scopes: scopes.into(),
            network: network.map(Box::from),
            made_at_ms,
            expires_at_ms: life_ms.map(|life| made_at_ms + life),
            used_at_ms: None,
        };
        let mut view = view(&row, Some(&user));
        self.decide(by, |book| {
            let of_user = book.tokens().filter(|token| token.user == user.id).count();
            match of_user < TOKENS_PER_USER_MAX {
                true => Ok((vec![SignInChange::TokenMade(Box::new(row))], ())),
                false => Err(Refusal::new(
                    Why::Invalid,
                    format!("a user has at most {TOKENS_PER_USER_MAX} tokens; revoke one first"),
                )),
            }
        })?;
        view.token = Some(GivenSecret::new(text.to_string()));
        Ok(view)
    }

    /// In the order of their time; of one user where he is named.
    pub(crate) fn tokens(&self, of: Option<&str>) -> Result<Vec<TokenView>, Refusal> {
        let of = of.map(|named| self.user_of(named)).transpose()?;
        let mut rows: Vec<TokenRow> = self.book(|book| {
            let wanted = |row: &&TokenRow| of.as_ref().is_none_or(|user| user.id == row.user);
            book.tokens().filter(wanted).cloned().collect()
        })?;
        rows.sort_by_key(|row| (row.made_at_ms, row.id()));
        let directory = self.house().directory();
        Ok(rows.iter().map(|row| view(row, directory.user(row.user).as_deref())).collect())
    }

    pub(crate) fn revoke_token(&self, by: &Operator, named: &str) -> Result<(), Refusal> {
        let missing = || no_token(named);
        let id = parse_id(named).ok_or_else(missing)?;
        self.decide(by, |book| match book.token(id) {
            Some(_) => Ok((vec![SignInChange::TokenRevoked { id }], ())),
            None => Err(missing()),
        })
    }

    /// `None`: it opens nothing, whatever the reason.
    pub(super) fn bearer(&self, text: &str, from: IpAddr) -> Result<Option<Bearer>, Refusal> {
        if !secret::is_api_token(text) {
            return Ok(None);
        }
        let hash = secret::hash(text);
        let found =
            self.book(|book| book.token(TokenId::of(&hash)).filter(|row| row.hash == hash).cloned())?;
        let Some(row) = found else { return Ok(None) };
        let now_ms = self.house().unix_time_ms();
        let in_time = row.expires_at_ms.is_none_or(|until_ms| now_ms < until_ms);
        let in_place = row.network.as_deref().is_none_or(|text| {
            // What was checked when it was made and does not read any more is nowhere.
            Network::parse(text).is_some_and(|network| network.contains(from))
        });
        let user = self.house().directory().user(row.user).filter(|user| user.enabled);
        let (true, true, Some(user)) = (in_time, in_place, user) else { return Ok(None) };
        if row.used_at_ms.is_none_or(|used| now_ms.saturating_sub(used) >= SEEN_EVERY_MS) {
            // A full disk is no reason to refuse.
            if let Err(why) = self.token_used(&row, &user, now_ms) {
                tracing::warn!(why = %why.text, "that a token is used could not be written down");
            }
        }
        let scopes = row.scopes.split(' ').filter_map(Scope::parse).collect();
        Ok(Some(Bearer { row, user, scopes }))
    }

    fn token_used(&self, row: &TokenRow, user: &User, at_ms: u64) -> Result<(), Refusal> {
        let id = row.id();
        self.decide(&Operator::signed_in(&user.login), |book| {
            let used = book.token(id).map(|row| row.used_at_ms);
            let change = used.map(|used| SignInChange::TokenUsed { id, at_ms, first: used.is_none() });
            Ok((change.into_iter().collect(), ()))
        })
    }
}

pub(super) fn token_name(id: TokenId) -> String {
    format!("tok_{:016x}", id.0)
}

pub(crate) fn no_token(named: &str) -> Refusal {
    Refusal::new(Why::NotFound, format!("there is no token {named}; `coeur token list` shows them"))
}

fn parse_id(named: &str) -> Option<TokenId> {
    let digits = named.strip_prefix("tok_").filter(|digits| digits.len() == 16)?;
    let id = u64::from_str_radix(digits, 16).ok().map(TokenId)?;
    // As it is shown and not otherwise: who may revoke it is looked up by this name.
    (token_name(id) == named).then_some(id)
}

fn view(row: &TokenRow, user: Option<&User>) -> TokenView {
    TokenView {
        id: token_name(row.id()),
        name: row.name.to_string(),
        user: name(row.user),
        login: user.map_or(String::new(), |user| user.login.to_string()),
        scopes: row.scopes.split(' ').map(str::to_owned).collect(),
        network: row.network.as_deref().map(str::to_owned),
        created_at: rfc3339(row.made_at_ms),
        expires_at: row.expires_at_ms.map(rfc3339),
        last_used_at: row.used_at_ms.map(rfc3339),
        token: None,
    }
}

/// As they are kept: each once, in order.
fn scopes(texts: &[String]) -> Result<String, Refusal> {
    let invalid = |text: String| Refusal::new(Why::Invalid, text);
    if texts.is_empty() || texts.len() > SCOPES_MAX {
        return Err(invalid(format!("a token has 1 to {SCOPES_MAX} scopes, such as calls:read")));
    }
    let mut scopes = std::collections::BTreeSet::new();
    for text in texts {
        let scope = Scope::parse(text).ok_or_else(|| {
            invalid(format!(
                "`{text}` is no scope; it is RESOURCE:read, :write or :admin, or *: for every resource"
            ))
        })?;
        scopes.insert(scope.to_string());
    }
    Ok(scopes.into_iter().collect::<Vec<_>>().join(" "))
}

fn network(text: &str) -> Result<&str, Refusal> {
    Network::parse(text).map(|_| text).ok_or_else(|| {
        Refusal::new(Why::Invalid, format!("`{text}` is no address and no network such as 192.0.2.0/24"))
    })
}

fn life_ms(seconds: u64) -> Result<u64, Refusal> {
    match seconds {
        1..=LIFE_S_MAX => Ok(seconds * 1_000),
        _ => Err(Refusal::new(Why::Invalid, "a token lives for 1 second to 10 years, or without end")),
    }
}

fn label(text: &str) -> Result<&str, Refusal> {
    let text = text.trim();
    if text.is_empty() || text.len() > NAME_BYTES_MAX || !is_plain(text) {
        let text =
            format!("a token has a name, of at most {NAME_BYTES_MAX} bytes and without control characters");
        return Err(Refusal::new(Why::Invalid, text));
    }
    Ok(text)
}
