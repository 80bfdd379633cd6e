//! Hardware addresses: how phones and people write them, and whose they are.

use crate::vendor::Vendor;
use std::fmt;

/// The hardware address of a phone's network interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac([u8; 6]);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MacError;

impl fmt::Display for MacError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a hardware address (MAC) has 12 hexadecimal digits, such as 24:9a:d8:88:d0:f4; it is on the back of the phone")
    }
}

impl std::error::Error for MacError {}

impl Mac {
    /// Twelve hexadecimal digits, with `:`, `-` or `.` anywhere between them. A group address is that of no phone, nor is one that
    /// begins with three zeros: names of common files are made of those.
    pub fn parse(text: &str) -> Result<Self, MacError> {
        let mut bytes = [0u8; 6];
        let mut digits = 0;
        for c in text.trim().chars() {
            match (c, c.to_digit(16)) {
                (':' | '-' | '.', _) => {}
                (_, Some(digit)) if digits < 12 => {
                    bytes[digits / 2] = bytes[digits / 2] << 4 | digit as u8;
                    digits += 1;
                }
                (_, Some(_) | None) => return Err(MacError),
            }
        }
        if digits == 12 && bytes[0] & 1 == 0 && bytes[..3] != [0; 3] {
            Ok(Self(bytes))
        } else {
            Err(MacError)
        }
    }

    /// The first of the twelve digits in a row that are one, as in `cfg000b82aabbcc.xml`.
    pub fn find(text: &str) -> Option<Self> {
        let is_part = |c: char| c.is_ascii_hexdigit() || matches!(c, ':' | '-');
        // `cfg` ends in no hexadecimal digit, but `f` and `c` are some: each place of a run is tried.
        text.split(|c| !is_part(c)).filter(|run| run.len() >= 12).find_map(|run| {
            (0..=run.len() - 12)
                .find_map(|at| [12, 17].iter().find_map(|length| Self::parse(run.get(at..at + length)?).ok()))
        })
    }

    /// As `249ad888d0f4`.
    pub fn lower(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// As `249AD888D0F4`.
    pub fn upper(self) -> String {
        self.lower().to_ascii_uppercase()
    }

    /// The maker whom this address was given to, as far as we know him.
    pub fn vendor(self) -> Option<Vendor> {
        let prefix = [self.0[0], self.0[1], self.0[2]];
        OUIS.iter().find(|(known, _)| *known == prefix).map(|(_, vendor)| *vendor)
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// The first three bytes of addresses, by maker. Those of Poly and Cisco are not confirmed.
const OUIS: &[([u8; 3], Vendor)] = &[
    ([0x00, 0x15, 0x65], Vendor::Yealink),
    ([0x80, 0x5e, 0xc0], Vendor::Yealink),
    ([0x80, 0x5e, 0x0c], Vendor::Yealink),
    ([0x24, 0x9a, 0xd8], Vendor::Yealink),
    ([0x44, 0xdb, 0xd2], Vendor::Yealink),
    ([0x64, 0x4f, 0x56], Vendor::Yealink),
    ([0xec, 0x1d, 0xa9], Vendor::Yealink),
    ([0x34, 0x97, 0xd7], Vendor::Yealink),
    ([0xb0, 0x61, 0xa9], Vendor::Yealink),
    ([0xc4, 0xfc, 0x22], Vendor::Yealink),
    ([0xf0, 0x16, 0x53], Vendor::Yealink),
    ([0xe4, 0x34, 0xd7], Vendor::Yealink),
    ([0x00, 0x0b, 0x82], Vendor::Grandstream),
    ([0xc0, 0x74, 0xad], Vendor::Grandstream),
    ([0xec, 0x74, 0xd7], Vendor::Grandstream),
    ([0x00, 0x04, 0x13], Vendor::Snom),
    ([0x0c, 0x38, 0x3e], Vendor::Fanvil),
    ([0x7c, 0x2f, 0x80], Vendor::Gigaset),
    ([0x58, 0x9e, 0xc6], Vendor::Gigaset),
    ([0x00, 0x21, 0x04], Vendor::Gigaset),
    ([0x00, 0x04, 0xf2], Vendor::Poly),
    ([0x64, 0x16, 0x7f], Vendor::Poly),
    ([0x48, 0x25, 0x67], Vendor::Poly),
    ([0x00, 0x56, 0x2b], Vendor::Cisco),
    ([0x00, 0x02, 0xfd], Vendor::Cisco),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_however_it_is_written() {
        let mac = Mac::parse("24:9A:d8-88.d0f4").unwrap();
        assert_eq!((mac.lower(), mac.to_string()), ("249ad888d0f4".into(), "24:9a:d8:88:d0:f4".into()));
        for bad in [
            "",
            "24:9a:d8:88:d0",
            "24:9a:d8:88:d0:f4:00",
            "249ad888d0fg",
            "ff:ff:ff:ff:ff:ff",
            "000000000000",
        ] {
            assert_eq!(Mac::parse(bad), Err(MacError), "{bad}");
        }
    }

    #[test]
    fn an_address_is_found_in_a_name_that_begins_with_other_digits() {
        for (text, found) in [
            ("cfg000b82aabbcc.xml", Some("000b82aabbcc")),
            ("Yealink SIP-T54W 96.86.0.75 24:9a:d8:88:d0:f4", Some("249ad888d0f4")),
            ("/a/000413922D24.xml", Some("000413922d24")),
            ("y000000000096.cfg", None),
            ("é:é:é:é:é:é:é", None),
        ] {
            assert_eq!(Mac::find(text).map(Mac::lower).as_deref(), found, "{text}");
        }
    }

    #[test]
    fn the_maker_is_known_by_the_first_three_bytes() {
        assert_eq!(Mac::parse("000413922d24").unwrap().vendor(), Some(Vendor::Snom));
        assert_eq!(Mac::parse("020000000001").unwrap().vendor(), None);
    }
}
