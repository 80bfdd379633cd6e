//! Domains that this server answers for.

use super::caller::{Access, Resource};
use super::change::{self, Change};
use super::operation::{Answer, Call, Operation, unexpected};
use super::page::{Page, escaped};
use super::problem::{Code, Problem};
use crate::model::{DomainView, Reply, Request};
use coeur_directory::Domain;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) fn operations() -> Vec<Operation> {
    use Resource::Domains;
    vec![
        Operation::get(("/domains", "list_domains"), Domains, "Domains that this server answers for.", list)
            .answer::<Page<DomainResource>>(),
        Operation::post(("/domains", "add_domain"), Domains, "Makes a domain.", add)
            .takes(Access::Admin)
            .body::<NewDomainBody>()
            .status(201)
            .answer::<DomainResource>()
            .dry(),
        Operation::get(("/domains/{domain}", "show_domain"), Domains, "One domain.", show)
            .answer::<DomainResource>(),
        Operation::delete(
            ("/domains/{domain}", "remove_domain"),
            Domains,
            "Removes a domain that has no account any more.",
            remove,
        )
        .dangerous()
        .dry()
        .conditional(),
    ]
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Domain")]
pub(crate) struct DomainResource {
    domain: String,
    /// As `ten_1`.
    tenant_id: String,
    /// Which digest algorithms its accounts may use: `auto`, `sha256` or `md5`.
    policy: String,
    /// Registrations of one account at a time.
    contacts_max: u16,
}

impl From<DomainView> for DomainResource {
    fn from(view: DomainView) -> Self {
        Self {
            domain: view.domain,
            tenant_id: view.tenant,
            policy: view.policy,
            contacts_max: view.contacts_max,
        }
    }
}

fn all(call: &Call<'_>) -> Result<Vec<DomainResource>, Problem> {
    let Reply::Domains(domains) = call.ask(Request::DomainsList)? else { return Err(unexpected()) };
    Ok(domains.into_iter().map(Into::into).collect())
}

pub(crate) fn of_name(call: &Call<'_>, name: &str) -> Result<DomainResource, Problem> {
    let wanted = Domain::name_of(name);
    let found = all(call)?.into_iter().find(|domain| *domain.domain == *wanted);
    found.ok_or_else(|| Problem::because(Code::NotFound, format!("`{name}` is no domain of this server")))
}

fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    Page::told(all(call)?, None).answer(call)
}

fn show(call: &Call<'_>) -> Result<Answer, Problem> {
    Answer::json(of_name(call, call.part("domain"))?)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewDomain")]
struct NewDomainBody {
    /// A host name or an address.
    domain: String,
    /// By its name or `ten_NUMBER`; the first one when absent.
    tenant: Option<String>,
}

fn add(call: &Call<'_>) -> Result<Answer, Problem> {
    let NewDomainBody { domain, tenant } = call.json()?;
    let request = Request::DomainAdd { domain: domain.clone(), tenant };
    if call.is_dry {
        return change::rehearse(call, request, &Change::Made { what: &domain });
    }
    call.ask(request)?;
    let made = of_name(call, &domain)?;
    let place = format!("/api/v1/domains/{}", escaped(&made.domain));
    Answer::created(made, &place)
}

fn remove(call: &Call<'_>) -> Result<Answer, Problem> {
    let domain = of_name(call, call.part("domain"))?;
    let request = Request::DomainRemove { domain: domain.domain.clone() };
    change::remove(call, request, domain)
}
