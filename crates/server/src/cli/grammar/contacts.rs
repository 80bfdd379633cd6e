//! The words of `coeur contact`.

use super::Place;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Args, Debug)]
pub struct Contact {
    #[command(flatten)]
    pub place: Place,
    #[command(subcommand)]
    pub verb: ContactVerb,
}

/// Whose contacts: what a tenant shares, or one user's own.
#[derive(Args, Debug, Default)]
pub struct Whose {
    /// Shared by this tenant, by its name or number; the first one when absent
    #[arg(long, value_name = "TENANT", conflicts_with = "user")]
    pub tenant: Option<String>,
    /// Those of this user alone, by login or number
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
}

/// What is said of somebody.
#[derive(Args, Debug, Default)]
pub struct Said {
    /// Where somebody works
    #[arg(long, value_name = "TEXT")]
    pub organisation: Option<String>,
    /// A number or SIP address, with `work:`, `mobile:`, `home:` or `other:` before it; several with several of it
    #[arg(long = "number", value_name = "[LABEL:]NUMBER")]
    pub numbers: Vec<String>,
    /// Of e-mail
    #[arg(long, value_name = "ADDRESS")]
    pub email: Option<String>,
    /// Whatever else there is to know
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

#[derive(Subcommand, Debug)]
pub enum ContactVerb {
    /// List contacts, or those in which something is found
    #[command(
        after_help = "Examples:\n  coeur contact list\n  coeur contact list --user alice --find martin",
        visible_alias = "ls"
    )]
    List {
        #[command(flatten)]
        whose: Whose,
        /// A part of a name, an organisation, an address or a number
        #[arg(long, value_name = "TEXT")]
        find: Option<String>,
    },
    /// Make a contact
    #[command(
        after_help = "Example:\n  coeur contact add \"Zoe Martin\" --organisation Mairie --number mobile:+33612345678 --number work:201"
    )]
    Add {
        /// Of the person or place
        name: String,
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        said: Said,
    },
    /// Show one contact
    #[command(after_help = "Example:\n  coeur contact show ctc_7")]
    Show {
        /// As the list numbers it
        contact: String,
    },
    /// Change a contact; what is not named stays as it is, numbers are replaced together
    #[command(
        after_help = "Examples:\n  coeur contact set ctc_7 --number work:202\n  coeur contact set ctc_7 --note \"\"",
        visible_alias = "change"
    )]
    Set {
        /// As the list numbers it
        contact: String,
        /// Of the person or place
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        #[command(flatten)]
        said: Said,
        /// It has no number any more
        #[arg(long, conflicts_with = "numbers")]
        no_numbers: bool,
    },
    /// Remove a contact
    #[command(after_help = "Example:\n  coeur contact rm ctc_7", visible_alias = "remove")]
    Rm {
        /// As the list numbers it
        contact: String,
    },
    /// Make contacts from a file of vCard (4.0, 3.0 or 2.1)
    #[command(
        after_help = "Examples:\n  coeur contact import partners.vcf\n  coeur contact import --user alice - <phone.vcf\n\nWhat is there already, word by word, is not made again."
    )]
    Import {
        /// A file; - for standard input
        file: PathBuf,
        #[command(flatten)]
        whose: Whose,
    },
    /// Write contacts as vCard 4.0
    #[command(after_help = "Example:\n  coeur contact export >contacts.vcf")]
    Export {
        #[command(flatten)]
        whose: Whose,
    },
}
