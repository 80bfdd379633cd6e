//! What is done to calls that live, and how one is begun for an account: the shapes of it.

use crate::recordings::Audience;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A call that is begun for an account: its own devices ring first, and who takes it is joined with whom is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCall {
    /// The account that calls: its id or its address.
    pub from: String,
    /// Whom it wants: a number or name of its domain, `user@domain`, or a SIP or tel URI.
    #[schemars(length(min = 1, max = 512))]
    pub to: String,
    /// This device alone rings, by its id or name; unless said, all of the account.
    #[serde(default)]
    pub device: Option<String>,
    /// The name that who is called sees; unless said, that of the account's phone.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub caller_display: Option<String>,
    /// The account's own device is asked to answer by itself.
    #[serde(default)]
    pub auto_answer: bool,
    /// How long that device may ring, in seconds.
    #[serde(default = "usual_timeout")]
    #[schemars(range(min = 1, max = 180))]
    pub timeout_s: u16,
}

pub const fn usual_timeout() -> u16 {
    30
}

pub const fn usual_key_ms() -> u16 {
    160
}

/// One side of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallSide {
    Caller,
    Callee,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallVerb {
    /// This side hears music, and nobody hears it.
    Hold {
        side: Audience,
    },
    Resume {
        side: Audience,
    },
    /// Nobody hears this side.
    Mute {
        side: Audience,
    },
    Unmute {
        side: Audience,
    },
    /// This side hears these keys, each for so long.
    Dtmf {
        side: Audience,
        digits: String,
        ms: u16,
    },
    /// This side goes to this address, as the account on the other side may send it; that one is left.
    Transfer {
        side: CallSide,
        to: String,
    },
    /// This side is joined with the other side of another call of the account on the other side; that one is left.
    Attend {
        side: CallSide,
        call: String,
    },
}

impl CallVerb {
    /// What the audit log calls it.
    pub(crate) const fn action(&self) -> &'static str {
        match self {
            Self::Hold { .. } => "call.held",
            Self::Resume { .. } => "call.resumed",
            Self::Mute { .. } => "call.muted",
            Self::Unmute { .. } => "call.unmuted",
            // Which keys is nobody's business: they may be a secret of who is asked for it.
            Self::Dtmf { .. } => "call.keys_sent",
            Self::Transfer { .. } | Self::Attend { .. } => "call.transferred",
        }
    }

    /// What the audit log says of it.
    pub(crate) fn detail(&self) -> String {
        match self {
            Self::Hold { side } | Self::Resume { side } | Self::Mute { side } | Self::Unmute { side } => {
                side.as_str().to_owned()
            }
            Self::Dtmf { side, digits, .. } => {
                format!("{} keys to {}", digits.chars().count(), side.as_str())
            }
            Self::Transfer { side, to } => format!("{} to {to}", side.as_str()),
            Self::Attend { side, call } => format!("{} with call {call}", side.as_str()),
        }
    }
}

impl CallSide {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Callee => "callee",
        }
    }
}

impl Audience {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Caller => "caller",
            Self::Callee => "callee",
        }
    }
}
