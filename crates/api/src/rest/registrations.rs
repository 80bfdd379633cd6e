//! Where phones are now.

use super::accounts::of_name;
use super::caller::Resource;
use super::operation::{Answer, Call, Operation, unexpected};
use super::page::{self, Page};
use super::problem::Problem;
use crate::ids::Id as _;
use crate::model::{RegistrationView, Reply, Request};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(
            ("/registrations", "list_registrations"),
            Resource::Registrations,
            "Phones that are registered now, in no order.",
            list,
        )
        .query::<ListQuery>()
        .answer::<Page<RegistrationResource>>(),
    ]
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Registration")]
struct RegistrationResource {
    account: String,
    device_id: String,
    /// The URI under which the phone wants to be reached.
    contact: String,
    /// `udp`, `tcp`, `tls`, `ws` or `wss`; absent where it has no flow of ours.
    transport: Option<String>,
    /// Address and port from which it came.
    source: Option<String>,
    expires_in_s: u64,
}

impl From<RegistrationView> for RegistrationResource {
    fn from(view: RegistrationView) -> Self {
        let flow = view.flow.split_once(' ');
        Self {
            account: view.account,
            device_id: format!("{}{}", coeur_directory::DeviceId::PREFIX, view.device),
            contact: view.contact,
            transport: flow.map(|(transport, _)| transport.to_owned()),
            source: flow.map(|(_, source)| source.to_owned()),
            expires_in_s: view.expires_in_s,
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Rows of a page, 1 to 1000; 50 unless said.
    #[schemars(range(min = 1, max = 1_000))]
    limit: Option<usize>,
    /// What the page before gave as `next_cursor`.
    cursor: Option<String>,
    /// Its id or its address; all of its registrations are one page.
    account: Option<String>,
}

fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    let query: ListQuery = call.query()?;
    let account = query.account.as_deref().map(|name| of_name(call, name)).transpose()?;
    let request = Request::Registrations {
        account: account.map(|account| account.aor.to_string()),
        after: query.cursor,
        limit: page::limit(query.limit)?,
    };
    let Reply::Registrations(found) = call.ask(request)? else { return Err(unexpected()) };
    let rows = found.registrations.into_iter().map(RegistrationResource::from).collect();
    Page::told(rows, found.next).answer(call)
}
