//! Parameters: `*( SEMI name [ EQUAL value ] )`.

use super::HeaderError;
use crate::lex;

/// The parameters of a header value: what follows its first `;`, already checked, so that walking them cannot
/// fail. Names are found in any case (RFC 3261 section 7.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Params<'a> {
    /// From the first `;` to the end of the value; empty when there is none.
    raw: &'a [u8],
}

/// One parameter. A value keeps its quotes; see [`Param::unquoted`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param<'a> {
    pub name: &'a [u8],
    pub value: Option<&'a [u8]>,
    /// The parameter as written, after its `;`.
    pub raw: &'a [u8],
}

impl<'a> Param<'a> {
    #[inline]
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value without quotes around it; quoted pairs inside stay.
    pub fn unquoted(&self) -> Option<&'a [u8]> {
        self.value.map(lex::unquoted)
    }
}

impl<'a> Params<'a> {
    /// Checks `bytes`, which is empty or starts with LWS or `;` (`generic-param`, RFC 3261 section 25.1).
    pub fn parse(bytes: &'a [u8]) -> Result<Params<'a>, HeaderError> {
        Params::parse_each(bytes, |_| Ok(()))
    }

    /// The same, and hands each parameter to `each` on the way.
    #[inline]
    pub(crate) fn parse_each(
        bytes: &'a [u8],
        mut each: impl FnMut(&Param<'a>) -> Result<(), HeaderError>,
    ) -> Result<Params<'a>, HeaderError> {
        let raw_start = lex::skip_lws(bytes, 0);
        let raw = &bytes[raw_start..];
        let mut at = 0;
        while at < raw.len() {
            if raw[at] != b';' {
                return Err(HeaderError::new(raw_start + at, "Malformed Parameter"));
            }
            let Some((param, after)) = scan(raw, at + 1) else {
                return Err(HeaderError::new(raw_start + at, "Malformed Parameter"));
            };
            each(&param)?;
            at = after;
        }
        Ok(Params { raw })
    }

    /// The parameters as written, from the first `;`.
    pub fn raw(self) -> &'a [u8] {
        self.raw
    }

    pub fn is_empty(self) -> bool {
        self.raw.is_empty()
    }

    /// The value of the first parameter of a name, without its quotes. A parameter without value gives an
    /// empty one.
    pub fn get(self, name: &str) -> Option<&'a [u8]> {
        self.find(name).map(|param| param.unquoted().unwrap_or_default())
    }

    pub fn has(self, name: &str) -> bool {
        self.find(name).is_some()
    }

    pub fn find(self, name: &str) -> Option<Param<'a>> {
        self.iter().find(|param| param.is(name))
    }

    /// The parameter of a name, which must not be there twice (RFC 3261 section 7.3.1: a parameter name appears
    /// at most once).
    pub fn only(self, name: &str) -> Result<Option<Param<'a>>, HeaderError> {
        let mut matching = self.iter().filter(|param| param.is(name));
        let first = matching.next();
        match matching.next() {
            Some(_) => Err(HeaderError::new(0, "Duplicate Parameter")),
            None => Ok(first),
        }
    }

    pub fn iter(self) -> ParamIter<'a> {
        ParamIter { raw: self.raw, at: 0 }
    }
}

impl<'a> IntoIterator for Params<'a> {
    type Item = Param<'a>;
    type IntoIter = ParamIter<'a>;

    fn into_iter(self) -> ParamIter<'a> {
        self.iter()
    }
}

/// See [`Params::iter`].
#[derive(Clone, Debug)]
pub struct ParamIter<'a> {
    raw: &'a [u8],
    at: usize,
}

impl<'a> Iterator for ParamIter<'a> {
    type Item = Param<'a>;

    fn next(&mut self) -> Option<Param<'a>> {
        if self.at >= self.raw.len() {
            return None;
        }
        let (param, after) = scan(self.raw, self.at + 1)?;
        self.at = after;
        Some(param)
    }
}

/// Reads one parameter at `at`, after its `;`. Returns it and the index of the next `;` or the end.
#[inline]
fn scan(raw: &[u8], at: usize) -> Option<(Param<'_>, usize)> {
    let name_start = lex::skip_lws(raw, at);
    let name_end = lex::skip_token(raw, name_start);
    if name_end == name_start {
        return None;
    }
    let name = &raw[name_start..name_end];
    let mut after = lex::skip_lws(raw, name_end);
    if raw.get(after) != Some(&b'=') {
        let ends = after == raw.len() || raw[after] == b';';
        return ends.then_some((Param { name, value: None, raw: &raw[name_start..name_end] }, after));
    }
    let value_start = lex::skip_lws(raw, after + 1);
    let value_end = match raw.get(value_start)? {
        b'"' => lex::skip_quoted(raw, value_start)?,
        _ => skip_value(raw, value_start),
    };
    if value_end == value_start {
        return None;
    }
    after = lex::skip_lws(raw, value_end);
    if after < raw.len() && raw[after] != b';' {
        return None;
    }
    let value = Some(&raw[value_start..value_end]);
    Some((Param { name, value, raw: &raw[name_start..value_end] }, after))
}

/// `token / host`, and what phones write there without quotes although the grammar wants them: anything that
/// cannot end the parameter, the element or the value for any reader.
fn skip_value(raw: &[u8], start: usize) -> usize {
    if raw[start] == b'=' {
        return start;
    }
    let mut at = start;
    while at < raw.len() && VALUE[raw[at] as usize] {
        at += 1;
    }
    at
}

static VALUE: [bool; 256] = value_bytes();

const fn value_bytes() -> [bool; 256] {
    let mut table = [true; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = !matches!(byte as u8, 0..=b' ' | b';' | b',' | b'"' | b'<' | b'>' | 0x7f);
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(raw: &[u8]) -> Vec<(&[u8], Option<&[u8]>)> {
        let params = Params::parse(raw).unwrap();
        params.iter().map(|param| (param.name, param.value)).collect()
    }

    #[test]
    fn white_space_and_folds_around_separators_are_passed_over() {
        assert_eq!(
            list(b" ; tag = 98asjd8;\r\n lr ; q\r\n\t=0.3 "),
            [(&b"tag"[..], Some(&b"98asjd8"[..])), (b"lr", None), (b"q", Some(b"0.3"))]
        );
    }

    #[test]
    fn a_quoted_value_may_hold_separators() {
        let params = Params::parse(br#";+sip.instance="<urn:uuid:1;2,\"3>";x"#).unwrap();
        assert_eq!(params.get("+SIP.Instance"), Some(&br#"<urn:uuid:1;2,\"3>"#[..]));
        assert_eq!(params.get("x"), Some(&b""[..]));
        assert!(!params.has("2"));
    }

    #[test]
    fn empty_and_broken_parameters_are_errors() {
        for raw in [
            &b";;"[..],
            b";",
            b";=x",
            b";a=",
            b";a=b c",
            b"a=b",
            b";a==",
            b";a=\"b",
            b";a=\"b\"c",
            b";a,b",
            b";a=b,c",
        ] {
            assert!(Params::parse(raw).is_err(), "{}", String::from_utf8_lossy(raw));
        }
    }

    #[test]
    fn a_doubled_parameter_is_found() {
        let params = Params::parse(b";tag=1;Tag=2").unwrap();
        assert!(params.only("tag").is_err());
        assert_eq!(params.only("other"), Ok(None));
    }
}
