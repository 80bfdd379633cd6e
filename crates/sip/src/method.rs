//! Request methods.

use std::fmt;

use crate::lex;

/// A request method (RFC 3261 section 7.1). Method names are case-sensitive; an unknown one keeps its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method<'a> {
    Invite,
    Ack,
    Bye,
    Cancel,
    Register,
    Options,
    /// RFC 3428.
    Message,
    /// RFC 6665.
    Subscribe,
    /// RFC 6665.
    Notify,
    /// RFC 3903.
    Publish,
    /// RFC 3515.
    Refer,
    /// RFC 6086.
    Info,
    /// RFC 3311.
    Update,
    /// RFC 3262.
    Prack,
    Other(&'a str),
}

impl<'a> Method<'a> {
    /// Reads a method; `None` when the bytes are not a token.
    pub fn parse(name: &'a [u8]) -> Option<Method<'a>> {
        Some(match name {
            b"INVITE" => Method::Invite,
            b"ACK" => Method::Ack,
            b"BYE" => Method::Bye,
            b"CANCEL" => Method::Cancel,
            b"REGISTER" => Method::Register,
            b"OPTIONS" => Method::Options,
            b"MESSAGE" => Method::Message,
            b"SUBSCRIBE" => Method::Subscribe,
            b"NOTIFY" => Method::Notify,
            b"PUBLISH" => Method::Publish,
            b"REFER" => Method::Refer,
            b"INFO" => Method::Info,
            b"UPDATE" => Method::Update,
            b"PRACK" => Method::Prack,
            other if lex::is_token(other) => Method::Other(std::str::from_utf8(other).ok()?),
            _ => return None,
        })
    }

    pub const fn as_str(self) -> &'a str {
        match self {
            Method::Invite => "INVITE",
            Method::Ack => "ACK",
            Method::Bye => "BYE",
            Method::Cancel => "CANCEL",
            Method::Register => "REGISTER",
            Method::Options => "OPTIONS",
            Method::Message => "MESSAGE",
            Method::Subscribe => "SUBSCRIBE",
            Method::Notify => "NOTIFY",
            Method::Publish => "PUBLISH",
            Method::Refer => "REFER",
            Method::Info => "INFO",
            Method::Update => "UPDATE",
            Method::Prack => "PRACK",
            Method::Other(name) => name,
        }
    }

    pub const fn as_bytes(self) -> &'a [u8] {
        self.as_str().as_bytes()
    }

    /// The same method without a borrow; `None` for a method that we do not know.
    pub const fn known(self) -> Option<Method<'static>> {
        Some(match self {
            Method::Invite => Method::Invite,
            Method::Ack => Method::Ack,
            Method::Bye => Method::Bye,
            Method::Cancel => Method::Cancel,
            Method::Register => Method::Register,
            Method::Options => Method::Options,
            Method::Message => Method::Message,
            Method::Subscribe => Method::Subscribe,
            Method::Notify => Method::Notify,
            Method::Publish => Method::Publish,
            Method::Refer => Method::Refer,
            Method::Info => Method::Info,
            Method::Update => Method::Update,
            Method::Prack => Method::Prack,
            Method::Other(_) => return None,
        })
    }

    /// True for the methods whose 2xx (or 101-199) answer creates a dialog: INVITE (RFC 3261 section 12),
    /// SUBSCRIBE (RFC 6665 section 4.4.1), REFER (RFC 3515) and NOTIFY, which may create one when it
    /// overtakes the answer to SUBSCRIBE (RFC 6665 section 4.4.1). Their answers copy Record-Route.
    pub const fn forms_dialog(self) -> bool {
        match self {
            Method::Invite | Method::Subscribe | Method::Refer | Method::Notify => true,
            Method::Ack
            | Method::Bye
            | Method::Cancel
            | Method::Register
            | Method::Options
            | Method::Message
            | Method::Publish
            | Method::Info
            | Method::Update
            | Method::Prack
            | Method::Other(_) => false,
        }
    }
}

impl fmt::Display for Method<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_case_sensitive() {
        assert_eq!(Method::parse(b"INVITE"), Some(Method::Invite));
        assert_eq!(Method::parse(b"invite"), Some(Method::Other("invite")));
        assert_eq!(Method::parse(b"Invite").map(Method::as_str), Some("Invite"));
    }

    #[test]
    fn a_method_is_a_token() {
        assert!(Method::parse(b"!interesting-Method0123456789_*+`.%indeed'~").is_some());
        assert_eq!(Method::parse(b"INV ITE"), None);
        assert_eq!(Method::parse(b""), None);
        assert_eq!(Method::parse(b"INV\x00ITE"), None);
        assert_eq!(Method::parse("INVIT\u{c9}".as_bytes()), None);
    }
}
