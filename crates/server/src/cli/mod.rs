//! The command line of `coeur`: one file per verb. Everything that changes or reads records goes through the
//! administration door ([`coeur_api`]): over its control socket when a server runs, else on the data directory.

pub mod account;
mod apply;
mod audit;
mod backup;
mod ca;
pub mod call;
pub mod calls;
pub mod causes;
pub mod check_config;
pub mod check_data;
pub mod completion;
pub mod contact;
pub mod device;
mod docs;
mod doctor;
pub mod domain;
pub mod door;
pub mod exit;
pub mod grammar;
pub mod group;
pub mod import;
mod man;
pub mod number;
#[cfg(test)]
mod parity;
pub mod phone;
pub mod progress;
mod quality;
pub mod records;
pub mod registrations;
pub mod replay;
pub mod selftest;
pub mod serve;
pub mod setup_link;
mod status;
pub mod table;
pub mod tenant;
pub mod terminal;
mod terms;
mod token;
pub mod trace;
pub mod turn;
pub mod user;
mod ways;
mod webhook;
pub mod words;

use clap::Parser;
use exit::{Exit, Failure};
use grammar::{Cli, Command};
use std::process::ExitCode;

pub fn main() -> ExitCode {
    crate::observe::process::survive_file_size_limit();
    let command = match Cli::try_parse().and_then(Cli::into_command) {
        Ok(command) => command,
        Err(why) => {
            let usage = if why.use_stderr() { Exit::Usage } else { Exit::Done };
            // Nothing can be said when even standard error is closed.
            let _ = why.print();
            return usage.into();
        }
    };
    let json = command.json();
    match run(command) {
        Ok(()) => Exit::Done.into(),
        Err(failure) => {
            match (failure.text.as_str(), json) {
                ("", _) => {}
                (text, true) => {
                    eprintln!("{}", serde_json::json!({ "error": text, "exit": failure.exit as u8 }))
                }
                (text, false) => eprintln!("coeur: {text}"),
            }
            failure.exit.into()
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(arguments) => serve::run(arguments),
        Command::Account(arguments) => account::run(arguments),
        Command::Device(arguments) => device::run(arguments),
        Command::Provision(arguments) => phone::provision(arguments),
        Command::Domain(arguments) => domain::run(arguments),
        Command::SetupLink(arguments) => setup_link::run(arguments),
        Command::Token(arguments) => token::run(arguments),
        Command::Ca(arguments) => ca::run(arguments),
        Command::Webhook(arguments) => webhook::run(arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Apply(arguments) => apply::run(arguments),
        Command::User(arguments) => user::run(arguments),
        Command::Group(arguments) => group::run(arguments),
        Command::Contact(arguments) => contact::run(arguments),
        Command::Number(arguments) => number::run(arguments),
        Command::Tenant(arguments) => tenant::run(arguments),
        Command::Registrations(arguments) => registrations::run(arguments),
        Command::Turn(arguments) => turn::run(arguments),
        Command::CheckConfig(arguments) => check_config::run(arguments),
        Command::Doctor(arguments) => doctor::run(arguments),
        Command::CheckData(arguments) => check_data::run(arguments),
        Command::Backup(arguments) => backup::backup(&arguments),
        Command::Restore(arguments) => backup::restore(&arguments),
        Command::Selftest(arguments) => selftest::run(arguments),
        Command::Trace(arguments) => trace::run(arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Call(arguments) => call::run(arguments),
        Command::Calls(arguments) => calls::run(arguments),
        Command::Records(arguments) => records::run(arguments),
        Command::Quality(arguments) => quality::run(arguments),
        Command::Audit(arguments) => audit::run(arguments),
        Command::Docs(arguments) => docs::run(&arguments),
        Command::Completion(arguments) => completion::run(arguments),
        Command::Man(arguments) => man::run(&arguments),
    }
}
