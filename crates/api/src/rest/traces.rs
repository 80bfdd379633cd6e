//! Recent messages of SIP, conversation by conversation. Secrets are hidden where messages are read, before they come here.

use super::caller::{Access, Action, Resource};
use super::operation::{Answer, Call, Operation, unexpected};
use super::page::Page;
use super::problem::Problem;
use super::when;
use crate::model::{Reply, Request};
use crate::traces::{CONVERSATIONS_MAX, ConversationView, TraceMessagesRequest};
use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(
            ("/traces", "list_traces"),
            Resource::Traces,
            "Conversations among the messages that are kept, the newest first; with `messages=true` each message too.",
            list,
        )
        .query::<ListQuery>()
        .answer::<Page<ConversationView>>(),
    ]
}

/// Conversations of one page, where nobody says how many.
const LIMIT: usize = 20;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Conversations of a page, 1 to 100; 20 unless said.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<usize>,
    /// What the page before gave as `next_cursor`.
    cursor: Option<String>,
    /// A Call-ID or its beginning, `user`, `user@domain`, `IP` or `IP:PORT`.
    q: Option<String>,
    /// Only conversations with a message after this, as RFC 3339 writes times.
    since: Option<String>,
    /// Only conversations whose last message is earlier.
    until: Option<String>,
    /// Each message with its text.
    #[serde(default)]
    messages: bool,
    /// What people write to each other too; takes the right `traces:admin`.
    #[serde(default)]
    bodies: bool,
}

fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    let query: ListQuery = call.query()?;
    if query.bodies {
        // What people write to each other is for fewer eyes than what their phones say.
        call.caller.require(Action::Control, Resource::Traces, Access::Admin)?;
    }
    let time = |name, text: Option<String>| {
        let ms = text.map(|text| when(name, &text)).transpose()?;
        Ok::<_, Problem>(ms.map(|ms| ms.saturating_mul(1_000)))
    };
    let limit = query.limit.unwrap_or(LIMIT);
    if !(1..=CONVERSATIONS_MAX).contains(&limit) {
        return Err(Problem::at("?limit", format!("a page has 1 to {CONVERSATIONS_MAX} conversations")));
    }
    let request = TraceMessagesRequest {
        what: query.q,
        limit,
        since_us: time("since", query.since)?,
        until_us: time("until", query.until)?,
        after: query.cursor,
        bodies: query.bodies,
        heads_only: !query.messages,
    };
    let Reply::Conversations(found) = call.ask(Request::TraceMessages(request))? else {
        return Err(unexpected());
    };
    Page::told(found.conversations, found.next).answer(call)
}
