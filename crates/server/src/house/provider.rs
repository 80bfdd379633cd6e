//! Another server by which people sign in: what the settings say of it, and how it is reached.

use super::certificates::outside;
use crate::cli::exit::{Exit, Failure};
use crate::config::Settings;
use crate::push::client::Client;
use crate::push::reach::Trust;
use coeur_api::{Errand, Fetch, Fetched, Provider, ProviderSettings};
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use std::sync::Arc;
use zeroize::Zeroizing;

/// `None` where the settings name none.
pub fn open(settings: &Settings) -> Result<Option<Provider>, Failure> {
    let Some(wanted) = &settings.front.oidc else { return Ok(None) };
    let usage = |why: String| Failure::new(Exit::Usage, why);
    let read = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path).map(Zeroizing::new);
        text.map(|text| Zeroizing::new(text.trim().to_owned()))
            .map_err(|why| format!("{}: {why}", path.display()))
    };
    let client_secret = wanted.secret_file.as_ref().map(read).transpose().map_err(usage)?;
    let known = ProviderSettings {
        issuer: wanted.issuer.clone(),
        client_id: wanted.client.clone(),
        client_secret,
        label: wanted.label.clone(),
        groups_claim: wanted.groups_claim.clone(),
        roles: wanted.roles.clone(),
        makes_users: wanted.makes_users,
    };
    let way = Way(outside(settings).map_err(usage)?);
    Ok(Some(Provider::new(known, Arc::new(way))))
}

struct Way(Client);

impl Fetch for Way {
    fn fetch(&self, errand: Errand) -> Fetched<'_> {
        Box::pin(async move {
            let request = Request::builder().uri(errand.url).header(ACCEPT, "application/json");
            let request = match errand.authorization {
                Some(text) => request.header(AUTHORIZATION, text.as_str()),
                None => request,
            };
            let request = match errand.form {
                Some(form) => request
                    .method("POST")
                    .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(Full::new(Bytes::from(form))),
                None => request.body(Full::default()),
            };
            let answer = self.0.send(Trust::Own, request.map_err(|why| why.to_string())?).await?;
            Ok((answer.status, answer.body.to_vec()))
        })
    }
}
