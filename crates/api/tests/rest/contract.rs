//! The document and what is served are one: each operation that it names is there, and takes the right that it names.

use crate::served::{Served, TOKEN};
use coeur_api::rest::{Action, Resource, Role, Scope, may};
use serde_json::Value;

/// Method, address with something in the place of each parameter, and what every operation takes of a role and of a scope.
fn operations(document: &Value) -> Vec<(String, String, (Action, Scope))> {
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let address: Vec<&str> =
            path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect();
        for (method, operation) in methods.as_object().unwrap() {
            let right = Scope::parse(operation["x-scope"].as_str().unwrap()).unwrap();
            let action = Action::parse(operation["x-action"].as_str().unwrap()).unwrap();
            found.push((method.to_uppercase(), address.join("/"), (action, right)));
        }
    }
    found
}

#[test]
fn every_operation_is_closed_to_nobody_and_to_roles_without_its_right_and_open_to_the_others() {
    let served = Served::new("contract");
    let document = served.send("GET", "/api/openapi.json", &[], "").json();
    let operations = operations(&document);
    assert!(operations.len() > 25, "{}", operations.len());
    for (method, address, (action, right)) in &operations {
        // Guesses are slowed down: a minute passes with each.
        served.hut.now_ms.fetch_add(60_000, std::sync::atomic::Ordering::Relaxed);
        let ask = |headers: &[(&str, &str)]| served.send_head(method, address, headers).status;
        assert_eq!(ask(&[]), 401, "{method} {address}");
        assert_eq!(ask(&[("Authorization", "Bearer no such token")]), 401, "{method} {address}");
        for role in Role::ALL {
            let bearer = format!("Bearer {}", role.as_str());
            let may =
                role != Role::Api && right.resource.is_some_and(|resource| may(role, *action, resource));
            let status = ask(&[("Authorization", &bearer)]);
            assert_eq!(status != 403, may, "{method} {address} as {}: {status}", role.as_str());
            assert!(status != 401 && status < 500, "{method} {address} as {}: {status}", role.as_str());
        }
    }
}

#[test]
fn every_operation_refuses_a_parameter_that_the_document_does_not_have_for_it_and_names_those_that_it_has() {
    let served = Served::new("misspelt");
    let document = coeur_api::rest::document();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let address: Vec<&str> =
            path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect();
        for (method, operation) in methods.as_object().unwrap() {
            served.hut.now_ms.fetch_add(60_000, std::sync::atomic::Ordering::Relaxed);
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let known: Vec<&str> = parameters
                .filter(|one| one["in"] == "query")
                .map(|one| one["name"].as_str().unwrap())
                .collect();
            for misspelt in ["dry-run=true", "dryrun=true", "dry%5Frun=true", "dry_run", "no_such=1"] {
                let asked = format!("{}?{misspelt}", address.join("/"));
                let answer = served.owner(&method.to_uppercase(), &asked, &[], "");
                let name = misspelt.split('=').next().unwrap();
                let problem = answer.json();
                assert_eq!((answer.status, &problem["code"]), (400, &"invalid".into()), "{method} {asked}");
                assert_eq!(problem["errors"][0]["pointer"], format!("?{name}"), "{method} {asked}");
                let detail = problem["detail"].as_str().unwrap();
                assert!(
                    name == "dry_run" || known.iter().all(|known| detail.contains(&format!("`{known}`"))),
                    "{detail}: {known:?}"
                );
            }
        }
    }
}

#[test]
fn a_trial_that_is_misspelt_makes_nothing_and_removes_nothing() {
    let served = Served::new("misspelt-trial");
    let body = serde_json::json!({ "account": "alice@d" });
    let made = |query: &str| served.give("POST", &format!("/api/v1/accounts{query}"), body.clone()).status;
    for query in ["?dry-run=true", "?dry_run", "?dry_run=false&dry_run=true"] {
        assert_eq!((made(query), served.hut.directory.accounts()), (400, 0), "{query}");
    }
    assert_eq!((made("?dry_run=true"), made("")), (200, 201));
    let gone = |query: &str| served.ask("DELETE", &format!("/api/v1/accounts/alice@d{query}")).status;
    assert_eq!((gone("?dryrun=true"), served.hut.directory.accounts()), (400, 1));
    assert_eq!((gone("?dry_run=true"), served.hut.directory.accounts()), (200, 1));
}

#[test]
fn the_document_in_the_repository_is_the_one_that_is_served() {
    let served = Served::new("document");
    let document = served.send("GET", "/api/openapi.json", &[], "").json();
    let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    if std::env::var_os("COEUR_WRITE_OPENAPI").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == text,
        "the API has changed: look whether it was meant, then write docs/openapi.json anew by COEUR_WRITE_OPENAPI=1"
    );
}

#[test]
fn every_reference_of_the_document_leads_somewhere_and_every_name_is_there_once() {
    let document = coeur_api::rest::document();
    assert_eq!(document["openapi"], "3.1.0");
    let mut names = Vec::new();
    for methods in document["paths"].as_object().unwrap().values() {
        names.extend(
            methods.as_object().unwrap().values().map(|operation| operation["operationId"].as_str().unwrap()),
        );
    }
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
    fn walk(value: &Value, document: &Value) {
        match value {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
                }
                members.values().for_each(|member| walk(member, document));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, document)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    walk(&document, &document);
}

#[test]
fn the_page_names_every_operation_and_asks_nobody_else_for_anything() {
    let served = Served::new("docs");
    let page = served.send("GET", "/api/docs", &[], "");
    assert_eq!(page.status, 200);
    for (method, _, _) in operations(&coeur_api::rest::document()) {
        assert!(page.body.contains(&format!("<b>{method}</b>")));
    }
    for resource in [Resource::Accounts, Resource::Calls, Resource::AuditLog] {
        assert!(page.body.contains(&format!("<h2>{}</h2>", resource.name())), "{resource:?}");
    }
    assert!(
        !page.body.contains("http://") && !page.body.contains("https://") && !page.body.contains("style=")
    );
    assert!(
        served.send("GET", "/api/docs", &[("Accept-Language", "fr")], "").body.contains("L'API de Coeur")
    );
    assert_eq!(
        served.send("GET", "/api/docs.css", &[], "").header("content-type"),
        Some("text/css; charset=utf-8")
    );
    let meaning = served.send("GET", "/api/problems/changed", &[("Accept-Language", "fr")], "");
    assert!(meaning.body.contains("Cela a changé depuis votre lecture"), "{}", meaning.body);
    assert_eq!(served.send("GET", "/api/problems/none", &[], "").status, 404);
    assert_eq!(
        served.send("GET", "/api/v1/status", &[("Authorization", &format!("Bearer {TOKEN}"))], "").status,
        200
    );
}
