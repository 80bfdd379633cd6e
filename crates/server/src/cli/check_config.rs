//! `coeur check-config`: everything that is wrong with the settings, and nothing started.

use super::door::Way;
use super::exit::{Exit, Failure};
use super::grammar::{CheckConfig, Place};
use super::terminal::print;
use super::words::Word;
use crate::config::{self, ConfigError, Key, LogFormat, Settings};
use crate::recordings::Format;
use coeur_api::{Reply, Request, SettingView, Status};
use coeur_exchange::world::CallMode;

pub fn run(arguments: CheckConfig) -> Result<(), Failure> {
    let mut layer = arguments.settings.layer();
    let settings = settings(&mut layer)?;
    super::door::fits(&settings.data)?;
    let values = values(&settings);
    let server = running(&settings);
    if arguments.json {
        let mut map: serde_json::Map<String, serde_json::Value> =
            values.into_iter().map(|(key, value)| (key.name().to_owned(), value)).collect();
        map.insert("config".to_owned(), serde_json::json!(settings.config.as_deref().map(whole)));
        map.insert("server".to_owned(), serde_json::json!(server.as_ref().map(|server| serde_json::json!({ "version": server.status.version, "set_by": set_by(&server.settings) }))));
        print(&format!("{:#}\n", serde_json::Value::Object(map)));
    } else {
        print(&format!("{}\n\n", looked(&settings, server.as_ref())));
        let rows: Vec<Vec<String>> = values
            .iter()
            .map(|(key, value)| vec![key.name().to_owned(), plain(value), key.doc().to_owned()])
            .collect();
        print(&super::table::table(&["key", "value", "meaning"], &rows));
    }
    Ok(())
}

/// A server that runs on the data directory, and what it was started with.
pub struct Runs {
    pub status: Status,
    pub settings: Vec<SettingView>,
}

pub fn running(settings: &Settings) -> Option<Runs> {
    let place = Place { data: Some(settings.data.clone()), json: false };
    let way = Way::open_server(&place).ok()?;
    let status = way.status().ok()?;
    // One of an older version does not tell.
    let told = way.ask(Request::Settings).ok();
    let settings = told.and_then(|reply| if let Reply::Settings(all) = reply { Some(all) } else { None });
    Some(Runs { status, settings: settings.unwrap_or_default() })
}

/// Flags, variables and files that have said something.
fn set_by(settings: &[SettingView]) -> Vec<String> {
    let default = config::Source::Default.to_string();
    let without_line = |origin: &str| match origin.rsplit_once(':') {
        Some((file, line)) if line.parse::<usize>().is_ok() => file.to_owned(),
        _ => origin.to_owned(),
    };
    let said = settings.iter().map(|one| &one.origin).filter(|origin| **origin != default);
    let mut all: Vec<String> = said.map(|origin| without_line(origin)).collect();
    all.sort();
    all.dedup();
    all
}

/// Which file, folder and server were looked at.
pub fn looked(settings: &Settings, server: Option<&Runs>) -> String {
    let file = settings.config.as_deref().map_or_else(|| Word::LookedNoFile.say().to_owned(), whole);
    let looked = Word::Looked.with(&[&file, &whole(&settings.data)]);
    let Some(server) = server else { return format!("{looked}; {}", Word::DoctorNoServer.say()) };
    let by = set_by(&server.settings);
    let by = if by.is_empty() { Word::LookedNothing.say().to_owned() } else { by.join(" ") };
    format!("{looked}; {}", Word::LookedServer.with(&[&server.status.version, &by]))
}

/// Loads, and turns every error into one failure of several lines.
pub fn settings(layer: &mut config::Layer) -> Result<Settings, Failure> {
    let variables: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    config::load(std::mem::take(layer), &variables).map_err(|errors| refuse(&errors))
}

fn refuse(errors: &[ConfigError]) -> Failure {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    Failure::new(Exit::Usage, lines.join("\ncoeur: "))
}

/// What a server tells of its settings, to be read as settings are; what is hidden is not there.
pub fn told(settings: &[SettingView]) -> config::Layer {
    use serde_json::Value;
    let mut layer = config::Layer::default();
    for key in Key::ALL.iter().filter(|key| **key != Key::Config) {
        let words = match settings.iter().find(|one| one.key == key.name()).map(|one| &one.value) {
            Some(Value::Array(all)) => all.iter().map(plain).collect(),
            Some(Value::Null) | None => Vec::new(),
            Some(one) => vec![plain(one)],
        };
        if !words.is_empty() && words != ["***"] {
            layer.set(*key, words, config::Source::Default);
        }
    }
    layer
}

/// From wherever it is read.
fn whole(path: &std::path::Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

/// Every key with its value, as it is shown to people.
#[cfg(test)]
pub(super) fn shown(settings: &Settings) -> Vec<(Key, String)> {
    values(settings).into_iter().map(|(key, value)| (key, plain(&value))).collect()
}

pub(crate) fn values(settings: &Settings) -> Vec<(Key, serde_json::Value)> {
    use serde_json::{Value, json};
    let path = |path: &std::path::Path| Value::from(path.display().to_string());
    let list = |texts: Vec<String>| Value::from(texts);
    let certificate = settings.certificate.as_ref();
    let hep = settings.hep.as_ref();
    let oidc = settings.front.oidc.as_ref();
    let text = |text: Option<&str>| text.map_or(Value::Null, Value::from);
    vec![
        (Key::Data, path(&settings.data)),
        (Key::Domain, list(settings.domains.clone())),
        (Key::Listen, list(settings.listen.iter().map(ToString::to_string).collect())),
        (Key::Advertise, list(settings.advertise.iter().map(|advertise| advertise.host.clone()).collect())),
        (Key::Origin, list(settings.origins.iter().map(ToString::to_string).collect())),
        (Key::EmbedOrigins, list(settings.embed_origins.0.iter().map(ToString::to_string).collect())),
        (Key::Cert, certificate.map_or(Value::Null, |(cert, _)| path(cert))),
        (Key::PrivateKey, certificate.map_or(Value::Null, |(_, key)| path(key))),
        (Key::Http, settings.http.map_or(json!("off"), |http| Value::from(http.to_string()))),
        (Key::Web, settings.web.map_or(json!("off"), |web| Value::from(web.to_string()))),
        (Key::Https, json!(settings.front.encrypted.as_str())),
        (Key::WebPlain, settings.front.plain.map_or(json!("off"), |plain| Value::from(plain.to_string()))),
        (Key::TrustedProxies, list(settings.front.proxies.0.iter().map(ToString::to_string).collect())),
        (Key::AcmeName, list(settings.front.acme.names.clone())),
        (Key::AcmeDirectory, Value::from(settings.front.acme.directory.as_str())),
        (Key::AcmeContact, settings.front.acme.contact.as_deref().map_or(Value::Null, Value::from)),
        (Key::AcmeChallenge, json!(settings.front.acme.challenge.as_str())),
        (Key::OutsideAuthority, settings.front.authority.as_deref().map_or(Value::Null, path)),
        (Key::OidcIssuer, text(oidc.map(|oidc| oidc.issuer.as_str()))),
        (Key::OidcClient, text(oidc.map(|oidc| oidc.client.as_str()))),
        (Key::OidcSecret, oidc.and_then(|oidc| oidc.secret_file.as_deref()).map_or(Value::Null, path)),
        (Key::OidcLabel, text(oidc.map(|oidc| oidc.label.as_str()))),
        (Key::OidcRoles, list(oidc.map(|oidc| oidc.roles_as_written()).unwrap_or_default())),
        (Key::OidcGroups, text(oidc.map(|oidc| oidc.groups_claim.as_str()))),
        (Key::OidcMakes, json!(if oidc.is_some_and(|oidc| oidc.makes_users) { "yes" } else { "no" })),
        (Key::PhonesUrl, settings.phones_url.as_deref().map_or(Value::Null, Value::from)),
        (Key::Pnp, settings.pnp.map_or(json!("off"), |pnp| Value::from(pnp.to_string()))),
        (Key::Shards, json!(settings.shards)),
        (Key::Log, json!(settings.log)),
        (Key::LogFormat, json!(if settings.log_format == LogFormat::Json { "json" } else { "text" })),
        (Key::TraceMb, json!(settings.trace_mb)),
        (Key::TraceDiskMb, json!(settings.trace_disk_mb)),
        (Key::TraceDays, json!(settings.trace_days)),
        (Key::Hep, hep.map_or(json!("off"), |hep| Value::from(format!("udp://{}", hep.address)))),
        (Key::HepId, json!(hep.map_or(0, |hep| hep.id))),
        // Nobody needs to read it here.
        (
            Key::HepPassword,
            if hep.is_some_and(|hep| hep.password.is_some()) { json!("***") } else { Value::Null },
        ),
        (Key::RelayInside, list(settings.relay_inside.iter().map(ToString::to_string).collect())),
        (Key::FollowRedirects, json!(if settings.follow_redirects { "yes" } else { "no" })),
        (Key::ExpiresJitter, json!(settings.expires_jitter)),
        (Key::FlowTimer, json!(settings.flow_timer_s)),
        (
            Key::ServiceRoute,
            if settings.service_route.is_empty() { Value::Null } else { json!(settings.service_route) },
        ),
        (Key::Calls, json!(if settings.calls == CallMode::B2bua { "b2bua" } else { "proxy" })),
        (Key::EndToEnd, json!(if settings.end_to_end { "yes" } else { "no" })),
        (Key::DirectMedia, json!(if settings.direct_media { "auto" } else { "no" })),
        (Key::CallRecordsDays, json!(settings.call_records.days)),
        (Key::CallRecordsMax, json!(settings.call_records.calls)),
        (Key::CallsPerAccount, json!(settings.calls_per_account)),
        (Key::MediaWorkers, json!(settings.media_workers)),
        (Key::MediaPorts, json!(format!("{}-{}", settings.media_ports.start(), settings.media_ports.end()))),
        (Key::MediaSilence, json!(settings.media_silence_s)),
        (Key::Turn, turn_places(settings)),
        (Key::TurnPeers, turn_peers(settings)),
        (Key::MusicOnHold, settings.music_on_hold.as_deref().map_or(Value::Null, path)),
        (Key::RecordingFormat, json!(if settings.recording_format == Format::Wav { "wav" } else { "ogg" })),
        (Key::RecordingAnnouncement, settings.recording_announcement.as_deref().map_or(Value::Null, path)),
        (Key::Tones, json!(settings.tones.as_str())),
        (
            Key::ConferencePrefix,
            json!(if settings.conference_prefix.is_empty() { "off" } else { &settings.conference_prefix }),
        ),
        (Key::PushApns, push_apns(settings)),
        (Key::PushFcm, settings.push.fcm.as_deref().map_or(Value::Null, path)),
        (Key::PushWeb, json!(settings.push.web.as_deref().unwrap_or("off"))),
        (Key::PushWait, json!(settings.push.wait_s)),
        (Key::PushServices, list(settings.push.services.iter().map(ToString::to_string).collect())),
        (Key::PushAuthority, settings.push.authority.as_deref().map_or(Value::Null, path)),
        (Key::PushInside, list(settings.push.inside.iter().map(ToString::to_string).collect())),
        (Key::WebhookAuthority, settings.webhooks.authority.as_deref().map_or(Value::Null, path)),
        (Key::WebhookInside, list(settings.webhooks.inside.iter().map(ToString::to_string).collect())),
        (Key::MessagesPerMinute, json!(settings.messages_per_minute)),
    ]
}

fn push_apns(settings: &Settings) -> serde_json::Value {
    settings.push.apns.as_ref().map_or(serde_json::Value::Null, |apns| apns.to_string().into())
}

fn turn_places(settings: &Settings) -> serde_json::Value {
    match settings.turn.as_slice() {
        [] => "off".into(),
        places => places.iter().map(ToString::to_string).collect::<Vec<_>>().into(),
    }
}

fn turn_peers(settings: &Settings) -> serde_json::Value {
    let wanted = &settings.turn_peers;
    let who = if wanted.is_public { "public" } else { "calls" };
    let listed = wanted.listed.iter().map(ToString::to_string);
    std::iter::once(who.to_owned()).chain(listed).collect::<Vec<_>>().into()
}

fn plain(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => "-".to_owned(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(" "),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_shown_with_its_value() {
        let settings = config::load(config::Layer::default(), &[]).unwrap();
        let shown: Vec<Key> = values(&settings).into_iter().map(|(key, _)| key).collect();
        let all: Vec<Key> = Key::ALL.iter().copied().filter(|key| *key != Key::Config).collect();
        assert_eq!(shown, all);
    }

    #[test]
    fn what_a_server_tells_of_its_settings_are_its_settings() {
        let mut layer = config::Layer::default();
        for (key, words) in [
            (Key::Data, &["/var/lib/coeur"][..]),
            (Key::Domain, &["a.test", "b.test"]),
            (Key::Listen, &["udp://192.0.2.1:5060", "tls://192.0.2.1:5061"]),
            (Key::Advertise, &["sip.example.org"]),
            (Key::Web, &["0.0.0.0:443"]),
            (Key::WebPlain, &["0.0.0.0:80"]),
            (Key::TrustedProxies, &["10.0.0.0/8"]),
            (Key::AcmeName, &["sip.example.org", "phone.example.org"]),
            (Key::AcmeChallenge, &["tls"]),
            (Key::OidcIssuer, &["https://id.example.org"]),
            (Key::OidcClient, &["coeur"]),
            (Key::OidcRoles, &["staff=user"]),
            (Key::Hep, &["udp://192.0.2.9:9060"]),
            (Key::Turn, &["off"]),
            (Key::MediaPorts, &["20000-29999"]),
            (Key::ConferencePrefix, &["off"]),
            (Key::PushWeb, &["mailto:admin@example.org"]),
            (Key::CallsPerAccount, &["7"]),
        ] {
            layer.flag(key, words.iter().map(|word| (*word).to_owned()));
        }
        let settings = config::load(layer, &[]).unwrap();
        let told = config::of_server(config::Layer::default(), told(&crate::house::set::shown(&settings)));
        let told = told.unwrap_or_else(|errors| panic!("{errors:?}"));
        assert_eq!(shown(&told), shown(&settings));
        // So are those that nobody has chosen.
        let settings = config::load(config::Layer::default(), &[]).unwrap();
        let told =
            config::of_server(config::Layer::default(), super::told(&crate::house::set::shown(&settings)))
                .unwrap();
        assert_eq!(shown(&told), shown(&settings));
    }
}
