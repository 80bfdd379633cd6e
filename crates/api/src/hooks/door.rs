//! Webhooks at the door.

use super::views::{
    DeliveriesPage, DeliveryView, NewWebhook, WebhookAmendment, WebhookView, WebhooksReply, WebhooksRequest,
};
use super::{HOOKS_MAX, Hooks, secret};
use crate::door::{Door, ROWS_MAX, not_written};
use crate::feed::{About, Happened, Kind, cloud_event};
use crate::ids::Id as _;
use crate::model::{GivenSecret, NAME_BYTES_MAX, Refusal, Reply, Why};
use axum::http::Uri;
use coeur_directory::is_plain;
use coeur_storage::{
    DeliveryId, DeliveryRow, DeliveryState, HookId, HookRow, HookSecrets, Operator, Records,
};
use serde_json::json;
use std::sync::{Arc, PoisonError};
use zeroize::Zeroizing;

const URL_BYTES_MAX: usize = 1_024;
/// A secret that was replaced signs beside the new one for so long.
const OLD_SECRET_MS: u64 = 24 * 3_600_000;
/// Bytes of all patterns of one webhook.
const TYPES_BYTES_MAX: usize = 1_000;

impl Door {
    pub(crate) fn webhooks(&self, by: &Operator, request: WebhooksRequest) -> Result<Reply, Refusal> {
        let now_ms = self.house().unix_time_ms();
        let reply = match request {
            WebhooksRequest::List => {
                let all = self.hooks().all(self)?;
                WebhooksReply::List(all.iter().map(|row| WebhookView::of(row, now_ms)).collect())
            }
            WebhooksRequest::Add(new) => self.add_hook(by, new, now_ms)?,
            WebhooksRequest::Show { webhook } => shown(WebhookView::of(&self.hook(&webhook)?, now_ms)),
            WebhooksRequest::Change { webhook, change } => self.change_hook(by, &webhook, change, now_ms)?,
            WebhooksRequest::Remove { webhook } => {
                let id = self.hook(&webhook)?.id;
                meant(by)?;
                self.hooks().change(self, |records| records.remove_hook(by, id, now_ms))?;
                self.hooks().queue().forget(id);
                WebhooksReply::Removed
            }
            WebhooksRequest::Test { webhook } => self.test_hook(by, &webhook, now_ms)?,
            WebhooksRequest::RotateSecret { webhook } => self.rotate(by, &webhook, now_ms)?,
            WebhooksRequest::Deliveries { webhook, before, limit } => {
                self.deliveries(&webhook, before.as_deref(), limit)?
            }
            WebhooksRequest::Resend { webhook, delivery } => self.resend(by, &webhook, &delivery, now_ms)?,
        };
        Ok(Reply::Webhooks(reply))
    }

    /// By its number, or by its name where it is the only one of that name.
    pub(super) fn hook(&self, text: &str) -> Result<HookRow, Refusal> {
        let all = self.hooks().all(self)?;
        let id = HookId::parse(text);
        let mut found = all.iter().filter(|row| Some(row.id) == id || id.is_none() && *row.name == *text);
        match (found.next(), found.next()) {
            (Some(row), None) => Ok(row.clone()),
            (Some(_), Some(_)) => {
                let text = format!("several webhooks are called `{text}`: name it by its number");
                Err(Refusal::new(Why::Invalid, text))
            }
            (None, _) => Err(Refusal::new(Why::NotFound, format!("there is no webhook `{text}`"))),
        }
    }

    fn add_hook(&self, by: &Operator, new: NewWebhook, now_ms: u64) -> Result<WebhooksReply, Refusal> {
        let tenant = match new.tenant.as_deref() {
            Some("*") => None,
            named => Some(self.tenant_or_first(named)?),
        };
        let mut bytes = Zeroizing::new(vec![0; secret::SECRET_BYTES]);
        self.house().random(&mut bytes);
        let mut row = HookRow {
            id: HookId(0),
            tenant,
            name: name(&new.name)?.into(),
            url: self.url(&new.url)?.into(),
            types: types(&new.types)?.into(),
            enabled: true,
            disabled_because: Box::default(),
            created_at_ms: now_ms,
            secrets: HookSecrets { now: bytes, before: None },
        };
        if self.hooks().all(self)?.len() >= HOOKS_MAX {
            let text = format!("there are {HOOKS_MAX} webhooks already, which is the most");
            return Err(Refusal::new(Why::Exists, text));
        }
        meant(by)?;
        self.hooks().change(self, |records| {
            row.id = records.next_hook_id()?;
            records.put_hook(by, &row, ("webhook.added", &detail(&row)), now_ms)
        })?;
        Ok(shown(with_secret(&row, now_ms)))
    }

    fn change_hook(
        &self,
        by: &Operator,
        webhook: &str,
        change: WebhookAmendment,
        now_ms: u64,
    ) -> Result<WebhooksReply, Refusal> {
        let mut row = self.hook(webhook)?;
        if let Some(text) = change.name {
            row.name = name(&text)?.into();
        }
        if let Some(url) = change.url {
            row.url = self.url(&url)?.into();
        }
        if let Some(patterns) = change.types {
            row.types = types(&patterns)?.into();
        }
        if let Some(enabled) = change.enabled {
            (row.enabled, row.disabled_because) = (enabled, Box::default());
        }
        meant(by)?;
        self.put_hook(by, &row, "webhook.changed", now_ms)?;
        Ok(shown(WebhookView::of(&row, now_ms)))
    }

    /// What waits for one that is disabled waits on.
    pub(super) fn put_hook(
        &self,
        by: &Operator,
        row: &HookRow,
        action: &'static str,
        now_ms: u64,
    ) -> Result<(), Refusal> {
        let waiting = self.hooks().change(self, |records| {
            records.put_hook(by, row, (action, &detail(row)), now_ms)?;
            records.waiting_deliveries()
        })?;
        let mut queue = self.hooks().queue();
        queue.forget(row.id);
        for (hook, delivery, at_ms) in waiting.into_iter().filter(|_| row.enabled) {
            if hook == row.id {
                queue.add(hook, delivery, at_ms);
            }
        }
        drop(queue);
        self.hooks().wake.notify_one();
        Ok(())
    }

    fn rotate(&self, by: &Operator, webhook: &str, now_ms: u64) -> Result<WebhooksReply, Refusal> {
        let mut row = self.hook(webhook)?;
        let mut bytes = Zeroizing::new(vec![0; secret::SECRET_BYTES]);
        self.house().random(&mut bytes);
        let before = std::mem::replace(&mut row.secrets.now, bytes);
        row.secrets.before = Some((before, now_ms + OLD_SECRET_MS));
        meant(by)?;
        self.put_hook(by, &row, "webhook.secret_rotated", now_ms)?;
        Ok(shown(with_secret(&row, now_ms)))
    }

    fn test_hook(&self, by: &Operator, webhook: &str, now_ms: u64) -> Result<WebhooksReply, Refusal> {
        let hook = self.hook(webhook)?;
        let happened = Happened {
            number: 0,
            kind: Kind::WebhookTest,
            subject: hook.id.text(),
            at_ms: now_ms,
            data: json!({ "webhook": hook.id.text() }),
            about: About { tenant: hook.tenant, ..About::default() },
        };
        let mut records = self.records();
        let id = records.next_delivery_id().map_err(not_written)?;
        let event = format!("test-{}", id.0);
        let body = cloud_event(&event, &happened).to_string();
        let row = fresh(id, &hook, (&event, happened.kind), body, now_ms);
        self.begin(&mut **records, (by, "webhook.tested"), row)
    }

    fn resend(
        &self,
        by: &Operator,
        webhook: &str,
        delivery: &str,
        now_ms: u64,
    ) -> Result<WebhooksReply, Refusal> {
        let hook = self.hook(webhook)?;
        let none = || Refusal::new(Why::NotFound, format!("there is no delivery `{delivery}` of {webhook}"));
        let id = DeliveryId::parse(delivery).ok_or_else(none)?;
        let mut records = self.records();
        let row = records.delivery(id).map_err(not_written)?;
        let row = row.filter(|row| row.hook == hook.id).ok_or_else(none)?;
        if self.hooks().queue().is_flying(hook.id, id) {
            return Err(Refusal::new(Why::Exists, "it is on its way: ask again when it has arrived"));
        }
        self.begin(
            &mut **records,
            (by, "webhook.resent"),
            DeliveryRow { state: DeliveryState::Waiting, attempts: 0, next_at_ms: now_ms, ..row },
        )
    }

    /// It is tried at once.
    fn begin(
        &self,
        records: &mut dyn Records,
        (by, action): (&Operator, &'static str),
        row: DeliveryRow,
    ) -> Result<WebhooksReply, Refusal> {
        if !self.hook(&row.hook.text())?.enabled {
            return Err(Refusal::new(Why::Exists, "the webhook is disabled: enable it first"));
        }
        if !self.hooks().queue().has_room(row.hook, 0) {
            return Err(Refusal::new(Why::Unavailable, "too many deliveries of this webhook wait already"));
        }
        records.put_deliveries(std::slice::from_ref(&row)).map_err(not_written)?;
        let detail = format!("delivery={} event={}", row.id.text(), row.event);
        records
            .note(by, action, &row.hook.text(), &detail, self.house().unix_time_ms())
            .map_err(not_written)?;
        self.hooks().queue().add(row.hook, row.id, row.next_at_ms);
        self.hooks().wake.notify_one();
        Ok(WebhooksReply::Delivery(Box::new((&row).into())))
    }

    fn deliveries(
        &self,
        webhook: &str,
        before: Option<&str>,
        limit: usize,
    ) -> Result<WebhooksReply, Refusal> {
        let hook = self.hook(webhook)?.id;
        let no_cursor = || Refusal::new(Why::Invalid, "the cursor is none of a page before");
        let before = before.map(|text| DeliveryId::parse(text).ok_or_else(no_cursor)).transpose()?;
        let limit = limit.clamp(1, ROWS_MAX);
        let mut rows = self.records().deliveries(hook, before, limit + 1).map_err(not_written)?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|row| row.id.text());
        let deliveries = rows.iter().map(DeliveryView::from).collect();
        Ok(WebhooksReply::Deliveries(DeliveriesPage { deliveries, next }))
    }

    fn url(&self, text: &str) -> Result<String, Refusal> {
        let wrong = |why: &str| Refusal::new(Why::Invalid, format!("the address `{text}` {why}"));
        let uri: Uri = text.parse().map_err(|_| wrong("cannot be read"))?;
        if text.len() > URL_BYTES_MAX {
            return Err(wrong("is too long"));
        }
        if !matches!(uri.scheme_str(), Some("https" | "http")) || uri.host().is_none_or(str::is_empty) {
            return Err(wrong("is not like https://example.org/hook"));
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(wrong("has a password in it, which would stand in logs: sign-in is by signature"));
        }
        match self.hooks().sender.get().and_then(|sender| sender.objection(text)) {
            Some(why) => Err(wrong(&why)),
            None => Ok(text.to_owned()),
        }
    }
}

impl Hooks {
    /// All of them, by their numbers.
    pub(super) fn all(&self, door: &Door) -> Result<Arc<[HookRow]>, Refusal> {
        if let Some(all) = &*self.book.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(all.clone());
        }
        let mut records = door.records();
        self.read(&mut **records, door)
    }

    /// Reads them anew, under the lock of the records.
    fn read(&self, records: &mut dyn Records, door: &Door) -> Result<Arc<[HookRow]>, Refusal> {
        let all: Arc<[HookRow]> = records.hooks().map_err(not_written)?.into();
        door.house().keeps_events(all.iter().any(|row| row.enabled));
        *self.book.write().unwrap_or_else(PoisonError::into_inner) = Some(all.clone());
        Ok(all)
    }

    pub(super) fn change<R>(
        &self,
        door: &Door,
        change: impl FnOnce(&mut dyn Records) -> Result<R, coeur_storage::StorageError>,
    ) -> Result<R, Refusal> {
        let mut records = door.records();
        let changed = change(&mut **records).map_err(not_written)?;
        self.read(&mut **records, door)?;
        Ok(changed)
    }
}

pub(super) fn fresh(
    id: DeliveryId,
    hook: &HookRow,
    (event, kind): (&str, Kind),
    body: String,
    now_ms: u64,
) -> DeliveryRow {
    DeliveryRow {
        id,
        hook: hook.id,
        event: event.into(),
        kind: kind.name().into(),
        body: body.into(),
        created_at_ms: now_ms,
        state: DeliveryState::Waiting,
        attempts: 0,
        next_at_ms: now_ms,
        tried_at_ms: None,
        status: None,
        why: Box::default(),
    }
}

/// A rehearsal ends here.
fn meant(by: &Operator) -> Result<(), Refusal> {
    match by.is_rehearsing() {
        true => Err(Refusal::new(Why::Rehearsed, "it would be done")),
        false => Ok(()),
    }
}

fn shown(view: WebhookView) -> WebhooksReply {
    WebhooksReply::Webhook(Box::new(view))
}

fn with_secret(row: &HookRow, now_ms: u64) -> WebhookView {
    let text = secret::text(&row.secrets.now);
    WebhookView { secret: Some(GivenSecret::new(text.to_string())), ..WebhookView::of(row, now_ms) }
}

fn detail(row: &HookRow) -> String {
    let tenant = row.tenant.map_or_else(|| "*".to_owned(), |tenant| tenant.0.to_string());
    let HookRow { url, types, enabled, disabled_because, .. } = row;
    let mut detail = format!("tenant={tenant} url={url} types={types} enabled={enabled}");
    if !disabled_because.is_empty() {
        detail.push_str(&format!(" because={disabled_because}"));
    }
    detail
}

fn name(text: &str) -> Result<&str, Refusal> {
    let text = text.trim();
    let is_good = text.len() <= NAME_BYTES_MAX && is_plain(text);
    is_good.then_some(text).ok_or_else(|| Refusal::new(Why::Invalid, "the name is too long, or no text"))
}

fn types(patterns: &[String]) -> Result<String, Refusal> {
    for pattern in patterns {
        if pattern.contains(',') || Kind::matching(pattern).is_empty() {
            return Err(Refusal::new(Why::Invalid, format!("`{pattern}` is no type of event")));
        }
    }
    let all = patterns.join(",");
    let fits = all.len() <= TYPES_BYTES_MAX;
    fits.then_some(all).ok_or_else(|| Refusal::new(Why::Invalid, "there are too many types"))
}
