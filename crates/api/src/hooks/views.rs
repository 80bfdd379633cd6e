//! What is asked and answered about webhooks, as JSON.

use crate::calls::rfc3339;
use crate::ids::Id;
use crate::model::GivenSecret;
use coeur_storage::{DeliveryRow, DeliveryState, HookRow};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "snake_case")]
pub enum WebhooksRequest {
    List,
    Add(NewWebhook),
    Show {
        webhook: String,
    },
    Change {
        webhook: String,
        change: WebhookAmendment,
    },
    Remove {
        webhook: String,
    },
    /// Sends it an event that tells nothing.
    Test {
        webhook: String,
    },
    RotateSecret {
        webhook: String,
    },
    /// The newest first; `before`: the `next` of the page before.
    Deliveries {
        webhook: String,
        before: Option<String>,
        limit: usize,
    },
    Resend {
        webhook: String,
        delivery: String,
    },
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "about", content = "value", rename_all = "snake_case")]
pub enum WebhooksReply {
    List(Vec<WebhookView>),
    Webhook(Box<WebhookView>),
    Deliveries(DeliveriesPage),
    Delivery(Box<DeliveryView>),
    Removed,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NewWebhook {
    pub name: String,
    pub url: String,
    /// Patterns of types; empty: all.
    pub types: Vec<String>,
    /// By number or name; absent: the first. `*`: every tenant.
    pub tenant: Option<String>,
}

/// What is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WebhookAmendment {
    pub name: Option<String>,
    pub url: Option<String>,
    pub types: Option<Vec<String>>,
    pub enabled: Option<bool>,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct WebhookView {
    /// `hook_NUMBER`.
    pub id: String,
    /// Whose events it tells; absent: those of every tenant.
    pub tenant: Option<String>,
    pub name: String,
    pub url: String,
    /// Empty: all.
    pub types: Vec<String>,
    pub enabled: bool,
    /// Why the server has disabled it.
    pub disabled_because: Option<String>,
    pub created_at: String,
    /// Until when the secret before the last rotation signs too.
    pub old_secret_until: Option<String>,
    /// Shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<GivenSecret>,
}

impl WebhookView {
    pub(super) fn of(row: &HookRow, now_ms: u64) -> Self {
        let until_ms = row.secrets.before.as_ref().map(|(_, until_ms)| *until_ms);
        Self {
            id: row.id.text(),
            tenant: row.tenant.map(Id::text),
            name: row.name.to_string(),
            url: row.url.to_string(),
            types: row.types.split(',').filter(|kind| !kind.is_empty()).map(str::to_owned).collect(),
            enabled: row.enabled,
            disabled_because: (!row.disabled_because.is_empty()).then(|| row.disabled_because.to_string()),
            created_at: rfc3339(row.created_at_ms),
            old_secret_until: until_ms.filter(|until_ms| *until_ms > now_ms).map(rfc3339),
            secret: None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveriesPage {
    pub deliveries: Vec<DeliveryView>,
    pub next: Option<String>,
}

/// One event on its way to one webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "WebhookDelivery")]
pub struct DeliveryView {
    /// `del_NUMBER`.
    pub id: String,
    /// The name of the event: `webhook-id` of every try.
    pub event: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub created_at: String,
    /// `waiting`, `delivered` or `failed`.
    pub state: String,
    /// How often it was tried.
    pub attempts: u16,
    /// Of one that waits.
    pub next_at: Option<String>,
    pub tried_at: Option<String>,
    /// What was answered last, where anything was.
    pub status: Option<u16>,
    /// Why it was not taken.
    pub why: Option<String>,
    /// What is sent; empty for whoever may not read what it is about.
    pub body: String,
}

impl From<&DeliveryRow> for DeliveryView {
    fn from(row: &DeliveryRow) -> Self {
        Self {
            id: row.id.text(),
            event: row.event.to_string(),
            kind: row.kind.to_string(),
            created_at: rfc3339(row.created_at_ms),
            state: row.state.as_str().to_owned(),
            attempts: row.attempts,
            next_at: (row.state == DeliveryState::Waiting).then(|| rfc3339(row.next_at_ms)),
            tried_at: row.tried_at_ms.map(rfc3339),
            status: row.status,
            why: (!row.why.is_empty()).then(|| row.why.to_string()),
            body: row.body.to_string(),
        }
    }
}
