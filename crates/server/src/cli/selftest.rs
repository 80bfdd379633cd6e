//! `coeur selftest`: what a phone would do, over every transport, in a second.

use super::call::{has_ended, listener};
use super::door::{Way, print_json, unexpected};
use super::exit::Failure;
use super::grammar::Selftest;
use super::terminal::{green, print, red};
use super::words::Word;
use crate::config::listen::{Listen, Scheme};
use crate::user_agent::tls::Trust;
use crate::user_agent::{Identity, Link, Phone, PhoneError, Secret, interrupt};
use coeur_api::{NewAccount, Reply, Request, Status};
use std::path::Path;
use std::time::{Duration, Instant};

#[derive(Clone, Debug, serde::Serialize)]
pub struct Step {
    pub name: String,
    /// Absent when it worked.
    pub error: Option<String>,
    pub took_ms: u64,
}

/// How long each call talks: enough to see loss, short enough to wait for.
const TALK: Duration = Duration::from_millis(200);
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

pub fn run(arguments: Selftest) -> Result<(), Failure> {
    let way = Way::open_server(&arguments.place)?;
    interrupt::listen();
    let steps = steps(&way.status()?, &|request| way.ask(request))?;
    let failed: Vec<&str> =
        steps.iter().filter(|step| step.error.is_some()).map(|step| step.name.as_str()).collect();
    if arguments.place.json {
        print_json(&steps)?;
    } else {
        print(&steps.iter().map(line).collect::<String>());
    }
    match failed.as_slice() {
        [] => Ok(()),
        failed => Err(Failure::failed(Word::SelftestFailed.with(&[&failed.join(", ")]))),
    }
}

/// The whole test in one line, for the demonstration.
pub fn summary(steps: &[Step]) -> String {
    let failed =
        steps.iter().filter_map(|step| step.error.as_ref().map(|error| format!("{}: {error}", step.name)));
    match failed.collect::<Vec<_>>().as_slice() {
        [] => {
            let names = steps.iter().map(|step| step.name.as_str()).collect::<Vec<_>>().join(", ");
            let took: u64 = steps.iter().map(|step| step.took_ms).sum();
            green(&Word::SelftestPassed.with(&[&names, &took.to_string()]))
        }
        failed => red(&Word::SelftestFailed.with(&[&failed.join("; ")])),
    }
}

fn line(step: &Step) -> String {
    match &step.error {
        None => format!("{:<40} {} ({} ms)\n", step.name, green(Word::StepOk.say()), step.took_ms),
        Some(error) => {
            format!("{:<40} {} {error} ({} ms)\n", step.name, red(Word::StepFailed.say()), step.took_ms)
        }
    }
}

/// Makes two accounts for the test, runs it, and removes them whatever happened.
pub fn steps(status: &Status, ask: &dyn Fn(Request) -> Result<Reply, Failure>) -> Result<Vec<Step>, Failure> {
    let domain = status
        .domains
        .first()
        .ok_or_else(|| Failure::failed("there is no domain; add one: coeur domain add DOMAIN"))?;
    sweep(domain, ask)?;
    let mark = std::process::id();
    let accounts = NAMES.map(|name| format!("{name}{mark}@{domain}"));
    let made = make(&accounts, ask)?;
    let trust = trust(status);
    let steps = match trust {
        Ok(trust) => Test { status, domain, trust, phones: made }.run(),
        Err(why) => Err(Failure::failed(format!("the local authority cannot be read: {why}"))),
    };
    for account in accounts {
        ask(Request::AccountRemove { account })?;
    }
    steps
}

/// Begin the names of the accounts of a test; the number of its process follows.
const NAMES: [&str; 2] = ["selftest-a-", "selftest-b-"];

/// Removes what tests have left that were killed.
fn sweep(domain: &str, ask: &dyn Fn(Request) -> Result<Reply, Failure>) -> Result<(), Failure> {
    for name in NAMES {
        // Accounts are listed in the order of their characters, and `!` comes before each digit.
        let request = Request::AccountsList {
            domain: Some(domain.to_owned()),
            after: Some(format!("{name}!@{domain}")),
            limit: SWEPT_MAX,
        };
        let Reply::Accounts(views) = ask(request)? else { continue };
        for view in views {
            let rest = view.account.strip_prefix(name).and_then(|rest| rest.split('@').next());
            if rest.and_then(|process| process.parse().ok()).is_some_and(has_ended) {
                ask(Request::AccountRemove { account: view.account })?;
            }
        }
    }
    Ok(())
}

/// Accounts looked at; more are left for the next test.
const SWEPT_MAX: usize = 100;

fn make(
    accounts: &[String; 2],
    ask: &dyn Fn(Request) -> Result<Reply, Failure>,
) -> Result<Vec<Identity>, Failure> {
    let new = |account: &String| NewAccount {
        account: account.clone(),
        policy: "auto".to_owned(),
        ..NewAccount::default()
    };
    let made = match ask(Request::AccountsAdd { accounts: accounts.iter().map(new).collect() })? {
        Reply::Made(made) => made,
        other => return Err(unexpected(&other)),
    };
    let identity = |made: coeur_api::Made| {
        let (user, domain) = made.account.rsplit_once('@')?;
        let secret = Secret::new(made.secret.as_ref()?.reveal().to_owned());
        Some(Identity {
            user: user.to_owned(),
            domain: domain.to_owned(),
            digest_user: user.to_owned(),
            secret,
        })
    };
    let identities: Vec<Identity> = made.into_iter().filter_map(identity).collect();
    match identities.len() {
        2 => Ok(identities),
        _ => Err(Failure::failed("the server made no accounts for the test")),
    }
}

fn trust(status: &Status) -> std::io::Result<Trust> {
    match &status.local_authority {
        Some(file) => Trust::file(Path::new(file)),
        None => Trust::anything(),
    }
}

struct Test<'t> {
    status: &'t Status,
    domain: &'t str,
    trust: Trust,
    phones: Vec<Identity>,
}

impl Test<'_> {
    fn run(self) -> Result<Vec<Step>, Failure> {
        let schemes: Vec<Scheme> = Scheme::ALL.into_iter().filter(|scheme| self.has(*scheme)).collect();
        let first = *schemes.first().ok_or_else(|| Failure::failed("the server listens nowhere"))?;
        let mut steps: Vec<Step> = schemes
            .iter()
            .map(|scheme| {
                let name = Word::SelftestRegister.with(&[&scheme.name().to_ascii_uppercase()]);
                step(name, || self.phone(0, *scheme)?.register(0))
            })
            .collect();
        let echo = format!("sip:echo@{}", self.domain);
        steps.push(step(Word::SelftestEcho.say().to_owned(), || {
            heard(self.phone(0, first)?.call(&echo, TALK)?)
        }));
        // The other phone on another transport, so that the call crosses.
        let other = schemes.iter().copied().find(|scheme| *scheme != first).unwrap_or(first);
        steps.push(step(Word::SelftestCall.say().to_owned(), || self.call_between(first, other)));
        steps.push(step(Word::SelftestText.say().to_owned(), || self.text_between(first, other)));
        Ok(steps)
    }

    fn has(&self, scheme: Scheme) -> bool {
        let listens = |text: &String| text.parse::<Listen>().is_ok_and(|listen| listen.scheme == scheme);
        self.status.listeners.iter().any(listens)
    }

    /// A phone that is registered for the time of the test.
    fn phone(&self, index: usize, scheme: Scheme) -> Result<Phone, PhoneError> {
        let address = listener(self.status, scheme).map_err(|failure| PhoneError::Nonsense(failure.text))?;
        let link = Link::open(scheme, address, self.domain, &self.trust)?;
        let mut phone = Phone::new(self.phones[index].clone(), link);
        phone.register(120)?;
        Ok(phone)
    }

    fn call_between(&self, caller: Scheme, callee: Scheme) -> Result<(), PhoneError> {
        let mut bob = self.phone(1, callee)?;
        let answering = std::thread::spawn(move || {
            let taken = bob.take_a_call(ANSWER_WITHIN);
            bob.register(0).and(taken)
        });
        let called = self
            .phone(0, caller)
            .and_then(|mut alice| alice.call(&self.phones[1].aor(), TALK))
            .and_then(heard);
        // A call that failed is not waited for at the other end: that phone gives up by itself.
        called?;
        answering.join().unwrap_or_else(|_| Err(PhoneError::Nonsense("the called phone broke".to_owned())))
    }

    fn text_between(&self, sender: Scheme, receiver: Scheme) -> Result<(), PhoneError> {
        let mut bob = self.phone(1, receiver)?;
        let reading = std::thread::spawn(move || bob.read_text(ANSWER_WITHIN));
        let sent = self.phone(0, sender).and_then(|mut alice| alice.text(&self.phones[1].aor(), "hello"));
        sent?;
        let read = reading
            .join()
            .unwrap_or_else(|_| Err(PhoneError::Nonsense("the reading phone broke".to_owned())));
        match read? {
            text if text == "hello" => Ok(()),
            other => Err(PhoneError::Nonsense(format!(
                "the text arrived changed: {}",
                super::terminal::safe(other.as_bytes())
            ))),
        }
    }
}

fn heard(report: crate::user_agent::call::CallReport) -> Result<(), PhoneError> {
    match report.audio.packets_heard {
        0 => Err(PhoneError::Nonsense(format!("{} packets sent, none came back", report.audio.packets_sent))),
        _ => Ok(()),
    }
}

fn step(name: String, what: impl FnOnce() -> Result<(), PhoneError>) -> Step {
    let started = Instant::now();
    let error = what().err().map(|why| why.to_string());
    Step { name, error, took_ms: started.elapsed().as_millis() as u64 }
}
