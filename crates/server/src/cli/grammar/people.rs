//! The words of `coeur user` and `coeur tenant`.

use super::{Place, Terms, YesNo};
use clap::{Args, Subcommand, ValueEnum};

#[derive(Args, Debug)]
pub struct User {
    #[command(flatten)]
    pub place: Place,
    #[command(subcommand)]
    pub verb: UserVerb,
}

#[derive(Subcommand, Debug)]
pub enum UserVerb {
    /// Make a user: who signs in, and whom accounts belong to
    #[command(
        after_help = "Examples:\n  coeur user add alice --display-name 'Alice A.' --email alice@example.org --language fr\n  coeur user add reception --kind role\n  coeur user add boss --role admin"
    )]
    Add {
        /// Unique in the installation; capitals do not count
        login: String,
        /// What people call the user
        #[arg(long, value_name = "NAME", default_value = "")]
        display_name: String,
        /// A person, or a role of the organisation, such as a reception desk
        #[arg(long, value_enum, default_value_t = Kind::Person)]
        kind: Kind,
        #[arg(long, value_name = "ADDRESS", default_value = "")]
        email: String,
        /// In which the user is spoken to
        #[arg(long, value_enum, default_value_t = Tongue::En)]
        language: Tongue,
        /// What the user may do in the console
        #[arg(long, value_enum, default_value_t = Role::User)]
        role: Role,
        /// By its name or number; the first one when absent
        #[arg(long, value_name = "TENANT")]
        tenant: Option<String>,
    },
    /// List users
    #[command(
        after_help = "Examples:\n  coeur user list --tenant sales\n  coeur user list --json",
        visible_alias = "ls"
    )]
    List {
        /// Only of this tenant
        #[arg(long, value_name = "TENANT")]
        tenant: Option<String>,
    },
    /// Show one user and the accounts that belong to him
    #[command(after_help = "Examples:\n  coeur user show alice\n  coeur user show usr_4 --json")]
    Show {
        /// Login or number
        user: String,
    },
    /// Change a user; what is not named stays as it is
    #[command(
        after_help = "Examples:\n  coeur user set alice --role operator\n  coeur user set usr_4 --enabled no\n\nThe last owner stays one.",
        visible_alias = "change"
    )]
    Set {
        /// Login or number
        user: String,
        #[arg(long, value_name = "LOGIN")]
        login: Option<String>,
        #[arg(long, value_name = "NAME")]
        display_name: Option<String>,
        #[arg(long, value_enum)]
        kind: Option<Kind>,
        /// `` for none
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
        #[arg(long, value_enum)]
        language: Option<Tongue>,
        #[arg(long, value_enum)]
        role: Option<Role>,
        /// Who is not enabled does not sign in; his accounts are enabled and disabled apart
        #[arg(long, value_enum)]
        enabled: Option<YesNo>,
    },
    /// Remove a user to whom no account belongs any more
    #[command(after_help = "Example:\n  coeur user rm alice", visible_alias = "remove")]
    Rm {
        /// Login or number
        user: String,
    },
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Person,
    Role,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tongue {
    En,
    Fr,
}

/// `docs/roles.md` tells what each may do.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Everything, in every tenant
    Owner,
    /// Everything of one tenant
    Admin,
    /// Keeps phones and calls working
    Operator,
    /// Sees calls and steps into them
    Supervisor,
    /// His own accounts, devices, calls and contacts
    User,
    /// Reads what was done and by whom
    Auditor,
    /// Hands out phones
    Provisioning,
    /// A program
    Api,
}

#[derive(Args, Debug)]
pub struct Tenant {
    #[command(flatten)]
    pub place: Place,
    #[command(subcommand)]
    pub verb: TenantVerb,
}

#[derive(Subcommand, Debug)]
pub enum TenantVerb {
    /// Make a tenant: an organisation with domains and users of its own
    #[command(after_help = "Example:\n  coeur tenant add 'Second Company'")]
    Add {
        /// Unique in the installation; capitals do not count
        name: String,
    },
    /// List tenants and their domains
    #[command(after_help = "Example:\n  coeur tenant list --json", visible_alias = "ls")]
    List,
    /// Show one tenant
    #[command(after_help = "Example:\n  coeur tenant show ten_1")]
    Show {
        /// Name or number
        tenant: String,
    },
    /// Change the name of a tenant, what its accounts may where neither they nor their groups say anything, and its numbering
    #[command(
        after_help = "Example:\n  coeur tenant set default --destinations internal,national,mobile --numbering +33=national,+336=mobile",
        visible_alias = "change"
    )]
    Set {
        /// Name or number
        tenant: String,
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        #[command(flatten)]
        terms: Terms,
        /// Which numbers are what, by the longest prefix, as +33=national,+336=mobile,+3389=premium
        #[arg(long, value_name = "PREFIXES")]
        numbering: Option<String>,
    },
    /// Remove a tenant without domains and users; the first one stays
    #[command(after_help = "Example:\n  coeur tenant rm 'Second Company'", visible_alias = "remove")]
    Rm {
        /// Name or number
        tenant: String,
    },
}

impl Kind {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Role => "role",
        }
    }
}

impl Tongue {
    pub const fn word(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Fr => "fr",
        }
    }
}

impl Role {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Supervisor => "supervisor",
            Self::User => "user",
            Self::Auditor => "auditor",
            Self::Provisioning => "provisioning",
            Self::Api => "api",
        }
    }
}
