//! Of the files as they are packed: how much there is to load, that nothing is asked of others, that every text is in both
//! languages. What a browser makes of them is in `interop/tests/console.rs`.

use super::*;
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

fn file(name: &str) -> &'static File {
    FILES.iter().find(|file| file.name == name).unwrap_or_else(|| panic!("there is no {name}"))
}

fn text(file: &File) -> &'static str {
    std::str::from_utf8(file.plain).unwrap_or_else(|why| panic!("{}: {why}", file.name))
}

/// Modules of our own.
fn modules() -> impl Iterator<Item = &'static File> {
    FILES.iter().filter(|file| file.name.ends_with(".js") && !file.name.starts_with("vendor/"))
}

fn words(language: &str) -> BTreeMap<String, String> {
    serde_json::from_slice(file(&format!("i18n/{language}.json")).plain).expect("texts by their names")
}

async fn asked(name: &str, hash: &str, encoding: Option<&'static str>) -> Response {
    let mut headers = HeaderMap::new();
    if let Some(encoding) = encoding {
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(encoding));
    }
    asset(Path((hash.to_owned(), name.to_owned())), headers).await
}

fn said<'r>(response: &'r Response, name: &str) -> &'r str {
    response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[tokio::test]
async fn a_file_is_kept_for_ever_under_its_hash_and_comes_compressed_to_who_takes_it() {
    let packed = asked("app/main.js", HASH, Some("br, gzip;q=0.8")).await;
    assert_eq!((packed.status(), said(&packed, "content-encoding")), (StatusCode::OK, "gzip"));
    assert_eq!(said(&packed, "content-type"), "text/javascript; charset=utf-8");
    assert_eq!(said(&packed, "cache-control"), "public, max-age=31536000, immutable");
    for refused in [None, Some("br"), Some("gzip;q=0")] {
        assert_eq!(said(&asked("app/main.js", HASH, refused).await, "content-encoding"), "", "{refused:?}");
    }
    let font = asked("vendor/figtree.woff2", HASH, Some("gzip")).await;
    assert_eq!(said(&font, "content-encoding"), "", "it is compressed already");
}

#[tokio::test]
async fn every_file_of_the_build_is_found() {
    for file in FILES {
        assert_eq!(asked(file.name, HASH, None).await.status(), StatusCode::OK, "{}", file.name);
    }
}

#[tokio::test]
async fn what_is_not_of_this_build_is_not_there() {
    for (name, hash) in [
        ("app/main.js", "0000000000000000"),
        ("app/none.js", HASH),
        ("../Cargo.toml", HASH),
        ("app/../app/main.js", HASH),
        ("vendor/fetch.mjs", HASH),
        ("", HASH),
    ] {
        assert_eq!(asked(name, hash, None).await.status(), StatusCode::NOT_FOUND, "{name}");
    }
}

#[tokio::test]
async fn the_page_is_asked_for_anew_and_costs_nothing_when_it_is_the_same() {
    let first = document(&HeaderMap::new(), &[]);
    assert_eq!((first.status(), said(&first, "cache-control")), (StatusCode::OK, "no-cache"));
    let mut headers = HeaderMap::new();
    headers.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
    assert_eq!(document(&headers, &[]).status(), StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn what_stays_in_a_browser_names_files_of_this_build_and_is_asked_for_anew() {
    let worker = anew(WORKER, "text/javascript; charset=utf-8");
    assert_eq!(said(&worker, "cache-control"), "no-cache");
    assert!(WORKER.contains(&format!("const PLACE = \"/assets/{HASH}/\"")), "{WORKER}");
    let list = WORKER.split_once("...[").and_then(|(_, rest)| rest.split_once(']')).expect("a list").0;
    let first: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
    assert!(first.len() > 5 && first.iter().all(|name| !file(name).plain.is_empty()), "{first:?}");
    let manifest: Value = serde_json::from_str(MANIFEST).expect("the manifest");
    let icons = manifest["icons"].as_array().expect("icons");
    let prefix = format!("/assets/{HASH}/");
    for icon in icons.iter().map(|icon| icon["src"].as_str().expect("a place")) {
        assert!(!file(icon.strip_prefix(&prefix).expect("of this build")).plain.is_empty(), "{icon}");
    }
    let offline = text(file("offline.html"));
    assert!(offline.contains(&prefix) && !offline.contains("/assets/-/"), "{offline}");
}

#[test]
fn the_page_may_open_the_web_phone_of_its_own_host_and_nothing_else() {
    let sockets = [PhoneSocket { is_secure: false, port: 8088 }, PhoneSocket { is_secure: true, port: 8089 }];
    let said = |host: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static(host));
        let response = document(&headers, &sockets);
        said(&response, "content-security-policy").rsplit_once("; ").map(|(_, last)| last.to_owned())
    };
    let phone = |host: &str| Some(format!("connect-src 'self' ws://{host}:8088 wss://{host}:8089"));
    assert_eq!(said("localhost:8090"), phone("localhost"));
    assert_eq!(said("[::1]:8090"), phone("[::1]"));
    assert_eq!(said("console.example.org"), phone("console.example.org"));
    for hostile in ["a;script-src *", "a b", "*", "[::1", "a,b", "a\"b"] {
        assert_eq!(said(hostile).as_deref(), Some("object-src 'none'"), "{hostile}");
    }
}

#[test]
fn the_page_holds_neither_a_script_nor_a_style_and_names_files_that_exist() {
    for inline in ["<style", " style=", " onload=", " onerror=", "javascript:"] {
        assert!(!INDEX.contains(inline), "{inline}");
    }
    assert!(
        INDEX
            .split("<script")
            .skip(1)
            .all(|script| script.split('>').next().is_some_and(|tag| tag.contains("src=")))
    );
    let prefix = format!("/assets/{HASH}/");
    let named: Vec<&str> =
        INDEX.split(prefix.as_str()).skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(named.len() > 10, "{named:?}");
    assert!(named.iter().all(|name| !file(name).plain.is_empty()));
}

/// The budget of the first load: what is on the wire until home is drawn, compressed.
const FIRST_LOAD_BYTES_MAX: usize = 120_000;

#[test]
fn the_first_load_is_within_its_budget() {
    let mut wanted: Vec<String> =
        ["app/main.js", "app/pages/home.js", "i18n/en.json", "mark.svg", "vendor/figtree.woff2"]
            .map(String::from)
            .into();
    wanted.extend(FILES.iter().filter(|file| file.name.ends_with(".css")).map(|file| file.name.to_owned()));
    let mut loaded = BTreeSet::new();
    while let Some(name) = wanted.pop() {
        if loaded.insert(name.clone()) && name.ends_with(".js") {
            wanted.extend(imports(&name));
        }
    }
    let bytes: usize =
        loaded.iter().map(|name| file(name)).map(|file| file.gzip.len().min(file.plain.len())).sum();
    println!("{} files, {bytes} bytes", loaded.len());
    assert!(loaded.len() > 20, "the imports were found: {loaded:?}");
    assert!(bytes + INDEX.len() <= FIRST_LOAD_BYTES_MAX, "{bytes} bytes: {loaded:?}");
}

/// What a module names in `from "./..."`, by its own place.
fn imports(name: &str) -> Vec<String> {
    let folder = PathBuf::from(name).parent().expect("no module is in the root").to_owned();
    let text = text(file(name));
    let quoted = text.split("from\"").chain(text.split("from \"")).chain(text.split("import \"")).skip(1);
    let paths = quoted.filter_map(|rest| rest.split('"').next()).filter(|path| path.starts_with('.'));
    paths
        .map(|path| plain(&folder.join(path)))
        .filter(|name| FILES.iter().any(|file| file.name == name))
        .collect()
}

/// Without `.` and `..`.
fn plain(path: &std::path::Path) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in path.components() {
        match part.as_os_str().to_string_lossy().as_ref() {
            "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name.to_owned()),
        }
    }
    parts.join("/")
}

#[test]
fn nothing_is_asked_of_anybody_else() {
    let is_picture = |name: &str| [".svg", ".png"].iter().any(|end| name.ends_with(end));
    for file in FILES.iter().filter(|file| !file.name.starts_with("vendor/") && !is_picture(file.name)) {
        assert!(
            !["http://", "https://", "//cdn"].iter().any(|other| text(file).contains(other)),
            "{}",
            file.name
        );
    }
}

#[test]
fn nothing_makes_html_of_a_string() {
    for module in modules() {
        for door in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "dangerouslySetInnerHTML",
            "document.write",
            "eval(",
            "new Function",
        ] {
            assert!(!text(module).contains(door), "{}: {door}", module.name);
        }
    }
}

#[test]
fn every_text_is_there_in_both_languages_with_the_same_places() {
    let (english, french) = (words("en"), words("fr"));
    assert!(english.len() > 300);
    assert_eq!(english.keys().collect::<Vec<_>>(), french.keys().collect::<Vec<_>>());
    let places = |text: &str| {
        text.split('{')
            .skip(1)
            .filter_map(|rest| rest.split_once('}').map(|(name, _)| name.to_owned()))
            .collect::<BTreeSet<_>>()
    };
    for (key, text) in &english {
        assert_eq!(places(text), places(&french[key]), "{key}");
        assert!(!text.is_empty() && !french[key].is_empty(), "{key}");
    }
}

#[test]
fn every_text_that_a_module_names_exists() {
    let words = words("en");
    let mut named = 0;
    for module in modules() {
        for key in text_names(text(module)) {
            let exists = ["", ".one"].iter().any(|plural| words.contains_key(&format!("{key}{plural}")));
            assert!(exists, "{}: {key}", module.name);
            named += 1;
        }
    }
    assert!(named > 200, "{named}");
}

/// What stands in `t("...")`, and in `t(condition ? "..." : "...")`.
fn text_names(module: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut before = '(';
    for (at, letter) in module.char_indices() {
        let is_call = letter == 't' && !before.is_alphanumeric() && !"._$".contains(before);
        before = letter;
        if !is_call {
            continue;
        }
        let Some(inner) = module[at + 1..].strip_prefix('(') else { continue };
        // To the first value or the end of the call; a name that is put together is not looked at.
        let inner = inner.split([')', ',', '`']).next().unwrap_or_default();
        let chosen = inner.split_once(" ? ").map_or(inner, |(_, names)| names);
        found.extend(chosen.split('"').skip(1).step_by(2));
    }
    found
}

/// Between two tags of a template only what is computed may stand.
#[test]
fn no_module_holds_a_text_of_its_own() {
    for module in modules() {
        for template in text(module).split("html`").skip(1) {
            for piece in template.split('`').next().unwrap_or_default().split('>').skip(1) {
                let written: String =
                    piece.split('<').next().unwrap_or_default().split("${").next().unwrap_or_default().into();
                let is_text = written.chars().filter(|c| c.is_alphabetic()).count() > 1
                    && !written.contains(['=', '(', '{', '}', '?', ':', '&', '|']);
                let own = NAMES.iter().any(|name| written.trim() == *name);
                assert!(!is_text || own, "{}: {written:?}", module.name);
            }
        }
    }
}

/// Names are the same in every language.
const NAMES: &[&str] = &["Mermaid", "OpenAPI", "Ctrl K", "coeur check-config"];

#[test]
fn the_pages_of_the_console_are_those_of_the_server() {
    let text = text(file("app/pages.js"));
    let there: BTreeSet<&str> = text
        .split("path: \"/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|name| !name.is_empty())
        .collect();
    assert_eq!(there, PAGES.iter().copied().collect());
}

#[test]
fn what_is_taken_from_others_is_what_was_noted() {
    let manifest: Value = serde_json::from_slice(file("vendor/manifest.json").plain).expect("the manifest");
    let packages = manifest["packages"].as_array().expect("packages");
    let rows: Vec<&Value> =
        packages.iter().flat_map(|package| package["files"].as_array().expect("files")).collect();
    for row in &rows {
        let name = format!("vendor/{}", row["to"].as_str().expect("a name"));
        let hash: String =
            digest(&SHA256, file(&name).plain).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            Some(hash.as_str()),
            row["sha256"].as_str(),
            "{name}: node console/vendor/fetch.mjs --check"
        );
    }
    let there = FILES.iter().filter(|file| file.name.starts_with("vendor/")).count();
    assert_eq!(there, rows.len() + 1, "and nothing else is there");
    assert!(packages.iter().all(|package| {
        ["MIT", "Apache-2.0", "OFL-1.1"].contains(&package["licence"].as_str().unwrap_or_default())
    }));
}
