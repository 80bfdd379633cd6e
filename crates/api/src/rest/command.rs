//! A command over the WebSocket is an operation of the table under a short name: `calls.hangup` is
//! `POST /calls/{call}/actions/hangup`. What its path names are fields of the command, the rest is its body, or its query.

use super::Web;
use super::caller::{Caller, Resource};
use super::operation::{Answer, Operation, Run, Verb, Work};
use super::page::escaped;
use super::problem::{Code, Problem};
use super::run;
use axum::body::Bytes;
use axum::http::header;
use axum::http::request::{Parts, Request};
use serde_json::{Map, Value};

pub(crate) async fn run(
    web: &Web,
    caller: &Caller,
    op: &str,
    said: Map<String, Value>,
) -> Result<Answer, Problem> {
    let operation = operation(op).ok_or_else(|| {
        Problem::at("#/op", format!("`{op}` is neither subscribe, unsubscribe nor a command"))
    })?;
    let Work::Answers(work) = operation.work else { return Err(Problem::new(Code::NotFound)) };
    caller.require(operation.action(), operation.resource, operation.access)?;
    let asked = asked(&operation, said)?;
    operation.knows(asked.0.uri.query().unwrap_or(""))?;
    let (web, caller) = (web.clone(), caller.clone());
    let answer = move || perform((operation, work), &web, &caller, &asked);
    tokio::task::spawn_blocking(answer).await.unwrap_or_else(|_| Err(Problem::new(Code::Inside)))
}

fn perform(
    of: (Operation, Run),
    web: &Web,
    caller: &Caller,
    (head, parts, body): &Asked,
) -> Result<Answer, Problem> {
    run::answer(of, web, caller, (head, parts, body))
}

fn operation(op: &str) -> Option<Operation> {
    let all = super::operations();
    all.into_iter().find(|operation| name(operation).as_deref() == Some(op))
}

/// `None`: it is no command.
fn name(operation: &Operation) -> Option<String> {
    if operation.resource != Resource::Calls {
        return None;
    }
    let parts: Vec<&str> = operation.path.split('/').filter(|part| !part.is_empty()).collect();
    let verb = match (operation.verb, &parts[..]) {
        (Verb::Post, [_, .., "actions", verb]) => verb,
        (Verb::Get, [_]) => "list",
        (Verb::Get, [_, _]) => "show",
        (Verb::Post, [_]) => "create",
        (Verb::Get | Verb::Post | Verb::Patch | Verb::Delete, _) => return None,
    };
    Some(format!("{}.{verb}", parts.first()?))
}

/// The request that it would have been over HTTP: its head, what its path names, its body.
type Asked = (Parts, Vec<(String, String)>, Bytes);

fn asked(operation: &Operation, mut said: Map<String, Value>) -> Result<Asked, Problem> {
    let mut path = format!("/api/v1{}", operation.path);
    let mut parts = Vec::new();
    let named = operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    for field in named {
        let Some(Value::String(value)) = said.remove(field) else {
            return Err(Problem::at(format!("#/{field}"), "this command needs it"));
        };
        path = path.replace(&format!("{{{field}}}"), &escaped(&value));
        parts.push((field.to_owned(), value));
    }
    let mut request = Request::builder().header(header::CONTENT_TYPE, "application/json");
    if let Some(Value::String(key)) = said.remove("idempotency_key") {
        request = request.header("idempotency-key", key);
    }
    let body = match operation.verb {
        Verb::Get => {
            path.push_str(&query(&said));
            Bytes::new()
        }
        Verb::Post | Verb::Patch | Verb::Delete if operation.body.is_none() && said.is_empty() => {
            Bytes::new()
        }
        Verb::Post | Verb::Patch | Verb::Delete => Value::Object(said).to_string().into(),
    };
    let request = request.method(operation.verb.name().to_ascii_uppercase().as_str()).uri(path).body(());
    let head = request.map_err(|why| Problem::because(Code::Invalid, why.to_string()))?.into_parts().0;
    Ok((head, parts, body))
}

fn query(said: &Map<String, Value>) -> String {
    let value = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let pair = |(name, given): (&String, &Value)| format!("{}={}", escaped(name), escaped(&value(given)));
    match said.is_empty() {
        true => String::new(),
        false => format!("?{}", said.iter().map(pair).collect::<Vec<_>>().join("&")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_on_calls_is_a_command_and_nothing_else_is() {
        let all = crate::rest::operations();
        let of_calls = all.iter().filter(|operation| operation.resource == Resource::Calls);
        let mut names: Vec<String> = of_calls.filter_map(name).collect();
        for expected in ["calls.list", "calls.show", "calls.hangup", "calls.play", "calls.record_start"] {
            assert!(names.iter().any(|name| name == expected), "{expected} of {names:?}");
        }
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count, "no name has two operations");
        assert!(operation("accounts.list").is_none() && operation("users.create").is_none());
    }

    #[test]
    fn what_the_path_names_is_a_field_and_the_rest_the_body() {
        let said = |value: Value| value.as_object().unwrap().clone();
        let play = operation("calls.play").unwrap();
        let given = serde_json::json!({ "call": "call_1/x", "sound": "tone:ring" });
        let (head, parts, body) = asked(&play, said(given)).unwrap();
        assert_eq!(head.uri.path(), "/api/v1/calls/call_1%2Fx/actions/play");
        assert_eq!(parts, [("call".to_owned(), "call_1/x".to_owned())]);
        assert_eq!(&body[..], br#"{"sound":"tone:ring"}"#);
        assert!(asked(&play, said(serde_json::json!({}))).is_err());
        let list = operation("calls.list").unwrap();
        let (head, ..) = asked(&list, said(serde_json::json!({ "limit": 2, "account": "a b" }))).unwrap();
        assert_eq!(head.uri.query(), Some("account=a%20b&limit=2"));
    }
}
