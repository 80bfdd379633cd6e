//! The flags of the server's settings.

use crate::config::{Key, Layer};
use clap::Args;

/// Settings of the server. Each can also be given in the environment or the file.
// What they say is for terminals, not for rustdoc.
#[allow(rustdoc::broken_intra_doc_links)]
#[derive(Args, Debug, Default)]
pub struct Settings {
    /// File with settings (TOML) [env: COEUR_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub config: Option<String>,
    /// Directory of records, journal and secrets [env: COEUR_DATA] [default: coeur-data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<String>,
    /// Domain to answer for; made if it does not exist; may be repeated [env: COEUR_DOMAIN]
    #[arg(long, value_name = "DOMAIN")]
    pub domain: Vec<String>,
    /// Where to listen: udp|tcp|tls|ws|wss://IP:PORT; may be repeated [env: COEUR_LISTEN] [default: udp and tcp on 0.0.0.0:5060]
    #[arg(long, value_name = "URL")]
    pub listen: Vec<String>,
    /// Name under which others reach us: HOST or TRANSPORT://HOST:PORT; may be repeated [env: COEUR_ADVERTISE]
    #[arg(long, value_name = "NAME")]
    pub advertise: Vec<String>,
    /// Web pages that may use ws and wss besides our own: https://HOST, https://HOST:PORT, HOST, localhost, null or *; may be repeated [env: COEUR_ORIGIN]
    #[arg(long, value_name = "ORIGIN")]
    pub origin: Vec<String>,
    /// Page of another server that may hold the web phone and call from it: https://HOST[:PORT], or http://localhost[:PORT] to try it; may be repeated [env: COEUR_EMBED_ORIGINS]
    #[arg(long, value_name = "ORIGIN")]
    pub embed_origins: Vec<String>,
    /// Inside network to which accounts with the right to relay may send: ADDRESS[/BITS]; may be repeated [env: COEUR_RELAY_INSIDE]
    #[arg(long, value_name = "NETWORK")]
    pub relay_inside: Vec<String>,
    /// Certificate chain (PEM); read again when it changes [env: COEUR_CERT]
    #[arg(long, value_name = "FILE")]
    pub cert: Option<String>,
    /// Private key of the certificate (PEM) [env: COEUR_KEY]
    #[arg(long, value_name = "FILE")]
    pub key: Option<String>,
    /// Address of /metrics, /healthz and /readyz, or `off` [env: COEUR_HTTP] [default: 127.0.0.1:8080]
    #[arg(long, value_name = "IP:PORT")]
    pub http: Option<String>,
    /// Address of the API and of the pages that come with it, or `off` [env: COEUR_WEB] [default: 127.0.0.1:8090]
    #[arg(long, value_name = "IP:PORT")]
    pub web: Option<String>,
    /// Whether --web speaks HTTPS: auto, yes, no [env: COEUR_HTTPS] [default: auto, where it is not on loopback]
    #[arg(long, value_name = "auto|yes|no")]
    pub https: Option<String>,
    /// Where browsers come in clear and are sent to HTTPS, or `off` [env: COEUR_WEB_PLAIN] [default: off]
    #[arg(long, value_name = "IP:PORT")]
    pub web_plain: Option<String>,
    /// Proxies before --web that are believed when they say who asks: ADDRESS[/BITS]; may be repeated [env: COEUR_TRUSTED_PROXIES]
    #[arg(long, value_name = "NETWORK")]
    pub trusted_proxies: Vec<String>,
    /// Host name for which Let's Encrypt is asked for a certificate, agreeing to its terms; may be repeated [env: COEUR_ACME_NAME]
    #[arg(long, value_name = "NAME")]
    pub acme_name: Vec<String>,
    /// Another authority that speaks ACME [env: COEUR_ACME_DIRECTORY] [default: Let's Encrypt]
    #[arg(long, value_name = "URL")]
    pub acme_directory: Option<String>,
    /// Whom it writes to: mailto:somebody@example.org [env: COEUR_ACME_CONTACT]
    #[arg(long, value_name = "URI")]
    pub acme_contact: Option<String>,
    /// How it finds that a name is ours: http (port 80), tls (port 443), auto [env: COEUR_ACME_CHALLENGE] [default: auto]
    #[arg(long, value_name = "HOW")]
    pub acme_challenge: Option<String>,
    /// Authorities (PEM) believed of servers of certificates and of sign-in [env: COEUR_OUTSIDE_AUTHORITY]
    #[arg(long, value_name = "FILE")]
    pub outside_authority: Option<String>,
    /// Another server by which people sign in (OpenID Connect): https://HOST [env: COEUR_OIDC_ISSUER]
    #[arg(long, value_name = "URL")]
    pub oidc_issuer: Option<String>,
    /// As what it knows this server [env: COEUR_OIDC_CLIENT]
    #[arg(long, value_name = "ID")]
    pub oidc_client: Option<String>,
    /// File with the secret that it has given [env: COEUR_OIDC_SECRET_FILE]
    #[arg(long, value_name = "FILE")]
    pub oidc_secret_file: Option<String>,
    /// What stands on the button [env: COEUR_OIDC_LABEL] [default: its host]
    #[arg(long, value_name = "TEXT")]
    pub oidc_label: Option<String>,
    /// Which group there has which role here: GROUP=ROLE; may be repeated [env: COEUR_OIDC_ROLES]
    #[arg(long, value_name = "GROUP=ROLE")]
    pub oidc_roles: Vec<String>,
    /// The claim that lists the groups [env: COEUR_OIDC_GROUPS_CLAIM] [default: groups]
    #[arg(long, value_name = "NAME")]
    pub oidc_groups_claim: Option<String>,
    /// Whether who comes first becomes a user: yes, no [env: COEUR_OIDC_MAKES_USERS] [default: no]
    #[arg(long, value_name = "yes|no")]
    pub oidc_makes_users: Option<String>,
    /// Where phones reach the pages: https://HOST[:PORT] [env: COEUR_PHONES_URL] [default: the address of --web]
    #[arg(long, value_name = "URL")]
    pub phones_url: Option<String>,
    /// Our address in the local network in which phones that are plugged in are heard, or `off` [env: COEUR_PNP] [default: off]
    #[arg(long, value_name = "IPV4")]
    pub pnp: Option<String>,
    /// Threads that carry SIP [env: COEUR_SHARDS] [default: one per core]
    #[arg(long, value_name = "N")]
    pub shards: Option<String>,
    /// Log level or filter [env: COEUR_LOG] [default: info]
    #[arg(long, value_name = "LEVEL")]
    pub log: Option<String>,
    /// text or json [env: COEUR_LOG_FORMAT] [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// Memory for recent messages, megabytes [env: COEUR_TRACE_MB] [default: 32]
    #[arg(long, value_name = "MB")]
    pub trace_mb: Option<String>,
    /// Room on disk for messages, megabytes, 0 for none [env: COEUR_TRACE_DISK_MB] [default: 1024]
    #[arg(long, value_name = "MB")]
    pub trace_disk_mb: Option<String>,
    /// Days for which messages are kept on disk [env: COEUR_TRACE_DAYS] [default: 30]
    #[arg(long, value_name = "DAYS")]
    pub trace_days: Option<String>,
    /// Collector of traces: udp://ADDRESS:PORT, or off [env: COEUR_HEP] [default: off]
    #[arg(long, value_name = "URL")]
    pub hep: Option<String>,
    /// Number of this server at the collector [env: COEUR_HEP_ID] [default: 0]
    #[arg(long, value_name = "N")]
    pub hep_id: Option<String>,
    /// What the collector knows its senders by; others on this machine see a flag, so rather in the environment or the file
    /// [env: COEUR_HEP_PASSWORD]
    #[arg(long, value_name = "TEXT")]
    pub hep_password: Option<String>,
    /// Follow 3xx answers that name accounts of ours: yes or no [env: COEUR_FOLLOW_REDIRECTS] [default: no]
    #[arg(long, value_name = "YES|NO")]
    pub follow_redirects: Option<String>,
    /// Registrations get up to this share less time than asked for, 0 to 50 [env: COEUR_EXPIRES_JITTER_PERCENT] [default: 10]
    #[arg(long, value_name = "PERCENT")]
    pub expires_jitter_percent: Option<String>,
    /// Seconds between keep-alives that phones are told, 0 for none [env: COEUR_FLOW_TIMER_S] [default: 0]
    #[arg(long, value_name = "SECONDS")]
    pub flow_timer_s: Option<String>,
    /// Route that phones put into what they send: <sip:HOST;lr> [env: COEUR_SERVICE_ROUTE]
    #[arg(long, value_name = "ROUTE")]
    pub service_route: Option<String>,
    /// Threads that carry media, 1 to 64 [env: COEUR_MEDIA_WORKERS] [default: one for each core]
    #[arg(long, value_name = "N")]
    pub media_workers: Option<String>,
    /// UDP ports for media, to be opened in a firewall [env: COEUR_MEDIA_PORTS] [default: 20000-29999]
    #[arg(long, value_name = "FIRST-LAST")]
    pub media_ports: Option<String>,
    /// Seconds after which a call ends whose phone should be heard and is not; 0 never ends one [env: COEUR_MEDIA_SILENCE_S] [default: 60]
    #[arg(long, value_name = "SECONDS")]
    pub media_silence_s: Option<String>,
    /// Where STUN and TURN are spoken: udp|tcp|tls://IP:PORT, or `off`; may be repeated [env: COEUR_TURN] [default: where SIP is, 3478 and 5349]
    #[arg(long, value_name = "URL")]
    pub turn: Vec<String>,
    /// Whom clients of TURN may reach besides the media of calls: public, or an inside network ADDRESS[/BITS]; may be repeated [env: COEUR_TURN_PEERS] [default: nobody; with calls=proxy public]
    #[arg(long, value_name = "WHO")]
    pub turn_peers: Vec<String>,
    /// WAV file, or Opus in Ogg, that is heard by who is on hold [env: COEUR_MUSIC_ON_HOLD] [default: a piece of our own]
    #[arg(long, value_name = "FILE")]
    pub music_on_hold: Option<String>,
    /// What recordings of calls are: wav or ogg [env: COEUR_RECORDING_FORMAT] [default: wav]
    #[arg(long, value_name = "FORMAT")]
    pub recording_format: Option<String>,
    /// WAV file, or Opus in Ogg, that both sides of a call hear before it is recorded [env: COEUR_RECORDING_ANNOUNCEMENT] [default: a tone]
    #[arg(long, value_name = "FILE")]
    pub recording_announcement: Option<String>,
    /// Country whose tones are heard: FR, GB, US, CA; any other: ITU [env: COEUR_TONES]
    #[arg(long, value_name = "COUNTRY")]
    pub tones: Option<String>,
    /// Users whose names begin so are conferences; `off` for none [env: COEUR_CONFERENCE_PREFIX] [default: conference-]
    #[arg(long, value_name = "PREFIX")]
    pub conference_prefix: Option<String>,
    /// Who takes a call: proxy or b2bua [env: COEUR_CALLS] [default: b2bua]
    #[arg(long, value_name = "WHO")]
    pub calls: Option<String>,
    /// Calls of one account at a time (b2bua), 0 for no limit [env: COEUR_CALLS_PER_ACCOUNT] [default: 32]
    #[arg(long, value_name = "N")]
    pub calls_per_account: Option<String>,
    /// Whether two browsers agree on keys of which the server has none: yes or no [env: COEUR_END_TO_END] [default: no]
    #[arg(long, value_name = "YES|NO")]
    pub end_to_end: Option<String>,
    /// Whether media goes from phone to phone in one network: auto or no [env: COEUR_DIRECT_MEDIA] [default: no]
    #[arg(long, value_name = "AUTO|NO")]
    pub direct_media: Option<String>,
    /// Days for which records of calls are kept; 0 keeps none [env: COEUR_CALL_RECORDS_DAYS] [default: 365]
    #[arg(long, value_name = "DAYS")]
    pub call_records_days: Option<String>,
    /// Records of calls kept at most, about 600 bytes of disk each [env: COEUR_CALL_RECORDS_MAX] [default: 1000000]
    #[arg(long, value_name = "N")]
    pub call_records_max: Option<String>,
    /// Key at Apple for waking iPhones: TEAM:KEY:FILE [env: COEUR_PUSH_APNS]
    #[arg(long, value_name = "KEY")]
    pub push_apns: Option<String>,
    /// File of a service account at Google, for waking Androids [env: COEUR_PUSH_FCM]
    #[arg(long, value_name = "FILE")]
    pub push_fcm: Option<String>,
    /// Where push services of browsers reach you: mailto:NAME@DOMAIN or https://..., or `off` [env: COEUR_PUSH_WEB] [default: off]
    #[arg(long, value_name = "CONTACT")]
    pub push_web: Option<String>,
    /// Seconds for which a call waits for a phone that is woken, 5 to 30 [env: COEUR_PUSH_WAIT_S] [default: 20]
    #[arg(long, value_name = "SECONDS")]
    pub push_wait_s: Option<String>,
    /// Another place than Apple's or Google's: apns=https://HOST, fcm=https://HOST; may be repeated [env: COEUR_PUSH_SERVICES]
    #[arg(long, value_name = "PLACE")]
    pub push_services: Vec<String>,
    /// Authorities (PEM) believed of push services besides the system's [env: COEUR_PUSH_AUTHORITY]
    #[arg(long, value_name = "FILE")]
    pub push_authority: Option<String>,
    /// Inside network in which a browser may name its push service: ADDRESS[/BITS]; may be repeated [env: COEUR_PUSH_INSIDE]
    #[arg(long, value_name = "NETWORK")]
    pub push_inside: Vec<String>,
    /// Authorities (PEM) believed of places of webhooks besides the system's [env: COEUR_WEBHOOK_AUTHORITY]
    #[arg(long, value_name = "FILE")]
    pub webhook_authority: Option<String>,
    /// Inside network in which a webhook may have its place, also without TLS: ADDRESS[/BITS]; may be repeated [env: COEUR_WEBHOOK_INSIDE]
    #[arg(long, value_name = "NETWORK")]
    pub webhook_inside: Vec<String>,
    /// MESSAGE requests of one account in a minute: half of them at once, then one by one; 0 for no limit [env: COEUR_MESSAGES_PER_MINUTE] [default: 30]
    #[arg(long, value_name = "N")]
    pub messages_per_minute: Option<String>,
}

impl Settings {
    pub fn layer(self) -> Layer {
        let mut layer = Layer::default();
        layer.flag(Key::Config, self.config);
        layer.flag(Key::Data, self.data);
        layer.flag(Key::Domain, self.domain);
        layer.flag(Key::Listen, self.listen);
        layer.flag(Key::Advertise, self.advertise);
        layer.flag(Key::Origin, self.origin);
        layer.flag(Key::EmbedOrigins, self.embed_origins);
        layer.flag(Key::RelayInside, self.relay_inside);
        layer.flag(Key::Cert, self.cert);
        layer.flag(Key::PrivateKey, self.key);
        layer.flag(Key::Http, self.http);
        layer.flag(Key::Web, self.web);
        layer.flag(Key::Https, self.https);
        layer.flag(Key::WebPlain, self.web_plain);
        layer.flag(Key::TrustedProxies, self.trusted_proxies);
        layer.flag(Key::AcmeName, self.acme_name);
        layer.flag(Key::AcmeDirectory, self.acme_directory);
        layer.flag(Key::AcmeContact, self.acme_contact);
        layer.flag(Key::AcmeChallenge, self.acme_challenge);
        layer.flag(Key::OutsideAuthority, self.outside_authority);
        layer.flag(Key::OidcIssuer, self.oidc_issuer);
        layer.flag(Key::OidcClient, self.oidc_client);
        layer.flag(Key::OidcSecret, self.oidc_secret_file);
        layer.flag(Key::OidcLabel, self.oidc_label);
        layer.flag(Key::OidcRoles, self.oidc_roles);
        layer.flag(Key::OidcGroups, self.oidc_groups_claim);
        layer.flag(Key::OidcMakes, self.oidc_makes_users);
        layer.flag(Key::PhonesUrl, self.phones_url);
        layer.flag(Key::Pnp, self.pnp);
        layer.flag(Key::Shards, self.shards);
        layer.flag(Key::Log, self.log);
        layer.flag(Key::LogFormat, self.log_format);
        layer.flag(Key::TraceMb, self.trace_mb);
        layer.flag(Key::TraceDiskMb, self.trace_disk_mb);
        layer.flag(Key::TraceDays, self.trace_days);
        layer.flag(Key::Hep, self.hep);
        layer.flag(Key::HepId, self.hep_id);
        layer.flag(Key::HepPassword, self.hep_password);
        layer.flag(Key::FollowRedirects, self.follow_redirects);
        layer.flag(Key::ExpiresJitter, self.expires_jitter_percent);
        layer.flag(Key::FlowTimer, self.flow_timer_s);
        layer.flag(Key::ServiceRoute, self.service_route);
        layer.flag(Key::Turn, self.turn);
        layer.flag(Key::TurnPeers, self.turn_peers);
        layer.flag(Key::Calls, self.calls);
        layer.flag(Key::EndToEnd, self.end_to_end);
        layer.flag(Key::DirectMedia, self.direct_media);
        layer.flag(Key::CallRecordsDays, self.call_records_days);
        layer.flag(Key::CallRecordsMax, self.call_records_max);
        layer.flag(Key::CallsPerAccount, self.calls_per_account);
        layer.flag(Key::MediaWorkers, self.media_workers);
        layer.flag(Key::MediaPorts, self.media_ports);
        layer.flag(Key::MediaSilence, self.media_silence_s);
        layer.flag(Key::MusicOnHold, self.music_on_hold);
        layer.flag(Key::RecordingFormat, self.recording_format);
        layer.flag(Key::RecordingAnnouncement, self.recording_announcement);
        layer.flag(Key::Tones, self.tones);
        layer.flag(Key::ConferencePrefix, self.conference_prefix);
        layer.flag(Key::PushApns, self.push_apns);
        layer.flag(Key::PushFcm, self.push_fcm);
        layer.flag(Key::PushWeb, self.push_web);
        layer.flag(Key::PushWait, self.push_wait_s);
        layer.flag(Key::PushServices, self.push_services);
        layer.flag(Key::PushAuthority, self.push_authority);
        layer.flag(Key::PushInside, self.push_inside);
        layer.flag(Key::WebhookAuthority, self.webhook_authority);
        layer.flag(Key::WebhookInside, self.webhook_inside);
        layer.flag(Key::MessagesPerMinute, self.messages_per_minute);
        layer
    }
}
