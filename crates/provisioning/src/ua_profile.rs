//! What a phone that was just plugged in says of itself to everybody: the `ua-profile` event of RFC 6080.

use crate::mac::Mac;
use crate::text::Text;
use crate::vendor::Vendor;

/// The parameters of `Event: ua-profile;profile-type="device";vendor="…";model="…";version="…"` (RFC 6080 section 4.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UaProfile {
    pub vendor: Text,
    pub model: Text,
    pub version: Text,
}

/// Parameters of one value that are looked at.
const PARAMETERS_MAX: usize = 16;

impl UaProfile {
    /// `None` for another event, and for a profile that is not that of a device.
    pub fn parse(event: &str) -> Option<Self> {
        let mut parts = event.split(';');
        if !parts.next()?.trim().eq_ignore_ascii_case("ua-profile") {
            return None;
        }
        let mut profile = Self::default();
        let mut kind = "device".to_owned();
        for part in parts.take(PARAMETERS_MAX) {
            let Some((name, value)) = part.split_once('=') else { continue };
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "vendor" => profile.vendor = Text::new(value),
                "model" => profile.model = Text::new(value),
                "version" => profile.version = Text::new(value),
                "profile-type" => kind = value.to_ascii_lowercase(),
                _ => {}
            }
        }
        (kind == "device").then_some(profile)
    }

    /// Whose language it reads, as far as we know it.
    pub fn maker(&self) -> Option<Vendor> {
        let vendor = self.vendor.as_str().to_ascii_lowercase();
        let known = Vendor::ALL.into_iter().filter(|known| known.is_desk_phone());
        known
            .into_iter()
            .find(|known| vendor.starts_with(known.as_str()))
            .or_else(|| vendor.starts_with("polycom").then_some(Vendor::Poly))
    }
}

/// The address in `sip:MAC%3a000413922D24@224.0.1.75` (and with `:` unescaped).
pub fn mac_of_uri(uri: &str) -> Option<Mac> {
    let user = uri.split_once(':')?.1.split('@').next()?;
    let lower = user.to_ascii_lowercase();
    let digits = lower.strip_prefix("mac%3a").or_else(|| lower.strip_prefix("mac:")).unwrap_or(&lower);
    Mac::parse(digits.get(..12)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_that_was_plugged_in_says_who_it_is() {
        let event =
            "ua-profile;profile-type=\"device\";vendor=\"snom\";model=\"snomD785\";version=\"10.1.33.33\"";
        let profile = UaProfile::parse(event).unwrap();
        assert_eq!(profile.maker(), Some(Vendor::Snom));
        assert_eq!((profile.model.as_str(), profile.version.as_str()), ("snomD785", "10.1.33.33"));
        let uri = "sip:MAC%3a000413922D24@224.0.1.75";
        assert_eq!(mac_of_uri(uri).map(Mac::lower).as_deref(), Some("000413922d24"));
    }

    #[test]
    fn other_events_and_other_profiles_are_not_taken() {
        assert_eq!(UaProfile::parse("presence"), None);
        assert_eq!(UaProfile::parse("ua-profile;profile-type=\"user\";vendor=x"), None);
        for uri in ["", "sip:", "sip:MAC%3a0004@x", "sip:MAC%3aéééééééééé@x", "tel:1"] {
            assert_eq!(mac_of_uri(uri), None, "{uri}");
        }
    }
}
