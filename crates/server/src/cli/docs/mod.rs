//! `coeur docs`: the documentation in the terminal.

use super::exit::{Exit, Failure};
use super::grammar::{Docs, Tongue as Wanted};
use super::table::table;
use super::terminal::print;
use super::words::{Language, Word};
use coeur_api::docs::{PAGES, Page};
use coeur_api::rest::Tongue;

pub fn run(arguments: &Docs) -> Result<(), Failure> {
    let tongue = match arguments.language {
        Some(Wanted::Fr) => Tongue::French,
        Some(Wanted::En) => Tongue::English,
        None => match Language::of_environment() {
            Language::English => Tongue::English,
            Language::French => Tongue::French,
        },
    };
    let Some(name) = &arguments.page else {
        let rows: Vec<Vec<String>> =
            PAGES.iter().map(|page| vec![page.name.to_owned(), page.title(tongue).to_owned()]).collect();
        print(&table(&[Word::Page.say(), Word::Title.say()], &rows));
        return Ok(());
    };
    let page = Page::named(name.trim_end_matches(".md")).ok_or_else(|| {
        Failure::new(Exit::NotFound, format!("there is no page `{name}`; `coeur docs` names all"))
    })?;
    print(page.text(tongue));
    Ok(())
}

#[cfg(test)]
mod tests;
