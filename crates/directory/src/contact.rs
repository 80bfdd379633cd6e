//! Contacts: people and places with their numbers, in books. A book is that of a tenant, which all of its people read, or
//! of one user alone.

use crate::tenant::TenantId;
use crate::user::{EMAIL_BYTES_MAX, UserId};
use coeur_sip::uri::Uri;
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContactId(pub u64);

/// Whose contacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Book {
    pub tenant: TenantId,
    /// `None`: the tenant's, for all of its people.
    pub owner: Option<UserId>,
}

/// Contacts that a tenant shares.
pub const SHARED_CONTACTS_MAX: usize = 10_000;
/// Contacts of one user.
pub const OWN_CONTACTS_MAX: usize = 1_000;
/// Contacts of an installation: about 500 bytes each with two numbers, 100 MB; at most 4 kB each, 800 MB.
pub const CONTACTS_MAX: usize = 200_000;
/// Numbers of one contact.
pub const CONTACT_NUMBERS_MAX: usize = 8;
/// Bytes of a name, and of an organisation.
pub const CONTACT_NAME_BYTES_MAX: usize = 200;
/// Bytes of one number or address.
pub const CONTACT_NUMBER_BYTES_MAX: usize = 255;
/// Bytes of a note.
pub const CONTACT_NOTE_BYTES_MAX: usize = 1_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    pub id: ContactId,
    pub book: Book,
    pub card: Card,
}

/// What is said of somebody. [`Card::checked`] makes one of what people write.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Card {
    pub name: Box<str>,
    /// Empty: none.
    pub organisation: Box<str>,
    /// At most [`CONTACT_NUMBERS_MAX`], the first first.
    pub numbers: Box<[ContactNumber]>,
    /// Empty: none is known.
    pub email: Box<str>,
    /// May have several lines.
    pub note: Box<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContactNumber {
    pub label: NumberLabel,
    /// A number as it is dialled, `+33123456789` or `201`, or a SIP URI.
    pub value: Box<str>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum NumberLabel {
    #[default]
    Work,
    Mobile,
    Home,
    Other,
}

/// What is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContactPatch {
    pub name: Option<Box<str>>,
    pub organisation: Option<Box<str>>,
    /// Replaced whole.
    pub numbers: Option<Box<[ContactNumber]>>,
    pub email: Option<Box<str>>,
    pub note: Option<Box<str>>,
}

#[derive(Clone, Debug)]
pub enum ContactChange {
    Added(Box<Contact>),
    /// Of one book, all or none.
    Imported(Box<[Contact]>),
    Changed {
        id: ContactId,
        patch: ContactPatch,
    },
    Removed(ContactId),
}

/// What is wrong with a card, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardError {
    NoName,
    TooLong {
        field: &'static str,
        bytes_max: usize,
    },
    /// It could be taken for another text than it is.
    Disguised {
        field: &'static str,
    },
    NoNumber(Box<str>),
    TooManyNumbers,
    BadEmail(Box<str>),
}

impl Card {
    /// As it is kept: without spaces around, numbers without what separates their digits, and nothing in it that is shown
    /// as something else than it is.
    pub fn checked(&self) -> Result<Self, CardError> {
        let line = |field, text: &str, bytes_max| {
            let text = text.trim();
            let is_disguised = text.chars().any(|c| c.is_control() || is_disguise(c));
            fits(field, text, bytes_max, is_disguised)
        };
        let name = line("name", &self.name, CONTACT_NAME_BYTES_MAX)?;
        let organisation = line("organisation", &self.organisation, CONTACT_NAME_BYTES_MAX)?;
        // A place has no other name than that of who is there.
        let name = if name.is_empty() { organisation.clone() } else { name };
        if name.is_empty() {
            return Err(CardError::NoName);
        }
        if self.numbers.len() > CONTACT_NUMBERS_MAX {
            return Err(CardError::TooManyNumbers);
        }
        let number = |number: &ContactNumber| {
            Ok(ContactNumber { label: number.label, value: contact_number(&number.value)? })
        };
        let email = line("email", &self.email, EMAIL_BYTES_MAX)?;
        let is_email = email.is_empty()
            || (!email.contains(char::is_whitespace)
                && email.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty()));
        if !is_email {
            return Err(CardError::BadEmail(email));
        }
        let note = self.note.trim();
        let is_disguised = note.chars().any(|c| (c.is_control() && c != '\n') || is_disguise(c));
        Ok(Self {
            name,
            organisation,
            numbers: self.numbers.iter().map(number).collect::<Result<_, _>>()?,
            email,
            note: fits("note", note, CONTACT_NOTE_BYTES_MAX, is_disguised)?,
        })
    }

    pub fn change(&mut self, patch: &ContactPatch) {
        let set = |field: &mut Box<str>, new: &Option<Box<str>>| {
            if let Some(new) = new {
                field.clone_from(new);
            }
        };
        set(&mut self.name, &patch.name);
        set(&mut self.organisation, &patch.organisation);
        set(&mut self.email, &patch.email);
        set(&mut self.note, &patch.note);
        if let Some(numbers) = &patch.numbers {
            self.numbers.clone_from(numbers);
        }
    }

    /// True when what is wanted is a part of its name, organisation, address or one of its numbers.
    pub fn has(&self, wanted: &Wanted) -> bool {
        let text = |text: &str| !text.is_empty() && text.to_lowercase().contains(&*wanted.text);
        let number = |number: &ContactNumber| match &wanted.digits {
            Some(digits) => number.value.contains(&**digits),
            None => text(&number.value),
        };
        text(&self.name) || text(&self.organisation) || text(&self.email) || self.numbers.iter().any(number)
    }
}

/// What is looked for, in any case; of a number, whatever separates its digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    text: Box<str>,
    digits: Option<Box<str>>,
}

impl Wanted {
    /// `None`: everything is.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        let digits: String = text.chars().filter(|c| !is_separator(*c)).collect();
        let is_number = digits.bytes().any(|byte| byte.is_ascii_digit())
            && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'+');
        let digits = is_number.then(|| digits.into());
        (!text.is_empty()).then(|| Self { text: text.into(), digits })
    }

    pub fn is_in(&self, text: &str) -> bool {
        text.to_lowercase().contains(self.digits.as_deref().unwrap_or(&self.text))
    }
}

/// A number or address as people write it: `+33 1 23 45 67 89`, `tel:+33123456789`, `bob@example.org` or a SIP URI.
pub fn contact_number(text: &str) -> Result<Box<str>, CardError> {
    let bad = || CardError::NoNumber(text.into());
    let trimmed = text.trim();
    if trimmed.len() > CONTACT_NUMBER_BYTES_MAX {
        return Err(CardError::TooLong { field: "number", bytes_max: CONTACT_NUMBER_BYTES_MAX });
    }
    let scheme = trimmed.split_once(':').map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest));
    let uri = match scheme.as_ref().map(|(scheme, rest)| (scheme.as_str(), *rest)) {
        // Its parameters say of an extension what no phone dials (RFC 3966 section 3).
        Some(("tel", rest)) => return dialled(rest.split(';').next().unwrap_or(rest)).ok_or_else(bad),
        Some((scheme @ ("sip" | "sips"), rest)) => format!("{scheme}:{rest}"),
        Some(_) => return Err(bad()),
        None if trimmed.contains('@') => format!("sip:{trimmed}"),
        None => return dialled(trimmed).ok_or_else(bad),
    };
    match Uri::parse(uri.as_bytes()) {
        // It becomes a Request-URI (RFC 3261 section 19.1.1).
        Ok(Uri::Sip(sip))
            if sip.headers.is_none()
                && sip.method().is_none()
                && sip.user.is_some()
                && sip.password.is_none() =>
        {
            Ok(uri.into())
        }
        Ok(_) | Err(_) => Err(bad()),
    }
}

/// Digits with what may stand between them (RFC 3966 section 5.1.1).
fn dialled(text: &str) -> Option<Box<str>> {
    let number: String = text.chars().filter(|c| !is_separator(*c)).collect();
    let digits = number.strip_prefix('+').unwrap_or(&number);
    let is_dialled = (1..=32).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'*' || byte == b'#');
    is_dialled.then(|| number.into())
}

fn is_separator(c: char) -> bool {
    matches!(c, ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}' | '\u{202f}' | '\u{2010}' | '\u{2011}')
}

/// What turns the order of a text round or is not seen at all. Joiners are part of words in several scripts.
pub fn is_disguise(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn fits(
    field: &'static str,
    text: &str,
    bytes_max: usize,
    is_disguised: bool,
) -> Result<Box<str>, CardError> {
    match (text.len() > bytes_max, is_disguised) {
        (true, _) => Err(CardError::TooLong { field, bytes_max }),
        (false, true) => Err(CardError::Disguised { field }),
        (false, false) => Ok(text.into()),
    }
}

impl NumberLabel {
    pub const ALL: [Self; 4] = [Self::Work, Self::Mobile, Self::Home, Self::Other];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Work => "work",
            Self::Mobile => "mobile",
            Self::Home => "home",
            Self::Other => "other",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|label| label.as_str() == text)
    }
}

impl Book {
    pub const fn shared(tenant: TenantId) -> Self {
        Self { tenant, owner: None }
    }

    pub const fn contacts_max(self) -> usize {
        match self.owner {
            None => SHARED_CONTACTS_MAX,
            Some(_) => OWN_CONTACTS_MAX,
        }
    }
}

impl fmt::Display for CardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName => write!(f, "a contact has a name or an organisation"),
            Self::TooLong { field, bytes_max } => write!(f, "{field}: at most {bytes_max} bytes"),
            Self::Disguised { field } => {
                write!(f, "{field}: no control characters and none that are not seen as they are")
            }
            Self::NoNumber(text) => write!(f, "{text:?} is no number and no SIP address"),
            Self::TooManyNumbers => write!(f, "a contact has {CONTACT_NUMBERS_MAX} numbers at most"),
            Self::BadEmail(text) => write!(f, "{text:?} is no e-mail address"),
        }
    }
}

impl std::error::Error for CardError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Card {
        Card { name: name.into(), ..Card::default() }
    }

    #[test]
    fn a_number_is_what_people_write_and_kept_as_it_is_dialled() {
        for (text, kept) in [
            ("+33 1 23 45 67 89", "+33123456789"),
            ("+33\u{a0}1.23-45(67)/89", "+33123456789"),
            ("tel:+1-201-555-0123;ext=9", "+12015550123"),
            ("TEL:201", "201"),
            (" *21# ", "*21#"),
            ("bob@example.org", "sip:bob@example.org"),
            ("SIP:bob@example.org;transport=tls", "sip:bob@example.org;transport=tls"),
            ("sips:bob@example.org", "sips:bob@example.org"),
        ] {
            assert_eq!(contact_number(text).as_deref(), Ok(kept), "{text}");
        }
        let long = format!("sip:{}@x", "a".repeat(300));
        for bad in [
            "",
            "+",
            "++33",
            "bob",
            "http://x@y/",
            "javascript:alert(1)",
            "sip:example.org",
            "sip:a:b@example.org",
            "sip:a@example.org?Replaces=x",
            "a b@example.org",
            "123456789012345678901234567890123",
            &long,
        ] {
            assert!(contact_number(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_card_has_a_name_and_nothing_that_looks_like_something_else() {
        assert_eq!(named("  ").checked(), Err(CardError::NoName));
        let place = Card { organisation: " Town hall ".into(), ..Card::default() };
        assert_eq!(&*place.checked().expect("an organisation").name, "Town hall");
        for bad in ["a\nb", "a\u{202e}b", "a\u{2066}b", "\u{feff}a\u{200b}b", "a\u{7f}"] {
            assert_eq!(named(bad).checked(), Err(CardError::Disguised { field: "name" }), "{bad:?}");
        }
        assert!(
            named("\u{646}\u{645}\u{6cc}\u{200c}\u{62f}\u{627}\u{646}").checked().is_ok(),
            "a joiner is of the word"
        );
        assert!(named(&"a".repeat(200)).checked().is_ok());
        let long = named(&"a".repeat(201)).checked();
        assert_eq!(long, Err(CardError::TooLong { field: "name", bytes_max: 200 }));
        let lines = Card { note: "one\ntwo".into(), ..named("a") };
        assert!(lines.checked().is_ok());
        assert!(Card { note: "one\rtwo".into(), ..named("a") }.checked().is_err());
        for bad in ["a", "@b", "a@", "a b@c"] {
            assert!(Card { email: bad.into(), ..named("a") }.checked().is_err(), "{bad}");
        }
        let number = ContactNumber { label: NumberLabel::Home, value: "201".into() };
        let many = |count| Card { numbers: vec![number.clone(); count].into(), ..named("a") };
        assert!(many(8).checked().is_ok());
        assert_eq!(many(9).checked(), Err(CardError::TooManyNumbers));
    }

    #[test]
    fn a_card_is_found_by_any_part_of_it_and_a_number_whatever_separates_its_digits() {
        let number = ContactNumber { label: NumberLabel::Work, value: "+33123456789".into() };
        let card = Card {
            organisation: "Électricité".into(),
            email: "alice@example.org".into(),
            numbers: Box::new([number]),
            ..named("Alice Martin")
        };
        for text in ["MART", "électr", "@example", "+33 1 23", "123.456", " alice "] {
            assert!(card.has(&Wanted::new(text).expect("something")), "{text}");
        }
        for text in ["bob", "124", "33 1 23 a"] {
            assert!(!card.has(&Wanted::new(text).expect("something")), "{text}");
        }
        assert_eq!(Wanted::new("  "), None);
    }
}
