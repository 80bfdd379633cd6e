//! Google's push service, FCM HTTP v1: a token is asked for with the key of the operator's service account (RFC 7523), then one
//! request for each waking.

use super::apns::{loc_key, reason};
use super::client::Client;
use super::reach::Trust;
use super::token::Signer;
use super::{Said, common, is_plain, unix_time_s, uuid_of};
use coeur_exchange::push::Wake;
use http_body_util::Full;
use hyper::Request;
use serde_json::{Value, json};
use tokio::sync::Mutex;

const SERVICE: &str = "https://fcm.googleapis.com";
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
/// Google allows an hour.
const ASSERTION_S: u64 = 3_600;
/// A token is renewed so long before it ends.
const RENEWED_BEFORE_S: u64 = 120;

pub struct Fcm {
    pub project: String,
    pub email: String,
    pub token_uri: String,
    pub key: Signer,
    /// Instead of Google's.
    pub service: Option<String>,
    /// Until when, and what; while it is asked for all wait for it.
    token: Mutex<Option<(u64, String)>>,
}

impl Fcm {
    /// Of the file that Google gives for a service account.
    pub fn read(text: &str, service: Option<String>) -> Result<Self, String> {
        let file: Value = serde_json::from_str(text).map_err(|_| "it is no JSON".to_owned())?;
        let field =
            |name: &str| file[name].as_str().map(str::to_owned).ok_or_else(|| format!("it has no `{name}`"));
        let project = field("project_id")?;
        if !is_plain(&project) {
            return Err("its `project_id` is none".into());
        }
        let token_uri = field("token_uri")?;
        if !token_uri.starts_with("https://") {
            return Err("its `token_uri` does not begin with https://".into());
        }
        let key = Signer::rsa_of_pem(field("private_key")?.as_bytes())?;
        Ok(Self { project, email: field("client_email")?, token_uri, key, service, token: Mutex::default() })
    }

    pub(super) async fn wake(&self, client: &Client, wake: &Wake) -> Said {
        if !is_plain(&wake.destination.id) {
            return Said::Refused("the phone's name is none of FCM".into());
        }
        let token = match self.token(client).await {
            Ok(token) => token,
            Err(why) => return Said::Failed(why),
        };
        let place = self.service.as_deref().unwrap_or(SERVICE);
        let request = Request::post(format!("{place}/v1/projects/{}/messages:send", self.project))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(Full::from(payload(wake)));
        let Ok(request) = request else { return Said::Failed("the token fits no header".into()) };
        let answer = match client.send(Trust::Own, request).await {
            Ok(answer) => answer,
            Err(why) => return Said::Failed(why),
        };
        match answer.status {
            401 => {
                *self.token.lock().await = None;
                Said::Stale
            }
            // Of the project, which is not the phone's fault: only this word is about the phone.
            404 if !answer.text().contains("UNREGISTERED") && !answer.text().contains("NOT_FOUND") => {
                Said::Refused(answer.text())
            }
            _ => common(&answer),
        }
    }

    async fn token(&self, client: &Client) -> Result<String, String> {
        let now = unix_time_s();
        let mut known = self.token.lock().await;
        if let Some((_, token)) = known.as_ref().filter(|(until, _)| now < *until) {
            return Ok(token.clone());
        }
        let claims = json!({
            "iss": self.email, "scope": SCOPE, "aud": self.token_uri, "iat": now, "exp": now + ASSERTION_S,
        });
        let assertion = self.key.token(None, &claims).ok_or("no token could be signed")?;
        let form =
            format!("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}");
        let request = Request::post(&self.token_uri)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Full::from(form))
            .map_err(|_| "`token_uri` is no place")?;
        let answer = client.send(Trust::Own, request).await?;
        if answer.status != 200 {
            return Err(format!("no token: {} {}", answer.status, answer.text()));
        }
        let said: Value = serde_json::from_slice(&answer.body).map_err(|_| "no token: no JSON")?;
        let token = said["access_token"].as_str().ok_or("no token in the answer")?.to_owned();
        let life_s = said["expires_in"].as_u64().unwrap_or(ASSERTION_S);
        *known = Some((now + life_s.saturating_sub(RENEWED_BEFORE_S), token.clone()));
        Ok(token)
    }
}

fn payload(wake: &Wake) -> String {
    json!({
        "message": {
            "token": &*wake.destination.id,
            "android": { "priority": "high", "ttl": format!("{}s", wake.lifetime_s) },
            "data": {
                "uuid": uuid_of(wake),
                "reason": reason(wake.reason),
                "loc-key": loc_key(wake.reason),
                "send-time": unix_time_s().to_string(),
            },
        }
    })
    .to_string()
}
