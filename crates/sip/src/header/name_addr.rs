//! `name-addr / addr-spec` with parameters: From, To, Contact, Route, Record-Route, Path, Service-Route,
//! Refer-To, Referred-By, Reply-To, P-Asserted-Identity and their kin (RFC 3261 section 20.10).

use memchr::memchr;

use super::{HeaderError, Param, Params};
use crate::lex;
use crate::uri::{Uri, UriError};

/// An address: display name, URI, parameters of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// The display name as written: a quoted string with its quotes, or words.
    pub display: Option<&'a [u8]>,
    /// The URI as written, without brackets.
    pub uri: &'a [u8],
    /// True when the URI stands in brackets, so that it may have parameters of its own.
    pub bracketed: bool,
    pub params: Params<'a>,
}

impl<'a> NameAddr<'a> {
    /// Reads one value. Without brackets what follows `;` belongs to the header, and a `?` or a comma is an
    /// error (RFC 3261 section 20.10).
    pub fn parse(value: &'a [u8]) -> Result<NameAddr<'a>, HeaderError> {
        NameAddr::parse_each(value, |_| Ok(()))
    }

    /// Reads From or To, with its tag, of which there is at most one (RFC 3261 section 19.3).
    pub(crate) fn parse_party(value: &'a [u8]) -> Result<(NameAddr<'a>, Option<&'a [u8]>), HeaderError> {
        let mut tag = None;
        let address = NameAddr::parse_each(value, |param| {
            if param.name.len() == 3 && param.is("tag") {
                if tag.is_some() {
                    return Err(HeaderError::new(0, DUPLICATE_TAG));
                }
                tag = Some(param.unquoted().unwrap_or_default());
            }
            Ok(())
        });
        // That there are two matters, not where.
        let address = address.map_err(|error| match error.reason {
            DUPLICATE_TAG => HeaderError::new(0, DUPLICATE_TAG),
            _ => error,
        })?;
        Ok((address, tag.filter(|tag| !tag.is_empty())))
    }

    /// Reads one value and hands each of its parameters to `each` on the way.
    #[inline]
    fn parse_each(
        value: &'a [u8],
        each: impl FnMut(&Param<'a>) -> Result<(), HeaderError>,
    ) -> Result<NameAddr<'a>, HeaderError> {
        let start = lex::skip_lws(value, 0);
        if value.get(start) == Some(&b'"') {
            let Some(after) = lex::skip_quoted(value, start) else {
                return Err(HeaderError::new(start, "Unbalanced Quotes"));
            };
            let open = lex::skip_lws(value, after);
            if value.get(open) != Some(&b'<') {
                return Err(HeaderError::new(open, "Missing Angle Bracket"));
            }
            return bracketed(value, Some(&value[start..after]), open, each);
        }
        match lex::find(b'<', value, start) {
            // The usual one, without a display name.
            open if open == start => bracketed(value, None, open, each),
            open if open < value.len() && !is_addr_spec(&value[..open]) => {
                let display = lex::trim(&value[..open]);
                check_display(display, start)?;
                bracketed(value, (!display.is_empty()).then_some(display), open, each)
            }
            _ => addr_spec(value, start, each),
        }
    }

    /// The URI, read.
    pub fn parse_uri(&self) -> Result<Uri<'a>, UriError> {
        Uri::parse(self.uri)
    }

    /// The `tag` parameter (RFC 3261 section 19.3).
    pub fn tag(&self) -> Option<&'a [u8]> {
        self.params.get("tag").filter(|tag| !tag.is_empty())
    }
}

/// True when what precedes a `<` is a URI without brackets whose header parameters have begun: then the `<`
/// stands in a parameter (`sip:a@b;+sip.instance="<urn:...>"`).
fn is_addr_spec(before: &[u8]) -> bool {
    memchr(b';', before).is_some() || memchr(b'"', before).is_some()
}

/// A display name without quotes is words. The grammar wants tokens; phones write dots, accents and `@` as
/// well, and nobody reads those differently. A separator that could cut the value is an error, and so is a
/// colon, with which it could be taken for the URI.
fn check_display(display: &[u8], start: usize) -> Result<(), HeaderError> {
    match display.iter().position(|byte| matches!(byte, b',' | b'"' | b';' | b':' | b'>' | b'\\')) {
        Some(at) => Err(HeaderError::new(start + at, "Malformed Display Name")),
        None => Ok(()),
    }
}

fn bracketed<'a>(
    value: &'a [u8],
    display: Option<&'a [u8]>,
    open: usize,
    each: impl FnMut(&Param<'a>) -> Result<(), HeaderError>,
) -> Result<NameAddr<'a>, HeaderError> {
    let close = lex::find(b'>', value, open);
    if close == value.len() {
        return Err(HeaderError::new(open, "Missing Angle Bracket"));
    }
    let uri = &value[open + 1..close];
    check_uri(uri).map_err(|error| error.at(open + 1))?;
    let after = close + 1;
    let params = Params::parse_each(&value[after..], each).map_err(|error| error.at(after))?;
    Ok(NameAddr { display, uri, bracketed: true, params })
}

fn addr_spec<'a>(
    value: &'a [u8],
    start: usize,
    each: impl FnMut(&Param<'a>) -> Result<(), HeaderError>,
) -> Result<NameAddr<'a>, HeaderError> {
    let mut end = start;
    while end < value.len() && !lex::is_lws(value[end]) && value[end] != b';' {
        if matches!(value[end], b'?' | b',') {
            return Err(HeaderError::new(end, "URI Needs Angle Brackets"));
        }
        end += 1;
    }
    let uri = &value[start..end];
    check_uri(uri).map_err(|error| error.at(start))?;
    let params = Params::parse_each(&value[end..], each).map_err(|error| error.at(end))?;
    Ok(NameAddr { display: None, uri, bracketed: false, params })
}

/// No white space, quote, bracket or control character inside; the scheme's own grammar is left to
/// [`Uri::parse`].
fn check_uri(uri: &[u8]) -> Result<(), HeaderError> {
    let mut colon = false;
    for (at, &byte) in uri.iter().enumerate() {
        if URI_BREAK[byte as usize] {
            return Err(HeaderError::new(at, "Malformed URI"));
        }
        colon |= byte == b':';
    }
    match colon && uri.first().is_some_and(u8::is_ascii_alphabetic) {
        true => Ok(()),
        false => Err(HeaderError::new(0, "Malformed URI")),
    }
}

static URI_BREAK: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte <= b' ' as usize {
        table[byte] = true;
        byte += 1;
    }
    table[0x7f] = true;
    table[b'<' as usize] = true;
    table[b'"' as usize] = true;
    table
};

const DUPLICATE_TAG: &str = "Duplicate Tag";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &str) -> Result<NameAddr<'_>, HeaderError> {
        NameAddr::parse(value.as_bytes())
    }

    #[test]
    fn all_forms_of_an_address_are_read() {
        let quoted = parse("\"J \\\"R\\\" <x>, y\"   <sip:j@a.com;lr?x=y> ; tag=1").unwrap();
        assert_eq!(quoted.display, Some(&b"\"J \\\"R\\\" <x>, y\""[..]));
        assert_eq!(quoted.uri, b"sip:j@a.com;lr?x=y");
        assert_eq!(quoted.tag(), Some(&b"1"[..]));

        let words = parse("A. G. Bell <sip:bell@a.com>").unwrap();
        assert_eq!(words.display, Some(&b"A. G. Bell"[..]));

        let tight = parse("caller<sip:caller@example.com>;tag=323").unwrap();
        assert_eq!(tight.display, Some(&b"caller"[..]));

        let bare = parse("sip:a@b.com;tag=2").unwrap();
        assert_eq!((bare.uri, bare.display, bare.bracketed), (&b"sip:a@b.com"[..], None, false));
        assert_eq!(bare.tag(), Some(&b"2"[..]));

        let instance = parse("sip:a@b.com;+sip.instance=\"<urn:uuid:1>\"").unwrap();
        assert_eq!(instance.uri, b"sip:a@b.com");
        assert_eq!(instance.params.get("+sip.instance"), Some(&b"<urn:uuid:1>"[..]));
    }

    #[test]
    fn a_bare_uri_with_a_question_mark_or_comma_is_an_error() {
        assert_eq!(parse("sip:a@b?Route=x").unwrap_err().reason, "URI Needs Angle Brackets");
        assert!(parse("sip:a@b,sip:c@d").is_err());
    }

    #[test]
    fn what_could_be_cut_in_two_ways_is_an_error() {
        for value in [
            "\"Mr. J. User <sip:j@a.com>",
            "Bell, Alexander <sip:a@b.com>",
            "sip:a@b.com <sip:c@d.com>",
            "\"Watson\" < sip:t@a.com >",
            "\"Joe\" <sip:joe@a.org>;;;;",
            "\"Joe\" sip:joe@a.org",
            "<sip:a@b.com",
            "<sip:a@b.com> x",
            "<>",
            "",
            "a@b",
            "<sip:a@b\r\n .com>",
            "<sip:a<b@c>",
        ] {
            assert!(parse(value).is_err(), "{value}");
        }
    }
}
