//! Traces as the door tells them, by a server or of the data directory itself.

use super::traced::Traced;
use crate::observe::silences::{Silences, sound_view, verdict_view};
use crate::trace::ladder::{self, Style};
use crate::trace::redact::Bodies;
use crate::trace::rows::rows;
use crate::trace::search::{Query, micros};
use crate::trace::{Conversation, export, page};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use coeur_api::{
    ConversationsPage, TraceExportRequest, TraceFileView, TraceFormat, TraceMessagesRequest, TraceRequest,
    TraceView,
};
use coeur_exchange::silence::Side;
use std::time::{Duration, UNIX_EPOCH};

/// What is kept, for who asks.
pub struct TracesTold<'t>(pub &'t Traced);

impl TracesTold<'_> {
    pub fn traces(&self, request: &TraceRequest, silences: &Silences) -> Vec<TraceView> {
        let at = |micros: u64| UNIX_EPOCH.checked_add(Duration::from_micros(micros));
        let (since, until) = (request.since_us.and_then(at), request.until_us.and_then(at));
        let query = Query { what: request.what.clone(), last: request.last, since, until, after: None };
        let bodies = if request.bodies { Bodies::Shown } else { Bodies::Hidden };
        let style = Style { full: request.full, bodies, ascii: request.ascii };
        let view = |conversation: Conversation| {
            let looked = silences.of(&conversation.names);
            let looked = looked.as_deref();
            TraceView {
                last_at_us: conversation.entries.last().map_or(0, |entry| micros(entry.at)),
                messages: conversation.entries.len(),
                ladder: ladder::draw(&conversation, style),
                rows: if request.rows { rows(&conversation, bodies) } else { Vec::new() },
                legs: looked.map_or_else(Vec::new, |looked| {
                    vec![sound_view(Side::Caller, &looked.caller), sound_view(Side::Callee, &looked.callee)]
                }),
                verdicts: looked
                    .map_or_else(Vec::new, |looked| looked.verdicts.iter().map(verdict_view).collect()),
                media_path: looked.and_then(|looked| looked.path).map(|path| path.as_str().to_owned()),
                call_id: conversation.call_id,
            }
        };
        self.0.find(&query, bodies).into_iter().map(view).collect()
    }

    pub fn messages(
        &self,
        request: &TraceMessagesRequest,
        listeners: &[String],
        silences: &Silences,
    ) -> ConversationsPage {
        let (query, limit) = page::query(request);
        let found = self.0.find(&query, page::bodies(request));
        page::page(found, limit, request, listeners, |names| silences.of(names))
    }

    pub fn export(&self, request: &TraceExportRequest) -> Option<TraceFileView> {
        let (query, limit) = page::query(&request.found);
        let bodies = page::bodies(&request.found);
        let mut found = self.0.find(&query, bodies);
        found.drain(..found.len().saturating_sub(limit));
        let content = match request.format {
            _ if found.is_empty() => return None,
            TraceFormat::Text => export::text(&found, bodies).into_bytes(),
            TraceFormat::Mermaid => export::mermaid(&found).into_bytes(),
            TraceFormat::Pcap => export::pcap(&found, &self.0.addresses),
        };
        let media_type = request.format.media_type().to_owned();
        Some(TraceFileView { media_type, content: BASE64.encode(content) })
    }
}
