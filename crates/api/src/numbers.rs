//! Numbers of the public network that tenants have, as they are asked for and shown.

use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum NumbersRequest {
    /// In the order of their digits. `after` is what the page before gave as `next`.
    List {
        /// By its name or number; of every tenant where none is named.
        tenant: Option<String>,
        /// `any`, `free`, `assigned`, or `unlisted`: what an account has and the inventory has not.
        state: String,
        q: Option<String>,
        after: Option<String>,
        limit: usize,
    },
    /// One, which must not be there, or a range, of which those that are there stay as they are.
    Add(NewNumbers),
    /// By its id or by itself.
    Show {
        number: String,
    },
    Change {
        number: String,
        change: NumberAmendment,
    },
    Remove {
        number: String,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NewNumbers {
    /// By its name or number; the first one when absent.
    pub tenant: Option<String>,
    /// As people write it, with the code of its country: `+33 1 23 45 67 89`.
    pub first: String,
    /// Of a range, which has this one in it.
    pub last: Option<String>,
    pub emergency_address: String,
    pub note: String,
}

/// What is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NumberAmendment {
    pub emergency_address: Option<String>,
    pub note: Option<String>,
    /// By its address or number; `Some(None)`: nobody's.
    pub account: Option<Option<String>>,
    /// Who has it now: without this nothing is taken from anybody.
    pub from: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", content = "value", rename_all = "snake_case")]
pub enum NumbersReply {
    Page(NumbersPage),
    Number(Box<TenantNumberView>),
    Added(NumbersAdded),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumbersPage {
    pub numbers: Vec<TenantNumberView>,
    /// Where the next page begins; absent at the end.
    pub next: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumbersAdded {
    /// Those that are new, the first first.
    pub made: Vec<String>,
    /// Those that were there already.
    pub known: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantNumberView {
    /// As `num_7`; absent: it is not in the inventory.
    pub id: Option<String>,
    /// As `ten_1`.
    pub tenant: String,
    pub number: String,
    /// The address of the account that has it; absent: it is free.
    pub account: Option<String>,
    /// As `acc_4`.
    pub account_id: Option<String>,
    pub account_name: Option<String>,
    pub emergency_address: String,
    pub note: String,
    /// RFC 3339; absent where it is not in the inventory.
    pub created_at: Option<String>,
}
