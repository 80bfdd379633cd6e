//! The words of `coeur replay`.

use super::Place;
use clap::Args;
use std::path::PathBuf;

#[derive(Args, Debug)]
#[command(after_help = "\
What phones said then is said again to a server that this command starts for it, behind a wall: a network of its own with nothing
but a loopback, on a copy of the accounts. The running server and its phones hear nothing of it.

Examples:
  coeur replay alice                              her last call, with this version and the accounts as they are now
  coeur replay CALL --config new.toml             what other settings would do
  coeur replay CALL --program ./coeur-next        what another version would do
  coeur replay --all --since 24h                  each conversation of a day: so many the same, so many not
  coeur trace CALL --format json > call.json; coeur replay --file call.json

Exit codes: 0 the same, 1 it differs, 2 it could not be replayed.")]
pub struct Replay {
    #[command(flatten)]
    pub place: Place,
    /// A Call-ID or its beginning, the name of a call in `coeur calls` or `coeur records`, user, user@domain, number, IP or
    /// IP:PORT; the latest conversation that it has
    #[arg(required_unless_present_any = ["all", "file"])]
    pub what: Option<String>,
    /// Every conversation, the latest first, one line for each
    #[arg(long, conflicts_with = "file")]
    pub all: bool,
    /// With --all: only what was said since then: 24h, 7d or 2026-11-01
    #[arg(long, value_name = "WHEN", requires = "all")]
    pub since: Option<String>,
    /// With --all: how many at most
    #[arg(long, value_name = "N", default_value_t = 1_000, requires = "all")]
    pub last: usize,
    /// Conversations of a file that `coeur trace --format json` has written
    #[arg(long, value_name = "FILE", conflicts_with = "what")]
    pub file: Option<PathBuf>,
    /// Data directory whose accounts answer, instead of that of --data
    #[arg(long, value_name = "DIR")]
    pub against: Option<PathBuf>,
    /// File with the settings of the server that answers [env: COEUR_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Another version of this program, which answers
    #[arg(long, value_name = "FILE")]
    pub program: Option<PathBuf>,
}
