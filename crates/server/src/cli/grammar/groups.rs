//! The words of `coeur group`, and those of rights and quota, which accounts, groups and tenants share.

use super::Place;
use clap::{Args, Subcommand};

/// Rights and quota, as one level says them. An account counts before its groups in their order, they before its tenant.
#[derive(Args, Debug, Default)]
pub struct Terms {
    /// Calls of one account at a time; `no`: it says nothing of that
    #[arg(long, value_name = "N|no")]
    pub sessions_max: Option<String>,
    /// Minutes of calls to elsewhere that one account begins in a day (UTC); `no`: it says nothing of that
    #[arg(long, value_name = "N|no")]
    pub minutes_per_day: Option<String>,
    /// The same in a month
    #[arg(long, value_name = "N|no")]
    pub minutes_per_month: Option<String>,
    /// What may be called: words and prefixes with commas, those with ! may not; `no`: it says nothing of that
    #[arg(long, value_name = "LIST|no")]
    pub destinations: Option<String>,
}

#[derive(Args, Debug)]
pub struct Group {
    #[command(flatten)]
    pub place: Place,
    #[command(subcommand)]
    pub verb: GroupVerb,
}

#[derive(Subcommand, Debug)]
pub enum GroupVerb {
    /// Make a group: accounts with rights and quota in common
    #[command(
        after_help = "Example:\n  coeur group add sales\n  coeur account set alice --groups sales,staff"
    )]
    Add {
        /// Unique in its tenant
        name: String,
        /// By its name or number; the first one when absent
        #[arg(long, value_name = "TENANT")]
        tenant: Option<String>,
    },
    /// List groups
    #[command(after_help = "Example:\n  coeur group list --json", visible_alias = "ls")]
    List {
        /// Only of this tenant
        #[arg(long, value_name = "TENANT")]
        tenant: Option<String>,
    },
    /// Show one group and its members
    #[command(after_help = "Example:\n  coeur group show sales")]
    Show {
        /// Name or number
        group: String,
    },
    /// Change a group; what is not named stays as it is
    #[command(
        after_help = "Examples:\n  coeur group set sales --destinations internal,national,mobile,!+3389\n  coeur group set sales --sessions-max 2 --together-max 10\n\nWords of --destinations: all, internal, emergency, national, mobile, international, premium, elsewhere. The longest prefix\ncounts before any word; emergency numbers are always allowed.",
        visible_alias = "change"
    )]
    Set {
        /// Name or number
        group: String,
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        #[command(flatten)]
        terms: Terms,
        /// Whether its members may send to domains that are not ours: yes, no, or `unset`
        #[arg(long, value_name = "yes|no|unset")]
        relay: Option<String>,
        /// Calls of all members together at a time; `no`: no limit
        #[arg(long, value_name = "N|no")]
        together_max: Option<String>,
    },
    /// Remove a group in which no account is any more
    #[command(after_help = "Example:\n  coeur group rm sales", visible_alias = "remove")]
    Rm {
        /// Name or number
        group: String,
    },
}
