//! What is around the text of a page: search, the menu, the same page in the other language, the page before and the next.

use super::render;
use super::search::Hit;
use super::site::{PAGES, PARTS, Page};
use crate::console::asset_place;
use crate::rest::Tongue;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// So many headings are worth a list of them.
const HEADINGS_MIN: usize = 4;

pub(super) fn page(page: &Page, tongue: Tongue) -> String {
    let body = render::body(page.text(tongue));
    let at = PAGES.iter().position(|other| other.name == page.name).unwrap_or(0);
    let before = at.checked_sub(1).map(|at| &PAGES[at]);
    let name = page.name;
    // The heading of the page comes first, then what it has.
    let (heading, rest) = body.html.split_once("</h1>").unwrap_or(("", &body.html));
    let main = html! {
        article {
            (PreEscaped(heading)) @if !heading.is_empty() { (PreEscaped("</h1>")) }
            @if body.headings.len() >= HEADINGS_MIN {
                nav .on-this aria-label=(tongue.pick("On this page", "Sur cette page")) {
                    ul { @for (text, anchor) in &body.headings { li { a href=(format!("#{anchor}")) { (text) } } } }
                }
            }
            (PreEscaped(rest))
        }
        nav .beside aria-label=(tongue.pick("Before and next", "Avant et après")) {
            @if let Some(before) = before { a rel="prev" href=(place(before, tongue)) { "← " (before.title(tongue)) } }
            @if let Some(next) = PAGES.get(at + 1) { a .next rel="next" href=(place(next, tongue)) { (next.title(tongue)) " →" } }
        }
        p .source { a href=(format!("/docs/{}/{name}.md", tongue.tag())) { (tongue.pick("This page as Markdown", "Cette page en Markdown")) } }
    };
    whole(page.title(tongue), Some(page), "", tongue, &main)
}

pub(super) fn found(query: &str, hits: &[Hit], tongue: Tongue) -> String {
    let title = tongue.pick("Search", "Recherche");
    let main = html! {
        article {
            h1 { (title) }
            p role="status" {
                @match hits.len() {
                    0 => (tongue.pick("No page has all of these words.", "Aucune page ne contient tous ces mots.")),
                    1 => (tongue.pick("One page.", "Une page.")),
                    pages => { (pages) " " (tongue.pick("pages.", "pages.")) }
                }
            }
            ol .hits {
                @for hit in hits {
                    li { a href=(place(hit.page, tongue)) { (hit.page.title(tongue)) } p { (hit.excerpt) } }
                }
            }
        }
    };
    whole(title, None, query, tongue, &main)
}

fn place(page: &Page, tongue: Tongue) -> String {
    format!("/docs/{}/{}", tongue.tag(), page.name)
}

/// `here`: the page that this is, where it is one.
fn whole(title: &str, here: Option<&Page>, query: &str, tongue: Tongue, main: &Markup) -> String {
    let other = tongue_other(tongue);
    let there = here.map_or_else(|| format!("/docs/{}", other.tag()), |page| place(page, other));
    let markup = html! {
        (DOCTYPE)
        html lang=(tongue.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " – Coeur" }
                link rel="icon" href=(asset_place("mark.svg")) type="image/svg+xml";
                link rel="stylesheet" href=(asset_place("styles/tokens.css"));
                link rel="stylesheet" href=(asset_place("styles/base.css"));
                link rel="stylesheet" href="/docs/style.css";
                link rel="alternate" hreflang=(other.tag()) href=(there);
                @if let Some(page) = here { link rel="alternate" type="text/markdown" href={ (place(page, tongue)) ".md" }; }
            }
            body .docs {
                a .skip href="#text" { (tongue.pick("To the text", "Aller au texte")) }
                header .top {
                    a .brand href={ "/docs/" (tongue.tag()) } { "Coeur" }
                    a .to-pages href="#pages" { (tongue.pick("Pages", "Pages")) }
                    form role="search" action={ "/docs/" (tongue.tag()) "/search" } {
                        label .sr for="q" { (tongue.pick("Search in these pages", "Chercher dans ces pages")) }
                        input #q name="q" type="search" maxlength="100" value=(query) placeholder=(tongue.pick("Search", "Chercher"));
                        button { (tongue.pick("Search", "Chercher")) }
                    }
                    a hreflang=(other.tag()) lang=(other.tag()) href=(there) { (other.pick("English", "Français")) }
                    a href="/" { (tongue.pick("Console", "Console")) }
                }
                main #text tabindex="-1" { (main) }
                nav #pages aria-label=(tongue.pick("All pages", "Toutes les pages")) {
                    @for part in PARTS {
                        h2 { (part.title(tongue)) }
                        ul {
                            @for page in part.pages() {
                                @let is_here = here.is_some_and(|here| here.name == page.name);
                                li { a href=(place(page, tongue)) aria-current=[is_here.then_some("page")] { (page.title(tongue)) } }
                            }
                        }
                    }
                }
            }
        }
    };
    markup.into_string()
}

fn tongue_other(tongue: Tongue) -> Tongue {
    match tongue {
        Tongue::English => Tongue::French,
        Tongue::French => Tongue::English,
    }
}
