//! One certificate, from the account to the chain.

use super::board::Board;
use super::client::Http;
use super::{ProofWay, Wanted, folder, giver};
use crate::push::client::Client;
use crate::tls::proof::Proofs;
use coeur_storage::write_whole;
use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeType, Identifier, NewAccount, NewOrder, Order,
    OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use serde::Deserialize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// Authorities look from several places, one after the other.
const PATIENCE: Duration = Duration::from_secs(120);

/// Asks for one and writes it. The error is for whoever can act on it.
pub(super) async fn obtain(
    data: &Path,
    wanted: &Wanted,
    client: &Arc<Client>,
    (way, board, proofs): (ProofWay, &Board, &Proofs),
) -> Result<(), String> {
    let account = account(data, wanted, client).await?;
    let names: Vec<Identifier> = wanted.names.iter().cloned().map(Identifier::Dns).collect();
    let done = async {
        let mut order = account.new_order(&NewOrder::new(&names)).await.map_err(said)?;
        prove(&mut order, way, board, proofs).await.map_err(|why| format!("{}: {why}", way.place()))?;
        redeem(&mut order, &wanted.names).await
    };
    let done = done.await;
    board.clear();
    proofs.clear();
    let (chain, key) = done?;
    let source = super::source(data);
    // The key first: whoever sees the new certificate finds its key.
    write_whole(&source.key, key.as_bytes(), 0o600)
        .map_err(|why| format!("{}: {why}", source.key.display()))?;
    write_whole(&source.chain, chain.as_bytes(), 0o644)
        .map_err(|why| format!("{}: {why}", source.chain.display()))?;
    let giver = giver(data);
    write_whole(&giver, wanted.directory.as_bytes(), 0o644)
        .map_err(|why| format!("{}: {why}", giver.display()))
}

fn said(why: instant_acme::Error) -> String {
    why.to_string()
}

/// The one of this installation, made at first; its key stays for as long as the authority does.
async fn account(data: &Path, wanted: &Wanted, client: &Arc<Client>) -> Result<Account, String> {
    let file = folder(data).join("account.json");
    let builder = || Account::builder_with_http(Box::new(Http(client.clone())));
    if let Some(kept) = kept(&file, &wanted.directory)? {
        return builder().from_credentials(kept).await.map_err(said);
    }
    let contact: Vec<&str> = wanted.contact.iter().map(String::as_str).collect();
    let new = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
    let (account, made) = builder().create(&new, wanted.directory.clone(), None).await.map_err(said)?;
    let text = serde_json::to_string(&made).map(Zeroizing::new).map_err(|why| why.to_string())?;
    std::fs::create_dir_all(folder(data)).map_err(|why| format!("{}: {why}", folder(data).display()))?;
    write_whole(&file, text.as_bytes(), 0o600).map_err(|why| format!("{}: {why}", file.display()))?;
    Ok(account)
}

/// The account that was made at this authority. One of another is nothing here: all that is asked with it goes there.
fn kept(file: &Path, directory: &str) -> Result<Option<AccountCredentials>, String> {
    let Ok(text) = std::fs::read_to_string(file).map(Zeroizing::new) else { return Ok(None) };
    let on = |why: serde_json::Error| format!("{}: {why}", file.display());
    let place: Place = serde_json::from_str(&text).map_err(on)?;
    if place.directory.as_deref() != Some(directory) {
        return Ok(None);
    }
    serde_json::from_str(&text).map(Some).map_err(on)
}

/// Where an account was made, as it is written beside its key.
#[derive(Deserialize)]
struct Place {
    directory: Option<String>,
}

/// RFC 8555 sections 7.5 and 8.3, RFC 8737 section 3.
async fn prove(order: &mut Order, way: ProofWay, board: &Board, proofs: &Proofs) -> Result<(), String> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.map_err(said)?;
        match authorization.status {
            AuthorizationStatus::Pending => {}
            AuthorizationStatus::Valid => continue,
            other => return Err(format!("{}: {other:?}", authorization.identifier())),
        }
        let name = authorization.identifier().to_string();
        let kind = match way {
            ProofWay::Http => ChallengeType::Http01,
            ProofWay::Tls => ChallengeType::TlsAlpn01,
        };
        let challenge = authorization.challenge(kind);
        let mut challenge = challenge.ok_or_else(|| format!("{name}: the authority does not look there"))?;
        let answer = challenge.key_authorization();
        match way {
            ProofWay::Http => board.put(&challenge.token, answer.as_str()),
            ProofWay::Tls => {
                let digest = <[u8; 32]>::try_from(answer.digest().as_ref()).map_err(|why| why.to_string())?;
                proofs.put(&name, &digest)?;
            }
        }
        challenge.set_ready().await.map_err(said)?;
    }
    match order.poll_ready(&RetryPolicy::new().timeout(PATIENCE)).await.map_err(said)? {
        OrderStatus::Ready => Ok(()),
        _ => Err(refusal(order).await),
    }
}

/// Why a name was not found to be ours, as the authority says it.
async fn refusal(order: &mut Order) -> String {
    let mut authorizations = order.authorizations();
    while let Some(Ok(authorization)) = authorizations.next().await {
        for challenge in &authorization.challenges {
            if let Some(error) = &challenge.error {
                return format!("{}: {error}", authorization.identifier());
            }
        }
    }
    "the names could not be proved to be ours".to_owned()
}

/// RFC 8555 section 7.4. The key is new each time.
async fn redeem(order: &mut Order, names: &[String]) -> Result<(String, Zeroizing<String>), String> {
    let key = KeyPair::generate().map_err(|why| why.to_string())?;
    let mut params = CertificateParams::new(names.to_vec()).map_err(|why| why.to_string())?;
    params.distinguished_name = DistinguishedName::new();
    let asked = params.serialize_request(&key).map_err(|why| why.to_string())?;
    order.finalize_csr(asked.der()).await.map_err(said)?;
    let chain = order.poll_certificate(&RetryPolicy::new().timeout(PATIENCE)).await.map_err(said)?;
    Ok((chain, Zeroizing::new(key.serialize_pem())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;

    #[test]
    fn an_account_of_another_authority_is_not_used() {
        let file = std::env::temp_dir().join(format!("coeur-test-acme-account-{}.json", std::process::id()));
        assert!(kept(&file, "https://real.example/dir").unwrap().is_none(), "there is none yet");
        let key = KeyPair::generate().unwrap().serialize_der();
        let key = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(key);
        let text = serde_json::json!({
            "id": "https://staging.example/acct/1", "key_pkcs8": key, "directory": "https://staging.example/dir",
        });
        std::fs::write(&file, text.to_string()).unwrap();
        assert!(kept(&file, "https://staging.example/dir").unwrap().is_some());
        assert!(kept(&file, "https://real.example/dir").unwrap().is_none());
        std::fs::write(&file, "damaged").unwrap();
        assert!(kept(&file, "https://real.example/dir").is_err());
        std::fs::remove_file(&file).unwrap();
    }
}
