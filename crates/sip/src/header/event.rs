//! Event and the entries of Allow-Events (RFC 6665 section 8.2.1).

use super::{HeaderError, Params};
use crate::lex;

/// `Event: package[.template]*;id=...`. Package names are compared byte by byte (RFC 6665 section 8.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    pub package: &'a [u8],
    pub id: Option<&'a [u8]>,
    pub params: Params<'a>,
}

impl<'a> Event<'a> {
    pub fn parse(value: &'a [u8]) -> Result<Event<'a>, HeaderError> {
        let end = lex::skip_token(value, 0);
        if end == 0 {
            return Err(HeaderError::new(0, "Malformed Event"));
        }
        let params = Params::parse(&value[end..]).map_err(|error| error.at(end))?;
        let id = params.only("id")?.and_then(|param| param.value);
        Ok(Event { package: &value[..end], id, params })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_and_its_id_are_read() {
        let event = Event::parse(b"dialog.winfo ; id=7;sla").unwrap();
        assert_eq!((event.package, event.id), (&b"dialog.winfo"[..], Some(&b"7"[..])));
        assert!(event.params.has("sla"));
        assert!(Event::parse(b"").is_err());
        assert!(Event::parse(b"presence;id=1;id=2").is_err());
    }
}
