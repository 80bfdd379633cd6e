//! How a thing is changed or removed: under the condition that the caller has seen it as it is, or as a rehearsal that tells
//! what would be.

use super::condition;
use super::jobs::RowError;
use super::operation::{Answer, Call, unexpected};
use super::problem::{Code, Problem};
use crate::model::{Refusal, Request, Why};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// What a change does, for who only wants to know.
pub(crate) enum Change<'c> {
    Made {
        what: &'c str,
    },
    /// The body of the request is a merge patch of this.
    Patched(Value),
    Removed(Value),
}

/// What would be done. Nothing was.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Rehearsal {
    pub dry_run: bool,
    pub differences: Vec<Difference>,
    /// Of an import, which has no differences.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<TriedRows>,
}

/// Rows of a file, each looked at as if it were meant.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TriedRows {
    pub total: usize,
    /// Of these.
    pub failed: usize,
    /// The first 1000.
    pub errors: Vec<RowError>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Difference {
    /// A JSON Pointer (RFC 6901); empty: the whole of it.
    pointer: String,
    before: Value,
    after: Value,
}

/// The door checks it as if it were meant, and stops before it is written.
pub(crate) fn rehearse(call: &Call<'_>, request: Request, change: &Change<'_>) -> Result<Answer, Problem> {
    let operator = call.caller.operator.rehearsing();
    match call.ask_by(&operator, request) {
        Err(Refusal { why: Why::Rehearsed, .. }) => {}
        Err(refusal) => return Err(refusal.into()),
        Ok(_) => return Err(unexpected()),
    }
    let differences = match change {
        Change::Made { what } => vec![whole(Value::Null, Value::from(*what))],
        Change::Removed(before) => vec![whole(before.clone(), Value::Null)],
        Change::Patched(before) => differences(before, call),
    };
    Answer::json(Rehearsal { dry_run: true, differences, rows: None })
}

fn whole(before: Value, after: Value) -> Difference {
    Difference { pointer: String::new(), before, after }
}

/// What the body of a request names and is not so already. Resources are flat: a member is replaced whole.
fn differences(before: &Value, call: &Call<'_>) -> Vec<Difference> {
    let patch: Value = serde_json::from_slice(call.body).unwrap_or_default();
    let members = patch.as_object().into_iter().flatten();
    let changed = members.filter(|(name, after)| before.get(name.as_str()) != Some(*after));
    let difference = |(name, after): (&String, &Value)| Difference {
        pointer: format!("/{name}"),
        before: before.get(name).cloned().unwrap_or_default(),
        after: after.clone(),
    };
    changed.map(difference).collect()
}

/// A merge patch of what `now` tells; answered with what it has become.
pub(crate) fn patch<T: Serialize>(
    call: &Call<'_>,
    request: Request,
    now: impl Fn() -> Result<T, Problem>,
) -> Result<Answer, Problem> {
    let _alone = call.web.one_at_a_time();
    let before = value(now()?)?;
    condition::matches(call, &before)?;
    if call.is_dry {
        return rehearse(call, request, &Change::Patched(before));
    }
    call.ask(request)?;
    condition::tagged(Answer::json(now()?)?)
}

pub(crate) fn remove(call: &Call<'_>, request: Request, now: impl Serialize) -> Result<Answer, Problem> {
    let _alone = call.web.one_at_a_time();
    let before = value(now)?;
    condition::matches(call, &before)?;
    if call.is_dry {
        return rehearse(call, request, &Change::Removed(before));
    }
    call.ask(request)?;
    Ok(Answer::nothing())
}

fn value(of: impl Serialize) -> Result<Value, Problem> {
    serde_json::to_value(of).map_err(|why| Problem::because(Code::Inside, why.to_string()))
}
