//! The words of `coeur apply`.

use super::Place;
use clap::Args;
use std::path::PathBuf;

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  coeur apply -f state.toml --dry-run     what would be made (+), changed (~) and removed (-); ends with 1 if anything would, with 2 if refused
  coeur apply -f state.toml
  coeur apply -f state.toml --prune       removes what the file does not name, of the kinds that it has

A file:
  [[domains]]
  name = 'example.org'

  [[groups]]
  name = 'sales'
  quota = { sessions_max = 2, destinations = 'internal,national' }

  [[users]]
  login = 'alice'
  role = 'operator'

  [[accounts]]
  account = 'alice@example.org'
  user = 'alice'
  groups = ['sales']
  aliases = ['201']
  devices = ['first', 'desk']

What an entry does not name stays as it is; a quota is whole where it is there. Secrets of new devices are shown once.")]
pub struct Apply {
    #[command(flatten)]
    pub place: Place,
    /// TOML, with tenants, domains, groups, users and accounts
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    pub file: PathBuf,
    /// Remove what the file does not name, of the kinds that it has
    #[arg(long)]
    pub prune: bool,
    /// Show what differs, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}
