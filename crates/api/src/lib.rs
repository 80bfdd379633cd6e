//! The administration door: the one way in which records change, and the sockets through which it is reached.
//!
//! A [`Request`] is answered by [`Door::answer`], the same whether it came over the control socket of a running
//! server or from a command that opened the data directory itself. A change becomes a typed
//! [`coeur_directory::Change`], is committed with its audit row by [`coeur_storage::Records`], then applied to the directory,
//! then told to the shards by the [`House`].
//!
//! What it deliberately does not do: know a SIP message, a socket that carries SIP, or SQL. REST ([`rest`]) stands on
//! the same door.

mod about;
mod call_control;
mod call_control_door;
mod call_door;
mod calls;
mod client;
mod console;
mod contacts;
mod contacts_door;
mod control;
pub mod docs;
mod door;
mod embed;
pub mod feed;
mod front;
mod groups;
mod groups_door;
pub mod hooks;
mod http;
mod ids;
mod metrics;
mod model;
mod numbers;
mod numbers_door;
mod onboard;
mod operator;
mod people;
mod people_door;
mod phone_door;
pub mod provision;
mod quality;
mod recordings;
pub mod rest;
mod shares;
pub mod sheet;
mod signin;
mod trace_door;
mod traces;
mod visits;
mod wording;

pub use call_control::{CallSide, CallVerb, NewCall, usual_key_ms, usual_timeout};
pub use call_control_door::address as call_address;
pub use calls::{
    CallRecordView, CallRecordsPage, CallRecordsRequest, CallView, CallsPage, LegView, RecordSideView,
    StreamView, WayView, ms, rfc3339,
};
pub use client::{Client, ClientError};
pub use coeur_storage::Operator;
pub use contacts::{
    BookRequest, CardChange, CardFile, CardView, ContactView, ContactsPage, ContactsReply, ContactsRequest,
    ImportedView, NumberView, PhonebookEntry, RefusedCard,
};
pub use control::{Control, SOCKET_NAME};
pub use door::{Door, House};
pub use embed::{EmbedOrigin, EmbedOrigins};
pub use front::{ACME_PROTOCOL, AUTHORITY_PATH, Front, Https, Proxies};
pub use groups::{
    DestinationView, GroupAmendment, GroupView, GroupsPage, RightView, RightsView, TenantAmendment,
    TermsChange, TermsView,
};
pub use http::{Watched, serve_http};
pub use ids::Id;
pub use metrics::{Kind, MetricsText};
pub use model::*;
pub use numbers::{
    NewNumbers, NumberAmendment, NumbersAdded, NumbersPage, NumbersReply, NumbersRequest, TenantNumberView,
};
pub use onboard::{NewPerson, PersonMade};
pub use people::{NewUser, TenantView, UserAmendment, UserView, UsersPage};
pub use phone_door::{PhoneSocket, PhoneTicket, WEB_PHONE};
pub use quality::{CallQualityRequest, CallQualityView, QualityGroupView};
pub use recordings::{
    Audience, RecordVerb, RecordingFileView, RecordingOfCall, RecordingView, RecordingsPage,
};
pub use signin::{
    Desk, Errand, Fetch, Fetched, LinkView, Network, NewToken, Provider, ProviderSettings, SignInCounters,
    SignInRequest, TOKEN_PREFIX, TokenView, has_owner,
};
pub use traces::{
    CONVERSATIONS_MAX, ConversationView, ConversationsPage, MESSAGES_MAX, MessageView, PAGE_TEXT_BYTES_MAX,
    TraceExportRequest, TraceFileView, TraceFormat, TraceMessagesRequest,
};
