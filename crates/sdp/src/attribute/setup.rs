//! `a=setup` (RFC 4145 section 4, RFC 8842 section 5.3) and `a=tls-id` (RFC 8842 section 4).

use super::{Attribute, token};

/// Who begins the DTLS handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    /// The sender of the description begins.
    Active,
    /// The other side begins.
    Passive,
    /// Either: what every offer should say (RFC 8842 section 5.2).
    ActPass,
    /// Nobody for now.
    HoldConn,
}

impl Setup {
    pub const ALL: [Self; 4] = [Self::Active, Self::Passive, Self::ActPass, Self::HoldConn];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::ActPass => "actpass",
            Self::HoldConn => "holdconn",
        }
    }

    /// What to answer to an offer of this role: the client where there is a choice, since the handshake then begins
    /// without waiting for the answer to arrive (RFC 5763 section 5).
    pub const fn answer(self) -> Self {
        match self {
            Self::ActPass | Self::Passive => Self::Active,
            Self::Active => Self::Passive,
            Self::HoldConn => Self::HoldConn,
        }
    }

    /// Whether this may answer an offer of that role (RFC 4145 section 4.1). `holdconn` answers anything.
    pub const fn may_answer(self, offered: Self) -> bool {
        match self {
            Self::HoldConn => true,
            Self::ActPass => false,
            Self::Active => matches!(offered, Self::Passive | Self::ActPass),
            Self::Passive => matches!(offered, Self::Active | Self::ActPass),
        }
    }
}

/// Names one DTLS association: a new value asks for a new one (RFC 8842 section 5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsId(pub String);

impl Attribute for Setup {
    const NAME: &'static [u8] = b"setup";

    fn parse(value: &[u8]) -> Option<Self> {
        let is = |setup: &Self| value.trim_ascii().eq_ignore_ascii_case(setup.as_str().as_bytes());
        Self::ALL.into_iter().find(is)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_str().as_bytes());
    }
}

impl Attribute for TlsId {
    const NAME: &'static [u8] = b"tls-id";

    /// 20 to 255 characters.
    fn parse(value: &[u8]) -> Option<Self> {
        token(value.trim_ascii()).filter(|id| (20..=255).contains(&id.len())).map(Self)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.as_bytes());
    }
}
