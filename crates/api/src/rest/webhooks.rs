//! Webhooks: places that are told what happens.

use super::caller::{Access, Resource, Role};
use super::change::{self, Change};
use super::hearing::tenant;
use super::operation::{Answer, Call, Operation, unexpected};
use super::page::{self, Page};
use super::problem::{Code, Problem};
use crate::feed::Kind;
use crate::hooks::{DeliveryView, NewWebhook, WebhookAmendment, WebhookView, WebhooksReply, WebhooksRequest};
use crate::ids::Id as _;
use crate::model::{GivenSecret, Reply, Request};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) fn operations() -> Vec<Operation> {
    use Resource::Webhooks;
    vec![
        Operation::get(("/webhooks", "list_webhooks"), Webhooks, "Places that are told what happens.", list)
            .answer::<Page<WebhookResource>>(),
        Operation::post(("/webhooks", "create_webhook"), Webhooks, "A place that is told what happens from now on, as Standard Webhooks has it; the secret by which it knows us is shown this once.", create)
            .body::<NewWebhookBody>()
            .status(201)
            .answer::<WebhookResource>()
            .dry(),
        Operation::get(("/webhooks/{webhook}", "show_webhook"), Webhooks, "One webhook.", show)
            .answer::<WebhookResource>(),
        Operation::patch(("/webhooks/{webhook}", "change_webhook"), Webhooks, "Changes where it is, what it is told, and whether it is.", patch)
            .body::<WebhookPatchBody>()
            .answer::<WebhookResource>()
            .dry()
            .conditional(),
        Operation::delete(("/webhooks/{webhook}", "remove_webhook"), Webhooks, "It is told nothing more, and what waited for it is forgotten.", remove)
            .dry()
            .conditional(),
        Operation::post(("/webhooks/{webhook}/actions/test", "test_webhook"), Webhooks, "Sends it an event of the type `webhook.test`; the delivery tells what became of it.", test)
            .status(201)
            .answer::<DeliveryView>(),
        Operation::post(("/webhooks/{webhook}/actions/rotate_secret", "rotate_webhook_secret"), Webhooks, "Gives it a new secret, shown this once; the old one signs beside it for a day.", rotate)
            .takes(Access::Admin)
            .answer::<WebhookResource>(),
        Operation::get(("/webhooks/{webhook}/deliveries", "list_webhook_deliveries"), Webhooks, "What it was told and is to be told, the newest first.", deliveries)
            .query::<DeliveriesQuery>()
            .answer::<Page<DeliveryView>>(),
        Operation::post(("/webhooks/{webhook}/deliveries/{delivery}/actions/resend", "resend_webhook_delivery"), Webhooks, "Sends it once more, at once and with all its tries, under the same name.", resend)
            .answer::<DeliveryView>(),
    ]
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Webhook")]
struct WebhookResource {
    /// `hook_NUMBER`.
    id: String,
    /// Whose events it is told; `null`: those of every tenant.
    tenant: Option<String>,
    name: String,
    url: String,
    /// Types, where `*` at the end stands for what follows; empty: all.
    types: Vec<String>,
    enabled: bool,
    /// Why the server has disabled it: its place has answered 410.
    disabled_because: Option<String>,
    created_at: String,
    /// Until when the secret before the last rotation signs too.
    old_secret_until: Option<String>,
    /// `whsec_…`, shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    secret: Option<GivenSecret>,
}

impl From<WebhookView> for WebhookResource {
    fn from(view: WebhookView) -> Self {
        let WebhookView { id, tenant, name, url, types, enabled, .. } = view;
        let WebhookView { disabled_because, created_at, old_secret_until, secret, .. } = view;
        Self { id, tenant, name, url, types, enabled, disabled_because, created_at, old_secret_until, secret }
    }
}

fn ask(call: &Call<'_>, request: WebhooksRequest) -> Result<WebhooksReply, Problem> {
    match call.ask(Request::Webhooks(request))? {
        Reply::Webhooks(reply) => Ok(reply),
        _ => Err(unexpected()),
    }
}

fn one(reply: WebhooksReply) -> Result<WebhookView, Problem> {
    let WebhooksReply::Webhook(view) = reply else { return Err(unexpected()) };
    Ok(*view)
}

/// Who is no owner has the webhooks of his tenant, and not those that hear of all of them.
fn is_theirs(call: &Call<'_>, view: &WebhookView) -> bool {
    call.caller.role == Role::Owner || view.tenant.as_deref() == Some(&*own_tenant(call))
}

fn own_tenant(call: &Call<'_>) -> String {
    tenant(call.web, call.caller).text()
}

fn named(call: &Call<'_>) -> Result<WebhookView, Problem> {
    let webhook = call.part("webhook").to_owned();
    let view = one(ask(call, WebhooksRequest::Show { webhook: webhook.clone() })?)?;
    let none = || Problem::because(Code::NotFound, format!("there is no webhook `{webhook}`"));
    if is_theirs(call, &view) { Ok(view) } else { Err(none()) }
}

fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    let WebhooksReply::List(all) = ask(call, WebhooksRequest::List)? else { return Err(unexpected()) };
    let theirs = all.into_iter().filter(|view| is_theirs(call, view)).map(WebhookResource::from);
    Page::told(theirs.collect(), None).answer(call)
}

fn show(call: &Call<'_>) -> Result<Answer, Problem> {
    Answer::json(WebhookResource::from(named(call)?))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewWebhook")]
struct NewWebhookBody {
    /// It begins with `https:`; other addresses only where the setting `webhook_inside` allows them.
    url: String,
    /// Types, where `*` at the end stands for what follows, such as `call.*`; all when absent.
    #[serde(default)]
    types: Vec<String>,
    #[serde(default)]
    name: String,
    /// Whose events it is told; one's own when absent. `*`: those of every tenant, which an owner alone may ask for.
    tenant: Option<String>,
}

/// A webhook tells no more than who makes it may read himself: where nothing is named it is told what he may, and it is told so
/// for as long as it is there.
fn told_of(call: &Call<'_>, types: Vec<String>) -> Result<Vec<String>, Problem> {
    let may = |kind: &Kind| call.caller.may_read(kind.resource());
    if types.is_empty() && !Kind::ALL.iter().all(may) {
        return Ok(Kind::ALL.iter().filter(|kind| may(kind)).map(|kind| kind.name().to_owned()).collect());
    }
    for pattern in &types {
        if let Some(kind) = Kind::matching(pattern).into_iter().find(|kind| !may(kind)) {
            let (name, right) = (kind.name(), kind.resource().name());
            let text = format!("`{pattern}` has `{name}`, which takes the right to read {right}");
            return Err(Problem::because(Code::Forbidden, text));
        }
    }
    Ok(types)
}

/// What was sent tells as much as what it was about: whoever may not read that is told that it was sent.
fn seen_by(call: &Call<'_>, view: DeliveryView) -> DeliveryView {
    let may = Kind::matching(&view.kind).iter().all(|kind| call.caller.may_read(kind.resource()));
    if may { view } else { DeliveryView { body: String::new(), ..view } }
}

fn create(call: &Call<'_>) -> Result<Answer, Problem> {
    let body: NewWebhookBody = call.json()?;
    let types = told_of(call, body.types)?;
    let own = own_tenant(call);
    let wanted = body.tenant.unwrap_or_else(|| own.clone());
    if call.caller.role != Role::Owner && wanted != own {
        let text = "only an owner has a webhook of another tenant, or of all of them";
        return Err(Problem::because(Code::Forbidden, text));
    }
    let what = body.url.clone();
    let new = NewWebhook { name: body.name, url: body.url, types, tenant: Some(wanted) };
    if call.is_dry {
        let request = Request::Webhooks(WebhooksRequest::Add(new));
        return change::rehearse(call, request, &Change::Made { what: &what });
    }
    let view = one(ask(call, WebhooksRequest::Add(new))?)?;
    let place = format!("/api/v1/webhooks/{}", view.id);
    Answer::created(WebhookResource::from(view), &place)
}

/// What is absent stays as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WebhookPatch")]
struct WebhookPatchBody {
    name: Option<String>,
    url: Option<String>,
    types: Option<Vec<String>>,
    /// What waits for one that is disabled waits on.
    enabled: Option<bool>,
}

fn patch(call: &Call<'_>) -> Result<Answer, Problem> {
    let body: WebhookPatchBody = call.json()?;
    let before = named(call)?;
    // Whoever sends it elsewhere sends all that it is told.
    let types = match (body.types, &body.url) {
        (Some(types), _) => Some(told_of(call, types)?),
        (None, Some(_)) => Some(told_of(call, before.types)?),
        (None, None) => None,
    };
    let webhook = before.id;
    let change = WebhookAmendment { name: body.name, url: body.url, types, enabled: body.enabled };
    let request = Request::Webhooks(WebhooksRequest::Change { webhook, change });
    change::patch(call, request, || Ok(WebhookResource::from(named(call)?)))
}

fn remove(call: &Call<'_>) -> Result<Answer, Problem> {
    let view = named(call)?;
    let request = Request::Webhooks(WebhooksRequest::Remove { webhook: view.id.clone() });
    change::remove(call, request, WebhookResource::from(view))
}

fn test(call: &Call<'_>) -> Result<Answer, Problem> {
    let webhook = named(call)?.id;
    let place = format!("/api/v1/webhooks/{webhook}/deliveries");
    let WebhooksReply::Delivery(view) = ask(call, WebhooksRequest::Test { webhook })? else {
        return Err(unexpected());
    };
    Answer::created(seen_by(call, *view), &place)
}

fn rotate(call: &Call<'_>) -> Result<Answer, Problem> {
    let webhook = named(call)?.id;
    Answer::json(WebhookResource::from(one(ask(call, WebhooksRequest::RotateSecret { webhook })?)?))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DeliveriesQuery {
    /// Rows of a page, 1 to 1000; 50 unless said.
    #[schemars(range(min = 1, max = 1_000))]
    limit: Option<usize>,
    /// What the page before gave as `next_cursor`.
    cursor: Option<String>,
}

fn deliveries(call: &Call<'_>) -> Result<Answer, Problem> {
    let query: DeliveriesQuery = call.query()?;
    let (webhook, limit) = (named(call)?.id, page::limit(query.limit)?);
    let request = WebhooksRequest::Deliveries { webhook, before: query.cursor, limit };
    let WebhooksReply::Deliveries(page) = ask(call, request)? else { return Err(unexpected()) };
    let deliveries = page.deliveries.into_iter().map(|view| seen_by(call, view));
    Page::told(deliveries.collect(), page.next).answer(call)
}

fn resend(call: &Call<'_>) -> Result<Answer, Problem> {
    let (webhook, delivery) = (named(call)?.id, call.part("delivery").to_owned());
    let WebhooksReply::Delivery(view) = ask(call, WebhooksRequest::Resend { webhook, delivery })? else {
        return Err(unexpected());
    };
    Answer::json(seen_by(call, *view))
}
