//! Events of the exchange for those who listen to the API.

use super::silences::verdict_view;
use crate::house::running::Running;
use crate::trace::escape::line;
use coeur_api::feed::{About, Feed, Kind};
use coeur_api::{CallRecordView, House};
use coeur_directory::{Account, Aor, Directory};
use coeur_exchange::event::{CallStep, Event, Step, TextStep, Texted, UnregisteredWhy};
use coeur_exchange::party::Party;
use coeur_storage::CallRow;
use serde_json::{Value, json};
use std::sync::Arc;

/// What an event is called there, what it is about, and what it says; `None`: it is for the log alone.
pub fn tell(feed: &Feed, house: &Running, event: &Event) {
    if !feed.is_heard() {
        return;
    }
    let directory = &house.world.directory;
    if let Some((kind, subject, data)) = said(directory, event) {
        feed.publish_about(kind, subject, house.unix_time_ms(), data, about(directory, event));
    }
}

/// Of what happens to no account it is the installation's.
fn about(directory: &Directory, event: &Event) -> About {
    match event {
        Event::Registered { aor, .. } | Event::Unregistered { aor, .. } => {
            About::accounts(directory, [directory.account_of(aor).as_deref(), None])
        }
        Event::CallStep(step) => {
            let sides = [step.caller, step.callee].map(|party| account(directory, party));
            About::accounts(directory, [sides[0].as_deref(), sides[1].as_deref()])
        }
        Event::Texted(text) => {
            let sides = [Some(text.from), text.to].map(|party| account(directory, party));
            About::accounts(directory, [sides[0].as_deref(), sides[1].as_deref()])
        }
        Event::AuthenticationFailed { .. }
        | Event::RelayRefused { .. }
        | Event::DeviceProvedSha256 { .. }
        | Event::CallProtected { .. }
        | Event::CallLooked(_)
        | Event::Speaks { .. }
        | Event::TestHeard { .. }
        | Event::CallEnded(_)
        | Event::Notice { .. } => About::default(),
    }
}

fn account(directory: &Directory, party: Option<Party>) -> Option<Arc<Account>> {
    directory.account_by_id(party?.account)
}

fn stepped(directory: &Directory, step: &CallStep) -> (Kind, String, Value) {
    let kind = match step.step {
        Step::Started => Kind::CallStarted,
        Step::Ringing => Kind::CallRinging,
        Step::Answered => Kind::CallAnswered,
        Step::Held { .. } => Kind::CallHeld,
        Step::Resumed { .. } => Kind::CallResumed,
        Step::Transferred => Kind::CallTransferred,
    };
    let id = format!("call_{}", step.call);
    let side = |party: Option<Party>| {
        let account = account(directory, party)?;
        let device = party.map(|party| format!("dev_{}", party.device.0));
        Some(json!({ "account": account.aor.as_str(), "device_id": device }))
    };
    let mut data = json!({ "call_id": id, "caller": side(step.caller), "callee": side(step.callee) });
    match step.step {
        Step::Started => data["to_uri"] = line(&step.to).into(),
        Step::Held { by_caller } | Step::Resumed { by_caller } => {
            data["by"] = if by_caller { "caller" } else { "callee" }.into();
        }
        Step::Transferred => data["xfer_of"] = json!(step.transfer_of.map(|of| format!("call_{of}"))),
        Step::Ringing | Step::Answered => {}
    }
    (kind, id, data)
}

/// Who to whom, what kind and how long: never what it says.
fn texted(directory: &Directory, text: &Texted) -> (Kind, String, Value) {
    let (kind, status) = match text.step {
        TextStep::Accepted => (Kind::MessageAccepted, None),
        TextStep::Delivered => (Kind::MessageDelivered, None),
        TextStep::Failed { status } => (Kind::MessageFailed, Some(status)),
    };
    let id = format!("msg_{}", line(&text.id));
    let of = |party: Option<Party>| account(directory, party).map(|account| account.aor.to_string());
    let data = json!({
        "message_id": id,
        "from": of(Some(text.from)),
        "device_id": format!("dev_{}", text.from.device.0),
        "to": of(text.to),
        "to_uri": line(&text.to_uri),
        "content_type": line(&text.content_type),
        "bytes": text.bytes,
        "sip_status": status,
    });
    (kind, id, data)
}

fn said(directory: &Directory, event: &Event) -> Option<(Kind, String, Value)> {
    match event {
        Event::CallStep(step) => Some(stepped(directory, step)),
        Event::Texted(text) => Some(texted(directory, text)),
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
        | Event::TestHeard { .. }
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
        let directory = &house.world.directory;
        let callee = view.callee.as_ref().and_then(|callee| callee.account.as_deref());
        let sides = [view.caller.account.as_deref(), callee];
        let sides = sides.map(|aor| directory.account_of(&Aor::parse(aor?).ok()?));
        let about = About::accounts(directory, [sides[0].as_deref(), sides[1].as_deref()]);
        feed.publish_about(Kind::CallEnded, id, house.unix_time_ms(), data, about);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use coeur_directory::{AccountId, DeviceId};

    #[test]
    fn what_happened_has_its_kind_and_what_is_for_the_log_alone_has_none() {
        let aor = Aor::parse("alice@example.org").unwrap();
        for (why, kind, text) in [
            (UnregisteredWhy::Expired, Kind::RegistrationExpired, "expired"),
            (UnregisteredWhy::Revoked, Kind::RegistrationRemoved, "revoked"),
        ] {
            let event = Event::Unregistered { aor: aor.clone(), why };
            let (said_kind, subject, data) = said(&Directory::new(), &event).unwrap();
            assert_eq!(
                (said_kind, subject.as_str(), &data["why"]),
                (kind, "alice@example.org", &json!(text))
            );
        }
        let from = Party { account: AccountId(1), device: DeviceId(2) };
        let text = Texted {
            id: *b"abcdefghijklmnopqr",
            step: TextStep::Failed { status: 480 },
            from,
            to: None,
            to_uri: (*b"sip:bob@example.org").into(),
            content_type: (*b"text/plain").into(),
            bytes: 5,
        };
        let (kind, subject, data) = said(&Directory::new(), &Event::Texted(Box::new(text))).unwrap();
        assert_eq!((kind, subject.as_str()), (Kind::MessageFailed, "msg_abcdefghijklmnopqr"));
        assert_eq!((&data["sip_status"], &data["to_uri"]), (&json!(480), &json!("sip:bob@example.org")));
        let notice = Event::Notice { flow: None, subject: "a".into(), text: "b".into() };
        assert!(said(&Directory::new(), &notice).is_none());
    }
}
