//! `coeur call FROM TO`.

use super::door::{Way, print_json, unexpected};
use super::exit::{Exit, Failure};
use super::grammar::{Call, Place, Transport};
use super::terminal::{print, secret_from_stdin};
use super::words::Word;
use crate::config::listen::{Listen, Scheme};
use crate::user_agent::call::CallReport;
use crate::user_agent::tls::Trust;
use crate::user_agent::{Identity, Link, Phone, PhoneError, Report, Secret, interrupt};
use coeur_api::{Reply, Request, Status};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

pub fn run(arguments: Call) -> Result<(), Failure> {
    let way = match (&arguments.server, arguments.secret_stdin && arguments.from.contains('@')) {
        // Nothing of the server is needed.
        (Some(_), true) => None,
        (Some(_) | None, _) => Some(Way::open_server(&arguments.place)?),
    };
    let from = match &way {
        Some(way) => way.full_account(&arguments.from)?,
        None => arguments.from.clone(),
    };
    let (user, domain) =
        from.rsplit_once('@').ok_or_else(|| Failure::new(Exit::Usage, "write FROM as user@domain"))?;
    let status = way.as_ref().map(Way::status).transpose()?;
    let scheme = scheme(arguments.transport);
    let server = match (arguments.server, &status) {
        (Some(server), _) => server,
        (None, Some(status)) => listener(status, scheme)?,
        (None, None) => return Err(Failure::new(Exit::Usage, "give --server IP:PORT")),
    };
    interrupt::listen();
    let credential = Credential::new(way.as_ref(), &arguments.place, &from, arguments.secret_stdin)?;
    let (trust, verified) = trust(&arguments, status.as_ref())?;
    let identity = Identity {
        user: user.to_owned(),
        domain: domain.to_owned(),
        digest_user: user.to_owned(),
        secret: credential.secret.clone(),
    };
    let link = Link::open(scheme, server, domain, &trust)
        .map_err(|why| Failure::new(Exit::Unreachable, format!("{}://{server}: {why}", scheme.name())))?;
    // It does not register: who calls need not be reachable, and the account may have all the contacts it may have.
    let length = Duration::from_secs(arguments.seconds.into());
    let to = target(&arguments.to, domain);
    let report = Phone::new(identity, link).call(&to, length);
    drop(credential);
    let report = report.map_err(|why| refused(&why, way.as_ref(), &to))?;
    show(&report, &arguments, scheme, verified, server)
}

/// With what to do about it where nobody can be reached (RFC 3261 section 21.4.18).
fn refused(why: &PhoneError, way: Option<&Way>, to: &str) -> Failure {
    let no_phone = match (why, way) {
        (PhoneError::Refused { status: 480, .. }, Some(way)) => without_phone(way, to),
        _ => None,
    };
    let advice = no_phone.map(|account| Word::CallNoPhone.with(&[&account, &account]));
    Failure::failed([why.to_string()].into_iter().chain(advice).collect::<Vec<_>>().join("\n"))
}

/// The account that is called, when no phone is registered for it.
fn without_phone(way: &Way, to: &str) -> Option<String> {
    let account = super::account::view(way, to.strip_prefix("sip:")?).ok()?.account;
    match way.ask(Request::Registrations { account: Some(account.clone()), after: None, limit: 1 }).ok()? {
        Reply::Registrations(page) if page.registrations.is_empty() => Some(account),
        _ => None,
    }
}

/// A secret given, or that of a device made for this call and removed when dropped.
struct Credential<'w> {
    secret: Secret,
    one_time: Option<OneTime<'w>>,
}

struct OneTime<'w> {
    way: &'w Way,
    place: &'w Place,
    account: String,
    device: String,
}

impl<'w> Credential<'w> {
    fn new(way: Option<&'w Way>, place: &'w Place, account: &str, stdin: bool) -> Result<Self, Failure> {
        if stdin {
            return Ok(Self { secret: Secret::new(secret_from_stdin()?), one_time: None });
        }
        let way = way.ok_or_else(|| {
            Failure::new(Exit::Usage, "give --secret-stdin, or --data of the running server")
        })?;
        sweep(way, account)?;
        let request = Request::DeviceAdd {
            account: account.to_owned(),
            name: format!("{ONE_TIME} {}", std::process::id()),
            secret: None,
            policy: "auto".to_owned(),
        };
        let made = match way.ask(request)? {
            Reply::Made(made) => made.into_iter().next(),
            other => return Err(unexpected(&other)),
        };
        let (made, secret) = made
            .and_then(|made| made.secret.clone().map(|secret| (made, secret)))
            .ok_or_else(|| Failure::failed("the server made no device"))?;
        let secret = Secret::new(secret.reveal().to_owned());
        let one_time = OneTime { way, place, account: made.account, device: made.device };
        Ok(Self { secret, one_time: Some(one_time) })
    }
}

/// Begins the name of a one-time device; the number of its process follows.
const ONE_TIME: &str = "test call";

/// Removes what calls have left that were killed.
fn sweep(way: &Way, account: &str) -> Result<(), Failure> {
    for device in super::account::view(way, account)?.devices {
        let process = device.name.strip_prefix(ONE_TIME).and_then(|rest| rest.trim().parse().ok());
        if process.is_some_and(has_ended) {
            way.ask(Request::DeviceRevoke { account: account.to_owned(), device: device.device })?;
        }
    }
    Ok(())
}

/// Whether there is no such process any more.
pub fn has_ended(process: u32) -> bool {
    !std::path::Path::new(&format!("/proc/{process}")).exists()
}

/// For so long the device of a call is tried to be removed when its server has gone: until that has let go of its records.
const REMOVAL: Duration = Duration::from_secs(10);
const REMOVAL_PAUSE: Duration = Duration::from_millis(100);

impl OneTime<'_> {
    /// By the server, or in the records themselves where that has stopped first.
    fn remove(&self) -> Result<(), Failure> {
        let revoke = |way: &Way| {
            let request =
                Request::DeviceRevoke { account: self.account.clone(), device: self.device.clone() };
            way.ask(request).map(|_| ())
        };
        let (until, mut removed) = (Instant::now() + REMOVAL, revoke(self.way));
        while removed.as_ref().is_err_and(|failure| failure.exit == Exit::Unreachable)
            && Instant::now() < until
        {
            std::thread::sleep(REMOVAL_PAUSE);
            removed = Way::open(self.place).and_then(|way| revoke(&way));
        }
        // Its answer may have been lost.
        removed.or_else(|failure| if failure.exit == Exit::NotFound { Ok(()) } else { Err(failure) })
    }
}

impl Drop for Credential<'_> {
    fn drop(&mut self) {
        if let Some(one_time) = self.one_time.take()
            && let Err(failure) = one_time.remove()
        {
            let OneTime { account, device, .. } = one_time;
            eprintln!(
                "coeur: the device of this call is still there; remove it with `coeur device revoke {account} {device}`: {}",
                failure.text
            );
        }
    }
}

pub fn scheme(transport: Transport) -> Scheme {
    match transport {
        Transport::Udp => Scheme::Udp,
        Transport::Tcp => Scheme::Tcp,
        Transport::Tls => Scheme::Tls,
        Transport::Ws => Scheme::Ws,
        Transport::Wss => Scheme::Wss,
    }
}

/// Where this machine reaches the listener of a running server.
pub fn listener(status: &Status, scheme: Scheme) -> Result<SocketAddr, Failure> {
    let listeners = status.listeners.iter().filter_map(|text| text.parse::<Listen>().ok());
    let found =
        listeners.filter(|listen| listen.scheme == scheme).map(|listen| reachable(listen.address)).next();
    found.ok_or_else(|| {
        let have = status.listeners.join(", ");
        Failure::new(
            Exit::NotFound,
            format!("the server does not listen on {}; it listens on {have}", scheme.name()),
        )
    })
}

/// A wildcard address is reached over the loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// The authority given, or that of the server whose data directory is at hand; else anything, which is said.
fn trust(arguments: &Call, status: Option<&Status>) -> Result<(Trust, bool), Failure> {
    let local = status.and_then(|status| status.local_authority.clone()).map(std::path::PathBuf::from);
    match arguments.ca.clone().or(local) {
        Some(file) => Trust::file(&file)
            .map(|trust| (trust, true))
            .map_err(|why| Failure::new(Exit::Usage, format!("{}: {why}", file.display()))),
        None => Ok((Trust::anything()?, false)),
    }
}

fn target(to: &str, domain: &str) -> String {
    match (to.contains(':'), to.contains('@')) {
        (true, _) => to.to_owned(),
        (false, true) => format!("sip:{to}"),
        (false, false) => format!("sip:{to}@{domain}"),
    }
}

fn show(
    report: &CallReport,
    arguments: &Call,
    scheme: Scheme,
    verified: bool,
    server: SocketAddr,
) -> Result<(), Failure> {
    let audio = &report.audio;
    if arguments.place.json {
        print_json(&serde_json::json!({
            "answered_after_ms": report.answered_after.as_millis() as u64,
            "transport": scheme.name(),
            "certificate_verified": scheme.is_secure().then_some(verified),
            "audio": audio,
        }))?;
    } else {
        let ms = |micros: u64| format!("{:.1}", micros as f64 / 1_000.0);
        let answered = report.answered_after.as_millis().to_string();
        print(&format!("{}\n", Word::CallAnswered.with(&[&arguments.to, &answered, scheme.name()])));
        let (sent, heard) = (audio.packets_sent.to_string(), audio.packets_heard.to_string());
        print(&match heard_own_sound_only(audio) {
            true => format!("{}\n", Word::CallOwnSound.with(&[&audio.packets_foreign.to_string()])),
            false => {
                let loss = format!("{:.1}", audio.loss_percent());
                format!("{}\n", Word::CallAudio.with(&[&sent, &heard, &loss]))
            }
        });
        if audio.packets_heard > 0 {
            let [min, median, p95] = [audio.delay_min_us, audio.delay_median_us, audio.delay_p95_us].map(ms);
            print(&format!("{}\n", Word::CallDelay.with(&[&min, &median, &p95, &ms(audio.jitter_us)])));
        }
        if scheme.is_secure() && !verified {
            print(&format!("{}\n", Word::NotVerified.say()));
        }
    }
    verdict(audio, server)
}

/// Only when nothing came back something is wrong on the way.
fn verdict(audio: &Report, server: SocketAddr) -> Result<(), Failure> {
    match audio.packets_heard + audio.packets_foreign {
        0 => Err(Failure::failed(Word::CallSilent.with(&[&server.ip().to_string()]))),
        _ => Ok(()),
    }
}

/// Sound came, so no firewall stops it; a phone that people answer sends no echo back.
fn heard_own_sound_only(audio: &Report) -> bool {
    audio.packets_heard == 0 && audio.packets_foreign > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_completed_with_the_domain() {
        assert_eq!(target("echo", "d"), "sip:echo@d");
        assert_eq!(target("bob@e", "d"), "sip:bob@e");
        assert_eq!(target("tel:+331", "d"), "tel:+331");
    }

    #[test]
    fn a_phone_with_a_voice_of_its_own_is_no_silence() {
        let server = "192.0.2.1:5060".parse().unwrap();
        let voice = Report::new(150, 115, &[]);
        assert!(heard_own_sound_only(&voice) && verdict(&voice, server) == Ok(()));
        let silence = verdict(&Report::new(150, 0, &[]), server).unwrap_err();
        assert!(silence.exit == Exit::Failed && silence.text.contains("192.0.2.1"), "{}", silence.text);
        let echo = Report::new(2, 1, &[Duration::from_millis(20)]);
        assert!(!heard_own_sound_only(&echo) && verdict(&echo, server) == Ok(()));
    }

    #[test]
    fn a_wildcard_listener_is_reached_over_the_loopback() {
        let status = Status {
            listeners: vec!["udp://0.0.0.0:5062".into(), "tls://[::]:5061".into()],
            ..Status::default()
        };
        assert_eq!(listener(&status, Scheme::Udp).unwrap().to_string(), "127.0.0.1:5062");
        assert_eq!(listener(&status, Scheme::Tls).unwrap().to_string(), "[::1]:5061");
        assert_eq!(listener(&status, Scheme::Ws).unwrap_err().exit, Exit::NotFound);
    }
}
