//! Conversations as JSON: what was said, message by message, for whoever draws or stores them.

use crate::model::{SoundView, VerdictView};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TraceMessagesRequest {
    /// A Call-ID (or its beginning), `user`, `user@domain`, `IP` or `IP:PORT`; all when absent.
    pub what: Option<String>,
    /// At most this many conversations, 1 to [`CONVERSATIONS_MAX`].
    pub limit: usize,
    /// Only conversations with a message later than this (microseconds since the Unix epoch).
    pub since_us: Option<u64>,
    /// Only conversations whose last message is earlier than this.
    pub until_us: Option<u64>,
    /// What the page before gave as `next`.
    pub after: Option<String>,
    /// Also what people wrote to each other, as far as it is in memory: on disk it never is.
    pub bodies: bool,
    /// Without messages: a list of conversations.
    pub heads_only: bool,
}

/// Conversations in one page.
pub const CONVERSATIONS_MAX: usize = 100;
/// Messages of one conversation, the first and the last in equal parts; how many there are is said.
pub const MESSAGES_MAX: usize = 2_000;
/// Texts of one page, in bytes; messages behind are counted as left out.
pub const PAGE_TEXT_BYTES_MAX: usize = 16 << 20;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationsPage {
    /// The newest first.
    pub conversations: Vec<ConversationView>,
    /// Where the next page begins; absent at the end.
    pub next: Option<String>,
}

/// The messages of one Call-ID, or of all legs of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(rename = "Conversation")]
pub struct ConversationView {
    /// Of the leg that began.
    pub call_id: String,
    /// Of all legs.
    pub call_ids: Vec<String>,
    /// What it began with, as `INVITE`.
    pub method: String,
    /// `user@domain` of its first message.
    pub from: String,
    pub to: String,
    pub began_at: String,
    pub last_at: String,
    pub began_at_us: u64,
    pub last_at_us: u64,
    /// In the order of time.
    pub messages: Vec<MessageView>,
    /// How many there are.
    pub messages_count: usize,
    /// Of a call that was answered: caller and callee, as they were seen last.
    pub legs: Vec<SoundView>,
    /// Why somebody was not heard, the most certain first.
    pub verdicts: Vec<VerdictView>,
    /// Whether its media goes from phone to phone or through this server, and why.
    pub media_path: Option<String>,
}

/// One message as it was on the wire, behind encryption; secrets hidden.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(rename = "Message")]
pub struct MessageView {
    /// RFC 3339, UTC.
    pub at: String,
    pub at_us: u64,
    /// `received` or `sent`.
    pub direction: String,
    /// `udp`, `tcp`, `tls`, `ws` or `wss`.
    pub transport: String,
    /// Who sent or was sent it: `IP:PORT`.
    pub remote: String,
    /// Ours, as `udp://192.0.2.1:5060`; empty where it is not known.
    pub listener: String,
    /// `INVITE bob`, `180 Ringing`.
    pub label: String,
    /// Its own, or that of its CSeq.
    pub method: String,
    /// Of a response.
    pub status: Option<u16>,
    /// As `1 INVITE`.
    pub cseq: String,
    pub call_id: String,
    /// The same was there before, in the same direction over the same way.
    pub retransmission: bool,
    /// On the wire.
    pub bytes: usize,
    /// Safe to show: secrets hidden, control characters escaped. Lines end with LF.
    pub text: String,
}

/// What a file of conversations is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TraceFormat {
    /// Messages one behind the other.
    #[default]
    Text,
    /// A sequence diagram for Mermaid.
    Mermaid,
    /// For tcpdump and Wireshark.
    Pcap,
}

impl TraceFormat {
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Text | Self::Mermaid => "text/plain; charset=utf-8",
            Self::Pcap => "application/vnd.tcpdump.pcap",
        }
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TraceExportRequest {
    #[serde(flatten)]
    pub found: TraceMessagesRequest,
    pub format: TraceFormat,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceFileView {
    pub media_type: String,
    /// In base64 (RFC 4648 section 4).
    pub content: String,
}
