//! What models can do, as far as it matters to a file.

use crate::phone::{Key, KeyKind, Phone};
use crate::vendor::Vendor;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ability {
    /// Accounts.
    pub lines_max: usize,
    /// Programmable keys on the phone itself, and so the last position of one; 0: none that we write.
    pub keys_max: usize,
}

/// Of a model, or of the usual one of its maker where we do not know it.
pub fn ability(vendor: Vendor, model: &str) -> Ability {
    let (lines_max, keys_max) = match vendor {
        Vendor::Yealink => (16, yealink_keys(model)),
        Vendor::Grandstream if is_adapter(model) => (adapter_ports(model), 0),
        Vendor::Grandstream => (6, grandstream_keys(model)),
        Vendor::Snom => (12, 32),
        Vendor::Poly => (16, 16),
        Vendor::Cisco => (16, 16),
        Vendor::Fanvil => (6, 0),
        Vendor::Gigaset => (20, 0),
        Vendor::Linphone | Vendor::Baresip | Vendor::MicroSip => (16, 0),
        Vendor::Groundwire | Vendor::Zoiper | Vendor::Other => (1, 0),
    };
    Ability { lines_max, keys_max }
}

/// Whether such a phone of so many lines has this key, and its maker's language, as we know it, says what it is to be.
pub fn can_say(vendor: Vendor, model: &str, lines: usize, key: &Key) -> bool {
    let position = usize::from(key.position);
    if position == 0 || usize::from(key.line) > lines || position > ability(vendor, model).keys_max {
        return false;
    }
    match vendor {
        Vendor::Yealink | Vendor::Snom => true,
        Vendor::Grandstream if is_named(model) => true,
        // Numbers of modes that are known.
        Vendor::Grandstream => !matches!(key.kind, KeyKind::Line | KeyKind::None),
        // A list of who is watched, which a file holds whole.
        Vendor::Poly => matches!(key.kind, KeyKind::Busy | KeyKind::None),
        // The first keys are its lines.
        Vendor::Cisco => key.kind != KeyKind::Line && position > lines,
        Vendor::Fanvil
        | Vendor::Gigaset
        | Vendor::Linphone
        | Vendor::Groundwire
        | Vendor::Zoiper
        | Vendor::MicroSip
        | Vendor::Baresip
        | Vendor::Other => false,
    }
}

/// Virtual ones of the newer models.
fn grandstream_keys(model: &str) -> usize {
    match digits(model) {
        2613 => 24,
        2615 => 40,
        _ => 16,
    }
}

fn yealink_keys(model: &str) -> usize {
    match digits(model) {
        31 => 2,
        33 | 34 => 12,
        41..=43 => 15,
        44 => 24,
        46 | 54 => 27,
        48 | 57 => 29,
        53 => 21,
        _ => 10,
    }
}

/// The analogue adapters of Grandstream.
pub(crate) fn is_adapter(model: &str) -> bool {
    model.trim_start().to_ascii_uppercase().starts_with("HT")
}

/// The last digit of its name; one of HT801 is called so too.
fn adapter_ports(model: &str) -> usize {
    match digits(model) % 10 {
        0 | 1 => 1,
        ports => ports,
    }
}

/// Of Grandstream: speaks of items by name, not by number.
pub(crate) fn speaks_by_name(phone: &Phone) -> bool {
    is_named(phone.model.as_str())
}

fn is_named(model: &str) -> bool {
    model.to_ascii_uppercase().starts_with("GRP")
}

fn digits(model: &str) -> usize {
    let digits: String =
        model.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).take(6).collect();
    digits.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_model_can_do_is_read_from_its_name() {
        assert_eq!(ability(Vendor::Yealink, "SIP-T54W").keys_max, 27);
        assert_eq!(ability(Vendor::Grandstream, "HT801").lines_max, 1);
        assert_eq!(ability(Vendor::Grandstream, "ht818").lines_max, 8);
        assert_eq!(ability(Vendor::Grandstream, "GRP2614").lines_max, 6);
    }
}
