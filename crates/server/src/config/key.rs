//! The keys, where a value was read, and a layer of values.

use std::collections::BTreeMap;
use std::fmt;

macro_rules! keys {
    ($($variant:ident $name:literal $environment:literal $doc:literal),* $(,)?) => {
        /// A setting. The names are those of the file; the flag is `--name` with dashes.
        // What they say is for terminals and for the manual, not for rustdoc.
        #[allow(rustdoc::broken_intra_doc_links, rustdoc::bare_urls)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Key { $(#[doc = $doc] $variant),* }

        impl Key {
            pub const ALL: &'static [Key] = &[$(Key::$variant),*];
            pub fn name(self) -> &'static str { match self { $(Key::$variant => $name),* } }
            pub fn environment(self) -> &'static str { match self { $(Key::$variant => $environment),* } }
            pub fn doc(self) -> &'static str { match self { $(Key::$variant => $doc),* } }
        }
    };
}

keys! {
    Config "config" "COEUR_CONFIG" "File with these keys (TOML); cannot be set in a file.",
    Data "data" "COEUR_DATA" "Directory of records, journal, secrets and control socket.",
    Domain "domain" "COEUR_DOMAIN" "Domains made at start if they do not exist (a list).",
    Listen "listen" "COEUR_LISTEN" "Where to listen: udp|tcp|tls|ws|wss://ADDRESS:PORT (a list).",
    Advertise "advertise" "COEUR_ADVERTISE" "Name or address under which others reach us: HOST, or TRANSPORT://HOST:PORT (a list).",
    Origin "origin" "COEUR_ORIGIN" "Web pages that may use ws and wss besides those of our domains and hosts: https://HOST, https://HOST:PORT, HOST, localhost, null or * (a list).",
    EmbedOrigins "embed_origins" "COEUR_EMBED_ORIGINS" "Pages of others that may hold the web phone in a frame and call from it: https://HOST[:PORT], and http://localhost[:PORT] to try it; each by itself (a list).",
    Cert "cert" "COEUR_CERT" "Certificate chain (PEM), read again when it changes. Without one, a local authority makes it at first start.",
    PrivateKey "key" "COEUR_KEY" "Private key of the certificate (PEM).",
    Http "http" "COEUR_HTTP" "Address of /metrics, /healthz and /readyz; `off` for none.",
    Web "web" "COEUR_WEB" "Address of the API (and of the pages that come with it); `off` for none.",
    Https "https" "COEUR_HTTPS" "Whether `web` speaks HTTPS: auto (where it is not on loopback), yes, no. Its certificate is that of `cert`, else one of the local authority.",
    WebPlain "web_plain" "COEUR_WEB_PLAIN" "Address where browsers come in clear and are sent to `web` over HTTPS, such as 0.0.0.0:80; `off` for none.",
    TrustedProxies "trusted_proxies" "COEUR_TRUSTED_PROXIES" "Proxies before `web` that are believed when they say who asks (Forwarded, X-Forwarded-For): ADDRESS[/BITS] (a list).",
    AcmeName "acme_name" "COEUR_ACME_NAME" "Host names for which a public authority (Let's Encrypt) is asked for a certificate, which agrees to its terms; each must lead here, port 80 to `web_plain` or port 443 to `web` (a list).",
    AcmeDirectory "acme_directory" "COEUR_ACME_DIRECTORY" "Another authority that speaks ACME (RFC 8555): https://...",
    AcmeContact "acme_contact" "COEUR_ACME_CONTACT" "Whom that authority writes to: mailto:somebody@example.org.",
    AcmeChallenge "acme_challenge" "COEUR_ACME_CHALLENGE" "How that authority finds that a name is ours: over HTTP (http, port 80), over TLS (tls, port 443), or as it goes, the other way after each failure (auto).",
    OutsideAuthority "outside_authority" "COEUR_OUTSIDE_AUTHORITY" "Authorities (PEM) believed of servers of certificates and of sign-in, besides those of the system.",
    OidcIssuer "oidc_issuer" "COEUR_OIDC_ISSUER" "Another server by which people sign in (OpenID Connect), as it writes itself: https://id.example.org.",
    OidcClient "oidc_client" "COEUR_OIDC_CLIENT" "As what that server knows this one (`client_id`); it sends people back to /auth/oidc/callback of the pages.",
    OidcSecret "oidc_secret_file" "COEUR_OIDC_SECRET_FILE" "File with the secret that it has given (`client_secret`); without one this is a public client.",
    OidcLabel "oidc_label" "COEUR_OIDC_LABEL" "What stands on the button, such as the name of the organisation; the host of that server unless set.",
    OidcRoles "oidc_roles" "COEUR_OIDC_ROLES" "Which group there has which role here, GROUP=ROLE, the first that fits; without any, roles are given here (a list).",
    OidcGroups "oidc_groups_claim" "COEUR_OIDC_GROUPS_CLAIM" "The claim that lists the groups; `groups` unless set.",
    OidcMakes "oidc_makes_users" "COEUR_OIDC_MAKES_USERS" "Whether who comes by that server for the first time becomes a user (yes, no).",
    PhonesUrl "phones_url" "COEUR_PHONES_URL" "Where phones reach the pages, as links for them begin: https://HOST[:PORT]. Without it, the address of `web` in clear, which gives passwords to local networks alone.",
    Pnp "pnp" "COEUR_PNP" "Address of ours in the local network (IPv4) in which phones that are plugged in are heard and, once claimed, told where to fetch their settings (SIP PnP); `off` for none.",
    Shards "shards" "COEUR_SHARDS" "Threads that carry SIP, 1 to 64.",
    Log "log" "COEUR_LOG" "Level (error, warn, info, debug, trace) or a filter such as coeur=debug.",
    LogFormat "log_format" "COEUR_LOG_FORMAT" "text or json.",
    TraceMb "trace_mb" "COEUR_TRACE_MB" "Memory for recent messages, in megabytes, 0 to 1024; 0 keeps none.",
    TraceDiskMb "trace_disk_mb" "COEUR_TRACE_DISK_MB" "Room on disk for messages, secrets hidden, in megabytes, 0 to 1048576; 0 keeps none there. The oldest go first.",
    TraceDays "trace_days" "COEUR_TRACE_DAYS" "Days for which messages are kept on disk, 1 to 3650.",
    Hep "hep" "COEUR_HEP" "Collector of traces to which every message is sent (HEP version 3), secrets hidden: udp://ADDRESS:PORT; `off` for none.",
    HepId "hep_id" "COEUR_HEP_ID" "Number by which that collector tells this server from others.",
    HepPassword "hep_password" "COEUR_HEP_PASSWORD" "What that collector knows its senders by; it leaves in clear in every datagram.",
    RelayInside "relay_inside" "COEUR_RELAY_INSIDE" "Private, loopback and other inside networks, and own addresses, to which accounts with the right to relay may send: ADDRESS[/BITS] (a list).",
    FollowRedirects "follow_redirects" "COEUR_FOLLOW_REDIRECTS" "Whether a 3xx answer that names accounts of ours is followed here (yes) or handed to the caller (no).",
    ExpiresJitter "expires_jitter_percent" "COEUR_EXPIRES_JITTER_PERCENT" "Registrations are granted up to this share less time than asked for, at random, 0 to 50: phones that came back at once spread out.",
    FlowTimer "flow_timer_s" "COEUR_FLOW_TIMER_S" "Seconds between keep-alives that phones are told (Flow-Timer, RFC 5626), 30 to 3600; 0 tells none.",
    ServiceRoute "service_route" "COEUR_SERVICE_ROUTE" "Route that phones put into what they send (RFC 3608): <sip:HOST;lr>, several with commas.",
    Calls "calls" "COEUR_CALLS" "Who takes a call: proxy (relayed from phone to phone, media goes its own way) or b2bua (a call of ours with each side, media through us).",
    EndToEnd "end_to_end" "COEUR_END_TO_END" "Whether two browsers that call each other agree on keys between themselves, of which the server has none (yes, no).",
    DirectMedia "direct_media" "COEUR_DIRECT_MEDIA" "Whether the media of a call goes from phone to phone where both are in one network and nothing needs it here (auto, no).",
    CallRecordsDays "call_records_days" "COEUR_CALL_RECORDS_DAYS" "Days for which records of calls are kept, 0 to 36500; 0 keeps none.",
    CallRecordsMax "call_records_max" "COEUR_CALL_RECORDS_MAX" "Records of calls that are kept at most, the newest; about 600 bytes of disk each.",
    CallsPerAccount "calls_per_account" "COEUR_CALLS_PER_ACCOUNT" "Calls of one account at a time, 1 to 100000, where calls are ours (b2bua); 0 for no limit.",
    MediaWorkers "media_workers" "COEUR_MEDIA_WORKERS" "Threads that carry media, 1 to 64.",
    MediaPorts "media_ports" "COEUR_MEDIA_PORTS" "UDP ports for media, to be opened in a firewall: FIRST-LAST.",
    MediaSilence "media_silence_s" "COEUR_MEDIA_SILENCE_S" "Seconds after which a call ends whose phone should be heard and is not, 10 to 3600; 0 never ends one.",
    Turn "turn" "COEUR_TURN" "Where STUN and TURN are spoken: udp|tcp|tls://ADDRESS:PORT (a list), or off.",
    TurnPeers "turn_peers" "COEUR_TURN_PEERS" "Whom clients of TURN may reach besides the media of calls: public (everybody outside), calls (nobody), and inside networks ADDRESS[/BITS] (a list).",
    MusicOnHold "music_on_hold" "COEUR_MUSIC_ON_HOLD" "WAV file, or Opus in Ogg, that is heard by who is on hold, at most 5 minutes; without one, a piece of our own.",
    RecordingFormat "recording_format" "COEUR_RECORDING_FORMAT" "What recordings of calls are: wav (230 MB an hour) or ogg (Opus, 15 MB an hour).",
    RecordingAnnouncement "recording_announcement" "COEUR_RECORDING_ANNOUNCEMENT" "WAV file, or Opus in Ogg, that both sides of a call hear before it is recorded; without one, a tone.",
    Tones "tones" "COEUR_TONES" "Country whose tones are heard, two letters: FR, GB, US, CA; any other has those of the ITU.",
    ConferencePrefix "conference_prefix" "COEUR_CONFERENCE_PREFIX" "Users whose names begin so are conferences, for accounts of their domain; `off` for none.",
    PushApns "push_apns" "COEUR_PUSH_APNS" "Key at Apple for waking iPhones: TEAM:KEY:FILE, the file being the .p8 that Apple gives.",
    PushFcm "push_fcm" "COEUR_PUSH_FCM" "File of a service account at Google (JSON), for waking Androids.",
    PushWeb "push_web" "COEUR_PUSH_WEB" "Where push services of browsers reach the operator, mailto:somebody@example.org or https://...; `off` wakes no browser.",
    PushWait "push_wait_s" "COEUR_PUSH_WAIT_S" "Seconds for which a call waits for a phone that is woken, 5 to 30.",
    PushServices "push_services" "COEUR_PUSH_SERVICES" "Other places than those of Apple and Google: apns=https://HOST, fcm=https://HOST (a list).",
    PushAuthority "push_authority" "COEUR_PUSH_AUTHORITY" "Authorities (PEM) believed of push services, besides those of the system.",
    PushInside "push_inside" "COEUR_PUSH_INSIDE" "Inside networks in which a browser may name its push service: ADDRESS[/BITS] (a list).",
    WebhookAuthority "webhook_authority" "COEUR_WEBHOOK_AUTHORITY" "Authorities (PEM) believed of places of webhooks, besides those of the system.",
    WebhookInside "webhook_inside" "COEUR_WEBHOOK_INSIDE" "Inside networks in which a webhook may have its place, also without TLS: ADDRESS[/BITS] (a list).",
    MessagesPerMinute "messages_per_minute" "COEUR_MESSAGES_PER_MINUTE" "MESSAGE requests of one account in a minute, half of them at once; 0 for no limit.",
}

impl Key {
    pub fn named(name: &str) -> Option<Key> {
        Key::ALL.iter().copied().find(|key| key.name() == name)
    }
}

/// Where a value was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    CommandLine(Key),
    Environment(String),
    File { path: String, line: Option<usize> },
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::CommandLine(key) => write!(f, "--{}", key.name().replace('_', "-")),
            Source::Environment(name) => write!(f, "environment {name}"),
            Source::File { path, line: Some(line) } => write!(f, "{path}:{line}"),
            Source::File { path, line: None } => f.write_str(path),
            Source::Default => f.write_str("default"),
        }
    }
}

/// The values of one source. Every value is a list of words until [`super::settings::resolve`] reads it.
#[derive(Clone, Debug, Default)]
pub struct Layer(BTreeMap<Key, (Vec<String>, Source)>);

impl Layer {
    pub fn set(&mut self, key: Key, values: Vec<String>, source: Source) {
        self.0.insert(key, (values, source));
    }

    pub fn get(&self, key: Key) -> Option<(&[String], &Source)> {
        self.0.get(&key).map(|(values, source)| (values.as_slice(), source))
    }

    pub fn one(&self, key: Key) -> Option<(&str, &Source)> {
        self.get(key).and_then(|(values, source)| Some((values.first()?.as_str(), source)))
    }

    /// A flag of the command line that was given.
    pub fn flag(&mut self, key: Key, values: impl IntoIterator<Item = String>) {
        let values: Vec<String> = values.into_iter().collect();
        if !values.is_empty() {
            self.set(key, values, Source::CommandLine(key));
        }
    }
}
