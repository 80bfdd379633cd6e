//! The documentation for people, in the program: Markdown of `docs/site`, in English and French, packed in when it is built
//! and given as pages at `/docs`, as the Markdown that it is, and as `/llms.txt` for who reads by machine ([decision
//! 0071](../../../docs/decisions/0071-the-manual-is-in-the-program.md)). It tells nothing of this installation, so anybody may read it.
//!
//! What it deliberately does not do: run a script, or ask anybody but this server.

mod frame;
mod render;
mod search;
mod site;
#[cfg(test)]
mod tests;

pub use site::{PAGES, PARTS, Page, Part};

use crate::rest::{Code, Problem, Tongue, Web};
use axum::extract::{Path, Query};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use serde::Deserialize;
use std::sync::LazyLock;

pub(crate) fn router() -> Router<Web> {
    Router::new()
        .route("/docs", get(door))
        .route("/docs/", get(door))
        .route("/docs/style.css", get(style))
        .route("/docs/{tongue}", get(begin))
        .route("/docs/{tongue}/search", get(found))
        .route("/docs/{tongue}/{*name}", get(page))
        .route("/llms.txt", get(async || plain("text/plain", contents())))
        .route("/llms-full.txt", get(async || plain("text/plain", everything())))
}

/// A page as a browser is given it. All of them together are about 1 MB, made when the first is asked for.
struct Rendered {
    tongue: Tongue,
    page: &'static Page,
    html: String,
}

static RENDERED: LazyLock<Vec<Rendered>> = LazyLock::new(|| {
    let both = [Tongue::English, Tongue::French].into_iter();
    both.flat_map(|tongue| {
        PAGES.iter().map(move |page| Rendered { tongue, page, html: frame::page(page, tongue) })
    })
    .collect()
});

/// In the language that the browser prefers.
async fn door(Extension(tongue): Extension<Tongue>) -> Response {
    let mut response = begin_of(tongue);
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept-Language"));
    response
}

async fn begin(Path(tongue): Path<String>) -> Response {
    tongue_of(&tongue).map_or_else(|| Problem::new(Code::NoSuchPage).into_response(), begin_of)
}

fn begin_of(tongue: Tongue) -> Response {
    let place = format!("/docs/{}/{}", tongue.tag(), PAGES[0].name);
    (StatusCode::FOUND, [(header::LOCATION, place)]).into_response()
}

async fn page(Path((tongue, name)): Path<(String, String)>) -> Response {
    let (name, is_markdown) = name.strip_suffix(".md").map_or((name.as_str(), false), |name| (name, true));
    let found = tongue_of(&tongue)
        .and_then(|tongue| RENDERED.iter().find(|one| one.tongue == tongue && one.page.name == name));
    match found {
        None => Problem::new(Code::NoSuchPage).into_response(),
        Some(found) if is_markdown => plain("text/markdown", found.page.text(found.tongue).to_owned()),
        Some(found) => html(found.html.clone()),
    }
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    q: String,
}

async fn found(Path(tongue): Path<String>, Query(asked): Query<Asked>) -> Response {
    let Some(tongue) = tongue_of(&tongue) else { return Problem::new(Code::NoSuchPage).into_response() };
    html(frame::found(&asked.q, &search::search(&asked.q, tongue), tongue))
}

async fn style() -> Response {
    plain("text/css", include_str!("style.css").to_owned())
}

fn tongue_of(tag: &str) -> Option<Tongue> {
    [Tongue::English, Tongue::French].into_iter().find(|tongue| tongue.tag() == tag)
}

fn html(text: String) -> Response {
    plain("text/html", text)
}

/// Another build may say something else, so it is asked for each time.
fn plain(kind: &str, text: String) -> Response {
    let kind = HeaderValue::from_str(&format!("{kind}; charset=utf-8")).expect("ASCII of ours");
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))], text)
        .into_response()
}

/// What there is, one line for each page, as llmstxt.org has it: English, whose pages name the French ones.
fn contents() -> String {
    let mut text = String::from(
        "# Coeur\n\n> SIP accounts for people and organisations, in one program. Each page is Markdown below; without `.md` it is \
         a page for a browser, and with `/fr/` in the place of `/en/` it is in French. `/llms-full.txt` is all of them in \
         one. The API is described by `/api/openapi.json`.\n",
    );
    for part in PARTS {
        text.push_str(&format!("\n## {}\n\n", part.title(Tongue::English)));
        for page in part.pages() {
            let (title, lead) = (page.title(Tongue::English), page.lead(Tongue::English));
            text.push_str(&format!("- [{title}](/docs/en/{}.md): {lead}\n", page.name));
        }
    }
    text
}

fn everything() -> String {
    let pages: Vec<&str> = PAGES.iter().map(|page| page.text(Tongue::English)).collect();
    pages.join("\n\n")
}
