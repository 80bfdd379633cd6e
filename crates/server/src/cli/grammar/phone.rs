//! The words for phones that are told their accounts.

use super::Place;
use clap::{Args, Subcommand, ValueEnum};

/// Which phone, and what it is told.
#[derive(Args, Debug)]
pub struct PhoneOf {
    /// user@domain, or user where there is one domain
    pub account: String,
    /// Its number, as `coeur device list` shows it; a new one is made when absent
    pub device: Option<String>,
    /// A further account on the same phone: user@domain, or user@domain/DEVICE; may be repeated
    #[arg(long = "also", value_name = "ACCOUNT")]
    pub also: Vec<String>,
    /// Whose language it reads; known by --mac when absent, else Linphone
    #[arg(long, value_enum)]
    pub vendor: Option<Maker>,
    /// As its maker writes it, such as T54W
    #[arg(long, value_name = "MODEL", default_value = "")]
    pub model: String,
    /// Its hardware address, on the label at its back; nobody else is told anything then
    #[arg(long, value_name = "MAC")]
    pub mac: Option<String>,
    /// How it speaks SIP; the best that such a phone takes as it comes when absent
    #[arg(long, value_enum)]
    pub transport: Option<Carrier>,
    /// Language of the phone; that of this command when absent
    #[arg(long, value_name = "en|fr")]
    pub language: Option<String>,
    /// For tones and time: FR, BE, CH, DE or GB
    #[arg(long, value_name = "COUNTRY", default_value = "FR")]
    pub country: String,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    Yealink,
    Grandstream,
    Snom,
    Poly,
    Cisco,
    Fanvil,
    Gigaset,
    Linphone,
    Groundwire,
    Zoiper,
    Microsip,
    Baresip,
    /// A card with what is typed by hand
    Other,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    Udp,
    Tcp,
    Tls,
}

#[derive(Args, Debug)]
pub struct Provision {
    #[command(flatten)]
    pub place: Place,
    #[command(subcommand)]
    pub verb: ProvisionVerb,
}

#[derive(Subcommand, Debug)]
pub enum ProvisionVerb {
    /// What a phone would be told, with SECRET in place of its secrets; nothing is made
    #[command(
        after_help = "Example:\n  coeur provision render alice@example.org --vendor yealink --model T54W --mac 24:9a:d8:88:d0:f4"
    )]
    Render {
        #[command(flatten)]
        phone: PhoneOf,
    },
}
