//! Whose language a phone reads.

use std::fmt;

/// Makers of telephones first, then programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Vendor {
    Yealink,
    /// Telephones and analogue adapters (HT8xx).
    Grandstream,
    Snom,
    Poly,
    /// SPA, ATA and Multiplatform (MPP) firmware; no Enterprise firmware.
    Cisco,
    Fanvil,
    Gigaset,
    Linphone,
    /// And the other programs of Acrobits.
    Groundwire,
    Zoiper,
    MicroSip,
    Baresip,
    /// Whatever is set by hand, from a card.
    Other,
}

impl Vendor {
    pub const ALL: [Self; 13] = [
        Self::Yealink,
        Self::Grandstream,
        Self::Snom,
        Self::Poly,
        Self::Cisco,
        Self::Fanvil,
        Self::Gigaset,
        Self::Linphone,
        Self::Groundwire,
        Self::Zoiper,
        Self::MicroSip,
        Self::Baresip,
        Self::Other,
    ];

    /// As it is kept and written in commands.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yealink => "yealink",
            Self::Grandstream => "grandstream",
            Self::Snom => "snom",
            Self::Poly => "poly",
            Self::Cisco => "cisco",
            Self::Fanvil => "fanvil",
            Self::Gigaset => "gigaset",
            Self::Linphone => "linphone",
            Self::Groundwire => "groundwire",
            Self::Zoiper => "zoiper",
            Self::MicroSip => "microsip",
            Self::Baresip => "baresip",
            Self::Other => "other",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|vendor| vendor.as_str().eq_ignore_ascii_case(text))
    }

    /// A telephone with a plug: it is known by its hardware address, and fetches its file by itself.
    pub const fn is_desk_phone(self) -> bool {
        match self {
            Self::Yealink
            | Self::Grandstream
            | Self::Snom
            | Self::Poly
            | Self::Cisco
            | Self::Fanvil
            | Self::Gigaset => true,
            Self::Linphone
            | Self::Groundwire
            | Self::Zoiper
            | Self::MicroSip
            | Self::Baresip
            | Self::Other => false,
        }
    }

    /// What a file of this maker does not name stays as the phone has it: it need not be told its secret each time. The
    /// parameters of Poly live in the files, and are gone with them.
    pub const fn keeps_what_is_not_named(self) -> bool {
        !matches!(self, Self::Poly)
    }
}

/// Who signs in on the web page of such a phone with the password that we set. `None`: there is no such page.
pub const fn admin_name(vendor: Vendor) -> Option<&'static str> {
    match vendor {
        Vendor::Poly => Some("Polycom"),
        Vendor::Yealink
        | Vendor::Grandstream
        | Vendor::Snom
        | Vendor::Cisco
        | Vendor::Fanvil
        | Vendor::Gigaset => Some("admin"),
        Vendor::Linphone
        | Vendor::Groundwire
        | Vendor::Zoiper
        | Vendor::MicroSip
        | Vendor::Baresip
        | Vendor::Other => None,
    }
}

impl fmt::Display for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_maker_is_read_as_it_is_written() {
        for vendor in Vendor::ALL {
            assert_eq!(Vendor::parse(&vendor.as_str().to_ascii_uppercase()), Some(vendor));
        }
        assert_eq!(Vendor::parse("mitel"), None);
    }
}
