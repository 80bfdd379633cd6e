//! Whom a telephone can call, as it fetches and searches it: one list, in the XML of each maker.
//!
//! It is beside the settings, below the address that the phone alone knows. Makers that are not here have other ways (a
//! directory that is written to the server, LDAP), or none.

use crate::phone::{Language, Phone};
use crate::render::{File, XML};
use crate::text::{Secret, Text};
use crate::uri::local_part;
use crate::vendor::Vendor;
use crate::xml::Xml;

/// Behind the folder of a phone's own address. Grandstream's ask for a file of this name, whatever they are told.
pub const PHONEBOOK_FILE: &str = "phonebook.xml";

/// Entries of one list, 1,000: more than that some phones do not hold. 300 kB with two numbers each.
pub const PHONEBOOK_ENTRIES_MAX: usize = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberKind {
    Work,
    Mobile,
    Home,
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhonebookNumber {
    pub kind: NumberKind,
    /// As it is dialled, or a SIP URI.
    pub number: Text,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhonebookEntry {
    pub name: Text,
    pub numbers: Vec<PhonebookNumber>,
}

/// Whether phones of this maker fetch a list as we write it.
pub const fn has_phonebook(vendor: Vendor) -> bool {
    match vendor {
        Vendor::Yealink | Vendor::Grandstream | Vendor::Snom | Vendor::Fanvil => true,
        Vendor::Poly
        | Vendor::Cisco
        | Vendor::Gigaset
        | Vendor::Linphone
        | Vendor::Groundwire
        | Vendor::Zoiper
        | Vendor::MicroSip
        | Vendor::Baresip
        | Vendor::Other => false,
    }
}

/// `None`: such phones fetch none. Of more entries than may be the first are written; whoever has no number is in none.
pub fn phonebook(phone: &Phone, entries: &[PhonebookEntry]) -> Option<File> {
    let domain = phone.lines.first().map_or("", |line| line.domain.as_str());
    let entries = entries.iter().filter(|entry| !entry.numbers.is_empty()).take(PHONEBOOK_ENTRIES_MAX);
    let mut list = List { xml: Xml::new(), domain, language: phone.locale.language };
    match phone.vendor {
        Vendor::Yealink => list.several("YealinkIPPhoneDirectory", entries),
        Vendor::Snom => list.one_each("SnomIPPhoneDirectory", entries),
        Vendor::Fanvil => list.one_each("FanvilIPPhoneDirectory", entries),
        Vendor::Grandstream => list.address_book(entries),
        Vendor::Poly
        | Vendor::Cisco
        | Vendor::Gigaset
        | Vendor::Linphone
        | Vendor::Groundwire
        | Vendor::Zoiper
        | Vendor::MicroSip
        | Vendor::Baresip
        | Vendor::Other => return None,
    }
    Some(File { content_type: XML, body: Secret::new(list.xml.finish()) })
}

/// As the phone shows it.
pub(crate) const fn title(language: Language) -> &'static str {
    match language {
        Language::English => "Phonebook",
        Language::French => "Annuaire",
    }
}

/// Where this phone fetches its list, once it has an address of its own.
pub(crate) fn address(phone: &Phone) -> Option<String> {
    phone.settings_url.as_ref().map(|url| format!("{url}{PHONEBOOK_FILE}"))
}

struct List<'p> {
    xml: Xml,
    domain: &'p str,
    language: Language,
}

impl List<'_> {
    fn number(&self, number: &PhonebookNumber) -> String {
        local_part(number.number.as_str(), self.domain)
    }

    fn several<'e>(&mut self, root: &'static str, entries: impl Iterator<Item = &'e PhonebookEntry>) {
        self.xml.open(root, &[]);
        for entry in entries {
            self.xml.open("DirectoryEntry", &[]);
            self.xml.leaf("Name", &[], entry.name.as_str());
            for number in &entry.numbers {
                self.xml.leaf("Telephone", &[], &self.number(number));
            }
            self.xml.close();
        }
    }

    /// Of an entry they show one number: of who has several each is an entry that says which.
    fn one_each<'e>(&mut self, root: &'static str, entries: impl Iterator<Item = &'e PhonebookEntry>) {
        self.xml.open(root, &[]);
        self.xml.leaf("Title", &[], title(self.language));
        for entry in entries {
            for number in &entry.numbers {
                let name = match entry.numbers.len() {
                    1 => entry.name.as_str().to_owned(),
                    _ => format!("{} ({})", entry.name, kind(number.kind, self.language)),
                };
                self.xml.open("DirectoryEntry", &[]);
                self.xml.leaf("Name", &[], &name);
                self.xml.leaf("Telephone", &[], &self.number(number));
                self.xml.close();
            }
        }
    }

    fn address_book<'e>(&mut self, entries: impl Iterator<Item = &'e PhonebookEntry>) {
        self.xml.open("AddressBook", &[]);
        self.xml.leaf("version", &[], "1");
        for (entry, id) in entries.zip(1u32..) {
            self.xml.open("Contact", &[]);
            self.xml.leaf("id", &[], &id.to_string());
            self.xml.leaf("FirstName", &[], "");
            self.xml.leaf("LastName", &[], entry.name.as_str());
            for number in &entry.numbers {
                let kind = match number.kind {
                    NumberKind::Work | NumberKind::Other => "Work",
                    NumberKind::Mobile => "Cell",
                    NumberKind::Home => "Home",
                };
                self.xml.open("Phone", &[("type", kind)]);
                self.xml.leaf("phonenumber", &[], &self.number(number));
                self.xml.leaf("accountindex", &[], "0");
                self.xml.close();
            }
            self.xml.close();
        }
    }
}

const fn kind(kind: NumberKind, language: Language) -> &'static str {
    match (kind, language) {
        (NumberKind::Work, Language::English) => "work",
        (NumberKind::Work, Language::French) => "travail",
        (NumberKind::Mobile, _) => "mobile",
        (NumberKind::Home, Language::English) => "home",
        (NumberKind::Home, Language::French) => "domicile",
        (NumberKind::Other, Language::English) => "other",
        (NumberKind::Other, Language::French) => "autre",
    }
}
