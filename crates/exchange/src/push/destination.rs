//! What the URI of a Contact says of push (RFC 8599 section 8.7; the names that Linphone used before it).

use crate::bindings::{BindingId, Version};
use coeur_sip::header::NameAddr;
use coeur_sip::uri::{SipUri, Uri, UriParams, unescape_into};
use std::fmt;

/// RFC 8599 sections 10 to 12.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Provider {
    Apns,
    Fcm,
    WebPush,
}

impl Provider {
    pub const ALL: [Self; 3] = [Self::Apns, Self::Fcm, Self::WebPush];

    /// As the RFC writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Apns => "apns",
            Self::Fcm => "fcm",
            Self::WebPush => "webpush",
        }
    }

    /// And as phones do: (service, its place for tests).
    fn named(name: &[u8]) -> Option<(Self, bool)> {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match () {
            () if is("apns") || is("apple") => Some((Self::Apns, false)),
            () if is("apns.dev") => Some((Self::Apns, true)),
            () if is("fcm") || is("firebase") || is("google") || is("android") => Some((Self::Fcm, false)),
            () if is("webpush") => Some((Self::WebPush, false)),
            () => None,
        }
    }
}

/// Where one device is woken. Whoever has it can wake the device, so it has no `Debug` of its parts.
#[derive(Clone, PartialEq, Eq)]
pub struct Destination {
    pub provider: Provider,
    /// The service's place for programs that are not published yet (`apns.dev`).
    pub is_sandbox: bool,
    /// `pn-param`, unescaped; empty: none.
    pub param: Box<str>,
    /// `pn-prid`, unescaped; never empty.
    pub id: Box<str>,
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Destination").field("provider", &self.provider).finish_non_exhaustive()
    }
}

/// The destination of a binding, as it was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub destination: Destination,
    pub binding: BindingId,
    pub version: Version,
}

/// What a REGISTER asks with one Contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Nothing,
    /// `pn-provider` without a value: which services do you know? (RFC 8599 section 4.1.5)
    Providers,
    /// A service without a name there: do you know it?
    Provider(Provider),
    /// A service that nobody here has heard of.
    Unknown,
    Push(Destination),
}

pub(crate) fn read(uri: &SipUri<'_>) -> Asked {
    let params = uri.params;
    match params.get("pn-provider") {
        Some(b"") => Asked::Providers,
        Some(name) => match Provider::named(name) {
            None => Asked::Unknown,
            Some((provider, is_sandbox)) => {
                let text = |name| params.get(name).and_then(text_of).unwrap_or_default();
                destination(provider, is_sandbox, text("pn-param"), text("pn-prid"))
            }
        },
        None => legacy(params),
    }
}

/// Linphone before RFC 8599: `app-id`, `pn-type`, `pn-tok`. What we do not know of it never was a promise.
fn legacy(params: UriParams<'_>) -> Asked {
    let Some((provider, _)) = params.get("pn-type").and_then(Provider::named) else { return Asked::Nothing };
    let text = |name| params.get(name).and_then(text_of).unwrap_or_default();
    let app = text("app-id");
    let (program, is_sandbox) = match (app.strip_suffix(".dev"), app.strip_suffix(".prod")) {
        (Some(program), _) => (program, true),
        (None, Some(program)) => (program, false),
        (None, None) => (&*app, false),
    };
    match destination(provider, is_sandbox, program.into(), text("pn-tok")) {
        Asked::Push(destination) => Asked::Push(destination),
        Asked::Nothing | Asked::Providers | Asked::Provider(_) | Asked::Unknown => Asked::Nothing,
    }
}

fn destination(provider: Provider, is_sandbox: bool, param: Box<str>, id: Box<str>) -> Asked {
    match id.is_empty() {
        true => Asked::Provider(provider),
        false => Asked::Push(Destination { provider, is_sandbox, param, id }),
    }
}

/// Printable ASCII alone: it becomes part of a path or of a header elsewhere.
fn text_of(value: &[u8]) -> Option<Box<str>> {
    let mut bytes = Vec::with_capacity(value.len());
    unescape_into(value, &mut bytes);
    let is_plain = bytes.iter().all(u8::is_ascii_graphic);
    is_plain.then(|| String::from_utf8(bytes).ok()).flatten().map(Into::into)
}

/// The destination in a stored URI.
pub(crate) fn has_destination(uri: &[u8]) -> Option<Destination> {
    // Of nearly all URIs this is all that is read.
    if !uri.windows(3).any(|name| name.eq_ignore_ascii_case(b"pn-")) {
        return None;
    }
    match Uri::parse(uri) {
        Ok(Uri::Sip(uri)) => match read(&uri) {
            Asked::Push(destination) => Some(destination),
            Asked::Nothing | Asked::Providers | Asked::Provider(_) | Asked::Unknown => None,
        },
        Ok(Uri::Tel(_) | Uri::Other { .. }) | Err(_) => None,
    }
}

/// RFC 8599 section 4.1.4: the phone cannot wake by itself before its registration ends.
pub(crate) fn refreshes_when_woken(contact: &[u8]) -> bool {
    NameAddr::parse(contact).is_ok_and(|contact| contact.params.has("+sip.pnsreg"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(params: &str) -> Asked {
        let uri = format!("sip:phone@192.0.2.7:5060;transport=tcp{params}");
        match Uri::parse(uri.as_bytes()) {
            Ok(Uri::Sip(uri)) => read(&uri),
            Ok(_) | Err(_) => panic!("{uri} is no SIP URI"),
        }
    }

    fn push(provider: Provider, is_sandbox: bool, param: &str, id: &str) -> Asked {
        Asked::Push(Destination { provider, is_sandbox, param: param.into(), id: id.into() })
    }

    /// RFC 8599 sections 4.1 and 8.7.
    #[test]
    fn a_contact_says_which_service_wakes_its_phone_and_under_what_name() {
        let cases = [
            ("", Asked::Nothing),
            (";pn-provider", Asked::Providers),
            (";pn-provider=apns", Asked::Provider(Provider::Apns)),
            (";pn-provider=acme;pn-prid=x", Asked::Unknown),
            (
                ";pn-provider=APNS;pn-param=TEAM.org.example.voip;pn-prid=00fc13ad",
                push(Provider::Apns, false, "TEAM.org.example.voip", "00fc13ad"),
            ),
            (
                ";pn-provider=webpush;pn-prid=https%3A%2F%2Fpush.example%2Fs%2F1",
                push(Provider::WebPush, false, "", "https://push.example/s/1"),
            ),
            (";pn-provider=fcm;pn-param=project;pn-prid=tok%0d%0aen", Asked::Provider(Provider::Fcm)),
        ];
        for (params, asked) in cases {
            assert_eq!(of(params), asked, "{params}");
        }
    }

    #[test]
    fn the_names_that_phones_used_before_the_rfc_are_understood() {
        let cases = [
            (";pn-provider=apns.dev;pn-param=T.b;pn-prid=a", push(Provider::Apns, true, "T.b", "a")),
            (";pn-provider=firebase;pn-param=p;pn-prid=a", push(Provider::Fcm, false, "p", "a")),
            (";pn-type=firebase;app-id=p;pn-tok=a;pn-timeout=0", push(Provider::Fcm, false, "p", "a")),
            (";pn-type=google;app-id=p;pn-tok=a", push(Provider::Fcm, false, "p", "a")),
            (
                ";app-id=org.linphone.phone.voip.prod;pn-type=apple;pn-tok=a",
                push(Provider::Apns, false, "org.linphone.phone.voip", "a"),
            ),
            (";app-id=org.x.dev;pn-type=apple;pn-tok=a", push(Provider::Apns, true, "org.x", "a")),
            (";pn-type=wp10;pn-tok=a;app-id=x", Asked::Nothing),
            (";pn-type=apple", Asked::Nothing),
        ];
        for (params, asked) in cases {
            assert_eq!(of(params), asked, "{params}");
        }
    }

    #[test]
    fn where_a_device_is_woken_is_not_in_what_is_logged() {
        let shown = format!("{:?}", push(Provider::Apns, false, "TEAM.program", "00fc13adff785122"));
        assert!(shown.contains("Apns") && !shown.contains("00fc13adff785122") && !shown.contains("TEAM"));
    }
}
