//! One operation of the API: a row from which the route, the right and the document are made.

use super::caller::{Access, Action, Caller, Resource};
use super::fence::{self, Fence};
use super::problem::{Code, Problem};
use super::{Web, document};
use crate::model::{Refusal, Reply, Request};
use axum::Json;
use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodFilter;
use coeur_directory::Account;
use coeur_storage::Operator;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeSet;
use std::pin::Pin;

/// The parameter of those that can be tried.
pub(crate) const DRY: &str = "dry_run";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Patch,
    Delete,
}

impl Verb {
    pub fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Patch => MethodFilter::PATCH,
            Self::Delete => MethodFilter::DELETE,
        }
    }

    /// As the document writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }
}

/// How something looks as JSON.
pub(crate) type Shape = fn(&mut SchemaGenerator) -> Schema;

pub(crate) type Run = fn(&Call<'_>) -> Result<Answer, Problem>;

/// An answer that has no end.
pub(crate) type Streaming = Pin<Box<dyn Future<Output = Result<Response, Problem>> + Send>>;

pub(crate) type Streams = fn(Web, Caller, Parts) -> Streaming;

#[derive(Clone, Copy)]
pub(crate) enum Work {
    /// May wait for a disk or for the shards: it runs on a thread of its own.
    Answers(Run),
    Streams(Streams),
}

#[derive(Clone, Copy)]
pub(crate) struct Operation {
    pub verb: Verb,
    /// Below `/api/v1`.
    pub path: &'static str,
    /// Its name in the document: `list_accounts`.
    pub name: &'static str,
    pub resource: Resource,
    pub access: Access,
    /// What it is in the table of roles, where its method does not say it.
    pub acts: Option<Action>,
    /// One sentence.
    pub summary: &'static str,
    /// Fields of the query.
    pub query: Option<Shape>,
    pub body: Option<Shape>,
    /// Of what is answered when it went well.
    pub status: u16,
    pub answer: Option<Shape>,
    /// It takes `dry_run`, and [`Call::is_dry`] is for it to look at.
    pub is_dry_possible: bool,
    /// What it changes has an ETag, and If-Match is looked at.
    pub is_conditional: bool,
    /// Whoever asks has proved a moment ago who he is ([`Caller::require_fresh`]).
    pub is_dangerous: bool,
    /// Of what it streams.
    pub streams: &'static [&'static str],
    /// Its body may be as large as a file of users.
    pub is_large: bool,
    /// What its body is where that is no JSON.
    pub takes_file: Option<&'static str>,
    /// Who asks may prove himself by a ticket ([`super::ticket`]).
    pub takes_ticket: bool,
    pub work: Work,
}

impl Operation {
    fn new(
        verb: Verb,
        (path, name): (&'static str, &'static str),
        (resource, access): (Resource, Access),
        summary: &'static str,
        work: Work,
    ) -> Self {
        let status = 200;
        Self {
            verb,
            path,
            name,
            resource,
            access,
            acts: None,
            summary,
            query: None,
            body: None,
            status,
            answer: None,
            is_dry_possible: false,
            is_conditional: false,
            is_dangerous: false,
            streams: &[],
            is_large: false,
            takes_file: None,
            takes_ticket: false,
            work,
        }
    }

    pub fn get(names: (&'static str, &'static str), of: Resource, summary: &'static str, run: Run) -> Self {
        Self::new(Verb::Get, names, (of, Access::Read), summary, Work::Answers(run))
    }

    pub fn post(names: (&'static str, &'static str), of: Resource, summary: &'static str, run: Run) -> Self {
        Self::new(Verb::Post, names, (of, Access::Write), summary, Work::Answers(run))
    }

    /// A JSON Merge Patch (RFC 7396).
    pub fn patch(names: (&'static str, &'static str), of: Resource, summary: &'static str, run: Run) -> Self {
        Self::new(Verb::Patch, names, (of, Access::Write), summary, Work::Answers(run))
    }

    pub fn delete(
        names: (&'static str, &'static str),
        of: Resource,
        summary: &'static str,
        run: Run,
    ) -> Self {
        Self {
            status: 204,
            ..Self::new(Verb::Delete, names, (of, Access::Write), summary, Work::Answers(run))
        }
    }

    pub fn stream(
        names: (&'static str, &'static str),
        of: Resource,
        summary: &'static str,
        streams: Streams,
    ) -> Self {
        let events = &["text/event-stream"];
        Self {
            streams: events,
            ..Self::new(Verb::Get, names, (of, Access::Read), summary, Work::Streams(streams))
        }
    }

    /// A file that is made while it is sent.
    pub fn file(
        names: (&'static str, &'static str),
        of: Resource,
        summary: &'static str,
        (kinds, streams): (&'static [&'static str], Streams),
    ) -> Self {
        Self {
            streams: kinds,
            ..Self::new(Verb::Get, names, (of, Access::Read), summary, Work::Streams(streams))
        }
    }

    pub fn dangerous(self) -> Self {
        Self { is_dangerous: true, access: Access::Admin, ..self }
    }

    pub fn with_ticket(self) -> Self {
        Self { takes_ticket: true, ..self }
    }

    pub fn large(self) -> Self {
        Self { is_large: true, ..self }
    }

    /// A file of this kind.
    pub fn takes_file(self, kind: &'static str) -> Self {
        Self { is_large: true, takes_file: Some(kind), ..self }
    }

    /// What it is in the table of roles.
    pub fn action(&self) -> Action {
        if let Some(action) = self.acts {
            return action;
        }
        match self.verb {
            Verb::Get => Action::Read,
            // Acts on what lives.
            Verb::Post if self.path.contains("/actions/") => Action::Control,
            Verb::Post => Action::Create,
            Verb::Patch => Action::Change,
            Verb::Delete => Action::Remove,
        }
    }

    /// Of a query each name is one that the document has, and written as there: a `dry_run` that is misspelt would do what was to
    /// be tried. Whether an operation can be tried is for [`super::run`] to say.
    pub fn knows(&self, query: &str) -> Result<(), Problem> {
        let mut said = query.split('&').filter(|part| !part.is_empty()).peekable();
        if said.peek().is_none() {
            return Ok(());
        }
        let known = self.query.map(document::names).unwrap_or_default();
        let mut seen = BTreeSet::new();
        for part in said {
            // A name alone says nothing: `?dry_run` is as good as misspelt.
            let (name, is_whole) = part.split_once('=').map_or((part, false), |(name, _)| (name, true));
            if name != DRY && !known.iter().any(|one| one == name) {
                return Err(Problem::at(format!("?{name}"), self.unknown(name, known)));
            }
            if !is_whole {
                return Err(Problem::at(format!("?{name}"), format!("`{name}` has no value: `{name}=`")));
            }
            if !seen.insert(name) {
                return Err(Problem::at(format!("?{name}"), format!("`{name}` is there twice")));
            }
        }
        Ok(())
    }

    fn unknown(&self, name: &str, mut known: Vec<String>) -> String {
        known.extend(self.is_dry_possible.then(|| DRY.to_owned()));
        let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
        match known.is_empty() {
            true => format!("`{name}` is no parameter of this, which takes none"),
            false => format!("`{name}` is no parameter of this, which takes {}", known.join(", ")),
        }
    }

    pub fn acts(self, action: Action) -> Self {
        Self { acts: Some(action), ..self }
    }

    pub fn takes(self, access: Access) -> Self {
        Self { access, ..self }
    }

    pub fn query<T: JsonSchema>(self) -> Self {
        Self { query: Some(T::json_schema), ..self }
    }

    pub fn body<T: JsonSchema>(self) -> Self {
        Self { body: Some(SchemaGenerator::subschema_for::<T>), ..self }
    }

    pub fn answer<T: JsonSchema>(self) -> Self {
        Self { answer: Some(SchemaGenerator::subschema_for::<T>), ..self }
    }

    pub fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub fn dry(self) -> Self {
        Self { is_dry_possible: true, ..self }
    }

    pub fn conditional(self) -> Self {
        Self { is_conditional: true, ..self }
    }
}

/// What was asked, by somebody who may.
pub(crate) struct Call<'r> {
    pub web: &'r Web,
    pub caller: &'r Caller,
    /// The path as it was asked for.
    pub address: &'r str,
    pub parts: &'r [(String, String)],
    pub query: &'r str,
    pub headers: &'r HeaderMap,
    pub body: &'r Bytes,
    /// Nothing is to be changed: only what would be is told.
    pub is_dry: bool,
}

impl Call<'_> {
    /// Of the path; an operation asks for what its own path has in it.
    pub fn part(&self, name: &str) -> &str {
        self.parts.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    pub fn query<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        query(self.query)
    }

    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        is_json(self.headers)?;
        serde_json::from_slice(self.body).map_err(|why| Problem::because(Code::Invalid, why.to_string()))
    }

    /// Asks the door, as the one who calls.
    pub fn ask(&self, request: Request) -> Result<Reply, Problem> {
        Ok(self.ask_by(&self.caller.operator, request)?)
    }

    /// As one who rehearses, say.
    pub fn ask_by(&self, by: &Operator, request: Request) -> Result<Reply, Refusal> {
        fence::ask((self.web, self.caller), by, request)
    }

    /// Whether this account is there for who asks.
    pub fn has(&self, account: &Account) -> bool {
        let fence = Fence::around(self.web, self.caller);
        fence.is_none_or(|fence| fence.has_account(account))
    }
}

pub(crate) fn query<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    let kept = text.split('&').filter(|part| !part.is_empty() && !part.starts_with("dry_run="));
    let address = format!("/?{}", kept.collect::<Vec<_>>().join("&"));
    let uri = address.parse().map_err(|_| Problem::because(Code::Invalid, "the query cannot be read"))?;
    let read = axum::extract::Query::<T>::try_from_uri(&uri);
    read.map(|query| query.0).map_err(|why| Problem::because(Code::Invalid, why.body_text()))
}

/// `application/json`, or what is built on it (RFC 6839 section 3.1).
fn is_json(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    match kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json")) {
        true => Ok(()),
        false => Err(Problem::new(Code::WrongType)),
    }
}

/// What the door answers a request with is known by the request: anything else is an error of ours.
pub(crate) fn unexpected() -> Problem {
    Problem::because(Code::Inside, "the door gave an answer of another kind")
}

pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Option<Value>,
}

impl Answer {
    pub fn json(body: impl Serialize) -> Result<Self, Problem> {
        let body =
            serde_json::to_value(body).map_err(|why| Problem::because(Code::Inside, why.to_string()))?;
        Ok(Self { status: StatusCode::OK, headers: Vec::new(), body: Some(body) })
    }

    pub fn nothing() -> Self {
        Self { status: StatusCode::NO_CONTENT, headers: Vec::new(), body: None }
    }

    /// What was made is at this place.
    pub fn created(body: impl Serialize, place: &str) -> Result<Self, Problem> {
        let mut answer = Self { status: StatusCode::CREATED, ..Self::json(body)? };
        answer.headers.extend(HeaderValue::try_from(place).ok().map(|place| (header::LOCATION, place)));
        Ok(answer)
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = match self.body {
            Some(body) => (self.status, Json(body)).into_response(),
            None => self.status.into_response(),
        };
        response.headers_mut().extend(self.headers);
        response
    }
}
