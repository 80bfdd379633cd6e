//! Why a request was not done, as `application/problem+json` (RFC 9457), with what to do about it in the language of who
//! asks.

use super::tongue::Tongue;
use crate::model::{Refusal, Why};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

macro_rules! codes {
    ($($variant:ident $status:literal $name:literal $title:literal $titre:literal $hint:literal $conseil:literal;)*) => {
        /// What a program may tell problems apart by.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code { $($variant),* }

        impl Code {
            pub const ALL: &'static [Code] = &[$(Code::$variant),*];

            pub fn name(self) -> &'static str { match self { $(Code::$variant => $name),* } }

            fn number(self) -> u16 { match self { $(Code::$variant => $status),* } }

            pub(crate) fn title(self, tongue: Tongue) -> &'static str {
                match self { $(Code::$variant => tongue.pick($title, $titre)),* }
            }

            pub(crate) fn hint(self, tongue: Tongue) -> &'static str {
                match self { $(Code::$variant => tongue.pick($hint, $conseil)),* }
            }
        }
    };
}

codes! {
    Invalid 400 "invalid" "The request is not valid" "La requête n'est pas valide"
        "Correct what `errors` and `detail` name, and ask again." "Corrigez ce que nomment `errors` et `detail`, puis recommencez.";
    NotSignedIn 401 "not_signed_in" "You are not signed in" "Vous n'êtes pas connecté"
        "Send `Authorization: Bearer TOKEN` with an API token, or sign in." "Envoyez `Authorization: Bearer JETON` avec un jeton d'API, ou connectez-vous.";
    Forbidden 403 "forbidden" "You may not do this" "Vous n'avez pas ce droit"
        "Ask for a role or a scope that has this right." "Demandez un rôle ou une portée qui a ce droit.";
    StepUpRequired 403 "step_up_required" "Prove once more who you are" "Prouvez à nouveau qui vous êtes"
        "`POST /auth/step-up` with your password or a code of your authenticator, or sign in with a passkey; then ask again within ten minutes." "`POST /auth/step-up` avec votre mot de passe ou un code de votre application, ou connectez-vous par clé d'accès ; puis recommencez dans les dix minutes.";
    InClear 403 "in_clear" "This server speaks HTTPS" "Ce serveur parle HTTPS"
        "Ask over `https://`; what you have sent in clear may have been read." "Demandez par `https://` ; ce que vous avez envoyé en clair a pu être lu.";
    NotFound 404 "not_found" "There is no such thing" "Cela n'existe pas"
        "The list of the resource shows what there is." "La liste de la ressource montre ce qui existe.";
    NoSuchPage 404 "no_such_page" "There is no such page" "Cette page n'existe pas"
        "`/api/openapi.json` names every address of the API." "`/api/openapi.json` nomme toutes les adresses de l'API.";
    MethodNotAllowed 405 "method_not_allowed" "This address does not take this method" "Cette adresse n'accepte pas cette méthode"
        "The Allow header names those that it takes." "L'en-tête Allow nomme celles qu'elle accepte.";
    Conflict 409 "conflict" "It is there already, or something stands against it" "Cela existe déjà, ou quelque chose s'y oppose"
        "Read what is there, and decide." "Lisez ce qui existe, puis décidez.";
    NotSetUp 409 "not_set_up" "This server is not set up for this" "Ce serveur n'est pas configuré pour cela"
        "Set what `detail` names, and start the server anew." "Réglez ce que nomme `detail`, puis redémarrez le serveur.";
    LinkOver 410 "link_over" "The link is over" "Le lien n'est plus valable"
        "Ask for a new one." "Demandez-en un nouveau.";
    Misdirected 421 "misdirected" "This server is not reached under that name" "Ce serveur n'est pas joint sous ce nom"
        "Use its address, `localhost`, or a domain of this server." "Utilisez son adresse, `localhost` ou un domaine de ce serveur.";
    Changed 412 "changed" "It has changed since you looked" "Cela a changé depuis votre lecture"
        "Read it again, and ask with its new ETag." "Relisez, puis recommencez avec le nouvel ETag.";
    TooLarge 413 "too_large" "The request is too large" "La requête est trop grande"
        "Send it in parts." "Envoyez-la en plusieurs parties.";
    WrongType 415 "wrong_type" "The body is of another kind than is taken here" "Le corps est d'un autre type que celui attendu"
        "Send JSON with `Content-Type: application/json`." "Envoyez du JSON avec `Content-Type: application/json`.";
    Unprocessable 422 "unprocessable" "The request contradicts itself or an earlier one" "La requête se contredit, ou contredit une précédente"
        "Correct what `detail` names." "Corrigez ce que nomme `detail`.";
    TooMany 429 "too_many" "Too many attempts" "Trop de tentatives"
        "Wait as long as `Retry-After` says." "Attendez le temps que dit `Retry-After`.";
    Inside 500 "inside" "Something went wrong inside" "Une erreur interne s'est produite"
        "The log of the server has the `trace_id`." "Le journal du serveur contient le `trace_id`.";
    Unavailable 503 "unavailable" "It cannot be done now" "Impossible pour l'instant"
        "Ask again in a while." "Recommencez dans un moment.";
}

impl Code {
    pub fn status(self) -> StatusCode {
        // Each number of the table is one of three digits.
        StatusCode::from_u16(self.number()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// One thing that is wrong with a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Fault {
    /// Where, as a JSON Pointer in a fragment (RFC 6901 section 6): `#/display_name`.
    pub pointer: String,
    pub detail: String,
}

/// It is put into words, in the language of who asks, once on its way out ([`super::limits::around`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub code: Code,
    pub detail: Option<String>,
    pub errors: Vec<Fault>,
    /// What the general hint of its code would say less well: in English and in French.
    pub hint: Option<(&'static str, &'static str)>,
    pub retry_after_s: Option<u64>,
}

impl Problem {
    pub fn new(code: Code) -> Self {
        Self { code, detail: None, errors: Vec::new(), hint: None, retry_after_s: None }
    }

    pub fn because(code: Code, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..Self::new(code) }
    }

    /// What is wrong with one field: `pointer` as in [`Fault::pointer`].
    pub fn at(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let fault = Fault { pointer: pointer.into(), detail: detail.clone() };
        Self { errors: vec![fault], ..Self::because(Code::Invalid, detail) }
    }

    pub(crate) fn words(&self, tongue: Tongue, trace_id: &str) -> Words<'_> {
        let hint = self.hint.map_or(self.code.hint(tongue), |(english, french)| tongue.pick(english, french));
        Words {
            kind: format!("/api/problems/{}", self.code.name()),
            title: self.code.title(tongue),
            status: self.code.number(),
            detail: self.detail.as_deref(),
            code: self.code.name(),
            errors: &self.errors,
            hint,
            trace_id: trace_id.to_owned(),
        }
    }
}

/// A problem as it is sent (RFC 9457).
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(crate) struct Words<'p> {
    /// Relative to this server (RFC 9457 section 3.1.1).
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    /// What is wrong in this case.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'p str>,
    /// What a program may tell problems apart by.
    code: &'static str,
    #[serde(skip_serializing_if = "<[Fault]>::is_empty")]
    errors: &'p [Fault],
    /// What to do.
    hint: &'static str,
    /// By which the log of the server names this request.
    trace_id: String,
}

/// In English and in French.
const LONGER: (&str, &str) = (
    "Leave `secret` away, and one is made that nobody guesses; or give one of 8 characters or more.",
    "Omettez `secret` : il en est créé un que personne ne devine ; ou donnez-en un de 8 caractères ou plus.",
);

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal.why {
            Why::Invalid => Code::Invalid,
            Why::Weak => return Self { hint: Some(LONGER), ..Self::at("#/secret", refusal.text) },
            Why::NotFound => Code::NotFound,
            Why::Exists | Why::NotNow => Code::Conflict,
            Why::Forbidden => Code::Forbidden,
            // Asked for where nobody rehearses.
            Why::Rehearsed => Code::Inside,
            Why::Unavailable => Code::Unavailable,
            Why::NotSetUp => Code::NotSetUp,
        };
        Self::because(code, refusal.text)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.code == Code::NotSignedIn {
            // RFC 6750 section 3.
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_problem_has_a_name_of_its_own_and_words_in_both_languages() {
        let names: BTreeSet<&str> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!((400..600).contains(&code.number()), "{code:?}");
            let [english, french] = [Tongue::English, Tongue::French].map(|tongue| code.title(tongue));
            assert!(english != french && !english.is_empty(), "{code:?}");
            assert_ne!(code.hint(Tongue::English), code.hint(Tongue::French), "{code:?}");
        }
    }
}
