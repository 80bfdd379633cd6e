//! Lists are given page by page: `?limit=50&cursor=…`, where the cursor is what the page before gave, and means nothing to
//! anybody else.

use super::operation::{Answer, Call};
use super::problem::Problem;
use axum::http::{HeaderValue, header};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Rows of one page.
const LIMIT: usize = 50;
pub(crate) const LIMIT_MAX: usize = 1_000;

#[derive(Serialize, JsonSchema)]
pub(crate) struct Page<T> {
    pub data: Vec<T>,
    /// What asks for the next page, as `cursor`.
    pub next_cursor: Option<String>,
    pub has_more: bool,
}

/// What is asked of a list of things that tenants have.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OfTenant {
    /// Rows of a page, 1 to 1000; 50 unless said.
    #[schemars(range(min = 1, max = 1_000))]
    pub limit: Option<usize>,
    /// What the page before gave as `next_cursor`.
    pub cursor: Option<String>,
    /// By its name or `ten_NUMBER`.
    pub tenant: Option<String>,
}

pub(crate) fn limit(asked: Option<usize>) -> Result<usize, Problem> {
    match asked.unwrap_or(LIMIT) {
        limit @ 1..=LIMIT_MAX => Ok(limit),
        _ => Err(Problem::at("?limit", format!("a page has 1 to {LIMIT_MAX} rows"))),
    }
}

impl<T> Page<T> {
    /// Of one row more than was wanted, if there is one; `cursor` is made of the last that is shown.
    pub fn cut(mut rows: Vec<T>, limit: usize, cursor: impl Fn(&T) -> String) -> Self {
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| has_more).map(cursor);
        Self { data: rows, next_cursor, has_more }
    }

    /// Whose next page is told by whom it comes from.
    pub fn told(data: Vec<T>, next_cursor: Option<String>) -> Self {
        Self { data, has_more: next_cursor.is_some(), next_cursor }
    }

    pub fn map<U>(self, into: impl FnMut(T) -> U) -> Page<U> {
        Page {
            data: self.data.into_iter().map(into).collect(),
            next_cursor: self.next_cursor,
            has_more: self.has_more,
        }
    }
}

impl<T: Serialize> Page<T> {
    /// With the address of the next page in a Link header (RFC 8288).
    pub fn answer(self, call: &Call<'_>) -> Result<Answer, Problem> {
        let link = self.next_cursor.as_deref().map(|cursor| link(call, cursor));
        let mut answer = Answer::json(self)?;
        if let Some(link) = link.and_then(|link| HeaderValue::try_from(link).ok()) {
            answer.headers.push((header::LINK, link));
        }
        Ok(answer)
    }
}

/// The same question, with another cursor.
fn link(call: &Call<'_>, cursor: &str) -> String {
    let kept = call.query.split('&').filter(|part| !part.is_empty() && !part.starts_with("cursor="));
    let mut query: Vec<String> = kept.map(str::to_owned).collect();
    query.push(format!("cursor={}", escaped(cursor)));
    format!("<{}?{}>; rel=\"next\"", call.address, query.join("&"))
}

/// RFC 3986 section 2.1.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte.into()),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
