//! Where phones reach this server, as links for them say, and those that are plugged in.

use super::Running;
use crate::cli::exit::Failure;
use crate::config::Settings;
use crate::observe::handshakes;
use crate::observe::silences::verdict_view;
use crate::pnp::Sockets;
use coeur_api::provision::PhonePlace;
use coeur_api::provision::{TrialEnd, TrialStep};
use coeur_api::{Door, VerdictView};
use coeur_exchange::call_record::CallRecord;
use coeur_exchange::event::{Event, Step};
use coeur_exchange::media::StreamKind;
use coeur_sip::Transport;
use std::net::SocketAddr;
use std::sync::Arc;

/// `None` where nothing is served that a phone could fetch.
pub fn place(settings: &Settings, running: &Running, web: Option<SocketAddr>) -> Option<PhonePlace> {
    let web = web?;
    let listeners = &running.world.listeners;
    // Every listener is reached under a name of its own; phones are told the first.
    let host = listeners.first().map(|listener| listener.name().0.to_owned())?;
    let port = |transport: Transport| {
        let of = listeners.iter().find(|listener| listener.transport == transport);
        of.map(|listener| listener.name().1)
    };
    let authority = running.local_authority.as_ref().and_then(|path| std::fs::read_to_string(path).ok());
    let web = match &settings.phones_url {
        Some(url) => url.clone(),
        None => super::web::url(settings, running, web),
    };
    Some(PhonePlace {
        web,
        host,
        udp: port(Transport::Udp),
        tcp: port(Transport::Tcp),
        tls: port(Transport::Tls),
        authority,
    })
}

/// What an event says of a phone that is being connected.
pub fn watch(door: &Door, event: &Event) {
    let now_ms = super::unix_time_ms();
    match event {
        Event::AuthenticationFailed { user, .. } => door.password_refused(user, now_ms),
        // RFC 3261 section 21.4.26.
        Event::CallStep(step) => {
            let seen = match step.step {
                Step::Ringing => TrialStep::Ringing,
                Step::Answered => TrialStep::Answered,
                Step::Started | Step::Held { .. } | Step::Resumed { .. } | Step::Transferred => return,
            };
            door.trial_stepped(&step.call.to_string(), now_ms, &seen);
        }
        Event::TestHeard { call } => door.trial_stepped(&call.to_string(), now_ms, &TrialStep::Heard),
        Event::CallEnded(record) if door.is_trial(&record.id.to_string()) => {
            door.trial_stepped(&record.id.to_string(), now_ms, &TrialStep::Over(end(record)));
        }
        Event::CallEnded(record) if record.status == 488 => {
            let callee = record.callee.as_ref().and_then(|callee| callee.account.as_ref());
            callee.into_iter().for_each(|account| door.media_refused(account, now_ms));
        }
        Event::Registered { aor, device, .. } => door.device_registered(aor, *device, now_ms),
        Event::Unregistered { .. }
        | Event::RelayRefused { .. }
        | Event::DeviceProvedSha256 { .. }
        | Event::Texted(_)
        | Event::CallProtected { .. }
        | Event::CallLooked(_)
        | Event::Speaks { .. }
        | Event::CallEnded(_)
        | Event::Notice { .. } => {}
    }
}

/// The phone is the caller of that call, as of each that is begun for an account; to whoever looks at it it is called.
fn end(record: &CallRecord) -> TrialEnd {
    let streams = record.caller.report.iter().flat_map(|report| report.streams.iter().flatten());
    let sound = streams.filter(|stream| stream.kind == StreamKind::Audio);
    TrialEnd {
        status: record.status,
        rang: record.rang_after_ms.is_some(),
        packets: sound.map(|stream| stream.received.packets).reduce(|one, other| one + other),
        verdict: record
            .verdict
            .as_ref()
            .map(|verdict| VerdictView { side: "callee".to_owned(), ..verdict_view(verdict) }),
    }
}

/// Whoever broke off a handshake of TLS may be a phone that has just fetched its settings.
pub fn hear_broken(door: &Door) {
    let now_ms = super::unix_time_ms();
    for (source, fault) in handshakes::take() {
        door.tls_failed(source, fault, now_ms);
    }
}

/// Begins to hear phones that are plugged in, where that is set.
pub fn hear(
    settings: &Settings,
    running: &Arc<Running>,
    runtime: &tokio::runtime::Runtime,
) -> Result<(), Failure> {
    let Some(address) = settings.pnp else { return Ok(()) };
    let opened = {
        let _inside = runtime.enter();
        Sockets::open(address)
    };
    let sockets = opened.map_err(|why| {
        Failure::failed(format!(
            "pnp {address}: {why}; give our address in the network of the phones, or `off`"
        ))
    })?;
    let serve = sockets.serve(running.strangers.clone());
    running.deaths.spawn_task(runtime.handle(), "the listener of phones that are plugged in", serve);
    Ok(())
}
