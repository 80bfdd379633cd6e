//! Which phone asks, by what it says of itself, and which of its files it wants. None of it is a proof: the token in the
//! address is.

use crate::mac::Mac;
use crate::text::Text;
use crate::vendor::Vendor;

/// What a User-Agent tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sighting {
    pub vendor: Option<Vendor>,
    /// Empty when it is not told.
    pub model: Text,
    /// Empty when it is not told.
    pub firmware: Text,
    pub mac: Option<Mac>,
}

/// Bytes of a User-Agent that are looked at.
const USER_AGENT_BYTES_MAX: usize = 512;

pub fn identify(user_agent: &str) -> Sighting {
    let agent = user_agent.get(..USER_AGENT_BYTES_MAX).unwrap_or(user_agent);
    let words: Vec<&str> = agent.split_whitespace().take(32).collect();
    let vendor = vendor_of(agent);
    let (model, firmware) = match vendor {
        Some(vendor) => model_and_firmware(vendor, agent, &words),
        None => ("", ""),
    };
    Sighting { vendor, model: Text::new(model), firmware: Text::new(firmware), mac: Mac::find(agent) }
}

fn vendor_of(agent: &str) -> Option<Vendor> {
    let lower = agent.to_ascii_lowercase();
    let begins = [
        ("yealink ", Vendor::Yealink),
        ("grandstream ", Vendor::Grandstream),
        ("fanvil ", Vendor::Fanvil),
        ("cisco", Vendor::Cisco),
        ("linksys/", Vendor::Cisco),
        ("gigaset ", Vendor::Gigaset),
        ("linphone", Vendor::Linphone),
        ("baresip", Vendor::Baresip),
        ("microsip", Vendor::MicroSip),
        ("zoiper", Vendor::Zoiper),
        ("z ", Vendor::Zoiper),
        ("groundwire", Vendor::Groundwire),
        ("acrobits", Vendor::Groundwire),
    ];
    // Some put the name of a browser or of their transport in front.
    let holds = [
        ("snom", Vendor::Snom),
        ("polycom", Vendor::Poly),
        ("polyedge", Vendor::Poly),
        ("linphone", Vendor::Linphone),
    ];
    let begun = begins.iter().find(|(start, _)| lower.starts_with(start));
    begun.or_else(|| holds.iter().find(|(part, _)| lower.contains(part))).map(|(_, vendor)| *vendor)
}

fn model_and_firmware<'a>(vendor: Vendor, agent: &'a str, words: &[&'a str]) -> (&'a str, &'a str) {
    let word = |at: usize| words.get(at).copied().unwrap_or_default();
    let behind = |mark: &str| {
        words
            .iter()
            .position(|one| *one == mark)
            .and_then(|at| words.get(at + 1))
            .copied()
            .unwrap_or_default()
    };
    let split = |text: &'a str, mark: &str| text.split_once(mark).unwrap_or((text, ""));
    match vendor {
        Vendor::Yealink => (word(1), word(2)),
        Vendor::Grandstream if words.contains(&"HW") => (behind("HW"), behind("SW")),
        Vendor::Grandstream => (word(1), word(2)),
        Vendor::Snom => {
            let at = words.iter().position(|word| word.starts_with("snom")).unwrap_or(0);
            (split(word(at).trim_start_matches("snom"), "-").0, word(at + 1))
        }
        Vendor::Poly => {
            let name = words.iter().find_map(|word| word.split_once("-UA/")).unwrap_or_default();
            (name.0.rsplit('-').next().unwrap_or_default(), name.1)
        }
        // The firmware, and the address behind it, are the last words; a model may have spaces.
        Vendor::Fanvil => {
            let at = words.iter().position(|word| word.contains('.')).unwrap_or(words.len());
            (between(agent, words.get(1), words.get(at.wrapping_sub(1))), word(at))
        }
        Vendor::Cisco => {
            let name = word(0)
                .trim_start_matches("Cisco/")
                .trim_start_matches("Cisco-")
                .trim_start_matches("Linksys/");
            match name.split_once('/') {
                Some(parts) => parts,
                None => name.rsplit_once('-').unwrap_or((name, "")),
            }
        }
        Vendor::Gigaset => {
            let (name, rest) = split(agent, "/");
            (name.trim_start_matches("Gigaset "), split(rest, ";").0)
        }
        Vendor::Linphone
        | Vendor::Groundwire
        | Vendor::Zoiper
        | Vendor::MicroSip
        | Vendor::Baresip
        | Vendor::Other => {
            let (name, rest) = split(agent, "/");
            (name, rest.split([' ', '(']).next().unwrap_or_default())
        }
    }
}

/// From the beginning of one word of this text to the end of another.
fn between<'a>(text: &'a str, first: Option<&&'a str>, last: Option<&&'a str>) -> &'a str {
    let (Some(first), Some(last)) = (first, last) else { return "" };
    let at = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
    text.get(at(first)..at(last) + last.len()).unwrap_or_default()
}

/// What a phone asks for by a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The settings, with its accounts.
    Settings,
    /// The file that says where the settings are.
    Master,
    /// Something that such a phone asks for too, and that we do not have.
    Beside,
    /// The settings of another phone of this maker.
    OtherMac(Mac),
    /// Only firmware that reads another language asks for this.
    OtherFirmware,
    /// Nothing that such a phone asks for.
    Foreign,
}

/// The name that stands in links of this maker; empty where the phone makes it up from its address.
pub const fn link_file(vendor: Vendor) -> &'static str {
    match vendor {
        Vendor::Yealink | Vendor::Grandstream | Vendor::Fanvil | Vendor::Cisco | Vendor::Gigaset => "",
        Vendor::Snom => "snom.xml",
        Vendor::Poly => "settings.cfg",
        Vendor::Linphone => "linphone.xml",
        Vendor::Groundwire => "account.xml",
        Vendor::Zoiper => "zoiper.xml",
        Vendor::MicroSip => "microsip.ini",
        Vendor::Baresip => "accounts",
        Vendor::Other => "card.txt",
    }
}

/// What is asked for by this name, in the folder of a phone of this maker. With no address known, any will do.
pub fn asked(vendor: Vendor, mac: Option<Mac>, name: &str) -> Asked {
    let lower = name.to_ascii_lowercase();
    let of_phone = |prefix: &str, suffix: &str| {
        let middle = lower.strip_prefix(prefix)?.strip_suffix(suffix)?;
        let named = (middle.len() == 12).then(|| Mac::parse(middle).ok()).flatten()?;
        Some(if mac.is_none_or(|mac| mac == named) { Asked::Settings } else { Asked::OtherMac(named) })
    };
    let fixed = |is: bool| is.then_some(Asked::Settings);
    let beside = |is: bool| is.then_some(Asked::Beside);
    let found = match vendor {
        Vendor::Yealink => of_phone("", ".cfg").or_else(|| {
            beside(lower.ends_with(".boot") || (lower.starts_with('y') && lower.ends_with(".cfg")))
        }),
        Vendor::Grandstream => of_phone("cfg", ".xml").or_else(|| beside(lower.starts_with("cfg"))),
        Vendor::Snom => fixed(lower == "snom.xml")
            .or_else(|| of_phone("", ".xml"))
            .or_else(|| fixed(lower.starts_with("snom") && lower.ends_with(".htm"))),
        Vendor::Poly => fixed(lower == link_file(vendor))
            .or_else(|| of_phone("", ".cfg").map(master))
            .or_else(|| (lower == "000000000000.cfg").then_some(Asked::Master))
            .or_else(|| beside(is_poly_extra(&lower))),
        Vendor::Cisco => of_phone("", ".xml")
            .or_else(|| of_phone("", ".cfg"))
            .or_else(|| fixed(lower.starts_with("spa") && lower.ends_with(".cfg")))
            .or_else(|| {
                (lower.starts_with("sep") && lower.ends_with(".cnf.xml")).then_some(Asked::OtherFirmware)
            }),
        Vendor::Fanvil => of_phone("", ".cfg").or_else(|| beside(lower.ends_with(".cfg"))),
        Vendor::Gigaset => of_phone("", ".xml"),
        Vendor::Linphone
        | Vendor::Groundwire
        | Vendor::Zoiper
        | Vendor::MicroSip
        | Vendor::Baresip
        | Vendor::Other => fixed(lower == link_file(vendor)),
    };
    found.unwrap_or(Asked::Foreign)
}

fn master(asked: Asked) -> Asked {
    match asked {
        Asked::Settings => Asked::Master,
        Asked::Master | Asked::Beside | Asked::OtherMac(_) | Asked::OtherFirmware | Asked::Foreign => asked,
    }
}

fn is_poly_extra(lower: &str) -> bool {
    ["-license.cfg", "-directory.xml", "-web.cfg", "-phone.cfg", "-calls.xml", ".log", ".ld"]
        .iter()
        .any(|end| lower.ends_with(end))
}

/// The file that a Snom fetches again, with its address where we know it: a phone that was swapped is noticed.
pub(crate) fn snom_file(mac: Option<Mac>) -> String {
    mac.map_or_else(|| link_file(Vendor::Snom).to_owned(), |mac| format!("{}.xml", mac.upper()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_is_known_by_what_it_says_of_itself() {
        let cases = [
            (
                "Yealink SIP-T54W 96.86.0.75 24:9a:d8:88:d0:f4",
                Vendor::Yealink,
                "SIP-T54W",
                "96.86.0.75",
                "249ad888d0f4",
            ),
            (
                "Grandstream Model HW GRP2614 SW 1.0.5.15 DevId c074ad0b63ee",
                Vendor::Grandstream,
                "GRP2614",
                "1.0.5.15",
                "c074ad0b63ee",
            ),
            (
                "Mozilla/4.0 (compatible; snomD785-SIP 10.1.33.33 1.0 000413922D24 SXM)",
                Vendor::Snom,
                "D785",
                "10.1.33.33",
                "000413922d24",
            ),
            (
                "FileTransport PolycomVVX-VVX_400-UA/4.1.4.7430 (SN:0004f2aabbcc) Type/Application",
                Vendor::Poly,
                "VVX_400",
                "4.1.4.7430",
                "0004f2aabbcc",
            ),
            ("Fanvil X6U Pro 0.0.10 0c383e2cd782", Vendor::Fanvil, "X6U Pro", "0.0.10", "0c383e2cd782"),
            (
                "Cisco/SPA508G-7.4.8a (0002FDFF2103)(CBT141400AB)",
                Vendor::Cisco,
                "SPA508G",
                "7.4.8a",
                "0002fdff2103",
            ),
            (
                "Cisco-CP-8841-3PCC/12.0.1 (00562b043615)",
                Vendor::Cisco,
                "CP-8841-3PCC",
                "12.0.1",
                "00562b043615",
            ),
            (
                "Gigaset N870 IP PRO/83.V2.11.0+build.a546b91;7C2F80E0D605",
                Vendor::Gigaset,
                "N870 IP PRO",
                "83.V2.11.0+build.a546b91",
                "7c2f80e0d605",
            ),
        ];
        for (agent, vendor, model, firmware, mac) in cases {
            let seen = identify(agent);
            assert_eq!(seen.vendor, Some(vendor), "{agent}");
            assert_eq!((seen.model.as_str(), seen.firmware.as_str()), (model, firmware), "{agent}");
            assert_eq!(seen.mac.map(Mac::lower).as_deref(), Some(mac), "{agent}");
        }
        assert_eq!(identify("LinphoneAndroid/6.0.1 (Pixel)").vendor, Some(Vendor::Linphone));
        assert_eq!(identify("Mozilla/5.0 (X11; Linux x86_64)"), Sighting::default());
    }

    #[test]
    fn what_says_nothing_sensible_of_itself_is_nobody() {
        for agent in
            ["", " ", "Yealink", "Fanvil ", "Fanvil 1.0", "Gigaset ", "Cisco", "é".repeat(400).as_str()]
        {
            let seen = identify(agent);
            assert_eq!(seen.mac, None, "{agent}");
        }
    }

    #[test]
    fn a_phone_asks_for_its_own_file_and_for_what_its_maker_has_beside_it() {
        let mac = Mac::parse("249ad888d0f4").ok();
        let other = Mac::parse("249ad8000001").unwrap();
        let cases = [
            (Vendor::Yealink, "249ad888d0f4.cfg", Asked::Settings),
            (Vendor::Yealink, "249AD8000001.cfg", Asked::OtherMac(other)),
            (Vendor::Yealink, "y000000000096.cfg", Asked::Beside),
            (Vendor::Yealink, "249ad888d0f4.boot", Asked::Beside),
            (Vendor::Yealink, "249ad888d0f4.xml", Asked::Foreign),
            (Vendor::Grandstream, "cfg249ad888d0f4.xml", Asked::Settings),
            (Vendor::Grandstream, "cfg249ad888d0f4", Asked::Beside),
            (Vendor::Grandstream, "cfg249ad8000001.xml", Asked::OtherMac(other)),
            (Vendor::Snom, "249AD888D0F4.xml", Asked::Settings),
            (Vendor::Snom, "snom.xml", Asked::Settings),
            (Vendor::Poly, "249ad888d0f4.cfg", Asked::Master),
            (Vendor::Poly, "settings.cfg", Asked::Settings),
            (Vendor::Poly, "249ad888d0f4-license.cfg", Asked::Beside),
            (Vendor::Cisco, "spa508G.cfg", Asked::Settings),
            (Vendor::Cisco, "SEP249AD888D0F4.cnf.xml", Asked::OtherFirmware),
            (Vendor::Gigaset, "249ad888d0f4.xml", Asked::Settings),
            (Vendor::Linphone, "linphone.xml", Asked::Settings),
            (Vendor::Linphone, "favicon.ico", Asked::Foreign),
        ];
        for (vendor, name, expected) in cases {
            assert_eq!(asked(vendor, mac, name), expected, "{vendor} {name}");
        }
        assert_eq!(asked(Vendor::Yealink, None, "249ad8000001.cfg"), Asked::Settings);
    }
}
