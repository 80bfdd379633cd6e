//! `coeur contact ...`.

use super::account::say;
use super::door::{Way, print_json, unexpected};
use super::exit::{Exit, Failure};
use super::grammar::{Contact, ContactVerb, Said, Whose};
use super::table::table;
use super::terminal::print;
use super::words::Word;
use coeur_api::{
    BookRequest, CardChange, CardFile, CardView, ContactView, ContactsReply, ContactsRequest, ImportedView,
    NumberView, Reply, Request,
};
use std::io::Read;
use std::path::Path;

const PAGE: usize = 1_000;
/// Cards of one request, which the socket takes with notes of any length.
const BATCH: usize = 2_000;

pub fn run(arguments: Contact) -> Result<(), Failure> {
    let json = arguments.place.json;
    // A file that cannot be read needs no server to say so.
    let file = match &arguments.verb {
        ContactVerb::Import { file, .. } => Some(read(file)?),
        _ => None,
    };
    let way = Way::open(&arguments.place)?;
    match (arguments.verb, file) {
        (ContactVerb::List { whose, find }, _) => {
            let found = all(&way, &whose.into(), find)?;
            if json {
                return print_json(&found);
            }
            print(&rows(&found));
            Ok(())
        }
        (ContactVerb::Add { name, whose, said }, _) => {
            let Said { organisation, numbers, email, note } = said;
            let [organisation, email, note] = [organisation, email, note].map(Option::unwrap_or_default);
            let card = CardView { name, organisation, numbers: given(&numbers), email, note };
            let made = one(ask(&way, ContactsRequest::Add { of: whose.into(), card })?)?;
            if json {
                return print_json(&made);
            }
            say(json, &Word::ContactMade.with(&[&made.card.name, &made.id]))
        }
        (ContactVerb::Show { contact }, _) => {
            let view = one(ask(&way, ContactsRequest::Show { contact })?)?;
            if json {
                return print_json(&view);
            }
            print(&rows(std::slice::from_ref(&view)));
            if !view.card.note.is_empty() {
                print(&format!("\n{}\n", view.card.note));
            }
            Ok(())
        }
        (ContactVerb::Set { contact, name, said, no_numbers }, _) => {
            let Said { organisation, numbers, email, note } = said;
            let numbers = (no_numbers || !numbers.is_empty()).then(|| given(&numbers));
            let change = CardChange { name, organisation, numbers, email, note };
            done(way.ask(Request::Contacts(ContactsRequest::Change { contact: contact.clone(), change }))?)?;
            say(json, &Word::AccountChanged.with(&[&contact]))
        }
        (ContactVerb::Rm { contact }, _) => {
            done(way.ask(Request::Contacts(ContactsRequest::Remove { contact: contact.clone() }))?)?;
            say(json, &Word::AccountRemoved.with(&[&contact]))
        }
        (ContactVerb::Import { whose, .. }, file) => {
            let Some(file) = file else { return Ok(()) };
            import(&way, &whose.into(), file, json)
        }
        (ContactVerb::Export { whose }, _) => {
            let found = all(&way, &whose.into(), None)?;
            print(&found.iter().filter_map(|contact| contact.card.vcard()).collect::<String>());
            Ok(())
        }
    }
}

fn read(file: &Path) -> Result<CardFile, Failure> {
    let usage = |text: String| Failure::new(Exit::Usage, format!("{}: {text}", file.display()));
    let bytes = match file == Path::new("-") {
        true => {
            let mut bytes = Vec::new();
            std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
        }
        false => std::fs::read(file),
    };
    let bytes = bytes.map_err(|why| usage(why.to_string()))?;
    CardFile::read(&bytes).map_err(|why| usage(why.to_string()))
}

fn import(way: &Way, of: &BookRequest, file: CardFile, json: bool) -> Result<(), Failure> {
    let mut total = ImportedView::default();
    for cards in file.cards.chunks(BATCH) {
        let request = ContactsRequest::Import { of: of.clone(), cards: cards.to_vec() };
        let ContactsReply::Imported(part) = ask(way, request)? else { return Err(mistaken()) };
        total.made += part.made;
        total.unchanged += part.unchanged;
    }
    for card in &file.refused {
        eprintln!("{}", Word::CardRefused.with(&[&card.line.to_string(), &card.why.to_string()]));
    }
    if json {
        return print_json(&total);
    }
    let counts = [total.made, total.unchanged, file.refused.len(), file.numbers_left_out];
    let counts = counts.map(|count| count.to_string());
    say(json, &Word::ContactsImported.with(&counts.each_ref().map(String::as_str)))
}

impl From<Whose> for BookRequest {
    fn from(Whose { tenant, user }: Whose) -> Self {
        Self { tenant, user, all: false }
    }
}

/// `mobile:+33612345678`; what has no such word before it is a number of work.
fn given(numbers: &[String]) -> Vec<NumberView> {
    let is_label = |text: &str| matches!(text, "work" | "mobile" | "home" | "other");
    let number = |text: &String| match text.split_once(':').filter(|(label, _)| is_label(label)) {
        Some((label, number)) => NumberView { label: label.to_owned(), number: number.to_owned() },
        None => NumberView { label: "work".to_owned(), number: text.clone() },
    };
    numbers.iter().map(number).collect()
}

fn ask(way: &Way, request: ContactsRequest) -> Result<ContactsReply, Failure> {
    match way.ask(Request::Contacts(request))? {
        Reply::Contacts(reply) => Ok(reply),
        other => Err(unexpected(&other)),
    }
}

fn done(reply: Reply) -> Result<(), Failure> {
    match reply {
        Reply::Done => Ok(()),
        other => Err(unexpected(&other)),
    }
}

fn one(reply: ContactsReply) -> Result<ContactView, Failure> {
    match reply {
        ContactsReply::Contact(view) => Ok(*view),
        _ => Err(mistaken()),
    }
}

fn mistaken() -> Failure {
    Failure::failed("the server gave an answer of another kind")
}

fn all(way: &Way, of: &BookRequest, q: Option<String>) -> Result<Vec<ContactView>, Failure> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let request = ContactsRequest::List { of: of.clone(), q: q.clone(), after, limit: PAGE };
        let ContactsReply::Page(page) = ask(way, request)? else { return Err(mistaken()) };
        all.extend(page.contacts);
        let Some(next) = page.next else { return Ok(all) };
        after = Some(next);
    }
}

fn rows(views: &[ContactView]) -> String {
    let row = |view: &ContactView| {
        let numbers = view.card.numbers.iter().map(|number| format!("{}:{}", number.label, number.number));
        let numbers = numbers.collect::<Vec<_>>().join(" ");
        let card = &view.card;
        vec![view.id.clone(), card.name.clone(), card.organisation.clone(), numbers, card.email.clone()]
    };
    let heads = [Word::Number, Word::Name, Word::Organisation, Word::Numbers, Word::Email].map(Word::say);
    table(&heads, &views.iter().map(row).collect::<Vec<_>>())
}
