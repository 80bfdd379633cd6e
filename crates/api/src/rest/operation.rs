//! One operation of the API: a row from which the route, the right and the document are made, and what runs it.

// What is not used yet is used by the operations that come next.
#![allow(dead_code)]

use super::Web;
use super::caller::{Access, Caller, Resource, known};
use super::limits::TraceId;
use super::problem::{Code, Problem};
use super::tongue::Tongue;
use crate::model::{Reply, Request};
use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequestParts, RawPathParams, Request as HttpRequest, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use axum::{Json, Router};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Bytes of one body.
const BODY_BYTES_MAX: usize = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Patch,
    Put,
    Delete,
}

impl Verb {
    fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Patch => MethodFilter::PATCH,
            Self::Put => MethodFilter::PUT,
            Self::Delete => MethodFilter::DELETE,
        }
    }
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
    /// One sentence.
    pub summary: &'static str,
    /// May wait for a disk or for the shards: it runs on a thread of its own.
    pub run: fn(&Call<'_>) -> Result<Answer, Problem>,
}

/// What was asked, by somebody who may.
pub(crate) struct Call<'r> {
    pub web: &'r Web,
    pub caller: &'r Caller,
    pub path: &'r [(String, String)],
    pub query: &'r str,
    pub headers: &'r HeaderMap,
    pub body: &'r Bytes,
    pub tongue: Tongue,
    pub trace_id: &'r str,
}

impl Call<'_> {
    /// Of the path; an operation asks for what its own path has in it.
    pub fn part(&self, name: &str) -> &str {
        self.path.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    pub fn query<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let address = format!("/?{}", self.query);
        let uri = address.parse().map_err(|_| Problem::because(Code::Invalid, "the query cannot be read"))?;
        let read = axum::extract::Query::<T>::try_from_uri(&uri);
        read.map(|query| query.0).map_err(|why| Problem::because(Code::Invalid, why.body_text()))
    }

    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        is_json(self.headers)?;
        serde_json::from_slice(self.body).map_err(|why| Problem::because(Code::Invalid, why.to_string()))
    }

    /// Asks the door, as the one who calls.
    pub fn ask(&self, request: Request) -> Result<Reply, Problem> {
        Ok(self.web.door().answer(&self.caller.operator, request)?)
    }
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
    pub headers: Vec<(header::HeaderName, HeaderValue)>,
    pub body: Option<Value>,
}

impl Answer {
    pub fn json(body: impl Serialize) -> Result<Self, Problem> {
        let body =
            serde_json::to_value(body).map_err(|why| Problem::because(Code::Inside, why.to_string()))?;
        Ok(Self { status: StatusCode::OK, headers: Vec::new(), body: Some(body) })
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

pub(crate) fn router(operations: Vec<Operation>) -> Router<Web> {
    let mut router = Router::new();
    for operation in operations {
        let handle = move |State(web): State<Web>, request: HttpRequest| run(operation, web, request);
        router = router.route(&format!("/api/v1{}", operation.path), on(operation.verb.filter(), handle));
    }
    router
}

async fn run(operation: Operation, web: Web, request: HttpRequest) -> Result<Answer, Problem> {
    let (mut parts, body) = request.into_parts();
    let caller = known(&parts, &web).await?;
    caller.require(operation.resource, operation.access)?;
    let path = path_of(&mut parts, &web).await?;
    let body = to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| Problem::new(Code::TooLarge))?;
    let done = tokio::task::spawn_blocking(move || {
        let trace_id = parts.extensions.get::<TraceId>().map_or("", |id| &id.0);
        let call = Call {
            web: &web,
            caller: &caller,
            path: &path,
            query: parts.uri.query().unwrap_or(""),
            headers: &parts.headers,
            body: &body,
            tongue: parts.extensions.get().copied().unwrap_or_default(),
            trace_id,
        };
        (operation.run)(&call)
    });
    done.await.unwrap_or_else(|_| Err(Problem::new(Code::Inside)))
}

async fn path_of(parts: &mut Parts, web: &Web) -> Result<Vec<(String, String)>, Problem> {
    let read = RawPathParams::from_request_parts(parts, web).await;
    let read = read.map_err(|why| Problem::because(Code::Invalid, why.body_text()))?;
    Ok(read.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
}
