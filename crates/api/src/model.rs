//! What is asked and answered at the door, as JSON.

use crate::call_control::{CallVerb, NewCall};
use crate::calls::{CallRecordView, CallRecordsPage, CallRecordsRequest, CallView, CallsPage};
use crate::groups::{
    GroupAmendment, GroupView, GroupsPage, RightsView, TenantAmendment, TermsChange, TermsView,
};
use crate::onboard::{NewPerson, PersonMade};
use crate::people::{NewUser, TenantView, UserAmendment, UserView, UsersPage};
use crate::provision::{PhonesReply, PhonesRequest};
use crate::recordings::{Audience, RecordVerb, RecordingsPage};
use crate::signin::{LinkView, SignInRequest, TokenView};
use crate::traces::{
    ConversationsPage, MessageView, TraceExportRequest, TraceFileView, TraceMessagesRequest,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A secret on its way to the door. It crosses a Unix socket that only its owner can open, so it can be serialised;
/// it has no `Debug`, and is overwritten when dropped.
#[derive(Clone, Serialize, Deserialize, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
#[serde(transparent)]
pub struct GivenSecret(String);

impl GivenSecret {
    pub fn new(text: String) -> Self {
        Self(text)
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }
}

#[derive(Clone, Default, Serialize, Deserialize)]
pub struct NewAccount {
    pub account: String,
    #[serde(default)]
    pub display_name: String,
    /// Made when absent.
    pub secret: Option<GivenSecret>,
    /// `auto`, `sha256` or `md5`.
    pub policy: String,
    /// Whose it is, by login or number.
    #[serde(default)]
    pub user: Option<String>,
    /// From another system: phones have its secret already, which is taken however short it is.
    #[serde(default)]
    pub is_brought: bool,
}

/// Bytes of a name that people give.
pub const NAME_BYTES_MAX: usize = 200;
pub const SECRET_BYTES_MAX: usize = 200;
/// Characters of a secret that is given: a shorter one is guessed over the network.
pub const SECRET_CHARS_MIN: usize = 8;

/// Accounts in one [`Request::AccountsAdd`] or [`Request::AccountsKnown`]; with names and secrets of usual length about 1 MB of JSON.
pub const ACCOUNTS_PER_REQUEST_MAX: usize = 5_000;

#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum Request {
    Status,
    /// All or none; the reply lists what was made, in order.
    AccountsAdd {
        accounts: Vec<NewAccount>,
    },
    AccountsList {
        domain: Option<String>,
        after: Option<String>,
        limit: usize,
    },
    AccountShow {
        account: String,
    },
    /// Which of these are there already.
    AccountsKnown {
        accounts: Vec<String>,
    },
    AccountRemove {
        account: String,
    },
    /// What is absent stays as it is. An account that is no longer enabled loses its registrations at once.
    AccountChange {
        account: String,
        change: AccountChange,
    },
    DeviceAdd {
        account: String,
        name: String,
        secret: Option<GivenSecret>,
        policy: String,
    },
    DeviceChange {
        account: String,
        device: String,
        dtmf: String,
    },
    DeviceRevoke {
        account: String,
        device: String,
    },
    DomainAdd {
        domain: String,
        /// By its name or number; `None`: the first one.
        #[serde(default)]
        tenant: Option<String>,
    },
    DomainsList,
    DomainRemove {
        domain: String,
    },
    /// In no order. `after` is what the page before gave as `next`.
    Registrations {
        account: Option<String>,
        after: Option<String>,
        limit: usize,
    },
    Trace(TraceRequest),
    /// Credentials of STUN and TURN for a device, the first of the account where none is named.
    IceServer {
        account: String,
        device: Option<String>,
    },
    /// A ticket for the web phone of an account.
    PhoneTicket {
        account: String,
        /// Who has signed in, as `usr_4`: the phone is out when he is.
        #[serde(default)]
        user: Option<String>,
    },
    /// Calls that live.
    Calls {
        account: Option<String>,
        limit: usize,
    },
    CallShow {
        call: String,
    },
    /// Ends a call at once, on both sides.
    CallHangUp {
        call: String,
    },
    /// Records a call, or no more.
    CallTape {
        call: String,
        order: RecordVerb,
    },
    /// Plays a file of `prompts` in the data directory, or `tone:NAME`, into a call; `None`: what is played ends.
    CallPlay {
        call: String,
        sound: Option<String>,
        #[serde(default)]
        to: Audience,
    },
    /// What the server runs with.
    Settings,
    /// The newest rows of the audit chain.
    Audit {
        since_ms: Option<u64>,
        /// Only rows before this one: the last of the page before.
        #[serde(default)]
        before: Option<u64>,
        limit: usize,
    },
    /// Calls that are over.
    CallRecords(CallRecordsRequest),
    CallRecordShow {
        call: String,
    },
    /// How calls that are over sounded, in groups.
    CallQuality(crate::quality::CallQualityRequest),
    /// How people and programs prove who they are.
    SignIn {
        what: SignInRequest,
    },
    TenantAdd {
        name: String,
    },
    TenantsList,
    /// By its name or number.
    TenantShow {
        tenant: String,
    },
    TenantChange {
        tenant: String,
        change: TenantAmendment,
    },
    TenantRemove {
        tenant: String,
    },
    UserAdd {
        user: NewUser,
    },
    /// In the order of their logins. `after` is what the page before gave as `next`.
    UsersList {
        tenant: Option<String>,
        after: Option<String>,
        limit: usize,
    },
    /// By login or number.
    UserShow {
        user: String,
    },
    UserChange {
        user: String,
        change: UserAmendment,
    },
    UserRemove {
        user: String,
    },
    /// Conversations, message by message.
    TraceMessages(TraceMessagesRequest),
    Phones(PhonesRequest),
    /// Users with an account each; all or none.
    PeopleAdd {
        people: Vec<NewPerson>,
    },
    /// Recordings, those of the newest calls first.
    Recordings(RecordingsRequest),
    /// Conversations as a file.
    TraceExport(TraceExportRequest),
    GroupAdd {
        /// By its name or number; `None`: the first one.
        tenant: Option<String>,
        name: String,
    },
    /// `after` is what the page before gave as `next`.
    GroupsList {
        tenant: Option<String>,
        after: Option<String>,
        limit: usize,
    },
    /// By its number, or by its name where no other tenant has one of that name.
    GroupShow {
        group: String,
    },
    GroupChange {
        group: String,
        change: GroupAmendment,
    },
    GroupRemove {
        group: String,
    },
    /// One more address that reaches the account; a name or number alone is of its domain.
    AliasAdd {
        account: String,
        alias: String,
    },
    AliasRemove {
        account: String,
        alias: String,
    },
    /// Why it may, or may not.
    AccountRights {
        account: String,
        /// A number or address that it would call.
        to: Option<String>,
    },
    /// Begins a call for an account.
    CallOriginate {
        call: NewCall,
    },
    CallControl {
        call: String,
        order: CallVerb,
    },
    Webhooks(crate::hooks::WebhooksRequest),
    Contacts(crate::contacts::ContactsRequest),
    Numbers(crate::numbers::NumbersRequest),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingsRequest {
    /// What the page before gave as `next`.
    pub before: Option<String>,
    pub limit: usize,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TraceRequest {
    pub what: Option<String>,
    pub last: usize,
    /// Only conversations with a message later than this (microseconds since the Unix epoch).
    pub since_us: Option<u64>,
    /// Only conversations whose last message is earlier than this.
    #[serde(default)]
    pub until_us: Option<u64>,
    pub full: bool,
    pub bodies: bool,
    pub ascii: bool,
    /// The messages one by one, for whoever draws them himself.
    #[serde(default)]
    pub rows: bool,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Reply {
    Done,
    Status(Status),
    Made(Vec<Made>),
    Accounts(Vec<AccountView>),
    Account(Box<AccountView>),
    Known(Vec<String>),
    Domains(Vec<DomainView>),
    Registrations(RegistrationsPage),
    Traces(Vec<TraceView>),
    IceServer(IceServerView),
    PhoneTicket(Box<crate::phone_door::PhoneTicket>),
    Calls(CallsPage),
    Call(Box<CallView>),
    CallRecords(CallRecordsPage),
    CallRecord(Box<CallRecordView>),
    CallQuality(Box<crate::quality::CallQualityView>),
    Settings(Vec<SettingView>),
    Audit(AuditPage),
    Link(Box<LinkView>),
    Token(Box<TokenView>),
    Tokens(Vec<TokenView>),
    Tenants(Vec<TenantView>),
    Tenant(Box<TenantView>),
    Users(UsersPage),
    User(Box<UserView>),
    Conversations(ConversationsPage),
    Recordings(RecordingsPage),
    Phones(PhonesReply),
    TraceFile(Box<TraceFileView>),
    People(Vec<PersonMade>),
    Groups(GroupsPage),
    Group(Box<GroupView>),
    Rights(Box<RightsView>),
    /// A call that is begun; what becomes of it is told by events.
    CallBegun {
        call: String,
        from: String,
        to_uri: String,
    },
    Webhooks(crate::hooks::WebhooksReply),
    Contacts(crate::contacts::ContactsReply),
    Numbers(crate::numbers::NumbersReply),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditPage {
    /// The newest first.
    pub rows: Vec<AuditView>,
    /// There are older ones of the time that was asked for.
    pub more: bool,
}

/// One thing that was done, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditView {
    /// From 1 without a gap.
    pub sequence: u64,
    /// RFC 3339.
    pub at: String,
    pub operator: String,
    pub action: String,
    /// What it was done to, such as an address of record.
    pub subject: String,
    pub detail: String,
}

/// Where STUN and TURN are, and with which credentials: the `RTCIceServer` of the web, and until when it opens anything.
#[derive(Clone, Serialize, Deserialize)]
pub struct IceServerView {
    /// As RFC 7065 writes them.
    pub urls: Vec<String>,
    pub username: String,
    pub credential: GivenSecret,
    pub expires_at_s: u64,
}

/// An account or device that was made. The secret is shown this once, and only if it was not given.
#[derive(Clone, Serialize, Deserialize)]
pub struct Made {
    pub account: String,
    pub device: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<GivenSecret>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub version: String,
    pub uptime_s: u64,
    pub domains: Vec<String>,
    pub accounts: usize,
    pub registrations: usize,
    /// As `udp://192.0.2.1:5060`.
    pub listeners: Vec<String>,
    /// Where STUN and TURN are, as `turn:192.0.2.1:3478?transport=udp`.
    #[serde(default)]
    pub turn: Vec<String>,
    /// Certificate that TLS clients must trust, if it is a local one.
    pub local_authority: Option<String>,
    /// SHA-256 of it, as browsers show it.
    #[serde(default)]
    pub local_authority_sha256: Option<String>,
    /// Of a public authority, where one is asked for.
    #[serde(default)]
    pub certificate: Option<CertificateStanding>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateStanding {
    /// RFC 3339; `None`: there is none yet.
    pub expires_at: Option<String>,
    /// Of the last attempt, where it failed.
    pub failure: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountChange {
    pub display_name: Option<String>,
    /// Whose it is, by login or number; `no` for nobody's.
    pub user: Option<String>,
    pub enabled: Option<bool>,
    /// `auto`, `sha256` or `md5`.
    pub policy: Option<String>,
    /// 0: the limit of the domain.
    pub contacts_max: Option<u16>,
    /// The right to send to domains that are not ours.
    pub relay: Option<bool>,
    /// What it says itself of its rights and quota.
    pub terms: TermsChange,
    /// Names or numbers of groups; what one says counts before what a later one does; empty: none.
    pub groups: Option<Vec<String>>,
    /// Other accounts of its domain may answer its calls while they ring.
    pub pickup: Option<bool>,
    /// Who is in one of these too may answer its calls while they ring; empty: nobody.
    pub pickup_groups: Option<Vec<String>>,
    /// Which of its calls are recorded: `off`, `on-demand` or `all`.
    pub record: Option<String>,
    /// Where its calls go: a SIP or tel URI, `user@domain`, or the name or number of an account of its domain; `no` for
    /// nowhere else.
    pub forward_always: Option<String>,
    pub forward_busy: Option<String>,
    pub forward_no_answer: Option<String>,
    pub forward_offline: Option<String>,
    /// How long it rings before nobody has answered.
    pub forward_after_s: Option<u16>,
    pub dnd: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// As `acc_17`.
    #[serde(default)]
    pub id: String,
    pub account: String,
    /// Whose it is, as `usr_4`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Of that user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    pub display_name: String,
    pub enabled: bool,
    pub policy: String,
    /// `None`: the limit of the domain.
    #[serde(default)]
    pub contacts_max: Option<u16>,
    /// May send to domains that are not ours, whoever has said so.
    #[serde(default)]
    pub relay: bool,
    /// What it says itself of its rights and quota.
    #[serde(default)]
    pub terms: TermsView,
    /// Names of groups, the first first.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Further addresses that reach it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Others may answer its calls while they ring.
    #[serde(default)]
    pub pickup: bool,
    /// Who is in one of these too may answer its calls while they ring.
    #[serde(default)]
    pub pickup_groups: Vec<String>,
    /// `off`, `on-demand` or `all`.
    #[serde(default)]
    pub record: String,
    /// Where its calls go, as URIs; absent: nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward_always: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward_busy: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward_no_answer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward_offline: Option<String>,
    #[serde(default)]
    pub forward_after_s: u16,
    /// Do not disturb.
    #[serde(default)]
    pub dnd: bool,
    pub devices: Vec<DeviceView>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceView {
    pub device: String,
    pub name: String,
    pub policy: String,
    pub created_at_s: u64,
    pub proved_sha256: bool,
    /// `auto`, `rfc4733`, `info` or `inband`.
    #[serde(default)]
    pub dtmf: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingView {
    pub key: String,
    pub value: serde_json::Value,
    /// As `default`, `--shards` or `/etc/coeur/coeur.toml:3`.
    pub origin: String,
    pub meaning: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainView {
    pub domain: String,
    /// As `ten_1`.
    #[serde(default)]
    pub tenant: String,
    pub policy: String,
    pub contacts_max: u16,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationsPage {
    pub registrations: Vec<RegistrationView>,
    /// Where the next page begins; absent at the end.
    pub next: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationView {
    pub account: String,
    pub contact: String,
    /// Transport and address of its flow, as `tls 192.0.2.7:40000`; empty when it has none of ours.
    pub flow: String,
    pub device: String,
    pub expires_in_s: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceView {
    pub call_id: String,
    /// Time of its last message, microseconds since the Unix epoch.
    pub last_at_us: u64,
    pub messages: usize,
    /// Drawn, secrets hidden, ready for a terminal.
    pub ladder: String,
    /// Only when asked for, in the order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<MessageView>,
    /// Of a call that was answered: caller and callee, as they were seen last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub legs: Vec<SoundView>,
    /// Why somebody was not heard, the most certain first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verdicts: Vec<VerdictView>,
    /// Whether its media goes from phone to phone or through this server, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_path: Option<String>,
}

/// What was promised, what left and what arrived of the sound of one side of a call; empty texts for what is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(rename = "Sound")]
pub struct SoundView {
    /// `caller` or `callee`.
    pub side: String,
    pub call_id: String,
    /// Address and port.
    pub signals_from: String,
    /// Where its description says that it hears.
    pub said: String,
    /// Format, protection and direction, as `PCMU/8000 srtp sendrecv`.
    pub promised: String,
    pub sent_packets: u64,
    pub sends_to: String,
    pub received_packets: u64,
    pub heard_from: String,
    /// Packets that went no further, by reason.
    pub dropped: String,
    /// Of ICE and DTLS.
    pub path: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(rename = "Verdict")]
pub struct VerdictView {
    /// `caller` or `callee`.
    pub side: String,
    pub cause: String,
    /// About the phone of that side, in English.
    pub sentence: String,
    pub remedy: String,
    /// What the sentence names.
    pub values: Vec<String>,
}

/// Why the door said no; the text says what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub why: Why,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    Invalid,
    /// The secret that was given is guessed.
    Weak,
    NotFound,
    Exists,
    /// What is there now does not allow it; later it may.
    NotNow,
    Forbidden,
    /// Storage cannot write now; ask again.
    Unavailable,
    /// This server is not set up for it; asking again does not help.
    NotSetUp,
    /// It would have been done, and was only rehearsed.
    Rehearsed,
}

impl Refusal {
    pub fn new(why: Why, text: impl Into<String>) -> Self {
        Self { why, text: text.into() }
    }
}
