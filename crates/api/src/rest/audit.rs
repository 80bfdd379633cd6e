//! What was done, when and by whom.

use super::caller::Resource;
use super::operation::{Answer, Call, Operation, unexpected};
use super::page::{self, Page};
use super::problem::Problem;
use super::when;
use crate::model::{AuditView, Reply, Request};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(
            ("/audit_log", "list_audit_log"),
            Resource::AuditLog,
            "What was changed, when and by whom, the newest first.",
            list,
        )
        .query::<ListQuery>()
        .answer::<Page<AuditResource>>(),
    ]
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuditRow")]
struct AuditResource {
    /// From 1 without a gap.
    sequence: u64,
    at: String,
    operator: String,
    action: String,
    /// What it was done to, such as an address of record.
    subject: String,
    detail: String,
}

impl From<AuditView> for AuditResource {
    fn from(view: AuditView) -> Self {
        let AuditView { sequence, at, operator, action, subject, detail } = view;
        Self { sequence, at, operator, action, subject, detail }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Rows of a page, 1 to 1000; 50 unless said.
    #[schemars(range(min = 1, max = 1_000))]
    limit: Option<usize>,
    /// What the page before gave as `next_cursor`.
    cursor: Option<u64>,
    /// Only what was done then or later, as RFC 3339 writes times.
    since: Option<String>,
}

fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    let query: ListQuery = call.query()?;
    let request = Request::Audit {
        since_ms: query.since.as_deref().map(|text| when("since", text)).transpose()?,
        before: query.cursor,
        limit: page::limit(query.limit)?,
    };
    let Reply::Audit(found) = call.ask(request)? else { return Err(unexpected()) };
    let next = found.rows.last().filter(|_| found.more).map(|row| row.sequence.to_string());
    Page::told(found.rows.into_iter().map(AuditResource::from).collect(), next).answer(call)
}
