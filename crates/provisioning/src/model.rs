//! What models can do, as far as it matters to a file.

use crate::phone::Phone;
use crate::vendor::Vendor;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ability {
    /// Accounts.
    pub lines_max: usize,
    /// Programmable keys on the phone itself; 0: none that we write.
    pub keys_max: usize,
}

/// Of a model, or of the usual one of its maker where we do not know it.
pub fn ability(vendor: Vendor, model: &str) -> Ability {
    let (lines_max, keys_max) = match vendor {
        Vendor::Yealink => (16, yealink_keys(model)),
        Vendor::Grandstream if is_adapter(model) => (adapter_ports(model), 0),
        Vendor::Grandstream => (6, 16),
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
    phone.model.as_str().to_ascii_uppercase().starts_with("GRP")
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
