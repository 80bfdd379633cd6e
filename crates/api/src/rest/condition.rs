//! Conditions of a request (RFC 9110 section 13): nobody overwrites what he has not seen, and nobody is sent twice what he
//! has.
//!
//! An ETag is made of the representation alone, so the same state has the same tag in any process. Changes that come
//! through the API are one at a time where they carry a condition ([`super::Web::one_at_a_time`]); one over the control socket
//! may come between the look and the change.

use super::operation::{Answer, Call};
use super::problem::{Code, Problem};
use aws_lc_rs::digest::{SHA256, digest};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::Value;

/// A strong one; 96 bits of a digest, quoted.
pub(crate) fn etag(body: &Value) -> String {
    let hash = digest(&SHA256, body.to_string().as_bytes());
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(&hash.as_ref()[..12]))
}

/// The tag of what is there now must be one that the caller has seen, if he names any.
pub(crate) fn matches(call: &Call<'_>, now: impl Serialize) -> Result<(), Problem> {
    let Some(wanted) = listed(call, &header::IF_MATCH) else { return Ok(()) };
    let now = serde_json::to_value(now).map_err(|why| Problem::because(Code::Inside, why.to_string()))?;
    // Strong comparison (section 13.1.1): a weak tag is like none of ours.
    let now = etag(&now);
    match wanted.iter().any(|tag| *tag == "*" || *tag == now) {
        true => Ok(()),
        false => Err(Problem::because(Code::Changed, format!("it has the ETag {now} now"))),
    }
}

pub(crate) fn tagged(mut answer: Answer) -> Result<Answer, Problem> {
    let tag = answer.body.as_ref().map(etag);
    answer.headers.extend(tag.and_then(|tag| HeaderValue::try_from(tag).ok()).map(|tag| (header::ETAG, tag)));
    Ok(answer)
}

/// What is answered to a GET has a tag; who has it already is not sent it again.
pub(crate) fn unchanged(call: &Call<'_>, mut answer: Answer) -> Result<Answer, Problem> {
    let Some(body) = answer.body.as_ref().filter(|_| answer.status == StatusCode::OK) else {
        return Ok(answer);
    };
    let tag = etag(body);
    let known = listed(call, &header::IF_NONE_MATCH).unwrap_or_default();
    // Weak comparison (section 13.1.2).
    if known.iter().any(|have| *have == "*" || have.trim_start_matches("W/") == tag) {
        answer.status = StatusCode::NOT_MODIFIED;
        answer.body = None;
    }
    answer.headers.extend(HeaderValue::try_from(tag).ok().map(|tag| (header::ETAG, tag)));
    Ok(answer)
}

/// No tag of ours has a comma in it. `None`: the header is not there.
fn listed<'c>(call: &'c Call<'_>, name: &HeaderName) -> Option<Vec<&'c str>> {
    let mut lines = call.headers.get_all(name).iter().peekable();
    lines.peek()?;
    let texts = lines.filter_map(|line| line.to_str().ok());
    Some(texts.flat_map(|line| line.split(',')).map(str::trim).collect())
}
