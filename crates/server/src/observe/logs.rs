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

/// A bare level is ours; libraries stay at `warn` unless a full filter is given.
fn filter(text: &str) -> Result<EnvFilter, Failure> {
    let levels = ["error", "warn", "info", "debug", "trace", "off"];
    let full = match levels.contains(&text) {
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
        assert_eq!(filter("coeur=loud").err().map(|failure| failure.exit), Some(Exit::Usage));
    }
}
