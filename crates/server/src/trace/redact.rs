//! What must not be shown: answers to challenges, keys of media, and what people write to each other.
//! `docs/attacks.md` names this file.

use super::{escape, sight};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bodies {
    /// The body of a MESSAGE is replaced by its length.
    Hidden,
    Shown,
}

/// The lines of a message, safe to print: secrets replaced by `***`, control characters escaped.
pub fn lines(message: &[u8], bodies: Bodies) -> Vec<String> {
    let (head, body) = split(message);
    let mut lines: Vec<String> = unfolded_credentials(head)
        .iter()
        .map(|line| match carries(line) {
            Carries::Credentials => hide_credentials(&escape::line(line)),
            Carries::Parameters => hide_parameters(&escape::line(line)),
            Carries::Neither => hide_passwords(&escape::line(line)),
        })
        .collect();
    if body.is_empty() {
        return lines;
    }
    lines.push(String::new());
    let private = sight::method(message) == Some(b"MESSAGE") || sight::method(message) == Some(b"INFO");
    if private && bodies == Bodies::Hidden {
        lines.push(format!("({} bytes of text hidden)", body.len()));
    } else {
        lines.extend(
            body.split(|byte| *byte == b'\n').map(|line| hide_keys(&escape::line(line.trim_ascii_end()))),
        );
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

fn split(message: &[u8]) -> (&[u8], &[u8]) {
    let end = |separator: &[u8]| {
        message.windows(separator.len()).position(|window| window == separator).map(|at| at + separator.len())
    };
    match end(b"\r\n\r\n").or_else(|| end(b"\n\n")) {
        Some(at) => message.split_at(at),
        None => (message, &[]),
    }
}

/// The lines of the head. Those that continue a header with credentials (RFC 3261 section 7.3.1) are put behind it: its
/// scheme, or the value of a parameter, may begin in another line than its name.
fn unfolded_credentials(head: &[u8]) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for line in sight::header_lines(head) {
        match lines.last_mut() {
            Some(header) if line.starts_with(b" ") || line.starts_with(b"\t") => {
                if carries(header) == Carries::Neither {
                    lines.push(line.to_vec());
                } else {
                    header.push(b' ');
                    header.extend_from_slice(line.trim_ascii());
                }
            }
            Some(_) | None => lines.push(line.to_vec()),
        }
    }
    lines
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Carries {
    /// A scheme and what belongs to it (RFC 3261 sections 20.7 and 20.28).
    Credentials,
    /// What a digest answer says in return, without a scheme (RFC 3261 section 20.6).
    Parameters,
    Neither,
}

fn carries(line: &[u8]) -> Carries {
    let name = line.split(|byte| *byte == b':').next().unwrap_or_default().trim_ascii();
    let is = |names: [&str; 2]| names.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()));
    // What browsers are told of TURN has a password in it.
    if is(["Authorization", "Proxy-Authorization"]) || name.eq_ignore_ascii_case(b"Ice-Servers") {
        Carries::Credentials
    } else if is(["Authentication-Info", "Proxy-Authentication-Info"]) {
        Carries::Parameters
    } else {
        Carries::Neither
    }
}

/// Of a digest the secret parameters; of other schemes, such as Basic and Bearer, and of what has no scheme all is secret.
fn hide_credentials(line: &str) -> String {
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    let scheme = value.trim_start().split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    if scheme.eq_ignore_ascii_case("digest") { hide_parameters(line) } else { format!("{name}: ***") }
}

/// Digest answers and client nonces (RFC 7616) let a password be guessed off-line.
fn hide_parameters(line: &str) -> String {
    let line = hide_passwords(line);
    ["response", "cnonce", "rspauth"].iter().fold(line, |line, name| hide_value(&line, name))
}

fn hide_value(line: &str, name: &str) -> String {
    let lower = line.to_ascii_lowercase();
    let mut out = String::with_capacity(line.len());
    let mut from = 0;
    while let Some(found) = lower[from..].find(name) {
        let start = from + found;
        let after = start + name.len();
        let whole = lower[..start].chars().next_back().is_none_or(|c| !c.is_ascii_alphanumeric() && c != '-');
        let gap = lower[after..].len() - lower[after..].trim_start().len();
        if !(whole && lower[after + gap..].starts_with('=')) {
            out.push_str(&line[from..after]);
            from = after;
            continue;
        }
        let value = after + gap + 1;
        out.push_str(&line[from..value]);
        out.push_str("***");
        from = value + value_length(&lower[value..]);
    }
    out.push_str(&line[from..]);
    out
}

/// A quoted string with its escapes, or up to the next comma.
fn value_length(text: &str) -> usize {
    let lead = text.len() - text.trim_start().len();
    if !text[lead..].starts_with('"') {
        return text.find(',').unwrap_or(text.len());
    }
    let mut escaped = false;
    for (at, c) in text.char_indices().skip_while(|(at, _)| *at <= lead) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The password in `sip:user:password@host` (RFC 3261 section 19.1.1), wherever a URI stands in the line. User and password
/// may hold `,`, `;` and `?`: up to where the URI must have ended, whatever stands before an `@` is taken for them.
fn hide_passwords(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = next_scheme(rest) {
        let (before, uri) = rest.split_at(at);
        out.push_str(before);
        rest = uri;
        let end = uri.find(['>', ' ', '"']).unwrap_or(uri.len());
        let Some(userinfo) = uri[..end].rfind('@') else { continue };
        if let Some(colon) = uri[..userinfo].find(':') {
            out.push_str(&uri[..=colon]);
            out.push_str("***");
            rest = &uri[userinfo..];
        }
    }
    out.push_str(rest);
    out
}

/// The place behind the next `sip:` or `sips:`.
fn next_scheme(line: &str) -> Option<usize> {
    let lower = line.to_ascii_lowercase();
    ["sip:", "sips:"].iter().filter_map(|scheme| Some(lower.find(scheme)? + scheme.len())).min()
}

/// SDES keys (RFC 4568), MIKEY messages (RFC 4567), ICE passwords (RFC 8839) and the `k=` of old.
fn hide_keys(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    if lower.starts_with("a=crypto:")
        && let Some(at) = lower.find("inline:")
    {
        return format!("{}***", &line[..at + "inline:".len()]);
    }
    match ["a=ice-pwd:", "a=key-mgmt:", "k="].iter().find(|name| lower.starts_with(**name)) {
        Some(name) => format!("{}***", &line[..name.len()]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn the_text_of_a_message_is_shown_on_request_only() {
        let message = b"MESSAGE sip:b@d SIP/2.0\r\nCSeq: 1 MESSAGE\r\n\r\nmeet me\x1b[2J";
        assert_eq!(lines(message, Bodies::Hidden).last().unwrap(), "(11 bytes of text hidden)");
        assert_eq!(lines(message, Bodies::Shown).last().unwrap(), "meet me\\x1b[2J");
    }
}
