//! Contacts: rows and audit rows. The audit chain is kept for ever, so nothing that is said of somebody is in it: only that
//! there is a contact, and what of it was changed.

use coeur_directory::{
    Book, Card, Change, ChangeError, Contact, ContactChange, ContactId, ContactNumber, ContactPatch,
    Directory, NumberLabel, TenantId, UserId,
};
use rusqlite::{Connection, Row, Transaction, params};

pub(super) const MIGRATION: &str = "CREATE TABLE contacts (
        id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL REFERENCES tenants(id) ON DELETE CASCADE,
        owner INTEGER REFERENCES users(id) ON DELETE CASCADE, name TEXT NOT NULL, organisation TEXT NOT NULL,
        numbers TEXT NOT NULL, email TEXT NOT NULL, note TEXT NOT NULL
     ) STRICT;
     CREATE INDEX contacts_of_tenant ON contacts(tenant);
     CREATE INDEX contacts_of_owner ON contacts(owner) WHERE owner IS NOT NULL;
     INSERT INTO numbers VALUES ('contact', 0);";

const COLUMNS: &str = "SELECT id, tenant, owner, name, organisation, numbers, email, note FROM contacts";

pub(super) fn load(
    connection: &Connection,
    into: &Directory,
    refused: &mut dyn FnMut(String, Result<(), ChangeError>),
) -> rusqlite::Result<()> {
    for contact in connection.prepare(&format!("{COLUMNS} ORDER BY id"))?.query_map([], contact)? {
        let contact = contact?;
        let what = format!("contact {}", contact.id.0);
        refused(what, into.apply(&Change::Contact(ContactChange::Added(Box::new(contact)))));
    }
    Ok(())
}

fn contact(row: &Row<'_>) -> rusqlite::Result<Contact> {
    let text = |at| Ok::<_, rusqlite::Error>(Box::from(row.get_ref(at)?.as_str()?));
    let owner: Option<i64> = row.get(2)?;
    Ok(Contact {
        id: ContactId(row.get::<_, i64>(0)? as u64),
        book: Book {
            tenant: TenantId(row.get::<_, i64>(1)? as u64),
            owner: owner.map(|owner| UserId(owner as u64)),
        },
        card: Card {
            name: text(3)?,
            organisation: text(4)?,
            numbers: numbers(row.get_ref(5)?.as_str()?),
            email: text(6)?,
            note: text(7)?,
        },
    })
}

/// One a line: neither a label nor a number has a space in it.
fn numbers(text: &str) -> Box<[ContactNumber]> {
    let number = |line: &str| {
        let (label, value) = line.split_once(' ')?;
        Some(ContactNumber { label: NumberLabel::parse(label)?, value: value.into() })
    };
    text.lines().filter_map(number).collect()
}

fn lines(numbers: &[ContactNumber]) -> String {
    numbers.iter().map(|number| format!("{} {}\n", number.label.as_str(), number.value)).collect()
}

pub(super) fn write(transaction: &Transaction<'_>, change: &ContactChange) -> rusqlite::Result<()> {
    match change {
        ContactChange::Added(contact) => put(transaction, contact),
        ContactChange::Imported(contacts) => contacts.iter().try_for_each(|one| put(transaction, one)),
        ContactChange::Changed { id, patch } => {
            let sql = format!("{COLUMNS} WHERE id = ?1");
            let mut contact = transaction.query_row(&sql, [id.0 as i64], contact)?;
            contact.card.change(patch);
            put(transaction, &contact)
        }
        ContactChange::Removed(id) => {
            transaction.execute("DELETE FROM contacts WHERE id = ?1", [id.0 as i64]).map(drop)
        }
    }
}

fn put(transaction: &Transaction<'_>, contact: &Contact) -> rusqlite::Result<()> {
    let sql = "INSERT INTO contacts (id, tenant, owner, name, organisation, numbers, email, note)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
        ON CONFLICT (id) DO UPDATE SET name = ?4, organisation = ?5, numbers = ?6, email = ?7, note = ?8";
    let (Contact { id, book, card }, owner) = (contact, contact.book.owner.map(|owner| owner.0 as i64));
    let (id, tenant, numbers) = (id.0 as i64, book.tenant.0 as i64, lines(&card.numbers));
    let values =
        params![id, tenant, owner, &*card.name, &*card.organisation, numbers, &*card.email, &*card.note];
    transaction.prepare_cached(sql)?.execute(values).map(drop)
}

pub(super) fn described(change: &ContactChange) -> (&'static str, String, String) {
    match change {
        ContactChange::Added(contact) => ("contact.added", name(contact.id), of(contact.book)),
        ContactChange::Imported(contacts) => {
            let book = contacts.first().map(|contact| of(contact.book)).unwrap_or_default();
            let first = contacts.first().map(|contact| name(contact.id)).unwrap_or_default();
            ("contacts.imported", first, format!("{book} count={}", contacts.len()))
        }
        ContactChange::Changed { id, patch } => ("contact.changed", name(*id), fields(patch)),
        ContactChange::Removed(id) => ("contact.removed", name(*id), String::new()),
    }
}

fn name(id: ContactId) -> String {
    format!("ctc_{}", id.0)
}

fn of(book: Book) -> String {
    match book.owner {
        Some(owner) => format!("tenant={} owner=usr_{}", book.tenant.0, owner.0),
        None => format!("tenant={}", book.tenant.0),
    }
}

fn fields(patch: &ContactPatch) -> String {
    let ContactPatch { name, organisation, numbers, email, note } = patch;
    let fields = [
        ("name", name.is_some()),
        ("organisation", organisation.is_some()),
        ("numbers", numbers.is_some()),
        ("email", email.is_some()),
        ("note", note.is_some()),
    ];
    fields.iter().filter(|(_, is_said)| *is_said).map(|(field, _)| *field).collect::<Vec<_>>().join(" ")
}
