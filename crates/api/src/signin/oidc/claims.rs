//! What an ID token says (OpenID Connect Core 1.0 sections 2 and 3.1.3.7), and what is asked for besides (section 5.3).

use super::{Provider, Trouble, trouble};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Clocks differ.
const LEEWAY_S: u64 = 60;
/// Core 1.0 section 2: at most 255 ASCII characters.
const SUBJECT_BYTES_MAX: usize = 255;
const GROUPS_MAX: usize = 1_000;

#[derive(Deserialize)]
pub(super) struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: u64,
    iat: Option<u64>,
    nonce: Option<String>,
    azp: Option<String>,
    auth_time: Option<u64>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Who has signed in there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::signin) struct Identity {
    pub(in crate::signin) issuer: String,
    /// His for good, and nobody else's.
    pub(in crate::signin) subject: String,
    /// As what he is known there; the next of these: e-mail, subject.
    pub(in crate::signin) login: String,
    pub(in crate::signin) name: String,
    pub(in crate::signin) email: String,
    pub(in crate::signin) groups: Vec<String>,
    /// When he has proved there who he is; 0: it is not said.
    pub(in crate::signin) proved_at_ms: u64,
}

impl Audience {
    pub(super) fn has(&self, client: &str) -> bool {
        match self {
            Self::One(one) => one == client,
            Self::Many(many) => many.iter().any(|one| one == client),
        }
    }

    fn is_alone(&self) -> bool {
        match self {
            Self::One(_) => true,
            Self::Many(many) => many.len() == 1,
        }
    }
}

/// Not over, and not of tomorrow.
pub(super) fn is_of_now(exp: u64, iat: Option<u64>, now_ms: u64) -> Result<(), Trouble> {
    let now_s = now_ms / 1_000;
    if exp.saturating_add(LEEWAY_S) <= now_s {
        return Err(trouble("a token that is over"));
    }
    if iat.is_some_and(|iat| iat > now_s + LEEWAY_S) {
        return Err(trouble("a token of tomorrow: is the clock right?"));
    }
    Ok(())
}

impl Claims {
    pub(super) fn check(&self, of: &Provider, nonce: &str, now_ms: u64) -> Result<(), Trouble> {
        let settings = &of.settings;
        if self.iss != settings.issuer {
            return Err(trouble(format!("an ID token of {:?}", self.iss)));
        }
        // Section 3.1.3.7 steps 3 to 5.
        let is_authorised = self.azp.as_ref().map_or(self.aud.is_alone(), |azp| *azp == settings.client_id);
        if !self.aud.has(&settings.client_id) || !is_authorised {
            return Err(trouble("an ID token for somebody else"));
        }
        is_of_now(self.exp, self.iat, now_ms)?;
        if self.nonce.as_deref() != Some(nonce) {
            return Err(trouble("an ID token of another sign-in"));
        }
        if self.sub.is_empty() || self.sub.len() > SUBJECT_BYTES_MAX {
            return Err(trouble("an ID token of nobody"));
        }
        Ok(())
    }

    /// A name, or the groups that give roles, are not in the token: a server may keep them for who asks (section 5.4).
    pub(super) fn lacks(&self, of: &Provider) -> bool {
        let settings = &of.settings;
        let has = |name: &str| self.more.contains_key(name);
        !has("preferred_username") || !settings.roles.is_empty() && !has(&settings.groups_claim)
    }

    /// What the server says besides, when it is asked. What the token says, which is signed, stays.
    pub(super) fn add(&mut self, said: Map<String, Value>) -> Result<(), Trouble> {
        // Section 5.3.2: else it may be of somebody else.
        if said.get("sub").and_then(Value::as_str) != Some(self.sub.as_str()) {
            return Err(trouble("what it says of a user is of another one"));
        }
        said.into_iter().for_each(|(name, value)| {
            self.more.entry(name).or_insert(value);
        });
        Ok(())
    }

    pub(super) fn identity(self, of: &Provider, now_ms: u64) -> Identity {
        let text = |name: &str| self.more.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
        let email = match self.more.get("email_verified") {
            Some(Value::Bool(false)) => String::new(),
            Some(_) | None => text("email"),
        };
        let named = [text("preferred_username"), email.clone(), self.sub.clone()];
        Identity {
            issuer: self.iss,
            login: named.into_iter().find(|name| !name.is_empty()).unwrap_or_default(),
            name: text("name"),
            email,
            groups: groups(self.more.get(&of.settings.groups_claim)),
            subject: self.sub,
            proved_at_ms: self.auth_time.unwrap_or(0).saturating_mul(1_000).min(now_ms),
        }
    }
}

/// A list of names, or one name.
fn groups(claim: Option<&Value>) -> Vec<String> {
    match claim {
        Some(Value::Array(all)) => {
            all.iter().take(GROUPS_MAX).filter_map(Value::as_str).map(str::to_owned).collect()
        }
        Some(Value::String(one)) => vec![one.clone()],
        Some(_) | None => Vec::new(),
    }
}
