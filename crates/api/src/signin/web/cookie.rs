//! Cookies: RFC 6265, and the prefix `__Host-` of its revision where the connection is encrypted, so that neither another
//! port nor another name of the host can set one of ours.

use axum::http::{HeaderMap, HeaderValue, header};

/// Over TLS and without.
const SESSION: [&str; 2] = ["__Host-coeur-session", "coeur-session"];
/// Who is half signed in.
const HALF: [&str; 2] = ["__Host-coeur-half", "coeur-half"];
/// A browser that was signed in before.
const KNOWN: [&str; 2] = ["__Host-coeur-known", "coeur-known"];

/// For whom a challenge of a passkey was made.
const ASKED: [&str; 2] = ["__Host-coeur-asked", "coeur-asked"];

/// Who is away at another server to sign in there.
const AWAY: [&str; 2] = ["__Host-coeur-away", "coeur-away"];

const KNOWN_LIFE_S: u64 = 180 * 86_400;
const HALF_LIFE_S: u64 = 300;
const AWAY_LIFE_S: u64 = 600;

pub(in crate::signin) fn session(headers: &HeaderMap, encrypted: bool) -> Option<&str> {
    read(headers, SESSION, encrypted)
}

pub(super) fn half(headers: &HeaderMap, encrypted: bool) -> Option<&str> {
    read(headers, HALF, encrypted)
}

pub(super) fn asked(headers: &HeaderMap, encrypted: bool) -> Option<&str> {
    read(headers, ASKED, encrypted)
}

pub(super) fn away(headers: &HeaderMap, encrypted: bool) -> Option<&str> {
    read(headers, AWAY, encrypted)
}

pub(super) fn known(headers: &HeaderMap, encrypted: bool) -> Option<&str> {
    read(headers, KNOWN, encrypted)
}

/// What is set and removed with one answer.
pub(super) struct Cookies {
    secure: bool,
    lines: Vec<String>,
}

impl Cookies {
    /// `secure`: the browser came over TLS.
    pub(super) fn new(secure: bool) -> Self {
        Self { secure, lines: Vec::new() }
    }

    /// It ends with the browser, or earlier with the session.
    pub(super) fn session(mut self, text: &str) -> Self {
        self.set(SESSION, text, None);
        self
    }

    pub(super) fn half(mut self, text: &str) -> Self {
        self.set(HALF, text, Some(HALF_LIFE_S));
        self
    }

    pub(super) fn asked(mut self, text: &str) -> Self {
        self.set(ASKED, text, Some(HALF_LIFE_S));
        self
    }

    pub(super) fn no_asked(mut self) -> Self {
        self.set(ASKED, "", Some(0));
        self
    }

    pub(super) fn away(mut self, text: &str) -> Self {
        self.set(AWAY, text, Some(AWAY_LIFE_S));
        self
    }

    pub(super) fn no_away(mut self) -> Self {
        self.set(AWAY, "", Some(0));
        self
    }

    pub(super) fn known(mut self, text: &str) -> Self {
        self.set(KNOWN, text, Some(KNOWN_LIFE_S));
        self
    }

    pub(super) fn no_half(mut self) -> Self {
        self.set(HALF, "", Some(0));
        self
    }

    pub(super) fn no_session(mut self) -> Self {
        self.set(SESSION, "", Some(0));
        self
    }

    fn set(&mut self, [secure, plain]: [&str; 2], text: &str, life_s: Option<u64>) {
        let name = if self.secure { secure } else { plain };
        let age = life_s.map_or(String::new(), |seconds| format!("; Max-Age={seconds}"));
        let only = if self.secure { "; Secure" } else { "" };
        self.lines.push(format!("{name}={text}; Path=/; HttpOnly; SameSite=Lax{age}{only}"));
    }

    pub(super) fn put(self, headers: &mut HeaderMap) {
        // Texts of ours have no character that a header cannot have.
        let values = self.lines.iter().filter_map(|line| HeaderValue::from_str(line).ok());
        for value in values {
            headers.append(header::SET_COOKIE, value);
        }
    }
}

/// RFC 6265 section 5.4. Of two with one name none counts: one of them is somebody else's. `encrypted`: we know that what passes
/// between the browser and us is. Then the name without the prefix is none of ours, and whoever has another name of the host could
/// have set it. Where we do not know it, a proxy that is not named in the settings may stand between, and either is ours.
fn read<'h>(headers: &'h HeaderMap, [secure, plain]: [&str; 2], encrypted: bool) -> Option<&'h str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs: Vec<(&str, &str)> =
        lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('=')).collect();
    let one = |name: &str| {
        let mut found = pairs.iter().filter(|(key, _)| *key == name).map(|(_, value)| *value);
        found.next().filter(|value| found.next().is_none() && !value.is_empty())
    };
    one(secure).or_else(|| one(plain).filter(|_| !encrypted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(cookie: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(cookie).unwrap())])
    }

    #[test]
    fn a_cookie_is_found_among_others_and_one_that_is_there_twice_is_nobodys() {
        assert_eq!(session(&asked("a=b; coeur-session=x; coeur-half=y"), false), Some("x"));
        assert_eq!(half(&asked("a=b; coeur-session=x; coeur-half=y"), false), Some("y"));
        assert_eq!(session(&asked("__Host-coeur-session=s; coeur-session=x"), false), Some("s"));
        assert_eq!(session(&asked("coeur-session=x; coeur-session=y"), false), None);
        assert_eq!(session(&asked("coeur-session="), false), None);
        assert_eq!(session(&asked("coeur-sessions=x; xcoeur-session=y"), false), None);
    }

    #[test]
    fn over_tls_a_cookie_without_the_prefix_is_none_of_ours() {
        assert_eq!(session(&asked("coeur-session=x"), true), None);
        assert_eq!(session(&asked("coeur-session=x; __Host-coeur-session=s"), true), Some("s"));
        assert_eq!(
            session(&asked("__Host-coeur-session=s; __Host-coeur-session=t; coeur-session=x"), true),
            None
        );
    }

    #[test]
    fn no_script_reads_a_cookie_and_over_tls_it_is_of_this_host_alone() {
        let mut headers = HeaderMap::new();
        Cookies::new(true).session("x").no_half().put(&mut headers);
        let lines: Vec<_> = headers.get_all(header::SET_COOKIE).iter().collect();
        assert_eq!(
            lines,
            [
                "__Host-coeur-session=x; Path=/; HttpOnly; SameSite=Lax; Secure",
                "__Host-coeur-half=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Secure"
            ]
        );
        let mut headers = HeaderMap::new();
        Cookies::new(false).session("x").put(&mut headers);
        assert_eq!(headers[header::SET_COOKIE], "coeur-session=x; Path=/; HttpOnly; SameSite=Lax");
    }
}
