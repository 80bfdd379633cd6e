//! WebPush (RFC 8030): the browser's maker runs the service, the browser names the place, and we are known by a key of our own
//! (VAPID, RFC 8292) which needs no account anywhere.
//!
//! `pn-prid` is the place. The keys with which only the browser can read what it is told (RFC 8291) are in `pn-param`, as
//! `p256dh.auth` in base64url, which RFC 8599 leaves to us; without them it is woken and told nothing.

use super::apns::reason;
use super::client::Client;
use super::reach::Trust;
use super::sealed;
use super::token::Signer;
use super::{Said, common, unix_time_s, uuid_of};
use coeur_exchange::push::{Reason, Wake};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Request, Uri};
use serde_json::json;

/// RFC 8292 section 2: at most a day.
const TOKEN_S: u64 = 12 * 3_600;
const PLACE_BYTES_MAX: usize = 1_024;

pub struct Web {
    /// A `mailto:` or `https:` by which a service reaches the operator (RFC 8292 section 2.1).
    pub subject: String,
    pub key: Signer,
}

impl Web {
    pub(super) async fn wake(&self, client: &Client, wake: &Wake) -> Said {
        let request = match self.request(wake) {
            Ok(request) => request,
            Err(why) => return Said::Refused(why.into()),
        };
        match client.send(Trust::Stranger, request).await {
            Ok(answer) => common(&answer),
            Err(why) => Said::Failed(why),
        }
    }

    fn request(&self, wake: &Wake) -> Result<Request<Full<Bytes>>, &'static str> {
        let place = &*wake.destination.id;
        if place.len() > PLACE_BYTES_MAX {
            return Err("the place is too long");
        }
        let uri: Uri = place.parse().map_err(|_| "the place is no URI")?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let (Some("https"), Some(authority)) = (uri.scheme_str(), authority) else {
            return Err("the place does not begin with https://");
        };
        let claims = json!({
            "aud": format!("https://{authority}"), "exp": unix_time_s() + TOKEN_S, "sub": self.subject,
        });
        let token = self.key.token(None, &claims).ok_or("no token could be signed")?;
        // RFC 8030 section 5.3: who is called now is of more use than a battery.
        let urgency = if wake.reason == Reason::Refresh { "normal" } else { "high" };
        let request = Request::post(&uri)
            .header("authorization", format!("vapid t={token}, k={}", self.key.public()))
            .header("ttl", wake.lifetime_s.to_string())
            .header("urgency", urgency);
        let told = json!({
            "uuid": uuid_of(wake), "reason": reason(wake.reason), "account": wake.aor.as_str(),
        });
        let request = match sealed::keys(&wake.destination.param) {
            Some(keys) => {
                let body = sealed::seal(&keys, told.to_string().as_bytes()).ok_or("its keys are none")?;
                request
                    .header("content-encoding", "aes128gcm")
                    .header("content-type", "application/octet-stream")
                    .body(Full::from(body))
            }
            None => request.header("content-length", "0").body(Full::default()),
        };
        request.map_err(|_| "the place fits no request")
    }
}
