//! sip and sips URIs (RFC 3261 section 19.1).

use memchr::memchr;

use super::escape::{bad_escape, same_unescaped, unescaped};
use super::{Host, UriError};
use crate::header::Param;
use crate::lex;
use crate::method::Method;
use crate::transport::Transport;

/// A sip or sips URI. Parts are as written, with their escapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SipUri<'a> {
    /// True for sips.
    pub secure: bool,
    /// `None` without a userinfo part; never empty.
    pub user: Option<&'a [u8]>,
    pub password: Option<&'a [u8]>,
    pub host: Host<'a>,
    /// The host as written.
    pub host_bytes: &'a [u8],
    pub port: Option<u16>,
    pub params: UriParams<'a>,
    /// What follows `?`; `None` without it. Not allowed in a Request-URI (RFC 3261 section 19.1.1, table 1).
    pub headers: Option<&'a [u8]>,
}

/// The parameters of a URI, checked: `;name=value` without white space or quotes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UriParams<'a> {
    raw: &'a [u8],
}

/// What may stand in userinfo besides letters and digits: `unreserved`, `user-unreserved`, `escaped`; the colon
/// parts the password, whose characters are among these.
static USER: [bool; 256] = lex::class(b"-_.!~*'()&=+$,;?/%:");
/// `paramchar`, plus `=`.
static PARAM: [bool; 256] = lex::class(b"-_.!~*'()[]/:&+$%=");
/// `hname`, `hvalue` and their separators; `,` and `;` too, which phones leave unescaped.
static HEADERS: [bool; 256] = lex::class(b"-_.!~*'()[]/?:+$%&=,;");

impl<'a> SipUri<'a> {
    /// Reads what follows the scheme and its colon, which is at `base` of the whole.
    pub(super) fn parse_rest(secure: bool, rest: &'a [u8], base: usize) -> Result<SipUri<'a>, UriError> {
        let marks = Marks::of(rest).map_err(|error| shift(error, base))?;
        let (user, password) = userinfo(marks.userinfo(rest)).map_err(|error| shift(error, base))?;
        let host_start = marks.host_start();
        let tail = &rest[host_start..];
        let base = base + host_start;
        let (headers_at, params_at) = (marks.headers - host_start, marks.params - host_start);
        let (host_bytes, host, port) = host_port(&tail[..params_at]).map_err(|error| shift(error, base))?;
        let params =
            UriParams::parse(&tail[params_at..headers_at]).map_err(|error| shift(error, base + params_at))?;
        let headers = tail.get(headers_at + 1..);
        if let Some(at) = headers.and_then(|headers| defect(headers, &HEADERS)) {
            return Err(UriError::new(base + headers_at + 1 + at, "Malformed URI Headers"));
        }
        Ok(SipUri { secure, user, password, host, host_bytes, port, params, headers })
    }

    /// The `transport` parameter.
    pub fn transport(&self) -> Option<Transport> {
        self.params.get("transport").map(Transport::parse)
    }

    /// The `lr` parameter: the next hop is a loose router (RFC 3261 section 19.1.1).
    pub fn is_loose_router(&self) -> bool {
        self.params.has("lr")
    }

    /// The `maddr` parameter, when it is a host.
    pub fn maddr(&self) -> Option<Host<'a>> {
        self.params.get("maddr").and_then(Host::parse)
    }

    /// The `method` parameter.
    pub fn method(&self) -> Option<Method<'a>> {
        self.params.get("method").and_then(Method::parse)
    }

    /// True with `user=phone`: the user part is a telephone number (RFC 3261 section 19.1.6).
    pub fn is_phone(&self) -> bool {
        self.params.get("user").is_some_and(|value| value.eq_ignore_ascii_case(b"phone"))
    }

    /// The headers, name and value as written.
    pub fn header_pairs(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        self.headers.unwrap_or_default().split(|&byte| byte == b'&').filter(|pair| !pair.is_empty()).map(
            |pair| match memchr(b'=', pair) {
                Some(equal) => (&pair[..equal], &pair[equal + 1..]),
                None => (pair, &b""[..]),
            },
        )
    }

    /// True when both name the same resource (RFC 3261 section 19.1.4, with RFC 5954 for IPv6 addresses).
    pub fn equivalent(&self, other: &SipUri<'_>) -> bool {
        self.secure == other.secure
            && same_part(self.user, other.user)
            && same_part(self.password, other.password)
            && self.host == other.host
            && self.port == other.port
            && self.params.equivalent(other.params)
            && self.same_headers(other)
    }

    /// Appends the address of record in canonical form, `user@domain` (RFC 3261 section 10.3 step 5: without
    /// parameters, escapes replaced; the domain in lower case). The port is not part of it. What would make it
    /// read differently (`@`, `%`, white space, control characters) keeps its escape, with digits in upper case.
    pub fn write_aor(&self, out: &mut Vec<u8>) {
        if let Some(user) = self.user {
            write_user(user, out);
            out.push(b'@');
        }
        self.host.write(out);
    }

    fn same_headers(&self, other: &SipUri<'_>) -> bool {
        if self.headers.unwrap_or_default() == other.headers.unwrap_or_default() {
            return true;
        }
        let count = self.header_pairs().count();
        // Order does not matter. More than this many is nobody's address; refusing keeps the cost bounded.
        count == other.header_pairs().count()
            && count <= COMPARED_MAX
            && self.header_pairs().all(|(name, value)| {
                other.header_pairs().any(|(other_name, other_value)| {
                    unescaped_equal_ignoring_case(name, other_name) && same_unescaped(value, other_value)
                })
            })
    }
}

/// Parameters or headers of one URI that equality looks at, at most: the comparison is quadratic in it.
const COMPARED_MAX: usize = 64;

impl<'a> UriParams<'a> {
    pub(super) fn parse(raw: &'a [u8]) -> Result<UriParams<'a>, UriError> {
        let mut at = 0;
        while at < raw.len() {
            let end = lex::find(b';', raw, at + 1);
            let param = &raw[at + 1..end];
            if param.is_empty() || param[0] == b'=' {
                return Err(UriError::new(at, "Empty URI Parameter"));
            }
            if let Some(bad) = defect(param, &PARAM) {
                return Err(UriError::new(at + 1 + bad, "Malformed URI Parameter"));
            }
            at = end;
        }
        Ok(UriParams { raw })
    }

    /// As written, from the first `;`.
    pub fn raw(self) -> &'a [u8] {
        self.raw
    }

    pub fn is_empty(self) -> bool {
        self.raw.is_empty()
    }

    pub fn iter(self) -> impl Iterator<Item = Param<'a>> + Clone + use<'a> {
        self.raw.split(|&byte| byte == b';').skip(1).map(|raw| match memchr(b'=', raw) {
            Some(equal) => Param { name: &raw[..equal], value: Some(&raw[equal + 1..]), raw },
            None => Param { name: raw, value: None, raw },
        })
    }

    /// The value of the first parameter of a name; empty for one without value.
    pub fn get(self, name: &str) -> Option<&'a [u8]> {
        self.find(name).map(|param| param.value.unwrap_or_default())
    }

    pub fn has(self, name: &str) -> bool {
        self.find(name).is_some()
    }

    pub fn find(self, name: &str) -> Option<Param<'a>> {
        self.iter().find(|param| param.is(name))
    }

    /// RFC 3261 section 19.1.4: a parameter in both must agree; user, ttl, method, maddr (and transport, whose
    /// absence cannot equal its default: see the section's examples) must be in both or in neither; any other in
    /// only one of them does not count.
    fn equivalent(self, other: UriParams<'_>) -> bool {
        if self.raw == other.raw {
            return true;
        }
        self.iter().count() <= COMPARED_MAX
            && other.iter().count() <= COMPARED_MAX
            && self.agrees_with(other)
            && other.agrees_with(self)
    }

    fn agrees_with(self, other: UriParams<'_>) -> bool {
        const NEVER_IN_ONE: [&[u8]; 5] = [b"user", b"ttl", b"method", b"maddr", b"transport"];
        self.iter().all(|mine| {
            match other.iter().find(|theirs| unescaped_equal_ignoring_case(mine.name, theirs.name)) {
                Some(theirs) => unescaped_equal_ignoring_case(
                    mine.value.unwrap_or_default(),
                    theirs.value.unwrap_or_default(),
                ),
                None => !NEVER_IN_ONE.iter().any(|name| mine.name.eq_ignore_ascii_case(name)),
            }
        })
    }
}

/// User and password.
type UserInfo<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// Where the parts of a URI begin, found in one walk.
struct Marks {
    /// The `@` behind the userinfo.
    at: Option<usize>,
    /// The first `;` of the parameters, else `headers`.
    params: usize,
    /// The `?`, else the end.
    headers: usize,
}

impl Marks {
    fn of(rest: &[u8]) -> Result<Marks, UriError> {
        let (mut at, mut params, mut headers) = (None, None, None);
        let mut place = 0;
        loop {
            place = lex::find_any([b'@', b';', b'?'], rest, place);
            let Some(&byte) = rest.get(place) else { break };
            match byte {
                // What came before belongs to the userinfo, where `;` and `?` may stand.
                b'@' if at.is_none() => (at, params, headers) = (Some(place), None, None),
                // A second `@` could be taken for the one before the host.
                b'@' => return Err(ambiguous(rest, at.unwrap_or(place))),
                b'?' if headers.is_none() => headers = Some(place),
                b';' if params.is_none() && headers.is_none() => params = Some(place),
                _ => {}
            }
            place += 1;
        }
        let headers = headers.unwrap_or(rest.len());
        Ok(Marks { at, params: params.unwrap_or(headers), headers })
    }

    fn userinfo<'a>(&self, rest: &'a [u8]) -> Option<&'a [u8]> {
        self.at.map(|at| &rest[..at])
    }

    fn host_start(&self) -> usize {
        self.at.map_or(0, |at| at + 1)
    }
}

/// What is wrong with the userinfo is said before that there are two.
#[cold]
fn ambiguous(rest: &[u8], at: usize) -> UriError {
    match userinfo(Some(&rest[..at])) {
        Err(error) => error,
        Ok(_) => UriError::new(at, "Ambiguous User Part"),
    }
}

/// User and password.
fn userinfo(info: Option<&[u8]>) -> Result<UserInfo<'_>, UriError> {
    let Some(info) = info else { return Ok((None, None)) };
    if let Some(bad) = defect(info, &USER) {
        return Err(UriError::new(bad, "Malformed User Part"));
    }
    let colon = lex::find(b':', info, 0);
    let (user, password) = (&info[..colon], info.get(colon + 1..));
    if user.is_empty() || password.is_some_and(|password| memchr(b':', password).is_some()) {
        return Err(UriError::new(0, "Malformed User Part"));
    }
    Ok((Some(user), password))
}

fn host_port(text: &[u8]) -> Result<(&[u8], Host<'_>, Option<u16>), UriError> {
    let host_end = match text.first() {
        Some(b'[') => memchr(b']', text).map_or(text.len(), |at| at + 1),
        _ => lex::find(b':', text, 0),
    };
    let host_bytes = &text[..host_end];
    let Some(host) = Host::parse(host_bytes) else {
        return Err(UriError::new(0, "Malformed Host"));
    };
    match &text[host_end..] {
        [] => Ok((host_bytes, host, None)),
        [b':', digits @ ..] => match lex::number_u16(digits) {
            Some(port) => Ok((host_bytes, host, Some(port))),
            None => Err(UriError::new(host_end, "Malformed Port")),
        },
        _ => Err(UriError::new(host_end, "Malformed Host")),
    }
}

/// The first byte that is not of the class or is a broken escape.
fn defect(bytes: &[u8], class: &[bool; 256]) -> Option<usize> {
    let mut escapes = false;
    for (at, &byte) in bytes.iter().enumerate() {
        if !class[byte as usize] {
            return Some(at);
        }
        escapes |= byte == b'%';
    }
    if escapes { bad_escape(bytes) } else { None }
}

fn shift(error: UriError, base: usize) -> UriError {
    UriError { offset: error.offset + base, reason: error.reason }
}

fn same_part(a: Option<&[u8]>, b: Option<&[u8]>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => same_unescaped(a, b),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn unescaped_equal_ignoring_case(a: &[u8], b: &[u8]) -> bool {
    a.eq_ignore_ascii_case(b)
        || unescaped(a)
            .map(|byte| byte.to_ascii_lowercase())
            .eq(unescaped(b).map(|byte| byte.to_ascii_lowercase()))
}

/// Appends a user part with every escape replaced that can be.
pub(super) fn write_user(user: &[u8], out: &mut Vec<u8>) {
    if memchr(b'%', user).is_none() {
        out.extend_from_slice(user);
        return;
    }
    let mut plain = user;
    while let Some(percent) = memchr(b'%', plain) {
        out.extend_from_slice(&plain[..percent]);
        // The parser has refused a `%` that is not followed by two digits.
        let escape = &plain[percent..(percent + 3).min(plain.len())];
        match unescaped(escape).next() {
            Some(byte) if USER[byte as usize] && !matches!(byte, b'%' | b':') => out.push(byte),
            _ => out.extend(escape.iter().map(u8::to_ascii_uppercase)),
        }
        plain = &plain[percent + escape.len()..];
    }
    out.extend_from_slice(plain);
}

#[cfg(test)]
mod tests {
    use super::super::Uri;
    use super::*;

    fn sip(text: &str) -> SipUri<'_> {
        match Uri::parse(text.as_bytes()) {
            Ok(Uri::Sip(uri)) => uri,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn every_part_is_read() {
        let uri = sip("sips:alice:pw@example.com:5071;transport=tcp;lr?subject=a&priority=urgent");
        assert!(uri.secure && uri.is_loose_router());
        assert_eq!((uri.user, uri.password), (Some(&b"alice"[..]), Some(&b"pw"[..])));
        assert_eq!((uri.host, uri.port), (Host::Name("example.com"), Some(5071)));
        assert_eq!(uri.transport(), Some(Transport::Tcp));
        assert_eq!(uri.header_pairs().count(), 2);
        let uri = sip("sip:[2001:db8::10]:5070;maddr=[::1]");
        assert_eq!((uri.user, uri.port), (None, Some(5070)));
        assert_eq!(uri.maddr(), Some(Host::V6("::1".parse().unwrap())));
    }

    #[test]
    fn a_user_part_may_hold_separators() {
        let uri = sip(
            "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
        );
        assert_eq!(uri.user, Some(&b"1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"[..]));
        assert_eq!(uri.password, Some(&b"&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"[..]));
        let uri = sip("sip:user;par=u%40example.net@example.com");
        assert_eq!(uri.user, Some(&b"user;par=u%40example.net"[..]));
        assert!(uri.params.is_empty());
    }

    #[test]
    fn ambiguous_and_broken_uris_are_errors() {
        for text in [
            "sip:",
            "sip:@a",
            "sip:a@",
            "sip:a@b@c",
            "sip:a b@c",
            "sip:a@b:",
            "sip:a@b:x",
            "sip:a@b:70000",
            "sip:a@b;",
            "sip:a@b;;lr",
            "sip:a@b;=x",
            "sip:a@b;x=\"y\"",
            "sip:%4@b",
            "sip:a@b;x=%zz",
            "sip:a@[::1",
            "sip:a@::1",
            "sip:a@b c",
            "sip:a@b\r\n",
            "sip:a@b; lr",
            "sip:a:b:c@d",
            "sip:a@2001:db8::10",
        ] {
            assert!(Uri::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    /// The examples of RFC 3261 section 19.1.4.
    #[test]
    fn the_rfcs_equivalent_uris_are_equivalent() {
        for (a, b) in [
            ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
            (
                "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
                "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            ),
            (
                "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            ),
            ("sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0:0:0:0:0:1]"),
        ] {
            assert!(sip(a).equivalent(&sip(b)) && sip(b).equivalent(&sip(a)), "{a} {b}");
        }
    }

    /// The examples of RFC 3261 section 19.1.4.
    #[test]
    fn the_rfcs_different_uris_are_different() {
        for (a, b) in [
            ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
            ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
            ("sip:a@b", "sips:a@b"),
            ("sip:a@b", "sip:b"),
        ] {
            assert!(!sip(a).equivalent(&sip(b)) && !sip(b).equivalent(&sip(a)), "{a} {b}");
        }
    }

    #[test]
    fn an_address_of_record_is_canonical() {
        let aor = |text: &str| {
            let mut out = Vec::new();
            sip(text).write_aor(&mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(aor("sip:%61lice@AtLanTa.CoM:5060;transport=tcp"), "alice@atlanta.com");
        assert_eq!(aor("sip:Alice@[2001:DB8::0:1]"), "Alice@[2001:db8::1]");
        assert_eq!(aor("sip:I%20have%2fspaces%40home@b"), "I%20have/spaces%40home@b");
        assert_eq!(aor("sip:null-%00-null@b"), "null-%00-null@b");
        assert_eq!(aor("sip:B.example"), "b.example");
    }
}
