//! `coeur webhook ...`.

use super::account::say;
use super::door::{Way, print_json, unexpected};
use super::exit::{Exit, Failure};
use super::grammar::{Webhook, WebhookVerb};
use super::table::table;
use super::terminal::print;
use super::words::Word;
use coeur_api::hooks::{
    DeliveryView, NewWebhook, WebhookAmendment, WebhookView, WebhooksReply, WebhooksRequest,
};
use coeur_api::{GivenSecret, Reply, Request};

pub fn run(arguments: Webhook) -> Result<(), Failure> {
    let json = arguments.place.json;
    let way = Way::open(&arguments.place)?;
    let reply = ask(&way, request(arguments.verb)?)?;
    match reply {
        WebhooksReply::List(all) if json => print_json(&all),
        WebhooksReply::List(all) => {
            print(&listed(&all));
            Ok(())
        }
        WebhooksReply::Webhook(view) if json => print_json(&view),
        WebhooksReply::Webhook(view) => {
            print(&listed(std::slice::from_ref(&view)));
            match view.secret.as_ref().map(GivenSecret::reveal) {
                Some(secret) => say(json, &Word::WebhookSecret.with(&[&view.id, secret])),
                None => Ok(()),
            }
        }
        WebhooksReply::Deliveries(page) if json => print_json(&page.deliveries),
        WebhooksReply::Deliveries(page) => {
            print(&deliveries(&page.deliveries));
            Ok(())
        }
        WebhooksReply::Delivery(view) if json => print_json(&view),
        WebhooksReply::Delivery(view) => say(json, &Word::DeliveryBegun.with(&[&view.id])),
        WebhooksReply::Removed => say(json, Word::WebhookRemoved.say()),
    }
}

fn ask(way: &Way, request: WebhooksRequest) -> Result<WebhooksReply, Failure> {
    match way.ask(Request::Webhooks(request))? {
        Reply::Webhooks(reply) => Ok(reply),
        other => Err(unexpected(&other)),
    }
}

fn request(verb: WebhookVerb) -> Result<WebhooksRequest, Failure> {
    Ok(match verb {
        WebhookVerb::Add { url, types, name, tenant } => {
            WebhooksRequest::Add(NewWebhook { name, url, types, tenant })
        }
        WebhookVerb::List => WebhooksRequest::List,
        WebhookVerb::Show { webhook } => WebhooksRequest::Show { webhook },
        WebhookVerb::Set { webhook, url, types, name, enabled } => {
            let enabled = enabled.as_deref().map(yes).transpose()?;
            let types = (!types.is_empty()).then_some(types);
            WebhooksRequest::Change { webhook, change: WebhookAmendment { name, url, types, enabled } }
        }
        WebhookVerb::Rm { webhook } => WebhooksRequest::Remove { webhook },
        WebhookVerb::Test { webhook } => WebhooksRequest::Test { webhook },
        WebhookVerb::RotateSecret { webhook } => WebhooksRequest::RotateSecret { webhook },
        WebhookVerb::Deliveries { webhook, limit } => {
            WebhooksRequest::Deliveries { webhook, before: None, limit }
        }
        WebhookVerb::Resend { webhook, delivery } => WebhooksRequest::Resend { webhook, delivery },
    })
}

fn yes(text: &str) -> Result<bool, Failure> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        other => Err(Failure::new(Exit::Usage, format!("--enabled: `{other}` is neither yes nor no"))),
    }
}

fn listed(all: &[WebhookView]) -> String {
    let row = |view: &WebhookView| {
        let state = match (&view.disabled_because, view.enabled) {
            (_, true) => Word::Enabled.say().to_owned(),
            (None, false) => Word::Disabled.say().to_owned(),
            (Some(why), false) => format!("{}: {why}", Word::Disabled.say()),
        };
        let types = if view.types.is_empty() { "*".to_owned() } else { view.types.join(" ") };
        let tenant = view.tenant.clone().unwrap_or_else(|| "*".to_owned());
        vec![view.id.clone(), view.name.clone(), view.url.clone(), types, tenant, state]
    };
    let heads = [Word::Number, Word::Name, Word::Address, Word::Events, Word::Tenant, Word::State];
    table(&heads.map(Word::say), &all.iter().map(row).collect::<Vec<_>>())
}

fn deliveries(all: &[DeliveryView]) -> String {
    let row = |view: &DeliveryView| {
        let next = view.next_at.clone().or_else(|| view.tried_at.clone()).unwrap_or_default();
        let why = view.why.clone().unwrap_or_default();
        let tries = view.attempts.to_string();
        vec![view.id.clone(), view.kind.clone(), view.state.clone(), tries, next, why]
    };
    let heads = [Word::Number, Word::Event, Word::State, Word::Tries, Word::When, Word::Why];
    table(&heads.map(Word::say), &all.iter().map(row).collect::<Vec<_>>())
}
