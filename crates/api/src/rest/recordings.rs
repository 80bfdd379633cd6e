//! Recordings of calls that are over.

use super::caller::Resource;
use super::ids;
use super::operation::{Answer, Call, Operation, unexpected};
use super::page::{self, Page};
use super::problem::Problem;
use crate::model::{RecordingsRequest, Reply, Request};
use crate::recordings::RecordingFileView;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(
            ("/recordings", "list_recordings"),
            Resource::Recordings,
            "Recordings, those of the newest calls first.",
            list,
        )
        .query::<ListQuery>()
        .answer::<Page<RecordingResource>>(),
    ]
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Recording")]
pub(crate) struct RecordingResource {
    call_id: String,
    /// From 1: a call has several when it was recorded several times.
    part: usize,
    /// Relative to the data directory.
    file: String,
    /// Of the file, in hexadecimal.
    sha256: String,
    bytes: u64,
    begin_at: String,
    recorded_ms: u64,
    /// Silence in it that stands for what was lost.
    lost_ms: u64,
    /// Where something was left out: `MS+MS`, behind so much of the file and how much.
    pauses: Vec<String>,
    /// `policy`, an account, or an operator.
    asked_by: String,
    /// `ended`, `interrupted`, or `failed:` and why.
    ended: String,
}

impl RecordingResource {
    /// `index`: from 0, among those of its call.
    pub fn of(call: &str, index: usize, view: RecordingFileView) -> Self {
        Self {
            call_id: ids::call(call),
            part: index + 1,
            file: view.file,
            sha256: view.sha256,
            bytes: view.bytes,
            begin_at: view.begin_at,
            recorded_ms: view.recorded_ms,
            lost_ms: view.lost_ms,
            pauses: view.pauses,
            asked_by: view.asked_by,
            ended: view.ended,
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Rows of a page, 1 to 1000; 50 unless said.
    #[schemars(range(min = 1, max = 1_000))]
    limit: Option<usize>,
    /// What the page before gave as `next_cursor`.
    cursor: Option<String>,
}

fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    let query: ListQuery = call.query()?;
    let request = RecordingsRequest { before: query.cursor, limit: page::limit(query.limit)? };
    let Reply::Recordings(found) = call.ask(Request::Recordings(request))? else { return Err(unexpected()) };
    let rows = found.recordings.into_iter();
    let data =
        rows.map(|row| RecordingResource::of(&row.call, usize::from(row.part).saturating_sub(1), row.file));
    Page::told(data.collect(), found.next).answer(call)
}
