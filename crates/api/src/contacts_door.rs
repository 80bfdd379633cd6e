//! Contacts and the phonebook at the door.

use crate::contacts::{
    BookRequest, CardChange, CardView, ContactView, ContactsPage, ContactsReply, ContactsRequest,
    ImportedView, NumberView, PhonebookEntry,
};
use crate::door::{Door, ROWS_MAX, not_written};
use crate::ids::Id;
use crate::model::{Refusal, Reply, Why};
use coeur_directory::{
    Account, Aor, Book, Card, CardError, Change, Contact, ContactChange, ContactId, ContactNumber,
    ContactPatch, ContactPlace, NumberLabel, TenantId, UserId, VCARDS_MAX, Wanted,
};
use coeur_storage::Operator;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Whose phonebook it is: what stands in it, and how it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reader {
    pub tenant: TenantId,
    /// Whose own contacts are in it.
    pub user: Option<UserId>,
    /// Of who reads: numbers of its accounts are dialled as they are.
    pub domain: Option<Box<str>>,
}

impl Door {
    pub(crate) fn contacts(&self, operator: &Operator, request: ContactsRequest) -> Result<Reply, Refusal> {
        let reply = match request {
            ContactsRequest::List { of, q, after, limit } => {
                let wanted = q.as_deref().and_then(Wanted::new);
                self.contacts_page(&of, wanted.as_ref(), after.as_deref(), limit)?
            }
            ContactsRequest::Add { of, card } => self.add_contact(operator, &of, &card)?,
            ContactsRequest::Show { contact } => {
                ContactsReply::Contact(Box::new(ContactView::of(&*self.contact(&contact)?)))
            }
            ContactsRequest::Change { contact, change } => {
                return self.change_contact(operator, &contact, change);
            }
            ContactsRequest::Remove { contact } => {
                let id = self.contact(&contact)?.id;
                return self.change(operator, Change::Contact(ContactChange::Removed(id)));
            }
            ContactsRequest::Import { of, cards } => self.import_contacts(operator, &of, &cards)?,
            ContactsRequest::Phonebook { user, q, limit } => {
                let user = self.user(&user)?;
                let accounts = self.directory().accounts_of_user(user.id);
                let first = accounts.iter().map(|account| &account.aor).min();
                let domain = first.map(|aor| aor.domain().into());
                let reader = Reader { tenant: user.tenant, user: Some(user.id), domain };
                let wanted = q.as_deref().and_then(Wanted::new);
                ContactsReply::Phonebook(self.phonebook(&reader, wanted.as_ref(), limit.clamp(1, ROWS_MAX)))
            }
        };
        Ok(Reply::Contacts(reply))
    }

    fn contact(&self, text: &str) -> Result<Arc<Contact>, Refusal> {
        let found = ContactId::parse(text).and_then(|id| self.directory().contact(id));
        found.ok_or_else(|| Refusal::new(Why::NotFound, format!("there is no contact `{text}`")))
    }

    fn contact_book(&self, of: &BookRequest) -> Result<Book, Refusal> {
        match &of.user {
            Some(user) => {
                let user = self.user(user)?;
                Ok(Book { tenant: user.tenant, owner: Some(user.id) })
            }
            None => Ok(Book::shared(self.tenant_or_first(of.tenant.as_deref())?)),
        }
    }

    fn contacts_page(
        &self,
        of: &BookRequest,
        wanted: Option<&Wanted>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<ContactsReply, Refusal> {
        let directory = self.directory();
        let books = match (of.all, &of.user, &of.tenant) {
            (true, None, None) => directory.shared_books(None),
            (true, Some(_), _) => {
                let book = self.contact_book(of)?;
                vec![book, Book::shared(book.tenant)]
            }
            (_, _, _) => vec![self.contact_book(of)?],
        };
        let after = after.map(place).transpose()?;
        let limit = limit.clamp(1, ROWS_MAX);
        let mut page = directory.contacts_page(&books, wanted, after.as_ref(), limit + 1);
        let more = page.len() > limit;
        page.truncate(limit);
        let next = page.last().filter(|_| more).map(|contact| cursor(contact));
        let contacts = page.iter().map(|contact| ContactView::of(contact)).collect();
        Ok(ContactsReply::Page(ContactsPage { contacts, next }))
    }

    fn add_contact(
        &self,
        operator: &Operator,
        of: &BookRequest,
        card: &CardView,
    ) -> Result<ContactsReply, Refusal> {
        let (book, card) = (self.contact_book(of)?, checked(card)?);
        let id = self.records().next_contact_id().map_err(not_written)?;
        let contact = Contact { id, book, card };
        let view = ContactView::of(&contact);
        self.change(operator, Change::Contact(ContactChange::Added(Box::new(contact))))?;
        Ok(ContactsReply::Contact(Box::new(view)))
    }

    fn change_contact(
        &self,
        operator: &Operator,
        contact: &str,
        change: CardChange,
    ) -> Result<Reply, Refusal> {
        let known = self.contact(contact)?;
        if change == CardChange::default() {
            return Err(Refusal::new(Why::Invalid, "nothing to change was given"));
        }
        let given = ContactPatch {
            name: change.name.map(Box::from),
            organisation: change.organisation.map(Box::from),
            numbers: change.numbers.as_deref().map(numbers).transpose()?,
            email: change.email.map(Box::from),
            note: change.note.map(Box::from),
        };
        // Read as a whole: the name may be that of the organisation.
        let mut card = known.card.clone();
        card.change(&given);
        let card = card.checked().map_err(|why| wrong(&why))?;
        let patch = ContactPatch {
            name: (given.name.is_some() || card.name != known.card.name).then_some(card.name),
            organisation: given.organisation.is_some().then_some(card.organisation),
            numbers: given.numbers.is_some().then_some(card.numbers),
            email: given.email.is_some().then_some(card.email),
            note: given.note.is_some().then_some(card.note),
        };
        self.change(operator, Change::Contact(ContactChange::Changed { id: known.id, patch }))
    }

    fn import_contacts(
        &self,
        operator: &Operator,
        of: &BookRequest,
        cards: &[CardView],
    ) -> Result<ContactsReply, Refusal> {
        if cards.len() > VCARDS_MAX {
            return Err(Refusal::new(Why::Invalid, format!("an import has {VCARDS_MAX} contacts at most")));
        }
        let book = self.contact_book(of)?;
        let there = self.directory().contacts_page(&[book], None, None, usize::MAX);
        let mut there: BTreeSet<Card> = there.iter().map(|contact| contact.card.clone()).collect();
        let mut contacts = Vec::new();
        for card in cards {
            let card = checked(card)?;
            if there.insert(card.clone()) {
                let id = self.records().next_contact_id().map_err(not_written)?;
                contacts.push(Contact { id, book, card });
            }
        }
        let made = contacts.len();
        if made > 0 {
            self.change(operator, Change::Contact(ContactChange::Imported(contacts.into())))?;
        } else if operator.is_rehearsing() {
            return Err(Refusal::new(Why::Rehearsed, "nothing would be done"));
        }
        Ok(ContactsReply::Imported(ImportedView { made, unchanged: cards.len() - made }))
    }

    /// Whom somebody can call, in the order of their names: the accounts of his tenant, what it shares, and what is his own.
    pub(crate) fn phonebook(
        &self,
        reader: &Reader,
        wanted: Option<&Wanted>,
        limit: usize,
    ) -> Vec<PhonebookEntry> {
        let directory = self.directory();
        let own = reader.user.map(|user| Book { tenant: reader.tenant, owner: Some(user) });
        let books: Vec<Book> = [Some(Book::shared(reader.tenant)), own].into_iter().flatten().collect();
        let contacts = directory.contacts_page(&books, wanted, None, limit);
        let mut entries: Vec<PhonebookEntry> = contacts.iter().map(|contact| of_contact(contact)).collect();
        let mut accounts = directory.accounts_of_tenant(reader.tenant, wanted);
        // No more of them are wanted, however many there are.
        accounts.sort_by_cached_key(|account| (name_of(account).to_lowercase(), account.id.text()));
        accounts.truncate(limit);
        entries.extend(accounts.iter().map(|account| of_account(account, reader)));
        entries.sort_by_cached_key(|entry| (entry.name.to_lowercase(), entry.kind.clone(), entry.id.clone()));
        entries.truncate(limit);
        entries
    }
}

fn of_contact(contact: &Contact) -> PhonebookEntry {
    PhonebookEntry {
        kind: if contact.book.owner.is_some() { "own" } else { "shared" }.to_owned(),
        id: contact.id.text(),
        name: contact.card.name.to_string(),
        organisation: contact.card.organisation.to_string(),
        numbers: contact.card.numbers.iter().map(NumberView::of).collect(),
    }
}

fn name_of(account: &Account) -> &str {
    if account.display_name.is_empty() { account.aor.user() } else { &account.display_name }
}

/// By the numbers that it has, or else by its address.
fn of_account(account: &Account, reader: &Reader) -> PhonebookEntry {
    let addresses = || std::iter::once(&account.aor).chain(&account.aliases);
    let is_number = |aor: &&Aor| aor.user().bytes().all(|byte| byte.is_ascii_digit() || byte == b'+');
    let mut called: Vec<String> = addresses().filter(is_number).map(|aor| dialled(aor, reader)).collect();
    if called.is_empty() {
        called.push(format!("sip:{}", account.aor));
    }
    let number = |number| NumberView { label: NumberLabel::Work.as_str().to_owned(), number };
    PhonebookEntry {
        kind: "account".to_owned(),
        id: account.id.text(),
        name: name_of(account).to_owned(),
        organisation: String::new(),
        numbers: called.into_iter().map(number).collect(),
    }
}

fn dialled(aor: &Aor, reader: &Reader) -> String {
    match reader.domain.as_deref() == Some(aor.domain()) {
        true => aor.user().to_owned(),
        false => format!("sip:{aor}"),
    }
}

fn checked(card: &CardView) -> Result<Card, Refusal> {
    let card = Card {
        name: card.name.as_str().into(),
        organisation: card.organisation.as_str().into(),
        numbers: numbers(&card.numbers)?,
        email: card.email.as_str().into(),
        note: card.note.as_str().into(),
    };
    card.checked().map_err(|why| wrong(&why))
}

fn numbers(given: &[NumberView]) -> Result<Box<[ContactNumber]>, Refusal> {
    let number = |given: &NumberView| {
        let label = NumberLabel::parse(&given.label).ok_or_else(|| {
            let text = format!("`{}` is none of work, mobile, home, other", given.label);
            Refusal::new(Why::Invalid, text)
        })?;
        Ok(ContactNumber { label, value: given.number.as_str().into() })
    };
    given.iter().map(number).collect()
}

fn wrong(why: &CardError) -> Refusal {
    Refusal::new(Why::Invalid, why.to_string())
}

/// The number first: a name has anything in it.
fn cursor(contact: &Contact) -> String {
    format!("{}.{}", contact.id.0, contact.place().0)
}

fn place(cursor: &str) -> Result<ContactPlace, Refusal> {
    let place =
        cursor.split_once('.').and_then(|(id, name)| Some((name.into(), ContactId(id.parse().ok()?))));
    place.ok_or_else(|| Refusal::new(Why::Invalid, "the cursor is none that a page gave"))
}
