//! The one model of a phone that all writers read.

use crate::mac::Mac;
use crate::model::can_say;
use crate::text::{Secret, Text};
use crate::vendor::Vendor;

pub struct Phone {
    pub vendor: Vendor,
    /// As its maker writes it, such as `T54W`; empty when it is not known.
    pub model: Text,
    pub mac: Option<Mac>,
    /// Accounts, the first first.
    pub lines: Vec<Line>,
    /// Programmable keys, the first first.
    pub keys: Vec<Key>,
    pub locale: Locale,
    pub ntp: Text,
    /// Of its menus and its web page; `None`: as it is.
    pub admin_password: Option<Secret>,
    /// Where it fetches its settings from now on: a folder, ending in `/`.
    pub settings_url: Option<Text>,
    /// The certificate that signs ours, where no phone knows it by itself.
    pub authority: Option<Authority>,
}

pub struct Authority {
    /// Where the phone can fetch it.
    pub url: Text,
    /// The certificate itself, for phones that take it in their settings.
    pub pem: String,
}

/// One account on a phone.
pub struct Line {
    /// Shown beside its key.
    pub label: Text,
    pub display_name: Text,
    pub user: Text,
    pub domain: Text,
    /// `None`: the phone has it already, and keeps it.
    pub secret: Option<Secret>,
    pub server: Server,
    pub srtp: Srtp,
    pub expires_s: u32,
    /// The number that is called for messages; empty: there is none.
    pub voicemail: Text,
    /// The best first.
    pub codecs: Vec<Codec>,
}

/// Where requests of a line go, whatever its domain says in the DNS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    pub host: Text,
    pub port: u16,
    pub transport: Transport,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
}

impl Transport {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Udp, Self::Tcp, Self::Tls].into_iter().find(|one| one.as_str().eq_ignore_ascii_case(text))
    }
}

/// Whether media is protected by keys in the signalling (RFC 4568).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Srtp {
    Off,
    Optional,
    /// Or it does not talk. Only over TLS: else whoever reads the signalling reads the keys.
    Required,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    Opus,
    G722,
    Pcma,
    Pcmu,
}

impl Codec {
    /// In this order where nothing else is said: European lines speak A-law.
    pub const BEST_FIRST: [Self; 4] = [Self::Opus, Self::G722, Self::Pcma, Self::Pcmu];

    /// As SDP writes it, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::G722 => "g722",
            Self::Pcma => "pcma",
            Self::Pcmu => "pcmu",
        }
    }
}

pub struct Key {
    /// On the phone itself, from 1.
    pub position: u8,
    pub kind: KeyKind,
    /// The line that it uses, from 1.
    pub line: u8,
    /// Who is called or watched, or where a call is parked.
    pub value: Text,
    pub label: Text,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Nothing: whatever it did before it does no more.
    None,
    Line,
    Speed,
    /// A lamp that shows whether someone speaks (RFC 4235).
    Busy,
    Park,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Locale {
    pub language: Language,
    /// For tones and time.
    pub country: Country,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    #[default]
    English,
    French,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Country {
    #[default]
    France,
    Belgium,
    Switzerland,
    Germany,
    UnitedKingdom,
}

impl Country {
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_uppercase().as_str() {
            "FR" => Some(Self::France),
            "BE" => Some(Self::Belgium),
            "CH" => Some(Self::Switzerland),
            "DE" => Some(Self::Germany),
            "GB" => Some(Self::UnitedKingdom),
            _ => None,
        }
    }

    /// Of standard time.
    pub const fn utc_offset_h(self) -> i8 {
        match self {
            Self::France | Self::Belgium | Self::Switzerland | Self::Germany => 1,
            Self::UnitedKingdom => 0,
        }
    }
}

impl Phone {
    /// Those of its keys that its maker's language, as we know it, can say.
    pub(crate) fn said_keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter().filter(|key| can_say(self.vendor, self.model.as_str(), self.lines.len(), key))
    }

    /// The lines, numbered from 1.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (usize, &Line)> {
        self.lines.iter().zip(1..).map(|(line, number)| (number, line))
    }
}
