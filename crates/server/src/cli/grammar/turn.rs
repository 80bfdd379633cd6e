//! The words of `coeur turn`.

use super::Place;
use clap::{Args, Subcommand};

#[derive(Args, Debug)]
pub struct Turn {
    #[command(flatten)]
    pub place: Place,
    #[command(subcommand)]
    pub verb: TurnVerb,
}

#[derive(Subcommand, Debug)]
pub enum TurnVerb {
    /// Credentials for a client of an account, for ten minutes; they end with the device or account
    #[command(after_help = "\
Browsers that register over WSS get the same in the answer, as the header Ice-Servers.

Examples:
  coeur turn credentials alice@example.org
  coeur turn credentials alice --device 3 --json       what a page hands to RTCPeerConnection as `iceServers`")]
    Credentials {
        /// user@domain, or user where there is one domain
        account: String,
        /// Its number, as `coeur device list` shows it; the first of the account when absent
        #[arg(long, value_name = "DEVICE")]
        device: Option<String>,
    },
}
