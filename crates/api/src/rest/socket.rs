//! Events and call control over one WebSocket: what is said in it is JSON, a command names a row of the table that REST has, so it
//! takes the same right and leaves the same audit row.
//!
//! Who opens it has proved who he is as for every other request, or by a ticket ([`super::ticket`]); whether it still counts is
//! asked each second and before each command.

use super::caller::{Access, Action, Caller, Resource, known};
use super::events::{LOOK_AGAIN, wanted};
use super::hearing::{Whose, hears, hears_something};
use super::operation::{Operation, Streaming};
use super::problem::{Code, Problem};
use super::tongue::Tongue;
use super::{Listening, Web, command, limits};
use crate::feed::{Happened, Kind, Listener, Missed};
use axum::extract::FromRequestParts;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::stream(
            ("/ws", "open_socket"),
            Resource::Me,
            "A WebSocket: events as in `/events`, and commands for calls, each with the right that its operation takes. To open it takes `me:read`; to subscribe, `events:read` and the right to read what the events are about.",
            open,
        )
        .query::<OpenQuery>()
        .with_ticket(),
    ]
}

/// Looked at before who asks is known.
#[derive(Deserialize, JsonSchema)]
struct OpenQuery {
    /// Of `/me/socket_ticket`, in the place of every other sign-in.
    #[expect(dead_code, reason = "it is redeemed where requests come in")]
    ticket: Option<String>,
}

/// Of one message (bytes): about twice this for each socket, 8 MB.
const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// Something is asked of who is silent this often, and who says nothing to three of them is gone.
const PING: Duration = Duration::from_secs(20);
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Whoever does not take what is told in this time is gone.
const SEND_MAX: Duration = Duration::from_secs(10);

/// RFC 6455 section 7.4: those of 4000 and above are ours to give.
const SIGNED_OUT: u16 = 4_401;
const UNSUPPORTED: u16 = 1_003;
const AWAY: u16 = 1_001;

fn open(web: Web, caller: Caller, mut head: Parts) -> Streaming {
    Box::pin(async move {
        let is_bearer = head.headers.contains_key(header::AUTHORIZATION);
        if !is_bearer && !head.headers.contains_key(header::ORIGIN) && !super::ticket::was_redeemed(&head) {
            let text = "a session opens this from a page of this server alone: there is no Origin";
            return Err(Problem::because(Code::Forbidden, text));
        }
        let upgrade = WebSocketUpgrade::from_request_parts(&mut head, &web).await;
        let upgrade = upgrade.map_err(|why| Problem::because(Code::Invalid, why.body_text()))?;
        let place = web.listens(&head).ok_or_else(|| Problem {
            retry_after_s: Some(10),
            ..Problem::because(Code::Unavailable, "too many listen already")
        })?;
        let tongue = Tongue::wanted(&head.headers);
        let talker = Talker { web, caller, head, tongue, _place: place };
        let upgrade = upgrade.max_message_size(MESSAGE_BYTES_MAX).max_frame_size(MESSAGE_BYTES_MAX);
        Ok(upgrade.on_upgrade(|socket| talker.talk(socket)).into_response())
    })
}

struct Talker {
    web: Web,
    caller: Caller,
    head: Parts,
    tongue: Tongue,
    _place: Listening,
}

/// What he listens to.
struct Ear {
    listener: Listener,
    wanted: Vec<Kind>,
    whose: Whose,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Subscribe {
    /// As in the query of `/events`; all when absent.
    types: Option<Vec<String>>,
    /// The name of the last event that was heard.
    after: Option<String>,
    /// Only what is about one's own accounts.
    #[serde(default)]
    own: bool,
}

impl Talker {
    async fn talk(mut self, mut socket: WebSocket) {
        let why = self.until_closed(&mut socket).await;
        let close = Message::Close(Some(CloseFrame { code: why.0, reason: why.1.into() }));
        // Who is gone hears it no more.
        let _ = timeout(SEND_MAX, socket.send(close)).await;
    }

    async fn until_closed(&mut self, socket: &mut WebSocket) -> (u16, &'static str) {
        let mut ear = None;
        let mut look = interval(LOOK_AGAIN);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut heard, mut pinged) = (Instant::now(), Instant::now());
        loop {
            let send = tokio::select! {
                came = socket.recv() => {
                    heard = Instant::now();
                    match came {
                        Some(Ok(Message::Text(text))) => Some(self.said(&text, &mut ear).await),
                        Some(Ok(Message::Binary(_))) => return (UNSUPPORTED, "only text is understood"),
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => None,
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return (AWAY, ""),
                    }
                }
                event = next(&mut ear) => self.event(ear.as_ref(), event),
                _ = look.tick() => {
                    if !self.is_known().await {
                        return (SIGNED_OUT, "signed out");
                    }
                    if heard.elapsed() > SILENCE_MAX {
                        return (AWAY, "nothing was heard");
                    }
                    let is_due = pinged.elapsed() > PING;
                    is_due.then(|| {
                        pinged = Instant::now();
                        Message::Ping(Default::default())
                    })
                }
            };
            let Some(message) = send else { continue };
            if !matches!(timeout(SEND_MAX, socket.send(message)).await, Ok(Ok(()))) {
                return (AWAY, "too slow");
            }
        }
    }

    /// It makes the connection live on, too.
    async fn is_known(&mut self) -> bool {
        let Ok(caller) = known(&self.head, &self.web).await else { return false };
        self.caller = caller;
        true
    }

    fn event(&self, ear: Option<&Ear>, event: Result<Arc<Happened>, Missed>) -> Option<Message> {
        let (ear, feed) = (ear?, self.web.feed());
        let told = match event {
            Ok(happened) => {
                let is_heard = ear.wanted.contains(&happened.kind)
                    && (ear.whose == Whose::Own || self.may_listen().is_ok())
                    && hears(&self.web, &self.caller, ear.whose, &happened);
                is_heard.then(|| feed.cloud_event(&happened))?
            }
            Err(Missed) => feed.gap(self.web.now_ms()),
        };
        Some(text(&json!({ "event": told })))
    }

    fn may_listen(&self) -> Result<(), Problem> {
        self.caller.require(Action::Read, Resource::Events, Access::Read)
    }

    /// Every message that is said is answered, with the `id` that it had.
    async fn said(&mut self, said: &str, ear: &mut Option<Ear>) -> Message {
        let Ok(mut said) = serde_json::from_str::<Map<String, Value>>(said) else {
            let problem = Problem::because(Code::Invalid, "a message is an object of JSON");
            return text(&self.problem(Value::Null, &problem));
        };
        let id = said.remove("id").unwrap_or_default();
        match self.done(said, ear).await {
            Ok(answer) => {
                let mut told = json!({ "id": id, "status": answer.status.as_u16() });
                if let Some(body) = answer.body {
                    told["body"] = body;
                }
                text(&told)
            }
            Err(problem) => text(&self.problem(id, &problem)),
        }
    }

    async fn done(
        &mut self,
        mut said: Map<String, Value>,
        ear: &mut Option<Ear>,
    ) -> Result<super::operation::Answer, Problem> {
        // What was taken back a moment ago opens nothing now.
        self.caller = known(&self.head, &self.web).await?;
        self.web.rates().asks(self.caller.operator.name(), self.web.now_ms())?;
        let Some(Value::String(op)) = said.remove("op") else {
            return Err(Problem::at("#/op", "it names what is to be done"));
        };
        match op.as_str() {
            "subscribe" => *ear = Some(self.subscribe(said)?),
            "unsubscribe" => *ear = None,
            op => return command::run(&self.web, &self.caller, op, said).await,
        }
        Ok(super::operation::Answer::nothing())
    }

    fn subscribe(&self, said: Map<String, Value>) -> Result<Ear, Problem> {
        let wants: Subscribe = serde_json::from_value(Value::Object(said))
            .map_err(|why| Problem::because(Code::Invalid, why.to_string()))?;
        let types = wants.types.map(|types| types.join(","));
        let wanted = wanted(types.as_deref())?;
        let whose = if wants.own { Whose::Own } else { Whose::All };
        if whose == Whose::All {
            self.may_listen()?;
            hears_something(&self.caller, &wanted)?;
        }
        Ok(Ear { listener: self.web.feed().listen(wants.after.as_deref()), wanted, whose })
    }

    fn problem(&self, id: Value, problem: &Problem) -> Value {
        let trace_id = limits::fresh_trace_id(&self.web);
        let words = problem.words(self.tongue, &trace_id);
        json!({ "id": id, "status": problem.code.status().as_u16(), "problem": words })
    }
}

/// Who listens to nothing waits for ever.
async fn next(ear: &mut Option<Ear>) -> Result<Arc<Happened>, Missed> {
    match ear {
        Some(ear) => ear.listener.next().await,
        None => std::future::pending().await,
    }
}

fn text(value: &Value) -> Message {
    Message::Text(value.to_string().into())
}
