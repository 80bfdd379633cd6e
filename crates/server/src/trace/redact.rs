//! What must not be shown nor kept: answers to challenges, keys of media, tokens, and what people write to each other.
//! `docs/attacks.md` names this file.
//!
//! Every message goes through here once on its way to the disk. Most have nothing to hide, which a quick look says
//! ([`suspicion`]); they are not copied. Head and body are judged by the same rules: a body may hold a message again (RFC 3420), and who
//! writes a hostile message chooses where its head ends.

use super::escape;
use super::lines::{Line, lines as lines_of};
use super::suspicion;
use memchr::{memchr, memchr_iter, memchr2, memchr2_iter, memrchr};
use std::borrow::Cow;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bodies {
    /// Text that people write, and what was made for one phone alone, is replaced by its length.
    Hidden,
    Shown,
}

/// The lines of a message, safe to print: secrets replaced by `***`, control characters escaped.
pub fn lines(message: &[u8], bodies: Bodies) -> Vec<String> {
    let shown = self::message(message, bodies);
    let mut lines: Vec<String> =
        lines_of(&shown).map(|line| escape::line(line.text.trim_ascii_end())).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

/// The message as it may be kept: secrets replaced by `***`, every other byte as it was.
pub fn message(message: &[u8], bodies: Bodies) -> Cow<'_, [u8]> {
    if suspicion::is_clean(message) { Cow::Borrowed(message) } else { hidden(message, bodies) }
}

/// By a walk over all lines.
pub(super) fn hidden(message: &[u8], bodies: Bodies) -> Cow<'_, [u8]> {
    let mut kept = Kept { message, copied: 0, out: Vec::new() };
    let mut walk = lines_of(message).peekable();
    let mut text = Text::Nobody;
    let mut is_first = true;
    let mut in_head = true;
    while let Some(line) = walk.next() {
        if line.text.is_empty() {
            if in_head && bodies == Bodies::Hidden && text == Text::People && !is_hidden(&message[line.end..])
            {
                let note = format!("({} bytes of text hidden)", message.len() - line.end);
                kept.replace(line.end, message.len(), note.as_bytes());
                break;
            }
            in_head = false;
            continue;
        }
        let mut end = line;
        while let Some(next) = walk.next_if(Line::continues) {
            end = next;
        }
        let whole = &message[line.start..end.start + end.text.len()];
        if in_head && text == Text::Nobody {
            text = Text::of(whole, is_first);
        }
        is_first = false;
        if let Some(safe) = hide(whole) {
            kept.replace(line.start, line.start + whole.len(), &safe);
        }
    }
    kept.finish()
}

/// Nothing is there, or what stands for it already: a message from the disk is looked at again before it is shown.
fn is_hidden(body: &[u8]) -> bool {
    let length = body.strip_prefix(b"(").and_then(|rest| rest.strip_suffix(b" bytes of text hidden)"));
    body.is_empty() || length.is_some_and(|length| length.iter().all(u8::is_ascii_digit))
}

/// A message of which parts are replaced; borrowed until the first is.
struct Kept<'m> {
    message: &'m [u8],
    copied: usize,
    out: Vec<u8>,
}

impl<'m> Kept<'m> {
    fn replace(&mut self, from: usize, to: usize, by: &[u8]) {
        if self.out.capacity() == 0 {
            self.out.reserve(self.message.len() + by.len());
        }
        self.out.extend_from_slice(&self.message[self.copied..from]);
        self.out.extend_from_slice(by);
        self.copied = to;
    }

    fn finish(mut self) -> Cow<'m, [u8]> {
        if self.copied == 0 {
            return Cow::Borrowed(self.message);
        }
        self.out.extend_from_slice(&self.message[self.copied..]);
        Cow::Owned(self.out)
    }
}

/// Whose the body is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Text {
    Nobody,
    /// What people write (RFC 3428; an INFO may hold keys that somebody presses), or a link made for one phone.
    People,
}

impl Text {
    /// As one line of the head, with those that continue it, says.
    fn of(line: &[u8], is_first: bool) -> Self {
        let is_theirs = match line[0] | 0x20 {
            _ if is_first => starts(line, b"MESSAGE") || starts(line, b"INFO"),
            b'c' if starts(line, b"CSeq") => {
                let value = line.trim_ascii_end();
                ends(value, b"MESSAGE") || ends(value, b"INFO")
            }
            b'c' => {
                let kind = value_of(line, b"Content-Type").or_else(|| value_of(line, b"c"));
                kind.is_some_and(|kind| PRIVATE_TYPES.iter().any(|known| starts(kind, known)))
            }
            _ => false,
        };
        if is_theirs { Self::People } else { Self::Nobody }
    }
}

const PRIVATE_TYPES: [&[u8]; 3] = [b"text/", b"message/cpim", b"application/url"];

pub(super) fn starts(text: &[u8], with: &[u8]) -> bool {
    text.len() >= with.len() && text[..with.len()].eq_ignore_ascii_case(with)
}

fn ends(text: &[u8], with: &[u8]) -> bool {
    text.len() >= with.len() && text[text.len() - with.len()..].eq_ignore_ascii_case(with)
}

/// Of a header of this name.
fn value_of<'l>(line: &'l [u8], name: &[u8]) -> Option<&'l [u8]> {
    let rest = line.get(name.len()..).filter(|_| starts(line, name))?.trim_ascii_start();
    rest.strip_prefix(b":").map(<[u8]>::trim_ascii_start)
}

/// The line as it may be kept; `None`: as it is. What it costs where there is nothing is what every line of every message
/// costs, so it looks for single bytes first.
fn hide(line: &[u8]) -> Option<Vec<u8>> {
    if !suspicion::may_hide(line) {
        return None;
    }
    if let Some(safe) = hide_named(line) {
        return Some(safe);
    }
    let mut safe = memchr2(b'\n', b'\r', line).and_then(|_| hide_continued(line));
    let now = |safe: &Option<Vec<u8>>| safe.clone().unwrap_or_else(|| line.to_vec());
    if let Some(at) = memrchr(b'@', line)
        && may_have_password(&line[..at])
    {
        safe = Some(hide_passwords(&now(&safe)));
    }
    if memchr(b'?', line).is_some() {
        safe = hide_embedded(&now(&safe)).or(safe);
    }
    if memchr_iter(b'-', line).any(|at| push_token(line, at).is_some()) {
        safe = Some(hide_push_tokens(&now(&safe)));
    }
    safe
}

/// By the name with which it begins.
fn hide_named(line: &[u8]) -> Option<Vec<u8>> {
    let text = line.trim_ascii_start();
    match text.first()? | 0x20 {
        b'a' | b'p' | b'i' | b'c' | b's' | b'x' | b'k' => {}
        _ => return None,
    }
    match Carries::of(text) {
        Carries::Credentials => Some(hide_credentials(&unfolded(line))),
        Carries::Parameters => Some(hide_parameters(&unfolded(line))),
        Carries::Everything(from) => Some([&text[..from], b"***"].concat()),
        Carries::Nothing => None,
    }
}

/// Whoever continues a header may begin something else for who reads lines.
fn hide_continued(line: &[u8]) -> Option<Vec<u8>> {
    let mut kept = Kept { message: line, copied: 0, out: Vec::new() };
    for part in lines_of(line) {
        if let Some(safe) = hide_named(part.text) {
            kept.replace(part.start, part.start + part.text.len(), &safe);
        }
    }
    match kept.finish() {
        Cow::Borrowed(_) => None,
        Cow::Owned(safe) => Some(safe),
    }
}

/// One line of what was folded (RFC 3261 section 7.3.1).
fn unfolded(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    for part in lines_of(line) {
        if !out.is_empty() {
            out.push(b' ');
        }
        out.extend_from_slice(if out.is_empty() { part.text } else { part.text.trim_ascii() });
    }
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Carries {
    /// A scheme and what belongs to it (RFC 3261 sections 20.7 and 20.28).
    Credentials,
    /// What a digest answer says in return, without a scheme (RFC 3261 section 20.6).
    Parameters,
    /// All is secret from this place on.
    Everything(usize),
    Nothing,
}

impl Carries {
    fn of(line: &[u8]) -> Self {
        if let Some(from) = key(line) {
            return Self::Everything(from);
        }
        // No name below is longer.
        let Some(colon) = memchr(b':', &line[..line.len().min(40)]) else { return Self::Nothing };
        let name = line[..colon].trim_ascii();
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        // A length says quickly what a name is not.
        match name.len() {
            13 if is("Authorization") => Self::Credentials,
            19 if is("Proxy-Authorization") => Self::Credentials,
            19 if is("Authentication-Info") => Self::Parameters,
            25 if is("Proxy-Authentication-Info") => Self::Parameters,
            // What browsers are told of TURN has a password in it.
            11 if is("Ice-Servers") => Self::Everything(colon + 1).spaced(line),
            // Of HTTP that came to a port of SIP.
            6 if is("Cookie") => Self::Everything(colon + 1).spaced(line),
            10 if is("Set-Cookie") => Self::Everything(colon + 1).spaced(line),
            9 if is("X-Api-Key") => Self::Everything(colon + 1).spaced(line),
            _ => Self::Nothing,
        }
    }

    fn spaced(self, line: &[u8]) -> Self {
        match self {
            Self::Everything(from) if line.get(from) == Some(&b' ') => Self::Everything(from + 1),
            other => other,
        }
    }
}

/// Where the key begins: SDES (RFC 4568), MIKEY (RFC 4567), ICE passwords (RFC 8839) and the `k=` of old.
fn key(line: &[u8]) -> Option<usize> {
    match line {
        [b'k' | b'K', b'=', ..] => Some(2),
        [b'a' | b'A', b'=', ..] => {
            if starts(line, b"a=crypto:") {
                let inline = line.windows(7).position(|window| window.eq_ignore_ascii_case(b"inline:"));
                Some(inline.map_or("a=crypto:".len(), |at| at + 7))
            } else {
                let names: [&[u8]; 2] = [b"a=ice-pwd:", b"a=key-mgmt:"];
                names.iter().find(|name| starts(line, name)).map(|name| name.len())
            }
        }
        _ => None,
    }
}

/// Of a digest the secret parameters; of other schemes, such as Basic and Bearer, and of what has no scheme all is secret.
fn hide_credentials(line: &[u8]) -> Vec<u8> {
    let colon = memchr(b':', line).unwrap_or(line.len());
    let value = line.get(colon + 1..).unwrap_or_default().trim_ascii_start();
    let scheme = value.split(|byte| !byte.is_ascii_alphanumeric()).next().unwrap_or_default();
    if scheme.eq_ignore_ascii_case(b"digest") {
        hide_parameters(line)
    } else {
        [&line[..colon], b": ***"].concat()
    }
}

/// Digest answers and client nonces (RFC 7616) let a password be guessed off-line.
fn hide_parameters(line: &[u8]) -> Vec<u8> {
    let line = hide_passwords(line);
    let names: [&[u8]; 3] = [b"response", b"cnonce", b"rspauth"];
    names.iter().fold(line, |line, name| hide_value(&line, name))
}

fn hide_value(line: &[u8], name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    let mut from = 0;
    while let Some(found) = find(&line[from..], name) {
        let start = from + found;
        let after = start + name.len();
        let whole = !matches!(line[..start].last(), Some(before) if before.is_ascii_alphanumeric() || *before == b'-');
        let gap = line[after..].len() - line[after..].trim_ascii_start().len();
        if !(whole && line.get(after + gap) == Some(&b'=')) {
            out.extend_from_slice(&line[from..after]);
            from = after;
            continue;
        }
        let value = after + gap + 1;
        out.extend_from_slice(&line[from..value]);
        out.extend_from_slice(b"***");
        from = value + value_length(&line[value..]);
    }
    out.extend_from_slice(&line[from..]);
    out
}

/// `needle` begins with a letter.
fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = needle[0];
    memchr2_iter(first.to_ascii_lowercase(), first.to_ascii_uppercase(), haystack)
        .find(|at| starts(&haystack[*at..], needle))
}

/// A quoted string with its escapes, or up to the next comma.
fn value_length(text: &[u8]) -> usize {
    let lead = text.len() - text.trim_ascii_start().len();
    if text.get(lead) != Some(&b'"') {
        return memchr(b',', text).unwrap_or(text.len());
    }
    let mut escaped = false;
    for (at, byte) in text.iter().enumerate().skip(lead + 1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Schemes of URIs that may have a password; of SIP (RFC 3261 section 19.1.1), and where somebody has put another.
const SCHEMES: [&[u8]; 4] = [b"sip", b"sips", b"http", b"https"];

/// Whether a colon is a scheme's.
pub(super) fn is_scheme(before: &[u8]) -> bool {
    // Nearly all others say so by their last letter.
    if !matches!(before.last().map(u8::to_ascii_lowercase), Some(b'p' | b's')) {
        return false;
    }
    let start = before.iter().rposition(|byte| !byte.is_ascii_alphabetic()).map_or(0, |at| at + 1);
    SCHEMES.iter().any(|scheme| before[start..].eq_ignore_ascii_case(scheme))
}

/// `before`: up to the last `@`. There is a colon behind one of a scheme.
fn may_have_password(before: &[u8]) -> bool {
    let mut colons = memchr_iter(b':', before);
    colons.any(|at| is_scheme(&before[..at])) && colons.next().is_some()
}

/// The password in `sip:user:password@host`, wherever a URI stands in the line. User and password may hold `,`, `;` and `?`:
/// up to where the URI must have ended, whatever stands before an `@` is taken for them.
fn hide_passwords(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    let mut from = 0;
    for at in memchr_iter(b':', line) {
        if at < from || !is_scheme(&line[..at]) {
            continue;
        }
        let rest = &line[at + 1..];
        let slashes = if rest.starts_with(b"//") { 2 } else { 0 };
        let uri = &rest[slashes..];
        let Some(userinfo) = memrchr(b'@', &uri[..uri_length(line, at, uri)]) else { continue };
        let Some(colon) = memchr(b':', &uri[..userinfo]) else { continue };
        let start = at + 1 + slashes;
        out.extend_from_slice(&line[from..=start + colon]);
        out.extend_from_slice(b"***");
        from = start + userinfo;
    }
    out.extend_from_slice(&line[from..]);
    out
}

/// In angle brackets up to where they close, whatever has been put between; else up to what cannot be in it.
fn uri_length(line: &[u8], colon: usize, uri: &[u8]) -> usize {
    let scheme = line[..colon].iter().rposition(|byte| !byte.is_ascii_alphabetic());
    let is_bracketed = scheme.is_some_and(|before| line[before] == b'<');
    let closes = is_bracketed.then(|| memchr(b'>', uri)).flatten();
    closes.or_else(|| uri.iter().position(|byte| b">\" \t\r\n".contains(byte))).unwrap_or(uri.len())
}

/// Credentials among the headers that a URI asks for (RFC 3261 section 19.1.1), in every one that is named so.
fn hide_embedded(line: &[u8]) -> Option<Vec<u8>> {
    const NAME: &[u8] = b"authorization=";
    let mut out = Vec::new();
    let mut from = 0;
    while let Some(found) = find(&line[from..], NAME) {
        let value = from + found + NAME.len();
        let length = line[value..].iter().position(|byte| b"&>\" \t\r\n".contains(byte));
        out.extend_from_slice(&line[from..value]);
        out.extend_from_slice(b"***");
        from = length.map_or(line.len(), |length| value + length);
    }
    if from == 0 {
        return None;
    }
    out.extend_from_slice(&line[from..]);
    Some(out)
}

/// Who has the name of a phone at its push service may wake it (RFC 8599 section 15); what else is said to the service may be the
/// keys of a browser (RFC 8291 section 3.1). The last is that of Linphones before it.
const PUSH_TOKENS: [&[u8]; 4] = [b"pn-prid=", b"pn-purr=", b"pn-param=", b"pn-tok="];

/// Where the value begins, if the dash of a parameter of push stands at this place.
fn push_token(line: &[u8], dash: usize) -> Option<usize> {
    let start = dash.checked_sub(2)?;
    let name = PUSH_TOKENS.iter().find(|name| starts(&line[start..], name))?;
    Some(start + name.len())
}

fn hide_push_tokens(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    let mut from = 0;
    for dash in memchr_iter(b'-', line) {
        let Some(value) = push_token(line, dash).filter(|_| dash >= from) else { continue };
        let length = line[value..].iter().position(|byte| b";>,? \t\r\n".contains(byte));
        out.extend_from_slice(&line[from..value]);
        out.extend_from_slice(b"***");
        from = length.map_or(line.len(), |length| value + length);
    }
    out.extend_from_slice(&line[from..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::sight;

    fn shown(message: &str) -> String {
        lines(message.as_bytes(), Bodies::Hidden).join("\n")
    }

    #[test]
    fn the_answer_to_a_challenge_is_hidden_whatever_its_writing() {
        let text = shown(
            "REGISTER sip:d SIP/2.0\r\nAUTHORIZATION: Digest username=\"alice\", response=\"5ec\\\"ret\",\r\n \
             cnonce = \"5ecret\", nc=00000001\r\nProxy-Authorization: Digest Response=5ecret, qop=auth\r\n\r\n",
        );
        assert!(!text.contains("5ec"), "{text}");
        assert!(text.contains("username=\"alice\", response=***,"), "{text}");
        assert!(text.contains("nc=00000001"), "{text}");
    }

    #[test]
    fn other_schemes_are_hidden_whole() {
        assert!(!shown("REGISTER sip:d SIP/2.0\r\nAuthorization: Bearer s3cr3t\r\n\r\n").contains("s3cr3t"));
        assert!(!shown("REGISTER sip:d SIP/2.0\r\nAuthorization: Basic YWJj=\r\n\r\n").contains("YWJj"));
        assert!(!shown("REGISTER sip:d SIP/2.0\r\nAuthorization: s3cr3t\r\n\r\n").contains("s3cr3t"));
        assert!(
            !shown("REGISTER sip:d SIP/2.0\r\nAuthorization: Token token=\"s3cr3t\"\r\n\r\n")
                .contains("s3cr3t")
        );
    }

    #[test]
    fn credentials_are_hidden_wherever_their_header_is_folded() {
        for credentials in [
            "Basic\r\n QWxhs3cr3t",
            "\r\n Bearer s3cr3t",
            "\r\n\tBearer\r\n\ts3cr3t",
            "Digest\r\n username=\"a\", response\r\n =\r\n \"s3cr3t\",\r\n cnonce=s3cr3t",
        ] {
            let text = shown(&format!(
                "REGISTER sip:d SIP/2.0\r\nAuthorization: {credentials}\r\nSubject: a\r\n b\r\n\r\n"
            ));
            assert!(!text.contains("s3cr3t") && !text.contains("Bearer"), "{text}");
            assert!(text.ends_with("\nSubject: a\n b"), "{text}");
        }
        let text =
            shown("SIP/2.0 200 OK\r\nAuthentication-Info: nextnonce=\"n\",\r\n rspauth=\r\n s3cr3t\r\n\r\n");
        assert!(!text.contains("s3cr3t") && text.contains("nextnonce=\"n\""), "{text}");
    }

    #[test]
    fn what_a_browser_is_told_of_turn_is_not_shown() {
        let text = shown(
            "SIP/2.0 200 OK\r\nice-servers : [{\"urls\":[\"turn:d\"],\"username\":\"s3cr3t\",\r\n \"credential\":\"s3cr3t\"}]\r\n\
             Expires: 60\r\n\r\n",
        );
        assert!(text.contains("ice-servers : ***\nExpires: 60") && !text.contains("s3cr3t"), "{text}");
    }

    #[test]
    fn keys_in_a_session_description_are_hidden() {
        let text = shown(
            "INVITE sip:b@d SIP/2.0\r\n\r\nv=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:s3cr3t\r\na=ice-pwd:s3cr3t\r\n\
             a=key-mgmt:mikey s3cr3t\r\nk=clear:s3cr3t\r\n",
        );
        assert!(!text.contains("s3cr3t"), "{text}");
        assert!(text.contains("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:***"));
    }

    #[test]
    fn the_password_in_a_uri_is_hidden_and_nothing_else_of_it() {
        let text = shown(
            "INVITE sip:bob:s3cr3t@d:5060 SIP/2.0\r\nContact: \"A\" <SIPS:alice:s3cr3t@h:5061;ob>, sip:a:s3cr3t@h\r\n\
             Via: SIP/2.0/UDP h:5060\r\nTo: <sip:carol@d:5060>\r\nRoute: <sip:h:5060;lr>\r\n\r\n",
        );
        assert!(!text.contains("s3cr3t"), "{text}");
        assert!(text.starts_with("INVITE sip:bob:***@d:5060 SIP/2.0\n"), "{text}");
        assert!(text.contains("<SIPS:alice:***@h:5061;ob>, sip:a:***@h\n"), "{text}");
        assert!(
            text.ends_with("Via: SIP/2.0/UDP h:5060\nTo: <sip:carol@d:5060>\nRoute: <sip:h:5060;lr>"),
            "{text}"
        );
        assert_eq!(sight::label(b"INVITE sip:bob:s3cr3t@d SIP/2.0\r\n\r\n"), "INVITE bob");
    }

    #[test]
    fn a_password_with_separators_is_hidden_whole() {
        for userinfo in ["bob:s3,cr3t", "bob:s3;cr3t", "bob:s3?cr3t", "bob;x=1,2?:s3cr3t", "bob:s3@cr3t"] {
            let text =
                shown(&format!("INVITE sip:{userinfo}@h SIP/2.0\r\nTo: <sip:{userinfo}@h>;tag=1\r\n\r\n"));
            assert!(!text.contains("s3") && !text.contains("cr3t"), "{text}");
            assert!(text.contains(":***@h SIP/2.0\n") && text.contains(":***@h>;tag=1"), "{text}");
        }
    }

    #[test]
    fn what_is_hidden_already_keeps_its_length() {
        let once = super::message(b"MESSAGE sip:b@d SIP/2.0\r\n\r\nmeet me now", Bodies::Hidden).into_owned();
        assert!(once.ends_with(b"(11 bytes of text hidden)"));
        assert_eq!(super::message(&once, Bodies::Hidden), once);
    }

    #[test]
    fn the_text_of_a_message_is_shown_on_request_only() {
        let message = b"MESSAGE sip:b@d SIP/2.0\r\nCSeq: 1 MESSAGE\r\n\r\nmeet me\x1b[2J";
        assert_eq!(lines(message, Bodies::Hidden).last().unwrap(), "(11 bytes of text hidden)");
        assert_eq!(lines(message, Bodies::Shown).last().unwrap(), "meet me\\x1b[2J");
    }
}
