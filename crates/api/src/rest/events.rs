//! What happens, as it happens: Server-Sent Events, each a CloudEvent, behind what the listener has heard last.

use super::caller::{Access, Action, Caller, Resource, known};
use super::hearing::{Whose, hears, hears_something, unheard};
use super::operation::{Operation, Streaming};
use super::problem::{Code, Problem};
use super::{Listening, Web, operation};
use crate::feed::{Happened, Kind, Listener, Missed};
use axum::http::request::Parts;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{StreamExt as _, iter, unfold};
use schemars::JsonSchema;
use serde::Deserialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::stream(
            ("/events", "stream_events"),
            Resource::Events,
            "What happens, as Server-Sent Events: each `data` is a CloudEvent. With Last-Event-ID what came since is sent first.",
            |web, caller, head| stream(web, caller, head, Whose::All),
        )
        .query::<StreamQuery>(),
        Operation::stream(
            ("/me/events", "stream_my_events"),
            Resource::Me,
            "The same, of what is about one's own accounts: their registrations, calls and recordings.",
            |web, caller, head| stream(web, caller, head, Whose::Own),
        )
        .query::<StreamQuery>(),
    ]
}

/// Something is sent at least this often, so that whoever is on the way keeps the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often it is asked anew who listens and whether he still may: his token may be taken back.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(1);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StreamQuery {
    /// Types, with commas, where `*` at the end stands for what follows: `call.*,config.changed`. All when absent; of all only
    /// those whose resource the caller may read. Where he may read none of them the answer is 403; where he may not read some, a comment at
    /// the beginning names them.
    types: Option<String>,
    /// As the header Last-Event-ID, for whoever cannot send it.
    last_event_id: Option<String>,
}

fn stream(web: Web, caller: Caller, head: Parts, whose: Whose) -> Streaming {
    Box::pin(async move {
        let query: StreamQuery = operation::query(head.uri.query().unwrap_or(""))?;
        let wanted = wanted(query.types.as_deref())?;
        if whose == Whose::All {
            hears_something(&caller, &wanted)?;
        }
        // Of all that there is everybody knows that he hears what he may.
        let unheard = query.types.as_ref().map(|_| unheard(&caller, whose, &wanted)).unwrap_or_default();
        let last = head.headers.get("last-event-id").and_then(|value| value.to_str().ok());
        let listener = web.feed().listen(last.or(query.last_event_id.as_deref()));
        let place = web.listens(&head).ok_or_else(|| Problem {
            retry_after_s: Some(10),
            ..Problem::because(Code::Unavailable, "too many listen already")
        })?;
        let until = Instant::now() + LOOK_AGAIN;
        let ear = Ear { web, caller, head, whose, wanted, listener, until, _place: place };
        let heard =
            unfold(
                ear,
                |mut ear| async move { ear.next().await.map(|event| (Ok::<_, Infallible>(event), ear)) },
            );
        // A comment: who reads events alone is not disturbed, and who looks why nothing comes sees it.
        let told = (!unheard.is_empty())
            .then(|| Ok(Event::default().comment(format!("not told to you: {}", unheard.join(", ")))));
        let stream = iter(told).chain(heard);
        Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
    })
}

/// Kinds that patterns name; one that names none is an error, since its listener would wait for ever.
pub(super) fn wanted(patterns: Option<&str>) -> Result<Vec<Kind>, Problem> {
    let Some(patterns) = patterns else { return Ok(Kind::ALL.to_vec()) };
    let mut found = Vec::new();
    for pattern in patterns.split(',').map(str::trim) {
        let named = Kind::matching(pattern);
        if named.is_empty() {
            return Err(Problem::at("?types", format!("`{pattern}` is no type of event")));
        }
        found.extend(named);
    }
    Ok(found)
}

struct Ear {
    web: Web,
    caller: Caller,
    head: Parts,
    whose: Whose,
    wanted: Vec<Kind>,
    listener: Listener,
    /// When it is looked again whether he may listen.
    until: Instant,
    _place: Listening,
}

impl Ear {
    /// `None`: he may listen no more.
    async fn next(&mut self) -> Option<Event> {
        loop {
            // First, since who has ever more to hear is never waited for.
            if Instant::now() >= self.until {
                self.look_again().await?;
            }
            match timeout_at(self.until, self.listener.next()).await {
                Ok(Ok(happened)) if self.hears(&happened) => return Some(self.event(&happened)),
                Ok(Ok(_)) => {}
                Ok(Err(Missed)) => return Some(self.gap()),
                Err(_) => {}
            }
        }
    }

    /// Whether he still may. It makes the connection live on, too.
    async fn look_again(&mut self) -> Option<()> {
        self.caller = known(&self.head, &self.web).await.ok()?;
        let resource = match self.whose {
            Whose::All => Resource::Events,
            Whose::Own => Resource::Me,
        };
        self.caller.require(Action::Read, resource, Access::Read).ok()?;
        self.until = Instant::now() + LOOK_AGAIN;
        Some(())
    }

    fn hears(&self, happened: &Happened) -> bool {
        self.wanted.contains(&happened.kind) && hears(&self.web, &self.caller, self.whose, happened)
    }

    fn event(&self, happened: &Arc<Happened>) -> Event {
        let feed = self.web.feed();
        let event = Event::default().id(feed.name(happened)).event(happened.kind.name());
        event.data(feed.cloud_event(happened).to_string())
    }

    fn gap(&self) -> Event {
        let gap = self.web.feed().gap(self.web.now_ms());
        Event::default().event(Kind::StreamGap.name()).data(gap.to_string())
    }
}
