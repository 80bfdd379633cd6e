//! Recent messages of SIP, as the ladder of a conversation. Secrets are hidden where messages are read, before they come
//! here.

use super::caller::{Access, Resource};
use super::operation::{Answer, Call, Operation, unexpected};
use super::page::{self, Page};
use super::problem::Problem;
use super::when;
use crate::model::{MessageView, Reply, Request, SoundView, TraceRequest, TraceView, VerdictView};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(
            ("/traces", "list_traces"),
            Resource::Traces,
            "Conversations among the messages that are kept in memory, the oldest first, each as a ladder.",
            list,
        )
        .query::<ListQuery>()
        .answer::<Page<TraceResource>>(),
    ]
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Trace")]
struct TraceResource {
    /// Of the leg that began.
    call_id: String,
    /// Of its last message.
    last_at: String,
    messages: usize,
    /// In the order of time; absent unless `rows=true`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rows: Vec<MessageView>,
    /// Drawn with characters.
    ladder: String,
    /// Of a call that was answered: what each side said, sent and was sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    legs: Vec<SoundView>,
    /// Why somebody was not heard, the most certain first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    verdicts: Vec<VerdictView>,
    media_path: Option<String>,
}

impl From<TraceView> for TraceResource {
    fn from(view: TraceView) -> Self {
        Self {
            call_id: view.call_id,
            last_at: crate::calls::rfc3339(view.last_at_us / 1_000),
            messages: view.messages,
            rows: view.rows,
            ladder: view.ladder,
            legs: view.legs,
            verdicts: view.verdicts,
            media_path: view.media_path,
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Conversations, the latest, 1 to 1000; 50 unless said.
    #[schemars(range(min = 1, max = 1_000))]
    limit: Option<usize>,
    /// A Call-ID or its beginning, `user`, `user@domain`, `IP` or `IP:PORT`.
    q: Option<String>,
    /// Only conversations with a message after this, as RFC 3339 writes times.
    since: Option<String>,
    /// Each message with its lines.
    #[serde(default)]
    rows: bool,
    /// What people write to each other too; takes the right `traces:admin`.
    #[serde(default)]
    bodies: bool,
}

fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    let query: ListQuery = call.query()?;
    if query.bodies {
        // What people write to each other is for fewer eyes than what their phones say.
        call.caller.require(Resource::Traces, Access::Admin)?;
    }
    let since_ms = query.since.as_deref().map(|text| when("since", text)).transpose()?;
    let request = TraceRequest {
        what: query.q,
        last: page::limit(query.limit)?,
        since_us: since_ms.map(|ms| ms.saturating_mul(1_000)),
        bodies: query.bodies,
        rows: query.rows,
        ..TraceRequest::default()
    };
    let Reply::Traces(found) = call.ask(Request::Trace(request))? else { return Err(unexpected()) };
    Page::told(found.into_iter().map(TraceResource::from).collect(), None).answer(call)
}
