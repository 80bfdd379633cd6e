//! The words of the command line. Settings are read as text here and checked in [`crate::config`], so that the
//! command line, the environment and the file obey the same rules and give the same errors.

mod apply;
mod ca;
mod contacts;
mod docs;
mod groups;
mod numbers;
mod people;
mod phone;
mod replay;
mod settings;
mod sign_in;
#[cfg(test)]
mod tests;
mod turn;
mod webhook;

pub use apply::Apply;
pub use ca::{Ca, CaVerb};
pub use contacts::{Contact, ContactVerb, Said, Whose};
pub use docs::Docs;
pub use groups::{Group, GroupVerb, Terms};
pub use numbers::{Number, NumberVerb, OfNumber, WhichNumbers};
pub use people::{Tenant, TenantVerb, Tongue, User, UserVerb};
pub use phone::{Carrier, Maker, PhoneOf, Provision, ProvisionVerb};
pub use replay::Replay;
pub use settings::Settings;
pub use sign_in::{SetupLink, Token, TokenVerb};
pub use turn::{Turn, TurnVerb};
pub use webhook::{Webhook, WebhookVerb};

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use coeur_api::provision::KeyView;
use std::path::PathBuf;

#[derive(Parser, Debug)]
#[command(name = "coeur", version, about = "SIP accounts for people and organisations, in one program", after_help = EXAMPLES, propagate_version = true)]
pub struct Cli {
    /// Data directory, before the command as well as behind it
    #[arg(id = "data before", long = "data", value_name = "DIR")]
    data: Option<String>,
    /// Print JSON, before the command as well as behind it
    #[arg(id = "json before", long = "json")]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

impl Cli {
    /// The command with what was said before it; what was said behind it is nearer and counts. An option that the command
    /// does not have is an error there as here.
    pub fn into_command(self) -> Result<Command, clap::Error> {
        let Self { data, json, mut command } = self;
        let lacks = |option: &str, command: &str| {
            let text = format!("`coeur {command}` has no option --{option}");
            <Self as CommandFactory>::command().error(ErrorKind::UnknownArgument, text)
        };
        // Of a command that needs no records.
        let alone = |command, name: &str| match (&data, json) {
            (None, false) => Ok(command),
            (Some(_), _) => Err(lacks("data", name)),
            (None, true) => Err(lacks("json", name)),
        };
        let place = match &mut command {
            Command::Account(given) => &mut given.place,
            Command::Device(given) => &mut given.place,
            Command::Provision(given) => &mut given.place,
            Command::Domain(given) => &mut given.place,
            Command::SetupLink(given) => &mut given.place,
            Command::Token(given) => &mut given.place,
            Command::Ca(given) => &mut given.place,
            Command::Webhook(given) => &mut given.place,
            Command::Status(given) => &mut given.place,
            Command::User(given) => &mut given.place,
            Command::Apply(given) => &mut given.place,
            Command::Group(given) => &mut given.place,
            Command::Contact(given) => &mut given.place,
            Command::Number(given) => &mut given.place,
            Command::Tenant(given) => &mut given.place,
            Command::Registrations(given) => &mut given.place,
            Command::Turn(given) => &mut given.place,
            Command::CheckData(given) => &mut given.place,
            Command::Backup(given) => &mut given.place,
            Command::Restore(given) => &mut given.place,
            Command::Selftest(given) => &mut given.place,
            Command::Trace(given) => &mut given.place,
            Command::Replay(given) => &mut given.place,
            Command::Call(given) => &mut given.place,
            Command::Calls(given) => &mut given.place,
            Command::Records(given) => &mut given.place,
            Command::Quality(given) => &mut given.place,
            Command::Audit(given) => &mut given.place,
            Command::CheckConfig(given) => {
                given.settings.data = given.settings.data.take().or(data);
                given.json |= json;
                return Ok(command);
            }
            Command::Doctor(given) => {
                given.settings.data = given.settings.data.take().or(data);
                given.json |= json;
                return Ok(command);
            }
            Command::Serve(given) => {
                given.settings.data = given.settings.data.take().or(data);
                return if json { Err(lacks("json", "serve")) } else { Ok(command) };
            }
            Command::Completion(_) => return alone(command, "completion"),
            Command::Docs(_) => return alone(command, "docs"),
            Command::Man(_) => return alone(command, "man"),
        };
        place.data = place.data.take().or(data.map(PathBuf::from));
        place.json |= json;
        Ok(command)
    }
}

const EXAMPLES: &str = "\
Examples:
  coeur serve --demo                          try it: no file, no root, two accounts with QR codes
  coeur serve --data /var/lib/coeur --domain example.org
  coeur account add alice@example.org         prints the new secret once
  coeur call alice echo                       hear yourself; loss and delay
  coeur trace alice                           the ladder of the last call of alice

Exit codes:
  0 done     2 wrong command line or settings     4 no server, or no data
  1 failed   3 not found                          5 exists already
  6 not as things are now, perhaps later

Language of tables and results: COEUR_LANG or LANG (en, fr). Help, errors, logs and JSON are English.";

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run the server
    Serve(Serve),
    /// Make, list, show, change, remove and import accounts
    Account(Account),
    /// The devices of an account, each with its own secret
    Device(Device),
    /// What phones are told
    Provision(Provision),
    /// The domains that this server answers for
    Domain(Domain),
    /// A link by which the first owner is made, or a user gives himself a password
    SetupLink(SetupLink),
    /// Tokens with which programs use the API
    Token(Token),
    /// The local authority that vouches for this server: its fingerprint, its certificate
    Ca(Ca),
    /// Places that are told what happens, over HTTP and signed
    Webhook(Webhook),
    /// How the server does: since when, where it listens, how many are registered
    Status(StatusOf),
    /// Users: who signs in, and whom accounts belong to
    User(User),
    /// Make tenants, domains, groups, users and accounts what a file says; show before what that is
    Apply(Apply),
    /// Groups: accounts with rights and quota in common
    Group(Group),
    /// Contacts: the numbers of partners and colleagues, shared or of one user
    Contact(Contact),
    /// Numbers: which there are, which are free, whose the others are
    Number(Number),
    /// Tenants: organisations that share this server
    Tenant(Tenant),
    /// Who is registered, from where, until when
    Registrations(Registrations),
    /// STUN and TURN: credentials for a client
    Turn(Turn),
    /// Read all settings, report every error, start nothing
    CheckConfig(CheckConfig),
    /// Look for what will keep somebody from being reached or heard, and say what to do; change nothing
    Doctor(Doctor),
    /// Look for damage in a data directory: records, audit chain, credentials, journal; change nothing
    CheckData(CheckData),
    /// Write the data directory, journal apart, into one file, while the server runs or not
    Backup(Backup),
    /// Put a backup back, checked first
    Restore(Restore),
    /// Register over every transport, call, text, and report each step
    Selftest(Selftest),
    /// The SIP ladder of recent calls and registrations, secrets hidden
    Trace(Trace),
    /// Feed stored calls to a server of their own, and show the first difference
    Replay(Replay),
    /// Make a test call and report loss, delay and jitter
    Call(Call),
    /// Calls that live: who with whom, how protected, what is measured; end one
    Calls(Calls),
    /// Calls that are over: who, when, how long, how well
    Records(Records),
    /// How calls sounded: by hour, by what the phones are, by why somebody was not heard
    Quality(Quality),
    /// What was changed, when and by whom: the rows of the audit chain
    Audit(Audit),
    /// Read the documentation: how it is installed, used, and what to do when something is wrong
    Docs(Docs),
    /// Print the completion script of a shell
    Completion(Completion),
    /// Write the manual pages of this program into a directory
    Man(Man),
}

impl Command {
    /// Whether a program reads what is printed.
    pub fn json(&self) -> bool {
        match self {
            Command::Account(Account { place, .. })
            | Command::Device(Device { place, .. })
            | Command::Provision(Provision { place, .. })
            | Command::Domain(Domain { place, .. })
            | Command::SetupLink(SetupLink { place, .. })
            | Command::Token(Token { place, .. })
            | Command::Ca(Ca { place, .. })
            | Command::Webhook(Webhook { place, .. })
            | Command::Status(StatusOf { place })
            | Command::User(User { place, .. })
            | Command::Apply(Apply { place, .. })
            | Command::Group(Group { place, .. })
            | Command::Contact(Contact { place, .. })
            | Command::Number(Number { place, .. })
            | Command::Tenant(Tenant { place, .. })
            | Command::Registrations(Registrations { place, .. })
            | Command::Turn(Turn { place, .. })
            | Command::CheckData(CheckData { place })
            | Command::Backup(Backup { place, .. })
            | Command::Restore(Restore { place, .. })
            | Command::Selftest(Selftest { place })
            | Command::Trace(Trace { place, .. })
            | Command::Replay(Replay { place, .. })
            | Command::Call(Call { place, .. })
            | Command::Calls(Calls { place, .. })
            | Command::Records(Records { place, .. })
            | Command::Quality(Quality { place, .. })
            | Command::Audit(Audit { place, .. }) => place.json,
            Command::CheckConfig(arguments) => arguments.json,
            Command::Doctor(arguments) => arguments.json,
            Command::Serve(_) | Command::Completion(_) | Command::Docs(_) | Command::Man(_) => false,
        }
    }
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  coeur serve --demo
  coeur serve --data /var/lib/coeur --domain example.org --listen udp://192.0.2.1:5060 --listen tls://192.0.2.1:5061
  COEUR_CONFIG=/etc/coeur.toml coeur serve

A certificate that changes is read again within seconds, or at once on SIGHUP; SIGTERM and SIGINT stop gracefully.")]
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
    /// Data directory [env: COEUR_DATA, or `data` in the file COEUR_CONFIG] [default: coeur-data, else coeur-demo]
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
#[expect(clippy::large_enum_variant, reason = "there is one, read from the command line")]
pub enum AccountVerb {
    /// Make an account; prints its secret once unless it was given
    #[command(
        after_help = "Examples:\n  coeur account add alice@example.org --display-name 'Alice A.'\n  pass show alice | coeur account add alice@example.org --secret-stdin"
    )]
    Add {
        /// user@domain
        account: String,
        /// What people call its owner
        #[arg(long, value_name = "NAME")]
        display_name: Option<String>,
        /// Read the secret, 8 characters or more, from the first line of standard input
        #[arg(long)]
        secret_stdin: bool,
        /// Which digest is asked of its devices
        #[arg(long, value_enum, default_value_t = Policy::Auto)]
        policy: Policy,
        /// Whose it is, by login or number
        #[arg(long, value_name = "USER")]
        user: Option<String>,
    },
    /// List accounts
    #[command(
        after_help = "Examples:\n  coeur account list --domain example.org\n  coeur account list --json"
    )]
    List {
        /// Only of this domain
        #[arg(long, value_name = "DOMAIN")]
        domain: Option<String>,
    },
    /// Show one account and its devices
    #[command(
        after_help = "Examples:\n  coeur account show alice@example.org\n  coeur account show alice --json"
    )]
    Show {
        /// user@domain, or user where there is one domain
        account: String,
    },
    /// Change an account; what is not named stays as it is
    #[command(
        after_help = "Examples:\n  coeur account set alice@example.org --enabled no      its registrations end at once\n  coeur account set alice@example.org --relay yes       it may send to other domains\n  coeur account set alice@example.org --contacts-max 3\n  coeur account set alice@example.org --forward-no-answer bob --forward-after-s 15\n  coeur account set alice@example.org --forward-always no --dnd yes\n  coeur account set alice@example.org --pickup-groups sales,support\n\nTARGET is the name or number of an account of the same domain, user@domain, or a SIP or tel URI; `no` ends it. A call that\nis forwarded reaches what the account itself may call."
    )]
    Set {
        /// user@domain
        account: String,
        /// What people call its owner
        #[arg(long, value_name = "NAME")]
        display_name: Option<String>,
        /// Whose it is, by login or number; `no` for nobody's
        #[arg(long, value_name = "USER")]
        user: Option<String>,
        /// An account that is not enabled can do nothing
        #[arg(long, value_enum)]
        enabled: Option<YesNo>,
        /// Which digest is asked of its devices
        #[arg(long, value_enum)]
        policy: Option<Policy>,
        /// Most contacts registered at once; 0 for the limit of its domain
        #[arg(long, value_name = "N")]
        contacts_max: Option<u16>,
        /// Whether it may send to domains that are not ours
        #[arg(long, value_enum)]
        relay: Option<YesNo>,
        #[command(flatten)]
        terms: Terms,
        /// Groups with rights and quota, the first counts first; `no` for none
        #[arg(long, value_name = "GROUPS")]
        groups: Option<String>,
        /// Whether others of its domain may answer its calls while they ring, by dialling *8 and its name
        #[arg(long, value_enum)]
        pickup: Option<YesNo>,
        /// Groups in which accounts of its domain answer each other's calls by dialling *8; `no` for none
        #[arg(long, value_name = "GROUPS")]
        pickup_groups: Option<String>,
        /// Which of its calls are recorded
        #[arg(long, value_enum)]
        record: Option<RecordPolicy>,
        /// Where all its calls go
        #[arg(long, value_name = "TARGET")]
        forward_always: Option<String>,
        /// Where its calls go while it is busy or refuses
        #[arg(long, value_name = "TARGET")]
        forward_busy: Option<String>,
        /// Where its calls go when nobody answers
        #[arg(long, value_name = "TARGET")]
        forward_no_answer: Option<String>,
        /// How long that takes
        #[arg(long, value_name = "SECONDS")]
        forward_after_s: Option<u16>,
        /// Where its calls go while no device of it is registered
        #[arg(long, value_name = "TARGET")]
        forward_offline: Option<String>,
        /// Do not disturb: it is busy for everybody
        #[arg(long, value_enum)]
        dnd: Option<YesNo>,
    },
    /// Give an account further addresses that reach it, such as an extension number, or take them
    #[command(
        after_help = "A phone registers under a further address with the account's own name and secret. Who calls is the account's own\naddress.\n\nExamples:\n  coeur account alias alice@example.org --add 201\n  coeur account alias alice --add sales@example.org --rm 201"
    )]
    Alias {
        /// user@domain, or user where there is one domain
        account: String,
        /// user@domain, or a name or number of the account's domain; may be repeated
        #[arg(long, value_name = "ALIAS")]
        add: Vec<String>,
        /// The same, to be taken
        #[arg(long, value_name = "ALIAS")]
        rm: Vec<String>,
    },
    /// Why an account may, or may not: each right and quota with who has said it
    #[command(
        after_help = "Examples:\n  coeur account rights alice\n  coeur account rights alice --to +33891234567"
    )]
    Rights {
        /// user@domain, or user where there is one domain
        account: String,
        /// A number or address that it would call
        #[arg(long, value_name = "NUMBER")]
        to: Option<String>,
    },
    /// Remove an account, its devices and registrations
    #[command(after_help = "Example:\n  coeur account rm alice@example.org")]
    Rm {
        /// user@domain, or user where there is one domain
        account: String,
    },
    /// Make many accounts from a CSV file
    #[command(after_help = "\
Columns, named in the first line, in any order:
  account        user@domain (required)
  secret         made and printed when empty; a phone's own is taken however short, with a warning
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
pub enum YesNo {
    Yes,
    No,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordPolicy {
    /// None, whoever asks
    Off,
    /// Those for which it is asked, by the operator or by its phone
    OnDemand,
    /// All, from the answer on
    All,
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

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtmf {
    /// As the phone offers it
    Auto,
    /// Events, never an INFO
    Rfc4733,
    /// In an INFO
    Info,
    /// In its sound, where keys are searched for
    Inband,
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
    #[command(
        after_help = "A new secret for a phone: add a device, give the phone its secret, revoke the old device.\n\nExamples:\n  coeur device add alice@example.org --name 'desk phone'\n  coeur device add alice --policy md5 --secret-stdin < secret"
    )]
    Add {
        /// user@domain
        account: String,
        /// What people call it
        #[arg(long, value_name = "NAME", default_value = "")]
        name: String,
        /// Read the secret, 8 characters or more, from the first line of standard input
        #[arg(long)]
        secret_stdin: bool,
        #[arg(long, value_enum, default_value_t = Policy::Auto)]
        policy: Policy,
    },
    /// List the devices of an account
    #[command(after_help = "Example:\n  coeur device list alice@example.org --json")]
    List {
        /// user@domain, or user where there is one domain
        account: String,
    },
    /// Change how a device says its keys and hears those of others
    #[command(
        after_help = "For a phone that does not say what it can, from its next call on. `auto`: events where both sides have them, else in an INFO where the phone takes one, else as sound. `rfc4733`: events, never an INFO. `info`: in an INFO always. `inband`: as sound; keys are searched for in what the phone says, in each call of it, which costs as much as a recording.\n\nExample:\n  coeur device set alice@example.org 3 --dtmf inband"
    )]
    Set {
        /// user@domain, or user where there is one domain
        account: String,
        /// Its number, as `coeur device list` shows it
        device: String,
        /// How keys (DTMF) are said
        #[arg(long, value_enum)]
        dtmf: Dtmf,
    },
    /// Make a link where the phone of a device fetches its settings, once: a code to scan, or an address
    #[command(
        after_help = "The secret is made when the phone fetches; the one of before, if there was one, is then worth nothing. A new link ends the one of before.\n\nExamples:\n  coeur device connect alice                           a code for Linphone\n  coeur device connect alice --vendor yealink --model T54W --mac 24:9a:d8:88:d0:f4\n  coeur device connect alice 3 --also desk@example.org --vendor snom"
    )]
    Connect {
        #[command(flatten)]
        phone: PhoneOf,
    },
    /// The phones that are told their accounts, and what is wrong with them
    #[command(after_help = "Example:\n  coeur device phones --json")]
    Phones,
    /// How a phone does on its way from its link to its registration
    #[command(after_help = "Example:\n  coeur device phone pho_3")]
    Phone {
        /// Its name, as `coeur device phones` shows it
        phone: String,
    },
    /// Set the keys of a phone beside its display, or show them
    #[command(
        after_help = "KEY is POSITION=KIND[/LINE][:TARGET[:LABEL]], where KIND is `line` (one of the phone's lines), `blf` (calls somebody of the same organisation, and watches him), `speed_dial` (calls) or `none` (does nothing). Where the phone is registered it is asked to fetch its keys now, else it fetches them when it starts.\n\nExamples:\n  coeur device keys pho_3\n  coeur device keys pho_3 --set 1=line --set 2=blf:bob:Bob --set 3=speed_dial:+33123456789:Taxi\n  coeur device keys pho_3 --set 4=blf/2:reception --rm 3"
    )]
    Keys {
        /// Its name, as `coeur device phones` shows it
        phone: String,
        /// Set this key; may be repeated
        #[arg(long = "set", value_name = "KEY", value_parser = phone::key)]
        set: Vec<KeyView>,
        /// Empty the key at this position; may be repeated
        #[arg(long = "rm", value_name = "POSITION")]
        rm: Vec<u32>,
    },
    /// Show the password of a telephone's own web page and menu, or make a new one
    #[command(
        after_help = "The server makes one for each telephone, and tells it with its settings. Each reading is in the audit log. A new one is fetched by a telephone that is registered at once, by another when it starts; until then that of before opens it.\n\nExamples:\n  coeur device password pho_3\n  coeur device password pho_3 --new"
    )]
    Password {
        /// Its name, as `coeur device phones` shows it
        phone: String,
        /// Make a new one
        #[arg(long)]
        new: bool,
    },
    /// Tell a phone nothing any more; its devices stay
    #[command(after_help = "Example:\n  coeur device forget pho_3")]
    Forget {
        /// Its name, as `coeur device phones` shows it
        phone: String,
    },
    /// Ask a registered phone to fetch its settings now
    #[command(after_help = "Examples:\n  coeur device sync alice 3\n  coeur device sync alice --reboot")]
    Sync {
        /// user@domain, or user where there is one domain
        account: String,
        /// Its number, as `coeur device list` shows it; all of the account when absent
        device: Option<String>,
        /// It starts anew first
        #[arg(long)]
        reboot: bool,
    },
    /// Let a registered phone ring, and no other, to see whether it does and is heard: 20 s at most, and 9 s from its answer
    #[command(
        after_help = "It shows `Coeur`. Who takes the call hears two tones, and then what he says; whether anything but silence came from the phone is told, and why not.\n\nExample:\n  coeur device ring alice@example.org 3"
    )]
    Ring {
        /// user@domain, or user where there is one domain
        account: String,
        /// Its number, as `coeur device list` shows it
        device: String,
    },
    /// Phones that were plugged in and have asked the network who tells them (setting `pnp`)
    #[command(
        after_help = "Examples:\n  coeur device seen\n  coeur device connect alice --mac 24:9a:d8:88:d0:f4      claims one by its address"
    )]
    Seen,
    /// Take a device's rights away at once
    #[command(after_help = "Example:\n  coeur device revoke alice@example.org 3")]
    Revoke {
        /// user@domain, or user where there is one domain
        account: String,
        /// Its number, as `coeur device list` shows it
        device: String,
    },
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
    /// Answer for a domain; makes the data directory if there is none
    #[command(after_help = "Example:\n  coeur domain add example.org --data /var/lib/coeur")]
    Add {
        /// Host name such as example.org, or an address
        domain: String,
        /// Whose it is, by name or number; the first one's when absent
        #[arg(long, value_name = "TENANT")]
        tenant: Option<String>,
    },
    /// List domains
    #[command(after_help = "Example:\n  coeur domain list --json")]
    List,
    /// Stop answering for a domain that has no accounts
    #[command(after_help = "Example:\n  coeur domain rm example.org")]
    Rm {
        /// As `coeur domain list` shows it
        domain: String,
    },
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  coeur status
  coeur status --json | jq .uptime_s

It ends with 4 where no server runs.")]
pub struct StatusOf {
    #[command(flatten)]
    pub place: Place,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  coeur registrations --account alice@example.org
  coeur registrations --json --limit 1000000")]
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
#[command(after_help = "\
Examples:
  coeur check-config --config /etc/coeur.toml
  COEUR_LISTEN='udp://0.0.0.0:5060 tls://0.0.0.0:5061' coeur check-config --json

The command line wins over the environment, that over the file, that over the default. A file has the same keys:
  domain = [\"example.org\"]
  listen = [\"udp://192.0.2.1:5060\", \"tls://192.0.2.1:5061\"]")]
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
#[command(after_help = "\
Makes two accounts of its own on the running server and removes them. Exit code 1 when a step fails.

Examples:
  coeur selftest
  coeur selftest --data /var/lib/coeur --json")]
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
  coeur trace --follow              as they happen
  coeur trace 0199a1f0-1111-7abc-8def-0123456789ab --format pcap --output call.pcap
  coeur trace alice --format mermaid")]
pub struct Trace {
    #[command(flatten)]
    pub place: Place,
    /// A Call-ID or its beginning, the name of a call in `coeur calls` or `coeur records`, user, user@domain, number, IP or
    /// IP:PORT
    pub what: Option<String>,
    /// How many conversations
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub last: usize,
    /// Only what was said since then: 24h, 7d or 2026-11-01
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// Only what was over before then
    #[arg(long, value_name = "WHEN", conflicts_with = "follow")]
    pub until: Option<String>,
    /// Go on with new ones until interrupted
    #[arg(long)]
    pub follow: bool,
    /// Print the messages too
    #[arg(long)]
    pub full: bool,
    /// With --full or --format: also what people wrote to each other, as far as it is in memory
    #[arg(long)]
    pub bodies: bool,
    /// How it is shown
    #[arg(long, value_enum, default_value_t = TraceForm::Ladder, conflicts_with = "follow")]
    pub format: TraceForm,
    /// Write there instead of to the terminal
    #[arg(long, short, value_name = "FILE", conflicts_with = "follow")]
    pub output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TraceForm {
    /// A drawing for the terminal
    Ladder,
    /// The messages one behind the other, secrets hidden
    Text,
    /// A sequence diagram for Mermaid
    Mermaid,
    /// For tcpdump and Wireshark, secrets hidden
    Pcap,
    /// The messages with all that is known of them
    Json,
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
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
MEDIA is how what is heard is protected: `e2e` from device to device, with keys that the server does not have; `hop` on both
sides, with keys that it has; `mixed` not everywhere.

Examples:
  coeur calls
  coeur calls --account alice@example.org --json
  coeur calls show 019ac0de-1234-7abc-8def-0123456789ab
  coeur calls hangup 019ac0de-1234-7abc-8def-0123456789ab"
)]
pub struct Calls {
    #[command(flatten)]
    pub place: Place,
    /// Only of this account (user@domain)
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<String>,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub limit: usize,
    #[command(subcommand)]
    pub verb: Option<CallsVerb>,
}

#[derive(Subcommand, Debug)]
pub enum CallsVerb {
    /// Both sides of one call: device, addresses promised and heard, codec, packets, loss, jitter, round trip, score, drops
    #[command(after_help = "Example:\n  coeur calls show 019ac0de-1234-7abc-8def-0123456789ab --json")]
    Show {
        /// As `coeur calls` shows it
        call: String,
    },
    /// Record a call: the caller left, the callee right; both hear that before anything is kept
    #[command(
        after_help = "An account of the call must let it be recorded: coeur account set ACCOUNT --record on-demand.\nFiles are in `recordings` of the data directory; coeur records show CALL names them.\n\nExamples:\n  coeur calls record 019ac0de-1234-7abc-8def-0123456789ab start\n  coeur calls record 019ac0de-1234-7abc-8def-0123456789ab pause"
    )]
    Record {
        /// As `coeur calls` shows it
        call: String,
        #[arg(value_enum)]
        order: RecordOrder,
    },
    /// Play something into a call, instead of what the other side says
    #[command(
        after_help = "SOUND is a file (WAV, or Opus in Ogg) in `prompts` of the data directory, by its name alone, or a tone: tone:dial, tone:ringback,\ntone:busy, tone:congestion, tone:waiting, tone:record. Eight may wait to be heard by one side; more are left out, and the log says so.\n\nExamples:\n  coeur calls play 019ac0de-1234-7abc-8def-0123456789ab closing-soon.wav\n  coeur calls play 019ac0de-1234-7abc-8def-0123456789ab tone:waiting --to callee"
    )]
    Play {
        /// As `coeur calls` shows it
        call: String,
        sound: String,
        /// Who hears it
        #[arg(long, value_enum, default_value_t = Audience::Both)]
        to: Audience,
    },
    /// End what is played into a call
    #[command(after_help = "Example:\n  coeur calls stop-playing 019ac0de-1234-7abc-8def-0123456789ab")]
    StopPlaying {
        /// As `coeur calls` shows it
        call: String,
        /// For whom
        #[arg(long, value_enum, default_value_t = Audience::Both)]
        to: Audience,
    },
    /// Begin a call for an account: its own devices ring first, and who takes it is joined with TO
    #[command(
        after_help = "TO is a number or name of the account's domain, user@domain, or a URI. The rights and limits are those of the account.\n\nExamples:\n  coeur calls originate alice@example.org 201\n  coeur calls originate alice@example.org sip:bob@example.com --device desk --auto-answer --display Sales"
    )]
    Originate {
        /// The account that calls (user@domain)
        from: String,
        to: String,
        /// Only this device of it rings, by its name or number
        #[arg(long)]
        device: Option<String>,
        /// The name that who is called sees
        #[arg(long, value_name = "NAME")]
        display: Option<String>,
        /// Ask the account's own device to answer by itself
        #[arg(long)]
        auto_answer: bool,
        /// How long that device may ring, in seconds
        #[arg(long, value_name = "SECONDS", default_value_t = coeur_api::usual_timeout(), value_parser = clap::value_parser!(u16).range(1..=180))]
        timeout: u16,
    },
    /// Put a side on hold: it hears music, and nobody hears it; the phones are not told
    #[command(after_help = "Example:\n  coeur calls hold 019ac0de-1234-7abc-8def-0123456789ab --side callee")]
    Hold {
        /// As `coeur calls` shows it
        call: String,
        #[arg(long, value_enum, default_value_t = Audience::Both)]
        side: Audience,
    },
    /// Take a hold back
    #[command(after_help = "Example:\n  coeur calls resume 019ac0de-1234-7abc-8def-0123456789ab")]
    Resume {
        /// As `coeur calls` shows it
        call: String,
        #[arg(long, value_enum, default_value_t = Audience::Both)]
        side: Audience,
    },
    /// Let nobody hear a side
    #[command(after_help = "Example:\n  coeur calls mute 019ac0de-1234-7abc-8def-0123456789ab --side caller")]
    Mute {
        /// As `coeur calls` shows it
        call: String,
        #[arg(long, value_enum)]
        side: Audience,
    },
    /// Let a side be heard again
    #[command(
        after_help = "Example:\n  coeur calls unmute 019ac0de-1234-7abc-8def-0123456789ab --side caller"
    )]
    Unmute {
        /// As `coeur calls` shows it
        call: String,
        #[arg(long, value_enum, default_value_t = Audience::Both)]
        side: Audience,
    },
    /// Let a side hear keys
    #[command(
        after_help = "Example:\n  coeur calls dtmf 019ac0de-1234-7abc-8def-0123456789ab 1234# --side callee"
    )]
    Dtmf {
        /// As `coeur calls` shows it
        call: String,
        /// 0 to 9, *, #, A to D; 32 at most
        digits: String,
        #[arg(long, value_enum)]
        side: Audience,
        /// How long each is heard
        #[arg(long, value_name = "MILLISECONDS", default_value_t = coeur_api::usual_key_ms())]
        ms: u16,
    },
    /// Send a side to somebody else, with the rights of the account on the other side, which is left
    #[command(
        after_help = "With --with the side is joined with the other side of another call of that account.\n\nExamples:\n  coeur calls transfer 019ac0de-1234-7abc-8def-0123456789ab --side caller 201\n  coeur calls transfer 019ac0de-1234-7abc-8def-0123456789ab --side caller --with 019ac0de-5678-7abc-8def-0123456789ab"
    )]
    Transfer {
        /// As `coeur calls` shows it
        call: String,
        /// A number or name of that account's domain, user@domain, or a URI
        #[arg(required_unless_present = "with", conflicts_with = "with")]
        to: Option<String>,
        /// The side that goes there
        #[arg(long, value_enum)]
        side: CallEnd,
        /// The other call
        #[arg(long, value_name = "CALL")]
        with: Option<String>,
    },
    /// End a call at once, on both sides
    #[command(after_help = "Example:\n  coeur calls hangup 019ac0de-1234-7abc-8def-0123456789ab")]
    Hangup {
        /// As `coeur calls` shows it
        call: String,
    },
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordOrder {
    Start,
    /// What is said is left out, and the place is marked
    Pause,
    Resume,
    Stop,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallEnd {
    Caller,
    Callee,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    Both,
    Caller,
    Callee,
}

#[derive(Args, Debug)]
#[command(
    after_help = "The newest first. `coeur check-data` looks whether any row was changed or taken away.\n\nExamples:\n  coeur audit --since 24h\n  coeur audit --since 2026-11-01 --limit 10000 --json"
)]
pub struct Audit {
    #[command(flatten)]
    pub place: Place,
    /// At this time or later: a date, a time (RFC 3339), or so long ago: 90m, 24h, 7d
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// At most this many, the newest; 10000 at once
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub limit: usize,
}

#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
How long they are kept: `call_records_days` and `call_records_max` of the server's settings. What was not measured is empty.

Examples:
  coeur records --since 24h
  coeur records --since 2026-11-01 --account alice --failed
  coeur records --bad --limit 100
  coeur records --since 30d --csv > calls.csv
  coeur records show 019ac0de-1234-7abc-8def-0123456789ab"
)]
pub struct Records {
    #[command(flatten)]
    pub place: Place,
    /// Begun at this time or later: a date, a time (RFC 3339), or so long ago: 90m, 24h, 7d
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// Only of this account (user@domain)
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<String>,
    /// Only calls that were not answered
    #[arg(long)]
    pub failed: bool,
    /// Only calls of which people complain: a direction with an estimated score below 3.6, or somebody not heard
    #[arg(long)]
    pub bad: bool,
    /// At most this many, the newest
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub limit: usize,
    /// Print CSV (RFC 4180), one column for each field
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    #[command(subcommand)]
    pub verb: Option<RecordsVerb>,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Calls that were answered, measured or judged are counted. A bad one has an estimated score below 3.6, or somebody was not heard.
By codec, transport, program, account and network each of the two sides of a call counts for itself.

Examples:
  coeur quality --since 24h
  coeur quality --since 7d --by codec
  coeur quality --since 30d --by cause --json")]
pub struct Quality {
    #[command(flatten)]
    pub place: Place,
    /// Begun at this time or later: a date, a time (RFC 3339), or so long ago: 90m, 24h, 7d [default: 7d before --until]
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// Begun before [default: now]
    #[arg(long, value_name = "WHEN")]
    pub until: Option<String>,
    /// What makes a group
    #[arg(long, value_enum, default_value_t = QualityBy::Hour)]
    pub by: QualityBy,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum QualityBy {
    Hour,
    Codec,
    Transport,
    Program,
    Account,
    Cause,
    Network,
}

impl QualityBy {
    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Codec => "codec",
            Self::Transport => "transport",
            Self::Program => "program",
            Self::Account => "account",
            Self::Cause => "cause",
            Self::Network => "network",
        }
    }
}

#[derive(Subcommand, Debug)]
pub enum RecordsVerb {
    /// All that is known of one call
    #[command(after_help = "Example:\n  coeur records show 019ac0de-1234-7abc-8def-0123456789ab --json")]
    Show {
        /// As `coeur records` shows it
        call: String,
    },
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  source <(coeur completion bash)
  coeur completion fish > ~/.config/fish/completions/coeur.fish")]
pub struct Completion {
    pub shell: clap_complete::Shell,
}

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  coeur man /usr/local/share/man/man1")]
pub struct Man {
    /// Made if it is not there
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

#[derive(Args, Debug)]
#[command(after_help = "\
In it: accounts and all other records, the audit chain, keys, certificates, prompts. Not in it: registrations and calls that are up
(phones register again within minutes), and recordings, unless --recordings. Who has the file has the credentials of all
accounts.

Examples:
  coeur backup /var/backups/coeur-$(date +%F).tar.gz --data /var/lib/coeur
  coeur backup all.tar.gz --recordings")]
pub struct Backup {
    #[command(flatten)]
    pub place: Place,
    /// A new file
    pub file: PathBuf,
    /// With the recordings of calls
    #[arg(long)]
    pub recordings: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "\
It is unpacked beside the data directory, every file compared with its digest, records and audit chain checked; only then it takes
the place. No server may run on the directory.

Examples:
  coeur restore coeur-2026-11-26.tar.gz --data /var/lib/coeur
  coeur restore coeur-2026-11-26.tar.gz --data /var/lib/coeur --replace")]
pub struct Restore {
    #[command(flatten)]
    pub place: Place,
    /// What `coeur backup` has written
    pub file: PathBuf,
    /// Put aside what is in the data directory
    #[arg(long)]
    pub replace: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Disk, limits, clock, ports, the addresses and names under which phones reach the server, its certificate. It ends with 1 where
something is bad; a warning is none.

Examples:
  coeur doctor
  COEUR_CONFIG=/etc/coeur/coeur.toml coeur doctor --json")]
pub struct Doctor {
    #[command(flatten)]
    pub settings: Settings,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
