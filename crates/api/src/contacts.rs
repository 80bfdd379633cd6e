//! Contacts and the phonebook, as they are asked for and shown.

use crate::ids::Id;
use coeur_directory::{
    Card, CardError, Contact, ContactNumber, NumberLabel, VcardError, read_vcards, write_vcard,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum ContactsRequest {
    /// In the order of their names. `after` is what the page before gave as `next`.
    List {
        of: BookRequest,
        #[serde(default)]
        q: Option<String>,
        after: Option<String>,
        limit: usize,
    },
    Add {
        of: BookRequest,
        card: CardView,
    },
    Show {
        contact: String,
    },
    Change {
        contact: String,
        change: CardChange,
    },
    Remove {
        contact: String,
    },
    /// All or none; what is there already, word by word, is not made again.
    Import {
        of: BookRequest,
        cards: Vec<CardView>,
    },
    /// Whom somebody can call.
    Phonebook {
        /// Whose: by login or number.
        user: String,
        #[serde(default)]
        q: Option<String>,
        limit: usize,
    },
}

/// Whose contacts: a tenant's, the first one's where none is named, or those of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BookRequest {
    /// By its name or number.
    pub tenant: Option<String>,
    /// By login or number.
    pub user: Option<String>,
    /// Of a list: those that his tenant shares too; without a user or tenant, what every tenant shares.
    pub all: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", content = "value", rename_all = "snake_case")]
pub enum ContactsReply {
    Page(ContactsPage),
    Contact(Box<ContactView>),
    Imported(ImportedView),
    Phonebook(Vec<PhonebookEntry>),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactsPage {
    pub contacts: Vec<ContactView>,
    /// Where the next page begins; absent at the end.
    pub next: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactView {
    /// As `ctc_7`.
    pub id: String,
    /// As `ten_1`.
    pub tenant: String,
    /// Whose it is alone, as `usr_4`; absent: the tenant's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(flatten)]
    pub card: CardView,
}

/// What is said of somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CardView {
    pub name: String,
    pub organisation: String,
    /// At most 8, the first first.
    pub numbers: Vec<NumberView>,
    pub email: String,
    pub note: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewContactNumber")]
pub struct NumberView {
    /// `work`, `mobile`, `home` or `other`.
    #[serde(default = "work")]
    pub label: String,
    /// As it is dialled, or a SIP URI.
    pub number: String,
}

fn work() -> String {
    NumberLabel::default().as_str().to_owned()
}

/// What is absent stays as it is; numbers are replaced whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ContactPatch")]
pub struct CardChange {
    pub name: Option<String>,
    pub organisation: Option<String>,
    pub numbers: Option<Vec<NumberView>>,
    pub email: Option<String>,
    pub note: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedView {
    pub made: usize,
    /// Were there already, word by word.
    pub unchanged: usize,
}

/// Somebody who can be called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhonebookEntry {
    /// `account`, `shared` or `own`.
    pub kind: String,
    /// Of the account or the contact.
    pub id: String,
    pub name: String,
    pub organisation: String,
    /// As they are dialled, or SIP URIs.
    pub numbers: Vec<NumberView>,
}

/// What a file of cards has in it.
pub struct CardFile {
    pub cards: Vec<CardView>,
    pub refused: Vec<RefusedCard>,
    /// Numbers that no contact can have, of cards that can be kept.
    pub numbers_left_out: usize,
}

pub struct RefusedCard {
    /// Where it begins in the file, from 1.
    pub line: usize,
    pub why: CardError,
}

impl CardFile {
    pub fn read(file: &[u8]) -> Result<Self, VcardError> {
        let mut read = Self { cards: Vec::new(), refused: Vec::new(), numbers_left_out: 0 };
        for card in read_vcards(file)? {
            match card.card {
                Ok(kept) => {
                    read.cards.push(CardView::of(&kept));
                    read.numbers_left_out += card.left_out;
                }
                Err(why) => read.refused.push(RefusedCard { line: card.line, why }),
            }
        }
        Ok(read)
    }
}

impl CardView {
    pub(crate) fn of(card: &Card) -> Self {
        Self {
            name: card.name.to_string(),
            organisation: card.organisation.to_string(),
            numbers: card.numbers.iter().map(NumberView::of).collect(),
            email: card.email.to_string(),
            note: card.note.to_string(),
        }
    }

    /// As vCard 4.0; `None`: it is no card that could be kept.
    pub fn vcard(&self) -> Option<String> {
        let numbers = self.numbers.iter().map(|number| ContactNumber {
            label: NumberLabel::parse(&number.label).unwrap_or_default(),
            value: number.number.as_str().into(),
        });
        let card = Card {
            name: self.name.as_str().into(),
            organisation: self.organisation.as_str().into(),
            numbers: numbers.collect(),
            email: self.email.as_str().into(),
            note: self.note.as_str().into(),
        };
        card.checked().ok().map(|card| write_vcard(&card))
    }
}

impl NumberView {
    pub(crate) fn of(number: &ContactNumber) -> Self {
        Self { label: number.label.as_str().to_owned(), number: number.value.to_string() }
    }
}

impl ContactView {
    pub(crate) fn of(contact: &Contact) -> Self {
        Self {
            id: contact.id.text(),
            tenant: contact.book.tenant.text(),
            user: contact.book.owner.map(Id::text),
            card: CardView::of(&contact.card),
        }
    }
}
