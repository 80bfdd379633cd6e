//! The certificates by which this server proves who it is: those that were given, or one of the local authority. One store for
//! SIP, for browsers and for the listener of pages; what it shows is changed under connections that are open.

use super::Running;
use crate::acme::{self, Keeping, Standing};
use crate::cli::exit::{Exit, Failure};
use crate::config::Settings;
use crate::net::machine;
use crate::push::client::Client;
use crate::push::reach::Reach;
use crate::tls::proof::Proofs;
use crate::tls::watch::LOOK_EVERY;
use crate::tls::{Source, Tls, Watch, authority, certificate, roots};
use coeur_api::feed::Kind;
use coeur_directory::Directory;
use coeur_exchange::world::Listener;
use rustls::pki_types::ServerName;
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub struct Certificates {
    pub tls: Arc<Tls>,
    pub sources: Vec<Source>,
    pub watch: Watch,
}

/// Of this machine, in one certificate.
const MACHINE_NAMES_MAX: usize = 64;
/// How often it is asked whether that of the local authority still proves all that it should, for long enough.
const ENSURE_EVERY: Duration = Duration::from_secs(600);

/// Below the data directory.
pub fn folder(data: &Path) -> PathBuf {
    data.join("tls")
}

/// The certificate given, or one of the local authority, when somebody may come over TLS.
pub fn open(
    settings: &Settings,
    directory: &Directory,
    listeners: &[Listener],
) -> Result<(Option<Certificates>, Option<PathBuf>), Failure> {
    let places = settings.listen.iter().chain(&settings.turn);
    if !places.into_iter().any(|listen| listen.scheme.is_secure()) && !settings.is_web_encrypted() {
        return Ok((None, None));
    }
    let mut believed = roots::of_system();
    let (source, local) = match &settings.certificate {
        Some((chain, key)) => (Source { chain: chain.clone(), key: key.clone() }, None),
        None => {
            let folder = folder(&settings.data);
            let names = names(settings, directory, listeners);
            let source = authority::ensure(&folder, &names).map_err(unreachable)?;
            let authority = authority::certificate_path(&folder);
            roots::add_file(&mut believed, &authority).map_err(unreachable)?;
            (source, Some(authority))
        }
    };
    let sources: Vec<Source> = asked_for(settings).into_iter().chain([source]).collect();
    let (tls, watch) =
        Watch::load(&sources, believed).map_err(|why| Failure::new(Exit::Usage, why.to_string()))?;
    Ok((Some(Certificates { tls, sources, watch }), local))
}

/// Where the certificate of a public authority is, once it was given. One that cannot be used is asked for anew.
fn asked_for(settings: &Settings) -> Option<Source> {
    if settings.front.acme.names.is_empty() {
        return None;
    }
    let source = acme::source(&settings.data);
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    if source.chain.exists()
        && let Err(why) = certificate::load(&source, &provider)
    {
        tracing::warn!(%why, "the certificate of the public authority is of no use; another is asked for");
        if let Err(why) = std::fs::remove_file(&source.chain) {
            tracing::error!(%why, "it cannot be removed");
        }
    }
    Some(source)
}

/// Begins to ask for a certificate of a public authority, and to renew it.
pub fn ask_for(
    settings: &Settings,
    running: &Arc<Running>,
    runtime: &tokio::runtime::Handle,
    proofs: Option<Arc<Proofs>>,
) -> Result<(), Failure> {
    let Some(proofs) = proofs.filter(|_| settings.is_web_encrypted()) else { return Ok(()) };
    if settings.front.acme.names.is_empty() {
        return Ok(());
    }
    let client = outside(settings).map_err(|why| Failure::new(Exit::Usage, why))?;
    let (house, names) = (running.clone(), settings.front.acme.names.clone());
    let tell = move |standing: &Standing| tell(&house, &names, standing);
    let keeping = Keeping {
        data: settings.data.clone(),
        wanted: settings.front.acme.clone(),
        client: Arc::new(client),
        board: running.board.clone(),
        proofs,
        has_plain: settings.front.plain.is_some(),
        standing: running.standing.clone(),
        tell: Box::new(tell),
        random: || {
            let mut bytes = [0; 8];
            super::random(&mut bytes);
            u64::from_be_bytes(bytes)
        },
        now_unix_s: || super::unix_time_ms() / 1_000,
    };
    running.deaths.spawn_task(runtime, "who asks for certificates", acme::keep(keeping));
    Ok(())
}

/// For servers of certificates and of sign-in.
pub fn outside(settings: &Settings) -> Result<Client, String> {
    let mut believed = roots::of_system();
    if let Some(file) = &settings.front.authority {
        roots::add_file(&mut believed, file).map_err(|why| why.to_string())?;
    }
    Client::new(believed, Reach::default()).map_err(|why| why.to_string())
}

/// One that was refused while what is in use ends soon, or is none, is an event: somebody has to do something.
fn tell(running: &Running, names: &[String], standing: &Standing) {
    let Some(failure) = &standing.failure else { return };
    let ends = standing.ends_unix_s.map(|ends| coeur_api::rfc3339(ends * 1_000));
    let data = json!({ "names": names, "expires_at": ends, "failure": failure });
    let subject = names.first().cloned().unwrap_or_default();
    running.feed.publish(Kind::CertificateExpiring, subject, super::unix_time_ms(), data);
}

fn unreachable(why: impl Display) -> Failure {
    Failure::new(Exit::Unreachable, why.to_string())
}

/// Under which the certificate of the local authority proves us. Where browsers come to it, they come by any name and
/// address of the machine.
fn names(settings: &Settings, directory: &Directory, listeners: &[Listener]) -> Vec<String> {
    let mut names = of_listeners(directory, listeners);
    if settings.is_web_encrypted() {
        let found = machine::look();
        let addresses = found.addresses.iter().map(ToString::to_string);
        let all = found.names.iter().map(|name| name.to_ascii_lowercase()).chain(addresses);
        // What is no name in a certificate would have none made.
        names.extend(all.filter(|name| ServerName::try_from(name.as_str()).is_ok()).take(MACHINE_NAMES_MAX));
    }
    names.into_iter().collect()
}

/// An IPv6 address stands there without the brackets that it has in a URI.
fn of_listeners(directory: &Directory, listeners: &[Listener]) -> BTreeSet<String> {
    let domains = directory.domains();
    let domains = domains.iter().map(|domain| &*domain.name);
    let hosts = listeners.iter().map(|listener| listener.name().0);
    let all = domains.chain(hosts).chain(["localhost", "127.0.0.1"]);
    all.map(|name| name.trim_matches(['[', ']']).to_owned()).collect()
}

/// Sees files that were renewed, and renews that of the local authority: before it expires, and when there is a new domain.
pub fn look_after(
    mut watch: Watch,
    settings: &Settings,
    running: &Arc<Running>,
    stopped: Arc<AtomicBool>,
) -> Result<(), Failure> {
    let is_local = running.local_authority.is_some();
    let (settings, house) = (settings.clone(), running.clone());
    let body = move || {
        let mut ensured = Instant::now();
        while !stopped.load(Ordering::Relaxed) {
            std::thread::sleep(LOOK_EVERY);
            if is_local && ensured.elapsed() >= ENSURE_EVERY {
                ensured = Instant::now();
                ensure(&settings, &house);
            }
            watch.look();
        }
    };
    running.deaths.spawn("coeur-watch", body).map_err(unreachable)
}

fn ensure(settings: &Settings, running: &Running) {
    let names = names(settings, &running.world.directory, &running.world.listeners);
    if let Err(why) = authority::ensure(&folder(&settings.data), &names) {
        tracing::error!(%why, "the local authority cannot renew our certificate; the one in use stays");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use coeur_directory::{Change, Domain};
    use coeur_exchange::flow::ListenerId;
    use coeur_sip::transport::Transport;

    #[test]
    fn the_local_certificate_names_domains_and_listeners_and_addresses_without_brackets() {
        let directory = Directory::new();
        directory.apply(&Change::DomainAdded(Domain::new("example.test"))).unwrap();
        let listener = |sent_by: &str| Listener {
            id: ListenerId(0),
            transport: Transport::Tls,
            bound: "[::1]:5061".parse().unwrap(),
            sent_by: sent_by.into(),
        };
        let listeners = ["[::1]:5061", "[2001:db8::1]", "sip.test", "192.0.2.1:5061"].map(listener);
        let expected =
            ["127.0.0.1", "192.0.2.1", "2001:db8::1", "::1", "example.test", "localhost", "sip.test"];
        assert_eq!(of_listeners(&directory, &listeners).into_iter().collect::<Vec<_>>(), expected);
    }
}
