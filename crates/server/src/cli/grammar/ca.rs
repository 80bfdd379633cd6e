//! The words of `coeur ca`.

use super::Place;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Args, Debug)]
pub struct Ca {
    #[command(flatten)]
    pub place: Place,
    #[command(subcommand)]
    pub verb: CaVerb,
}

#[derive(Subcommand, Debug)]
pub enum CaVerb {
    /// Where its certificate is, its fingerprint, until when it counts
    #[command(after_help = "\
Compare the fingerprint with the one that a browser or a phone shows before you trust the certificate there.

Examples:
  coeur ca show
  coeur ca show --json")]
    Show,
    /// Its certificate (PEM), to be trusted by browsers and phones; its key stays here
    #[command(after_help = "\
The same is at /ca.crt of the pages.

Examples:
  coeur ca export --to coeur-ca.crt
  curl --cacert <(coeur ca export) https://192.168.1.5:8090/healthz")]
    Export {
        /// File to write; standard output when absent
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
}
