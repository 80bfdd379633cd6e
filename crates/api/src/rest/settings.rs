//! What the server runs with. Settings are changed where they are written, and taken at a start.

use super::caller::Resource;
use super::operation::{Answer, Call, Operation, unexpected};
use super::page::Page;
use super::problem::Problem;
use crate::model::{Reply, Request, SettingView};
use schemars::JsonSchema;
use serde::Serialize;

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(
            ("/settings", "list_settings"),
            Resource::Settings,
            "What the server runs with, setting by setting, and where each was read. Secrets are not in it, all are on one page.",
            list,
        )
        .answer::<Page<SettingResource>>(),
    ]
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Setting")]
struct SettingResource {
    key: String,
    /// A text, a number or a list of texts; `null`: nothing is set, and there is no default.
    value: serde_json::Value,
    /// `default`, `--flag`, `environment COEUR_NAME` or `FILE:LINE`.
    origin: String,
    /// What it is for, in English.
    meaning: String,
}

fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    let Reply::Settings(found) = call.ask(Request::Settings)? else { return Err(unexpected()) };
    let resource =
        |SettingView { key, value, origin, meaning }| SettingResource { key, value, origin, meaning };
    Page::told(found.into_iter().map(resource).collect(), None).answer(call)
}
