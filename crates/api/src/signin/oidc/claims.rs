//! What an ID token says (OpenID Connect Core 1.0 sections 2 and 3.1.3.7).

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
enum Audience {
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

impl Claims {
    pub(super) fn check(self, of: &Provider, nonce: &str, now_ms: u64) -> Result<Identity, Trouble> {
        let (settings, now_s) = (&of.settings, now_ms / 1_000);
        if self.iss != settings.issuer {
            return Err(trouble(format!("an ID token of {:?}", self.iss)));
        }
        let (is_ours, is_alone) = match &self.aud {
            Audience::One(one) => (*one == settings.client_id, true),
            Audience::Many(many) => (many.contains(&settings.client_id), many.len() == 1),
        };
        // Section 3.1.3.7 steps 3 to 5.
        let is_authorised = self.azp.as_ref().map_or(is_alone, |azp| *azp == settings.client_id);
        if !is_ours || !is_authorised {
            return Err(trouble("an ID token for somebody else"));
        }
        if self.exp.saturating_add(LEEWAY_S) <= now_s {
            return Err(trouble("an ID token that is over"));
        }
        if self.iat.is_some_and(|iat| iat > now_s + LEEWAY_S) {
            return Err(trouble("an ID token of tomorrow: is the clock right?"));
        }
        if self.nonce.as_deref() != Some(nonce) {
            return Err(trouble("an ID token of another sign-in"));
        }
        if self.sub.is_empty() || self.sub.len() > SUBJECT_BYTES_MAX {
            return Err(trouble("an ID token of nobody"));
        }
        let text = |name: &str| self.more.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
        let email = match self.more.get("email_verified") {
            Some(Value::Bool(false)) => String::new(),
            Some(_) | None => text("email"),
        };
        let named = [text("preferred_username"), email.clone(), self.sub.clone()];
        Ok(Identity {
            issuer: self.iss,
            login: named.into_iter().find(|name| !name.is_empty()).unwrap_or_default(),
            name: text("name"),
            email,
            groups: groups(self.more.get(&settings.groups_claim)),
            subject: self.sub,
            proved_at_ms: self.auth_time.unwrap_or(0).saturating_mul(1_000).min(now_ms),
        })
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
