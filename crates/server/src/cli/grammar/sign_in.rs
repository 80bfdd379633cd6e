//! The words of `coeur setup-link` and `coeur token`.

use super::Place;
use clap::{Args, Subcommand};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  coeur setup-link                  for the first owner; also printed by `coeur serve` as long as there is none
  coeur setup-link --user alice     alice gives herself another password
  coeur setup-link --user alice --without-factors
                                    alice has lost her authenticator and her recovery codes, too

The link counts once, for 30 minutes. One that was made before for the same user is void.")]
pub struct SetupLink {
    #[command(flatten)]
    pub place: Place,
    /// Login or number of a user who is there
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// Remove the authenticator, recovery codes and passkeys of the user as well, and end the sessions
    #[arg(long, requires = "user")]
    pub without_factors: bool,
}

#[derive(Args, Debug)]
pub struct Token {
    #[command(flatten)]
    pub place: Place,
    #[command(subcommand)]
    pub verb: TokenVerb,
}

#[derive(Subcommand, Debug)]
pub enum TokenVerb {
    /// Make a token for a program; it is shown this once
    #[command(
        after_help = "Examples:\n  coeur token create --user shop --name 'the web shop' --scope accounts:write --scope calls:read --expires 90d\n  coeur token create --user boss --name backup --scope '*:read' --network 192.0.2.0/24 --json\n\nIt may do what its scopes and the role of the user both allow, and opens nothing while the user is disabled.",
        visible_alias = "add"
    )]
    Create {
        /// Login or number of the user for whom it speaks
        #[arg(long, value_name = "USER")]
        user: String,
        /// What it is for
        #[arg(long, value_name = "NAME")]
        name: String,
        /// RESOURCE:read, :write or :admin; `*` is every resource. As often as needed
        #[arg(long = "scope", value_name = "SCOPE", required = true)]
        scopes: Vec<String>,
        /// From where alone it counts, as 192.0.2.0/24
        #[arg(long, value_name = "NETWORK")]
        network: Option<String>,
        /// How long it counts, as 90d, 12h or 30m; without end when absent
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// List tokens: whose, what for, when they were used
    #[command(
        after_help = "Examples:\n  coeur token list\n  coeur token list --user shop --json",
        visible_alias = "ls"
    )]
    List {
        /// Only of this user
        #[arg(long, value_name = "USER")]
        user: Option<String>,
    },
    /// Revoke a token: it opens nothing from the next request on
    #[command(after_help = "Example:\n  coeur token revoke tok_1a2b3c4d5e6f7a8b", visible_alias = "rm")]
    Revoke {
        /// As `coeur token list` names it
        token: String,
    },
}
