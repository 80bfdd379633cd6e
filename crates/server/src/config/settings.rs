//! The settings as the server uses them, resolved from layers.

use super::listen::{Scheme, is_host};
use super::{Advertise, AllowedOrigin, ConfigError, Key, Layer, Listen, Source, front, oidc, phones, turn};
use crate::acme;
use crate::hooks::settings as hooks;
use crate::push::settings as push;
use crate::recordings;
use crate::trace::hep::{Collector, Password};
use crate::turn::peers::Wanted;
use coeur_api::{EmbedOrigin, EmbedOrigins, Proxies};
use coeur_exchange::world::CallMode;
use coeur_media::tone::plan::Region;
use coeur_sip::header::NameAddr;
use coeur_sip::network::Network;
use coeur_sip::uri::Uri;
use coeur_storage::Keep;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What was said, and where; all else is by default.
    pub said: Vec<(Key, Source)>,
    /// The file that was read.
    pub config: Option<PathBuf>,
    pub data: PathBuf,
    pub domains: Vec<String>,
    /// Never empty after [`resolve`].
    pub listen: Vec<Listen>,
    pub advertise: Vec<Advertise>,
    /// Pages that may use WebSocket besides our own.
    pub origins: Vec<AllowedOrigin>,
    /// Pages of others that may hold the web phone.
    pub embed_origins: EmbedOrigins,
    /// Chain and key; both or none.
    pub certificate: Option<(PathBuf, PathBuf)>,
    pub http: Option<SocketAddr>,
    /// Of API and pages.
    pub web: Option<SocketAddr>,
    pub front: front::Wanted,
    /// As links for phones begin, without a `/` at its end.
    pub phones_url: Option<String>,
    /// The network in which phones that are plugged in are heard.
    pub pnp: Option<Ipv4Addr>,
    pub shards: usize,
    pub log: String,
    pub log_format: LogFormat,
    pub trace_mb: u32,
    /// Of messages on disk; 0: none.
    pub trace_disk_mb: u32,
    pub trace_days: u32,
    /// Who is told of every message.
    pub hep: Option<Collector>,
    /// Inside networks that requests for other domains may reach.
    pub relay_inside: Vec<Network>,
    /// 3xx answers that name accounts of ours are followed here.
    pub follow_redirects: bool,
    /// Per cent, at most 50.
    pub expires_jitter: u8,
    /// Seconds; 0 tells phones nothing.
    pub flow_timer_s: u32,
    /// A header value (RFC 3608), empty for none.
    pub service_route: String,
    /// Who takes a call.
    pub calls: CallMode,
    /// Two browsers agree on keys between themselves.
    pub end_to_end: bool,
    /// Media goes from phone to phone where it can.
    pub direct_media: bool,
    /// Records of calls.
    pub call_records: Keep,
    /// 0: no limit.
    pub calls_per_account: u32,
    pub media_workers: usize,
    /// Of calls.
    pub media_ports: RangeInclusive<u16>,
    /// 0: never.
    pub media_silence_s: u32,
    /// Where STUN and TURN are spoken.
    pub turn: Vec<Listen>,
    pub turn_peers: Wanted,
    /// A WAV file, or Opus in Ogg; `None`: our own piece.
    pub music_on_hold: Option<PathBuf>,
    pub recording_format: recordings::Format,
    /// A WAV file, or Opus in Ogg; `None`: a tone.
    pub recording_announcement: Option<PathBuf>,
    /// Where the listeners are.
    pub tones: Region,
    /// Of the names of conferences; empty for none.
    pub conference_prefix: String,
    /// 0: no limit.
    pub messages_per_minute: u32,
    /// Which phones are woken.
    pub push: push::Wanted,
    pub webhooks: hooks::Wanted,
    /// Whether `listen`, `domain`, `http` or `web` were chosen by the operator (the demonstration then keeps them).
    pub chosen: Chosen,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    pub data: bool,
    pub domains: bool,
    pub listen: bool,
    pub http: bool,
    pub web: bool,
    pub turn: bool,
}

pub const DEFAULT_LISTEN: [&str; 2] = ["udp://0.0.0.0:5060", "tcp://0.0.0.0:5060"];
pub const DEFAULT_HTTP: &str = "127.0.0.1:8080";
pub const DEFAULT_WEB: &str = "127.0.0.1:8090";
pub const DEFAULT_DATA: &str = "coeur-data";
pub const DEFAULT_TRACE_MB: u32 = 32;
pub const DEFAULT_TRACE_DISK_MB: u32 = 1_024;
pub const DEFAULT_TRACE_DAYS: u32 = 30;
pub const DEFAULT_MESSAGES_PER_MINUTE: u32 = 30;
pub const DEFAULT_CALLS_PER_ACCOUNT: u32 = 32;
pub const DEFAULT_CALL_RECORDS_DAYS: u32 = 365;
/// 0.6 GB of disk.
pub const DEFAULT_CALL_RECORDS_MAX: u64 = 1_000_000;
pub const DEFAULT_EXPIRES_JITTER_PERCENT: u8 = 10;
/// Seconds: longer than the longest pause of a phone that suppresses silence and says so by comfort noise.
const DEFAULT_MEDIA_SILENCE_S: u32 = 60;
/// 5,000 pairs: 2,500 calls between phones that have RTCP on its own port.
pub const DEFAULT_MEDIA_PORTS: RangeInclusive<u16> = 20_000..=29_999;
pub const DEFAULT_CONFERENCE_PREFIX: &str = "conference-";
pub const SHARDS_MAX: usize = 64;

/// Takes each key from the first layer that has it. Reports every error, not the first.
pub fn resolve(layers: &[Layer]) -> Result<Settings, Vec<ConfigError>> {
    let mut reader = Reader { layers, errors: Vec::new() };
    let listen = reader.each(Key::Listen, |text| text.parse::<Listen>());
    let domains = reader.each(Key::Domain, domain);
    let is_listen_chosen = !listen.is_empty();
    let listen = if is_listen_chosen { listen } else { default_listen() };
    let turn: Vec<Listen> = reader.each(Key::Turn, turn::place).into_iter().flatten().collect();
    let calls = reader.one(Key::Calls, calls).unwrap_or(CallMode::B2bua);
    let said = Key::ALL.iter().filter_map(|key| Some((*key, reader.find(*key)?.1.clone()))).collect();
    let settings = Settings {
        said,
        chosen: Chosen {
            data: reader.given(Key::Data),
            domains: !domains.is_empty(),
            listen: is_listen_chosen,
            http: reader.given(Key::Http),
            web: reader.given(Key::Web),
            turn: reader.given(Key::Turn),
        },
        config: None,
        data: reader.one(Key::Data, |text| Ok(PathBuf::from(text))).unwrap_or_else(|| DEFAULT_DATA.into()),
        domains,
        turn: if reader.given(Key::Turn) { turn } else { turn::beside(&listen) },
        turn_peers: reader.turn_peers(calls == CallMode::Proxy),
        listen,
        advertise: reader.each(Key::Advertise, |text| text.parse::<Advertise>()),
        origins: reader.each(Key::Origin, |text| text.parse::<AllowedOrigin>()),
        embed_origins: EmbedOrigins(reader.each(Key::EmbedOrigins, |text| text.parse::<EmbedOrigin>())),
        certificate: reader.certificate(),
        http: reader.one(Key::Http, http).unwrap_or_else(|| DEFAULT_HTTP.parse().ok()),
        web: reader.one(Key::Web, http).unwrap_or_else(|| DEFAULT_WEB.parse().ok()),
        front: reader.front(),
        phones_url: reader.one(Key::PhonesUrl, phones::url),
        pnp: reader.one(Key::Pnp, phones::pnp).flatten(),
        shards: reader.one(Key::Shards, shards).unwrap_or_else(default_shards),
        log: reader.one(Key::Log, log).unwrap_or_else(|| "info".to_owned()),
        log_format: reader.one(Key::LogFormat, log_format).unwrap_or(LogFormat::Text),
        trace_mb: reader.one(Key::TraceMb, trace_mb).unwrap_or(DEFAULT_TRACE_MB),
        trace_disk_mb: reader.one(Key::TraceDiskMb, trace_disk_mb).unwrap_or(DEFAULT_TRACE_DISK_MB),
        trace_days: reader.one(Key::TraceDays, trace_days).unwrap_or(DEFAULT_TRACE_DAYS),
        hep: reader.collector(),
        relay_inside: reader.each(Key::RelayInside, |text| text.parse::<Network>()),
        follow_redirects: reader.one(Key::FollowRedirects, yes_or_no).unwrap_or(false),
        expires_jitter: reader
            .one(Key::ExpiresJitter, expires_jitter)
            .unwrap_or(DEFAULT_EXPIRES_JITTER_PERCENT),
        flow_timer_s: reader.one(Key::FlowTimer, flow_timer).unwrap_or(0),
        service_route: reader.one(Key::ServiceRoute, service_route).unwrap_or_default(),
        calls,
        end_to_end: reader.one(Key::EndToEnd, yes_or_no).unwrap_or(false),
        direct_media: reader.one(Key::DirectMedia, auto_or_no).unwrap_or(false),
        call_records: Keep {
            days: reader.one(Key::CallRecordsDays, call_records_days).unwrap_or(DEFAULT_CALL_RECORDS_DAYS),
            calls: reader.one(Key::CallRecordsMax, call_records_max).unwrap_or(DEFAULT_CALL_RECORDS_MAX),
        },
        calls_per_account: reader
            .one(Key::CallsPerAccount, calls_per_account)
            .unwrap_or(DEFAULT_CALLS_PER_ACCOUNT),
        media_workers: reader.one(Key::MediaWorkers, shards).unwrap_or_else(default_shards),
        media_ports: reader.one(Key::MediaPorts, media_ports).unwrap_or(DEFAULT_MEDIA_PORTS),
        media_silence_s: reader.one(Key::MediaSilence, media_silence).unwrap_or(DEFAULT_MEDIA_SILENCE_S),
        music_on_hold: reader.one(Key::MusicOnHold, music_on_hold),
        recording_format: reader.one(Key::RecordingFormat, recording_format).unwrap_or_default(),
        recording_announcement: reader.one(Key::RecordingAnnouncement, recording_announcement),
        tones: reader.one(Key::Tones, tones).unwrap_or_default(),
        conference_prefix: reader
            .one(Key::ConferencePrefix, conference_prefix)
            .unwrap_or_else(|| DEFAULT_CONFERENCE_PREFIX.to_owned()),
        messages_per_minute: reader
            .one(Key::MessagesPerMinute, messages_per_minute)
            .unwrap_or(DEFAULT_MESSAGES_PER_MINUTE),
        push: reader.push(),
        webhooks: reader.webhooks(),
    };
    reader.conflicts(&settings);
    if reader.errors.is_empty() { Ok(settings) } else { Err(reader.errors) }
}

impl Settings {
    /// Whether the listener of pages and API speaks HTTPS.
    pub fn is_web_encrypted(&self) -> bool {
        self.front.is_encrypted(self.web)
    }
}

struct Reader<'l> {
    layers: &'l [Layer],
    errors: Vec<ConfigError>,
}

impl Reader<'_> {
    fn find(&self, key: Key) -> Option<(&[String], &Source)> {
        self.layers.iter().find_map(|layer| layer.get(key))
    }

    fn given(&self, key: Key) -> bool {
        self.find(key).is_some()
    }

    fn one<T>(&mut self, key: Key, read: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let (values, source) = self.find(key)?;
        let result = match values {
            [value] => read(value),
            _ => Err("it takes one value".to_owned()),
        };
        let source = source.clone();
        result.map_err(|text| self.errors.push(wrong(key, source, text))).ok()
    }

    fn each<T>(&mut self, key: Key, read: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let Some((values, source)) = self.find(key) else { return Vec::new() };
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for value in values {
            match read(value) {
                Ok(value) => good.push(value),
                Err(text) => bad.push(wrong(key, source.clone(), text)),
            }
        }
        self.errors.extend(bad);
        good
    }

    fn turn_peers(&mut self, is_public: bool) -> Wanted {
        let said: Vec<String> = self.each(Key::TurnPeers, |text| Ok(text.to_owned()));
        match turn::peers(said, is_public) {
            Ok(wanted) => wanted,
            Err(text) => {
                let source = self.find(Key::TurnPeers).map_or(Source::Default, |(_, source)| source.clone());
                self.errors.push(wrong(Key::TurnPeers, source, text));
                Wanted::default()
            }
        }
    }

    fn collector(&mut self) -> Option<Collector> {
        // Each is read, so that what is wrong with it is told also where there is no collector.
        let id = self.one(Key::HepId, hep_id).unwrap_or_default();
        let password = self.one(Key::HepPassword, hep_password);
        let address = self.one(Key::Hep, collector).flatten()?;
        Some(Collector { address, id, password })
    }

    fn front(&mut self) -> front::Wanted {
        front::Wanted {
            encrypted: self.one(Key::Https, front::encrypted).unwrap_or_default(),
            plain: self.one(Key::WebPlain, http).flatten(),
            proxies: Proxies(self.each(Key::TrustedProxies, front::proxy)),
            acme: acme::Wanted {
                names: self.each(Key::AcmeName, front::public_name),
                directory: self
                    .one(Key::AcmeDirectory, front::directory)
                    .unwrap_or_else(|| acme::DEFAULT_DIRECTORY.to_owned()),
                contact: self.one(Key::AcmeContact, front::contact),
                challenge: self.one(Key::AcmeChallenge, front::challenge).unwrap_or_default(),
            },
            oidc: self.oidc(),
            authority: self.one(Key::OutsideAuthority, front::authority),
        }
    }

    fn oidc(&mut self) -> Option<oidc::Wanted> {
        let word = |text: &str| Ok(text.to_owned());
        // Each is read, so that what is wrong with it is told also where there is no such server.
        let client = self.one(Key::OidcClient, word);
        let secret_file = self.one(Key::OidcSecret, |text| Ok(PathBuf::from(text)));
        let label = self.one(Key::OidcLabel, word);
        let roles = self.each(Key::OidcRoles, oidc::role);
        let groups_claim = self.one(Key::OidcGroups, word).unwrap_or_else(|| "groups".to_owned());
        let makes_users = self.one(Key::OidcMakes, yes_or_no).unwrap_or(false);
        let issuer = self.one(Key::OidcIssuer, oidc::issuer)?;
        let Some(client) = client else {
            let source = self.find(Key::OidcIssuer).map_or(Source::Default, |(_, source)| source.clone());
            let text = "`oidc_issuer` is given without `oidc_client`".to_owned();
            self.errors.push(ConfigError { source, text });
            return None;
        };
        let label = label.unwrap_or_else(|| oidc::host(&issuer));
        Some(oidc::Wanted { issuer, client, secret_file, label, roles, groups_claim, makes_users })
    }

    fn push(&mut self) -> push::Wanted {
        push::Wanted {
            apns: self.one(Key::PushApns, push::apns),
            fcm: self.one(Key::PushFcm, push::fcm),
            web: self.one(Key::PushWeb, push::web).flatten(),
            wait_s: self.one(Key::PushWait, push::wait_s).unwrap_or(push::DEFAULT_WAIT_S),
            services: self.each(Key::PushServices, push::place),
            authority: self.one(Key::PushAuthority, push::authority),
            inside: self.each(Key::PushInside, |text| text.parse::<Network>()),
        }
    }

    fn webhooks(&mut self) -> hooks::Wanted {
        hooks::Wanted {
            authority: self.one(Key::WebhookAuthority, push::authority),
            inside: self.each(Key::WebhookInside, |text| text.parse::<Network>()),
        }
    }

    fn certificate(&mut self) -> Option<(PathBuf, PathBuf)> {
        let path = |text: &str| Ok(PathBuf::from(text));
        match (self.one(Key::Cert, path), self.one(Key::PrivateKey, path)) {
            (Some(cert), Some(key)) => self.readable(cert, key),
            (None, None) => None,
            (Some(_), None) => self.half(Key::Cert, Key::PrivateKey),
            (None, Some(_)) => self.half(Key::PrivateKey, Key::Cert),
        }
    }

    fn readable(&mut self, cert: PathBuf, key: PathBuf) -> Option<(PathBuf, PathBuf)> {
        if let Err(text) = crate::tls::check(&cert, &key) {
            let source = self.find(Key::Cert).map_or(Source::Default, |(_, source)| source.clone());
            self.errors.push(wrong(Key::Cert, source, text));
        }
        Some((cert, key))
    }

    /// Two places that cannot be had both; the sockets would say so later and less clearly. A default of ours that is in
    /// the way is none of the operator's errors: the demonstration moves it.
    fn conflicts(&mut self, settings: &Settings) {
        let streams = settings.listen.iter().filter(|listen| listen.scheme != Scheme::Udp);
        let mut taken: Vec<(SocketAddr, String)> = Vec::new();
        for listen in streams {
            self.conflict(Key::Listen, &taken, listen.address, &listen.to_string());
            taken.push((listen.address, listen.to_string()));
        }
        if settings.chosen.turn {
            let streams = settings.turn.iter().filter(|place| place.scheme != Scheme::Udp);
            for place in streams {
                let name = format!("turn {place}");
                self.conflict(Key::Turn, &taken, place.address, &name);
                taken.push((place.address, name));
            }
        }
        if let Some(http) = settings.http.filter(|_| settings.chosen.http) {
            self.conflict(Key::Http, &taken, http, &format!("http {http}"));
            taken.push((http, format!("http {http}")));
        }
        if let Some(web) = settings.web.filter(|_| settings.chosen.web) {
            self.conflict(Key::Web, &taken, web, &format!("web {web}"));
            taken.push((web, format!("web {web}")));
        }
        if let Some(plain) = settings.front.plain {
            self.conflict(Key::WebPlain, &taken, plain, &format!("web_plain {plain}"));
        }
    }

    fn conflict(&mut self, key: Key, taken: &[(SocketAddr, String)], address: SocketAddr, name: &str) {
        let Some((_, other)) = taken.iter().find(|(other, _)| overlap(*other, address)) else { return };
        let source = self.find(key).map_or(Source::Default, |(_, source)| source.clone());
        self.errors
            .push(ConfigError { source, text: format!("{name} and {other} are the same address and port") });
    }

    fn half(&mut self, given: Key, missing: Key) -> Option<(PathBuf, PathBuf)> {
        let source = self.find(given).map_or(Source::Default, |(_, source)| source.clone());
        let text = format!(
            "`{}` is given without `{}`; give both, or none for a local one",
            given.name(),
            missing.name()
        );
        self.errors.push(ConfigError { source, text });
        None
    }
}

/// A wildcard overlaps with every address of its family; port 0 is another one each time.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let same_host = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && a.is_ipv4() == b.is_ipv4() && same_host
}

/// Domains are compared in lower case (RFC 3261 section 19.1.4).
pub fn domain(text: &str) -> Result<String, String> {
    if is_host(text) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(format!("`{text}` is no domain; write a host name such as example.org, or an address"))
    }
}

fn default_listen() -> Vec<Listen> {
    DEFAULT_LISTEN.iter().filter_map(|text| text.parse().ok()).collect()
}

pub fn default_shards() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(SHARDS_MAX)
}

fn http(text: &str) -> Result<Option<SocketAddr>, String> {
    match text {
        "off" => Ok(None),
        _ => text
            .parse()
            .map(Some)
            .map_err(|_| format!("`{text}` is no address with port (127.0.0.1:8080), nor `off`")),
    }
}

fn shards(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|n| (1..=SHARDS_MAX).contains(n))
        .ok_or_else(|| format!("`{text}` is not between 1 and 64"))
}

fn log(text: &str) -> Result<String, String> {
    crate::observe::logs::check(text).map(|()| text.to_owned())
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("`{text}` is neither text nor json")),
    }
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(format!("`{text}` is neither yes nor no")),
    }
}

fn auto_or_no(text: &str) -> Result<bool, String> {
    match text {
        "auto" => Ok(true),
        "no" => Ok(false),
        _ => Err(format!("`{text}` is neither auto nor no")),
    }
}

fn expires_jitter(text: &str) -> Result<u8, String> {
    text.parse().ok().filter(|n| *n <= 50).ok_or_else(|| format!("`{text}` is not between 0 and 50 per cent"))
}

fn flow_timer(text: &str) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|n| *n == 0 || (30..=3_600).contains(n))
        .ok_or_else(|| format!("`{text}` is neither 0 nor between 30 and 3600 seconds"))
}

/// RFC 3608 section 5: each value is a bracketed SIP URI, and a loose router, since phones copy it into Route.
fn service_route(text: &str) -> Result<String, String> {
    let defect = |value: &str| format!("`{value}` is no route: write <sip:HOST;lr>");
    for value in text.split(',').map(str::trim) {
        let address = NameAddr::parse(value.as_bytes()).map_err(|_| defect(value))?;
        match address.parse_uri() {
            Ok(Uri::Sip(uri)) if address.bracketed && uri.is_loose_router() => {}
            Ok(_) | Err(_) => return Err(defect(value)),
        }
    }
    Ok(text.to_owned())
}

/// What is wrong with a value. The line of a file does not show its key, where several say the same; a flag and a variable do.
fn wrong(key: Key, source: Source, text: String) -> ConfigError {
    let text = match source {
        Source::File { .. } | Source::Default => format!("{}: {text}", key.name()),
        Source::CommandLine(_) | Source::Environment(_) => text,
    };
    ConfigError { source, text }
}

fn calls(text: &str) -> Result<CallMode, String> {
    match text {
        "proxy" => Ok(CallMode::Proxy),
        "b2bua" => Ok(CallMode::B2bua),
        _ => Err(format!("`{text}` is neither proxy nor b2bua")),
    }
}

fn call_records_days(text: &str) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|n| *n <= 36_500)
        .ok_or_else(|| format!("`{text}` is not between 0 and 36500 days"))
}

fn call_records_max(text: &str) -> Result<u64, String> {
    text.parse()
        .ok()
        .filter(|n| *n <= 1_000_000_000)
        .ok_or_else(|| format!("`{text}` is not between 0 and 1000000000 records"))
}

fn calls_per_account(text: &str) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|n| *n <= 100_000)
        .ok_or_else(|| format!("`{text}` is not between 0 and 100000 calls"))
}

/// With an even port and the odd one after it at least; none that needs a privilege.
fn media_ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let range = text.split_once('-').and_then(|(first, last)| {
        let (first, last): (u16, u16) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        (first >= 1_024 && first.checked_next_multiple_of(2)? < last).then_some(first..=last)
    });
    range.ok_or_else(|| format!("`{text}` is no range of ports; write 20000-29999"))
}

/// Shorter than a pause for breath would end calls that are well.
fn media_silence(text: &str) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|s| *s == 0 || (10..=3_600).contains(s))
        .ok_or_else(|| format!("`{text}` is not 0 or between 10 and 3600 seconds"))
}

/// Read once to be sure of it, as it is read at the start.
fn music_on_hold(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    crate::media::Sounds::read(&path, Region::default()).map(|_| path)
}

fn recording_format(text: &str) -> Result<recordings::Format, String> {
    match text {
        "wav" => Ok(recordings::Format::Wav),
        "ogg" => Ok(recordings::Format::Ogg),
        _ => Err(format!("`{text}` is neither wav nor ogg")),
    }
}

/// Read once to be sure of it, as it is read at the start.
fn recording_announcement(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    crate::media::Sounds::own(Region::default()).announcing(&path).map(|_| path)
}

fn tones(text: &str) -> Result<Region, String> {
    let is_country = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    // As it is shown where no country is named.
    match is_country || text == Region::default().as_str() {
        true => Ok(Region::from_country(text)),
        false => Err(format!("`{text}` is no country of two letters, such as FR")),
    }
}

/// At most what an account's name may have.
fn conference_prefix(text: &str) -> Result<String, String> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.*#+".contains(&byte);
    match text {
        "off" => Ok(String::new()),
        _ if (1..=32).contains(&text.len()) && text.bytes().all(is_name) => Ok(text.to_owned()),
        _ => Err(format!("`{text}` is neither `off` nor the beginning of a name, such as conference-")),
    }
}

fn messages_per_minute(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("`{text}` is no number of messages"))
}

fn trace_mb(text: &str) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|n| *n <= 1024)
        .ok_or_else(|| format!("`{text}` is not between 0 and 1024 megabytes"))
}

fn trace_disk_mb(text: &str) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|n| *n <= 1 << 20)
        .ok_or_else(|| format!("`{text}` is not between 0 and 1048576 megabytes"))
}

fn trace_days(text: &str) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|n| (1..=3_650).contains(n))
        .ok_or_else(|| format!("`{text}` is not between 1 and 3650 days"))
}

fn collector(text: &str) -> Result<Option<SocketAddr>, String> {
    if text == "off" {
        return Ok(None);
    }
    let address = text.strip_prefix("udp://").and_then(|address| address.parse().ok());
    address.map(Some).ok_or_else(|| format!("`{text}` is neither `off` nor udp://ADDRESS:PORT"))
}

fn hep_id(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}

fn hep_password(text: &str) -> Result<Password, String> {
    match text.len() {
        1..=255 => Ok(Password(text.into())),
        _ => Err("it has 1 to 255 bytes".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{environment, file};

    fn environment(pairs: &[(&str, &str)]) -> Layer {
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        let (layer, errors) = environment::layer(&pairs);
        assert_eq!(errors, []);
        layer
    }

    #[test]
    fn calls_are_ours_unless_it_is_said_otherwise() {
        let settings = resolve(&[]).unwrap();
        assert_eq!(
            (settings.calls, settings.calls_per_account),
            (CallMode::B2bua, DEFAULT_CALLS_PER_ACCOUNT)
        );
        let good = "calls = \"proxy\"\ncalls_per_account = 4\n";
        let settings = resolve(&[file::parse("f", good).0]).unwrap();
        assert_eq!((settings.calls, settings.calls_per_account), (CallMode::Proxy, 4));
        for bad in ["calls = \"both\"", "calls_per_account = 100001"] {
            assert_eq!(resolve(&[file::parse("f", bad).0]).unwrap_err().len(), 1, "{bad}");
        }
    }

    #[test]
    fn keys_at_push_services_are_read_before_the_start() {
        let settings = resolve(&[]).unwrap();
        assert_eq!(settings.push, push::Wanted { wait_s: 20, ..push::Wanted::default() });
        let good = "push_web = \"mailto:a@example.org\"\npush_wait_s = 5\npush_inside = [\"10.0.0.0/8\"]\n\
                    push_services = [\"apns=https://a.test/\", \"fcm=https://f.test:8443\"]\n";
        let push = resolve(&[file::parse("f", good).0]).unwrap().push;
        assert_eq!(
            (push.web.as_deref(), push.wait_s, push.inside.len()),
            (Some("mailto:a@example.org"), 5, 1)
        );
        assert_eq!(
            (&*push.services[0].url, &*push.services[1].url),
            ("https://a.test", "https://f.test:8443")
        );
        assert_eq!(resolve(&[file::parse("f", "push_web = \"off\"").0]).unwrap().push.web, None);
        for bad in [
            "push_apns = \"ABCDE12345:KEY:/nowhere\"",
            "push_apns = \"/etc/AuthKey.p8\"",
            "push_fcm = \"/nowhere\"",
            "push_web = \"a@example.org\"",
            "push_wait_s = 31",
            "push_services = [\"fcm=http://f.test\"]",
            "push_authority = \"/nowhere\"",
            "push_inside = [\"lan\"]",
            "webhook_authority = \"/nowhere\"",
            "webhook_inside = [\"lan\"]",
            "embed_origins = [\"https://*.example.org\"]",
        ] {
            assert_eq!(resolve(&[file::parse("f", bad).0]).unwrap_err().len(), 1, "{bad}");
        }
    }

    #[test]
    fn no_page_of_others_holds_the_phone_unless_it_is_listed() {
        assert!(resolve(&[]).unwrap().embed_origins.0.is_empty());
        let text = "embed_origins = [\"https://CRM.example.org:443\", \"http://localhost:3000\"]";
        let listed = resolve(&[file::parse("f", text).0]).unwrap().embed_origins;
        let listed: Vec<&str> = listed.0.iter().map(EmbedOrigin::as_str).collect();
        assert_eq!(listed, ["https://crm.example.org", "http://localhost:3000"]);
        let bad = resolve(&[file::parse("f", "embed_origins = [\"http://crm.example.org\"]").0]).unwrap_err();
        assert!(bad[0].to_string().contains("write https://crm.example.org"), "{}", bad[0]);
    }

    #[test]
    fn what_phones_are_told_is_checked() {
        let good = "follow_redirects = \"yes\"\nexpires_jitter_percent = 0\nflow_timer_s = 120\n\
                    service_route = \"<sip:edge.example.org;lr>, <sips:two.example.org;lr>\"\n";
        let settings = resolve(&[file::parse("f", good).0]).unwrap();
        assert_eq!(
            (settings.follow_redirects, settings.expires_jitter, settings.flow_timer_s),
            (true, 0, 120)
        );
        assert!(settings.service_route.starts_with("<sip:edge.example.org;lr>"));
        for bad in [
            "follow_redirects = \"maybe\"",
            "expires_jitter_percent = 51",
            "flow_timer_s = 29",
            "service_route = \"sip:edge.example.org;lr\"",
            "service_route = \"<sip:edge.example.org>\"",
            "service_route = \"<tel:112>\"",
            "service_route = \"<sip:edge.example.org;lr>\\r\\nX: y\"",
        ] {
            assert_eq!(resolve(&[file::parse("f", bad).0]).unwrap_err().len(), 1, "{bad}");
        }
    }

    #[test]
    fn silence_that_ends_a_call_is_longer_than_a_pause_for_breath_or_never() {
        let silence = |text: &str| resolve(&[environment(&[("COEUR_MEDIA_SILENCE_S", text)])]);
        assert_eq!(resolve(&[]).unwrap().media_silence_s, 60);
        for (text, seconds) in [("0", 0), ("10", 10), ("3600", 3_600)] {
            assert_eq!(silence(text).unwrap().media_silence_s, seconds);
        }
        for bad in ["9", "3601", "-1", "never"] {
            assert_eq!(silence(bad).unwrap_err().len(), 1, "{bad}");
        }
    }

    #[test]
    fn a_range_of_ports_has_room_for_a_pair() {
        let ports = |text: &str| resolve(&[environment(&[("COEUR_MEDIA_PORTS", text)])]);
        assert_eq!(ports("30000-30999").unwrap().media_ports, 30_000..=30_999);
        assert_eq!(ports("1024 - 1025").unwrap().media_ports, 1_024..=1_025);
        for bad in
            ["30000", "30001-30002", "30000-30000", "30000-29999", "80-90", "0-65536", "65535-65535", "-"]
        {
            assert_eq!(ports(bad).unwrap_err().len(), 1, "{bad}");
        }
    }

    #[test]
    fn the_command_line_wins_over_environment_over_file_over_default() {
        let file = file::parse("f", "data = \"file\"\nshards = 3\nlog = \"warn\"\n").0;
        let env = environment(&[("COEUR_DATA", "env"), ("COEUR_SHARDS", "2")]);
        let mut cli = Layer::default();
        cli.flag(Key::Data, ["cli".to_owned()]);
        let settings = resolve(&[cli, env, file]).unwrap();
        assert_eq!(settings.data, PathBuf::from("cli"));
        assert_eq!(settings.shards, 2);
        assert_eq!(settings.log, "warn");
        assert_eq!(settings.trace_mb, DEFAULT_TRACE_MB);
        assert_eq!(settings.listen.len(), 2);
    }

    #[test]
    fn a_list_in_the_environment_is_split() {
        let settings =
            resolve(&[environment(&[("COEUR_LISTEN", "udp://0.0.0.0:1, tcp://0.0.0.0:2")])]).unwrap();
        assert_eq!(settings.listen.len(), 2);
        assert!(settings.chosen.listen);
    }

    #[test]
    fn inside_networks_are_listed_and_what_is_none_is_told() {
        let listed = resolve(&[environment(&[("COEUR_RELAY_INSIDE", "10.1.0.0/16 fd00::1")])]).unwrap();
        let texts: Vec<String> = listed.relay_inside.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["10.1.0.0/16", "fd00::1/128"]);
        let errors = resolve(&[environment(&[("COEUR_RELAY_INSIDE", "lan")])]).unwrap_err();
        assert!(errors[0].text.contains("`lan` is no network"), "{}", errors[0].text);
    }

    #[test]
    fn every_error_is_reported_with_its_source() {
        let env = environment(&[
            ("COEUR_SHARDS", "900"),
            ("COEUR_HTTP", "x"),
            ("COEUR_CERT", "/c.pem"),
            ("COEUR_LOG", "verbose"),
        ]);
        let errors = resolve(&[env]).unwrap_err();
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 4, "{texts:?}");
        assert!(
            texts.iter().any(|t| t.starts_with("environment COEUR_CERT: `cert` is given without `key`")),
            "{texts:?}"
        );
    }

    #[test]
    fn an_unknown_key_of_the_file_hides_no_other_error() {
        let path = std::env::temp_dir().join(format!("coeur-settings-{}.toml", std::process::id()));
        std::fs::write(&path, "shrads = 2\nlog_format = \"xml\"\ntrace_mb = 9000\n").unwrap();
        let mut layer = Layer::default();
        layer.flag(Key::Config, [path.display().to_string()]);
        let errors = crate::config::load(layer, &[]).unwrap_err();
        std::fs::remove_file(&path).unwrap();
        let texts: Vec<&str> = errors.iter().map(|error| error.text.as_str()).collect();
        assert_eq!(texts.len(), 3, "{texts:?}");
        assert!(texts[0].contains("did you mean `shards`?"), "{texts:?}");
        assert!(texts.iter().any(|text| text.starts_with("log_format: ")), "{texts:?}");
        assert!(texts.iter().any(|text| text.starts_with("trace_mb: ")), "{texts:?}");
    }

    #[test]
    fn a_place_that_is_named_twice_is_an_error() {
        let errors = |listen: &str, http: &str| {
            let env = environment(&[("COEUR_LISTEN", listen), ("COEUR_HTTP", http)]);
            resolve(&[env]).err().unwrap_or_default().into_iter().map(|error| error.text).collect::<Vec<_>>()
        };
        assert_eq!(
            errors("tcp://127.0.0.1:5060", "127.0.0.1:5060"),
            ["http 127.0.0.1:5060 and tcp://127.0.0.1:5060 are the same address and port"]
        );
        assert_eq!(errors("ws://0.0.0.0:8080 tcp://127.0.0.1:8080", "off").len(), 1);
        for listen in [
            "udp://0.0.0.0:5060 tcp://0.0.0.0:5060",
            "tcp://0.0.0.0:0 ws://0.0.0.0:0",
            "tcp://[::]:9 ws://0.0.0.0:9",
        ] {
            assert_eq!(errors(listen, "off"), Vec::<String>::new(), "{listen}");
        }
    }

    #[test]
    fn files_that_hold_no_certificate_are_an_error() {
        let path = std::env::temp_dir().join(format!("coeur-no-pem-{}", std::process::id()));
        std::fs::write(&path, "no pem").unwrap();
        let text = path.display().to_string();
        let errors = resolve(&[environment(&[("COEUR_CERT", &text), ("COEUR_KEY", &text)])]).unwrap_err();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(errors.len(), 1);
        assert!(errors[0].text.contains("there is no certificate"), "{}", errors[0].text);
    }

    #[test]
    fn conferences_have_a_prefix_or_are_switched_off() {
        let with = |text: &str| resolve(&[environment(&[("COEUR_CONFERENCE_PREFIX", text)])]);
        assert_eq!(resolve(&[]).unwrap().conference_prefix, "conference-");
        assert_eq!(with("*8").unwrap().conference_prefix, "*8");
        assert_eq!(with("off").unwrap().conference_prefix, "");
        assert!(with("a@b").unwrap_err()[0].text.contains("neither `off` nor"));
    }

    #[test]
    fn music_that_cannot_be_played_is_an_error_that_says_why() {
        let path = std::env::temp_dir().join(format!("coeur-{}-music.wav", std::process::id()));
        let mut wav = coeur_media::record::wav::header(16_000, 1, Some(640)).to_vec();
        wav.resize(wav.len() + 640, 1);
        let with = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let mut layer = Layer::default();
            layer.flag(Key::MusicOnHold, [path.display().to_string()]);
            layer.flag(Key::Tones, ["fr".to_owned()]);
            resolve(&[layer])
        };
        let settings = with(&wav).unwrap();
        assert_eq!((settings.music_on_hold.as_ref(), settings.tones), (Some(&path), Region::France));
        wav[24..28].copy_from_slice(&44_100u32.to_le_bytes());
        let errors = with(&wav).unwrap_err();
        assert!(errors[0].text.ends_with("music.wav: the rate is not 8, 16 or 48 kHz"), "{}", errors[0].text);
        let errors = with(b"no music at all").unwrap_err();
        assert!(errors[0].text.contains("no WAV file"), "{}", errors[0].text);
        let mut ogg = Vec::new();
        let mut writer = coeur_media::record::ogg::OggOpus::new(7, 1, 0, 48_000, &mut ogg);
        writer.packet(&[0xf8, 0xff, 0xfe], 960, &mut ogg);
        writer.finish(0, &mut ogg);
        assert!(with(&ogg).is_ok());
        let errors = with(&ogg[..ogg.len() - 1]).unwrap_err();
        assert!(errors[0].text.ends_with("music.wav: the file ends before its sound does: it was cut"));
        std::fs::remove_file(&path).unwrap();
        let mut layer = Layer::default();
        layer.flag(Key::MusicOnHold, ["/nowhere/music.wav".to_owned()]);
        layer.flag(Key::Tones, ["France".to_owned()]);
        assert_eq!(resolve(&[layer]).unwrap_err().len(), 2);
    }

    #[test]
    fn an_unknown_variable_is_an_error_with_a_suggestion() {
        let (_, errors) =
            environment::layer(&[("COEUR_LISTN".into(), "x".into()), ("COEUR_LANG".into(), "fr".into())]);
        assert_eq!(errors.len(), 1);
        assert!(errors[0].text.contains("COEUR_LISTEN"));
    }
}
