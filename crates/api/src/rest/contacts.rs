//! Contacts: those that a tenant shares, which who manages contacts makes and everybody of it reads, and below `/me` one's own.
//! What is another's own is nobody's to read. And the phonebook: whom one can call, colleagues included.

use super::Web;
use super::caller::{Action, Caller, Resource, Role};
use super::change::{self, Change, Rehearsal, TriedRows};
use super::jobs::RowError;
use super::operation::{self, Answer, Call, Operation, Streaming, unexpected};
use super::page::{self, Page};
use super::problem::{Code, Problem};
use super::{fence, hearing};
use crate::contacts::{
    BookRequest, CardChange, CardFile, CardView, ContactView, ContactsPage, ContactsReply, ContactsRequest,
    NumberView, PhonebookEntry,
};
use crate::ids::Id as _;
use crate::model::{Refusal, Reply, Request, Why};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use coeur_directory::UserId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const VCARD: &str = "text/vcard";
/// Entries of a phonebook that are told at once, unless said.
const PHONEBOOK_LIMIT: usize = 50;
/// Contacts that are read at once for a file.
const PAGE: usize = 1_000;
/// Cards of an import whose faults are told.
const ERRORS_MAX: usize = 1_000;

pub(crate) fn operations() -> Vec<Operation> {
    [shared(), own()].concat()
}

fn shared() -> Vec<Operation> {
    use Resource::Contacts;
    vec![
        Operation::get(("/contacts", "list_contacts"), Contacts, "The contacts that a tenant shares, in the order of their names.", list)
            .query::<ContactsQuery>()
            .answer::<Page<ContactResource>>(),
        Operation::post(("/contacts", "add_contact"), Contacts, "Makes a contact that the tenant shares.", add)
            .body::<NewContactBody>()
            .status(201)
            .answer::<ContactResource>()
            .dry(),
        Operation::post(("/contacts:import", "import_contacts"), Contacts, "Makes contacts from a file of vCard (4.0, 3.0 or 2.1), all or none; what is there already, word by word, is not made again.", import)
            .query::<ImportQuery>()
            .takes_file(VCARD)
            .answer::<ImportResource>()
            .dry(),
        Operation::file(("/contacts:export", "export_contacts"), Contacts, "The contacts that a tenant shares, as a file of vCard 4.0.", (&[VCARD], export))
            .query::<ImportQuery>(),
        Operation::get(("/contacts/{contact}", "show_contact"), Contacts, "One contact.", show)
            .answer::<ContactResource>(),
        Operation::patch(("/contacts/{contact}", "change_contact"), Contacts, "Changes what the body names; numbers are replaced whole.", patch)
            .body::<CardChange>()
            .answer::<ContactResource>()
            .dry()
            .conditional(),
        Operation::delete(("/contacts/{contact}", "remove_contact"), Contacts, "Removes a contact.", remove)
            .dry()
            .conditional(),
    ]
}

fn own() -> Vec<Operation> {
    use Resource::Me;
    vec![
        Operation::get(("/me/contacts", "list_my_contacts"), Me, "One's own contacts and those that one's tenant shares, in the order of their names.", list_mine)
            .query::<MyContactsQuery>()
            .answer::<Page<ContactResource>>(),
        Operation::post(("/me/contacts", "add_my_contact"), Me, "Makes a contact of one's own.", add_mine)
            .body::<CardBody>()
            .status(201)
            .answer::<ContactResource>()
            .dry(),
        Operation::post(("/me/contacts:import", "import_my_contacts"), Me, "Makes contacts of one's own from a file of vCard (4.0, 3.0 or 2.1), all or none; what is there already, word by word, is not made again.", import_mine)
            .takes_file(VCARD)
            .answer::<ImportResource>()
            .dry(),
        Operation::file(("/me/contacts:export", "export_my_contacts"), Me, "One's own contacts as a file of vCard 4.0.", (&[VCARD], export_mine)),
        Operation::get(("/me/contacts/{contact}", "show_my_contact"), Me, "One contact, of one's own or of one's tenant.", show_mine)
            .answer::<ContactResource>(),
        Operation::patch(("/me/contacts/{contact}", "change_my_contact"), Me, "Changes what the body names of a contact of one's own; numbers are replaced whole.", patch_mine)
            .body::<CardChange>()
            .answer::<ContactResource>()
            .dry()
            .conditional(),
        Operation::delete(("/me/contacts/{contact}", "remove_my_contact"), Me, "Removes a contact of one's own.", remove_mine)
            .dry()
            .conditional(),
        Operation::get(("/me/phonebook", "show_my_phonebook"), Me, "Whom one can call: one's own contacts, those that one's tenant shares, and its accounts, in the order of their names.", phonebook)
            .query::<PhonebookQuery>()
            .answer::<MyPhonebook>(),
    ]
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Contact")]
struct ContactResource {
    /// `ctc_NUMBER`.
    id: String,
    /// As `ten_1`.
    tenant_id: String,
    /// Nobody else's; else the tenant shares it.
    is_own: bool,
    name: String,
    organisation: String,
    /// The first first.
    numbers: Vec<NumberResource>,
    email: String,
    note: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ContactNumber")]
struct NumberResource {
    /// `work`, `mobile`, `home` or `other`.
    label: String,
    /// As it is dialled, or a SIP URI.
    number: String,
}

impl NumberResource {
    fn all(views: Vec<NumberView>) -> Vec<Self> {
        views.into_iter().map(|NumberView { label, number }| Self { label, number }).collect()
    }
}

impl From<ContactView> for ContactResource {
    fn from(ContactView { id, tenant, user, card }: ContactView) -> Self {
        let CardView { name, organisation, numbers, email, note } = card;
        let numbers = NumberResource::all(numbers);
        Self { id, tenant_id: tenant, is_own: user.is_some(), name, organisation, numbers, email, note }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ContactsQuery {
    /// Rows of a page, 1 to 1000; 50 unless said.
    #[schemars(range(min = 1, max = 1_000))]
    limit: Option<usize>,
    /// What the page before gave as `next_cursor`.
    cursor: Option<String>,
    /// By its name or `ten_NUMBER`.
    tenant: Option<String>,
    /// A part of a name, an organisation, an address or a number, in any case.
    q: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Whose {
    #[default]
    All,
    Own,
    Shared,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MyContactsQuery {
    /// Rows of a page, 1 to 1000; 50 unless said.
    #[schemars(range(min = 1, max = 1_000))]
    limit: Option<usize>,
    /// What the page before gave as `next_cursor`.
    cursor: Option<String>,
    #[serde(default)]
    whose: Whose,
    /// A part of a name, an organisation, an address or a number, in any case.
    q: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ImportQuery {
    /// By its name or `ten_NUMBER`; one's own when absent.
    tenant: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PhonebookQuery {
    /// A part of a name, an organisation, an address or a number, in any case.
    q: Option<String>,
    /// Entries, 1 to 1000; 50 unless said.
    #[schemars(range(min = 1, max = 1_000))]
    limit: Option<usize>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
#[schemars(rename = "NewContact")]
struct NewContactBody {
    /// By its name or `ten_NUMBER`; one's own when absent.
    tenant: Option<String>,
    /// That of the organisation when empty.
    name: String,
    organisation: String,
    /// At most 8, the first first.
    numbers: Vec<NumberView>,
    email: String,
    note: String,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "NewMyContact")]
struct CardBody {
    /// That of the organisation when empty.
    name: String,
    organisation: String,
    /// At most 8, the first first.
    numbers: Vec<NumberView>,
    email: String,
    note: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ContactsImport")]
struct ImportResource {
    made: usize,
    /// Cards of which each word was there already.
    unchanged: usize,
    /// Numbers that cannot be dialled or are more than a contact has.
    numbers_left_out: usize,
    /// Cards that could not be kept; `row` is the line of the file where one begins. The first 1000.
    refused: Vec<RowError>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Phonebook")]
struct MyPhonebook {
    data: Vec<EntryResource>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PhonebookEntry")]
struct EntryResource {
    /// `account`, `shared` or `own`.
    kind: String,
    /// Of the account or the contact.
    id: String,
    name: String,
    organisation: String,
    /// The first first; as they are dialled from an account of one's own, or SIP URIs.
    numbers: Vec<NumberResource>,
}

impl From<PhonebookEntry> for EntryResource {
    fn from(PhonebookEntry { kind, id, name, organisation, numbers }: PhonebookEntry) -> Self {
        Self { kind, id, name, organisation, numbers: NumberResource::all(numbers) }
    }
}

fn ask(call: &Call<'_>, request: ContactsRequest) -> Result<ContactsReply, Problem> {
    match call.ask(Request::Contacts(request))? {
        Reply::Contacts(reply) => Ok(reply),
        _ => Err(unexpected()),
    }
}

fn one(reply: ContactsReply) -> Result<ContactView, Problem> {
    let ContactsReply::Contact(view) = reply else { return Err(unexpected()) };
    Ok(*view)
}

fn page(reply: ContactsReply) -> Result<ContactsPage, Problem> {
    let ContactsReply::Page(page) = reply else { return Err(unexpected()) };
    Ok(page)
}

fn found(call: &Call<'_>, id: &str) -> Result<ContactView, Problem> {
    one(ask(call, ContactsRequest::Show { contact: id.to_owned() })?)
}

fn none(id: &str) -> Problem {
    Problem::because(Code::NotFound, format!("there is no contact `{id}`"))
}

/// Who is no owner has those of his own tenant.
fn is_bound(caller: &Caller) -> bool {
    caller.role != Role::Owner
}

/// What one tenant shares, one's own unless another is named.
fn one_book(web: &Web, caller: &Caller, wanted: Option<String>) -> Result<BookRequest, Problem> {
    let wanted = wanted.unwrap_or_else(|| hearing::tenant(web, caller).text());
    book(web, caller, Some(wanted))
}

/// What a tenant shares, of one that who asks may see.
fn book(web: &Web, caller: &Caller, wanted: Option<String>) -> Result<BookRequest, Problem> {
    let tenant = match is_bound(caller) {
        false => wanted,
        true => {
            let own = hearing::tenant(web, caller);
            let is_own = |text: &str| web.door().tenant(text).is_ok_and(|tenant| tenant.id == own);
            if let Some(other) = wanted.filter(|text| !is_own(text)) {
                return Err(Problem::because(Code::NotFound, format!("`{other}` is no tenant of yours")));
            }
            Some(own.text())
        }
    };
    Ok(BookRequest { all: tenant.is_none(), tenant, user: None })
}

fn listed(call: &Call<'_>, of: BookRequest, query: ContactsQuery) -> Result<Answer, Problem> {
    let limit = page::limit(query.limit)?;
    let request = ContactsRequest::List { of, q: query.q, after: query.cursor, limit };
    let found = page(ask(call, request)?)?;
    Page::told(found.contacts.into_iter().map(ContactResource::from).collect(), found.next).answer(call)
}

fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    let mut query: ContactsQuery = call.query()?;
    let of = book(call.web, call.caller, query.tenant.take())?;
    listed(call, of, query)
}

/// Of what is somebody's own nobody else learns that it is there.
fn named(call: &Call<'_>, id: &str) -> Result<ContactView, Problem> {
    let view = found(call, id).map_err(|_| none(id))?;
    let is_seen = !is_bound(call.caller) || view.tenant == hearing::tenant(call.web, call.caller).text();
    if view.user.is_none() && is_seen { Ok(view) } else { Err(none(id)) }
}

fn show(call: &Call<'_>) -> Result<Answer, Problem> {
    Answer::json(ContactResource::from(named(call, call.part("contact"))?))
}

fn made(call: &Call<'_>, of: BookRequest, card: CardView, place: &str) -> Result<Answer, Problem> {
    let name = card.name.clone();
    let request = ContactsRequest::Add { of, card };
    if call.is_dry {
        return change::rehearse(call, Request::Contacts(request), &Change::Made { what: &name });
    }
    let made = ContactResource::from(one(ask(call, request)?)?);
    let place = format!("/api/v1/{place}/{}", made.id);
    Answer::created(made, &place)
}

fn add(call: &Call<'_>) -> Result<Answer, Problem> {
    let NewContactBody { tenant, name, organisation, numbers, email, note } = call.json()?;
    let card = CardView { name, organisation, numbers, email, note };
    made(call, one_book(call.web, call.caller, tenant)?, card, "contacts")
}

fn patched(
    call: &Call<'_>,
    id: &str,
    now: impl Fn() -> Result<ContactView, Problem>,
) -> Result<Answer, Problem> {
    let change: CardChange = call.json()?;
    let request = ContactsRequest::Change { contact: id.to_owned(), change };
    change::patch(call, Request::Contacts(request), || now().map(ContactResource::from))
}

fn patch(call: &Call<'_>) -> Result<Answer, Problem> {
    let id = named(call, call.part("contact"))?.id;
    patched(call, &id, || named(call, &id))
}

fn removed(call: &Call<'_>, view: ContactView) -> Result<Answer, Problem> {
    let request = ContactsRequest::Remove { contact: view.id.clone() };
    change::remove(call, Request::Contacts(request), ContactResource::from(view))
}

fn remove(call: &Call<'_>) -> Result<Answer, Problem> {
    removed(call, named(call, call.part("contact"))?)
}

/// RFC 6350 section 10.1, and what was said before it.
fn is_vcard(call: &Call<'_>) -> Result<(), Problem> {
    let kind = call.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    if matches!(kind.as_str(), "text/vcard" | "text/x-vcard" | "text/directory") {
        return Ok(());
    }
    let hint = ("Send a file of vCard as `text/vcard`.", "Envoyez un fichier vCard en `text/vcard`.");
    Err(Problem { hint: Some(hint), ..Problem::new(Code::WrongType) })
}

fn imported(call: &Call<'_>, of: BookRequest) -> Result<Answer, Problem> {
    is_vcard(call)?;
    let read = CardFile::read(call.body).map_err(|why| Problem::because(Code::Invalid, why.to_string()))?;
    let row = |card: &crate::contacts::RefusedCard| RowError {
        row: card.line,
        subject: String::new(),
        code: Code::Invalid.name(),
        detail: card.why.to_string(),
    };
    let refused: Vec<RowError> = read.refused.iter().take(ERRORS_MAX).map(row).collect();
    let (failed, total) = (read.refused.len(), read.refused.len() + read.cards.len());
    let request = Request::Contacts(ContactsRequest::Import { of, cards: read.cards });
    if call.is_dry {
        return match call.ask_by(&call.caller.operator.rehearsing(), request) {
            Err(Refusal { why: Why::Rehearsed, .. }) => {
                let rows = Some(TriedRows { total, failed, errors: refused });
                Answer::json(Rehearsal { dry_run: true, differences: Vec::new(), rows })
            }
            Err(refusal) => Err(refusal.into()),
            Ok(_) => Err(unexpected()),
        };
    }
    let Reply::Contacts(ContactsReply::Imported(done)) = call.ask(request)? else { return Err(unexpected()) };
    Answer::json(ImportResource {
        made: done.made,
        unchanged: done.unchanged,
        numbers_left_out: read.numbers_left_out,
        refused,
    })
}

fn import(call: &Call<'_>) -> Result<Answer, Problem> {
    let tenant = call.query::<ImportQuery>()?.tenant;
    imported(call, one_book(call.web, call.caller, tenant)?)
}

fn export(web: Web, caller: Caller, head: Parts) -> Streaming {
    Box::pin(async move {
        let query: ImportQuery = operation::query(head.uri.query().unwrap_or(""))?;
        let of = one_book(&web, &caller, query.tenant)?;
        file(web, caller, of).await
    })
}

fn export_mine(web: Web, caller: Caller, _head: Parts) -> Streaming {
    Box::pin(async move {
        let of = BookRequest { user: Some(me(&caller, Action::Read)?), ..BookRequest::default() };
        file(web, caller, of).await
    })
}

/// The whole of a book: 2 MB where contacts have two numbers and no note, at most 15 MB.
async fn file(web: Web, caller: Caller, of: BookRequest) -> Result<axum::response::Response, Problem> {
    let work = move || {
        let (mut text, mut after) = (String::new(), None);
        loop {
            let request = ContactsRequest::List { of: of.clone(), q: None, after, limit: PAGE };
            let reply = fence::ask((&web, &caller), &caller.operator, Request::Contacts(request))?;
            let Reply::Contacts(ContactsReply::Page(page)) = reply else { return Err(unexpected()) };
            text.extend(page.contacts.iter().filter_map(|contact| contact.card.vcard()));
            let Some(next) = page.next else { return Ok(text) };
            after = Some(next);
        }
    };
    let text = tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Problem::new(Code::Inside)))?;
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/vcard; charset=utf-8"));
    let name = HeaderValue::from_static("attachment; filename=\"contacts.vcf\"");
    headers.insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}

/// Whose own they are, as `usr_4`.
fn me(caller: &Caller, action: Action) -> Result<String, Problem> {
    let because = |text: &str| Problem::because(Code::NotFound, text);
    if !caller.may_own(action, Resource::Contacts) {
        return Err(because("this role has no contacts of its own"));
    }
    let user = caller.user.ok_or_else(|| because("this token is of no user, who has no contacts"))?;
    Ok(UserId(user).text())
}

fn my_book(call: &Call<'_>, action: Action) -> Result<BookRequest, Problem> {
    Ok(BookRequest { user: Some(me(call.caller, action)?), ..BookRequest::default() })
}

fn list_mine(call: &Call<'_>) -> Result<Answer, Problem> {
    let MyContactsQuery { limit, cursor, whose, q } = call.query()?;
    let own = my_book(call, Action::Read)?;
    let of = match whose {
        Whose::All => BookRequest { all: true, ..own },
        Whose::Own => own,
        Whose::Shared => BookRequest {
            tenant: Some(hearing::tenant(call.web, call.caller).text()),
            ..BookRequest::default()
        },
    };
    listed(call, of, ContactsQuery { limit, cursor, tenant: None, q })
}

fn add_mine(call: &Call<'_>) -> Result<Answer, Problem> {
    let CardBody { name, organisation, numbers, email, note } = call.json()?;
    let of = my_book(call, Action::Create)?;
    made(call, of, CardView { name, organisation, numbers, email, note }, "me/contacts")
}

fn my_own(call: &Call<'_>, id: &str, action: Action) -> Result<ContactView, Problem> {
    let me = me(call.caller, action)?;
    let view = found(call, id).map_err(|_| none(id))?;
    if view.user.as_deref() == Some(&*me) { Ok(view) } else { Err(none(id)) }
}

fn show_mine(call: &Call<'_>) -> Result<Answer, Problem> {
    let (me, id) = (me(call.caller, Action::Read)?, call.part("contact"));
    let view = found(call, id).map_err(|_| none(id))?;
    let is_shared = view.user.is_none() && view.tenant == hearing::tenant(call.web, call.caller).text();
    match is_shared || view.user.as_deref() == Some(&*me) {
        true => Answer::json(ContactResource::from(view)),
        false => Err(none(id)),
    }
}

fn patch_mine(call: &Call<'_>) -> Result<Answer, Problem> {
    let id = my_own(call, call.part("contact"), Action::Change)?.id;
    patched(call, &id, || my_own(call, &id, Action::Change))
}

fn remove_mine(call: &Call<'_>) -> Result<Answer, Problem> {
    removed(call, my_own(call, call.part("contact"), Action::Remove)?)
}

fn import_mine(call: &Call<'_>) -> Result<Answer, Problem> {
    imported(call, my_book(call, Action::Create)?)
}

fn phonebook(call: &Call<'_>) -> Result<Answer, Problem> {
    let PhonebookQuery { q, limit } = call.query()?;
    let limit = page::limit(limit.or(Some(PHONEBOOK_LIMIT)))?;
    let request = ContactsRequest::Phonebook { user: me(call.caller, Action::Read)?, q, limit };
    let ContactsReply::Phonebook(data) = ask(call, request)? else { return Err(unexpected()) };
    Answer::json(MyPhonebook { data: data.into_iter().map(EntryResource::from).collect() })
}
