//! The words of `coeur number`.

use super::Place;
use clap::{Args, Subcommand, ValueEnum};

#[derive(Args, Debug)]
pub struct Number {
    #[command(flatten)]
    pub place: Place,
    #[command(subcommand)]
    pub verb: NumberVerb,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum WhichNumbers {
    /// All of the inventory
    #[default]
    Any,
    /// Which no account has
    Free,
    /// Which an account has
    Assigned,
    /// Which an account has, and the inventory has not
    Unlisted,
}

/// What is said of a number.
#[derive(Args, Debug, Default)]
pub struct OfNumber {
    /// Where help is to come when somebody calls for it from this number
    #[arg(long, value_name = "TEXT")]
    pub emergency_address: Option<String>,
    /// Of the carrier, of a porting
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

#[derive(Subcommand, Debug)]
pub enum NumberVerb {
    /// List numbers, with the account that has each
    #[command(
        after_help = "Examples:\n  coeur number list --state free\n  coeur number list --find Carrier",
        visible_alias = "ls"
    )]
    List {
        /// Which of them
        #[arg(long, value_name = "STATE", default_value = "any")]
        state: WhichNumbers,
        /// Of this tenant, by its name or number; of every one when absent
        #[arg(long, value_name = "TENANT")]
        tenant: Option<String>,
        /// A part of a number, a note, an emergency address or an account
        #[arg(long, value_name = "TEXT")]
        find: Option<String>,
    },
    /// Take a number, or a range of at most 10,000, into the inventory
    #[command(
        after_help = "Examples:\n  coeur number add +33123456789 --note \"Carrier A, ported\"\n  coeur number add +33123456700 +33123456799\n\nOf a range those that are there already stay as they are."
    )]
    Add {
        /// With the code of its country
        first: String,
        /// The last one of a range, with as many digits
        last: Option<String>,
        /// Of this tenant, by its name or number; the first one when absent
        #[arg(long, value_name = "TENANT")]
        tenant: Option<String>,
        #[command(flatten)]
        said: OfNumber,
    },
    /// Show one number
    #[command(after_help = "Example:\n  coeur number show +33123456789")]
    Show {
        /// Itself, or as the list numbers it
        number: String,
    },
    /// Change what is said of a number
    #[command(
        after_help = "Example:\n  coeur number set +33123456789 --emergency-address \"1 rue de la Paix, Paris\"",
        visible_alias = "change"
    )]
    Set {
        /// Itself, or as the list numbers it
        number: String,
        #[command(flatten)]
        said: OfNumber,
    },
    /// Give a number to an account, which is called by it from then on
    #[command(
        after_help = "Examples:\n  coeur number assign +33123456789 alice@example.org\n  coeur number assign +33123456789 bob@example.org --from alice@example.org"
    )]
    Assign {
        /// Itself, or as the list numbers it
        number: String,
        /// By its address or number
        account: String,
        /// The account that has it now; without this nothing is taken from anybody
        #[arg(long, value_name = "ACCOUNT")]
        from: Option<String>,
    },
    /// Take a number back from whoever has it
    #[command(after_help = "Example:\n  coeur number release +33123456789")]
    Release {
        /// Itself, or as the list numbers it
        number: String,
    },
    /// Remove a number that no account has from the inventory
    #[command(after_help = "Example:\n  coeur number rm +33123456789", visible_alias = "remove")]
    Rm {
        /// Itself, or as the list numbers it
        number: String,
    },
}
