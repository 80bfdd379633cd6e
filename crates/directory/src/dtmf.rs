//! How a phone says its keys and hears those of others, where it cannot be left to what it offers.

/// RFC 4733, RFC 6086 and sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dtmf {
    /// As it offers: events where both sides have them, else an INFO where its Allow names that, else sound.
    #[default]
    Auto,
    /// Events (RFC 4733), which it is always offered; never an INFO.
    Rfc4733,
    /// In an INFO, also where its Allow does not name it; it is offered no events.
    Info,
    /// In its sound, in which keys are searched for as long as a call lasts; it is offered no events.
    Inband,
}

impl Dtmf {
    pub const ALL: [Self; 4] = [Self::Auto, Self::Rfc4733, Self::Info, Self::Inband];

    /// As it is written and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Rfc4733 => "rfc4733",
            Self::Info => "info",
            Self::Inband => "inband",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dtmf| dtmf.as_str() == text)
    }
}
