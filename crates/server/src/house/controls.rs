//! Calls that the door begins and controls, asked of the shards.

use super::asks::Silent;
use super::running::Running;
use coeur_api::{Audience, CallSide, CallVerb, NewCall, Refusal, Why};
use coeur_directory::{Account, DeviceId, ECHO_USER};
use coeur_exchange::call_record::{
    Ask, CallRecordId, Hearer, NamedDialog, NotControlled, NotOriginated, Originate, Place, Told, Verb,
};
use coeur_sip::uri::Uri;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A call is begun on one shard after the other.
static NEXT: AtomicUsize = AtomicUsize::new(0);

pub(super) fn originate(
    running: &Running,
    account: &Account,
    device: Option<DeviceId>,
    (to, wanted): (&str, &NewCall),
) -> Result<String, Refusal> {
    let originate = Originate {
        from: account.id,
        device,
        to: to.as_bytes().into(),
        display: wanted.caller_display.as_deref().filter(|name| !name.is_empty()).map(Into::into),
        auto_answer: wanted.auto_answer,
        timeout_s: wanted.timeout_s,
        is_test: false,
    };
    begin(running, account, originate)
}

/// How long a phone that is tested may ring: as long as somebody needs who stands beside it.
const RING_TEST_S: u16 = 20;

/// Whoever looks at the phone sees who it is, and may call that back: it is the echo.
pub(super) fn ring(running: &Running, account: &Account, device: DeviceId) -> Result<String, Refusal> {
    let echo = format!("sip:{ECHO_USER}@{}", account.aor.domain());
    let originate = Originate {
        from: account.id,
        device: Some(device),
        to: echo.into_bytes().into(),
        display: Some("Coeur".into()),
        auto_answer: false,
        timeout_s: RING_TEST_S,
        is_test: true,
    };
    begin(running, account, originate)
}

fn begin(running: &Running, account: &Account, originate: Originate) -> Result<String, Refusal> {
    let unavailable = |text: &str| Refusal::new(Why::Unavailable, text);
    let shards = running.shards.get().ok_or_else(|| unavailable("the server is still starting"))?;
    let at = NEXT.fetch_add(1, Ordering::Relaxed) % shards.inboxes.len().max(1);
    let one = shards.inboxes.get(at..=at).unwrap_or_default();
    let told = shards.services.asks.ask(one, &Ask::Originate(Box::new(originate)));
    let told = told.map_err(|Silent| unavailable("a shard does not answer; its log may say why"))?;
    let begun = told.into_iter().find_map(|told| match told {
        Told::Originated(begun) => Some(begun),
        Told::Calls { .. }
        | Told::Call(_)
        | Told::HungUp(_)
        | Told::Taped(_)
        | Told::Controlled(_)
        | Told::Dialogs(_) => None,
    });
    match begun {
        Some(Ok(id)) => Ok(id.to_string()),
        Some(Err(why)) => Err(Refusal::new(why_not_begun(why), text_of(why, account))),
        None => Err(unavailable("no shard runs")),
    }
}

/// False: no shard has the call.
pub(super) fn control(running: &Running, call: &str, verb: &CallVerb) -> Result<bool, Refusal> {
    let Ok(id) = call.parse::<CallRecordId>() else { return Ok(false) };
    let verb = match verb {
        CallVerb::Hold { side } => Verb::Hold { side: hearer(*side), is_held: true },
        CallVerb::Resume { side } => Verb::Hold { side: hearer(*side), is_held: false },
        CallVerb::Mute { side } => Verb::Mute { side: hearer(*side), is_muted: true },
        CallVerb::Unmute { side } => Verb::Mute { side: hearer(*side), is_muted: false },
        CallVerb::Dtmf { side, digits, ms } => {
            Verb::Keys { side: hearer(*side), digits: digits.as_bytes().into(), ms: *ms }
        }
        CallVerb::Transfer { side, to } => {
            Verb::Transfer { side: place(*side), to: address(running, id, (*side, to))?.into_bytes().into() }
        }
        CallVerb::Attend { side, call } => {
            let Some(dialogs) = dialogs(running, call)? else {
                return Err(Refusal::new(Why::NotFound, format!("`{call}` is no call that lives")));
            };
            Verb::Attend { side: place(*side), dialogs }
        }
    };
    let done = running.ask(Ask::Control { id, verb })?.into_iter().find_map(|told| match told {
        Told::Controlled(done) => done,
        Told::Calls { .. }
        | Told::Call(_)
        | Told::HungUp(_)
        | Told::Taped(_)
        | Told::Originated(_)
        | Told::Dialogs(_) => None,
    });
    match done {
        None => Ok(false),
        Some(Ok(())) => Ok(true),
        Some(Err(why)) => Err(Refusal::new(why_not_done(why), why.as_str())),
    }
}

/// A number or a name alone is of the domain of the account that is left.
fn address(running: &Running, id: CallRecordId, (goes, to): (CallSide, &str)) -> Result<String, Refusal> {
    let calls = running.ask(Ask::Show(id))?.into_iter().find_map(|told| match told {
        Told::Call(call) => call,
        Told::Calls { .. }
        | Told::HungUp(_)
        | Told::Taped(_)
        | Told::Originated(_)
        | Told::Controlled(_)
        | Told::Dialogs(_) => None,
    });
    let left = calls.and_then(|call| match goes {
        CallSide::Caller => call.callee,
        CallSide::Callee => Some(call.caller),
    });
    let account = left.and_then(|left| left.account);
    let domain = account.as_ref().map_or("", |account| account.domain());
    let full = coeur_api::call_address(to, domain)?;
    match Uri::parse(full.as_bytes()) {
        Ok(_) => Ok(full),
        Err(_) => Err(Refusal::new(Why::Invalid, format!("`{to}` is no address"))),
    }
}

/// `None`: no shard has the call.
fn dialogs(running: &Running, call: &str) -> Result<Option<Vec<NamedDialog>>, Refusal> {
    let Ok(id) = call.parse::<CallRecordId>() else { return Ok(None) };
    Ok(running.ask(Ask::Dialogs(id))?.into_iter().find_map(|told| match told {
        Told::Dialogs(dialogs) => dialogs,
        Told::Calls { .. }
        | Told::Call(_)
        | Told::HungUp(_)
        | Told::Taped(_)
        | Told::Originated(_)
        | Told::Controlled(_) => None,
    }))
}

const fn hearer(side: Audience) -> Hearer {
    match side {
        Audience::Both => Hearer::Both,
        Audience::Caller => Hearer::Caller,
        Audience::Callee => Hearer::Callee,
    }
}

const fn place(side: CallSide) -> Place {
    match side {
        CallSide::Caller => Place::Caller,
        CallSide::Callee => Place::Callee,
    }
}

/// Which account it is about, where that is not the one that is called.
fn text_of(why: NotOriginated, account: &Account) -> String {
    match why {
        NotOriginated::NoAccount
        | NotOriginated::NoDevice
        | NotOriginated::TooManyCalls
        | NotOriginated::Full => format!("{}: {}", account.aor, why.as_str()),
        NotOriginated::Refused(..) | NotOriginated::Feature | NotOriginated::Busy => why.as_str().to_owned(),
    }
}

/// What can be asked for again in a moment is a conflict with what is.
fn why_not_begun(why: NotOriginated) -> Why {
    match why {
        NotOriginated::NoAccount => Why::NotFound,
        NotOriginated::NoDevice | NotOriginated::TooManyCalls | NotOriginated::Busy => Why::NotNow,
        NotOriginated::Refused(status, _) => of_status(status.code()),
        NotOriginated::Feature => Why::Invalid,
        NotOriginated::Full => Why::Unavailable,
    }
}

fn why_not_done(why: NotControlled) -> Why {
    match why {
        NotControlled::NotAnswered
        | NotControlled::Changing
        | NotControlled::Direct
        | NotControlled::KeysUnderWay
        | NotControlled::Busy
        | NotControlled::NotItsCall => Why::NotNow,
        NotControlled::EndToEnd | NotControlled::Service | NotControlled::NoKeys | NotControlled::Nobody => {
            Why::Forbidden
        }
        NotControlled::BadKeys | NotControlled::Feature => Why::Invalid,
        NotControlled::Refused(status, _) => of_status(status.code()),
        NotControlled::Full => Why::Unavailable,
    }
}

fn of_status(status: u16) -> Why {
    match status {
        403 => Why::Forbidden,
        404 => Why::NotFound,
        480 | 486 => Why::NotNow,
        _ => Why::Invalid,
    }
}
