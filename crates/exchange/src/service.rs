//! Who answers calls within this program, without a phone: chosen by [`crate::routing`], a leg of the call in
//! [`crate::call`], sound in the media plane ([`crate::media::MediaCommand::Serve`]).

/// A service that can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Who calls hears himself, so that one phone can be tested alone.
    Echo,
}

impl Service {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Echo => "echo",
        }
    }
}
