//! What runs an operation: who asks and whether he may, first; then the body; then the operation, on a thread that may wait.

use super::Web;
use super::caller::{Caller, known};
use super::fence::Fence;
use super::operation::{Answer, Call, Operation, Run, Verb, Work};
use super::problem::{Code, Problem};
use super::rate::{Left, REQUESTS_MAX};
use super::{condition, once};
use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::on;

/// Bytes of one body.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Of a file of users; as many at once as [`super::Web::large`] has places.
const LARGE_BODY_BYTES_MAX: usize = 16 << 20;

pub(crate) fn router(operations: &[Operation]) -> Router<Web> {
    operations.iter().fold(Router::new(), |router, operation| {
        let operation = *operation;
        let handle = move |State(web): State<Web>, request: Request| run(operation, web, request);
        router.route(&format!("/api/v1{}", operation.path), on(operation.verb.filter(), handle))
    })
}

async fn run(operation: Operation, web: Web, request: Request) -> Result<Response, Problem> {
    let (mut head, body) = request.into_parts();
    if operation.takes_ticket {
        web.tickets().redeem(&mut head, web.now_ms());
    }
    let caller = known(&head, &web).await?;
    let left = web.rates().asks(caller.operator.name(), web.now_ms())?;
    caller.require(operation.action(), operation.resource, operation.access)?;
    operation.knows(head.uri.query().unwrap_or(""))?;
    if operation.is_dangerous {
        caller.require_fresh(operation.resource)?;
    }
    let run = match operation.work {
        Work::Streams(stream) => return stream(web, caller, head).await,
        Work::Answers(run) => run,
    };
    let parts = parts_of(&mut head, &web).await?;
    let place = if operation.is_large { Some(web.large().acquire_owned().await) } else { None };
    let most = if operation.is_large { LARGE_BODY_BYTES_MAX } else { BODY_BYTES_MAX };
    let body = to_bytes(body, most).await.map_err(|_| Problem::new(Code::TooLarge))?;
    let work = move || answer((operation, run), &web, &caller, (&head, &parts, &body));
    let answered =
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Problem::new(Code::Inside)));
    drop(place);
    let mut response = answered.into_response();
    tell(response.headers_mut(), left);
    Ok(response)
}

/// draft-ietf-httpapi-ratelimit-headers-10.
fn tell(headers: &mut HeaderMap, left: Left) {
    let policy = format!("\"default\";q={REQUESTS_MAX};w=60");
    let now = format!("\"default\";r={};t={}", left.requests, left.next_s);
    for (name, value) in [("ratelimit-policy", policy), ("ratelimit", now)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

pub(super) fn answer(
    (operation, run): (Operation, Run),
    web: &Web,
    caller: &Caller,
    (head, parts, body): (&Parts, &[(String, String)], &Bytes),
) -> Result<Answer, Problem> {
    let query = head.uri.query().unwrap_or("");
    let is_dry = is_dry(query)?;
    if is_dry && !operation.is_dry_possible {
        return Err(Problem::at("?dry_run", "this cannot be tried: it is done or it is not"));
    }
    let call =
        Call { web, caller, address: head.uri.path(), parts, query, headers: &head.headers, body, is_dry };
    if let Some(fence) = Fence::around(web, caller) {
        fence.lets_path(&call)?;
    }
    match operation.verb {
        Verb::Get => condition::unchanged(&call, run(&call)?),
        Verb::Post => once::once(&call, || run(&call)),
        Verb::Patch | Verb::Delete => run(&call),
    }
}

fn is_dry(query: &str) -> Result<bool, Problem> {
    match query.split('&').find_map(|part| part.strip_prefix("dry_run=")) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Problem::at("?dry_run", "it is `true` or `false`")),
    }
}

async fn parts_of(head: &mut Parts, web: &Web) -> Result<Vec<(String, String)>, Problem> {
    let read = RawPathParams::from_request_parts(head, web).await;
    let read = read.map_err(|why| Problem::because(Code::Invalid, why.body_text()))?;
    Ok(read.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
}
