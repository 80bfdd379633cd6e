//! From our page to the other server and back.

use super::claims::{Claims, Identity};
use super::{Errand, Place, Provider, Trouble, escaped, form, trouble};
use crate::signin::secret;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use coeur_directory::UserId;
use coeur_storage::Digest;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::PoisonError;
use zeroize::Zeroizing;

/// Who is away has as long to come back.
const AWAY_MS: u64 = 10 * 60_000;
/// Who are away at once, about 500 bytes each; for one more the one is forgotten who left first of those from the address from which
/// most are away.
const AWAY_MAX: usize = 4_096;
/// From one address; the one who left from there first is forgotten for one more.
const AWAY_FROM_ONE_MAX: usize = 256;

/// Those who are away, by the hash of what the browser keeps: whoever is made to come back with the code of somebody else has not
/// that, and would else work on in the other's name.
#[derive(Default)]
pub(super) struct Errands(BTreeMap<Digest, Away>);

struct Away {
    from: IpAddr,
    state: String,
    nonce: String,
    verifier: Zeroizing<String>,
    redirect: String,
    next: String,
    /// Who is signed in and adds this way.
    adds: Option<UserId>,
    until_ms: u64,
}

/// How somebody leaves.
pub(in crate::signin) struct Leaving {
    pub(in crate::signin) url: String,
    /// What the browser keeps.
    pub(in crate::signin) kept: secret::Text,
}

/// What somebody wants who leaves.
pub(in crate::signin) struct Wanted<'w> {
    /// Where he is.
    pub(in crate::signin) from: IpAddr,
    /// As the browser sees us: `https://sip.example.org`.
    pub(in crate::signin) base: &'w str,
    pub(in crate::signin) next: &'w str,
    pub(in crate::signin) adds: Option<UserId>,
    /// He proves there anew who he is.
    pub(in crate::signin) again: bool,
}

/// What somebody brings back.
pub(in crate::signin) struct Returned<'r> {
    pub(in crate::signin) kept: &'r str,
    pub(in crate::signin) state: &'r str,
    pub(in crate::signin) code: &'r str,
    /// RFC 9207.
    pub(in crate::signin) issuer: Option<&'r str>,
}

pub(in crate::signin) struct Back {
    pub(in crate::signin) identity: Identity,
    pub(in crate::signin) next: String,
    pub(in crate::signin) adds: Option<UserId>,
}

pub(in crate::signin) const RETURN_PATH: &str = "/auth/oidc/callback";

#[derive(Deserialize)]
struct Token {
    id_token: String,
    access_token: Option<Zeroizing<String>>,
}

impl Provider {
    /// `random`: 32 bytes each.
    pub(in crate::signin) async fn leave(
        &self,
        wanted: Wanted<'_>,
        now_ms: u64,
        random: [[u8; 32]; 4],
    ) -> Result<Leaving, Trouble> {
        let place = self.place(now_ms).await?;
        let [state, nonce, verifier, kept] = random.map(|bytes| secret::text(&bytes));
        let redirect = format!("{}{RETURN_PATH}", wanted.base);
        // RFC 7636 section 4.2.
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        let mut fields = vec![
            ("response_type", "code"),
            ("client_id", self.settings.client_id.as_str()),
            ("redirect_uri", redirect.as_str()),
            ("scope", "openid profile email"),
            ("state", state.as_str()),
            ("nonce", nonce.as_str()),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        if wanted.again {
            // Core 1.0 section 3.1.2.1; the ID token then says when (`auth_time`).
            fields.extend([("prompt", "login"), ("max_age", "0")]);
        }
        let joint = if place.authorization_endpoint.contains('?') { '&' } else { '?' };
        let url = format!("{}{joint}{}", place.authorization_endpoint, form(&fields));
        let away = Away {
            from: network(wanted.from),
            state: state.to_string(),
            nonce: nonce.to_string(),
            verifier: Zeroizing::new(verifier.to_string()),
            redirect,
            next: wanted.next.to_owned(),
            adds: wanted.adds,
            until_ms: now_ms + AWAY_MS,
        };
        self.errands.lock().unwrap_or_else(PoisonError::into_inner).send(secret::hash(&kept), away, now_ms);
        Ok(Leaving { url, kept })
    }

    /// Each errand comes back once.
    pub(in crate::signin) async fn come_back(
        &self,
        with: Returned<'_>,
        now_ms: u64,
    ) -> Result<Back, Trouble> {
        let errand = {
            let mut errands = self.errands.lock().unwrap_or_else(PoisonError::into_inner);
            errands.0.remove(&secret::hash(with.kept))
        };
        let away = errand.filter(|away| now_ms < away.until_ms && away.state == with.state);
        let away = away.ok_or_else(|| trouble("somebody came back who had not left, or long ago"))?;
        if with.issuer.is_some_and(|issuer| issuer != self.settings.issuer) {
            // RFC 9207 section 2.4: the code is of another server.
            return Err(trouble("the answer is of another server"));
        }
        let place = self.place(now_ms).await?;
        let token = self.redeem(&place, with.code, &away).await?;
        let mut claims: Claims = self.verify(&token.id_token, now_ms).await?;
        claims.check(self, &away.nonce, now_ms)?;
        if let (true, Some(place), Some(access)) =
            (claims.lacks(self), &place.userinfo_endpoint, &token.access_token)
        {
            claims.add(self.ask_more(place, access).await?)?;
        }
        let identity = claims.identity(self, now_ms);
        Ok(Back { identity, next: away.next, adds: away.adds })
    }

    /// Core 1.0 section 3.1.3.1, RFC 7636 section 4.5.
    async fn redeem(&self, place: &Place, code: &str, away: &Away) -> Result<Token, Trouble> {
        let id = self.settings.client_id.as_str();
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", away.redirect.as_str()),
            ("code_verifier", away.verifier.as_str()),
        ];
        // Discovery 1.0 section 3: without the list it is `client_secret_basic`.
        let methods = &place.token_endpoint_auth_methods_supported;
        let is_basic = methods.is_empty() || methods.iter().any(|method| method == "client_secret_basic");
        let mut authorization = None;
        match &self.settings.client_secret {
            // RFC 6749 section 2.3.1: both are escaped first.
            Some(secret) if is_basic => {
                let pair = Zeroizing::new(format!("{}:{}", escaped(id), escaped(secret)));
                authorization =
                    Some(Zeroizing::new(format!("Basic {}", BASE64_STANDARD.encode(pair.as_bytes()))));
            }
            Some(secret) => fields.extend([("client_id", id), ("client_secret", secret.as_str())]),
            None => fields.push(("client_id", id)),
        }
        let errand = Errand { url: place.token_endpoint.clone(), form: Some(form(&fields)), authorization };
        let (status, body) = self.fetch.fetch(errand).await.map_err(trouble)?;
        if status != 200 {
            return Err(trouble(format!("the code is not taken: status {status}")));
        }
        serde_json::from_slice(&body).map_err(|why| trouble(format!("no ID token: {why}")))
    }

    /// Core 1.0 section 5.3. An answer that is signed or encrypted is not understood.
    async fn ask_more(&self, place: &str, access: &str) -> Result<Map<String, Value>, Trouble> {
        let authorization = Some(Zeroizing::new(format!("Bearer {access}")));
        self.ask(Errand { url: place.to_owned(), form: None, authorization }).await
    }
}

impl Errands {
    fn send(&mut self, kept: Digest, away: Away, now_ms: u64) {
        self.0.retain(|_, away| now_ms < away.until_ms);
        let from = |address| self.0.values().filter(|away| away.from == address).count();
        if from(away.from) >= AWAY_FROM_ONE_MAX {
            self.forget_first(away.from);
        } else if self.0.len() >= AWAY_MAX {
            let mut most = BTreeMap::new();
            self.0.values().for_each(|away| *most.entry(away.from).or_insert(0) += 1);
            let most = most.into_iter().max_by_key(|(_, count): &(IpAddr, usize)| *count);
            most.into_iter().for_each(|(address, _)| self.forget_first(address));
        }
        self.0.insert(kept, away);
    }

    fn forget_first(&mut self, from: IpAddr) {
        let there = self.0.iter().filter(|(_, away)| away.from == from);
        let first = there.min_by_key(|(_, away)| away.until_ms).map(|(kept, _)| *kept);
        first.and_then(|kept| self.0.remove(&kept));
    }
}

/// Whoever has an address of IPv6 has all of its network (RFC 4291 section 2.5.4).
fn network(of: IpAddr) -> IpAddr {
    match of.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn away(from: &str, until_ms: u64) -> Away {
        let text = String::new;
        Away {
            from: network(from.parse().unwrap()),
            state: text(),
            nonce: text(),
            verifier: Zeroizing::default(),
            redirect: text(),
            next: text(),
            adds: None,
            until_ms,
        }
    }

    /// The n-th.
    fn name(n: usize) -> Digest {
        secret::hash(&n.to_string())
    }

    #[test]
    fn who_leaves_again_and_again_makes_nobody_forgotten_who_left_from_elsewhere() {
        let mut errands = Errands::default();
        errands.send(name(0), away("192.0.2.1", 1_000), 0);
        for n in 1..=2 * AWAY_MAX {
            errands.send(name(n), away(&format!("2001:db8::{:x}", n % 60_000), 1_000 + n as u64), 0);
        }
        assert_eq!(errands.0.len(), 1 + AWAY_FROM_ONE_MAX);
        assert!(errands.0.contains_key(&name(0)) && errands.0.contains_key(&name(2 * AWAY_MAX)));
        assert!(!errands.0.contains_key(&name(1)), "his own oldest went");
        // From many addresses at once.
        for n in 1..=2 * AWAY_MAX {
            let from = format!("198.51.100.{}", n % 32);
            errands.send(name(100_000 + n), away(&from, 9_000 + n as u64), 0);
        }
        assert_eq!(errands.0.len(), AWAY_MAX);
        assert!(errands.0.contains_key(&name(0)));
    }
}
