//! How people and programs come in: tokens of programs, links by which somebody gives himself a password, and second factors
//! that were lost.
//!
//! Nobody makes a way in that opens more than he may himself: not for a user of a higher role, and not by a token for a token
//! with more scopes.

use super::caller::{Access, Bounds, Resource, Scope};
use super::operation::{Answer, Call, Operation, unexpected};
use super::page::Page;
use super::problem::{Code, Problem};
use super::users::{named as user_named, within};
use crate::model::{GivenSecret, Reply, Request};
use crate::signin::{LinkView, NewToken, SignInRequest, TokenView};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) fn operations() -> Vec<Operation> {
    use Resource::{Tokens, Users};
    vec![
        Operation::get(("/api_tokens", "list_api_tokens"), Tokens, "Tokens of programs: whose, what for, and when they were used.", list)
            .query::<ListQuery>()
            .answer::<Page<TokenResource>>(),
        Operation::post(("/api_tokens", "add_api_token"), Tokens, "Makes a token, which is shown this once; it has no more scopes than the token that asks.", add)
            .dangerous()
            .body::<NewTokenBody>()
            .status(201)
            .answer::<TokenMade>(),
        Operation::delete(("/api_tokens/{token}", "revoke_api_token"), Tokens, "Revokes a token: it opens nothing from the next request on.", revoke)
            .takes(Access::Admin),
        Operation::post(("/users/{user}/setup_links", "make_setup_link"), Users, "A link by which the user gives himself a password, good once and for 30 minutes; one that was made before is void.", link)
            .dangerous()
            .status(201)
            .answer::<SetupLinkResource>(),
        Operation::delete(("/users/{user}/factors", "remove_factors"), Users, "Removes authenticator, recovery codes and passkeys of a user who has lost them, and ends his sessions.", forget)
            .dangerous(),
    ]
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ApiToken")]
struct TokenResource {
    /// `tok_…`.
    id: String,
    name: String,
    /// For whom it speaks, as `usr_4`.
    user_id: String,
    login: String,
    /// As `calls:read`.
    scopes: Vec<String>,
    /// From where alone it counts; `null`: from everywhere.
    network: Option<String>,
    created_at: String,
    /// `null`: it does not end.
    expires_at: Option<String>,
    last_used_at: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ApiTokenMade")]
struct TokenMade {
    api_token: TokenResource,
    /// Shown this once.
    #[schemars(with = "Option<String>")]
    token: Option<GivenSecret>,
}

impl From<TokenView> for TokenMade {
    fn from(view: TokenView) -> Self {
        let TokenView { id, name, user, login, scopes, network, created_at, expires_at, last_used_at, token } =
            view;
        let api_token = TokenResource {
            id,
            name,
            user_id: user,
            login,
            scopes,
            network,
            created_at,
            expires_at,
            last_used_at,
        };
        Self { api_token, token }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Only of this user, by login or `usr_NUMBER`.
    user: Option<String>,
}

fn tokens(call: &Call<'_>, user: Option<String>) -> Result<Vec<TokenView>, Problem> {
    let what = SignInRequest::TokensList { user };
    let Reply::Tokens(found) = call.ask(Request::SignIn { what })? else { return Err(unexpected()) };
    Ok(found)
}

fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    let ListQuery { user } = call.query()?;
    let found = tokens(call, user)?.into_iter().map(|view| TokenMade::from(view).api_token);
    Page::told(found.collect(), None).answer(call)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewApiToken")]
struct NewTokenBody {
    /// For whom it speaks, by login or `usr_NUMBER`; nobody who may more than who asks.
    user: String,
    name: String,
    /// As `calls:read`, `accounts:write` or `*:read`.
    scopes: Vec<String>,
    /// From where alone it counts, as `192.0.2.0/24`.
    network: Option<String>,
    /// Seconds from now; it does not end when absent.
    expires_in_s: Option<u64>,
}

fn add(call: &Call<'_>) -> Result<Answer, Problem> {
    let NewTokenBody { user, name, scopes, network, expires_in_s } = call.json()?;
    within(call.caller, user_named(call, &user)?.role())?;
    scopes.iter().try_for_each(|scope| has(call, scope))?;
    let network = within_network(&call.caller.limits, network)?;
    let expires_in_s = within_life(&call.caller.limits, expires_in_s, call.web.now_ms())?;
    let what = SignInRequest::TokenMake(NewToken { user, name, scopes, network, expires_in_s });
    let Reply::Token(made) = call.ask(Request::SignIn { what })? else { return Err(unexpected()) };
    let made = TokenMade::from(*made);
    let place = format!("/api/v1/api_tokens/{}", made.api_token.id);
    Answer::created(made, &place)
}

/// Whether who asks has this scope himself; what is no scope is for the door to refuse.
fn has(call: &Call<'_>, scope: &str) -> Result<(), Problem> {
    let (Some(own), Some(wanted)) = (call.caller.scopes.as_deref(), Scope::parse(scope)) else {
        return Ok(());
    };
    let is_in = |own: &Scope| {
        own.access >= wanted.access && (own.resource.is_none() || own.resource == wanted.resource)
    };
    match own.iter().any(is_in) {
        true => Ok(()),
        false => {
            Err(Problem::because(Code::Forbidden, format!("`{scope}` is more than the token that asks may")))
        }
    }
}

/// What a token makes counts from where it counts itself; nobody is asked to reckon with parts of networks.
fn within_network(limits: &Bounds, wanted: Option<String>) -> Result<Option<String>, Problem> {
    match (&limits.network, wanted) {
        (None, wanted) => Ok(wanted),
        (Some(own), None) => Ok(Some(own.clone())),
        (Some(own), Some(wanted)) if *own == wanted => Ok(Some(wanted)),
        (Some(own), Some(_)) => {
            let text = format!("the token that asks counts from {own} alone, and so does what it makes");
            Err(Problem::at("#/network", text))
        }
    }
}

/// Nor does it last longer.
fn within_life(limits: &Bounds, wanted: Option<u64>, now_ms: u64) -> Result<Option<u64>, Problem> {
    let Some(left_s) = limits.expires_at_ms.map(|end_ms| end_ms.saturating_sub(now_ms) / 1_000) else {
        return Ok(wanted);
    };
    match wanted {
        None => Ok(Some(left_s)),
        Some(wanted) if wanted <= left_s => Ok(Some(wanted)),
        Some(_) => {
            let text = format!("the token that asks lasts {left_s} s more, and what it makes no longer");
            Err(Problem::at("#/expires_in_s", text))
        }
    }
}

fn revoke(call: &Call<'_>) -> Result<Answer, Problem> {
    let token = call.part("token").to_owned();
    if let Some(found) = tokens(call, None)?.into_iter().find(|view| view.id == token)
        && let Ok(user) = user_named(call, &found.user)
    {
        within(call.caller, user.role())?;
    }
    call.ask(Request::SignIn { what: SignInRequest::TokenRevoke { token } })?;
    Ok(Answer::nothing())
}

/// Shown once. Who has it signs in as the user.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SetupLink")]
struct SetupLinkResource {
    /// Below the address of this server.
    #[schemars(with = "String")]
    path: GivenSecret,
    /// With that address, as far as the server knows it.
    #[schemars(with = "Option<String>")]
    url: Option<GivenSecret>,
    expires_at: String,
}

fn link(call: &Call<'_>) -> Result<Answer, Problem> {
    let user = user_named(call, call.part("user"))?;
    within(call.caller, user.role())?;
    call.caller.require_all_scopes()?;
    let what = SignInRequest::Link { user: Some(user.id().to_owned()) };
    let Reply::Link(made) = call.ask(Request::SignIn { what })? else { return Err(unexpected()) };
    let LinkView { path, url, expires_at } = *made;
    let mut answer = Answer::json(SetupLinkResource { path, url, expires_at })?;
    answer.status = axum::http::StatusCode::CREATED;
    Ok(answer)
}

fn forget(call: &Call<'_>) -> Result<Answer, Problem> {
    let user = user_named(call, call.part("user"))?;
    within(call.caller, user.role())?;
    call.caller.require_all_scopes()?;
    let what = SignInRequest::FactorsRemove { user: user.id().to_owned() };
    call.ask(Request::SignIn { what })?;
    Ok(Answer::nothing())
}
