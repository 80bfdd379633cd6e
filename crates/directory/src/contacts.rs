//! Contacts in the directory, book by book, in the order of their names.

use crate::change::ChangeError;
use crate::contact::{Book, CONTACTS_MAX, Contact, ContactChange, ContactId, Wanted};
use crate::table::Directory;
use crate::tenant::TenantId;
use crate::user::UserId;
use parking_lot::RwLock;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

/// Where a contact stands in its book: by its name in any case, then by its number.
pub type ContactPlace = (Box<str>, ContactId);

#[derive(Default)]
pub(crate) struct Contacts(RwLock<Shelves>);

#[derive(Default)]
struct Shelves {
    by_id: BTreeMap<ContactId, Arc<Contact>>,
    books: BTreeMap<Book, BTreeMap<ContactPlace, Arc<Contact>>>,
}

impl Contact {
    pub fn place(&self) -> ContactPlace {
        (self.card.name.to_lowercase().into(), self.id)
    }
}

impl Shelves {
    fn put(&mut self, contact: Contact) {
        self.remove(contact.id);
        let contact = Arc::new(contact);
        self.books.entry(contact.book).or_default().insert(contact.place(), contact.clone());
        self.by_id.insert(contact.id, contact);
    }

    fn remove(&mut self, id: ContactId) {
        let Some(old) = self.by_id.remove(&id) else { return };
        let Some(book) = self.books.get_mut(&old.book) else { return };
        book.remove(&old.place());
        if book.is_empty() {
            self.books.remove(&old.book);
        }
    }

    fn remove_books(&mut self, is_removed: impl Fn(&Book) -> bool) {
        let removed: Vec<Book> = self.books.keys().filter(|book| is_removed(book)).copied().collect();
        for contact in
            removed.iter().filter_map(|book| self.books.remove(book)).flat_map(BTreeMap::into_values)
        {
            self.by_id.remove(&contact.id);
        }
    }
}

impl Contacts {
    pub(crate) fn remove_of_user(&self, user: UserId) {
        self.0.write().remove_books(|book| book.owner == Some(user));
    }

    pub(crate) fn remove_of_tenant(&self, tenant: TenantId) {
        self.0.write().remove_books(|book| book.tenant == tenant);
    }
}

impl Directory {
    pub fn contact(&self, id: ContactId) -> Option<Arc<Contact>> {
        self.contacts().0.read().by_id.get(&id).cloned()
    }

    /// Contacts of an installation, or of one book.
    pub fn contacts_count(&self, book: Option<Book>) -> usize {
        let shelves = self.contacts().0.read();
        match book {
            Some(book) => shelves.books.get(&book).map_or(0, BTreeMap::len),
            None => shelves.by_id.len(),
        }
    }

    /// Those in which there is something.
    pub fn books(&self) -> Vec<Book> {
        self.contacts().0.read().books.keys().copied().collect()
    }

    /// What tenants share: the book of one, or those of all that have any.
    pub fn shared_books(&self, tenant: Option<TenantId>) -> Vec<Book> {
        match tenant {
            Some(tenant) => vec![Book::shared(tenant)],
            None => self.books().into_iter().filter(|book| book.owner.is_none()).collect(),
        }
    }

    /// At most `limit` contacts of these books behind `after`, in the order of their names. With something wanted it reads
    /// whole books.
    pub fn contacts_page(
        &self,
        books: &[Book],
        wanted: Option<&Wanted>,
        after: Option<&ContactPlace>,
        limit: usize,
    ) -> Vec<Arc<Contact>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let shelves = self.contacts().0.read();
        let mut found: BTreeMap<ContactPlace, Arc<Contact>> = BTreeMap::new();
        for book in books.iter().filter_map(|book| shelves.books.get(book)) {
            let is_wanted = |(_, contact): &(&ContactPlace, &Arc<Contact>)| {
                wanted.is_none_or(|wanted| contact.card.has(wanted))
            };
            let of_book = book.range((from, Bound::Unbounded)).filter(is_wanted).take(limit);
            found.extend(of_book.map(|(place, contact)| (place.clone(), contact.clone())));
            while found.len() > limit {
                found.pop_last();
            }
        }
        found.into_values().collect()
    }

    pub(crate) fn check_contact(&self, change: &ContactChange) -> Result<(), ChangeError> {
        match change {
            ContactChange::Added(contact) => self.contacts_fit(std::slice::from_ref(contact)),
            ContactChange::Imported(contacts) => self.contacts_fit(contacts),
            ContactChange::Changed { id, patch } => {
                let known = self.known_contact(*id)?;
                let mut card = known.card.clone();
                card.change(patch);
                card.checked().map(drop).map_err(ChangeError::BadContact)
            }
            ContactChange::Removed(id) => self.known_contact(*id).map(drop),
        }
    }

    pub(crate) fn apply_contact(&self, change: &ContactChange) {
        let mut shelves = self.contacts().0.write();
        match change {
            ContactChange::Added(contact) => shelves.put((**contact).clone()),
            ContactChange::Imported(contacts) => contacts.iter().cloned().for_each(|one| shelves.put(one)),
            ContactChange::Changed { id, patch } => {
                let Some(old) = shelves.by_id.get(id) else { return };
                let mut contact = (**old).clone();
                contact.card.change(patch);
                shelves.put(contact);
            }
            ContactChange::Removed(id) => shelves.remove(*id),
        }
    }

    /// New ones, in one book each.
    fn contacts_fit(&self, contacts: &[Contact]) -> Result<(), ChangeError> {
        let (mut ids, mut more): (BTreeSet<_>, BTreeMap<Book, usize>) = Default::default();
        for contact in contacts {
            if self.contact(contact.id).is_some() || !ids.insert(contact.id) {
                return Err(ChangeError::ContactExists(contact.id));
            }
            contact.card.checked().map_err(ChangeError::BadContact)?;
            *more.entry(contact.book).or_default() += 1;
        }
        for (book, more) in more {
            self.known_tenant(book.tenant)?;
            if let Some(owner) = book.owner
                && self.known_user(owner)?.tenant != book.tenant
            {
                return Err(ChangeError::UnknownUser(owner));
            }
            if self.contacts_count(Some(book)) + more > book.contacts_max() {
                return Err(ChangeError::TooManyContacts { most: book.contacts_max() });
            }
        }
        match self.contacts_count(None) + contacts.len() > CONTACTS_MAX {
            true => Err(ChangeError::TooManyContacts { most: CONTACTS_MAX }),
            false => Ok(()),
        }
    }

    fn known_contact(&self, id: ContactId) -> Result<Arc<Contact>, ChangeError> {
        self.contact(id).ok_or(ChangeError::UnknownContact(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Card, Change, ContactPatch, OWN_CONTACTS_MAX, Role, Tenant, TenantChange, User, UserChange};

    const SHARED: Book = Book::shared(TenantId::FIRST);
    const OWN: Book = Book { tenant: TenantId::FIRST, owner: Some(UserId(1)) };

    fn directory() -> Directory {
        let directory = Directory::new();
        let user = User::new(UserId(1), "alice", Role::User);
        directory.apply(&Change::User(UserChange::Added(Box::new(user)))).expect("new");
        directory.apply(&Change::Tenant(TenantChange::Added(Tenant::new(TenantId(2), "two")))).expect("new");
        directory
    }

    fn contact(id: u64, book: Book, name: &str) -> Contact {
        Contact { id: ContactId(id), book, card: Card { name: name.into(), ..Card::default() } }
    }

    fn add(directory: &Directory, contact: Contact) -> Result<(), ChangeError> {
        directory.apply(&Change::Contact(ContactChange::Added(Box::new(contact))))
    }

    fn names(page: &[Arc<Contact>]) -> Vec<String> {
        page.iter().map(|contact| contact.card.name.to_string()).collect()
    }

    #[test]
    fn pages_of_several_books_follow_each_other_in_the_order_of_names_whatever_the_case() {
        let directory = directory();
        for (id, book, name) in [
            (1, SHARED, "zoe"),
            (2, OWN, "Bob"),
            (3, SHARED, "alice"),
            (4, SHARED, "Bob"),
            (5, Book::shared(TenantId(2)), "Nobody of ours"),
        ] {
            add(&directory, contact(id, book, name)).expect("new");
        }
        let first = directory.contacts_page(&[SHARED, OWN], None, None, 3);
        assert_eq!(names(&first), ["alice", "Bob", "Bob"]);
        assert_eq!(first.iter().map(|one| one.id.0).collect::<Vec<_>>(), [3, 2, 4]);
        let place = first[2].place();
        assert_eq!(names(&directory.contacts_page(&[SHARED, OWN], None, Some(&place), 3)), ["zoe"]);
        let wanted = Wanted::new("BO");
        assert_eq!(names(&directory.contacts_page(&[SHARED], wanted.as_ref(), None, 9)), ["Bob"]);
        assert_eq!(directory.shared_books(None), [SHARED, Book::shared(TenantId(2))]);
    }

    #[test]
    fn a_contact_changes_its_place_with_its_name_and_goes_with_whom_it_belongs_to() {
        let directory = directory();
        add(&directory, contact(1, OWN, "alice")).expect("new");
        add(&directory, contact(2, OWN, "bob")).expect("new");
        add(&directory, contact(3, Book::shared(TenantId(2)), "carol")).expect("new");
        let renamed = |name: &str| {
            let patch = ContactPatch { name: Some(name.into()), ..ContactPatch::default() };
            directory.apply(&Change::Contact(ContactChange::Changed { id: ContactId(1), patch }))
        };
        renamed("Zoe").expect("there");
        assert_eq!(names(&directory.contacts_page(&[OWN], None, None, 9)), ["bob", "Zoe"]);
        assert!(matches!(renamed("a\u{202e}"), Err(ChangeError::BadContact(_))));
        let removed = Change::Contact(ContactChange::Removed(ContactId(2)));
        directory.apply(&removed).expect("there");
        assert_eq!(directory.apply(&removed), Err(ChangeError::UnknownContact(ContactId(2))));
        directory.apply(&Change::User(UserChange::Removed(UserId(1)))).expect("nothing else is his");
        assert_eq!((directory.contacts_count(None), directory.contacts_count(Some(OWN))), (1, 0));
        directory.apply(&Change::Tenant(TenantChange::Removed(TenantId(2)))).expect("empty");
        assert_eq!(directory.contacts_count(None), 0);
    }

    #[test]
    fn a_book_has_its_limit_and_an_import_is_all_or_none() {
        let directory = directory();
        let many = |from: u64, count: u64, book| {
            let contacts = (from..from + count).map(|id| contact(id, book, "x")).collect();
            directory.apply(&Change::Contact(ContactChange::Imported(contacts)))
        };
        many(1, 999, OWN).expect("room");
        assert_eq!(many(5_000, 2, OWN), Err(ChangeError::TooManyContacts { most: OWN_CONTACTS_MAX }));
        assert_eq!(directory.contacts_count(Some(OWN)), 999);
        many(5_000, 2, SHARED).expect("another book");
        assert_eq!(many(5_001, 1, SHARED), Err(ChangeError::ContactExists(ContactId(5_001))));
        let stranger = Book { tenant: TenantId(2), owner: Some(UserId(1)) };
        assert_eq!(many(9_000, 1, stranger), Err(ChangeError::UnknownUser(UserId(1))));
    }
}
