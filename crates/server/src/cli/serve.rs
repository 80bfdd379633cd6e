//! `coeur serve`.

use super::check_config::settings;
use super::exit::{Exit, Failure};
use super::grammar::Serve;
use super::terminal::print;
use super::words::Word;
use crate::config::listen::Listen;
use crate::config::{AllowedOrigin, LogFormat, Settings};
use crate::demo::{self, USERS, address, card, ports};
use crate::house::start::{Server, start};
use crate::house::supervisor;
use crate::tls::authority;
use crate::user_agent::Secret;
use coeur_api::{AUTHORITY_PATH, House, NewAccount, Operator, Reply, Request, SignInRequest, Why, rfc3339};
use coeur_storage::DataLock;

pub fn run(arguments: Serve) -> Result<(), Failure> {
    let mut settings = settings(&mut arguments.settings.layer())?;
    if arguments.demo {
        demonstrate(&mut settings)?;
    }
    super::door::fits(&settings.data)?;
    crate::observe::logs::start(&settings)?;
    let server = start(&settings, arguments.demo)?;
    if arguments.demo {
        show_demonstration(&server, &settings)?;
    } else {
        ready(&server, &settings);
    }
    tell_authority(&server, &settings);
    offer_setup(&server, &settings);
    let status = server.running.status();
    let [accounts, registrations] = [status.accounts, status.registrations].map(|n| n.to_string());
    supervisor::ready(&Word::AtWork.with(&[&accounts, &registrations, &status.listeners.join(" ")]));
    supervisor::keep_telling(server.running.clone(), &server.running.deaths)
        .map_err(|why| Failure::new(Exit::Unreachable, why.to_string()))?;
    let ended = server.wait();
    supervisor::stopping();
    eprintln!("{}", Word::Stopping.say());
    server.stop();
    ended
}

/// Where the local authority vouches for the pages, browsers do not know it: what is compared before it is trusted.
fn tell_authority(server: &Server, settings: &Settings) {
    let (Some(web), Some(file)) = (server.running.web.get(), &server.running.local_authority) else { return };
    if !settings.is_web_encrypted() {
        return;
    }
    let Ok(certificate) = authority::read_file(file) else { return };
    let (address, print_of) = (web.address.as_str(), authority::fingerprint(&certificate));
    match settings.log_format {
        LogFormat::Json => {
            tracing::info!(address, sha256 = print_of, "pages are vouched for by the local authority")
        }
        LogFormat::Text => {
            let place = format!("{address}{AUTHORITY_PATH}");
            print(&format!("{}\n", Word::AuthorityVouches.with(&[address, &place, &print_of])));
        }
    }
}

/// As long as nobody answers for the installation, the link by which somebody does. It is printed for who started the
/// server, and is in no log.
fn offer_setup(server: &Server, settings: &Settings) {
    let Some(web) = server.running.web.get() else { return };
    if web.desk.has_owner() {
        return;
    }
    if settings.log_format == LogFormat::Json {
        tracing::warn!("there is no owner yet; `coeur setup-link` makes the link by which one is made");
        return;
    }
    // A new one would end it.
    if let Some(until_ms) = web.desk.first_link_until_ms() {
        print(&format!("{}\n", Word::SetupStands.with(&[&web.address, &rfc3339(until_ms)])));
        return;
    }
    let what = SignInRequest::Link { user: None };
    match server.door.answer(&Operator::program(), Request::SignIn { what }) {
        Ok(Reply::Link(link)) => {
            let line = Word::SetupFirst.with(&[&super::setup_link::line(&link)]);
            print(&format!("{line}\n"));
        }
        Ok(_) => {}
        Err(refusal) => tracing::error!(why = %refusal.text, "no setup link could be made"),
    }
}

/// One line, for people; with JSON logs, as a log line.
fn ready(server: &Server, settings: &Settings) {
    let status = server.running.status();
    match settings.log_format {
        LogFormat::Json => tracing::info!(
            domains = status.domains.len(),
            accounts = status.accounts,
            registrations = status.registrations,
            listeners = status.listeners.join(" "),
            "ready"
        ),
        LogFormat::Text => {
            let [domains, accounts, registrations] =
                [status.domains.len(), status.accounts, status.registrations].map(|n| n.to_string());
            let listeners = status.listeners.join(" ");
            print(&format!("{}\n", Word::Ready.with(&[&domains, &accounts, &registrations, &listeners])));
        }
    }
    if status.domains.is_empty() {
        tracing::warn!("there is no domain yet; make one with `coeur domain add DOMAIN`");
    }
}

const DEMO_LISTEN: [&str; 5] = [
    "udp://0.0.0.0:5060",
    "tcp://0.0.0.0:5060",
    "tls://0.0.0.0:5061",
    "ws://0.0.0.0:8088",
    "wss://0.0.0.0:8089",
];

/// What nobody chose is chosen here: nothing is written but one directory below the current one.
fn demonstrate(settings: &mut Settings) -> Result<(), Failure> {
    if !settings.chosen.data {
        settings.data = demo::DATA_DIRECTORY.into();
    }
    // Ports that the demonstration here already has are no reason to look for others.
    if settings.data.is_dir() {
        drop(DataLock::take(&settings.data).map_err(|why| Failure::new(Exit::Unreachable, why.to_string()))?);
    }
    if !settings.chosen.domains {
        settings.domains = vec![crate::config::listen::bracketed(address::of_this_machine())];
    }
    if !settings.chosen.listen {
        settings.listen = DEMO_LISTEN.iter().filter_map(|text| text.parse().ok()).collect();
    }
    if !settings.chosen.turn {
        settings.turn = crate::config::turn::beside(&settings.listen);
    }
    // A page that somebody tries from a server on this machine is no stranger's.
    settings.origins.push(AllowedOrigin::Host("localhost".to_owned()));
    let (listen, replaced) = ports::free(&settings.listen);
    settings.listen = listen;
    let mut moved = replaced;
    if let Some(http) = settings.http {
        let (http, replaced) = ports::free_http(http);
        settings.http = Some(http);
        moved.extend(replaced);
    }
    if let Some(web) = settings.web {
        let (web, replaced) = ports::free_http(web);
        settings.web = Some(web);
        moved.extend(replaced);
    }
    for port in moved {
        print(&format!("{}\n", Word::PortBusy.with(&[&port.wanted, &port.taken.to_string()])));
    }
    if settings.log == "info" {
        settings.log = "warn".to_owned();
    }
    Ok(())
}

fn show_demonstration(server: &Server, settings: &Settings) -> Result<(), Failure> {
    for (asked, taken) in &server.replaced {
        print(&format!("{}\n", Word::PortBusy.with(&[&asked.to_string(), &taken.port().to_string()])));
    }
    let domain = settings.domains.first().map_or("", String::as_str);
    let listen: Vec<Listen> = server.running.listeners.iter().filter_map(|text| text.parse().ok()).collect();
    // A machine that has moved to another network has the domain of each in its data.
    let several = server.running.status().domains.len() > 1;
    let named = |user: &str| if several { format!("{user}@{domain}") } else { user.to_owned() };
    let command = |words: &str| match settings.chosen.data {
        true => format!("coeur {words} --data {}", settings.data.display()),
        false => format!("coeur {words}"),
    };
    let mut accounts = Vec::new();
    for user in USERS {
        let credential = match account(server, user, domain)? {
            Some(secret) => card::Credential::Secret(secret),
            None => card::Credential::Earlier { another: command(&format!("device add {}", named(user))) },
        };
        accounts.push((user, credential));
    }
    print(&card::draw(&card::Card {
        domain,
        listen: &listen,
        turn: &server.running.status().turn,
        web: server.web.map(|web| {
            let scheme = if settings.is_web_encrypted() { "https" } else { "http" };
            format!("{scheme}://localhost:{}/", web.port())
        }),
        token: server
            .web
            .map(|_| settings.data.join(crate::house::first_token::TOKEN_FILE).display().to_string()),
        http: settings.http.map(|http| format!("http://{http}/metrics")),
        data: settings.data.display().to_string(),
        accounts,
        try_it: command(&format!("call {} echo", named("alice"))),
    }));
    let ask = |request| server.door.answer(&Operator::program(), request).map_err(super::door::refuse);
    let line = match super::selftest::steps(&server.running.status(), &ask) {
        Ok(steps) => super::selftest::summary(&steps),
        Err(failure) => Word::SelftestFailed.with(&[&failure.text]),
    };
    print(&format!("  {line}\n"));
    Ok(())
}

/// Makes an account of the demonstration; `None` when it is there from an earlier start.
fn account(server: &Server, user: &str, domain: &str) -> Result<Option<Secret>, Failure> {
    let new = NewAccount {
        account: format!("{user}@{domain}"),
        display_name: user[..1].to_ascii_uppercase() + &user[1..],
        policy: "auto".to_owned(),
        ..NewAccount::default()
    };
    match server.door.answer(&Operator::program(), Request::AccountsAdd { accounts: vec![new] }) {
        Ok(Reply::Made(made)) => Ok(made
            .first()
            .and_then(|made| made.secret.as_ref())
            .map(|secret| Secret::new(secret.reveal().to_owned()))),
        Ok(other) => Err(super::door::unexpected(&other)),
        Err(refusal) if refusal.why == Why::Exists => Ok(None),
        Err(refusal) => Err(super::door::refuse(refusal)),
    }
}
