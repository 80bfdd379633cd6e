//! The words of the command line. Settings are read as text here and checked in [`crate::config`], so that the
//! command line, the environment and the file obey the same rules and give the same errors.

use crate::config::{Key, Layer};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Parser, Debug)]
#[command(name = "coeur", version, about = "SIP accounts for people and organisations, in one program", after_help = EXAMPLES, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  coeur serve --demo                          try it: no file, no root, two accounts with QR codes
  coeur serve --data /var/lib/coeur --domain example.org
  coeur account add alice@example.org         prints the new secret once
  coeur call alice echo                       hear yourself; loss and delay
  coeur trace alice                           the ladder of the last call of alice

Exit codes:
  0 done   1 failed   2 wrong command line or settings   3 not found   4 no server or data   5 exists already

Language of what is printed: COEUR_LANG or LANG (en, fr).";

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run the server
    Serve(Serve),
    /// Make, list, show, remove and import accounts
    Account(Account),
    /// The devices of an account, each with its own secret
    Device(Device),
    /// The domains that this server answers for
    Domain(Domain),
    /// Who is registered, from where, until when
    Registrations(Registrations),
    /// Read all settings, report every error, start nothing
    CheckConfig(CheckConfig),
    /// Look for damage in a data directory: records, audit chain, credentials, journal; change nothing
    CheckData(CheckData),
    /// Register over every transport, call, text, and report each step
    Selftest(Selftest),
    /// The SIP ladder of recent calls and registrations, secrets hidden
    Trace(Trace),
    /// Make a test call and report loss, delay and jitter
    Call(Call),
    /// Print the completion script of a shell
    Completion(Completion),
}

/// Settings of the server. Each can also be given in the environment or the file.
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
    /// Web pages that may use ws and wss besides our own: https://HOST[:PORT], HOST, localhost, null or *; may be repeated [env: COEUR_ORIGIN]
    #[arg(long, value_name = "ORIGIN")]
    pub origin: Vec<String>,
    /// Certificate chain (PEM) [env: COEUR_CERT]
    #[arg(long, value_name = "FILE")]
    pub cert: Option<String>,
    /// Private key of the certificate (PEM) [env: COEUR_KEY]
    #[arg(long, value_name = "FILE")]
    pub key: Option<String>,
    /// Address of /metrics, /healthz and /readyz, or `off` [env: COEUR_HTTP] [default: 127.0.0.1:8080]
    #[arg(long, value_name = "IP:PORT")]
    pub http: Option<String>,
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
    /// MESSAGE requests of one account in a minute, 0 for no limit [env: COEUR_MESSAGES_PER_MINUTE] [default: 30]
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
        layer.flag(Key::Cert, self.cert);
        layer.flag(Key::PrivateKey, self.key);
        layer.flag(Key::Http, self.http);
        layer.flag(Key::Shards, self.shards);
        layer.flag(Key::Log, self.log);
        layer.flag(Key::LogFormat, self.log_format);
        layer.flag(Key::TraceMb, self.trace_mb);
        layer.flag(Key::MessagesPerMinute, self.messages_per_minute);
        layer
    }
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  coeur serve --demo
  coeur serve --data /var/lib/coeur --domain example.org --listen udp://192.0.2.1:5060 --listen tls://192.0.2.1:5061
  COEUR_CONFIG=/etc/coeur.toml coeur serve

SIGHUP reads the certificate again; SIGTERM and SIGINT stop gracefully.")]
pub struct Serve {
    /// Try it: chooses domain, free ports and a directory, makes alice and bob, tests itself
    #[arg(long)]
    pub demo: bool,
    #[command(flatten)]
    pub settings: Settings,
}

/// Where the records are: of the server that runs on this directory, or the directory itself.
#[derive(Args, Debug, Default, Clone)]
pub struct Place {
    /// Data directory [env: COEUR_DATA] [default: coeur-data, else coeur-demo]
    #[arg(long, value_name = "DIR", global = true)]
    pub data: Option<PathBuf>,
    /// Print JSON instead of a table
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct Account {
    #[command(flatten)]
    pub place: Place,
    #[command(subcommand)]
    pub verb: AccountVerb,
}

#[derive(Subcommand, Debug)]
pub enum AccountVerb {
    /// Make an account; prints its secret once unless it was given
    #[command(
        after_help = "Examples:\n  coeur account add alice@example.org --display-name 'Alice A.'\n  pass show alice | coeur account add alice@example.org --secret-stdin"
    )]
    Add {
        /// user@domain
        account: String,
        #[arg(long, value_name = "NAME")]
        display_name: Option<String>,
        /// Read the secret from the first line of standard input
        #[arg(long)]
        secret_stdin: bool,
        /// Which digest is asked of its devices
        #[arg(long, value_enum, default_value_t = Policy::Auto)]
        policy: Policy,
    },
    /// List accounts
    List {
        /// Only of this domain
        #[arg(long, value_name = "DOMAIN")]
        domain: Option<String>,
    },
    /// Show one account and its devices
    Show { account: String },
    /// Remove an account, its devices and registrations
    Rm { account: String },
    /// Make many accounts from a CSV file
    #[command(after_help = "\
Columns, named in the first line, in any order:
  account        user@domain (required)
  secret         made and printed when empty
  display_name   optional
  policy         auto, sha256 or md5; auto when empty

Rows with errors are reported with their line numbers, and then nothing is imported, unless --skip-errors.

Examples:
  coeur account import people.csv
  coeur account import people.csv --json > made.json")]
    Import {
        /// `-` reads standard input
        file: PathBuf,
        /// Import the good rows even if others have errors
        #[arg(long)]
        skip_errors: bool,
    },
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// What the device can; never weaker than it has once proved
    Auto,
    /// SHA-256 only
    Sha256,
    /// MD5 only, for old phones
    Md5,
}

#[derive(Args, Debug)]
pub struct Device {
    #[command(flatten)]
    pub place: Place,
    #[command(subcommand)]
    pub verb: DeviceVerb,
}

#[derive(Subcommand, Debug)]
pub enum DeviceVerb {
    /// Give an account one more device with its own secret
    Add {
        /// user@domain
        account: String,
        /// What people call it
        #[arg(long, value_name = "NAME", default_value = "")]
        name: String,
        /// Read the secret from the first line of standard input
        #[arg(long)]
        secret_stdin: bool,
        #[arg(long, value_enum, default_value_t = Policy::Auto)]
        policy: Policy,
    },
    /// List the devices of an account
    List { account: String },
    /// Take a device's rights away at once
    Revoke { account: String, device: String },
}

#[derive(Args, Debug)]
pub struct Domain {
    #[command(flatten)]
    pub place: Place,
    #[command(subcommand)]
    pub verb: DomainVerb,
}

#[derive(Subcommand, Debug)]
pub enum DomainVerb {
    /// Answer for a domain
    Add { domain: String },
    /// List domains
    List,
    /// Stop answering for a domain that has no accounts
    Rm { domain: String },
}

#[derive(Args, Debug)]
pub struct Registrations {
    #[command(flatten)]
    pub place: Place,
    /// Only of this account (user@domain)
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<String>,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub limit: usize,
}

#[derive(Args, Debug)]
pub struct CheckConfig {
    #[command(flatten)]
    pub settings: Settings,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "\
The records may be checked while a server runs on the directory; the journal only while none does.
Exit code 1 when something is damaged. A torn end of the journal is what any crash may leave and is no damage.
The hash of the last audit row, kept elsewhere, shows later whether rows were cut off.

Examples:
  coeur check-data --data /var/lib/coeur
  coeur check-data --json")]
pub struct CheckData {
    #[command(flatten)]
    pub place: Place,
}

#[derive(Args, Debug)]
pub struct Selftest {
    #[command(flatten)]
    pub place: Place,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  coeur trace                       the last conversation
  coeur trace alice@example.org --last 3
  coeur trace 192.0.2.7 --full      with the messages, secrets hidden
  coeur trace --follow              as they happen")]
pub struct Trace {
    #[command(flatten)]
    pub place: Place,
    /// A Call-ID or its beginning, user, user@domain, IP or IP:PORT
    pub what: Option<String>,
    /// How many conversations
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub last: usize,
    /// Go on with new ones until interrupted
    #[arg(long)]
    pub follow: bool,
    /// Print the messages too
    #[arg(long)]
    pub full: bool,
    /// With --full: also what people wrote to each other
    #[arg(long)]
    pub bodies: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  coeur call alice echo
  coeur call alice@example.org echo --seconds 30 --transport tls
  coeur call alice@example.org bob --server 192.0.2.1:5060 --secret-stdin < secret")]
pub struct Call {
    #[command(flatten)]
    pub place: Place,
    /// Who calls: user or user@domain
    pub from: String,
    /// Who is called: user, user@domain or sip: URI; `echo` is the server's own answering service
    pub to: String,
    /// How long to talk
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub seconds: u32,
    #[arg(long, value_enum, default_value_t = Transport::Udp)]
    pub transport: Transport,
    /// IP:PORT of the server; asked of the running server when absent
    #[arg(long, value_name = "IP:PORT")]
    pub server: Option<std::net::SocketAddr>,
    /// Read the secret of FROM from the first line of standard input; else a one-time device is made and removed
    #[arg(long)]
    pub secret_stdin: bool,
    /// Authority that a TLS certificate must come from (PEM); without it, nothing is verified
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
    Ws,
    Wss,
}

#[derive(Args, Debug)]
pub struct Completion {
    pub shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_names_every_verb_and_the_exit_codes() {
        let help = Cli::command().render_help().to_string();
        for word in [
            "serve",
            "account",
            "device",
            "domain",
            "registrations",
            "check-config",
            "check-data",
            "selftest",
            "trace",
            "call",
            "completion",
            "Exit codes",
        ] {
            assert!(help.contains(word), "{word} is missing in\n{help}");
        }
    }

    #[test]
    fn every_setting_has_its_flag_and_names_its_variable() {
        let command = Cli::command();
        let serve = command.get_subcommands().find(|sub| sub.get_name() == "serve").unwrap();
        for key in Key::ALL {
            let flag = key.name().replace('_', "-");
            let found = serve.get_arguments().find(|argument| argument.get_long() == Some(&flag));
            let help = found.unwrap_or_else(|| panic!("--{flag} is missing")).get_help().unwrap().to_string();
            assert!(help.contains(key.environment()), "{flag}: {help}");
        }
    }

    #[test]
    fn flags_become_the_strongest_layer() {
        let cli = Cli::try_parse_from([
            "coeur",
            "serve",
            "--listen",
            "udp://[::]:5060",
            "--listen",
            "tcp://[::]:5060",
            "--shards",
            "2",
        ])
        .unwrap();
        let Command::Serve(serve) = cli.command else { panic!("not serve") };
        let layer = serve.settings.layer();
        assert_eq!(layer.get(Key::Listen).unwrap().0.len(), 2);
        assert_eq!(layer.one(Key::Shards).unwrap().0, "2");
        assert!(layer.get(Key::Data).is_none());
    }

    #[test]
    fn a_call_takes_its_words() {
        let cli =
            Cli::try_parse_from(["coeur", "call", "alice", "echo", "--transport", "tls", "--data", "d"])
                .unwrap();
        let Command::Call(call) = cli.command else { panic!("not call") };
        assert_eq!((call.seconds, call.transport), (5, Transport::Tls));
        assert_eq!(call.place.data, Some("d".into()));
    }
}
