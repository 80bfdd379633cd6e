//! Sign-in by another server: OpenID Connect Core 1.0, code flow with PKCE (RFC 7636), with what the server says of itself
//! (OpenID Connect Discovery 1.0).
//!
//! What it deliberately does not do: trust a name. A user is who he is here by `iss` and `sub`, which are his for good; a name
//! or an e-mail address can be given to somebody else there, and would then open what was another's here. Not implemented:
//! encrypted ID tokens, signed requests, any flow but that of codes.

mod claims;
mod enter;
mod errand;
mod keys;
mod logout;
#[cfg(test)]
mod tests;

pub(super) use claims::Identity;
pub(super) use errand::{RETURN_PATH, Returned, Wanted};
pub(super) use logout::{END_PATH, LOGOUT_PATH};

use coeur_directory::Role;
use errand::Errands;
use keys::{Keys, Verified};
use serde::de::DeserializeOwned;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use zeroize::Zeroizing;

/// What is asked of the other server.
pub struct Errand {
    pub url: String,
    /// `None`: it is read. Else a form is sent.
    pub form: Option<String>,
    pub authorization: Option<Zeroizing<String>>,
}

pub type Fetched<'f> = Pin<Box<dyn Future<Output = Result<(u16, Vec<u8>), String>> + Send + 'f>>;

/// Fetches over HTTPS from places that the operator has named, or that the server that he has named has named.
pub trait Fetch: Send + Sync {
    fn fetch(&self, errand: Errand) -> Fetched<'_>;
}

/// As the operator says.
pub struct ProviderSettings {
    /// As the other server writes itself: `https://id.example.org`.
    pub issuer: String,
    pub client_id: String,
    /// `None`: a public client, which PKCE alone protects.
    pub client_secret: Option<Zeroizing<String>>,
    /// On the button.
    pub label: String,
    /// The claim that lists the groups of a user.
    pub groups_claim: String,
    /// Which group has which role here, the first that fits; empty: roles are given here.
    pub roles: Vec<(String, Role)>,
    /// Whoever comes first becomes a user.
    pub makes_users: bool,
}

pub struct Provider {
    settings: ProviderSettings,
    fetch: Arc<dyn Fetch>,
    known: tokio::sync::Mutex<Option<Known>>,
    errands: Mutex<Errands>,
}

/// What the server has said of itself.
struct Known {
    place: Arc<Place>,
    keys: Keys,
    read_at_ms: u64,
    /// When the keys were asked for anew, since one was not among them; 0: never since it was read.
    asked_at_ms: u64,
}

/// Discovery 1.0 section 3.
#[derive(serde::Deserialize)]
struct Place {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    /// RP-Initiated Logout 1.0 section 2.1.
    end_session_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

/// What went wrong, for the log: whoever signs in is told that it did not work.
#[derive(Debug)]
pub(super) struct Trouble(pub(super) String);

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn trouble(what: impl fmt::Display) -> Trouble {
    Trouble(what.to_string())
}

/// What the server says of itself is read anew after this.
const KNOWN_MS: u64 = 3_600_000;
/// A key that is not known has them all asked for again, this often at most: who makes up keys asks nobody else to work.
const KEYS_AGAIN_MS: u64 = 60_000;

impl Provider {
    pub fn new(settings: ProviderSettings, fetch: Arc<dyn Fetch>) -> Self {
        Self { settings, fetch, known: tokio::sync::Mutex::default(), errands: Mutex::default() }
    }

    pub(super) fn label(&self) -> &str {
        &self.settings.label
    }

    pub(super) fn makes_users(&self) -> bool {
        self.settings.makes_users
    }

    /// `None`: roles are given here. `Some(None)`: none of these groups has one.
    pub(super) fn role_of(&self, groups: &[String]) -> Option<Option<Role>> {
        let roles = &self.settings.roles;
        let found = roles.iter().find(|(group, _)| groups.contains(group)).map(|(_, role)| *role);
        (!roles.is_empty()).then_some(found)
    }

    async fn place(&self, now_ms: u64) -> Result<Arc<Place>, Trouble> {
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_ref().filter(|known| now_ms.saturating_sub(known.read_at_ms) < KNOWN_MS)
        {
            return Ok(known.place.clone());
        }
        let base = self.settings.issuer.trim_end_matches('/');
        let place: Place = self.read(&format!("{base}/.well-known/openid-configuration")).await?;
        // Discovery 1.0 section 4.3: else one server could speak for another.
        if place.issuer != self.settings.issuer {
            return Err(trouble(format!("it calls itself {:?}", place.issuer)));
        }
        let always = [&place.authorization_endpoint, &place.token_endpoint, &place.jwks_uri];
        let perhaps = [&place.userinfo_endpoint, &place.end_session_endpoint];
        for url in always.into_iter().chain(perhaps.into_iter().flatten()) {
            if !url.starts_with("https://") {
                return Err(trouble(format!("{url:?} is not https")));
            }
        }
        let keys = self.read(&place.jwks_uri).await?;
        let place = Arc::new(place);
        *known = Some(Known { place: place.clone(), keys, read_at_ms: now_ms, asked_at_ms: 0 });
        Ok(place)
    }

    async fn read<T: DeserializeOwned>(&self, url: &str) -> Result<T, Trouble> {
        self.ask(Errand { url: url.to_owned(), form: None, authorization: None }).await
    }

    async fn ask<T: DeserializeOwned>(&self, errand: Errand) -> Result<T, Trouble> {
        let url = errand.url.clone();
        let (status, body) = self.fetch.fetch(errand).await.map_err(trouble)?;
        match status {
            200 => serde_json::from_slice(&body).map_err(|why| trouble(format!("{url}: {why}"))),
            status => Err(trouble(format!("{url}: status {status}"))),
        }
    }

    /// What is signed with the keys that are known, or with those of now: a server may have changed them a moment ago.
    async fn verify<T: DeserializeOwned>(&self, token: &str, now_ms: u64) -> Result<T, Trouble> {
        let mut known = self.known.lock().await;
        let known =
            known.as_mut().ok_or_else(|| trouble("a token before anything is known of its server"))?;
        if let Verified::Claims(claims) = keys::verify(&known.keys, token)? {
            return Ok(*claims);
        }
        if now_ms.saturating_sub(known.asked_at_ms) >= KEYS_AGAIN_MS {
            known.asked_at_ms = now_ms;
            known.keys = self.read(&known.place.jwks_uri).await?;
            if let Verified::Claims(claims) = keys::verify(&known.keys, token)? {
                return Ok(*claims);
            }
        }
        Err(trouble("a token signed with a key that nobody knows"))
    }
}

/// RFC 3986 section 2.3: what is not unreserved, as its bytes.
fn escaped(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn form(fields: &[(&str, &str)]) -> String {
    fields.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect::<Vec<_>>().join("&")
}
