//! How the server does.

use super::caller::Resource;
use super::operation::{Answer, Call, Operation, unexpected};
use super::problem::Problem;
use crate::model::{Reply, Request};
use schemars::JsonSchema;
use serde::Serialize;

pub(crate) fn operations() -> Vec<Operation> {
    let summary =
        "How the server does: version, domains, how many accounts and registrations, where it listens.";
    vec![Operation::get(("/status", "show_status"), Resource::Status, summary, show).answer::<StatusView>()]
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Status")]
struct StatusView {
    version: String,
    uptime_s: u64,
    /// New work is welcome.
    ready: bool,
    /// Why it is not.
    not_ready_because: Option<String>,
    domains: Vec<String>,
    accounts: usize,
    registrations: usize,
    listeners: Vec<String>,
    turn: Vec<String>,
    /// Who vouches for this server, where it is its own authority.
    authority: Option<AuthorityView>,
    /// Of a public authority, where one is asked for.
    certificate: Option<CertificateView>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Certificate")]
struct CertificateView {
    /// `null`: there is none yet.
    expires_at: Option<String>,
    /// Why none was given when it was asked for last.
    failure: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Authority")]
struct AuthorityView {
    /// Where its certificate is fetched.
    certificate: &'static str,
    /// What is compared before it is trusted.
    sha256: String,
}

fn show(call: &Call<'_>) -> Result<Answer, Problem> {
    let Reply::Status(status) = call.ask(Request::Status)? else { return Err(unexpected()) };
    let ready = call.web.watched().ready();
    Answer::json(StatusView {
        version: status.version,
        uptime_s: status.uptime_s,
        ready: ready.is_ok(),
        not_ready_because: ready.err(),
        domains: status.domains,
        accounts: status.accounts,
        registrations: status.registrations,
        listeners: status.listeners,
        turn: status.turn,
        certificate: status
            .certificate
            .map(|one| CertificateView { expires_at: one.expires_at, failure: one.failure }),
        authority: status
            .local_authority_sha256
            .map(|sha256| AuthorityView { certificate: crate::AUTHORITY_PATH, sha256 }),
    })
}
