//! Pages for whoever writes a program against the API: the document, the same as a page to read, and what each problem
//! means. They tell nothing of this installation, so anybody may read them.

use super::caller::Scope;
use super::document;
use super::operation::Operation;
use super::problem::{Code, Problem};
use super::tongue::Tongue;
use super::{Web, operations};
use axum::extract::Path;
use axum::http::header;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde_json::Value;
use std::sync::LazyLock;

pub(crate) fn router() -> Router<Web> {
    Router::new()
        .route("/api/openapi.json", get(async || Json(&*DOCUMENT)))
        .route("/api/docs", get(async |Extension(tongue)| Html(page(&operations(), tongue))))
        .route(
            "/api/docs.css",
            get(async || ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("pages.css"))),
        )
        .route("/api/problems/{code}", get(meaning))
}

static DOCUMENT: LazyLock<Value> = LazyLock::new(document::document);

async fn meaning(Extension(tongue): Extension<Tongue>, Path(name): Path<String>) -> impl IntoResponse {
    let Some(code) = Code::ALL.iter().find(|code| code.name() == name) else {
        return Problem::new(Code::NoSuchPage).into_response();
    };
    let text = format!(
        "<h1>{}</h1><p><code>{}</code> · {}</p><p>{}</p>",
        escaped(code.title(tongue)),
        code.name(),
        code.status().as_u16(),
        escaped(code.hint(tongue))
    );
    Html(whole(code.title(tongue), &text, tongue)).into_response()
}

/// Operations one by one, by resource.
fn page(operations: &[Operation], tongue: Tongue) -> String {
    let title = tongue.pick("The API of Coeur", "L'API de Coeur");
    let lead = tongue.pick(
        "Send <code>Authorization: Bearer TOKEN</code>. The same, for programs: <a href=\"/api/openapi.json\">OpenAPI 3.1</a>.",
        "Envoyez <code>Authorization: Bearer JETON</code>. La même chose, pour les programmes : <a href=\"/api/openapi.json\">OpenAPI 3.1</a>.",
    );
    let mut text = format!("<h1>{title}</h1><p>{lead}</p>");
    let mut resource = None;
    for operation in operations {
        if resource != Some(operation.resource) {
            resource = Some(operation.resource);
            text.push_str(&format!("<h2>{}</h2>", operation.resource.name()));
        }
        text.push_str(&section(operation, tongue));
    }
    whole(title, &text, tongue)
}

fn section(operation: &Operation, tongue: Tongue) -> String {
    let right = Scope { resource: Some(operation.resource), access: operation.access };
    let (takes, answers) =
        (tongue.pick("takes the right", "exige le droit"), tongue.pick("answers", "répond"));
    let described = &DOCUMENT["paths"][format!("/api/v1{}", operation.path)][operation.verb.name()];
    let mut text = format!(
        "<section id=\"{}\"><h3><b>{}</b> /api/v1{}</h3><p>{}</p><p>{takes} <code>{right}</code>, {answers} <code>{}</code></p>",
        operation.name,
        operation.verb.name().to_uppercase(),
        escaped(operation.path),
        escaped(operation.summary),
        operation.status,
    );
    let parameters = described["parameters"].as_array().into_iter().flatten();
    let rows: String =
        parameters.map(|parameter| row(&parameter["name"], &parameter["description"])).collect();
    let body = &described["requestBody"]["content"]["application/json"]["schema"]["$ref"];
    let fields = body.as_str().and_then(|name| name.strip_prefix("#/components/schemas/"));
    let fields = fields.and_then(|name| DOCUMENT["components"]["schemas"][name]["properties"].as_object());
    let fields: String = fields
        .into_iter()
        .flatten()
        .map(|(name, field)| row(&Value::from(name.as_str()), &field["description"]))
        .collect();
    for (title, rows) in
        [(tongue.pick("Parameters", "Paramètres"), rows), (tongue.pick("Body", "Corps"), fields)]
    {
        if !rows.is_empty() {
            text.push_str(&format!("<table><caption>{title}</caption>{rows}</table>"));
        }
    }
    text.push_str("</section>");
    text
}

fn row(name: &Value, description: &Value) -> String {
    let text = |value: &Value| escaped(value.as_str().unwrap_or(""));
    format!("<tr><th scope=\"row\"><code>{}</code></th><td>{}</td></tr>", text(name), text(description))
}

fn whole(title: &str, text: &str, tongue: Tongue) -> String {
    format!(
        "<!DOCTYPE html><html lang=\"{}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{}</title><link rel=\"stylesheet\" href=\"/api/docs.css\"></head><body><main>{text}</main></body></html>",
        tongue.tag(),
        escaped(title)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
