//! The words of `coeur webhook`.

use super::Place;
use clap::{Args, Subcommand};

#[derive(Args, Debug)]
pub struct Webhook {
    #[command(flatten)]
    pub place: Place,
    #[command(subcommand)]
    pub verb: WebhookVerb,
}

#[derive(Subcommand, Debug)]
pub enum WebhookVerb {
    /// Tell a place what happens from now on; its secret is shown this once
    #[command(
        after_help = "Examples:\n  coeur webhook add https://shop.example/hook --type 'call.*'\n  coeur webhook add https://crm.example/in --type call.ended --type config.changed --name crm --json\n\nA place inside your network must be in the setting webhook_inside.",
        visible_alias = "create"
    )]
    Add {
        /// Where it is told, https://...
        url: String,
        /// A type of event, `*` at the end standing for what follows; as often as needed. All when absent
        #[arg(long = "type", value_name = "TYPE")]
        types: Vec<String>,
        /// What it is for
        #[arg(long, value_name = "NAME", default_value = "")]
        name: String,
        /// Of which tenant, `*` for all of them
        #[arg(long, value_name = "TENANT")]
        tenant: Option<String>,
    },
    /// List webhooks: where, what they are told, whether they are
    #[command(after_help = "Example:\n  coeur webhook list --json", visible_alias = "ls")]
    List,
    /// Show one webhook
    #[command(after_help = "Example:\n  coeur webhook show hook_1")]
    Show {
        /// Its number or its name
        webhook: String,
    },
    /// Change where it is, what it is told, or whether it is
    #[command(
        after_help = "Examples:\n  coeur webhook set hook_1 --enabled yes\n  coeur webhook set crm --url https://crm.example/new --type 'call.*'"
    )]
    Set {
        /// Its number or its name
        webhook: String,
        #[arg(long, value_name = "URL")]
        url: Option<String>,
        /// In the place of those that it has
        #[arg(long = "type", value_name = "TYPE")]
        types: Vec<String>,
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// What waits for one that is disabled waits on
        #[arg(long, value_name = "yes|no")]
        enabled: Option<String>,
    },
    /// Tell it nothing more, and forget what waits for it
    #[command(after_help = "Example:\n  coeur webhook rm hook_1", visible_alias = "remove")]
    Rm {
        /// Its number or its name
        webhook: String,
    },
    /// Send it an event that tells nothing
    #[command(after_help = "Example:\n  coeur webhook test hook_1")]
    Test {
        /// Its number or its name
        webhook: String,
    },
    /// Give it a new secret, shown this once; the old one signs beside it for a day
    #[command(after_help = "Example:\n  coeur webhook rotate-secret hook_1")]
    RotateSecret {
        /// Its number or its name
        webhook: String,
    },
    /// What it was told and is to be told, the newest first
    #[command(
        after_help = "Examples:\n  coeur webhook deliveries hook_1\n  coeur webhook deliveries hook_1 --limit 200 --json"
    )]
    Deliveries {
        /// Its number or its name
        webhook: String,
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: usize,
    },
    /// Send a delivery once more
    #[command(after_help = "Example:\n  coeur webhook resend hook_1 del_17")]
    Resend {
        /// Its number or its name
        webhook: String,
        /// As `coeur webhook deliveries` names it
        delivery: String,
    },
}
