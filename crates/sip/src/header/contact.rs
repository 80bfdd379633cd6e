//! Contact (RFC 3261 section 20.10, RFC 5626, RFC 5627).

use super::{HeaderError, NameAddr, Params};
use crate::lex;
use crate::uri::{Uri, UriError};

/// One Contact value: `*`, or an address with what a registrar reads of its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contact<'a> {
    /// `Contact: *`, to remove all bindings (RFC 3261 section 10.2.2).
    Star,
    Address(NameAddr<'a>),
}

impl<'a> Contact<'a> {
    pub fn parse(value: &'a [u8]) -> Result<Contact<'a>, HeaderError> {
        if lex::trim(value) == b"*" {
            return Ok(Contact::Star);
        }
        let address = NameAddr::parse(value)?;
        check_once(address.params)?;
        Ok(Contact::Address(address))
    }

    pub fn address(&self) -> Option<NameAddr<'a>> {
        match self {
            Contact::Star => None,
            Contact::Address(address) => Some(*address),
        }
    }

    /// The URI as written; `*` for the star.
    pub fn uri(&self) -> &'a [u8] {
        self.address().map_or(b"*", |address| address.uri)
    }

    pub fn parse_uri(&self) -> Result<Uri<'a>, UriError> {
        Uri::parse(self.uri())
    }

    /// The `expires` parameter in seconds. A malformed one counts as 3600 (RFC 3261 section 10.2.1.1), one
    /// beyond 2**32-1 as that.
    pub fn expires(&self) -> Option<u32> {
        let value = self.address()?.params.get("expires")?;
        Some(lex::delta_seconds(value).unwrap_or(3600))
    }

    /// The `q` parameter in thousandths, 0 to 1000; a malformed one counts as absent.
    pub fn q(&self) -> Option<u16> {
        qvalue(self.address()?.params.get("q")?)
    }

    /// The instance identifier without quotes and brackets (RFC 5626 section 4.1).
    pub fn instance(&self) -> Option<&'a [u8]> {
        let value = self.address()?.params.get("+sip.instance")?;
        match value {
            [b'<', urn @ .., b'>'] if !urn.is_empty() => Some(urn),
            _ => None,
        }
    }

    /// `reg-id`, from 1 to 2**31-1 (RFC 5626 section 4.2). Without `+sip.instance` it means nothing.
    pub fn reg_id(&self) -> Option<u32> {
        lex::number_u32(self.address()?.params.get("reg-id")?).filter(|&id| (1..1 << 31).contains(&id))
    }
}

/// Each parameter that decides something at most once (RFC 3261 section 7.3.1), in one walk.
fn check_once(params: Params<'_>) -> Result<(), HeaderError> {
    const NAMES: [&str; 4] = ["q", "reg-id", "expires", "+sip.instance"];
    let mut seen = [false; NAMES.len()];
    for param in params {
        for (seen, name) in seen.iter_mut().zip(NAMES) {
            if param.is(name) && std::mem::replace(seen, true) {
                return Err(HeaderError::new(0, "Duplicate Parameter"));
            }
        }
    }
    Ok(())
}

/// `qvalue`: 0 or 1 with up to three decimals, in thousandths.
pub(crate) fn qvalue(text: &[u8]) -> Option<u16> {
    let (whole, decimals) = match text {
        [whole] => (whole, &[][..]),
        [whole, b'.', decimals @ ..] if decimals.len() <= 3 => (whole, decimals),
        // Phones write `.5`, as the RFC's own older examples do.
        [b'.', decimals @ ..] if (1..=3).contains(&decimals.len()) => (&b'0', decimals),
        _ => return None,
    };
    let mut value = match whole {
        b'0' => 0,
        b'1' => 1000,
        _ => return None,
    };
    let mut weight = 100;
    for digit in decimals {
        if !digit.is_ascii_digit() {
            return None;
        }
        value += u16::from(digit - b'0') * weight;
        weight /= 10;
    }
    (value <= 1000).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registration_contact_is_read() {
        let contact = Contact::parse(
            b"\"A\" <sip:a@192.0.2.1:5060;ob>;q=0.7;expires=600;reg-id=1;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>\"",
        )
        .unwrap();
        assert_eq!(contact.uri(), b"sip:a@192.0.2.1:5060;ob");
        assert_eq!(contact.q(), Some(700));
        assert_eq!(contact.expires(), Some(600));
        assert_eq!(contact.reg_id(), Some(1));
        assert_eq!(contact.instance(), Some(&b"urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF"[..]));
    }

    #[test]
    fn a_malformed_expiry_is_an_hour_and_a_huge_one_the_largest() {
        let expires = |text: &[u8]| Contact::parse(text).unwrap().expires();
        assert_eq!(expires(b"<sip:a@b>;expires=soon"), Some(3600));
        assert_eq!(expires(b"<sip:a@b>;expires=280297596632815"), Some(u32::MAX));
        assert_eq!(expires(b"<sip:a@b>"), None);
    }

    #[test]
    fn the_star_is_alone() {
        assert_eq!(Contact::parse(b" * "), Ok(Contact::Star));
        assert!(Contact::parse(b"*;expires=0").is_err());
    }

    #[test]
    fn q_is_read_in_thousandths() {
        for (text, value) in [
            (&b"1"[..], Some(1000)),
            (b"1.000", Some(1000)),
            (b"0", Some(0)),
            (b"0.33", Some(330)),
            (b".5", Some(500)),
            (b"1.1", None),
            (b"0.1234", None),
            (b"2", None),
            (b"", None),
            (b"0.x", None),
        ] {
            assert_eq!(qvalue(text), value, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn a_doubled_parameter_that_decides_is_an_error() {
        for params in [&b";expires=1;Expires=2"[..], b";q=1;x;q=1", b";reg-id=1;reg-id=2"] {
            let value = [b"<sip:a@b>", params].concat();
            assert!(Contact::parse(&value).is_err(), "{}", String::from_utf8_lossy(&value));
        }
    }
}
