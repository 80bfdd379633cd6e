//! Where phones reach this server, as links for them say.

use super::Running;
use crate::config::Settings;
use coeur_api::provision::PhonePlace;
use coeur_sip::Transport;
use std::net::SocketAddr;

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
        None if web.ip().is_unspecified() => format!("http://{host}:{}", web.port()),
        None => format!("http://{web}"),
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
