//! `coeur doctor`: what of this machine and these settings will keep somebody from being reached or heard, and what to do.
//!
//! Nothing is changed. Ports are opened for an instant, names are asked for, nothing else is sent.

mod machine;
mod names;
mod places;

use super::check_config::{self, settings};
use super::door::print_json;
use super::exit::{Exit, Failure};
use super::grammar::{Doctor, Place};
use super::terminal::{green, print, red, yellow};
use super::words::Word;
use crate::config::{Settings, of_server};
use coeur_api::Status;
use serde_json::json;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Good,
    /// It works, and may stop or be less than it could be.
    Warning,
    /// Somebody will not be reached or heard.
    Bad,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A name that stays the same, for scripts.
    pub about: &'static str,
    pub state: State,
    pub text: String,
    /// What to do, where there is anything.
    pub hint: Option<String>,
}

impl Finding {
    pub fn good(about: &'static str, text: String) -> Self {
        Self { about, state: State::Good, text, hint: None }
    }

    pub fn warning(about: &'static str, text: String, hint: Word) -> Self {
        Self { about, state: State::Warning, text, hint: Some(hint.say().to_owned()) }
    }

    pub fn bad(about: &'static str, text: String, hint: Word) -> Self {
        Self { about, state: State::Bad, text, hint: Some(hint.say().to_owned()) }
    }
}

pub fn run(arguments: Doctor) -> Result<(), Failure> {
    let mut layer = arguments.settings.layer();
    let given = layer.clone();
    let settings = settings(&mut layer)?;
    super::door::fits(&settings.data)?;
    let server = check_config::running(&settings);
    let looked = Finding::good("settings", check_config::looked(&settings, server.as_ref()));
    let mut findings = vec![looked];
    findings.extend(match &server {
        // What runs was started with other flags, or by another file: what it really has is looked at.
        Some(server) => {
            let own = of_server(given, check_config::told(&server.settings)).unwrap_or(settings.clone());
            look(&Settings { data: settings.data, ..own }, Some(&server.status))
        }
        None => look(&settings, None),
    });
    match arguments.json {
        true => print_json(&findings.iter().map(value).collect::<Vec<_>>())?,
        false => print(&text(&findings)),
    }
    match findings.iter().any(|finding| finding.state == State::Bad) {
        true => Err(Failure::said(Exit::Failed)),
        false => Ok(()),
    }
}

fn look(settings: &Settings, status: Option<&Status>) -> Vec<Finding> {
    let place = Place { data: Some(settings.data.clone()), json: false };
    let domains = match &status {
        Some(status) => status.domains.clone(),
        None => names::kept(&place).unwrap_or_else(|| settings.domains.clone()),
    };
    let mut findings = vec![places::server(status)];
    findings.extend(machine::look(settings));
    findings.extend(places::listeners(settings, status));
    findings.push(places::media_ports(settings));
    findings.push(places::reach(settings));
    findings.extend(places::certificate(settings, &domains, status));
    findings.extend(places::public_certificate(settings, status));
    findings.extend(names::domains(settings, &domains));
    findings
}

fn value(finding: &Finding) -> serde_json::Value {
    json!({
        "about": finding.about,
        "state": finding.state.as_str(),
        "text": finding.text,
        "hint": finding.hint,
    })
}

fn text(findings: &[Finding]) -> String {
    let mut lines = Vec::new();
    for finding in findings {
        let mark = match finding.state {
            State::Good => green(Word::DoctorGood.say()),
            State::Warning => yellow(Word::DoctorWarning.say()),
            State::Bad => red(Word::DoctorBad.say()),
        };
        lines.push(format!("{mark}  {}", super::terminal::safe(finding.text.as_bytes())));
        lines.extend(finding.hint.iter().map(|hint| format!("         {hint}")));
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_is_a_line_and_what_to_do_is_below_it() {
        let findings = [
            Finding::good("clock", "the clock is right".to_owned()),
            Finding::bad("listen", "udp\u{1b}://: busy".to_owned(), Word::DoctorPortHint),
        ];
        let text = text(&findings);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[1].contains("busy") && lines[2].contains(Word::DoctorPortHint.say()), "{text}");
        assert!(!lines[1].contains("\u{1b}://"), "{text}");
    }
}
