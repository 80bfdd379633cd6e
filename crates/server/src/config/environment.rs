//! The `COEUR_*` variables as a layer. Lists are separated by commas or white space.

use super::suggest::nearest;
use super::{ConfigError, Key, Layer, Source};

/// Variables that begin with `COEUR_` and are no settings of the server.
const OTHERS: &[&str] = &["COEUR_LANG"];

pub fn layer(variables: &[(String, String)]) -> (Layer, Vec<ConfigError>) {
    let mut layer = Layer::default();
    let mut errors = Vec::new();
    for (name, value) in variables {
        if !name.starts_with("COEUR_") || OTHERS.contains(&name.as_str()) {
            continue;
        }
        let source = Source::Environment(name.clone());
        match Key::ALL.iter().copied().find(|key| key.environment() == name) {
            Some(_) if value.trim().is_empty() => {}
            Some(key) => layer.set(key, words(key, value), source),
            None => errors.push(ConfigError { source, text: unknown(name) }),
        }
    }
    (layer, errors)
}

fn words(key: Key, value: &str) -> Vec<String> {
    match key {
        Key::Domain
        | Key::Listen
        | Key::Advertise
        | Key::Origin
        | Key::EmbedOrigins
        | Key::RelayInside
        | Key::Turn
        | Key::TurnPeers
        | Key::PushServices
        | Key::PushInside
        | Key::AcmeName
        | Key::OidcRoles
        | Key::TrustedProxies
        | Key::WebhookInside => {
            value.split([',', ' ', '\t', '\n']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
        }
        Key::Config
        | Key::Data
        | Key::Cert
        | Key::PrivateKey
        | Key::Http
        | Key::Web
        | Key::Https
        | Key::WebPlain
        | Key::OidcIssuer
        | Key::OidcClient
        | Key::OidcSecret
        | Key::OidcLabel
        | Key::OidcGroups
        | Key::OidcMakes
        | Key::AcmeDirectory
        | Key::AcmeContact
        | Key::AcmeChallenge
        | Key::OutsideAuthority
        | Key::PhonesUrl
        | Key::Pnp
        | Key::Shards
        | Key::Log
        | Key::LogFormat
        | Key::TraceMb
        | Key::TraceDiskMb
        | Key::TraceDays
        | Key::Hep
        | Key::HepId
        | Key::HepPassword
        | Key::FollowRedirects
        | Key::ExpiresJitter
        | Key::FlowTimer
        | Key::MediaSilence
        | Key::ServiceRoute
        | Key::Calls
        | Key::EndToEnd
        | Key::DirectMedia
        | Key::CallRecordsDays
        | Key::CallRecordsMax
        | Key::CallsPerAccount
        | Key::MediaWorkers
        | Key::MediaPorts
        | Key::MusicOnHold
        | Key::RecordingFormat
        | Key::RecordingAnnouncement
        | Key::Tones
        | Key::ConferencePrefix
        | Key::PushApns
        | Key::PushFcm
        | Key::PushWeb
        | Key::PushWait
        | Key::PushAuthority
        | Key::WebhookAuthority
        | Key::MessagesPerMinute => vec![value.to_owned()],
    }
}

fn unknown(name: &str) -> String {
    match nearest(name, Key::ALL.iter().map(|key| key.environment())) {
        Some(near) => format!("there is no such setting; did you mean {near}?"),
        None => "there is no such setting; `coeur check-config --help` lists them".to_owned(),
    }
}
