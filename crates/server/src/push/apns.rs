//! Apple's push service: HTTP/2, a token signed with the operator's key (ES256), one request for each waking.
//!
//! A phone names its program and its token in `pn-param` and `pn-prid` (RFC 8599 section 10): `TEAM.program` or `TEAM.program.voip`;
//! some give both kinds at once, `TEAM.program.remote&voip` with `token:remote&token:voip`. A program that is woken as a phone
//! (`.voip`) must show a call at once or is shut out by its system, so that kind is for calls alone.

use super::client::Client;
use super::reach::Trust;
use super::token::Signer;
use super::{Said, common, is_plain, unix_time_s, uuid_of};
use coeur_exchange::push::{Reason, Wake};
use http_body_util::Full;
use hyper::Request;
use parking_lot::Mutex;
use serde_json::json;

const SERVICE: &str = "https://api.push.apple.com";
const SANDBOX: &str = "https://api.sandbox.push.apple.com";
/// Apple refuses a token that is older than an hour, and one that is renewed more often than every 20 minutes.
const TOKEN_S: u64 = 2_400;

pub struct Apns {
    pub team: String,
    pub key_id: String,
    pub key: Signer,
    /// Instead of Apple's.
    pub service: Option<String>,
    token: Mutex<Option<(u64, String)>>,
}

/// Whom it is for and how it is said.
#[derive(Debug, PartialEq, Eq)]
struct Addressed<'w> {
    topic: String,
    token: &'w str,
    is_call: bool,
}

impl Apns {
    pub fn new(team: String, key_id: String, key: Signer, service: Option<String>) -> Self {
        Self { team, key_id, key, service, token: Mutex::default() }
    }

    pub(super) async fn wake(&self, client: &Client, wake: &Wake) -> Said {
        let Some(addressed) = addressed(&wake.destination.param, &wake.destination.id, wake.reason) else {
            return Said::Refused("no token of the phone's is for this".into());
        };
        let Some(token) = self.token() else { return Said::Failed("no token could be signed".into()) };
        let own = if wake.destination.is_sandbox { SANDBOX } else { SERVICE };
        let place = self.service.as_deref().unwrap_or(own);
        let expires = unix_time_s() + u64::from(wake.lifetime_s);
        let request = Request::post(format!("{place}/3/device/{}", addressed.token))
            .header("authorization", format!("bearer {token}"))
            .header("apns-topic", &addressed.topic)
            .header("apns-push-type", if addressed.is_call { "voip" } else { "alert" })
            .header("apns-priority", "10")
            .header("apns-expiration", expires.to_string())
            .header("apns-id", uuid_of(wake))
            .header("apns-collapse-id", format!("{}-{}", reason(wake.reason), wake.binding.0))
            .body(Full::from(payload(wake)));
        let Ok(request) = request else { return Said::Refused("the phone's names fit no header".into()) };
        let answer = match client.send(Trust::Own, request).await {
            Ok(answer) => answer,
            Err(why) => return Said::Failed(why),
        };
        match answer.status {
            400 if answer.text().contains("BadDeviceToken") => Said::Gone,
            403 if answer.text().contains("ExpiredProviderToken") => {
                *self.token.lock() = None;
                Said::Stale
            }
            // A path that is no device.
            404 => Said::Refused(answer.text()),
            _ => common(&answer),
        }
    }

    fn token(&self) -> Option<String> {
        let now = unix_time_s();
        let mut token = self.token.lock();
        if let Some((_, token)) = token.as_ref().filter(|(since, _)| now < since + TOKEN_S) {
            return Some(token.clone());
        }
        let made = self.key.token(Some(&self.key_id), &json!({ "iss": self.team, "iat": now }))?;
        *token = Some((now, made.clone()));
        Some(made)
    }
}

fn addressed<'w>(param: &str, id: &'w str, why: Reason) -> Option<Addressed<'w>> {
    // The team is that of the program's maker, ten letters and digits; programs of before the RFC name none.
    let is_team = |team: &str| {
        team.len() == 10 && team.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    let program =
        param.split_once('.').filter(|(team, _)| is_team(team)).map_or(param, |(_, program)| program);
    let (program, kinds) = match (program.strip_suffix(".voip"), program.rsplit_once('.')) {
        (Some(program), _) => (program, "voip"),
        (None, Some((program, kinds))) if kinds.contains('&') || kinds == "remote" => (program, kinds),
        (None, _) => (program, "remote"),
    };
    let kind = ["voip", "remote"].into_iter().find(|kind| {
        kinds.split('&').any(|known| known == *kind) && (*kind == "remote" || why == Reason::Call)
    })?;
    let of_kind = |token: &&str| token.rsplit_once(':').is_none_or(|(_, named)| named == kind);
    let token = id.split('&').find(of_kind)?;
    let token = token.rsplit_once(':').map_or(token, |(token, _)| token);
    let topic = if kind == "voip" { format!("{program}.voip") } else { program.to_owned() };
    (is_plain(token) && is_plain(&topic)).then_some(Addressed { topic, token, is_call: kind == "voip" })
}

pub(super) fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Call => "call",
        Reason::Message => "message",
        Reason::Refresh => "refresh",
    }
}

/// What to show until the call or the text itself is there, by the names that programs for phones have for it.
pub(super) fn loc_key(reason: Reason) -> &'static str {
    match reason {
        Reason::Call => "IC_MSG",
        Reason::Message => "IM_MSG",
        Reason::Refresh => "",
    }
}

fn payload(wake: &Wake) -> String {
    let aps = match wake.reason {
        Reason::Call | Reason::Message => {
            json!({ "alert": { "loc-key": loc_key(wake.reason) }, "content-available": 1, "mutable-content": 1 })
        }
        Reason::Refresh => json!({ "content-available": 1 }),
    };
    json!({ "aps": aps, "uuid": uuid_of(wake), "reason": reason(wake.reason), "send-time": unix_time_s() })
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_wakes_the_phone_and_a_text_the_program() {
        let of =
            |param, id, why| addressed(param, id, why).map(|to| (to.topic, to.token.to_owned(), to.is_call));
        let voip = |topic: &str, token: &str| Some((topic.to_owned(), token.to_owned(), true));
        let remote = |topic: &str, token: &str| Some((topic.to_owned(), token.to_owned(), false));
        let both = ("ABCD123456.org.x.remote&voip", "aa:remote&bb:voip");
        assert_eq!(of(both.0, both.1, Reason::Call), voip("org.x.voip", "bb"));
        assert_eq!(of(both.0, both.1, Reason::Message), remote("org.x", "aa"));
        assert_eq!(of("ABCD123456.org.x.voip", "bb", Reason::Call), voip("org.x.voip", "bb"));
        assert_eq!(of("ABCD123456.org.x.voip", "bb", Reason::Message), None, "it would have to show a call");
        assert_eq!(of("ABCD123456.org.x", "aa", Reason::Call), remote("org.x", "aa"));
        assert_eq!(of("org.linphone.phone.voip", "bb", Reason::Call), voip("org.linphone.phone.voip", "bb"));
        assert_eq!(of("ABCD123456.org.x", "../../etc", Reason::Call), None);
    }
}
