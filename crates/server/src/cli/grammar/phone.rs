//! The words for phones that are told their accounts.

use super::Place;
use clap::{Args, Subcommand, ValueEnum};
use coeur_api::provision::KeyView;

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

/// `POSITION=KIND[/LINE][:TARGET[:LABEL]]`. What a kind or a target may be is said by the server.
pub fn key(text: &str) -> Result<KeyView, String> {
    let wrong = || format!("`{text}` is no POSITION=KIND[/LINE][:TARGET[:LABEL]], such as 2=blf:bob:Bob");
    let (position, rest) = text.split_once('=').ok_or_else(wrong)?;
    let (kind, rest) = rest.split_once(':').unwrap_or((rest, ""));
    // Of an address as SIP writes it the first colon is its own.
    let scheme = ["sip:", "sips:"]
        .into_iter()
        .find(|scheme| rest.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    let (of_scheme, rest) = rest.split_at(scheme.map_or(0, str::len));
    let (target, label) = rest.split_once(':').unwrap_or((rest, ""));
    let (kind, line) = kind.split_once('/').unwrap_or((kind, "1"));
    let number = |digits: &str| digits.parse().map_err(|_| wrong());
    Ok(KeyView {
        position: number(position)?,
        kind: kind.to_owned(),
        line: number(line)?,
        target: format!("{of_scheme}{target}"),
        label: label.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_with_its_line_its_target_and_its_label() {
        let read =
            |text: &str| key(text).map(|key| (key.position, key.kind, key.line, key.target, key.label));
        let key = |position, kind: &str, line, target: &str, label: &str| {
            Ok((position, kind.to_owned(), line, target.to_owned(), label.to_owned()))
        };
        assert_eq!(read("1=line"), key(1, "line", 1, "", ""));
        assert_eq!(
            read("2=blf/2:bob@example.org:Bob: desk"),
            key(2, "blf", 2, "bob@example.org", "Bob: desk")
        );
        assert_eq!(read("3=speed_dial:+33123"), key(3, "speed_dial", 1, "+33123", ""));
        assert_eq!(
            read("5=speed_dial:sip:bob@example.org:Bob"),
            key(5, "speed_dial", 1, "sip:bob@example.org", "Bob")
        );
        for wrong in ["", "line", "x=line", "1=line/x", "-1=line"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
