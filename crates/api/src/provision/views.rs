//! What is asked and answered about phones, as JSON.

use crate::model::{GivenSecret, VerdictView};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "snake_case")]
pub enum PhonesRequest {
    /// Makes a link for the phone of a device, a device too where none is named.
    Connect(ConnectRequest),
    /// What such a phone would be told, with words in place of secrets; nothing is made.
    Render(ConnectRequest),
    List,
    Show {
        phone: String,
    },
    /// It is told nothing any more. Its devices stay.
    Remove {
        phone: String,
    },
    /// Puts these in place of all its keys, and asks it to fetch them.
    Keys {
        phone: String,
        keys: Vec<KeyView>,
    },
    /// The password of its own web page, in clear.
    PasswordShow {
        phone: String,
    },
    /// Makes a new one.
    PasswordRotate {
        phone: String,
    },
    /// Asks a registered phone to fetch its settings.
    Sync {
        account: String,
        device: Option<String>,
        reboot: bool,
    },
    /// Lets the phone of a device ring, to see whether it does and is heard.
    Ring {
        account: String,
        device: String,
    },
    /// What came of that, or has come so far.
    Rung {
        account: String,
        device: String,
    },
    /// Phones that have asked the network who tells them.
    Strangers,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectRequest {
    pub account: String,
    /// Its number; a new one is made where it is absent.
    pub device: Option<String>,
    /// Further accounts on the same phone.
    pub also: Vec<LineRequest>,
    /// As `coeur_provisioning::Vendor` names it; absent: known by `mac`, else Linphone.
    pub vendor: Option<String>,
    pub model: String,
    pub mac: Option<String>,
    /// `udp`, `tcp` or `tls`; absent: the best that such a phone takes as it comes.
    pub transport: Option<String>,
    /// `en` or `fr`.
    pub language: String,
    /// ISO 3166.
    pub country: String,
    /// Who asks has no right over phones: one that has asked the network who tells it is not told by this, it may be anybody's.
    pub tells_no_stranger: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineRequest {
    pub account: String,
    pub device: Option<String>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "about", content = "value", rename_all = "snake_case")]
pub enum PhonesReply {
    Linked(LinkView),
    Rendered(RenderedView),
    List(Vec<PhoneView>),
    Phone(PhoneView),
    Password(PasswordView),
    Removed,
    /// How many registrations of it were told.
    Synced(usize),
    Ringing(Box<RingView>),
    Strangers(Vec<StrangerView>),
}

/// Shown once. The address is worth the secrets of the phone.
#[derive(Clone, Serialize, Deserialize)]
pub struct LinkView {
    pub phone: String,
    pub account: String,
    pub device: String,
    pub vendor: String,
    pub url: GivenSecret,
    /// What a code to scan holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<GivenSecret>,
    /// What the person does.
    pub steps: Vec<String>,
    pub expires_at_s: u64,
    /// What its settings leave out, in English.
    pub left_out: Vec<String>,
    /// It had asked the network for us, and has been told the address.
    pub told: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RenderedPhone")]
pub struct RenderedView {
    pub content_type: String,
    pub settings: String,
    /// What it asks for before, and that leads it there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master: Option<String>,
    /// What its settings leave out, in English.
    pub left_out: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneView {
    pub phone: String,
    pub vendor: String,
    pub model: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// The first first.
    pub lines: Vec<PhoneLineView>,
    pub transport: String,
    /// What it said of itself when it fetched last.
    pub user_agent: String,
    pub created_at_s: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetched_at_s: Option<u64>,
    /// Each of its lines is registered now.
    pub registered: bool,
    /// Those that were set, by their positions.
    #[serde(default)]
    pub keys: Vec<KeyView>,
    /// Positions of those that such a phone cannot be told.
    #[serde(default)]
    pub unsupported_keys: Vec<u8>,
    /// When what it is told was changed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at_s: Option<u64>,
    /// What was seen of it since this server started.
    pub steps: Vec<StepView>,
    /// What is wrong with it, for programs, and as a sentence with what to do, in the language of the phone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentence: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// A programmable key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PhoneKey")]
pub struct KeyView {
    /// On the phone itself, from 1 to 40.
    pub position: u32,
    /// `line`: one of the phone's lines. `blf`: calls somebody of the same organisation, and watches him. `speed_dial`: calls.
    /// `none`: does nothing.
    pub kind: String,
    /// The line that it uses, from 1.
    pub line: u32,
    /// Who is called or watched: a number, a name of the line's domain, or `user@domain`.
    pub target: String,
    /// Shown beside it; the target when empty.
    pub label: String,
}

/// The password of a phone's own web page and menu.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PhonePassword")]
pub struct PasswordView {
    /// `pho_NUMBER`.
    pub phone: String,
    /// Who signs in with it.
    pub login: String,
    #[schemars(with = "String")]
    pub password: GivenSecret,
    /// What the phone has until it has fetched the one of now.
    #[schemars(with = "Option<String>")]
    pub before: Option<GivenSecret>,
    /// When the phone was told the one of now; `null`: it has not fetched it.
    pub told_at: Option<String>,
}

/// One account of a phone, and the device that it has for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneLineView {
    pub account: String,
    /// Its number.
    pub device: String,
    pub registered: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PhoneStep")]
pub struct StepView {
    /// RFC 3339.
    pub at: String,
    /// `link_made`, `fetched`, `registered`, or what was seen to go wrong.
    pub step: String,
}

/// How the test of a phone goes, or went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingView {
    pub account: String,
    pub device: String,
    /// The name of its call; empty: there was none to be made.
    pub call: String,
    pub began_at: String,
    pub steps: Vec<StepView>,
    pub over: bool,
    /// `heard`, `not_heard`, `no_answer`, `refused`, `media_refused` or `unreachable`, once it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    pub rang: bool,
    pub answered: bool,
    /// Something else than silence came from it.
    pub heard: bool,
    /// How its call ended, as SIP says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// RTP that came from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packets: Option<u64>,
    /// Why it is silent, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<VerdictView>,
    /// What is wrong, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// A phone that was plugged in and is nobody's yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrangerView {
    pub mac: String,
    pub vendor: String,
    pub model: String,
    pub firmware: String,
    pub address: String,
    pub seen_at: String,
    /// We write its language.
    pub can_be_told: bool,
}
