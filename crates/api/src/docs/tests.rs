//! Of the pages as they are packed: both languages say the same, nothing leads nowhere, what is shown of the API is there. What
//! they show of the command line is compared in `crates/server/src/cli/docs/tests.rs`.

use super::render::body;
use super::search::search;
use super::*;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag};
use serde_json::Value;
use std::path::{Path as File, PathBuf};

const TONGUES: [Tongue; 2] = [Tongue::English, Tongue::French];

fn all() -> impl Iterator<Item = (&'static Page, Tongue)> {
    PAGES.iter().flat_map(|page| TONGUES.map(|tongue| (page, tongue)))
}

fn events(text: &str) -> Vec<Event<'_>> {
    Parser::new_ext(text, Options::ENABLE_TABLES).collect()
}

/// What a page is made of, without its words: levels of headings, tables with their rows, lists, blocks of code.
fn shape(text: &str) -> Vec<String> {
    let told = |event: &Event<'_>| match event {
        Event::Start(Tag::Heading { level, .. }) => Some(level.to_string()),
        Event::Start(Tag::Table(columns)) => Some(format!("table of {}", columns.len())),
        Event::Start(Tag::TableRow) => Some("row".to_owned()),
        Event::Start(Tag::Item) => Some("item".to_owned()),
        Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(kind))) => Some(format!("block of {kind}")),
        _ => None,
    };
    events(text).iter().filter_map(told).collect()
}

#[test]
fn a_page_has_the_same_headings_tables_lists_and_blocks_in_both_languages() {
    for page in PAGES {
        assert_eq!(shape(page.text(Tongue::English)), shape(page.text(Tongue::French)), "{}", page.name);
    }
}

#[test]
fn every_file_of_the_site_is_a_page() {
    fn collect(folder: &File, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            match entry.path() {
                path if path.is_dir() => collect(&path, files),
                path => files.push(path),
            }
        }
    }
    let root = File::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/site");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let mut found: Vec<String> =
        files.iter().map(|file| file.strip_prefix(&root).unwrap().display().to_string()).collect();
    let mut listed: Vec<String> =
        all().map(|(page, tongue)| format!("{}/{}.md", tongue.tag(), page.name)).collect();
    found.sort();
    listed.sort();
    assert_eq!(found, listed);
}

#[test]
fn a_page_begins_with_its_heading_and_one_line_that_says_what_it_is_about() {
    for (page, tongue) in all() {
        let lines: Vec<&str> = page.text(tongue).lines().take(4).collect();
        let is_good = lines[0].starts_with("# ") && lines[1].is_empty() && lines[3].is_empty();
        assert!(is_good && lines[2].ends_with('.'), "{} {}: {lines:?}", tongue.tag(), page.name);
        let in_the_language = tongue != Tongue::French || page.title(tongue) != page.title(Tongue::English);
        assert!(in_the_language, "{}: its title is in one language", page.name);
    }
}

/// Where a link of a page leads: the name of a page, and an anchor.
fn target(page: &Page, link: &str) -> (String, String) {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    if path.is_empty() {
        return (page.name.to_owned(), anchor.to_owned());
    }
    let mut parts: Vec<&str> = page.name.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    (parts.join("/"), anchor.to_owned())
}

/// What is not of the documentation and is led to all the same.
const ELSEWHERE: &[&str] = &["/api/docs", "/api/openapi.json"];

#[test]
fn no_link_leads_nowhere() {
    let mut inside = 0;
    for (page, tongue) in all() {
        for event in events(page.text(tongue)) {
            let Event::Start(Tag::Link { dest_url, .. }) = event else { continue };
            let at = format!("{} {}: {dest_url}", tongue.tag(), page.name);
            if dest_url.starts_with('/') {
                assert!(ELSEWHERE.contains(&&*dest_url), "{at}");
                continue;
            }
            inside += 1;
            let (name, anchor) = target(page, &dest_url);
            let name = name.strip_suffix(".md").unwrap_or_else(|| panic!("{at}: it names no file"));
            let there = PAGES.iter().find(|page| page.name == name).unwrap_or_else(|| panic!("{at}"));
            let html = body(there.text(tongue)).html;
            assert!(anchor.is_empty() || html.contains(&format!("id=\"{anchor}\"")), "{at}");
        }
    }
    assert!(inside > 20, "{inside}");
}

#[test]
fn a_link_between_files_is_one_between_pages_and_any_other_stays() {
    let html =
        body("[a](../admin/network.md#ports) [b](x.md) [c](/api/docs) [d](https://example.org/x.md)").html;
    for place in ["\"../admin/network#ports\"", "\"x\"", "\"/api/docs\"", "\"https://example.org/x.md\""] {
        assert!(html.contains(&format!("href={place}")), "{html}");
    }
}

/// Verb and path of each request that a page shows.
fn requests(text: &str) -> Vec<(String, String)> {
    let blocks = text.split("```sh\n").skip(1).filter_map(|block| block.split("```").next());
    let text: String = blocks.map(|block| block.replace("\\\n", " ")).collect();
    let lines = text.lines().filter(|line| line.trim_start().starts_with("curl "));
    let read = |line: &str| {
        let path = line.split_once("/api/v1")?.1;
        let path = path.split([' ', '\'', '"', '?']).next()?;
        let told = line.split_once("-X ").and_then(|(_, rest)| rest.split(' ').next());
        let sends = line.contains(" -d ") || line.contains("--data");
        let verb = told.map_or(if sends { "post" } else { "get" }.to_owned(), str::to_lowercase);
        Some((verb, format!("/api/v1{path}")))
    };
    lines.filter_map(read).collect()
}

#[test]
fn every_request_that_a_page_shows_is_an_operation_of_the_api() {
    let document: Value = crate::rest::document();
    let operations = document["paths"].as_object().unwrap();
    let fits = |template: &str, path: &str| {
        let (a, b): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
        a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a == b || a.starts_with('{') && !b.is_empty())
    };
    let mut seen = 0;
    for (page, tongue) in all() {
        for (verb, path) in requests(page.text(tongue)) {
            let is_there = operations
                .iter()
                .any(|(template, verbs)| fits(template, &path) && verbs.get(&verb).is_some());
            assert!(is_there, "{} {}: {verb} {path}", tongue.tag(), page.name);
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn a_page_has_no_style_script_or_html_of_its_own() {
    let html =
        body("# A\n\nx <b onclick=\"y()\">b</b>\n\n<script>alert(1)</script>\n\n| a |\n|---|\n| b |\n").html;
    assert!(!html.contains("<script") && !html.contains("<b ") && html.contains("&lt;script"), "{html}");
    for one in RENDERED.iter() {
        let html = one.html.to_lowercase();
        for refused in [" style=", "<script", " onclick", "javascript:", "http-equiv"] {
            assert!(!html.contains(refused), "{} {}: {refused}", one.tongue.tag(), one.page.name);
        }
        assert_eq!(html.matches("<h1").count(), 1, "{} {}", one.tongue.tag(), one.page.name);
    }
}

#[test]
fn headings_of_the_same_words_have_anchors_of_their_own() {
    let found = body("# A\n\n## What is `it`?\n\n## What is it\n\n### What is it!\n\n## Déjà vu\n");
    let anchors: Vec<&str> = found.headings.iter().map(|(_, anchor)| anchor.as_str()).collect();
    assert_eq!(anchors, ["what-is-it", "what-is-it-2", "déjà-vu"]);
    assert!(found.html.contains("id=\"what-is-it-3\""), "{}", found.html);
}

#[test]
fn a_page_names_itself_in_the_other_language_and_the_pages_around_it() {
    let network =
        RENDERED.iter().find(|one| one.page.name == "admin/network" && one.tongue == Tongue::French);
    let html = &network.unwrap().html;
    for place in [
        "lang=\"fr\"",
        "href=\"/docs/en/admin/network\"",
        "href=\"/docs/fr/admin/phones\"",
        "href=\"/docs/fr/admin/certificates\"",
        "href=\"/docs/fr/admin/network.md\"",
        "aria-current=\"page\"",
        "href=\"#ports\"",
    ] {
        assert!(html.contains(place), "{place}");
    }
}

fn names(query: &str, tongue: Tongue) -> Vec<&'static str> {
    search(query, tongue).iter().map(|hit| hit.page.name).collect()
}

#[test]
fn a_search_finds_pages_with_all_words_the_one_of_that_name_first() {
    assert_eq!(names("firewall ports", Tongue::English)[0], "admin/network");
    assert_eq!(names("recording", Tongue::English)[0], "admin/recording");
    assert_eq!(names("reseau", Tongue::French)[0], "admin/network");
    assert_eq!(names("RÉSEAU", Tongue::French), names("reseau", Tongue::French));
    assert_eq!(names("firewall nothingofthesort", Tongue::English), Vec::<&str>::new());
    assert_eq!(names("  ", Tongue::English), Vec::<&str>::new());
    let hits = search("secret", Tongue::English);
    assert!(hits.len() > 3 && hits.iter().all(|hit| hit.excerpt.to_lowercase().contains("secret")));
    assert!(names(&"x".repeat(1_000_000), Tongue::English).is_empty());
}

#[tokio::test]
async fn what_is_searched_for_is_shown_and_makes_nothing() {
    let asked = Query(Asked { q: "\"><script>alert(1)</script>".to_owned() });
    let response = found(Path("en".to_owned()), asked).await;
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let html = String::from_utf8(bytes.to_vec()).unwrap();
    assert!(!html.contains("<script") && html.contains("&lt;script&gt;"), "{html}");
}

#[tokio::test]
async fn a_page_is_given_as_a_page_and_as_markdown_and_others_are_not_there() {
    let asked = |tongue: &str, name: &str| page(Path((tongue.to_owned(), name.to_owned())));
    for (tongue, name, kind) in [
        ("en", "admin/network", "text/html; charset=utf-8"),
        ("fr", "admin/network", "text/html; charset=utf-8"),
        ("fr", "people/sound.md", "text/markdown; charset=utf-8"),
    ] {
        let response = asked(tongue, name).await;
        assert_eq!(
            (response.status(), &response.headers()[header::CONTENT_TYPE]),
            (StatusCode::OK, &kind.parse().unwrap())
        );
    }
    for (tongue, name) in
        [("de", "admin/network"), ("en", "admin/none"), ("en", "../../Cargo.toml"), ("en", "")]
    {
        assert_eq!(asked(tongue, name).await.status(), StatusCode::NOT_FOUND, "{tongue} {name}");
    }
    for (tongue, place) in
        [(Tongue::English, "/docs/en/people/first-call"), (Tongue::French, "/docs/fr/people/first-call")]
    {
        let response = door(Extension(tongue)).await;
        assert_eq!(
            (response.status(), &response.headers()[header::LOCATION]),
            (StatusCode::FOUND, &place.parse().unwrap())
        );
    }
}

#[test]
fn llms_txt_names_every_page_and_what_it_is_about() {
    let text = contents();
    for page in PAGES {
        let line = format!("](/docs/en/{}.md): {}", page.name, page.lead(Tongue::English));
        assert!(text.contains(&line), "{line}");
    }
    let whole = everything();
    assert!(PAGES.iter().all(|page| whole.contains(page.text(Tongue::English))) && whole.len() < 1 << 20);
}
