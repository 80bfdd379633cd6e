//! Who is signed out: there, of which the other server tells (OpenID Connect Back-Channel Logout 1.0), and from here
//! (RP-Initiated Logout 1.0).
//!
//! What it deliberately does not do: tell sessions of one user from each other. All that he began by the other server end, whatever
//! `sid` says; so a token that names a session and no user is refused. A token that is sent again ends what has begun since: it
//! counts for as long as it says, and nobody has it but the two servers.

use super::claims::{Audience, is_of_now};
use super::{Provider, Trouble, form, trouble};
use crate::model::Refusal;
use crate::signin::desk::Desk;
use coeur_storage::{Operator, SessionEnd, SignInChange, Way};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Where the other server tells of it.
pub(in crate::signin) const LOGOUT_PATH: &str = "/auth/oidc/logout";
/// From here to there, to sign out there too.
pub(in crate::signin) const END_PATH: &str = "/auth/oidc/end";

/// Back-Channel Logout 1.0 section 2.4.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// Who stands in the audit row.
const BY: &str = "sign-out by provider";

#[derive(Deserialize)]
struct LogoutToken {
    iss: String,
    aud: Audience,
    exp: u64,
    iat: Option<u64>,
    sub: Option<String>,
    #[serde(default)]
    events: Map<String, Value>,
    nonce: Option<Value>,
}

impl Provider {
    /// Section 2.6: whose sessions end, by his `sub`.
    pub(in crate::signin) async fn signed_out(&self, token: &str, now_ms: u64) -> Result<String, Trouble> {
        self.place(now_ms).await?;
        let token: LogoutToken = self.verify(token, now_ms).await?;
        if token.iss != self.settings.issuer || !token.aud.has(&self.settings.client_id) {
            return Err(trouble("a logout token of or for somebody else"));
        }
        is_of_now(token.exp, token.iat, now_ms)?;
        // An ID token has the one and not the other.
        if token.nonce.is_some() || !token.events.contains_key(EVENT) {
            return Err(trouble("a token that is none of logout"));
        }
        token.sub.filter(|sub| !sub.is_empty()).ok_or_else(|| trouble("a logout token of nobody"))
    }

    /// Where a browser goes to sign out there too, and comes back to `base`; `None`: the server has no such place.
    pub(in crate::signin) async fn end(&self, base: &str, now_ms: u64) -> Result<Option<String>, Trouble> {
        let place = self.place(now_ms).await?;
        let Some(end) = &place.end_session_endpoint else { return Ok(None) };
        let back = format!("{base}/sign-in");
        let fields =
            form(&[("client_id", &self.settings.client_id), ("post_logout_redirect_uri", back.as_str())]);
        let joint = if end.contains('?') { '&' } else { '?' };
        Ok(Some(format!("{end}{joint}{fields}")))
    }

    pub(in crate::signin) fn issuer(&self) -> &str {
        &self.settings.issuer
    }
}

impl Desk {
    /// Ends what this user of the other server has begun by it; who has signed in otherwise stays. Returns how many sessions it were.
    /// Blocks on the disk.
    pub(in crate::signin) fn end_by_provider(&self, issuer: &str, subject: &str) -> Result<usize, Refusal> {
        self.door.decide(&Operator::signed_in(BY), |book| {
            let of_user = |user| book.sessions_that(|row| row.user == user && row.way == Way::Provider);
            let found = book.identity(issuer, subject).map(of_user).unwrap_or_default();
            let ended = found.iter().map(|row| SignInChange::SessionEnded {
                user: row.user,
                hash: row.hash,
                why: SessionEnd::Revoked,
            });
            Ok((ended.collect(), found.len()))
        })
    }
}
