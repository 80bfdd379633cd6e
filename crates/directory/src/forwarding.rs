//! Where calls of an account go when it cannot or will not take them itself.

use crate::Directory;
use coeur_sip::uri::{SipUri, Uri, unescape_into};

/// As its owner wants it. Worst case 4 times [`FORWARD_BYTES_MAX`] bytes; most accounts have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwarding {
    /// Each is a SIP or tel URI.
    pub always: Option<Box<str>>,
    pub busy: Option<Box<str>>,
    pub no_answer: Option<Box<str>>,
    /// No device of it is registered, or none could be reached.
    pub offline: Option<Box<str>>,
    /// How long it rings before nobody has answered, in seconds.
    pub after_s: u16,
    pub do_not_disturb: bool,
}

/// Three rings and a half.
pub const FORWARD_AFTER_S: u16 = 20;

/// Of one target.
pub const FORWARD_BYTES_MAX: usize = 255;

impl Default for Forwarding {
    fn default() -> Self {
        Self {
            always: None,
            busy: None,
            no_answer: None,
            offline: None,
            after_s: FORWARD_AFTER_S,
            do_not_disturb: false,
        }
    }
}

/// What is `None` stays; a target that is `Some(None)` is forwarded to no more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForwardingPatch {
    pub always: Option<Option<Box<str>>>,
    pub busy: Option<Option<Box<str>>>,
    pub no_answer: Option<Option<Box<str>>>,
    pub offline: Option<Option<Box<str>>>,
    pub after_s: Option<u16>,
    pub do_not_disturb: Option<bool>,
}

impl Forwarding {
    pub fn change(&mut self, patch: &ForwardingPatch) {
        let set = |rule: &mut Option<Box<str>>, new: &Option<Option<Box<str>>>| {
            if let Some(new) = new {
                rule.clone_from(new);
            }
        };
        set(&mut self.always, &patch.always);
        set(&mut self.busy, &patch.busy);
        set(&mut self.no_answer, &patch.no_answer);
        set(&mut self.offline, &patch.offline);
        self.after_s = patch.after_s.unwrap_or(self.after_s);
        self.do_not_disturb = patch.do_not_disturb.unwrap_or(self.do_not_disturb);
    }
}

/// A target as people write it: a SIP or tel URI, `user@domain`, or the name or number of an account of `domain`. `no` is
/// none.
pub fn forward_target(text: &str, domain: &str) -> Result<Option<Box<str>>, &'static str> {
    if text == "no" {
        return Ok(None);
    }
    let has_scheme = ["sip:", "sips:", "tel:"].iter().any(|scheme| text.starts_with(scheme));
    let uri = match (has_scheme, text.contains('@')) {
        (true, _) => text.to_owned(),
        (false, true) => format!("sip:{text}"),
        (false, false) => format!("sip:{text}@{domain}"),
    };
    if uri.len() > FORWARD_BYTES_MAX {
        return Err("is too long");
    }
    match Uri::parse(uri.as_bytes()) {
        // It becomes a Request-URI (RFC 3261 section 19.1.1).
        Ok(Uri::Sip(sip)) if sip.headers.is_none() && sip.method().is_none() && is_named(&sip) => {}
        Ok(Uri::Tel(_)) => {}
        Ok(_) | Err(_) => return Err("is no account, number or SIP URI that can be called"),
    }
    Ok(Some(uri.into()))
}

/// A SIP URI in a domain of ours that names no account.
pub fn is_nobody(directory: &Directory, uri: &str) -> bool {
    let Ok(Uri::Sip(uri)) = Uri::parse(uri.as_bytes()) else { return false };
    let mut user = Vec::new();
    unescape_into(uri.user.unwrap_or_default(), &mut user);
    directory.is_ours(uri.host_bytes)
        && directory.account(&user, uri.host_bytes).is_none()
        && directory.account_by_alias(&user, uri.host_bytes).is_none()
}

fn is_named(uri: &SipUri<'_>) -> bool {
    uri.user.is_some() && uri.password.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_what_people_write() {
        let read = |text| forward_target(text, "example.org").map(|uri| uri.map(String::from));
        for (text, uri) in [
            ("bob", "sip:bob@example.org"),
            ("+33123", "sip:+33123@example.org"),
            ("bob@other.example", "sip:bob@other.example"),
            ("sips:bob@example.org", "sips:bob@example.org"),
            ("tel:+33123", "tel:+33123"),
        ] {
            assert_eq!(read(text), Ok(Some(uri.to_owned())), "{text}");
        }
        assert_eq!(read("no"), Ok(None));
        for text in ["", "a b", "http://x/", "sip:bob@x?Replaces=y", "sip:example.org", &"x".repeat(300)] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
