//! Structured logs on standard error, as text or JSON.

use crate::cli::exit::{Exit, Failure};
use crate::config::{LogFormat, Settings};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// Once per process.
pub fn start(settings: &Settings) -> Result<(), Failure> {
    let filter = filter(&settings.log)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::NONE);
    let colours =
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let started = match settings.log_format {
        LogFormat::Text => builder.with_ansi(colours).with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|why| Failure::failed(why.to_string()))
}

/// A word that is no level would be read as the name of a part of the program, and silence all others.
pub fn check(text: &str) -> Result<(), String> {
    let is_level = |word: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word));
    let bare = |directive: &&str| !directive.contains(['=', '[']) && !is_level(directive);
    if let Some(word) = text.split(',').map(str::trim).find(bare) {
        let levels = LEVELS.join(", ");
        return Err(format!(
            "`{word}` is no log level ({levels}), nor a filter such as coeur=debug,hyper=info"
        ));
    }
    filter(text).map(drop).map_err(|failure| failure.text)
}

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// A bare level is ours; libraries stay at `warn` unless a full filter is given.
fn filter(text: &str) -> Result<EnvFilter, Failure> {
    let full = match LEVELS.contains(&text) {
        true => format!("warn,coeur={text},coeur_api={text},coeur_storage={text}"),
        false => text.to_owned(),
    };
    EnvFilter::try_new(full).map_err(|why| Failure::new(Exit::Usage, format!("log filter `{text}`: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_or_a_filter_is_accepted_and_nonsense_is_refused() {
        assert!(filter("debug").is_ok());
        assert!(filter("coeur=trace,hyper=info").is_ok());
        for good in ["debug", "TRACE", "coeur=trace,hyper=info", "warn,coeur=debug"] {
            assert_eq!(check(good), Ok(()));
        }
        assert!(check("verbose").unwrap_err().starts_with("`verbose` is no log level (error, warn,"));
        assert_eq!(filter("coeur=loud").err().map(|failure| failure.exit), Some(Exit::Usage));
    }
}
