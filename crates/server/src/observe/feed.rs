//! Events of the exchange for those who listen to the API.

use super::silences::verdict_view;
use crate::house::running::Running;
use crate::trace::escape::line;
use coeur_api::feed::{Feed, Kind};
use coeur_api::{CallRecordView, House};
use coeur_exchange::event::{Event, UnregisteredWhy};
use coeur_storage::CallRow;
use serde_json::{Value, json};

/// What an event is called there, what it is about, and what it says; `None`: it is for the log alone.
pub fn tell(feed: &Feed, house: &Running, event: &Event) {
    if let Some((kind, subject, data)) = said(event) {
        feed.publish(kind, subject, house.unix_time_ms(), data);
    }
}

fn said(event: &Event) -> Option<(Kind, String, Value)> {
    match event {
        Event::Registered { aor, device, flow } => {
            let transport = flow.transport.to_string().to_ascii_lowercase();
            let data = json!({
                "account": aor.as_str(),
                "device_id": format!("dev_{}", device.0),
                "transport": transport,
                "source": flow.remote.to_string(),
            });
            Some((Kind::RegistrationCreated, aor.to_string(), data))
        }
        Event::Unregistered { aor, why } => {
            let (kind, why) = match why {
                UnregisteredWhy::Expired => (Kind::RegistrationExpired, "expired"),
                UnregisteredWhy::Asked => (Kind::RegistrationRemoved, "asked"),
                UnregisteredWhy::Replaced => (Kind::RegistrationRemoved, "replaced"),
                UnregisteredWhy::FlowClosed => (Kind::RegistrationRemoved, "flow_closed"),
                UnregisteredWhy::Revoked => (Kind::RegistrationRemoved, "revoked"),
            };
            Some((kind, aor.to_string(), json!({ "account": aor.as_str(), "why": why })))
        }
        Event::AuthenticationFailed { flow, user, why } => {
            let data = json!({ "source": flow.remote.to_string(), "user": line(user), "why": why });
            Some((Kind::SecurityAuthFailed, flow.remote.ip().to_string(), data))
        }
        Event::RelayRefused { flow } => {
            let data = json!({ "source": flow.remote.to_string() });
            Some((Kind::SecurityRelayRefused, flow.remote.ip().to_string(), data))
        }
        Event::CallLooked(looked) if !looked.news.is_empty() => {
            let verdicts: Vec<Value> =
                looked.news.iter().map(|verdict| json!(verdict_view(verdict))).collect();
            let id = format!("call_{}", looked.id);
            Some((Kind::CallQuality, id.clone(), json!({ "call_id": id, "verdicts": verdicts })))
        }
        Event::Speaks { call, is_speaking } => {
            let id = format!("call_{call}");
            Some((Kind::ConferenceSpeaking, id.clone(), json!({ "call_id": id, "speaks": is_speaking })))
        }
        // Its record says more, and is told once it is written: [`ended`].
        Event::CallEnded(_) => None,
        Event::CallLooked(_)
        | Event::CallProtected { .. }
        | Event::DeviceProvedSha256 { .. }
        | Event::Notice { .. } => None,
    }
}

/// Records that are written.
pub fn ended(feed: &Feed, house: &Running, calls: &[CallRow]) {
    if !feed.is_heard() {
        return;
    }
    for call in calls {
        let view = CallRecordView::from(call);
        let id = format!("call_{}", view.id);
        let data = json!({
            "call_id": id,
            "from": view.caller.account,
            "to": view.callee.as_ref().and_then(|callee| callee.account.clone()),
            "to_uri": view.to_uri,
            "disposition": view.disposition,
            "sip_status": view.sip_status,
            "start_at": view.start_at,
            "talk_ms": view.talk_ms,
            "hangup_by": view.hangup_by,
        });
        feed.publish(Kind::CallEnded, id, house.unix_time_ms(), data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use coeur_directory::Aor;

    #[test]
    fn why_a_registration_is_gone_tells_of_which_kind_its_end_was() {
        let aor = Aor::parse("alice@example.org").unwrap();
        for (why, kind, text) in [
            (UnregisteredWhy::Expired, Kind::RegistrationExpired, "expired"),
            (UnregisteredWhy::Revoked, Kind::RegistrationRemoved, "revoked"),
        ] {
            let (said_kind, subject, data) = said(&Event::Unregistered { aor: aor.clone(), why }).unwrap();
            assert_eq!(
                (said_kind, subject.as_str(), &data["why"]),
                (kind, "alice@example.org", &json!(text))
            );
        }
        let notice = Event::Notice { flow: None, subject: "a".into(), text: "b".into() };
        assert!(said(&notice).is_none());
    }
}
