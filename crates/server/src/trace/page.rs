//! Conversations for the door: message by message, secrets hidden, in pages.

use super::redact::{self, Bodies};
use super::ring::{Direction, Entry};
use super::rows::begin_and_end;
use super::search::{Conversation, Place, Query, micros};
use super::{escape, sight};
use crate::observe::silences::{sound_view, verdict_view};
use coeur_api::{
    CONVERSATIONS_MAX, ConversationView, ConversationsPage, MessageView, PAGE_TEXT_BYTES_MAX,
    TraceMessagesRequest, rfc3339,
};
use coeur_exchange::event::Looked;
use coeur_exchange::silence::Side;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// What is looked for, and how many are to be shown: one more is sought, to know whether there is a next page. A page behind
/// what no page of ours gave is empty.
pub fn query(request: &TraceMessagesRequest) -> (Query, usize) {
    let limit = request.limit.clamp(1, CONVERSATIONS_MAX);
    let at = |micros: u64| UNIX_EPOCH.checked_add(Duration::from_micros(micros));
    let after = request.after.as_ref().map(|text| text.parse().unwrap_or(Place::NOWHERE));
    let (since, until) = (request.since_us.and_then(at), request.until_us.and_then(at));
    (Query { what: request.what.clone(), last: limit + 1, since, until, after }, limit)
}

/// Whether texts are wanted.
pub fn bodies(request: &TraceMessagesRequest) -> Bodies {
    if request.bodies { Bodies::Shown } else { Bodies::Hidden }
}

/// `found` as the search gives it, the newest last. `looked`: what was seen of the call with these names.
pub fn page(
    mut found: Vec<Conversation>,
    limit: usize,
    request: &TraceMessagesRequest,
    listeners: &[String],
    looked: impl Fn(&[Vec<u8>]) -> Option<Arc<Looked>>,
) -> ConversationsPage {
    let more = found.len() > limit;
    found.drain(..found.len().saturating_sub(limit));
    let next = found.first().filter(|_| more).map(|oldest| Place::of(oldest).to_string());
    let bodies = bodies(request);
    let mut left = PAGE_TEXT_BYTES_MAX;
    let mut view = |conversation: &Conversation| {
        let mut view = head(conversation, looked(&conversation.names).as_deref());
        if !request.heads_only {
            view.messages = messages(conversation, bodies, listeners, &mut left);
        }
        view
    };
    ConversationsPage { conversations: found.iter().rev().map(&mut view).collect(), next }
}

fn head(conversation: &Conversation, looked: Option<&Looked>) -> ConversationView {
    let Some((first, last)) = conversation.entries.first().zip(conversation.entries.last()) else {
        return ConversationView::default();
    };
    let (began_at_us, last_at_us) = (micros(first.at), micros(last.at));
    ConversationView {
        call_id: conversation.call_id.clone(),
        call_ids: conversation.names.iter().map(|name| escape::line(name)).collect(),
        method: escape::line(sight::method(&first.bytes).unwrap_or_default()),
        from: sight::party(&first.bytes, "From", "f").unwrap_or_default(),
        to: sight::party(&first.bytes, "To", "t").unwrap_or_default(),
        began_at: rfc3339(began_at_us / 1_000),
        last_at: rfc3339(last_at_us / 1_000),
        began_at_us,
        last_at_us,
        messages: Vec::new(),
        messages_count: conversation.entries.len(),
        legs: looked.map_or_else(Vec::new, |looked| {
            vec![sound_view(Side::Caller, &looked.caller), sound_view(Side::Callee, &looked.callee)]
        }),
        verdicts: looked.map_or_else(Vec::new, |looked| looked.verdicts.iter().map(verdict_view).collect()),
        media_path: looked.and_then(|looked| looked.path).map(|path| path.as_str().to_owned()),
    }
}

/// As many as there is room for.
fn messages(
    conversation: &Conversation,
    bodies: Bodies,
    listeners: &[String],
    left: &mut usize,
) -> Vec<MessageView> {
    let mut seen: HashSet<(Direction, SocketAddr, &[u8])> = HashSet::new();
    let mut messages = Vec::new();
    for entry in begin_and_end(&conversation.entries) {
        let retransmission = !seen.insert((entry.direction, entry.flow.remote, &entry.bytes));
        let view = MessageView { retransmission, ..message(entry, bodies, listeners) };
        let Some(rest) = left.checked_sub(view.text.len()) else { break };
        *left = rest;
        messages.push(view);
    }
    messages
}

pub(super) fn message(entry: &Entry, bodies: Bodies, listeners: &[String]) -> MessageView {
    let value =
        |name, compact| sight::header(&entry.bytes, name, compact).map_or_else(String::new, escape::line);
    let at_us = micros(entry.at);
    MessageView {
        at: rfc3339(at_us / 1_000),
        at_us,
        direction: entry.direction.as_str().to_owned(),
        transport: sight::transport(entry.flow.transport).to_owned(),
        remote: entry.flow.remote.to_string(),
        listener: listeners.get(usize::from(entry.flow.listener.0)).cloned().unwrap_or_default(),
        label: sight::label(&entry.bytes),
        method: escape::line(sight::method(&entry.bytes).unwrap_or_default()),
        status: sight::status(&entry.bytes),
        cseq: value("CSeq", None),
        call_id: value("Call-ID", Some("i")),
        retransmission: false,
        bytes: entry.bytes.len(),
        text: redact::lines(&entry.bytes, bodies).join("\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::ladder::tests::entry;
    use crate::trace::search::search;

    const HEADERS: &str = "From: <sip:alice:s3cr3t@d>;tag=1\r\nTo: <sip:bob@d>\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n\
                           Authorization: Digest username=\"alice\", response=\"s3cr3t\"\r\n\r\n";

    fn entries() -> Vec<Entry> {
        let invite = format!("INVITE sip:bob@d SIP/2.0\r\n{HEADERS}");
        let ringing = format!("SIP/2.0 180 Ringing\r\n{HEADERS}");
        vec![
            entry(0, true, "192.0.2.1:5060", &invite),
            entry(1, true, "192.0.2.1:5060", &invite),
            entry(2, false, "192.0.2.1:5060", &ringing),
        ]
    }

    fn shown(request: &TraceMessagesRequest, entries: Vec<Entry>) -> ConversationsPage {
        let (query, limit) = query(request);
        let listeners = ["udp://192.0.2.100:5060".to_owned()];
        page(search(entries, &query), limit, request, &listeners, |_| None)
    }

    #[test]
    fn a_conversation_is_told_message_by_message_without_secrets() {
        let page = shown(&TraceMessagesRequest::default(), entries());
        let [call] = &page.conversations[..] else { panic!("{page:?}") };
        assert_eq!(
            (&*call.call_id, &*call.method, &*call.from, &*call.to),
            ("c1", "INVITE", "alice@d", "bob@d")
        );
        let rows: Vec<_> =
            call.messages.iter().map(|m| (&*m.direction, &*m.label, m.status, m.retransmission)).collect();
        assert_eq!(
            rows,
            [
                ("received", "INVITE bob", None, false),
                ("received", "INVITE bob", None, true),
                ("sent", "180 Ringing", Some(180), false)
            ]
        );
        let first = &call.messages[0];
        assert_eq!(
            (&*first.at, &*first.cseq, &*first.method),
            ("2026-11-24T04:17:21Z", "1 INVITE", "INVITE")
        );
        assert_eq!(
            (&*first.remote, &*first.transport, &*first.listener),
            ("192.0.2.1:5060", "udp", "udp://192.0.2.100:5060")
        );
        assert!(
            first.text.contains("\nAuthorization: Digest username=\"alice\", response=***"),
            "{}",
            first.text
        );
        assert!(!serde_json::to_string(&page).unwrap().contains("s3cr3t"));
        assert_eq!(page.next, None);
    }

    #[test]
    fn a_page_says_where_the_next_begins_and_what_no_page_gave_begins_nowhere() {
        let call = |second: u64, name: &str| {
            entry(
                second,
                true,
                "192.0.2.1:5060",
                &format!("OPTIONS sip:d SIP/2.0\r\nCall-ID: {name}\r\n\r\n"),
            )
        };
        let entries = vec![call(0, "one"), call(1, "two"), call(2, "three")];
        let mut request = TraceMessagesRequest { limit: 2, heads_only: true, ..Default::default() };
        let first = shown(&request, entries.clone());
        let names = |page: &ConversationsPage| {
            page.conversations.iter().map(|c| c.call_id.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&first), ["three", "two"]);
        assert!(first.conversations[0].messages.is_empty() && first.conversations[0].messages_count == 1);
        request.after = first.next;
        let second = shown(&request, entries.clone());
        assert_eq!((names(&second), second.next), (vec!["one".to_owned()], None));
        request.after = Some("nonsense".to_owned());
        assert_eq!(names(&shown(&request, entries)), Vec::<String>::new());
    }
}
