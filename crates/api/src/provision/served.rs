//! `/p/TOKEN/FILE`: where phones fetch.

use super::fetch::{Fetch, Outcome};
use crate::rest::{Code, Peer, Problem, Web};
use axum::Router;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

pub(crate) fn router() -> Router<Web> {
    Router::new().route("/p/{token}/", get(folder)).route("/p/{token}/{file}", get(file))
}

async fn folder(
    web: State<Web>,
    peer: ConnectInfo<Peer>,
    Path(token): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    answer(web, &peer.0, token, String::new(), &method, &headers).await
}

async fn file(
    web: State<Web>,
    peer: ConnectInfo<Peer>,
    Path((token, file)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    answer(web, &peer.0, token, file, &method, &headers).await
}

async fn answer(
    State(web): State<Web>,
    peer: &Peer,
    token: String,
    file: String,
    method: &Method,
    headers: &HeaderMap,
) -> Response {
    if *method == Method::HEAD {
        // Who only wants to know whether it is there uses nothing up, and learns nothing.
        return Problem::new(Code::MethodNotAllowed).into_response();
    }
    let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
    let (user_agent, linphone) = (said(header::USER_AGENT.as_str()), said("x-linphone-provisioning"));
    let (from, is_private) = (peer.remote.ip(), peer.is_secure());
    let done = tokio::task::spawn_blocking(move || {
        web.door().fetch(&Fetch {
            token: &token,
            file: &file,
            user_agent: &user_agent,
            from,
            is_private,
            is_provisioning: linphone == "1",
        })
    });
    match done.await.unwrap_or(Err(Outcome::Failed)) {
        Ok(given) => {
            let headers = [(header::CONTENT_TYPE, given.content_type)];
            (headers, given.body.reveal().to_owned()).into_response()
        }
        Err(outcome) => problem(outcome).into_response(),
    }
}

/// A token that is none, and a file that is not there, look the same.
fn problem(outcome: Outcome) -> Problem {
    let said = |code, english, french| Problem { hint: Some((english, french)), ..Problem::new(code) };
    match outcome {
        Outcome::Unknown | Outcome::Beside | Outcome::Secrets | Outcome::Settings | Outcome::Phonebook => {
            Problem::new(Code::NoSuchPage)
        }
        Outcome::Over => said(
            Code::LinkOver,
            "Make a new link for this phone.",
            "Créez un nouveau lien pour ce téléphone.",
        ),
        Outcome::Used => said(
            Code::LinkOver,
            "The link was used already. If it was not this phone, revoke the device; then make a new link.",
            "Le lien a déjà servi. Si ce n'était pas ce téléphone, révoquez l'appareil ; puis créez un nouveau lien.",
        ),
        Outcome::OtherPhone => said(
            Code::Forbidden,
            "The link was made for a phone of another maker, or with another hardware address.",
            "Le lien a été créé pour un téléphone d'une autre marque, ou avec une autre adresse matérielle.",
        ),
        Outcome::NotThePhone => said(
            Code::Forbidden,
            "Open this link in Linphone: its assistant scans the code or takes the address. It was not used up.",
            "Ouvrez ce lien dans Linphone : son assistant scanne le code ou prend l'adresse. Il n'a pas été consommé.",
        ),
        Outcome::Exposed => said(
            Code::Forbidden,
            "A password is not sent in clear beyond a local network: use HTTPS.",
            "Un mot de passe n'est pas envoyé en clair hors d'un réseau local : utilisez HTTPS.",
        ),
        Outcome::Disabled => said(Code::Forbidden, "The account is disabled.", "Le compte est désactivé."),
        Outcome::Limited => Problem { retry_after_s: Some(60), ..Problem::new(Code::TooMany) },
        Outcome::Failed => Problem::new(Code::Unavailable),
    }
}
