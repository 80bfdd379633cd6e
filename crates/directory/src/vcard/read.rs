//! Cards of a file.

use super::VCARDS_MAX;
use super::line::{Properties, Property, cut, text_of};
use crate::contact::{
    CONTACT_NAME_BYTES_MAX, CONTACT_NOTE_BYTES_MAX, CONTACT_NUMBERS_MAX, Card, CardError, ContactNumber,
    NumberLabel, contact_number, is_disguise,
};
use std::fmt;

/// One card of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadCard {
    /// Where it begins, from 1.
    pub line: usize,
    /// It can be kept as it is, or why not.
    pub card: Result<Card, CardError>,
    /// Numbers that cannot be dialled, or are more than a contact has.
    pub left_out: usize,
}

/// Why a file is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VcardError {
    NoCard,
    TooMany,
    NotEnded { line: usize },
}

/// Reads a file of cards. Bounded by the size of the file: who calls has limited that.
pub fn read_vcards(file: &[u8]) -> Result<Vec<ReadCard>, VcardError> {
    let text = text_of(file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file));
    let mut cards = Vec::new();
    // What is inside of a card, as its agent in 2.1, is not read, however deep.
    let (mut open, mut depth): (Option<Open>, usize) = (None, 0);
    for property in Properties::new(&text) {
        match (property.name.as_str(), &mut open) {
            ("BEGIN", None) if property.value.trim().eq_ignore_ascii_case("VCARD") => {
                open = Some(Open { line: property.line, ..Open::default() });
                depth = 1;
            }
            ("BEGIN", Some(_)) => depth += 1,
            ("END", Some(_)) if depth > 1 => depth -= 1,
            ("END", Some(_)) => {
                let Some(card) = open.take().and_then(Open::read) else { continue };
                if cards.len() == VCARDS_MAX {
                    return Err(VcardError::TooMany);
                }
                cards.push(card);
            }
            (_, Some(open)) if depth == 1 => open.take(&property),
            (_, _) => {}
        }
    }
    match open {
        Some(open) => Err(VcardError::NotEnded { line: open.line }),
        None if cards.is_empty() => Err(VcardError::NoCard),
        None => Ok(cards),
    }
}

/// A card that is being read.
#[derive(Default)]
struct Open {
    line: usize,
    formatted: String,
    structured: String,
    organisation: String,
    numbers: Vec<ContactNumber>,
    left_out: usize,
    email: String,
    note: String,
    is_group: bool,
}

impl Open {
    fn take(&mut self, property: &Property) {
        let value = property.value.as_str();
        let first = |field: &mut String, text: String| {
            if field.is_empty() {
                *field = text;
            }
        };
        match property.name.as_str() {
            "FN" => first(&mut self.formatted, clean(&unescaped(value))),
            "N" => first(&mut self.structured, name(value)),
            "ORG" => {
                let parts = components(value).into_iter().filter(|part| !part.is_empty());
                first(&mut self.organisation, parts.collect::<Vec<_>>().join(", "));
            }
            "EMAIL" => first(&mut self.email, clean(&unescaped(value))),
            "NOTE" => {
                let note = note(&unescaped(value));
                let between = if self.note.is_empty() || note.is_empty() { "" } else { "\n" };
                // Cut when the card is read: no more than one property is kept beside.
                if self.note.len() <= CONTACT_NOTE_BYTES_MAX {
                    self.note = format!("{}{between}{note}", self.note);
                }
            }
            "TEL" => self.number(property, &unescaped(value)),
            "X-SIP" => self.number(property, &with_scheme(value)),
            // Of the other networks none is called by telephone.
            "IMPP" if is_sip(value) => self.number(property, value),
            "KIND" | "X-ADDRESSBOOKSERVER-KIND" => {
                self.is_group = value.trim().eq_ignore_ascii_case("group");
            }
            _ => {}
        }
    }

    fn number(&mut self, property: &Property, text: &str) {
        match contact_number(text) {
            Ok(value) if self.numbers.len() < CONTACT_NUMBERS_MAX => {
                self.numbers.push(ContactNumber { label: label(property), value });
            }
            Ok(_) | Err(_) => self.left_out += 1,
        }
    }

    /// `None`: a list of other cards.
    fn read(self) -> Option<ReadCard> {
        if self.is_group {
            return None;
        }
        let name = if self.formatted.is_empty() { self.structured } else { self.formatted };
        let line = |text: &str| Box::from(cut(text.trim(), CONTACT_NAME_BYTES_MAX).trim_end());
        let mut card = Card {
            name: line(&name),
            organisation: line(&self.organisation),
            numbers: self.numbers.into(),
            email: self.email.into(),
            note: cut(self.note.trim(), CONTACT_NOTE_BYTES_MAX).trim_end().into(),
        };
        // An address that is none is no reason to lose a number.
        if matches!(card.checked(), Err(CardError::BadEmail(_) | CardError::TooLong { .. })) {
            card.email = Box::default();
        }
        Some(ReadCard { line: self.line, card: card.checked(), left_out: self.left_out })
    }
}

/// Types stand in one parameter or several, with commas or not, and in any case.
fn label(property: &Property) -> NumberLabel {
    let types = property.parameters.iter().filter(|(name, _)| name == "TYPE");
    let types: Vec<String> =
        types.flat_map(|(_, value)| value.split(',')).map(|one| one.trim().to_ascii_lowercase()).collect();
    let has = |wanted: &[&str]| types.iter().any(|one| wanted.contains(&one.as_str()));
    match () {
        () if has(&["fax", "pager", "x-fax"]) => NumberLabel::Other,
        () if has(&["cell", "mobile", "iphone"]) => NumberLabel::Mobile,
        () if has(&["work"]) => NumberLabel::Work,
        () if has(&["home"]) => NumberLabel::Home,
        () => NumberLabel::Other,
    }
}

/// Family; given; additional; prefixes; suffixes (RFC 6350 section 6.2.2), in the order in which they are said.
fn name(value: &str) -> String {
    let parts = components(value);
    let part = |at: usize| parts.get(at).map_or("", String::as_str);
    let said = [part(3), part(1), part(2), part(0), part(4)].map(str::trim);
    said.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Of a value in parts, each as it is said.
fn components(value: &str) -> Vec<String> {
    let (mut parts, mut part, mut is_escaped) = (Vec::new(), String::new(), false);
    for c in value.chars() {
        match c {
            ';' if !is_escaped => parts.push(std::mem::take(&mut part)),
            c => part.push(c),
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    parts.push(part);
    parts.iter().map(|part| clean(&unescaped(part))).collect()
}

/// RFC 6350 section 3.4.
fn unescaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match (c, (c == '\\').then(|| chars.next()).flatten()) {
            ('\\', Some('n' | 'N')) => text.push('\n'),
            ('\\', Some(escaped @ ('\\' | ',' | ';' | ':'))) => text.push(escaped),
            ('\\', Some(other)) => text.extend(['\\', other]),
            (c, _) => text.push(c),
        }
    }
    text
}

fn clean(text: &str) -> String {
    let seen = text.chars().filter(|c| !is_disguise(*c));
    seen.map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

fn note(text: &str) -> String {
    let seen = text.chars().filter(|c| !is_disguise(*c) && *c != '\r');
    seen.map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect::<String>().trim().to_owned()
}

fn is_sip(value: &str) -> bool {
    let scheme = value.trim_start().split(':').next().unwrap_or("").to_ascii_lowercase();
    scheme == "sip" || scheme == "sips"
}

fn with_scheme(value: &str) -> String {
    if is_sip(value) { value.to_owned() } else { format!("sip:{}", value.trim()) }
}

impl fmt::Display for VcardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCard => write!(f, "there is no vCard in it"),
            Self::TooMany => write!(f, "a file has {VCARDS_MAX} cards at most"),
            Self::NotEnded { line } => write!(f, "the card of line {line} does not end"),
        }
    }
}

impl std::error::Error for VcardError {}
